/*
 * connect.c - open, use and close TCP connections without a TCP, and print how many there were
 *
 *	connect INTERFACE FIRST-HOST ADDRESS PORT ADDRESS-MAC NETNS SERVER-INTERFACE HOSTS PORTS
 *
 * For bench/connections: HOSTS times PORTS connections from one end of the gateway to the other, which is in a namespace of
 * /run/netns. On standard input come lines "open", "data" and "close"; each is answered when all connections have gone through that phase
 * (data: again and again, until a million segments have come through), by
 * "PHASE SENT ARRIVED NANOSECONDS". So many are on their way at a time that none is lost for want of room; a phase that loses a
 * window full ends early.
 */
#include "connect.h"
#include "sender.h"

#include "base/bytes.h"
#include "base/compiler.h"

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
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#include "connect.skel.h"
#pragma GCC diagnostic pop

#define BATCH 32
#define DATA_MIN 1000000
#define LOOK 200000 /* microseconds between two looks at what has arrived */

static void first_frame(char *const argv[], uint8_t f[static CONNECT_FRAME])
{
	memset(f, 0, CONNECT_FRAME);
	ethernet_write(argv[1], argv[5], f);
	f[14] = 0x60;
	be16_put(f + 18, CONNECT_FRAME - 54);
	f[20] = IPPROTO_TCP;
	f[21] = 64;
	if (inet_pton(AF_INET6, argv[2], f + 22) != 1 || inet_pton(AF_INET6, argv[3], f + 38) != 1)
		die("an address");
	be16_put(f + 56, (uint16_t)number_of(argv[4], UINT16_MAX));
	f[66] = 5 << 4;
	be16_put(f + 68, UINT16_MAX);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static struct connect_bpf *load(char *const argv[])
{
	struct connect_bpf *b = connect_bpf__open();

	if (!b)
		die("the programs");
	first_frame(argv, b->bss->first.bytes);
	b->rodata->hosts = number_of(argv[8], CONNECT_HOSTS_MAX);
	b->rodata->ports = number_of(argv[9], CONNECT_PORTS_MAX);
	b->rodata->port = htons((uint16_t)number_of(argv[4], UINT16_MAX));
	if (connect_bpf__load(b) < 0)
		die("loading the programs");
	return b;
}

static int attach(const struct bpf_program *p, const char *interface)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_DRV_MODE);
	unsigned index = if_nametoindex(interface);
	int link = index == 0 ? -1 : bpf_link_create(bpf_program__fd(p), (int)index, BPF_XDP, &options);

	if (link < 0)
		die(interface);
	return link;
}

static void enter(int netns)
{
	if (netns < 0 || setns(netns, CLONE_NEWNET) < 0)
		die("a network namespace");
}

/* So that the system call ends now and then, to look whether all is done. */
static void alarm_every(long microseconds)
{
	const struct itimerval t = { .it_interval = { .tv_usec = microseconds },
		.it_value = { .tv_usec = microseconds } };

	(void)setitimer(ITIMER_REAL, &t, NULL);
}

/*
 * New ones each time, as long as the gateway has room: a connection that was closed keeps its session for minutes, in which another of the
 * same ports is no new one.
 */
static unsigned short next_ports(unsigned hosts, unsigned ports)
{
	static unsigned rounds;
	unsigned room = CONNECT_SESSIONS / hosts < CONNECT_PORTS_MAX ? CONNECT_SESSIONS / hosts : CONNECT_PORTS_MAX;
	unsigned most = room / ports > 0 ? room / ports : 1;

	return (unsigned short)(CONNECT_FIRST_PORT + rounds++ % most * ports);
}

/* Runs one phase for all connections, or until nothing more arrives. */
static void run(struct connect_bpf *b, unsigned index, enum connect_phase phase, const char *name)
{
	const volatile __u64 *done = &b->bss->done;
	unsigned all = b->rodata->hosts * b->rodata->ports;
	__u64 before;
	uint8_t f[CONNECT_FRAME] = { 0 };
	struct xdp_md at = { .data_end = CONNECT_FRAME, .ingress_ifindex = index };
	LIBBPF_OPTS(bpf_test_run_opts, go, .data_in = f, .data_size_in = CONNECT_FRAME, .ctx_in = &at,
		.ctx_size_in = sizeof(at), .repeat = INT_MAX, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		.batch_size = BATCH);
	int64_t begin = now();

	if (phase == CONNECT_OPEN)
		b->data->first_port = next_ports(b->rodata->hosts, b->rodata->ports);
	if (phase == CONNECT_DATA) /* with few connections a round would be over too soon to be measured */
		all *= (DATA_MIN + all - 1) / all;
	b->bss->wanted = all;
	b->bss->phase = phase;
	b->bss->next = 0;
	b->bss->done = 0;
	alarm_every(LOOK);
	do {
		before = *done;
		if (bpf_prog_test_run_opts(bpf_program__fd(b->progs.connect_send), &go) < 0 && errno != EINTR)
			die("sending");
	} while (*done < all && *done != before);
	alarm_every(0);
	printf("%s %u %llu %lld\n", name, b->bss->next, (unsigned long long)*done,
		(long long)b->bss->last - (long long)begin);
	fflush(stdout);
}

int main(int argc, char *argv[])
{
	static const char *const phases[] = {
		[CONNECT_OPEN] = "open", [CONNECT_DATA] = "data", [CONNECT_CLOSE] = "close"
	};
	char line[16], path[128];

	if (argc != 10) {
		fprintf(stderr, "connect INTERFACE FIRST-HOST ADDRESS PORT ADDRESS-MAC NETNS "
				"SERVER-INTERFACE HOSTS PORTS\n");
		return 2;
	}
	struct connect_bpf *b = load(argv);
	int client = attach(b->progs.connect_client, argv[1]);
	unsigned index = if_nametoindex(argv[1]);
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	snprintf(path, sizeof(path), "/run/netns/%s", argv[6]);
	enter(open(path, O_RDONLY | O_CLOEXEC));
	int server = attach(b->progs.connect_server, argv[7]);

	enter(home);
	sender_prepare();
	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		for (unsigned i = 0; i < ARRAY_LEN(phases); i++)
			if (strcmp(line, phases[i]) == 0)
				run(b, index, (enum connect_phase)i, phases[i]);
	}
	close(client);
	close(server);
	connect_bpf__destroy(b);
	return EXIT_SUCCESS;
}
