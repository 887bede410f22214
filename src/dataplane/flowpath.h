/*
 * flowpath.h - the programs that translate packets of known flows where they come in (bpf/flow.bpf.c)
 *
 * Made and kept by the supervisor. The translator gets descriptors of the tables and writes them (src/nat64/flowcache.h);
 * what the programs know of the host is written from here only.
 */
#ifndef ISTHMUS_DATAPLANE_FLOWPATH_H
#define ISTHMUS_DATAPLANE_FLOWPATH_H

#include "base/clock.h"
#include "dataplane/fault.h"
#include "dataplane/firewall.h"
#include "dataplane/journal.h"
#include "dataplane/netlink.h"
#include "state/owner.h"

#include <net/if.h>

#define FLOWPATH_FDS                                                                                         \
	6 /* flows64, flows46, pairs, head, tallies, up_bells; then the rings of the workers, if there are any */
#define FLOWPATH_FDS_MAX (FLOWPATH_FDS + OWNERS_MAX)
#define FLOWPATH_NAMED_MAX 32
#define FLOWPATH_TAKEN_MAX 16
#define FLOWPATH_REASON 320
#define FLOWPATH_RENEW (6 * NSEC) /* see flowpath_exits_renew() */
#define FLOWPATH_BPFFS "/sys/fs/bpf"

enum flowpath_wanted { FLOWPATH_NOWHERE, FLOWPATH_AUTO, FLOWPATH_TC, FLOWPATH_XDP };
enum flowpath_way { FLOWPATH_WAY_AUTO, FLOWPATH_WAY_REDIRECT, FLOWPATH_WAY_ROUTE };

/* What may change while it is up; flowpath_change(). */
struct flowpath_wish {
	enum flowpath_wanted wanted;
	enum flowpath_way way;
	char named[FLOWPATH_NAMED_MAX][IF_NAMESIZE]; /* where; none: everywhere */
	unsigned named_len;
	char taken[FLOWPATH_TAKEN_MAX][IF_NAMESIZE]; /* whose XDP is for another program of ours */
	unsigned taken_len;
	bool trusts_pairs; /* XDP on virtual pairs too; see flowpath_choice.c */
};

struct flowpath_plan {
	char device[IF_NAMESIZE]; /* the TUN device, which is there */
	struct journal *journal;  /* borrowed */
	uint32_t flows, pairs;	  /* room for so many; rounded up to what the tables can have */
	unsigned workers;	  /* of the translator */
	int words;		  /* of queue_steer(), borrowed; -1: there are none */
	bool without_links;	  /* do as if the kernel had no links for tc; for tests */
	struct flowpath_wish wish;
};

enum flowpath_mode { FLOWPATH_DETACHED, FLOWPATH_AT_TC, FLOWPATH_AT_XDP };

/* One interface that is looked at, as it is now. */
struct flowpath_interface {
	unsigned index;
	char name[IF_NAMESIZE];
	enum flowpath_mode mode;   /* with XDP, tc has it too */
	char why[FLOWPATH_REASON]; /* it is not XDP, if that was asked for, or nothing at all; else "" */
};

struct flowpath_status {
	uint32_t flows, pairs; /* room */
	bool is_route;
	bool is_clear; /* redirected, and the host would do nothing else with it: so are first packets */
	char why_way[FLOWPATH_REASON]; /* how it came to be that; a clause */
	char why_rest[FLOWPATH_REASON]; /* no interface has it for now; else "" */
	bool is_kept;		       /* by pins: it goes on while the gateway is dead */
	char why_not_kept[FLOWPATH_REASON];
	bool was_found; /* the tables are those of a gateway before */
	unsigned interfaces;
};

struct flowpath; /* opaque */

/**
 * flowpath_open() - load the programs, make or find their tables, and attach them
 *
 * A gateway that was killed leaves its tables and programs pinned where there is a bpffs. If they fit they are taken over:
 * flows go on meanwhile, and each interface's program is exchanged between two packets.
 *
 * Return: 0, also if some interface cannot have it (flowpath_interface() says why); -errno with a sentence in @f and
 * nothing attached.
 * Context: start-up; CAP_BPF and CAP_NET_ADMIN.
 */
MUST_CHECK int flowpath_open(const struct flowpath_plan *p, const struct fault *f, struct flowpath **ret);

/** flowpath_close() - take everything off the host, pins too; NULL is fine */
void flowpath_close(struct flowpath *f);

/** flowpath_sweep() - remove what a gateway that was killed left pinned for this device, if it will not be taken over */
void flowpath_sweep(const char *device);

/**
 * flowpath_probe() - load the programs, and attach one to the loopback of a fresh network namespace
 *
 * Return: 0; -EINVAL: they can be loaded, but tc has no links here (filters are used then); another -errno.
 */
MUST_CHECK int flowpath_probe(void);

/** flowpath_refusal() - in words, why the programs could not be loaded; @error: negative errno */
const char *flowpath_refusal(int error);

/** flowpath_undo() - take off a filter that the journal names */
void flowpath_undo(struct netlink *n, const struct change *c);

/** flowpath_fds() - what the translator is given, in its order, and how many; owned by @f */
unsigned flowpath_fds(const struct flowpath *f, int ret[static FLOWPATH_FDS_MAX]);

/** flowpath_change() - other wishes; flowpath_look() does what they ask */
void flowpath_change(struct flowpath *f, const struct flowpath_wish *wish);

/** flowpath_rules_changed(), flowpath_routes_changed() - the next look is to read them again */
void flowpath_rules_changed(struct flowpath *f);
void flowpath_routes_changed(struct flowpath *f);

/**
 * flowpath_exits_renew() - routes, rules or interfaces have changed: every flow is to look its way up anew; 0 or -errno
 *
 * flowpath_look() does it too. Unless one of both is called every FLOWPATH_RENEW, the programs take it that nobody listens, and
 * look up ways more often.
 */
MUST_CHECK int flowpath_exits_renew(struct flowpath *f);

/** flowpath_look() - look at interfaces and rules, and do what they ask; 0 or -errno, with the rest done */
MUST_CHECK int flowpath_look(struct flowpath *f);

/** flowpath_interface() - the @i-th interface; false: there are no more */
bool flowpath_interface(const struct flowpath *f, unsigned i, struct flowpath_interface *ret);

void flowpath_status(const struct flowpath *f, struct flowpath_status *ret);

#endif
