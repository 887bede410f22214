/*
 * bench.h - a translator with one client side and one server side, and everything that it sends
 *
 * Included by the tests of this folder; each is a program of its own.
 */
#ifndef ISTHMUS_TESTS_NAT64_BENCH_H
#define ISTHMUS_TESTS_NAT64_BENCH_H

#include "craft.h"
#include "harness.h"

#include "addr/embed.h"
#include "base/bytes.h"
#include "nat64/nat64.h"

#include <errno.h>
#include <stdlib.h>

#define CLIENT "2001:db8:1::2"
#define SERVER "198.51.100.10"
#define SERVER6 "64:ff9b::c633:640a" /* SERVER under the well-known prefix */
#define POOL "192.0.2.64"
#define POOL6 "64:ff9b::c000:240"
#define SENT_MAX 160

#define ICMP6_UNREACHABLE 1
#define ICMP6_TIME_EXCEEDED 3
#define ICMP4_UNREACHABLE 3
#define ICMP4_TIME_EXCEEDED 11

/* What came out, as bytes; the last packet's view and offload state are kept too. */
struct bench {
	struct nat64_config cfg;
	struct nat64 *n;
	nsec now;
	struct craft in;
	unsigned sent;
	struct craft out[SENT_MAX];
	struct view v[SENT_MAX];
	struct offload off[SENT_MAX];
};

static inline void capture(void *ctx, const struct pkt *p)
{
	struct bench *b = ctx;

	REQUIRE(b->sent < SENT_MAX);
	REQUIRE(pkt_validate(p));
	b->out[b->sent].len = p->len;
	b->v[b->sent] = p->v;
	b->off[b->sent] = p->off;
	bytes_copy(craft_data(&b->out[b->sent]), p->data, p->len);
	b->sent++;
}

static inline struct bench *bench_config(void)
{
	struct bench *b = calloc(1, sizeof(*b));

	REQUIRE(b);
	b->now = 1000 * NSEC;
	b->cfg.prefixes[0] = WELL_KNOWN_PREFIX;
	b->cfg.prefixes_len = 1;
	b->cfg.allow_non_global = true;
	state_config_default(&b->cfg.state);
	b->cfg.state.max_sessions = 1000;
	REQUIRE(prefix4_parse(POOL, &b->cfg.state.pool[0].prefix) == 0);
	b->cfg.state.pool[0].lo = 1024;
	b->cfg.state.pool[0].hi = 65535;
	b->cfg.state.pool_len = 1;
	return b;
}

static inline void bench_start(struct bench *b)
{
	uint8_t seed[32] = { 1, 2, 3 };

	REQUIRE(nat64_new(&b->cfg, seed, b->now, &b->n) == 0);
}

static inline struct bench *bench_new(void)
{
	struct bench *b = bench_config();

	bench_start(b);
	return b;
}

static inline void bench_free(struct bench *b)
{
	CHECK(nat64_validate(b->n));
	nat64_free(b->n);
	free(b);
}

/* Sends b->in through the translator with that offload state; what comes out is captured behind what was. */
static inline enum verdict put_more(struct bench *b, struct offload off)
{
	struct nat64_out out = { .send = capture, .ctx = b };
	struct pkt p = {
		.head = b->in.memory,
		.data = craft_data(&b->in),
		.len = (uint32_t)b->in.len,
		.end = b->in.memory + sizeof(b->in.memory),
		.off = off,
	};

	return nat64_packet(b->n, &p, b->now, &out);
}

/* The same, but forgets what was captured. */
static inline enum verdict put(struct bench *b, struct offload off)
{
	b->sent = 0;
	return put_more(b, off);
}

static inline enum verdict send_plain(struct bench *b)
{
	return put(b, (struct offload){ 0 });
}

static inline uint64_t drops(const struct bench *b, enum drop_reason r)
{
	return nat64_drops(nat64_counters(b->n), r);
}

static inline uint8_t *sent(struct bench *b, unsigned i)
{
	return craft_data(&b->out[i]);
}

static inline bool all_checksums_ok(struct bench *b)
{
	for (unsigned i = 0; i < b->sent; i++) {
		if (!craft_checksums_ok(sent(b, i), b->out[i].len))
			return false;
	}
	return true;
}

static inline void check_addr4(struct addr4 got, const char *want)
{
	char text[ADDR4_TEXT];

	CHECK_TEXT(addr4_text(got, text), want);
}

static inline void check_addr6(struct addr6 got, const char *want)
{
	char text[ADDR6_TEXT];

	CHECK_TEXT(addr6_text(got, text), want);
}

static const struct craft_ip to_server = { .src = CLIENT, .dst = SERVER6 };
static const struct craft_ip to_pool = { .src = SERVER, .dst = POOL };

/* A UDP packet from the client; returns the port of its binding. */
static inline uint16_t open_udp(struct bench *b, uint16_t sport)
{
	craft_udp(&b->in, &to_server, sport, 53, 20);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	return b->v[0].sport;
}

#endif
