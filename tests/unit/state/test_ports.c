/* test_ports.c - which port a binding gets, and what becomes of blocks (RFC 6146 s3.5.1.1, RFC 4787, 6888,
 * 7857) */
#include "fixture.h"
#include "state/tables.h"

#include <string.h>

TEST(rfc4787_req4_parity_is_kept_as_long_as_a_lent_block_has_it)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 64; i++) {
		uint16_t port = (uint16_t)(40000 + i);

		CHECK_INT(
			take64(s, udp64(v6(1, 1), port, SERVER, 53), START).binding->out_port % 2, port % 2);
	}
	CHECK_INT(stats_of(s).blocks_lent, 1);
	FINISH(s);
}

TEST(rfc7857_s8_parity_gives_way_before_a_further_block_is_taken)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 64; i++)
		take64(s, udp64(v6(1, 1), (uint16_t)(40000 + 2 * i), SERVER, 53), START);
	CHECK_INT(stats_of(s).blocks_lent, 1);
	take64(s, udp64(v6(1, 1), 50000, SERVER, 53), START);
	CHECK_INT(stats_of(s).blocks_lent, 2);
	FINISH(s);
}

static struct state_config config_with_low_ports(void)
{
	struct state_config c = config_small();

	c.pool[0] = pool_of(v4(192, 0, 2, 1), 32, 896, 1151); /* two blocks of each range */
	return c;
}

TEST(rfc6146_s3_5_1_1_the_range_is_kept_where_the_pool_has_it)
{
	static const enum proto protos[] = { PROTO_UDP, PROTO_TCP };

	for (size_t i = 0; i < ARRAY_LEN(protos); i++) {
		struct state_config c = config_with_low_ports();
		struct state *s = state_of(&c);
		struct flow64 f = udp64(v6(1, 1), 40000, SERVER, 53);

		test_row(proto_name(protos[i]));
		f.proto = protos[i];
		f.tcp_flags = SYN;
		CHECK(take64(s, f, START).binding->out_port >= 1024);
		f.sport = 123;
		CHECK(take64(s, f, START).binding->out_port < 1024);
		f.sport = 1023;
		CHECK(take64(s, f, START).binding->out_port < 1024);
		f.sport = 1024;
		CHECK(take64(s, f, START).binding->out_port >= 1024);
		CHECK_INT(stats_of(s).blocks_lent, 2);
		FINISH(s);
	}
}

TEST(rfc6146_s3_5_1_1_another_range_is_used_where_the_pool_has_no_other)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	struct mapping m = take64(s, udp64(v6(1, 1), 123, SERVER, 123), START);

	CHECK(m.binding->out_port >= 1024);
	CHECK_INT(m.binding->out_port % 2, 1);
	FINISH(s);
}

TEST(when_one_range_is_used_up_the_other_serves)
{
	struct state_config c = config_with_low_ports();
	struct state *s = state_of(&c);
	unsigned low = 0, high = 0;

	for (unsigned i = 0; i < 256; i++) {
		uint16_t port =
			take64(s, udp64(v6(1, 1), (uint16_t)(2000 + i), SERVER, 53), START).binding->out_port;

		*(port < 1024 ? &low : &high) += 1;
		CHECK_INT(i < 128 ? low : 0, 0); /* no low port while a high one is free */
	}
	CHECK_INT(low, 128);
	CHECK_INT(high, 128);
	check_drop64(s, udp64(v6(1, 1), 9, SERVER, 53), START, DROP_SESSIONS_FULL);
	FINISH(s);
}

TEST(a_block_across_both_ranges_serves_both)
{
	struct state_config c = config_small();

	c.pool[0] = pool_of(v4(192, 0, 2, 1), 32, 960, 2047);
	c.ports_per_block = 2048;
	struct state *s = state_of(&c);

	CHECK(take64(s, udp64(v6(1, 1), 123, SERVER, 53), START).binding->out_port < 1024);
	CHECK(take64(s, udp64(v6(1, 1), 4000, SERVER, 53), START).binding->out_port >= 1024);
	for (unsigned i = 0; i < 63; i++)
		CHECK(take64(s, udp64(v6(1, 1), (uint16_t)i, SERVER, 53), START).binding->out_port < 1024);
	CHECK(take64(s, udp64(v6(1, 1), 63, SERVER, 53), START).binding->out_port >= 1024);
	CHECK_INT(stats_of(s).blocks_lent, 1);
	FINISH(s);
}

TEST(the_hosts_own_port_is_kept_if_it_lies_in_a_lent_block)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	uint16_t base =
		(uint16_t)(take64(s, udp64(v6(1, 1), 40000, SERVER, 53), START).binding->out_port / 64 * 64);
	unsigned kept = 0;

	for (unsigned i = 0; i < 64; i++) {
		uint16_t port = (uint16_t)(base + i);

		kept += take64(s, tcp64(v6(1, 2), port, SERVER, 53, SYN), START).binding->out_port == port;
	}
	CHECK_INT(kept, 64);
	/* A second host of the subscriber wants the same: it is taken, so it gets another. */
	CHECK(take64(s, tcp64(v6(1, 3), base, SERVER, 53, SYN), START).binding->out_port != base);
	FINISH(s);
}

TEST(the_port_of_somebody_elses_block_is_not_kept)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	uint16_t port = take64(s, udp64(v6(1, 1), 40000, SERVER, 53), START).binding->out_port;

	take64(s, udp64(v6(2, 1), 40000, SERVER, 53), START);
	struct mapping m = take64(s, udp64(v6(2, 1), port ^ 2, SERVER, 53), START);

	CHECK(m.binding->out_port / 64 != port / 64);
	FINISH(s);
}

TEST(rfc4787_req3_no_port_is_given_twice)
{
	struct state_config c = config_small();
	bool used[PROTO_COUNT][65536] = { 0 };

	c.max_blocks_per_subscriber = 16;
	c.max_sessions = 4096;
	struct state *s = state_of(&c);

	for (unsigned proto = 0; proto < PROTO_COUNT; proto++) {
		for (unsigned i = 0; i < 1024; i++) {
			struct flow64 f = udp64(v6(1, i % 7), (uint16_t)(i * 61), SERVER, 53);

			f.proto = (enum proto)proto;
			f.tcp_flags = SYN;
			uint16_t port = take64(s, f, START).binding->out_port;

			CHECK(1024 <= port && port <= 2047 && !used[proto][port]);
			used[proto][port] = true;
		}
	}
	/* Every port of the pool is in use now, for every protocol. */
	CHECK_INT(stats_of(s).blocks_lent, 16);
	check_drop64(s, udp64(v6(2, 1), 1, SERVER, 53), START, DROP_POOL_EXHAUSTED);
	check_drop64(s, udp64(v6(1, 9), 1, SERVER, 53), START, DROP_SUBSCRIBER_BLOCKS);
	take64(s, udp64(v6(1, 0), 0, SERVER, 54), START); /* a new session of an old binding */
	CHECK_INT(stats_of(s).subscribers, 1);
	FINISH(s);
}

TEST(rfc6056_ports_are_not_in_order)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	unsigned steps_of_one = 0;
	uint16_t last = 0;

	for (unsigned i = 0; i < 32; i++) {
		uint16_t port =
			take64(s, icmp64(v6(1, 1), (uint16_t)(50000 + i), SERVER), START).binding->out_port;

		steps_of_one += port == last + 1;
		last = port;
	}
	CHECK(steps_of_one < 12);
	FINISH(s);
}

TEST(another_seed_chooses_other_ports)
{
	struct state_config c = config_small();
	uint8_t seed[32] = { 1 };
	unsigned same = 0;

	c.ports_per_block = 1024;
	struct state *a = state_of(&c), *b = NULL;

	REQUIRE(state_new(&c, seed, START, &b) == 0);
	for (unsigned i = 0; i < 20; i++) {
		struct flow64 f = udp64(v6(1, 1), (uint16_t)(40000 + i), SERVER, 53);

		same += take64(a, f, START).binding->out_port == take64(b, f, START).binding->out_port;
	}
	CHECK(same < 5);
	FINISH(a);
	FINISH(b);
}

/* --- blocks and limits --- */

TEST(rfc6888_req4_a_subscriber_gets_its_number_of_blocks_and_no_more)
{
	struct state_config c = config_small();

	c.max_blocks_per_subscriber = 3;
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 192; i++)
		take64(s, udp64(v6(1, i % 5), (uint16_t)(5000 + i), SERVER, 53), START);
	check_drop64(s, udp64(v6(1, 1), 1, SERVER, 53), START, DROP_SUBSCRIBER_BLOCKS);
	take64(s, tcp64(v6(1, 1), 1, SERVER, 53, SYN),
		START); /* the other protocols have room in the same blocks */
	take64(s, icmp64(v6(1, 1), 1, SERVER), START);
	take64(s, udp64(v6(2, 1), 1, SERVER, 53), START); /* another subscriber is not touched */
	CHECK_INT(stats_of(s).blocks_lent, 4);
	FINISH(s);
}

TEST(the_subscriber_is_the_prefix_of_the_configured_length)
{
	static const struct {
		unsigned len;
		uint32_t subscribers;
	} rows[] = { { 32, 1 }, { 48, 1 }, { 63, 2 }, { 64, 4 }, { 128, 8 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct state_config c = config_small();

		c.subscriber_len = rows[i].len;
		struct state *s = state_of(&c);

		for (unsigned net = 0; net < 4; net++) {
			take64(s, udp64(v6(net, 1), 5000, SERVER, 53), START);
			take64(s, udp64(v6(net, 2), 5000, SERVER, 53), START);
		}
		CHECK_INT(stats_of(s).subscribers, rows[i].subscribers);
		CHECK_INT(stats_of(s).blocks_lent, rows[i].subscribers);
		FINISH(s);
	}
}

TEST(a_block_returns_with_its_last_binding_and_the_subscriber_with_its_last_block)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);

	take64(s, icmp64(v6(1, 1), 1, SERVER), START);
	take64(s, udp64(v6(1, 1), 5000, SERVER, 53), START);
	expire(s, START + c.lifetime[LIFETIME_ICMP] + LATE);
	CHECK_INT(stats_of(s).bindings[PROTO_ICMP], 0);
	CHECK_INT(stats_of(s).blocks_lent, 1);
	expire(s, START + c.lifetime[LIFETIME_UDP] + LATE);
	struct state_stats st = stats_of(s);

	CHECK_INT(st.blocks_lent, 0);
	CHECK_INT(st.subscribers, 0);
	CHECK_INT(st.blocks_taken, 1);
	CHECK_INT(st.blocks_returned, 1);
	FINISH(s);
}

TEST(rfc6888_req8_a_returned_block_rests_while_others_have_not_had_their_turn)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	uint32_t seen = 0;
	nsec t = START;

	for (unsigned i = 0; i < 16; i++) {
		seen |= 1u << (take64(s, icmp64(v6(1, 1), 9, SERVER), t).binding->out_port - 1024) / 64;
		expire(s, t += c.lifetime[LIFETIME_ICMP] + LATE);
	}
	CHECK_INT(seen, 0xffff);
	FINISH(s);
}

TEST(ports_come_back_when_bindings_expire)
{
	struct state_config c = config_small();

	c.pool[0].hi = 1087; /* one block */
	struct state *s = state_of(&c);
	nsec t = START;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 64; i++)
			take64(s, udp64(v6(round, 1), (uint16_t)i, SERVER, 53), t);
		check_drop64(s, udp64(v6(round, 1), 999, SERVER, 53), t, DROP_POOL_EXHAUSTED);
		expire(s, t += c.lifetime[LIFETIME_UDP] + LATE);
		CHECK(state_validate(s));
	}
	FINISH(s);
}

static void check_use(
	const struct state *s, uint8_t pool, uint32_t blocks, uint32_t lent, uint32_t subscribers)
{
	struct state_pool_use u = state_pool_use(s, pool);

	CHECK_INT(u.blocks, blocks);
	CHECK_INT(u.blocks_lent, lent);
	CHECK_INT(u.subscribers, subscribers);
}

TEST(the_use_of_a_pool_is_that_of_its_own_blocks_and_subscribers)
{
	struct state_config c = config_small();

	c.pool[1] = pool_of(v4(192, 0, 2, 8), 31, 1024, 1279); /* 2 addresses, 4 blocks each */
	c.pool[1].pool = 1;
	c.pool_len = 2;
	c.members[0] = (struct pool_member){ { v6(7, 0), 64 }, 1 };
	c.members_len = 1;
	struct state *s = state_of(&c);

	check_use(s, 0, 16, 0, 0);
	take64(s, udp64(v6(1, 1), 1, SERVER, 53), START);
	take64(s, udp64(v6(2, 1), 1, SERVER, 53), START);
	take64(s, udp64(v6(7, 1), 1, SERVER, 53), START);
	check_use(s, 0, 16, 2, 2);
	check_use(s, 1, 8, 1, 1);
	check_use(s, 2, 0, 0, 0);
	c.pool[1].prefix.len = 32; /* the half of it, perhaps without what is lent */
	c.members_len = 0;
	c.pool[1].pool = 0;
	REQUIRE(state_update(s, &c) == 0);
	check_use(s, 1, 0, 0, 0);
	CHECK_INT(state_pool_use(s, 0).blocks, 20);
	CHECK_INT(state_pool_use(s, 0).blocks_lent, stats_of(s).blocks_lent);
	expire(s, START + 1000 * NSEC);
	check_use(s, 0, 20, 0, 0);
	FINISH(s);
}

TEST(blocks_that_are_fixed_to_somebody_are_no_use_of_the_pool)
{
	struct state_config c = config_small();

	c.pool[0].pool = 1;
	c.members[0] = (struct pool_member){ { v6(0, 0), 62 }, 1 }; /* four subscribers */
	c.members_len = 1;
	c.fixed_blocks[1] = 2;
	struct state *s = state_of(&c);

	check_use(s, 1, 8, 0, 0);
	for (unsigned i = 0; i < 129; i++) /* its own two, and one of the others */
		take64(s, udp64(v6(1, 1), (uint16_t)(5000 + i), SERVER, 53), START);
	check_use(s, 1, 8, 1, 1);
	FINISH(s);
}

/* --- several addresses --- */

TEST(rfc6888_req2_paired_pooling_keeps_the_address_while_it_has_blocks)
{
	struct state_config c = config_small();

	c.pool[0] = pool_of(v4(192, 0, 2, 0), 29, 1024, 1279); /* 8 addresses, 4 blocks each */
	c.max_blocks_per_subscriber = 6;
	c.max_sessions = 4096;
	struct state *s = state_of(&c);
	struct addr4 first = take64(s, udp64(v6(1, 1), 5000, SERVER, 53), START).binding->out;

	for (unsigned i = 1; i < 256; i++) {
		struct flow64 f = udp64(v6(1, i % 9), (uint16_t)(5000 + i), SERVER, 53);

		CHECK(addr4_eq(take64(s, f, START).binding->out, first));
	}
	CHECK_INT(stats_of(s).blocks_lent, 4);
	/* Only now another address (RFC 7857 s4, the soft form), and that one is kept then. */
	struct addr4 second = take64(s, udp64(v6(1, 1), 9, SERVER, 53), START).binding->out;

	CHECK(!addr4_eq(second, first));
	for (unsigned i = 1; i < 128; i++) {
		struct flow64 f = udp64(v6(1, 1), (uint16_t)(6000 + i), SERVER, 53);

		CHECK(addr4_eq(take64(s, f, START).binding->out, second));
	}
	check_drop64(s, udp64(v6(1, 1), 10, SERVER, 53), START, DROP_SUBSCRIBER_BLOCKS);
	FINISH(s);
}

TEST(an_address_in_two_entries_is_one_address_for_pairing)
{
	struct state_config c = config_small();

	c.pool_len = 3;
	c.pool[0] = pool_of(v4(192, 0, 2, 1), 32, 1024, 1087);
	c.pool[1] = pool_of(v4(192, 0, 2, 9), 32, 1024, 2047);
	c.pool[2] = pool_of(v4(192, 0, 2, 1), 32, 1088, 1151);
	struct static_binding b = { PROTO_UDP, v4(192, 0, 2, 1), 1024, v6(1, 1), 1 };

	c.statics = &b;
	c.statics_len = 1;
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 127; i++) {
		struct mapping m = take64(s, udp64(v6(1, 1), (uint16_t)(5000 + i), SERVER, 53), START);

		CHECK_INT(m.binding->out.v, v4(192, 0, 2, 1).v);
		CHECK_INT(state_pool_find(s, m.binding->out, m.binding->out_port),
			m.binding->out_port < 1088 ? 0 : 2);
	}
	CHECK_INT(take64(s, udp64(v6(1, 1), 9, SERVER, 53), START).binding->out.v, v4(192, 0, 2, 9).v);
	FINISH(s);
}

TEST(subscribers_are_spread_over_the_addresses)
{
	struct state_config c = config_small();
	uint32_t seen = 0;

	c.pool[0] = pool_of(v4(192, 0, 2, 0), 29, 1024, 2047);
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 100; i++)
		seen |= 1u << (take64(s, udp64(v6(i, 1), 5000, SERVER, 53), START).binding->out.v & 7);
	CHECK_INT(seen, 0xff);
	FINISH(s);
}

TEST(a_static_binding_fixes_the_address_of_its_subscriber)
{
	struct static_binding b = { PROTO_TCP, v4(192, 0, 2, 5), 1030, v6(1, 1), 80 };
	struct state_config c = config_small();

	c.pool[0] = pool_of(v4(192, 0, 2, 0), 29, 1024, 2047);
	c.statics = &b;
	c.statics_len = 1;
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 128; i++) {
		struct mapping m = take64(s, tcp64(v6(1, i), 5000, SERVER, 53, SYN), START);

		CHECK_INT(m.binding->out.v, b.out.v);
		CHECK(m.binding->out_port != 1030);
	}
	FINISH(s);
}

TEST(a_static_binding_in_somebody_elses_block_fixes_the_address_too)
{
	struct static_binding b[5];
	struct state_config c = config_small();

	for (unsigned i = 0; i < 5; i++)
		b[i] = (struct static_binding){ PROTO_TCP, v4(192, 0, 2, 5), (uint16_t)(1030 + i), v6(i, 1),
			80 };
	c.pool[0] = pool_of(v4(192, 0, 2, 0), 28, 1024, 2047);
	c.statics = b;
	c.statics_len = 5;
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 5; i++)
		CHECK_INT(take64(s, udp64(v6(i, 7), 5000, SERVER, 53), START).binding->out.v, b[0].out.v);
	FINISH(s);
}

TEST(blocks_cut_by_the_ends_of_the_range_lend_only_what_is_in_it)
{
	struct state_config c = config_small();

	c.pool[0].lo = 1060;
	c.pool[0].hi = 1100; /* 28 ports of one block, 13 of the next */
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 41; i++) {
		uint16_t port =
			take64(s, udp64(v6(1, 1), (uint16_t)(i + 1), SERVER, 53), START).binding->out_port;

		CHECK(1060 <= port && port <= 1100);
	}
	check_drop64(s, udp64(v6(1, 1), 999, SERVER, 53), START, DROP_POOL_EXHAUSTED);
	FINISH(s);
}

TEST(port_zero_is_lent_to_icmp_only)
{
	struct state_config c = config_small();

	c.pool[0].lo = 0;
	c.pool[0].hi = 63;
	struct state *s = state_of(&c);
	unsigned icmp = 0;

	for (unsigned i = 0; i < 63; i++)
		CHECK(take64(s, udp64(v6(1, 1), (uint16_t)(i + 1), SERVER, 53), START).binding->out_port !=
			0);
	check_drop64(s, udp64(v6(1, 1), 999, SERVER, 53), START, DROP_POOL_EXHAUSTED);
	for (unsigned i = 0; i < 64; i++)
		icmp += take64(s, icmp64(v6(1, 1), (uint16_t)(i + 100), SERVER), START).binding->out_port ==
			0;
	CHECK_INT(icmp, 1);
	FINISH(s);
}

TEST(the_largest_and_the_smallest_blocks_work)
{
	static const unsigned sizes[] = { 64, 512, 32768 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct state_config c = config_small();

		c.pool[0].hi = 65535;
		c.ports_per_block = sizes[i];
		struct state *s = state_of(&c);

		for (unsigned n = 0; n < 200; n++)
			take64(s, udp64(v6(1, 1), (uint16_t)(n + 1), SERVER, 53), START);
		CHECK_INT(stats_of(s).blocks_lent, sizes[i] == 64 ? 4 : 1);
		FINISH(s);
	}
}

TEST(port_find_takes_the_last_port_wherever_it_is)
{
	struct state_config c = config_small();

	c.ports_per_block = 1024;
	struct state *s = state_of(&c);
	struct subscriber_table *subs = &s->subscribers;
	uint32_t sub = subscriber_new(subs, v6(1, 1)), block;
	uint16_t port;

	REQUIRE(subscriber_take_port(subs, sub, PROTO_UDP, 1, &block, &port) == DROP_NONE);
	for (unsigned p = 1024; p < 2048; p++) {
		if (port_is_free(&s->pool, block, PROTO_UDP, (uint16_t)p))
			port_take(&s->pool, block, PROTO_UDP, (uint16_t)p);
	}
	for (unsigned p = 1024; p < 2048; p += 17) {
		port_give(&s->pool, block, PROTO_UDP, (uint16_t)p);
		for (unsigned parity = 0; parity < 3; parity++) {
			struct port_wish w = { PROTO_UDP, (enum parity)parity, 0, 65535 };
			bool fits = parity == PARITY_ANY || p % 2 == (parity == PARITY_ODD);

			port = 0;
			CHECK(port_find(&s->pool, block, &w, &s->rng, &port) == fits);
			CHECK_INT(port, fits ? p : 0);
			w.from = w.to = (uint16_t)p;
			CHECK(port_find(&s->pool, block, &w, &s->rng, &port) == fits);
			w.to = (uint16_t)(p - 1);
			w.from = 0;
			CHECK(!port_find(&s->pool, block, &w, &s->rng, &port));
		}
		port_take(&s->pool, block, PROTO_UDP, (uint16_t)p);
	}
	state_free(s);
}

static void check_lease(const struct state *s, const struct state_config *c, const struct binding *b)
{
	struct state_lease lease;
	bool is_first = b->out_port < 1088;

	REQUIRE(state_lease_at(s, b->out, b->out_port, &lease));
	CHECK(addr6_eq(lease.subscriber.addr, addr6_truncate(b->in, c->subscriber_len)));
	CHECK_INT(lease.subscriber.len, c->subscriber_len);
	CHECK_INT(lease.lo, is_first ? 1030 : 1088);
	CHECK_INT(lease.hi, is_first ? 1087 : 1100);
	CHECK(lease.use[PROTO_UDP] == b && !lease.use[PROTO_TCP] && !lease.use[PROTO_ICMP]);
	REQUIRE(state_lease_at(s, b->out, b->out_port == lease.lo ? lease.hi : lease.lo, &lease));
	CHECK(!lease.use[PROTO_UDP]);
}

static void check_no_lease(const struct state *s, struct addr4 a, uint16_t port)
{
	struct state_lease lease, poison;

	memset(&lease, 0xa5, sizeof(lease));
	poison = lease;
	CHECK(!state_lease_at(s, a, port, &lease));
	CHECK(memcmp(&lease, &poison, sizeof(lease)) == 0);
}

/* Two blocks, both cut by the ends of the range, and so in the end both lent. */
TEST(a_lease_names_the_subscriber_its_block_and_what_the_port_is_used_for)
{
	struct state_config c = config_small();

	c.pool[0].lo = 1030;
	c.pool[0].hi = 1100;
	struct state *s = state_of(&c);
	const struct binding *one = take64(s, udp64(v6(7, 1), 5000, SERVER, 53), START).binding;

	check_lease(s, &c, one);
	check_no_lease(s, one->out, one->out_port < 1088 ? 1090 : 1040); /* in the pool, and nobody's */
	check_no_lease(s, one->out, 1029);
	check_no_lease(s, (struct addr4){ one->out.v + 1 }, one->out_port);
	const struct binding *other = take64(s, udp64(v6(8, 1), 5000, SERVER, 53), START).binding;

	CHECK((one->out_port < 1088) != (other->out_port < 1088));
	check_lease(s, &c, other);
	FINISH(s);
}
