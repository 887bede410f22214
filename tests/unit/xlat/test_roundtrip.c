/*
 * test_roundtrip.c - there and back again is the same packet, but for what RFC 7915 says is lost
 *
 * Lost on the way: two hops, the flow label, extension headers, IPv4 options, identification and DF.
 */
#include "samples.h"

#include "base/random.h"

#define ROUNDS 20000

static struct assembly a;
static uint8_t memory[70000];
static struct rng rng;

static uint32_t up_to(uint32_t most)
{
	return rng_below(&rng, most + 1);
}

/* A random payload of TCP, UDP, DCCP, UDP-Lite or echo; mostly short, sometimes a train. */
static void random_transport(char *to, size_t size, int version, bool *ret_is_echo)
{
	static const char *const names[] = { "tcp", "udp", "", "dccp", "udplite" };
	uint32_t kind = up_to(4), len = up_to(3) == 0 ? up_to(3000) : up_to(40);
	bool partial = kind < 2 && up_to(1), train = partial && up_to(1) && len > 0;
	const char *gso = kind == 1 ? "udp" : version == 6 ? "tcp6" : "tcp4";

	*ret_is_echo = kind == 2;
	if (kind == 2) {
		snprintf(to, size, "icmp%d type=%u id=%u seq=%u\n data len=%u from=%u", version,
			up_to(1) + (version == 6 ? 128 : 0), up_to(65535), up_to(65535), len, up_to(255));
		return;
	}

	int n = snprintf(to, size, "%s sport=%u dport=%u\n data len=%u from=%u\n", names[kind], up_to(65535),
		up_to(65535), len, up_to(255));

	if (train)
		snprintf(to + n, size - (size_t)n, "offload partial gso=%s size=%u", gso, 1 + up_to(len - 1));
	else if (partial)
		snprintf(to + n, size - (size_t)n, "offload partial");
}

/* ICMPv4 echo is 8 and 0, which no arithmetic gives. */
static void fix_echo4(char *text)
{
	char *one = strstr(text, "icmp4 type=1 ");

	if (one)
		one[11] = '8';
}

static struct pkt packet(const char *text)
{
	assemble_text(&a, text);
	struct pkt p = assemble_pkt(&a, memory, sizeof(memory), PKT_HEADROOM);

	REQUIRE(pkt_parse(&p) == DROP_NONE);
	return p;
}

static bool offload_equal(const struct offload *x, const struct offload *y)
{
	return x->csum_partial == y->csum_partial && x->gso == y->gso && x->gso_size == y->gso_size &&
	       (!x->csum_partial || (x->csum_start == y->csum_start && x->csum_offset == y->csum_offset));
}

static struct tuple4 random_tuple4(bool is_echo)
{
	struct tuple4 t = { { (uint32_t)rng_next(&rng) }, { (uint32_t)rng_next(&rng) },
		(uint16_t)up_to(65535), (uint16_t)up_to(65535) };

	if (is_echo)
		t.dport = t.sport;
	return t;
}

static struct tuple6 random_tuple6(bool is_echo)
{
	struct tuple6 t = { { rng_next(&rng), rng_next(&rng) }, { rng_next(&rng), rng_next(&rng) },
		(uint16_t)up_to(65535), (uint16_t)up_to(65535) };

	if (is_echo)
		t.dport = t.sport;
	return t;
}

static void check_back(const struct pkt *p, const uint8_t *want, size_t len)
{
	CHECK(pkt_validate(p));
	CHECK(offload_equal(&p->off, &a.off));
	CHECK_BYTES(p->data, p->len, want, len);
}

TEST(packet_that_went_64_and_back_is_the_same)
{
	rng_init(&rng, test_seed());
	for (unsigned i = 0; i < ROUNDS; i++) {
		char text[400];
		bool is_echo;
		int n = snprintf(text, sizeof(text), "ip6 src=" CLIENT6 " dst=" SERVER6 " tc=%u hop=%u\n",
			up_to(255), 3 + up_to(252));

		random_transport(text + n, sizeof(text) - (size_t)n, 6, &is_echo);
		test_row(text);
		struct pkt p = packet(text);
		struct xlat_to4 to4 = { .outer = random_tuple4(is_echo) };
		struct xlat_to6 to6 = { .outer = { p.v.src6, p.v.dst6, p.v.sport, p.v.dport } };

		REQUIRE(xlat_64(&p, &to4, (uint16_t)up_to(65535)) == DROP_NONE);
		CHECK(pkt_validate(&p));
		check_sums(&p);
		REQUIRE(xlat_46(&p, &to6) == DROP_NONE);
		a.outer.bytes[7] = (uint8_t)(a.outer.bytes[7] - 2);
		check_back(&p, a.outer.bytes, a.outer.len);
	}
}

TEST(packet_that_went_46_and_back_is_the_same)
{
	rng_init(&rng, test_seed());
	for (unsigned i = 0; i < ROUNDS; i++) {
		char text[400];
		bool is_echo;
		uint32_t id = up_to(65535);
		int n = snprintf(text, sizeof(text),
			"ip4 src=" SERVER4 " dst=" POOL4 " tos=%u ttl=%u id=%u\n", up_to(255), 3 + up_to(252),
			id);

		random_transport(text + n, sizeof(text) - (size_t)n, 4, &is_echo);
		fix_echo4(text);
		test_row(text);
		struct pkt p = packet(text);
		struct xlat_to6 to6 = { .outer = random_tuple6(is_echo) };
		struct xlat_to4 to4 = { .outer = { p.v.src4, p.v.dst4, p.v.sport, p.v.dport } };

		REQUIRE(xlat_46(&p, &to6) == DROP_NONE);
		CHECK(pkt_validate(&p));
		check_sums(&p);
		REQUIRE(xlat_64(&p, &to4, (uint16_t)id) == DROP_NONE);
		CHECK_INT(p.v.df, p.off.gso == GSO_NONE ? p.len > 1260 : p.v.df);
		be16_put(a.outer.bytes + 6, p.v.df ? 0x4000 : 0);
		a.outer.bytes[8] = (uint8_t)(a.outer.bytes[8] - 2);
		be16_put(a.outer.bytes + 10, 0);
		be16_put(a.outer.bytes + 10, (uint16_t)~slow_ones(slow_sum(a.outer.bytes, 20)));
		check_back(&p, a.outer.bytes, a.outer.len);
	}
}

/* Types whose translation loses nothing. The packet inside stays below 528 bytes, so that nothing is cut. */
TEST(icmp_error_that_went_64_and_back_is_the_same)
{
	static const char *const heads[] = { "type=1 code=4", "type=3 code=0", "type=3 code=1",
		"type=2 mtu=1280", "type=2 mtu=1500", "type=4 code=0 pointer=6", "type=4 code=0 pointer=7",
		"type=4 code=0 pointer=8", "type=4 code=0 pointer=24", "type=4 code=1 pointer=6" };
	static const char *const inner[] = { "tcp sport=80 dport=1024", "udp sport=80 dport=1024",
		"icmp6 type=129 id=1024 seq=5" };

	rng_init(&rng, test_seed());
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		char text[600];
		uint32_t kind = up_to(2), len = up_to(450);

		snprintf(text, sizeof(text),
			"ip6 src=2001:db8:2::1 dst=" SERVER6 " tc=%u hop=%u\n icmp6 %s\n"
			"quote ip6 src=" SERVER6 " dst=" CLIENT6
			" tc=%u hop=%u\n quote %s\n quote data len=%u\n"
			"quote cut=%u",
			up_to(255), 3 + up_to(252), heads[up_to(ARRAY_LEN(heads) - 1)], up_to(255),
			up_to(255), inner[kind], len, kind == 0 ? 60 + up_to(500) : 48 + up_to(500));
		test_row(text);
		struct pkt p = packet(text);
		uint16_t sport = kind == 2 ? 40000 : 80;
		struct xlat_to4 to4 = { .outer = { a4(POOL4), a4(SERVER4), 0, 0 },
			.inner = { a4(SERVER4), a4(POOL4), sport, 40000 } };
		struct xlat_to6 to6 = { { p.v.src6, p.v.dst6, 0, 0 },
			{ p.in.src6, p.in.dst6, p.in.sport, p.in.dport } };

		REQUIRE(xlat_64(&p, &to4, 1) == DROP_NONE);
		CHECK(pkt_validate(&p));
		check_sums(&p);
		REQUIRE(xlat_46(&p, &to6) == DROP_NONE);
		check_sums(&p);
		a.outer.bytes[7] = (uint8_t)(a.outer.bytes[7] - 2);
		check_back(&p, a.outer.bytes, a.outer.len);
	}
}
