/* test_index.c - the hash index and the numbers behind every table */
#include "fixture.h"
#include "state/index.h"

TEST(an_index_finds_what_was_put_and_nothing_that_was_removed)
{
	enum { IDS = 500, STEPS = 60000 };
	struct memory m = { 0 };
	struct index x;
	struct rng g;
	bool in[IDS] = { 0 };
	uint64_t hash[IDS];
	uint32_t len = 0;

	rng_init(&g, test_seed());
	REQUIRE(index_init(&x, &m, IDS));
	/* Few different hashes, near the end of the table too: runs of collisions that wrap around. */
	for (unsigned i = 0; i < IDS; i++)
		hash[i] = i % 3 == 0 ? x.mask - rng_below(&g, 4) : rng_next(&g);
	for (unsigned step = 0; step < STEPS; step++) {
		uint32_t id = rng_below(&g, IDS);

		if (in[id])
			index_remove(&x, hash[id], id);
		else
			index_put(&x, hash[id], id);
		in[id] = !in[id];
		len += in[id] ? 1 : UINT32_MAX;
		CHECK_INT(x.len, len);
		for (unsigned i = 0; step % 1000 == 0 && i < IDS; i++)
			CHECK(index_has(&x, hash[i], i) == in[i]);
	}
	/* No tombstones: an emptied table has only empty slots. */
	for (uint32_t i = 0; i < IDS; i++) {
		if (in[i])
			index_remove(&x, hash[i], i);
	}
	for (uint32_t i = 0; i <= x.mask; i++)
		CHECK_INT(x.slots[i].ref, 0);
	memory_fini(&m);
}

TEST(an_index_of_equal_hashes_gives_each_number_once)
{
	struct memory m = { 0 };
	struct index x;
	uint32_t seen = 0;

	REQUIRE(index_init(&x, &m, 8));
	for (uint32_t i = 0; i < 8; i++)
		index_put(&x, 15, i);
	index_replace(&x, 15, 3, 9);
	struct probe p = index_probe(&x, 15);

	for (uint32_t id; (id = index_next(&x, &p)) != NONE;)
		seen += 1u << id;
	CHECK_INT(seen, 0xff - 8 + 0x200);
	memory_fini(&m);
}

TEST(numbers_given_back_are_used_before_new_ones)
{
	struct memory m = { 0 };
	struct slots s;
	uint32_t next;

	REQUIRE(slots_init(&s, &m, 4));
	for (uint32_t i = 0; i < 4; i++)
		CHECK_INT(slots_take(&s), i);
	CHECK(slots_is_full(&s));
	slots_give(&s, 1);
	slots_give(&s, 2);
	CHECK(!slots_is_live(&s, 1) && slots_is_live(&s, 3) && !slots_is_live(&s, 4));
	CHECK_INT(slots_next(&s, 1, 100, &next), 3);
	CHECK_INT(next, NONE);
	CHECK_INT(slots_next(&s, 1, 2, &next), NONE);
	CHECK_INT(next, 3);
	CHECK_INT(slots_take(&s), 2);
	CHECK_INT(slots_take(&s), 1);
	CHECK(slots_is_full(&s));
	memory_fini(&m);
}

TEST(tables_start_on_a_cache_line_and_sizes_that_overflow_are_refused)
{
	struct memory m = { 0 };

	for (size_t size = 1; size < 300; size += 37) {
		uint8_t *p = memory_table(&m, 3, size);

		REQUIRE(p != NULL);
		CHECK_INT((uintptr_t)p % MEMORY_LINE, 0);
		for (size_t i = 0; i < 3 * size; i++)
			CHECK_INT(p[i], 0);
		p[3 * size - 1] = 1;
	}
	CHECK(memory_table(&m, SIZE_MAX / 2, 3) == NULL);
	CHECK(memory_table(&m, SIZE_MAX, 1) == NULL);
	CHECK(m.bytes > 0);
	memory_fini(&m);
	CHECK_INT(m.len, 0);
}
