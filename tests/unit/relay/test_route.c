/* test_route.c - hosts and their routes: exact before wildcards, long ones before short ones, TLS apart */
#include "harness.h"

#include "base/compiler.h"
#include "relay/route.h"

#include <errno.h>

static const struct relay_route routes[] = {
	{ .host = "*", .tls = RELAY_TLS_PASSTHROUGH },
	{ .host = "www.example.org", .tls = RELAY_TLS_TERMINATE },
	{ .host = "*.example.org", .tls = RELAY_TLS_TERMINATE },
	{ .host = "*.deep.example.org", .tls = RELAY_TLS_PASSTHROUGH },
	{ .host = "www.example.org", .tls = RELAY_TLS_NONE },
	{ .host = "*.example.net", .tls = RELAY_TLS_NONE },
	{ .host = "example.net", .tls = RELAY_TLS_NONE },
};

static const struct {
	const char *host;
	enum route_side side;
	int want;
} cases[] = {
	{ "www.example.org", ROUTE_TLS, 1 },
	{ "www.example.org", ROUTE_PLAIN, 4 },
	{ "ftp.example.org", ROUTE_TLS, 2 },
	{ "a.b.example.org", ROUTE_TLS, 2 },
	{ "deep.example.org", ROUTE_TLS, 2 },
	{ "a.deep.example.org", ROUTE_TLS, 3 },
	{ "a.b.deep.example.org", ROUTE_TLS, 3 },
	{ "example.org", ROUTE_TLS, 0 },
	{ "badexample.org", ROUTE_TLS, 0 },
	{ "", ROUTE_TLS, 0 },
	{ "", ROUTE_PLAIN, -1 },
	{ "example.net", ROUTE_PLAIN, 6 },
	{ "www.example.net", ROUTE_PLAIN, 5 },
	{ ".example.net", ROUTE_PLAIN, -1 },
	{ "*.example.net", ROUTE_PLAIN, 5 },
	{ "*", ROUTE_PLAIN, -1 },
	{ "ftp.example.org", ROUTE_PLAIN, -1 },
	{ "www.example.org.evil.example", ROUTE_PLAIN, -1 },
	{ "192.0.2.1", ROUTE_TLS, 0 },
};

TEST(a_host_has_the_route_that_fits_best)
{
	struct route_table *t;

	REQUIRE(route_table_new(routes, ARRAY_LEN(routes), &t) == 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		test_row(cases[i].host);
		CHECK_INT(route_find(t, cases[i].side, cases[i].host), cases[i].want);
	}
	test_row(NULL);
	route_table_free(t);
}

TEST(a_host_that_is_there_twice_on_one_side_is_refused)
{
	static const struct relay_route twice[] = {
		{ .host = "a.example", .tls = RELAY_TLS_PASSTHROUGH },
		{ .host = "b.example", .tls = RELAY_TLS_PASSTHROUGH },
		{ .host = "a.example", .tls = RELAY_TLS_TERMINATE },
	};
	struct route_table *t = NULL;

	CHECK_INT(route_table_new(twice, ARRAY_LEN(twice), &t), -EEXIST);
	CHECK(!t);
}

TEST(a_table_knows_what_is_in_it)
{
	struct route_table *t;

	REQUIRE(route_table_new(routes + 4, 3, &t) == 0);
	CHECK(route_has_side(t, ROUTE_PLAIN));
	CHECK(!route_has_side(t, ROUTE_TLS));
	CHECK(!route_has_kind(t, RELAY_TLS_PASSTHROUGH));
	route_table_free(t);
	REQUIRE(route_table_new(routes, 1, &t) == 0);
	CHECK(route_has_side(t, ROUTE_TLS));
	CHECK(route_has_kind(t, RELAY_TLS_PASSTHROUGH));
	CHECK(!route_has_kind(t, RELAY_TLS_TERMINATE));
	route_table_free(t);
	REQUIRE(route_table_new(NULL, 0, &t) == 0);
	CHECK_INT(route_find(t, ROUTE_TLS, "a.example"), -1);
	route_table_free(t);
	route_table_free(NULL);
}

/* The longest host that can be, of labels of one letter: nothing is cut, and nothing is read past its end. */
TEST(a_very_long_host_is_looked_for_as_any_other)
{
	static const struct relay_route last[] = { { .host = "*.a", .tls = RELAY_TLS_NONE } };
	char host[RELAY_HOST];
	struct route_table *t;

	for (unsigned i = 0; i < RELAY_HOST; i++)
		host[i] = i % 2 == 0 ? 'a' : '.';
	host[RELAY_HOST - 1] = '\0';
	REQUIRE(route_table_new(last, 1, &t) == 0);
	CHECK_INT(route_find(t, ROUTE_PLAIN, host), 0);
	route_table_free(t);
}
