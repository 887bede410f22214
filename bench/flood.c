/*
 * flood.c - send DNS queries as frames out of one end of a veth for some seconds, and print how many replies came back
 *
 *	flood INTERFACE OWN-ADDRESS ADDRESS PORT ADDRESS-MAC SECONDS
 *
 * For bench/dns. It sends a window full, and the next when all replies are there, so that none is lost for want of room.
 */
#include "flood.h"

#include "base/bytes.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#include "flood.skel.h"
#pragma GCC diagnostic pop

#define BATCH 64
#define WINDOW 192		      /* on the way at once; the rings of a veth hold 256 */
#define PATIENCE (100 * 1000 * 1000L) /* ns; then what is missing counts as lost */

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* A whole number up to @max, or the end. */
static unsigned long number_of(const char *text, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	errno = EINVAL;
	if (*text == '\0' || *end != '\0' || n > max)
		die(text);
	return n;
}

static void own_mac(const char *interface, uint8_t ret[static 6])
{
	struct ifreq r = { .ifr_ifindex = 0 };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	text_copy(r.ifr_name, sizeof(r.ifr_name), interface);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &r) < 0)
		die(interface);
	close(fd);
	memcpy(ret, r.ifr_hwaddr.sa_data, 6);
}

/* Headers and the question for n@number.bench.example AAAA. */
static void frame_write(char *const argv[], unsigned number, uint8_t f[static FLOOD_FRAME])
{
	char name[32];

	memset(f, 0, FLOOD_FRAME);
	if (sscanf(argv[5], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", f, f + 1, f + 2, f + 3, f + 4, f + 5) != 6)
		die("the hardware address");
	own_mac(argv[1], f + 6);
	be16_put(f + 12, 0x86dd);
	f[14] = 0x60;
	be16_put(f + 18, FLOOD_FRAME - 54);
	f[20] = 17;
	f[21] = 64;
	if (inet_pton(AF_INET6, argv[2], f + 22) != 1 || inet_pton(AF_INET6, argv[3], f + 38) != 1)
		die("an address");
	be16_put(f + 54, FLOOD_PORT);
	be16_put(f + 56, (uint16_t)number_of(argv[4], UINT16_MAX));
	be16_put(f + 58, FLOOD_FRAME - 54);
	be16_put(f + 60, 0x1234); /* nobody looks: the program answers all, or the socket drops them */
	be16_put(f + 62, (uint16_t)number);
	be16_put(f + 64, 0x0100);
	be16_put(f + 66, 1);
	snprintf(name, sizeof(name), "\004n%03u\005bench\007example", number);
	memcpy(f + 74, name, strlen(name) + 1);
	be16_put(f + FLOOD_FRAME - 4, 28);
	be16_put(f + FLOOD_FRAME - 2, 1);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

/* Waits until there are @wanted replies; how many are missing when patience ends. */
static unsigned long long missing(const volatile __u64 *replies, unsigned long long wanted)
{
	int64_t end = now() + PATIENCE;

	while (*replies < wanted && now() < end)
		sched_yield();
	return *replies < wanted ? wanted - *replies : 0;
}

int main(int argc, char *argv[])
{
	if (argc != 7) {
		fprintf(stderr, "flood INTERFACE OWN-ADDRESS ADDRESS PORT ADDRESS-MAC SECONDS\n");
		return 2;
	}
	unsigned index = if_nametoindex(argv[1]);
	struct flood_bpf *b = flood_bpf__open_and_load();
	uint8_t f[FLOOD_FRAME];

	if (index == 0 || !b)
		die("interface and program");
	for (uint32_t i = 0; i < FLOOD_FRAMES; i++) {
		frame_write(argv, FLOOD_FIRST + i, f);
		if (bpf_map_update_elem(bpf_map__fd(b->maps.frames), &i, f, BPF_ANY) < 0)
			die("a frame");
	}
	LIBBPF_OPTS(bpf_xdp_attach_opts, attach);
	if (bpf_xdp_attach((int)index, bpf_program__fd(b->progs.flood_receive), XDP_FLAGS_DRV_MODE, &attach) <
		0)
		die("attaching");
	struct xdp_md at = { .data_end = FLOOD_FRAME, .ingress_ifindex = index };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = f, .data_size_in = FLOOD_FRAME, .ctx_in = &at,
		.ctx_size_in = sizeof(at), .repeat = WINDOW, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		.batch_size = BATCH);
	int64_t end = now() + (int64_t)number_of(argv[6], 3600) * 1000000000L;
	unsigned long long sent = 0, lost = 0;

	while (now() < end) {
		if (bpf_prog_test_run_opts(bpf_program__fd(b->progs.flood_send), &run) < 0)
			die("sending");
		sent += WINDOW;
		lost += missing(&b->bss->replies, sent - lost);
	}
	printf("%llu queries, %llu replies\n", sent, (unsigned long long)b->bss->replies);
	bpf_xdp_detach((int)index, XDP_FLAGS_DRV_MODE, &attach);
	flood_bpf__destroy(b);
	return EXIT_SUCCESS;
}
