/* test_direct_socket.c - ports that questions are asked from */
#include "harness.h"

#include "dns64/direct_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

TEST(lists_of_reserved_ports_are_read)
{
	static struct port_set s;

	port_set_read(&s, "8080,9148,32000-32002,65535\n");
	CHECK(port_set_has(&s, 8080) && port_set_has(&s, 9148) && port_set_has(&s, 65535));
	CHECK(port_set_has(&s, 32000) && port_set_has(&s, 32001) && port_set_has(&s, 32002));
	CHECK(!port_set_has(&s, 8081) && !port_set_has(&s, 31999) && !port_set_has(&s, 32003) &&
		!port_set_has(&s, 0));
	port_set_read(&s, "");
	port_set_read(&s, "x,-,99999999999999999999,5-");
	CHECK(!port_set_has(&s, 1));
}

TEST(a_host_whose_ports_are_all_reserved_has_no_socket)
{
	struct endpoint to = { .is4 = true, .a4 = { INADDR_LOOPBACK }, .port = 53 };
	static struct random_stock random;
	static struct port_set s;
	int fd = 77;

	port_set_read(&s, "1-65535");
	CHECK_INT(direct_socket_open(&to, &s, &random, &fd), -EADDRINUSE);
	CHECK_INT(fd, 77);
}

/* Of 1024 ports 300 draws have 260 different ones, and about half in each half. */
TEST(rfc5452_s9_2_every_port_that_is_left_may_be_drawn)
{
	struct endpoint to = { .is4 = true, .a4 = { INADDR_LOOPBACK }, .port = 53 };
	static struct random_stock random;
	static struct port_set s;
	static bool seen[1024];
	unsigned distinct = 0, low = 0;

	port_set_read(&s, "1-39999,41024-65535");
	for (unsigned i = 0; i < 300; i++) {
		struct sockaddr_in a;
		socklen_t len = sizeof(a);
		int fd;

		REQUIRE(direct_socket_open(&to, &s, &random, &fd) == 0);
		REQUIRE(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
		unsigned place = ntohs(a.sin_port) - 40000u;

		REQUIRE(place < 1024);
		distinct += !seen[place];
		seen[place] = true;
		low += place < 512;
		close(fd);
	}
	CHECK(distinct > 200);
	CHECK(low > 75 && low < 225);
}

TEST(a_port_is_worn_by_questions_and_by_time)
{
	CHECK(!direct_socket_is_worn(63, 9999 * MSEC));
	CHECK(direct_socket_is_worn(64, 0));
	CHECK(direct_socket_is_worn(0, 10000 * MSEC));
}

TEST(both_families_have_sockets)
{
	struct endpoint to = { .a6 = { 0, 1 }, .port = 53 };
	static struct random_stock random;
	static const struct port_set none;
	struct sockaddr_in6 a;
	socklen_t len = sizeof(a);
	int fd, err = direct_socket_open(&to, &none, &random, &fd);

	if (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL || err == -ENETUNREACH)
		test_skip("this host has no ::1");
	REQUIRE(err == 0 && getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	CHECK_INT(a.sin6_family, AF_INET6);
	CHECK(ntohs(a.sin6_port) >= DIRECT_PORT_MIN);
	close(fd);
}
