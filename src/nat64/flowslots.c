/* flowslots.c - what the slots of a session say, and the head: the pipeline's decisions in the terms of bpf/abi.h */
#include "nat64/flowworker.h"

#include "addr/embed.h"
#include "nat64/siit.h"
#include "xlat/checksum.h"

static const uint8_t number_of[PROTO_COUNT] = {
	[PROTO_TCP] = IPPROTO_TCP_NR,
	[PROTO_UDP] = IPPROTO_UDP_NR,
	[PROTO_ICMP] = IPPROTO4_ICMP,
};

static uint16_t wire16(uint16_t v)
{
	uint8_t bytes[2];
	uint16_t w;

	be16_put(bytes, v);
	bytes_copy(&w, bytes, sizeof(w));
	return w;
}

static uint32_t wire32(struct addr4 a)
{
	uint8_t bytes[4];
	uint32_t w;

	addr4_put(bytes, a);
	bytes_copy(&w, bytes, sizeof(w));
	return w;
}

/* A change as abi.h wants it, and the change back. */
struct change {
	uint16_t there, back;
};

static struct change change_of(csum from, csum to)
{
	return (struct change){ wire16(csum_fold(to + csum_less(from))),
		wire16(csum_fold(from + csum_less(to))) };
}

/* RFC 4443 s2.3: the sum of ICMPv6 has a pseudo-header, that of ICMPv4 has none. */
static struct change addresses_change(const struct session *e, const struct binding *b, struct addr6 remote6)
{
	csum v6 = csum_addr6(b->in) + csum_addr6(remote6);
	csum v4 = csum_addr4(b->out) + csum_addr4(e->remote);

	return b->proto == PROTO_ICMP ? change_of(v6 + IPPROTO6_ICMP, 0) : change_of(v6, v4);
}

bool flow_is_hairpin(const struct nat64 *n, const struct session *e, const struct binding *b)
{
	uint16_t port = b->proto == PROTO_ICMP ? b->out_port : e->remote_port;

	return state_pool_find(n->state, e->remote, port) >= 0;
}

void flow_slots_of(const struct nat64 *n, const struct session *e, const struct binding *b, uint16_t epoch,
	struct flow64_slot *ret64, struct flow46_slot *ret46)
{
	struct addr6 remote6 = embed_addr(n->cfg.prefixes[b->prefix], e->remote);
	struct change addrs = addresses_change(e, b, remote6);
	bool is_echo = b->proto == PROTO_ICMP;
	struct flow64_slot s = {
		.epoch = epoch,
		.flags = (uint16_t)((flow_is_hairpin(n, e, b) ? FLOW_HAIRPIN : 0) |
				    (e->tcp == TCP_V4_INIT ? FLOW_AWAITS_SYN : 0)),
		.dst = wire32(e->remote),
		.sport = wire16(b->in_port),
		.dport = wire16(is_echo ? b->in_port : e->remote_port),
		.proto = number_of[b->proto],
		.prefix = b->prefix,
		.out_port = wire16(b->out_port),
		.out = wire32(b->out),
		.sum_addrs = addrs.there,
	};
	struct flow46_slot t = {
		.epoch = epoch,
		.flags = e->tcp == TCP_V6_INIT ? FLOW_AWAITS_SYN : 0,
		.remote = s.dst,
		.out = s.out,
		.remote_port = wire16(is_echo ? b->out_port : e->remote_port),
		.out_port = s.out_port,
		.proto = s.proto,
		.prefix = s.prefix,
		.in_port = s.sport,
		.sum_addrs = addrs.back,
	};

	addr6_put(s.in, b->in);
	addr6_put(t.in, b->in);
	*ret64 = s;
	*ret46 = t;
}

/* Of both halves the less: what is between goes to the translator, which knows which of them it is. */
static unsigned lowest_mtu(const struct nat64_config *c)
{
	unsigned with = c->lowest_ipv6_mtu > 0 ? c->lowest_ipv6_mtu : IP6_MIN_MTU;
	unsigned without = c->siit.lowest_ipv6_mtu > 0 ? c->siit.lowest_ipv6_mtu : IP6_MIN_MTU;

	if (!nat64_is_stateful(c))
		return without;
	return siit_is_on(&c->siit) && without < with ? without : with;
}

struct flow_head flow_head_of(const struct nat64 *n)
{
	const struct nat64_config *c = &n->cfg;
	bool has_pairs = siit_is_on(&c->siit) && n->flows->maps->pair_sets > 0;
	struct flow_head h = { .has_pairs = has_pairs, .lowest_ipv6_mtu = lowest_mtu(c) };
	uint32_t first = c->state.pool_len > 0 ? c->state.pool[0].prefix.addr.v : UINT32_MAX;
	uint32_t mask = UINT32_MAX;

	for (unsigned i = 0; i < c->prefixes_len; i++) {
		if (c->prefixes[i].len > 96)
			continue; /* a number that no prefix has now (reload.c) */
		addr6_put(h.prefixes[i].addr, c->prefixes[i].addr);
		h.prefixes[i].len = c->prefixes[i].len;
	}
	for (unsigned i = 0; i < c->state.pool_len; i++) {
		const struct prefix4 *p = &c->state.pool[i].prefix;
		uint32_t fixed = p->len > 0 ? UINT32_MAX << (32 - p->len) : 0;

		mask &= fixed & ~(p->addr.v ^ first);
	}
	h.pool = wire32((struct addr4){ first & mask });
	h.pool_mask = wire32((struct addr4){ mask });
	return h;
}
