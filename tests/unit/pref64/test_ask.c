/* test_ask.c - when ipv4only.arpa is asked for: retries, TTL, negative answers (RFC 7050 s3) */
#include "harness.h"

#include "base/compiler.h"
#include "pref64/ask.h"

TEST(nothing_is_asked_unless_it_is_wanted)
{
	struct ask a;

	ask_init(&a);
	CHECK(!ask_is_due(&a, 1000000 * NSEC));
	ask_start(&a, 5 * NSEC);
	CHECK(!ask_is_due(&a, 5 * NSEC - 1));
	CHECK(ask_is_due(&a, 5 * NSEC));
	ask_start(&a, 9 * NSEC); /* begun already */
	CHECK(ask_is_due(&a, 5 * NSEC));
	ask_stop(&a);
	CHECK(!ask_is_due(&a, 1000000 * NSEC));
}

TEST(a_question_without_answer_is_repeated_ever_more_slowly_and_each_time_to_the_next_server)
{
	static const unsigned waits[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60 };
	struct ask a;
	nsec now = 0;

	ask_init(&a);
	ask_start(&a, 0);
	for (unsigned i = 0; i < ARRAY_LEN(waits); i++) {
		REQUIRE(ask_is_due(&a, now));
		ask_sent(&a, now);
		CHECK_INT(a.server, i);
		CHECK(a.due == now + waits[i] * NSEC);
		now = a.due;
	}
}

TEST(rfc_7050_s3_the_question_is_repeated_ten_seconds_before_the_ttl_is_over)
{
	struct ask a;

	ask_init(&a);
	ask_start(&a, 0);
	ask_sent(&a, 0);
	CHECK(ask_answered(&a, 600 * NSEC, 1 * NSEC) == 601 * NSEC);
	CHECK(a.due == 591 * NSEC);
	ask_sent(&a, 591 * NSEC);
	CHECK_INT(a.server, 0); /* who answers is asked again */
	CHECK(a.due == 592 * NSEC);
}

TEST(a_short_ttl_does_not_make_us_ask_all_the_time)
{
	struct ask a;

	ask_init(&a);
	CHECK(ask_answered(&a, 0, 0) == ASK_TTL_MIN);
	CHECK(a.due == ASK_TTL_MIN - ASK_AHEAD);
	CHECK(ask_answered(&a, UINT64_C(4294967295) * NSEC, 0) == ASK_TTL_MAX);
}

TEST(rfc_7050_s3_a_no_is_believed_for_its_ttl)
{
	struct ask a;

	ask_init(&a);
	ask_start(&a, 0);
	ask_sent(&a, 0);
	ask_denied(&a, 3600 * NSEC, 2 * NSEC);
	CHECK(a.due == 3602 * NSEC);
	ask_denied(&a, 0, 0);
	CHECK(a.due == ASK_NEGATIVE_MIN);
	ask_denied(&a, UINT64_C(99999999) * NSEC, 0);
	CHECK(a.due == ASK_NEGATIVE_MAX);
}

TEST(a_server_that_cannot_answer_is_no_reason_to_ask_faster)
{
	struct ask a;

	ask_init(&a);
	ask_start(&a, 0);
	for (unsigned i = 0; i < 5; i++) {
		nsec now = a.due;

		ask_sent(&a, now);
		ask_failed(&a, now);
		CHECK(a.due == now + ((nsec)1 << i) * NSEC);
	}
}
