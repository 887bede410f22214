/*
 * test_dial.c - dials to listeners, to ports where nobody listens, and to peers that say nothing
 *
 * A peer that drops silently is a listener whose queue is full: the kernel drops further SYNs without a word.
 */
#include "relay/dial.h"

#include "nameserver.h"
#include "relay/dial_socket.h"
#include "relay/edges.h"
#include "relay/families.h"
#include "relay/names.h"
#include "relay/own.h"

#include <errno.h>
#include <sys/resource.h>

#define LOOPBACK4 "127.0.0.1"
#define LOOPBACK6 "::1"
#define UNREACHABLE4 "255.255.255.255" /* connect() refuses a broadcast address */
#define UNREACHABLE6 "ff0e::1"	       /* TCP has no multicast */

enum manner { ALIVE, REFUSING, SILENT };

static const struct ns_row rows[] = {
	{ "both.example", TYPE_A, { LOOPBACK4 }, .ttl = 60 },
	{ "both.example", TYPE_AAAA, { LOOPBACK6 }, .ttl = 60 },
	{ "four.example", TYPE_A, { LOOPBACK4 }, .ttl = 60 },
	{ "six.example", TYPE_AAAA, { LOOPBACK6 }, .ttl = 60 },
	{ "lost6.example", TYPE_A, { LOOPBACK4 }, .ttl = 60 },
	{ "lost6.example", TYPE_AAAA, { UNREACHABLE6 }, .ttl = 60 },
	{ "lost4.example", TYPE_A, { UNREACHABLE4 }, .ttl = 60 },
	{ "lost4.example", TYPE_AAAA, { LOOPBACK6 }, .ttl = 60 },
	{ "lost.example", TYPE_A, { UNREACHABLE4 }, .ttl = 60 },
	{ "lost.example", TYPE_AAAA, { UNREACHABLE6 }, .ttl = 60 },
	{ "two4.example", TYPE_A, { LOOPBACK4, "127.0.0.2", "127.0.0.3" }, .ttl = 60 },
	{ "two4.example", TYPE_AAAA, { LOOPBACK6 }, .ttl = 60 },
	{ "late6.example", TYPE_A, { LOOPBACK4 }, .ttl = 60 },
	{ "late6.example", TYPE_AAAA, { LOOPBACK6 }, .ttl = 60, .delay_ms = 20 },
	{ "later6.example", TYPE_A, { LOOPBACK4 }, .ttl = 60 },
	{ "later6.example", TYPE_AAAA, { LOOPBACK6 }, .ttl = 60, .delay_ms = 400 },
	{ "failing6.example", TYPE_A, { LOOPBACK4 }, .ttl = 60 },
	{ "failing6.example", TYPE_AAAA, { NULL }, .rcode = 2 },
	{ "silent.example", TYPE_A, { NULL }, .is_silent = true },
	{ "silent.example", TYPE_AAAA, { NULL }, .is_silent = true },
	{ "broken.example", TYPE_A, { NULL }, .rcode = 2 },
	{ "broken.example", TYPE_AAAA, { NULL }, .rcode = 2 },
	{ "dns64.example", TYPE_A, { NULL }, .is_silent = true },
	{ "dns64.example", TYPE_AAAA, { "64:ff9b::127.0.0.1" }, .ttl = 60 },
	/* eight addresses that refuse, and one of the other family */
	{ "long.example", TYPE_A, { LOOPBACK4 }, .ttl = 60 },
	{ "long.example", TYPE_AAAA,
		{ "ff0e::1", "ff0e::2", "ff0e::3", "ff0e::4", "ff0e::5", "ff0e::6", "ff0e::7", "ff0e::8",
			"ff0e::9" },
		.ttl = 60 },
	{ NULL },
};

/* One peer: the same port of both families. */
struct peer {
	int fd4, fd6;
	int fill4[4], fill6[4]; /* what fills the queue of a silent one */
	uint16_t port;
};

struct box {
	struct loop *loop;
	struct nameserver server;
	struct prefix6 translation;
	struct relay_config config;
	struct lane lane;
	struct loop_watch *guard;
	struct access *access;
	struct prefix6 *client_prefix;
	struct endpoint client;
	enum dial_kind kind;
	enum dial_fault fault;
	struct endpoint peer, local;
	nsec timeout, took;
	bool is_done;
};

static struct endpoint endpoint_of(const char *text, uint16_t port)
{
	struct endpoint e = { .port = port };

	e.is4 = addr4_parse(text, &e.a4);
	REQUIRE(e.is4 || addr6_parse(text, &e.a6));
	return e;
}

static int socket_at(struct endpoint *at)
{
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, at);
	int fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	REQUIRE(fd >= 0);
	if (!at->is4)
		REQUIRE(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) == 0);
	if (bind(fd, &a.sa, len) < 0 || getsockname(fd, &a.sa, &len) < 0) {
		close(fd);
		return -1;
	}
	at->port = sockaddr_endpoint(&a).port;
	return fd;
}

/* Bound but not listening, it refuses. A queue of length 0 takes one connection; some more SYNs are not even answered. */
static void set_manner(int fd, const struct endpoint *at, enum manner m, int fill[static 4])
{
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, at);

	if (m != REFUSING)
		REQUIRE(listen(fd, m == ALIVE ? 100 : 0) == 0);
	for (unsigned i = 0; m == SILENT && i < 4; i++) {
		fill[i] = socket(a.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		REQUIRE(fill[i] >= 0 && (connect(fill[i], &a.sa, len) == 0 || errno == EINPROGRESS));
	}
}

static void peer_init(struct peer *p, enum manner m6, enum manner m4)
{
	struct endpoint at6, at4;

	*p = (struct peer){ .fd4 = -1 };
	for (unsigned i = 0; i < 100 && p->fd4 < 0; i++) {
		at6 = endpoint_of(LOOPBACK6, 0);
		p->fd6 = socket_at(&at6);
		REQUIRE(p->fd6 >= 0);
		at4 = endpoint_of("0.0.0.0", at6.port); /* so is every address of 127/8 */
		p->fd4 = socket_at(&at4);
		if (p->fd4 < 0)
			close(p->fd6);
	}
	REQUIRE(p->fd4 >= 0);
	p->port = at6.port;
	set_manner(p->fd6, &at6, m6, p->fill6);
	set_manner(p->fd4, &at4, m4, p->fill4);
}

static void peer_fini(struct peer *p)
{
	for (unsigned i = 0; i < 4; i++) {
		if (p->fill4[i] > 0)
			close(p->fill4[i]);
		if (p->fill6[i] > 0)
			close(p->fill6[i]);
	}
	close(p->fd4);
	close(p->fd6);
}

static void on_guard(void *ctx)
{
	struct box *b = ctx;

	CHECK(false && "a dial did not end");
	loop_stop(b->loop);
}

static void box_init(struct box *b)
{
	static const struct hash_key key = { 1, 2 };

	*b = (struct box){ .timeout = 5 * NSEC, .translation = { { UINT64_C(0x0064ff9b00000000), 0 }, 96 } };
	REQUIRE(loop_new(&b->loop) == 0);
	nameserver_init(&b->server, b->loop, rows);
	struct names_plan plan = { .loop = b->loop, .servers = &b->server.at, .servers_len = 1, .keep = 64 };
	b->config = (struct relay_config){ .translation = &b->translation, .translation_len = 1 };
	b->lane.loop = b->loop;
	REQUIRE(edges_new(b->loop, &b->lane.edges) == 0);
	b->lane.config = &b->config;
	REQUIRE(names_new(&plan, &b->lane.names) == 0);
	REQUIRE(families_new(64, &key, &b->lane.families) == 0);
	REQUIRE(own_new(&b->lane.own) == 0);
	REQUIRE(loop_watch_timer(b->loop, on_guard, b, &b->guard) == 0);
	loop_timer_set(b->guard, 40 * NSEC);
}

static void box_fini(struct box *b)
{
	names_free(b->lane.names);
	families_free(b->lane.families);
	own_free(b->lane.own);
	edges_free(b->lane.edges);
	loop_unwatch(b->guard);
	nameserver_fini(&b->server);
	loop_free(b->loop);
}

static void on_done(void *ctx, enum dial_fault fault, int fd, const struct endpoint *peer)
{
	struct box *b = ctx;

	CHECK(!b->is_done);
	b->is_done = true;
	b->fault = fault;
	b->peer = *peer;
	CHECK_INT(fd >= 0, fault == DIAL_OK);
	if (fd >= 0) {
		union sockaddr_any a;
		socklen_t len = sizeof(a);

		REQUIRE(getsockname(fd, &a.sa, &len) == 0);
		b->local = sockaddr_endpoint(&a);
		close(fd);
	}
	loop_stop(b->loop);
}

/* "both.example" or "::1": a name if it has a letter behind its last dot. */
static struct relay_target target_of(const char *to, uint16_t port)
{
	struct relay_target t = { .at = { .port = port } };

	if (strcasestr(to, ".example") || strstr(to, "localhost"))
		snprintf(t.host, sizeof(t.host), "%s", to);
	else
		t.at = endpoint_of(to, port);
	return t;
}

static struct dial *start(struct box *b, const char *to, uint16_t port, enum relay_family family)
{
	struct relay_target t = target_of(to, port);
	struct dial_plan plan = { .kind = b->kind,
		.to = &t,
		.access = b->access,
		.family = family,
		.timeout = b->timeout,
		.client_prefix = b->client_prefix,
		.client = b->client,
		.done = on_done,
		.ctx = b };
	struct dial *d = NULL;

	b->is_done = false;
	REQUIRE(dial_start(&b->lane, &plan, &d) == 0);
	CHECK(!b->is_done);
	return d;
}

static void dial(struct box *b, const char *to, uint16_t port, enum relay_family family)
{
	nsec began = clock_now();

	start(b, to, port, family);
	REQUIRE(loop_run(b->loop) == 0);
	b->took = clock_now() - began;
	REQUIRE(b->is_done);
}

static void check_reached(const struct box *b, bool is4)
{
	CHECK_INT(b->fault, DIAL_OK);
	CHECK_INT(b->peer.is4, is4);
}

TEST(ipv6_is_first_and_ipv4_follows_by_policy)
{
	static const struct {
		const char *to;
		enum relay_family family;
		enum dial_fault want;
		bool is4;
	} cases[] = {
		{ "both.example", RELAY_FAMILY_ANY, DIAL_OK, false },
		{ "BOTH.Example", RELAY_FAMILY_ANY, DIAL_OK, false },
		{ "both.example", RELAY_FAMILY_IPV4_FIRST, DIAL_OK, true },
		{ "both.example", RELAY_FAMILY_IPV4_ONLY, DIAL_OK, true },
		{ "both.example", RELAY_FAMILY_IPV6_ONLY, DIAL_OK, false },
		{ "four.example", RELAY_FAMILY_ANY, DIAL_OK, true },
		{ "four.example", RELAY_FAMILY_IPV6_ONLY, DIAL_NO_NAME, false },
		{ "six.example", RELAY_FAMILY_IPV4_FIRST, DIAL_OK, false },
		{ "six.example", RELAY_FAMILY_IPV4_ONLY, DIAL_NO_NAME, false },
		{ "no.example", RELAY_FAMILY_ANY, DIAL_NO_NAME, false },
		{ "broken.example", RELAY_FAMILY_ANY, DIAL_NO_ANSWER, false },
		{ "failing6.example", RELAY_FAMILY_ANY, DIAL_OK, true },
		{ LOOPBACK4, RELAY_FAMILY_ANY, DIAL_OK, true },
		{ LOOPBACK6, RELAY_FAMILY_ANY, DIAL_OK, false },
		{ LOOPBACK4, RELAY_FAMILY_IPV6_ONLY, DIAL_NO_NAME, false },
		{ LOOPBACK6, RELAY_FAMILY_IPV4_ONLY, DIAL_NO_NAME, false },
		/* what stands for IPv4 is dialled as that */
		{ "64:ff9b::127.0.0.1", RELAY_FAMILY_ANY, DIAL_OK, true },
		{ "64:ff9b::127.0.0.1", RELAY_FAMILY_IPV4_ONLY, DIAL_OK, true },
		{ "::ffff:127.0.0.1", RELAY_FAMILY_ANY, DIAL_OK, true },
		{ "localhost", RELAY_FAMILY_ANY, DIAL_OK, false },
	};
	struct peer p;
	struct box b;

	peer_init(&p, ALIVE, ALIVE);
	box_init(&b);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		test_row(cases[i].to);
		dial(&b, cases[i].to, p.port, cases[i].family);
		CHECK_INT(b.fault, cases[i].want);
		if (cases[i].want == DIAL_OK) {
			CHECK_INT(b.peer.is4, cases[i].is4);
			CHECK_INT(b.peer.port, p.port);
		}
	}
	test_row(NULL);
	CHECK_INT(b.lane.counters.dials, ARRAY_LEN(cases));
	CHECK_INT(b.lane.counters.dial_connected, 14);
	CHECK_INT(b.lane.counters.dial_no_name, 5);
	CHECK_INT(b.lane.counters.dial_no_answer, 1);
	CHECK_INT(b.lane.counters.dial_fell_back, 0);
	box_fini(&b);
	peer_fini(&p);
}

/* The one thing all this is for: however one family is dead, the other one is reached within 400 ms; the second time at
 * once. */
TEST(a_dead_family_costs_at_most_400_ms_and_nothing_the_second_time)
{
	static const struct {
		const char *name, *to;
		enum manner m6, m4;
		bool is4;
		enum relay_family family;
	} cases[] = {
		{ "IPv6 is silent", "both.example", SILENT, ALIVE, true, RELAY_FAMILY_ANY },
		{ "IPv6 refuses", "both.example", REFUSING, ALIVE, true, RELAY_FAMILY_ANY },
		{ "IPv6 is unreachable", "lost6.example", ALIVE, ALIVE, true, RELAY_FAMILY_ANY },
		{ "IPv4 is silent", "both.example", ALIVE, SILENT, false, RELAY_FAMILY_IPV4_FIRST },
		{ "IPv4 refuses", "both.example", ALIVE, REFUSING, false, RELAY_FAMILY_IPV4_FIRST },
		{ "IPv4 is unreachable", "lost4.example", ALIVE, ALIVE, false, RELAY_FAMILY_IPV4_FIRST },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct peer p;
		struct box b;

		test_row(cases[i].name);
		peer_init(&p, cases[i].m6, cases[i].m4);
		box_init(&b);
		dial(&b, cases[i].to, p.port, cases[i].family);
		check_reached(&b, cases[i].is4);
		CHECK(b.took < 400 * MSEC);
		if (cases[i].m6 == SILENT || cases[i].m4 == SILENT)
			CHECK(b.took >= 250 * MSEC);
		else
			CHECK(b.took < 200 * MSEC);
		CHECK_INT(b.lane.counters.dial_fell_back, 1);
		dial(&b, cases[i].to, p.port, cases[i].family);
		check_reached(&b, cases[i].is4);
		CHECK(b.took < 200 * MSEC);
		CHECK_INT(b.lane.counters.dial_fell_back, 1);
		box_fini(&b);
		peer_fini(&p);
	}
	test_row(NULL);
}

static void on_relent(void *ctx)
{
	const struct peer *p = ctx;

	REQUIRE(listen(p->fd6, 100) == 0); /* there is room for the next SYN */
}

/* The first attempt's second SYN, after a second, is answered; the other family's attempt has begun meanwhile. */
TEST(a_first_attempt_that_wins_late_is_no_fall_back)
{
	struct loop_watch *relent;
	struct peer p;
	struct box b;

	peer_init(&p, SILENT, SILENT);
	box_init(&b);
	REQUIRE(loop_watch_timer(b.loop, on_relent, &p, &relent) == 0);
	loop_timer_set(relent, 500 * MSEC);
	dial(&b, "both.example", p.port, RELAY_FAMILY_ANY);
	check_reached(&b, false);
	CHECK(b.took >= 500 * MSEC);
	CHECK_INT(b.lane.counters.dial_fell_back, 0);
	loop_unwatch(relent);
	box_fini(&b);
	peer_fini(&p);
}

TEST(what_failed_most_is_told_when_nothing_works)
{
	static const struct {
		const char *name, *to;
		enum manner m6, m4;
		enum dial_fault want;
	} cases[] = {
		{ "both silent", "both.example", SILENT, SILENT, DIAL_TIMEOUT },
		{ "one silent, one refuses", "both.example", SILENT, REFUSING, DIAL_REFUSED },
		{ "both refuse", "both.example", REFUSING, REFUSING, DIAL_REFUSED },
		{ "one unreachable, one refuses", "lost6.example", REFUSING, REFUSING, DIAL_REFUSED },
		{ "one unreachable, one silent", "lost4.example", SILENT, ALIVE, DIAL_TIMEOUT },
		{ "both unreachable", "lost.example", ALIVE, ALIVE, DIAL_UNREACHABLE },
		{ "nobody answers for the name", "silent.example", ALIVE, ALIVE, DIAL_NO_ANSWER },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct peer p;
		struct box b;

		test_row(cases[i].name);
		peer_init(&p, cases[i].m6, cases[i].m4);
		box_init(&b);
		b.timeout = 600 * MSEC;
		dial(&b, cases[i].to, p.port, RELAY_FAMILY_ANY);
		CHECK_INT(b.fault, cases[i].want);
		CHECK(b.took < 900 * MSEC);
		box_fini(&b);
		peer_fini(&p);
	}
	test_row(NULL);
}

/* RFC 8305 s5: even when there is nothing else to wait for */
TEST(an_attempt_that_is_refused_is_followed_after_10_ms)
{
	struct peer p;
	struct box b;

	peer_init(&p, REFUSING, ALIVE);
	box_init(&b);
	dial(&b, "both.example", p.port, RELAY_FAMILY_ANY);
	check_reached(&b, true);
	CHECK(b.took >= 10 * MSEC && b.took < 100 * MSEC);
	box_fini(&b);
	peer_fini(&p);
}

TEST(two_families_that_fail_are_tried_sooner_one_after_the_other)
{
	struct peer p;
	struct box b;

	peer_init(&p, SILENT, ALIVE);
	box_init(&b);
	struct relay_target t = target_of("both.example", p.port);
	families_note(b.lane.families, &t, false, false, clock_now());
	families_note(b.lane.families, &t, true, false, clock_now());
	dial(&b, "both.example", p.port, RELAY_FAMILY_ANY);
	check_reached(&b, true);
	CHECK(b.took >= 100 * MSEC && b.took < 240 * MSEC);
	box_fini(&b);
	peer_fini(&p);
}

TEST(an_answer_that_is_late_is_waited_for_50_ms)
{
	struct peer p;
	struct box b;

	peer_init(&p, ALIVE, ALIVE);
	box_init(&b);
	dial(&b, "late6.example", p.port, RELAY_FAMILY_ANY);
	check_reached(&b, false);
	dial(&b, "later6.example", p.port, RELAY_FAMILY_ANY);
	check_reached(&b, true);
	CHECK(b.took >= 50 * MSEC && b.took < 300 * MSEC);
	dial(&b, "later6.example", p.port, RELAY_FAMILY_IPV4_FIRST); /* IPv6 is still being asked */
	check_reached(&b, true);
	CHECK(b.took < 300 * MSEC);
	box_fini(&b);
	peer_fini(&p);
}

TEST(an_address_that_comes_late_is_still_tried)
{
	struct peer p;
	struct box b;

	peer_init(&p, ALIVE, SILENT);
	box_init(&b);
	dial(&b, "later6.example", p.port, RELAY_FAMILY_ANY);
	check_reached(&b, false);
	CHECK(b.took >= 390 * MSEC && b.took < 2 * NSEC); /* the server's timer is coarse */
	box_fini(&b);
	peer_fini(&p);
}

TEST(families_take_turns)
{
	struct peer p;
	struct box b;

	peer_init(&p, ALIVE, SILENT);
	box_init(&b);
	dial(&b, "two4.example", p.port, RELAY_FAMILY_IPV4_FIRST);
	check_reached(&b, false);
	CHECK(b.took >= 250 * MSEC && b.took < 490 * MSEC);
	box_fini(&b);
	peer_fini(&p);

	peer_init(&p, ALIVE, ALIVE);
	box_init(&b);
	dial(&b, "long.example", p.port, RELAY_FAMILY_ANY);
	check_reached(&b, true);
	CHECK(b.took < 200 * MSEC);
	box_fini(&b);
	peer_fini(&p);
}

TEST(what_dns64_makes_is_an_ipv4_address)
{
	struct peer p;
	struct box b;

	peer_init(&p, REFUSING, ALIVE);
	box_init(&b);
	b.timeout = 2 * NSEC;
	dial(&b, "dns64.example", p.port, RELAY_FAMILY_ANY);
	check_reached(&b, true);
	box_fini(&b);
	peer_fini(&p);
}

TEST(every_address_is_judged_before_it_is_tried)
{
	struct relay_destinations destinations = { .deny_len = 0 };
	struct prefix clients = { .is4 = true }, allow = { .is4 = true };
	struct relay_ports ports = { 1, 1 };
	struct peer p;
	struct box b;

	peer_init(&p, ALIVE, ALIVE);
	box_init(&b);
	struct access access = { &clients, 1, &destinations, &b.translation, 1, b.lane.own };
	b.access = &access;
	dial(&b, "both.example", p.port, RELAY_FAMILY_ANY);
	CHECK_INT(b.fault, DIAL_DENIED_OWN);
	dial(&b, "64:ff9b::127.0.0.1", p.port, RELAY_FAMILY_ANY);
	CHECK_INT(b.fault, DIAL_DENIED_OWN);
	CHECK(b.peer.is4 && b.peer.a4.v == 0x7f000001);
	dial(&b, "lost.example", p.port, RELAY_FAMILY_ANY);
	CHECK_INT(b.fault, DIAL_DENIED);
	CHECK_INT(b.lane.counters.denied_own, 2);
	CHECK_INT(b.lane.counters.denied_destination, 1);
	/* IPv4's loopback is allowed: the other address of the name stays denied. */
	REQUIRE(prefix4_parse("127.0.0.0/8", &allow.p4) == 0);
	destinations.allow = &allow;
	destinations.allow_len = 1;
	dial(&b, "both.example", p.port, RELAY_FAMILY_ANY);
	check_reached(&b, true);
	/* What is denied as it was written is not dialled as what it stands for. */
	struct prefix deny = { .p6 = b.translation };
	destinations.deny = &deny;
	destinations.deny_len = 1;
	dial(&b, "64:ff9b::127.0.0.1", p.port, RELAY_FAMILY_ANY);
	CHECK_INT(b.fault, DIAL_DENIED);
	destinations.deny_len = 0;
	destinations.ports = &ports;
	destinations.ports_len = 1;
	dial(&b, "both.example", p.port, RELAY_FAMILY_IPV4_ONLY);
	CHECK_INT(b.fault, DIAL_DENIED_PORT);
	CHECK_INT(b.lane.counters.denied_port, 1);
	box_fini(&b);
	peer_fini(&p);
}

TEST(own_listeners_are_no_targets_even_of_the_operator)
{
	struct peer p;
	struct box b;

	peer_init(&p, ALIVE, ALIVE);
	box_init(&b);
	struct endpoint at = endpoint_of("0.0.0.0", p.port);
	REQUIRE(own_listens(b.lane.own, &at) == 0);
	dial(&b, LOOPBACK4, p.port, RELAY_FAMILY_ANY);
	CHECK_INT(b.fault, DIAL_DENIED_OWN);
	dial(&b, "64:ff9b::127.0.0.1", p.port, RELAY_FAMILY_ANY);
	CHECK_INT(b.fault, DIAL_DENIED_OWN);
	dial(&b, LOOPBACK6, p.port, RELAY_FAMILY_ANY);
	CHECK_INT(b.fault, DIAL_OK);
	box_fini(&b);
	peer_fini(&p);
}

/* The kernel lets a socket connect to itself: both are at the same port. */
TEST(a_connection_that_ends_at_itself_is_none)
{
	struct endpoint at = endpoint_of(LOOPBACK4, 0);
	struct box b;
	union sockaddr_any a;

	box_init(&b);
	int fd = socket_at(&at);
	socklen_t len = sockaddr_put(&a, &at);
	REQUIRE(fd >= 0 && connect(fd, &a.sa, len) == 0);
	CHECK_INT(dial_socket_check(fd, &at, b.lane.own, NULL), DIAL_DENIED_OWN);
	close(fd);
	box_fini(&b);
}

TEST(datagrams_take_the_first_address_with_a_way)
{
	struct peer p;
	struct box b;

	peer_init(&p, ALIVE, ALIVE);
	box_init(&b);
	b.kind = DIAL_DATAGRAM;
	dial(&b, "both.example", p.port, RELAY_FAMILY_ANY);
	check_reached(&b, false);
	dial(&b, "lost4.example", p.port, RELAY_FAMILY_IPV4_FIRST);
	check_reached(&b, false);
	dial(&b, LOOPBACK4, p.port, RELAY_FAMILY_ANY);
	check_reached(&b, true);
	dial(&b, "no.example", p.port, RELAY_FAMILY_ANY);
	CHECK_INT(b.fault, DIAL_NO_NAME);
	box_fini(&b);
	peer_fini(&p);
}

TEST(the_ipv6_leg_of_an_ipv4_client_has_its_address)
{
	struct prefix6 prefix = { { UINT64_C(0x20010db8000000c4), 0 }, 96 };
	struct endpoint want = endpoint_of("2001:db8:0:c4::192.0.2.77", 0);
	struct peer p;
	struct box b;

	peer_init(&p, ALIVE, ALIVE);
	box_init(&b);
	b.client_prefix = &prefix;
	b.client = endpoint_of("192.0.2.77", 12345);
	/* Nobody routes replies to it here: so the address is looked at on a datagram socket, which needs none. */
	b.kind = DIAL_DATAGRAM;
	dial(&b, LOOPBACK6, p.port, RELAY_FAMILY_ANY);
	check_reached(&b, false);
	CHECK(endpoint_same_address(&b.local, &want));
	CHECK(b.local.port != 0);
	dial(&b, LOOPBACK4, p.port, RELAY_FAMILY_ANY);
	CHECK_TEXT(b.local.is4 ? "IPv4" : "IPv6", "IPv4");
	CHECK_INT(b.local.a4.v, 0x7f000001);
	b.client = endpoint_of("2001:db8::7", 12345); /* an IPv6 client has no place in the prefix */
	dial(&b, LOOPBACK6, p.port, RELAY_FAMILY_ANY);
	CHECK(b.local.a6.hi == 0 && b.local.a6.lo == 1);
	box_fini(&b);
	peer_fini(&p);
}

TEST(a_dial_may_be_given_up_at_any_point)
{
	struct peer p;
	struct box b;

	peer_init(&p, SILENT, SILENT);
	box_init(&b);
	for (unsigned ms = 0; ms < 400; ms += 40) {
		struct loop_watch *stop;
		struct dial *d = start(&b, "both.example", p.port, RELAY_FAMILY_ANY);
		struct dial *literal = start(&b, LOOPBACK4, p.port, RELAY_FAMILY_ANY);

		REQUIRE(loop_watch_timer(b.loop, (void (*)(void *))loop_stop, b.loop, &stop) == 0);
		loop_timer_set(stop, ms * MSEC);
		REQUIRE(loop_run(b.loop) == 0);
		dial_cancel(d);
		dial_cancel(literal);
		loop_unwatch(stop);
	}
	dial_cancel(NULL);
	CHECK(!b.is_done);
	box_fini(&b);
	peer_fini(&p);
}

TEST(without_descriptors_it_is_our_own_fault)
{
	struct rlimit limit = { 0, 0 };
	struct peer p;
	struct box b;

	peer_init(&p, ALIVE, ALIVE);
	box_init(&b);
	dial(&b, "both.example", p.port, RELAY_FAMILY_ANY); /* the names are known now */
	check_reached(&b, false);
	REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	struct rlimit none = { 0, limit.rlim_max };
	REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
	dial(&b, "both.example", p.port, RELAY_FAMILY_ANY);
	REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	CHECK_INT(b.fault, DIAL_FAILED);
	dial(&b, "both.example", p.port, RELAY_FAMILY_ANY); /* that says nothing of families */
	check_reached(&b, false);
	box_fini(&b);
	peer_fini(&p);
}

static void on_nothing(void *ctx, const struct names_answer *a)
{
}

/* All that can be asked for is being asked: the next name is refused at once, and counted. */
TEST(without_room_for_a_question_it_is_our_own_fault)
{
	struct relay_target t = target_of("both.example", 80);
	struct dial_plan plan = { .to = &t, .timeout = NSEC, .done = on_done };
	struct names_question *q = NULL;
	struct dial *d = NULL;
	struct box b;
	char name[40];

	box_init(&b);
	plan.ctx = &b;
	for (unsigned i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "n%u.example", i);
		REQUIRE(names_ask(b.lane.names, name, NAMES_IPV4, on_nothing, NULL, &q) == 0);
	}
	CHECK_INT(dial_start(&b.lane, &plan, &d), -ENOMEM);
	CHECK(d == NULL);
	CHECK_INT(b.lane.counters.dials, 1);
	CHECK_INT(b.lane.counters.dial_failed, 1);
	box_fini(&b);
}

TEST(every_fault_has_a_text)
{
	for (int f = 0; f < DIAL_FAULT_COUNT; f++)
		CHECK(dial_fault_text((enum dial_fault)f)[0] != '\0');
	CHECK_INT(dial_socket_fault(0), DIAL_OK);
	CHECK_INT(dial_socket_fault(ECONNREFUSED), DIAL_REFUSED);
	CHECK_INT(dial_socket_fault(EHOSTUNREACH), DIAL_UNREACHABLE);
	CHECK_INT(dial_socket_fault(ETIMEDOUT), DIAL_TIMEOUT);
	CHECK_INT(dial_socket_fault(EMFILE), DIAL_FAILED);
}
