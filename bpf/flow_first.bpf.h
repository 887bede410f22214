/*
 * flow_first.bpf.h - packets that the translator writes, out at the interface that the routing table says
 *
 * Part of flow.bpf.c, which tells the whole. What is not on the fast path, such as the first packet of a flow, comes out of the TUN
 * device, and the host forwards it. This program at the device's ingress does the same to it as that would, in fewer steps: it lowers
 * the hop limit, looks the route up and puts the neighbour's address in front. Whatever has another end than that (a hop limit that is
 * used up, a packet that is too big or malformed, one for the host itself, a neighbour that is not known yet) is left to the host
 * untouched, and so are trains of segments and whatever is long, IPv4 options, everything where packets are routed, and one packet a second for each
 * neighbour.
 *
 * So it is only while the host has no rules for forwarded packets (flow_host.has_say), as the supervisor sees it and not as the
 * operator has said: a rule may be about the first packets of flows alone.
 *
 * Standards: RFC 1812 s5.3.1 and RFC 8200 s3 (the hop limit), RFC 1624.
 */
#ifndef ISTHMUS_BPF_FLOW_FIRST_H
#define ISTHMUS_BPF_FLOW_FIRST_H

#include "flow_write.bpf.h"

#include <linux/pkt_cls.h>

#define FIRST_LEN_MAX 1280 /* RFC 8200 s5; a longer one might be too long for a route, which the look-up does not see */
#define FIRST_BYTE_MAX 223 /* of an IPv4 address that is one host's; RFC 1112 s4 */

/* What the look-up is to know of a packet at the TUN device; 0 if the host is to have it. */
static __always_inline int first_ask4(struct bpf_fib_lookup *fib, const struct iphdr *ip, const void *end)
{
	const __u32 *w = (const __u32 *)ip;

	if ((const void *)(ip + 1) > end || ip->version != 4 || ip->ihl != IP4_BYTES / 4 || ip->ttl < 2)
		return 0;
	if (*(const __u8 *)&ip->daddr > FIRST_BYTE_MAX || bpf_ntohs(ip->tot_len) != fib->tot_len ||
		sum_fold((__u64)w[0] + w[1] + w[2] + w[3] + w[4]) != 0xffff)
		return 0;
	fib->family = FAMILY4;
	fib->tos = ip->tos;
	fib->l4_protocol = ip->protocol;
	fib->ipv4_src = ip->saddr;
	fib->ipv4_dst = ip->daddr;
	return 1;
}

static __always_inline int first_ask6(struct bpf_fib_lookup *fib, const struct ipv6hdr *ip, const void *end)
{
	if ((const void *)(ip + 1) > end || ip->version != 6 || ip->hop_limit < 2)
		return 0;
	if (bpf_ntohs(ip->payload_len) + IP6_BYTES != fib->tot_len || ip->nexthdr == NEXT_HOP_BY_HOP ||
		ip->daddr.s6_addr[0] >= 0xfe) /* groups, and addresses of one link; RFC 4291 s2.4 */
		return 0;
	fib->family = FAMILY6;
	fib->flowinfo = *(const __be32 *)ip & bpf_htonl(0x0fffffff);
	fib->l4_protocol = ip->nexthdr;
	__builtin_memcpy(fib->ipv6_src, &ip->saddr, sizeof(fib->ipv6_src));
	__builtin_memcpy(fib->ipv6_dst, &ip->daddr, sizeof(fib->ipv6_dst));
	return 1;
}

/* One hop less; in IPv4 with its checksum, which grows by what the word of the TTL loses. */
static __always_inline void hop_lower(void *ip, int is_6)
{
	struct iphdr *v4 = ip;
	__u32 sum;

	if (is_6) {
		((struct ipv6hdr *)ip)->hop_limit--;
		return;
	}
	v4->ttl--;
	sum = (__u32)v4->check + bpf_htons(0x0100);
	v4->check = (__u16)(sum + (sum >= 0xffff)); /* as the kernel has it: never 0xffff */
}

static __always_inline int first_hop(struct __sk_buff *skb, int is_6)
{
	__u8 *data = (__u8 *)(long)skb->data, *end = (__u8 *)(long)skb->data_end;

	if (data + (is_6 ? IP6_BYTES : IP4_BYTES) > end)
		return 0;
	hop_lower(data, is_6);
	return 1;
}

/* The device has no link header, so there is none to write over; what has begun to change cannot go back to the host. */
static __always_inline int first_out(struct __sk_buff *skb, const struct bpf_fib_lookup *fib, int is_6)
{
	struct ethhdr *eth;

	if (bpf_skb_change_head(skb, sizeof(*eth), 0) < 0)
		return TC_ACT_SHOT;
	eth = (struct ethhdr *)(long)skb->data;
	if ((__u8 *)(eth + 1) > (__u8 *)(long)skb->data_end)
		return TC_ACT_SHOT;
	mac_copy(eth->h_dest, fib->dmac);
	mac_copy(eth->h_source, fib->smac);
	eth->h_proto = bpf_htons(is_6 ? ETH_P_IPV6 : ETH_P_IP);
	return (int)bpf_redirect(fib->ifindex, 0);
}

static __always_inline int first_send(struct __sk_buff *skb, int is_6)
{
	const struct flow_host *at = host_get();
	const void *data = (const void *)(long)skb->data, *end = (const void *)(long)skb->data_end;
	struct bpf_fib_lookup *fib = fib_scratch();

	if (!at || !fib || at->mode != FLOW_MODE_REDIRECT || at->has_say || skb->gso_size || skb->len > FIRST_LEN_MAX)
		return TC_ACT_UNSPEC;
	__builtin_memset(fib, 0, sizeof(*fib));
	fib->ifindex = skb->ingress_ifindex;
	fib->tot_len = (__u16)skb->len;
	if (!(is_6 ? first_ask6(fib, data, end) : first_ask4(fib, data, end)) ||
		bpf_fib_lookup(skb, fib, sizeof(*fib), 0) != BPF_FIB_LKUP_RET_SUCCESS ||
		fib->ifindex == skb->ingress_ifindex || neighbour_is_due(fib, now_ms()) || !first_hop(skb, is_6))
		return TC_ACT_UNSPEC;
	return first_out(skb, fib, is_6);
}

SEC("tc")
int isthmus_first(struct __sk_buff *skb)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return first_send(skb, 0);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return first_send(skb, 1);
	return TC_ACT_UNSPEC;
}

#endif
