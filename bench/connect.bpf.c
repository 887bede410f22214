/*
 * connect.bpf.c - TCP connections by the hundred thousand, without a TCP: both of its ends for bench/connections
 *
 * connect_send() writes the first segment of the phase for the next connection into a live frame and sends it. connect_server() turns a
 * SYN around into a SYN with ACK, and a FIN into a FIN with ACK; connect_client() answers these with an ACK. So a connection is
 * opened by three segments and closed by three, as real ones are, and what comes through is counted. Each connection has its own
 * host and port: host number h is 2001:db8:1:h::2 if the first is 2001:db8:1::2.
 */
#include "connect.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IP_AT 14
#define HOST_AT (IP_AT + 14) /* the fourth group of the IPv6 source */
#define FIN 1
#define SYN 2
#define ACK 16

struct connect_frame first = {}; /* of connection 0, without flags and checksum */
const volatile __u32 hosts = 1, ports = 1;
const volatile __be16 port = 0; /* of the server */

__u32 phase = 0;
__u32 wanted = 0; /* first segments of this phase: one for each connection, or several */
__u64 done = 0; /* in this phase; one processor takes all that says so */
__u64 last = 0; /* when, by CLOCK_MONOTONIC */
__u32 next = 0;
__u16 first_port = CONNECT_FIRST_PORT; /* of a host, in this round */

struct tcp {
	__be16 source, dest;
	__be32 seq, ack;
	__u8 offset, flags;
	__be16 window, check, urgent;
};

/* One's complement sum over @len bytes, an even number that is known. */
static __always_inline __u32 sum_of(const void *from, __u32 len, __u32 sum)
{
	const __u16 *w = from;

	for (__u32 i = 0; i < len / 2; i++)
		sum += w[i];
	return sum;
}

static __always_inline void put_check(struct tcp *t, const void *addresses, __u32 addresses_len)
{
	__u32 sum = bpf_htons(IPPROTO_TCP) + bpf_htons(sizeof(*t));

	t->check = 0;
	sum = sum_of(addresses, addresses_len, sum);
	sum = sum_of(t, sizeof(*t), sum);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	t->check = (__u16)~sum;
}

SEC("xdp")
int connect_send(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;
	__u32 i = next;
	struct tcp *t = (struct tcp *)(data + IP_AT + 40);

	if (data + CONNECT_FRAME > end || i >= wanted || i - *(volatile __u64 *)&done >= CONNECT_WINDOW)
		return XDP_DROP; /* the frame is used again */
	next++;
	__builtin_memcpy(data, &first, CONNECT_FRAME);
	*(__be16 *)(data + HOST_AT) = bpf_htons((__u16)(i / ports % hosts));
	t->source = bpf_htons((__u16)(first_port + i % ports));
	t->flags = phase == CONNECT_OPEN ? SYN : phase == CONNECT_CLOSE ? FIN | ACK : ACK;
	t->seq = bpf_htonl(phase == CONNECT_OPEN ? 1000 : 1001);
	t->ack = bpf_htonl(phase == CONNECT_OPEN ? 0 : 5001);
	put_check(t, data + IP_AT + 8, 32);
	return XDP_TX;
}

static __always_inline void turn_ethernet(__u8 *data)
{
	__u16 *a = (__u16 *)data, *b = a + 3;

	for (int i = 0; i < 3; i++) {
		__u16 t = a[i];

		a[i] = b[i];
		b[i] = t;
	}
}

static __always_inline void turn_words(__u32 *a, __u32 *b, int len)
{
	for (int i = 0; i < len; i++) {
		__u32 t = a[i];

		a[i] = b[i];
		b[i] = t;
	}
}

/* Sends a segment back with these flags; the length of what it acknowledges is that of SYN or FIN. */
static __always_inline void turn_tcp(struct tcp *t, __u8 flags, __be32 seq)
{
	__be16 p = t->source;

	t->source = t->dest;
	t->dest = p;
	t->ack = bpf_htonl(bpf_ntohl(t->seq) + 1);
	t->seq = seq;
	t->flags = flags;
}

/* XDP_TX would be lost unless the other end of the veth has a program, too. */
static __always_inline int back(const struct xdp_md *ctx)
{
	return (int)bpf_redirect(ctx->ingress_ifindex, 0);
}

static __always_inline void note(void)
{
	done++;
	last = bpf_ktime_get_ns();
}

SEC("xdp")
int connect_server(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;
	struct tcp *t = (struct tcp *)(data + IP_AT + 20);

	if ((__u8 *)(t + 1) > end || data[IP_AT] != 0x45 || data[IP_AT + 9] != IPPROTO_TCP || t->dest != port)
		return XDP_PASS;
	if (!(t->flags & (SYN | FIN))) {
		if (phase == CONNECT_DATA)
			note();
		return XDP_DROP;
	}
	turn_ethernet(data);
	turn_words((__u32 *)(data + IP_AT + 12), (__u32 *)(data + IP_AT + 16), 1);
	if (t->flags & SYN)
		turn_tcp(t, SYN | ACK, bpf_htonl(5000));
	else
		turn_tcp(t, FIN | ACK, t->ack);
	put_check(t, data + IP_AT + 12, 8);
	return back(ctx);
}

SEC("xdp")
int connect_client(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;
	struct tcp *t = (struct tcp *)(data + IP_AT + 40);

	if ((__u8 *)(t + 1) > end || data[IP_AT] != 0x60 || data[IP_AT + 6] != IPPROTO_TCP ||
		t->source != port || !(t->flags & (SYN | FIN)))
		return XDP_PASS;
	note();
	turn_ethernet(data);
	turn_words((__u32 *)(data + IP_AT + 8), (__u32 *)(data + IP_AT + 24), 4);
	turn_tcp(t, ACK, t->ack);
	put_check(t, data + IP_AT + 8, 32);
	return back(ctx);
}

char connect_license[] SEC("license") = "Apache-2.0";
