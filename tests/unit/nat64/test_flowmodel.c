/*
 * test_flowmodel.c - whether anybody can tell that packets pass without the translator
 *
 * Two gateways get the same random packets at the same times: one translates all of them, of the other the kernel's programs
 * (flowmodel.h) translate what they may. Packets, sessions, their ends and all counts must be the same. Packets come at whole
 * seconds and timers are looked at in between, so that milliseconds do not matter.
 */
#include "flowmodel.h"

#include "nat64/trace.h"

#include <stdio.h>

#define CLIENTS 3
#define MAPPED "2001:db8:5::"
#define LIFE_SLACK (12 * MSEC)

struct pair {
	struct bench *plain, *fast;
	struct flowmodel *m;
	struct rng g;
	struct trace *trace;
	bool failed;
};

/* One difference makes many; the first step with one is the last. */
#define SAME(check) (p->failed |= !(check))

static const char *const clients[CLIENTS] = { "2001:db8:1::2", "2001:db8:1::3", "2001:db8:2::2" };
static const char *const servers[] = { "198.51.100.10", "198.51.100.11", "203.0.113.1", POOL };

static uint32_t below(struct pair *p, uint32_t n)
{
	return rng_below(&p->g, n);
}

static const char *embedded(const char *v4, unsigned prefix)
{
	static char text[ADDR6_TEXT];
	struct prefix6 p[2] = { WELL_KNOWN_PREFIX, { { UINT64_C(0x20010db800640000), 0 }, 96 } };
	struct addr4 a;

	REQUIRE(addr4_parse(v4, &a));
	(void)addr6_text(embed_addr(p[prefix], a), text);
	return text;
}

static const struct eam mappings[] = {
	{ .v4 = { { 0xcb007100u }, 30 }, .v6 = { { UINT64_C(0x20010db800050000), 0 }, 126 } },
};

static struct bench *config(bool with_mappings)
{
	struct bench *b = bench_config();

	b->cfg.prefixes[1] = (struct prefix6){ { UINT64_C(0x20010db800640000), 0 }, 96 };
	b->cfg.prefixes_len = 2;
	b->cfg.ftp_alg = true;
	if (!with_mappings)
		return b;
	b->cfg.siit.prefixes[0] = WELL_KNOWN_PREFIX;
	b->cfg.siit.prefixes_len = 1;
	b->cfg.siit.allow_non_global = true;
	b->cfg.siit.mappings = mappings;
	b->cfg.siit.mappings_len = ARRAY_LEN(mappings);
	return b;
}

/* --- a packet to both --- */

static void mask(struct craft *c)
{
	uint8_t *p = craft_data(c);

	if (c->len >= 20 && p[0] >> 4 == 4) {
		be16_put(p + 4, 0);
		be16_put(p + 10, 0);
	}
	if (c->len >= 48 && p[0] >> 4 == 6 && p[6] == IPPROTO6_FRAGMENT)
		be32_put(p + 44, 0);
}

static void put_both(struct pair *p)
{
	bytes_copy(&p->fast->in, &p->plain->in, sizeof(p->fast->in));
	enum verdict want = send_plain(p->plain), got = flowmodel_send(p->m, p->fast);

	SAME(CHECK_INT(got, want));
	REQUIRE(p->fast->sent == p->plain->sent);
	for (unsigned i = 0; i < p->plain->sent; i++) {
		mask(&p->plain->out[i]);
		mask(&p->fast->out[i]);
		SAME(CHECK_BYTES(
			sent(p->fast, i), p->fast->out[i].len, sent(p->plain, i), p->plain->out[i].len));
	}
}

/* --- what is sent --- */

static uint8_t flags_of(struct pair *p)
{
	static const uint8_t rare[] = { TCP_SYN, TCP_SYN | TCP_ACK, TCP_FIN | TCP_ACK, TCP_RST };

	return below(p, 12) == 0 ? rare[below(p, ARRAY_LEN(rare))] : TCP_ACK;
}

static void craft_any(struct pair *p, const struct craft_ip *ip, enum proto proto, uint16_t sport,
	uint16_t dport, uint8_t flags)
{
	struct craft *c = &p->plain->in;
	size_t len = below(p, 20) == 0 ? 1300 : below(p, 60);

	if (proto == PROTO_TCP)
		craft_tcp(c, ip, sport, dport, flags, len);
	else if (proto == PROTO_UDP)
		craft_udp(c, ip, sport, dport, len);
	else
		craft_echo(c, ip, below(p, 2) == 0, sport, 1, len);
}

static uint8_t hops_of(struct pair *p)
{
	return (uint8_t)(below(p, 30) == 0 ? 1 + below(p, 3) : 64);
}

/* A port of the pool that somebody has, if there is one. */
static uint16_t some_port(struct pair *p)
{
	uint32_t next, id = state_next_binding(nat64_state(p->plain->n), below(p, 8), &next);
	const struct binding *b = id == STATE_END ? NULL : state_binding(nat64_state(p->plain->n), id);

	return b ? b->out_port : 4000;
}

static void from_client(struct pair *p)
{
	enum proto proto = (enum proto)below(p, PROTO_COUNT);
	const char *to = servers[below(p, ARRAY_LEN(servers))];
	bool is_pool = to == servers[3];
	struct craft_ip ip = { .src = below(p, 6) == 0 ? MAPPED "1" : clients[below(p, CLIENTS)],
		.dst = embedded(to, below(p, 8) == 0),
		.hop_limit = hops_of(p) };
	uint16_t dport = is_pool ? some_port(p) : (uint16_t)(20 + below(p, 3));
	uint8_t flags = below(p, 2) ? TCP_SYN : flags_of(p);

	craft_any(p, &ip, proto, (uint16_t)(7000 + below(p, 3)), dport, flags);
	put_both(p);
}

/* A packet of a flow that there is, the one way or the other. */
static void of_session(struct pair *p)
{
	const struct state *s = nat64_state(p->plain->n);
	uint32_t next, id = state_next_session(s, below(p, 16), &next);
	const struct session *e = id == STATE_END ? NULL : state_session(s, id);

	if (!e)
		return;
	const struct binding *b = state_binding(s, e->binding);
	char in[ADDR6_TEXT], out[ADDR4_TEXT], remote[ADDR4_TEXT], remote6[ADDR6_TEXT];
	bool is_echo = b->proto == PROTO_ICMP, is_64 = below(p, 2) == 0;
	bool is_ended = e->tcp == TCP_V6_INIT || e->tcp == TCP_V4_INIT;
	uint8_t flags = is_ended && below(p, 2) ? TCP_SYN | TCP_ACK : flags_of(p);

	(void)addr6_text(b->in, in);
	(void)addr4_text(b->out, out);
	(void)addr4_text(e->remote, remote);
	snprintf(remote6, sizeof(remote6), "%s", embedded(remote, b->prefix));
	struct craft_ip ip64 = { .src = in, .dst = remote6, .hop_limit = hops_of(p) };
	struct craft_ip ip46 = {
		.src = remote, .dst = out, .hop_limit = hops_of(p), .no_df = below(p, 3) == 0
	};

	for (unsigned i = below(p, 6); i > 0; i--) {
		if (is_64)
			craft_any(
				p, &ip64, b->proto, b->in_port, is_echo ? b->in_port : e->remote_port, flags);
		else
			craft_any(p, &ip46, b->proto, is_echo ? b->out_port : e->remote_port, b->out_port,
				flags);
		put_both(p);
		flags = TCP_ACK;
		if (id != state_next_session(s, id, &next))
			return;
	}
}

/* To and from hosts that have a mapping; without one they are strangers. */
static void of_mapping(struct pair *p)
{
	bool is_64 = below(p, 2) == 0;
	struct craft_ip ip64 = { .src = MAPPED "2", .dst = embedded(servers[below(p, 4)], 0) };
	struct craft_ip ip46 = {
		.src = servers[below(p, 2)], .dst = "203.0.113.2", .no_df = below(p, 3) == 0
	};

	for (unsigned i = 0; i < 5; i++) {
		craft_any(p, is_64 ? &ip64 : &ip46, (enum proto)below(p, PROTO_COUNT), 9000, 53, TCP_ACK);
		put_both(p);
	}
}

static void from_stranger(struct pair *p)
{
	struct craft_ip ip = { .src = servers[below(p, 3)], .dst = POOL, .hop_limit = hops_of(p) };

	craft_any(p, &ip, (enum proto)below(p, PROTO_COUNT), (uint16_t)(20 + below(p, 3)), some_port(p),
		flags_of(p));
	put_both(p);
}

/* --- comparing --- */

/* That a connection is open may be counted half a second late. */
static void check_tcp_totals(struct pair *p)
{
	struct state_stats a, b;

	state_stats(nat64_state(p->plain->n), &a);
	state_stats(nat64_state(p->fast->n), &b);
	SAME(CHECK_BYTES((uint8_t *)b.tcp, sizeof(b.tcp), (uint8_t *)a.tcp, sizeof(a.tcp)));
}

static void check_sessions(struct pair *p)
{
	const struct state *s = nat64_state(p->plain->n);
	struct state_stats a, b;
	struct mapping m;
	struct session e;

	state_stats(s, &a);
	state_stats(nat64_state(p->fast->n), &b);
	SAME(CHECK_BYTES(
		(uint8_t *)b.sessions, sizeof(b.sessions), (uint8_t *)a.sessions, sizeof(a.sessions)));
	for (uint32_t next = 0, id; (id = state_next_session(s, next, &next)) != STATE_END;) {
		const struct session *want = state_session(s, id);
		const struct binding *bind = state_binding(s, want->binding);
		const struct flow46 f = { .proto = bind->proto,
			.src = want->remote,
			.sport = want->remote_port,
			.dst = bind->out,
			.dport = bind->out_port };

		if (want->is_filtered)
			continue;
		REQUIRE(state_find46(nat64_state(p->fast->n), &f, &m));
		(void)nat64_session_now(p->fast->n, m.session, p->fast->now, &e);
		SAME(CHECK_INT(e.tcp, want->tcp));
		SAME(CHECK_INT(e.created, want->created));
		SAME(CHECK_INT(e.pkts_64, want->pkts_64));
		SAME(CHECK_INT(e.bytes_64, want->bytes_64));
		SAME(CHECK_INT(e.pkts_46, want->pkts_46));
		SAME(CHECK_INT(e.bytes_46, want->bytes_46));
		SAME(CHECK(e.expires >= want->expires && e.expires <= want->expires + LIFE_SLACK));
	}
}

static void check_counts(struct pair *p)
{
	static const unsigned row[PROTO_COUNT] = {
		[PROTO_TCP] = FLOW_TCP, [PROTO_UDP] = FLOW_UDP, [PROTO_ICMP] = FLOW_ICMP
	};
	const struct nat64_counters *want = nat64_counters(p->plain->n), *got = nat64_counters(p->fast->n);
	struct flow_tallies t;

	flow_totals(&p->m->maps, &t);
	for (unsigned d = 0; d < DIR_COUNT; d++) {
		for (enum proto k = 0; k < PROTO_COUNT; k++) {
			SAME(CHECK_INT(got->pkts[d][k] + t.pkts[d][row[k]], want->pkts[d][k]));
			SAME(CHECK_INT(got->bytes[d][k] + t.bytes[d][row[k]], want->bytes[d][k]));
			SAME(CHECK_INT(got->stateless_pkts[d][k] + t.stateless_pkts[d][row[k]],
				want->stateless_pkts[d][k]));
			SAME(CHECK_INT(got->stateless_bytes[d][k] + t.stateless_bytes[d][row[k]],
				want->stateless_bytes[d][k]));
		}
	}
	SAME(CHECK_INT(got->hairpins + t.hairpins, want->hairpins));
	SAME(CHECK_INT(got->probes, want->probes));
	SAME(CHECK_BYTES((const uint8_t *)got->drop, sizeof(got->drop), (const uint8_t *)want->drop,
		sizeof(want->drop)));
}

/* --- time, and what the operator does --- */

static void tick_one(struct bench *b)
{
	struct nat64_out out = { .send = capture, .ctx = b };

	b->sent = 0;
	(void)nat64_tick(b->n, b->now, &out);
}

static void pass(struct pair *p, nsec time)
{
	p->plain->now = p->fast->now += time - NSEC / 2;
	tick_one(p->plain);
	tick_one(p->fast);
	SAME(CHECK_INT(p->fast->sent, p->plain->sent)); /* probes */
	check_tcp_totals(p);
	REQUIRE(nat64_validate(p->fast->n));
	p->plain->now = p->fast->now += NSEC / 2;
}

static void reload_one(struct bench *b, const struct nat64_config *c)
{
	struct nat64_change *ch = NULL;
	struct state_report report;

	REQUIRE(nat64_prepare(b->n, c, 5, &ch) == 0);
	nat64_commit(b->n, ch, b->now, &report);
	nat64_change_free(ch);
}

static void reload(struct pair *p)
{
	struct nat64_config c = p->plain->cfg;

	c.lowest_ipv6_mtu = below(p, 2) ? 1280 : 1500;
	c.ftp_alg = below(p, 2);
	c.deny_len = below(p, 4) == 0;
	REQUIRE(prefix4_parse(servers[1], &c.deny[0]) == 0);
	c.prefixes_len = below(p, 4) == 0 ? 1 : 2;
	if (below(p, 3) == 0)
		c.siit = (struct siit_config){ .prefixes_len = 0 };
	reload_one(p->plain, &c);
	c.flows = &p->m->maps;
	reload_one(p->fast, &c);
}

static void trace_or_not(struct pair *p)
{
	struct trace_filter f = { .has_client = true };

	if (p->trace) {
		nat64_trace_end(p->fast->n, p->trace);
		trace_free(p->trace);
		p->trace = NULL;
		return;
	}
	REQUIRE(prefix6_parse(clients[below(p, CLIENTS)], &f.client) == 0);
	REQUIRE(trace_new(&f, &p->trace) == 0);
	REQUIRE(nat64_trace(p->fast->n, p->trace) == 0);
}

static void step_one(struct pair *p)
{
	uint32_t what = below(p, 1000);

	if (what < 300)
		from_client(p);
	else if (what < 800)
		of_session(p);
	else if (what < 850)
		of_mapping(p);
	else if (what < 900)
		from_stranger(p);
	else if (what < 985)
		pass(p, below(p, 10) == 0 ? (1 + below(p, 400)) * NSEC : (1 + below(p, 20)) * NSEC);
	else if (what < 990)
		pass(p, (1 + below(p, 8000)) * NSEC);
	else if (what < 996)
		reload(p);
	else
		trace_or_not(p);
}

static void run(uint64_t seed, uint32_t sets, bool with_mappings, uint64_t *hits)
{
	struct pair p = {
		.plain = config(with_mappings), .fast = config(with_mappings), .m = flowmodel_new(sets, sets)
	};

	rng_init(&p.g, seed);
	p.fast->cfg.flows = &p.m->maps;
	bench_start(p.plain);
	bench_start(p.fast);
	pass(&p, NSEC);
	for (unsigned i = 0; i < 1500; i++) {
		step_one(&p);
		if (i % 10 == 0) {
			check_sessions(&p);
			check_counts(&p);
		}
		if (p.failed) {
			printf("  seed %llu, step %u\n", (unsigned long long)seed, i);
			break;
		}
	}
	*hits += p.m->hits;
	if (p.trace)
		trace_or_not(&p);
	bench_free(p.plain);
	bench_free(p.fast);
	flowmodel_free(p.m);
}

TEST(nobody_can_tell_that_packets_pass_without_the_translator)
{
	uint64_t hits = 0;

	for (uint64_t seed = 1; seed <= 12; seed++)
		run(seed, 64, false, &hits);
	CHECK(hits > 5000);
}

TEST(nor_in_tables_that_are_far_too_small)
{
	uint64_t hits = 0;

	for (uint64_t seed = 101; seed <= 112; seed++)
		run(seed, 1, false, &hits);
	CHECK(hits > 500);
}

TEST(nor_beside_stateless_translation)
{
	uint64_t hits = 0;

	for (uint64_t seed = 201; seed <= 212; seed++)
		run(seed, 16, true, &hits);
	CHECK(hits > 3000);
}
