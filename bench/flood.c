/*
 * flood.c - send frames out of one end of a veth for some seconds, and print how many packets came through
 *
 *	flood dns INTERFACE OWN-ADDRESS ADDRESS PORT ADDRESS-MAC SECONDS
 *				queries for bench/dns: "SENT queries, RECEIVED replies"
 *	flood udp INTERFACE FIRST-HOST ADDRESS PORT ADDRESS-MAC SECONDS HOSTS PORTS NETNS RECEIVER
 *				datagrams of 64 bytes for bench/forward, of HOSTS times PORTS flows in turn; they are counted where they
 *				arrive, at an interface in a namespace of /run/netns: "SENT datagrams, RECEIVED received"
 *	flood open ...		the same once for each flow, and each comes back; SECONDS is how long that may take
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

/* Of the first flow; the program makes the others'. */
static void datagram_write(char *const argv[], uint8_t f[static FLOOD_UDP_FRAME])
{
	uint32_t sum = 17;

	headers_write(argv, FLOOD_UDP_PORT, FLOOD_UDP_FRAME, f);
	for (unsigned at = 22; at < FLOOD_UDP_FRAME; at += 2)
		sum += be16_at(f + at);
	sum += be16_at(f + 58);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	be16_put(f + 60, (uint16_t)~sum);
}

/* What is sent; the words of the command line name it. */
enum flood_kind { FLOOD_DNS, FLOOD_UDP, FLOOD_OPEN };

static struct flood_bpf *load(char *const argv[], enum flood_kind kind)
{
	struct flood_bpf *b = flood_bpf__open();
	uint32_t frames = kind == FLOOD_DNS ? FLOOD_DNS_FRAMES : 1;
	uint8_t f[FLOOD_UDP_FRAME];

	if (!b || bpf_map__set_max_entries(b->maps.frames, frames) < 0)
		die("the programs");
	b->rodata->frames_len = frames;
	b->rodata->frame_len = kind == FLOOD_DNS ? FLOOD_DNS_FRAME : FLOOD_UDP_FRAME;
	b->rodata->port = htons((uint16_t)number_of(argv[5], UINT16_MAX));
	if (kind != FLOOD_DNS) {
		b->rodata->hosts = number_of(argv[8], FLOOD_UDP_HOSTS_MAX);
		b->rodata->ports = number_of(argv[9], FLOOD_UDP_PORTS_MAX);
	}
	if (kind == FLOOD_OPEN) {
		b->rodata->is_echo = 1;
		b->rodata->wanted = (__u64)b->rodata->hosts * b->rodata->ports;
	}
	if (flood_bpf__load(b) < 0)
		die("loading the programs");
	for (uint32_t i = 0; i < frames; i++) {
		if (kind == FLOOD_DNS)
			query_write(argv, FLOOD_DNS_FIRST + i, f);
		else
			datagram_write(argv, f);
		if (bpf_map_update_elem(bpf_map__fd(b->maps.frames), &i, f, BPF_ANY) < 0)
			die("a frame");
	}
	return b;
}

static void attach(const struct bpf_program *p, const char *interface)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_DRV_MODE);
	unsigned index = if_nametoindex(interface);

	/* The link ends with its descriptor, that is with this program. */
	if (index == 0 || bpf_link_create(bpf_program__fd(p), (int)index, BPF_XDP, &options) < 0)
		die(interface);
}

static void attach_there(const struct bpf_program *p, const char *netns, const char *interface)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there;
	char path[128];

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
		die(path);
	attach(p, interface);
	if (setns(home, CLONE_NEWNET) < 0)
		die("the way back");
	close(there);
	close(home);
}

static void attach_all(char *const argv[], enum flood_kind kind, const struct flood_bpf *b)
{
	if (kind != FLOOD_UDP)
		attach(kind == FLOOD_DNS ? b->progs.flood_replies : b->progs.flood_echoes, argv[2]);
	if (kind != FLOOD_DNS)
		attach_there(b->progs.flood_arrivals, argv[10], argv[11]);
}

/* Until the time is over or, if there is an end, until all that is wanted has arrived, or nothing does any more. */
static void send_all(const struct flood_bpf *b, char *const argv[])
{
	uint32_t len = b->rodata->frame_len;
	uint8_t f[FLOOD_UDP_FRAME] = { 0 };
	struct xdp_md at = { .data_end = len, .ingress_ifindex = if_nametoindex(argv[2]) };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = f, .data_size_in = len, .ctx_in = &at,
		.ctx_size_in = sizeof(at), .repeat = INT_MAX, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		.batch_size = BATCH);
	unsigned seconds = number_of(argv[7], 3600), step = b->rodata->wanted ? 1 : seconds;
	const volatile __u64 *arrived = &b->bss->arrived;
	__u64 before;

	for (unsigned at_second = 0; at_second < seconds; at_second += step) {
		before = *arrived;
		alarm(step);
		if (bpf_prog_test_run_opts(bpf_program__fd(b->progs.flood_send), &run) < 0 && errno != EINTR)
			die("sending");
		if (b->rodata->wanted && (*arrived >= b->rodata->wanted || *arrived == before))
			return;
	}
}

int main(int argc, char *argv[])
{
	enum flood_kind kind = argc == 8 && strcmp(argv[1], "dns") == 0	    ? FLOOD_DNS
			       : argc == 12 && strcmp(argv[1], "open") == 0 ? FLOOD_OPEN
									    : FLOOD_UDP;

	if (kind == FLOOD_UDP && !(argc == 12 && strcmp(argv[1], "udp") == 0)) {
		fprintf(stderr,
			"flood dns INTERFACE OWN-ADDRESS ADDRESS PORT ADDRESS-MAC SECONDS\n"
			"flood udp|open INTERFACE FIRST-HOST ADDRESS PORT ADDRESS-MAC SECONDS HOSTS PORTS "
			"NETNS RECEIVER\n");
		return 2;
	}
	struct flood_bpf *b = load(argv, kind);

	attach_all(argv, kind, b);
	sender_prepare();
	send_all(b, argv);
	usleep(LINGER);
	printf("%llu %s, %llu %s\n", (unsigned long long)b->bss->sent,
		kind == FLOOD_DNS ? "queries" : "datagrams", (unsigned long long)b->bss->arrived,
		kind == FLOOD_DNS ? "replies" : "received");
	flood_bpf__destroy(b);
	return EXIT_SUCCESS;
}
