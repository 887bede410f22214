/*
 * socks5_udp.h - the datagrams of one client of SOCKS 5 (RFC 1928 s7)
 *
 * A socket towards the client, one of each family towards everybody else. Destinations are judged and resolved as those of
 * connections are (dial.h); answers are taken from addresses that the client has sent to, and from no others.
 */
#ifndef ISTHMUS_RELAY_SOCKS5_UDP_H
#define ISTHMUS_RELAY_SOCKS5_UDP_H

#include "relay/visit.h"

struct association; /* opaque */

struct association_plan {
	struct visit *visit;  /* counts the bytes; its client is who may send */
	struct endpoint near; /* address to listen at; the port is chosen */
	uint16_t client_port; /* the only one that may send; 0: the first that does */
	uint8_t *scratch;     /* @ASSOCIATION_SCRATCH bytes that nobody uses between two events; borrowed */
	void (*idle)(
		void *ctx); /* no datagram for timeouts.udp; the association is there until it is freed */
	void *ctx;
};

#define ASSOCIATION_SCRATCH 65600 /* bytes: the largest datagram, and a header before it */

/** association_new() - 0; -errno. *ret_at: where the client is to send to; both untouched on failure */
MUST_CHECK int association_new(
	const struct association_plan *plan, struct association **ret, struct endpoint *ret_at);
void association_free(struct association *a); /* NULL is fine */

#endif
