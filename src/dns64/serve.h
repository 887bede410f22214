/* serve.h - what the parts of a running resolver know of each other; private to the module */
#ifndef ISTHMUS_DNS64_SERVE_H
#define ISTHMUS_DNS64_SERVE_H

#include "dns64/engine.h"
#include "dns64/gate.h"
#include "dns64/habit.h"
#include "dns64/lender.h"
#include "dns64/offers.h"
#include "dns64/reply.h"
#include "dns64/resolver.h"
#include "net/pktinfo.h"
#include "net/sockaddr.h"
#include "dns64/trial.h"

#define QUERIES_OPEN_MAX 4096 /* being resolved at once */
#define TCP_STRANGERS_MAX 32 /* connections from clients that are not allowed: they are told so, and closed */
#define AAAA_PATIENCE (3 * NSEC) /* then an A answer is used without the AAAA answer (RFC 6147 s5.1.3) */
#define EXTRA_PATIENCE (100 * MSEC) /* then an answer goes without the addresses of its targets (extra.h) */
#define QUERY_TIME (10 * NSEC)	 /* then the client is told SERVFAIL; most have asked again before */
#define TCP_IDLE (10 * NSEC)	 /* RFC 7766 s6.2.3: "on the order of a few seconds" */

struct ssl_ctx_st;
struct tcp_client;
struct open_query;
struct udp_batch;
struct extra;

struct udp_socket {
	struct resolver *resolver;
	struct loop_watch *watch;
	int fd;
	bool has_address; /* it is bound to one, which every query came to: `bound` */
	struct endpoint bound;
};

struct tcp_listener {
	struct resolver *resolver;
	enum dns_transport transport;
	struct loop_watch *watch;
	int fd;
};

/* Where a reply goes: over UDP back to `peer` from the address that was asked, or over a connection. */
struct reply_path {
	enum dns_transport transport;
	struct tcp_client *tcp; /* NULL: UDP */
	int32_t stream;		/* of HTTP */
	struct udp_socket *udp;
	union sockaddr_any peer;
	struct pktinfo local; /* the address that was asked, of the family of `peer` */
};

/* Queries whose answer is not known yet, oldest first; each phase is a ring with this head. */
enum query_phase {
	PHASE_PATIENT, /* younger than AAAA_PATIENCE */
	PHASE_LATE,
	PHASE_EXTRA, /* the answer is there, and waits for what goes with it */
	PHASE_COUNT
};

struct open_query {
	struct open_query *prev, *next;
	struct resolver *resolver;
	enum query_phase phase;
	nsec since; /* the time from which the phase is counted: when it was asked; of PHASE_EXTRA, when it began */
	unsigned generation; /* of the configuration that it was planned with */
	struct query query;
	struct reply_path path;
	struct client *client; /* NULL: not limited by itself */
	struct synth_plan plan;
	struct engine_ask first, second;
	bool is_a_put_off; /* A was not asked for with AAAA */
	struct extra *extra; /* NULL: none */
};

struct resolver {
	struct dns64_config config;
	unsigned generation;	 /* counts new configurations */
	struct answers *answers; /* NULL: none are kept */
	struct offers *offers;	 /* to the XDP program; NULL: none. Borrowed */
	uint32_t offers_epoch;	 /* of the configuration */
	struct loop *loop;
	unsigned threads; /* resolvers that share the configured memory, this one included */
	struct engine *engine;
	struct habits habits;
	struct trial trial; /* runs if validation is on */
	struct udp_socket udp[DNS64_LISTEN_MAX];
	struct udp_batch *batch; /* of all UDP sockets */
	unsigned sockets_len;
	struct tcp_listener listeners[TRANSPORT_COUNT * DNS64_LISTEN_MAX];
	unsigned listeners_len;
	struct ssl_ctx_st *tls[TRANSPORT_COUNT]; /* for new connections; NULL: plain, or not served */
	struct open_query open[PHASE_COUNT];	 /* heads; only prev and next are used */
	unsigned open_len;
	struct loop_watch *deadline;
	struct tcp_client *clients; /* a list, linked through the clients */
	unsigned clients_len;
	unsigned strangers_len;
	struct lender *lender; /* shared with other threads; NULL: nothing is lent */
	struct gate *gate;     /* shared with other threads */
	struct gate *own_gate; /* the same if it is shared with nobody; else NULL */
	struct query_log *query_log; /* NULL: none; shared with other threads */
	struct dns64_counters counters;
	uint8_t reply[DNS_MESSAGE_MAX]; /* the one being sent */
};

/* --- resolver.c --- */

/** resolver_connections_max() - how many connections this thread may have at once */
unsigned resolver_connections_max(const struct resolver *r);

/** resolver_allows() - whether the configuration lets this client ask */
bool resolver_allows(const struct resolver *r, const struct endpoint *client);

/* --- serve.c --- */

/** serve_message() - take a message from a client that is allowed; the reply may be sent before this returns
 */
void serve_message(struct resolver *r, const uint8_t *bytes, size_t len, const struct reply_path *path);

/** serve_stranger() - refuse a message from a client that is not allowed */
void serve_stranger(struct resolver *r, const uint8_t *bytes, size_t len, const struct reply_path *path);

MUST_CHECK int serve_start(struct resolver *r); /* 0 or -ENOMEM */
void serve_stop(struct resolver *r);		/* forgets all open queries; fine if never started */

/* --- query_note.c --- */

/** query_note() - log what a client is told: @len bytes of r->reply; if there is a log */
void query_note(struct resolver *r, const struct reply *reply, const struct reply_path *path, size_t len);

/* --- admit.c --- */

enum admission {
	ADMIT_SERVE,
	ADMIT_BAD_COOKIE, /* beyond the rate, and told so with a cookie to come back with */
	ADMIT_TRUNCATE,	  /* the same, and told to come over TCP */
	ADMIT_DROP,	  /* the same, and told nothing */
};

/**
 * admit() - whether a query is served
 * @q:	its cookie becomes the one that the reply carries
 */
enum admission admit(struct resolver *r, struct query *q, const struct reply_path *path);

/**
 * admit_take(), admit_give() - count what a client has open, and that it is over
 * @ret:	NULL: not limited by itself
 *
 * Return: 0; -EDQUOT if it has as many as it may.
 */
MUST_CHECK int admit_take(
	struct resolver *r, const union sockaddr_any *peer, enum client_use use, struct client **ret);
void admit_give(struct resolver *r, struct client *c, enum client_use use);

/* --- udp.c --- */

MUST_CHECK int udp_new(struct resolver *r); /* 0 or -ENOMEM; before udp_start() */
void udp_free(struct resolver *r);
MUST_CHECK int udp_start(struct resolver *r, struct udp_socket *s, int fd);
void udp_stop(struct udp_socket *s);
/** udp_send() - send a reply of at most SERVER_UDP_MAX bytes, and count it, now or at the end of the batch */
void udp_send(const struct reply_path *path, const uint8_t *bytes, size_t len);

/* --- tcp.c --- */

MUST_CHECK int tcp_start(struct resolver *r, enum dns_transport transport, int fd);
void tcp_stop(struct resolver *r); /* listeners and clients; after serve_stop() */
/** tcp_send() - queue a reply; false if the connection is gone */
bool tcp_send(const struct reply_path *path, const uint8_t *bytes, size_t len);
/** tcp_hold(), tcp_release() - a query of this connection is open, and is not any more */
void tcp_hold(struct tcp_client *c);
void tcp_release(struct tcp_client *c);
bool tcp_is_closed(const struct tcp_client *c);

#endif
