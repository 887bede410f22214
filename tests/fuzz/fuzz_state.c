/*
 * fuzz_state.c - bytes are operations on a small state; every invariant is checked while it goes
 *
 * The first four bytes choose the configuration, then each operation is one byte of kind and what it reads.
 * An input that ends inside an operation ends there.
 */
#include "state/state.h"

#include <errno.h>
#include <stdlib.h>

#define START (100 * NSEC)
#define EXPECT_FROM 0xf0 /* kinds from here on are op_expect() */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct static_binding statics[] = {
	{ PROTO_TCP, { 0xc0000201 }, 1030, { UINT64_C(0x20010db800000001), 1 }, 80 },
	{ PROTO_UDP, { 0xc0000201 }, 1031, { UINT64_C(0x20010db800000002), 1 }, 53 },
	{ PROTO_ICMP, { 0xc0000202 }, 1031, { UINT64_C(0x20010db800000002), 1 }, 53 },
};

struct run {
	struct state *s;
	struct state_config c;
	unsigned max_sessions; /* of the start */
	struct rd in;
	nsec now;
	unsigned ops;
};

static uint8_t byte(struct run *r)
{
	uint8_t v = 0;

	rd_u8(&r->in, &v);
	return v;
}

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_mapping(const struct run *r, const struct mapping *m)
{
	const struct binding *b = m->binding;

	check(state_binding(r->s, m->session->binding) == b);
	if (b->proto == PROTO_OTHER)
		check(state_binds_address(r->s, b->out) && state_carries(r->s, (uint8_t)b->out_port));
	else
		check(state_pool_find(r->s, b->out, b->out_port) >= 0);
	check(m->session->expires >= r->now || m->session->tcp != TCP_NONE);
	check(tcp_state_name(m->session->tcp) != NULL);
}

/* SCTP, GRE, or one that is not in the list. */
static uint16_t number_of(uint8_t byte)
{
	static const uint8_t numbers[] = { 132, 47, 132, 50 };

	return numbers[byte & 3];
}

static struct flow64 read_flow64(struct run *r)
{
	uint8_t kind = byte(r), ports = byte(r);
	struct flow64 f = {
		.proto = (enum proto)(kind % PROTO_KINDS),
		.prefix = kind >> 7,
		.tcp_flags = byte(r),
		.src = { UINT64_C(0x20010db800000000) | (kind >> 2 & 7), 1 },
		.sport = (uint16_t)(ports * 257u),
		.dst = { 0xc6336400 | (kind >> 5 & 3) },
		.dport = ports >> 6,
	};

	if (f.proto == PROTO_OTHER)
		f.sport = f.dport = number_of(ports);
	return f;
}

static void op_64(struct run *r)
{
	struct flow64 f = read_flow64(r);
	struct mapping m, again;

	if (state_take64(r->s, &f, r->now, &m) != DROP_NONE)
		return;
	check_mapping(r, &m);
	if (m.session->tcp == TCP_CLOSED || m.session->is_filtered)
		return;
	check(state_find64(r->s, &f, &again) && again.session == m.session);
}

static void op_46(struct run *r)
{
	uint8_t kind = byte(r), port = byte(r);
	struct flow46 f = {
		.proto = (enum proto)(kind % PROTO_KINDS),
		.tcp_flags = byte(r),
		.src = { 0xc6336400 | (kind >> 2 & 7) },
		.sport = kind >> 6,
		.dst = { 0xc0000200 | (kind >> 5 & 3) },
		.dport = (uint16_t)(1000 + port),
	};

	if (f.proto == PROTO_OTHER)
		f.sport = f.dport = number_of(port);
	struct mapping m;

	if (state_take46(r->s, &f, r->now, &m) == DROP_NONE)
		check_mapping(r, &m);
}

/* To a binding that exists, which a random port seldom hits. */
static void op_46_live(struct run *r)
{
	uint32_t next, id = state_next_binding(r->s, byte(r), &next);
	const struct binding *b = state_binding(r->s, id);
	uint8_t kind = byte(r);
	struct mapping m;

	if (!b)
		return;
	struct flow46 f = {
		.proto = b->proto,
		.tcp_flags = byte(r),
		.src = { 0xc6336400 | (kind & 7) },
		.sport = kind >> 6,
		.dst = b->out,
		.dport = b->out_port,
	};

	if (state_take46(r->s, &f, r->now, &m) == DROP_NONE)
		check_mapping(r, &m);
}

static void op_expect(struct run *r)
{
	struct flow64 f = read_flow64(r);
	const struct binding *b = state_binding(r->s, byte(r));
	struct addr4 out = b ? b->out : (struct addr4){ 0xc0000201 };
	uint16_t port = 0;

	f.proto = PROTO_TCP;
	if (state_expect(r->s, &f, out, r->now, (1 + byte(r)) * NSEC, &port) == DROP_NONE)
		check(state_pool_find(r->s, out, port) >= 0 || b);
}

static void on_probe(void *ctx, const struct state_probe *p)
{
	const struct run *r = ctx;

	check(state_pool_has_address(r->s, p->tuple.dst));
}

static void op_time(struct run *r)
{
	static const nsec units[] = { 1, MSEC, 100 * MSEC, NSEC, 10 * NSEC, 100 * NSEC, 1000 * NSEC,
		10000 * NSEC };
	uint8_t b = byte(r);

	r->now += units[b & 7] * (b >> 3);
	check(state_expire(r->s, r->now, byte(r), on_probe, r) >= r->now);
}

static void op_reload(struct run *r)
{
	uint8_t b = byte(r);

	r->c.filtering = b & 1 ? FILTER_ADDRESS_DEPENDENT : FILTER_ENDPOINT_INDEPENDENT;
	r->c.max_blocks_per_subscriber = 1 + (b >> 1 & 3);
	r->c.lifetime[LIFETIME_UDP] = (120 + (b & 0xf8u) * 10) * NSEC;
	check(state_update(r->s, &r->c) == 0);
}

/* Other ports, addresses, pools, fixed blocks, static bindings and limits, some of which make no sense together. */
static void op_change(struct run *r)
{
	struct state_config c = r->c;
	uint8_t a = byte(r), b = byte(r), d = byte(r);

	c.pool[0].prefix.len = a & 1 ? 31 : 30;
	c.pool[0].lo = (uint16_t)(b * 4);
	c.pool[0].hi = (uint16_t)(1087 - (a >> 1 & 3) * 30);
	c.pool[1] = (struct pool_entry){ .prefix = { { 0xc0000203 - (a >> 3 & 3) }, 32 },
		.lo = 1088,
		.hi = (uint16_t)(1200 + d),
		.pool = d & 1 };
	c.pool_len = 1 + (a >> 5 & 1);
	c.members[0] = (struct pool_member){ { { UINT64_C(0x20010db800000000), 0 }, d & 2 ? 62 : 61 }, 1 };
	c.members_len = d >> 2 & 1;
	c.fixed_blocks[1] = c.members_len ? d >> 3 & 1 : 0;
	c.statics = statics;
	c.statics_len = a >> 6;
	c.max_sessions = r->max_sessions - (d >> 5);
	int e = state_update(r->s, &c);

	check(e == 0 || e == -EINVAL);
	if (e == 0)
		r->c = c;
	check(state_validate(r->s));
}

static void op_look(struct run *r)
{
	struct state_stats st;
	struct pool_row row;
	uint32_t live = 0;

	for (uint32_t at = 0, next; at != STATE_END; at = next)
		live += state_next_session(r->s, at, &next) != STATE_END;
	state_stats(r->s, &st);
	check(live == st.sessions[PROTO_TCP] + st.sessions[PROTO_UDP] + st.sessions[PROTO_ICMP] +
			      st.sessions[PROTO_OTHER]);
	for (uint32_t i = 0; state_pool_row(r->s, i, &row); i++)
		check(row.blocks_lent <= row.blocks);
}

static void (*const ops[])(struct run *r) = { op_64, op_64, op_46_live, op_46_live, op_46, op_time, op_reload,
	op_look, op_change };

static void configure(struct run *r)
{
	uint8_t a = byte(r), b = byte(r), lo = byte(r), hi = byte(r);

	state_config_default(&r->c);
	r->c.pool_len = 1;
	r->c.pool[0] =
		(struct pool_entry){ .prefix = { { 0xc0000200 }, 30 }, .lo = (uint16_t)(lo * 4), .hi = 1087 };
	if (a & 1) {
		r->c.pool[1] = (struct pool_entry){
			.prefix = { { 0xc0000201 }, 32 }, .lo = 1088, .hi = (uint16_t)(1088 + hi)
		};
		r->c.pool_len = 2;
	}
	r->c.ports_per_block = 64u << (a >> 1 & 3);
	r->c.max_blocks_per_subscriber = 1 + (a >> 3 & 3);
	r->c.filtering = a >> 5 & 1 ? FILTER_ADDRESS_DEPENDENT : FILTER_ENDPOINT_INDEPENDENT;
	r->c.max_sessions = 16 + b % 64;
	r->c.subscriber_len = a >> 6 & 1 ? 64 : 62;
	r->c.protocols[0] = 132;
	r->c.protocols[1] = 47;
	r->c.protocols_len = 2;
	r->c.hosts_per_subscriber = 1 + (b & 1);
	r->c.statics = statics;
	r->c.statics_len = a >> 7 ? ARRAY_LEN(statics) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t seed[32] = { 1, 2, 3, [20] = 4 };
	struct run r = { .in = rd_of(data, len), .now = START };

	configure(&r);
	r.max_sessions = r.c.max_sessions;
	if (state_new(&r.c, seed, START, &r.s) < 0)
		return 0;
	while (rd_left(&r.in) > 0) {
		uint8_t kind = byte(&r);

		(kind >= EXPECT_FROM ? op_expect : ops[kind % ARRAY_LEN(ops)])(&r);
		if (++r.ops % 64 == 0)
			check(state_validate(r.s));
	}
	check(state_validate(r.s));
	state_free(r.s);
	return 0;
}
