/* test_owner.c - several workers share a pool: each block, subscriber and datagram has one owner, and all agree */
#include "fixture.h"
#include "state/owner.h"
#include "state/tables.h"

#include <stdlib.h>

#define CREW_MAX 8
#define STATICS_MAX 64

/* Workers over one pool. */
struct crew {
	struct state_config c;
	struct static_binding statics[STATICS_MAX];
	struct owners owners;
	_Atomic uint64_t *moved;
	unsigned len;
	struct state *s[CREW_MAX];
};

static void crew_prepare(struct crew *k, unsigned len)
{
	k->len = len;
	k->c.statics = k->statics;
	k->moved = calloc(owners_table_len(&k->c), sizeof(*k->moved));
	REQUIRE(k->moved != NULL);
	struct owners_table table = { k->moved, owners_table_len(&k->c) };

	REQUIRE(owners_init(&k->owners, &k->c, len, &table) == 0);
	k->c.owners = &k->owners;
}

static void crew_start(struct crew *k, unsigned len)
{
	crew_prepare(k, len);
	for (unsigned i = 0; i < len; i++) {
		k->c.worker = i;
		k->s[i] = state_of(&k->c);
	}
}

static void crew_end(struct crew *k)
{
	for (unsigned i = 0; i < k->len; i++) {
		if (k->s[i])
			CHECK(state_validate(k->s[i]));
		state_free(k->s[i]);
	}
	owners_fini(&k->owners);
	free(k->moved);
}

static struct crew crew_of(unsigned addresses_len, uint16_t lo, uint16_t hi, unsigned ports_per_block)
{
	struct crew k = { .c = config_small() };

	k.c.pool[0] = pool_of(v4(192, 0, 2, 0), (uint8_t)addresses_len, lo, hi);
	k.c.ports_per_block = ports_per_block;
	k.c.max_sessions = 4096;
	return k;
}

static void add_static(struct crew *k, struct addr6 in, struct addr4 out, uint16_t port)
{
	REQUIRE(k->c.statics_len < STATICS_MAX);
	k->statics[k->c.statics_len++] = (struct static_binding){
		.proto = PROTO_TCP, .in = in, .in_port = port, .out = out, .out_port = port
	};
}

/* --- the parts of the pool --- */

/* Every block is owned by exactly one worker: the one that the rules name. */
static void check_parts(struct crew *k)
{
	uint32_t sum = 0, least = UINT32_MAX, most = 0;

	for (unsigned i = 0; i < k->len; i++) {
		uint32_t owned = stats_of(k->s[i]).blocks;

		sum += owned;
		least = owned < least ? owned : least;
		most = owned > most ? owned : most;
	}
	CHECK_INT(sum, pool_blocks(&k->c));
	CHECK(most - least <= k->s[0]->pool.rows_len);
	for (uint32_t row = 0; row < k->s[0]->pool.rows_len; row++) {
		uint32_t blocks = 0;
		struct pool_row r;

		for (unsigned i = 0; i < k->len; i++) {
			REQUIRE(state_pool_row(k->s[i], row, &r));
			blocks += r.blocks;
		}
		CHECK_INT(blocks, (r.hi >> k->owners.block_shift) - (r.lo >> k->owners.block_shift) + 1);
	}
}

TEST(the_parts_of_the_workers_make_up_the_pool_exactly)
{
	static const struct {
		const char *name;
		unsigned addresses_len, ports_per_block;
		uint16_t lo, hi;
	} rows[] = {
		{ "one address", 32, 64, 1024, 65535 },
		{ "one port at the end of a block", 32, 512, 1023, 1536 },
		{ "one block for each address", 26, 1024, 2048, 3071 },
		{ "many addresses, all ports", 26, 4096, 0, 65535 },
		{ "one block in all", 32, 64, 1024, 1087 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (unsigned len = 1; len <= CREW_MAX; len++) {
			struct crew k = crew_of(
				rows[i].addresses_len, rows[i].lo, rows[i].hi, rows[i].ports_per_block);

			test_row(rows[i].name);
			k.c.max_sessions = 64; /* no packet comes, so small tables do */
			crew_start(&k, len);
			check_parts(&k);
			crew_end(&k);
		}
	}
}

TEST(addresses_with_one_block_each_are_spread_over_the_workers)
{
	struct crew k = crew_of(26, 2048, 3071, 1024);

	crew_start(&k, 4);
	for (unsigned i = 0; i < 4; i++)
		CHECK_INT(stats_of(k.s[i]).blocks, 16);
	crew_end(&k);
}

TEST(a_pool_of_few_blocks_is_not_cut_into_too_small_parts)
{
	static const struct {
		const char *name;
		uint16_t lo, hi;
		unsigned workers, want;
	} rows[] = {
		{ "one block", 1024, 1087, 8, 1 },
		{ "fewer than two workers need", 1024, 1024 + 64 * 31 - 1, 8, 1 },
		{ "what two workers need", 1024, 1024 + 64 * 32 - 1, 8, 2 },
		{ "more than enough", 1024, 65535, 4, 4 },
		{ "more workers than there may be", 1024, 65535, 1000, 63 },
		{ "one worker", 1024, 65535, 1, 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct state_config c = config_small();

		c.pool[0].lo = rows[i].lo;
		c.pool[0].hi = rows[i].hi;
		test_row(rows[i].name);
		CHECK_INT(owners_fit(&c, rows[i].workers), rows[i].want);
	}
}

/* --- both directions have one owner --- */

static struct rng rng_of_test(void)
{
	struct rng g;

	rng_init(&g, test_seed());
	return g;
}

static void add_random_statics(struct crew *k, struct rng *g)
{
	for (unsigned i = 0; i < STATICS_MAX; i++) {
		uint16_t port = (uint16_t)(1024 + i * 16 + rng_below(g, 16));

		add_static(k, v6(rng_below(g, 24), 1), v4(192, 0, 2, rng_below(g, 4)), port);
	}
}

/* What any worker has in its tables, all would say is that worker's, from either side. */
static void check_owners_of_bindings(struct crew *k)
{
	for (unsigned i = 0; i < k->len; i++) {
		uint32_t next = 0;

		while (next != STATE_END) {
			const struct binding *b =
				state_binding(k->s[i], state_next_binding(k->s[i], next, &next));

			if (!b)
				continue;
			CHECK_INT(owner_of_subscriber(&k->owners, b->in), i);
			CHECK_INT(owner_of_block(&k->owners, b->out, b->out_port), i);
		}
	}
}

TEST(every_binding_has_the_same_owner_from_both_sides)
{
	struct rng g = rng_of_test();

	for (unsigned len = 1; len <= CREW_MAX; len++) {
		struct crew k = crew_of(30, 1024, 16383, 64);

		add_random_statics(&k, &g);
		crew_start(&k, len);
		for (unsigned n = 0; n < 2000; n++) {
			struct addr6 in = v6(rng_below(&g, 64), rng_below(&g, 4));
			struct flow64 f = udp64(in, (uint16_t)rng_below(&g, 65536), SERVER, 53);
			struct mapping m;

			(void)!state_take64(k.s[owner_of_subscriber(&k.owners, in)], &f, START, &m);
		}
		unsigned statics = 0;

		for (unsigned i = 0; i < len; i++) {
			CHECK(len > 4 || stats_of(k.s[i]).sessions[PROTO_UDP] > 0);
			statics += k.s[i]->statics;
		}
		CHECK_INT(statics, STATICS_MAX);
		check_owners_of_bindings(&k);
		crew_end(&k);
	}
}

TEST(subscribers_are_spread_evenly_and_all_their_hosts_have_one_owner)
{
	struct crew k = crew_of(32, 1024, 65535, 64);
	unsigned count[CREW_MAX] = { 0 };

	crew_prepare(&k, CREW_MAX);
	for (unsigned net = 0; net < 8000; net++) {
		unsigned worker = owner_of_subscriber(&k.owners, v6(net, 1));

		REQUIRE(worker < CREW_MAX);
		count[worker]++;
		CHECK_INT(owner_of_subscriber(&k.owners, v6(net, 0xffffffff)), worker);
	}
	for (unsigned i = 0; i < CREW_MAX; i++)
		CHECK(count[i] > 800 && count[i] < 1200);
	crew_end(&k);
}

TEST(a_subscriber_of_a_single_address_is_told_by_all_128_bits)
{
	struct crew k = crew_of(32, 1024, 65535, 64);
	unsigned count[2] = { 0 };

	k.c.subscriber_len = 128;
	crew_prepare(&k, 2);
	for (unsigned host = 0; host < 1000; host++)
		count[owner_of_subscriber(&k.owners, v6(1, host))]++;
	CHECK(count[0] > 400 && count[1] > 400);
	crew_end(&k);
}

TEST(datagrams_are_spread_by_each_of_their_four_fields)
{
	struct crew k = crew_of(32, 1024, 65535, 64);
	unsigned differ[4] = { 0 };

	crew_prepare(&k, 2);
	unsigned base = owner_of_datagram(&k.owners, v4(1, 2, 3, 4), v4(5, 6, 7, 8), 1000, 17);
	for (unsigned i = 1; i <= 200; i++) {
		differ[0] +=
			owner_of_datagram(&k.owners, v4(1, 2, 3, 4 + i), v4(5, 6, 7, 8), 1000, 17) != base;
		differ[1] +=
			owner_of_datagram(&k.owners, v4(1, 2, 3, 4), v4(5, 6, 7, 8 + i), 1000, 17) != base;
		differ[2] +=
			owner_of_datagram(&k.owners, v4(1, 2, 3, 4), v4(5, 6, 7, 8), 1000 + i, 17) != base;
		differ[3] += owner_of_datagram(&k.owners, v4(1, 2, 3, 4), v4(5, 6, 7, 8), 1000,
				     (uint8_t)(17 + i)) != base;
	}
	for (unsigned i = 0; i < ARRAY_LEN(differ); i++)
		CHECK(differ[i] > 60 && differ[i] < 140);
	crew_end(&k);
}

TEST(a_protocol_without_ports_has_an_owner_among_those_that_own)
{
	struct crew k = crew_of(24, 1024, 65535, 512);

	crew_prepare(&k, 3);
	for (unsigned i = 0; i < 256; i++)
		CHECK_INT(owner_of_protocol(&k.owners, (uint8_t)i), i % 3);
	crew_end(&k);
}

/* --- static bindings --- */

TEST(the_block_of_a_static_binding_goes_to_the_owner_of_its_inside_host)
{
	struct crew k = crew_of(32, 1024, 65535, 64);

	for (unsigned net = 0; net < 16; net++)
		add_static(&k, v6(net, 1), v4(192, 0, 2, 0), (uint16_t)(8000 + 64 * net));
	crew_start(&k, 4);
	CHECK_INT(k.owners.pins_len, 0);
	for (unsigned net = 0; net < 16; net++)
		CHECK_INT(owner_of_block(&k.owners, v4(192, 0, 2, 0), (uint16_t)(8000 + 64 * net)),
			owner_of_subscriber(&k.owners, v6(net, 1)));
	check_owners_of_bindings(&k);
	crew_end(&k);
}

TEST(subscribers_with_static_bindings_in_one_block_are_pinned_to_one_worker)
{
	struct crew k = crew_of(32, 1024, 65535, 64);

	/* A chain: each neighbour shares a block, so all belong together, and nobody else is drawn in. */
	for (unsigned net = 0; net < 8; net++) {
		add_static(&k, v6(net, 1), v4(192, 0, 2, 0), (uint16_t)(8000 + 64 * net));
		add_static(&k, v6(net + 1, 1), v4(192, 0, 2, 0), (uint16_t)(8001 + 64 * net));
	}
	add_static(&k, v6(50, 1), v4(192, 0, 2, 0), 20000);
	crew_start(&k, 4);
	CHECK(k.owners.pins_len > 0 && k.owners.pins_len <= 8);
	for (unsigned net = 1; net <= 8; net++)
		CHECK_INT(
			owner_of_subscriber(&k.owners, v6(net, 7)), owner_of_subscriber(&k.owners, v6(0, 1)));
	check_owners_of_bindings(&k);
	crew_end(&k);
}

TEST(other_static_bindings_are_refused_by_every_worker_alike)
{
	struct crew k = crew_of(32, 1024, 65535, 64);
	unsigned refused = 0;

	for (unsigned net = 0; net < 16; net++)
		add_static(&k, v6(net, 1), v4(192, 0, 2, 0), (uint16_t)(8000 + 64 * net));
	crew_start(&k, 4);
	for (unsigned i = 0; i < 4; i++)
		CHECK_INT(state_update(k.s[i], &k.c), 0);
	k.statics[3].in_port++;
	for (unsigned i = 0; i < 4; i++)
		refused += state_update(k.s[i], &k.c) < 0;
	CHECK_INT(refused, 4);
	crew_end(&k);
}

/* --- moved blocks --- */

TEST(a_moved_block_has_its_new_owner_and_no_other_block_has)
{
	struct crew k = crew_of(24, 0, 65535, 64);
	struct rng g = rng_of_test();
	unsigned rule[1024];

	crew_prepare(&k, 4);
	for (unsigned n = 0; n < ARRAY_LEN(rule); n++)
		rule[n] = owner_of_block(&k.owners, v4(192, 0, 2, 9), (uint16_t)(n * 64));
	for (unsigned i = 0; i < 400; i++) {
		unsigned n = rng_below(&g, ARRAY_LEN(rule));

		rule[n] = rng_below(&g, 4);
		REQUIRE(owner_move_block(&k.owners, v4(192, 0, 2, 9), (uint16_t)(n * 64 + 63), rule[n]));
	}
	for (unsigned n = 0; n < ARRAY_LEN(rule); n++)
		CHECK_INT(owner_of_block(&k.owners, v4(192, 0, 2, 9), (uint16_t)(n * 64)), rule[n]);
	crew_end(&k);
}

TEST(a_full_table_of_moved_blocks_refuses_and_forgets_nothing)
{
	struct crew k = crew_of(32, 1024, 65535, 64);
	unsigned taken = 0, len;

	crew_prepare(&k, 2);
	len = k.owners.moved.len;
	/* Far more blocks than the pool has, so that the table fills up. */
	for (unsigned a = 0; a < 4 * len; a++) {
		struct addr4 out = { a };
		unsigned before = owner_of_block(&k.owners, out, 1024);
		bool is_moved = owner_move_block(&k.owners, out, 1024, 1 - before);

		taken += is_moved;
		CHECK_INT(owner_of_block(&k.owners, out, 1024), is_moved ? 1 - before : before);
	}
	CHECK(taken <= len && taken > len / 2);
	crew_end(&k);
}

TEST(a_block_that_is_fixed_to_a_subscriber_belongs_to_the_subscribers_worker)
{
	for (unsigned len = 2; len <= CREW_MAX; len++) {
		struct crew k = crew_of(30, 1024, 16383, 64);

		k.c.pool[0].pool = 1;
		k.c.members[0] = (struct pool_member){ { v6(0, 0), 58 }, 1 };
		k.c.members_len = 1;
		k.c.fixed_blocks[1] = 2;
		k.c.max_sessions = 16384;
		crew_start(&k, len);
		for (unsigned net = 0; net < 64; net++) {
			struct addr6 in = v6(net, 1);
			unsigned owner = owner_of_subscriber(&k.owners, in);
			struct fixed_plan plan = fixed_plan_of(&k.c, 1);
			struct fixed_block b;

			for (uint32_t n = 0; fixed_block_of(&k.c, &plan, in, n, &b); n++)
				CHECK_INT(owner_of_block(&k.owners, b.addr, b.lo), owner);
			for (unsigned port = 0; port < 130;
				port++) /* its own two blocks, and one of the rest */
				take64(k.s[owner], udp64(in, (uint16_t)(3000 + port), SERVER, 53), START);
		}
		check_owners_of_bindings(&k);
		crew_end(&k);
	}
}

/* --- limits --- */

TEST(the_sessions_of_all_workers_together_are_the_gateways_limit)
{
	for (unsigned len = 1; len <= CREW_MAX; len++) {
		struct crew k = crew_of(32, 1024, 65535, 64);
		uint32_t made = 0;

		k.c.max_sessions = 1003;
		k.c.max_blocks_per_subscriber = 1000;
		crew_start(&k, len);
		for (unsigned n = 0; n < 8000; n++) {
			struct addr6 in = v6(n % 100, 1);
			struct flow64 f = udp64(in, (uint16_t)(10000 + n / 100), SERVER, 53);
			struct mapping m;

			made += state_take64(k.s[owner_of_subscriber(&k.owners, in)], &f, START, &m) ==
				DROP_NONE;
		}
		CHECK_INT(made, 1003);
		crew_end(&k);
	}
}
