/* test_events.c - one writer, one reader, nobody waits */
#include "bindlog/events.h"
#include "harness.h"

#include <pthread.h>
#include <sched.h>

static struct events *ring_of(uint32_t slots)
{
	struct events *r = NULL;

	REQUIRE(events_new(slots, &r) == 0);
	return r;
}

static void put(struct events *r, uint32_t count)
{
	struct state_event e = { .count = count };

	events_put(r, &e);
}

TEST(events_come_out_in_their_order)
{
	struct events *r = ring_of(4);
	struct state_event e = { .count = 77 };

	CHECK(!events_take(r, &e));
	CHECK_INT(e.count, 77);
	for (uint32_t i = 0; i < 100; i++) {
		put(r, 2 * i);
		put(r, 2 * i + 1);
		CHECK(events_take(r, &e));
		CHECK_INT(e.count, 2 * i);
		CHECK(events_take(r, &e));
		CHECK_INT(e.count, 2 * i + 1);
	}
	CHECK(!events_take(r, &e));
	CHECK_INT(events_lost(r), 0);
	events_free(r);
}

TEST(a_full_ring_loses_the_new_counts_them_and_keeps_the_old)
{
	struct events *r = ring_of(4);
	struct state_event e;

	for (uint32_t i = 0; i < 10; i++)
		put(r, i);
	CHECK_INT(events_lost(r), 6);
	for (uint32_t i = 0; i < 4; i++) {
		CHECK(events_take(r, &e));
		CHECK_INT(e.count, i);
	}
	CHECK(!events_take(r, &e));
	put(r, 50); /* there is room again */
	CHECK(events_take(r, &e));
	CHECK_INT(e.count, 50);
	CHECK_INT(events_lost(r), 6);
	events_free(r);
}

#define MANY 200000u

static void *write_many(void *arg)
{
	for (uint32_t i = 0; i < MANY; i++)
		put(arg, i);
	return NULL;
}

TEST(between_two_threads_nothing_is_torn_reordered_or_unaccounted_for)
{
	struct events *r = ring_of(256);
	pthread_t writer;
	struct state_event e;
	uint32_t taken = 0, next = 0;
	bool is_done = false;

	REQUIRE(pthread_create(&writer, NULL, write_many, r) == 0);
	while (!is_done) {
		is_done = taken + events_lost(r) == MANY;
		while (events_take(r, &e)) {
			CHECK(e.count >= next);
			next = e.count + 1;
			taken++;
		}
		sched_yield();
	}
	pthread_join(writer, NULL);
	CHECK(!events_take(r, &e));
	CHECK_INT(taken + events_lost(r), MANY);
	events_free(r);
}
