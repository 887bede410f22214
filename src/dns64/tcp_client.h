/* tcp_client.h - one connection, as tcp.c and tcp_accept.c see it */
#ifndef ISTHMUS_DNS64_TCP_CLIENT_H
#define ISTHMUS_DNS64_TCP_CLIENT_H

#include "dns64/serve.h"

struct tcp_client {
	struct tcp_client *prev, *next;
	struct resolver *resolver;
	struct client *client; /* NULL: not limited by itself */
	struct loop_watch *reading, *writing, *idle;
	enum dns_transport transport;
	struct ssl_st *tls; /* NULL: plain TCP */
	struct doh *http;   /* NULL: messages with their length in front */
	int fd;		    /* -1: closed */
	bool is_stranger;   /* not allowed: told so once */
	bool is_eof;	    /* nothing more is read */
	bool is_serving;    /* serve_input() is at work, and takes the next message itself */
	nsec busy;	    /* since then it is idle */
	unsigned holds;	    /* open queries, and functions of this file at work */
	unsigned queries;   /* open queries */
	uint8_t *out;	    /* out_len bytes to write, of which out_at are written */
	size_t out_at, out_len, out_room;
	size_t in_len;
	uint8_t in[2 + QUERY_LEN_MAX]; /* a length and a message, or the start of it */
	union sockaddr_any peer;
};

/* --- tcp_accept.c --- */

/** tcp_client_close() - close the connection; it is freed when nobody holds it any more; twice is fine */
void tcp_client_close(struct tcp_client *c);
/** tcp_client_hold(), tcp_client_unhold() - @c is worked with, and is not any more */
void tcp_client_hold(struct tcp_client *c);
void tcp_client_unhold(struct tcp_client *c);

/* --- tcp.c --- */

/** tcp_client_begin() - make a connection ready to be read and timed; false without memory */
MUST_CHECK bool tcp_client_begin(struct tcp_client *c);
/** tcp_client_update() - wait for the right things; after anything that may have changed what these are */
void tcp_client_update(struct tcp_client *c);

#endif
