/* test_burst.c - a burst gives what its packets give one by one */
#include "bench.h"

#include <stdio.h>
#include <string.h>

#define ROUNDS 60

/* A packet of any kind the pipeline knows; some are cut short or broken. */
static void make_packet(struct craft *c, struct rng *g)
{
	uint16_t port = (uint16_t)(2000 + rng_below(g, 40)),
		 pool_port = (uint16_t)(1024 + rng_below(g, 2000));
	uint8_t flags = rng_below(g, 3) == 0 ? 0x02 : 0x10;
	struct craft inner;

	switch (rng_below(g, 8)) {
	case 0:
		craft_udp(c, &to_server, port, 53, rng_below(g, 100));
		break;
	case 1:
		craft_tcp(c, &to_server, port, 80, flags, rng_below(g, 100));
		break;
	case 2:
		craft_echo(c, &to_server, false, port, 1, 20);
		break;
	case 3:
		craft_udp(c, &to_pool, 53, pool_port, rng_below(g, 1400));
		break;
	case 4:
		craft_tcp(c, &to_pool, 80, pool_port, flags, 10);
		break;
	case 5:
		craft_udp(&inner, &to_server, port, 53, 20);
		craft_error(c, &(struct craft_ip){ .src = CLIENT, .dst = SERVER6 }, ICMP6_UNREACHABLE, 4, 0,
			craft_data(&inner), inner.len);
		break;
	case 6:
		craft_udp(c, &(struct craft_ip){ .src = CLIENT, .dst = POOL6 }, port, pool_port, 30);
		break;
	default:
		craft_udp(c, &to_server, port, 53, 20);
		craft_data(c)[rng_below(g, (uint32_t)c->len)] ^= (uint8_t)(1u << rng_below(g, 8));
		c->len -= rng_below(g, 30);
		break;
	}
}

static struct pkt packet_of(struct craft *c)
{
	return (struct pkt){ .head = c->memory,
		.data = craft_data(c),
		.len = (uint32_t)c->len,
		.end = c->memory + sizeof(c->memory) };
}

static void check_same_output(struct bench *a, struct bench *b)
{
	REQUIRE(a->sent == b->sent);
	for (unsigned i = 0; i < a->sent; i++) {
		REQUIRE(a->out[i].len == b->out[i].len);
		CHECK(memcmp(sent(a, i), sent(b, i), a->out[i].len) == 0);
	}
}

static void check_burst(struct bench *alone, struct bench *together, unsigned len, struct rng *g)
{
	static struct craft one[NAT64_BURST_MAX], other[NAT64_BURST_MAX];
	struct nat64_out out_alone = { .send = capture, .ctx = alone },
			 out_together = { .send = capture, .ctx = together };
	struct pkt burst[NAT64_BURST_MAX];

	alone->sent = together->sent = 0;
	for (unsigned i = 0; i < len; i++) {
		make_packet(&one[i], g);
		other[i] = one[i];
		burst[i] = packet_of(&other[i]);
	}
	for (unsigned i = 0; i < len; i++) {
		struct pkt p = packet_of(&one[i]);

		(void)nat64_packet(alone->n, &p, alone->now, &out_alone);
	}
	nat64_burst(together->n, burst, len, together->now, &out_together);
	check_same_output(alone, together);
}

TEST(burst_of_any_length_gives_what_its_packets_give_one_by_one)
{
	struct bench *alone = bench_new(), *together = bench_new();
	struct rng g;
	unsigned translated = 0;

	rng_init(&g, 6146);
	for (unsigned round = 0; round < ROUNDS; round++) {
		check_burst(alone, together,
			round <= NAT64_BURST_MAX ? round : rng_below(&g, NAT64_BURST_MAX + 1), &g);
		translated += together->sent;
		alone->now += 100 * MSEC;
		together->now = alone->now;
	}
	CHECK(memcmp(nat64_counters(alone->n), nat64_counters(together->n), sizeof(struct nat64_counters)) ==
		0);
	CHECK(translated > 400);
	CHECK(drops(together, DROP_46_NO_BINDING) > 0);
	bench_free(alone);
	bench_free(together);
}
