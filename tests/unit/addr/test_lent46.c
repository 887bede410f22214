/* test_lent46.c - the table of DNS46: against a model, with a writer that dies, with any content, and with readers beside */
#include "addr/lent46.h"
#include "base/random.h"
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define START (1000 * NSEC)
#define LINGER (7440 * NSEC)
#define NAME_TTL (60 * NSEC)

static const struct hash_key key = { 11, 22 };

struct fixture {
	void *memory;
	struct prefix4 pool;
	struct lent46_writer w;
};

static struct addr6 host(uint64_t n)
{
	return (struct addr6){ UINT64_C(0x20010db800000000) ^ n * 7919, n };
}

static struct fixture *fixture_new(uint8_t len)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct lent46 t;

	REQUIRE(f != NULL);
	f->pool = (struct prefix4){ { 0xc6120000 }, len };
	f->memory = calloc(1, lent46_bytes(f->pool));
	REQUIRE(f->memory != NULL);
	lent46_make(f->memory, f->pool, &key);
	REQUIRE(lent46_attach(&t, f->pool, f->memory));
	lent46_take(&f->w, &t, LINGER);
	return f;
}

static void fixture_free(struct fixture *f)
{
	free(f->memory);
	free(f);
}

static uint32_t lend(struct fixture *f, uint64_t n, nsec now)
{
	struct addr4 a = { 0 };

	REQUIRE(lent46_lend(&f->w, host(n), now, now + NAME_TTL, &a) == 0);
	return a.v;
}

TEST(a_host_keeps_its_address_and_both_ways_find_it)
{
	struct fixture *f = fixture_new(24);
	uint32_t a = lend(f, 1, START), b = lend(f, 2, START);
	struct addr6 back;
	struct addr4 forth;

	CHECK(a != b && prefix4_contains(f->pool, (struct addr4){ a }));
	CHECK_INT(lend(f, 1, START + NSEC), a);
	CHECK_INT(lent46_find4(&f->w.table, (struct addr4){ b }, START, &back), LENT46_FOUND);
	CHECK(addr6_eq(back, host(2)));
	CHECK_INT(lent46_find6(&f->w.table, host(1), START, &forth), LENT46_FOUND);
	CHECK_INT(forth.v, a);
	fixture_free(f);
}

TEST(what_is_lent_to_nobody_is_not_found)
{
	struct fixture *f = fixture_new(30);
	struct addr6 back = { 1, 2 };
	struct addr4 forth = { 3 };

	(void)lend(f, 1, START);
	CHECK_INT(lent46_find4(&f->w.table, (struct addr4){ 0xc6120001 }, START, &back), LENT46_NONE);
	CHECK_INT(lent46_find4(&f->w.table, (struct addr4){ 0xc6120004 }, START, &back), LENT46_NONE);
	CHECK_INT(lent46_find4(&f->w.table, (struct addr4){ 0xc611ffff }, START, &back), LENT46_NONE);
	CHECK_INT(lent46_find6(&f->w.table, host(2), START, &forth), LENT46_NONE);
	CHECK_INT(lent46_find6(&f->w.table, (struct addr6){ 0, 0 }, START, &forth), LENT46_NONE);
	CHECK(back.hi == 1 && back.lo == 2 && forth.v == 3);
	CHECK_INT(lent46_lend(&f->w, (struct addr6){ 0, 0 }, START, START, &forth), -ENOSPC);
	fixture_free(f);
}

TEST(a_binding_works_on_after_its_time_until_the_address_is_lent_anew)
{
	struct fixture *f = fixture_new(32);
	uint32_t a = lend(f, 1, START);
	struct addr6 back;

	CHECK_INT(lent46_find4(&f->w.table, (struct addr4){ a }, 0, &back), LENT46_FOUND);
	CHECK_INT(lent46_find4(&f->w.table, (struct addr4){ a }, START + 10 * LINGER, &back), LENT46_FOUND);
	fixture_free(f);
}

TEST(an_unused_address_is_free_five_minutes_after_its_record_and_a_used_one_after_the_linger_time)
{
	nsec expired = START + NAME_TTL;
	const struct {
		nsec used, at;
		bool is_free;
	} rows[] = {
		{ 0, expired + LENT46_UNUSED_LINGER, false },
		{ 0, expired + LENT46_UNUSED_LINGER + 1, true },
		{ START + 1, expired + LINGER, false },
		{ START + 1, expired + LINGER + 1, true },
		{ expired + 5 * NSEC, expired + LINGER + NSEC, false },
		{ expired + 5 * NSEC, expired + LINGER + 5 * NSEC + 1, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fixture *f = fixture_new(32);
		struct addr4 a = { lend(f, 1, START) }, b;
		struct addr6 back;

		if (rows[i].used > 0)
			CHECK_INT(lent46_find4(&f->w.table, a, rows[i].used, &back), LENT46_FOUND);
		int r = lent46_lend(&f->w, host(2), rows[i].at, rows[i].at + NSEC, &b);

		CHECK_INT(r, rows[i].is_free ? 0 : -ENOSPC);
		CHECK_INT(lent46_find6(&f->w.table, host(1), 0, &b),
			rows[i].is_free ? LENT46_NONE : LENT46_FOUND);
		fixture_free(f);
	}
}

TEST(packets_either_way_count_as_use_once_a_second)
{
	struct fixture *f = fixture_new(32);
	struct addr4 a = { lend(f, 1, START) };
	struct lent46_binding b;
	struct addr6 back;

	CHECK(lent46_at(&f->w.table, 0, &b) && b.used == 0 && b.expires == START + NAME_TTL);
	(void)lent46_find4(&f->w.table, a, 0, &back);
	CHECK(lent46_at(&f->w.table, 0, &b) && b.used == 0);
	(void)lent46_find4(&f->w.table, a, START + 5, &back);
	CHECK(lent46_at(&f->w.table, 0, &b) && b.used == START + 5);
	(void)lent46_find4(&f->w.table, a, START + NSEC, &back);
	CHECK(lent46_at(&f->w.table, 0, &b) && b.used == START + 5);
	(void)lent46_find6(&f->w.table, host(1), START + 2 * NSEC, &a);
	CHECK(lent46_at(&f->w.table, 0, &b) && b.used == START + 2 * NSEC);
	fixture_free(f);
}

TEST(a_full_pool_is_not_searched_again_for_a_second)
{
	struct fixture *f = fixture_new(31);
	nsec later = START + NAME_TTL + LENT46_UNUSED_LINGER + 1;
	struct addr4 a;

	(void)lend(f, 1, START);
	(void)lend(f, 2, START);
	CHECK_INT(lent46_lend(&f->w, host(3), later - NSEC, later, &a), -ENOSPC);
	CHECK_INT(lent46_lend(&f->w, host(3), later - 1, later, &a), -ENOSPC);
	CHECK_INT(lent46_lend(&f->w, host(3), later, later + NSEC, &a), 0);
	fixture_free(f);
}

TEST(another_pool_is_not_attached)
{
	struct fixture *f = fixture_new(24);
	struct lent46 t;

	CHECK(!lent46_attach(&t, (struct prefix4){ f->pool.addr, 25 }, f->memory));
	CHECK(!lent46_attach(&t, (struct prefix4){ { 0xc6120100 }, 24 }, f->memory));
	fixture_free(f);
}

/* --- the model: for each address its host, and two times --- */

#define MODEL_LEN 16

struct model {
	uint64_t host[MODEL_LEN]; /* 0: none */
	nsec expires[MODEL_LEN], used[MODEL_LEN];
};

static int model_of_host(const struct model *m, uint64_t n)
{
	for (int i = 0; i < MODEL_LEN; i++)
		if (m->host[i] == n)
			return i;
	return -1;
}

static bool model_is_free(const struct model *m, int i, nsec now)
{
	nsec wait = m->used[i] == 0 ? LENT46_UNUSED_LINGER : LINGER;
	nsec last = m->used[i] > m->expires[i] ? m->used[i] : m->expires[i];

	return m->host[i] == 0 || now > last + wait;
}

static bool model_has_free(const struct model *m, nsec now)
{
	for (int i = 0; i < MODEL_LEN; i++)
		if (model_is_free(m, i, now))
			return true;
	return false;
}

static void model_use(struct model *m, int i, nsec now)
{
	if (now - m->used[i] >= NSEC)
		m->used[i] = now;
}

static void step_lend(struct fixture *f, struct model *m, uint64_t n, nsec now)
{
	nsec until = now + NAME_TTL;
	int at = model_of_host(m, n);
	struct addr4 a = { 0 };
	int r = lent46_lend(&f->w, host(n), now, until, &a);
	int got = (int)(a.v - f->pool.addr.v);

	if (at < 0 && !model_has_free(m, now)) {
		CHECK_INT(r, -ENOSPC);
		return;
	}
	REQUIRE(r == 0 && got >= 0 && got < MODEL_LEN);
	if (at >= 0) {
		CHECK_INT(got, at);
		m->expires[got] = until > m->expires[got] ? until : m->expires[got];
		return;
	}
	CHECK(model_is_free(m, got, now));
	m->host[got] = n;
	m->expires[got] = until;
	m->used[got] = 0;
}

static void step_find(struct fixture *f, struct model *m, uint64_t n, nsec now)
{
	int at = model_of_host(m, n);
	struct addr4 a = { 0 };
	struct addr6 back;

	CHECK_INT(lent46_find6(&f->w.table, host(n), now, &a), at >= 0 ? LENT46_FOUND : LENT46_NONE);
	if (at < 0)
		return;
	CHECK_INT((int)(a.v - f->pool.addr.v), at);
	model_use(m, at, now);
	CHECK_INT(lent46_find4(&f->w.table, a, now, &back), LENT46_FOUND);
	CHECK(addr6_eq(back, host(n)));
}

TEST(a_hundred_thousand_random_steps_agree_with_the_model)
{
	struct fixture *f = fixture_new(28);
	struct model m = { 0 };
	nsec now = START;
	struct rng rng;

	rng_init(&rng, 46);
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t dice = rng_next(&rng), n = 1 + dice / 64 % 40;

		now += 2 * NSEC + dice / 8192 % (100 * NSEC);
		if (dice % 64 == 0)
			lent46_take(&f->w, &f->w.table, LINGER); /* the resolver was started again */
		else if (dice % 2 == 0)
			step_lend(f, &m, n, now);
		else
			step_find(f, &m, n, now);
	}
	fixture_free(f);
}

/* --- a writer that is killed, and one that is not to be trusted --- */

TEST(a_killed_writer_hides_what_it_wrote_and_nothing_else_until_the_next_one_comes)
{
	struct fixture *f = fixture_new(28);
	struct addr4 a = { lend(f, 1, START) }, b = { lend(f, 2, START) }, c;
	struct addr6 back;
	uint32_t *words =
		f->memory; /* the table's sequence is word 6; of row 1, 40 bytes each, the word after 32 */

	words[6] |= 1;
	words[(64 + 40 + 32) / 4] |= 1;
	CHECK_INT(lent46_find4(&f->w.table, a, START, &back), LENT46_FOUND);
	CHECK_INT(lent46_find6(&f->w.table, host(1), START, &c), LENT46_FOUND);
	CHECK_INT(lent46_find4(&f->w.table, b, START, &back), LENT46_BUSY);
	CHECK_INT(lent46_find6(&f->w.table, host(2), START, &c), LENT46_BUSY);
	CHECK_INT(lent46_find6(&f->w.table, host(3), START, &c), LENT46_BUSY);
	lent46_take(&f->w, &f->w.table, LINGER);
	CHECK_INT(lent46_find6(&f->w.table, host(1), START, &c), LENT46_FOUND);
	CHECK_INT(lent46_find6(&f->w.table, host(2), START, &c), LENT46_NONE);
	CHECK_INT(lent46_find4(&f->w.table, b, START, &back), LENT46_NONE);
	fixture_free(f);
}

TEST(no_content_of_the_memory_breaks_a_reader_or_the_next_writer)
{
	struct rng rng;

	rng_init(&rng, 64);
	for (unsigned round = 0; round < 300; round++) {
		struct fixture *f = fixture_new(27);
		size_t len = lent46_bytes(f->pool);
		uint8_t *bytes = f->memory;
		struct addr6 back;
		struct addr4 a;

		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)(round % 2 ? rng_next(&rng) : rng_next(&rng) % 3);
		for (unsigned i = 0; i < 64; i++) {
			(void)lent46_find4(&f->w.table, (struct addr4){ f->pool.addr.v + i }, START, &back);
			(void)lent46_find6(&f->w.table, host(i), START, &a);
			(void)!lent46_lend(&f->w, host(i), START, START + NSEC, &a);
		}
		lent46_take(&f->w, &f->w.table, LINGER);
		for (unsigned i = 0; i < 32; i++) {
			struct addr4 at = { f->pool.addr.v + i };

			if (lent46_find4(&f->w.table, at, 0, &back) != LENT46_FOUND)
				continue;
			CHECK_INT(lent46_find6(&f->w.table, back, 0, &a), LENT46_FOUND);
			CHECK_INT(a.v, at.v);
		}
		fixture_free(f);
	}
}

/* --- readers beside a writer --- */

struct race {
	struct fixture *f;
	_Atomic bool is_over;
	uint64_t found, torn, lost;
};

/* host(n) has both halves from n, so halves of two hosts show. Host 1 never loses its address. */
static void *read_along(void *ctx)
{
	struct race *race = ctx;
	const struct lent46 *t = &race->f->w.table;
	struct addr6 back;
	struct addr4 a;

	while (!atomic_load(&race->is_over)) {
		for (unsigned i = 0; i < t->len; i++) {
			if (lent46_find4(t, (struct addr4){ t->pool.addr.v + i }, 0, &back) != LENT46_FOUND)
				continue;
			race->found++;
			race->torn += !addr6_eq(back, host(back.lo));
		}
		race->lost += lent46_find6(t, host(1), 0, &a) == LENT46_NONE;
	}
	return NULL;
}

TEST(a_reader_never_sees_half_a_host_and_never_loses_one_that_stays)
{
	struct race race = { .f = fixture_new(29) };
	nsec now = START;
	pthread_t thread;

	(void)lend(race.f, 1, now);
	REQUIRE(pthread_create(&thread, NULL, read_along, &race) == 0);
	for (uint64_t n = 2; n < 60000; n++) {
		now += LENT46_UNUSED_LINGER;
		(void)lend(race.f, 1, now);
		(void)lend(race.f, n, now);
	}
	atomic_store(&race.is_over, true);
	pthread_join(thread, NULL);
	CHECK(race.found > 0);
	CHECK_INT(race.torn, 0);
	CHECK_INT(race.lost, 0);
	fixture_free(race.f);
}
