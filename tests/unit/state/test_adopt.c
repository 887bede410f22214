/* test_adopt.c - sessions leave their tables as records and begin in others: the same, or not at all */
#include "fixture.h"
#include "state/adopt.h"
#include "state/owner.h"
#include "state/tables.h"

#include <stdlib.h>

#define OUT v4(192, 0, 2, 1)
#define RECORDS_MAX 4096
#define LATER (START + 50 * NSEC) /* when the second tables begin; the clock need not go on from the first */

static struct state_record records[RECORDS_MAX];

static unsigned records_of(const struct state *s, nsec now)
{
	unsigned len = 0;

	for (uint32_t next = 0; next != STATE_END;) {
		uint32_t id = state_next_session(s, next, &next);

		REQUIRE(len < RECORDS_MAX);
		if (id != STATE_END && state_record_of(s, state_session(s, id), now, &records[len]))
			len++;
	}
	return len;
}

/* A record that config_small() allows. */
static struct state_record record_of_test(void)
{
	return (struct state_record){
		.proto = PROTO_UDP,
		.in = v6(1, 1),
		.in_port = 40000,
		.out = OUT,
		.out_port = 1500,
		.remote = SERVER,
		.remote_port = 53,
		.left = 20 * NSEC,
		.age = 7 * NSEC,
		.pkts_64 = 1,
		.pkts_46 = 2,
		.bytes_64 = 3,
		.bytes_46 = 4,
	};
}

static void check_same(const struct state_record *a, const struct state_record *b)
{
	CHECK_INT(a->proto, b->proto);
	CHECK_INT(a->prefix, b->prefix);
	CHECK_INT(a->is_static, b->is_static);
	CHECK_INT(a->guard, b->guard);
	CHECK_INT(a->tcp, b->tcp);
	CHECK(addr6_eq(a->in, b->in) && addr4_eq(a->out, b->out) && addr4_eq(a->remote, b->remote));
	CHECK_INT(a->in_port, b->in_port);
	CHECK_INT(a->out_port, b->out_port);
	CHECK_INT(a->remote_port, b->remote_port);
	CHECK_INT(a->left, b->left);
	CHECK_INT(a->age, b->age);
	CHECK_INT(a->pkts_64, b->pkts_64);
	CHECK_INT(a->pkts_46, b->pkts_46);
	CHECK_INT(a->bytes_64, b->bytes_64);
	CHECK_INT(a->bytes_46, b->bytes_46);
}

/* --- the same again --- */

TEST(a_session_goes_on_with_its_port_its_state_its_lifetime_and_its_counters)
{
	struct state_config c = config_small();

	c.protocols[0] = 132;
	c.protocols_len = 1;
	struct state *s = state_of(&c);
	struct flow64 flows[] = {
		udp64(v6(1, 1), 40000, SERVER, 53),
		udp64(v6(1, 1), 40000, OTHER_SERVER, 53),
		tcp64(v6(1, 2), 40001, SERVER, 443, SYN),
		icmp64(v6(2, 1), 77, SERVER),
		{ .proto = PROTO_OTHER,
			.prefix = 2,
			.src = v6(3, 1),
			.sport = 132,
			.dst = SERVER,
			.dport = 132 },
	};
	struct binding before[ARRAY_LEN(flows)];

	for (size_t i = 0; i < ARRAY_LEN(flows); i++) {
		struct mapping m = take64(s, flows[i], START + i * NSEC);

		m.session->pkts_64 = 10 + i;
		m.session->bytes_46 = 1000 + i;
		before[i] = *m.binding;
		if (flows[i].proto == PROTO_TCP)
			take46(s, answer(&flows[i], &m, SYN | ACK), START + i * NSEC);
	}
	unsigned len = records_of(s, START + 9 * NSEC);
	struct state_record first[ARRAY_LEN(flows)];

	REQUIRE(len == ARRAY_LEN(flows));
	bytes_copy(first, records, sizeof(first));
	FINISH(s);
	s = state_of(&c);
	for (unsigned i = 0; i < len; i++)
		CHECK_INT(state_adopt(s, &first[i], LATER), ADOPTION_DONE);
	CHECK(state_validate(s));
	CHECK_INT(records_of(s, LATER), len);
	for (unsigned i = 0; i < len; i++)
		check_same(&records[i], &first[i]);
	flows[2].tcp_flags = ACK;
	for (size_t i = 0; i < ARRAY_LEN(flows); i++) {
		struct mapping m = take64(s, flows[i], LATER + NSEC);

		CHECK_INT(m.binding->out_port, before[i].out_port);
		CHECK(addr4_eq(m.binding->out, before[i].out));
		CHECK_INT(m.session->pkts_64, 10 + i);
	}
	CHECK_INT(take64(s, flows[2], LATER + NSEC).session->tcp, TCP_ESTABLISHED);
	CHECK_INT(stats_of(s).sessions_made, len);
	FINISH(s);
}

TEST(what_is_adopted_expires_when_it_would_have)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	struct state_record r = record_of_test();

	CHECK_INT(state_adopt(s, &r, LATER), ADOPTION_DONE);
	expire(s, LATER + r.left - 1);
	CHECK_INT(stats_of(s).sessions[PROTO_UDP], 1);
	expire(s, LATER + r.left + LATE);
	CHECK_INT(stats_of(s).sessions[PROTO_UDP], 0);
	CHECK_INT(stats_of(s).blocks_lent, 0);
	CHECK_INT(stats_of(s).subscribers, 0);
	FINISH(s);
}

TEST(no_lifetime_is_longer_than_the_configured_one)
{
	static const struct {
		const char *name;
		enum proto proto;
		enum tcp_state tcp;
		enum lifetime want;
	} rows[] = {
		{ "UDP", PROTO_UDP, TCP_NONE, LIFETIME_UDP },
		{ "ICMP", PROTO_ICMP, TCP_NONE, LIFETIME_ICMP },
		{ "SYN sent", PROTO_TCP, TCP_V6_INIT, LIFETIME_TCP_TRANSITORY },
		{ "established", PROTO_TCP, TCP_ESTABLISHED, LIFETIME_TCP_ESTABLISHED },
		{ "one FIN", PROTO_TCP, TCP_V6_FIN, LIFETIME_TCP_ESTABLISHED },
		{ "both FINs", PROTO_TCP, TCP_V4_V6_FIN, LIFETIME_TCP_TRANSITORY },
		{ "reset", PROTO_TCP, TCP_TRANS, LIFETIME_TCP_TRANSITORY },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct state_config c = config_small();
		struct state *s = state_of(&c);
		struct state_record r = record_of_test();

		test_row(rows[i].name);
		r.proto = rows[i].proto;
		r.tcp = rows[i].tcp;
		r.remote_port = r.proto == PROTO_ICMP ? 0 : r.remote_port;
		r.left = UINT64_MAX / 2;
		CHECK_INT(state_adopt(s, &r, LATER), ADOPTION_DONE);
		REQUIRE(records_of(s, LATER) == 1);
		CHECK_INT(records[0].left, c.lifetime[rows[i].want]);
		FINISH(s);
	}
}

TEST(an_age_beyond_the_beginning_of_the_clock_is_cut)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	struct state_record r = record_of_test();

	r.age = UINT64_MAX;
	CHECK_INT(state_adopt(s, &r, LATER), ADOPTION_DONE);
	REQUIRE(records_of(s, LATER) == 1);
	CHECK_INT(records[0].age, LATER);
	FINISH(s);
}

TEST(rfc6384_s7_2_a_connection_that_is_expected_is_expected_still_and_nobody_else_gets_in)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	struct flow64 f = tcp64(v6(1, 1), 5282, SERVER, 0, 0);
	uint16_t port = 0;

	CHECK_INT(state_expect(s, &f, OUT, START, 60 * NSEC, &port), DROP_NONE);
	REQUIRE(records_of(s, START) == 1);
	state_free(s);
	s = state_of(&c);
	CHECK_INT(state_adopt(s, &records[0], LATER), ADOPTION_DONE);
	struct flow46 in = { PROTO_TCP, SYN, OTHER_SERVER, 20, OUT, port };

	check_drop46(s, in, LATER, DROP_TCP_SYN46_FILTERED);
	in.src = SERVER;
	take46(s, in, LATER);
	FINISH(s);
}

TEST(what_filtering_holds_back_and_what_is_due_is_no_record)
{
	struct state_config c = config_small();

	c.filtering = FILTER_ADDRESS_DEPENDENT;
	struct state *s = state_of(&c);
	struct mapping m = take64(s, tcp64(v6(1, 1), 40000, SERVER, 443, SYN), START);
	struct flow46 stranger = { PROTO_TCP, SYN, OTHER_SERVER, 20, m.binding->out, m.binding->out_port };

	check_drop46(s, stranger, START, DROP_TCP_SYN46_FILTERED);
	CHECK_INT(stats_of(s).sessions[PROTO_TCP], 2);
	CHECK_INT(records_of(s, START), 1);
	CHECK_INT(records_of(s, START + c.lifetime[LIFETIME_TCP_TRANSITORY]), 0);
	FINISH(s);
}

TEST(a_session_of_a_static_binding_goes_on_while_the_binding_is_written_down)
{
	struct static_binding b = { PROTO_TCP, OUT, 1100, v6(9, 1), 80 };
	struct state_config c = config_small();

	c.statics = &b;
	c.statics_len = 1;
	struct state *s = state_of(&c);

	take46(s, (struct flow46){ PROTO_TCP, SYN, SERVER, 5000, OUT, 1100 }, START);
	REQUIRE(records_of(s, START) == 1);
	CHECK(records[0].is_static);
	state_free(s);
	s = state_of(&c);
	CHECK_INT(state_adopt(s, &records[0], LATER), ADOPTION_DONE);
	CHECK_INT(stats_of(s).sessions[PROTO_TCP], 1);
	CHECK_INT(stats_of(s).bindings[PROTO_TCP], 1);
	FINISH(s);
	c.statics_len = 0;
	s = state_of(&c);
	CHECK_INT(state_adopt(s, &records[0], LATER), ADOPTION_STATIC);
	FINISH(s);
}

/* --- what is not allowed --- */

/* Each changes the configuration, the record, or what is there already. */
struct refusal {
	const char *name;
	void (*arrange)(struct state_config *c, struct state_record *r, struct state_record *there);
	enum adoption want;
};

static void without_time(struct state_config *c, struct state_record *r, struct state_record *there)
{
	r->left = 0;
}

static void below_the_pool(struct state_config *c, struct state_record *r, struct state_record *there)
{
	r->out_port = 1023;
}

static void another_address(struct state_config *c, struct state_record *r, struct state_record *there)
{
	c->pool[0].prefix.addr = v4(192, 0, 2, 2);
}

static void pool_of_others(struct state_config *c, struct state_record *r, struct state_record *there)
{
	c->pool[1] = pool_of(v4(192, 0, 2, 2), 32, 1024, 2047);
	c->pool[1].pool = 1;
	c->pool_len = 2;
	c->members[0] = (struct pool_member){ { v6(1, 0), 64 }, 1 };
	c->members_len = 1;
}

static void fixed_to_others(struct state_config *c, struct state_record *r, struct state_record *there)
{
	c->pool[0].pool = 1;
	c->members[0] = (struct pool_member){ { v6(0, 0), 60 }, 1 };
	c->members_len = 1;
	c->fixed_blocks[1] = 1;
	r->out_port = 1024; /* the block of the first subscriber; ours is the second */
}

static void protocol_gone(struct state_config *c, struct state_record *r, struct state_record *there)
{
	r->proto = PROTO_OTHER;
	r->in_port = r->out_port = 132;
	r->remote_port = 0;
}

static void one_host_too_many(struct state_config *c, struct state_record *r, struct state_record *there)
{
	c->protocols[0] = 132;
	c->protocols_len = 1;
	c->pool[0].prefix = (struct prefix4){ v4(192, 0, 2, 0), 30 };
	protocol_gone(c, r, there);
	*there = *r;
	there->in = v6(1, 2);
	there->out = v4(192, 0, 2, 2);
}

static void port_taken(struct state_config *c, struct state_record *r, struct state_record *there)
{
	*there = *r;
	there->in = v6(1, 2);
}

static void block_taken(struct state_config *c, struct state_record *r, struct state_record *there)
{
	*there = *r;
	there->in = v6(2, 1);
	there->out_port++;
}

static void bound_elsewhere(struct state_config *c, struct state_record *r, struct state_record *there)
{
	*there = *r;
	there->out_port++;
}

static void twice(struct state_config *c, struct state_record *r, struct state_record *there)
{
	*there = *r;
}

static void one_block_too_many(struct state_config *c, struct state_record *r, struct state_record *there)
{
	c->max_blocks_per_subscriber = 1;
	*there = *r;
	there->in_port++;
	there->out_port += 64;
}

static void one_session_too_many(struct state_config *c, struct state_record *r, struct state_record *there)
{
	c->max_sessions_per_subscriber = 1;
	*there = *r;
	there->remote_port++;
}

static void made_up_state(struct state_config *c, struct state_record *r, struct state_record *there)
{
	r->tcp = TCP_ESTABLISHED;
}

static void made_up_guard(struct state_config *c, struct state_record *r, struct state_record *there)
{
	r->guard = GUARD_EXPECT;
}

static void port_zero(struct state_config *c, struct state_record *r, struct state_record *there)
{
	r->out_port = 0;
}

static void static_gone(struct state_config *c, struct state_record *r, struct state_record *there)
{
	r->is_static = true;
}

static const struct refusal refusals[] = {
	{ "its time is over", without_time, ADOPTION_EXPIRED },
	{ "a port that the pool does not have", below_the_pool, ADOPTION_POOL },
	{ "an address that the pool does not have", another_address, ADOPTION_POOL },
	{ "the subscriber has a pool of its own now", pool_of_others, ADOPTION_POOL },
	{ "the block is fixed to another subscriber", fixed_to_others, ADOPTION_POOL },
	{ "the protocol is not carried", protocol_gone, ADOPTION_PROTOCOL },
	{ "another host of the subscriber has the protocol", one_host_too_many, ADOPTION_LIMIT },
	{ "another host has the port", port_taken, ADOPTION_IN_USE },
	{ "another subscriber has the block", block_taken, ADOPTION_IN_USE },
	{ "the host's port has another one", bound_elsewhere, ADOPTION_IN_USE },
	{ "the session is there already", twice, ADOPTION_IN_USE },
	{ "one block too many", one_block_too_many, ADOPTION_LIMIT },
	{ "one session too many", one_session_too_many, ADOPTION_LIMIT },
	{ "a TCP state of UDP", made_up_state, ADOPTION_UNSOUND },
	{ "a guard of UDP", made_up_guard, ADOPTION_UNSOUND },
	{ "port 0", port_zero, ADOPTION_UNSOUND },
	{ "static, and not written down", static_gone, ADOPTION_STATIC },
};

TEST(what_the_configuration_does_not_allow_is_refused_by_name_and_leaves_no_trace)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		struct state_config c = config_small();
		struct state_record r = record_of_test(), there = { .in = { 0, 0 } };

		test_row(refusals[i].name);
		refusals[i].arrange(&c, &r, &there);
		struct state *s = state_of(&c);

		if (there.in.hi != 0)
			CHECK_INT(state_adopt(s, &there, LATER), ADOPTION_DONE);
		struct state_stats before = stats_of(s);

		CHECK_INT(state_adopt(s, &r, LATER), refusals[i].want);
		struct state_stats after = stats_of(s);

		CHECK_BYTES(&after, sizeof(after), &before, sizeof(before));
		CHECK(adoption_name(refusals[i].want)[0] != '\0' &&
			adoption_text(refusals[i].want)[0] != '\0');
		FINISH(s);
	}
}

TEST(full_tables_refuse_the_rest)
{
	struct state_config c = config_small();

	c.max_sessions = 16;
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 20; i++) {
		struct state_record r = record_of_test();

		r.remote_port = (uint16_t)(100 + i);
		CHECK_INT(state_adopt(s, &r, LATER), i < 16 ? ADOPTION_DONE : ADOPTION_FULL);
	}
	FINISH(s);
}

/* --- who is told --- */

static unsigned told[STATE_EVENT_COUNT];

static void count_event(void *ctx, const struct state_event *e)
{
	told[e->kind]++;
}

TEST(adopting_tells_nobody_and_what_was_adopted_is_told_in_time)
{
	struct state_config c = config_small();

	c.watch = (struct state_watch){ .event = count_event, .detail = STATE_TELL_SESSIONS };
	struct state *s = state_of(&c);
	struct state_record r = record_of_test();

	for (unsigned i = 0; i < 3; i++) {
		r.remote_port = (uint16_t)(100 + i);
		CHECK_INT(state_adopt(s, &r, LATER), ADOPTION_DONE);
	}
	for (unsigned k = 0; k < STATE_EVENT_COUNT; k++)
		CHECK_INT(told[k], 0);
	take64(s, udp64(v6(1, 1), 40000, OTHER_SERVER, 1), LATER + 1);
	CHECK_INT(told[STATE_SESSION_MADE], 1);
	CHECK_INT(state_tell_held(s, 0, LATER + 2), STATE_END);
	CHECK_INT(state_tell_adopted(s, 0, LATER, LATER + 2), STATE_END);
	CHECK_INT(told[STATE_BLOCK_HELD], 1);
	CHECK_INT(told[STATE_SESSION_MADE], 4);
	CHECK_INT(told[STATE_BLOCK_LENT], 0);
	FINISH(s);
}

/* --- several workers, and then another number of them --- */

#define CREW_MAX 8

/* Of subscribers that are there, so that their blocks and they themselves must meet; two in one block pin one of them. */
static const struct static_binding statics_of_crew[] = {
	{ PROTO_TCP, { 0xc0000200 }, 1030, { UINT64_C(0x20010db800000001), 1 }, 80 },
	{ PROTO_TCP, { 0xc0000200 }, 1031, { UINT64_C(0x20010db800000002), 1 }, 80 },
	{ PROTO_UDP, { 0xc0000201 }, 5000, { UINT64_C(0x20010db800000003), 1 }, 53 },
	{ PROTO_OTHER, { 0xc0000202 }, 50, { UINT64_C(0x20010db800000004), 1 }, 50 },
};

struct crew {
	struct state_config c;
	struct owners owners;
	_Atomic uint64_t *moved;
	unsigned len;
	struct state *s[CREW_MAX];
};

static struct crew crew_of(struct state_config c, unsigned len)
{
	struct crew k = { .c = c, .len = len };
	uint32_t words = owners_table_len(&c);

	k.moved = calloc(words, sizeof(*k.moved));
	REQUIRE(k.moved != NULL);
	REQUIRE(owners_init(&k.owners, &k.c, len, &(struct owners_table){ k.moved, words }) == 0);
	return k;
}

static void crew_begin(struct crew *k)
{
	k->c.owners = &k->owners;
	for (unsigned i = 0; i < k->len; i++) {
		k->c.worker = i;
		k->s[i] = state_of(&k->c);
	}
}

static void crew_end(struct crew *k)
{
	for (unsigned i = 0; i < k->len; i++) {
		CHECK(state_validate(k->s[i]));
		state_free(k->s[i]);
	}
	owners_fini(&k->owners);
	free(k->moved);
}

static struct state_config config_of_crew(void)
{
	struct state_config c = config_small();

	c.pool[0] = pool_of(v4(192, 0, 2, 0), 30, 1024, 16383);
	c.max_sessions = 1600;
	c.protocols[0] = 132;
	c.protocols[1] = 47;
	c.protocols_len = 2;
	c.statics = statics_of_crew;
	c.statics_len = ARRAY_LEN(statics_of_crew);
	return c;
}

/* A stranger talks to what is written down. */
static void fill_statics(struct crew *k)
{
	for (size_t i = 0; i < ARRAY_LEN(statics_of_crew); i++) {
		const struct static_binding *b = &statics_of_crew[i];
		struct flow46 f = { b->proto, SYN, SERVER, 999, b->out, b->out_port };
		unsigned owner = b->proto == PROTO_OTHER ? owner_of_protocol(&k->owners, (uint8_t)b->out_port)
							 : owner_of_block(&k->owners, b->out, b->out_port);

		take46(k->s[owner], f, START);
	}
}

static void fill(struct crew *k, struct rng *g)
{
	for (unsigned n = 0; n < 1200; n++) {
		struct addr6 in = v6(rng_below(g, 64), rng_below(g, 4));
		struct flow64 f =
			udp64(in, (uint16_t)rng_below(g, 65536), SERVER, (uint16_t)(1 + rng_below(g, 4)));
		struct mapping m;

		if (n % 16 == 0) {
			f.proto = PROTO_OTHER;
			f.sport = f.dport = n % 32 == 0 ? 132 : 47;
		}
		unsigned owner = f.proto == PROTO_OTHER ? owner_of_protocol(&k->owners, (uint8_t)f.sport)
							: owner_of_subscriber(&k->owners, in);

		(void)!state_take64(k->s[owner], &f, START, &m);
	}
}

/* Each session is where a packet of either side looks for it. */
static void check_placed(struct crew *k, const struct state_record *r)
{
	unsigned by6 = owner_of_subscriber(&k->owners, r->in),
		 by4 = owner_of_block(&k->owners, r->out, r->out_port);

	if (r->proto == PROTO_OTHER)
		by6 = by4 = owner_of_protocol(&k->owners, (uint8_t)r->out_port);
	CHECK_INT(by6, by4);
	CHECK(state_record_session(k->s[by6], r) != STATE_END);
}

TEST(any_number_of_workers_takes_over_the_sessions_of_any_other_number)
{
	static struct state_record saved[RECORDS_MAX];
	struct rng g;

	rng_init(&g, test_seed());
	for (unsigned before = 1; before <= CREW_MAX; before += before < 3 ? 1 : 5) {
		for (unsigned after = 1; after <= CREW_MAX; after += after < 3 ? 1 : 5) {
			struct crew a = crew_of(config_of_crew(), before),
				    b = crew_of(config_of_crew(), after);
			unsigned len = 0;
			uint32_t blocks = 0, room = 0;

			crew_begin(&a);
			crew_begin(&b);
			fill_statics(&a);
			fill(&a, &g);
			for (unsigned i = 0; i < before; i++) {
				unsigned n = records_of(a.s[i], START);

				REQUIRE(len + n <= RECORDS_MAX);
				bytes_copy(saved + len, records, n * sizeof(*saved));
				len += n;
			}
			CHECK(len > 500);
			for (unsigned i = 0; i < len; i++)
				CHECK_INT(state_adopt_among(b.s, after, &saved[i], LATER), ADOPTION_DONE);
			for (unsigned i = 0; i < len; i++)
				check_placed(&b, &saved[i]);
			for (unsigned i = 0; i < after; i++) {
				blocks += stats_of(b.s[i]).blocks;
				room += b.s[i]->sessions_max;
			}
			CHECK_INT(blocks, pool_blocks(&b.c));
			CHECK_INT(room, b.c.max_sessions);
			crew_end(&a);
			crew_end(&b);
		}
	}
}

TEST(a_worker_gets_room_for_the_sessions_that_were_lent_to_it)
{
	struct crew k = crew_of(config_of_crew(), 4);

	crew_begin(&k);
	for (unsigned i = 0; i < 1600; i++) {
		struct state_record r = record_of_test();

		r.remote_port = (uint16_t)(1 + i);
		CHECK_INT(state_adopt_among(k.s, 4, &r, LATER), ADOPTION_DONE);
	}
	struct state_record one_more = record_of_test();

	CHECK_INT(state_adopt_among(k.s, 4, &one_more, LATER), ADOPTION_IN_USE); /* port 53 is there */
	one_more.remote_port = 2000;
	CHECK_INT(state_adopt_among(k.s, 4, &one_more, LATER), ADOPTION_FULL);
	crew_end(&k);
}

TEST(a_refused_record_moves_no_block)
{
	struct state_config c = config_of_crew();
	struct state_stats before[4];

	c.max_blocks_per_subscriber = 1;
	c.statics_len = 0;
	struct crew k = crew_of(c, 4);

	crew_begin(&k);
	struct state_record r = record_of_test();

	CHECK_INT(state_adopt_among(k.s, 4, &r, LATER), ADOPTION_DONE);
	for (unsigned i = 0; i < 4; i++)
		before[i] = stats_of(k.s[i]);
	for (unsigned block = 1; block < 8; block++) {
		struct state_record more = r;

		more.in_port++;
		more.out_port = (uint16_t)(r.out_port + 64 * block);
		CHECK_INT(state_adopt_among(k.s, 4, &more, LATER), ADOPTION_LIMIT);
	}
	for (unsigned i = 0; i < 4; i++) {
		struct state_stats after = stats_of(k.s[i]);

		CHECK_BYTES(&after, sizeof(after), &before[i], sizeof(before[i]));
	}
	crew_end(&k);
}
