/*
 * flood.bpf.c - packets as a driver hands them over: frames without a socket buffer, for bench/dns and bench/forward
 *
 * flood_send() runs on live frames (BPF_F_TEST_XDP_LIVE_FRAMES) at one end of a veth: it writes the next packet into each and sends it.
 * flood_replies() sits at the same end and counts DNS replies; flood_arrivals() sits where datagrams arrive and counts those, or sends
 * each back, to be counted by flood_echoes() at the sender's end.
 *
 * Datagrams are of the hosts times ports flows in turn, in an order that is none to a hash table: host number h is
 * 2001:db8:1:h::2 if the first is 2001:db8:1::2.
 */
#include "flood.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IP_AT 14
#define UDP4_AT (IP_AT + 20)
#define UDP6_AT (IP_AT + 40)
#define HOST_AT (IP_AT + 14) /* the fourth group of the IPv6 source */
#define PROTO_UDP 17
#define SPREAD 0x9e3779b1u /* prime */

struct frame {
	__u8 bytes[FLOOD_UDP_FRAME];
};

/* As many as there are, set before loading; of datagrams the first flow's. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct frame);
} frames SEC(".maps");

const volatile __u32 frames_len = 1;
const volatile __u32 frame_len = FLOOD_UDP_FRAME;
const volatile __be16 port = 0; /* that datagrams go to */
const volatile __u32 hosts = 1, ports = 1;
const volatile __u32 is_echo = 0; /* datagrams are to come back */
const volatile __u64 wanted = 0;  /* packets to send; 0: no end */

__u64 arrived = 0; /* one processor takes them all */
__u64 sent = 0;

static __always_inline __u32 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* Makes the first flow's datagram one of another (RFC 1624 eqn. 3: the old host is zero). */
static __always_inline void flow_put(__u8 *data, __u32 flow)
{
	__be16 host = bpf_htons((__u16)(flow % hosts)),
	       from = bpf_htons((__u16)(FLOOD_UDP_PORT + flow / hosts % ports));
	__be16 *sum_at = (__be16 *)(data + UDP6_AT + 6);
	__u32 sum = (__u16) ~*sum_at + host + from + (__u16)~bpf_htons(FLOOD_UDP_PORT);

	*(__be16 *)(data + HOST_AT) = host;
	*(__be16 *)(data + UDP6_AT) = from;
	sum = (__u16)~fold(sum);
	*sum_at = sum == 0 ? 0xffff : (__be16)sum; /* RFC 768 */
}

SEC("xdp")
int flood_send(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;
	__u32 i = sent % frames_len;
	const struct frame *f = bpf_map_lookup_elem(&frames, &i);

	if (!f || sent - *(volatile __u64 *)&arrived >= FLOOD_WINDOW || (wanted && sent >= wanted))
		return XDP_DROP; /* the frame is used again */
	if (frame_len == FLOOD_DNS_FRAME) {
		if (data + FLOOD_DNS_FRAME > end)
			return XDP_DROP;
		__builtin_memcpy(data, f, FLOOD_DNS_FRAME);
	} else {
		if (data + FLOOD_UDP_FRAME > end)
			return XDP_DROP;
		__builtin_memcpy(data, f, FLOOD_UDP_FRAME);
		flow_put(data, (__u32)(sent % ((__u64)hosts * ports) * SPREAD % ((__u64)hosts * ports)));
	}
	sent++;
	return XDP_TX;
}

/* A reply has QR set, code NOERROR, and one answer. */
SEC("xdp")
int flood_replies(struct xdp_md *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;
	const __u8 *dns = data + UDP6_AT + 8;

	if (dns + 12 > end || data[IP_AT + 6] != PROTO_UDP || data[UDP6_AT + 2] != FLOOD_DNS_PORT >> 8 ||
		data[UDP6_AT + 3] != (FLOOD_DNS_PORT & 0xff))
		return XDP_PASS;
	if (dns[2] & 0x80 && (dns[3] & 0xf) == 0 && dns[7] == 1)
		arrived++;
	return XDP_DROP;
}

static __always_inline void turn(__u16 *a, __u16 *b, int words)
{
	for (int i = 0; i < words; i++) {
		__u16 t = a[i];

		a[i] = b[i];
		b[i] = t;
	}
}

/* Whether a frame has a datagram of the flows; of either family, since translation may be what is measured. */
static __always_inline int datagram_take(const __u8 *data, const __u8 *end, __u32 *ret_udp_at)
{
	if (data + UDP6_AT + 8 > end)
		return 0;
	if (data[IP_AT] == 0x60 && data[IP_AT + 6] == PROTO_UDP)
		*ret_udp_at = UDP6_AT;
	else if (data[IP_AT] == 0x45 && data[IP_AT + 9] == PROTO_UDP)
		*ret_udp_at = UDP4_AT;
	else
		return 0;
	return 1;
}

SEC("xdp")
int flood_arrivals(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;
	__u32 at;

	if (!datagram_take(data, end, &at))
		return XDP_PASS;
	__be16 *udp = (__be16 *)(data + (at == UDP6_AT ? UDP6_AT : UDP4_AT));

	if ((__u8 *)(udp + 4) > end || udp[1] != port)
		return XDP_PASS;
	if (!is_echo) {
		arrived++;
		return XDP_DROP;
	}
	turn((__u16 *)data, (__u16 *)(data + 6), 3);
	turn(udp, udp + 1, 1);
	if (at == UDP6_AT)
		turn((__u16 *)(data + IP_AT + 8), (__u16 *)(data + IP_AT + 24), 8);
	else
		turn((__u16 *)(data + IP_AT + 12), (__u16 *)(data + IP_AT + 16), 2);
	/* XDP_TX would be lost unless the other end of the veth has a program, too. */
	return (int)bpf_redirect(ctx->ingress_ifindex, 0);
}

SEC("xdp")
int flood_echoes(struct xdp_md *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;
	__u32 at;

	if (!datagram_take(data, end, &at) || at != UDP6_AT || *(const __be16 *)(data + UDP6_AT) != port)
		return XDP_PASS;
	arrived++;
	return XDP_DROP;
}

char flood_license[] SEC("license") = "Apache-2.0";
