/* test_verdict.c - every drop reason has a name of its own and a sentence */
#include "base/verdict.h"
#include "harness.h"

#include <string.h>

TEST(every_reason_has_a_name_and_a_text)
{
	for (int r = 0; r < DROP_COUNT; r++) {
		const char *name = drop_name((enum drop_reason)r);

		REQUIRE(name);
		test_row(name);
		CHECK(strlen(name) > 0);
		CHECK(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == strlen(name));
		CHECK(strlen(drop_text((enum drop_reason)r)) > 5);
		CHECK(drop_spec((enum drop_reason)r) != NULL);
	}
	test_row(NULL);
}

TEST(names_are_unique)
{
	for (int a = 0; a < DROP_COUNT; a++)
		for (int b = a + 1; b < DROP_COUNT; b++)
			CHECK(strcmp(drop_name((enum drop_reason)a), drop_name((enum drop_reason)b)) != 0);
}

TEST(names_are_those_of_the_enum)
{
	CHECK_TEXT(drop_name(DROP_NONE), "NONE");
	CHECK_TEXT(drop_name(DROP_IP6_TRUNCATED), "IP6_TRUNCATED");
	CHECK_TEXT(drop_name(DROP_POOL_EXHAUSTED), "POOL_EXHAUSTED");
	CHECK_TEXT(drop_spec(DROP_POOL_EXHAUSTED), "RFC 6146 s3.5.1.1");
}
