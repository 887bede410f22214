/* test_udp.c - datagrams to a server of the other family, and back */
#include "relay_box.h"

#include <stdio.h>

/* A client whose socket is connected to the relay, at an address of the loopback network. */
static int udp_client(const struct box *b)
{
	union sockaddr_any a;
	struct endpoint at = b->at;

	if (at.is4)
		at.a4.v = 0x7f000002; /* not what the kernel would answer from by itself */
	socklen_t len = sockaddr_put(&a, &at);
	int fd = socket(a.sa.sa_family, SOCK_DGRAM, 0);

	REQUIRE(fd >= 0 && connect(fd, &a.sa, len) == 0);
	return fd;
}

/* What the server gets next, and from whom. */
static struct endpoint server_expect(const struct box *b, const char *want)
{
	union sockaddr_any a;
	socklen_t len = sizeof(a);
	char got[200];

	REQUIRE(is_ready(b->server));
	ssize_t n = recvfrom(b->server, got, sizeof(got), 0, &a.sa, &len);

	REQUIRE(n >= 0);
	CHECK_BYTES(got, (size_t)n, want, strlen(want));
	return sockaddr_endpoint(&a);
}

static void server_say(const struct box *b, const struct endpoint *to, const char *text)
{
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, to);

	CHECK_INT(sendto(b->server, text, strlen(text), 0, &a.sa, len), (long)strlen(text));
}

TEST(datagrams_go_there_and_back_with_their_borders)
{
	struct box b;

	box_prepare(&b, RELAY_UDP);
	box_start(&b);
	int c = udp_client(&b), d = udp_client(&b);

	say(c, "one");
	struct endpoint from = server_expect(&b, "one");

	say(c, "two");
	say(c, "");
	CHECK(endpoint_equal(&from, &(struct endpoint){ 0 }) == false);
	struct endpoint again = server_expect(&b, "two");

	CHECK(endpoint_equal(&from, &again));
	server_expect(&b, "");
	say(d, "other");
	struct endpoint other = server_expect(&b, "other");

	CHECK(!endpoint_equal(&from, &other));
	server_say(&b, &other, "to d");
	server_say(&b, &from, "to c");
	server_say(&b, &from, "again");
	expect(c, "to c");
	expect(c, "again");
	expect(d, "to d");
	CHECK_INT(visits(&b), 2);
	CHECK_INT(sum_of(&b, "udp_from_clients"), 4);
	CHECK_INT(sum_of(&b, "udp_to_clients"), 3);
	CHECK_INT(sum_of(&b, "bytes_up"), 11);
	expect_visits(&b, 0); /* after timeouts.udp */
	close(c);
	close(d);
	box_close(&b);
}

/* A socket for every address must answer from the one that the client has written to, which its connect() wants. */
TEST(an_answer_comes_from_the_address_that_was_written_to)
{
	struct box b;

	box_prepare(&b, RELAY_UDP);
	for (unsigned i = 0; i < 2; i++)
		close(b.sockets[i]);
	b.at = (struct endpoint){ .is4 = true, .port = b.at.port };
	REQUIRE(listen_open_all(&b.at, SOCK_DGRAM, 2, b.sockets) == 0);
	box_start(&b);
	int c = udp_client(&b);

	say(c, "any");
	struct endpoint from = server_expect(&b, "any");

	server_say(&b, &from, "some");
	expect(c, "some");
	close(c);
	box_close(&b);
}

TEST(many_datagrams_at_once_keep_their_order)
{
	struct box b;
	char text[20];

	box_prepare(&b, RELAY_UDP);
	box_start(&b);
	int c = udp_client(&b);

	say(c, "first"); /* others may be dropped until the server is found */
	struct endpoint from = server_expect(&b, "first");

	for (unsigned i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "up %u", i);
		say(c, text);
	}
	for (unsigned i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "up %u", i);
		server_expect(&b, text);
	}
	for (unsigned i = 0; i < 150; i++) {
		snprintf(text, sizeof(text), "down %u", i);
		server_say(&b, &from, text);
	}
	for (unsigned i = 0; i < 150; i++) {
		snprintf(text, sizeof(text), "down %u", i);
		expect(c, text);
	}
	close(c);
	box_close(&b);
}

TEST(a_server_that_comes_back_is_reached_again)
{
	struct box b;

	box_prepare(&b, RELAY_UDP);
	box_start(&b);
	int c = udp_client(&b);

	say(c, "one");
	server_expect(&b, "one");
	close(b.server);
	say(c, "lost");
	for (unsigned i = 0; i < LIMIT_MS && sum_of(&b, "udp_icmp_errors") == 0; i++)
		usleep(1000);
	CHECK(sum_of(&b, "udp_icmp_errors") > 0);
	b.server = listen_open(&b.to, SOCK_DGRAM, BOUND_ALONE);
	REQUIRE(b.server >= 0);
	say(c, "two");
	struct endpoint from = server_expect(&b, "two");

	server_say(&b, &from, "back");
	expect(c, "back");
	close(c);
	box_close(&b);
}

/* What runs over UDP may know of connections: the server must not see another port because of a reload. */
TEST(associations_live_through_another_configuration)
{
	struct box b;
	char fault[200];

	box_prepare(&b, RELAY_UDP);
	b.service.timeouts.udp = 10 * NSEC;
	box_start(&b);
	int c = udp_client(&b);

	say(c, "one");
	struct endpoint from = server_expect(&b, "one");

	for (unsigned i = 0; i < 3; i++) {
		REQUIRE(box_update(&b, fault, sizeof(fault)) == 0);
		say(c, "two");
		struct endpoint again = server_expect(&b, "two");

		CHECK(endpoint_equal(&from, &again));
		server_say(&b, &from, "back");
		expect(c, "back");
	}
	CHECK_INT(visits(&b), 1);
	usleep(500000); /* longer than timeouts.drain */
	CHECK_INT(sum_of(&b, "ended_drained"), 0);
	CHECK_INT(visits(&b), 1);
	close(c);
	box_close(&b);
}

TEST(other_targets_are_for_new_associations)
{
	struct box b;
	char fault[200];

	box_prepare(&b, RELAY_UDP);
	box_start(&b);
	int c = udp_client(&b), first = b.server;

	say(c, "one");
	server_expect(&b, "one");
	b.server = listen_open(&any_port4, SOCK_DGRAM, BOUND_ALONE);
	b.to = bound_to(b.server);
	REQUIRE(box_update(&b, fault, sizeof(fault)) == 0);
	say(c, "two");
	server_expect(&b, "two");
	close(first);
	close(c);
	box_close(&b);
}

TEST(a_client_has_so_many_associations)
{
	struct box b;
	int c[6];

	box_prepare(&b, RELAY_UDP);
	box_start(&b);
	for (unsigned i = 0; i < 6; i++) {
		c[i] = udp_client(&b);
		say(c[i], "x");
	}
	for (unsigned i = 0; i < LIMIT_MS && sum_of(&b, "refused_client_limit") < 2; i++)
		usleep(1000);
	CHECK_INT(sum_of(&b, "refused_client_limit"), 2);
	CHECK_INT(visits(&b), 4);
	for (unsigned i = 0; i < 6; i++)
		close(c[i]);
	box_close(&b);
}
