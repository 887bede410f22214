/* test_protocols.c - protocols without ports through the pipeline: by address, both ways, with their ICMP errors */
#include "bench.h"
#include "nat64/trace.h"

#include <stdio.h>
#include <string.h>

#define GRE 47
#define SCTP 132

static const struct craft_ip from_stranger = { .src = "203.0.113.5", .dst = POOL };

static struct bench *bench_protocols(void)
{
	struct bench *b = bench_config();

	b->cfg.state.protocols[0] = GRE;
	b->cfg.state.protocols[1] = SCTP;
	b->cfg.state.protocols_len = 2;
	bench_start(b);
	return b;
}

static void set_protocol(struct craft *c, uint8_t number)
{
	uint8_t *p = craft_data(c);

	if (p[0] >> 4 == 6) {
		p[6] = number;
		return;
	}
	uint32_t sum = 0;

	p[9] = number;
	p[10] = p[11] = 0;
	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	p[10] = (uint8_t)(sum >> 8);
	p[11] = (uint8_t)sum;
}

/* A packet whose payload is a UDP datagram's bytes: no layout of GRE or SCTP matters here. */
static enum verdict send_protocol(struct bench *b, const struct craft_ip *ip, uint8_t number, size_t len)
{
	craft_udp(&b->in, ip, 1, 2, len);
	set_protocol(&b->in, number);
	return send_plain(b);
}

TEST(a_packet_without_ports_goes_out_and_its_reply_comes_back)
{
	struct bench *b = bench_protocols();

	CHECK_INT(send_protocol(b, &to_server, GRE, 20), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	check_addr4(b->v[0].src4, POOL);
	check_addr4(b->v[0].dst4, SERVER);
	CHECK_INT(b->v[0].next, GRE);
	CHECK_INT(b->v[0].l4_len, 28);
	CHECK(memcmp(sent(b, 0) + 20, craft_data(&b->in) + 40, 28) == 0);

	CHECK_INT(send_protocol(b, &to_pool, GRE, 20), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	check_addr6(b->v[0].src6, SERVER6);
	check_addr6(b->v[0].dst6, CLIENT);
	CHECK_INT(b->v[0].next, GRE);
	CHECK_INT(nat64_counters(b->n)->pkts[DIR_64][PROTO_OTHER], 1);
	CHECK_INT(nat64_counters(b->n)->pkts[DIR_46][PROTO_OTHER], 1);
	CHECK_INT(nat64_counters(b->n)->bytes[DIR_64][PROTO_OTHER], 68);
	bench_free(b);
}

TEST(what_has_no_binding_or_is_not_carried_is_told)
{
	struct bench *b = bench_protocols();

	CHECK_INT(send_protocol(b, &from_stranger, GRE, 20), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_46_NO_BINDING), 1);
	CHECK_INT(b->v[0].icmp_code, 1);
	CHECK_INT(send_protocol(b, &from_stranger, 50, 20), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_PROTOCOL), 1);
	CHECK_INT(b->v[0].icmp_type, ICMP4_UNREACHABLE);
	CHECK_INT(b->v[0].icmp_code, 2);
	CHECK_INT(send_protocol(b, &to_server, 50, 20), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_PROTOCOL), 2);

	/* One address, and the second subscriber finds it taken. */
	static const struct craft_ip other_client = { .src = "2001:db8:2::2", .dst = SERVER6 };

	CHECK_INT(send_protocol(b, &to_server, GRE, 20), VERDICT_SEND);
	CHECK_INT(send_protocol(b, &other_client, GRE, 20), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_PROTOCOL_NO_ADDRESS), 1);
	CHECK_INT(b->v[0].icmp_type, ICMP6_UNREACHABLE);
	CHECK_INT(b->v[0].icmp_code, 3);
	static const struct craft_ip neighbour = { .src = "2001:db8:1::3", .dst = SERVER6 };

	CHECK_INT(send_protocol(b, &neighbour, GRE, 20), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_PROTOCOL_HOSTS), 1);
	bench_free(b);
}

TEST(the_hosts_own_packets_are_given_back_and_never_bound)
{
	struct bench *b = bench_config();

	b->cfg.state.protocols[0] = GRE;
	b->cfg.state.protocols_len = 1;
	b->cfg.state.pool[0].is_shared = true;
	b->cfg.state.pool[0].lo = 1;
	bench_start(b);
	CHECK_INT(send_protocol(b, &to_pool, GRE, 20), VERDICT_PASS);
	CHECK_INT(send_protocol(b, &to_server, GRE, 20), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_PROTOCOL_NO_ADDRESS), 1);

	/* Nor may a client reach the host's own tunnel with the host's own address as the source. */
	static const struct craft_ip to_host = { .src = CLIENT, .dst = POOL6 };

	CHECK_INT(send_protocol(b, &to_host, GRE, 20), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_64_OWN_HOST), 1);
	bench_free(b);
}

TEST(icmp_errors_about_them_find_their_session_both_ways)
{
	struct bench *b = bench_protocols();
	struct craft quoted;
	static const struct craft_ip router4 = { .src = "203.0.113.1", .dst = POOL };
	static const struct craft_ip router6 = { .src = "2001:db8:9::1", .dst = SERVER6 };

	CHECK_INT(send_protocol(b, &to_server, SCTP, 20), VERDICT_SEND);
	quoted = b->out[0];
	craft_error(&b->in, &router4, ICMP4_UNREACHABLE, 4, 1400, craft_data(&quoted), 28);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	check_addr6(b->v[0].dst6, CLIENT);
	CHECK_INT(b->v[0].icmp_type, 2);
	CHECK_INT(be32_at(sent(b, 0) + 44), 1420);
	CHECK_INT(sent(b, 0)[48 + 6], SCTP);
	check_addr6(addr6_at(sent(b, 0) + 48 + 8), CLIENT);
	check_addr6(addr6_at(sent(b, 0) + 48 + 24), SERVER6);

	CHECK_INT(send_protocol(b, &to_pool, SCTP, 20), VERDICT_SEND);
	quoted = b->out[0];
	craft_error(&b->in, &router6, ICMP6_UNREACHABLE, 1, 0, craft_data(&quoted), quoted.len);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	check_addr4(b->v[0].src4, POOL);
	check_addr4(b->v[0].dst4, SERVER);
	CHECK_INT(sent(b, 0)[28 + 9], SCTP);
	check_addr4(addr4_at(sent(b, 0) + 28 + 16), POOL);
	CHECK(all_checksums_ok(b));
	CHECK_INT(nat64_counters(b->n)->errors[DIR_64], 1);
	CHECK_INT(nat64_counters(b->n)->errors[DIR_46], 1);

	/* About what nobody sent there is nothing to say. */
	set_protocol(&quoted, GRE);
	craft_error(&b->in, &router6, ICMP6_UNREACHABLE, 1, 0, craft_data(&quoted), quoted.len);
	CHECK_INT(send_plain(b), VERDICT_DROP);
	CHECK_INT(drops(b, DROP_64_NO_SESSION), 1);
	bench_free(b);
}

TEST(an_error_about_a_later_fragment_finds_its_session_without_ports)
{
	struct bench *b = bench_protocols();
	static const struct craft_ip router4 = { .src = "203.0.113.1", .dst = POOL };

	CHECK_INT(send_protocol(b, &to_server, GRE, 20), VERDICT_SEND);
	struct craft quoted = b->out[0];

	craft_data(&quoted)[6] = 0;
	craft_data(&quoted)[7] = 100; /* offset 800 */
	craft_error(&b->in, &router4, ICMP4_UNREACHABLE, 4, 1300, craft_data(&quoted), 28);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	CHECK_INT(b->v[0].icmp_type, 2);
	bench_free(b);
}

TEST(hairpins_turn_around_with_their_errors_rfc6146_s3_8)
{
	struct bench *b = bench_config();

	b->cfg.state.protocols[0] = GRE;
	b->cfg.state.protocols_len = 1;
	REQUIRE(prefix4_parse("192.0.2.64/31", &b->cfg.state.pool[0].prefix) == 0);
	bench_start(b);

	static const struct craft_ip second_out = { .src = "2001:db8:2::2", .dst = SERVER6 };
	static char first6[64], second6[64];

	CHECK_INT(send_protocol(b, &to_server, GRE, 20), VERDICT_SEND);
	struct addr4 first = b->v[0].src4;

	CHECK_INT(send_protocol(b, &second_out, GRE, 20), VERDICT_SEND);
	struct addr4 second = b->v[0].src4;

	CHECK(!addr4_eq(first, second));
	addr6_text(embed_addr(WELL_KNOWN_PREFIX, first), first6);
	addr6_text(embed_addr(WELL_KNOWN_PREFIX, second), second6);
	struct craft_ip across = { .src = CLIENT, .dst = second6 };

	CHECK_INT(send_protocol(b, &across, GRE, 20), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	check_addr6(b->v[0].src6, first6);
	check_addr6(b->v[0].dst6, "2001:db8:2::2");
	CHECK_INT(nat64_counters(b->n)->hairpins, 1);

	struct craft quoted = b->out[0];
	struct craft_ip refuses = { .src = "2001:db8:2::2", .dst = first6 };

	craft_error(&b->in, &refuses, ICMP6_UNREACHABLE, 4, 0, craft_data(&quoted), quoted.len);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	check_addr6(b->v[0].dst6, CLIENT);
	check_addr6(addr6_at(sent(b, 0) + 48 + 8), CLIENT);
	check_addr6(addr6_at(sent(b, 0) + 48 + 24), second6);
	bench_free(b);
}

/* Neither direction waits for the first fragment, as there are no ports to wait for. */
TEST(fragments_are_translated_one_by_one)
{
	struct bench *b = bench_protocols();

	CHECK_INT(send_protocol(b, &to_server, GRE, 20), VERDICT_SEND);
	craft_udp(&b->in, &to_pool, 1, 2, 24);
	craft_data(&b->in)[6] = 0x20;
	craft_data(&b->in)[7] = 100;
	set_protocol(&b->in, GRE);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	CHECK(b->v[0].has_frag_header && b->v[0].more_fragments);
	CHECK_INT(b->v[0].frag_offset, 800);
	CHECK_INT(nat64_counters(b->n)->fragments_held, 0);
	bench_free(b);
}

TEST(an_ipv4_packet_with_a_routing_header_for_a_payload_is_refused_whatever_the_list_says)
{
	struct bench *b = bench_protocols();
	static const uint8_t numbers[] = { 0, 43, 44, 58, 60 };

	(void)send_protocol(b, &to_server, GRE, 20);
	for (size_t i = 0; i < sizeof(numbers); i++) {
		b->cfg.state.protocols[0] = numbers[i];
		CHECK_INT(nat64_update(b->n, &b->cfg), -EINVAL);
		CHECK_INT(send_protocol(b, &to_pool, numbers[i], 20), VERDICT_ICMP);
	}
	CHECK_INT(drops(b, DROP_PROTOCOL), 5);
	bench_free(b);
}

TEST(a_protocol_that_leaves_the_list_is_refused_and_comes_back)
{
	struct bench *b = bench_protocols();

	CHECK_INT(send_protocol(b, &to_server, SCTP, 20), VERDICT_SEND);
	b->cfg.state.protocols_len = 1;
	CHECK_INT(nat64_update(b->n, &b->cfg), 0);
	CHECK_INT(send_protocol(b, &to_server, SCTP, 20), VERDICT_ICMP);
	CHECK_INT(send_protocol(b, &to_pool, SCTP, 20), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_PROTOCOL), 2);
	b->cfg.state.protocols_len = 2;
	CHECK_INT(nat64_update(b->n, &b->cfg), 0);
	CHECK_INT(send_protocol(b, &to_pool, SCTP, 20), VERDICT_SEND);
	bench_free(b);
}

/* --- seen by somebody who follows --- */

/* The names of the steps that a trace has, and from then on none. */
static const char *steps_of(struct trace *t)
{
	static struct trace_step steps[TRACE_STEPS_MAX];
	static char text[2048];
	uint64_t lost;
	unsigned len = trace_take(t, steps, ARRAY_LEN(steps), &lost);
	size_t at = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < len && at < sizeof(text); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", at > 0 ? " " : "",
			step_name((enum step_id)steps[i].step.id));
	return text;
}

static struct trace *follow(struct bench *b, const struct trace_filter *f)
{
	struct trace *t = NULL;

	REQUIRE(trace_new(f, &t) == 0);
	REQUIRE(nat64_trace(b->n, t) == 0);
	return t;
}

TEST(a_trace_tells_of_an_address_and_of_no_port)
{
	struct bench *b = bench_protocols();
	struct trace *t = follow(b, &(struct trace_filter){ .has_client = false });

	CHECK_INT(send_protocol(b, &to_server, GRE, 20), VERDICT_SEND);
	CHECK_TEXT(steps_of(t), "PARSED PREFIX SOURCE_OK HOPS_OK GLOBAL_OK ADDRESS_MADE SESSION_MADE SENT");
	CHECK_INT(send_protocol(b, &to_pool, GRE, 20), VERDICT_SEND);
	CHECK_TEXT(steps_of(t),
		"PARSED POOL_ADDRESS HOPS_OK ADDRESS_FOUND SESSION_FOUND SESSION_REFRESHED SENT");
	CHECK(send_protocol(b, &to_pool, SCTP, 20) != VERDICT_SEND);
	CHECK(strstr(steps_of(t), "PARSED POOL_ADDRESS HOPS_OK NO_ADDRESS DROPPED") != NULL);
	nat64_trace_end(b->n, t);
	trace_free(t);
	bench_free(b);
}

static bool is_seen(struct trace *t)
{
	return strstr(steps_of(t), "SENT") != NULL;
}

TEST(a_filter_sees_one_protocol_both_ways_and_the_others_not)
{
	const struct {
		struct trace_filter f;
		bool gre, sctp, udp;
	} cases[] = {
		{ { .has_proto = true, .proto = PROTO_OTHER, .number = GRE }, true, false, false },
		{ { .has_proto = true, .proto = PROTO_OTHER }, true, true, false },
		{ { .has_proto = true, .proto = PROTO_UDP }, false, false, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bench *b = bench_protocols();
		struct trace *t = follow(b, &cases[i].f);

		CHECK_INT(send_protocol(b, &to_server, GRE, 20), VERDICT_SEND);
		CHECK_INT(is_seen(t), cases[i].gre);
		CHECK_INT(send_protocol(b, &to_server, SCTP, 20), VERDICT_SEND);
		CHECK_INT(is_seen(t), cases[i].sctp);
		CHECK_INT(send_protocol(b, &to_pool, GRE, 20), VERDICT_SEND);
		CHECK_INT(is_seen(t), cases[i].gre);
		craft_udp(&b->in, &to_server, 4000, 53, 20);
		CHECK_INT(send_plain(b), VERDICT_SEND);
		CHECK_INT(is_seen(t), cases[i].udp);
		nat64_trace_end(b->n, t);
		trace_free(t);
		bench_free(b);
	}
}

TEST(the_clients_filter_sees_what_comes_back_to_its_address)
{
	struct bench *b = bench_protocols();
	struct trace_filter f = { .has_client = true };

	REQUIRE(prefix6_parse(CLIENT "/128", &f.client) == 0);
	CHECK_INT(send_protocol(b, &to_server, GRE, 20), VERDICT_SEND);
	struct trace *t = follow(b, &f);

	CHECK_INT(send_protocol(b, &to_pool, GRE, 20), VERDICT_SEND);
	CHECK(strstr(steps_of(t), "ADDRESS_FOUND") != NULL);
	nat64_trace_end(b->n, t);
	trace_free(t);
	bench_free(b);
}
