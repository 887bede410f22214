/*
 * flood.bpf.c - DNS queries as a driver hands them over: frames without a socket buffer, for bench/dns
 *
 * flood_send() runs on live frames (BPF_F_TEST_XDP_LIVE_FRAMES) at one end of a veth: it writes the next query into each and sends it.
 * flood_receive() sits at the same end and counts the replies.
 */
#include "flood.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define UDP_AT 54 /* behind Ethernet and IPv6 */

struct frame {
	__u8 bytes[FLOOD_FRAME];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FLOOD_FRAMES);
	__type(key, __u32);
	__type(value, struct frame);
} frames SEC(".maps");

__u64 replies = 0; /* one processor takes them all */
__u32 next = 0;

SEC("xdp")
int flood_send(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;
	__u32 i = next++ % FLOOD_FRAMES;
	const struct frame *f = bpf_map_lookup_elem(&frames, &i);

	if (!f || data + FLOOD_FRAME > end)
		return XDP_DROP;
	__builtin_memcpy(data, f, FLOOD_FRAME);
	return XDP_TX;
}

/* A reply has QR set, code NOERROR, and one answer. */
SEC("xdp")
int flood_receive(struct xdp_md *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;
	const __u8 *dns = data + UDP_AT + 8;

	if (dns + 12 > end || data[20] != 17 || data[UDP_AT + 2] != FLOOD_PORT >> 8 ||
		data[UDP_AT + 3] != (FLOOD_PORT & 0xff))
		return XDP_PASS;
	if (dns[2] & 0x80 && (dns[3] & 0xf) == 0 && dns[7] == 1)
		replies++;
	return XDP_DROP;
}

char flood_license[] SEC("license") = "Apache-2.0";
