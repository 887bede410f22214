/*
 * host.h - the gateway's place in the host: device, addresses, routes, sysctls, reserved ports; all undone at exit
 *
 * Everything goes through netlink, /proc/sys and bpf(2); no program is called. What was changed is remembered and put
 * back by host_down(); a value that somebody else changed meanwhile is left alone.
 */
#ifndef ISTHMUS_DATAPLANE_HOST_H
#define ISTHMUS_DATAPLANE_HOST_H

#include "dataplane/coalesce.h"
#include "nat64/config.h"

#include <net/if.h>
#include <stdio.h>

#define HOST_DEVICE_DEFAULT "isthmus0"
#define HOST_QUEUES_MAX 64

/* What the host has to offer; read by host_facts(). */
struct host_facts {
	bool has_route4;	   /* there is an IPv4 default route */
	char uplink4[IF_NAMESIZE]; /* its interface */
	struct addr4
		addr4; /* the primary global IPv4 address of that interface (preferred source of the route) */
	bool has_addr4;
};

/** host_facts() - look at routes and addresses by netlink; 0 or -errno */
MUST_CHECK int host_facts(struct host_facts *ret);

/** host_interface_addr4() - the primary IPv4 address of an interface; 0, -ENODEV, -EADDRNOTAVAIL or another -errno */
MUST_CHECK int host_interface_addr4(const char *ifname, struct addr4 *ret);

/* A customer-side translator on this host. What of it changes while the host runs: the uplink and the IPv6 address. */
struct host_clat {
	struct addr4 address;	  /* of the programs on this host */
	char uplink[IF_NAMESIZE]; /* "": not known yet */
	bool has_ipv6;		  /* else it is not known yet */
	struct addr6 ipv6;	  /* that stands for @address on the uplink, and is nobody's */
	const struct prefix6
		*nets; /* that stand for IPv4 networks behind this host, and lead here; borrowed */
	unsigned nets_len;
};

struct host_plan {
	char device[IF_NAMESIZE];
	const struct nat64_config
		*nat64; /* borrowed: prefixes and mappings to route, pool to route or to steer */
	const struct host_clat *clat;	  /* NULL: none; borrowed */
	unsigned queues;		  /* TUN queues, one per worker */
	struct coalesce_plan coalesce;
	const char *journal;	    /* where changes are written down; see host_up(). NULL: nowhere */
	bool without_queue_program; /* do as if the kernel could not load it; for tests and measurements */
};

struct host;	/* opaque */
struct journal; /* journal.h */

/* How a pool entry that is the host's own address gets its packets; for `isthmus status`. */
struct host_status {
	char device[IF_NAMESIZE];
	unsigned mtu;
	bool tso4, tso6, uso; /* offloads that the kernel granted */
	bool steering;	      /* the shared address is steered by the tc program on the uplinks */
	unsigned steered_interfaces;
	unsigned coalescing_interfaces; /* that join datagrams (coalesce.h) */
	unsigned coalescing_wait_us;
	unsigned queues;
	bool queues_steered; /* the kernel gives each packet to the worker that owns it, as far as it can see */
};

/**
 * host_up() - put the gateway into the host
 * @fault:	on failure a sentence for the user: what failed, and what would help; at least 256 bytes
 *
 * Makes the TUN device (up, MTU such that no packet of the host's other interfaces is too big for it), routes each
 * prefix, each pool prefix and each mapping to it, answers ARP and neighbour solicitations for such addresses that lie in
 * an on-link subnet (proxy neighbour entries), turns on forwarding for both families (keeping router advertisements accepted where they were), reserves
 * the pool's ports on shared addresses from the host's own sockets, and lets shared pool addresses be steered.
 *
 * If @plan names a journal (such as /run/isthmus/host.journal), what a killed predecessor left behind is undone first,
 * and a second gateway that uses the same file is refused.
 *
 * Return: 0; -errno with everything undone (-EBUSY: another gateway runs here).
 * Context: start-up; CAP_NET_ADMIN (and CAP_BPF for a shared pool).
 */
MUST_CHECK int host_up(const struct host_plan *plan, struct host **ret, char *fault, size_t fault_size);

/** host_down() - undo host_up(), in reverse; NULL is fine */
void host_down(struct host *h);

/**
 * host_widen() - put into the host what a new configuration needs beyond the present one
 * @plan:	prefixes and pool; device, queues and journal do not change
 * @fault:	as host_up()
 *
 * A reload has two steps, so that there is no moment in which a packet of a flow that goes on finds no way: before the
 * translator is asked, the host gets what either configuration needs; host_narrow() takes away the rest once it is known
 * which of the two it is going to be. What is added, and what is not wanted any more, is found by comparing with what
 * is there: prefixes by prefix, proxy entries and reserved ports by the journal, the steering program by its ranges.
 *
 * Return: 0; -errno: some may have been added, and host_narrow() with the present plan takes it back.
 * Context: CAP_NET_ADMIN (and CAP_BPF for a shared pool).
 */
MUST_CHECK int host_widen(struct host *h, const struct host_plan *plan, char *fault, size_t fault_size);

/**
 * host_narrow() - leave in the host what @plan needs, and nothing else
 *
 * What cannot be taken away is logged and stays until host_down(): it does no harm, since the translator drops what it
 * does not know or gives it back to the host.
 */
void host_narrow(struct host *h, const struct host_plan *plan);

/**
 * host_mend() - put back what the kernel has forgotten because a link went down: answers to ARP and neighbour solicitations
 *
 * To be called when interfaces change; what was put back is logged. Return: 0 or -errno.
 */
MUST_CHECK int host_mend(struct host *h);

/** host_queue() - descriptor of TUN queue @i, owned by @h */
int host_queue(const struct host *h, unsigned i);

/**
 * host_keep() - have the TUN device outlive this process, if it is killed
 *
 * Packets that lead to it are dropped by it then, instead of being answered by errors. host_down() removes it all the same.
 *
 * Return: 0, also for a device that somebody else made persistent; -errno.
 */
MUST_CHECK int host_keep(struct host *h);

/** host_journal() - where more changes may be written down, to be undone by host_down(); owned by @h */
struct journal *host_journal(const struct host *h);

/** host_words() - descriptor of what several workers and the kernel's program share (queue.h), owned by @h; -1: one worker */
int host_words(const struct host *h);

void host_status(const struct host *h, struct host_status *ret);

/* One line of `isthmus check --host`. */
enum finding_level { FINDING_OK, FINDING_NOTE, FINDING_MISSING };
struct finding {
	enum finding_level level;
	char what[96];	/* "TUN device" */
	char text[256]; /* "/dev/net/tun is missing: load the module with `modprobe tun`" */
};

/**
 * host_check() - what this machine has and lacks; changes nothing
 * @add:	called once per finding, in the order in which an operator should read them
 *
 * Return: number of findings of level FINDING_MISSING.
 */
unsigned host_check(
	const struct nat64_config *nat64, void (*add)(void *ctx, const struct finding *f), void *ctx);

#endif
