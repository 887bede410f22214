/* test_view.c - which policy a client gets */
#include "harness.h"

#include "dns64/view.h"

#include <stdio.h>
#include <string.h>

static struct dns64_config c;

static void add_client(unsigned view, const char *prefix)
{
	struct dns64_view *v = &c.views[view];
	struct dns_prefix *p = &v->clients[v->clients_len++];

	p->is4 = strchr(prefix, ':') == NULL;
	REQUIRE((p->is4 ? prefix4_parse(prefix, &p->p4) : prefix6_parse(prefix, &p->p6)) == 0);
	if (c.views_len <= view)
		c.views_len = view + 1;
}

static unsigned view_at(const char *address)
{
	struct dns_endpoint e = { .is4 = strchr(address, ':') == NULL };

	REQUIRE(e.is4 ? addr4_parse(address, &e.a4) : addr6_parse(address, &e.a6));
	return view_of(&c, &e);
}

TEST(the_longest_prefix_that_holds_a_client_decides)
{
	static const struct {
		const char *client;
		unsigned want;
	} rows[] = {
		{ "2001:db8:1::1", 1 },
		{ "2001:db8:1:2::1", 2 },
		{ "2001:db8:1:2::5", 1 },
		{ "2001:db8:2::1", 0 },
		{ "192.0.2.1", 2 },
		{ "198.51.100.1", 3 },
		{ "::1", 0 },
	};

	add_client(0, "2001:db8:1::/48");
	add_client(0, "2001:db8:1:2::5/128");
	add_client(1, "2001:db8:1:2::/64");
	add_client(1, "192.0.2.0/24");
	add_client(2, "0.0.0.0/0");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		test_row(rows[i].client);
		CHECK_INT(view_at(rows[i].client), rows[i].want);
	}
	CHECK(view_policy(&c, 0) == &c.policy && view_policy(&c, 2) == &c.views[1].policy);
}

TEST(a_prefix_of_length_0_is_better_than_none)
{
	add_client(0, "::/0");
	CHECK_INT(view_at("2001:db8::1"), 1);
	CHECK_INT(view_at("192.0.2.1"), 0);
}

TEST(what_does_not_fit_or_is_no_translation_prefix_is_a_fault)
{
	CHECK(view_fault(&c) == NULL);
	c.views_len = DNS64_VIEWS_MAX + 1;
	CHECK(view_fault(&c) != NULL);
	c.views_len = 1;
	c.views[0].clients_len = DNS64_VIEW_CLIENTS_MAX + 1;
	CHECK(view_fault(&c) != NULL);
	c.views[0].clients_len = 0;
	c.views[0].policy.never_len = DNS64_DOMAINS_MAX + 1;
	CHECK(view_fault(&c) != NULL);
	c.views[0].policy.never_len = 0;
	c.views[0].policy.ranges_len = 1;
	c.views[0].policy.ranges[0].prefix.len = 95;
	CHECK(view_fault(&c) != NULL);
	c.views[0].policy.ranges[0].prefix.len = 96;
	CHECK(view_fault(&c) == NULL);
}
