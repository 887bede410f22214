/*
 * http.h - the HTTP engine: clients on one side, servers on the other, exchanges between them
 *
 * A service that speaks HTTP (http-forward, http-reverse) has one struct http on each lane and gives it the connections
 * of clients. What a client asks becomes a struct http_exchange; the service is asked, once for each, where it goes, and
 * answers now or later with http_go() or http_refuse(). All the rest is the engine's:
 *
 * - clients speak HTTP/1.0, HTTP/1.1 or HTTP/2 (which is known by its preface, RFC 9113 s3.4), over TLS or not
 * - servers are spoken to in HTTP/1.1, over connections that are kept and used again (http_pool.h)
 * - bodies stream in both directions, trailers and interim answers (100, 103) too; who is slow slows down the other side
 * - CONNECT and Upgrade become tunnels (pump.h; over HTTP/2 in the stream)
 * - Via (RFC 9110 s7.6.3), Forwarded (RFC 7239) and X-Forwarded-* are written, and loops are found by Via
 * - a request that may be repeated (RFC 9110 s9.2.2) and has no body is sent once more, over a new connection, if a kept one
 *   turned out to be dead before a byte of an answer
 * - errors become small pages that say why
 */
#ifndef ISTHMUS_RELAY_HTTP_H
#define ISTHMUS_RELAY_HTTP_H

#include "relay/dial.h"
#include "relay/http_head.h"
#include "relay/service.h"

struct ssl_ctx_st;
struct ssl_st;
struct target_group;

struct http;	      /* opaque: the engine of one service on one lane */
struct http_exchange; /* opaque: one request and its answer */

/* What a service asks for in http_new(). */
enum http_role {
	HTTP_ROLE_TRANSPARENT, /* origin form; Host stays; nothing is said of the client: it knows of no proxy */
	HTTP_ROLE_FORWARD, /* absolute form and CONNECT; Host is made of the target; Forwarded says for and proto */
	HTTP_ROLE_REVERSE, /* origin form; Host stays; Forwarded says by, for, host and proto, and X-Forwarded-* too */
};

/* A request, as the service sees it; valid until http_go() or http_refuse(). */
struct http_request {
	const struct http_head *head; /* method, fields; of HTTP/2 too */
	struct http_text path;	      /* origin form with query; "*"; of CONNECT empty */
	struct relay_target
		to; /* what the client named: by absolute form, CONNECT or Host; of a request of HTTP/1.0 to
					 a reverse proxy without Host: host "" and an unspecified address */
	bool is_connect, is_tls; /* is_tls: the client came over TLS */
	bool is_own;		 /* of HTTP_ROLE_FORWARD: origin form, so it is for the proxy itself */
	const struct ssl_ctx_st *
		context; /* tls_context_of() the client's connection: which certificate it was shown; NULL: none */
	struct endpoint client, local; /* as in struct arrival */
};

/* Where a request goes. */
struct http_way {
	const struct relay_target *to; /* copied */
	const struct access *access;   /* NULL: the operator has named the target (dial.h) */
	enum relay_family family;
	struct ssl_ctx_st
		*tls;	      /* TLS to the target, with a context of tls_client_context_new(); NULL: none */
	const char *tls_name; /* what its certificate must be for; copied */
	const char *
		literal_zone; /* links to IPv4 literals in HTML become names below it (http_rewrite.h); NULL: they stay */
	void *target; /* the service's own; given back in ended() */
	struct target_group *
		group; /* where others are, which are raced with @target, a struct target then, if that is not there
				     in a moment (reach.h); the one that is reached is given back. NULL: there are none */
	uint64_t *tried; /* of reach_plan; as long-lived as the try */
};

/* How an exchange, or one try of it, ended. */
enum http_end {
	HTTP_END_ANSWERED, /* the whole answer has been passed on, or a tunnel has ended */
	HTTP_END_CLIENT_GONE,
	HTTP_END_NOT_REACHED,	/* no connection: fault says why */
	HTTP_END_SERVER_BROKE,	/* it ended before its answer did, or what it said was no HTTP */
	HTTP_END_SERVER_SILENT, /* no answer in time */
};

struct http_user {
	struct service *service;
	enum http_role role;
	/**
	 * decide() - say where a request goes, by http_go() or http_refuse(), from here or later
	 *
	 * If the client leaves before, forget() is called and neither must be.
	 */
	void (*decide)(void *ctx, struct http_exchange *x, const struct http_request *q);
	void (*forget)(void *ctx, struct http_exchange *x); /* NULL if decide() always decides at once */
	/**
	 * ended() - a try that http_go() began is over
	 * @target:	of its way; NULL with a group of which none was reached, as they have been given back
	 *
	 * If nothing of an answer has been passed on and the request can be repeated (@may_repeat), the service may call
	 * http_go() again with another target from here; otherwise the client gets an error page.
	 */
	void (*ended)(void *ctx, struct http_exchange *x, void *target, enum http_end how, bool may_repeat);
	void *ctx;
};

/** http_new() - 0; -ENOMEM */
MUST_CHECK int http_new(const struct http_user *user, struct http **ret);
/** http_retire() - kept connections to servers are closed; those in use end with what they do (service.h) */
void http_retire(struct http *h);
void http_free(struct http *h); /* no client is left; NULL is fine */

/**
 * http_serve() - serve a client; its visit begins here and ends with the connection
 * @tls:	of the same socket, taken over; its handshake may be yet to be done; NULL: plain
 */
void http_serve(struct http *h, const struct arrival *a, struct ssl_st *tls);

/** http_go() - the request of @x goes there */
void http_go(struct http_exchange *x, const struct http_way *way);

/* A refusal. */
struct http_refusal {
	unsigned status;
	const char *sentence; /* of the page; static, plain text */
	const char *field;    /* one more field: "Proxy-Authenticate: Basic realm=\"x\""; static; or NULL */
	bool is_last;	      /* end the connection too */
};

/** http_refuse() - the client gets a small page instead */
void http_refuse(struct http_exchange *x, const struct http_refusal *r);

/** http_note() - what the service remembers of an exchange; NULL at first */
void http_note(struct http_exchange *x, void *note);
void *http_noted(const struct http_exchange *x);

#endif
