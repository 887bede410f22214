/* bytes.c - the parts of bytes.h that are not worth inlining */
#include "base/bytes.h"

bool text_copy(char *to, size_t size, const char *from)
{
	size_t len = strlen(from);
	size_t kept = len < size ? len : size - 1;

	bytes_copy(to, from, kept);
	to[kept] = '\0';
	return kept == len;
}
