/* test_uplink.c - the interface identifier of a customer-side translator (RFC 7217, RFC 5453) */
#include "harness.h"

#include "dataplane/uplink.h"

#include <string.h>

static struct uplink_identity identity(void)
{
	struct uplink_identity w = { .hardware = { 2, 0, 0, 0, 0, 1 }, .secret = { 1, 2 } };

	REQUIRE(prefix6_parse("2001:db8:1::/64", &w.net) == 0);
	return w;
}

TEST(rfc_7217_s5_the_same_identity_has_the_same_address)
{
	struct uplink_identity a = identity(), b = identity();

	CHECK(addr6_eq(uplink_address(&a), uplink_address(&b)));
	CHECK(prefix6_contains(a.net, uplink_address(&a)));
}

TEST(rfc_7217_s5_another_network_link_or_machine_has_another_one)
{
	struct uplink_identity a = identity(), net = identity(), link = identity(), machine = identity();

	REQUIRE(prefix6_parse("2001:db8:2::/64", &net.net) == 0);
	link.hardware[5]++;
	machine.secret[1]++;
	CHECK(uplink_address(&a).lo != uplink_address(&net).lo);
	CHECK(uplink_address(&a).lo != uplink_address(&link).lo);
	CHECK(uplink_address(&a).lo != uplink_address(&machine).lo);
}

TEST(a_machine_id_is_read_whole_or_not_at_all)
{
	uint64_t secret[2] = { 7, 7 };

	CHECK(uplink_secret_parse("0123456789abcdeffedcba9876543210\n", 33, secret));
	CHECK(secret[0] == 0x0123456789abcdef && secret[1] == 0xfedcba9876543210);
	secret[0] = secret[1] = 7;
	for (size_t len = 0; len < 32; len++)
		CHECK(!uplink_secret_parse("0123456789abcdeffedcba9876543210", len, secret));
	CHECK(!uplink_secret_parse("0123456789abcdeffedcba987654321G", 32, secret));
	CHECK(!uplink_secret_parse("uninitialized\n0123456789abcdef01", 32, secret));
	CHECK(secret[0] == 7 && secret[1] == 7);
}
