/* test_trace.c - what is told of a packet that somebody follows, who follows which packets, and that nothing else changes */
#include "stateless_bench.h"

#include "nat64/trace.h"

#include <stdio.h>
#include <string.h>

#define NAMES_TEXT 1024

static struct trace *follow(struct bench *b, struct trace_filter f)
{
	struct trace *t = NULL;

	REQUIRE(trace_new(&f, &t) == 0);
	REQUIRE(nat64_trace(b->n, t) == 0);
	return t;
}

static void follow_end(struct bench *b, struct trace *t)
{
	nat64_trace_end(b->n, t);
	trace_free(t);
}

/* The names of all steps that wait, with blanks between; a packet's are ended by a bar. */
static const char *names(struct trace *t)
{
	static char text[NAMES_TEXT];
	static struct trace_step steps[TRACE_STEPS_MAX];
	uint64_t lost = 77;
	unsigned len = trace_take(t, steps, ARRAY_LEN(steps), &lost);
	size_t at = 0;

	CHECK_INT(lost, 0);
	text[0] = '\0';
	for (unsigned i = 0; i < len && at < sizeof(text); i++) {
		bool is_new = i > 0 && steps[i].packet != steps[i - 1].packet;

		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s%s", i > 0 ? " " : "",
			is_new ? "| " : "", step_name((enum step_id)steps[i].step.id));
	}
	return text;
}

static struct trace_filter everything(void)
{
	return (struct trace_filter){ .has_client = false };
}

static void put_tcp64(struct bench *b, uint8_t flags)
{
	craft_tcp(&b->in, &to_server, 40000, 80, flags, 0);
	(void)send_plain(b);
}

static void put_tcp46(struct bench *b, uint16_t port, uint8_t flags)
{
	craft_tcp(&b->in, &to_pool, 80, port, flags, 0);
	(void)send_plain(b);
}

TEST(a_tcp_connection_is_told_step_by_step)
{
	struct bench *b = bench_new();
	struct trace *t = follow(b, everything());

	put_tcp64(b, TCP_SYN);
	REQUIRE(b->sent == 1);
	uint16_t port = b->v[0].sport;
	const char *why = port == 40000 ? "PORT_KEPT" : "PORT_PARITY";
	char want[NAMES_TEXT];

	snprintf(want, sizeof(want),
		"PARSED PREFIX SOURCE_OK HOPS_OK GLOBAL_OK BINDING_MADE BLOCK %s TCP_MOVED SESSION_MADE "
		"CHECKSUM_UPDATED SENT",
		why);
	CHECK_TEXT(names(t), want);

	put_tcp46(b, port, TCP_SYN | TCP_ACK);
	CHECK_TEXT(names(t),
		"PARSED POOL_ADDRESS HOPS_OK BINDING_FOUND SESSION_FOUND TCP_MOVED SESSION_REFRESHED "
		"CHECKSUM_UPDATED SENT");
	put_tcp64(b, TCP_ACK);
	CHECK_TEXT(names(t),
		"PARSED PREFIX SOURCE_OK HOPS_OK GLOBAL_OK BINDING_FOUND SESSION_FOUND TCP_STAYED "
		"SESSION_REFRESHED CHECKSUM_UPDATED SENT");
	follow_end(b, t);
	bench_free(b);
}

TEST(a_step_has_the_values_that_were_decided)
{
	struct bench *b = bench_new();
	struct trace *t = follow(b, everything());
	struct trace_step s[TRACE_PACKET_STEPS_MAX];
	uint64_t lost;

	put_tcp64(b, TCP_SYN);
	uint16_t port = b->v[0].sport;

	put_tcp46(b, port, TCP_SYN | TCP_ACK);
	unsigned len = trace_take(t, s, ARRAY_LEN(s), &lost);

	REQUIRE(len == 21);
	CHECK_INT(s[0].packet, 1);
	CHECK_INT(s[0].at, b->now);
	CHECK_INT(s[0].step.port[0], 40000);
	CHECK_INT(s[0].step.flags, TCP_SYN);
	CHECK_INT(s[0].step.n, 60);
	check_addr4(s[1].step.a4, SERVER);
	check_addr6(s[5].step.a6, CLIENT);
	check_addr4(s[5].step.b4, POOL);
	CHECK_INT(s[5].step.port[1], port);
	CHECK(s[6].step.n <= port && port <= s[6].step.m);
	CHECK_INT(s[8].step.x, TCP_CLOSED);
	CHECK_INT(s[8].step.y, TCP_V6_INIT);
	CHECK_INT(s[9].step.n, 240 * 1000);
	CHECK_INT(s[11].step.version, 4);
	CHECK_INT(s[12].packet, 2);
	CHECK_INT(s[17].step.x, TCP_V6_INIT);
	CHECK_INT(s[17].step.y, TCP_ESTABLISHED);
	CHECK_INT(s[18].step.n, (2 * 3600 + 240) * 1000);
	follow_end(b, t);
	bench_free(b);
}

static void deny_server(struct bench *b)
{
	b->cfg.deny_len = 1;
	REQUIRE(prefix4_parse(SERVER "/32", &b->cfg.deny[0]) == 0);
}

TEST(a_refusal_is_told_with_its_reason_and_the_error_that_is_sent)
{
	struct bench *b = bench_config();

	deny_server(b);
	bench_start(b);
	struct trace *t = follow(b, everything());

	put_tcp64(b, TCP_SYN);
	CHECK_TEXT(names(t), "PARSED PREFIX SOURCE_OK HOPS_OK DROPPED TOLD");
	craft_data(&b->in)[0] = 0x60;
	b->in.len = 10;
	(void)send_plain(b);
	CHECK_TEXT(names(t), "NOT_PARSED DROPPED");
	put_tcp46(b, 4000, TCP_SYN);
	CHECK_TEXT(names(t), "PARSED POOL_ADDRESS HOPS_OK NO_BINDING DROPPED SYN_HELD");
	put_tcp46(b, 4000, TCP_ACK);
	CHECK_TEXT(names(t), "PARSED POOL_ADDRESS HOPS_OK NO_BINDING DROPPED TOLD");
	follow_end(b, t);
	bench_free(b);
}

TEST(a_hairpin_and_an_icmp_error_are_told_both_ways)
{
	struct bench *b = bench_new();
	uint16_t port = open_udp(b, 4000);
	struct craft_ip hairpin = { .src = "2001:db8:1::7", .dst = POOL6 };
	struct trace *t = follow(b, everything());

	craft_udp(&b->in, &hairpin, 5000, port, 10);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	const char *got = names(t);

	CHECK(strstr(got, "SESSION_MADE HAIRPIN POOL_ADDRESS HOPS_OK BINDING_FOUND FILTER_INDEPENDENT "
			  "SESSION_MADE "
			  "CHECKSUM_UPDATED SENT") != NULL);

	struct craft inner;

	craft_udp(&inner, &(struct craft_ip){ .src = POOL, .dst = SERVER }, port, 53, 20);
	craft_error(&b->in, &(struct craft_ip){ .src = "203.0.113.1", .dst = POOL }, ICMP4_TIME_EXCEEDED, 0,
		0, craft_data(&inner), inner.len);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	CHECK_TEXT(names(t), "PARSED INNER ERROR_SESSION ERROR_REWRITTEN SENT");
	follow_end(b, t);
	bench_free(b);
}

TEST(fragments_and_what_they_wait_for_are_told)
{
	struct bench *b = bench_new();
	struct trace *t = follow(b, everything());

	/* A datagram of 80 bytes from the client in two fragments, the second one first. */
	for (unsigned part = 2; part-- > 0;) {
		craft_udp(&b->in, &to_server, 4000, 53, 72);
		uint8_t *p = craft_data(&b->in);

		bytes_move(p + 48, p + 40 + part * 40, 40);
		p[6] = IPPROTO6_FRAGMENT;
		be16_put(p + 4, 48);
		p[40] = IPPROTO_UDP_NR;
		p[41] = 0;
		be16_put(p + 42, (uint16_t)(part * 40 | (part == 0)));
		be32_put(p + 44, 99);
		b->in.len = 88;
		(void)send_plain(b);
		CHECK_INT(b->sent, part == 1 ? 0 : 2);
	}
	const char *got = names(t);

	CHECK(strncmp(got, "PARSED FRAGMENT FRAGMENT_HELD | PARSED FRAGMENT PREFIX", 54) == 0);
	CHECK(strstr(got, "SENT FRAGMENT_JOINED") != NULL);
	follow_end(b, t);
	bench_free(b);
}

TEST(checksums_that_are_left_to_a_network_card_or_missing_are_told)
{
	struct bench *b = bench_new();
	struct trace *t = follow(b, everything());
	struct offload off = { .csum_partial = true, .csum_start = 40, .csum_offset = 16 };

	craft_tcp(&b->in, &to_server, 40000, 80, TCP_SYN, 0);
	(void)put(b, off);
	const char *got = names(t);

	CHECK(strstr(got, "PARSED PARTIAL PREFIX") == got);
	CHECK(strstr(got, "CHECKSUM_PARTIAL SENT") != NULL);

	uint16_t port = open_udp(b, 4000);

	craft_udp(&b->in, &to_pool, 53, port, 20);
	be16_put(craft_data(&b->in) + 26, 0);
	(void)send_plain(b);
	CHECK(strstr(names(t), "CHECKSUM_MADE SENT") != NULL);
	follow_end(b, t);
	bench_free(b);
}

TEST(an_address_that_is_lent_is_told)
{
	static const struct hash_key key = { 4, 6 };
	static uint64_t memory[16];
	const struct prefix4 pool = { { 0xc6120000 }, 32 };
	struct bench *b = siit_config();
	struct trace_filter f = { .has_client = true };
	struct lent46_writer w;
	struct lent46 table;
	struct addr4 got;

	REQUIRE(sizeof(memory) >= lent46_bytes(pool));
	lent46_make(memory, pool, &key);
	REQUIRE(lent46_attach(&table, pool, memory));
	lent46_take(&w, &table, NSEC);
	REQUIRE(prefix6_parse("2001:db8:6::80/128", &f.client) == 0);
	REQUIRE(lent46_lend(&w, f.client.addr, NSEC, NSEC, &got) == 0);
	b->cfg.siit.lent = &table;
	bench_start(b);
	struct trace *t = follow(b, f);

	craft_udp(&b->in, &(struct craft_ip){ .src = PEER, .dst = "198.18.0.0" }, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	CHECK_TEXT(names(t), "PARSED STATELESS BY_LENDING BY_PREFIX CHECKSUM_UPDATED SENT");
	follow_end(b, t);
	bench_free(b);
}

TEST(translation_without_state_is_told_by_its_rules_and_found_by_its_addresses)
{
	struct bench *b = siit_new();
	struct trace_filter f = { .has_client = true, .has_client_port = true, .client_port = 53 };

	REQUIRE(prefix6_parse("2001:db8:aaaa::/128", &f.client) == 0);
	struct trace *t = follow(b, f);

	craft_udp(&b->in, &(struct craft_ip){ .src = PEER, .dst = "192.0.2.1" }, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	CHECK_TEXT(names(t), "PARSED STATELESS BY_MAPPING BY_PREFIX CHECKSUM_UPDATED SENT");
	craft_udp(&b->in, &(struct craft_ip){ .src = "2001:db8:aaaa::", .dst = PEER_SEEN }, 53, 1000, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	CHECK_TEXT(names(t), "PARSED STATELESS BY_MAPPING BY_PREFIX CHECKSUM_UPDATED SENT");
	craft_udp(&b->in, &(struct craft_ip){ .src = "2001:db8:aaaa::", .dst = PEER_SEEN }, 54, 1000, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	craft_udp(&b->in, &(struct craft_ip){ .src = PEER, .dst = "192.0.2.2" }, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	CHECK_TEXT(names(t), "");
	follow_end(b, t);
	bench_free(b);
}

/* --- filters --- */

static struct prefix6 net6(const char *text)
{
	struct prefix6 p = { .len = 0 };

	REQUIRE(prefix6_parse(text, &p) == 0);
	return p;
}

static struct prefix4 net4(const char *text)
{
	struct prefix4 p = { .len = 0 };

	REQUIRE(prefix4_parse(text, &p) == 0);
	return p;
}

/* Packets that a filter sees, of: a new UDP flow of CLIENT port 4000, its answer, an ICMP error about it, one of another
 * client, a scan of the pool, and a cut packet of CLIENT. */
static unsigned seen(struct trace_filter f)
{
	struct bench *b = bench_new();
	struct trace *t = follow(b, f);
	uint16_t port = open_udp(b, 4000);
	static struct trace_step s[TRACE_STEPS_MAX];
	struct craft inner;
	uint64_t lost;

	craft_udp(&b->in, &to_pool, 53, port, 20);
	(void)send_plain(b);
	craft_udp(&inner, &(struct craft_ip){ .src = POOL, .dst = SERVER }, port, 53, 20);
	craft_error(&b->in, &(struct craft_ip){ .src = "203.0.113.1", .dst = POOL }, ICMP4_TIME_EXCEEDED, 0,
		0, craft_data(&inner), inner.len);
	(void)send_plain(b);
	craft_udp(&b->in, &(struct craft_ip){ .src = "2001:db8:9::9", .dst = SERVER6 }, 4000, 54, 20);
	(void)send_plain(b);
	craft_tcp(&b->in, &(struct craft_ip){ .src = "203.0.113.5", .dst = POOL }, 1, 2000, TCP_SYN, 0);
	(void)send_plain(b);
	craft_udp(&b->in, &to_server, 4000, 53, 20);
	b->in.len = 50;
	(void)send_plain(b);

	unsigned mask = 0, number = 0, len = trace_take(t, s, ARRAY_LEN(s), &lost);

	/* Which of the six: by what is at its beginning. */
	for (unsigned i = 0; i < len; i++) {
		const struct step *p = &s[i].step;

		if (i > 0 && s[i].packet == s[i - 1].packet)
			continue;
		if (p->id == STEP_NOT_PARSED)
			number = 5;
		else if (p->version == 6)
			number = p->port[1] == 53 ? 0 : 3;
		else if (p->kind == L4_UDP)
			number = 1;
		else
			number = p->kind == L4_TCP ? 4 : 2;
		mask |= 1U << number;
	}
	follow_end(b, t);
	bench_free(b);
	return mask;
}

TEST(a_filter_sees_its_flow_both_ways_and_its_errors_and_nothing_else)
{
	const struct {
		const char *name;
		struct trace_filter f;
		unsigned want; /* bits of the six packets */
	} cases[] = {
		{ "everything", { .has_client = false }, 0x3f },
		{ "a client", { .has_client = true, .client = net6(CLIENT "/128") }, 0x27 },
		{ "a client's network", { .has_client = true, .client = net6("2001:db8:1::/64") }, 0x27 },
		{ "another client", { .has_client = true, .client = net6("2001:db8:9::9/128") }, 0x08 },
		{ "a client and its port",
			{ .has_client = true,
				.client = net6(CLIENT "/128"),
				.has_client_port = true,
				.client_port = 4000 },
			0x27 },
		{ "a client and another port",
			{ .has_client = true,
				.client = net6(CLIENT "/128"),
				.has_client_port = true,
				.client_port = 4001 },
			0x20 }, /* the cut packet's port cannot be read */
		{ "the pool's address", { .has_address = true, .address = net4(POOL).addr }, 0x1f },
		{ "the pool's address and a port that nobody has",
			{ .has_address = true, .address = net4(POOL).addr, .has_port = true, .port = 2000 },
			0x10 },
		{ "a server", { .has_remote = true, .remote = net4(SERVER) }, 0x2f },
		{ "a server and a port",
			{ .has_remote = true,
				.remote = net4(SERVER),
				.has_remote_port = true,
				.remote_port = 53 },
			0x27 },
		{ "a protocol", { .has_proto = true, .proto = PROTO_TCP }, 0x30 },
		{ "another protocol", { .has_proto = true, .proto = PROTO_UDP }, 0x2f },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		test_row(cases[i].name);
		CHECK_INT(seen(cases[i].f), cases[i].want);
	}
	test_row(NULL);
}

/* The binding is not there when the packet comes: who has the pool's port shows only afterwards. */
TEST(a_filter_for_the_pools_port_sees_the_packet_that_makes_the_binding)
{
	struct bench *first = bench_new();
	uint16_t port = open_udp(first, 4000); /* the seed is the same, so the port is */
	struct bench *b = bench_new();
	struct trace *t = follow(
		b, (struct trace_filter){
			   .has_address = true, .address = net4(POOL).addr, .has_port = true, .port = port });

	open_udp(b, 4000);
	CHECK(strstr(names(t), "BINDING_MADE") != NULL);
	craft_udp(&b->in, &to_server, 4001, 53, 20);
	(void)send_plain(b);
	CHECK_TEXT(names(t), "");
	follow_end(b, t);
	bench_free(b);
	bench_free(first);
}

TEST(a_client_sees_the_hairpin_that_another_client_sends_it)
{
	struct bench *b = bench_new();
	uint16_t port = open_udp(b, 4000);
	struct trace *t =
		follow(b, (struct trace_filter){ .has_client = true, .client = net6(CLIENT "/128") });

	craft_udp(&b->in, &(struct craft_ip){ .src = "2001:db8:1::7", .dst = POOL6 }, 5000, port, 10);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	CHECK(strstr(names(t), "HAIRPIN") != NULL);
	follow_end(b, t);
	bench_free(b);
}

/* --- limits --- */

TEST(what_finds_no_room_is_lost_whole_and_counted)
{
	struct bench *b = bench_new();
	struct trace *t = follow(b, everything());
	static struct trace_step s[TRACE_STEPS_MAX];
	uint64_t lost;
	unsigned packets = 0;

	for (unsigned i = 0; i < 400; i++)
		put_tcp64(b, TCP_SYN);
	unsigned len = trace_take(t, s, ARRAY_LEN(s), &lost);

	for (unsigned i = 0; i < len; i++)
		packets += i == 0 || s[i].packet != s[i - 1].packet;
	CHECK(lost > 0);
	CHECK_INT(packets + lost, 400);
	CHECK_INT(s[len - 1].step.id, STEP_SENT); /* the last one is whole */
	CHECK_INT(trace_take(t, s, ARRAY_LEN(s), &lost), 0);
	CHECK_INT(lost, 0);
	put_tcp64(b, TCP_SYN);
	len = trace_take(t, s, 5, &lost); /* too little room for one packet: none is taken */
	CHECK_INT(len, 0);
	len = trace_take(t, s, ARRAY_LEN(s), &lost);
	REQUIRE(len > 0);
	CHECK_INT(s[0].packet, 401);
	follow_end(b, t);
	bench_free(b);
}

TEST(so_many_may_look_and_no_more_and_each_sees_its_own)
{
	struct bench *b = bench_new();
	struct trace *t[TRACES_MAX], *more = NULL;
	struct trace_filter f = { .has_proto = true };

	for (unsigned i = 0; i < TRACES_MAX; i++) {
		f.proto = i == 1 ? PROTO_UDP : PROTO_TCP;
		t[i] = follow(b, f);
	}
	REQUIRE(trace_new(&f, &more) == 0);
	CHECK_INT(nat64_trace(b->n, more), -EBUSY);
	put_tcp64(b, TCP_SYN);
	for (unsigned i = 0; i < TRACES_MAX; i++)
		CHECK((names(t[i])[0] != '\0') == (i != 1));
	nat64_trace_end(b->n, t[0]);
	CHECK_INT(nat64_trace(b->n, more), 0);
	put_tcp64(b, TCP_SYN);
	CHECK_TEXT(names(t[0]), "");
	CHECK(names(more)[0] != '\0');
	nat64_trace_end(b->n, t[0]); /* twice does no harm */
	trace_free(t[0]);
	for (unsigned i = 1; i < TRACES_MAX; i++)
		follow_end(b, t[i]);
	follow_end(b, more);
	trace_free(NULL);
	bench_free(b);
}

/* The same packets with and without a look: the same bytes come out, and the same is counted. */
TEST(looking_changes_nothing)
{
	struct bench *a = bench_new(), *b = bench_new();
	struct trace *t = follow(b, everything());

	for (unsigned i = 0; i < 40; i++) {
		struct bench *each[] = { a, b };

		for (unsigned k = 0; k < 2; k++) {
			struct bench *x = each[k];

			if (i % 4 == 3)
				craft_tcp(&x->in, &to_pool, 80, (uint16_t)(2000 + i), TCP_SYN, 0);
			else
				craft_udp(&x->in,
					i % 4 == 2 ? &(struct craft_ip){ .src = CLIENT, .dst = POOL6 }
						   : &to_server,
					(uint16_t)(4000 + i), 53, i);
			(void)send_plain(x);
		}
		REQUIRE(a->sent == b->sent);
		for (unsigned k = 0; k < a->sent; k++)
			CHECK_BYTES(sent(b, k), b->out[k].len, sent(a, k), a->out[k].len);
	}
	CHECK_BYTES(nat64_counters(b->n), sizeof(struct nat64_counters), nat64_counters(a->n),
		sizeof(struct nat64_counters));
	follow_end(b, t);
	bench_free(a);
	bench_free(b);
}
