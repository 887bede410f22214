/* test_flowtable.c - slots that several workers claim and write while programs read them */
#include "flowmodel.h"

#include "nat64/flowtable.h"

#include <pthread.h>

#define WORKERS 3
#define SETS 2
#define ROUNDS 20000

struct shared {
	struct flowmodel *m;
	uint32_t owned[SETS * FLOW_WAYS]; /* by slot: how many have it now */
	bool is_over;
	uint64_t read, torn, doubles, claims;
};

struct worker_thread {
	struct shared *s;
	unsigned number;
	pthread_t thread;
};

/* Every word of the body says who wrote it and when, so a mixture is seen. */
static void fill(struct flow_line *l, unsigned worker, uint32_t round)
{
	*l = (struct flow_line){ .head = 1 };
	for (unsigned i = 0; i < ARRAY_LEN(l->body); i++)
		l->body[i] = (uint64_t)worker << 32 | round;
}

static void *work(void *ctx)
{
	struct worker_thread *w = ctx;
	struct shared *s = w->s;
	struct flow_table *t = &s->m->maps.claims->table[FLOW_KIND_64];
	struct flow_line l;

	for (uint32_t round = 1; round <= ROUNDS; round++) {
		uint32_t slot = flow_table_claim(t, round, flow_owner(w->number, round));

		if (slot == FLOW_NO_SLOT)
			continue;
		if (__atomic_add_fetch(&s->owned[slot], 1, __ATOMIC_RELAXED) != 1)
			__atomic_add_fetch(&s->doubles, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&s->claims, 1, __ATOMIC_RELAXED);
		fill(&l, w->number + 1, round);
		flow_table_write(t, slot, &l);
		flow_table_end(t, slot);
		__atomic_sub_fetch(&s->owned[slot], 1, __ATOMIC_RELAXED);
		flow_table_release(t, slot);
	}
	return NULL;
}

/* As the program does it: the number, the slot, the number again. */
static bool read_whole(const struct flow_table *t, uint32_t slot, struct flow_line *ret)
{
	bool is_even = flow_table_read(t, slot, ret);

	return is_even &&
	       __atomic_fetch_add((uint32_t *)&t->lines[slot].sequence, 0, __ATOMIC_SEQ_CST) == ret->sequence;
}

static void *look(void *ctx)
{
	struct shared *s = ctx;
	const struct flow_table *t = &s->m->maps.claims->table[FLOW_KIND_64];
	struct flow_line l;

	while (!__atomic_load_n(&s->is_over, __ATOMIC_RELAXED)) {
		for (uint32_t slot = 0; slot < flow_slots(t); slot++) {
			if (!read_whole(t, slot, &l) || l.head == 0)
				continue;
			s->read++;
			for (unsigned i = 1; i < ARRAY_LEN(l.body); i++)
				s->torn += l.body[i] != l.body[0];
		}
	}
	return NULL;
}

TEST(a_slot_has_one_owner_and_no_reader_sees_half_of_it)
{
	struct shared s = { .m = flowmodel_new(SETS, 0) };
	struct worker_thread w[WORKERS];
	pthread_t reader;

	REQUIRE(pthread_create(&reader, NULL, look, &s) == 0);
	for (unsigned i = 0; i < WORKERS; i++) {
		w[i] = (struct worker_thread){ &s, i, 0 };
		REQUIRE(pthread_create(&w[i].thread, NULL, work, &w[i]) == 0);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		REQUIRE(pthread_join(w[i].thread, NULL) == 0);
	__atomic_store_n(&s.is_over, true, __ATOMIC_RELAXED);
	REQUIRE(pthread_join(reader, NULL) == 0);
	CHECK_INT(s.doubles, 0);
	CHECK_INT(s.torn, 0);
	CHECK(s.claims > ROUNDS);
	flowmodel_free(s.m);
}

static void *reload(void *ctx)
{
	struct worker_thread *w = ctx;
	struct flow_head want = { .lowest_ipv6_mtu = 1280 };

	for (uint32_t epoch = 1; epoch <= 2000; epoch++) {
		want.lowest_ipv6_mtu = 1280 + epoch;
		flow_publish(&w->s->m->maps, &want, epoch);
	}
	return NULL;
}

TEST(workers_that_take_one_configuration_publish_it_once)
{
	struct shared s = { .m = flowmodel_new(SETS, 0) };
	struct worker_thread w[WORKERS];

	for (unsigned i = 0; i < WORKERS; i++) {
		w[i] = (struct worker_thread){ &s, i, 0 };
		REQUIRE(pthread_create(&w[i].thread, NULL, reload, &w[i]) == 0);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		REQUIRE(pthread_join(w[i].thread, NULL) == 0);
	CHECK_INT(s.m->head.epoch, 2000);
	CHECK_INT(s.m->head.lowest_ipv6_mtu, 3280);
	flowmodel_free(s.m);
}

TEST(a_worker_that_is_late_does_not_take_the_epoch_back)
{
	struct flowmodel *m = flowmodel_new(SETS, 0);
	const struct flow_head want = { .lowest_ipv6_mtu = 1300 }, old = { .lowest_ipv6_mtu = 1280 };

	flow_publish(&m->maps, &old, 65535);
	flow_publish(&m->maps, &want, flow_epoch_next(65535));
	flow_publish(&m->maps, &old, 65535);
	CHECK_INT(m->head.epoch, 1);
	CHECK_INT(m->head.lowest_ipv6_mtu, 1300);
	flowmodel_free(m);
}

TEST(milliseconds_of_a_slot_become_a_time)
{
	static const struct {
		uint32_t seen;
		nsec now, want;
	} cases[] = {
		{ 0, 5 * NSEC, 0 },		 /* never */
		{ 5000, 5 * NSEC, 5 * NSEC },	 /* now */
		{ 4995, 5 * NSEC, 5 * NSEC },	 /* the clocks differ by so much */
		{ 5003, 5 * NSEC, 5 * NSEC },	 /* another processor is ahead */
		{ 3000, 5 * NSEC, 3010 * MSEC }, /* two seconds ago */
		{ UINT32_MAX - 999, ((nsec)1 << 32) * MSEC + NSEC,
			((nsec)1 << 32) * MSEC - 990 * MSEC },		 /* around */
		{ 1, ((nsec)1 << 32) * MSEC - 61000 * MSEC, 11 * MSEC }, /* very long ago */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CHECK_INT(flow_seen_at(cases[i].seen, cases[i].now), cases[i].want);
}

TEST(places_of_a_set_are_taken_in_the_order_of_the_hash)
{
	static const unsigned order[][FLOW_WAYS] = { { 0, 1, 2, 3 }, { 1, 0, 3, 2 }, { 2, 3, 0, 1 },
		{ 3, 2, 1, 0 } };

	for (uint64_t begin = 0; begin < ARRAY_LEN(order); begin++) {
		struct flowmodel *m = flowmodel_new(SETS, 0);
		struct flow_table *t = &m->maps.claims->table[FLOW_KIND_64];

		for (unsigned i = 0; i < FLOW_WAYS; i++)
			CHECK_INT(flow_table_claim(t, begin << 62 | 5, flow_owner(1, i)),
				FLOW_WAYS * (5 % SETS) + order[begin][i]);
		flowmodel_free(m);
	}
}

/* The low bits name the first set, those of the upper half the second. */
TEST(who_finds_a_set_full_goes_to_the_second_and_who_finds_both_full_has_no_slot)
{
	struct flowmodel *m = flowmodel_new(SETS, 0);
	struct flow_table *t = &m->maps.claims->table[FLOW_KIND_46];
	uint64_t hash = UINT64_C(2) << 32 | 7;

	for (unsigned i = 0; i < FLOW_WAYS; i++)
		CHECK_INT(flow_table_claim(t, hash, flow_owner(1, i)), 7 % SETS * FLOW_WAYS + i);
	for (unsigned i = 0; i < FLOW_WAYS; i++)
		CHECK_INT(flow_table_claim(t, hash, flow_owner(1, i)), 2 % SETS * FLOW_WAYS + i);
	CHECK_INT(flow_table_claim(t, hash, flow_owner(1, 9)), FLOW_NO_SLOT);
	for (unsigned i = 0; i < SETS * FLOW_WAYS; i++)
		flow_table_release(t, i);
	flowmodel_free(m);
}

TEST(a_slot_that_is_given_back_is_the_next_ones)
{
	struct flowmodel *m = flowmodel_new(SETS, 0);
	struct flow_table *t = &m->maps.claims->table[FLOW_KIND_46];

	for (unsigned i = 0; i < FLOW_WAYS; i++)
		CHECK_INT(flow_table_claim(t, 7, flow_owner(1, i)), FLOW_WAYS + i);
	CHECK_INT(flow_table_claim(t, 6, flow_owner(1, 9)), 0);
	flow_table_release(t, FLOW_WAYS + 2);
	CHECK_INT(flow_table_claim(t, 5, flow_owner(2, 1)), FLOW_WAYS + 2);
	CHECK(flow_owner_is(flow_owner_at(t, FLOW_WAYS + 2), 2));
	flowmodel_free(m);
}
