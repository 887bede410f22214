/* test_bindlog.c - rings, sinks and descriptors together: time and passes are the test's, descriptors are real */
#include "bindlog/bindlog.h"
#include "bindlog/record.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define START (1000 * NSEC)
#define START_MS UINT64_C(1764079385000)

/* The log under test, and what it asked for. */
struct bench {
	struct bindlog *log;
	struct state_watch watch;
	unsigned wanted[BINDLOG_SINKS];
	nsec now;
};

static void on_want(void *ctx, enum bindlog_sink sink)
{
	struct bench *b = ctx;

	b->wanted[sink]++;
}

static void pass(struct bench *b, nsec after)
{
	b->now += after;
	while (bindlog_pass(b->log, b->now, START_MS + (b->now - START) / MSEC))
		continue;
}

static void bench_up(struct bench *b, unsigned sinks, uint32_t buffer)
{
	struct bindlog_config c = {
		.sinks = sinks,
		.workers = 1,
		.buffer = buffer,
		.refresh = 60 * NSEC,
		.facts = { .domain = 1, .prefixes = { { { UINT64_C(0x0064ff9b00000000), 0 }, 96 } } },
		.detail = STATE_TELL_SESSIONS,
	};
	const struct bindlog_host host = { .want = on_want, .ctx = b };

	*b = (struct bench){ .now = START };
	REQUIRE(bindlog_new(&c, &host, &b->log) == 0);
	b->watch = bindlog_watch(b->log, 0, c.detail);
}

static void tell(struct bench *b, uint16_t port)
{
	const struct state_event e = {
		.when = b->now,
		.kind = STATE_SESSION_MADE,
		.proto = PROTO_UDP,
		.in = { UINT64_C(0x20010db800000007), 5 },
		.in_port = port,
		.out = { 0xc0000202 },
		.out_port = 2050,
		.remote = { 0xc6336407 },
		.remote_port = 53,
	};

	b->watch.event(b->watch.ctx, &e);
}

/* A pipe whose writing end the log is given. */
static int give_pipe(struct bench *b, int size)
{
	int fds[2];

	REQUIRE(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
	if (size > 0)
		CHECK(fcntl(fds[1], F_SETPIPE_SZ, size) > 0);
	bindlog_give(b->log, BINDLOG_FILE, fds[1]);
	return fds[0];
}

#define TEXT_BYTES (1 << 22)
static char text[TEXT_BYTES];

/* All that a descriptor has now, appended to text. */
static void drain(int fd)
{
	size_t len = strlen(text);
	ssize_t n;

	while ((n = read(fd, text + len, TEXT_BYTES - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
}

static unsigned count(const char *what)
{
	unsigned n = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
		n++;
	return n;
}

static struct bindlog_stats stats_of(const struct bench *b)
{
	struct bindlog_stats s;

	bindlog_stats(b->log, &s);
	return s;
}

TEST(records_wait_for_a_descriptor_and_have_the_time_of_their_event)
{
	struct bench b;

	bench_up(&b, 1u << BINDLOG_FILE, 1024);
	text[0] = '\0';
	pass(&b, 0);
	CHECK_INT(b.wanted[BINDLOG_FILE], 1);
	tell(&b, 40000);
	pass(&b, 1500 * MSEC);
	int fd = give_pipe(&b, 0);

	pass(&b, 10 * MSEC);
	drain(fd);
	CHECK_TEXT(text, "2025-11-25T14:03:05.000Z start detail=session version=" ISTHMUS_VERSION "\n"
			 "2025-11-25T14:03:05.000Z session-made proto=udp client=[2001:db8:0:7::5]:40000 "
			 "via=192.0.2.2:2050 remote=198.51.100.7:53\n");
	CHECK_INT(stats_of(&b).sinks[BINDLOG_FILE].written, 2);
	CHECK_INT(stats_of(&b).told, 1);
	bindlog_stop(b.log);
	close(fd);
}

TEST(a_descriptor_is_asked_for_again_but_less_and_less_often)
{
	struct bench b;

	bench_up(&b, 1u << BINDLOG_SYSLOG, 1024);
	for (unsigned i = 0; i < 600; i++)
		pass(&b, 100 * MSEC);
	CHECK(b.wanted[BINDLOG_SYSLOG] >= 12 && b.wanted[BINDLOG_SYSLOG] <= 25);
	CHECK_INT(b.wanted[BINDLOG_FILE], 0);
	bindlog_stop(b.log);
}

TEST(a_living_log_has_a_record_every_minute)
{
	struct bench b;

	bench_up(&b, 1u << BINDLOG_FILE, 1024);
	text[0] = '\0';
	int fd = give_pipe(&b, 0);

	for (unsigned i = 0; i < 1850; i++)
		pass(&b, 100 * MSEC);
	drain(fd);
	CHECK_INT(count(" alive\n"), 3);
	bindlog_stop(b.log);
	close(fd);
}

TEST(a_full_ring_is_told_in_the_log_with_its_window)
{
	struct bench b;

	bench_up(&b, 1u << BINDLOG_FILE, 1024);
	text[0] = '\0';
	int fd = give_pipe(&b, 1 << 20);

	pass(&b, 0);
	b.now += 500 * MSEC;
	for (uint16_t i = 0; i < 1030; i++)
		tell(&b, i);
	pass(&b, 500 * MSEC);
	pass(&b, 100 * MSEC);
	drain(fd);
	CHECK_INT(count("session-made"), 1024);
	CHECK(strstr(text, "2025-11-25T14:03:06.000Z lost count=6 since=2025-11-25T14:03:05.000Z\n") != NULL);
	CHECK_INT(count("lost count"), 1);
	CHECK_INT(stats_of(&b).lost_full, 6);
	CHECK_INT(stats_of(&b).sinks[BINDLOG_FILE].lost, 6);
	bindlog_stop(b.log);
	close(fd);
}

/* Whatever a slow reader does, every event is written once or counted as lost, and lines stay whole. */
TEST(a_blocked_sink_loses_and_counts_and_says_so_when_it_reads_again)
{
	struct bench b;
	unsigned told = 0;

	bench_up(&b, 1u << BINDLOG_FILE, 1024);
	text[0] = '\0';
	int fd = give_pipe(&b, 4096);

	for (unsigned round = 0; round < 40; round++) {
		for (uint16_t i = 0; i < 100; i++, told++)
			tell(&b, i);
		pass(&b, 20 * MSEC);
	}
	struct bindlog_stats s = stats_of(&b);

	CHECK(s.sinks[BINDLOG_FILE].lost > 1000);
	CHECK_INT(s.lost_full, 0);
	for (unsigned i = 0; i < 400; i++) {
		drain(fd);
		pass(&b, 20 * MSEC);
	}
	tell(&b, 9);
	told++;
	pass(&b, 20 * MSEC);
	drain(fd);
	s = stats_of(&b);
	CHECK_INT(count("session-made"), told - s.sinks[BINDLOG_FILE].lost);
	CHECK(count("lost count") >= 1);
	/* The log's own sum of losses is the counter's. */
	uint64_t said = 0;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		struct record r;

		if (CHECK_INT(record_read(line, strlen(line), &r), RECORD_TAKEN) && r.kind == RECORD_LOST)
			said += r.count;
	}
	CHECK_INT(said, s.sinks[BINDLOG_FILE].lost);
	bindlog_stop(b.log);
	close(fd);
}

TEST(a_file_given_anew_takes_over_between_two_lines)
{
	struct bench b;

	bench_up(&b, 1u << BINDLOG_FILE, 1024);
	text[0] = '\0';
	int old = give_pipe(&b, 0), new;

	tell(&b, 1);
	pass(&b, 10 * MSEC);
	new = give_pipe(&b, 0);
	tell(&b, 2);
	pass(&b, 10 * MSEC);
	drain(old);
	CHECK_INT(count(":1 via"), 1);
	CHECK_INT(count(":2 via"), 0);
	CHECK_INT(read(old, text, 1), 0); /* closed */
	text[0] = '\0';
	drain(new);
	CHECK_INT(count(":2 via"), 1);
	bindlog_stop(b.log);
	close(old);
	close(new);
}

TEST(syslog_gets_one_datagram_a_record)
{
	struct bench b;
	int fds[2];
	char line[512];

	bench_up(&b, 1u << BINDLOG_SYSLOG, 1024);
	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds) == 0);
	bindlog_give(b.log, BINDLOG_SYSLOG, fds[1]);
	pass(&b, 0);
	tell(&b, 40000);
	pass(&b, 10 * MSEC);
	for (unsigned i = 0; i < 2; i++) {
		ssize_t n = recv(fds[0], line, sizeof(line) - 1, 0);

		REQUIRE(n > 0);
		line[n] = '\0';
		CHECK(strncmp(line, "<30>", 4) == 0);
		CHECK(strchr(line, '\n') == NULL);
		CHECK(strstr(line, i == 0 ? " isthmus-bindings: 2025-11-25T14:03:05.000Z start "
					  : " isthmus-bindings: 2025-11-25T14:03:05.000Z session-made ") !=
			NULL);
	}
	CHECK(recv(fds[0], line, sizeof(line), 0) < 0);
	bindlog_stop(b.log);
	close(fds[0]);
}

TEST(a_system_log_that_is_gone_is_asked_for_anew)
{
	struct bench b;
	int fds[2];

	bench_up(&b, 1u << BINDLOG_SYSLOG, 1024);
	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds) == 0);
	bindlog_give(b.log, BINDLOG_SYSLOG, fds[1]);
	pass(&b, 10 * MSEC);
	CHECK(stats_of(&b).sinks[BINDLOG_SYSLOG].is_open);
	close(fds[0]);
	tell(&b, 1);
	pass(&b, 10 * MSEC);
	CHECK(!stats_of(&b).sinks[BINDLOG_SYSLOG].is_open);
	pass(&b, NSEC);
	CHECK(b.wanted[BINDLOG_SYSLOG] >= 1);
	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds) == 0);
	bindlog_give(b.log, BINDLOG_SYSLOG, fds[1]);
	pass(&b, 10 * MSEC);
	char line[512];

	CHECK(recv(fds[0], line, sizeof(line), 0) > 0); /* the record that could not be sent */
	CHECK_INT(stats_of(&b).sinks[BINDLOG_SYSLOG].lost, 0);
	bindlog_stop(b.log);
	close(fds[0]);
}

TEST(ipfix_has_templates_first_and_numbers_its_messages_rfc7011_s3_1)
{
	struct bench b;
	int fds[2];
	uint8_t m[2048];

	bench_up(&b, 1u << BINDLOG_IPFIX, 1024);
	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds) == 0);
	bindlog_give(b.log, BINDLOG_IPFIX, fds[1]);
	for (uint16_t i = 0; i < 3; i++) {
		tell(&b, i);
		tell(&b, i);
		pass(&b, 10 * MSEC);
	}
	for (uint32_t i = 0; i < 4; i++) {
		ssize_t n = recv(fds[0], m, sizeof(m), 0);

		REQUIRE(n > 20);
		CHECK_INT(be16_at(m + 2), n);
		CHECK_INT(be16_at(m + 16), i == 0 ? 2 : 258);	     /* set: templates, then sessions */
		CHECK_INT(be32_at(m + 8), i == 0 ? 0 : 2 * (i - 1)); /* records sent before */
	}
	pass(&b, 60 * NSEC); /* RFC 7011 s8.1 */
	REQUIRE(recv(fds[0], m, sizeof(m), 0) > 20);
	CHECK_INT(be16_at(m + 16), 2);
	CHECK_INT(be32_at(m + 8), 6);
	bindlog_stop(b.log);
	close(fds[0]);
}

TEST(the_thread_writes_by_itself_and_ends_with_a_stop)
{
	struct bench b;

	bench_up(&b, 1u << BINDLOG_FILE, 1024);
	text[0] = '\0';
	int fd = give_pipe(&b, 0);

	b.now = clock_now();
	REQUIRE(bindlog_start(b.log) == 0);
	for (uint16_t i = 0; i < 500; i++)
		tell(&b, i);
	bindlog_stop(b.log);
	drain(fd);
	CHECK_INT(count("session-made"), 500);
	CHECK_INT(count(" start "), 1);
	CHECK(strcmp(text + strlen(text) - 6, " stop\n") == 0);
	close(fd);
}

TEST(a_stop_does_not_wait_for_a_reader_for_ever)
{
	struct bench b;

	bench_up(&b, 1u << BINDLOG_FILE, 1024);
	int fd = give_pipe(&b, 4096);

	b.now = clock_now();
	for (uint16_t i = 0; i < 500; i++)
		tell(&b, i);
	REQUIRE(bindlog_start(b.log) == 0);
	nsec before = clock_now();

	bindlog_stop(b.log);
	CHECK(clock_now() - before < 10 * NSEC);
	close(fd);
}
