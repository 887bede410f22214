/* flowpath_parts.h - what flowpath.c is made of; private to the flowpath_*.c files, which flowpath.c tells about */
#ifndef ISTHMUS_DATAPLANE_FLOWPATH_PARTS_H
#define ISTHMUS_DATAPLANE_FLOWPATH_PARTS_H

#include "abi.h"
#include "dataplane/flowpath.h"

struct flow_bpf;

/* --- flowpath_choice.c: where a program goes; pure --- */

/* What is known of an interface. */
struct flowpath_facts {
	struct link link;
	bool has_xdp; /* the kernel tells what follows */
	struct link_xdp xdp;
	bool is_virtual; /* no hardware is behind it, or none that gains by XDP */
};

/** flowpath_is_fit() - whether packets to be translated can come in by it, if its name is not @device */
bool flowpath_is_fit(const struct link *l, const char *device, const struct flowpath_wish *w);

/** flowpath_is_bare() - whether its packets have no link header */
bool flowpath_is_bare(const struct link *l);

/**
 * flowpath_choose() - XDP or tc, for the @i-th of @len interfaces that are fit
 * @ret_why: why it is not XDP; FLOWPATH_REASON bytes; "" if that was never asked for
 */
enum flowpath_mode flowpath_choose(const struct flowpath_wish *w, const struct flowpath_facts *all,
	unsigned len, unsigned i, char ret_why[static FLOWPATH_REASON]);

/* --- flowpath_host.c --- */

/**
 * flowpath_host_write() - tell the programs what the host is like
 * @map:	descriptor of their map
 * @h:		all but exits_since, which is set: what was looked up before counts no more
 *
 * Return: 0 or -errno.
 */
MUST_CHECK int flowpath_host_write(int map, struct flow_host *h);

/* --- flowpath_way.c --- */

/* What is known of the host, as far as it need not be looked at again. */
struct flowpath_known {
	bool has_rules;	       /* else they are to be read */
	struct firewall rules; /* nftables */
	bool has_routes;       /* the same of these */
	bool has_policies;     /* IPsec; looked at each time */
	unsigned route_index;  /* interface of a route with an MTU of its own; 0: there is none */
};

/**
 * flowpath_way_choose() - fill @st's way, whether it rests, and why; 0, or -errno with all filled: something could not be found out
 */
MUST_CHECK int flowpath_way_choose(enum flowpath_way wish, struct netlink *n, unsigned device,
	struct flowpath_known *known, struct flowpath_status *st);

/* --- flowpath_pins.c: what outlives the process --- */

/* A directory of a bpffs; "": there is none. */
struct flowpath_pins {
	char path[128];
};

/** flowpath_pins_find() - where things of this device are pinned; @ret_why: why they cannot be, else "" */
void flowpath_pins_find(const char *device, struct flowpath_pins *ret, char ret_why[static FLOWPATH_REASON]);

/** flowpath_pins_take() - have the maps of @b be those that are pinned, if all fit; whether they do */
bool flowpath_pins_take(const struct flowpath_pins *p, struct flow_bpf *b);

/** flowpath_pins_keep() - pin the maps, which are new; 0 or -errno with nothing pinned */
MUST_CHECK int flowpath_pins_keep(const struct flowpath_pins *p, const struct flow_bpf *b);

/** flowpath_pins_link() - a link that is pinned for this interface, or -errno; @what is "tc" or "xdp" */
MUST_CHECK int flowpath_pins_link(const struct flowpath_pins *p, const char *what, unsigned index);
void flowpath_pins_link_keep(const struct flowpath_pins *p, const char *what, unsigned index, int link);
void flowpath_pins_link_drop(const struct flowpath_pins *p, const char *what, unsigned index);

/** flowpath_pins_trim() - unpin the links of interfaces that @is_wanted does not know */
void flowpath_pins_trim(
	const struct flowpath_pins *p, bool (*is_wanted)(void *ctx, unsigned index), void *ctx);

/** flowpath_pins_remove() - unpin everything, and remove the directory */
void flowpath_pins_remove(const struct flowpath_pins *p);

/* --- flowpath_up.c: packets to the translator past the TUN device --- */

struct flowpath_up {
	int rings[OWNERS_MAX]; /* owned; one for each worker */
	unsigned len;
};

/**
 * flowpath_up_prepare() - before loading: how many rings, and by what their workers are chosen; 0 or -errno
 * @words:	of queue_steer(), borrowed; -1: there are none
 */
MUST_CHECK int flowpath_up_prepare(struct flow_bpf *b, unsigned workers, int words);

/** flowpath_up_begin() - after loading: make them; 0, also if this kernel has none, or -errno, the rest being in its place */
MUST_CHECK int flowpath_up_begin(const struct flow_bpf *b, unsigned workers, struct flowpath_up *ret);
void flowpath_up_end(struct flowpath_up *u);

/* --- flowpath_seat.c: one interface --- */

struct flowpath_seat {
	struct flowpath_interface is;
	int tc, xdp;	 /* links; -1: none */
	bool has_filter; /* in the place of a tc link */
	bool is_wanted;	 /* in the present look */
};

/* What seats need to know. */
struct flowpath_attach {
	const struct flowpath_pins *pins;
	struct journal *journal;
	struct netlink *netlink;
	int ethernet, bare, xdp; /* programs */
	int first;		 /* that of the TUN device */
	bool *has_links;	 /* the kernel has links for tc, as far as is known; learned on the way */
};

void flowpath_seat_init(struct flowpath_seat *s, const struct link *l);

/** flowpath_seat_take() - attach, or leave, so that it is as @mode says; or less, with the reason in is.why */
void flowpath_seat_take(struct flowpath_seat *s, const struct flowpath_attach *a, const struct link *l,
	enum flowpath_mode mode, const char *why);

/** flowpath_seat_probe() - whether this interface takes a program by a link of tc; 0 or -errno */
MUST_CHECK int flowpath_seat_probe(const struct flowpath_attach *a, unsigned index);

/** flowpath_seat_take_device() - the same for the TUN device, whose program takes the first packets of flows past forwarding */
void flowpath_seat_take_device(struct flowpath_seat *s, const struct flowpath_attach *a, const struct link *l);

/** flowpath_seat_leave() - take it off the interface, which may be gone */
void flowpath_seat_leave(struct flowpath_seat *s, const struct flowpath_attach *a);

#endif
