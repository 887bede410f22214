/* tcfilter.h - an eBPF filter at tc ingress of interfaces, written down in the journal */
#ifndef ISTHMUS_DATAPLANE_TCFILTER_H
#define ISTHMUS_DATAPLANE_TCFILTER_H

#include "dataplane/journal.h"
#include "dataplane/netlink.h"

#include <stdint.h>

/* A filter is known by its numbers, so it can be taken off by the next start as well. */
struct tcfilter {
	enum change_kind change; /* of the journal */
	uint32_t priority, handle;
};

/**
 * tcfilter_attach() - attach a program to an interface, or have it take the place of the one that is there
 *
 * The kernel's filter holds the program from then on. Return: 0; -errno with what was attached in the journal.
 */
MUST_CHECK int tcfilter_attach(
	const struct tcfilter *t, struct journal *j, const struct link *l, int program);

/** tcfilter_detach() - take it off the interface that a change names, and the qdisc if it was ours and is empty */
void tcfilter_detach(const struct tcfilter *t, struct netlink *n, const struct change *c);

/** tcfilter_probe() - attach a program to the loopback of a fresh network namespace; 0 or -errno */
MUST_CHECK int tcfilter_probe(const struct tcfilter *t, int program);

#endif
