/* test_drops.c - drops are counted by what is known of the packet, in any state it may be in */
#include "bench.h"

#include "nat64/drops.h"

static const struct {
	const char *name;
	uint8_t bytes[48];
	uint32_t len;
	unsigned dir, proto;
} class_cases[] = {
	{ "nothing at all", { 0 }, 0, DIR_UNKNOWN, PROTO_OTHER },
	{ "a version that there is not", { 0x50 }, 1, DIR_UNKNOWN, PROTO_OTHER },
	{ "IPv6, and cut before the protocol", { 0x60, 0, 0, 0, 0, 0, 6 }, 6, DIR_64, PROTO_OTHER },
	{ "IPv6, TCP", { 0x60, 0, 0, 0, 0, 0, 6 }, 7, DIR_64, PROTO_TCP },
	{ "IPv6, UDP", { 0x60, 0, 0, 0, 0, 0, 17 }, 40, DIR_64, PROTO_UDP },
	{ "IPv6, ICMP", { 0x60, 0, 0, 0, 0, 0, 58 }, 40, DIR_64, PROTO_ICMP },
	{ "IPv6, the ICMP of IPv4", { 0x60, 0, 0, 0, 0, 0, 1 }, 40, DIR_64, PROTO_OTHER },
	{ "IPv6, GRE", { 0x60, 0, 0, 0, 0, 0, 47 }, 40, DIR_64, PROTO_OTHER },
	{ "IPv6, a fragment of UDP", { [0] = 0x60, [6] = 44, [40] = 17 }, 41, DIR_64, PROTO_UDP },
	{ "IPv6, a fragment that is cut", { [0] = 0x60, [6] = 44, [40] = 17 }, 40, DIR_64, PROTO_OTHER },
	{ "IPv4, and cut before the protocol", { [0] = 0x45, [9] = 6 }, 9, DIR_46, PROTO_OTHER },
	{ "IPv4, TCP", { [0] = 0x45, [9] = 6 }, 10, DIR_46, PROTO_TCP },
	{ "IPv4, UDP", { [0] = 0x45, [9] = 17 }, 20, DIR_46, PROTO_UDP },
	{ "IPv4, ICMP", { [0] = 0x45, [9] = 1 }, 20, DIR_46, PROTO_ICMP },
	{ "IPv4, the ICMP of IPv6", { [0] = 0x45, [9] = 58 }, 20, DIR_46, PROTO_OTHER },
	{ "IPv4, a number that is a fragment header in IPv6", { [0] = 0x45, [9] = 44, [40] = 6 }, 48, DIR_46,
		PROTO_OTHER },
};

TEST(a_packet_that_is_not_parsed_has_the_class_that_its_bytes_tell)
{
	for (size_t i = 0; i < ARRAY_LEN(class_cases); i++) {
		struct drop_class k = drop_class_of_bytes(class_cases[i].bytes, class_cases[i].len);

		test_row(class_cases[i].name);
		CHECK_INT(k.dir, class_cases[i].dir);
		CHECK_INT(k.proto, class_cases[i].proto);
	}
	test_row(NULL);
}

static uint64_t cell(const struct bench *b, enum drop_reason reason, unsigned dir, unsigned proto)
{
	return nat64_counters(b->n)->drop[reason][dir][proto];
}

/* Nothing else may have been counted: the one cell is all there is of all reasons. */
static void check_only(struct bench *b, enum drop_reason reason, unsigned dir, unsigned proto)
{
	uint64_t all = 0;

	for (unsigned r = DROP_NONE + 1; r < DROP_COUNT; r++)
		all += drops(b, (enum drop_reason)r);
	CHECK_INT(all, 1);
	CHECK_INT(drops(b, reason), 1);
	CHECK_INT(cell(b, reason, dir, proto), 1);
}

static void craft_later_fragment(struct craft *c)
{
	craft_udp(c, &to_server, 4000, 53, 80);
	uint8_t *p = craft_data(c);

	/* The datagram's middle: a fragment header takes the place of the UDP header, offset 64, more to come. */
	p[6] = IPPROTO6_FRAGMENT;
	p[40] = IPPROTO_UDP_NR;
	p[41] = 0;
	be16_put(p + 42, 64 | 1);
	be32_put(p + 44, 77);
}

TEST(a_drop_is_counted_under_its_direction_and_protocol)
{
	static const struct craft_ip elsewhere = { .src = CLIENT, .dst = "2001:db8:2::1" };
	static const struct craft_ip to_stranger = { .src = SERVER, .dst = "192.0.2.99" };
	struct bench *b = bench_new();

	craft_tcp(&b->in, &elsewhere, 4000, 80, TCP_SYN, 0);
	CHECK_INT(send_plain(b), VERDICT_DROP);
	check_only(b, DROP_64_NOT_OUR_PREFIX, DIR_64, PROTO_TCP);
	bench_free(b);

	b = bench_new();
	craft_echo(&b->in, &to_stranger, false, 1, 1, 8);
	CHECK_INT(send_plain(b), VERDICT_DROP);
	check_only(b, DROP_46_NOT_OUR_POOL, DIR_46, PROTO_ICMP);
	bench_free(b);

	b = bench_new();
	craft_tcp(&b->in, &to_pool, 80, 4000, TCP_SYN, 0); /* one that waits (held_syn.c) */
	CHECK_INT(send_plain(b), VERDICT_HOLD);
	check_only(b, DROP_46_NO_BINDING, DIR_46, PROTO_TCP);
	bench_free(b);

	b = bench_new();
	craft_udp(&b->in, &to_pool, 53, 4000, 20);
	b->in.len = 23; /* cannot be parsed */
	CHECK_INT(send_plain(b), VERDICT_DROP);
	check_only(b, DROP_IP4_LENGTH, DIR_46, PROTO_UDP);
	bench_free(b);

	b = bench_new();
	craft_data(&b->in)[0] = 0;
	b->in.len = 1;
	CHECK_INT(send_plain(b), VERDICT_DROP);
	check_only(b, DROP_VERSION, DIR_UNKNOWN, PROTO_OTHER);
	bench_free(b);
}

TEST(a_stored_fragment_that_is_given_up_is_counted_as_what_it_was)
{
	struct bench *b = bench_new();
	struct nat64_out out = { .send = capture, .ctx = b };

	craft_later_fragment(&b->in);
	CHECK_INT(send_plain(b), VERDICT_HOLD);
	(void)nat64_tick(b->n, b->now + b->cfg.state.lifetime[LIFETIME_FRAGMENT], &out);
	check_only(b, DROP_FRAGMENT_EXPIRED, DIR_64, PROTO_UDP);
	bench_free(b);
}

TEST(an_error_that_is_not_sent_is_counted_as_the_packet_that_it_would_be_about)
{
	struct bench *b = bench_config();

	b->cfg.deny_len = 1;
	REQUIRE(prefix4_parse(SERVER "/32", &b->cfg.deny[0]) == 0);
	bench_start(b);
	for (unsigned i = 0; i < 201; i++) {
		craft_udp(&b->in, &to_server, 4000, 53, 20);
		(void)send_plain(b);
	}
	CHECK_INT(cell(b, DROP_64_DENIED, DIR_64, PROTO_UDP), 201);
	CHECK_INT(drops(b, DROP_ICMP_RATE_LIMIT), 1);
	CHECK_INT(cell(b, DROP_ICMP_RATE_LIMIT, DIR_64, PROTO_UDP), 1);
	bench_free(b);
}

TEST(what_the_kernel_does_not_take_is_counted_by_where_it_came_from)
{
	struct bench *b = bench_new();

	open_udp(b, 4000); /* what came out is IPv4 */
	struct pkt p = { .data = sent(b, 0), .len = (uint32_t)b->out[0].len };

	nat64_drop(b->n, DROP_TUN_WRITE, &p);
	check_only(b, DROP_TUN_WRITE, DIR_64, PROTO_UDP);
	nat64_drop(b->n, DROP_TUN_READ_SHORT, NULL);
	CHECK_INT(cell(b, DROP_TUN_READ_SHORT, DIR_UNKNOWN, PROTO_OTHER), 1);
	bench_free(b);
}
