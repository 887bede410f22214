/*
 * fuzz_sixinfour.c - any bytes as a packet of a 6in4 tunnel
 *
 * What comes out lies inside of what came in, is an IPv6 packet as long as it says, and can go in again.
 */
#include "dataplane/sixinfour.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void require(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1), tos;
	size_t at, len;

	require(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	struct addr4 remote = size >= 16 ? addr4_at(data + 12) : (struct addr4){ 0 };

	if (sixinfour_decapsulate(copy, size, remote, &at, &len) == SIXINFOUR_OK) {
		require(at >= 20 && at + len <= size && len >= 40 && copy[at] >> 4 == 6);
		require(sixinfour_encapsulate(copy + at, len, &tos) == SIXINFOUR_OK);
	}
	free(copy);
	return 0;
}
