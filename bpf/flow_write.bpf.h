/*
 * flow_write.bpf.h - the bytes of the translated packet, and the way out
 *
 * Part of flow.bpf.c, which tells the whole.
 */
#ifndef ISTHMUS_BPF_FLOW_WRITE_H
#define ISTHMUS_BPF_FLOW_WRITE_H

#include "flow_find.bpf.h"

#define FAMILY4 2 /* AF_INET and AF_INET6, whose header is not for programs */
#define FAMILY6 10
#define DF_FROM 1261 /* bytes of IPv4 packet, see header4_flags() of src/xlat/header.h */
#define EXITS 32768  /* what the slots' 16 bits can name, at most */
#define EXIT_TRIES 4
#define EXIT_MS 100	/* after that a look-up must say again that there is still this exit */
#define UNHEARD_MS 128	/* a power of two: how late changes are seen if nobody hears of them */
#define CLOCK_LAG_MS 64 /* how far the coarse clock may be behind the supervisor's */
#define ROUTES 16384
#define ROUTE_MS 100
#define NEIGHBOURS 1024
#define NEIGHBOUR_MS 1000

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_host);
} host SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FLOW_INTERFACES_MAX);
	__type(key, __u32); /* interface index */
	__type(value, struct flow_interface);
} interfaces SEC(".maps");

/* --- bytes --- */

/* The IP header of the result, either kind. */
union header {
	struct iphdr v4;
	struct ipv6hdr v6;
	__u32 words[IP6_BYTES / 4];
};

/*
 * RFC 7915 s5.1. DF follows from the length of what is on the wire.
 *
 * DEVIATION: of a packet with DF the identification is zero, where the RFC has a new one for each. Nobody may use it (RFC 6864
 * s4.1), and receivers put segments together again only if it is the same or goes up by one.
 */
static __always_inline void header4_make(union header *h, const struct packet *p, const struct change *c)
{
	__u32 df = IP4_BYTES + p->seg_len >= DF_FROM;
	__u32 check;

	h->words[0] = bpf_htonl(0x45000000 | (__u32)p->tos << 16 | (IP4_BYTES + p->l4_len));
	h->words[1] = df ? bpf_htonl(IP_DF) : bpf_htonl(bpf_get_prandom_u32() << 16);
	h->words[2] = bpf_htonl((__u32)c->hops << 24 | (__u32)c->proto << 16);
	h->words[3] = c->src4;
	h->words[4] = c->dst4;
	check = sum_fold((__u64)h->words[0] + h->words[1] + h->words[2] + h->words[3] + h->words[4]);
	h->words[2] |= word32(0, (__u16)~check);
}

/* RFC 7915 s4.1: the flow label is zero. */
static __always_inline void header6_make(union header *h, const struct packet *p, const struct change *c)
{
	h->words[0] = bpf_htonl(6u << 28 | (__u32)p->tos << 20);
	h->v6.payload_len = bpf_htons((__u16)p->l4_len);
	h->v6.nexthdr = c->proto;
	h->v6.hop_limit = c->hops;
	__builtin_memcpy(&h->v6.saddr, c->src6, sizeof(c->src6));
	__builtin_memcpy(&h->v6.daddr, c->dst6, sizeof(c->dst6));
}

static __always_inline __u32 sum_at(const struct packet *p)
{
	return p->kind == FLOW_TCP ? TCP_SUM_AT : p->kind == FLOW_UDP ? UDP_SUM_AT : ICMP_SUM_AT;
}

/* The transport header but for its checksum. */
static __always_inline void transport_put(__u8 *l4, const struct packet *p, const struct change *c)
{
	if (p->kind == FLOW_ICMP) {
		((__u16 *)l4)[0] = c->type_code;
		((__be16 *)l4)[2] = c->sport;
		return;
	}
	((__be16 *)l4)[0] = c->sport;
	((__be16 *)l4)[1] = c->dport;
}

/* RFC 1624 eqn. 3; in UDP zero says that there is none (RFC 768). */
static __always_inline void sum_put(__u8 *l4, const struct packet *p, const struct change *c)
{
	__u16 *at = (__u16 *)(l4 + sum_at(p));
	__u16 sum = (__u16)~sum_fold((__u64)(__u16) ~*at + c->sum_pseudo + c->sum_rest);

	*at = p->kind == FLOW_UDP && sum == 0 ? 0xffff : sum;
}

static __always_inline void mac_copy(__u8 *to, const __u8 *from)
{
	for (int i = 0; i < 6; i += 2)
		*(__u16 *)(to + i) = *(const __u16 *)(from + i);
}

static __always_inline void ethernet_put(
	struct ethhdr *eth, const struct bpf_fib_lookup *fib, const struct change *c)
{
	mac_copy(eth->h_dest, fib->dmac);
	mac_copy(eth->h_source, fib->smac);
	eth->h_proto = bpf_htons(c->is_6 ? ETH_P_IPV6 : ETH_P_IP);
}

/* --- the way out --- */

static __always_inline const struct flow_host *host_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&host, &zero);
}

/* Whether the frame was sent to the interface that it came in at. */
static __always_inline int is_for_us(struct xdp_md *ctx)
{
	const struct ethhdr *eth = (const struct ethhdr *)(long)ctx->data;
	__u32 index = ctx->ingress_ifindex;
	const struct flow_interface *i = bpf_map_lookup_elem(&interfaces, &index);

	if (!i || !i->is_on || (const __u8 *)(eth + 1) > (const __u8 *)(long)ctx->data_end)
		return 0;
	return *(const __u16 *)eth->h_dest == *(const __u16 *)i->mac &&
	       *(const __u16 *)(eth->h_dest + 2) == *(const __u16 *)(i->mac + 2) &&
	       *(const __u16 *)(eth->h_dest + 4) == *(const __u16 *)(i->mac + 4);
}

/* A look-up, which has no room on the stack: Linux 6.1 counts the caller's 32 bytes to it, and has 512 in all. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bpf_fib_lookup);
} fibs SEC(".maps");

static __always_inline struct bpf_fib_lookup *fib_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&fibs, &zero);
}

static __always_inline void fib_fill(
	struct bpf_fib_lookup *fib, const struct packet *p, const struct change *c, __u32 from)
{
	__u32 len = p->seg_len + (c->is_6 ? IP6_BYTES : IP4_BYTES);

	__builtin_memset(fib, 0, sizeof(*fib));
	fib->l4_protocol = c->proto;
	fib->tot_len = len > 0xffff ? 0xffff : (__u16)len;
	fib->ifindex = from;
	if (p->kind != FLOW_ICMP) {
		fib->sport = c->sport;
		fib->dport = c->dport;
	}
	if (c->is_6) {
		fib->family = FAMILY6;
		fib->flowinfo = bpf_htonl((__u32)p->tos << 20);
		__builtin_memcpy(fib->ipv6_src, c->src6, sizeof(c->src6));
		__builtin_memcpy(fib->ipv6_dst, c->dst6, sizeof(c->dst6));
	} else {
		fib->family = FAMILY4;
		fib->tos = p->tos;
		fib->ipv4_src = c->src4;
		fib->ipv4_dst = c->dst4;
	}
}

/*
 * Where packets leave: what a look-up gives. The look-up is more than half of what a packet costs, and a million flows have few
 * next hops. So flows share exits; the slot of a flow names the one that its last packet took. It counts as long as
 *
 *	- the flow was seen after the last change of routes or rules that the supervisor has heard of (flow_host.exits_since),
 *	- and some look-up, for whatever flow, has said in the last EXIT_MS that this exit is there: that the neighbour has this
 *	  MAC address, the interface is up and has this MTU.
 *
 * A look-up is for one value of the type of service, too. If nobody hears of changes, for the gateway was killed, flows look
 * up their exit every UNHEARD_MS.
 *
 * Life of an exit: it is taken for another one only if no flow that names it counts any more, and no program that has read it
 * runs: FLOW_GRACE_MS.
 */
struct flow_exit {
	struct bpf_spin_lock lock; /* of writers */
	__u32 sequence;		   /* odd while somebody writes */
	__u32 at;		   /* when a look-up last said so, as now_ms(); 0: never */
	__u32 ifindex;
	__u16 mtu;
	__u8 tos, unused;
	__u8 dmac[6], smac[6];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EXITS);
	__type(key, __u32);
	__type(value, struct flow_exit);
} exits SEC(".maps");

/* Exits of flows that were last seen then, or before, count no more. It never goes back. */
static __always_inline __u32 exits_since(const struct flow_host *at, __u32 now)
{
	__u32 since = *(const volatile __u32 *)&at->exits_since;

	return now - since + CLOCK_LAG_MS < FLOW_HEARD_MS + CLOCK_LAG_MS ? since : now & ~(UNHEARD_MS - 1);
}

/* Of the type of service routes look at all but the two bits of RFC 3168. */
static __always_inline __u8 exit_tos(const struct packet *p)
{
	return p->tos & 0xfc;
}

/* Fills in what send_out() wants; 1 if it was known. */
static __always_inline int exit_recall(
	const struct packet *p, struct change *c, __u32 now, __u32 since, struct bpf_fib_lookup *fib)
{
	__u32 at = c->was.exit, before;
	const struct flow_exit *e = bpf_map_lookup_elem(&exits, &at);

	if (!e || at == 0 || (__s32)(c->was.seen - since) <= 0)
		return 0;
	before = slot_begin(&e->sequence);
	if (now - e->at >= EXIT_MS || e->tos != exit_tos(p) ||
		p->seg_len + (c->is_6 ? IP6_BYTES : IP4_BYTES) > e->mtu)
		return 0;
	fib->ifindex = e->ifindex;
	mac_copy(fib->dmac, e->dmac);
	mac_copy(fib->smac, e->smac);
	if (!slot_is_same(&e->sequence, before))
		return 0;
	c->exit = (__u16)at;
	return 1;
}

static __always_inline __u64 mac_word(const __u8 *mac)
{
	return (__u64) * (const __u16 *)mac << 32 | (__u64) * (const __u16 *)(mac + 2) << 16 |
	       *(const __u16 *)(mac + 4);
}

static __always_inline int exit_is(const struct flow_exit *e, const struct bpf_fib_lookup *fib, __u8 tos)
{
	return e->ifindex == fib->ifindex && e->mtu == fib->mtu_result && e->tos == tos &&
	       mac_word(e->dmac) == mac_word(fib->dmac) && mac_word(e->smac) == mac_word(fib->smac);
}

/* Says that there is this exit now, if it is the one that was looked up or may become that. */
static __always_inline int exit_take(
	struct flow_exit *e, const struct bpf_fib_lookup *fib, __u8 tos, __u32 now, __u32 since)
{
	int is_taken = 1;

	bpf_spin_lock(&e->lock);
	if (exit_is(e, fib, tos)) {
		e->at = now;
	} else if (e->at == 0 || (__s32)(since - e->at) > EXIT_MS + FLOW_GRACE_MS) {
		*(volatile __u32 *)&e->sequence |= 1;
		order_reads();
		e->ifindex = fib->ifindex;
		e->mtu = fib->mtu_result;
		e->tos = tos;
		mac_copy(e->dmac, fib->dmac);
		mac_copy(e->smac, fib->smac);
		e->at = now;
		order_reads();
		*(volatile __u32 *)&e->sequence += 1;
	} else {
		is_taken = 0;
	}
	bpf_spin_unlock(&e->lock);
	return is_taken;
}

/* The flow takes the exit that a look-up has given. Without room among the exits it looks it up for each packet. */
static __always_inline void exit_keep(
	const struct packet *p, struct change *c, __u32 now, __u32 since, const struct bpf_fib_lookup *fib)
{
	__u8 tos = exit_tos(p);
	__u64 who = mac_word(fib->dmac) ^ (__u64)fib->ifindex << 48 ^ (__u64)tos << 40 ^ fib->mtu_result;
	__u32 first = (__u32)(who * 0x9e3779b97f4a7c15 >> 40);

	for (__u32 i = 0; i < EXIT_TRIES; i++) {
		__u32 at = first + i & (EXITS - 1);
		struct flow_exit *e = at ? bpf_map_lookup_elem(&exits, &at) : 0;

		if (e && exit_take(e, fib, tos, now, since)) {
			c->exit = (__u16)at;
			return;
		}
	}
}

/*
 * What the last look-up for a packet without state said, whose route may differ by its ports. It is made again only ROUTE_MS
 * later. One table for each processor, indexed by the number of the slot.
 */
struct route {
	__u32 slot, sequence; /* which pair; 0, 0: none */
	__u32 at;	      /* as now_ms() */
	__u32 ifindex;
	__u32 ports; /* of the result */
	__u16 mtu;
	__u8 tos, proto;
	__u8 dmac[6], smac[6];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ROUTES);
	__type(key, __u32);
	__type(value, struct route);
} routes SEC(".maps");

static __always_inline __u32 ports_of(const struct change *c)
{
	return (__u32)c->sport << 16 | c->dport;
}

/* Where the route of this change is, or is to be. */
static __always_inline struct route *route_place(const struct change *c)
{
	__u32 at = (c->slot ^ ports_of(c) ^ ports_of(c) >> 16) & (ROUTES - 1);

	return bpf_map_lookup_elem(&routes, &at);
}

/* Fills in what send_out() wants; 1 if it was known. */
static __always_inline int route_recall(const struct route *r, const struct packet *p, const struct change *c,
	__u32 now, struct bpf_fib_lookup *fib)
{
	if (r->slot != c->slot || r->sequence != c->sequence || now - r->at >= ROUTE_MS || r->tos != p->tos ||
		r->proto != c->proto || r->ports != ports_of(c) ||
		p->seg_len + (c->is_6 ? IP6_BYTES : IP4_BYTES) > r->mtu)
		return 0;
	fib->ifindex = r->ifindex;
	mac_copy(fib->dmac, r->dmac);
	mac_copy(fib->smac, r->smac);
	barrier();
	return *(const volatile __u32 *)&r->sequence == c->sequence; /* or somebody has just written it */
}

static __always_inline void route_keep(struct route *r, const struct packet *p, const struct change *c,
	__u32 now, const struct bpf_fib_lookup *fib)
{
	*(volatile __u32 *)&r->sequence = 1; /* no slot has it while it counts */
	barrier();
	r->slot = c->slot;
	r->at = now;
	r->ifindex = fib->ifindex;
	r->mtu = fib->mtu_result;
	r->tos = p->tos;
	r->proto = c->proto;
	r->ports = ports_of(c);
	mac_copy(r->dmac, fib->dmac);
	mac_copy(r->smac, fib->smac);
	barrier();
	*(volatile __u32 *)&r->sequence = c->sequence;
}

/* What is known of the way out, from the packets before this one. */
static __always_inline int way_recall(
	const struct packet *p, struct change *c, __u32 now, __u32 since, struct bpf_fib_lookup *fib)
{
	const struct route *r;

	if (!c->pair)
		return exit_recall(p, c, now, since, fib);
	r = route_place(c);
	return r && route_recall(r, p, c, now, fib);
}

static __always_inline void way_keep(
	const struct packet *p, struct change *c, __u32 now, __u32 since, const struct bpf_fib_lookup *fib)
{
	struct route *r;

	if (!c->pair) {
		exit_keep(p, c, now, since, fib);
		return;
	}
	r = route_place(c);
	if (r)
		route_keep(r, p, c, now, fib);
}

/* A neighbour that packets were sent to past the kernel's own bookkeeping. */
struct neighbour {
	__u64 who; /* MAC address and interface */
	__u32 at;  /* when the kernel last saw one, as now_ms() */
	__u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NEIGHBOURS);
	__type(key, __u32);
	__type(value, struct neighbour);
} neighbours SEC(".maps");

/*
 * Whether the kernel is to see a packet for this neighbour. It asks a neighbour whether it is still there only when it sends
 * something itself (RFC 4861 s7.3); of frames that go out past it it knows nothing, and one that has got another MAC address
 * would never be found again. So one packet in a second goes by its way. If two share a place, more do.
 */
static __always_inline int neighbour_is_due(const struct bpf_fib_lookup *fib, __u32 now)
{
	__u64 who = mac_word(fib->dmac);
	__u32 at = ((__u32)who ^ (__u32)(who >> 24) ^ fib->ifindex) & (NEIGHBOURS - 1);
	struct neighbour *n = bpf_map_lookup_elem(&neighbours, &at);

	if (!n)
		return 1;
	who |= (__u64)fib->ifindex << 48;
	if (n->who == who && now - n->at < NEIGHBOUR_MS)
		return 0;
	n->who = who;
	n->at = now;
	return 1;
}

#endif
