/*
 * queue.bpf.c - which TUN queue, and so which worker, a packet goes to
 *
 * The TUN device asks this program (TUNSETSTEERINGEBPF) for each packet that the kernel hands to the translator. It says
 * who owns the packet by the rules of src/state/owner.h and src/nat64/handover.c, as far as it sees: the outer headers,
 * and the packet inside an ICMP error. It is a hint. A worker looks for itself and hands over what is not its own; so
 * what is left out here (extension headers, subscribers that are pinned or have fixed blocks) costs a detour, and
 * nothing is translated wrong.
 *
 * queue_owner.bpf.h has the rules.
 */
#include "queue_owner.bpf.h"

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

/* RFC 792 */
#define ICMP_DEST_UNREACH 3
#define ICMP_SOURCE_QUENCH 4
#define ICMP_REDIRECT 5
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMP6_INFORMATIONAL 128 /* RFC 4443 s2.1: errors are below */
#define ICMP_BYTES 8

#define IP_MF 0x2000
#define IP_OFFSET 0x1fff
#define IP_MIN_WORDS 5

static __always_inline int load(struct __sk_buff *skb, __u32 at, void *to, __u32 len)
{
	return bpf_skb_load_bytes_relative(skb, at, to, len, BPF_HDR_START_NET);
}

static __always_inline __u32 port_at(const __u8 *p)
{
	return (__u32)p[0] << 8 | p[1];
}

/* --- IPv6 --- */

static __always_inline __u32 queue_of_6(struct __sk_buff *skb)
{
	struct ipv6hdr ip;
	__u8 type;

	if (load(skb, 0, &ip, sizeof(ip)) < 0)
		return 0;
	/* An error may come from any router: the packet inside was for the subscriber. */
	if (ip.nexthdr == IPPROTO_ICMPV6 && load(skb, sizeof(ip), &type, sizeof(type)) == 0 &&
		type < ICMP6_INFORMATIONAL) {
		struct ipv6hdr in;

		if (load(skb, sizeof(ip) + ICMP_BYTES, &in, sizeof(in)) < 0)
			return 0;
		return owner_of_subscriber(in.daddr.in6_u.u6_addr32);
	}
	return owner_of_subscriber(ip.saddr.in6_u.u6_addr32);
}

/* --- IPv4 --- */

static __always_inline __u32 owner_of_datagram(const struct iphdr *ip)
{
	__u64 ends = (__u64)bpf_ntohl(ip->saddr) << 32 | bpf_ntohl(ip->daddr);

	return spread(mix(mix(ends) ^ ((__u64)ip->protocol << 32 | bpf_ntohs(ip->id))));
}

static __always_inline int is_error(__u8 type)
{
	return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

/* The packet inside an error was ours, so its source is the pool's; it starts at @at. */
static __always_inline __u32 queue_of_error(struct __sk_buff *skb, __u32 at)
{
	struct iphdr ip;
	__u8 l4[ICMP_BYTES];

	if (load(skb, at, &ip, sizeof(ip)) < 0 || ip.ihl < IP_MIN_WORDS ||
		load(skb, at + ip.ihl * 4, l4, sizeof(l4)) < 0)
		return 0;
	return owner_of_block(ip.saddr, port_at(ip.protocol == IPPROTO_ICMP ? l4 + 4 : l4));
}

static __always_inline __u32 queue_of_4(struct __sk_buff *skb)
{
	struct iphdr ip;
	__u8 l4[ICMP_BYTES];

	if (load(skb, 0, &ip, sizeof(ip)) < 0 || ip.ihl < IP_MIN_WORDS)
		return 0;
	if (ip.frag_off & bpf_htons(IP_MF | IP_OFFSET))
		return owner_of_datagram(&ip);
	if (load(skb, ip.ihl * 4, l4, sizeof(l4)) < 0)
		return 0;
	if (ip.protocol != IPPROTO_ICMP)
		return owner_of_block(ip.daddr, port_at(l4 + 2));
	if (is_error(l4[0]))
		return queue_of_error(skb, ip.ihl * 4 + ICMP_BYTES);
	return owner_of_block(ip.daddr, port_at(l4 + 4));
}

SEC("socket")
int isthmus_queue(struct __sk_buff *skb)
{
	__u8 version;

	if (load(skb, 0, &version, sizeof(version)) < 0)
		return 0;
	return (int)(version >> 4 == 6 ? queue_of_6(skb) : queue_of_4(skb));
}

char queue_license[] SEC("license") = "Apache-2.0";
