/*
 * test_queue.c - the kernel's program and the workers agree on who owns a packet
 *
 * Random packets run through the program in the kernel (BPF_PROG_TEST_RUN); the worker that it names must keep the packet.
 * Skipped where the program cannot be loaded.
 */
#include "../nat64/crew.h"
#include "../nat64/pieces.h"

#include "abi.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#include "queue.skel.h"
#pragma GCC diagnostic pop

#define ETHERNET_BYTES 14
#define STATICS 16
#define ROUNDS 200
#define TRUNCATED_LEAST 40 /* the kernel runs programs on nothing shorter than an IP header */

static struct queue_bpf *program_load(uint32_t table_len)
{
	libbpf_set_print(NULL);
	struct queue_bpf *s = queue_bpf__open();

	REQUIRE(s);
	REQUIRE(bpf_map__set_max_entries(s->maps.words, QUEUE_HEAD_WORDS + table_len) == 0);
	int r = queue_bpf__load(s);

	if (r == -EPERM || r == -EACCES || r == -ENOSYS)
		test_skip("the kernel does not load BPF programs for us");
	REQUIRE(r == 0);
	return s;
}

static void word_put(struct queue_bpf *s, uint32_t key, uint64_t value)
{
	REQUIRE(bpf_map_update_elem(bpf_map__fd(s->maps.words), &key, &value, BPF_ANY) == 0);
}

/* What crew_new() of the data plane writes. */
static void words_fill(struct queue_bpf *s, const struct crew *k)
{
	struct addr6 all = addr6_truncate((struct addr6){ UINT64_MAX, UINT64_MAX }, k->owners.subscriber_len);

	word_put(s, QUEUE_WORD_TABLE_LEN, k->owners.moved.len);
	word_put(s, QUEUE_WORD_BLOCK_SHIFT, k->owners.block_shift);
	word_put(s, QUEUE_WORD_MASK_HI, all.hi);
	word_put(s, QUEUE_WORD_MASK_LO, all.lo);
	word_put(s, QUEUE_WORD_OWNERS, k->owners.len);
	for (uint32_t i = 0; i < k->owners.moved.len; i++)
		word_put(s, QUEUE_HEAD_WORDS + i, k->moved[i]);
}

static unsigned queue_of(const struct queue_bpf *s, struct craft *c)
{
	static uint8_t frame[4096];
	bool is6 = craft_data(c)[0] >> 4 == 6;

	REQUIRE(ETHERNET_BYTES + c->len <= sizeof(frame));
	memset(frame, 2, ETHERNET_BYTES);
	frame[12] = is6 ? 0x86 : 0x08;
	frame[13] = is6 ? 0xdd : 0x00;
	memcpy(frame + ETHERNET_BYTES, craft_data(c), c->len);
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame,
		.data_size_in = (uint32_t)(ETHERNET_BYTES + c->len), .repeat = 1);

	REQUIRE(bpf_prog_test_run_opts(bpf_program__fd(s->progs.isthmus_queue), &options) == 0);
	return options.retval;
}

/* --- packets --- */

static char client[40], router[40], server[20];
static struct craft inner;

static void addresses_draw(struct rng *g)
{
	snprintf(client, sizeof(client), "2001:db8:%x:%x::%x", rng_below(g, 8), rng_below(g, 65536),
		1 + rng_below(g, 65535));
	snprintf(router, sizeof(router), "2001:db8:ffff::%x", 1 + rng_below(g, 65535));
	snprintf(server, sizeof(server), "198.51.%u.%u", rng_below(g, 256), 1 + rng_below(g, 254));
}

static uint16_t port_of_pool(struct rng *g)
{
	return (uint16_t)(1024 + rng_below(g, 65536 - 1024));
}

static void make_64(struct craft *c, struct rng *g)
{
	const struct craft_ip ip = { .src = client, .dst = SERVER6 };
	uint16_t port = (uint16_t)(1 + rng_below(g, 65535));

	switch (rng_below(g, 3)) {
	case 0:
		craft_udp(c, &ip, port, 53, rng_below(g, 100));
		break;
	case 1:
		craft_tcp(c, &ip, port, 80, TCP_SYN, 0);
		break;
	default:
		craft_echo(c, &ip, false, port, 1, rng_below(g, 100));
	}
}

static void make_46(struct craft *c, struct rng *g)
{
	const struct craft_ip ip = { .src = server, .dst = POOL };

	switch (rng_below(g, 3)) {
	case 0:
		craft_udp(c, &ip, 53, port_of_pool(g), rng_below(g, 100));
		break;
	case 1:
		craft_tcp(c, &ip, 80, port_of_pool(g), TCP_ACK, rng_below(g, 100));
		break;
	default:
		craft_echo(c, &ip, true, port_of_pool(g), 1, rng_below(g, 100));
	}
}

static void make_error_64(struct craft *c, struct rng *g)
{
	const struct craft_ip reply = { .src = SERVER6, .dst = client };
	const struct craft_ip ip = { .src = router, .dst = SERVER6 };

	craft_udp(&inner, &reply, 53, port_of_pool(g), 30);
	craft_error(c, &ip, ICMP6_TIME_EXCEEDED, 0, 0, craft_data(&inner), inner.len);
}

static void make_error_46(struct craft *c, struct rng *g)
{
	const struct craft_ip ours = { .src = POOL, .dst = server };
	const struct craft_ip ip = { .src = "203.0.113.1", .dst = POOL };

	if (rng_below(g, 2) == 0)
		craft_udp(&inner, &ours, port_of_pool(g), 53, 30);
	else
		craft_echo(&inner, &ours, false, port_of_pool(g), 1, 30);
	craft_error(c, &ip, ICMP4_TIME_EXCEEDED, 0, 0, craft_data(&inner), inner.len);
}

/* A later one: it waits where its datagram is gathered. The first one would go on to the owner of its port at once. */
static void make_fragment_46(struct craft *c, struct rng *g)
{
	static struct pieces cut;
	const struct craft_ip ip = { .src = server, .dst = POOL, .no_df = true };

	craft_udp(&inner, &ip, 53, port_of_pool(g), 100);
	pieces_cut(&cut, &inner, rng_below(g, 65536), 48);
	*c = cut.p[1 + rng_below(g, cut.len - 1)];
}

static void make_fragment_64(struct craft *c, struct rng *g)
{
	static struct pieces cut;
	const struct craft_ip ip = { .src = client, .dst = SERVER6 };

	craft_udp(&inner, &ip, port_of_pool(g), 53, 100);
	pieces_cut(&cut, &inner, rng_below(g, 65536), 48);
	*c = cut.p[rng_below(g, cut.len)];
}

static const struct {
	const char *name;
	void (*make)(struct craft *c, struct rng *g);
} kinds[] = {
	{ "IPv6 packet", make_64 },
	{ "IPv4 packet", make_46 },
	{ "ICMPv6 error", make_error_64 },
	{ "ICMPv4 error", make_error_46 },
	{ "IPv4 fragment", make_fragment_46 },
	{ "IPv6 fragment", make_fragment_64 },
};

static void check_kinds(struct crew *k, const struct queue_bpf *s, struct rng *g)
{
	unsigned seen[CREW_MAX] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		test_row(kinds[i].name);
		for (unsigned n = 0; n < ROUNDS; n++) {
			addresses_draw(g);
			kinds[i].make(&k->b->in, g);
			unsigned queue = queue_of(s, &k->b->in);

			REQUIRE(queue < k->len);
			seen[queue]++;
			(void)crew_put(k, queue);
			CHECK_INT(k->handed, 0);
			k->handed = 0;
		}
	}
	test_row(NULL);
	for (unsigned w = 0; w < k->len; w++)
		CHECK(seen[w] > ARRAY_LEN(kinds) * ROUNDS / k->len / 2);
}

TEST(the_worker_that_the_kernel_names_keeps_the_packet)
{
	struct static_binding statics[STATICS];
	struct rng g;

	rng_init(&g, test_seed());
	for (unsigned len = 2; len <= CREW_MAX; len++) {
		struct bench *b = bench_config();

		for (unsigned i = 0; i < STATICS; i++)
			statics[i] = (struct static_binding){ .proto = PROTO_UDP,
				.in = { UINT64_C(0x20010db800010000) | i, 5 },
				.in_port = 5000,
				.out = b->cfg.state.pool[0].prefix.addr,
				.out_port = (uint16_t)(2048 + 64 * i) };
		b->cfg.state.ports_per_block = 64;
		b->cfg.state.max_sessions = 10000;
		b->cfg.state.subscriber_len = len == 3 ? 128 : 56;
		b->cfg.state.statics = statics;
		b->cfg.state.statics_len = STATICS;
		struct crew *k = crew_new(b, len);
		struct queue_bpf *s = program_load(k->owners.moved.len);

		words_fill(s, k);
		check_kinds(k, s, &g);
		queue_bpf__destroy(s);
		crew_free(k);
	}
}

TEST(a_program_without_words_and_every_truncation_give_the_first_queue_or_another_that_exists)
{
	struct crew *k = crew_new(bench_config(), 2);
	struct queue_bpf *s = program_load(k->owners.moved.len);
	struct rng g;

	rng_init(&g, test_seed());
	for (unsigned filled = 0; filled < 2; filled++) {
		if (filled)
			words_fill(s, k);
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
			addresses_draw(&g);
			kinds[i].make(&k->b->in, &g);
			for (struct craft *c = &k->b->in; c->len > TRUNCATED_LEAST; c->len--)
				CHECK(queue_of(s, c) <= filled);
		}
	}
	queue_bpf__destroy(s);
	crew_free(k);
}
