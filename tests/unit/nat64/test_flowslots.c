/* test_flowslots.c - what the head of the tables says of a configuration */
#include "flowtest.h"
#include "stateless_bench.h"

#include <stdio.h>

TEST(the_head_says_what_the_translator_does)
{
	struct bench *b = bench_config();

	REQUIRE(prefix4_parse("192.0.2.128/25", &b->cfg.state.pool[1].prefix) == 0);
	b->cfg.state.pool[1].lo = 1024;
	b->cfg.state.pool[1].hi = 65535;
	b->cfg.state.pool_len = 2;
	b->cfg.lowest_ipv6_mtu = 1400;
	struct fast f = fast_with(b, SETS);

	CHECK_INT(f.m->head.lowest_ipv6_mtu, 1400);
	CHECK_INT(f.m->head.prefixes[0].len, 96);
	CHECK_INT(f.m->head.prefixes[1].len, 0);
	CHECK_INT(be32_at((uint8_t *)&f.m->head.pool_mask), 0xffffff00u);
	CHECK_INT(be32_at((uint8_t *)&f.m->head.pool), 0xc0000200u);
	fast_free(f);
}

enum halves { STATEFUL = 1, STATELESS = 2, BOTH = 3 };

/* MTUs of the configuration; 0: not said (RFC 8200 s5: 1280). */
static const struct {
	enum halves halves;
	unsigned with, without, want;
} mtus[] = {
	{ STATEFUL, 0, 0, 1280 },
	{ STATEFUL, 1400, 0, 1400 },
	{ STATEFUL, 1400, 1300, 1400 },
	{ STATELESS, 0, 0, 1280 },
	{ STATELESS, 0, 1500, 1500 },
	{ STATELESS, 1400, 1500, 1500 },
	{ BOTH, 0, 0, 1280 },
	{ BOTH, 1400, 1500, 1400 },
	{ BOTH, 1500, 1400, 1400 },
	{ BOTH, 1500, 0, 1280 },
	{ BOTH, 0, 1500, 1280 },
};

static struct bench *config_of(enum halves halves)
{
	struct bench *b = halves & STATEFUL ? bench_config() : siit_config();

	if (halves == BOTH) {
		struct bench *siit = siit_config();

		b->cfg.siit = siit->cfg.siit;
		free(siit);
	}
	return b;
}

static struct fast head_of(struct bench *b, uint32_t pair_sets)
{
	struct fast f = { b, flowmodel_new(SETS, pair_sets) };

	b->cfg.flows = &f.m->maps;
	bench_start(b);
	return f;
}

TEST(the_head_has_the_mtu_of_the_half_that_is_there_or_the_less)
{
	for (size_t i = 0; i < ARRAY_LEN(mtus); i++) {
		struct bench *b = config_of(mtus[i].halves);
		char row[32];

		snprintf(row, sizeof(row), "row %zu", i);
		test_row(row);
		b->cfg.lowest_ipv6_mtu = (uint16_t)mtus[i].with;
		b->cfg.siit.lowest_ipv6_mtu = (uint16_t)mtus[i].without;
		struct fast f = head_of(b, SETS);

		CHECK_INT(f.m->head.lowest_ipv6_mtu, mtus[i].want);
		CHECK_INT(f.m->head.has_pairs, (mtus[i].halves & STATELESS) != 0);
		fast_free(f);
	}
	test_row(NULL);
}

TEST(there_are_no_pairs_without_room_for_them)
{
	struct fast f = head_of(config_of(BOTH), 0);

	CHECK_INT(f.m->head.has_pairs, 0);
	fast_free(f);
}

TEST(a_prefix_that_is_gone_leaves_its_number_empty)
{
	struct bench *b = bench_config();

	REQUIRE(prefix6_parse("2001:db8:64::/96", &b->cfg.prefixes[1]) == 0);
	REQUIRE(prefix6_parse("2001:db8:65::/64", &b->cfg.prefixes[2]) == 0);
	b->cfg.prefixes_len = 3;
	struct fast f = head_of(b, 0);

	b->cfg.prefixes[1] = b->cfg.prefixes[2];
	b->cfg.prefixes_len = 2;
	CHECK_INT(f.m->head.prefixes[1].len, 96);
	REQUIRE(nat64_update(b->n, &b->cfg) == 0);
	CHECK_INT(f.m->head.prefixes[0].len, 96);
	CHECK_INT(f.m->head.prefixes[1].len, 0);
	CHECK_INT(f.m->head.prefixes[2].len, 64);
	CHECK_INT(f.m->head.prefixes[3].len, 0);
	fast_free(f);
}

TEST(without_a_pool_no_ipv4_packet_is_taken_for_one_of_a_flow)
{
	struct fast f = head_of(config_of(STATELESS), SETS);

	CHECK_INT(f.m->head.pool, UINT32_MAX);
	CHECK_INT(f.m->head.pool_mask, UINT32_MAX);
	fast_free(f);
}
