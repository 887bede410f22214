/*
 * rough.c - a link that loses, repeats, delays and reorders frames, for the lab (sch_netem is not in every kernel)
 *
 *	rough A B SEED LOSS REPEAT DELAY-MS LATE		LOSS, REPEAT and LATE are frames in ten thousand
 *
 * Frames that come in on interface A go out on B, and the other way round. Each waits DELAY-MS; a late one waits up to
 * four times as long, and so is overtaken. The same seed makes the same choices in the same order; it is printed. The
 * interfaces shall have no addresses, and what sends into them no offloads: a frame is taken as it would be on a wire.
 * An interface that is down is waited for. SIGTERM ends it, and prints what it did, as one line of JSON.
 *
 * Frames wait in a heap by the time when they are due. There is room for HEAP_MAX; what finds none is lost, and counted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAP_MAX 16384
#define FRAME_MAX 9216
#define WHOLE 10000 /* LOSS and its kind are of so many */
#define BATCH 256   /* frames read from one side before the other has its turn */

struct frame {
	uint64_t due; /* ns */
	uint64_t number;
	int to; /* socket */
	size_t len;
	uint8_t *bytes; /* owned */
};

static struct frame heap[HEAP_MAX];
static size_t heap_len;
static uint64_t seed, frames, lost, repeated, late, overfull, refused;
static unsigned loss, repeat, lateness;
static uint64_t delay_ns;
static volatile sig_atomic_t is_ending;

static void on_signal(int signo)
{
	is_ending = 1;
}

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "rough: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* splitmix64 (public domain, by Vigna) */
static uint64_t dice(void)
{
	uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bool chance(unsigned of_whole)
{
	return dice() % WHOLE < of_whole;
}

/* --- the heap: what is due first stands first; of the same time, what came first --- */

static bool is_before(const struct frame *a, const struct frame *b)
{
	return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void swap(size_t i, size_t k)
{
	struct frame f = heap[i];

	heap[i] = heap[k];
	heap[k] = f;
}

static void heap_push(struct frame f)
{
	size_t i = heap_len++;

	heap[i] = f;
	for (; i > 0 && is_before(&heap[i], &heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(i, (i - 1) / 2);
}

static struct frame heap_pop(void)
{
	struct frame first = heap[0];

	heap[0] = heap[--heap_len];
	for (size_t i = 0;;) {
		size_t least = i;

		for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < heap_len; k++) {
			if (is_before(&heap[k], &heap[least]))
				least = k;
		}
		if (least == i)
			return first;
		swap(i, least);
		i = least;
	}
}

/* --- frames --- */

static void enqueue(const uint8_t *bytes, size_t len, int to, uint64_t now)
{
	static uint64_t number;
	struct frame f = { .due = now + delay_ns, .number = number++, .to = to, .len = len };

	if (chance(lateness)) {
		late++;
		f.due += dice() % (3 * delay_ns + 1000000);
	}
	f.bytes = heap_len < HEAP_MAX ? malloc(len) : NULL;
	if (!f.bytes) {
		overfull++;
		return;
	}
	memcpy(f.bytes, bytes, len);
	heap_push(f);
}

static void take_frames(int from, int to)
{
	static uint8_t bytes[FRAME_MAX];
	struct sockaddr_ll peer;

	for (unsigned i = 0; i < BATCH; i++) {
		socklen_t size = sizeof(peer);
		ssize_t n =
			recvfrom(from, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&peer, &size);

		/* Nothing there, or an interface that is down. */
		if (n < 0)
			return;
		if (n == 0 || peer.sll_pkttype == PACKET_OUTGOING)
			continue;
		uint64_t now = now_ns();

		frames++;
		if (chance(loss)) {
			lost++;
			continue;
		}
		enqueue(bytes, (size_t)n, to, now);
		if (chance(repeat)) {
			repeated++;
			enqueue(bytes, (size_t)n, to, now);
		}
	}
}

static void send_due(void)
{
	while (heap_len > 0 && heap[0].due <= now_ns()) {
		struct frame f = heap_pop();

		if (send(f.to, f.bytes, f.len, 0) < 0)
			refused++; /* an interface that is down */
		free(f.bytes);
	}
}

static int open_side(const char *name)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)), bytes = 8 << 20;
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct packet_mreq all = { .mr_type = PACKET_MR_PROMISC };

	if (fd < 0)
		die("socket");
	at.sll_ifindex = all.mr_ifindex = (int)if_nametoindex(name);
	if (at.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die(name);
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0)
		die("promiscuous mode");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		die("receive buffer");
	return fd;
}

static unsigned number(const char *text, unsigned most)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end != '\0' || end == text || v > most) {
		fprintf(stderr, "rough: %s is no number up to %u\n", text, most);
		exit(EXIT_FAILURE);
	}
	return (unsigned)v;
}

int main(int argc, char **argv)
{
	struct sigaction end = { .sa_handler = on_signal };

	if (argc != 8) {
		fprintf(stderr, "usage: rough A B SEED LOSS REPEAT DELAY-MS LATE\n");
		return EXIT_FAILURE;
	}
	struct pollfd sides[2] = { { .fd = open_side(argv[1]), .events = POLLIN },
		{ .fd = open_side(argv[2]), .events = POLLIN } };

	seed = number(argv[3], UINT32_MAX);
	loss = number(argv[4], WHOLE);
	repeat = number(argv[5], WHOLE);
	delay_ns = (uint64_t)number(argv[6], 10000) * 1000000;
	lateness = number(argv[7], WHOLE);
	sigaction(SIGTERM, &end, NULL);
	printf("rough: %s and %s, seed %s\n", argv[1], argv[2], argv[3]);
	fflush(stdout);
	while (!is_ending) {
		uint64_t now = now_ns();
		int wait_ms = heap_len == 0	  ? 1000
			      : heap[0].due > now ? (int)((heap[0].due - now) / 1000000)
						  : 0;

		if (poll(sides, 2, wait_ms) < 0 && errno != EINTR)
			die("poll");
		take_frames(sides[0].fd, sides[1].fd);
		take_frames(sides[1].fd, sides[0].fd);
		send_due();
	}
	printf("{\"frames\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"repeated\":%" PRIu64 ",\"late\":%" PRIu64
	       ",\"overfull\":%" PRIu64 ",\"refused\":%" PRIu64 "}\n",
		frames, lost, repeated, late, overfull, refused);
	return EXIT_SUCCESS;
}
