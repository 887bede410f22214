/* certificates.c - see certificates.h */
#include "relay/certificates.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "net/tls.h"
#include "net/tls_tickets.h"

#include <errno.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define PROTOCOLS "h2 http/1.1"

/* One certificate with its key. The digest is of its text, and what sessions are bound to. */
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

static int make(struct certificates *c, const struct relay_text *pem, struct certificate **ret, char *fault,
	size_t fault_size)
{
	struct certificate *e = calloc(1, sizeof(*e));

	if (!e) {
		snprintf(fault, fault_size, "out of memory");
		return -ENOMEM;
	}
	SHA256((const unsigned char *)pem->text, pem->len, e->digest);
	int err = tls_context_new(pem->text, pem->len, PROTOCOLS, &e->ctx, fault, fault_size);

	if (err == 0 && tls_tickets_use(c->tickets, e->ctx, e->digest) < 0) {
		snprintf(fault, fault_size, "its sessions cannot be resumed");
		tls_context_free(e->ctx);
		err = -EINVAL;
	}
	if (err < 0) {
		free(e);
		return err;
	}
	*ret = e;
	return 0;
}

int certificates_take(struct certificates *c, const struct relay_text *pem, struct ssl_ctx_st **ret,
	char *fault, size_t fault_size)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	int err = 0;

	SHA256((const unsigned char *)pem->text, pem->len, digest);
	pthread_mutex_lock(&c->lock);
	struct certificate *e = find(c, digest);

	if (!e) {
		err = make(c, pem, &e, fault, fault_size);
		if (err == 0) {
			e->next = c->first;
			c->first = e;
		}
	}
	if (err == 0) {
		e->holds++;
		*ret = e->ctx;
	}
	pthread_mutex_unlock(&c->lock);
	return err;
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
