/*
 * flood.c - send frames out of one end of a veth for some seconds, and print how many packets came through
 *
 *	flood dns INTERFACE OWN-ADDRESS ADDRESS PORT ADDRESS-MAC SECONDS
 *				queries for bench/dns: "SENT queries, RECEIVED replies"
 *	flood udp INTERFACE OWN-ADDRESS ADDRESS PORT ADDRESS-MAC SECONDS FLOWS NETNS RECEIVER
 *				datagrams of 64 bytes for bench/forward, from FLOWS ports in turn; they are counted where they arrive,
 *				at an interface in a namespace of /run/netns: "SENT datagrams, RECEIVED received"
 *
 * So many are on their way at a time that none is lost for want of room.
 */
#include "flood.h"
#include "sender.h"

#include "base/bytes.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#include "flood.skel.h"
#pragma GCC diagnostic pop

#define BATCH 64
#define LINGER 100000 /* microseconds, for what is still on the way */

/* What is the same in all frames: up to the end of the UDP header. */
static void headers_write(
	char *const argv[], unsigned own_port, unsigned len, uint8_t f[static FLOOD_UDP_FRAME])
{
	memset(f, 0, FLOOD_UDP_FRAME);
	ethernet_write(argv[2], argv[6], f);
	f[14] = 0x60;
	be16_put(f + 18, (uint16_t)(len - 54));
	f[20] = 17;
	f[21] = 64;
	if (inet_pton(AF_INET6, argv[3], f + 22) != 1 || inet_pton(AF_INET6, argv[4], f + 38) != 1)
		die("an address");
	be16_put(f + 54, (uint16_t)own_port);
	be16_put(f + 56, (uint16_t)number_of(argv[5], UINT16_MAX));
	be16_put(f + 58, (uint16_t)(len - 54));
}

/* The question for n@number.bench.example AAAA. */
static void query_write(char *const argv[], unsigned number, uint8_t f[static FLOOD_UDP_FRAME])
{
	char name[32];

	headers_write(argv, FLOOD_DNS_PORT, FLOOD_DNS_FRAME, f);
	be16_put(f + 60, 0x1234); /* nobody looks: the program answers all, or the socket drops them */
	be16_put(f + 62, (uint16_t)number);
	be16_put(f + 64, 0x0100);
	be16_put(f + 66, 1);
	snprintf(name, sizeof(name), "\004n%03u\005bench\007example", number);
	memcpy(f + 74, name, strlen(name) + 1);
	be16_put(f + FLOOD_DNS_FRAME - 4, 28);
	be16_put(f + FLOOD_DNS_FRAME - 2, 1);
}

static void datagram_write(char *const argv[], unsigned flow, uint8_t f[static FLOOD_UDP_FRAME])
{
	uint32_t sum = 17;

	headers_write(argv, FLOOD_UDP_PORT + flow, FLOOD_UDP_FRAME, f);
	for (unsigned at = 22; at < FLOOD_UDP_FRAME; at += 2)
		sum += be16_at(f + at);
	sum += be16_at(f + 58);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	be16_put(f + 60, (uint16_t)~sum);
}

static struct flood_bpf *load(char *const argv[], bool is_udp, unsigned frames)
{
	struct flood_bpf *b = flood_bpf__open();
	uint8_t f[FLOOD_UDP_FRAME];

	if (!b || bpf_map__set_max_entries(b->maps.frames, frames) < 0)
		die("the programs");
	b->rodata->frames_len = frames;
	b->rodata->frame_len = is_udp ? FLOOD_UDP_FRAME : FLOOD_DNS_FRAME;
	b->rodata->port = htons((uint16_t)number_of(argv[5], UINT16_MAX));
	if (flood_bpf__load(b) < 0)
		die("loading the programs");
	for (uint32_t i = 0; i < frames; i++) {
		if (is_udp)
			datagram_write(argv, i, f);
		else
			query_write(argv, FLOOD_DNS_FIRST + i, f);
		if (bpf_map_update_elem(bpf_map__fd(b->maps.frames), &i, f, BPF_ANY) < 0)
			die("a frame");
	}
	return b;
}

/* Where packets arrive. The link ends with its descriptor; *ret_index is of the sender's interface. */
static int attach(char *const argv[], bool is_udp, struct flood_bpf *b, unsigned *ret_index)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_DRV_MODE);
	unsigned at = *ret_index = if_nametoindex(argv[2]);
	struct bpf_program *p = is_udp ? b->progs.flood_arrivals : b->progs.flood_replies;
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	char path[128];

	if (is_udp) {
		snprintf(path, sizeof(path), "/run/netns/%s", argv[9]);
		int there = open(path, O_RDONLY | O_CLOEXEC);

		if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
			die(path);
		close(there);
		at = if_nametoindex(argv[10]);
	}
	int link = at == 0 ? -1 : bpf_link_create(bpf_program__fd(p), (int)at, BPF_XDP, &options);

	if (*ret_index == 0 || link < 0 || setns(home, CLONE_NEWNET) < 0)
		die("attaching to an interface");
	close(home);
	return link;
}

int main(int argc, char *argv[])
{
	bool is_udp = argc == 11 && strcmp(argv[1], "udp") == 0;

	if (!is_udp && !(argc == 8 && strcmp(argv[1], "dns") == 0)) {
		fprintf(stderr, "flood dns INTERFACE OWN-ADDRESS ADDRESS PORT ADDRESS-MAC SECONDS\n"
				"flood udp INTERFACE OWN-ADDRESS ADDRESS PORT ADDRESS-MAC SECONDS FLOWS "
				"NETNS RECEIVER\n");
		return 2;
	}
	unsigned frames = is_udp ? number_of(argv[8], FLOOD_UDP_FLOWS_MAX) : FLOOD_DNS_FRAMES;
	struct flood_bpf *b = load(argv, is_udp, frames);
	unsigned index;
	int link = attach(argv, is_udp, b, &index);
	uint8_t f[FLOOD_UDP_FRAME] = { 0 };
	uint32_t len = is_udp ? FLOOD_UDP_FRAME : FLOOD_DNS_FRAME;
	struct xdp_md at = { .data_end = len, .ingress_ifindex = index };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = f, .data_size_in = len, .ctx_in = &at,
		.ctx_size_in = sizeof(at), .repeat = INT_MAX, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		.batch_size = BATCH);
	sender_prepare();
	alarm(number_of(argv[7], 3600));
	if (bpf_prog_test_run_opts(bpf_program__fd(b->progs.flood_send), &run) < 0 && errno != EINTR)
		die("sending");
	usleep(LINGER);
	printf("%llu %s, %llu %s\n", (unsigned long long)b->bss->sent, is_udp ? "datagrams" : "queries",
		(unsigned long long)b->bss->arrived, is_udp ? "received" : "replies");
	close(link);
	flood_bpf__destroy(b);
	return EXIT_SUCCESS;
}
