/* test_view.c - which policy a client gets */
#include "harness.h"

#include "base/random.h"
#include "dns64/view.h"

#include <stdio.h>
#include <string.h>

static struct dns64_config c;

static void add_client(unsigned view, const char *prefix)
{
	struct dns64_view *v = &c.views[view];
	struct prefix *p = &v->clients[v->clients_len++];

	p->is4 = strchr(prefix, ':') == NULL;
	REQUIRE((p->is4 ? prefix4_parse(prefix, &p->p4) : prefix6_parse(prefix, &p->p6)) == 0);
	if (c.views_len <= view)
		c.views_len = view + 1;
}

static unsigned view_at(const char *address)
{
	struct endpoint e = { .is4 = strchr(address, ':') == NULL };

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

/* A prefix of 10.0.0.0/24 or shorter ones around it, so that many hold each other. */
static struct prefix draw_prefix(struct rng *g)
{
	struct prefix4 p = { .len = (uint8_t)(20 + rng_below(g, 13)) };

	p.addr.v = (0x0a000000 | rng_below(g, 4096)) & mask4(p.len);
	return (struct prefix){ .is4 = true, .p4 = p };
}

static bool is_allowed(const struct endpoint *client)
{
	for (unsigned i = 0; i < c.allow_len; i++)
		if (prefix_contains(&c.allow[i], client))
			return true;
	return false;
}

/* Takes @p if it holds the client and is longer than what was found before. */
static void take_longer(const struct prefix **best, const struct prefix *p, const struct endpoint *client)
{
	if (prefix_contains(p, client) && (!*best || p->p4.len > (*best)->p4.len))
		*best = p;
}

/* The longest of all prefixes of the configuration that hold a client; NULL: none does. */
static const struct prefix *longest(const struct endpoint *client)
{
	const struct prefix *best = NULL;

	for (unsigned i = 0; i < c.allow_len; i++)
		take_longer(&best, &c.allow[i], client);
	for (unsigned v = 0; v < c.views_len; v++)
		for (unsigned i = 0; i < c.views[v].clients_len; i++)
			take_longer(&best, &c.views[v].clients[i], client);
	return best;
}

TEST(what_is_true_of_the_longest_prefix_of_both_lists_is_true_of_the_client)
{
	struct rng g;

	rng_init(&g, test_seed());
	for (unsigned round = 0; round < 300; round++) {
		memset(&c, 0, sizeof(c));
		c.allow_len = rng_below(&g, 6);
		c.views_len = rng_below(&g, 5);
		for (unsigned i = 0; i < c.allow_len; i++)
			c.allow[i] = draw_prefix(&g);
		for (unsigned v = 0; v < c.views_len; v++)
			for (c.views[v].clients_len = 0; c.views[v].clients_len < 3; c.views[v].clients_len++)
				c.views[v].clients[c.views[v].clients_len] = draw_prefix(&g);
		for (unsigned i = 0; i < 200; i++) {
			struct endpoint client = { .is4 = true, .a4 = { 0x0a000000 | rng_below(&g, 4096) } };
			const struct prefix *p = longest(&client);

			CHECK_INT(p && view_allows_prefix(&c, p), is_allowed(&client));
			if (p)
				CHECK_INT(view_of_prefix(&c, p), view_of(&c, &client));
		}
	}
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
