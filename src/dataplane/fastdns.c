/*
 * fastdns.c - loading, attaching and feeding the XDP program of bpf/dns.bpf.c
 *
 * Purpose. See fastdns.h.
 *
 * Structure. The program is attached by a link (BPF_LINK_CREATE, Linux 5.9): the kernel takes it off with the last
 * descriptor, so nothing is left on the host however this process ends, and nothing is written into the journal. What the
 * program reads of the host is three maps: the addresses at which the resolver is asked (@dns_local_key), the
 * interfaces with their hardware addresses (@dns_interface), and the clients (@dns_client_key).
 *
 * Modes. The driver runs the program (native) or, where it cannot, the kernel does for it (generic), later and slower. On a
 * veth the driver could, but a frame that it turns around is lost unless the other end takes such frames, which cannot be
 * seen from here; so a veth gets the generic mode. The loopback device is refused: what is sent to an address of the host
 * itself needs no wire.
 *
 * Life cycle. fastdns_open(), then fastdns_look() whenever the kernel tells that something has changed: an interface that
 * appears gets the program, one that is made anew gets it again. fastdns_close() ends it all.
 *
 * Limits. DNS_LOCALS_MAX addresses times ports; link-local addresses are left out, for they need their interface to mean
 * anything.
 */
#include "dataplane/fastdns.h"

#include "abi.h"
#include "base/bytes.h"
#include "dataplane/netlink.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <unistd.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#include "dns.skel.h"
#pragma GCC diagnostic pop

#define FAMILY_BITS 32 /* of a client's key, before the address */

_Static_assert(
	FASTDNS_INTERFACES_MAX <= DNS_INTERFACES_MAX && FASTDNS_LISTEN_MAX <= DNS_PORTS_MAX, "all fit");

/* One interface of the plan. */
struct seat {
	struct fastdns_interface is;
	unsigned index; /* that the program is attached to; 0: none */
	int link;
	bool is_seen; /* in the present look */
};

struct fastdns {
	struct dns_bpf *bpf;
	struct netlink *netlink;
	struct fastdns_plan plan;
	struct seat seats[FASTDNS_INTERFACES_MAX];
};

/* --- loading --- */

static void put_ports(struct dns_bpf *b, const struct fastdns_plan *p)
{
	for (unsigned i = 0; i < p->listen_len; i++)
		b->rodata->ports[i] = htons(p->listen[i].port);
	b->rodata->ports_len = p->listen_len;
}

static int put_head(const struct dns_bpf *b, unsigned processors)
{
	uint32_t zero = 0;
	struct dns_head head = { .processors = processors };

	return bpf_map_update_elem(bpf_map__fd(b->maps.head), &zero, &head, BPF_ANY) < 0 ? -errno : 0;
}

static int program_load(const struct fastdns_plan *p, struct dns_bpf **ret)
{
	libbpf_set_print(NULL); /* what it would print we say in one sentence */
	int processors = libbpf_num_possible_cpus();
	struct dns_bpf *b = dns_bpf__open();

	if (!b)
		return -errno;
	put_ports(b, p);
	int r = processors < 0 ? processors : bpf_map__set_max_entries(b->maps.tallies, (uint32_t)processors);

	if (r == 0)
		r = dns_bpf__load(b);
	if (r == 0)
		r = put_head(b, (unsigned)processors);
	if (r < 0) {
		dns_bpf__destroy(b);
		return r;
	}
	*ret = b;
	return 0;
}

static int fault_of_load(const struct fault *f, int error)
{
	const char *why =
		error == -EPERM	   ? "CAP_BPF and CAP_NET_ADMIN are needed, and eBPF must not be locked down"
		: error == -EACCES ? "this kernel's verifier refuses it; Linux 5.15 or newer is needed"
				   : strerror(-error);

	return fault_say(f, error, "cannot load the XDP program of dns64.fastpath (%s)", why);
}

int fastdns_open(const struct fastdns_plan *p, const struct fault *f, struct fastdns **ret)
{
	struct fastdns *d = calloc(1, sizeof(*d));

	if (!d)
		return fault_say(f, -ENOMEM, "out of memory");
	ASSERT(p->interfaces_len <= FASTDNS_INTERFACES_MAX && p->listen_len <= FASTDNS_LISTEN_MAX);
	d->plan = *p;
	for (unsigned i = 0; i < p->interfaces_len; i++) {
		text_copy(d->seats[i].is.name, IF_NAMESIZE, p->interfaces[i]);
		d->seats[i].link = -1;
	}
	int r = program_load(p, &d->bpf);

	if (r < 0) {
		(void)fault_of_load(f, r);
	} else {
		r = netlink_open(&d->netlink);
		if (r == 0)
			r = fastdns_look(d);
		if (r < 0)
			(void)fault_say(f, r, "cannot look at interfaces and addresses: %s", strerror(-r));
	}
	if (r < 0) {
		fastdns_close(d);
		return r;
	}
	*ret = d;
	return 0;
}

static void seat_leave(struct seat *s)
{
	if (s->link >= 0)
		close(s->link);
	s->link = -1;
	s->index = 0;
	s->is.mode = FASTDNS_DETACHED;
}

void fastdns_close(struct fastdns *d)
{
	if (!d)
		return;
	for (unsigned i = 0; i < d->plan.interfaces_len; i++)
		seat_leave(&d->seats[i]);
	netlink_close(d->netlink);
	dns_bpf__destroy(d->bpf);
	free(d);
}

void fastdns_fds(const struct fastdns *d, int ret[static FASTDNS_FDS])
{
	ret[0] = bpf_map__fd(d->bpf->maps.slots);
	ret[1] = bpf_map__fd(d->bpf->maps.head);
	ret[2] = bpf_map__fd(d->bpf->maps.tallies);
}

void fastdns_switch(struct fastdns *d, bool is_on)
{
	__atomic_store_n(&d->bpf->bss->is_on, is_on, __ATOMIC_SEQ_CST);
}

bool fastdns_interface(const struct fastdns *d, unsigned i, struct fastdns_interface *ret)
{
	if (i >= d->plan.interfaces_len)
		return false;
	*ret = d->seats[i].is;
	return true;
}

/* --- maps that follow a list --- */

/* Deletes from a map what is not among @len keys of @size bytes, then puts those, with one value for all or one for each. */
struct list {
	const uint8_t *keys, *values;
	size_t key_size, value_size; /* value_size 0: the same value for all */
	unsigned len;
};

static bool list_has(const struct list *l, const void *key)
{
	for (unsigned i = 0; i < l->len; i++)
		if (bytes_equal(l->keys + i * l->key_size, key, l->key_size))
			return true;
	return false;
}

static int map_follow(int map, const struct list *l)
{
	uint8_t key[64], next[64];
	bool has_key = false;

	ASSERT(l->key_size <= sizeof(key));
	while (bpf_map_get_next_key(map, has_key ? key : NULL, next) == 0) {
		if (list_has(l, next)) {
			bytes_copy(key, next, l->key_size);
			has_key = true;
		} else if (bpf_map_delete_elem(map, next) < 0 && errno != ENOENT) {
			return -errno;
		}
	}
	for (unsigned i = 0; i < l->len; i++)
		if (bpf_map_update_elem(
			    map, l->keys + i * l->key_size, l->values + i * l->value_size, BPF_ANY) < 0)
			return -errno;
	return 0;
}

/* What is put into the map of clients. */
struct client_list {
	struct dns_client_key keys[DNS_CLIENTS_MAX];
	uint32_t values[DNS_CLIENTS_MAX];
};

static struct dns_client_key client_key(const struct fastdns_client *c)
{
	struct dns_client_key key = { .prefix_len = FAMILY_BITS + (c->is4 ? c->p4.len : c->p6.len),
		.family = htonl(c->is4 ? 4 : 6) };

	if (c->is4)
		be32_put(key.addr, c->p4.addr.v);
	else
		addr6_put(key.addr, c->p6.addr);
	return key;
}

int fastdns_clients(struct fastdns *d, const struct fastdns_client *clients, unsigned len)
{
	struct client_list *all = len <= DNS_CLIENTS_MAX ? calloc(1, sizeof(*all)) : NULL;

	if (!all)
		return len <= DNS_CLIENTS_MAX ? -ENOMEM : -E2BIG;
	for (unsigned i = 0; i < len; i++) {
		all->keys[i] = client_key(&clients[i]);
		all->values[i] = clients[i].is_allowed ? clients[i].view + 1 : 0;
	}
	const struct list l = { (const uint8_t *)all->keys, (const uint8_t *)all->values,
		sizeof(all->keys[0]), sizeof(all->values[0]), len };
	int r = map_follow(bpf_map__fd(d->bpf->maps.clients), &l);

	free(all);
	return r;
}

/* --- addresses --- */

struct locals {
	const struct fastdns_plan *plan;
	struct dns_local_key keys[DNS_LOCALS_MAX];
	unsigned len;
};

static void local_add(struct locals *to, const struct dns_local_key *key)
{
	for (unsigned i = 0; i < to->len; i++)
		if (bytes_equal(&to->keys[i], key, sizeof(*key)))
			return;
	if (to->len < DNS_LOCALS_MAX)
		to->keys[to->len++] = *key;
}

static bool is_loopback4(struct addr4 a)
{
	return a.v >> 24 == 127; /* RFC 1122 s3.2.1.3 (g) */
}

static void on_addr4(void *ctx, const struct link_addr4 *a)
{
	struct locals *to = ctx;

	for (unsigned i = 0; i < to->plan->listen_len && !is_loopback4(a->addr); i++) {
		const struct fastdns_listen *l = &to->plan->listen[i];
		struct dns_local_key key = { .port = htons(l->port), .family = 4 };

		if (!l->is4 || (l->a4.v != 0 && !addr4_eq(l->a4, a->addr)))
			continue;
		be32_put(key.addr, a->addr.v);
		local_add(to, &key);
	}
}

static void on_addr6(void *ctx, const struct link_addr6 *a)
{
	struct locals *to = ctx;

	for (unsigned i = 0; i < to->plan->listen_len && a->is_global; i++) {
		const struct fastdns_listen *l = &to->plan->listen[i];
		struct dns_local_key key = { .port = htons(l->port), .family = 6 };

		if (l->is4 || ((l->a6.hi | l->a6.lo) != 0 && !addr6_eq(l->a6, a->addr)))
			continue;
		addr6_put(key.addr, a->addr);
		local_add(to, &key);
	}
}

static int look_addresses(struct fastdns *d)
{
	struct locals *found = calloc(1, sizeof(*found));
	uint32_t one = 1;

	if (!found)
		return -ENOMEM;
	found->plan = &d->plan;
	int r = netlink_addrs4(d->netlink, on_addr4, found);

	if (r == 0)
		r = netlink_addrs6(d->netlink, on_addr6, found);
	if (r == 0) {
		const struct list l = { (const uint8_t *)found->keys, (const uint8_t *)&one,
			sizeof(found->keys[0]), 0, found->len };

		r = map_follow(bpf_map__fd(d->bpf->maps.locals), &l);
	}
	free(found);
	return r;
}

/* --- interfaces --- */

static int seat_try(struct fastdns *d, struct seat *s, unsigned index, enum fastdns_mode mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, options,
		.flags = mode == FASTDNS_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	int fd = bpf_link_create(bpf_program__fd(d->bpf->progs.isthmus_dns), (int)index, BPF_XDP, &options);

	if (fd < 0)
		return -errno;
	s->link = fd;
	s->index = index;
	s->is.mode = mode;
	s->is.fault[0] = '\0';
	return 0;
}

static void seat_fault(struct seat *s, const char *why)
{
	text_copy(s->is.fault, sizeof(s->is.fault), why);
}

static void seat_take(struct fastdns *d, struct seat *s, const struct link *l)
{
	int r = -EOPNOTSUPP;

	if (l->type != ARPHRD_ETHER) {
		seat_fault(s, (l->flags & IFF_LOOPBACK) ? "the loopback device needs no XDP"
							: "it is no Ethernet interface");
		return;
	}
	if (d->plan.prefers_native || strcmp(l->kind, "veth") != 0)
		r = seat_try(d, s, l->index, FASTDNS_NATIVE);
	if (r < 0 && r != -EBUSY && r != -EEXIST)
		r = seat_try(d, s, l->index, FASTDNS_GENERIC);
	if (r < 0)
		seat_fault(s, r == -EBUSY || r == -EEXIST ? "it has another XDP program" : strerror(-r));
}

struct link_look {
	struct fastdns *d;
	uint32_t keys[FASTDNS_INTERFACES_MAX];
	struct dns_interface values[FASTDNS_INTERFACES_MAX];
	unsigned len;
};

static void on_link(void *ctx, const struct link *l)
{
	struct link_look *look = ctx;

	for (unsigned i = 0; i < look->d->plan.interfaces_len; i++) {
		struct seat *s = &look->d->seats[i];

		if (strcmp(s->is.name, l->name) != 0)
			continue;
		s->is_seen = true;
		if (s->index != l->index) {
			seat_leave(s);
			seat_take(look->d, s, l);
		}
		if (s->index == 0)
			return;
		look->keys[look->len] = l->index;
		bytes_copy(look->values[look->len++].mac, l->hardware, sizeof(look->values[0].mac));
		return;
	}
}

static int look_interfaces(struct fastdns *d)
{
	struct link_look look = { .d = d };

	for (unsigned i = 0; i < d->plan.interfaces_len; i++)
		d->seats[i].is_seen = false;
	int r = netlink_links(d->netlink, on_link, &look);

	for (unsigned i = 0; r == 0 && i < d->plan.interfaces_len; i++) {
		if (d->seats[i].is_seen)
			continue;
		seat_leave(&d->seats[i]);
		seat_fault(&d->seats[i], "there is no such interface");
	}
	const struct list l = { (const uint8_t *)look.keys, (const uint8_t *)look.values,
		sizeof(look.keys[0]), sizeof(look.values[0]), look.len };

	return r < 0 ? r : map_follow(bpf_map__fd(d->bpf->maps.interfaces), &l);
}

int fastdns_look(struct fastdns *d)
{
	int r = look_interfaces(d);

	return r < 0 ? r : look_addresses(d);
}
