/* test_socks5.c - the service "socks5" over TCP and UDP on loopback */
#include "base/bytes.h"
#include "lane_box.h"
#include "nameserver.h"
#include "relay/families.h"
#include "relay/limits.h"
#include "relay/names.h"
#include "relay/own.h"
#include "relay/service.h"
#include "relay/socks5_wire.h"
#include "relay/visit.h"

#include <errno.h>
#include <poll.h>

static const struct ns_row rows[] = {
	{ "both.example", TYPE_A, { "127.0.0.1" }, .ttl = 60 },
	{ "both.example", TYPE_AAAA, { "::1" }, .ttl = 60 },
	{ "late.example", TYPE_A, { "127.0.0.1" }, .ttl = 60, .delay_ms = 50 },
	{ NULL },
};

struct box {
	struct lane lane;
	struct nameserver server;
	struct prefix6 translation;
	struct prefix allow[2];
	struct relay_config all;
	struct relay_service config;
	struct service *service;
	atomic_uint holds;
	int client;   /* our end of the client's connection */
	int listener; /* 127.0.0.1 */
	uint16_t port;
};

static void box_config(struct box *b)
{
	b->translation = (struct prefix6){ { UINT64_C(0x0064ff9b00000000), 0 }, 96 };
	b->allow[0] = (struct prefix){ .is4 = true, .p4 = { { 0x7f000001 }, 32 } };
	b->allow[1] = (struct prefix){ .p6 = { { 0, 1 }, 128 } };
	b->all = (struct relay_config){
		.translation = &b->translation, .translation_len = 1, .holds = &b->holds
	};
	b->config = (struct relay_service){
		.type = RELAY_SOCKS5,
		.name = "socks",
		.destinations = { .allow = b->allow, .allow_len = 2 },
		.timeouts = { .connect = 2 * NSEC, .idle = 60 * NSEC, .head = 60 * NSEC, .udp = 60 * NSEC },
	};
}

static void box_names(struct box *b)
{
	nameserver_init(&b->server, b->lane.loop, rows);
	struct names_plan plan = {
		.loop = b->lane.loop, .servers = &b->server.at, .servers_len = 1, .keep = 16
	};

	REQUIRE(names_new(&plan, &b->lane.names) == 0);
}

static void box_listener(struct box *b)
{
	union sockaddr_any a = { .v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(a.v4);

	b->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	REQUIRE(b->listener >= 0 && bind(b->listener, &a.sa, len) == 0 && listen(b->listener, 10) == 0);
	REQUIRE(getsockname(b->listener, &a.sa, &len) == 0);
	b->port = ntohs(a.v4.sin_port);
}

static void box_arrive(struct box *b)
{
	struct arrival a = { .client = { .is4 = true, .a4 = { 0x7f000001 }, .port = 9 } };
	int pair[2];

	box_tcp_pair(pair);
	a.fd = pair[0];
	b->client = pair[1];
	b->service->ops->arrive(b->service, &a);
}

static void socks_open(struct box *b)
{
	static const struct hash_key key = { 1, 2 };
	char fault[100];

	box_open(&b->lane);
	box_names(b);
	REQUIRE(families_new(64, &key, &b->lane.families) == 0);
	REQUIRE(limits_new(64, &key, &b->lane.limits) == 0);
	REQUIRE(own_new(&b->lane.own) == 0);
	limits_set(b->lane.limits, 100, 100);
	b->lane.config = &b->all;
	box_listener(b);
	REQUIRE(service_open(&b->lane, &b->config, &b->all, &b->service, fault, sizeof(fault)) == 0);
	box_arrive(b);
}

static void end_all(struct box *b)
{
	while (b->lane.visits)
		b->lane.visits->end(b->lane.visits);
}

static void socks_close(struct box *b)
{
	end_all(b);
	service_retire(b->service);
	CHECK_INT(b->holds, 0);
	CHECK_INT(limits_total(b->lane.limits), 0);
	names_free(b->lane.names);
	families_free(b->lane.families);
	limits_free(b->lane.limits);
	own_free(b->lane.own);
	nameserver_fini(&b->server);
	close(b->client);
	close(b->listener);
	lane_fini(&b->lane);
}

/* Waits for so many bytes, or the end; how many came, or -errno. */
static ssize_t hear(struct box *b, int fd, void *to, size_t len)
{
	nsec end = clock_now() + BOX_LIMIT;
	size_t at = 0;

	while (at < len && clock_now() < end) {
		box_turn(&b->lane);
		ssize_t n = recv(fd, (char *)to + at, len - at, MSG_DONTWAIT);

		if (n == 0)
			break;
		if (n > 0)
			at += (size_t)n;
		else if (errno != EAGAIN)
			return -errno;
		else
			poll(NULL, 0, 1);
	}
	return (ssize_t)at;
}

#define SAY(b, fd, bytes) REQUIRE(send(fd, bytes, sizeof(bytes) - 1, MSG_NOSIGNAL) == sizeof(bytes) - 1)
#define CHECK_HEARS(b, fd, bytes)                                                                            \
	do {                                                                                                 \
		char got_[sizeof(bytes)];                                                                    \
		ssize_t n_ = hear(b, fd, got_, sizeof(bytes) - 1);                                           \
		CHECK_BYTES(got_, n_ > 0 ? (size_t)n_ : 0, bytes, sizeof(bytes) - 1);                        \
	} while (0)

static bool has_ended(struct box *b, int fd)
{
	char byte;

	return hear(b, fd, &byte, 1) == 0;
}

/* A request for an address in letters, so that every form of it can be written down. */
static void request(struct box *b, uint8_t command, const char *host, uint16_t port)
{
	uint8_t bytes[300] = { 5, command, 0, 3, (uint8_t)strlen(host) };
	size_t len = 5 + strlen(host);

	memcpy(bytes + 5, host, strlen(host));
	be16_put(bytes + len, port);
	REQUIRE(send(b->client, bytes, len + 2, MSG_NOSIGNAL) == (ssize_t)len + 2);
}

/* The reply's code, and where the server's end is. */
static uint8_t reply_of(struct box *b, struct endpoint *bound)
{
	uint8_t bytes[22] = { 0 };

	CHECK_INT(hear(b, b->client, bytes, 10), 10);
	CHECK_INT(bytes[0], 5);
	if (bytes[3] == 4) {
		CHECK_INT(hear(b, b->client, bytes + 10, 12), 12);
		*bound = (struct endpoint){ .a6 = addr6_at(bytes + 4), .port = be16_at(bytes + 20) };
	} else {
		*bound = (struct endpoint){
			.is4 = true, .a4 = addr4_at(bytes + 4), .port = be16_at(bytes + 8)
		};
	}
	return bytes[1];
}

static int accepted(struct box *b)
{
	for (unsigned i = 0; i < 2000; i++) {
		box_turn(&b->lane);
		int fd = accept(b->listener, NULL, NULL);

		if (fd >= 0)
			return fd;
		poll(NULL, 0, 1);
	}
	REQUIRE(false && "nobody connects");
	return -1;
}

TEST(a_client_is_connected_and_told_from_where)
{
	struct endpoint bound;
	union sockaddr_any peer;
	socklen_t len = sizeof(peer);
	struct box b = { .client = -1 };

	box_config(&b);
	socks_open(&b);
	SAY(&b, b.client, "\x05\x01\x00");
	CHECK_HEARS(&b, b.client, "\x05\x00");
	request(&b, SOCKS5_CONNECT, "127.0.0.1", b.port);
	int fd = accepted(&b);
	CHECK_INT(reply_of(&b, &bound), SOCKS5_SUCCEEDED);
	REQUIRE(getpeername(fd, &peer.sa, &len) == 0);
	struct endpoint want = sockaddr_endpoint(&peer);
	CHECK(endpoint_equal(&bound, &want));
	SAY(&b, b.client, "question");
	CHECK_HEARS(&b, fd, "question");
	SAY(&b, fd, "answer");
	CHECK_HEARS(&b, b.client, "answer");
	REQUIRE(shutdown(b.client, SHUT_WR) == 0);
	CHECK(has_ended(&b, fd));
	SAY(&b, fd, "more");
	close(fd);
	CHECK_HEARS(&b, b.client, "more");
	CHECK(has_ended(&b, b.client));
	CHECK(b.lane.visits == NULL);
	CHECK_INT(b.service->counters.bytes_up, 8);
	CHECK_INT(b.service->counters.bytes_down, 10);
	CHECK_INT(b.service->counters.failed, 0);
	socks_close(&b);
}

TEST(a_client_may_say_everything_at_once)
{
	struct endpoint bound;
	struct box b = { .client = -1 };

	box_config(&b);
	socks_open(&b);
	SAY(&b, b.client, "\x05\x02\x02\x00");
	request(&b, SOCKS5_CONNECT, "both.example", b.port);
	SAY(&b, b.client, "early");
	CHECK_HEARS(&b, b.client, "\x05\x00");
	int fd = accepted(&b); /* ::1 refuses */
	CHECK_INT(reply_of(&b, &bound), SOCKS5_SUCCEEDED);
	CHECK_HEARS(&b, fd, "early");
	CHECK_INT(b.lane.counters.dial_fell_back, 1);
	close(fd);
	socks_close(&b);
}

TEST(every_beginning_may_stop_and_go_on)
{
	static const char all[] = "\x05\x01\x00\x05\x01\x00\x03\x07"
				  "a.b.c.d\x00\x50";

	for (size_t cut = 0; cut < sizeof(all) - 1; cut++) {
		struct endpoint bound;
		struct box b = { .client = -1 };

		box_config(&b);
		socks_open(&b);
		REQUIRE(send(b.client, all, cut, MSG_NOSIGNAL) == (ssize_t)cut);
		for (unsigned i = 0; i < 3; i++)
			box_turn(&b.lane);
		CHECK_INT(b.lane.visits_len, 1);
		REQUIRE(send(b.client, all + cut, sizeof(all) - 1 - cut, MSG_NOSIGNAL) > 0);
		CHECK_HEARS(&b, b.client, "\x05\x00");
		CHECK_INT(reply_of(&b, &bound), SOCKS5_HOST_UNREACHABLE); /* no such name */
		CHECK(has_ended(&b, b.client));
		socks_close(&b);
	}
}

TEST(a_client_that_vanishes_at_any_point_leaves_nothing)
{
	static const char all[] = "\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x01";

	for (size_t cut = 0; cut < sizeof(all); cut++) {
		struct box b = { .client = -1 };

		box_config(&b);
		socks_open(&b);
		REQUIRE(send(b.client, all, cut, MSG_NOSIGNAL) == (ssize_t)cut);
		box_turn(&b.lane);
		close(b.client);
		b.client = -1;
		for (unsigned i = 0; i < 2000 && b.lane.visits; i++) {
			box_turn(&b.lane);
			poll(NULL, 0, 1);
		}
		CHECK(b.lane.visits == NULL);
		socks_close(&b);
	}
}

TEST(what_is_not_served_is_refused_with_its_code)
{
	static const struct {
		const char *name, *host;
		uint8_t command;
		bool to_listener;
		enum socks5_reply want;
	} cases[] = {
		{ "nobody listens", "127.0.0.1", SOCKS5_CONNECT, false, SOCKS5_REFUSED },
		{ "through the prefix", "64:ff9b::127.0.0.1", SOCKS5_CONNECT, false, SOCKS5_REFUSED },
		{ "no name", "no.example", SOCKS5_CONNECT, true, SOCKS5_HOST_UNREACHABLE },
		{ "loopback", "127.0.0.2", SOCKS5_CONNECT, true, SOCKS5_NOT_ALLOWED },
		{ "loopback in disguise", "64:ff9b::127.0.0.2", SOCKS5_CONNECT, true, SOCKS5_NOT_ALLOWED },
		{ "link-local", "fe80::1", SOCKS5_CONNECT, true, SOCKS5_NOT_ALLOWED },
		{ "metadata", "::ffff:169.254.169.254", SOCKS5_CONNECT, true, SOCKS5_NOT_ALLOWED },
		{ "BIND", "127.0.0.1", SOCKS5_BIND, true, SOCKS5_NO_COMMAND },
		{ "no command", "127.0.0.1", 9, true, SOCKS5_NO_COMMAND },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct endpoint bound;
		struct box b = { .client = -1 };

		test_row(cases[i].name);
		box_config(&b);
		socks_open(&b);
		SAY(&b, b.client, "\x05\x01\x00");
		CHECK_HEARS(&b, b.client, "\x05\x00");
		request(&b, cases[i].command, cases[i].host, cases[i].to_listener ? b.port : 1);
		CHECK_INT(reply_of(&b, &bound), cases[i].want);
		CHECK(has_ended(&b, b.client));
		CHECK_INT(b.service->counters.failed, 1);
		socks_close(&b);
	}
	test_row(NULL);
}

TEST(no_address_type_and_no_method_are_refused)
{
	struct endpoint bound;
	struct box b = { .client = -1 };

	box_config(&b);
	socks_open(&b);
	SAY(&b, b.client, "\x05\x01\x00\x05\x01\x00\x02\x01\x02\x03\x04");
	CHECK_HEARS(&b, b.client, "\x05\x00");
	CHECK_INT(reply_of(&b, &bound), SOCKS5_NO_ADDRESS_TYPE);
	CHECK(has_ended(&b, b.client));
	close(b.client);
	box_arrive(&b);
	SAY(&b, b.client, "\x05\x02\x01\x80");
	CHECK_HEARS(&b, b.client, "\x05\xff");
	CHECK(has_ended(&b, b.client));
	CHECK_INT(b.lane.counters.auth_missing, 1);
	close(b.client);
	box_arrive(&b);
	SAY(&b, b.client, "GET / HTTP/1.1\r\n\r\n");
	CHECK_INT(hear(&b, b.client, &bound, 1), -ECONNRESET);
	CHECK_INT(b.lane.counters.head_malformed, 1);
	socks_close(&b);
}

TEST(a_slow_client_is_not_waited_for)
{
	char byte;
	struct box b = { .client = -1 };

	box_config(&b);
	b.config.timeouts.head = 30 * MSEC;
	socks_open(&b);
	SAY(&b, b.client, "\x05\x01");
	CHECK_INT(hear(&b, b.client, &byte, 1), -ECONNRESET);
	CHECK_INT(b.lane.counters.head_timeout, 1);
	CHECK(b.lane.visits == NULL);
	socks_close(&b);
}

/* --- passwords --- */

/* alice's hash is slow and judged by a thread, bob's is not. Both have the same password. */
static char users[] = "alice:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\nbob:{SHA}"
		      "5en6G6MezRroT3XKqkdPOmY/BfQ=\n";

TEST(a_password_is_asked_for_and_judged)
{
	static const struct {
		const char *name, *login;
		bool is_right;
	} cases[] = {
		{ "right, slow",
			"\x01\x05"
			"alice"
			"\x06"
			"secret",
			true },
		{ "right again, remembered",
			"\x01\x05"
			"alice"
			"\x06"
			"secret",
			true },
		{ "right, fast",
			"\x01\x03"
			"bob"
			"\x06"
			"secret",
			true },
		{ "wrong password",
			"\x01\x05"
			"alice"
			"\x06"
			"Secret",
			false },
		{ "wrong user",
			"\x01\x05"
			"carol"
			"\x06"
			"secret",
			false },
		{ "nothing",
			"\x01\x01"
			"x"
			"\x01"
			"x",
			false },
		{ "two names",
			"\x01\x09"
			"bob:alice"
			"\x06"
			"secret",
			false },
	};
	struct box b = { .client = -1 };

	box_config(&b);
	snprintf(b.config.users, sizeof(b.config.users), "users");
	b.config.users_text = (struct relay_text){ users, sizeof(users) - 1 };
	socks_open(&b);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct endpoint bound;

		test_row(cases[i].name);
		close(b.client);
		box_arrive(&b);
		SAY(&b, b.client, "\x05\x02\x00\x02");
		CHECK_HEARS(&b, b.client, "\x05\x02");
		REQUIRE(send(b.client, cases[i].login, strlen(cases[i].login), MSG_NOSIGNAL) > 0);
		request(&b, SOCKS5_CONNECT, "127.0.0.1", b.port); /* without waiting */
		if (cases[i].is_right) {
			CHECK_HEARS(&b, b.client, "\x01\x00");
			CHECK_INT(reply_of(&b, &bound), SOCKS5_SUCCEEDED);
		} else {
			CHECK_HEARS(&b, b.client, "\x01\x01");
			CHECK(has_ended(&b, b.client));
		}
	}
	test_row(NULL);
	CHECK_INT(b.lane.counters.auth_wrong, 4);
	close(b.client);
	box_arrive(&b);
	SAY(&b, b.client, "\x05\x01\x00"); /* has no password to offer */
	CHECK_HEARS(&b, b.client, "\x05\xff");
	CHECK_INT(b.lane.counters.auth_missing, 1);
	socks_close(&b);
}

TEST(a_client_may_vanish_while_its_password_is_judged)
{
	struct box b = { .client = -1 };

	box_config(&b);
	snprintf(b.config.users, sizeof(b.config.users), "users");
	b.config.users_text = (struct relay_text){ users, sizeof(users) - 1 };
	socks_open(&b);
	SAY(&b, b.client, "\x05\x01\x02");
	CHECK_HEARS(&b, b.client, "\x05\x02");
	SAY(&b, b.client,
		"\x01\x05"
		"alice"
		"\x06"
		"secret");
	poll(NULL, 0, 1);
	box_turn(&b.lane);
	end_all(&b);
	for (unsigned i = 0; i < 50; i++) {
		box_turn(&b.lane);
		poll(NULL, 0, 1);
	}
	socks_close(&b);
}

/* --- datagrams --- */

struct udp_box {
	struct box b;
	struct endpoint at; /* where the client sends to */
	int client;
	int far;
	uint16_t far_port;
};

static int udp_socket(const char *address, uint16_t *ret_port)
{
	struct endpoint e = { .is4 = true };
	union sockaddr_any a;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	REQUIRE(addr4_parse(address, &e.a4));
	socklen_t len = sockaddr_put(&a, &e);
	REQUIRE(fd >= 0 && bind(fd, &a.sa, len) == 0 && getsockname(fd, &a.sa, &len) == 0);
	*ret_port = ntohs(a.v4.sin_port);
	return fd;
}

static void udp_open(struct udp_box *u)
{
	uint16_t port;

	socks_open(&u->b);
	SAY(&u->b, u->b.client, "\x05\x01\x00");
	CHECK_HEARS(&u->b, u->b.client, "\x05\x00");
	request(&u->b, SOCKS5_UDP_ASSOCIATE, "0.0.0.0", 0);
	REQUIRE(reply_of(&u->b, &u->at) == SOCKS5_SUCCEEDED);
	CHECK(u->at.is4 && u->at.a4.v == 0x7f000001 && u->at.port != 0);
	u->client = udp_socket("127.0.0.1", &port);
	u->far = udp_socket("127.0.0.1", &u->far_port);
}

static void udp_close(struct udp_box *u)
{
	close(u->client);
	close(u->far);
	socks_close(&u->b);
}

static void udp_send(struct udp_box *u, int fd, const char *host, uint16_t port, const char *text)
{
	uint8_t bytes[400] = { 0, 0, 0, 3, (uint8_t)strlen(host) };
	size_t len = 5 + strlen(host);
	union sockaddr_any a;
	socklen_t a_len = sockaddr_put(&a, &u->at);

	memcpy(bytes + 5, host, strlen(host));
	be16_put(bytes + len, port);
	memcpy(bytes + len + 2, text, strlen(text));
	len += 2 + strlen(text);
	REQUIRE(sendto(fd, bytes, len, 0, &a.sa, a_len) == (ssize_t)len);
}

/* The next datagram, or -1 when none comes for a while. */
static ssize_t udp_hear(struct udp_box *u, int fd, void *to, size_t room, union sockaddr_any *from)
{
	for (unsigned i = 0; i < 300; i++) {
		socklen_t len = sizeof(*from);

		box_turn(&u->b.lane);
		ssize_t n = recvfrom(fd, to, room, MSG_DONTWAIT, &from->sa, &len);
		if (n >= 0)
			return n;
		poll(NULL, 0, 1);
	}
	return -1;
}

TEST(datagrams_go_there_and_back)
{
	/* Where to, and as what it shows when it answers: an address as it was written, of a name the address. */
	static const char *const ways[] = { "127.0.0.1", "64:ff9b::127.0.0.1", "both.example",
		"late.example" };
	static const char *const shown[] = { "127.0.0.1", "64:ff9b::7f00:1", "127.0.0.1", "127.0.0.1" };
	struct udp_box u = { .client = -1 };

	box_config(&u.b);
	u.b.config.family = RELAY_FAMILY_IPV4_FIRST;
	udp_open(&u);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		union sockaddr_any from;
		uint8_t got[100];

		test_row(ways[i]);
		udp_send(&u, u.client, ways[i], u.far_port, "ping");
		CHECK_INT(udp_hear(&u, u.far, got, sizeof(got), &from), 4);
		CHECK(memcmp(got, "ping", 4) == 0);
		REQUIRE(sendto(u.far, "pong!", 5, 0, &from.sa, sockaddr_len(&from)) == 5);
		ssize_t n = udp_hear(&u, u.client, got, sizeof(got), &from);
		struct socks5_datagram d;
		REQUIRE(n > 0 && socks5_datagram_parse(got, (size_t)n, &d) == SOCKS5_WHOLE);
		CHECK_INT(d.fragment, 0);
		char text[ADDR6_TEXT];
		CHECK_TEXT(endpoint_address_text(&d.to.at, text), shown[i]);
		CHECK_INT(d.to.at.port, u.far_port);
		CHECK_INT(n - (ssize_t)d.len, 5);
		CHECK(memcmp(got + d.len, "pong!", 5) == 0);
	}
	test_row(NULL);
	CHECK_INT(u.b.service->counters.bytes_up, 16);
	CHECK_INT(u.b.service->counters.bytes_down, 20);
	udp_close(&u);
}

TEST(datagrams_are_judged_and_fragments_dropped)
{
	union sockaddr_any from, a;
	struct udp_box u = { .client = -1 };
	uint8_t got[100];

	box_config(&u.b);
	udp_open(&u);
	uint16_t port;
	int other = udp_socket("127.0.0.2", &port);
	udp_send(&u, u.client, "127.0.0.2", port, "x"); /* loopback, not allowed */
	udp_send(&u, u.client, "::ffff:127.0.0.2", port, "x");
	CHECK_INT(udp_hear(&u, other, got, sizeof(got), &from), -1);
	CHECK_INT(u.b.lane.counters.denied_own, 2);
	/* A fragment, one that is cut off, and one without a port. */
	socklen_t len = sockaddr_put(&a, &u.at);
	REQUIRE(sendto(u.client, "\0\0\x01\x01\x7f\0\0\x01\x00\x50x", 11, 0, &a.sa, len) == 11);
	REQUIRE(sendto(u.client, "\0\0\0\x01\x7f", 5, 0, &a.sa, len) == 5);
	udp_send(&u, u.client, "127.0.0.1", 0, "x");
	CHECK_INT(udp_hear(&u, u.far, got, sizeof(got), &from), -1);
	CHECK_INT(u.b.lane.counters.udp_malformed, 3);
	close(other);
	udp_close(&u);
}

TEST(strangers_get_no_datagram_in_on_either_side)
{
	union sockaddr_any from, client_at;
	struct udp_box u = { .client = -1 };
	uint8_t got[100];
	uint16_t port;

	box_config(&u.b);
	udp_open(&u);
	int same_host = udp_socket("127.0.0.1", &port), other_host = udp_socket("127.0.0.3", &port);
	udp_send(&u, other_host, "127.0.0.1", u.far_port, "first"); /* not the client's address */
	CHECK_INT(udp_hear(&u, u.far, got, sizeof(got), &from), -1);
	udp_send(&u, u.client, "127.0.0.1", u.far_port, "ping");
	CHECK_INT(udp_hear(&u, u.far, got, sizeof(got), &client_at), 4);
	udp_send(&u, same_host, "127.0.0.1", u.far_port, "second"); /* not the client's port */
	CHECK_INT(udp_hear(&u, u.far, got, sizeof(got), &from), -1);
	CHECK_INT(u.b.lane.counters.udp_unasked, 2);
	client_at.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	REQUIRE(sendto(other_host, "hello", 5, 0, &client_at.sa, sizeof(client_at.v4)) == 5);
	CHECK_INT(udp_hear(&u, u.client, got, sizeof(got), &from), -1);
	CHECK_INT(u.b.lane.counters.udp_unasked, 3);
	close(same_host);
	close(other_host);
	udp_close(&u);
}

TEST(many_destinations_do_not_take_more_memory_than_there_is)
{
	union sockaddr_any from;
	struct udp_box u = { .client = -1 };
	uint8_t got[100];

	box_config(&u.b);
	udp_open(&u);
	for (unsigned i = 0; i < 300; i++) {
		char name[30];

		snprintf(name, sizeof(name), "n%u.example", i);
		udp_send(&u, u.client, name, 53, "x");
		box_turn(&u.b.lane);
	}
	udp_send(&u, u.client, "127.0.0.1", u.far_port, "ping");
	CHECK_INT(udp_hear(&u, u.far, got, sizeof(got), &from), 4);
	udp_close(&u);
}

TEST(an_association_ends_with_its_connection_or_its_idleness)
{
	struct udp_box u = { .client = -1 };

	box_config(&u.b);
	udp_open(&u);
	CHECK_INT(u.b.lane.visits_len, 1);
	shutdown(u.b.client, SHUT_WR);
	CHECK(has_ended(&u.b, u.b.client));
	CHECK_INT(u.b.lane.visits_len, 0);
	udp_close(&u);

	u = (struct udp_box){ .client = -1 };
	box_config(&u.b);
	u.b.config.timeouts.udp = 40 * MSEC;
	udp_open(&u);
	CHECK(has_ended(&u.b, u.b.client));
	CHECK_INT(u.b.lane.counters.idle_timeout, 1);
	udp_close(&u);
}
