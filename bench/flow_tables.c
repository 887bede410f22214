/*
 * flow_tables.c - see flow_tables.h
 *
 * Flow number i is of the client 2001:db8::i, and has pool address and port of its own in 100.64.0.0/18. All are with one server. In a
 * hairpin the server is a pool address itself. Pairs are 2001:db8::i, which is 10.x.y.z by the same number, and one address outside of
 * prefix and pool.
 */
#include "flow_tables.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "abi.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#include "flow.skel.h"
#pragma GCC diagnostic pop

#define CLIENT_PORT 4000
#define SERVER_PORT 80
#define OTHER_PORT 81 /* of which there is no flow */
#define POOL_FIRST_PORT 1024
#define HEAD_KEY                                                                                             \
	{                                                                                                    \
		0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f                                                       \
	}

static const uint8_t prefix[16] = { 0x00, 0x64, 0xff, 0x9b }, client[16] = { 0x20, 0x01, 0x0d, 0xb8 },
		     beyond[16] = { 0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, [15] = 1 },
		     server[4] = { 198, 51, 100, 7 }, pool[4] = { 100, 64, 0, 0 },
		     pool_peer[4] = { 100, 64, 255, 1 };

static void be16(void *p, unsigned v)
{
	((uint8_t *)p)[0] = (uint8_t)(v >> 8);
	((uint8_t *)p)[1] = (uint8_t)v;
}

static void be32(void *p, uint32_t v)
{
	be16(p, v >> 16);
	be16((uint8_t *)p + 2, v);
}

/* As the supervisor has it. */
static uint32_t now_ms(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) < 0)
		die("the clock");
	return (uint32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000) | 1;
}

/* --- maps --- */

static uint32_t sets_of(const struct path *p, enum path_kind kind, uint32_t flows)
{
	if (p->kind == PATH_PAIR)
		return kind == PATH_PAIR ? flows : 1; /* two slots for each, one for each direction */
	return kind == PATH_PAIR ? 1 : flows / 2;
}

void tables_size(struct flow_bpf *b, const struct path *p, uint32_t flows)
{
	uint32_t sets = sets_of(p, PATH_FLOW, flows), pairs = sets_of(p, PATH_PAIR, flows);

	b->rodata->flows64_mask = b->rodata->flows46_mask = sets - 1;
	b->rodata->pairs_mask = pairs - 1;
	if (bpf_map__set_max_entries(b->maps.flows64, sets) < 0 ||
		bpf_map__set_max_entries(b->maps.flows46, sets) < 0 ||
		bpf_map__set_max_entries(b->maps.pairs, pairs) < 0 ||
		bpf_map__set_max_entries(b->maps.tallies, (uint32_t)libbpf_num_possible_cpus()) < 0)
		die("sizes of maps");
}

static void *map_memory(const struct bpf_map *m, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(m), 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/* --- entries; sums are not right here, and nobody looks at them --- */

static void flow_make(const struct path *p, uint32_t i, struct flow64_slot *a, struct flow46_slot *b)
{
	const uint8_t *peer = p->kind == PATH_HAIRPIN ? pool_peer : server;
	uint8_t proto = p->is_tcp ? 6 : 17;

	*a = (struct flow64_slot){ .epoch = 1, .proto = proto, .sum_addrs = 1 };
	*b = (struct flow46_slot){ .epoch = 1, .proto = proto, .sum_addrs = 1 };
	memcpy(a->in, client, 16);
	be32(a->in + 12, i);
	memcpy(&a->dst, peer, 4);
	be16(&a->sport, CLIENT_PORT);
	be16(&a->dport, SERVER_PORT);
	memcpy(&a->out, pool, 4);
	be16((uint8_t *)&a->out + 2, i >> AGAIN_PORT_BITS);
	be16(&a->out_port, POOL_FIRST_PORT + (i & ((1 << AGAIN_PORT_BITS) - 1)));
	memcpy(b->in, a->in, 16);
	b->in_port = a->sport;
	memcpy(&b->remote, peer, 4);
	b->remote_port = a->dport;
	b->out = a->out;
	b->out_port = a->out_port;
	if (p->kind != PATH_HAIRPIN)
		return;
	a->flags =
		FLOW_HAIRPIN; /* and the other slot is of who has the peer's address, to whom this flow is the remote end */
	b->remote = a->out;
	b->remote_port = a->out_port;
	b->out = a->dst;
	b->out_port = a->dport;
}

static void pair_make(uint32_t i, struct flow_pair *a, struct flow_pair *b)
{
	*a = (struct flow_pair){ .epoch = 1, .sum_addrs = 1 };
	memcpy(a->src6, client, 16);
	be32(a->src6 + 12, i);
	memcpy(a->dst6, beyond, 16);
	be32(&a->src4, AGAIN_PAIR_NET | i);
	memcpy(&a->dst4, server, 4);
	*b = (struct flow_pair){ .epoch = 1, .sum_addrs = 1, .is_46 = 1 };
	memcpy(b->src6, a->dst6, 16);
	memcpy(b->dst6, a->src6, 16);
	b->src4 = a->dst4;
	b->dst4 = a->src4;
}

/* Puts a slot into the first free place, as flow_table_claim() finds it; 0 if there is none. */
#define ENTER(sets, mask, hash, slot)                                                                        \
	({                                                                                                   \
		__typeof__(&(sets)->way[0]) at_ = NULL;                                                      \
		for (uint32_t n_ = 0; n_ < FLOW_HOMES * FLOW_WAYS; n_++) {                                   \
			at_ = &(sets)[flow_set_at(hash, n_ / FLOW_WAYS) & (mask)].way[flow_way(hash, n_)];   \
			if (at_->epoch == 0)                                                                 \
				break;                                                                       \
		}                                                                                            \
		int is_free_ = at_->epoch == 0;                                                              \
		if (is_free_)                                                                                \
			*at_ = (slot);                                                                       \
		is_free_;                                                                                    \
	})

static uint32_t enter_flows(const struct path *p, const struct flow_head *head, uint32_t flows,
	struct flow64_set *to64, struct flow46_set *to46, uint32_t *ret_placed)
{
	uint32_t mask = sets_of(p, PATH_FLOW, flows) - 1, placed = 0;
	struct flow64_slot a;
	struct flow46_slot b;

	for (uint32_t i = 0; i < flows; i++) {
		flow_make(p, i, &a, &b);
		uint64_t h64 = flow64_hash(head->key, &a), h46 = flow46_hash(head->key, &b);
		int has64 = ENTER(to64, mask, h64, a), has46 = ENTER(to46, mask, h46, b);

		if (p->kind == PATH_HAIRPIN ? has64 && has46 : p->is_6 ? has64 : has46)
			ret_placed[placed++] = i;
	}
	return placed;
}

static uint32_t enter_pairs(const struct path *p, const struct flow_head *head, uint32_t flows,
	struct flow_pair_set *to, uint32_t *ret_placed)
{
	uint32_t mask = sets_of(p, PATH_PAIR, flows) - 1, placed = 0;
	struct flow_pair a, b;

	for (uint32_t i = 0; i < flows; i++) {
		pair_make(i, &a, &b);
		uint64_t h64 = flow_pair_hash(head->key, &a), h46 = flow_pair_hash(head->key, &b);
		int has64 = ENTER(to, mask, h64, a), has46 = ENTER(to, mask, h46, b);

		if (p->is_6 ? has64 : has46)
			ret_placed[placed++] = i;
	}
	return placed;
}

static uint32_t enter(struct flow_bpf *b, const struct path *p, const struct flow_head *head, uint32_t flows,
	uint32_t *ret_placed)
{
	size_t sets = sets_of(p, PATH_FLOW, flows), pairs = sets_of(p, PATH_PAIR, flows);
	struct flow64_set *to64;
	struct flow46_set *to46;
	struct flow_pair_set *to;
	uint32_t placed;

	if (p->kind == PATH_PAIR) {
		to = map_memory(b->maps.pairs, pairs * sizeof(*to));
		placed = enter_pairs(p, head, flows, to, ret_placed);
		munmap(to, pairs * sizeof(*to));
		return placed;
	}
	to64 = map_memory(b->maps.flows64, sets * sizeof(*to64));
	to46 = map_memory(b->maps.flows46, sets * sizeof(*to46));
	placed = enter_flows(p, head, flows, to64, to46, ret_placed);
	munmap(to64, sets * sizeof(*to64));
	munmap(to46, sets * sizeof(*to46));
	return placed;
}

static void interfaces_fill(const struct flow_bpf *b)
{
	struct flow_interface i = { .is_on = 1, .takes_frames = 1 };
	uint32_t lo = 1, out = if_nametoindex("out0");

	if (bpf_map_update_elem(bpf_map__fd(b->maps.interfaces), &lo, &i, BPF_ANY) < 0 ||
		bpf_map_update_elem(bpf_map__fd(b->maps.interfaces), &out, &i, BPF_ANY) < 0)
		die("interfaces");
}

void tables_hear(struct flow_bpf *b)
{
	struct flow_host *host = map_memory(b->maps.host, sizeof(*host));

	host->exits_since = now_ms();
	munmap(host, sizeof(*host));
}

uint32_t tables_fill(struct flow_bpf *b, const struct path *p, uint32_t flows, uint32_t *ret_placed)
{
	struct flow_head *head = map_memory(b->maps.head, sizeof(*head));
	struct flow_host *host = map_memory(b->maps.host, sizeof(*host));
	uint32_t placed;

	*head = (struct flow_head){
		.key = HEAD_KEY, .epoch = 1, .lowest_ipv6_mtu = 1280, .has_pairs = p->kind == PATH_PAIR
	};
	memcpy(head->prefixes[0].addr, prefix, 16);
	head->prefixes[0].len = 96;
	memcpy(&head->pool, pool, 4);
	head->pool_mask = 0xff;
	*host = (struct flow_host){ .device = if_nametoindex("tun0"), .mode = FLOW_MODE_REDIRECT };
	placed = enter(b, p, head, flows, ret_placed);
	interfaces_fill(b);
	munmap(head, sizeof(*head));
	munmap(host, sizeof(*host));
	return placed;
}

/* --- frames --- */

static int is_outside(const struct path *p)
{
	return p->kind == PATH_PAIR || p->kind == PATH_FOREIGN;
}

static void put_6(const struct path *p, uint8_t *ip, uint32_t len)
{
	const uint8_t *peer = p->kind == PATH_HAIRPIN ? pool_peer : server;

	ip[0] = 0x60;
	be16(ip + 4, len);
	ip[6] = p->is_tcp ? 6 : 17;
	ip[7] = 64;
	memcpy(ip + 8, client, 16);
	memcpy(ip + 24, is_outside(p) ? beyond : prefix, 16);
	if (!is_outside(p))
		memcpy(ip + 36, peer, 4);
}

static void put_4(const struct path *p, uint8_t *ip, uint32_t len)
{
	ip[0] = 0x45;
	be16(ip + 2, 20 + len);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = p->is_tcp ? 6 : 17;
	memcpy(ip + 12, server, 4);
	if (is_outside(p))
		be32(ip + 16, AGAIN_PAIR_NET);
	else
		memcpy(ip + 16, pool, 4);
}

uint32_t frame_make(const struct path *p, uint8_t frame[static AGAIN_FRONT_MAX + TABLES_PAYLOAD])
{
	uint32_t len = (p->is_tcp ? 20 : 8) + TABLES_PAYLOAD, header = p->is_6 ? 40 : 20;
	unsigned port = p->kind == PATH_MISSING ? OTHER_PORT : SERVER_PORT;
	uint8_t *l4 = frame + 14 + header;

	memset(frame, 0, AGAIN_FRONT_MAX + TABLES_PAYLOAD);
	be16(frame + 12, p->is_6 ? 0x86dd : 0x0800);
	if (p->is_6)
		put_6(p, frame + 14, len);
	else
		put_4(p, frame + 14, len);
	be16(l4, p->is_6 ? CLIENT_PORT : port);
	be16(l4 + 2, p->is_6 ? port : POOL_FIRST_PORT);
	if (p->is_tcp) {
		l4[12] = 0x50;
		l4[13] = 0x10;
	} else {
		be16(l4 + 4, len);
		be16(l4 + 6, 0x1234);
	}
	return 14 + header + len;
}
