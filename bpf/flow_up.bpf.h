/*
 * flow_up.bpf.h - packets up to the translator through a ring in its memory, instead of through the host and the TUN device
 *
 * Part of flow.bpf.c, which tells the whole; XDP only, where a frame's checksums are whole. What is for the translator and is not
 * translated here would be forwarded by the host to the TUN device, queued there and read. Of first packets from IPv6, and of those that
 * begin or end a connection, the program does that itself: it puts the packet, with a hop less, into the ring of the worker that owns
 * it, and drops the frame. A worker that sleeps is woken, and once only: it says in its bell when it sleeps.
 *
 *	program		reserve, write, barrier, look at the bell: awake, or say that it is and wake it; submit
 *	worker		say that it sleeps, barrier, poll(), which finds what is reserved; when it wakes, say so
 *
 * What the host would do is asked of it: the routing table must lead to the TUN device, and the host must have no rules for forwarded
 * packets (flow_host.has_say). Everything else, what is too long for a record, and what finds the ring full goes the long way.
 *
 * A FIN of a known flow is sent at once, as it need not wait for the translator, which is told of it in the same way (finish_end()).
 *
 * IPv4 packets go this way only if their flow is known, for the host may look at where they come from (rp_filter).
 *
 * Standards: RFC 1812 s5.3.1 and RFC 8200 s3 (the hop limit), RFC 4291 s2.5.
 */
#ifndef ISTHMUS_BPF_FLOW_UP_H
#define ISTHMUS_BPF_FLOW_UP_H

#include "flow_first.bpf.h"
#include "queue_owner.bpf.h"

/* Whether there are rings: the kernel has bpf_xdp_load_bytes() (Linux 5.18). Set before loading. */
const volatile __u32 has_up_rings = 0;

/* Of each worker. The rings are put in after loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_RINGBUF);
			__uint(max_entries, FLOW_UP_RING_BYTES);
		});
} up_rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_up_bell);
} up_bells SEC(".maps");

/* What was written before this is seen by others before what is read after it is read. */
static __always_inline void order_all(void)
{
	__u64 here = 0;

	(void)__sync_fetch_and_add(&here, 1);
}

/* How the worker is to be told. To say that it is awake before it is means that nobody else wakes it. */
static __always_inline __u64 up_wake(struct flow_up_bell *bell)
{
	order_all();
	if (*(volatile __u32 *)&bell->is_awake)
		return BPF_RB_NO_WAKEUP;
	*(volatile __u32 *)&bell->is_awake = 1;
	return BPF_RB_FORCE_WAKEUP;
}

/*
 * The packet into the record; negative if that fails. What is compared and what is handed on must be one register to the verifier, of
 * which it must know from one comparison that it is not zero either.
 */
static __always_inline int up_copy(struct xdp_md *ctx, struct flow_up_record *r, __u32 room, __u64 len)
{
	__u64 last = len - 1;

	barrier_var(last);
	if (last >= room)
		return -1;
	return (int)bpf_xdp_load_bytes(ctx, sizeof(struct ethhdr), r->packet, (__u32)(last + 1));
}

/* A record of @room bytes for a packet of @len; whether it is in the ring. */
static __always_inline int up_write(
	struct xdp_md *ctx, void *ring, struct flow_up_bell *bell, __u32 room, __u32 len, int is_6)
{
	struct flow_up_record *r = bpf_ringbuf_reserve(ring, sizeof(*r) + room, 0);

	if (!r)
		return 0;
	if (up_copy(ctx, r, room, len) < 0) {
		bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
		return 0;
	}
	r->len = len;
	r->is_sent = 0;
	hop_lower(r->packet, is_6);
	bpf_ringbuf_submit(r, up_wake(bell));
	return 1;
}

/* A record of a short packet that is sent besides, for the worker that owns it; it is to be submitted. NULL: there can be none. */
static __always_inline struct flow_up_record *up_begin(
	struct xdp_md *ctx, int is_6, const struct packet *p, struct flow_up_bell **ret_bell)
{
	const struct flow_host *at = host_get();
	__u32 worker = is_6 ? owner_of_subscriber((const __be32 *)p->addrs6)
			    : owner_of_block(p->dst4, bpf_ntohs(p->dport));
	void *ring = bpf_map_lookup_elem(&up_rings, &worker);
	struct flow_up_record *r;

	*ret_bell = bpf_map_lookup_elem(&up_bells, &worker);
	if (!at || at->has_say || !ring || !*ret_bell)
		return 0;
	r = bpf_ringbuf_reserve(ring, sizeof(*r) + FLOW_UP_SHORT, 0);
	if (!r)
		return 0;
	if (up_copy(ctx, r, FLOW_UP_SHORT, p->len) < 0) {
		bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
		return 0;
	}
	r->len = p->len;
	r->is_sent = 1;
	hop_lower(r->packet, is_6);
	return r;
}

/* Whether the host would hand the packet to the translator, and nobody would have a say in it. */
static __always_inline int up_is_way(struct xdp_md *ctx, const void *ip, const void *end, __u32 len, int is_6)
{
	const struct flow_host *at = host_get();
	struct bpf_fib_lookup *fib = fib_scratch();
	long verdict;

	if (!at || !fib || at->mode != FLOW_MODE_REDIRECT || at->has_say)
		return 0;
	__builtin_memset(fib, 0, sizeof(*fib));
	fib->ifindex = ctx->ingress_ifindex;
	fib->tot_len = (__u16)len;
	if (!(is_6 ? first_ask6(fib, ip, end) : first_ask4(fib, ip, end)))
		return 0;
	verdict = bpf_fib_lookup(ctx, fib, sizeof(*fib), 0);
	return (verdict == BPF_FIB_LKUP_RET_SUCCESS || verdict == BPF_FIB_LKUP_RET_NO_NEIGH) &&
	       fib->ifindex == at->device;
}

/*
 * Sources that the host does not forward from: none, and the loopback (RFC 4291 s2.5.2 and s2.5.3). The look-up says so itself of
 * addresses of one link and of groups.
 */
static __always_inline int up_is_source6(const struct ipv6hdr *ip)
{
	return *(const __u64 *)&ip->saddr != 0;
}

static __always_inline int up_put(struct xdp_md *ctx, __u32 worker, __u32 len, __u32 why, int is_6)
{
	void *ring = bpf_map_lookup_elem(&up_rings, &worker);
	struct flow_up_bell *bell = bpf_map_lookup_elem(&up_bells, &worker);
	struct flow_tallies *t;
	int is_put;

	if (!ring || !bell)
		return XDP_PASS;
	is_put = len <= FLOW_UP_SHORT ? up_write(ctx, ring, bell, FLOW_UP_SHORT, len, is_6)
				      : up_write(ctx, ring, bell, FLOW_UP_LONG, len, is_6);
	if (!is_put)
		return XDP_PASS;
	t = my_tallies();
	if (t) {
		if (why == FLOW_UP_NO_ENTRY)
			t->up[FLOW_UP_NO_ENTRY]++;
		else
			t->up[FLOW_UP_TCP_FLAGS]++;
		t->up_by_ring++;
	}
	return XDP_DROP;
}

/* The packet was looked at before: its headers and lengths are as they should be. */
static __noinline int up_6(struct xdp_md *ctx, __u32 why)
{
	const __u8 *end = (const __u8 *)(long)ctx->data_end;
	const struct ipv6hdr *ip =
		(const struct ipv6hdr *)((const __u8 *)(long)ctx->data + sizeof(struct ethhdr));
	__be32 src[4];
	__u32 len;

	if (!has_up_rings || (const __u8 *)(ip + 1) > end || !is_for_us(ctx) || !up_is_source6(ip))
		return XDP_PASS;
	len = bpf_ntohs(ip->payload_len) + IP6_BYTES;
	__builtin_memcpy(src, &ip->saddr, sizeof(src));
	return up_is_way(ctx, ip, end, len, 1) ? up_put(ctx, owner_of_subscriber(src), len, why, 1)
					       : XDP_PASS;
}

static __noinline int up_4(struct xdp_md *ctx, __u32 why)
{
	const __u8 *end = (const __u8 *)(long)ctx->data_end;
	const struct iphdr *ip =
		(const struct iphdr *)((const __u8 *)(long)ctx->data + sizeof(struct ethhdr));
	const __be16 *ports = (const __be16 *)(ip + 1);
	__be32 dst;
	__u32 len, port;

	if (!has_up_rings || (const __u8 *)(ports + 2) > end || !is_for_us(ctx))
		return XDP_PASS;
	len = bpf_ntohs(ip->tot_len);
	dst = ip->daddr;
	port = bpf_ntohs(ports[1]);
	return up_is_way(ctx, ip, end, len, 0) ? up_put(ctx, owner_of_block(dst, port), len, why, 0)
					       : XDP_PASS;
}

#endif
