/* test_admit.c - cookies, rates and limits by client: the pure parts, and the resolver on loopback */
#include "dns64/clients.h"
#include "dns64/cookie.h"
#include "lab.h"

static const struct script zone[] = {
	{ .name = "aonly.r.test", .type = "AAAA", .authority = "test 3600 SOA 30" },
	{ .name = "aonly.r.test", .type = "A", .answer = "aonly.r.test 3600 A 203.0.114.9" },
	{ .name = "drop.r.test", .type = "AAAA", .code = "drop" },
	{ .name = "drop.r.test", .type = "A", .code = "drop" },
};

static size_t unhex(const char *hex, uint8_t *to)
{
	uint8_t *at = to;

	put_hex(&at, hex);
	return (size_t)(at - to);
}

/* --- cookies --- */

/* RFC 9018 appendix A: whole cookies as they are sent; A.4 has a new secret beside the old one. */
static const struct {
	const char *what, *secret, *before, *client4, *client6, *cookie;
	uint32_t now_s;
	enum cookie_state state;
	const char *reply; /* what cookie_write() makes of it at that moment; NULL: not asked */
} vectors[] = {
	{ "A.1 a client without a cookie of ours", "e5e973e5a6b2a43f48e7dc849e37bfcf", NULL, "198.51.100.100",
		NULL, "2464c4abcf10c957", 1559731985, COOKIE_NONE,
		"2464c4abcf10c957010000005cf79f111f8130c3eee29480" },
	{ "A.2 it comes back, after more than half an hour", "e5e973e5a6b2a43f48e7dc849e37bfcf", NULL,
		"198.51.100.100", NULL, "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559734385,
		COOKIE_RENEWED, "2464c4abcf10c957010000005cf7a871d4a564a1442aca77" },
	{ "within half an hour", "e5e973e5a6b2a43f48e7dc849e37bfcf", NULL, "198.51.100.100", NULL,
		"2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985 + 1800, COOKIE_VALID, NULL },
	{ "after an hour", "e5e973e5a6b2a43f48e7dc849e37bfcf", NULL, "198.51.100.100", NULL,
		"2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985 + 3601, COOKIE_NONE, NULL },
	{ "five minutes before it was made", "e5e973e5a6b2a43f48e7dc849e37bfcf", NULL, "198.51.100.100", NULL,
		"2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985 - 300, COOKIE_VALID, NULL },
	{ "earlier", "e5e973e5a6b2a43f48e7dc849e37bfcf", NULL, "198.51.100.100", NULL,
		"2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985 - 301, COOKIE_NONE, NULL },
	{ "another address", "e5e973e5a6b2a43f48e7dc849e37bfcf", NULL, "198.51.100.101", NULL,
		"2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985, COOKIE_NONE, NULL },
	{ "another client's part", "e5e973e5a6b2a43f48e7dc849e37bfcf", NULL, "198.51.100.100", NULL,
		"2464c4abcf10c958010000005cf79f111f8130c3eee29480", 1559731985, COOKIE_NONE, NULL },
	{ "another time", "e5e973e5a6b2a43f48e7dc849e37bfcf", NULL, "198.51.100.100", NULL,
		"2464c4abcf10c957010000005cf79f121f8130c3eee29480", 1559731985, COOKIE_NONE, NULL },
	{ "another version", "e5e973e5a6b2a43f48e7dc849e37bfcf", NULL, "198.51.100.100", NULL,
		"2464c4abcf10c957020000005cf79f111f8130c3eee29480", 1559731985, COOKIE_NONE, NULL },
	{ "a longer one", "e5e973e5a6b2a43f48e7dc849e37bfcf", NULL, "198.51.100.100", NULL,
		"2464c4abcf10c957010000005cf79f111f8130c3eee2948000", 1559731985, COOKIE_NONE, NULL },
	{ "A.4 the secret was changed, over IPv6", "445536bcd2513298075a5d379663c962",
		"dd3bdf9344b678b185a6f5cb60fca715", NULL, "2001:db8:220:1:59de:d0f4:8769:82b8",
		"22681ab97d52c298010000005cf7c57926556bd0934c72f8", 1559741961, COOKIE_RENEWED,
		"22681ab97d52c298010000005cf7c609a6bb79d16625507a" },
};

TEST(rfc9018_appendix_a_cookies_are_those_of_every_other_server)
{
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct cookie_secrets s = { .now = { 0 } };
		struct endpoint who = { .is4 = vectors[i].client4 != NULL, .port = 53 };
		uint8_t cookie[64] = { 0 }, want[64];

		test_row(vectors[i].what);
		unhex(vectors[i].secret, s.now);
		if (vectors[i].before)
			unhex(vectors[i].before, s.before);
		if (who.is4)
			REQUIRE(addr4_parse(vectors[i].client4, &who.a4));
		else
			REQUIRE(addr6_parse(vectors[i].client6, &who.a6));
		size_t len = unhex(vectors[i].cookie, cookie);

		CHECK_INT(cookie_check(&s, cookie, len, &who, vectors[i].now_s), vectors[i].state);
		if (!vectors[i].reply)
			continue;
		cookie_write(&s, cookie, &who, vectors[i].now_s);
		unhex(vectors[i].reply, want);
		CHECK_BYTES(cookie, COOKIE_LEN, want, COOKIE_LEN);
	}
	test_row(NULL);
}

/* --- clients --- */

static struct clients *table_of(unsigned slots)
{
	struct hash_key key = { 1, 2 };
	struct clients *t = NULL;

	REQUIRE(clients_new(slots, &key, &t) == 0);
	return t;
}

static struct endpoint at6(uint64_t hi, uint64_t lo)
{
	return (struct endpoint){ .a6 = { hi, lo } };
}

static const struct dns64_per_client ten = { 64, 24, 1, 1, 10, 3 };

/* Takes a query for whoever is there; NULL if the table is full, and -EDQUOT ends the test. */
static struct client *take(struct clients *t, struct endpoint who, nsec now)
{
	struct client *c = NULL;

	REQUIRE(clients_take(t, &ten, &who, CLIENT_QUERY, now, &c) == 0);
	return c;
}

TEST(a_client_is_a_prefix)
{
	struct clients *t = table_of(64);
	struct endpoint v4a = { .is4 = true, .a4 = { 0xc0000201 } },
			v4b = { .is4 = true, .a4 = { 0xc00002ff } };
	struct client *a, *c = NULL, *poison = (struct client *)&a;

	REQUIRE((a = take(t, at6(1, 1), 0)) != NULL);
	c = poison;
	CHECK_INT(clients_take(t, &ten, &(struct endpoint){ .a6 = { 1, 2 } }, CLIENT_QUERY, 0, &c), -EDQUOT);
	CHECK(c == poison);
	CHECK(take(t, at6(2, 1), 0) != a);
	clients_give(t, a, CLIENT_QUERY);
	CHECK(take(t, at6(1, 3), 0) == a);
	/* The same number of IPv4 and of IPv6 is not the same client. */
	REQUIRE((a = take(t, v4a, 0)) != NULL);
	CHECK_INT(clients_take(t, &ten, &v4b, CLIENT_QUERY, 0, &c), -EDQUOT);
	CHECK(take(t, at6(0, 0xc0000200), 0) != a);
	clients_free(t);
}

TEST(queries_and_connections_are_counted_apart)
{
	struct clients *t = table_of(64);
	struct endpoint who = at6(1, 1);
	struct client *q = take(t, who, 0), *c = NULL;

	CHECK_INT(clients_take(t, &ten, &who, CLIENT_CONNECTION, 0, &c), 0);
	CHECK(c == q);
	CHECK_INT(clients_take(t, &ten, &who, CLIENT_CONNECTION, 0, &c), -EDQUOT);
	clients_give(t, q, CLIENT_QUERY);
	CHECK_INT(clients_take(t, &ten, &who, CLIENT_CONNECTION, 0, &c), -EDQUOT);
	clients_give(t, c, CLIENT_CONNECTION);
	CHECK_INT(clients_take(t, &ten, &who, CLIENT_CONNECTION, 0, &c), 0);
	clients_give(t, NULL, CLIENT_QUERY); /* of a client that found no room */
	clients_free(t);
}

TEST(whoever_has_something_open_stays_and_the_stalest_goes)
{
	struct clients *t = table_of(8); /* one window */
	struct client *kept[8], *c = NULL;
	struct endpoint tenth = at6(10, 0), eleventh = at6(11, 0);

	for (uint64_t i = 0; i < 8; i++)
		REQUIRE((kept[i] = take(t, at6(i, 0), i * MSEC)) != NULL);
	CHECK(take(t, at6(9, 0), 9 * MSEC) == NULL);
	CHECK_INT(clients_spend(t, &ten, &tenth, 9 * MSEC), CLIENT_UNKNOWN);
	clients_give(t, kept[5], CLIENT_QUERY);
	clients_give(t, kept[3], CLIENT_QUERY);
	CHECK(take(t, at6(9, 0), 9 * MSEC) == kept[3]);
	REQUIRE(clients_take(t, &ten, &tenth, CLIENT_CONNECTION, 10 * MSEC, &c) == 0);
	CHECK(c == kept[5]);
	CHECK_INT(clients_take(t, &ten, &eleventh, CLIENT_QUERY, 11 * MSEC, &c), 0);
	CHECK(c == NULL);
	clients_free(t);
}

static unsigned count_within(struct clients *t, struct endpoint who, unsigned answers, nsec now)
{
	unsigned within = 0;

	for (unsigned i = 0; i < answers; i++)
		within += clients_spend(t, &ten, &who, now) == CLIENT_WITHIN;
	return within;
}

TEST(the_rate_is_kept_over_any_time_and_credit_ends_at_one_second)
{
	struct clients *t = table_of(64);
	struct endpoint who = at6(1, 1);
	unsigned within = 0, slips = 0;

	/* A burst of one second's answers, then a third of the rest is told. */
	CHECK_INT(count_within(t, who, 10, 0), 10);
	for (unsigned i = 0; i < 30; i++)
		slips += clients_spend(t, &ten, &who, 0) == CLIENT_SLIPS;
	CHECK_INT(slips, 10);
	/* 1000 queries a second for ten seconds. */
	for (unsigned i = 1; i <= 10000; i++)
		within += count_within(t, who, 1, i * MSEC);
	CHECK_INT(within, 100);
	/* A year of silence is worth one second. */
	CHECK_INT(count_within(t, who, 40, 365 * 86400 * NSEC), 10);
	clients_free(t);
}

TEST(without_slip_nobody_is_told)
{
	struct clients *t = table_of(64);
	struct dns64_per_client limits = ten;
	struct endpoint who = at6(1, 1);

	limits.slip = 0;
	for (unsigned i = 0; i < 40; i++)
		CHECK_INT(clients_spend(t, &limits, &who, 0), i < 10 ? CLIENT_WITHIN : CLIENT_BEYOND);
	clients_free(t);
}

/* --- the resolver --- */

/* A query with EDNS and, of a cookie, @cookie_len bytes. */
static size_t put_query(uint8_t *to, const uint8_t *cookie, size_t cookie_len)
{
	struct lab_query q = { .name = "aonly.r.test", .type = "AAAA", .edns = 1232 };
	size_t len = lab_write_query(to, &q, 77);

	be16_put(to + len - 2, (uint16_t)(cookie_len + 4));
	be16_put(to + len, OPTION_COOKIE);
	be16_put(to + len + 2, (uint16_t)cookie_len);
	memcpy(to + len + 4, cookie, cookie_len);
	return len + 4 + cookie_len;
}

/* The cookie of a reply, whose last option it is; its bytes, or NULL. */
static const uint8_t *cookie_of(const uint8_t *reply, size_t len)
{
	static const uint8_t head[] = { 0, OPTION_COOKIE, 0, COOKIE_LEN };

	if (len < DNS_HEADER_LEN + 4 + COOKIE_LEN || memcmp(reply + len - COOKIE_LEN - 4, head, 4) != 0)
		return NULL;
	return reply + len - COOKIE_LEN;
}

static size_t exchange(int fd, const uint8_t *query, size_t len, uint8_t *reply)
{
	struct timeval patience = { .tv_usec = 300000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	REQUIRE(send(fd, query, len, 0) == (ssize_t)len);
	ssize_t n = recv(fd, reply, 65535, 0);

	return n > 0 ? (size_t)n : 0;
}

TEST(rfc7873_s5_2_a_client_gets_a_cookie_and_no_rate_holds_for_it_then)
{
	static const uint8_t mine[COOKIE_CLIENT_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct lab_query plain = { .name = "aonly.r.test", .type = "AAAA" };
	uint8_t query[512], reply[65535], cookie[COOKIE_LEN];
	struct lab lab;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab.config.per_client.responses_per_second = 1;
	lab.config.per_client.slip = 1;
	lab_start(&lab);
	int fd = lab_connect(&lab, UDP4);
	size_t len = exchange(fd, query, put_query(query, mine, sizeof(mine)), reply);

	REQUIRE(cookie_of(reply, len) != NULL);
	memcpy(cookie, cookie_of(reply, len), sizeof(cookie));
	CHECK_BYTES(cookie, sizeof(mine), mine, sizeof(mine));

	/* Beyond the rate: BADCOOKIE with a cookie, TC without, and neither is longer than what asked. */
	len = exchange(fd, query, put_query(query, mine, sizeof(mine)), reply);
	REQUIRE(cookie_of(reply, len) != NULL);
	CHECK_INT(reply[3] & DNS_RCODE, RCODE_BADCOOKIE & 0xf);
	CHECK_INT(be16_at(reply + 6), 0);
	size_t asked = lab_write_query(query, &plain, 78);

	len = exchange(fd, query, asked, reply);
	CHECK_INT(len, asked);
	CHECK(be16_at(reply + 2) & DNS_TC);
	CHECK_INT(be16_at(reply + 6), 0);

	/* With the cookie, as much as it likes; the cookie is young and comes back as it was. */
	for (unsigned i = 0; i < 50; i++) {
		len = exchange(fd, query, put_query(query, cookie, sizeof(cookie)), reply);
		REQUIRE(cookie_of(reply, len) != NULL);
		CHECK_INT(be16_at(reply + 6), 1);
		CHECK_BYTES(cookie_of(reply, len), COOKIE_LEN, cookie, COOKIE_LEN);
	}
	/* A connection needs no cookie. */
	plain.way = TCP4;
	for (unsigned i = 0; i < 5; i++)
		CHECK(strstr(lab_ask(&lab, &plain), " AAAA 64:ff9b::cb00:7209") != NULL);
	close(fd);
	lab_stop(&lab);
	const struct dns64_counters *c = resolver_counters(lab.resolver);

	CHECK_INT(c->queries_cookie, 52);
	CHECK_INT(c->queries_cookie_valid, 50);
	CHECK_INT(c->refused_bad_cookie, 1);
	CHECK_INT(c->refused_rate, 1);
	CHECK_INT(c->answers_synthesized, 56);
	lab_free(&lab);
}

TEST(a_forged_source_gets_no_more_than_the_rate)
{
	struct lab_query q = { .name = "aonly.r.test", .type = "AAAA" };
	uint8_t query[512], reply[65535];
	struct lab lab;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab.config.per_client.responses_per_second = 5;
	lab.config.per_client.slip = 0;
	lab_start(&lab);
	int fd = lab_connect(&lab, UDP4);
	size_t len = lab_write_query(query, &q, 1);

	for (unsigned i = 0; i < 200; i++)
		REQUIRE(send(fd, query, len, 0) == (ssize_t)len);
	struct timeval patience = { .tv_usec = 500000 };
	unsigned got = 0;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while (recv(fd, reply, sizeof(reply), 0) > 0)
		got++;
	CHECK(got >= 5 && got <= 8);
	close(fd);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->ignored_rate + got, 200);
	lab_free(&lab);
}

TEST(without_cookies_the_option_is_ignored)
{
	static const uint8_t mine[COOKIE_CLIENT_LEN] = { 1 };
	uint8_t query[512], reply[65535];
	struct lab lab;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab.config.cookies = false;
	lab_start(&lab);
	int fd = lab_connect(&lab, UDP4);
	size_t len = exchange(fd, query, put_query(query, mine, sizeof(mine)), reply);

	CHECK(len > 0 && cookie_of(reply, len) == NULL);
	CHECK_INT(be16_at(reply + 6), 1);
	close(fd);
	lab_stop(&lab);
	lab_free(&lab);
}

TEST(one_client_cannot_have_all_queries_and_connections)
{
	struct lab_query slow = { .name = "drop.r.test", .type = "AAAA" }, other = slow;
	uint8_t query[512], reply[65535];
	struct lab lab;
	int fds[4];

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab.config.per_client.queries = 2;
	lab.config.per_client.connections = 3;
	lab_start(&lab);
	for (unsigned i = 0; i < 4; i++)
		fds[i] = lab_connect(&lab, TCP4);
	CHECK_INT(recv(fds[3], reply, 1, 0), 0);
	for (uint16_t id = 1; id <= 2; id++)
		lab_write_tcp(fds[0], query, lab_write_query(query, &slow, id));
	lab_write_tcp(fds[0], query, lab_write_query(query, &slow, 3));
	REQUIRE(lab_read_tcp(fds[0], reply) > 0);
	CHECK_INT(be16_at(reply), 3);
	CHECK_INT(reply[3] & DNS_RCODE, RCODE_SERVFAIL);
	/* Another client has its own. */
	other.way = UDP6;
	other.name = "aonly.r.test";
	CHECK_TEXT(lab_ask(&lab, &other), "NOERROR: aonly.r.test. 30 AAAA 64:ff9b::cb00:7209");
	/* A place that is given back can be had again. */
	close(fds[1]);
	close(fds[3]);
	other.way = TCP4;
	other.name = "ipv4only.arpa";
	other.type = "A";
	const char *text = "nothing";

	for (unsigned i = 0; i < 50 && strcmp(text, "nothing") == 0; i++) {
		usleep(20000);
		text = lab_ask(&lab, &other);
	}
	CHECK(strstr(text, "192.0.0.170") != NULL);
	close(fds[0]);
	close(fds[2]);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->refused_client_full, 1);
	CHECK(resolver_counters(lab.resolver)->tcp_refused_client_full >= 1);
	lab_free(&lab);
}
