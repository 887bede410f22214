/*
 * steer.bpf.c - bring packets for the shared pool address to the translator
 *
 * A pool that shares the host's own address has no route of its own: the kernel would deliver every packet
 * locally. This program sits at tc ingress of the interfaces, before the IP stack, and moves to the TUN
 * device what may belong to a binding: IPv4 unicast to a shared address whose destination port, echo reply
 * identifier, or (for an ICMP error) source port or identifier of the packet inside lies in the shared range.
 * All else goes on as if we were not here. The translator gives back what has no binding, so a wrong guess
 * costs a detour and nothing else.
 *
 * An echo request is never taken: the host goes on answering pings.
 *
 * On the loopback only ICMP errors are taken: those by which this host's own routing says that a translated packet was
 * too big for the next link or had no route. They are addressed to the shared address, so they never leave the host, and
 * without them the path MTU would not be found.
 *
 * Fragments of TCP, UDP and ICMP are all taken, since only the first one has ports and any may come first. The translator
 * stores what overtakes the first one and gives back, all of it, what turns out to be the host's.
 *
 * Everything is read with bpf_skb_load_bytes_relative() from the network header, so the same program serves
 * Ethernet and devices without a link header, and linear and paged buffers. Redirecting to a device without a
 * link header makes the kernel take the link header off; checksum and segmentation offload state travel along
 * in the sk_buff. A packet that still carries a VLAN tag belongs to the VLAN's own interface, where the same
 * program sits.
 *
 * Standards: RFC 791 s3.1, RFC 792, RFC 6146 s3.5.
 */
#include "abi.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* RFC 792; linux/icmp.h would pull in the C library. */
#define ICMP_ECHOREPLY 0
#define ICMP_DEST_UNREACH 3
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12

#define LOOPBACK_INDEX 1
#define IP_MF 0x2000
#define IP_OFFSET 0x1fff
#define IP_MIN_WORDS 5

const volatile struct steer_config config = {};

static __always_inline int load(struct __sk_buff *skb, __u32 at, void *to, __u32 len)
{
	return bpf_skb_load_bytes_relative(skb, at, to, len, BPF_HDR_START_NET);
}

static __always_inline __u16 port_at(const __u8 *p)
{
	return (__u16)(p[0] << 8 | p[1]);
}

static __always_inline int is_shared_address(__be32 addr)
{
	for (__u32 i = 0; i < STEER_RANGES_MAX && i < config.ranges_len; i++)
		if (config.ranges[i].addr == addr)
			return 1;
	return 0;
}

static __always_inline int is_shared_port(__be32 addr, __u16 port)
{
	for (__u32 i = 0; i < STEER_RANGES_MAX && i < config.ranges_len; i++)
		if (config.ranges[i].addr == addr && port >= config.ranges[i].lo &&
			port <= config.ranges[i].hi)
			return 1;
	return 0;
}

/* The port of the packet inside an ICMP error that its sender (we) had; the packet starts at @at. */
static __always_inline int is_error_ours(struct __sk_buff *skb, __u32 at, __be32 outer_dst)
{
	struct iphdr ip;
	__u8 l4[8];

	if (load(skb, at, &ip, sizeof(ip)) < 0 || ip.version != 4 || ip.ihl < IP_MIN_WORDS ||
		ip.saddr != outer_dst)
		return 0;
	if (ip.frag_off & bpf_htons(IP_OFFSET) || load(skb, at + ip.ihl * 4, l4, sizeof(l4)) < 0)
		return 0;
	if (ip.protocol == IPPROTO_TCP || ip.protocol == IPPROTO_UDP)
		return is_shared_port(ip.saddr, port_at(l4));
	return ip.protocol == IPPROTO_ICMP && l4[0] == ICMP_ECHO && is_shared_port(ip.saddr, port_at(l4 + 4));
}

static __always_inline int is_icmp_ours(struct __sk_buff *skb, __u32 at, __be32 dst)
{
	__u8 icmp[8];

	if (load(skb, at, icmp, sizeof(icmp)) < 0)
		return 0;
	if (icmp[0] == ICMP_ECHOREPLY)
		return skb->ingress_ifindex != LOOPBACK_INDEX && is_shared_port(dst, port_at(icmp + 4));
	if (icmp[0] == ICMP_DEST_UNREACH || icmp[0] == ICMP_TIME_EXCEEDED || icmp[0] == ICMP_PARAMETERPROB)
		return is_error_ours(skb, at + sizeof(icmp), dst);
	return 0;
}

/* On the loopback there is nothing to take: an ICMP error is too short to be fragmented. */
static __always_inline int is_fragment_ours(struct __sk_buff *skb, const struct iphdr *ip)
{
	if (!(ip->frag_off & bpf_htons(IP_MF | IP_OFFSET)) || skb->ingress_ifindex == LOOPBACK_INDEX)
		return 0;
	return ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP || ip->protocol == IPPROTO_ICMP;
}

static __always_inline int is_ours(struct __sk_buff *skb, const struct iphdr *ip)
{
	__u32 at = ip->ihl * 4;
	__u8 ports[4];

	if (ip->frag_off & bpf_htons(IP_OFFSET))
		return 0;
	if (ip->protocol == IPPROTO_ICMP)
		return is_icmp_ours(skb, at, ip->daddr);
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return 0;
	return load(skb, at, ports, sizeof(ports)) == 0 && is_shared_port(ip->daddr, port_at(ports + 2));
}

SEC("tc")
int isthmus_steer(struct __sk_buff *skb)
{
	struct iphdr ip;

	if (skb->protocol != bpf_htons(ETH_P_IP) || skb->pkt_type != PACKET_HOST || skb->vlan_present)
		return TC_ACT_UNSPEC;
	if (load(skb, 0, &ip, sizeof(ip)) < 0 || ip.version != 4 || ip.ihl < IP_MIN_WORDS)
		return TC_ACT_UNSPEC;
	if (!is_shared_address(ip.daddr))
		return TC_ACT_UNSPEC;
	if (skb->ingress_ifindex == LOOPBACK_INDEX && ip.protocol != IPPROTO_ICMP)
		return TC_ACT_UNSPEC;

	if (is_fragment_ours(skb, &ip) || is_ours(skb, &ip))
		return bpf_redirect(config.device, 0);
	return TC_ACT_UNSPEC;
}

char steer_license[] SEC("license") = "Apache-2.0";
