/*
 * test_model.c - random packets, times and reloads against the simple model of model.h
 *
 * Times are whole ticks and no lifetime is one, so that a session is due in the state exactly when it is in
 * the model.
 */
#include "model.h"
#include "state/tables.h"

static struct model model;

static const struct static_binding statics[] = {
	{ PROTO_TCP, { 0xc0000201 }, 1030, { UINT64_C(0x20010db800000001), 1 }, 80 },
	{ PROTO_UDP, { 0xc0000202 }, 1031, { UINT64_C(0x20010db800000002), 1 }, 53 },
};

struct walk {
	struct state *s;
	struct model *m;
	struct rng g;
	nsec now;
	unsigned seen[DROP_COUNT];
	unsigned max_sessions; /* of the start */
	uint16_t hi;	       /* highest port of the start */
};

static uint8_t random_flags(struct walk *w)
{
	static const uint8_t flags[] = { SYN, SYN | ACK, ACK, ACK, FIN | ACK, RST, SYN, 0 };

	return flags[rng_below(&w->g, ARRAY_LEN(flags))];
}

static struct flow64 random64(struct walk *w)
{
	return (struct flow64){
		.proto = (enum proto)rng_below(&w->g, PROTO_COUNT),
		.prefix = (uint8_t)rng_below(&w->g, 2),
		.tcp_flags = random_flags(w),
		.src = v6(rng_below(&w->g, 5), 1 + rng_below(&w->g, 2)),
		.sport = (uint16_t)(rng_below(&w->g, 8) == 0 ? 80 : 1000 + rng_below(&w->g, 60)),
		.dst = v4(198, 51, 100, rng_below(&w->g, 4)),
		.dport = (uint16_t)rng_below(&w->g, 3),
	};
}

static uint16_t remote_port(enum proto proto, uint16_t port)
{
	return proto == PROTO_ICMP ? 0 : port;
}

static void check_mapping(
	const struct walk *w, const struct mapping *got, unsigned binding, const struct model_session *s)
{
	const struct binding *a = got->binding, *b = &w->m->b[binding].b;

	CHECK(a->proto == b->proto && a->prefix == b->prefix && addr6_eq(a->in, b->in) &&
		a->in_port == b->in_port);
	CHECK(a->out.v == b->out.v && a->out_port == b->out_port && a->is_static == b->is_static);
	CHECK_INT(a->sessions, b->sessions);
	if (!s) {
		CHECK_INT(got->session->tcp, TCP_CLOSED);
		return;
	}
	CHECK_INT(got->session->tcp, s->tcp);
	CHECK_INT(got->session->expires, s->expires);
	CHECK_INT(got->session->remote.v, s->remote.v);
	CHECK_INT(got->session->remote_port, s->remote_port);
}

/* What the state chose must be free, in the pool, and in a block that no other subscriber's dynamic binding
 * uses. */
static void check_choice(const struct walk *w, const struct binding *b)
{
	CHECK(state_pool_find(w->s, b->out, b->out_port) >= 0);
	CHECK_INT(model_binding_find4(w->m, b->proto, b->out, b->out_port), MODEL_MAX);
	for (unsigned i = 0; i < MODEL_MAX; i++) {
		const struct binding *o = &w->m->b[i].b;

		if (w->m->b[i].live && !o->is_static && o->out.v == b->out.v &&
			o->out_port / 64 == b->out_port / 64)
			CHECK_INT(o->in.hi, b->in.hi);
	}
}

static void refresh(struct walk *w, struct model_session *s, enum proto proto, bool v6_side, uint8_t flags)
{
	if (proto == PROTO_TCP)
		model_tcp(w->m, s, v6_side, flags, w->now);
	else
		s->expires = w->now + w->m->c.lifetime[proto == PROTO_UDP ? LIFETIME_UDP : LIFETIME_ICMP];
}

static struct model_session *begin(
	struct walk *w, unsigned binding, struct addr4 remote, uint16_t port, enum tcp_state tcp)
{
	struct model_session *s = model_session_add(w->m, binding, remote, port);
	enum proto proto = w->m->b[binding].b.proto;

	s->tcp = tcp;
	if (proto == PROTO_TCP)
		s->expires = w->now + w->m->c.lifetime[LIFETIME_TCP_TRANSITORY];
	else
		refresh(w, s, proto, true, 0);
	return s;
}

static void step64(struct walk *w)
{
	struct flow64 f = random64(w);
	struct mapping got = { 0 };
	unsigned b = model_binding_find6(w->m, &f);
	uint16_t rport = remote_port(f.proto, f.dport);
	bool is_syn = !(f.tcp_flags & RST) && f.tcp_flags & SYN, opens = f.proto != PROTO_TCP || is_syn;
	bool is_full = w->m->sessions >= w->m->c.max_sessions;
	enum drop_reason r = state_take64(w->s, &f, w->now, &got);

	w->seen[r]++;
	if (b == MODEL_MAX) {
		if (!opens || is_full) {
			CHECK_INT(r, opens ? DROP_SESSIONS_FULL : DROP_TCP_NOT_SYN);
			return;
		}
		CHECK(r == DROP_NONE || r == DROP_POOL_EXHAUSTED || r == DROP_SUBSCRIBER_BLOCKS ||
			(r == DROP_BINDINGS_FULL && w->m->bindings >= w->m->c.max_sessions));
		if (r != DROP_NONE)
			return;
		check_choice(w, got.binding);
		b = model_binding_add(w->m, got.binding);
		check_mapping(
			w, &got, b, begin(w, b, f.dst, rport, f.proto == PROTO_TCP ? TCP_V6_INIT : TCP_NONE));
		return;
	}
	struct model_session *s = model_session_find(w->m, b, f.dst, rport);

	if (!s && opens && is_full) {
		CHECK_INT(r, DROP_SESSIONS_FULL);
		return;
	}
	REQUIRE(r == DROP_NONE);
	if (!s && opens) {
		s = begin(w, b, f.dst, rport, f.proto == PROTO_TCP ? TCP_V6_INIT : TCP_NONE);
	} else if (s) {
		if (s->waits && is_syn) {
			s->waits = false;
			w->m->waiting--;
		}
		refresh(w, s, f.proto, true, f.tcp_flags);
	}
	check_mapping(w, &got, b, s);
}

/* Usually to a binding that exists. */
static struct flow46 random46(struct walk *w)
{
	unsigned i = rng_below(&w->g, MODEL_MAX), n = 0;
	struct flow46 f = {
		.proto = (enum proto)rng_below(&w->g, PROTO_COUNT),
		.tcp_flags = random_flags(w),
		.src = v4(198, 51, 100, rng_below(&w->g, 6)),
		.sport = (uint16_t)rng_below(&w->g, 3),
		.dst = v4(192, 0, 2, rng_below(&w->g, 3)),
		.dport = (uint16_t)(1024 + rng_below(&w->g, 300)),
	};

	while (n++ < MODEL_MAX && !w->m->b[i].live)
		i = (i + 1) % MODEL_MAX;
	if (rng_below(&w->g, 10) > 0 && w->m->b[i].live) {
		f.proto = w->m->b[i].b.proto;
		f.dst = w->m->b[i].b.out;
		f.dport = w->m->b[i].b.out_port;
	}
	return f;
}

static void check_refused46(
	struct walk *w, const struct flow46 *f, unsigned b, bool is_known, enum drop_reason r)
{
	bool is_syn = f->proto == PROTO_TCP && !(f->tcp_flags & RST) && f->tcp_flags & SYN;

	CHECK_INT(r, is_syn ? DROP_TCP_SYN46_FILTERED : DROP_46_FILTERED);
	if (!is_syn || is_known || w->m->waiting >= w->m->c.max_sessions / FILTERED_SHARE ||
		w->m->sessions >= w->m->c.max_sessions)
		return;
	struct model_session *s = model_session_add(w->m, b, f->src, f->sport);

	s->waits = true;
	w->m->waiting++;
	s->tcp = TCP_V4_INIT;
	s->expires = w->now + w->m->c.lifetime[LIFETIME_TCP_INCOMING_SYN];
}

static void step46(struct walk *w)
{
	struct flow46 f = random46(w);
	struct mapping got = { 0 };
	unsigned b = model_binding_find4(w->m, f.proto, f.dst, f.dport);
	enum drop_reason r = state_take46(w->s, &f, w->now, &got);

	w->seen[r]++;
	if (b == MODEL_MAX) {
		CHECK_INT(r, DROP_46_NO_BINDING);
		return;
	}
	struct model_session *s = model_session_find(w->m, b, f.src, remote_port(f.proto, f.sport));
	bool opens = f.proto != PROTO_TCP || (!(f.tcp_flags & RST) && f.tcp_flags & SYN);

	if ((!s || s->waits) && !model_allows(w->m, b, f.src)) {
		check_refused46(w, &f, b, s != NULL, r);
		return;
	}
	if (!s && opens && w->m->sessions >= w->m->c.max_sessions) {
		CHECK_INT(r, DROP_SESSIONS_FULL);
		return;
	}
	REQUIRE(r == DROP_NONE);
	if (!s && opens) {
		s = begin(w, b, f.src, remote_port(f.proto, f.sport),
			f.proto == PROTO_TCP ? TCP_V4_INIT : TCP_NONE);
	} else if (s) {
		if (s->waits) {
			s->waits = false;
			w->m->waiting--;
			s->expires = w->now + w->m->c.lifetime[LIFETIME_TCP_TRANSITORY];
		}
		refresh(w, s, f.proto, false, f.tcp_flags);
	}
	check_mapping(w, &got, b, s);
}

static void step_time(struct walk *w)
{
	static const nsec steps[] = { 1, 7, 40, 400, 1800, 60000 };

	w->now += steps[rng_below(&w->g, ARRAY_LEN(steps))] * TICK;
	expire(w->s, w->now);
	model_expire(w->m, w->now);
	CHECK_INT(stats_of(w->s).probes, w->m->probes);
}

static void check_totals(const struct walk *w)
{
	struct state_stats st = stats_of(w->s);

	CHECK_INT(st.sessions[0] + st.sessions[1] + st.sessions[2], w->m->sessions);
	CHECK_INT(st.bindings[0] + st.bindings[1] + st.bindings[2], w->m->bindings);
	CHECK(state_validate(w->s));
}

static void step_reload(struct walk *w)
{
	w->m->c.filtering = (enum filtering)rng_below(&w->g, 2);
	w->m->c.max_blocks_per_subscriber = 1 + rng_below(&w->g, 4);
	w->m->c.lifetime[LIFETIME_UDP] = (120 + rng_below(&w->g, 400)) * NSEC;
	w->m->c.max_sessions = w->max_sessions - rng_below(&w->g, w->max_sessions / 4);
	w->m->c.pool[0].lo = (uint16_t)(1000 + rng_below(&w->g, 31)); /* the static bindings stay inside */
	w->m->c.pool[0].hi = (uint16_t)(w->hi - rng_below(&w->g, 60));
	w->m->c.pool_len = 1 + rng_below(&w->g, 2);
	CHECK_INT(state_update(w->s, &w->m->c), 0);
	model_reload(w->m);
	check_totals(w);
}

static struct state_config config_of_walk(bool is_tight)
{
	struct state_config c = config_small();

	c.pool[0] = pool_of(v4(192, 0, 2, 0), 30, 1000, is_tight ? 1100 : 1500);
	c.pool[1] = pool_of(v4(192, 0, 2, 9), 32, 1024, is_tight ? 1087 : 2047);
	c.max_sessions = is_tight ? 200 : 1500;
	c.statics = statics;
	c.statics_len = ARRAY_LEN(statics);
	return c;
}

static void walk(bool is_tight)
{
	struct walk w = { .m = &model, .now = 1000 * TICK };
	struct state_config c = config_of_walk(is_tight);
	uint8_t seed[32] = { 0 };
	uint64_t number = test_seed();

	rng_init(&w.g, number);
	be64_put(seed, number);
	be64_put(seed + 16, number);
	REQUIRE(state_new(&c, seed, w.now, &w.s) == 0);
	model = (struct model){ .c = c };
	w.max_sessions = c.max_sessions;
	w.hi = c.pool[0].hi;
	for (unsigned i = 0; i < ARRAY_LEN(statics); i++) {
		const struct static_binding *b = &statics[i];

		model_binding_add(&model, &(struct binding){ .proto = b->proto,
						  .is_static = true,
						  .in = b->in,
						  .in_port = b->in_port,
						  .out = b->out,
						  .out_port = b->out_port });
	}
	for (unsigned i = 0; i < 40000; i++) {
		uint32_t what = rng_below(&w.g, 1000);

		if (what < 600)
			step64(&w);
		else if (what < 985)
			step46(&w);
		else if (what < 998)
			step_time(&w);
		else
			step_reload(&w);
		if (i % 500 == 0)
			check_totals(&w);
	}
	/* The walk has been everywhere that it claims to test. */
	CHECK(w.seen[DROP_NONE] > 1000 && w.seen[DROP_46_FILTERED] > 0 &&
		w.seen[DROP_TCP_SYN46_FILTERED] > 0);
	CHECK(w.seen[DROP_TCP_NOT_SYN] > 0 && w.seen[DROP_46_NO_BINDING] > 0 && model.probes > 0);
	CHECK(!is_tight || (w.seen[DROP_SESSIONS_FULL] > 0 && w.seen[DROP_SUBSCRIBER_BLOCKS] > 0));
	w.now += 100000 * TICK;
	for (unsigned i = 0; i < 3; i++, w.now += 100000 * TICK) {
		expire(w.s, w.now);
		model_expire(w.m, w.now);
	}
	check_totals(&w);
	CHECK_INT(model.sessions, 0);
	CHECK_INT(stats_of(w.s).subscribers, 2);
	state_free(w.s);
}

TEST(random_packets_agree_with_the_model)
{
	walk(false);
}

TEST(random_packets_agree_with_the_model_when_everything_is_scarce)
{
	walk(true);
}
