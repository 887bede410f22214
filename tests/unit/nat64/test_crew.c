/*
 * test_crew.c - several workers behave as one, whichever of them the kernel gives a packet to (design.md decision 4)
 *
 * Every test gives its packets to each worker in turn, the owner and the others.
 */
#include "crew.h"
#include "stateless_bench.h"

#include "nat64/trace.h"

#include <stdio.h>
#include <string.h>

#define NETS 16

static struct craft whole, joined;
static struct pieces cut;

/* The text of host ::2 of the /64 number @net. */
static const char *client_of(unsigned net)
{
	static char text[8][32];
	static unsigned turn;
	char *t = text[turn++ % 8];

	snprintf(t, sizeof(text[0]), "2001:db8:%x::2", net + 1);
	return t;
}

static struct addr6 addr_of(unsigned net)
{
	return (struct addr6){ UINT64_C(0x20010db800000000) | (uint64_t)(net + 1) << 16, 2 };
}

static struct bench *config_of_crew(void)
{
	struct bench *b = bench_config();

	b->cfg.state.ports_per_block = 64;
	return b;
}

/* A client that this worker owns. */
static unsigned net_of(const struct crew *k, unsigned worker)
{
	for (unsigned net = 0; net < NETS; net++) {
		if (owner_of_subscriber(&k->owners, addr_of(net)) == worker)
			return net;
	}
	REQUIRE(false); /* no client is this worker's */
	return 0;
}

/* Opens UDP flow 40000 -> SERVER:53 of a client, at that worker; returns the port of its binding. */
static uint16_t open_at(struct crew *k, unsigned net, unsigned worker)
{
	const struct craft_ip ip = { .src = client_of(net), .dst = SERVER6 };

	craft_udp(&k->b->in, &ip, 40000, 53, 20);
	(void)crew_put(k, worker);
	REQUIRE(k->b->sent == 1);
	CHECK_INT(k->b->v[0].version, 4);
	check_addr4(k->b->v[0].src4, POOL);
	CHECK(all_checksums_ok(k->b));
	return k->b->v[0].sport;
}

static void check_reply(struct crew *k, unsigned net)
{
	REQUIRE(k->b->sent == 1);
	CHECK_INT(k->b->v[0].version, 6);
	check_addr6(k->b->v[0].dst6, client_of(net));
	check_addr6(k->b->v[0].src6, SERVER6);
	CHECK(all_checksums_ok(k->b));
}

TEST(a_flow_is_the_same_whichever_worker_its_packets_come_to)
{
	for (unsigned len = 1; len <= CREW_MAX; len++) {
		struct crew *k = crew_new(config_of_crew(), len);

		for (unsigned net = 0; net < NETS; net++) {
			uint16_t port = open_at(k, net, 0);

			for (unsigned w = 0; w < len; w++) {
				CHECK_INT(open_at(k, net, w), port);
				craft_udp(&k->b->in, &to_pool, 53, port, 33);
				(void)crew_put(k, w);
				check_reply(k, net);
				CHECK_INT(k->b->v[0].dport, 40000);
			}
		}
		CHECK_INT(CREW_SUM(k, pkts[DIR_64][PROTO_UDP]), NETS * (1 + len));
		CHECK_INT(CREW_SUM(k, pkts[DIR_46][PROTO_UDP]), NETS * len);
		CHECK_INT(CREW_SUM(k, handed_over), CREW_SUM(k, taken_over));
		CHECK(len == 1 ? k->handed == 0 : k->handed >= NETS * (len - 1) * 2);
		crew_free(k);
	}
}

TEST(a_packet_that_comes_to_its_owner_is_not_handed_over)
{
	struct crew *k = crew_new(config_of_crew(), 4);

	for (unsigned net = 0; net < NETS; net++) {
		unsigned owner = owner_of_subscriber(&k->owners, addr_of(net));
		uint16_t port = open_at(k, net, owner);

		craft_udp(&k->b->in, &to_pool, 53, port, 33);
		CHECK_INT(crew_put(k, owner), VERDICT_SEND);
		check_reply(k, net);
	}
	CHECK_INT(k->handed, 0);
	crew_free(k);
}

TEST(tcp_and_echo_find_their_owner_too)
{
	struct crew *k = crew_new(config_of_crew(), 3);

	for (unsigned net = 0; net < NETS; net++) {
		const struct craft_ip ip = { .src = client_of(net), .dst = SERVER6 };

		for (unsigned w = 0; w < 3; w++) {
			craft_tcp(&k->b->in, &ip, 40000, 80, TCP_SYN, 0);
			(void)crew_put(k, w);
			REQUIRE(k->b->sent == 1);
			craft_tcp(&k->b->in, &to_pool, 80, k->b->v[0].sport, TCP_SYN | TCP_ACK, 0);
			(void)crew_put(k, (w + 1) % 3);
			check_reply(k, net);
			craft_echo(&k->b->in, &ip, false, 77, 1, 30);
			(void)crew_put(k, w);
			REQUIRE(k->b->sent == 1);
			craft_echo(&k->b->in, &to_pool, true, k->b->v[0].sport, 1, 30);
			(void)crew_put(k, (w + 1) % 3);
			check_reply(k, net);
			CHECK_INT(k->b->v[0].sport, 77);
		}
	}
	crew_free(k);
}

TEST(icmp_errors_find_the_owner_of_the_packet_inside)
{
	struct crew *k = crew_new(config_of_crew(), 3);

	for (unsigned net = 0; net < NETS; net++) {
		const struct craft_ip router4 = { .src = "203.0.113.1", .dst = POOL };
		const struct craft_ip router6 = { .src = "2001:db8:ffff::1", .dst = SERVER6 };
		uint16_t port = open_at(k, net, 0);
		struct craft inner = k->b->out[0];

		for (unsigned w = 0; w < 3; w++) {
			craft_error(&k->b->in, &router4, ICMP4_TIME_EXCEEDED, 0, 0, craft_data(&inner),
				inner.len);
			(void)crew_put(k, w);
			REQUIRE(k->b->sent == 1);
			CHECK_INT(k->b->v[0].icmp_type, ICMP6_TIME_EXCEEDED);
			check_addr6(k->b->v[0].dst6, client_of(net));
			CHECK(all_checksums_ok(k->b));
		}

		/* The other way: a router on the IPv6 side, which is in no subscriber, about a reply. */
		craft_udp(&k->b->in, &to_pool, 53, port, 33);
		(void)crew_put(k, 0);
		check_reply(k, net);
		inner = k->b->out[0];
		for (unsigned w = 0; w < 3; w++) {
			craft_error(&k->b->in, &router6, ICMP6_TIME_EXCEEDED, 0, 0, craft_data(&inner),
				inner.len);
			(void)crew_put(k, w);
			REQUIRE(k->b->sent == 1);
			CHECK_INT(k->b->v[0].icmp_type, ICMP4_TIME_EXCEEDED);
			check_addr4(k->b->v[0].dst4, SERVER);
			CHECK(all_checksums_ok(k->b));
		}
	}
	CHECK_INT(crew_drops(k, DROP_46_NO_SESSION) + crew_drops(k, DROP_64_NO_SESSION), 0);
	crew_free(k);
}

TEST(a_protocol_without_ports_has_one_worker_for_all_subscribers)
{
	struct bench *config = config_of_crew();

	config->cfg.state.protocols[0] = 47;
	config->cfg.state.protocols_len = 1;
	struct crew *k = crew_new(config, 3);

	for (unsigned w = 0; w < 3; w++) {
		const struct craft_ip out = { .src = client_of(1), .dst = SERVER6 };
		const struct craft_ip router4 = { .src = "203.0.113.1", .dst = POOL };

		craft_udp(&k->b->in, &out, 1, 2, 20);
		craft_data(&k->b->in)[6] = 47;
		(void)crew_put(k, w);
		REQUIRE(k->b->sent == 1);
		check_addr4(k->b->v[0].src4, POOL);
		struct craft inner = k->b->out[0];

		/* An error about it, and the same bytes with the addresses turned round as a reply. */
		craft_error(&k->b->in, &router4, ICMP4_TIME_EXCEEDED, 0, 0, craft_data(&inner), inner.len);
		(void)crew_put(k, (w + 1) % 3);
		REQUIRE(k->b->sent == 1);
		check_addr6(k->b->v[0].dst6, client_of(1));
		k->b->in = inner;
		uint8_t *p = craft_data(&k->b->in), keep[4];

		bytes_copy(keep, p + 12, 4);
		bytes_move(p + 12, p + 16, 4);
		bytes_copy(p + 16, keep, 4);
		(void)crew_put(k, (w + 2) % 3);
		REQUIRE(k->b->sent == 1);
		check_addr6(k->b->v[0].dst6, client_of(1));
	}
	CHECK_INT(crew_drops(k, DROP_46_NO_SESSION) + crew_drops(k, DROP_46_NO_BINDING), 0);
	crew_free(k);
}

/* --- turning around --- */

/* From the client of net @a to what net @b has outside, at worker @w; what comes out is for b. */
static void check_hairpin(struct crew *k, unsigned a, unsigned b, uint16_t port_b, unsigned w)
{
	const struct craft_ip ip = { .src = client_of(a), .dst = POOL6 };
	const struct craft_ip back = { .src = client_of(b), .dst = POOL6 };

	craft_udp(&k->b->in, &ip, 41000, port_b, 30);
	(void)crew_put(k, w);
	REQUIRE(k->b->sent == 1);
	check_addr6(k->b->v[0].src6, POOL6);
	check_addr6(k->b->v[0].dst6, client_of(b));
	CHECK_INT(k->b->v[0].dport, 40000);
	CHECK(all_checksums_ok(k->b));
	struct craft inner = k->b->out[0];

	/* b refuses: the error goes through both bindings. */
	craft_error(&k->b->in, &back, ICMP6_UNREACHABLE, 4, 0, craft_data(&inner), inner.len);
	(void)crew_put(k, w);
	REQUIRE(k->b->sent == 1);
	CHECK_INT(k->b->v[0].icmp_type, ICMP6_UNREACHABLE);
	check_addr6(k->b->v[0].dst6, client_of(a));
	CHECK(all_checksums_ok(k->b));

	/* Nobody has the port next to it: a is told. */
	craft_udp(&k->b->in, &ip, 41000, port_b ^ 1, 30);
	(void)crew_put(k, w);
	REQUIRE(k->b->sent == 1);
	CHECK_INT(k->b->v[0].icmp_type, ICMP6_UNREACHABLE);
	check_addr6(k->b->v[0].dst6, client_of(a));
}

TEST(hairpins_between_any_two_workers_turn_around_with_their_errors_rfc6146_s3_8)
{
	for (unsigned w = 0; w < CREW_MAX; w++) {
		struct crew *k = crew_new(config_of_crew(), CREW_MAX);

		for (unsigned from = 0; from < CREW_MAX; from++) {
			for (unsigned to = 0; to < CREW_MAX; to++) {
				unsigned a = net_of(k, from), b = net_of(k, to);

				check_hairpin(k, a, b, open_at(k, b, to), w);
			}
		}
		CHECK_INT(crew_drops(k, DROP_HANDOVER_FULL), 0);
		crew_free(k);
	}
}

/* --- fragments --- */

enum flow { FLOW_UDP, FLOW_UDP_NO_SUM, FLOW_ECHO, FLOW_COUNT };

static void make_reply(struct craft *c, enum flow flow, uint16_t port, size_t len)
{
	const struct craft_ip ip = { .src = SERVER, .dst = POOL, .no_df = true };

	if (flow == FLOW_ECHO)
		craft_echo(c, &ip, true, port, 7, len);
	else
		craft_udp(c, &ip, 53, port, len);
	if (flow == FLOW_UDP_NO_SUM)
		pieces_put16(craft_data(c) + 26, 0);
}

static uint16_t open_flow(struct crew *k, enum flow flow, unsigned net)
{
	const struct craft_ip ip = { .src = client_of(net), .dst = SERVER6 };

	if (flow != FLOW_ECHO)
		return open_at(k, net, 0);
	craft_echo(&k->b->in, &ip, false, 40000, 7, 0);
	(void)crew_put(k, 0);
	REQUIRE(k->b->sent == 1);
	return k->b->v[0].sport;
}

static void check_joined(struct crew *k, unsigned net, size_t len)
{
	pieces_join(k->b, 0, k->b->sent, &joined);
	CHECK(craft_checksums_ok(craft_data(&joined), joined.len));
	check_addr6(addr6_at(craft_data(&joined) + 24), client_of(net));
	CHECK_INT(joined.len, 40 + 8 + len);
	CHECK_BYTES(craft_data(&joined) + 48, len, craft_data(&whole) + 28, len);
}

TEST(fragments_of_ipv4_may_come_in_any_order_and_each_to_another_worker_rfc6146_s3_4)
{
	for (unsigned flow = 0; flow < FLOW_COUNT; flow++) {
		for (unsigned w = 0; w < CREW_MAX; w++) {
			struct crew *k = crew_new(config_of_crew(), CREW_MAX);

			for (unsigned id = 0; id < 3 * NETS; id++) {
				unsigned net = id % NETS;
				uint16_t port = open_flow(k, (enum flow)flow, net);

				make_reply(&whole, (enum flow)flow, port, 1501);
				pieces_cut(&cut, &whole, id, 400);
				k->b->sent = 0;
				for (unsigned i = 0; i < cut.len; i++) {
					k->b->in = cut.p[id % 2 ? cut.len - 1 - i : i];
					(void)crew_put_more(k, (w + i * id) % CREW_MAX);
				}
				CHECK_INT(k->b->sent, cut.len);
				check_joined(k, net, 1501);
			}
			CHECK_INT(CREW_SUM(k, fragments[DIR_46]), 3 * NETS * 4);
			CHECK_INT(CREW_SUM(k, datagrams), 3 * NETS);
			crew_free(k);
		}
	}
}

TEST(fragments_of_ipv6_turn_around_to_another_worker)
{
	for (unsigned w = 0; w < CREW_MAX; w++) {
		struct crew *k = crew_new(config_of_crew(), CREW_MAX);

		for (unsigned to = 0; to < CREW_MAX; to++) {
			unsigned b = net_of(k, to), a = net_of(k, 0);
			uint16_t port = open_at(k, b, to);
			const struct craft_ip ip = { .src = client_of(a), .dst = POOL6 };

			craft_udp(&whole, &ip, 41000, port, 3000);
			pieces_cut(&cut, &whole, 0x12345678 + to, 1448);
			k->b->sent = 0;
			for (unsigned i = 0; i < cut.len; i++) {
				k->b->in = cut.p[w % 2 ? cut.len - 1 - i : i];
				(void)crew_put_more(k, (w + i) % CREW_MAX);
			}
			CHECK_INT(k->b->sent, 5); /* DF is clear in between, so two of them are cut */
			pieces_join(k->b, 0, k->b->sent, &joined);
			CHECK(craft_checksums_ok(craft_data(&joined), joined.len));
			check_addr6(addr6_at(craft_data(&joined) + 24), client_of(b));
			CHECK_BYTES(craft_data(&joined) + 48, 3000, craft_data(&whole) + 48, 3000);
		}
		CHECK_INT(CREW_SUM(k, fragments[DIR_64]), 3 * CREW_MAX);
		crew_free(k);
	}
}

/* Echo messages need their whole length, so one worker has to gather each; nothing else of stateless translation is handed over. */
TEST(stateless_translation_is_done_by_any_worker_but_for_fragments_that_need_each_other)
{
	const struct craft_ip in4 = { .src = PEER, .dst = HOST_A4, .no_df = true };
	const struct craft_ip in6 = { .src = HOST_A, .dst = PEER_SEEN };
	struct crew *k = crew_new(siit_config(), CREW_MAX);

	for (unsigned w = 0; w < CREW_MAX; w++) {
		craft_udp(&k->b->in, &in4, 53, 3000, 10);
		CHECK_INT(crew_put(k, w), VERDICT_SEND);
		craft_udp(&k->b->in, &in6, 3000, 53, 10);
		CHECK_INT(crew_put(k, w), VERDICT_SEND);
	}
	CHECK_INT(k->handed, 0);
	for (unsigned id = 0; id < 16; id++) {
		for (unsigned is6 = 0; is6 < 2; is6++) {
			craft_echo(&whole, is6 ? &in6 : &in4, is6, 9, 7, 1501);
			pieces_cut(&cut, &whole, 100 + id, 400);
			k->b->sent = 0;
			for (unsigned i = 0; i < cut.len; i++) {
				k->b->in = cut.p[id % 2 ? cut.len - 1 - i : i];
				(void)crew_put_more(k, (i + id) % CREW_MAX);
			}
			CHECK_INT(k->b->sent, cut.len);
			pieces_join(k->b, 0, k->b->sent, &joined);
			CHECK(craft_checksums_ok(craft_data(&joined), joined.len));
		}
	}
	CHECK(k->handed > 0);
	crew_free(k);
}

/* --- the rest of the rules --- */

TEST(a_static_binding_is_reached_at_any_worker)
{
	struct static_binding statics[NETS];
	struct bench *b = config_of_crew();

	for (unsigned net = 0; net < NETS; net++)
		statics[net] = (struct static_binding){ .proto = PROTO_UDP,
			.in = addr_of(net),
			.in_port = 5000,
			.out = b->cfg.state.pool[0].prefix.addr,
			.out_port = (uint16_t)(2048 + 32 * net) };
	b->cfg.state.statics = statics;
	b->cfg.state.statics_len = NETS;
	struct crew *k = crew_new(b, CREW_MAX);

	for (unsigned net = 0; net < NETS; net++) {
		const struct craft_ip ip = { .src = client_of(net), .dst = SERVER6 };

		for (unsigned w = 0; w < CREW_MAX; w++) {
			craft_udp(&b->in, &to_pool, 53, statics[net].out_port, 10);
			(void)crew_put(k, w);
			check_reply(k, net);
			CHECK_INT(b->v[0].dport, 5000);
			craft_udp(&b->in, &ip, 5000, 53, 10);
			(void)crew_put(k, w);
			REQUIRE(b->sent == 1);
			CHECK_INT(b->v[0].sport, statics[net].out_port);
		}
	}
	crew_free(k);
}

TEST(what_has_no_binding_is_the_hosts_at_any_worker)
{
	struct bench *b = config_of_crew();

	b->cfg.state.pool[0].is_shared = true;
	struct crew *k = crew_new(b, CREW_MAX);

	for (unsigned w = 0; w < CREW_MAX; w++) {
		craft_udp(&b->in, &to_pool, 53, 3000, 10);
		struct craft before = b->in;

		(void)crew_put(k, w);
		REQUIRE(b->sent == 1);
		CHECK_BYTES(sent(b, 0), b->out[0].len, craft_data(&before), before.len);
	}
	CHECK_INT(CREW_SUM(k, passed), CREW_MAX);
	crew_free(k);
}

TEST(what_needs_no_tables_is_settled_by_whoever_has_it)
{
	struct bench *b = config_of_crew();
	const struct craft_ip elsewhere = { .src = CLIENT, .dst = "2001:db8:99::1" };
	const struct craft_ip not_pool = { .src = SERVER, .dst = "192.0.2.65" };
	struct crew *k = crew_new(b, CREW_MAX);

	for (unsigned w = 0; w < CREW_MAX; w++) {
		craft_udp(&b->in, &elsewhere, 40000, 53, 10);
		CHECK_INT(crew_put(k, w), VERDICT_DROP);
		craft_udp(&b->in, &not_pool, 53, 3000, 10);
		CHECK_INT(crew_put(k, w), VERDICT_DROP);
	}
	CHECK_INT(k->handed, 0);
	crew_free(k);
}

TEST(a_full_ring_drops_what_would_go_through_it_and_nothing_else)
{
	struct bench *b = config_of_crew();
	struct crew *k = crew_new(b, 2);
	unsigned net = net_of(k, 1);
	const struct craft_ip ip = { .src = client_of(net), .dst = SERVER6 };

	k->is_ring_full = true;
	craft_udp(&b->in, &ip, 40000, 53, 20);
	CHECK_INT(crew_put(k, 0), VERDICT_DROP);
	CHECK_INT(b->sent, 0);
	CHECK_INT(crew_drops(k, DROP_HANDOVER_FULL), 1);
	CHECK_INT(CREW_SUM(k, handed_over), 0);
	craft_udp(&b->in, &ip, 40000, 53, 20);
	CHECK_INT(crew_put(k, 1), VERDICT_SEND);
	crew_free(k);
}

TEST(a_reload_leaves_each_worker_its_part)
{
	struct bench *b = config_of_crew();
	struct crew *k = crew_new(b, CREW_MAX);
	struct nat64_config c = b->cfg;

	c.state.owners = NULL; /* as a file gives it */
	c.state.worker = 0;
	for (unsigned i = 0; i < CREW_MAX; i++)
		CHECK_INT(nat64_update(k->n[i], &c), 0);
	for (unsigned net = 0; net < NETS; net++) {
		uint16_t port = open_at(k, net, net % CREW_MAX);

		craft_udp(&b->in, &to_pool, 53, port, 33);
		(void)crew_put(k, (net + 1) % CREW_MAX);
		check_reply(k, net);
	}
	CHECK(k->handed > 0);
	crew_free(k);
}

static unsigned steps_of(struct trace *t, enum step_id id)
{
	static struct trace_step s[TRACE_STEPS_MAX];
	uint64_t lost;
	unsigned len = trace_take(t, s, ARRAY_LEN(s), &lost), count = 0;

	for (unsigned i = 0; i < len; i++)
		count += s[i].step.id == id;
	return count;
}

TEST(who_follows_a_packet_sees_it_once_at_the_worker_that_translates_it)
{
	struct crew *k = crew_new(config_of_crew(), 2);
	struct trace *t[2];
	unsigned net = net_of(k, 1);

	for (unsigned i = 0; i < 2; i++) {
		REQUIRE(trace_new(&(const struct trace_filter){ .has_client = false }, &t[i]) == 0);
		REQUIRE(nat64_trace(k->n[i], t[i]) == 0);
	}
	(void)open_at(k, net, 0);
	CHECK_INT(steps_of(t[0], STEP_PARSED), 0);
	CHECK_INT(steps_of(t[1], STEP_SENT), 1);
	for (unsigned i = 0; i < 2; i++) {
		nat64_trace_end(k->n[i], t[i]);
		trace_free(t[i]);
	}
	crew_free(k);
}

/* --- what workers lend each other --- */

static uint64_t refused(const struct crew *k)
{
	return crew_drops(k, DROP_POOL_EXHAUSTED) + crew_drops(k, DROP_SESSIONS_FULL);
}

/* A flow of the client of net @net, tried as often as its host would; whether it got through. */
static bool flow_opens(struct crew *k, unsigned net, uint16_t port)
{
	const struct craft_ip ip = { .src = client_of(net), .dst = SERVER6 };

	for (unsigned tries = 0; tries < 3; tries++) {
		craft_udp(&k->b->in, &ip, port, 53, 20);
		(void)crew_put(k, net % k->len);
		if (k->b->sent > 0)
			return k->b->v[0].version == 4;
		crew_tick(k);
	}
	return false;
}

static uint32_t blocks_lent(const struct crew *k)
{
	struct state_stats stats;
	uint32_t sum = 0;

	for (unsigned i = 0; i < k->len; i++) {
		state_stats(nat64_state(k->n[i]), &stats);
		sum += stats.blocks_lent;
	}
	return sum;
}

TEST(a_subscriber_of_one_worker_may_have_the_blocks_of_all)
{
	for (unsigned len = 1; len <= CREW_MAX; len++) {
		struct bench *b = config_of_crew();

		b->cfg.state.pool[0].hi = 1024 + 64 * 40 - 1;
		b->cfg.state.max_blocks_per_subscriber = 1000;
		b->cfg.state.max_sessions = 10000;
		struct crew *k = crew_new(b, len);
		unsigned opened = 0;

		while (opened < 64 * 40 && flow_opens(k, 3, (uint16_t)(2000 + opened)))
			opened++;
		CHECK_INT(opened, 64 * 40);
		CHECK_INT(blocks_lent(k), 40);
		CHECK_INT(refused(k), 0);
		CHECK(len == 1 || k->lent > 0);

		/* Now there is nothing anywhere, and the sender is told so. */
		CHECK(!flow_opens(k, 3, 60000));
		CHECK(refused(k) > 0);
		for (unsigned i = 0; i < k->len; i++)
			CHECK(nat64_validate(k->n[i]));
		crew_free(k);
	}
}

TEST(nobody_is_refused_while_any_worker_has_a_free_block)
{
	struct bench *b = config_of_crew();

	b->cfg.state.pool[0].hi = 1024 + 64 * 40 - 1;
	b->cfg.state.max_blocks_per_subscriber = 1;
	struct crew *k = crew_new(b, CREW_MAX);

	/* Forty subscribers for forty blocks, however unevenly they hash. */
	for (unsigned net = 0; net < 40; net++)
		CHECK(flow_opens(k, net, 40000));
	CHECK_INT(blocks_lent(k), 40);
	CHECK_INT(refused(k), 0);

	/* A block that is moved answers from the IPv4 side too, at any worker. */
	for (unsigned net = 0; net < 40; net++) {
		REQUIRE(flow_opens(k, net, 40000));
		uint16_t port = k->b->v[0].sport;

		craft_udp(&k->b->in, &to_pool, 53, port, 33);
		(void)crew_put(k, (net + 1) % CREW_MAX);
		check_reply(k, net);
	}
	crew_free(k);
}

TEST(the_sessions_of_one_subscriber_may_come_near_the_gateways_limit_and_all_together_never_pass_it)
{
	struct bench *b = config_of_crew();

	b->cfg.state.max_sessions = 400;
	b->cfg.state.max_blocks_per_subscriber = 1000;
	struct crew *k = crew_new(b, CREW_MAX);
	unsigned opened = 0;

	while (opened < 500 && flow_opens(k, 3, (uint16_t)(2000 + opened)))
		opened++;
	CHECK_INT(opened, 400);
	CHECK(crew_drops(k, DROP_SESSIONS_FULL) > 0);
	crew_free(k);
}

TEST(what_cannot_be_sent_to_another_worker_stays_where_it_is)
{
	struct bench *b = config_of_crew();

	b->cfg.state.pool[0].hi = 1024 + 64 * 40 - 1;
	b->cfg.state.max_blocks_per_subscriber = 1;
	struct crew *k = crew_new(b, 2);
	struct nat64_out out = CREW_OUT(k);
	struct state_loan ask = { .is_ask = true };

	ask.ask.blocks[0] = LOAN_URGENT;
	ask.ask.sessions = LOAN_URGENT;
	k->is_ring_full = true;
	k->at = 0;
	nat64_lend(k->n[0], 1, &ask, b->now, &out);
	k->is_ring_full = false;
	CHECK(nat64_validate(k->n[0]));
	for (unsigned net = 0; net < 40; net++)
		CHECK(flow_opens(k, net, 40000));
	CHECK_INT(blocks_lent(k), 40);
	crew_free(k);
}
