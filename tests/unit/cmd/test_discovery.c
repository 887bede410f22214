/* test_discovery.c - the search for the prefix on sockets: a DNS server on loopback, and a router that cannot be one */
#include "harness.h"

#include "cmd/discovery.h"
#include "dns64/discovery.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVERS 2
#define PATIENCE (20 * NSEC)

/* How a server answers. */
enum manner { SILENT, GOOD, FORGED_ID, FORGED_PORT, REFUSES };

struct server {
	struct bench *b;
	int fd;
	enum manner manner;
	unsigned questions;
};

struct bench {
	struct loop *loop;
	struct loop_watch *watches[SERVERS], *patience;
	struct server servers[SERVERS];
	struct conf_clat clat;
	int adverts[2], queries, stranger;
	unsigned changes;
	struct discovery *d;
};

static int udp_open(uint16_t *ret_port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0), no = 0;

	REQUIRE(fd >= 0 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) == 0);
	REQUIRE(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	REQUIRE(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	*ret_port = ntohs(a.sin6_port);
	return fd;
}

/* The question again as an answer, with one AAAA record: 64:ff9b::192.0.0.170. */
static size_t answer(uint8_t *m, size_t len, enum manner manner)
{
	static const uint8_t record[] = { 0xc0, 12, 0, 28, 0, 1, 0, 0, 2, 88, 0, 16, 0, 0x64, 0xff, 0x9b, 0,
		0, 0, 0, 0, 0, 0, 0, 192, 0, 0, 170 };

	m[0] ^= manner == FORGED_ID;
	m[2] = 0x81;
	m[3] = manner == REFUSES ? 0x85 : 0x80;
	if (manner == REFUSES)
		return len;
	m[7] = 1;
	memcpy(m + len, record, sizeof(record));
	return len + sizeof(record);
}

static void on_question(void *ctx, unsigned ready)
{
	struct server *s = ctx;
	uint8_t m[512];
	struct sockaddr_in6 from;
	socklen_t from_len = sizeof(from);
	ssize_t len = recvfrom(s->fd, m, sizeof(m), 0, (struct sockaddr *)&from, &from_len);

	if (len != DISCOVERY_QUERY_BYTES)
		return;
	s->questions++;
	if (s->manner == SILENT)
		return;
	size_t n = answer(m, (size_t)len, s->manner);
	int fd = s->manner == FORGED_PORT ? s->b->stranger : s->fd;

	CHECK_INT(sendto(fd, m, n, 0, (struct sockaddr *)&from, from_len), n);
}

static void on_changed(void *ctx)
{
	struct bench *b = ctx;

	b->changes++;
	loop_stop(b->loop);
}

static void on_patience(void *ctx)
{
	loop_stop(((struct bench *)ctx)->loop);
}

static void bench_open(struct bench *b, enum manner first, enum manner second)
{
	const enum manner manners[SERVERS] = { first, second };
	uint16_t port;

	*b = (struct bench){ .clat = {
				     .prefix.is_auto = true, .discover = CONF_DISCOVER_DNS, .uplink = "x" } };
	REQUIRE(loop_new(&b->loop) == 0);
	REQUIRE(loop_watch_timer(b->loop, on_patience, b, &b->patience) == 0);
	for (unsigned i = 0; i < SERVERS; i++) {
		b->servers[i] = (struct server){ .b = b, .fd = udp_open(&port), .manner = manners[i] };
		REQUIRE(loop_watch_fd(b->loop, b->servers[i].fd, LOOP_READ, on_question, &b->servers[i],
				&b->watches[i]) == 0);
		/* One of each family: both go over the same socket. */
		b->clat.resolvers[i].at =
			i == 0 ? (struct endpoint){ .a6 = { 0, 1 }, .port = port }
			       : (struct endpoint){ .is4 = true, .a4 = { 0x7f000001 }, .port = port };
	}
	b->clat.resolvers_len = SERVERS;
	b->stranger = udp_open(&port);
	b->queries = udp_open(&port);
	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, b->adverts) == 0);
}

static void bench_run(struct bench *b, nsec patience)
{
	struct discovery_plan plan = { b->loop, &b->clat, b->adverts[0], b->queries, on_changed, b };

	REQUIRE(discovery_new(&plan, &b->d) == 0);
	loop_timer_set(b->patience, patience);
	REQUIRE(loop_run(b->loop) == 0);
}

static void bench_close(struct bench *b)
{
	const int fds[] = { b->servers[0].fd, b->servers[1].fd, b->stranger, b->queries, b->adverts[0],
		b->adverts[1] };

	discovery_free(b->d);
	for (unsigned i = 0; i < SERVERS; i++)
		loop_unwatch(b->watches[i]);
	loop_unwatch(b->patience);
	loop_free(b->loop);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

static void check_prefix(const struct bench *b, const char *want)
{
	struct prefix6 p = { { 7, 7 }, 128 };
	char text[PREFIX6_TEXT];
	bool is_known = discovery_prefix(b->d, &p);

	CHECK_INT(is_known, want != NULL);
	CHECK_TEXT(prefix6_text(p, text), want ? want : "::7:0:0:0:7/128");
}

static void check_row(const struct bench *b, const char *from, json_int_t ignored)
{
	json_t *row = discovery_row(b->d);

	const char *got = json_string_value(json_object_get(row, "from"));

	CHECK_TEXT(got ? got : "nobody", from);
	CHECK_INT(json_integer_value(json_object_get(row, "adverts_ignored")), ignored);
	json_decref(row);
}

TEST(rfc_7050_s3_the_answer_of_a_server_tells_the_prefix)
{
	struct bench b;

	bench_open(&b, GOOD, SILENT);
	bench_run(&b, PATIENCE);
	CHECK_INT(b.changes, 1);
	check_prefix(&b, "64:ff9b::/96");
	check_row(&b, "ipv4only.arpa", 0);
	CHECK(b.servers[0].questions == 1 && b.servers[1].questions == 0);
	bench_close(&b);
}

TEST(a_server_that_is_silent_or_refuses_is_followed_by_the_next_one)
{
	static const enum manner manners[] = { SILENT, REFUSES };

	for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
		struct bench b;

		bench_open(&b, manners[i], GOOD);
		bench_run(&b, PATIENCE);
		check_prefix(&b, "64:ff9b::/96");
		CHECK(b.servers[0].questions == 1 && b.servers[1].questions == 1);
		bench_close(&b);
	}
}

TEST(an_answer_that_nobody_asked_for_is_not_believed)
{
	static const enum manner manners[] = { FORGED_ID, FORGED_PORT };

	for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
		struct bench b;

		bench_open(&b, manners[i], manners[i]);
		bench_run(&b, NSEC / 2);
		CHECK_INT(b.changes, 0);
		CHECK(b.servers[0].questions > 0);
		check_prefix(&b, NULL);
		bench_close(&b);
	}
}

TEST(rfc_7050_s6_a_prefix_that_is_written_down_ends_the_search)
{
	struct bench b;

	bench_open(&b, GOOD, GOOD);
	b.clat.prefix.is_auto = false;
	REQUIRE(prefix6_parse("2001:db8:64::/96", &b.clat.prefix.value) == 0);
	bench_run(&b, NSEC / 2);
	CHECK(b.servers[0].questions == 0 && b.servers[1].questions == 0);
	check_prefix(&b, "2001:db8:64::/96");
	check_row(&b, "configuration", 0);

	/* ... until it is taken out again. */
	b.clat.prefix.is_auto = true;
	discovery_update(b.d, &b.clat);
	loop_timer_set(b.patience, PATIENCE);
	REQUIRE(loop_run(b.loop) == 0);
	while (b.changes < 2 && b.servers[0].questions < 10)
		REQUIRE(loop_run(b.loop) == 0);
	check_prefix(&b, "64:ff9b::/96");
	bench_close(&b);
}

TEST(another_network_has_nothing_of_the_old_one)
{
	struct bench b;

	bench_open(&b, GOOD, GOOD);
	bench_run(&b, PATIENCE);
	check_prefix(&b, "64:ff9b::/96");
	b.servers[0].manner = b.servers[1].manner = SILENT;
	snprintf(b.clat.uplink, sizeof(b.clat.uplink), "y");
	discovery_update(b.d, &b.clat);
	CHECK_INT(b.changes, 2);
	check_prefix(&b, NULL);
	bench_close(&b);
}

TEST(an_advertisement_without_a_routers_address_is_not_believed)
{
	static const uint8_t advert[32] = { 134, 0, 0, 0, 64, 0, 7, 8, [16] = 38, 2, 2, 88, 0, 0x64, 0xff,
		0x9b };
	struct bench b;

	bench_open(&b, SILENT, SILENT);
	b.clat.discover = CONF_DISCOVER_ADVERT;
	CHECK_INT(send(b.adverts[1], advert, sizeof(advert), 0), sizeof(advert));
	bench_run(&b, NSEC / 2);
	CHECK_INT(b.changes, 0);
	check_prefix(&b, NULL);
	check_row(&b, "nobody", 1);
	CHECK(b.servers[0].questions == 0);
	bench_close(&b);
}
