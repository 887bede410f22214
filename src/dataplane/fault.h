/* fault.h - the sentence that tells the user why the gateway could not be put into the host */
#ifndef ISTHMUS_DATAPLANE_FAULT_H
#define ISTHMUS_DATAPLANE_FAULT_H

#include "base/compiler.h"

#include <stddef.h>

struct fault {
	char *text; /* the caller's, always terminated */
	size_t size;
};

/** fault_say() - write the sentence; returns @error, so that a worker can end with `return fault_say(...)` */
int fault_say(const struct fault *f, int error, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
