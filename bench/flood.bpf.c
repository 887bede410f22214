/*
 * flood.bpf.c - packets as a driver hands them over: frames without a socket buffer, for bench/dns and bench/forward
 *
 * flood_send() runs on live frames (BPF_F_TEST_XDP_LIVE_FRAMES) at one end of a veth: it writes the next packet into each and sends it.
 * flood_replies() sits at the same end and counts DNS replies; flood_arrivals() sits where datagrams arrive and counts those.
 */
#include "flood.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IP_AT 14
#define UDP4_AT (IP_AT + 20)
#define UDP6_AT (IP_AT + 40)
#define PROTO_UDP 17

struct frame {
	__u8 bytes[FLOOD_UDP_FRAME];
};

/* As many as there are, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct frame);
} frames SEC(".maps");

const volatile __u32 frames_len = 1;
const volatile __u32 frame_len = FLOOD_UDP_FRAME;
const volatile __be16 port = 0; /* that datagrams go to */

__u64 arrived = 0; /* one processor takes them all */
__u64 sent = 0;

SEC("xdp")
int flood_send(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;
	__u32 i = sent % frames_len;
	const struct frame *f = bpf_map_lookup_elem(&frames, &i);

	if (!f || sent - *(volatile __u64 *)&arrived >= FLOOD_WINDOW)
		return XDP_DROP; /* the frame is used again */
	if (frame_len == FLOOD_DNS_FRAME) {
		if (data + FLOOD_DNS_FRAME > end)
			return XDP_DROP;
		__builtin_memcpy(data, f, FLOOD_DNS_FRAME);
	} else {
		if (data + FLOOD_UDP_FRAME > end)
			return XDP_DROP;
		__builtin_memcpy(data, f, FLOOD_UDP_FRAME);
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

/* Of either family, since translation may be what is measured. */
SEC("xdp")
int flood_arrivals(struct xdp_md *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;
	const __be16 *to;

	if (data + UDP6_AT + 8 > end)
		return XDP_PASS;
	if (data[IP_AT] == 0x60 && data[IP_AT + 6] == PROTO_UDP)
		to = (const __be16 *)(data + UDP6_AT + 2);
	else if (data[IP_AT] == 0x45 && data[IP_AT + 9] == PROTO_UDP)
		to = (const __be16 *)(data + UDP4_AT + 2);
	else
		return XDP_PASS;
	if (*to != port)
		return XDP_PASS;
	arrived++;
	return XDP_DROP;
}

char flood_license[] SEC("license") = "Apache-2.0";
