/*
 * cookie.h - DNS cookies: whether a client is where its packets say (RFC 7873), in the form that servers of all kinds
 * share (RFC 9018) (pure)
 *
 * A client sends eight bytes of its own choice; the server answers with a keyed hash over them, the client's address
 * and the time, and keeps nothing. Who sends it back has received it, so the source is not forged.
 */
#ifndef ISTHMUS_DNS64_COOKIE_H
#define ISTHMUS_DNS64_COOKIE_H

#include "dns64/config.h"

#define COOKIE_CLIENT_LEN 8  /* bytes (RFC 7873 s4) */
#define COOKIE_SERVER_LEN 16 /* bytes of ours (RFC 9018 s4) */
#define COOKIE_LEN (COOKIE_CLIENT_LEN + COOKIE_SERVER_LEN)
#define COOKIE_MAX 40 /* bytes, client and server together, of any server (RFC 7873 s4) */
#define COOKIE_SECRET_LEN 16

/* The secret in use, and the one before it, whose cookies are still good. */
struct cookie_secrets {
	uint8_t now[COOKIE_SECRET_LEN], before[COOKIE_SECRET_LEN];
};

enum cookie_state {
	COOKIE_NONE,  /* of a client alone, or of a server that is not us, too old, or for another address */
	COOKIE_VALID, /* of ours */
	COOKIE_RENEWED, /* of ours, and so old that the client should have a new one (RFC 9018 s4.3: half an hour) */
};

/**
 * cookie_check() - whether a client has shown a cookie of ours
 * @cookie:	@len bytes of the option: the client's part, and maybe a server's; @len is at least COOKIE_CLIENT_LEN
 * @client:	who sent it; the port does not matter
 * @now_s:	seconds since 1970; compared as serial numbers, so it may wrap (RFC 9018 s4.3)
 */
enum cookie_state cookie_check(const struct cookie_secrets *s, const uint8_t *cookie, size_t len,
	const struct endpoint *client, uint32_t now_s);

/** cookie_write() - write our part behind the client's part, which stands at @cookie already; COOKIE_LEN bytes then */
void cookie_write(const struct cookie_secrets *s, uint8_t cookie[static COOKIE_LEN],
	const struct endpoint *client, uint32_t now_s);

#endif
