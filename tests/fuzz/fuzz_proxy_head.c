/*
 * fuzz_proxy_head.c - any bytes as a PROXY header
 *
 * Whatever arrives, it arrives in pieces: a header that is malformed stays so whatever follows, and one that is whole is
 * the same in any longer text. What was read can be written, and is read again as the same.
 */
#include "relay/proxy_head.h"

#include <stdint.h>
#include <stdlib.h>

static void require(int ok)
{
	if (!ok)
		abort();
}

static void check_round(const struct proxy_head *h, enum relay_proxy_head version)
{
	unsigned char to[PROXY_HEAD_WRITE_MAX];
	size_t len = proxy_head_write(version, &h->client, &h->local, to);
	struct proxy_head again;

	require(len > 0 && len <= sizeof(to));
	require(proxy_head_parse(to, len, &again) == PROXY_HEAD_WHOLE && again.len == len);
	if (version == RELAY_PROXY_HEAD_V1 && h->client.is4 != h->local.is4) {
		require(again.is_local);
		return;
	}
	require(endpoint_equal(&again.client, &h->client) && endpoint_equal(&again.local, &h->local));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum proxy_head_progress before = PROXY_HEAD_MORE;
	struct proxy_head first = { .len = 0 }, h;

	if (size > 1024)
		return 0;
	for (size_t len = 0; len <= size; len++) {
		enum proxy_head_progress now = proxy_head_parse(data, len, &h);

		require(before == PROXY_HEAD_MORE || now == before);
		if (now == PROXY_HEAD_WHOLE && before == PROXY_HEAD_MORE) {
			require(h.len == len);
			first = h;
		}
		require(now != PROXY_HEAD_WHOLE || h.len == first.len);
		require(now != PROXY_HEAD_MORE || len < PROXY_HEAD_MAX);
		before = now;
	}
	if (before == PROXY_HEAD_WHOLE && !first.is_local) {
		check_round(&first, RELAY_PROXY_HEAD_V1);
		check_round(&first, RELAY_PROXY_HEAD_V2);
	}
	return 0;
}
