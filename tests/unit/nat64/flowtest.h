/* flowtest.h - a gateway with the tables of the fast path, and single packets to it; for the tests of the cache */
#ifndef ISTHMUS_TESTS_NAT64_FLOWTEST_H
#define ISTHMUS_TESTS_NAT64_FLOWTEST_H

#include "flowmodel.h"

#define SETS 64

struct fast {
	struct bench *b;
	struct flowmodel *m;
};

static inline struct fast fast_with(struct bench *b, uint32_t sets)
{
	struct fast f = { b, flowmodel_new(sets, sets) };

	b->cfg.flows = &f.m->maps;
	bench_start(b);
	b->now += NSEC; /* slots that were emptied at the start may be used now */
	return f;
}

static inline struct fast fast_new(void)
{
	return fast_with(bench_config(), SETS);
}

static inline void fast_free(struct fast f)
{
	bench_free(f.b);
	flowmodel_free(f.m);
}

static inline void tick(struct fast f)
{
	struct nat64_out out = { .send = capture, .ctx = f.b };

	f.b->sent = 0;
	(void)nat64_tick(f.b->n, f.b->now, &out);
	REQUIRE(nat64_validate(f.b->n));
}

static inline void pass(struct fast f, nsec time)
{
	for (nsec end = f.b->now + time; f.b->now < end;) {
		f.b->now += end - f.b->now < NSEC / 2 ? end - f.b->now : NSEC / 2;
		tick(f);
	}
}

static inline struct flowcache_counters count(struct fast f)
{
	return nat64_flowcache_counters(f.b->n);
}

/* Whether the programs took it. */
static inline bool sends(struct fast f)
{
	uint64_t hits = f.m->hits;

	CHECK_INT(flowmodel_send(f.m, f.b), VERDICT_SEND);
	REQUIRE(f.b->sent >= 1);
	CHECK(all_checksums_ok(f.b));
	return f.m->hits > hits;
}

static inline uint16_t port_of_udp(struct fast f)
{
	craft_udp(&f.b->in, &to_server, 40000, 53, 20);
	(void)sends(f);
	return f.b->v[0].sport;
}

static inline bool udp_out(struct fast f)
{
	craft_udp(&f.b->in, &to_server, 40000, 53, 20);
	return sends(f);
}

static inline bool udp_in(struct fast f, uint16_t port)
{
	craft_udp(&f.b->in, &to_pool, 53, port, 30);
	return sends(f);
}

/* A UDP flow that is entered; returns its port. */
static inline uint16_t udp_entered(struct fast f)
{
	uint16_t port = port_of_udp(f);

	for (unsigned i = 0; i < 2; i++) {
		CHECK(udp_in(f, port));
		CHECK(udp_out(f));
	}
	CHECK(udp_in(f, port));
	CHECK_INT(count(f).flows, 1);
	return port;
}

static inline bool tcp_out(struct fast f, uint8_t flags)
{
	craft_tcp(&f.b->in, &to_server, 50000, 80, flags, 10);
	return sends(f);
}

static inline bool tcp_in(struct fast f, uint16_t port, uint8_t flags)
{
	craft_tcp(&f.b->in, &to_pool, 80, port, flags, 10);
	return sends(f);
}

static inline uint16_t tcp_entered(struct fast f)
{
	CHECK(!tcp_out(f, TCP_SYN));
	uint16_t port = f.b->v[0].sport;

	CHECK(tcp_in(f, port, TCP_SYN | TCP_ACK));
	CHECK(tcp_out(f, TCP_ACK));
	CHECK(tcp_out(f, TCP_ACK));
	CHECK(tcp_in(f, port, TCP_ACK));
	CHECK(tcp_out(f, TCP_ACK));
	CHECK_INT(count(f).flows, 1);
	return port;
}

static inline const struct session *only_session(struct fast f, bool *ret_cached, struct session *ret)
{
	uint32_t next, id = state_next_session(nat64_state(f.b->n), 0, &next);
	const struct session *e = id == STATE_END ? NULL : state_session(nat64_state(f.b->n), id);

	if (!e)
		return NULL;
	*ret_cached = nat64_session_now(f.b->n, e, f.b->now, ret);
	return e;
}

static inline uint32_t sessions(struct fast f)
{
	struct state_stats s;

	state_stats(nat64_state(f.b->n), &s);
	return s.sessions[PROTO_TCP] + s.sessions[PROTO_UDP] + s.sessions[PROTO_ICMP];
}

#endif
