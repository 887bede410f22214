/* test_relay.c - services on threads: connections, another configuration, an end without loss */
#include "relay_box.h"

#include <event2/event.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

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

	box_prepare(&b, RELAY_TCP);
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

	box_prepare(&b, RELAY_TCP);
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

enum descriptors { NONE_MORE, AS_MANY_AS_YOU_LIKE };

static void allow_descriptors(enum descriptors how)
{
	struct rlimit limit;

	REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	if (how == NONE_MORE) {
		int next = dup(0);

		REQUIRE(next >= 0);
		close(next);
		limit.rlim_cur = (rlim_t)next;
	}
	REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static nsec time_of_process(void)
{
	struct timespec t;

	REQUIRE(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
	return (nsec)t.tv_sec * NSEC + (nsec)t.tv_nsec;
}

/* Without descriptors connections wait, nobody spins meanwhile, and all are served when there are some again. */
TEST(connections_wait_when_there_are_no_descriptors)
{
	struct box b;
	int c[3];

	box_prepare(&b, RELAY_TCP);
	for (unsigned i = 0; i < 3; i++)
		c[i] = client(&b);
	char fault[200] = "";
	struct relay_config config = config_of(&b);
	struct relay_plan plan = plan_of(&b, &config);

	REQUIRE(relay_new(&plan, &b.relay, fault, sizeof(fault)) == 0);
	allow_descriptors(NONE_MORE);
	REQUIRE(relay_start(b.relay) == 0);
	nsec before = time_of_process();

	usleep(300000);
	CHECK(time_of_process() - before < 100 * MSEC);
	CHECK_INT(sum_of(&b, "accepted"), 0);
	allow_descriptors(AS_MANY_AS_YOU_LIKE);
	for (unsigned i = 0; i < 3; i++)
		say(c[i], "hello");
	for (unsigned i = 0; i < 3; i++) {
		int s = server_accept(&b);

		expect(s, "hello");
		close(s);
	}
	for (unsigned i = 0; i < 3; i++)
		close(c[i]);
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

	box_prepare(&b, RELAY_TCP);
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
