/* stateless_bench.h - a translator without state, with the mappings of RFC 7757's examples */
#ifndef ISTHMUS_TESTS_NAT64_STATELESS_BENCH_H
#define ISTHMUS_TESTS_NAT64_STATELESS_BENCH_H

#include "pieces.h"

/* Two hosts that have mappings, and a router and an IPv4 host that have none. */
#define HOST_A "2001:db8:aaaa::"
#define HOST_B "2001:db8:bbbb::b"
#define HOST_A4 "192.0.2.1"
#define HOST_B4 "192.0.2.2"
#define HOST_A_SEEN "64:ff9b::c000:201"
#define HOST_B_SEEN "64:ff9b::c000:202"
#define ROUTER "2001:db8::1234"
#define PEER "198.51.100.77"
#define PEER_SEEN "64:ff9b::c633:644d"
#define ICMP_SOURCE "198.51.100.1"

struct mapping_text {
	const char *v4, *v6;
};

/* RFC 7757 figure 1 */
static const struct mapping_text figure1[] = {
	{ "192.0.2.1", "2001:db8:aaaa::" },
	{ "192.0.2.2/32", "2001:db8:bbbb::b/128" },
	{ "192.0.2.16/28", "2001:db8:cccc::/124" },
	{ "192.0.2.128/26", "2001:db8:dddd::/64" },
	{ "192.0.2.192/29", "2001:db8:eeee:8::/62" },
	{ "192.0.2.224/31", "64:ff9b::/127" },
};

#define MAPPINGS_MAX 16
static struct eam mappings[MAPPINGS_MAX];

static inline void set_mappings(struct bench *b, const struct mapping_text *m, unsigned len)
{
	REQUIRE(len <= MAPPINGS_MAX);
	for (unsigned i = 0; i < len; i++) {
		REQUIRE(prefix4_parse(m[i].v4, &mappings[i].v4) == 0);
		REQUIRE(prefix6_parse(m[i].v6, &mappings[i].v6) == 0);
	}
	b->cfg.siit.mappings = mappings;
	b->cfg.siit.mappings_len = len;
}

static inline struct addr4 addr4_of(const char *text)
{
	struct addr4 a = { 0 };

	REQUIRE(addr4_parse(text, &a));
	return a;
}

/* Only stateless: the mappings of figure 1 and the well-known prefix; documentation addresses may be used. */
static inline struct bench *siit_config(void)
{
	struct bench *b = calloc(1, sizeof(*b));

	REQUIRE(b);
	b->now = 1000 * NSEC;
	b->cfg.siit.prefixes[0] = WELL_KNOWN_PREFIX;
	b->cfg.siit.prefixes_len = 1;
	b->cfg.siit.allow_non_global = true;
	b->cfg.siit.icmp4[0] = addr4_of(ICMP_SOURCE);
	b->cfg.siit.icmp4_len = 1;
	b->cfg.siit.udp_zero = UDP_ZERO_DROP;
	set_mappings(b, figure1, ARRAY_LEN(figure1));
	return b;
}

static inline struct bench *siit_new(void)
{
	struct bench *b = siit_config();

	bench_start(b);
	return b;
}

static const struct craft_ip a_to_peer = { .src = HOST_A, .dst = PEER_SEEN };
static const struct craft_ip peer_to_a = { .src = PEER, .dst = HOST_A4 };
static const struct craft_ip a_to_b = { .src = HOST_A, .dst = HOST_B_SEEN };

static inline void expect6(struct bench *b, const char *src, const char *dst)
{
	REQUIRE(b->sent == 1);
	CHECK_INT(b->v[0].version, 6);
	check_addr6(b->v[0].src6, src);
	check_addr6(b->v[0].dst6, dst);
	CHECK(b->v[0].is_fragment || all_checksums_ok(b));
}

static inline void expect4(struct bench *b, const char *src, const char *dst)
{
	REQUIRE(b->sent == 1);
	CHECK_INT(b->v[0].version, 4);
	check_addr4(b->v[0].src4, src);
	check_addr4(b->v[0].dst4, dst);
	CHECK(b->v[0].is_fragment || all_checksums_ok(b));
}

/* Parses what was sent once more, for the packet inside an error. */
static inline struct view inner_of(struct bench *b)
{
	struct pkt p = {
		.head = b->out[0].memory,
		.data = sent(b, 0),
		.len = (uint32_t)b->out[0].len,
		.end = b->out[0].memory + sizeof(b->out[0].memory),
	};

	REQUIRE(pkt_parse(&p) == DROP_NONE);
	REQUIRE(p.has_inner);
	return p.in;
}

/* An ICMP error from @from, about the packet that the bench sent last. */
static inline void craft_error_about_sent(
	struct bench *b, const char *from, const char *to, uint8_t type, uint8_t code)
{
	static struct craft about;
	struct craft_ip ip = { .src = from, .dst = to };

	about.len = b->out[0].len;
	memcpy(craft_data(&about), sent(b, 0), about.len);
	craft_error(&b->in, &ip, type, code, 0, craft_data(&about), about.len < 500 ? about.len : 500);
}

#endif
