/* cookie.c - see cookie.h */
#include "dns64/cookie.h"

#include "base/hash.h"

#define VERSION 1
#define LIFE_S 3600  /* RFC 9018 s4.3: a cookie is good for an hour, */
#define RENEW_S 1800 /* replaced after half an hour, */
#define AHEAD_S 300  /* and five minutes of the future are a clock that is wrong */
#define INPUT_MAX 32 /* client's part, version, reserved, time, address */
#define TIME_AT 4    /* in the server's part */
#define HASH_AT 8

static uint64_t word_at(const uint8_t *p)
{
	uint64_t w = 0;

	for (unsigned i = 0; i < 8; i++)
		w |= (uint64_t)p[i] << (8 * i);
	return w;
}

/* SipHash-2-4 over bytes; base/hash.h has the faster 1-3, but servers must agree here (RFC 9018 s4.4). */
static uint64_t siphash24(const uint8_t key[static COOKIE_SECRET_LEN], const uint8_t *in, size_t len)
{
	uint64_t k0 = word_at(key), k1 = word_at(key + 8);
	uint64_t v[4] = { k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573) };

	for (size_t at = 0; at <= len; at += 8) {
		uint8_t block[8] = { 0 };
		size_t n = len - at < 8 ? len - at : 8;

		bytes_copy(block, in + at, n);
		if (n < 8)
			block[7] = (uint8_t)len; /* the last block, which may be empty but for this */
		uint64_t m = word_at(block);

		v[3] ^= m;
		hash_round(v);
		hash_round(v);
		v[0] ^= m;
	}
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		hash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The hash for a cookie whose first 16 bytes are written. */
static void write_hash(const uint8_t secret[static COOKIE_SECRET_LEN], const uint8_t *cookie,
	const struct endpoint *client, uint8_t ret[static 8])
{
	uint8_t in[INPUT_MAX];
	size_t len = COOKIE_CLIENT_LEN + HASH_AT;

	bytes_copy(in, cookie, len);
	if (client->is4)
		be32_put(in + len, client->a4.v);
	else
		addr6_put(in + len, client->a6);
	uint64_t hash = siphash24(secret, in, len + (client->is4 ? 4 : 16));

	for (unsigned i = 0; i < 8; i++)
		ret[i] = (uint8_t)(hash >> (8 * i));
}

/* Takes the same time wherever the difference is. */
static bool is_same_hash(const uint8_t *a, const uint8_t *b)
{
	uint8_t difference = 0;

	for (unsigned i = 0; i < 8; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

static bool is_of(
	const uint8_t secret[static COOKIE_SECRET_LEN], const uint8_t *cookie, const struct endpoint *client)
{
	uint8_t hash[8];

	write_hash(secret, cookie, client, hash);
	return is_same_hash(hash, cookie + COOKIE_CLIENT_LEN + HASH_AT);
}

enum cookie_state cookie_check(const struct cookie_secrets *s, const uint8_t *cookie, size_t len,
	const struct endpoint *client, uint32_t now_s)
{
	const uint8_t *server = cookie + COOKIE_CLIENT_LEN;

	if (len != COOKIE_LEN || server[0] != VERSION)
		return COOKIE_NONE;
	int32_t age = (int32_t)(now_s - be32_at(server + TIME_AT)); /* RFC 1982 */

	if (age > LIFE_S || age < -AHEAD_S)
		return COOKIE_NONE;
	bool is_now = is_of(s->now, cookie, client);

	if (!is_now && !is_of(s->before, cookie, client))
		return COOKIE_NONE;
	return is_now && age <= RENEW_S ? COOKIE_VALID : COOKIE_RENEWED;
}

void cookie_write(const struct cookie_secrets *s, uint8_t cookie[static COOKIE_LEN],
	const struct endpoint *client, uint32_t now_s)
{
	uint8_t *server = cookie + COOKIE_CLIENT_LEN;

	bytes_zero(server, COOKIE_SERVER_LEN);
	server[0] = VERSION;
	be32_put(server + TIME_AT, now_s);
	write_hash(s->now, cookie, client, server + HASH_AT);
}
