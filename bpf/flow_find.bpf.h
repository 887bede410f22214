/*
 * flow_find.bpf.h - the tables of flows as the programs read them, and what they write there
 *
 * Part of flow.bpf.c, which tells the whole.
 */
#ifndef ISTHMUS_BPF_FLOW_FIND_H
#define ISTHMUS_BPF_FLOW_FIND_H

#include "flow_parse.bpf.h"

#define NS_PER_MS 1000000

/* Numbers of slots over both tables; the tables together have fewer than 2^30 sets. */
#define SLOT64(set, way) ((set) << 3 | (way))
#define SLOT46(set, way) ((set) << 3 | FLOW_WAYS | (way))

/* Numbers of sets less 1, as the maps have elements; set before loading, as those are. */
const volatile __u32 flows64_mask = 0;
const volatile __u32 flows46_mask = 0;
const volatile __u32 pairs_mask = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow64_set);
} flows64 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow46_set);
} flows46 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_pair_set);
} pairs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_head);
} head SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_tallies);
} tallies SEC(".maps");

/* What becomes of a packet, and where that is written down. */
struct change {
	__u32 is_6; /* the result is IPv6; else IPv4 */
	__u64 src6[2], dst6[2];
	__be32 src4, dst4;
	__be16 sport, dport; /* of an ICMP echo both are the identifier */
	__u8 hops;
	__u8 proto;	  /* of the result */
	__u16 type_code;  /* of an ICMP echo */
	__u32 sum_pseudo; /* what the transport's sum grows by, not folded: the pseudo-header */
	__u32 sum_rest;	  /* the same: the transport header itself */
	struct flow64_slot *slot64;
	struct flow46_slot *slot46;
	__u32 slot, sequence; /* what the slot is called in struct route; of a hairpin not used */
	__u16 *answered;      /* flags of the slot whose SYN this is; else NULL */
};

static __always_inline struct flow_tallies *my_tallies(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&tallies, &cpu);
}

static __always_inline void tally_up(__u32 why)
{
	struct flow_tallies *t = my_tallies();

	if (t && why < FLOW_UP_COUNT)
		t->up[why]++;
}

/* Reads before this are done before reads after it. */
static __always_inline void order_reads(void)
{
#ifdef READS_IN_ORDER
	barrier();
#else
	__u64 here = 0;

	(void)__sync_fetch_and_add(&here, 0);
#endif
}

/* What is read of a slot between these two is of one state of it if the second says so. */
static __always_inline __u32 slot_begin(const __u32 *sequence)
{
	__u32 now = *(const volatile __u32 *)sequence;

	order_reads();
	return now;
}

static __always_inline int slot_is_same(const __u32 *sequence, __u32 before)
{
	order_reads();
	return !(before & 1) && *(const volatile __u32 *)sequence == before;
}

/* --- look-ups: each fills the change and returns 1, or 0 if there is none --- */

static __always_inline int take_slot64(
	struct flow64_slot *s, const struct flow64_slot *key, __u32 epoch, struct change *c, __u16 *ret_flags)
{
	__u32 before = slot_begin(&s->sequence);

	if (*(const __u64 *)s->in != *(const __u64 *)key->in ||
		*(const __u64 *)(s->in + 8) != *(const __u64 *)(key->in + 8) ||
		*(const __u64 *)&s->dst != *(const __u64 *)&key->dst ||
		*(const __u16 *)&s->proto != *(const __u16 *)&key->proto || s->epoch != epoch)
		return 0;
	*ret_flags = s->flags;
	c->src4 = s->out;
	c->sport = s->out_port;
	c->sum_pseudo = s->sum_addrs;
	c->sum_rest = s->sum_ports;
	c->slot64 = s;
	c->sequence = before;
	return slot_is_same(&s->sequence, before);
}

static __always_inline int find64(
	const struct flow_head *h, const struct packet *p, struct change *c, __u16 *ret_flags)
{
	struct flow64_slot key = {
		.dst = p->dst4, .sport = p->sport, .dport = p->dport, .proto = p->proto, .prefix = p->prefix
	};
	struct flow64_set *set;
	__u32 at;

	__builtin_memcpy(key.in, p->src6, sizeof(key.in));
	at = (__u32)flow64_hash(h->key, &key) & flows64_mask;
	set = bpf_map_lookup_elem(&flows64, &at);
	if (!set)
		return 0;
	for (__u32 i = 0; i < FLOW_WAYS; i++)
		if (take_slot64(&set->way[i], &key, h->epoch, c, ret_flags)) {
			c->slot = SLOT64(at, i);
			return 1;
		}
	return 0;
}

static __always_inline int take_slot46(struct flow46_slot *s, const struct flow46_slot *key, __u32 epoch,
	struct change *c, __u8 *ret_prefix, __u16 *ret_flags)
{
	__u32 before = slot_begin(&s->sequence);

	if (*(const __u64 *)&s->remote != *(const __u64 *)&key->remote ||
		*(const __u32 *)&s->remote_port != *(const __u32 *)&key->remote_port ||
		s->proto != key->proto || s->epoch != epoch)
		return 0;
	c->dst6[0] = *(const __u64 *)s->in;
	c->dst6[1] = *(const __u64 *)(s->in + 8);
	c->dport = s->in_port;
	c->sum_pseudo += s->sum_addrs;
	c->sum_rest += s->sum_ports;
	*ret_prefix = s->prefix;
	*ret_flags = s->flags;
	c->slot46 = s;
	c->sequence = before;
	return slot_is_same(&s->sequence, before);
}

/* Adds to the sums, so that it can come after find64(). */
static __always_inline int find46(const struct flow_head *h, const struct flow46_slot *key, struct change *c,
	__u8 *ret_prefix, __u16 *ret_flags)
{
	__u32 at = (__u32)flow46_hash(h->key, key) & flows46_mask;
	__u32 sum_pseudo = c->sum_pseudo, sum_rest = c->sum_rest;
	struct flow46_set *set = bpf_map_lookup_elem(&flows46, &at);

	if (!set)
		return 0;
	for (__u32 i = 0; i < FLOW_WAYS; i++) {
		if (take_slot46(&set->way[i], key, h->epoch, c, ret_prefix, ret_flags)) {
			c->slot = SLOT46(at, i);
			return *ret_prefix < FLOW_PREFIXES_MAX;
		}
		c->sum_pseudo = sum_pseudo;
		c->sum_rest = sum_rest;
	}
	return 0;
}

/* --- one packet --- */

/* RFC 4443 s4.1 and s4.2 against RFC 792; the code stays. */
static __always_inline __u16 echo_turn(__u16 type_code, int to_6)
{
	__u8 *b = (__u8 *)&type_code;

	if (to_6)
		b[0] = b[0] == ECHO4 ? ECHO6 : ECHO6_REPLY;
	else
		b[0] = b[0] == ECHO6 ? ECHO4 : ECHO4_REPLY;
	return type_code;
}

static __always_inline void change_echo(struct change *c, const struct packet *p, int to_6)
{
	__be16 len = bpf_htons((__u16)p->l4_len);

	c->type_code = echo_turn(p->type_code, to_6);
	c->sum_rest += c->type_code + (__u16)~p->type_code;
	c->sum_pseudo += to_6 ? len : (__u16)~len; /* RFC 4443 s2.3 */
}

/* The source in IPv6 terms, and what is left to say. */
static __always_inline void change_to_6(
	const struct flow_head *h, const struct packet *p, struct change *c, __u8 prefix, __be32 src)
{
	c->is_6 = 1;
	c->proto = p->proto == IPPROTO_ICMP ? NEXT_ICMP6 : p->proto;
	prefix_embed(&h->prefixes[prefix & (FLOW_PREFIXES_MAX - 1)], src, c->src6);
}

/*
 * Whether the translator's TCP machine can do without this segment (RFC 6146 s3.5.2.2): it must see those that begin and end a
 * connection, but the SYN that answers another may be noted for it.
 */
static __always_inline int passes_tcp(const struct packet *p, __u16 flags)
{
	if (p->kind != FLOW_TCP || !(p->tcp_flags & TCP_SYN))
		return 1;
	return (flags & FLOW_AWAITS_SYN) != 0;
}

static __always_inline int ends_tcp(const struct packet *p)
{
	return p->kind == FLOW_TCP && p->tcp_flags & TCP_FIN_RST;
}

static __always_inline void note_syn(const struct packet *p, struct change *c, __u16 *flags)
{
	if (p->kind == FLOW_TCP && p->tcp_flags & TCP_SYN)
		c->answered = flags;
}

/* A packet to one of our own pool addresses comes back as an IPv6 packet (RFC 6146 s3.8); it is routed twice. */
static __always_inline int change_hairpin(const struct flow_head *h, const struct packet *p, struct change *c)
{
	struct flow46_slot key = {
		.remote = c->src4, .out = p->dst4, .remote_port = c->sport, .proto = p->proto
	};
	__u16 flags;
	__u8 prefix = 0;

	if (p->kind == FLOW_TCP && p->tcp_flags & TCP_SYN) /* of two connections at once */
		return FLOW_UP_TCP_FLAGS;
	key.out_port = p->kind == FLOW_ICMP ? c->sport : p->dport;
	if (p->hops < 3)
		return FLOW_UP_HOP_LIMIT;
	if (!find46(h, &key, c, &prefix, &flags))
		return FLOW_UP_NO_ENTRY;
	if (p->kind == FLOW_ICMP)
		c->sport = c->dport;
	c->hops = p->hops - 2;
	c->type_code = p->type_code;
	change_to_6(h, p, c, prefix, key.remote);
	return OURS;
}

static __always_inline int change_64(const struct flow_head *h, const struct packet *p, struct change *c)
{
	__u16 flags = 0;

	if (ends_tcp(p))
		return FLOW_UP_TCP_FLAGS;
	if (p->l4_len > IP4_PAYLOAD_MAX)
		return FLOW_UP_TOO_BIG;
	if (!find64(h, p, c, &flags))
		return FLOW_UP_NO_ENTRY;
	if (flags & FLOW_HAIRPIN)
		return change_hairpin(h, p, c);
	if (!passes_tcp(p, flags))
		return FLOW_UP_TCP_FLAGS;
	note_syn(p, c, &c->slot64->flags);
	c->dst4 = p->dst4;
	c->dport = p->dport;
	c->hops = p->hops - 1;
	c->proto = p->proto;
	if (p->kind == FLOW_ICMP) {
		/* An echo reply of nothing but zeros has a checksum that no difference leads to (RFC 1624 s3). */
		if (c->sport == 0)
			return FLOW_UP_ICMP;
		c->dport = c->sport;
		change_echo(c, p, 0);
	}
	return OURS;
}

static __always_inline int change_46(const struct flow_head *h, const struct packet *p, struct change *c)
{
	struct flow46_slot key = { .remote = p->src4,
		.out = p->dst4,
		.remote_port = p->sport,
		.out_port = p->dport,
		.proto = p->proto };
	__u16 flags = 0;
	__u8 prefix = 0;

	if (ends_tcp(p))
		return FLOW_UP_TCP_FLAGS;
	if (!find46(h, &key, c, &prefix, &flags))
		return FLOW_UP_NO_ENTRY;
	if (!passes_tcp(p, flags))
		return FLOW_UP_TCP_FLAGS;
	note_syn(p, c, &c->slot46->flags);
	/* RFC 7915 s4: without DF its sender has left fragmenting to the network. */
	if (!p->df && p->seg_len + IP6_BYTES > h->lowest_ipv6_mtu)
		return FLOW_UP_TOO_BIG;
	c->sport = p->sport;
	c->hops = p->hops - 1;
	if (p->kind == FLOW_ICMP) {
		c->sport = c->dport;
		change_echo(c, p, 1);
	}
	change_to_6(h, p, c, prefix, p->src4);
	return OURS;
}

/* --- what passed --- */

static __always_inline void slot_count(__u64 *pkts, __u64 *bytes, __u32 segs, __u32 len)
{
	__sync_fetch_and_add(pkts, segs);
	__sync_fetch_and_add(bytes, len);
}

static __always_inline void slot_see(__u32 *seen, __u32 now)
{
	if (*seen != now)
		*seen = now;
}

/* Milliseconds of CLOCK_MONOTONIC, never 0. */
static __always_inline __u32 now_ms(void)
{
	return (__u32)(bpf_ktime_get_coarse_ns() / NS_PER_MS) | 1;
}

/* Counts as the translator does: a hairpin is a packet of both directions (RFC 6146 s3.8). */
static __always_inline void count(const struct packet *p, const struct change *c, __u32 now)
{
	struct flow_tallies *t = my_tallies();
	__u32 kind = p->kind, is_train = p->is_train;

	if (!t || kind >= FLOW_PROTO_COUNT)
		return;
	if (c->answered) /* its owner writes it only while no program can know the slot */
		*c->answered = FLOW_AWAITS_SYN | FLOW_SAW_SYN;
	if (c->slot64) {
		slot_count(&c->slot64->pkts, &c->slot64->bytes, p->segs, p->len);
		slot_see(&c->slot64->seen, now);
		t->pkts[FLOW_64][kind] += p->segs;
		t->bytes[FLOW_64][kind] += p->len;
		t->trains[FLOW_64] += is_train;
	}
	if (c->slot46) {
		__u32 len = c->slot64 ? p->len - (IP6_BYTES - IP4_BYTES) : p->len;

		slot_count(&c->slot46->pkts, &c->slot46->bytes, p->segs, len);
		slot_see(&c->slot46->seen, now);
		t->pkts[FLOW_46][kind] += p->segs;
		t->bytes[FLOW_46][kind] += len;
		t->trains[FLOW_46] += is_train;
	}
	if (c->slot64 && c->slot46)
		t->hairpins++;
}

#endif
