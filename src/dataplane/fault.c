/* fault.c - one sentence, written by the worker that knows best */
#include "dataplane/fault.h"

#include <stdarg.h>
#include <stdio.h>

int fault_say(const struct fault *f, int error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(f->text, f->size, fmt, args);
	va_end(args);
	return error;
}
