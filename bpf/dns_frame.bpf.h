/*
 * dns_frame.bpf.h - the frame around a query: whether it is for the resolver, whose it is, and how it is turned around
 *
 * Part of dns.bpf.c, which tells the whole.
 */
#ifndef ISTHMUS_BPF_DNS_FRAME_H
#define ISTHMUS_BPF_DNS_FRAME_H

#include "dns_answer.bpf.h"

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#define IP_MF 0x2000
#define IP_DF 0x4000
#define IP_OFFSET 0x1fff
#define HOPS 64
#define VLAN_BYTES 4

const volatile __u16 ports[DNS_PORTS_MAX] = {}; /* network order */
const volatile __u32 ports_len = 0;

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DNS_CLIENTS_MAX);
	__type(key, struct dns_client_key);
	__type(value, __u32); /* 0: not allowed; else the number of the view, plus 1 */
} clients SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DNS_LOCALS_MAX);
	__type(key, struct dns_local_key);
	__type(value, __u32);
} locals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DNS_INTERFACES_MAX);
	__type(key, __u32); /* interface index */
	__type(value, struct dns_interface);
} interfaces SEC(".maps");

/* A query, and where its parts are in the frame. */
struct query {
	__u32 ip, udp, dns; /* offsets */
	__u32 len;	    /* of the DNS message, bytes */
	__u32 family;	    /* 4 or 6 */
};

static __always_inline int take_ethernet(struct xdp_md *ctx, struct query *q)
{
	const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;
	const struct ethhdr *eth = (const struct ethhdr *)data;
	__be16 proto;

	if (data + sizeof(*eth) + VLAN_BYTES > end)
		return -1;
	proto = eth->h_proto;
	q->ip = sizeof(*eth);
	if (proto == bpf_htons(ETH_P_8021Q)) {
		proto = *(const __be16 *)(data + sizeof(*eth) + 2);
		q->ip += VLAN_BYTES;
	}
	q->family = proto == bpf_htons(ETH_P_IPV6) ? 6 : 4;
	return q->family == 6 || proto == bpf_htons(ETH_P_IP) ? 0 : -1;
}

static __always_inline int take_4(struct xdp_md *ctx, struct query *q, struct dns_local_key *local)
{
	const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;
	const struct iphdr *ip = (const struct iphdr *)(data + q->ip);
	const __u32 *w = (const __u32 *)ip;

	if ((const __u8 *)(ip + 1) > end || ip->version != 4 || ip->ihl != sizeof(*ip) / 4 ||
		ip->protocol != IPPROTO_UDP || ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
		return -1;
	if (sum_fold((__u64)w[0] + w[1] + w[2] + w[3] + w[4]) != 0xffff)
		return -1;
	q->udp = q->ip + sizeof(*ip);
	q->len = bpf_ntohs(ip->tot_len) - sizeof(*ip);
	__builtin_memcpy(local->addr, &ip->daddr, sizeof(ip->daddr));
	return 0;
}

static __always_inline int take_6(struct xdp_md *ctx, struct query *q, struct dns_local_key *local)
{
	const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;
	const struct ipv6hdr *ip = (const struct ipv6hdr *)(data + q->ip);

	if ((const __u8 *)(ip + 1) > end || ip->version != 6 || ip->nexthdr != IPPROTO_UDP)
		return -1;
	q->udp = q->ip + sizeof(*ip);
	q->len = bpf_ntohs(ip->payload_len);
	__builtin_memcpy(local->addr, &ip->daddr, sizeof(ip->daddr));
	return 0;
}

static __always_inline int is_our_port(__be16 port)
{
	for (__u32 i = 0; i < DNS_PORTS_MAX && i < ports_len; i++)
		if (ports[i] == port)
			return 1;
	return 0;
}

/* 0 if this is a datagram for the resolver. */
static __always_inline int take_datagram(struct xdp_md *ctx, struct query *q)
{
	const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;
	struct dns_local_key local = {};
	const struct udphdr *udp;

	if (take_ethernet(ctx, q) < 0 ||
		(q->family == 6 ? take_6(ctx, q, &local) : take_4(ctx, q, &local)) < 0)
		return -1;
	udp = (const struct udphdr *)(data + q->udp);
	if ((const __u8 *)(udp + 1) > end || !is_our_port(udp->dest))
		return -1;
	local.port = udp->dest;
	local.family = (__u16)q->family;
	if (!bpf_map_lookup_elem(&locals, &local))
		return -1;
	q->dns = q->udp + sizeof(*udp);
	/* Bytes of the packet behind the datagram are nobody's: the two lengths must agree. */
	if (bpf_ntohs(udp->len) != q->len || q->len < sizeof(*udp))
		q->len = 0;
	else
		q->len -= sizeof(*udp);
	/* RFC 8200 s8.1: without a checksum it is not to be taken; nobody can be told anything at port 0. */
	if (udp->source == 0 || (q->family == 6 && udp->check == 0))
		q->len = 0;
	return 0;
}

static __always_inline int is_for_us(struct xdp_md *ctx)
{
	const struct ethhdr *eth = (const struct ethhdr *)(long)ctx->data;
	__u32 index = ctx->ingress_ifindex;
	const struct dns_interface *i = bpf_map_lookup_elem(&interfaces, &index);

	if (!i || (const __u8 *)(eth + 1) > (const __u8 *)(long)ctx->data_end)
		return 0;
	return *(const __u16 *)eth->h_dest == *(const __u16 *)i->mac &&
	       *(const __u16 *)(eth->h_dest + 2) == *(const __u16 *)(i->mac + 2) &&
	       *(const __u16 *)(eth->h_dest + 4) == *(const __u16 *)(i->mac + 4);
}

/* The number of the client's view plus 1; 0: it is not allowed, or cannot be a client's address. */
static __always_inline __u32 view_of(struct xdp_md *ctx, const struct query *q)
{
	const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;
	struct dns_client_key key = { .family = bpf_htonl(q->family) };
	const __u32 *view;

	if (q->family == 6) {
		const struct ipv6hdr *ip = (const struct ipv6hdr *)(data + q->ip);

		if ((const __u8 *)(ip + 1) > end)
			return 0;
		__builtin_memcpy(key.addr, &ip->saddr, sizeof(ip->saddr));
		/* RFC 4291 s2.7: no multicast; s2.5.2, s2.5.3: neither :: nor ::1 comes by a wire. */
		if (key.addr[0] == 0xff ||
			(ip->saddr.in6_u.u6_addr32[0] == 0 && ip->saddr.in6_u.u6_addr32[1] == 0 &&
				ip->saddr.in6_u.u6_addr32[2] == 0))
			return 0;
		key.prefix_len = 32 + 128;
	} else {
		const struct iphdr *ip = (const struct iphdr *)(data + q->ip);

		if ((const __u8 *)(ip + 1) > end)
			return 0;
		__builtin_memcpy(key.addr, &ip->saddr, sizeof(ip->saddr));
		/* RFC 1122 s3.2.1.3 */
		if (key.addr[0] == 0 || key.addr[0] == 127 || key.addr[0] >= 224)
			return 0;
		key.prefix_len = 32 + 32;
	}
	view = bpf_map_lookup_elem(&clients, &key);
	return view ? *view : 0;
}

static __always_inline void swap_addresses(__u32 *a, __u32 *b, int words)
{
	for (int i = 0; i < words; i++) {
		__u32 t = a[i];

		a[i] = b[i];
		b[i] = t;
	}
}

/* Turns the frame's headers around; returns the sum of what of the IP header the UDP checksum holds. */
static __always_inline __u64 turn_headers(__u8 *data, const struct query *q, __u32 udp_len)
{
	struct ethhdr *eth = (struct ethhdr *)data;
	__u64 sum = 0;

	for (int i = 0; i < 3; i++) {
		__u16 *to = (__u16 *)eth->h_dest + i, *from = (__u16 *)eth->h_source + i, t = *to;

		*to = *from;
		*from = t;
	}
	if (q->family == 6) {
		struct ipv6hdr *ip = (struct ipv6hdr *)(data + q->ip);
		__u32 *a = ip->saddr.in6_u.u6_addr32, *b = ip->daddr.in6_u.u6_addr32;

		*(__be32 *)ip = bpf_htonl(6u << 28);
		ip->payload_len = bpf_htons((__u16)udp_len);
		ip->hop_limit = HOPS;
		swap_addresses(a, b, 4);
		for (int i = 0; i < 4; i++)
			sum += (__u64)a[i] + b[i];
	} else {
		struct iphdr *ip = (struct iphdr *)(data + q->ip);
		__u32 *w = (__u32 *)ip;

		ip->tos = 0;
		ip->tot_len = bpf_htons((__u16)(sizeof(*ip) + udp_len));
		ip->id = 0;
		ip->frag_off = bpf_htons(IP_DF);
		ip->ttl = HOPS;
		ip->check = 0;
		swap_addresses(&ip->saddr, &ip->daddr, 1);
		sum = (__u64)ip->saddr + ip->daddr;
		ip->check = (__u16)~sum_fold((__u64)w[0] + w[1] + w[2] + w[3] + w[4]);
	}
	return sum + bpf_htons(IPPROTO_UDP) + bpf_htons((__u16)udp_len);
}

#endif
