/*
 * dial.h - reach a destination over whichever family works (RFC 8305)
 *
 * AAAA and A are asked for at once; as soon as one may be tried it is, and while it does not answer the next one begins,
 * the families by turns. The first that is connected wins. A family that has failed for a destination lately loses its
 * head start (families.h).
 *
 * A dial counts itself: `dials`, and one of `dial_*` or `denied_*` of counters.def when it is over.
 */
#ifndef ISTHMUS_RELAY_DIAL_H
#define ISTHMUS_RELAY_DIAL_H

#include "base/compiler.h"
#include "relay/access.h"
#include "relay/lane.h"

enum dial_fault {
	DIAL_OK,
	DIAL_NO_NAME,	/* there is no such name, or it has no address of a family that may be used */
	DIAL_NO_ANSWER, /* the resolver failed, or did not answer */
	DIAL_DENIED,	/* every address is denied (access.h) */
	DIAL_DENIED_PORT,
	DIAL_DENIED_OWN,
	DIAL_REFUSED,	  /* RST */
	DIAL_UNREACHABLE, /* no route, or an ICMP error said so */
	DIAL_TIMEOUT,
	DIAL_FAILED, /* no memory, descriptors or ports: ours, not theirs */
	DIAL_FAULT_COUNT
};

/** dial_fault_text() - "connection refused": for a log or an error page */
const char *dial_fault_text(enum dial_fault f);

/* Datagrams know of no connection: the first address that has a route is taken, and the socket is connected to it. */
enum dial_kind { DIAL_STREAM, DIAL_DATAGRAM };

struct dial_plan {
	enum dial_kind kind;
	const struct relay_target *to; /* copied */
	const struct access
		*access; /* asked of each address before it is tried and after it is connected; NULL: the
					  operator has named the target, and only this gateway's own listeners are denied */
	enum relay_family family;
	nsec timeout;
	const struct prefix6
		*client_prefix; /* bind an IPv6 socket to this /96 with @client behind it; NULL: not */
	struct endpoint client; /* who it is for */
	/** done() - not called from dial_start(); the dial is freed. fd is connected and the callee's, or -1. @peer: the
	 * address that was reached, or tried last */
	void (*done)(void *ctx, enum dial_fault fault, int fd, const struct endpoint *peer);
	void *ctx;
};

struct dial; /* opaque */

/** dial_start() - 0; -ENOMEM */
MUST_CHECK int dial_start(struct lane *l, const struct dial_plan *plan, struct dial **ret);
void dial_cancel(struct dial *d); /* NULL is fine; done() is not called */

#endif
