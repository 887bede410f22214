/*
 * flow_again.bpf.c - runs a flow program again and again on packets of many flows, for flow_cost.c
 *
 * BPF_PROG_TEST_RUN repeats a program on what it has made of the packet. So this program makes it the packet of another flow
 * first, and then runs the one that is measured. nothing_*() take its place to find out what that alone costs: they change the
 * packet's length as the program does, for it is to be changed back. length_*() measure that change by the clock.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flow_again.h"

#define GROWTH 20
#define FRONT6 62 /* Ethernet, IPv6, UDP */
#define FRONT4 42
#define TCP_MORE 12

const volatile struct again again = {};
__u32 n = 0;
__u64 length_ns = 0; /* sum of what length_*() have measured */

/* Numbers of flows, in the order in which their packets come. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} order SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next_tc SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next_xdp SEC(".maps");

static __always_inline __u32 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u32)((sum & 0xffff) + (sum >> 16));
}

/* Writes the headers of a packet of the next flow; negative if there is no room. */
static __always_inline int put(__u8 *data, __u8 *end)
{
	__u32 turn = n++ >> again.train_shift & (again.flows - 1), front = again.is_6 ? FRONT6 : FRONT4, flow;
	const __u32 *at = bpf_map_lookup_elem(&order, &turn);

	if (!at || data + front + (again.is_tcp ? TCP_MORE : 0) > end)
		return -1;
	flow = *at;
	if (again.is_6) {
		for (int i = 0; i < FRONT6; i += 2)
			*(__u16 *)(data + i) = *(const volatile __u16 *)(again.front + i);
		*(__be32 *)(data + AGAIN_IN_AT) = bpf_htonl(flow);
	} else {
		const __u32 *w = (const __u32 *)(data + ETH_HLEN);
		struct iphdr *ip = (struct iphdr *)(data + ETH_HLEN);

		for (int i = 0; i < FRONT4; i += 2)
			*(__u16 *)(data + i) = *(const volatile __u16 *)(again.front + i);
		if (again.is_pair) {
			*(__be32 *)(data + AGAIN_PAIR_AT) = bpf_htonl(AGAIN_PAIR_NET | flow);
		} else {
			*(__be16 *)(data + AGAIN_OUT_AT) = bpf_htons((__u16)(flow >> AGAIN_PORT_BITS));
			*(__be16 *)(data + AGAIN_PORT_AT) =
				bpf_htons((__u16)(1024 + (flow & ((1 << AGAIN_PORT_BITS) - 1))));
		}
		ip->check = 0;
		ip->check = (__u16)~fold((__u64)w[0] + w[1] + w[2] + w[3] + w[4]);
	}
	if (again.is_tcp)
		for (__u32 i = 0; i < TCP_MORE; i += 2)
			*(__u16 *)(data + front + i) = *(const volatile __u16 *)(again.front + front + i);
	return 0;
}

SEC("tc")
int again_tc(struct __sk_buff *skb)
{
	__be16 kind = bpf_htons(again.is_6 ? ETH_P_IPV6 : ETH_P_IP);

	if (skb->protocol != kind && bpf_skb_change_proto(skb, kind, 0) < 0)
		return TC_ACT_SHOT;
	if (bpf_csum_level(skb, BPF_CSUM_LEVEL_INC) < 0 ||
		put((__u8 *)(long)skb->data, (__u8 *)(long)skb->data_end) < 0)
		return TC_ACT_SHOT;
	bpf_tail_call(skb, &next_tc, 0);
	return TC_ACT_SHOT;
}

/* What the program does to the packet's length. */
static __always_inline int turn_tc(struct __sk_buff *skb)
{
	return again.is_same
		       ? 0
		       : (int)bpf_skb_change_proto(skb, bpf_htons(again.is_6 ? ETH_P_IP : ETH_P_IPV6), 0);
}

SEC("tc")
int nothing_tc(struct __sk_buff *skb)
{
	return turn_tc(skb) < 0 ? TC_ACT_SHOT : (int)again.verdict;
}

/* The second time is what asking the clock takes. */
static __always_inline void length_add(__u64 begin, __u64 end)
{
	length_ns += end - begin - (bpf_ktime_get_ns() - end);
}

SEC("tc")
int length_tc(struct __sk_buff *skb)
{
	__u64 begin = bpf_ktime_get_ns();
	int result = turn_tc(skb);

	length_add(begin, bpf_ktime_get_ns());
	return result < 0 ? TC_ACT_SHOT : (int)again.verdict;
}

SEC("xdp")
int again_xdp(struct xdp_md *ctx)
{
	__u64 len = (__u64)(long)ctx->data_end - (__u64)(long)ctx->data;
	static __u64 whole; /* of the first frame, which is of the right kind */

	if (whole == 0)
		whole = len;
	if (len != whole && bpf_xdp_adjust_head(ctx, again.is_6 ? -GROWTH : GROWTH) < 0)
		return XDP_DROP;
	if (put((__u8 *)(long)ctx->data, (__u8 *)(long)ctx->data_end) < 0)
		return XDP_DROP;
	bpf_tail_call(ctx, &next_xdp, 0);
	return XDP_DROP;
}

static __always_inline int turn_xdp(struct xdp_md *ctx)
{
	return again.is_same ? 0 : (int)bpf_xdp_adjust_head(ctx, again.is_6 ? GROWTH : -GROWTH);
}

SEC("xdp")
int nothing_xdp(struct xdp_md *ctx)
{
	return turn_xdp(ctx) < 0 ? XDP_DROP : (int)again.verdict;
}

SEC("xdp")
int length_xdp(struct xdp_md *ctx)
{
	__u64 begin = bpf_ktime_get_ns();
	int result = turn_xdp(ctx);

	length_add(begin, bpf_ktime_get_ns());
	return result < 0 ? XDP_DROP : (int)again.verdict;
}

char again_license[] SEC("license") = "Apache-2.0";
