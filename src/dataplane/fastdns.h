/*
 * fastdns.h - the XDP program that gives the resolver's ready answers where queries come in (bpf/dns.bpf.c)
 *
 * Made and kept by the supervisor. The resolver gets descriptors of the table and writes it (src/dns64/offers.c); whom the
 * program may answer, and at which addresses, is written from here only.
 */
#ifndef ISTHMUS_DATAPLANE_FASTDNS_H
#define ISTHMUS_DATAPLANE_FASTDNS_H

#include "addr/addr.h"
#include "dataplane/fault.h"

#include <net/if.h>

#define FASTDNS_FDS 3 /* slots, head, tallies */
#define FASTDNS_INTERFACES_MAX 16
#define FASTDNS_LISTEN_MAX 16

/* An address that the resolver listens on; the unspecified one is every address of the host. */
struct fastdns_listen {
	bool is4;
	struct addr4 a4;
	struct addr6 a6;
	uint16_t port; /* host order */
};

/* Clients, and the view that they get. */
struct fastdns_client {
	bool is4, is_allowed;
	struct prefix4 p4;
	struct prefix6 p6;
	unsigned view;
};

struct fastdns_plan {
	char interfaces[FASTDNS_INTERFACES_MAX][IF_NAMESIZE];
	unsigned interfaces_len;
	struct fastdns_listen listen[FASTDNS_LISTEN_MAX];
	unsigned listen_len;
	bool prefers_native; /* on virtual pairs too, whose other end may not take what is turned around */
};

enum fastdns_mode { FASTDNS_DETACHED, FASTDNS_GENERIC, FASTDNS_NATIVE };

/* One interface, as it is now. */
struct fastdns_interface {
	char name[IF_NAMESIZE];
	enum fastdns_mode mode;
	char fault[128]; /* why it is detached; "" if it is not */
};

struct fastdns; /* opaque */

/**
 * fastdns_open() - load the program, switched off, and attach it to the interfaces that are there
 *
 * The kernel detaches it when the last descriptor is closed, also if the process is killed.
 *
 * Return: 0, also if an interface cannot have it (fastdns_interface() says why); -errno with a sentence in @f.
 * Context: start-up; CAP_BPF and CAP_NET_ADMIN.
 */
MUST_CHECK int fastdns_open(const struct fastdns_plan *p, const struct fault *f, struct fastdns **ret);
void fastdns_close(struct fastdns *d); /* NULL is fine */

/** fastdns_fds() - what the resolver is given, in its order; owned by @d */
void fastdns_fds(const struct fastdns *d, int ret[static FASTDNS_FDS]);

/** fastdns_switch() - have the program answer, or pass everything */
void fastdns_switch(struct fastdns *d, bool is_on);

/**
 * fastdns_clients() - put these in the place of all clients before
 *
 * The longest prefix that holds an address counts. Return: 0; -E2BIG, -errno: the program may know some of either list.
 * Context: while it is switched off.
 */
MUST_CHECK int fastdns_clients(struct fastdns *d, const struct fastdns_client *clients, unsigned len);

/** fastdns_look() - take over what has changed of the host's addresses and interfaces; 0 or -errno */
MUST_CHECK int fastdns_look(struct fastdns *d);

/** fastdns_interface() - number @i as the plan lists them; false past the last */
bool fastdns_interface(const struct fastdns *d, unsigned i, struct fastdns_interface *ret);

#endif
