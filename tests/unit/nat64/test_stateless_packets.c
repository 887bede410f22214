/* test_stateless_packets.c - stateless translation of all kinds of packets: fragments, checksums, sizes, trains, protocols */
#include "routes.h"
#include "stateless_bench.h"

#include "base/random.h"

static struct craft whole;

/* Puts fragment @i of what was cut into b->in and sends it; what comes out is kept. */
static enum verdict send_piece(struct bench *b, struct pieces *p, unsigned i)
{
	b->in.len = p->p[i].len;
	memcpy(craft_data(&b->in), craft_data(&p->p[i]), b->in.len);
	return put_more(b, (struct offload){ 0 });
}

/* --- fragments --- */

TEST(each_fragment_of_udp_and_tcp_goes_by_itself_in_any_order)
{
	static struct pieces cut;
	static struct craft joined, want;
	struct bench *b = siit_new();

	for (unsigned way = 0; way < 4; way++) {
		bool is46 = way & 1, is_tcp = way & 2;
		const struct craft_ip *ip = is46 ? &peer_to_a : &a_to_peer;
		const struct craft_ip turned = { .src = is46 ? PEER_SEEN : HOST_A4,
			.dst = is46 ? HOST_A : PEER };

		if (is_tcp)
			craft_tcp(&whole, ip, 1000, 80, TCP_ACK, 3000);
		else
			craft_udp(&whole, ip, 1000, 53, 3000);
		pieces_cut(&cut, &whole, 7, 1000);
		b->sent = 0;
		for (unsigned i = cut.len; i-- > 0;) {
			CHECK_INT(send_piece(b, &cut, i),
				VERDICT_SEND); /* the last one first, and none waits */
			CHECK_INT(b->sent, cut.len - i);
		}
		pieces_join(b, 0, b->sent, &joined);
		CHECK(craft_checksums_ok(craft_data(&joined), joined.len));
		if (is_tcp)
			craft_tcp(&want, &turned, 1000, 80, TCP_ACK, 3000);
		else
			craft_udp(&want, &turned, 1000, 53, 3000);
		size_t header = is46 ? 40 : 20;

		CHECK_BYTES(craft_data(&joined) + header, joined.len - header, craft_data(&want) + header,
			want.len - header);
	}
	CHECK_INT(nat64_counters(b->n)->fragments_held, 0);
	bench_free(b);
}

TEST(fragments_of_an_echo_message_wait_for_its_length)
{
	static struct pieces cut;
	static struct craft joined;
	struct bench *b = siit_new();

	for (unsigned way = 0; way < 2; way++) {
		craft_echo(&whole, way ? &peer_to_a : &a_to_peer, false, 77, 1, 3000);
		pieces_cut(&cut, &whole, 7, 1000);
		b->sent = 0;
		for (unsigned i = 0; i + 1 < cut.len; i++)
			CHECK_INT(send_piece(b, &cut, i), VERDICT_HOLD);
		CHECK_INT(b->sent, 0);
		CHECK_INT(send_piece(b, &cut, cut.len - 1), VERDICT_SEND);
		CHECK_INT(b->sent, cut.len);
		pieces_join(b, 0, b->sent, &joined);
		CHECK(craft_checksums_ok(craft_data(&joined), joined.len));
	}
	bench_free(b);
}

TEST(fragments_turn_around_between_two_mapped_hosts)
{
	static struct pieces cut;
	static struct craft joined;
	struct bench *b = siit_new();

	craft_udp(&whole, &a_to_b, 1000, 53, 3000);
	pieces_cut(&cut, &whole, 7, 1000);
	for (unsigned i = cut.len; i-- > 0;)
		CHECK_INT(send_piece(b, &cut, i), VERDICT_SEND);
	pieces_join(b, 0, b->sent, &joined);
	CHECK(craft_checksums_ok(craft_data(&joined), joined.len));
	check_addr6(b->v[0].src6, HOST_A_SEEN);
	check_addr6(b->v[0].dst6, HOST_B);
	bench_free(b);
}

/* --- UDP without checksum, RFC 7915 s4.5 --- */

static void without_checksum(struct craft *c)
{
	uint8_t *ip = craft_data(c);

	ip[20 + 6] = ip[20 + 7] = 0;
}

TEST(a_datagram_without_checksum_is_dropped_or_gets_one_rfc7915_s4_5)
{
	struct bench *b = siit_config();

	bench_start(b);
	craft_udp(&b->in, &peer_to_a, 1000, 53, 99);
	without_checksum(&b->in);
	CHECK_INT(send_plain(b), VERDICT_DROP);
	CHECK_INT(drops(b, DROP_UDP46_CHECKSUM_ZERO), 1);
	CHECK_INT(b->sent, 0);
	b->cfg.siit.udp_zero = UDP_ZERO_COMPUTE;
	REQUIRE(nat64_update(b->n, &b->cfg) == 0);
	craft_udp(&b->in, &peer_to_a, 1000, 53, 99);
	without_checksum(&b->in);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, PEER_SEEN, HOST_A);
	bench_free(b);
}

TEST(a_fragmented_datagram_without_checksum_gets_one_over_all_fragments_if_asked)
{
	static struct pieces cut;
	static struct craft joined;
	struct bench *b = siit_config();

	b->cfg.siit.udp_zero = UDP_ZERO_COMPUTE;
	bench_start(b);
	craft_udp(&whole, &peer_to_a, 1000, 53, 3001);
	without_checksum(&whole);
	pieces_cut(&cut, &whole, 7, 1000);
	for (unsigned i = cut.len; i-- > 1;)
		CHECK_INT(send_piece(b, &cut, i), VERDICT_HOLD);
	CHECK_INT(send_piece(b, &cut, 0), VERDICT_SEND);
	pieces_join(b, 0, b->sent, &joined);
	CHECK(craft_checksums_ok(craft_data(&joined), joined.len));
	bench_free(b);
}

TEST(of_a_fragmented_datagram_without_checksum_the_first_fragment_is_dropped_otherwise)
{
	static struct pieces cut;
	struct bench *b = siit_new();

	craft_udp(&whole, &peer_to_a, 1000, 53, 3001);
	without_checksum(&whole);
	pieces_cut(&cut, &whole, 7, 1000);
	CHECK_INT(send_piece(b, &cut, 0), VERDICT_DROP);
	CHECK_INT(drops(b, DROP_UDP46_CHECKSUM_ZERO), 1);
	bench_free(b);
}

TEST(the_policy_for_missing_checksums_holds_for_stateful_translation_too)
{
	static struct pieces cut;
	struct bench *b = bench_config();

	b->cfg.udp_zero = UDP_ZERO_DROP;
	bench_start(b);
	uint16_t port = open_udp(b, 40000);

	craft_udp(&b->in, &to_pool, 53, port, 99);
	without_checksum(&b->in);
	CHECK_INT(send_plain(b), VERDICT_DROP);
	craft_udp(&whole, &to_pool, 53, port, 3001);
	without_checksum(&whole);
	pieces_cut(&cut, &whole, 7, 1000);
	b->sent = 0;
	for (unsigned i = 0; i < cut.len; i++)
		CHECK_INT(send_piece(b, &cut, i), VERDICT_DROP);
	CHECK_INT(b->sent, 0);
	CHECK_INT(drops(b, DROP_UDP46_CHECKSUM_ZERO), 1 + cut.len);
	bench_free(b);
}

/* --- sizes, RFC 7915 s4 --- */

static void check_cut_to(struct bench *b, unsigned mtu)
{
	size_t longest = 0;

	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent > 1);
	for (unsigned i = 0; i < b->sent; i++)
		longest = b->out[i].len > longest ? b->out[i].len : longest;
	CHECK(longest <= mtu && longest + 8 > mtu);
}

TEST(datagrams_without_df_are_cut_to_the_configured_mtu_rfc7915_s4)
{
	static const unsigned mtus[] = { 1280, 1400, 1500, 2000 };
	const struct craft_ip ip = { .src = PEER, .dst = HOST_A4, .no_df = true };
	const struct craft_ip pool = { .src = SERVER, .dst = POOL, .no_df = true };

	for (unsigned i = 0; i < ARRAY_LEN(mtus); i++) {
		struct bench *b = siit_config(), *s = bench_config();

		b->cfg.siit.lowest_ipv6_mtu = mtus[i];
		s->cfg.lowest_ipv6_mtu = mtus[i];
		bench_start(b);
		bench_start(s);
		uint16_t port = open_udp(s, 40000);

		craft_udp(&b->in, &ip, 1000, 53, 5000);
		check_cut_to(b, mtus[i]);
		craft_udp(&s->in, &pool, 53, port, 5000);
		check_cut_to(s, mtus[i]);
		craft_udp(&b->in, &ip, 1000, 53, mtus[i] - 48);
		CHECK_INT(send_plain(b), VERDICT_SEND);
		CHECK_INT(b->sent, 1);
		bench_free(b);
		bench_free(s);
	}
}

TEST(an_mtu_below_1280_is_no_configuration)
{
	struct bench *b = siit_config();
	uint8_t seed[32] = { 0 };

	b->cfg.siit.lowest_ipv6_mtu = 1279;
	CHECK_INT(nat64_new(&b->cfg, seed, 0, &b->n), -EINVAL);
	b->cfg.siit.lowest_ipv6_mtu = 0;
	b->cfg.siit.mappings_len = b->cfg.siit.prefixes_len = 0;
	CHECK_INT(nat64_new(&b->cfg, seed, 0, &b->n), -EINVAL);
	free(b);
}

/* --- trains and partial checksums --- */

TEST(a_train_stays_whole_and_its_checksum_partial)
{
	struct bench *b = siit_new();
	struct offload six = {
		.csum_partial = true, .csum_start = 40, .csum_offset = 16, .gso = GSO_TCP6, .gso_size = 1440
	};
	struct offload four = {
		.csum_partial = true, .csum_start = 20, .csum_offset = 16, .gso = GSO_TCP4, .gso_size = 1400
	};

	craft_tcp(&b->in, &a_to_peer, 80, 1000, TCP_ACK, 64000);
	CHECK_INT(put(b, six), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	CHECK_INT(b->off[0].gso, GSO_TCP4);
	CHECK_INT(b->off[0].csum_start, 20);
	CHECK_INT(nat64_counters(b->n)->stateless_pkts[DIR_64][PROTO_TCP], 45);
	craft_tcp(&b->in, &peer_to_a, 1000, 80, TCP_ACK, 64000);
	CHECK_INT(put(b, four), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	CHECK_INT(b->off[0].gso, GSO_TCP6);
	CHECK_INT(b->off[0].gso_size, 1400);
	CHECK_INT(nat64_counters(b->n)->trains[DIR_46], 1);
	bench_free(b);
}

/* --- there and back --- */

static const char *const hosts6[] = { HOST_A, HOST_B, "2001:db8:cccc::8",
	"2001:db8:dddd:0:6000::", "2001:db8:eeee:9:8000::", "64:ff9b::1" };

static void random_packet(struct rng *r, struct craft *c, const struct craft_ip *ip)
{
	size_t len = (size_t)(rng_next(r) % 1400);
	uint16_t a = (uint16_t)(1 + rng_next(r) % 65535), b = (uint16_t)(1 + rng_next(r) % 65535);

	switch (rng_next(r) % 3) {
	case 0:
		craft_udp(c, ip, a, b, len);
		break;
	case 1:
		craft_tcp(c, ip, a, b, (uint8_t)rng_next(r), len);
		break;
	default:
		craft_echo(c, ip, a & 1, a, b, len);
	}
}

/* To IPv4 and, as it came out, back again: two hops fewer, all else as it was. */
TEST(a_random_packet_comes_back_as_it_was)
{
	struct bench *b = siit_config();
	struct rng r;

	b->cfg.siit.hairpin = SIIT_HAIRPIN_OFF;
	bench_start(b);
	rng_init(&r, test_seed());
	for (unsigned i = 0; i < 2000; i++) {
		struct craft_ip ip = { .src = hosts6[rng_next(&r) % ARRAY_LEN(hosts6)], .dst = PEER_SEEN };
		static struct craft first;

		random_packet(&r, &b->in, &ip);
		first.len = b->in.len;
		memcpy(craft_data(&first), craft_data(&b->in), first.len);
		CHECK_INT(send_plain(b), VERDICT_SEND);
		REQUIRE(b->sent == 1 && all_checksums_ok(b));

		/* What came out has the peer for its destination: the way back begins with source and destination exchanged,
		 * which changes no checksum. */
		uint8_t *out = sent(b, 0), swap[4];

		b->in.len = b->out[0].len;
		memcpy(swap, out + 12, 4);
		memcpy(out + 12, out + 16, 4);
		memcpy(out + 16, swap, 4);
		memcpy(craft_data(&b->in), out, b->in.len);
		CHECK_INT(send_plain(b), VERDICT_SEND);
		REQUIRE(b->sent == 1 && all_checksums_ok(b));

		uint8_t *was = craft_data(&first), *is = sent(b, 0);

		CHECK_INT(b->out[0].len, first.len);
		CHECK_BYTES(is, 7, was, 7);
		CHECK_INT(is[7], was[7] - 2);
		CHECK_BYTES(is + 8, 16, was + 24, 16);
		CHECK_BYTES(is + 24, 16, was + 8, 16);
		CHECK_BYTES(is + 40, first.len - 40, was + 40, first.len - 40);
	}
	bench_free(b);
}

TEST(a_route_that_is_not_used_up_is_told_rfc7915_s4_1_s5_1)
{
	const struct craft_ip to_peer = { .src = HOST_A, .dst = PEER_SEEN };
	const struct craft_ip to_host = { .src = PEER, .dst = HOST_A4 };
	struct bench *b = siit_config();

	bench_start(b);
	craft_udp(&b->in, &to_peer, 1000, 53, 20);
	add_routing_header(&b->in);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_IP6_ROUTING_SEGMENTS_LEFT), 1);
	REQUIRE(b->sent == 1);
	CHECK_INT(b->v[0].icmp_type, 4);
	CHECK_INT(be32_at(sent(b, 0) + 44), 43);
	check_addr6(b->v[0].dst6, HOST_A);

	craft_udp(&b->in, &to_host, 53, 1000, 20);
	add_source_route(&b->in);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_IP4_SOURCE_ROUTE), 1);
	REQUIRE(b->sent == 1);
	CHECK_INT(b->v[0].icmp_type, ICMP4_UNREACHABLE);
	CHECK_INT(b->v[0].icmp_code, 5);
	check_addr4(b->v[0].dst4, PEER);
	bench_free(b);
}
