/* test_fragments.c - RFC 6146 s3.4: datagrams in fragments, in every order, and what strangers do with them */
#include "pieces.h"

#include "nat64/fragments.h"

#include <stdio.h>

static struct craft whole, joined, want;
static struct pieces cut;

static enum verdict give(struct bench *b, const struct craft *piece)
{
	b->in = *piece;
	return put_more(b, (struct offload){ 0 });
}

enum flow { FLOW_UDP, FLOW_TCP, FLOW_ECHO, FLOW_UDP_NO_SUM, FLOW_COUNT };

static const char *const flow_names[] = { "UDP", "TCP", "echo", "UDP without checksum" };

/* A whole packet of that flow; its ports where the protocol has them. */
static void make_packet(struct craft *c, const struct craft_ip *ip, enum flow flow, uint16_t sport,
	uint16_t dport, bool is_reply, size_t len)
{
	if (flow == FLOW_TCP)
		craft_tcp(c, ip, sport, dport, is_reply ? TCP_ACK : TCP_SYN, len);
	else if (flow == FLOW_ECHO)
		craft_echo(c, ip, is_reply, is_reply ? dport : sport, 7, len);
	else
		craft_udp(c, ip, sport, dport, len);
	if (flow == FLOW_UDP_NO_SUM)
		pieces_put16(craft_data(c) + 26, 0);
}

/* The port or identifier on the IPv4 side of the client's port 40000 with the server's port 53. */
static uint16_t open_flow(struct bench *b, enum flow flow)
{
	make_packet(&b->in, &to_server, flow == FLOW_UDP_NO_SUM ? FLOW_UDP : flow, 40000, 53, false, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	b->sent = 0;
	return b->v[0].sport;
}

/* What went in as `whole` must have come out translated, whatever the fragments are. */
static void check_joined(struct bench *b, enum flow flow, enum direction dir, uint16_t port, size_t len)
{
	const struct craft_ip out4 = { .src = POOL, .dst = SERVER, .hop_limit = 63, .no_df = true };
	const struct craft_ip out6 = { .src = SERVER6, .dst = CLIENT, .hop_limit = 63 };

	REQUIRE(b->sent > 0);
	pieces_join(b, 0, b->sent, &joined);
	CHECK(craft_checksums_ok(craft_data(&joined), joined.len));
	if (flow == FLOW_UDP_NO_SUM)
		flow = FLOW_UDP;
	if (dir == DIR_64) {
		make_packet(&want, &out4, flow, port, 53, false, len);
		memcpy(craft_data(&want) + 4, craft_data(&joined) + 4, 2); /* identification */
		pieces_sum4(craft_data(&want));
	} else {
		make_packet(&want, &out6, flow, 53, 40000, true, len);
	}
	CHECK_BYTES(craft_data(&joined), joined.len, craft_data(&want), want.len);
}

static void cut_flow(enum flow flow, enum direction dir, uint16_t port, size_t len, size_t size, uint32_t id)
{
	struct craft_ip ip = dir == DIR_64 ? to_server : to_pool;

	ip.no_df = true;
	if (dir == DIR_64)
		make_packet(&whole, &ip, flow, 40000, 53, false, len);
	else
		make_packet(&whole, &ip, flow, 53, port, true, len);
	pieces_cut(&cut, &whole, id, size);
}

static bool flow_exists(enum flow flow, enum direction dir)
{
	return dir == DIR_46 || flow != FLOW_UDP_NO_SUM; /* IPv6 has no datagrams without checksum */
}

TEST(in_order_fragments_of_udp_and_tcp_do_not_wait)
{
	for (enum flow flow = FLOW_UDP; flow <= FLOW_TCP; flow++) {
		for (enum direction dir = 0; dir < DIR_COUNT; dir++) {
			struct bench *b = bench_new();
			uint16_t port = open_flow(b, flow);

			test_row(flow_names[flow]);
			cut_flow(flow, dir, port, 3000, 1232, 0xaabbccdd);
			REQUIRE(cut.len == 3);
			for (unsigned i = 0; i < cut.len; i++) {
				CHECK_INT(give(b, &cut.p[i]), VERDICT_SEND);
				CHECK_INT(b->sent, i + 1);
				CHECK_INT(place_of(sent(b, i)).id, 0xccdd);
			}
			check_joined(b, flow, dir, port, 3000);
			CHECK_INT(nat64_counters(b->n)->fragments[dir], 3);
			CHECK_INT(nat64_counters(b->n)->fragments_held, 0);
			CHECK_INT(nat64_counters(b->n)->datagrams, 1);
			CHECK_INT(nat64_counters(b->n)->pkts[dir][flow == FLOW_TCP ? PROTO_TCP : PROTO_UDP],
				3 + (dir == DIR_64));
			bench_free(b);
		}
	}
}

/* Calls @visit with every order of the numbers below @n. */
static void permute(
	unsigned *order, unsigned at, unsigned n, void (*visit)(const unsigned *order, void *ctx), void *ctx)
{
	if (at == n) {
		visit(order, ctx);
		return;
	}
	for (unsigned i = at; i < n; i++) {
		unsigned keep = order[at];

		order[at] = order[i];
		order[i] = keep;
		permute(order, at + 1, n, visit, ctx);
		order[i] = order[at];
		order[at] = keep;
	}
}

struct permutation {
	struct bench *b;
	enum flow flow;
	enum direction dir;
	uint16_t port;
	unsigned count;
};

static void give_in_order(const unsigned *order, void *ctx)
{
	struct permutation *p = ctx;

	p->b->sent = 0;
	cut_flow(p->flow, p->dir, p->port, 1500, 400, 1000 + p->count);
	REQUIRE(cut.len == 4);
	for (unsigned i = 0; i < 4; i++) {
		enum verdict v = give(p->b, &cut.p[order[i]]);

		CHECK(v == VERDICT_SEND || (v == VERDICT_HOLD && i < 3));
	}
	CHECK_INT(p->b->sent, 4);
	CHECK_INT(place_of(sent(p->b, 0)).offset, 0);
	check_joined(p->b, p->flow, p->dir, p->port, 1500);
	p->count++;
}

TEST(every_order_of_four_fragments_gives_the_same_datagram)
{
	for (enum flow flow = 0; flow < FLOW_COUNT; flow++) {
		for (enum direction dir = 0; dir < DIR_COUNT; dir++) {
			if (!flow_exists(flow, dir))
				continue;
			struct permutation p = { .b = bench_new(), .flow = flow, .dir = dir };
			unsigned order[] = { 0, 1, 2, 3 };

			test_row(flow_names[flow]);
			p.port = open_flow(p.b, flow);
			permute(order, 0, 4, give_in_order, &p);
			CHECK_INT(p.count, 24);
			CHECK_INT(nat64_counters(p.b->n)->datagrams, 24);
			CHECK_INT(nat64_counters(p.b->n)->datagrams_lost, 0);
			bench_free(p.b);
		}
	}
}

TEST(the_longest_datagram_passes_in_reverse_order)
{
	for (enum flow flow = 0; flow < FLOW_COUNT; flow++) {
		for (enum direction dir = 0; dir < DIR_COUNT; dir++) {
			size_t header = flow == FLOW_TCP ? 20 : 8, len = 65515 - header;

			if (!flow_exists(flow, dir))
				continue;
			struct bench *b = bench_new();
			uint16_t port = open_flow(b, flow);

			test_row(flow_names[flow]);
			cut_flow(flow, dir, port, len, 1480, 1);
			for (unsigned i = cut.len; i-- > 0;)
				CHECK_INT(give(b, &cut.p[i]), i ? VERDICT_HOLD : VERDICT_SEND);
			check_joined(b, flow, dir, port, len);
			bench_free(b);
		}
	}
}

/* IPv6 can say 20 bytes more than IPv4. */
TEST(a_datagram_too_long_for_ipv4_is_not_begun_twice)
{
	struct bench *b = bench_new();

	cut_flow(FLOW_UDP, DIR_64, 0, 65527, 1232, 1);
	for (unsigned i = 0; i + 1 < cut.len; i++)
		CHECK_INT(give(b, &cut.p[i]), VERDICT_SEND);
	CHECK_INT(give(b, &cut.p[cut.len - 1]), VERDICT_DROP);
	CHECK_INT(drops(b, DROP_TOO_BIG), 1);
	bench_free(b);
}

/* RFC 4443 s2.3: the pseudo-header has the length of the whole message. */
TEST(an_echo_message_waits_for_its_length_only)
{
	for (enum direction dir = 0; dir < DIR_COUNT; dir++) {
		struct bench *b = bench_new();
		uint16_t port = open_flow(b, FLOW_ECHO);

		cut_flow(FLOW_ECHO, dir, port, 1500, 400, 5);
		CHECK_INT(give(b, &cut.p[0]), VERDICT_HOLD);
		CHECK_INT(give(b, &cut.p[3]), VERDICT_SEND);
		CHECK_INT(b->sent, 2);
		CHECK_INT(give(b, &cut.p[2]), VERDICT_SEND);
		CHECK_INT(give(b, &cut.p[1]), VERDICT_SEND);
		CHECK_INT(b->sent, 4);
		check_joined(b, FLOW_ECHO, dir, port, 1500);
		bench_free(b);
	}
}

TEST(a_datagram_without_checksum_gets_one_over_all_fragments_rfc6146_s3_4)
{
	struct bench *b = bench_new();
	uint16_t port = open_flow(b, FLOW_UDP);

	cut_flow(FLOW_UDP_NO_SUM, DIR_46, port, 1501, 400, 5);
	for (unsigned i = 0; i < 3; i++)
		CHECK_INT(give(b, &cut.p[i]), VERDICT_HOLD);
	CHECK_INT(b->sent, 0);
	CHECK_INT(give(b, &cut.p[3]), VERDICT_SEND);
	check_joined(b, FLOW_UDP, DIR_46, port, 1501);

	/* Its header lies about the length, so there is nothing to sum up. */
	b->sent = 0;
	cut_flow(FLOW_UDP_NO_SUM, DIR_46, port, 1501, 400, 6);
	pieces_put16(craft_data(&cut.p[0]) + 24, 1500);
	for (unsigned i = 0; i < 3; i++)
		CHECK_INT(give(b, &cut.p[i]), VERDICT_HOLD);
	CHECK_INT(give(b, &cut.p[3]), VERDICT_DROP);
	CHECK_INT(b->sent, 0);
	CHECK_INT(drops(b, DROP_UDP_LENGTH), 4);
	bench_free(b);
}

TEST(interleaved_datagrams_are_told_apart)
{
	static struct pieces other;
	struct bench *b = bench_new();
	const struct craft_ip second = { .src = "2001:db8:2::3", .dst = SERVER6 };

	/* The same identification from two clients, and two identifications of one. */
	for (unsigned round = 0; round < 2; round++) {
		b->sent = 0;
		cut_flow(FLOW_UDP, DIR_64, 0, 1500, 400, 77);
		make_packet(&whole, round == 0 ? &second : &to_server, FLOW_UDP, 41000, 53, false, 1500);
		pieces_cut(&other, &whole, round == 0 ? 77 : 78, 400);
		for (unsigned i = 4; i-- > 0;) {
			CHECK_INT(give(b, &cut.p[i]), i ? VERDICT_HOLD : VERDICT_SEND);
			if (i == 0)
				check_joined(b, FLOW_UDP, DIR_64, b->v[0].sport, 1500);
			b->sent = i ? b->sent : 0;
			CHECK_INT(give(b, &other.p[i]), i ? VERDICT_HOLD : VERDICT_SEND);
		}
		check_joined(b, FLOW_UDP, DIR_64, b->v[0].sport, 1500);
	}
	CHECK_INT(nat64_counters(b->n)->datagrams, 4);
	bench_free(b);
}

TEST(an_identification_may_be_used_again_when_its_datagram_is_through)
{
	struct bench *b = bench_new();

	for (unsigned i = 0; i < 5; i++) {
		b->sent = 0;
		cut_flow(FLOW_UDP, DIR_64, 0, 1500, 400, 77);
		for (unsigned k = 0; k < 4; k++)
			CHECK_INT(give(b, &cut.p[k]), VERDICT_SEND);
	}
	CHECK_INT(nat64_counters(b->n)->datagrams, 5);
	bench_free(b);
}

/* RFC 7915 s4: fragments that leave the choice to the network become small enough for every IPv6 link. */
TEST(fragment_without_df_is_cut_further_and_with_df_is_not)
{
	struct bench *b = bench_new();
	uint16_t port = open_flow(b, FLOW_UDP);

	for (unsigned reverse = 0; reverse < 2; reverse++) {
		b->sent = 0;
		cut_flow(FLOW_UDP, DIR_46, port, 4000, 1480, 9 + reverse);
		REQUIRE(cut.len == 3);
		for (unsigned i = 0; i < 3; i++)
			(void)give(b, &cut.p[reverse ? 2 - i : i]);
		CHECK_INT(b->sent, 5);
		for (unsigned i = 0; i < b->sent; i++)
			CHECK(b->out[i].len <= 1280);
		check_joined(b, FLOW_UDP, DIR_46, port, 4000);
	}
	CHECK_INT(nat64_counters(b->n)->split, 4);

	b->sent = 0;
	make_packet(&whole, &to_pool, FLOW_UDP, 53, port, true, 4000);
	pieces_cut(&cut, &whole, 11, 1480);
	for (unsigned i = 0; i < 3; i++)
		(void)give(b, &cut.p[i]);
	CHECK_INT(b->sent, 3);
	CHECK_INT(b->out[0].len, 48 + 1480);
	check_joined(b, FLOW_UDP, DIR_46, port, 4000);
	bench_free(b);
}

/* What the host's own reassembly hands over: a whole datagram of up to 64 KiB, DF clear. */
TEST(a_datagram_that_the_host_put_together_is_cut_rfc7915_s4)
{
	struct bench *b = bench_new();
	uint16_t port = open_flow(b, FLOW_UDP);
	struct craft_ip ip = to_pool;

	ip.no_df = true;
	for (size_t len = 65507; len > 1200; len = len * 2 / 3) {
		b->sent = 0;
		make_packet(&whole, &ip, FLOW_UDP, 53, port, true, len);
		CHECK_INT(give(b, &whole), VERDICT_SEND);
		for (unsigned i = 0; i < b->sent; i++)
			CHECK(b->out[i].len <= 1280);
		if (len > 1232)
			check_joined(b, FLOW_UDP, DIR_46, port, len);
	}
	bench_free(b);
}

TEST(hairpin_of_fragments_rfc6146_s3_8)
{
	struct bench *b = bench_new();
	uint16_t port = open_udp(b, 40000);
	const struct craft_ip a_to_b = { .src = "2001:db8:2::3", .dst = POOL6 };

	for (unsigned reverse = 0; reverse < 2; reverse++) {
		b->sent = 0;
		craft_udp(&whole, &a_to_b, 41000, port, 3000);
		pieces_cut(&cut, &whole, 0x12345678 + reverse, 1448);
		for (unsigned i = 0; i < cut.len; i++)
			(void)give(b, &cut.p[reverse ? cut.len - 1 - i : i]);
		CHECK_INT(b->sent, 5); /* DF is clear in between, so two of them are cut */
		pieces_join(b, 0, b->sent, &joined);
		CHECK(craft_checksums_ok(craft_data(&joined), joined.len));
		CHECK_INT(joined.len, 40 + 8 + 3000);
		CHECK_INT(pieces_get16(craft_data(&joined) + 42), 40000);
		check_addr6(addr6_at(craft_data(&joined) + 8), POOL6);
		check_addr6(addr6_at(craft_data(&joined) + 24), CLIENT);
		CHECK_BYTES(craft_data(&joined) + 48, 3000, craft_data(&whole) + 48, 3000);
	}
	CHECK_INT(nat64_counters(b->n)->hairpins, 6);
	bench_free(b);
}

/* What has no binding is the host's, untouched, whatever the order. */
TEST(fragments_of_the_host_are_given_back_unchanged)
{
	for (enum flow flow = 0; flow < FLOW_COUNT; flow++) {
		for (unsigned reverse = 0; reverse < 2; reverse++) {
			struct bench *b = bench_config();

			b->cfg.state.pool[0].is_shared = true;
			bench_start(b);
			cut_flow(flow, DIR_46, 2000, 1500, 400, 3);
			for (unsigned i = 0; i < 4; i++)
				(void)give(b, &cut.p[reverse ? 3 - i : i]);
			test_row(flow_names[flow]);
			REQUIRE(b->sent == 4);
			CHECK_INT(nat64_counters(b->n)->passed, 4);
			pieces_join(b, 0, 4, &joined);
			for (unsigned i = 0; i < 4; i++) {
				unsigned is = (unsigned)(place_of(sent(b, i)).offset / 400);

				CHECK_BYTES(sent(b, i), b->out[i].len, craft_data(&cut.p[is]), cut.p[is].len);
			}
			bench_free(b);
		}
	}
}

TEST(a_refused_datagram_is_refused_whole_and_told_once)
{
	struct bench *b = bench_new();

	cut_flow(FLOW_UDP, DIR_46, 2000, 1500, 400, 3);
	CHECK_INT(give(b, &cut.p[2]), VERDICT_HOLD);
	CHECK_INT(give(b, &cut.p[0]), VERDICT_ICMP);
	CHECK_INT(give(b, &cut.p[1]), VERDICT_DROP);
	CHECK_INT(give(b, &cut.p[3]), VERDICT_DROP);
	CHECK_INT(b->sent, 1);
	CHECK_INT(drops(b, DROP_46_NO_BINDING), 4);
	bench_free(b);

	b = bench_config();
	REQUIRE(prefix4_parse("198.51.100.0/24", &b->cfg.deny[0]) == 0);
	b->cfg.deny_len = 1;
	bench_start(b);
	cut_flow(FLOW_UDP, DIR_64, 0, 1500, 400, 3);
	CHECK_INT(give(b, &cut.p[2]), VERDICT_DROP); /* nothing to wait for */
	CHECK_INT(give(b, &cut.p[0]), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_64_DENIED), 2);
	bench_free(b);
}

TEST(first_fragment_must_hold_the_transport_header_rfc6146_s3_4)
{
	static const struct {
		const char *name;
		enum flow flow;
		size_t size;
		enum drop_reason reason;
	} rows[] = {
		{ "TCP in two", FLOW_TCP, 8, DROP_FRAGMENT_TINY },
		{ "TCP at 16", FLOW_TCP, 16, DROP_FRAGMENT_TINY },
		{ "TCP at 24", FLOW_TCP, 24, DROP_NONE },
		{ "UDP header alone", FLOW_UDP, 8, DROP_NONE },
		{ "echo header alone", FLOW_ECHO, 8, DROP_NONE },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (enum direction dir = 0; dir < DIR_COUNT; dir++) {
			struct bench *b = bench_new();
			uint16_t port = open_flow(b, rows[i].flow);

			test_row(rows[i].name);
			cut_flow(rows[i].flow, dir, port, 100, rows[i].size, 1);
			for (unsigned k = 0; k < cut.len; k++)
				(void)give(b, &cut.p[k]);
			if (rows[i].reason == DROP_NONE)
				check_joined(b, rows[i].flow, dir, port, 100);
			else
				CHECK_INT(b->sent, 0);
			CHECK_INT(drops(b, rows[i].reason), rows[i].reason != DROP_NONE);
			bench_free(b);
		}
	}
}

/* TCP options may reach beyond the first fragment although 20 bytes are there. */
TEST(first_fragment_must_hold_the_tcp_options_too)
{
	struct bench *b = bench_new();

	cut_flow(FLOW_TCP, DIR_64, 0, 100, 24, 1);
	craft_data(&cut.p[0])[48 + 12] = 0x70;
	CHECK_INT(give(b, &cut.p[0]), VERDICT_DROP);
	CHECK_INT(drops(b, DROP_FRAGMENT_TINY), 1);
	bench_free(b);
}

/* Fragments of `whole`, 400 bytes of transport each unless said, and one that does not fit in. */
static const struct {
	const char *name;
	size_t from, to;
	bool more;
	unsigned before; /* fragments given before it */
	enum drop_reason reason;
} misfits[] = {
	{ "overlaps the first", 392, 800, true, 1, DROP_FRAGMENT_OVERLAP },
	{ "overlaps the first by 8 at its start", 0, 8, true, 1, DROP_FRAGMENT_OVERLAP },
	{ "inside another", 8, 16, true, 2, DROP_FRAGMENT_OVERLAP },
	{ "around another", 0, 800, true, 1, DROP_FRAGMENT_OVERLAP },
	{ "begins with another and is longer", 400, 808, true, 2, DROP_FRAGMENT_OVERLAP },
	{ "a last one before the end of another", 400, 500, false, 2, DROP_FRAGMENT_OVERLAP },
	{ "a last one that another is behind", 800, 900, false, 3, DROP_FRAGMENT_OVERLAP },
	{ "repeated, but as the last one", 400, 800, false, 2, DROP_FRAGMENT_OVERLAP },
	{ "repeated", 0, 400, true, 1, DROP_FRAGMENT_DUPLICATE },
};

TEST(overlapping_fragments_condemn_the_datagram_rfc5722)
{
	for (size_t i = 0; i < ARRAY_LEN(misfits); i++) {
		for (enum direction dir = 0; dir < DIR_COUNT; dir++) {
			struct bench *b = bench_new();
			uint16_t port = open_flow(b, FLOW_UDP);
			bool is_duplicate = misfits[i].reason == DROP_FRAGMENT_DUPLICATE;
			static struct craft misfit;

			test_row(misfits[i].name);
			cut_flow(FLOW_UDP, dir, port, 1500, 400, 1);
			piece_make(&misfit, &whole, 1, misfits[i].from, misfits[i].to, misfits[i].more);
			for (unsigned k = 0; k < misfits[i].before; k++)
				CHECK_INT(give(b, &cut.p[k]), VERDICT_SEND);
			CHECK_INT(give(b, &misfit), VERDICT_DROP);
			CHECK_INT(drops(b, misfits[i].reason), 1);
			for (unsigned k = misfits[i].before; k < 4; k++)
				CHECK_INT(give(b, &cut.p[k]), is_duplicate ? VERDICT_SEND : VERDICT_DROP);
			CHECK_INT(b->sent, is_duplicate ? 4 : misfits[i].before);
			if (is_duplicate)
				check_joined(b, FLOW_UDP, dir, port, 1500);
			bench_free(b);
		}
	}
}

/* Stored fragments are condemned with the rest. */
TEST(an_overlap_drops_what_waits)
{
	struct bench *b = bench_new();
	static struct craft misfit;

	cut_flow(FLOW_UDP, DIR_64, 0, 1500, 400, 1);
	piece_make(&misfit, &whole, 1, 792, 800, true);
	CHECK_INT(give(b, &cut.p[1]), VERDICT_HOLD);
	CHECK_INT(give(b, &cut.p[2]), VERDICT_HOLD);
	CHECK_INT(give(b, &misfit), VERDICT_DROP);
	CHECK_INT(drops(b, DROP_FRAGMENT_OVERLAP), 3);
	CHECK_INT(give(b, &cut.p[0]), VERDICT_DROP);
	CHECK_INT(b->sent, 0);
	bench_free(b);
}

/* RFC 1858 s4: a second fragment that would rewrite the flags of the TCP header. */
TEST(a_fragment_into_the_tcp_header_never_passes)
{
	for (unsigned reverse = 0; reverse < 2; reverse++) {
		struct bench *b = bench_new();
		static struct craft attack;

		cut_flow(FLOW_TCP, DIR_64, 0, 100, 24, 1);
		piece_make(&attack, &whole, 1, 8, 32, true);
		if (reverse)
			CHECK_INT(give(b, &attack), VERDICT_HOLD);
		CHECK_INT(give(b, &cut.p[0]), reverse ? VERDICT_DROP : VERDICT_SEND);
		if (!reverse)
			CHECK_INT(give(b, &attack), VERDICT_DROP);
		CHECK_INT(drops(b, DROP_FRAGMENT_OVERLAP), reverse ? 2 : 1);
		CHECK_INT(b->sent, !reverse);
		bench_free(b);
	}
}

TEST(stored_fragments_expire_after_their_lifetime)
{
	struct bench *b = bench_new();
	struct nat64_out out = { .send = capture, .ctx = b };

	cut_flow(FLOW_UDP, DIR_64, 0, 1500, 400, 1);
	CHECK_INT(give(b, &cut.p[1]), VERDICT_HOLD);
	b->now += NSEC;
	CHECK_INT(give(b, &cut.p[2]), VERDICT_HOLD);
	CHECK(nat64_tick(b->n, b->now, &out) <= b->now + NSEC);
	b->now += NSEC - 1;
	nat64_tick(b->n, b->now, &out);
	CHECK_INT(drops(b, DROP_FRAGMENT_EXPIRED), 0);
	b->now++;
	nat64_tick(b->n, b->now, &out);
	CHECK_INT(drops(b, DROP_FRAGMENT_EXPIRED), 2);
	CHECK_INT(nat64_counters(b->n)->datagrams_lost, 1);

	/* The rest stands alone now: the first one passes, nothing is behind it. */
	CHECK_INT(give(b, &cut.p[0]), VERDICT_SEND);
	CHECK_INT(b->sent, 1);
	bench_free(b);
}

TEST(fragments_may_take_the_whole_lifetime_and_it_is_configurable)
{
	struct bench *b = bench_config();

	b->cfg.state.lifetime[LIFETIME_FRAGMENT] = 10 * NSEC;
	bench_start(b);
	cut_flow(FLOW_UDP, DIR_64, 0, 1500, 400, 1);
	for (unsigned i = 4; i-- > 0;) {
		(void)give(b, &cut.p[i]);
		b->now += 3 * NSEC;
	}
	check_joined(b, FLOW_UDP, DIR_64, b->v[0].sport, 1500);
	bench_free(b);
}

/* One stored fragment of datagram number @id from host @host, neither a first one. */
static enum verdict give_stray(struct bench *b, unsigned host, uint32_t id, size_t len)
{
	char src[64];
	struct craft_ip ip = { .src = src, .dst = SERVER6 };

	snprintf(src, sizeof(src), "2001:db8:%x::1", host);
	make_packet(&whole, &ip, FLOW_UDP, 40000, 53, false, len + 400);
	piece_make(&cut.p[0], &whole, id, 400, 400 + len, true);
	return give(b, &cut.p[0]);
}

/* A flood of strays from everywhere displaces the oldest ones, and never what has just begun. */
TEST(a_full_table_gives_up_the_oldest)
{
	struct bench *b = bench_new();
	uint16_t port = open_flow(b, FLOW_UDP);

	for (unsigned i = 0; i < FRAGMENT_DATAGRAMS_MAX; i++)
		CHECK_INT(give_stray(b, 100 + i, i, 80), VERDICT_HOLD);
	CHECK_INT(drops(b, DROP_FRAGMENT_TABLE_FULL), 0);
	for (unsigned i = 0; i < 300; i++)
		CHECK_INT(give_stray(b, 5000 + i, i, 80), VERDICT_HOLD);
	CHECK_INT(drops(b, DROP_FRAGMENT_TABLE_FULL), 300);
	CHECK_INT(nat64_counters(b->n)->datagrams_lost, 300);

	cut_flow(FLOW_UDP, DIR_46, port, 1500, 400, 1);
	struct pieces *mine = malloc(sizeof(*mine));

	REQUIRE(mine);
	*mine = cut;
	for (unsigned i = 4; i-- > 0;) {
		(void)give(b, &mine->p[i]);
		for (unsigned k = 0; k < 200; k++)
			(void)give_stray(b, 9000 + 1000 * i + k, k, 80);
	}
	check_joined(b, FLOW_UDP, DIR_46, port, 1500);
	free(mine);
	CHECK(nat64_validate(b->n));
	b->now += 3 * NSEC;
	nat64_tick(b->n, b->now, &(struct nat64_out){ .send = capture, .ctx = b });
	CHECK_INT(drops(b, DROP_FRAGMENT_EXPIRED), FRAGMENT_DATAGRAMS_MAX);
	bench_free(b);
}

static struct state_event heard[8];
static unsigned heard_len;

static void hear(void *ctx, const struct state_event *e)
{
	if (heard_len < ARRAY_LEN(heard))
		heard[heard_len] = *e;
	heard_len++;
}

TEST(a_full_table_is_told_with_the_source_that_filled_it_and_once_a_second_rfc8158_s4_6_7_5)
{
	struct bench *b = bench_config();

	heard_len = 0;
	b->cfg.state.watch = (struct state_watch){ .event = hear };
	bench_start(b);
	for (unsigned i = 0; i < FRAGMENT_DATAGRAMS_MAX; i++)
		CHECK_INT(give_stray(b, 100 + i, i, 80), VERDICT_HOLD);
	CHECK_INT(heard_len, 0);
	for (unsigned i = 0; i < 50; i++)
		CHECK_INT(give_stray(b, 5000 + i, i, 80), VERDICT_HOLD);
	REQUIRE(heard_len == 1);
	CHECK_INT(heard[0].kind, STATE_LIMIT);
	CHECK_INT(heard[0].reason, DROP_FRAGMENT_TABLE_FULL);
	check_addr6(heard[0].in, "2001:db8:1388::1");
	b->now += NSEC;
	CHECK_INT(give_stray(b, 6000, 1, 80), VERDICT_HOLD);
	REQUIRE(heard_len == 2);
	CHECK_INT(heard[1].count, 50);
	check_addr6(heard[1].in, "2001:db8:1770::1");
	bench_free(b);
}

TEST(one_source_has_a_share_of_the_datagrams)
{
	struct bench *b = bench_new();

	CHECK_INT(give_stray(b, 7, 1, 80), VERDICT_HOLD);
	for (unsigned i = 0; i < 1000; i++)
		CHECK_INT(give_stray(b, 100, i, 80), VERDICT_HOLD);
	CHECK_INT(drops(b, DROP_FRAGMENT_SOURCE_LIMIT), 1000 - FRAGMENT_SOURCE_DATAGRAMS_MAX);
	CHECK_INT(drops(b, DROP_FRAGMENT_TABLE_FULL), 0);
	bench_free(b);
}

TEST(stored_bytes_are_bounded_by_source_and_in_all)
{
	struct bench *b = bench_new();
	unsigned chunks = 64000 / FRAGMENT_CHUNK_BYTES + 1, fit = FRAGMENT_SOURCE_CHUNKS_MAX / chunks;

	for (unsigned i = 0; i < 20; i++)
		CHECK_INT(give_stray(b, 100, i, 64000), VERDICT_HOLD);
	CHECK_INT(drops(b, DROP_FRAGMENT_SOURCE_LIMIT), 20 - fit);
	CHECK(nat64_validate(b->n));
	for (unsigned i = 0; i < 100; i++)
		CHECK_INT(give_stray(b, 200 + i, i, 64000), VERDICT_HOLD);
	CHECK_INT(drops(b, DROP_FRAGMENT_TABLE_FULL), fit + 100 - FRAGMENT_CHUNKS_MAX / chunks);
	bench_free(b);
}

/* The oldest datagram of its source is the one that needs room: others go. */
TEST(the_datagram_that_grows_is_not_given_up_for_itself)
{
	struct bench *b = bench_new();
	static struct pieces mine;
	uint16_t port = open_flow(b, FLOW_UDP);

	cut_flow(FLOW_UDP, DIR_46, port, 60000, 24000, 1);
	mine = cut;
	CHECK_INT(give(b, &mine.p[2]), VERDICT_HOLD);
	unsigned used = (unsigned)mine.p[2].len / FRAGMENT_CHUNK_BYTES + 1,
		 large = 64000 / FRAGMENT_CHUNK_BYTES + 1;

	for (unsigned i = 0; used + large <= FRAGMENT_CHUNKS_MAX; i++, used += large)
		CHECK_INT(give_stray(b, 200 + i, i, 64000), VERDICT_HOLD);
	for (unsigned i = 0; used < FRAGMENT_CHUNKS_MAX; i++, used++)
		CHECK_INT(give_stray(b, 900 + i, i, 80), VERDICT_HOLD);
	CHECK_INT(drops(b, DROP_FRAGMENT_TABLE_FULL), 0);
	CHECK_INT(give(b, &mine.p[1]), VERDICT_HOLD);
	CHECK_INT(drops(b, DROP_FRAGMENT_TABLE_FULL), 1);
	CHECK_INT(give(b, &mine.p[0]), VERDICT_SEND);
	check_joined(b, FLOW_UDP, DIR_46, port, 60000);
	bench_free(b);
}

TEST(a_datagram_in_too_many_fragments_is_refused)
{
	struct bench *b = bench_new();

	cut_flow(FLOW_UDP, DIR_64, 0, 8 * FRAGMENT_PIECES_MAX, 8, 1);
	REQUIRE(cut.len == FRAGMENT_PIECES_MAX + 1);
	for (unsigned i = 0; i < FRAGMENT_PIECES_MAX; i++)
		CHECK_INT(give(b, &cut.p[i]), VERDICT_SEND);
	CHECK_INT(give(b, &cut.p[FRAGMENT_PIECES_MAX]), VERDICT_DROP);
	CHECK_INT(drops(b, DROP_FRAGMENT_PIECES), 1);
	bench_free(b);
}

TEST(an_icmp_error_in_fragments_is_dropped_rfc6146_s3_4)
{
	struct bench *b = bench_new();
	uint16_t port = open_flow(b, FLOW_UDP);
	const struct craft_ip from_pool = { .src = POOL, .dst = SERVER };
	struct craft inner;

	craft_udp(&inner, &from_pool, port, 53, 500);
	craft_error(&whole, &to_pool, ICMP4_UNREACHABLE, 3, 0, craft_data(&inner), inner.len);
	pieces_cut(&cut, &whole, 1, 104);
	for (unsigned i = 0; i < cut.len; i++)
		CHECK_INT(give(b, &cut.p[i]), VERDICT_DROP);
	CHECK_INT(b->sent, 0);
	CHECK_INT(drops(b, DROP_FRAGMENT_ICMP_ERROR), cut.len);
	bench_free(b);
}

TEST(every_truncation_of_a_fragment_is_a_counted_drop_or_waits)
{
	struct bench *b = bench_new();
	uint16_t port = open_flow(b, FLOW_TCP);

	for (enum direction dir = 0; dir < DIR_COUNT; dir++) {
		static struct pieces all;

		cut_flow(FLOW_TCP, dir, port, 200, 80, 1);
		all = cut;
		for (unsigned i = 0; i < all.len; i++) {
			for (size_t len = 0; len < all.p[i].len; len++) {
				struct craft part = all.p[i];

				part.len = len;
				CHECK_INT(give(b, &part), VERDICT_DROP);
			}
		}
	}
	CHECK_INT(b->sent, 0);
	bench_free(b);
}
