/*
 * flowmodel.h - what bpf/flow.bpf.c does with the tables, in C: looks a packet up, translates it by what the slot says alone, and
 * notes it
 *
 * Packets take the way that they take in the kernel: first the model, and if it has no entry for them the translator.
 */
#ifndef ISTHMUS_TESTS_NAT64_FLOWMODEL_H
#define ISTHMUS_TESTS_NAT64_FLOWMODEL_H

#include "bench.h"

#include "nat64/flowcache.h"
#include "xlat/checksum.h"
#include "xlat/xlat.h"

struct flowmodel {
	struct flow_maps maps;
	struct flow_head head;
	struct flow_tallies tallies[2];
	uint64_t hits, misses;
};

static inline void *lines_new(uint32_t sets)
{
	size_t bytes = (sets > 0 ? sets : 1) * sizeof(struct flow64_set);
	void *at = aligned_alloc(sizeof(struct flow64_slot), bytes);

	REQUIRE(at);
	bytes_zero(at, bytes);
	return at;
}

static inline struct flowmodel *flowmodel_new(uint32_t sets, uint32_t pair_sets)
{
	struct flowmodel *m = aligned_alloc(64, (sizeof(*m) + 63) / 64 * 64);

	REQUIRE(m);
	bytes_zero(m, sizeof(*m));
	m->head.key[0] = UINT64_C(0x9e3779b97f4a7c15);
	m->head.key[1] = 77;
	m->maps = (struct flow_maps){
		.flows64 = lines_new(sets),
		.sets64 = sets,
		.flows46 = lines_new(sets),
		.sets46 = sets,
		.pairs = lines_new(pair_sets),
		.pair_sets = pair_sets,
		.head = &m->head,
		.tallies = m->tallies,
		.processors = ARRAY_LEN(m->tallies),
	};
	REQUIRE(flow_claims_new(&m->maps, FLOW_START_EMPTY) == 0);
	return m;
}

static inline void flowmodel_free(struct flowmodel *m)
{
	flow_claims_free(&m->maps);
	free(m->maps.flows64);
	free(m->maps.flows46);
	free(m->maps.pairs);
	free(m);
}

static inline uint16_t wire_of(uint16_t host)
{
	uint16_t w;

	be16_put((uint8_t *)&w, host);
	return w;
}

static inline uint16_t host_of(uint16_t wire)
{
	return be16_at((const uint8_t *)&wire);
}

static inline uint32_t wire4_of(struct addr4 a)
{
	uint32_t w;

	addr4_put((uint8_t *)&w, a);
	return w;
}

static inline struct addr4 host4_of(uint32_t wire)
{
	return addr4_at((const uint8_t *)&wire);
}

static inline uint8_t flowmodel_proto(const struct view *v)
{
	return v->kind == L4_ICMP_QUERY ? IPPROTO4_ICMP : v->next;
}

static inline unsigned flowmodel_row(const struct view *v)
{
	return v->kind == L4_TCP ? FLOW_TCP : v->kind == L4_UDP ? FLOW_UDP : FLOW_ICMP;
}

/* Why the packet goes up before any look-up; FLOW_UP_COUNT: it does not. */
static inline enum flow_up flowmodel_refuses(const struct flowmodel *m, const struct pkt *p)
{
	const struct view *v = &p->v;

	if (m->head.epoch == 0)
		return FLOW_UP_OFF;
	if (v->kind != L4_TCP && v->kind != L4_UDP && v->kind != L4_ICMP_QUERY)
		return FLOW_UP_PROTOCOL;
	if (v->is_fragment || v->has_frag_header)
		return FLOW_UP_FRAGMENT;
	if (v->l4_off != (v->version == 6 ? IP6_HDR_LEN : IP4_HDR_LEN))
		return FLOW_UP_OPTIONS;
	if (v->hop_limit < 2)
		return FLOW_UP_HOP_LIMIT;
	if (v->kind == L4_TCP && (v->tcp_flags & (TCP_FIN | TCP_RST)))
		return FLOW_UP_TCP_FLAGS;
	if (v->kind == L4_UDP && be16_at(p->data + v->l4_off + UDP_CSUM_AT) == 0)
		return FLOW_UP_CHECKSUM;
	if (v->version == 4 && !v->df && p->len + 20 > m->head.lowest_ipv6_mtu)
		return FLOW_UP_TOO_BIG;
	return FLOW_UP_COUNT;
}

static inline struct flow64_slot *flowmodel_find64(struct flowmodel *m, const struct view *v)
{
	for (unsigned i = 0; i < FLOW_PREFIXES_MAX && m->maps.sets64 > 0; i++) {
		const struct flow_prefix *fp = &m->head.prefixes[i];
		struct prefix6 prefix = { addr6_at(fp->addr), (uint8_t)fp->len };
		struct addr4 dst;

		if (fp->len == 0 || !prefix6_contains(prefix, v->dst6) ||
			embed_extract(prefix, v->dst6, &dst) != 0)
			continue;
		struct flow64_slot key = { .dst = wire4_of(dst),
			.sport = wire_of(v->sport),
			.dport = wire_of(v->dport),
			.proto = flowmodel_proto(v),
			.prefix = (uint8_t)i };

		addr6_put(key.in, v->src6);
		uint64_t hash = flow64_hash(m->head.key, &key);

		for (unsigned w = 0; w < FLOW_HOMES * FLOW_WAYS; w++) {
			uint32_t set = flow_set_at(hash, w / FLOW_WAYS) & (m->maps.sets64 - 1);
			struct flow64_slot *s = &m->maps.flows64[set].way[w % FLOW_WAYS];

			if (s->sequence % 2 == 0 && s->epoch == m->head.epoch && s->dst == key.dst &&
				s->sport == key.sport && s->dport == key.dport && s->proto == key.proto &&
				s->prefix == key.prefix && memcmp(s->in, key.in, 16) == 0)
				return s;
		}
	}
	return NULL;
}

static inline struct flow46_slot *flowmodel_find46(struct flowmodel *m, const struct flow46_slot *key)
{
	if (m->maps.sets46 == 0)
		return NULL;
	uint64_t hash = flow46_hash(m->head.key, key);

	for (unsigned w = 0; w < FLOW_HOMES * FLOW_WAYS; w++) {
		uint32_t set = flow_set_at(hash, w / FLOW_WAYS) & (m->maps.sets46 - 1);
		struct flow46_slot *s = &m->maps.flows46[set].way[w % FLOW_WAYS];

		if (s->sequence % 2 == 0 && s->epoch == m->head.epoch && s->remote == key->remote &&
			s->out == key->out && s->remote_port == key->remote_port &&
			s->out_port == key->out_port && s->proto == key->proto)
			return s;
	}
	return NULL;
}

static inline struct flow_pair *flowmodel_find_pair(struct flowmodel *m, const struct view *v)
{
	struct flow_pair key = { .is_46 = v->version == 4 };

	if (m->maps.pair_sets == 0 || !m->head.has_pairs)
		return NULL;
	if (key.is_46) {
		key.src4 = wire4_of(v->src4);
		key.dst4 = wire4_of(v->dst4);
	} else {
		addr6_put(key.src6, v->src6);
		addr6_put(key.dst6, v->dst6);
	}
	uint64_t hash = flow_pair_hash(m->head.key, &key);

	for (unsigned w = 0; w < FLOW_HOMES * FLOW_WAYS; w++) {
		uint32_t set = flow_set_at(hash, w / FLOW_WAYS) & (m->maps.pair_sets - 1);
		struct flow_pair *s = &m->maps.pairs[set].way[w % FLOW_WAYS];
		bool is_same =
			key.is_46 ? s->src4 == key.src4 && s->dst4 == key.dst4
				  : memcmp(s->src6, key.src6, 16) == 0 && memcmp(s->dst6, key.dst6, 16) == 0;

		if (s->sequence % 2 == 0 && s->epoch == m->head.epoch && s->is_46 == key.is_46 && is_same)
			return s;
	}
	return NULL;
}

static inline uint16_t flowmodel_field(const struct pkt *p)
{
	static const uint8_t at[] = { [L4_TCP] = 16, [L4_UDP] = UDP_CSUM_AT, [L4_ICMP_QUERY] = 2 };

	return be16_at(p->data + p->v.l4_off + at[p->v.kind]);
}

/* RFC 1624 eqn. 3 with the sums of a slot, as the program does it. */
static inline uint16_t flowmodel_sum(const struct pkt *before, uint16_t addrs, uint16_t ports)
{
	const struct view *v = &before->v;
	csum sum = (csum)host_of(addrs) + host_of(ports);

	if (v->kind == L4_ICMP_QUERY) {
		bool is_6 = v->version == 6;
		uint16_t type = (uint16_t)(before->data[v->l4_off] << 8);
		uint8_t other = is_6 ? (v->icmp_type == 128 ? 8 : 0) : (v->icmp_type == 8 ? 128 : 129);

		sum += is_6 ? (uint16_t)~v->l4_len : (uint16_t)v->l4_len;
		sum = csum_sub16(csum_add16(sum, (uint16_t)(other << 8)), type);
	}
	uint16_t field = csum_update(flowmodel_field(before), sum);

	return field == 0 && v->kind == L4_UDP ? UINT16_MAX : field; /* RFC 768 */
}

/* What a sum grows by if one port, as it lies in a slot, becomes another. */
static inline uint16_t flowmodel_port_sum(uint16_t from, uint16_t to)
{
	return csum_fold((csum)(uint16_t)~from + to);
}

static inline uint32_t flowmodel_ms(nsec now)
{
	return (uint32_t)(now / MSEC);
}

static inline bool flowmodel_64(struct flowmodel *m, struct pkt *p, const struct flow64_slot *s)
{
	struct pkt before = *p;
	static uint8_t bytes[CRAFT_MAX];
	struct xlat_to4 to = { .outer = { .src = host4_of(s->out),
				       .dst = host4_of(s->dst),
				       .sport = host_of(s->out_port),
				       .dport = p->v.kind == L4_ICMP_QUERY ? host_of(s->out_port)
									   : host_of(s->dport) } };

	(void)m;
	before.data = bytes;
	bytes_copy(bytes, p->data, p->len);
	REQUIRE(xlat_64(p, &to, 0) == DROP_NONE);
	CHECK_INT(flowmodel_sum(&before, s->sum_addrs, flowmodel_port_sum(s->sport, s->out_port)),
		flowmodel_field(p));
	return true;
}

static inline bool flowmodel_46(struct flowmodel *m, struct pkt *p, const struct flow46_slot *s)
{
	struct pkt before = *p;
	static uint8_t bytes[CRAFT_MAX];
	const struct flow_prefix *fp = &m->head.prefixes[s->prefix];
	struct prefix6 prefix = { addr6_at(fp->addr), (uint8_t)fp->len };
	struct xlat_to6 to = { .outer = { .src = embed_addr(prefix, host4_of(s->remote)),
				       .dst = addr6_at(s->in),
				       .sport = p->v.kind == L4_ICMP_QUERY ? host_of(s->in_port)
									   : host_of(s->remote_port),
				       .dport = host_of(s->in_port) } };

	before.data = bytes;
	bytes_copy(bytes, p->data, p->len);
	REQUIRE(xlat_46(p, &to) == DROP_NONE);
	CHECK_INT(flowmodel_sum(&before, s->sum_addrs, flowmodel_port_sum(s->out_port, s->in_port)),
		flowmodel_field(p));
	return true;
}

static inline void flowmodel_key46(const struct view *v, struct flow46_slot *ret)
{
	*ret = (struct flow46_slot){ .remote = wire4_of(v->src4),
		.out = wire4_of(v->dst4),
		.remote_port = wire_of(v->sport),
		.out_port = wire_of(v->dport),
		.proto = flowmodel_proto(v) };
}

/* RFC 6146 s3.8: both slots must be there, else the packet goes up as it came. */
static inline struct flow46_slot *flowmodel_hairpin(
	struct flowmodel *m, const struct view *v, const struct flow64_slot *s)
{
	bool is_echo = v->kind == L4_ICMP_QUERY;

	return flowmodel_find46(m, &(struct flow46_slot){ .remote = s->out,
					   .out = s->dst,
					   .remote_port = s->out_port,
					   .out_port = is_echo ? s->out_port : s->dport,
					   .proto = s->proto });
}

/* A SYN passes where one is awaited, and is noted. */
static inline bool flowmodel_passes_syn(const struct view *v, uint16_t *flags)
{
	if (v->kind != L4_TCP || !(v->tcp_flags & TCP_SYN))
		return true;
	if (!(*flags & FLOW_AWAITS_SYN))
		return false;
	*flags |= FLOW_SAW_SYN;
	return true;
}

static inline void flowmodel_note64(
	struct flowmodel *m, struct flow64_slot *s, unsigned row, uint32_t len, nsec now)
{
	s->seen = flowmodel_ms(now);
	s->pkts++;
	s->bytes += len;
	m->tallies[0].pkts[FLOW_64][row]++;
	m->tallies[0].bytes[FLOW_64][row] += len;
}

static inline void flowmodel_note46(
	struct flowmodel *m, struct flow46_slot *s, unsigned row, uint32_t len, nsec now)
{
	s->seen = flowmodel_ms(now);
	s->pkts++;
	s->bytes += len;
	m->tallies[1].pkts[FLOW_46][row]++;
	m->tallies[1].bytes[FLOW_46][row] += len;
}

static inline bool flowmodel_state64(struct flowmodel *m, struct pkt *p, nsec now)
{
	struct flow64_slot *s = flowmodel_find64(m, &p->v);
	struct flow46_slot *t = NULL;
	unsigned row = flowmodel_row(&p->v);

	if (!s || (!(s->flags & FLOW_HAIRPIN) && !flowmodel_passes_syn(&p->v, &s->flags)))
		return false;
	if (s->flags & FLOW_HAIRPIN) {
		if (p->v.kind == L4_TCP && (p->v.tcp_flags & TCP_SYN))
			return false;
		t = flowmodel_hairpin(m, &p->v, s);
		if (!t || p->v.hop_limit < 3)
			return false;
	}
	flowmodel_note64(m, s, row, p->len, now);
	flowmodel_64(m, p, s);
	if (!t)
		return true;
	m->tallies[0].hairpins++;
	flowmodel_note46(m, t, row, p->len, now);
	return flowmodel_46(m, p, t);
}

static inline bool flowmodel_state46(struct flowmodel *m, struct pkt *p, nsec now)
{
	struct flow46_slot key;

	flowmodel_key46(&p->v, &key);
	struct flow46_slot *t = flowmodel_find46(m, &key);

	if (!t || !flowmodel_passes_syn(&p->v, &t->flags))
		return false;
	flowmodel_note46(m, t, flowmodel_row(&p->v), p->len, now);
	return flowmodel_46(m, p, t);
}

static inline bool flowmodel_stateless(struct flowmodel *m, struct pkt *p, nsec now)
{
	struct flow_pair *s = flowmodel_find_pair(m, &p->v);
	enum flow_direction dir = p->v.version == 6 ? FLOW_64 : FLOW_46;
	unsigned row = flowmodel_row(&p->v);

	if (!s)
		return false;
	s->seen = flowmodel_ms(now);
	m->tallies[0].stateless_pkts[dir][row]++;
	m->tallies[0].stateless_bytes[dir][row] += p->len;
	bool is_echo = p->v.kind == L4_ICMP_QUERY;
	struct pkt before = *p;
	static uint8_t bytes[CRAFT_MAX];

	before.data = bytes;
	bytes_copy(bytes, p->data, p->len);
	if (dir == FLOW_64) {
		struct xlat_to4 to = { .outer = { host4_of(s->src4), host4_of(s->dst4), p->v.sport,
					       p->v.dport } };

		REQUIRE(xlat_64(p, &to, 0) == DROP_NONE);
	} else {
		struct xlat_to6 to = { .outer = { addr6_at(s->src6), addr6_at(s->dst6), p->v.sport,
					       p->v.dport } };

		REQUIRE(xlat_46(p, &to) == DROP_NONE);
	}
	if (!is_echo)
		CHECK_INT(flowmodel_sum(&before, s->sum_addrs, 0), flowmodel_field(p));
	return true;
}

/** flowmodel_take() - translate a packet that was parsed; false, and unchanged, if it is the translator's */
static inline bool flowmodel_take(struct flowmodel *m, struct pkt *p, nsec now)
{
	enum flow_up up = flowmodel_refuses(m, p);

	if (up == FLOW_UP_COUNT &&
		((p->v.version == 6 ? flowmodel_state64(m, p, now) : flowmodel_state46(m, p, now)) ||
			flowmodel_stateless(m, p, now))) {
		m->hits++;
		return true;
	}
	m->tallies[0].up[up == FLOW_UP_COUNT ? FLOW_UP_NO_ENTRY : up]++;
	m->misses++;
	return false;
}

/** flowmodel_send() - send b->in by the programs and, if they do not take it, by the translator; as send_plain() */
static inline enum verdict flowmodel_send(struct flowmodel *m, struct bench *b)
{
	struct pkt p = {
		.head = b->in.memory,
		.data = craft_data(&b->in),
		.len = (uint32_t)b->in.len,
		.end = b->in.memory + sizeof(b->in.memory),
	};

	b->sent = 0;
	if (pkt_parse(&p) == DROP_NONE && flowmodel_take(m, &p, b->now)) {
		capture(b, &p);
		return VERDICT_SEND;
	}
	return put_more(b, (struct offload){ 0 });
}

#endif
