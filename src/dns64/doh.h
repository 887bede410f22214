/*
 * doh.h - DNS over HTTPS on one HTTP/2 connection (RFC 8484, RFC 9113): bytes in, queries out, replies in, bytes out
 *
 * It has no socket and no clock: tcp.c brings the bytes. nghttp2 knows the protocol; here is what a request means.
 */
#ifndef ISTHMUS_DNS64_DOH_H
#define ISTHMUS_DNS64_DOH_H

#include "base/bytes.h"
#include "base/compiler.h"

#define DOH_STREAMS_MAX 64 /* requests at once, of one connection */

struct doh; /* opaque */

/* What happens with a query, and what is counted. */
struct doh_user {
	const char *path; /* of the only resource, such as /dns-query; borrowed */
	void (*serve)(void *ctx, int32_t stream, const uint8_t *msg, size_t len);
	void (*refused)(void *ctx); /* a request was answered with an error of HTTP */
	void *ctx;
};

MUST_CHECK int doh_new(const struct doh_user *u, struct doh **ret); /* 0 or -ENOMEM */
void doh_free(struct doh *h);					    /* NULL is fine */

/**
 * doh_take() - read @len bytes of the client; may call serve, which may call doh_reply()
 *
 * Return: false if the client does not speak HTTP/2, or floods: end the connection.
 */
MUST_CHECK bool doh_take(struct doh *h, const uint8_t *bytes, size_t len);

/** doh_reply() - answer a request with a DNS message; false if the client has given it up, or without memory */
bool doh_reply(struct doh *h, int32_t stream, const uint8_t *msg, size_t len);

/** doh_give() - the next bytes for the client, good until the next call; their number, 0 if there are none now */
size_t doh_give(struct doh *h, const uint8_t **ret);

/** doh_is_over() - whether nothing is to be read or written any more */
bool doh_is_over(struct doh *h);

/* --- pure, for tests --- */

/** doh_decode() - base64url without padding (RFC 8484 s4.1, RFC 4648 s5); the length, or -1 if it is none, or longer
 * than @room */
int doh_decode(const char *text, size_t len, uint8_t *to, size_t room);

/** doh_max_age() - how many seconds a reply may be kept (RFC 8484 s5.1): the lowest TTL of its answer section; of a
 * "no", the negative TTL of its SOA record; else 0 */
uint32_t doh_max_age(const uint8_t *msg, size_t len);

#endif
