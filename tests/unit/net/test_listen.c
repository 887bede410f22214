/* test_listen.c - sockets bound to an address, of one family each */
#include "harness.h"
#include "net/listen.h"
#include "net/sockaddr.h"

#include <errno.h>
#include <unistd.h>

static struct endpoint bound_to(int fd)
{
	union sockaddr_any a;
	socklen_t len = sizeof(a);

	REQUIRE(getsockname(fd, &a.sa, &len) == 0);
	return sockaddr_endpoint(&a);
}

TEST(an_ipv6_listener_leaves_the_ipv4_port_free)
{
	struct endpoint any6 = { .port = 0 };
	int six = listen_open(&any6, SOCK_STREAM, BOUND_ALONE);

	REQUIRE(six >= 0);
	struct endpoint any4 = { .is4 = true, .port = bound_to(six).port };
	int four = listen_open(&any4, SOCK_STREAM, BOUND_ALONE);

	CHECK(four >= 0);
	close(four);
	close(six);
}

TEST(the_threads_share_a_port_and_nobody_else_has_it)
{
	struct endpoint at = { .a6 = { 0, 1 } };
	int first = listen_open(&at, SOCK_STREAM, BOUND_TOGETHER), fds[3];

	REQUIRE(first >= 0);
	at.port = bound_to(first).port;
	CHECK_INT(listen_open_all(&at, SOCK_STREAM, 3, fds),
		-EADDRINUSE); /* somebody is there, sharing or not */
	close(first);
	REQUIRE(listen_open_all(&at, SOCK_STREAM, 3, fds) == 0);
	for (unsigned i = 0; i < 3; i++) {
		CHECK(endpoint_equal(
			&at, &(struct endpoint){ .a6 = { 0, 1 }, .port = bound_to(fds[i]).port }));
		close(fds[i]);
	}
}

TEST(an_address_that_is_not_ours_is_refused)
{
	struct endpoint at = { .is4 = true, .a4 = { 0xcb007101 } };

	CHECK_INT(listen_open(&at, SOCK_DGRAM, BOUND_ALONE), -EADDRNOTAVAIL);
}
