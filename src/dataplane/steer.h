/* steer.h - the tc program that brings packets for a shared pool address to the translator (bpf/steer.bpf.c)
 */
#ifndef ISTHMUS_DATAPLANE_STEER_H
#define ISTHMUS_DATAPLANE_STEER_H

#include "dataplane/fault.h"
#include "dataplane/journal.h"
#include "dataplane/netlink.h"
#include "state/state.h"

struct steer_request {
	struct netlink *netlink;
	struct journal *journal;
	const struct state_config *pool;
	const struct state_config
		*before; /* during a reload: a pool whose packets are wanted too; else NULL */
	unsigned device; /* interface index of the TUN device */
};

/** steer_is_needed() - whether any pool entry shares the host's own address */
bool steer_is_needed(const struct state_config *pool);

/**
 * steer_up() - load the program and attach it to every interface that packets can come in by
 * @ret_interfaces: to how many
 *
 * Attached where a packet first shows its final form: on interfaces that are up, but for the loopback, the
 * TUN device, and the ports of a bridge, a bond or a team, whose master sees the packet. Where it is attached already,
 * the new one takes its place between two packets.
 *
 * Return: 0; -errno with a sentence in @f and what was attached in the journal.
 * Context: start-up and reload; CAP_NET_ADMIN and CAP_BPF.
 */
MUST_CHECK int steer_up(const struct steer_request *q, const struct fault *f, unsigned *ret_interfaces);

/** steer_down() - take the program off the interfaces that a change names, and the qdisc if it was ours and
 * is empty */
void steer_down(struct netlink *n, const struct change *c);

/** steer_off() - take the program off every interface that the journal names; 0 or -errno of the journal */
MUST_CHECK int steer_off(const struct steer_request *q);

/** steer_probe() - load the program and attach it to the loopback of a fresh network namespace; 0 or -errno
 */
MUST_CHECK int steer_probe(void);

#endif
