/*
 * http2.h - the insides of clients that speak HTTP/2 (RFC 9113; nghttp2 knows the frames): what its files know of each other
 *
 *	http2.c (the connection)  ->  http2_request.c (streams, what came)
 *	                          ->  http2_answer.c (what goes back)
 */
#ifndef ISTHMUS_RELAY_HTTP2_H
#define ISTHMUS_RELAY_HTTP2_H

#include "relay/http_engine.h"

#include <nghttp2/nghttp2.h>

struct http2_stream {
	struct http2_stream *next, *prev; /* of its connection */
	struct http2 *two;
	struct http_exchange *x; /* NULL: over, or not yet */
	int32_t id;
	struct http_out text; /* the head's fields, and then nothing */
	struct http_text scheme, authority;
	struct http_fault fault;     /* status 0: none */
	struct buffer *first, *last; /* of the request's body */
	bool has_ended;		     /* the request's body */
	bool is_deferred;	     /* the answer's body has said that it has nothing yet */
	bool is_answered;	     /* the whole answer has been sent */
	bool must_reset;	     /* the answer was broken off */
	size_t trailers_len;
	bool has_begun; /* the exchange has been begun */
};

struct http2 {
	struct http_client *c;
	nghttp2_session *session;
	struct http2_stream *streams;
	unsigned early_ends;
	const uint8_t *frame; /* frame_len bytes of nghttp2's that did not fit into the writer's buffer */
	size_t frame_len;
	bool is_running; /* up the stack */
	bool is_leaving; /* nothing new begins */
	struct http_wait leaving;
};

static inline struct http2_stream *http2_stream_of(const struct http_exchange *x)
{
	return x->client;
}

/**
 * http2_run_soon() - something is to be said to the client
 *
 * It goes out when all others who are ready now have had their turn, with what these bring, in as few writes and TLS records
 * as it takes: each of these costs more than all else that is done for a small answer.
 */
void http2_run_soon(struct http2 *t);

/* --- streams and their requests (http2_request.c) --- */

void http2_watch_requests(nghttp2_session_callbacks *c);
void http2_stream_free(struct http2_stream *s);
/** http2_stream_finish() - the whole answer has been sent; what is left of the request is not wanted any more (RFC 9113 s8.1) */
void http2_stream_finish(struct http2_stream *s);
/** http2_body_peek(), http2_body_took() - as the front's */
enum http_step http2_body_peek(struct http_exchange *x, struct http_text *ret);
void http2_body_took(struct http_exchange *x, size_t len);

/* --- answers (http2_answer.c) --- */

extern const struct http_front http2_front;

#endif
