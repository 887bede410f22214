/*
 * fuzz_packet_input.c - any bytes as what somebody typed or captured
 *
 * Whatever is found lies within bounds and can be read; the count is that of the packets handed on; a fault is a
 * sentence.
 */
#include "cmd/packet_input.h"

#include <stdlib.h>
#include <string.h>

static void require(int ok)
{
	if (!ok)
		abort();
}

struct seen {
	int count;
	unsigned sum;
};

static void keep(void *ctx, const uint8_t *bytes, size_t len, nsec at)
{
	struct seen *s = ctx;

	require(len > 0 && len <= INPUT_PACKET_MAX);
	for (size_t i = 0; i < len; i++)
		s->sum += bytes[i];
	s->count++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen s = { 0, 0 };
	const struct input_sink sink = { keep, &s };
	char why[INPUT_WHY] = "";
	int count = packet_input_read(data, size, &sink, why);

	require(count < 0 || count == s.count);
	require(count >= 0 || (why[0] != '\0' && memchr(why, '\0', sizeof(why)) != NULL));
	return 0;
}
