/* test_flowtrace.c - what a trace is about comes back from the kernel's programs, all of it before the trace says that it sees all */
#include "flowtest.h"

#include "nat64/trace.h"
#include "stateless_bench.h"

#define MANY 2000	    /* flows; more than one tick takes out */
#define MANY_SETS 16384	    /* so that each flow has a place */
#define MANY_PAIR_SETS 8192 /* more slots than one tick looks at */
#define PORTS_FROM 20000

static struct trace *look(struct fast f, const struct trace_filter *filter)
{
	struct trace *t;

	REQUIRE(trace_new(filter, &t) == 0);
	REQUIRE(nat64_trace(f.b->n, t) == 0);
	return t;
}

static void look_away(struct fast f, struct trace *t)
{
	nat64_trace_end(f.b->n, t);
	trace_free(t);
}

TEST(what_a_trace_looks_at_comes_to_us_and_only_that)
{
	struct fast f = fast_new();
	const struct craft_ip other = { .src = "2001:db8:2::9", .dst = SERVER6 };
	struct trace_filter filter = { .has_client = true };
	uint16_t port = udp_entered(f);

	for (unsigned i = 0; i < 6; i++) {
		craft_udp(&f.b->in, &other, 40000, 53, 20);
		(void)sends(f);
		craft_udp(&f.b->in, &to_pool, 53, f.b->v[0].version == 4 ? f.b->v[0].sport : 0, 20);
		(void)sends(f);
	}
	CHECK_INT(count(f).flows, 2);
	REQUIRE(prefix6_parse(CLIENT, &filter.client) == 0);
	struct trace *t = look(f, &filter);

	tick(f);
	CHECK_INT(count(f).flows, 1);
	CHECK_INT(count(f).left[FLOW_LEAVE_TRACE], 1);
	pass(f, NSEC);
	for (unsigned i = 0; i < 100; i++)
		CHECK(!udp_in(f, port));
	craft_udp(&f.b->in, &other, 40000, 53, 20);
	CHECK(sends(f));
	look_away(f, t);
	for (unsigned i = 0; i < 20; i++)
		(void)udp_in(f, port);
	CHECK(udp_in(f, port));
	fast_free(f);
}

TEST(a_trace_of_a_port_takes_out_echo_flows_which_have_none)
{
	struct fast f = fast_new();

	for (unsigned i = 0; i < 6; i++) {
		craft_echo(&f.b->in, &to_server, false, 4711, (uint16_t)i, 56);
		(void)sends(f);
	}
	(void)port_of_udp(f);
	CHECK_INT(count(f).flows, 2);
	struct trace *t = look(f, &(struct trace_filter){ .has_client_port = true, .client_port = 1 });

	tick(f);
	CHECK_INT(count(f).flows, 1);
	craft_echo(&f.b->in, &to_server, false, 4711, 7, 56);
	CHECK(!sends(f));
	look_away(f, t);
	fast_free(f);
}

/* --- when it begins --- */

static bool flow_out(struct fast f, unsigned i)
{
	craft_udp(&f.b->in, &to_server, 40000, (uint16_t)(PORTS_FROM + i), 20);
	return sends(f);
}

/* As tick(), which looks at everything each time; returns whether it is to be called again at once. */
static bool tick_only(struct fast f)
{
	struct nat64_out out = { .send = capture, .ctx = f.b };

	return nat64_tick(f.b->n, f.b->now, &out) <= f.b->now;
}

static struct fast with_many(void)
{
	struct bench *b = bench_config();

	b->cfg.state.max_sessions = 2 * MANY;
	struct fast f = fast_with(b, MANY_SETS);

	for (unsigned i = 0; i < MANY; i++)
		REQUIRE(!flow_out(f, i));
	for (unsigned i = 0; i < MANY; i++)
		REQUIRE(flow_out(f, i));
	CHECK_INT(count(f).flows, MANY);
	return f;
}

TEST(a_trace_sees_all_when_it_says_so_and_takes_many_flows_out_in_parts)
{
	struct fast f = with_many();
	struct trace *t = look(f, &(struct trace_filter){ 0 });
	unsigned parts = 0;

	while (!nat64_trace_sees_all(f.b->n)) {
		bool goes_on = tick_only(f);

		CHECK(goes_on || nat64_trace_sees_all(f.b->n));
		REQUIRE(parts++ < MANY);
	}
	CHECK(parts > 4 && parts < 40);
	for (unsigned i = 0; i < MANY; i++)
		CHECK(!flow_out(f, i));
	tick(f);
	look_away(f, t);
	fast_free(f);
}

TEST(a_flow_that_comes_while_a_trace_begins_is_seen_too)
{
	struct fast f = with_many();
	struct trace *t = look(f, &(struct trace_filter){ 0 });

	(void)tick_only(f);
	CHECK(!nat64_trace_sees_all(f.b->n));
	for (unsigned i = 0; i < 3; i++)
		CHECK(!flow_out(f, MANY));
	while (!nat64_trace_sees_all(f.b->n))
		(void)tick_only(f);
	CHECK(!flow_out(f, MANY));
	CHECK_INT(count(f).flows, 0);
	look_away(f, t);
	fast_free(f);
}

TEST(a_trace_sees_all_though_the_configuration_changes_while_it_begins)
{
	struct fast f = with_many();
	struct trace *t = look(f, &(struct trace_filter){ 0 });

	(void)tick_only(f);
	CHECK_INT(nat64_update(f.b->n, &f.b->cfg), 0);
	while (!nat64_trace_sees_all(f.b->n))
		(void)tick_only(f);
	CHECK_INT(count(f).flows, 0);
	pass(f, NSEC);
	for (unsigned i = 0; i < 100; i++)
		CHECK(!flow_out(f, MANY - 1));
	look_away(f, t);
	fast_free(f);
}

TEST(another_trace_that_begins_takes_out_its_own)
{
	struct fast f = with_many();
	struct trace_filter nobody = { .has_client = true };

	REQUIRE(prefix6_parse("2001:db8:7::7", &nobody.client) == 0);
	struct trace *t = look(f, &nobody);

	while (!nat64_trace_sees_all(f.b->n))
		(void)tick_only(f);
	CHECK_INT(count(f).flows, MANY);
	CHECK(flow_out(f, 0));
	struct trace *all = look(f, &(struct trace_filter){ 0 });

	CHECK(!nat64_trace_sees_all(f.b->n));
	while (!nat64_trace_sees_all(f.b->n))
		(void)tick_only(f);
	CHECK_INT(count(f).flows, 0);
	look_away(f, all);
	look_away(f, t);
	fast_free(f);
}

TEST(without_the_fast_path_a_trace_sees_all_at_once)
{
	struct bench *b = bench_config();

	bench_start(b);
	struct fast f = { b, NULL };
	struct trace *t = look(f, &(struct trace_filter){ 0 });

	CHECK(nat64_trace_sees_all(b->n));
	look_away(f, t);
	bench_free(b);
}

TEST(a_trace_sees_all_pairs_when_it_says_so)
{
	struct bench *b = siit_config();
	struct fast f = { b, flowmodel_new(0, MANY_PAIR_SETS) };

	set_mappings(b, figure1, ARRAY_LEN(figure1));
	b->now = 1000 * NSEC;
	b->cfg.flows = &f.m->maps;
	bench_start(b);
	b->now += NSEC;
	for (unsigned i = 0; i < 10; i++) {
		craft_udp(&b->in, &(struct craft_ip){ .src = HOST_A, .dst = PEER_SEEN }, 1000, 53, 30);
		(void)sends(f);
	}
	CHECK_INT(count(f).pairs, 1);
	struct trace *t = look(f, &(struct trace_filter){ 0 });

	for (unsigned i = 0; !nat64_trace_sees_all(b->n); i++) {
		bool goes_on = tick_only(f);

		CHECK(goes_on || nat64_trace_sees_all(b->n));
		REQUIRE(i < 5);
	}
	for (unsigned i = 0; i < 20; i++) {
		craft_udp(&b->in, &(struct craft_ip){ .src = HOST_A, .dst = PEER_SEEN }, 1000, 53, 30);
		CHECK(!sends(f));
	}
	CHECK_INT(count(f).pairs, 0);
	look_away(f, t);
	fast_free(f);
}
