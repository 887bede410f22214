/*
 * flow_parse.bpf.h - what a packet says, as far as a flow needs it, and whether it is of the plain form
 *
 * Part of flow.bpf.c, which tells the whole. The same for tc and XDP: both give a stretch of memory that begins the frame.
 */
#ifndef ISTHMUS_BPF_FLOW_PARSE_H
#define ISTHMUS_BPF_FLOW_PARSE_H

#include "abi.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IP_MF 0x2000
#define IP_DF 0x4000
#define IP_OFFSET 0x1fff
#define IP4_BYTES 20
#define IP4_PAYLOAD_MAX (65535 - IP4_BYTES)
#define IP6_BYTES 40
#define TCP_BYTES 20 /* without options */
#define UDP_BYTES 8
#define ICMP_BYTES 8
#define FRONT_BYTES (IP6_BYTES + TCP_BYTES) /* what is looked at, at most */

#define NEXT_HOP_BY_HOP 0 /* RFC 8200 s4 */
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_ICMP6 58
#define NEXT_OPTIONS 60

#define ECHO4_REPLY 0 /* RFC 792, RFC 4443 */
#define ECHO4 8
#define ECHO6 128
#define ECHO6_REPLY 129

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_FIN_RST 0x05
#define TCP_ACK 0x10
#define TCP_DOFF_AT 12
#define TCP_FLAGS_AT 13
#define TCP_SUM_AT 16
#define UDP_SUM_AT 6
#define ICMP_SUM_AT 2

/* What becomes of a packet, where it is not one of enum flow_up. */
enum { TRY_PAIRS = -3, NOT_OURS = -2, OURS = -1 };

/* The front of a frame that lies in one piece, and what goes with it. */
struct frame {
	const __u8 *data, *end;
	__u32 len;	/* bytes of the whole frame */
	__u32 gso_size; /* of a train: payload of a segment, bytes; else 0 */
	__u32 gso_segs; /* 0: not known */
};

/* A packet, and later also what it becomes. Everything of the wire is in network order. */
struct packet {
	__u32 len;     /* bytes of the IP packet */
	__u32 l4_len;  /* bytes behind the IP header */
	__u32 segs;    /* packets on the wire */
	__u32 seg_len; /* transport bytes of one of them */
	__u32 excess;  /* bytes of the frame behind the packet */
	__u32 kind;    /* enum flow_proto */
	__u64 addrs6[4];     /* source and destination */
	__be32 src4, dst4;   /* of an IPv6 packet: dst4 is taken out of the prefix */
	__be16 sport, dport; /* of an ICMP echo both are the identifier */
	__u16 type_code;     /* of an ICMP echo its first word, as memory has it */
	__u8 proto;	     /* IANA number; of ICMP that of IPv4 */
	__u8 tos, hops;
	__u8 df, is_train;
	__u8 tcp_flags;
	__u8 prefix; /* index; FLOW_PREFIXES_MAX: in none */
	__u8 is_flows; /* its destination is in a prefix, or may be in the pool; else it can be without state only */
};

/* The sum over words is one over halves of words, whatever the byte order (RFC 1071 s2). */
static __always_inline __u32 sum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u32)((sum & 0xffff) + (sum >> 16));
}

/* --- addresses, RFC 6052 s2.2 --- */

/* The first @len bits of two words are the same if their difference, moved so, is zero. */
static __always_inline __u64 first_bits(__u64 difference, __u32 len)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return difference << (64 - len & 63);
#else
	return difference >> (64 - len & 63);
#endif
}

static __always_inline __u64 swap64(__u64 x)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap64(x);
#else
	return x;
#endif
}

static __always_inline int prefix_has(const struct flow_prefix *f, const __u64 addr[2])
{
	const __u64 *p = (const __u64 *)f->addr;

	if (f->len == 96)
		return p[0] == addr[0] && first_bits(p[1] ^ addr[1], 32) == 0;
	return f->len != 0 && first_bits(p[0] ^ addr[0], f->len) == 0;
}

/*
 * Takes the IPv4 address out; negative if the u octet or the suffix is not zero. A suffix that says something is let in by
 * the translator, but the sums of a slot are for an address without.
 */
static __always_inline int prefix_take(__u32 len, const __u64 addr[2], __be32 *ret)
{
	__u64 hi, lo, v;

	if (len == 96) {
		const __be32 *words = (const __be32 *)addr;

		*ret = words[3];
		return 0;
	}
	hi = swap64(addr[0]);
	lo = swap64(addr[1]);
	if (lo >> 56 || lo << (len - 24 & 63))
		return -1;
	v = len == 64 ? 0 : hi << (len & 63) >> 32;
	if (len != 32)
		v |= lo << 8 >> (96 - len & 63);
	*ret = bpf_htonl((__u32)v);
	return 0;
}

static __always_inline void prefix_embed(const struct flow_prefix *f, __be32 addr, __u64 ret[2])
{
	const __u64 *p = (const __u64 *)f->addr;
	__u32 len = f->len;
	__u64 v = bpf_ntohl(addr);

	ret[0] = p[0];
	ret[1] = p[1];
	if (len == 96) {
		((__be32 *)ret)[3] = addr;
		return;
	}
	if (len != 64)
		ret[0] |= swap64(v << 32 >> (len & 63));
	if (len != 32)
		ret[1] |= swap64(v << (96 - len & 63) >> 8);
}

/* --- transport --- */

static __always_inline void take_train(struct packet *p, const struct frame *f, __u32 header)
{
	p->segs = 1;
	p->seg_len = p->l4_len;
	p->is_train = f->gso_size != 0;
	if (p->kind != FLOW_TCP)
		p->tcp_flags = 0;
	if (p->kind != FLOW_ICMP)
		p->type_code = 0;
	if (!p->is_train)
		return;
	p->seg_len = header + f->gso_size;
	p->segs = f->gso_segs ? f->gso_segs : (p->l4_len - header + f->gso_size - 1) / f->gso_size;
	if (p->segs == 0)
		p->segs = 1;
}

static __always_inline int take_tcp(struct packet *p, const struct frame *f, const __u8 *l4)
{
	__u32 header;

	if (l4 + TCP_BYTES > f->end)
		return FLOW_UP_MALFORMED;
	header = l4[TCP_DOFF_AT] >> 4 << 2;
	if (header < TCP_BYTES || header > p->l4_len)
		return FLOW_UP_MALFORMED;
	p->kind = FLOW_TCP;
	p->tcp_flags = l4[TCP_FLAGS_AT];
	p->sport = ((const __be16 *)l4)[0];
	p->dport = ((const __be16 *)l4)[1];
	take_train(p, f, header);
	return OURS;
}

/*
 * Where trains of segments are inside a tunnel, which is no train of datagrams; nothing else tells them apart. RFC 7348, its
 * number before it had one, RFC 8926, RFC 8086.
 */
static __always_inline int is_tunnel(__be16 port)
{
	return port == bpf_htons(4789) || port == bpf_htons(8472) || port == bpf_htons(6081) ||
	       port == bpf_htons(4754) || port == bpf_htons(4755);
}

static __always_inline int take_udp(struct packet *p, const struct frame *f, const __u8 *l4)
{
	const __be16 *h = (const __be16 *)l4;
	__u32 claimed;

	if (l4 + UDP_BYTES > f->end)
		return FLOW_UP_MALFORMED;
	claimed = bpf_ntohs(h[2]);
	if (claimed < UDP_BYTES || claimed > p->l4_len)
		return FLOW_UP_MALFORMED;
	if (h[3] == 0) /* RFC 7915 s4.5; RFC 8200 s8.1 */
		return FLOW_UP_CHECKSUM;
	p->kind = FLOW_UDP;
	p->sport = h[0];
	p->dport = h[1];
	take_train(p, f, UDP_BYTES);
	if (f->gso_size && (is_tunnel(p->dport) || is_tunnel(p->sport)))
		return FLOW_UP_PROTOCOL;
	return OURS;
}

static __always_inline int take_echo(
	struct packet *p, const struct frame *f, const __u8 *l4, __u8 request, __u8 reply)
{
	if (l4 + ICMP_BYTES > f->end || f->gso_size)
		return FLOW_UP_MALFORMED;
	if (l4[0] != request && l4[0] != reply)
		return FLOW_UP_ICMP;
	p->kind = FLOW_ICMP;
	p->type_code = ((const __u16 *)l4)[0];
	p->sport = p->dport = ((const __be16 *)l4)[2];
	take_train(p, f, ICMP_BYTES);
	return OURS;
}

/* --- internet --- */

static __always_inline int take_6(
	struct packet *p, const struct frame *f, __u32 l3, const struct flow_head *head)
{
	const struct ipv6hdr *ip = (const struct ipv6hdr *)(f->data + l3);
	const __u8 *l4 = f->data + l3 + IP6_BYTES;

	if (l4 > f->end || ip->version != 6)
		return NOT_OURS;
	for (int i = 0; i < 4; i++)
		p->addrs6[i] = ((const __u64 *)&ip->saddr)[i];
	p->prefix = FLOW_PREFIXES_MAX;
	for (__u8 i = 0; i < FLOW_PREFIXES_MAX; i++) {
		if (!prefix_has(&head->prefixes[i], p->addrs6 + 2))
			continue;
		p->prefix = i;
		p->is_flows = prefix_take(head->prefixes[i].len, p->addrs6 + 2, &p->dst4) == 0;
		if (!p->is_flows && !head->has_pairs) {
			p->is_flows = 1; /* the translator's nevertheless, and counted */
			return FLOW_UP_NO_ENTRY;
		}
		break;
	}
	if (p->prefix == FLOW_PREFIXES_MAX && !head->has_pairs)
		return NOT_OURS;
	p->l4_len = bpf_ntohs(ip->payload_len);
	p->len = p->l4_len + IP6_BYTES;
	if (l3 + p->len > f->len)
		return FLOW_UP_MALFORMED;
	p->excess = f->len - l3 - p->len;
	p->hops = ip->hop_limit;
	if (p->hops < 2)
		return FLOW_UP_HOP_LIMIT;
	p->tos = (__u8)(bpf_ntohs(*(const __be16 *)ip) >> 4);
	p->proto = ip->nexthdr;
	switch (p->proto) {
	case IPPROTO_TCP:
		return take_tcp(p, f, l4);
	case IPPROTO_UDP:
		return take_udp(p, f, l4);
	case NEXT_ICMP6:
		p->proto = IPPROTO_ICMP;
		return p->l4_len < ICMP_BYTES ? FLOW_UP_MALFORMED : take_echo(p, f, l4, ECHO6, ECHO6_REPLY);
	case NEXT_FRAGMENT:
		return FLOW_UP_FRAGMENT;
	case NEXT_HOP_BY_HOP:
	case NEXT_ROUTING:
	case NEXT_OPTIONS:
		return FLOW_UP_OPTIONS;
	}
	return FLOW_UP_PROTOCOL;
}

static __always_inline int take_4(
	struct packet *p, const struct frame *f, __u32 l3, const struct flow_head *head)
{
	const struct iphdr *ip = (const struct iphdr *)(f->data + l3);
	const __u32 *w = (const __u32 *)ip;
	const __u8 *l4 = f->data + l3 + IP4_BYTES;

	if (l4 > f->end || ip->version != 4)
		return NOT_OURS;
	p->is_flows = ((ip->daddr ^ head->pool) & head->pool_mask) == 0;
	if (!p->is_flows && !head->has_pairs)
		return NOT_OURS;
	if (ip->ihl != IP4_BYTES / 4)
		return ip->ihl < IP4_BYTES / 4 ? FLOW_UP_MALFORMED : FLOW_UP_OPTIONS;
	if (sum_fold((__u64)w[0] + w[1] + w[2] + w[3] + w[4]) != 0xffff)
		return FLOW_UP_MALFORMED;
	p->len = bpf_ntohs(ip->tot_len);
	if (p->len < IP4_BYTES || l3 + p->len > f->len)
		return FLOW_UP_MALFORMED;
	p->l4_len = p->len - IP4_BYTES;
	p->excess = f->len - l3 - p->len;
	if (ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
		return FLOW_UP_FRAGMENT;
	p->hops = ip->ttl;
	if (p->hops < 2)
		return FLOW_UP_HOP_LIMIT;
	p->df = (ip->frag_off & bpf_htons(IP_DF)) != 0;
	p->src4 = ip->saddr;
	p->dst4 = ip->daddr;
	p->tos = ip->tos;
	p->proto = ip->protocol;
	switch (p->proto) {
	case IPPROTO_TCP:
		return take_tcp(p, f, l4);
	case IPPROTO_UDP:
		return take_udp(p, f, l4);
	case IPPROTO_ICMP:
		return p->l4_len < ICMP_BYTES ? FLOW_UP_MALFORMED : take_echo(p, f, l4, ECHO4, ECHO4_REPLY);
	}
	return FLOW_UP_PROTOCOL;
}

#endif
