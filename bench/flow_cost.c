/*
 * flow_cost.c - what a packet of a known flow costs in the programs of bpf/flow.bpf.c, in nanoseconds
 *
 * usage: flow_cost		in a network namespace that bench/flow has made; prints a table
 *
 * The kernel runs flow_again.bpf.c and behind it the program that is measured (BPF_PROG_TEST_RUN) on one packet, many times, as
 * packets of as many flows as the column says. What the preparation costs was measured before and is subtracted. Nothing is
 * sent: the figures are those of the decision, the translation and the look-up of the route.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "abi.h"
#include "flow_again.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#include "flow.skel.h"
#include "flow_again.skel.h"
#pragma GCC diagnostic pop

#define REPEAT 1000000
#define BEST_OF 5
#define PAYLOAD 18 /* bytes; an IPv4 frame of 64 with its own checksum */
#define CLIENT_PORT 4000
#define SERVER_PORT 80

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "flow_cost: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* One measurement, and what it runs on. */
struct trial {
	int is_6, is_tcp, is_xdp;
	uint32_t flows;
	struct flow_bpf *flow;
	struct flow_again_bpf *again;
	uint8_t frame[AGAIN_FRONT_MAX + PAYLOAD];
	uint32_t frame_len;
};

static const uint8_t prefix[16] = { 0x00, 0x64, 0xff, 0x9b }, client[16] = { 0x20, 0x01, 0x0d, 0xb8 },
		     server[4] = { 198, 51, 100, 7 }, pool[4] = { 100, 64, 0, 0 };

static void be16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* As the supervisor has it; a measurement takes less than FLOW_HEARD_MS. */
static uint32_t now_ms(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) < 0)
		die("the clock");
	return (uint32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000) | 1;
}

/* --- tables --- */

static uint32_t sets_of(uint32_t flows)
{
	return flows / 2; /* half full */
}

static void *map_memory(const struct bpf_map *m, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(m), 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/* Sums are not right here; nobody looks at them. */
static void enter(
	struct trial *t, struct flow_head *head, struct flow64_set *flows64, struct flow46_set *flows46)
{
	uint8_t proto = t->is_tcp ? 6 : 17;

	for (uint32_t i = 0; i < t->flows; i++) {
		struct flow64_slot a = { .epoch = 1, .proto = proto, .sum_addrs = 1 };
		struct flow46_slot b = { .epoch = 1, .proto = proto, .sum_addrs = 1 };

		memcpy(a.in, client, 16);
		be16(a.in + 12, i >> 16);
		be16(a.in + 14, i);
		memcpy(&a.dst, server, 4);
		be16((uint8_t *)&a.sport, CLIENT_PORT);
		be16((uint8_t *)&a.dport, SERVER_PORT);
		memcpy(&a.out, pool, 4);
		be16((uint8_t *)&a.out + 2, i >> AGAIN_PORT_BITS);
		be16((uint8_t *)&a.out_port, 1024 + (i & ((1 << AGAIN_PORT_BITS) - 1)));
		memcpy(&b.remote, server, 4);
		b.out = a.out;
		be16((uint8_t *)&b.remote_port, SERVER_PORT);
		b.out_port = a.out_port;
		memcpy(b.in, a.in, 16);
		b.in_port = a.sport;
		uint64_t h64 = flow64_hash(head->key, &a), h46 = flow46_hash(head->key, &b);
		struct flow64_set *s64 = &flows64[h64 & (sets_of(t->flows) - 1)];
		struct flow46_set *s46 = &flows46[h46 & (sets_of(t->flows) - 1)];

		for (unsigned n = 0; n < FLOW_WAYS; n++)
			if (s64->way[flow_way(h64, n)].epoch == 0) {
				s64->way[flow_way(h64, n)] = a;
				break;
			}
		for (unsigned n = 0; n < FLOW_WAYS; n++)
			if (s46->way[flow_way(h46, n)].epoch == 0) {
				s46->way[flow_way(h46, n)] = b;
				break;
			}
	}
}

static void tables_fill(struct trial *t)
{
	size_t sets = sets_of(t->flows);
	struct flow_head *head = map_memory(t->flow->maps.head, sizeof(*head));
	struct flow_host *host = map_memory(t->flow->maps.host, sizeof(*host));
	struct flow64_set *flows64 = map_memory(t->flow->maps.flows64, sets * sizeof(*flows64));
	struct flow46_set *flows46 = map_memory(t->flow->maps.flows46, sets * sizeof(*flows46));

	*head = (struct flow_head){
		.key = { 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f }, .epoch = 1, .lowest_ipv6_mtu = 1280
	};
	memcpy(head->prefixes[0].addr, prefix, 16);
	head->prefixes[0].len = 96;
	memcpy(&head->pool, pool, 4);
	head->pool_mask = 0xff;
	*host = (struct flow_host){
		.device = if_nametoindex("tun0"), .mode = FLOW_MODE_REDIRECT, .exits_since = now_ms()
	};
	enter(t, head, flows64, flows46);
	munmap(flows64, sets * sizeof(*flows64));
	munmap(flows46, sets * sizeof(*flows46));
}

static void interfaces_fill(const struct trial *t)
{
	struct flow_interface i = { .is_on = 1, .takes_frames = 1 };
	uint32_t lo = 1, out = if_nametoindex("out0");

	if (bpf_map_update_elem(bpf_map__fd(t->flow->maps.interfaces), &lo, &i, BPF_ANY) < 0 ||
		bpf_map_update_elem(bpf_map__fd(t->flow->maps.interfaces), &out, &i, BPF_ANY) < 0)
		die("interfaces");
}

/* --- frames --- */

static void frame_make(struct trial *t)
{
	uint32_t l4 = t->is_tcp ? 20 : 8, header = t->is_6 ? 40 : 20;
	uint8_t *ip = t->frame + 14, *p = ip + header;

	memset(t->frame, 0, sizeof(t->frame));
	t->frame[12] = t->is_6 ? 0x86 : 0x08;
	t->frame[13] = t->is_6 ? 0xdd : 0x00;
	t->frame_len = 14 + header + l4 + PAYLOAD;
	if (t->is_6) {
		ip[0] = 0x60;
		be16(ip + 4, l4 + PAYLOAD);
		ip[6] = t->is_tcp ? 6 : 17;
		ip[7] = 64;
		memcpy(ip + 8, client, 16);
		memcpy(ip + 24, prefix, 12);
		memcpy(ip + 36, server, 4);
	} else {
		ip[0] = 0x45;
		be16(ip + 2, 20 + l4 + PAYLOAD);
		ip[6] = 0x40;
		ip[8] = 64;
		ip[9] = t->is_tcp ? 6 : 17;
		memcpy(ip + 12, server, 4);
		memcpy(ip + 16, pool, 4);
	}
	be16(p, t->is_6 ? CLIENT_PORT : SERVER_PORT);
	be16(p + 2, t->is_6 ? SERVER_PORT : 1024);
	if (t->is_tcp) {
		p[12] = 0x50;
		p[13] = 0x10;
	} else {
		be16(p + 4, 8 + PAYLOAD);
		be16(p + 6, 0x1234);
	}
}

/* --- measuring --- */

static uint32_t run(struct trial *t, const struct bpf_program *target, uint32_t repeat, uint32_t *ret_verdict)
{
	static uint8_t out[4096];
	uint32_t zero = 0;
	int fd = bpf_program__fd(target);
	const struct bpf_program *p = t->is_xdp ? t->again->progs.again_xdp : t->again->progs.again_tc;
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = t->frame, .data_size_in = t->frame_len, .data_out = out,
		.data_size_out = sizeof(out), .repeat = (int)repeat);

	if (bpf_map_update_elem(bpf_map__fd(t->is_xdp ? t->again->maps.next_xdp : t->again->maps.next_tc),
		    &zero, &fd, BPF_ANY) < 0)
		die("tail call");
	t->again->bss->n = 0;
	if (bpf_prog_test_run_opts(bpf_program__fd(p), &o) < 0)
		die("BPF_PROG_TEST_RUN");
	*ret_verdict = o.retval;
	return o.duration;
}

static double best(struct trial *t, const struct bpf_program *target)
{
	uint32_t least = UINT32_MAX, verdict = 0;

	(void)run(t, target, 2, &verdict); /* of the first two flows, which have places */
	if (verdict != (t->is_xdp ? (uint32_t)XDP_REDIRECT : 7 /* TC_ACT_REDIRECT */)) {
		fprintf(stderr, "flow_cost: verdict %u\n", verdict);
		exit(EXIT_FAILURE);
	}
	for (int i = 0; i < BEST_OF; i++) {
		uint32_t ns = run(t, target, REPEAT, &verdict);

		least = ns < least ? ns : least;
	}
	return least;
}

static double measure(struct trial *t)
{
	struct again front = { .is_6 = (uint32_t)t->is_6, .is_tcp = (uint32_t)t->is_tcp, .flows = t->flows };
	double with, without;

	frame_make(t);
	memcpy(front.front, t->frame, t->frame_len - PAYLOAD);
	t->flow = flow_bpf__open();
	t->again = flow_again_bpf__open();
	if (!t->flow || !t->again)
		die("open");
	t->flow->rodata->flows64_mask = t->flow->rodata->flows46_mask = sets_of(t->flows) - 1;
	memcpy((void *)&t->again->rodata->again, &front, sizeof(front));
	if (bpf_map__set_max_entries(t->flow->maps.flows64, sets_of(t->flows)) < 0 ||
		bpf_map__set_max_entries(t->flow->maps.flows46, sets_of(t->flows)) < 0 ||
		bpf_map__set_max_entries(t->flow->maps.tallies, (uint32_t)libbpf_num_possible_cpus()) < 0 ||
		flow_bpf__load(t->flow) < 0 || flow_again_bpf__load(t->again) < 0)
		die("load");
	tables_fill(t);
	interfaces_fill(t);
	without = best(t, t->is_xdp ? t->again->progs.nothing_xdp : t->again->progs.nothing_tc);
	with = best(t, t->is_xdp ? t->flow->progs.isthmus_flow_xdp : t->flow->progs.isthmus_flow);
	flow_bpf__destroy(t->flow);
	flow_again_bpf__destroy(t->again);
	return with - without;
}

int main(void)
{
	static const uint32_t columns[] = { 1 << 10, 1 << 20 };

	printf("%-28s%16s%16s%10s\n", "nanoseconds per packet", "1,024 flows", "1,048,576", "ratio");
	for (int i = 0; i < 8; i++) {
		struct trial t = { .is_xdp = i >> 2, .is_6 = !(i & 1), .is_tcp = (i >> 1) & 1 };
		double ns[2];

		for (int c = 0; c < 2; c++) {
			t.flows = columns[c];
			ns[c] = measure(&t);
		}
		printf("%-4s%-5s%-19s%16.0f%16.0f%10.2f\n", t.is_xdp ? "XDP" : "tc", t.is_tcp ? "TCP" : "UDP",
			t.is_6 ? "IPv6 to IPv4" : "IPv4 to IPv6", ns[0], ns[1], ns[1] / ns[0]);
		fflush(stdout);
	}
	return 0;
}
