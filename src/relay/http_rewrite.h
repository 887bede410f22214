/*
 * http_rewrite.h - links to IPv4 addresses in a page become names (pure)
 *
 * "http://192.0.2.1:8080/a" becomes "http://192-0-2-1.ZONE:8080/a", and "//192.0.2.1/" where a link may begin likewise. The
 * resolver says of such a name what it says of the address (dns64/synth_plan.c), so a host that can reach nothing but
 * IPv6 gets there. https is left alone: no certificate is for such a name.
 *
 * What is looked for is ASCII, which is the same bytes in every character set that pages are in (UTF-16 is none of them), so
 * nobody asks which it is; nor what is markup and what is script. A page may come in pieces of any size.
 */
#ifndef ISTHMUS_RELAY_HTTP_REWRITE_H
#define ISTHMUS_RELAY_HTTP_REWRITE_H

#include "relay/http_head.h"

#define HTTP_REWRITE_HELD 15				       /* bytes of an address that is not yet whole */
#define HTTP_REWRITE_ROOM (HTTP_REWRITE_HELD + RELAY_HOST + 2) /* bytes that one byte may become */

struct http_rewrite {
	const char *zone;
	uint64_t before; /* the last 8 bytes, the latest lowest, in small letters */
	bool is_holding; /* behind the two slashes of a link */
	unsigned held_len;
	char held[HTTP_REWRITE_HELD]; /* digits and dots */
};

void http_rewrite_begin(struct http_rewrite *w, const char *zone);

/**
 * http_rewrite_take() - take the next piece
 * @from:	@len bytes
 * @to:		@room bytes, at least HTTP_REWRITE_ROOM
 * @ret_len:	how many were written
 *
 * Return: how many of @from were taken; the others want more room
 */
size_t http_rewrite_take(
	struct http_rewrite *w, const char *from, size_t len, char *to, size_t room, size_t *ret_len);

/** http_rewrite_end() - write what was held, as there is no more; how many bytes */
size_t http_rewrite_end(struct http_rewrite *w, char to[static HTTP_REWRITE_ROOM]);

/** http_rewrite_wants() - whether an answer is a page whose links can be changed */
bool http_rewrite_wants(const struct http_head *answer);

#endif
