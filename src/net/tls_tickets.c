/* tls_tickets.c - see tls_tickets.h */
#include "net/tls_tickets.h"

#include "base/bytes.h"
#include "base/random.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define IV_BYTES 16 /* of AES in CBC mode */

/* What OpenSSL is told of a ticket. */
enum ticket_outcome {
	TICKET_FAILED = -1,
	TICKET_UNKNOWN = 0, /* a whole handshake, and a new ticket */
	TICKET_TAKEN = 1,
	TICKET_TAKEN_RENEW = 2,
};

/* RFC 5077 s4: a name by which a ticket finds its key, one key to encrypt and one to authenticate. */
struct ticket_key {
	uint8_t name[16], aes[32], mac[32];
};

struct tls_tickets {
	pthread_mutex_t lock; /* of the keys; taken in handshakes only */
	struct ticket_key now, before;
	_Atomic nsec changed;
};

int tls_tickets_new(nsec now, struct tls_tickets **ret)
{
	struct tls_tickets *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	/* The one before is random too: nobody has a ticket of it. */
	if (random_seed(&t->now, sizeof(t->now)) < 0 || random_seed(&t->before, sizeof(t->before)) < 0 ||
		pthread_mutex_init(&t->lock, NULL) != 0) {
		free(t);
		return -EIO;
	}
	atomic_init(&t->changed, now);
	*ret = t;
	return 0;
}

void tls_tickets_free(struct tls_tickets *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	explicit_bzero(t, sizeof(*t));
	free(t);
}

void tls_tickets_tick(struct tls_tickets *t, nsec now)
{
	struct ticket_key fresh;

	if (now < atomic_load(&t->changed) + TICKETS_LIFE || random_seed(&fresh, sizeof(fresh)) < 0)
		return;
	pthread_mutex_lock(&t->lock);
	/* Another thread may have been faster. After more than two lives without a client the one before is too old. */
	if (now >= atomic_load(&t->changed) + TICKETS_LIFE) {
		t->before = t->now;
		if (now >= atomic_load(&t->changed) + 2 * TICKETS_LIFE &&
			random_seed(&t->before, sizeof(t->before)) < 0)
			t->before = fresh;
		t->now = fresh;
		atomic_store(&t->changed, now);
	}
	pthread_mutex_unlock(&t->lock);
	explicit_bzero(&fresh, sizeof(fresh));
}

/* The key of a name, if it is one of the two; @ret_is_old: a new ticket would be better. */
static bool find_key(struct tls_tickets *t, const uint8_t *name, struct ticket_key *ret, bool *ret_is_old)
{
	bool is_now, is_before;

	pthread_mutex_lock(&t->lock);
	is_now = bytes_equal(name, t->now.name, sizeof(t->now.name));
	is_before = bytes_equal(name, t->before.name, sizeof(t->before.name));
	if (is_now || is_before)
		*ret = is_now ? t->now : t->before;
	pthread_mutex_unlock(&t->lock);
	*ret_is_old = !is_now;
	return is_now || is_before;
}

static bool set_mac(EVP_MAC_CTX *mac, struct ticket_key *k)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof(k->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int seal(struct tls_tickets *t, uint8_t *name, uint8_t *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	struct ticket_key k;

	if (random_seed(iv, IV_BYTES) < 0)
		return TICKET_FAILED;
	pthread_mutex_lock(&t->lock);
	k = t->now;
	pthread_mutex_unlock(&t->lock);
	bytes_copy(name, k.name, sizeof(k.name));
	bool is_done =
		EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), k.aes, iv, NULL) == 1 && set_mac(mac, &k);

	explicit_bzero(&k, sizeof(k));
	return is_done ? TICKET_TAKEN : TICKET_FAILED;
}

static int unseal(struct tls_tickets *t, const uint8_t *name, const uint8_t *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac)
{
	struct ticket_key k;
	bool is_old;

	if (!find_key(t, name, &k, &is_old))
		return TICKET_UNKNOWN;
	bool is_done =
		set_mac(mac, &k) && EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), k.aes, iv, NULL) == 1;

	explicit_bzero(&k, sizeof(k));
	if (!is_done)
		return TICKET_FAILED;
	return is_old ? TICKET_TAKEN_RENEW : TICKET_TAKEN;
}

/* What OpenSSL asks for each ticket: SSL_CTX_set_tlsext_ticket_key_evp_cb(3). */
static int on_ticket(SSL *tls, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int is_new)
{
	struct tls_tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));

	if (is_new)
		return seal(t, name, iv, cipher, mac);
	int r = unseal(t, name, iv, cipher, mac);

	/* RFC 8446 s4.6.1, appendix C.4: a ticket of TLS 1.3 is used once, so whoever brings one gets another. */
	return r == TICKET_TAKEN && SSL_version(tls) >= TLS1_3_VERSION ? TICKET_TAKEN_RENEW : r;
}

int tls_tickets_use(struct tls_tickets *t, struct ssl_ctx_st *ctx, const unsigned char scope[static 32])
{
	bool is_done = SSL_CTX_set_app_data(ctx, t) == 1 &&
		       SSL_CTX_set_session_id_context(ctx, scope, SSL_MAX_SID_CTX_LENGTH) == 1 &&
		       SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) == 1;

	SSL_CTX_set_timeout(ctx, (long)(TICKETS_LIFE / NSEC));
	ERR_clear_error();
	return is_done ? 0 : -EINVAL;
}
