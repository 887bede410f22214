/* test_who_fixed.c - whose deterministic ports these are, both ways, by a configuration alone (RFC 7422) */
#include "harness.h"

#include "base/compiler.h"
#include "cmd/client.h"
#include "cmd/who.h"

#include <string.h>

/* Two addresses of 1024-65535 with blocks of 1024: whole ones are 1 to 63. Four subscribers, so two on each address, with
 * two blocks each; 2001:db8:0:13::/64 has a pool of its own. */
static const char fixed_yaml[] = "nat64:\n"
				 "  ports-per-block: 1024\n"
				 "  pool:\n"
				 "    - address: 192.0.2.2/31\n"
				 "      ports: 1024-65535\n"
				 "      subscribers: [\"2001:db8:0:10::/62\"]\n"
				 "      deterministic-blocks: 2\n"
				 "    - { address: 192.0.2.9, subscribers: [\"2001:db8:0:13::/64\"] }\n";

static const char dynamic_yaml[] = "nat64:\n"
				   "  pool:\n"
				   "    - { address: 192.0.2.2, ports: 1024-65535 }\n";

static struct conf *conf_of(const char *yaml)
{
	struct conf_errors errors = { 0 };
	struct conf *c = NULL;
	int err = conf_parse("test.yaml", yaml, strlen(yaml), &c, &errors);

	for (unsigned i = 0; i < errors.len; i++)
		test_row(errors.lines[i]);
	REQUIRE(err == 0);
	conf_errors_fini(&errors);
	return c;
}

static json_t *ask(const struct conf *c, const char *question, char why[static WHO_WHY])
{
	struct prefix6 who;
	struct addr4 a;
	uint16_t port;

	if (who_endpoint_parse(question, &a, &port))
		return who_fixed_at(c, a, port, why);
	REQUIRE(who_subscriber_parse(question, &who));
	return who_fixed_of(c, who, why);
}

static const struct {
	const char *question, *address, *ports, *subscriber;
	const char *why; /* instead of a row */
} cases[] = {
	/* whose a port is: the block that it is in */
	{ "192.0.2.2:1024", "192.0.2.2", "1024-2047", "2001:db8:0:10::/64", "" },
	{ "192.0.2.2:3071", "192.0.2.2", "2048-3071", "2001:db8:0:10::/64", "" },
	{ "192.0.2.2:3072", "192.0.2.2", "3072-4095", "2001:db8:0:11::/64", "" },
	{ "192.0.2.3:2000", "192.0.2.3", "1024-2047", "2001:db8:0:12::/64", "" },
	/* and what a subscriber has: all its blocks */
	{ "2001:db8:0:10::/64", "192.0.2.2", "1024-3071", "2001:db8:0:10::/64", "" },
	{ "2001:db8:0:11::5", "192.0.2.2", "3072-5119", "2001:db8:0:11::/64", "" },
	{ "2001:db8:0:12::5/64", "192.0.2.3", "1024-3071", "2001:db8:0:12::/64", "" },
	/* what the file cannot know */
	{ "192.0.2.2:5120", NULL, NULL, NULL, "192.0.2.2:5120 is in a block that is lent dynamically" },
	{ "192.0.2.9:5000", NULL, NULL, NULL, "192.0.2.9:5000 is in a block that is lent dynamically" },
	{ "192.0.2.3:4000", NULL, NULL, NULL, "Nobody: 192.0.2.3:4000 is in a deterministic block" },
	{ "192.0.2.2:1023", NULL, NULL, NULL, "192.0.2.2:1023 is not in the pool." },
	{ "192.0.2.4:2000", NULL, NULL, NULL, "192.0.2.4:2000 is not in the pool." },
	{ "2001:db8:0:13::/64", NULL, NULL, NULL, "2001:db8:0:13::/64 has no deterministic blocks" },
	{ "2001:db8:0:20::1", NULL, NULL, NULL, "2001:db8:0:20::/64 has no deterministic blocks" },
	{ "2001:db8:0:10::/62", NULL, NULL, NULL, "2001:db8:0:10::/62 holds many subscribers" },
};

TEST(rfc7422_a_port_and_a_subscriber_lead_to_each_other_by_the_file_alone)
{
	struct conf *c = conf_of(fixed_yaml);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char why[WHO_WHY] = "poison";
		json_t *row = ask(c, cases[i].question, why);

		test_row(cases[i].question);
		CHECK((row != NULL) == (cases[i].address != NULL));
		CHECK(strncmp(why, cases[i].why, strlen(cases[i].why)) == 0);
		CHECK((why[0] == '\0') == (row != NULL));
		if (row) {
			CHECK_TEXT(row_text(row, "address"), cases[i].address);
			CHECK_TEXT(row_text(row, "ports"), cases[i].ports);
			CHECK_TEXT(row_text(row, "subscriber"), cases[i].subscriber);
		}
		json_decref(row);
	}
	test_row(NULL);
	conf_free(c);
}

TEST(a_file_without_deterministic_blocks_says_so_both_ways)
{
	struct conf *c = conf_of(dynamic_yaml);
	char why[WHO_WHY];

	CHECK(ask(c, "192.0.2.2:2000", why) == NULL);
	CHECK(strstr(why, "no deterministic blocks in this file") != NULL);
	CHECK(ask(c, "2001:db8::/64", why) == NULL);
	CHECK(strstr(why, "no deterministic blocks in this file") != NULL);
	conf_free(c);
}

static const char *const not_endpoints[] = { "", "192.0.2.2", "192.0.2.2:", "192.0.2.2:65536", "192.0.2.2:-1",
	"192.0.2.2:1x", "192.0.2.300:1", "[192.0.2.2]:1", ":1", "192.0.2.2:99999999999999999999",
	"2001:db8::1" };
static const char *const not_subscribers[] = { "", "/", "/64", "192.0.2.2", "2001:db8::/129", "2001:db8::1/",
	"2001:db8::1/x", "2001:db8::1/1234", "2001:db8::1/64x", "2001:db8::/64/64", "nobody",
	"2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001/64" };

TEST(what_is_neither_a_port_nor_a_subscriber_is_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(not_endpoints); i++) {
		struct addr4 a = { 0xdeadbeef };
		uint16_t port = 0xbeef;

		test_row(not_endpoints[i]);
		CHECK(!who_endpoint_parse(not_endpoints[i], &a, &port));
		CHECK_INT(a.v, 0xdeadbeef);
		CHECK_INT(port, 0xbeef);
	}
	for (size_t i = 0; i < ARRAY_LEN(not_subscribers); i++) {
		struct prefix6 p = { .len = 77 };

		test_row(not_subscribers[i]);
		CHECK(!who_subscriber_parse(not_subscribers[i], &p));
		CHECK_INT(p.len, 77);
	}
	test_row(NULL);
}
