/* fixture.h - a small state and short ways to send packets to it; each test starts from config_small() */
#ifndef ISTHMUS_TESTS_STATE_FIXTURE_H
#define ISTHMUS_TESTS_STATE_FIXTURE_H

#include "harness.h"
#include "state/state.h"

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

#define START (1000 * NSEC) /* when tests begin: not zero, so that a forgotten time shows */
#define LATE (200 * MSEC)   /* more than one tick of the wheel */

static const uint8_t seed_of_tests[32] = { 0x15, 0x74, 0x68, 0x6d, 0x75, 0x73, [16] = 9, [31] = 4 };

static inline struct addr4 v4(unsigned a, unsigned b, unsigned c, unsigned d)
{
	return (struct addr4){ a << 24 | b << 16 | c << 8 | d };
}

/* Host @host of the /64 number @net, of 2001:db8::/32. */
static inline struct addr6 v6(unsigned net, unsigned host)
{
	return (struct addr6){ UINT64_C(0x20010db800000000) | net, host };
}

#define SERVER v4(198, 51, 100, 7)
#define OTHER_SERVER v4(198, 51, 100, 8)

static inline struct pool_entry pool_of(struct addr4 a, uint8_t len, uint16_t lo, uint16_t hi)
{
	return (struct pool_entry){ .prefix = { a, len }, .lo = lo, .hi = hi };
}

/* One address, 192.0.2.1, ports 1024 to 2047 in blocks of 64; 256 sessions. */
static inline struct state_config config_small(void)
{
	struct state_config c;

	state_config_default(&c);
	c.pool[0] = pool_of(v4(192, 0, 2, 1), 32, 1024, 2047);
	c.pool_len = 1;
	c.ports_per_block = 64;
	c.max_blocks_per_subscriber = 4;
	c.max_sessions = 256;
	return c;
}

static inline struct state *state_of(const struct state_config *c)
{
	struct state *s = NULL;

	REQUIRE(state_new(c, seed_of_tests, START, &s) == 0);
	return s;
}

static inline struct flow64 udp64(struct addr6 src, uint16_t sport, struct addr4 dst, uint16_t dport)
{
	return (struct flow64){ .proto = PROTO_UDP, .src = src, .sport = sport, .dst = dst, .dport = dport };
}

static inline struct flow64 tcp64(
	struct addr6 src, uint16_t sport, struct addr4 dst, uint16_t dport, uint8_t flags)
{
	return (struct flow64){
		.proto = PROTO_TCP, .tcp_flags = flags, .src = src, .sport = sport, .dst = dst, .dport = dport
	};
}

static inline struct flow64 icmp64(struct addr6 src, uint16_t id, struct addr4 dst)
{
	return (struct flow64){ .proto = PROTO_ICMP, .src = src, .sport = id, .dst = dst, .dport = id };
}

/* The packet that answers @f, towards the binding that @m shows. */
static inline struct flow46 answer(const struct flow64 *f, const struct mapping *m, uint8_t flags)
{
	return (struct flow46){
		.proto = f->proto,
		.tcp_flags = flags,
		.src = f->dst,
		.sport = f->proto == PROTO_ICMP ? m->binding->out_port : f->dport,
		.dst = m->binding->out,
		.dport = m->binding->out_port,
	};
}

static inline struct mapping take64(struct state *s, struct flow64 f, nsec now)
{
	struct mapping m = { 0 };

	CHECK_INT(state_take64(s, &f, now, &m), DROP_NONE);
	REQUIRE(m.binding != NULL && m.session != NULL);
	return m;
}

static inline struct mapping take46(struct state *s, struct flow46 f, nsec now)
{
	struct mapping m = { 0 };

	CHECK_INT(state_take46(s, &f, now, &m), DROP_NONE);
	REQUIRE(m.binding != NULL && m.session != NULL);
	return m;
}

/* A refusal must not write its output. */
static inline void check_drop64(struct state *s, struct flow64 f, nsec now, enum drop_reason want)
{
	static struct session poison;
	struct mapping m = { .session = &poison };

	CHECK_INT(state_take64(s, &f, now, &m), want);
	CHECK(m.session == &poison && m.binding == NULL);
}

static inline void check_drop46(struct state *s, struct flow46 f, nsec now, enum drop_reason want)
{
	static struct session poison;
	struct mapping m = { .session = &poison };

	CHECK_INT(state_take46(s, &f, now, &m), want);
	CHECK(m.session == &poison && m.binding == NULL);
}

static inline struct state_stats stats_of(const struct state *s)
{
	struct state_stats st;

	state_stats(s, &st);
	return st;
}

/* Everything that is due at @now. */
static inline void expire(struct state *s, nsec now)
{
	state_expire(s, now, UINT32_MAX, NULL, NULL);
}

#define FINISH(s)                                                                                            \
	do {                                                                                                 \
		CHECK(state_validate(s));                                                                    \
		state_free(s);                                                                               \
	} while (0)

#endif
