/* test_relay.c - services on threads: connections, another configuration, an end without loss */
#include "harness.h"
#include "net/listen.h"
#include "net/sockaddr.h"
#include "relay/relay.h"
#include "relay/visit.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_MS 5000 /* nothing may take longer */

static const struct endpoint any_port4 = { .is4 = true, .a4 = { 0x7f000001 } };
static const struct endpoint any_port6 = { .a6 = { 0, 1 } };

static struct endpoint bound_to(int fd)
{
	union sockaddr_any a;
	socklen_t len = sizeof(a);

	REQUIRE(getsockname(fd, &a.sa, &len) == 0);
	return sockaddr_endpoint(&a);
}

static void *list_of(const void *from, size_t size)
{
	void *to = malloc(size);

	REQUIRE(to);
	memcpy(to, from, size);
	return to;
}

/* A relay with one service, on two lanes, from [::1] to an IPv4 server of the test. */
struct box {
	struct loop *loop;
	struct relay *relay;
	int server; /* listens */
	int sockets[2];
	struct endpoint at;
	struct relay_service service; /* of the next configuration; without lists */
	struct endpoint to;
	bool is_over;
};

static struct relay_config config_of(const struct box *b)
{
	struct relay_service s = b->service;
	const struct prefix all[2] = { { .is4 = true }, { .is4 = false } };

	s.listen = list_of(&b->at, sizeof(b->at));
	s.listen_len = 1;
	s.clients = list_of(all, sizeof(all));
	s.clients_len = 2;
	s.to = list_of(&(struct relay_target){ .at = b->to }, sizeof(*s.to));
	s.to_len = 1;
	if (b->service.trusted_len > 0)
		s.trusted = list_of(&(struct prefix){ .is4 = false }, sizeof(struct prefix));
	return (struct relay_config){ .connections = 100,
		.connections_per_client = 4,
		.services = list_of(&s, sizeof(s)),
		.services_len = 1 };
}

static struct relay_plan plan_of(struct box *b, struct relay_config *c)
{
	return (struct relay_plan){
		.config = c, .loop = b->loop, .threads = 2, .sockets = b->sockets, .sockets_len = 2
	};
}

static void box_prepare(struct box *b)
{
	signal(SIGPIPE, SIG_IGN);
	*b = (struct box){ .service = { .type = RELAY_TCP,
				   .name = "one",
				   .timeouts = { .connect = 2 * NSEC,
					   .idle = 60 * NSEC,
					   .head = 200 * MSEC,
					   .drain = 300 * MSEC } } };
	REQUIRE(loop_new(&b->loop) == 0);
	b->server = listen_open(&any_port4, SOCK_STREAM, BOUND_ALONE);
	REQUIRE(b->server >= 0);
	b->to = bound_to(b->server);
	int first = listen_open(&any_port6, SOCK_STREAM, BOUND_ALONE);

	b->at = bound_to(first);
	close(first);
	REQUIRE(listen_open_all(&b->at, SOCK_STREAM, 2, b->sockets) == 0);
}

static void box_start(struct box *b)
{
	char fault[200] = "";
	struct relay_config c = config_of(b);
	struct relay_plan plan = plan_of(b, &c);

	CHECK_INT(relay_new(&plan, &b->relay, fault, sizeof(fault)), 0);
	CHECK_TEXT(fault[0] && !b->relay ? fault : "", "");
	REQUIRE(b->relay);
	CHECK(!c.services);
	REQUIRE(relay_start(b->relay) == 0);
}

static void box_open(struct box *b)
{
	box_prepare(b);
	box_start(b);
}

static void box_close(struct box *b)
{
	relay_free(b->relay);
	loop_free(b->loop);
	close(b->server);
}

/* As the supervisor does it: other descriptors of the same sockets. */
static int box_update(struct box *b, char *fault, size_t fault_size)
{
	struct relay_config c = config_of(b);
	struct relay_plan plan = plan_of(b, &c);

	for (unsigned i = 0; i < 2; i++)
		b->sockets[i] = dup(b->sockets[i]);
	int err = relay_update(b->relay, &plan, fault, fault_size);

	relay_config_fini(&c); /* of no effect after success */
	return err;
}

static int client(const struct box *b)
{
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, &b->at);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	REQUIRE(fd >= 0 && connect(fd, &a.sa, len) == 0);
	return fd;
}

static bool is_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, LIMIT_MS) == 1;
}

static int server_accept(const struct box *b)
{
	REQUIRE(is_ready(b->server));
	int fd = -1;

	for (unsigned i = 0; fd < 0 && i < 1000; i++) {
		fd = accept(b->server, NULL, NULL);
		if (fd < 0)
			usleep(1000);
	}
	REQUIRE(fd >= 0);
	return fd;
}

static void expect(int fd, const char *want)
{
	char got[200];
	size_t len = 0;

	while (len < strlen(want) && is_ready(fd)) {
		ssize_t n = read(fd, got + len, strlen(want) - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	CHECK_BYTES(got, len, want, strlen(want));
}

static void say(int fd, const char *text)
{
	CHECK_INT(write(fd, text, strlen(text)), (long)strlen(text));
}

/* The far side has closed, with a FIN or a RST. */
static void expect_end(int fd)
{
	char got;

	CHECK(is_ready(fd));
	CHECK(read(fd, &got, 1) <= 0);
}

static unsigned long sum_of(const struct box *b, const char *counter)
{
	unsigned long sum = 0;

	for (unsigned i = 0; i < relay_lanes(b->relay); i++) {
		const char *name, *text;
		unsigned long value;

		for (unsigned n = 0; lane_counter_at(relay_lane(b->relay, i), n, &name, &text, &value); n++)
			if (strcmp(name, counter) == 0)
				sum += value;
	}
	return sum;
}

static void count_visits(struct lane *l, void *ctx)
{
	*(unsigned *)ctx += l->visits_len;
}

static unsigned visits(const struct box *b)
{
	unsigned n = 0;

	relay_each(b->relay, count_visits, &n);
	return n;
}

/* Waits until so many visits are there. */
static void expect_visits(const struct box *b, unsigned want)
{
	for (unsigned i = 0; visits(b) != want && i < LIMIT_MS; i++)
		usleep(1000);
	CHECK_INT(visits(b), want);
}

TEST(an_ipv6_client_talks_with_an_ipv4_server)
{
	struct box b;

	box_open(&b);
	for (unsigned i = 0; i < 20; i++) {
		int c = client(&b);

		say(c, "hello");
		int s = server_accept(&b);

		expect(s, "hello");
		say(s, "good day");
		expect(c, "good day");
		CHECK_INT(visits(&b), 1);
		close(s);
		expect_end(c);
		close(c);
		expect_visits(&b, 0);
	}
	CHECK_INT(sum_of(&b, "accepted"), 20);
	CHECK_INT(sum_of(&b, "bytes_up"), 100);
	CHECK_INT(sum_of(&b, "bytes_down"), 160);
	box_close(&b);
}

TEST(the_server_is_told_who_the_client_is)
{
	struct box b;
	char want[200];

	box_prepare(&b);
	b.service.proxy_head = RELAY_PROXY_HEAD_V2;
	box_start(&b);
	int c = client(&b);
	struct endpoint me = bound_to(c);

	say(c, "x");
	int s = server_accept(&b);
	unsigned char head[53];

	for (size_t len = 0; len < sizeof(head);) {
		REQUIRE(is_ready(s));
		ssize_t n = read(s, head + len, sizeof(head) - len);

		REQUIRE(n > 0);
		len += (size_t)n;
	}
	snprintf(want, sizeof(want), "%u", me.port);
	char got[20];

	snprintf(got, sizeof(got), "%u", head[48] << 8 | head[49]);
	CHECK_TEXT(got, want);
	CHECK_INT(head[52], 'x');
	close(s);
	close(c);
	box_close(&b);
}

TEST(a_trusted_peer_says_who_the_client_is_in_time_or_goes)
{
	struct box b;

	box_prepare(&b);
	b.service.trusted_len = 1;
	b.service.proxy_head = RELAY_PROXY_HEAD_V1;
	box_start(&b);
	int c = client(&b);

	say(c, "PROXY TCP6 2001:db8::9 ");
	usleep(20000);
	say(c, "2001:db8::1 77 80\r\nhello");
	int s = server_accept(&b);

	expect(s, "PROXY TCP6 2001:db8::9 2001:db8::1 77 80\r\nhello");
	int bad = client(&b), silent = client(&b), gone = client(&b);

	say(bad, "GET / HTTP/1.1\r\n");
	expect_end(bad);
	say(gone, "PROXY ");
	shutdown(gone, SHUT_WR);
	expect_end(gone);
	expect_end(silent);
	CHECK_INT(sum_of(&b, "proxy_malformed"), 2);
	CHECK_INT(sum_of(&b, "head_timeout"), 1);
	close(s);
	close(c);
	close(bad);
	close(gone);
	close(silent);
	box_close(&b);
}

TEST(a_client_has_its_share)
{
	struct box b;
	int c[5];

	box_open(&b);
	for (unsigned i = 0; i < 5; i++)
		c[i] = client(&b);
	for (unsigned i = 0; i < LIMIT_MS && sum_of(&b, "accepted") < 5; i++)
		usleep(1000);
	CHECK_INT(sum_of(&b, "refused_client_limit"), 1);
	CHECK_INT(visits(&b), 4);
	for (unsigned i = 0; i < 5; i++)
		close(c[i]);
	close(b.server); /* and with it the connections that nobody has taken */
	b.server = -1;
	expect_visits(&b, 0);
	box_close(&b);
}

TEST(a_target_that_refuses_ends_the_connection)
{
	struct box b;

	box_open(&b);
	close(b.server);
	int c = client(&b);

	expect_end(c);
	expect_visits(&b, 0);
	close(c);
	b.server = -1;
	box_close(&b);
}

TEST(another_configuration_leaves_connections_to_the_old_target)
{
	struct box b;
	char fault[200];

	box_open(&b);
	int c = client(&b);

	say(c, "one");
	int old = server_accept(&b);

	expect(old, "one");
	int second = listen_open(&any_port4, SOCK_STREAM, BOUND_ALONE), first = b.server;

	b.to = bound_to(second);
	b.service.timeouts.drain = 60 * NSEC; /* of the new one; the old one has 300 ms */
	REQUIRE(box_update(&b, fault, sizeof(fault)) == 0);
	say(c, "still one");
	expect(old, "still one");
	b.server = second;
	int d = client(&b);

	say(d, "two");
	int s = server_accept(&b);

	expect(s, "two");
	expect_end(old); /* when its time to drain is over */
	expect_end(c);
	CHECK_INT(sum_of(&b, "ended_drained"), 1);
	say(d, "still two");
	expect(s, "still two");
	CHECK_INT(visits(&b), 1);
	close(first);
	close(old);
	close(c);
	close(d);
	close(s);
	box_close(&b);
}

/* Clients come all the time while configurations change: each must be served. */
TEST(no_connection_is_lost_when_configurations_change)
{
	struct box b;
	char fault[200];

	box_open(&b);
	for (unsigned i = 0; i < 40; i++) {
		int c[3];

		for (unsigned k = 0; k < 3; k++)
			c[k] = client(&b);
		REQUIRE(box_update(&b, fault, sizeof(fault)) == 0);
		for (unsigned k = 0; k < 3; k++)
			say(c[k], "y");
		for (unsigned k = 0; k < 3; k++) {
			int s = server_accept(&b);

			expect(s, "y");
			say(s, "z");
			close(s);
		}
		for (unsigned k = 0; k < 3; k++) {
			expect(c[k], "z");
			close(c[k]);
		}
		expect_visits(&b, 0);
	}
	CHECK_INT(sum_of(&b, "accepted"), 120);
	box_close(&b);
}

TEST(a_configuration_that_does_not_fit_is_refused_whole)
{
	struct box b;
	char fault[200] = "";

	box_open(&b);
	struct relay_config c = config_of(&b);
	struct relay_plan plan = plan_of(&b, &c);
	int fds[1] = { dup(b.sockets[0]) };

	plan.sockets = fds;
	plan.sockets_len = 1;
	CHECK_INT(relay_update(b.relay, &plan, fault, sizeof(fault)), -EBADMSG);
	CHECK(fault[0]);
	CHECK(c.services);
	relay_config_fini(&c);
	b.service.type = RELAY_TYPE_COUNT - 1;
	int d = client(&b);

	say(d, "still here");
	int s = server_accept(&b);

	expect(s, "still here");
	close(d);
	close(s);
	box_close(&b);
}

static void over(void *ctx)
{
	struct box *b = ctx;

	b->is_over = true;
	loop_stop(b->loop);
}

TEST(draining_waits_for_visits_that_end_by_themselves)
{
	struct box b;

	box_prepare(&b);
	b.service.timeouts.drain = 60 * NSEC;
	box_start(&b);
	int c = client(&b), s = server_accept(&b);

	relay_drain(b.relay, over, &b);
	int d = socket(AF_INET6, SOCK_STREAM, 0);
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, &b.at);

	CHECK(connect(d, &a.sa, len) < 0);
	close(d);
	event_base_loop(loop_base(b.loop), EVLOOP_NONBLOCK);
	CHECK(!b.is_over);
	say(c, "the rest");
	close(c);
	expect(s, "the rest");
	close(s);
	REQUIRE(loop_run(b.loop) == 0);
	CHECK(b.is_over);
	box_close(&b);
}
