/* users_hash.c - see users_hash.h */
#include "relay/users_hash.h"

#include "base/bytes.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>

#define MD5_LEN 16
#define SHA1_LEN 20
#define APR1 "$apr1$"
#define APR1_TURNS 1000

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

enum users_hash users_hash_kind(const char *hash)
{
	static const char *const slow[] = { "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$" };

	if (strlen(hash) >= USERS_HASH_MAX)
		return USERS_HASH_NONE;
	if (begins(hash, "{SHA}") || begins(hash, APR1) || begins(hash, "$1$"))
		return USERS_HASH_FAST;
	for (size_t i = 0; i < ARRAY_LEN(slow); i++)
		if (begins(hash, slow[i]))
			return USERS_HASH_SLOW;
	return USERS_HASH_NONE;
}

static bool same(const char *a, const char *b)
{
	size_t len = strlen(a);

	return len == strlen(b) && CRYPTO_memcmp(a, b, len) == 0;
}

/* --- {SHA} --- */

static bool matches_sha(const char *hash, const char *password)
{
	uint8_t digest[SHA1_LEN];
	char text[32];

	if (EVP_Digest(password, strlen(password), digest, NULL, EVP_sha1(), NULL) != 1)
		return false;
	EVP_EncodeBlock((unsigned char *)text, digest, sizeof(digest));
	return same(hash + strlen("{SHA}"), text);
}

/* --- $apr1$: the MD5 scheme of Unix with another name (Apache's documentation, "Password Formats") --- */

struct md5 {
	EVP_MD_CTX *ctx;
	bool has_failed; /* no memory, or no MD5 in this OpenSSL */
};

static void begin(struct md5 *m)
{
	m->has_failed |= EVP_DigestInit_ex(m->ctx, EVP_md5(), NULL) != 1;
}

static void add(struct md5 *m, const void *bytes, size_t len)
{
	m->has_failed |= EVP_DigestUpdate(m->ctx, bytes, len) != 1;
}

static void finish(struct md5 *m, uint8_t to[MD5_LEN])
{
	m->has_failed |= EVP_DigestFinal_ex(m->ctx, to, NULL) != 1;
}

static void first_turn(
	struct md5 *m, const char *salt, size_t salt_len, const char *password, uint8_t d[MD5_LEN])
{
	size_t len = strlen(password);

	begin(m);
	add(m, password, len);
	add(m, salt, salt_len);
	add(m, password, len);
	finish(m, d);
	begin(m);
	add(m, password, len);
	add(m, APR1, strlen(APR1));
	add(m, salt, salt_len);
	for (size_t left = len; left > 0; left -= left < MD5_LEN ? left : MD5_LEN)
		add(m, d, left < MD5_LEN ? left : MD5_LEN);
	for (size_t bits = len; bits > 0; bits >>= 1)
		add(m, bits & 1 ? "" : password, 1);
	finish(m, d);
}

static void other_turns(
	struct md5 *m, const char *salt, size_t salt_len, const char *password, uint8_t d[MD5_LEN])
{
	size_t len = strlen(password);

	for (unsigned i = 0; i < APR1_TURNS; i++) {
		begin(m);
		add(m, i & 1 ? (const void *)password : d, i & 1 ? len : MD5_LEN);
		if (i % 3)
			add(m, salt, salt_len);
		if (i % 7)
			add(m, password, len);
		add(m, i & 1 ? d : (const void *)password, i & 1 ? MD5_LEN : len);
		finish(m, d);
	}
}

static char *write64(char *to, uint32_t bits, unsigned digits)
{
	static const char alphabet[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	for (; digits > 0; digits--, bits >>= 6)
		*to++ = alphabet[bits & 63];
	return to;
}

static bool matches_apr1(const char *hash, const char *password)
{
	const char *salt = hash + strlen(APR1), *end = strchr(salt, '$');
	size_t salt_len = end ? (size_t)(end - salt) : 0;
	struct md5 m = { EVP_MD_CTX_new(), false };
	uint8_t d[MD5_LEN] = { 0 };
	char text[32], *at = text;

	m.has_failed = !m.ctx || !end || salt_len > 8;
	if (!m.has_failed) {
		first_turn(&m, salt, salt_len, password, d);
		other_turns(&m, salt, salt_len, password, d);
	}
	EVP_MD_CTX_free(m.ctx);
	if (m.has_failed)
		return false;
	for (unsigned i = 0; i < 5; i++)
		at = write64(at, (uint32_t)d[i] << 16 | (uint32_t)d[i + 6] << 8 | d[i == 4 ? 5 : i + 12], 4);
	at = write64(at, d[11], 2);
	*at = '\0';
	return same(end + 1, text);
}

/* --- libcrypt --- */

static bool matches_crypt(const char *hash, const char *password)
{
	void *memory = NULL; /* 32 KiB; holds the password for a moment */
	int size = 0;
	const char *text = crypt_ra(password, hash, &memory, &size);
	bool ok = text && same(hash, text);

	if (memory)
		explicit_bzero(memory, (size_t)size);
	free(memory);
	return ok;
}

bool users_hash_matches(const char *hash, const char *password)
{
	if (begins(hash, "{SHA}"))
		return matches_sha(hash, password);
	if (begins(hash, APR1))
		return matches_apr1(hash, password);
	return users_hash_kind(hash) != USERS_HASH_NONE && matches_crypt(hash, password);
}
