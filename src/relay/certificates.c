/* certificates.c - see certificates.h */
#include "relay/certificates.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "net/tls.h"
#include "net/tls_tickets.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define PROTOCOLS "h2 http/1.1"

enum purpose { TO_SHOW, TO_TRUST };

/* A text and what it is for. The digest is of both, and what sessions are bound to. */
struct certificate {
	struct certificate *next;
	struct ssl_ctx_st *ctx;
	unsigned char digest[SHA256_DIGEST_LENGTH];
	unsigned holds;
};

struct certificates {
	pthread_mutex_t lock; /* of the list; taken when services are opened and closed */
	struct certificate *first;
	struct tls_tickets *tickets;
};

int certificates_new(struct certificates **ret)
{
	struct certificates *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	int err = tls_tickets_new(clock_now(), &c->tickets);

	if (err == 0 && pthread_mutex_init(&c->lock, NULL) != 0)
		err = -ENOMEM;
	if (err < 0) {
		tls_tickets_free(c->tickets);
		free(c);
		return err;
	}
	*ret = c;
	return 0;
}

void certificates_free(struct certificates *c)
{
	if (!c)
		return;
	ASSERT(!c->first);
	pthread_mutex_destroy(&c->lock);
	tls_tickets_free(c->tickets);
	free(c);
}

static struct certificate *find(struct certificates *c, const unsigned char *digest)
{
	struct certificate *e = c->first;

	while (e && !bytes_equal(e->digest, digest, sizeof(e->digest)))
		e = e->next;
	return e;
}

static void digest_of(const struct relay_text *pem, enum purpose purpose, unsigned char *to)
{
	const unsigned char first[2] = { (unsigned char)purpose, pem != NULL };
	EVP_MD_CTX *sum = EVP_MD_CTX_new();
	bool is_done = sum && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) == 1 &&
		       EVP_DigestUpdate(sum, first, sizeof(first)) == 1 &&
		       (!pem || EVP_DigestUpdate(sum, pem->text, pem->len) == 1) &&
		       EVP_DigestFinal_ex(sum, to, NULL) == 1;

	EVP_MD_CTX_free(sum);
	ASSERT(is_done); /* it is a hash over memory; only at the start of a configuration could it fail */
}

static int make_to_show(struct certificates *c, const struct relay_text *pem, struct certificate *e,
	char *fault, size_t fault_size)
{
	int err = tls_context_new(pem->text, pem->len, PROTOCOLS, &e->ctx, fault, fault_size);

	if (err == 0 && tls_tickets_use(c->tickets, e->ctx, e->digest) < 0) {
		snprintf(fault, fault_size, "its sessions cannot be resumed");
		tls_context_free(e->ctx);
		err = -EINVAL;
	}
	return err;
}

static int make_to_trust(const struct relay_text *pem, struct certificate *e, char *fault, size_t fault_size)
{
	return tls_client_context_new_of(
		pem ? pem->text : NULL, pem ? pem->len : 0, "http/1.1", &e->ctx, fault, fault_size);
}

/* Under the lock. */
static int make(struct certificates *c, const struct relay_text *pem, enum purpose purpose,
	struct certificate *e, char *fault, size_t fault_size)
{
	int err = purpose == TO_SHOW ? make_to_show(c, pem, e, fault, fault_size)
				     : make_to_trust(pem, e, fault, fault_size);

	if (err == 0) {
		tls_context_read_ahead(e->ctx); /* streams read until there is nothing more */
		e->next = c->first;
		c->first = e;
	}
	return err;
}

static int take(struct certificates *c, const struct relay_text *pem, enum purpose purpose,
	struct ssl_ctx_st **ret, char *fault, size_t fault_size)
{
	struct certificate *fresh = calloc(1, sizeof(*fresh));
	int err = 0;

	if (!fresh) {
		snprintf(fault, fault_size, "out of memory");
		return -ENOMEM;
	}
	digest_of(pem, purpose, fresh->digest);
	pthread_mutex_lock(&c->lock);
	struct certificate *e = find(c, fresh->digest);

	if (!e) {
		e = fresh;
		err = make(c, pem, purpose, e, fault, fault_size);
	}
	if (err == 0) {
		e->holds++;
		*ret = e->ctx;
	}
	pthread_mutex_unlock(&c->lock);
	if (e != fresh || err < 0)
		free(fresh);
	return err;
}

int certificates_take(struct certificates *c, const struct relay_text *pem, struct ssl_ctx_st **ret,
	char *fault, size_t fault_size)
{
	return take(c, pem, TO_SHOW, ret, fault, fault_size);
}

int certificates_take_trusted(struct certificates *c, const struct relay_text *pem, struct ssl_ctx_st **ret,
	char *fault, size_t fault_size)
{
	return take(c, pem, TO_TRUST, ret, fault, fault_size);
}

void certificates_give(struct certificates *c, struct ssl_ctx_st *ctx)
{
	if (!ctx)
		return;
	pthread_mutex_lock(&c->lock);
	struct certificate **at = &c->first, *e;

	while ((e = *at)->ctx != ctx)
		at = &e->next;
	if (--e->holds == 0) {
		*at = e->next;
		tls_context_free(e->ctx); /* of connections that began with it the last one frees it */
		free(e);
	}
	pthread_mutex_unlock(&c->lock);
}

struct ssl_st *certificates_accept(struct certificates *c, struct ssl_ctx_st *ctx, int fd)
{
	tls_tickets_tick(c->tickets, clock_now());
	return tls_accept(ctx, fd);
}
