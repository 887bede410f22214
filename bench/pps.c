/*
 * pps.c - how many small datagrams pass per second
 *
 *	pps count PORT		count datagrams on PORT (both families), "RECEIVED" per SIGUSR1
 *	pps send ADDRESS PORT SECONDS BYTES FLOWS
 *				send datagrams of BYTES payload as fast as possible from FLOWS sockets: "SENT"
 *
 * Purpose
 *
 * Packets per second is the measure that a translator is judged by, and general tools do not reach it:
 * one system call per datagram costs more than the forwarding that is to be measured. Both sides here
 * move a batch per system call (sendmmsg, recvmmsg). The counter prints and forgets its count on
 * SIGUSR1, so that one process serves all runs.
 *
 * Limits
 *
 * Sender, gateway and counter share the processors of one machine in the lab. The numbers compare with
 * each other, taken in one run; they say nothing about a card.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64	 /* datagrams per system call */
#define PAYLOAD_MAX 1452 /* fits an IPv6 packet of 1500 bytes */
#define FLOWS_MAX 256
#define RECEIVE_BUFFER                                                                                       \
	(8 << 20) /* bytes: a scheduler's pause of some milliseconds is not a loss of the gateway's */
#define POLL_NS 200000000L

static volatile sig_atomic_t wants_report;

static void on_signal(int number)
{
	wants_report = 1;
}

static double now_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int fail(const char *what)
{
	fprintf(stderr, "pps: %s: %s\n", what, strerror(errno));
	return 1;
}

/* A whole number between LO and HI, or -1. */
static long number(const char *text, long lo, long hi)
{
	char *end;
	long n = strtol(text, &end, 10);

	return *text && !*end && n >= lo && n <= hi ? n : -1;
}

/* BATCH datagrams that share one buffer: nobody looks at the content. */
static void batch_init(struct mmsghdr *batch, struct iovec *io)
{
	memset(batch, 0, BATCH * sizeof(*batch));
	for (unsigned i = 0; i < BATCH; i++)
		batch[i].msg_hdr = (struct msghdr){ .msg_iov = io, .msg_iovlen = 1 };
}

/* A socket for both families, or for IPv4 alone where the host has no IPv6. */
static int counter_socket(uint16_t port)
{
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in any4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	int size = RECEIVE_BUFFER;
	int off = 0;
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	if (fd >= 0 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0 &&
		bind(fd, (struct sockaddr *)&any6, sizeof(any6)) == 0)
		goto bound;
	if (fd >= 0)
		close(fd);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&any4, sizeof(any4)) < 0)
		return -1;
bound:
	/* Root may exceed the system's limit. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 &&
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0)
		return -1;
	return fd;
}

static int count(const char *port_text)
{
	static char payload[PAYLOAD_MAX];
	struct iovec io = { .iov_base = payload, .iov_len = sizeof(payload) };
	struct timeval poll = { .tv_usec = POLL_NS / 1000 };
	struct mmsghdr batch[BATCH];
	unsigned long received = 0;
	long port = number(port_text, 1, 65535);
	int fd = port < 0 ? -1 : counter_socket((uint16_t)port);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &poll, sizeof(poll)) < 0)
		return fail("counter");
	struct sigaction report = { .sa_handler = on_signal };

	if (sigaction(SIGUSR1, &report, NULL) < 0)
		return fail("sigaction");
	puts("ready");
	fflush(stdout);
	for (;;) {
		batch_init(batch, &io);
		int n = recvmmsg(fd, batch, BATCH, MSG_WAITFORONE, NULL);

		if (n > 0)
			received += (unsigned long)n;
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			return fail("receive");
		if (wants_report) {
			wants_report = 0;
			printf("%lu\n", received);
			fflush(stdout);
			received = 0;
		}
	}
}

static int flow_socket(const char *address, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *to;

	if (getaddrinfo(address, port, &hints, &to) != 0) {
		errno = EINVAL;
		return -1;
	}
	int fd = socket(to->ai_family, to->ai_socktype, to->ai_protocol);

	if (fd >= 0 && connect(fd, to->ai_addr, to->ai_addrlen) < 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(to);
	return fd;
}

static int send_all(char **argv)
{
	static char payload[PAYLOAD_MAX];
	long seconds = number(argv[4], 1, 3600);
	long bytes = number(argv[5], 1, PAYLOAD_MAX);
	long flows = number(argv[6], 1, FLOWS_MAX);
	int fds[FLOWS_MAX];
	struct mmsghdr batch[BATCH];
	unsigned long sent = 0;

	if (seconds < 0 || bytes < 0 || flows < 0) {
		errno = EINVAL;
		return fail("send");
	}
	struct iovec io = { .iov_base = payload, .iov_len = (size_t)bytes };

	for (long i = 0; i < flows; i++) {
		fds[i] = flow_socket(argv[2], argv[3]);
		if (fds[i] < 0)
			return fail(argv[2]);
	}
	batch_init(batch, &io);
	double end = now_seconds() + (double)seconds;

	for (long i = 0; now_seconds() < end; i = (i + 1) % flows) {
		int n = sendmmsg(fds[i], batch, BATCH, 0);

		if (n > 0)
			sent += (unsigned long)n;
		else if (errno != ENOBUFS && errno != EAGAIN && errno != ECONNREFUSED && errno != EINTR)
			return fail("send");
	}
	printf("%lu\n", sent);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "count") == 0)
		return count(argv[2]);
	if (argc == 7 && strcmp(argv[1], "send") == 0)
		return send_all(argv);
	fprintf(stderr, "usage: pps count PORT | pps send ADDRESS PORT SECONDS BYTES FLOWS\n");
	return 2;
}
