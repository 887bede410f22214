/* compiler.c - what happens when an invariant is broken */
#include "base/compiler.h"

#include <stdio.h>
#include <stdlib.h>

void assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "isthmus: invariant broken: %s (%s:%d); aborting\n", what, file, line);
	abort();
}
