/* test_direct_server.c - which upstream is asked directly, and which is left alone */
#include "harness.h"

#include "dns64/direct_server.h"

#define T0 (1000 * NSEC)
#define STRAIGHT 1 /* a number that does not ask for another than the fastest */

TEST(the_fastest_is_asked)
{
	struct direct_server s[3] = { { .rtt = 0 } };

	(void)direct_server_answered(&s[0], 30 * MSEC);
	(void)direct_server_answered(&s[1], 10 * MSEC);
	(void)direct_server_answered(&s[2], 20 * MSEC);
	CHECK_INT(direct_server_choose(s, 3, STRAIGHT, T0), 1);
	for (unsigned i = 0; i < 100; i++)
		(void)direct_server_answered(&s[1], 50 * MSEC);
	CHECK_INT(direct_server_choose(s, 3, STRAIGHT, T0), 2);
}

/* The first of them is silent: it must not have all questions until that is known. */
TEST(each_that_is_not_known_is_asked_once_and_then_those_that_answer)
{
	struct direct_server s[3] = { { .rtt = 0 } };
	unsigned asked[3] = { 0 };

	for (unsigned n = 0; n < 3; n++)
		asked[direct_server_choose(s, 3, STRAIGHT, T0)]++;
	CHECK(asked[0] == 1 && asked[1] == 1 && asked[2] == 1);
	for (unsigned n = 0; n < 3000; n++)
		asked[direct_server_choose(s, 3, (uint16_t)(16 * n + 1), T0)]++;
	CHECK(asked[0] == 1001 && asked[1] == 1001 && asked[2] == 1001);
	(void)direct_server_answered(&s[1], 10 * MSEC);
	for (unsigned n = 0; n < 3000; n++)
		CHECK_INT(direct_server_choose(s, 3, (uint16_t)(16 * n + 1), T0), 1);
	CHECK_INT(s[1].rtt, 10 * MSEC);
}

TEST(one_question_in_sixteen_goes_to_any)
{
	struct direct_server s[4] = { { .rtt = 9 }, { .rtt = 1 }, { .rtt = 9 }, { .rtt = 8 } };
	unsigned asked[4] = { 0 };

	for (unsigned dice = 0; dice < 65536; dice++)
		asked[direct_server_choose(s, 4, (uint16_t)dice, T0)]++;
	CHECK_INT(asked[0], 1024);
	CHECK_INT(asked[1], 65536 - 3 * 1024);
	CHECK_INT(asked[3], 1024);
}

TEST(one_that_does_not_answer_rests_ever_longer_and_is_tried_with_one_question)
{
	struct direct_server s[1] = { { .rtt = MSEC } };
	nsec now = T0;
	static const unsigned rests[] = { 1, 2, 4, 8, 16, 32, 32 };

	for (unsigned i = 1; i < DIRECT_FAILS; i++)
		CHECK(!direct_server_failed(&s[0], now));
	CHECK(direct_server_failed(&s[0], now));
	CHECK(!direct_server_failed(&s[0], now)); /* asked before it began to rest */
	for (unsigned i = 0; i < ARRAY_LEN(rests); i++) {
		CHECK_INT(direct_server_choose(s, 1, STRAIGHT, now + rests[i] * NSEC - 1), -1);
		now += rests[i] * NSEC;
		CHECK_INT(direct_server_choose(s, 1, STRAIGHT, now), 0);
		CHECK_INT(direct_server_choose(s, 1, STRAIGHT, now), -1); /* one is enough */
		CHECK_INT(direct_server_choose(s, 1, 0, now), -1);
		if (i % 2 == 0) /* or nobody says what became of it */
			CHECK(!direct_server_failed(&s[0], now + 400 * MSEC));
	}
	now += 32 * NSEC;
	CHECK_INT(direct_server_choose(s, 1, STRAIGHT, now), 0);
	CHECK(direct_server_answered(&s[0], MSEC));
	CHECK_INT(direct_server_choose(s, 1, STRAIGHT, now), 0);
	CHECK_INT(direct_server_choose(s, 1, STRAIGHT, now), 0);
	CHECK(!direct_server_answered(&s[0], MSEC));
}

TEST(one_that_loses_questions_is_slower_than_one_that_does_not)
{
	struct direct_server s[2] = { { .rtt = MSEC, .is_measured = true }, { .rtt = 40 * MSEC } };

	CHECK_INT(direct_server_choose(s, 2, STRAIGHT, T0), 0);
	(void)direct_server_failed(&s[0], T0);
	CHECK_INT(direct_server_choose(s, 2, STRAIGHT, T0), 1);
	for (unsigned i = 0; i < 10; i++)
		(void)direct_server_answered(&s[0], MSEC);
	CHECK_INT(direct_server_choose(s, 2, STRAIGHT, T0), 0);
}

TEST(an_answer_between_failures_is_enough)
{
	struct direct_server s = { .rtt = MSEC };

	for (unsigned i = 0; i < 100; i++) {
		CHECK(!direct_server_failed(&s, T0));
		CHECK(!direct_server_failed(&s, T0));
		CHECK(!direct_server_answered(&s, MSEC));
	}
}

TEST(others_are_asked_while_one_rests)
{
	struct direct_server s[2] = { { .rtt = MSEC }, { .rtt = 2 * MSEC } };

	for (unsigned i = 0; i < DIRECT_FAILS; i++)
		(void)direct_server_failed(&s[0], T0);
	for (unsigned dice = 0; dice < 1000; dice++)
		CHECK_INT(direct_server_choose(s, 2, (uint16_t)dice, T0), 1);
}
