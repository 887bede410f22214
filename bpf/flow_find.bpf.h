/*
 * flow_find.bpf.h - the tables of flows as the programs read them, and what they write there
 *
 * Part of flow.bpf.c, which tells the whole.
 */
#ifndef ISTHMUS_BPF_FLOW_FIND_H
#define ISTHMUS_BPF_FLOW_FIND_H

#include "flow_parse.bpf.h"

#define NS_PER_MS 1000000

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

/* What the programs write into a flow's slot in one store. */
union note {
	struct {
		__u16 sum_addrs, exit;
		__u32 seen;
	};
	__u64 word;
};

_Static_assert(__builtin_offsetof(struct flow64_slot, sum_addrs) % 8 == 0 &&
		       __builtin_offsetof(struct flow46_slot, sum_addrs) % 8 == 0,
	"a note is a word");

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
	struct flow_pair *pair;
	__u32 slot, sequence; /* of a pair: what the slot is called in struct route */
	union note was;	      /* of the flow's slot; of a hairpin's two, the second */
	__u16 exit;	      /* that the packet takes; 0: none that others share */
	__u8 is_answer;	      /* a SYN, which the slot is to note */
	__u8 is_end;	      /* a FIN, which the translator is to be told of */
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

/* Two fields that lie one behind the other, as the one word that they are in a slot. */
static __always_inline __u32 word32(__u16 first, __u16 second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u32)second << 16 | first;
#else
	return (__u32)first << 16 | second;
#endif
}

static __always_inline __u64 word64(__u32 first, __u32 second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u64)second << 32 | first;
#else
	return (__u64)first << 32 | second;
#endif
}

/* What an IPv4 packet is looked for by; addresses and ports as they lie in a slot. */
struct key46 {
	__u64 addrs;
	__u32 ports;
	__u8 proto;
};

static __always_inline union note note_of(const __u16 *sum_addrs)
{
	return (union note){ .word = *(const volatile __u64 *)sum_addrs };
}

/* What a sum grows by if one port becomes another; of ICMP they are identifiers (RFC 1624 eqn. 3). */
static __always_inline __u32 sum_of_port(__be16 from, __be16 to)
{
	return (__u32)(__u16)~from + to;
}

/* As flow_way(), in a register that the verifier of Linux 6.1 knows the bounds of. */
static __always_inline __u32 way_at(__u64 hash, __u32 i)
{
	__u32 way = flow_way(hash, i);

	barrier_var(way);
	return way & (FLOW_WAYS - 1);
}

static __always_inline int find64(
	const struct flow_head *h, const struct packet *p, struct change *c, __u16 *ret_flags)
{
	__u64 front = word64(p->dst4, word32(p->sport, p->dport));
	__u64 hash = flow64_hash_of(h->key, p->addrs6, front, flow64_kind(p->proto, p->prefix));
	struct flow64_set *set = 0;
	__u32 i, way = 0, before = 0;
	struct flow64_slot *s;

	for (i = 0; i < FLOW_HOMES * FLOW_WAYS; i++) {
		if (i % FLOW_WAYS == 0) {
			__u32 at = flow_set_at(hash, i / FLOW_WAYS) & flows64_mask;

			set = bpf_map_lookup_elem(&flows64, &at);
		}
		if (!set)
			return 0;
		way = way_at(hash, i);
		s = &set->way[way];
		before = slot_begin(&s->sequence);
		if (*(const __u64 *)s->in == p->addrs6[0] && *(const __u64 *)(s->in + 8) == p->addrs6[1] &&
			*(const __u64 *)&s->dst == front && s->proto == p->proto && s->prefix == p->prefix &&
			s->epoch == h->epoch)
			break;
	}
	if (!set || i == FLOW_HOMES * FLOW_WAYS)
		return 0;
	barrier_var(way); /* or all that follows is made four times */
	s = &set->way[way & (FLOW_WAYS - 1)];
	*ret_flags = s->flags;
	c->was = note_of(&s->sum_addrs);
	c->src4 = s->out;
	c->sport = s->out_port;
	c->sum_pseudo = c->was.sum_addrs;
	c->sum_rest = sum_of_port(p->sport, c->sport);
	c->slot64 = s;
	return slot_is_same(&s->sequence, before);
}

/* Adds to what find64() has found, if that came before. */
static __always_inline int find46(const struct flow_head *h, const struct key46 *key, struct change *c,
	__u8 *ret_prefix, __u16 *ret_flags)
{
	__u64 hash = flow46_hash_of(h->key, key->addrs, key->ports, key->proto);
	struct flow46_set *set = 0;
	__u32 sum_pseudo = c->slot64 ? c->sum_pseudo : 0, sum_rest = c->slot64 ? c->sum_rest : 0;
	__u32 i, way = 0, before = 0;
	struct flow46_slot *s;

	for (i = 0; i < FLOW_HOMES * FLOW_WAYS; i++) {
		if (i % FLOW_WAYS == 0) {
			__u32 at = flow_set_at(hash, i / FLOW_WAYS) & flows46_mask;

			set = bpf_map_lookup_elem(&flows46, &at);
		}
		if (!set)
			return 0;
		way = way_at(hash, i);
		s = &set->way[way];
		before = slot_begin(&s->sequence);
		if (*(const __u64 *)&s->remote == key->addrs &&
			*(const __u32 *)&s->remote_port == key->ports && s->proto == key->proto &&
			s->epoch == h->epoch)
			break;
	}
	if (!set || i == FLOW_HOMES * FLOW_WAYS)
		return 0;
	barrier_var(way);
	s = &set->way[way & (FLOW_WAYS - 1)];
	c->was = note_of(&s->sum_addrs);
	c->dst6[0] = *(const __u64 *)s->in;
	c->dst6[1] = *(const __u64 *)(s->in + 8);
	c->dport = s->in_port;
	c->sum_pseudo = sum_pseudo + c->was.sum_addrs;
	c->sum_rest = sum_rest + sum_of_port(s->out_port, c->dport);
	*ret_prefix = s->prefix;
	*ret_flags = s->flags;
	c->slot46 = s;
	return slot_is_same(&s->sequence, before) && *ret_prefix < FLOW_PREFIXES_MAX;
}

/* --- one packet --- */

static __always_inline int is_syn(const struct packet *p)
{
	return p->kind == FLOW_TCP && p->tcp_flags & TCP_SYN;
}

static __always_inline int ends_tcp(const struct packet *p)
{
	return p->kind == FLOW_TCP && p->tcp_flags & TCP_FIN_RST;
}

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
static __always_inline int passes_tcp(const struct packet *p, __u16 flags, struct change *c)
{
	c->is_answer = is_syn(p) != 0;
	return !c->is_answer || flags & FLOW_AWAITS_SYN;
}

/*
 * One that ends a connection passes only where the machine is told of each such segment. A RST may be followed by more, which begins
 * the connection anew for the machine, so it alone passes that too.
 */
static __always_inline int passes_end(const struct packet *p, int tells, struct change *c)
{
	c->is_end = ends_tcp(p) != 0;
	return !c->is_end || (tells && (p->tcp_flags & (TCP_SYN | TCP_FIN_RST)) == TCP_FIN);
}

/* A packet to one of our own pool addresses comes back as an IPv6 packet (RFC 6146 s3.8); it is routed twice. */
static __always_inline int change_hairpin(const struct flow_head *h, const struct packet *p, struct change *c)
{
	const struct key46 key = { word64(c->src4, p->dst4),
		word32(c->sport, p->kind == FLOW_ICMP ? c->sport : p->dport), p->proto };
	__u16 flags = 0;
	__u8 prefix = 0;

	if (is_syn(p) || ends_tcp(p)) /* of two connections at once */
		return FLOW_UP_TCP_FLAGS;
	if (p->hops < 3)
		return FLOW_UP_HOP_LIMIT;
	if (!find46(h, &key, c, &prefix, &flags))
		return FLOW_UP_NO_ENTRY;
	if (p->kind == FLOW_ICMP)
		c->sport = c->dport;
	c->hops = p->hops - 2;
	c->type_code = p->type_code;
	change_to_6(h, p, c, prefix, c->src4);
	return OURS;
}

static __always_inline int change_64(
	const struct flow_head *h, const struct packet *p, int tells, struct change *c)
{
	__u16 flags = 0;

	/* A SYN that answers nothing begins a connection, so it is not looked for: places of no known flow are in no cache. */
	if (!passes_end(p, tells, c) || (is_syn(p) && !(p->tcp_flags & TCP_ACK)))
		return FLOW_UP_TCP_FLAGS;
	if (p->l4_len > IP4_PAYLOAD_MAX)
		return FLOW_UP_TOO_BIG;
	if (!find64(h, p, c, &flags))
		return FLOW_UP_NO_ENTRY;
	if (flags & FLOW_HAIRPIN)
		return change_hairpin(h, p, c);
	if (!passes_tcp(p, flags, c))
		return FLOW_UP_TCP_FLAGS;
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

static __always_inline int change_46(
	const struct flow_head *h, const struct packet *p, int tells, struct change *c)
{
	const struct key46 key = { word64(p->src4, p->dst4), word32(p->sport, p->dport), p->proto };
	__u16 flags = 0;
	__u8 prefix = 0;

	if (!find46(h, &key, c, &prefix, &flags))
		return FLOW_UP_NO_ENTRY;
	if (!passes_end(p, tells, c) || !passes_tcp(p, flags, c))
		return FLOW_UP_TCP_FLAGS;
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

/* --- without state --- */

static __always_inline int is_pair(const struct flow_pair *s, const struct packet *p, int is_6)
{
	const __u64 *a = (const __u64 *)s->src6;

	if (s->is_46 == is_6)
		return 0;
	return is_6 ? a[0] == p->addrs6[0] && a[1] == p->addrs6[1] && a[2] == p->addrs6[2] &&
			       a[3] == p->addrs6[3]
		    : s->src4 == p->src4 && s->dst4 == p->dst4;
}

static __always_inline int find_pair(
	const struct flow_head *h, const struct packet *p, int is_6, struct change *c)
{
	__u64 hash = is_6 ? flow_pair_hash6(h->key, p->addrs6) : flow_pair_hash4(h->key, p->src4, p->dst4);
	struct flow_pair_set *set = 0;
	__u32 at = 0;
	__u32 i, way = 0, before = 0;
	struct flow_pair *s;

	for (i = 0; i < FLOW_HOMES * FLOW_WAYS; i++) {
		if (i % FLOW_WAYS == 0) {
			at = flow_set_at(hash, i / FLOW_WAYS) & pairs_mask;
			set = bpf_map_lookup_elem(&pairs, &at);
		}
		if (!set)
			return 0;
		way = way_at(hash, i);
		s = &set->way[way];
		before = slot_begin(&s->sequence);
		if (is_pair(s, p, is_6) && s->epoch == h->epoch)
			break;
	}
	if (!set || i == FLOW_HOMES * FLOW_WAYS)
		return 0;
	barrier_var(way);
	s = &set->way[way & (FLOW_WAYS - 1)];
	c->src4 = s->src4;
	c->dst4 = s->dst4;
	for (int i = 0; i < 2; i++) {
		c->src6[i] = ((const __u64 *)s->src6)[i];
		c->dst6[i] = ((const __u64 *)s->dst6)[i];
	}
	c->sum_pseudo = s->sum_addrs;
	c->pair = s;
	c->slot = at * FLOW_WAYS + way;
	c->sequence = before;
	return slot_is_same(&s->sequence, before);
}

/* The sum of an ICMPv6 pseudo-header without its length (RFC 4443 s2.3). */
static __always_inline __u32 sum_icmp6(const struct change *c)
{
	const __u32 *src = (const __u32 *)c->src6, *dst = (const __u32 *)c->dst6;
	__u64 sum = bpf_htons(NEXT_ICMP6);

	for (int i = 0; i < 4; i++)
		sum += (__u64)src[i] + dst[i];
	return sum_fold(sum);
}

/* RFC 7915 s4 and s5: ports stay as they are, and so does a TCP flag. */
static __always_inline int change_pair(
	const struct flow_head *h, const struct packet *p, int is_6, struct change *c)
{
	if (!find_pair(h, p, is_6, c))
		return is_syn(p) || ends_tcp(p) ? FLOW_UP_TCP_FLAGS : FLOW_UP_NO_ENTRY;
	if (is_6 ? p->l4_len > IP4_PAYLOAD_MAX : !p->df && p->seg_len + IP6_BYTES > h->lowest_ipv6_mtu)
		return FLOW_UP_TOO_BIG;
	c->is_6 = !is_6;
	c->hops = p->hops - 1;
	c->sport = p->sport;
	c->dport = p->dport;
	c->proto = p->proto;
	c->sum_rest = 0;
	if (p->kind != FLOW_ICMP)
		return OURS;
	if (is_6 && p->sport == 0) /* as in change_64() */
		return FLOW_UP_ICMP;
	c->proto = is_6 ? IPPROTO_ICMP : NEXT_ICMP6;
	c->sum_pseudo = is_6 ? (__u16)~sum_icmp6(c) : sum_icmp6(c);
	change_echo(c, p, !is_6);
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

/* The same with the exit that the packet takes; two processors never leave the one's exit with the other's time. */
static __always_inline void slot_note(__u16 *sum_addrs, const struct change *c, __u32 now)
{
	union note note = note_of(sum_addrs), before = note;

	note.exit = c->exit;
	note.seen = now;
	if (note.word != before.word)
		*(volatile __u64 *)sum_addrs = note.word;
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
	if (c->pair) {
		__u32 way = c->is_6 ? FLOW_46 : FLOW_64;

		slot_see(&c->pair->seen, now);
		t->stateless_pkts[way][kind] += p->segs;
		t->stateless_bytes[way][kind] += p->len;
		t->trains[way] += is_train;
		return;
	}
	if (c->is_answer) { /* the owner writes this only while no program can know the slot */
		__u16 *flags = c->slot64 ? &c->slot64->flags : c->slot46 ? &c->slot46->flags : 0;

		if (flags)
			*flags = FLOW_AWAITS_SYN | FLOW_SAW_SYN;
	}
	if (c->slot64) {
		slot_count(&c->slot64->pkts, &c->slot64->bytes, p->segs, p->len);
		if (c->slot46)
			slot_see(&c->slot64->seen, now);
		else
			slot_note(&c->slot64->sum_addrs, c, now);
		t->pkts[FLOW_64][kind] += p->segs;
		t->bytes[FLOW_64][kind] += p->len;
		t->trains[FLOW_64] += is_train;
	}
	if (c->slot46) {
		__u32 len = c->slot64 ? p->len - (IP6_BYTES - IP4_BYTES) : p->len;

		slot_count(&c->slot46->pkts, &c->slot46->bytes, p->segs, len);
		slot_note(&c->slot46->sum_addrs, c, now);
		t->pkts[FLOW_46][kind] += p->segs;
		t->bytes[FLOW_46][kind] += len;
		t->trains[FLOW_46] += is_train;
	}
	if (c->slot64 && c->slot46)
		t->hairpins++;
}

#endif
