/*
 * http_body.h - where the body of an HTTP/1.1 message is among the bytes of a connection, and where it ends (pure)
 *
 * Nothing is copied: each step says how many bytes to pass over and how many bytes of the body follow them.
 */
#ifndef ISTHMUS_RELAY_HTTP_BODY_H
#define ISTHMUS_RELAY_HTTP_BODY_H

#include "relay/http_head.h"

#define HTTP_CHUNK_LINE_MAX                                                                                  \
	256 /* bytes of a chunk's line with its extensions, which are dropped (RFC 9112 s7.1.1) */

enum http_chunk_state { HTTP_CHUNK_LINE, HTTP_CHUNK_DATA, HTTP_CHUNK_END, HTTP_CHUNK_TRAILERS };

struct http_body {
	enum http_framing framing;
	enum http_chunk_state state; /* of HTTP_BODY_CHUNKED */
	uint64_t left;		     /* bytes, of the body or of the chunk */
	bool is_over;		     /* all of it was passed over */
};

enum http_step {
	HTTP_STEP_MORE, /* nothing but @skip can be said before more bytes come */
	HTTP_STEP_DATA,
	HTTP_STEP_END, /* after @skip comes what is not of this message */
	HTTP_STEP_MALFORMED,
};

struct http_piece {
	size_t skip; /* bytes that are framing */
	size_t len;  /* bytes of the body behind them; HTTP_STEP_DATA: at least 1 */
	struct http_text
		trailers; /* HTTP_STEP_END: trailer fields without the empty line, checked; or of no length */
};

void http_body_begin(struct http_body *b, const struct http_head *h);

/**
 * http_body_next() - what comes next
 * @bytes:	where the last step ended
 *
 * The state has moved past @skip but not past the body's bytes: http_body_took() says how many of them were consumed.
 *
 * Spec: RFC 9112 s7.1; a line ends in CRLF; sizes of more than 15 digits are refused
 */
MUST_CHECK enum http_step http_body_next(
	struct http_body *b, const char *bytes, size_t len, struct http_piece *ret);
void http_body_took(struct http_body *b, size_t len);

/** http_body_ended() - the connection has ended: whether the message was whole */
bool http_body_ended(struct http_body *b);

#endif
