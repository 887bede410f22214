/*
 * http_io.h - the two directions of one HTTP/1.1 connection: messages that are read, and messages that are written
 *
 * A reader holds a buffer only while bytes wait in it; a body is handed on from where it was read. A writer holds one
 * only for what the socket has not taken: heads, chunk sizes.
 */
#ifndef ISTHMUS_RELAY_HTTP_IO_H
#define ISTHMUS_RELAY_HTTP_IO_H

#include "relay/buffers.h"
#include "relay/http_body.h"
#include "relay/stream.h"

/* --- reading --- */

struct http_reader {
	struct stream *stream;
	struct buffer *in; /* NULL: nothing waits */
	struct http_body body;
};

/** http_reader_bytes() - what waits */
static inline struct http_text http_reader_bytes(const struct http_reader *r)
{
	return r->in ? (struct http_text){ (const char *)r->in->data + r->in->from, r->in->to - r->in->from }
		     : (struct http_text){ NULL, 0 };
}

/**
 * http_reader_fill() - read more behind what waits, which may move
 *
 * Return: bytes; 0: the peer has ended; -EAGAIN; -ENOBUFS: the buffer is full; -errno
 */
MUST_CHECK ssize_t http_reader_fill(struct http_reader *r);
/** http_reader_took() - forget the first @len bytes */
void http_reader_took(struct http_reader *r, size_t len);

/**
 * http_reader_peek() - what comes next of the message's body, reading if nothing waits
 * @ret:	HTTP_STEP_DATA: bytes, to be given to http_reader_body_took(); HTTP_STEP_END: the trailers, until the next call
 *
 * Return: HTTP_STEP_MORE: the stream will tell; HTTP_STEP_MALFORMED: it broke, or makes no sense
 */
MUST_CHECK enum http_step http_reader_peek(struct http_reader *r, struct http_text *ret);
void http_reader_body_took(struct http_reader *r, size_t len);
/** http_reader_settle() - the message is over, and its trailers are not looked at any more */
void http_reader_settle(struct http_reader *r);
void http_reader_fini(struct http_reader *r);

/* --- writing --- */

/* Text that is being made. */
struct http_out {
	struct buffers *lender;
	struct buffer *u; /* NULL: nothing waits */
	bool is_short;	  /* something did not fit in, or there was no memory: it cannot be sent */
};

/** http_put() - write behind what waits */
void http_put(struct http_out *o, const void *from, size_t len);
void http_put_text(struct http_out *o, const char *text);
void http_put_format(struct http_out *o, const char *format, ...) PRINTF_LIKE(2, 3);
/** http_number() - a number as text, decimal */
#define HTTP_NUMBER_TEXT 20 /* "18446744073709551615" */
struct http_text http_number(uint64_t n, char buf[static HTTP_NUMBER_TEXT]);
void http_put_number(struct http_out *o, uint64_t n);
/** http_put_field() - "name: value" and the end of the line */
void http_put_field(struct http_out *o, struct http_text name, struct http_text value);
static inline size_t http_out_waits(const struct http_out *o)
{
	return o->u ? buffer_left(o->u) : 0;
}
void http_out_fini(struct http_out *o);

struct http_writer {
	struct stream *stream;
	struct http_out out; /* what the socket has not taken */
	bool is_chunked;
	uint64_t chunk_left; /* bytes of the chunk whose size has been written */
};

void http_writer_init(struct http_writer *w, struct stream *s);
/** http_writer_flush() - 0: nothing waits any more; -EAGAIN; -errno */
MUST_CHECK int http_writer_flush(struct http_writer *w);
/** http_writer_data() - send bytes of a body, after what waits; how many were taken, at least 1; -EAGAIN; -errno */
MUST_CHECK ssize_t http_writer_data(struct http_writer *w, struct http_text data);
/** http_writer_end() - the body is over; @trailers: fields as http_head.h reads them, those of a hop left out */
void http_writer_end(struct http_writer *w, struct http_text trailers);
void http_writer_fini(struct http_writer *w);

#endif
