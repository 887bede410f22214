/*
 * http_head.h - heads of HTTP/1.1 messages: what is in them, and what of it must never be passed on (pure)
 *
 * Strict on purpose: whatever two readers could understand differently is refused, since the other reader is behind us
 * (request smuggling). Lines end in CRLF and nothing else; no folding; no space before a colon; one Host; a length is
 * either Content-Length, once or all equal, or Transfer-Encoding with chunked alone, never both.
 */
#ifndef ISTHMUS_RELAY_HTTP_HEAD_H
#define ISTHMUS_RELAY_HTTP_HEAD_H

#include "base/compiler.h"
#include "relay/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX 16384  /* bytes of a head, as one buffer holds (buffers.h) */
#define HTTP_FIELDS_MAX 100  /* lines of a head */
#define HTTP_TARGET_MAX 8192 /* bytes of a request's target (RFC 9112 s3 recommends 8000 at least) */

struct http_text {
	const char *at; /* in the bytes that were parsed; no terminating zero */
	size_t len;
};

/* Fields that mean something to a proxy; HTTP_FIELD_OTHER are passed on as they are. */
enum http_field_id {
	HTTP_FIELD_OTHER,
	HTTP_FIELD_ACCEPT_ENCODING,
	HTTP_FIELD_CONNECTION,
	HTTP_FIELD_CONTENT_ENCODING,
	HTTP_FIELD_CONTENT_LENGTH,
	HTTP_FIELD_CONTENT_TYPE,
	HTTP_FIELD_DATE,
	HTTP_FIELD_EXPECT,
	HTTP_FIELD_FORWARDED,
	HTTP_FIELD_HOST,
	HTTP_FIELD_KEEP_ALIVE,
	HTTP_FIELD_MAX_FORWARDS,
	HTTP_FIELD_PROXY_AUTHENTICATE,
	HTTP_FIELD_PROXY_AUTHORIZATION,
	HTTP_FIELD_PROXY_CONNECTION,
	HTTP_FIELD_TE,
	HTTP_FIELD_TRAILER,
	HTTP_FIELD_TRANSFER_ENCODING,
	HTTP_FIELD_UPGRADE,
	HTTP_FIELD_VIA,
	HTTP_FIELD_X_FORWARDED_FOR,
	HTTP_FIELD_X_FORWARDED_HOST,
	HTTP_FIELD_X_FORWARDED_PROTO,
	HTTP_FIELD_ID_COUNT
};

struct http_field {
	struct http_text name, value; /* the value without spaces around it */
	enum http_field_id id;
	bool is_hop; /* for this connection only (RFC 9110 s7.6.1): by its name, or because Connection names it */
};

/* How the end of a message's body is known (RFC 9112 s6.3). */
enum http_framing {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH,
	HTTP_BODY_CHUNKED,
	HTTP_BODY_CLOSE, /* of an answer: when the connection ends */
};

struct http_head {
	size_t size;			 /* bytes of the head, its empty line included */
	unsigned minor;			 /* of HTTP/1: 0 or 1 */
	struct http_text method, target; /* of a request */
	unsigned status;		 /* of an answer, 100 to 599 */
	struct http_text reason;
	struct http_text host; /* the Host field's value; at is NULL without one */
	enum http_framing framing;
	uint64_t length;    /* of HTTP_BODY_LENGTH */
	bool is_persistent; /* another message may follow (RFC 9112 s9.3) */
	bool has_upgrade;   /* Upgrade, and Connection says so */
	bool expects_continue;
	unsigned fields_len;
	struct http_field fields[HTTP_FIELDS_MAX];
};

enum http_progress { HTTP_MORE, HTTP_WHOLE, HTTP_MALFORMED };

/* Why a message is refused, in words for whoever sent it. */
struct http_fault {
	unsigned status; /* 400, 414, 431, 501, 505; an answer's fault is 502 */
	const char *text;
};

/* What an answer is to, on which its framing depends. */
enum http_asked { HTTP_ASKED, HTTP_ASKED_HEAD, HTTP_ASKED_CONNECT };

/**
 * http_request_parse() - read the head of a request
 * @ret:	points into @bytes; undefined unless HTTP_WHOLE
 * @fault:	filled if HTTP_MALFORMED
 *
 * Spec: RFC 9112 s2.2, s3, s5, s6; RFC 9110 s7.2 (Host). One empty line before it is passed over (s2.2).
 */
MUST_CHECK enum http_progress http_request_parse(
	const char *bytes, size_t len, struct http_head *ret, struct http_fault *fault);

/** http_answer_parse() - the same of an answer */
MUST_CHECK enum http_progress http_answer_parse(const char *bytes, size_t len, enum http_asked asked,
	struct http_head *ret, struct http_fault *fault);

/**
 * http_head_begin(), http_head_add(), http_head_finish() - the same head, from fields that came one by one (HTTP/2)
 *
 * Return: false, with @fault filled: the field cannot be in an HTTP/1.1 message, or there are too many; finish: they
 * contradict each other
 */
void http_head_begin(struct http_head *h);
MUST_CHECK bool http_head_add(
	struct http_head *h, struct http_text name, struct http_text value, struct http_fault *fault);
MUST_CHECK bool http_head_finish(struct http_head *h, struct http_fault *fault);

/**
 * http_trailers_parse() - read trailer fields and the empty line behind them (RFC 9112 s7.1.2)
 *
 * Those that must not be in trailers are marked as hop-by-hop (RFC 9110 s6.5.1).
 */
MUST_CHECK enum http_progress http_trailers_parse(
	const char *bytes, size_t len, struct http_head *ret, struct http_fault *fault);

/** http_head_find() - the first field of this kind, or NULL */
const struct http_field *http_head_find(const struct http_head *h, enum http_field_id id);

/** http_text_is() - whether a text is this word, in any case of letters; http_text_equal(): exactly */
bool http_text_is(struct http_text t, const char *word);
bool http_text_equal(struct http_text t, const char *word);

/** http_list_has() - whether a comma-separated list has this word, in any case of letters (RFC 9110 s5.6.1) */
bool http_list_has(struct http_text list, const char *word);

#endif
