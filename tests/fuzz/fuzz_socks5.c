/*
 * fuzz_socks5.c - any bytes as each message of SOCKS 5
 *
 * Whatever arrives, it arrives in pieces: what is malformed stays so whatever follows, and what is whole is the same in any
 * longer text. A datagram's address is written again and read back.
 */
#include "relay/socks5_wire.h"

#include "base/bytes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void require(int ok)
{
	if (!ok)
		abort();
}

static void check_target(const struct relay_target *t)
{
	require(strnlen(t->host, sizeof(t->host)) < sizeof(t->host));
}

static void check_pieces(enum socks5_progress before, enum socks5_progress now, size_t first, size_t len)
{
	require(before == SOCKS5_MORE || now == before);
	if (before == SOCKS5_WHOLE)
		require(first == len);
}

static void try_greeting(const uint8_t *data, size_t size)
{
	enum socks5_progress before = SOCKS5_MORE;
	struct socks5_greeting g = { .len = 0 };

	for (size_t len = 0; len <= size; len++) {
		size_t first = g.len;
		enum socks5_progress now = socks5_greeting_parse(data, len, &g);

		check_pieces(before, now, first, g.len);
		require(now != SOCKS5_WHOLE || g.len <= len);
		before = now;
	}
}

static void try_login(const uint8_t *data, size_t size)
{
	enum socks5_progress before = SOCKS5_MORE;
	struct socks5_login l = { .len = 0 };

	for (size_t len = 0; len <= size; len++) {
		size_t first = l.len;
		enum socks5_progress now = socks5_login_parse(data, len, &l);

		check_pieces(before, now, first, l.len);
		if (now == SOCKS5_WHOLE)
			require(3 + strlen(l.user) + strlen(l.password) == l.len && l.len <= len);
		before = now;
	}
}

static void try_request(const uint8_t *data, size_t size)
{
	enum socks5_progress before = SOCKS5_MORE;
	struct socks5_request q = { .len = 0 };

	for (size_t len = 0; len <= size; len++) {
		size_t first = q.len;
		enum socks5_progress now = socks5_request_parse(data, len, &q);

		check_pieces(before, now, first, q.len);
		if (now == SOCKS5_WHOLE) {
			check_target(&q.to);
			require(q.len <= len);
		}
		before = now;
	}
}

static void try_datagram(const uint8_t *data, size_t size)
{
	uint8_t again[SOCKS5_HEAD_MAX];
	struct socks5_datagram d, back;

	if (socks5_datagram_parse(data, size, &d) != SOCKS5_WHOLE)
		return;
	require(d.len <= size);
	check_target(&d.to);
	size_t len = socks5_datagram_write(&d.to.at, again);
	require(socks5_datagram_parse(again, len, &back) == SOCKS5_WHOLE);
	require(back.len == len && back.fragment == 0 && endpoint_equal(&back.to.at, &d.to.at));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 1024)
		return 0;
	try_greeting(data, size);
	try_login(data, size);
	try_request(data, size);
	try_datagram(data, size);
	return 0;
}
