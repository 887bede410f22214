/* test_ring.c - records between two threads: in order, whole, bounded */
#include "harness.h"

#include "base/bytes.h"
#include "base/random.h"
#include "dataplane/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define BYTES 4096

static struct ring *ring_of(uint32_t bytes)
{
	struct ring *r = NULL;

	REQUIRE(ring_new(bytes, &r) == 0);
	return r;
}

static bool push(struct ring *r, uint32_t len, uint8_t value)
{
	uint8_t *at = ring_reserve(r, len);

	if (!at)
		return false;
	for (uint32_t i = 0; i < len; i++)
		at[i] = (uint8_t)(value + i);
	ring_commit(r);
	return true;
}

/* Whether the oldest record is what push() wrote; takes it out. */
static bool pull(struct ring *r, uint32_t len, uint8_t value)
{
	uint32_t got = 0;
	const uint8_t *at = ring_peek(r, &got);
	bool ok = at && got == len && (uintptr_t)at % RING_LINE == 0;

	for (uint32_t i = 0; ok && i < len; i++)
		ok = at[i] == (uint8_t)(value + i);
	if (at)
		ring_release(r);
	return ok;
}

TEST(records_come_out_as_they_went_in)
{
	struct ring *r = ring_of(BYTES);
	uint32_t len = 77;

	CHECK(ring_is_empty(r));
	CHECK(ring_peek(r, &len) == NULL);
	CHECK_INT(len, 77);
	REQUIRE(push(r, 1, 5) && push(r, 100, 6) && push(r, 0, 7));
	CHECK(!ring_is_empty(r));
	CHECK(pull(r, 1, 5));
	CHECK(pull(r, 100, 6));
	CHECK(pull(r, 0, 7));
	CHECK(ring_is_empty(r));
	ring_free(r);
}

TEST(what_was_reserved_and_not_committed_is_seen_by_nobody)
{
	struct ring *r = ring_of(BYTES);

	REQUIRE(ring_reserve(r, 10) != NULL);
	CHECK(ring_is_empty(r));
	REQUIRE(push(r, 20, 1));
	CHECK(pull(r, 20, 1));
	CHECK(ring_is_empty(r));
	ring_free(r);
}

TEST(the_longest_record_fits_from_every_position_of_an_empty_ring_and_a_longer_one_never)
{
	for (uint32_t before = 0; before < BYTES; before += RING_LINE) {
		struct ring *r = ring_of(BYTES);
		uint32_t most = ring_record_max(r), len;

		for (uint32_t i = 0; i < before; i += 2 * RING_LINE) {
			REQUIRE(push(r, 1, 1));
			REQUIRE(ring_peek(r, &len));
			ring_release(r);
		}
		CHECK(ring_reserve(r, most + 1) == NULL);
		CHECK(push(r, most, 3));
		CHECK(pull(r, most, 3));
		ring_free(r);
	}
}

TEST(a_full_ring_refuses_and_goes_on_when_there_is_room)
{
	struct ring *r = ring_of(BYTES);
	unsigned n = 0;

	while (push(r, RING_LINE, (uint8_t)n))
		n++;
	CHECK_INT(n, BYTES / (2 * RING_LINE));
	CHECK(!push(r, 1, 0));
	CHECK(pull(r, RING_LINE, 0));
	CHECK(push(r, RING_LINE, (uint8_t)n));
	CHECK(!push(r, 1, 0));
	for (unsigned i = 1; i <= n; i++)
		CHECK(pull(r, RING_LINE, (uint8_t)i));
	CHECK(ring_is_empty(r));
	ring_free(r);
}

/* Mostly short, and now and then as long as may be. */
static uint32_t random_length(struct rng *g, const struct ring *r)
{
	uint32_t len = rng_below(g, ring_record_max(r) + 1);

	return len >> rng_below(g, 8);
}

TEST(random_lengths_stay_in_order_while_the_ring_turns_over_many_times)
{
	struct ring *r = ring_of(BYTES);
	struct rng g, lengths_in, lengths_out;
	uint64_t seed = test_seed();
	uint32_t in = 0, out = 0;

	rng_init(&g, seed);
	rng_init(&lengths_in, seed + 1);
	rng_init(&lengths_out, seed + 1);
	uint32_t next = random_length(&lengths_in, r);

	while (out < 20000) {
		if (rng_below(&g, 2) == 0 && push(r, next, (uint8_t)in)) {
			in++;
			next = random_length(&lengths_in, r);
		} else if (out < in) {
			REQUIRE(pull(r, random_length(&lengths_out, r), (uint8_t)out));
			out++;
		}
	}
	ring_free(r);
}

#define STRESS 200000u

static void *produce(void *arg)
{
	struct ring *r = arg;
	struct rng g;

	rng_init(&g, 1);
	for (uint32_t i = 0; i < STRESS; i++) {
		uint32_t len = 1 + rng_below(&g, 700);

		while (!push(r, len, (uint8_t)i))
			sched_yield();
	}
	return NULL;
}

TEST(two_threads_lose_and_change_nothing)
{
	struct ring *r = ring_of(BYTES);
	struct rng g;
	pthread_t thread;
	unsigned good = 0;

	rng_init(&g, 1);
	REQUIRE(pthread_create(&thread, NULL, produce, r) == 0);
	for (uint32_t i = 0; i < STRESS; i++) {
		uint32_t len = 1 + rng_below(&g, 700);

		while (ring_is_empty(r))
			sched_yield();
		good += pull(r, len, (uint8_t)i);
	}
	pthread_join(thread, NULL);
	CHECK_INT(good, STRESS);
	CHECK(ring_is_empty(r));
	ring_free(r);
}
