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
	/* Many of one hash, and many whose home is the last bucket: full buckets that are passed, around the end too. */
	for (unsigned i = 0; i < IDS; i++)
		hash[i] = i % 3 == 0 ? UINT64_MAX << 32 | rng_below(&g, 4) : rng_next(&g);
	for (unsigned step = 0; step < STEPS; step++) {
		uint32_t id = rng_below(&g, IDS);

		if (in[id])
			index_remove(&x, hash[id], id);
		else
			index_put(&x, hash[id], id);
		in[id] = !in[id];
		len += in[id] ? 1 : UINT32_MAX;
		CHECK_INT(x.len, len);
		CHECK_INT(index_count(&x), len);
		for (unsigned i = 0; step % 1000 == 0 && i < IDS; i++)
			CHECK(index_has(&x, hash[i], i) == in[i]);
	}
	/* No tombstones: in an emptied table all ways are empty, and no search passes a bucket. */
	for (uint32_t i = 0; i < IDS; i++) {
		if (in[i])
			index_remove(&x, hash[i], i);
	}
	for (uint32_t i = 0; i < x.buckets_len; i++)
		CHECK(x.buckets[i].tags_low == 0 && x.buckets[i].tags_high == 0 && x.buckets[i].beyond == 0);
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

TEST(a_tag_is_found_in_its_way_only)
{
	static const uint8_t tags[] = { 1, 2, 0x7f, 0x80, 0x81, 0xff };

	for (unsigned way = 0; way < INDEX_WAYS; way++) {
		for (unsigned i = 0; i < ARRAY_LEN(tags); i++) {
			struct index_bucket b = { .beyond = UINT32_MAX };
			unsigned shift = way % 8 * 8;

			if (way < 8)
				b.tags_low = (uint64_t)tags[i] << shift;
			else
				b.tags_high = (uint32_t)tags[i] << shift;
			for (unsigned tag = 1; tag < 256; tag++) {
				uint64_t ways = index_ways(&b, (uint8_t)tag);

				CHECK((ways != 0) == (tag == tags[i]));
				CHECK(ways == 0 ||
					(index_first_way(ways) == way && (ways & (ways - 1)) == 0));
			}
		}
	}
}

/* Every bucket was passed once: @beyond ends no search, and the number of buckets must. */
TEST(a_search_ends_where_every_bucket_was_passed)
{
	const uint64_t first = 5, last = UINT64_MAX << 32 | 5;
	struct memory m = { 0 };
	struct index x;

	REQUIRE(index_init(&x, &m, 17));
	REQUIRE(x.buckets_len == 2);
	for (uint32_t id = 0; id < INDEX_WAYS + 1; id++)
		index_put(&x, first, id);
	for (uint32_t id = 0; id < INDEX_WAYS; id++)
		index_remove(&x, first, id);
	for (uint32_t id = 100; id < 100 + INDEX_WAYS; id++)
		index_put(&x, last, id);
	CHECK(x.buckets[0].beyond == 1 && x.buckets[1].beyond == 1);
	CHECK(!index_has(&x, first, 0) && !index_has(&x, last, 0));
	CHECK(index_has(&x, first, INDEX_WAYS) && index_has(&x, last, 100 + INDEX_WAYS - 1));
	index_remove(&x, first, INDEX_WAYS);
	CHECK(x.buckets[0].beyond == 0);
	memory_fini(&m);
}

TEST(the_lowest_free_number_is_taken)
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
	CHECK_INT(slots_take_if_free(&s, 3), 1);
	CHECK_INT(slots_take_if_free(&s, NONE), 2);
	slots_give(&s, 0);
	slots_give(&s, 3);
	CHECK_INT(slots_lowest(&s), 0);
	CHECK_INT(slots_take_if_free(&s, 3), 3);
	CHECK_INT(slots_take(&s), 0);
	CHECK(slots_is_full(&s) && slots_validate(&s));
	memory_fini(&m);
}

/* Sizes around the edges of words and levels; every number once, whatever was given back between. */
TEST(numbers_are_taken_once_at_every_size)
{
	static const uint32_t sizes[] = { 1, 63, 64, 65, 4095, 4096, 4097, 262145 };

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		struct memory m = { 0 };
		struct slots s;
		struct rng g;

		rng_init(&g, test_seed());
		REQUIRE(slots_init(&s, &m, sizes[i]));
		for (uint32_t n = 0; n < sizes[i]; n++)
			CHECK_INT(slots_take(&s), n);
		CHECK(slots_is_full(&s) && slots_validate(&s));
		uint32_t lowest = sizes[i];

		for (unsigned n = 0; n < 50; n++) {
			uint32_t id = rng_below(&g, sizes[i]);

			if (slots_is_live(&s, id))
				slots_give(&s, id);
			lowest = id < lowest ? id : lowest;
			CHECK_INT(slots_lowest(&s), lowest);
		}
		CHECK(slots_validate(&s));
		for (uint32_t before = slots_take(&s); !slots_is_full(&s);) {
			uint32_t id = slots_take(&s);

			CHECK(id > before);
			before = id;
		}
		CHECK(slots_validate(&s));
		memory_fini(&m);
	}
}

TEST(an_index_is_known_as_a_table_that_few_elements_touch_everywhere)
{
	struct memory m = { 0 };
	struct index x;

	REQUIRE(memory_table(&m, 10, 10) != NULL);
	REQUIRE(index_init(&x, &m, 100));
	CHECK_INT(m.len, 2);
	CHECK(!m.at[0].is_scattered);
	CHECK(m.at[1].is_scattered);
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
	for (size_t mib = 1; mib < 4; mib++) {
		uint8_t *p = memory_table(&m, mib, 1 << 20);

		REQUIRE(p != NULL);
		CHECK(mib == 1 || (uintptr_t)p % MEMORY_HUGE == 0);
		p[mib * (1 << 20) - 1] = 1;
	}
	CHECK(memory_table(&m, SIZE_MAX / 2, 3) == NULL);
	CHECK(memory_table(&m, SIZE_MAX, 1) == NULL);
	CHECK(m.bytes > 0);
	memory_fini(&m);
	CHECK_INT(m.len, 0);
}
