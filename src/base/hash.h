/*
 * hash.h - keyed hashing for tables that strangers can fill
 *
 * Clients choose their addresses and ports, so every table keyed by them uses SipHash-1-3 with a secret key: without
 * the key nobody can aim at one slot. One round per word and three at the end is the variant that Linux (hsiphash) and
 * the Rust library use for tables. Beside them it makes one interface identifier, from a secret (dataplane/uplink.c).
 */
#ifndef ISTHMUS_BASE_HASH_H
#define ISTHMUS_BASE_HASH_H

#include <stdint.h>

struct hash_key {
	uint64_t k0, k1; /* secret, random at start */
};

#define HASH_ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static inline void hash_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = HASH_ROTL(v[1], 13) ^ v[0];
	v[0] = HASH_ROTL(v[0], 32);
	v[2] += v[3];
	v[3] = HASH_ROTL(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = HASH_ROTL(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = HASH_ROTL(v[1], 17) ^ v[2];
	v[2] = HASH_ROTL(v[2], 32);
}

/**
 * hash_words() - SipHash-1-3 over whole 64-bit words
 * @key:	secret key
 * @w:		@n words, host order
 * @n:		number of words; a compile-time constant on the path of a packet, so that the loop unrolls
 *
 * Return: 64 well mixed bits.
 * Cost:   about n + 5 rounds; allocates nothing.
 */
static inline uint64_t hash_words(const struct hash_key *key, const uint64_t *w, unsigned n)
{
	uint64_t v[4] = {
		key->k0 ^ UINT64_C(0x736f6d6570736575),
		key->k1 ^ UINT64_C(0x646f72616e646f6d),
		key->k0 ^ UINT64_C(0x6c7967656e657261),
		key->k1 ^ UINT64_C(0x7465646279746573),
	};
	uint64_t last =
		(uint64_t)n << 59; /* the length in bytes in the top byte, as SipHash ends a message */

	for (unsigned i = 0; i < n; i++) {
		v[3] ^= w[i];
		hash_round(v);
		v[0] ^= w[i];
	}
	v[3] ^= last;
	hash_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	hash_round(v);
	hash_round(v);
	hash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
