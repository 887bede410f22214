/*
 * queue.bpf.c - which TUN queue, and so which worker, a packet goes to
 *
 * The TUN device asks this program (TUNSETSTEERINGEBPF) for each packet that the kernel hands to the translator. It says
 * who owns the packet by the rules of src/state/owner.h and src/nat64/handover.c, as far as it sees: the outer headers,
 * and the packet inside an ICMP error. It is a hint. A worker looks for itself and hands over what is not its own; so
 * what is left out here (extension headers, subscribers that are pinned or have fixed blocks) costs a detour, and
 * nothing is translated wrong.
 *
 * The rules' parameters and the table of moved blocks are words of an array that the workers write (abi.h). Until they
 * have, everything goes to the first queue.
 */
#include "abi.h"

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

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
#define WORKER_BITS 16

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set before loading */
	__type(key, __u32);
	__type(value, __u64);
} words SEC(".maps");

static __always_inline int load(struct __sk_buff *skb, __u32 at, void *to, __u32 len)
{
	return bpf_skb_load_bytes_relative(skb, at, to, len, BPF_HDR_START_NET);
}

static __always_inline __u64 word_at(__u32 i)
{
	const __u64 *word = bpf_map_lookup_elem(&words, &i);

	return word ? *(volatile const __u64 *)word : 0;
}

static __always_inline __u64 mix(__u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static __always_inline __u32 spread(__u64 hash)
{
	return (__u32)((hash >> 32) * word_at(QUEUE_WORD_OWNERS) >> 32);
}

static __always_inline __u32 owner_of_subscriber(const __be32 *addr)
{
	__u64 hi = (__u64)bpf_ntohl(addr[0]) << 32 | bpf_ntohl(addr[1]);
	__u64 lo = (__u64)bpf_ntohl(addr[2]) << 32 | bpf_ntohl(addr[3]);

	return spread(mix((hi & word_at(QUEUE_WORD_MASK_HI)) ^ mix(lo & word_at(QUEUE_WORD_MASK_LO))));
}

static __always_inline __u32 owner_of_block(__be32 addr, __u32 port)
{
	__u64 number = port >> (word_at(QUEUE_WORD_BLOCK_SHIFT) & 15);
	__u64 key = (__u64)bpf_ntohl(addr) << 32 | number << WORKER_BITS;
	__u64 mask = word_at(QUEUE_WORD_TABLE_LEN) - 1, first = mix(key) >> 32;
	__u32 owners = (__u32)word_at(QUEUE_WORD_OWNERS);

	for (__u32 probe = 0; probe < QUEUE_PROBES; probe++) {
		__u64 word = word_at(QUEUE_HEAD_WORDS + (__u32)((first + probe) & mask));

		if (word == 0)
			break;
		if (word >> WORKER_BITS == key >> WORKER_BITS)
			return (__u32)(word & ((1u << WORKER_BITS) - 1)) - 1;
	}
	return owners > 0 ? (bpf_ntohl(addr) + (__u32)number) % owners : 0;
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
