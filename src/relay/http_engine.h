/*
 * http_engine.h - the insides of the engine (http.h): what its files know of each other
 *
 *	client (http_client.c, http2.c)  <- front ->  exchange (http_exchange.c)  <->  up (http_pool.c)
 *
 * A client has at most one exchange at a time over HTTP/1.1, and one for each stream over HTTP/2. An exchange has an up, a
 * connection to a server, from when it is reached until the answer is over; then the up goes to the pool or is closed.
 *
 * Life and death. Callbacks of streams, dials, timers and services go through http_enter() and http_leave(). What ends
 * in between is buried, not freed: whoever still looks at it up the stack finds it there, with is_dead set. The last
 * http_leave() frees it.
 */
#ifndef ISTHMUS_RELAY_HTTP_ENGINE_H
#define ISTHMUS_RELAY_HTTP_ENGINE_H

#include "base/hash.h"
#include "relay/http.h"
#include "relay/http_io.h"
#include "relay/http_rewrite.h"
#include "relay/http_wait.h"
#include "relay/reach.h"
#include "relay/visit.h"

#define HTTP_POOL_SLOTS 256    /* lists of kept connections, by target */
#define HTTP_POOL_MAX 1024     /* of a service on a lane; one more is closed */
#define HTTP_TURN_BYTES 262144 /* of one direction, until others have their turn */
#define HTTP_PSEUDONYM 32
#define HTTP_INTERIM_MAX 16 /* answers of 1xx before the answer */

struct http_client;
struct http2;
struct pump;

/* What is to be freed at the end of the turn. */
struct http_grave {
	struct http_grave *next;
	bool is_dead;
};

struct http {
	struct http_user user;
	struct lane *lane;
	const struct relay_service *config;
	struct http_waits waits;
	struct hash_key key;
	struct http_up *kept[HTTP_POOL_SLOTS];
	unsigned kept_len;
	char pseudonym[HTTP_PSEUDONYM]; /* of Via; the same in the whole process (RFC 9110 s7.6.3) */
	char via[2][HTTP_PSEUDONYM + 8]; /* of answers, by the server's minor version */
	bool is_retired;
	unsigned depth; /* of http_enter() */
	struct http_grave *dead_clients, *dead_others;
};

void http_enter(struct http *h);
void http_leave(struct http *h); /* may free @h, if the last client is dead */

/* --- connections to servers --- */

/* What a kept connection is good for. */
struct http_key {
	struct relay_target to;
	struct ssl_ctx_st *tls;
	char tls_name[RELAY_HOST];
	bool has_client; /* the server sees whose it is (client_prefix) */
	struct endpoint client;
};

struct http_up {
	struct http_grave grave; /* first */
	struct http *h;
	struct http_up *next, *prev; /* of those kept in one slot */
	unsigned slot;
	bool is_kept;
	struct http_exchange *x; /* NULL: nobody uses it */
	struct stream stream;
	struct http_reader reader;
	struct http_writer writer;
	struct http_wait wait;
	struct endpoint peer;
	struct http_key key;
};

/** http_up_take() - one that is kept for this key, or NULL */
struct http_up *http_up_take(struct http *h, const struct http_key *key);
/** http_up_new() - of a connected socket, which is taken over; NULL without memory */
struct http_up *http_up_new(struct http *h, const struct http_key *key, int fd, const struct endpoint *peer);
void http_up_keep(struct http_up *u);
void http_up_close(struct http_up *u);	/* NULL is fine */
void http_up_close_all(struct http *h); /* that are kept */

/* --- exchanges --- */

/* A page whose links are changed on its way. */
struct http_rewriting {
	struct http_rewrite rewrite;
	size_t from, to; /* what is ready, of @text */
	bool is_over;
	char text[BUFFER_SIZE];
};

enum http_state {
	HTTP_DECIDING,	/* the service has been asked where to */
	HTTP_REACHING,	/* a connection is being made */
	HTTP_ASKING,	/* the request is being sent, and no answer has come */
	HTTP_ANSWERING, /* the answer's head has been given to the front */
	HTTP_OVER,
};

/* The client's side of an exchange. None of these ends the exchange before it returns but by burying it. */
struct http_front {
	enum http_step (*peek)(struct http_exchange *x, struct http_text *ret); /* the request's body */
	void (*took)(struct http_exchange *x, size_t len);
	void (*interim)(struct http_exchange *x, const struct http_head *a); /* an answer of 1xx */
	void (*answer)(struct http_exchange *x, const struct http_head *a);  /* its head; ready() follows */
	void (*ready)(struct http_exchange *x); /* ask http_exchange_peek() again; until HTTP_STEP_END */
	void (*tunnel)(struct http_exchange *x,
		const struct http_head *a);	/* both sides are free of HTTP; @a: of 101, or NULL */
	void (*abort)(struct http_exchange *x); /* the answer cannot be completed */
};

struct http_exchange {
	struct http_grave grave; /* first */
	struct http *h;
	const struct http_front *front;
	void *client; /* of the front */
	enum http_state state;
	void *note;
	struct endpoint who, local;
	struct visit *visit;
	/* the request */
	struct http_request q;
	struct http_out ask;   /* its head, as a server gets it; until an answer begins */
	bool is_asked_head;    /* HEAD */
	bool is_chunked;       /* its body goes on in chunks */
	bool is_idempotent;    /* RFC 9110 s9.2.2, and without a body */
	bool has_upgrade;      /* to websocket, and the server is asked for it */
	bool is_sent;	       /* all of it */
	bool is_body_over;     /* all of it was taken from the client */
	bool has_send_failed;  /* there may be an answer all the same */
	bool is_client_broken; /* its body is none */
	bool is_told;	       /* the service knows how the last try ended, or none has begun */
	const char *fault;     /* of what the server said */
	/* where it goes */
	struct http_way way; /* .to is &key.to, .tls_name key.tls_name */
	struct http_key key;
	struct dial *dial;
	struct reach *reach; /* instead, with way.group */
	struct http_up *up;
	bool is_reused; /* the up was kept */
	bool is_tunnel; /* CONNECT over HTTP/2: bytes as they are */
	unsigned interim_len;
	/* the answer */
	bool is_persistent;		  /* the up may be kept afterwards */
	bool is_rewritten;		  /* way.literal_zone counts for this answer */
	struct http_rewriting *rewriting; /* then; owned */
	bool is_page;			  /* it is one of our own, and not the up's */
	bool is_broken;			  /* the server has broken it off */
	struct http_text page;		  /* what is left of it */
	char *page_text;		  /* owned */
	/* Owned; points into bytes of the front until the request is sent. NULL from when the answer begins. */
	struct http_head *head;
	unsigned minor;		   /* of the request */
	const char *via_version;   /* "1.1": of the request */
	bool is_client_persistent; /* the client wants to go on afterwards */
};

/** http_exchange_new() - NULL without memory; the caller fills head; q is filled by http_exchange_begin() */
struct http_exchange *http_exchange_new(struct http *h, const struct http_front *front, void *client);

/**
 * http_exchange_begin() - a request's head is whole
 * @scheme:	":scheme" of HTTP/2; at is NULL: the target says it, or the connection does
 *
 * The service is asked; it may all be over when this returns.
 */
void http_exchange_begin(struct http_exchange *x, struct http_text scheme);
/** http_exchange_fail() - the same for a request that cannot be read: it is answered with a page */
void http_exchange_fail(struct http_exchange *x, const struct http_fault *f);
/** http_exchange_run() - something may be possible: more of the request, or the server has said something */
void http_exchange_run(struct http_exchange *x);
/** http_exchange_peek() - what comes next of the answer's body; HTTP_STEP_MORE: front->ready() will be called */
enum http_step http_exchange_peek(struct http_exchange *x, struct http_text *ret);
void http_exchange_took(struct http_exchange *x, size_t len);
/** http_exchange_is_over() - whether it is known already that nothing follows; not of chunks, behind which trailers may be */
bool http_exchange_is_over(const struct http_exchange *x);
/** http_exchange_finish() - the front has sent the whole answer; x is buried */
void http_exchange_finish(struct http_exchange *x);
/** http_exchange_cancel() - the client is gone; x is buried */
void http_exchange_cancel(struct http_exchange *x);
/** http_exchange_silent() - the up has been idle for too long */
void http_exchange_silent(struct http_exchange *x);

/* --- heads that are passed on (http_fields.c) --- */

/** http_fields_ask() - write the head that a server gets */
void http_fields_ask(struct http_exchange *x);
/** http_fields_is_loop() - whether the request has been here before, by Via */
bool http_fields_is_loop(const struct http_exchange *x);

enum http_connection {
	HTTP_CONNECTION_PLAIN,
	HTTP_CONNECTION_CLOSE,
	HTTP_CONNECTION_KEEP,
	HTTP_CONNECTION_UPGRADE
};

/** http_fields_answer() - write the head that a client of HTTP/1.1 gets; framing: as it goes on */
void http_fields_answer(struct http_out *o, const struct http_exchange *x, const struct http_head *a,
	enum http_framing framing, enum http_connection connection);
/** http_fields_passes() - whether a field of an answer is passed on */
bool http_fields_passes(const struct http_field *f);
/** http_fields_has_length() - whether the head says a length that the client may be told, body or not */
bool http_fields_has_length(const struct http_exchange *x, const struct http_head *a, uint64_t *ret);

/** http_status_text() - "Bad Gateway" */
const char *http_status_text(unsigned status);

/** http_page() - make a page of our own the answer to @x, and give it to the front */
void http_page(struct http_exchange *x, const struct http_refusal *r);

/* --- clients --- */

struct http_client {
	struct http_grave grave; /* first */
	struct http *h;
	struct visit visit;
	struct stream stream;
	struct http_reader reader;
	struct http_writer writer;
	struct http_wait wait;
	struct http_exchange *x; /* of HTTP/1.1 */
	struct http2 *two;	 /* of HTTP/2 */
	struct pump *pump;	 /* of a tunnel */
	struct http_up *tunnel;	 /* its other end */
	struct endpoint local;
	unsigned requests;
	bool is_lingering; /* it has all it gets, and is read until it ends */
	bool must_end;	   /* after the answer */
	bool is_leaving;   /* visit.leave() */
	bool is_running;   /* up the stack */
};

void http_client_close(struct http_client *c);
void http_client_reset(struct http_client *c);

/** http2_start() - the client has sent the preface, which is yet to be read; false without memory */
bool http2_start(struct http_client *c);
void http2_leave(struct http_client *c);
void http2_free(struct http2 *t); /* ends its exchanges; NULL is fine */

#endif
