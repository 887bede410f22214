/* test_sixinfour.c - what comes out of a 6in4 tunnel, and what does not (RFC 4213 s3.6, RFC 6040) */
#include "base/bytes.h"
#include "dataplane/sixinfour.h"
#include "harness.h"

#include <stdlib.h>

#define REMOTE ((struct addr4){ 0xc000020a })
#define INNER_PAYLOAD 8

struct packet {
	uint8_t bytes[128];
	size_t len;
};

/* An IPv4 header with @options words of options, and an IPv6 packet with 8 bytes of payload. */
static void make(struct packet *p, const char *source6, uint8_t tos, uint8_t traffic_class, unsigned options)
{
	struct addr6 a;
	size_t header = 20 + options * 4;
	uint8_t *six = p->bytes + header;

	*p = (struct packet){ .len = header + 40 + INNER_PAYLOAD };
	p->bytes[0] = (uint8_t)(0x45 + options);
	p->bytes[1] = tos;
	be16_put(p->bytes + 2, (uint16_t)p->len);
	p->bytes[8] = 64;
	p->bytes[9] = 41;
	addr4_put(p->bytes + 12, REMOTE);
	addr4_put(p->bytes + 16, (struct addr4){ 0xc0000201 });
	six[0] = (uint8_t)(0x60 | traffic_class >> 4);
	six[1] = (uint8_t)(traffic_class << 4);
	be16_put(six + 4, INNER_PAYLOAD);
	six[6] = 59;
	six[7] = 64;
	REQUIRE(addr6_parse(source6, &a));
	addr6_put(six + 8, a);
	six[24] = 0x20;
}

static const struct {
	const char *name, *source6;
	uint8_t tos, traffic_class, want_class;
	unsigned options;
	enum sixinfour_drop want;
} cases[] = {
	{ "a good packet", "2001:db8::1", 0, 0, 0, 0, SIXINFOUR_OK },
	{ "with options in the IPv4 header", "2001:db8::1", 0, 0, 0, 10, SIXINFOUR_OK },
	{ "unspecified source (DAD)", "::", 0, 0, 0, 0, SIXINFOUR_OK },
	{ "link-local source", "fe80::1", 0, 0, 0, 0, SIXINFOUR_OK },
	{ "s3.6 multicast", "ff02::1", 0, 0, 0, 0, SIXINFOUR_IPV6_SOURCE },
	{ "s3.6 loopback", "::1", 0, 0, 0, 0, SIXINFOUR_IPV6_SOURCE },
	{ "s3.6 IPv4-compatible", "::192.0.2.1", 0, 0, 0, 0, SIXINFOUR_IPV6_SOURCE },
	{ "s3.6 IPv4-mapped", "::ffff:192.0.2.1", 0, 0, 0, 0, SIXINFOUR_IPV6_SOURCE },
	{ "beside the mapped ones", "::fffe:192.0.2.1", 0, 0, 0, 0, SIXINFOUR_OK },
	{ "RFC 6040 CE outside, ECT(0) inside", "2001:db8::1", 3, 0xb8 | 2, 0xb8 | 3, 0, SIXINFOUR_OK },
	{ "RFC 6040 CE outside, ECT(1) inside", "2001:db8::1", 3, 1, 3, 0, SIXINFOUR_OK },
	{ "RFC 6040 CE outside, CE inside", "2001:db8::1", 3, 3, 3, 0, SIXINFOUR_OK },
	{ "RFC 6040 CE outside, Not-ECT inside", "2001:db8::1", 3, 0xb8, 0, 0, SIXINFOUR_CONGESTED },
	{ "RFC 6040 ECT(0) outside", "2001:db8::1", 2, 0, 0, 0, SIXINFOUR_OK },
};

TEST(what_comes_out_of_a_tunnel_is_as_rfc4213_and_rfc6040_say)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct packet p, before;
		size_t at = 77, len = 77, header = 20 + cases[i].options * 4;

		test_row(cases[i].name);
		make(&p, cases[i].source6, cases[i].tos, cases[i].traffic_class, cases[i].options);
		before = p;
		CHECK_INT(sixinfour_decapsulate(p.bytes, p.len, REMOTE, &at, &len), cases[i].want);
		if (cases[i].want != SIXINFOUR_OK) {
			CHECK(at == 77 && len == 77);
			CHECK(bytes_equal(p.bytes, before.bytes, p.len));
			continue;
		}
		CHECK(at == header && len == 40 + INNER_PAYLOAD);
		CHECK_INT((uint8_t)(p.bytes[header] << 4 | p.bytes[header + 1] >> 4), cases[i].want_class);
		before.bytes[header + 1] = p.bytes[header + 1];
		CHECK(bytes_equal(p.bytes, before.bytes, p.len));
	}
}

TEST(packets_of_somebody_else_are_refused)
{
	struct packet p;
	size_t at, len;

	make(&p, "2001:db8::1", 0, 0, 0);
	CHECK_INT(sixinfour_decapsulate(p.bytes, p.len, (struct addr4){ 0xc000020b }, &at, &len),
		SIXINFOUR_SOURCE);
}

/* In memory of its own size, so that a read behind the end is seen. */
static enum sixinfour_drop decapsulate_copy(const struct packet *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	size_t at, inner;

	REQUIRE(copy != NULL);
	bytes_copy(copy, p->bytes, len);
	enum sixinfour_drop d = sixinfour_decapsulate(copy, len, REMOTE, &at, &inner);

	if (d == SIXINFOUR_OK)
		CHECK(at + inner <= len);
	free(copy);
	return d;
}

TEST(every_truncation_is_refused_and_every_length_is_checked)
{
	struct packet p;

	make(&p, "2001:db8::1", 0, 0, 3);
	for (size_t n = 0; n < p.len; n++)
		CHECK_INT(decapsulate_copy(&p, n), SIXINFOUR_MALFORMED);
	for (unsigned i = 0; i < 256; i++) { /* version and header length */
		p.bytes[0] = (uint8_t)i;
		CHECK((decapsulate_copy(&p, p.len) == SIXINFOUR_OK) == (i == 0x48));
	}
	p.bytes[0] = 0x48;
	for (unsigned total = 0; total < 65536; total++) {
		be16_put(p.bytes + 2, (uint16_t)total);
		CHECK((decapsulate_copy(&p, p.len) == SIXINFOUR_OK) == (total == p.len));
	}
	be16_put(p.bytes + 2, (uint16_t)p.len);
	for (unsigned payload = 0; payload < 65536; payload++) { /* what follows the IPv6 packet is cut off */
		be16_put(p.bytes + 32 + 4, (uint16_t)payload);
		CHECK((decapsulate_copy(&p, p.len) == SIXINFOUR_OK) == (payload <= INNER_PAYLOAD));
	}
	p.bytes[9] = 4;
	CHECK_INT(decapsulate_copy(&p, p.len), SIXINFOUR_MALFORMED);
}

TEST(the_traffic_class_goes_with_the_packet)
{
	struct packet p;
	uint8_t tos = 99;

	make(&p, "2001:db8::1", 0, 0xb9, 0);
	CHECK_INT(sixinfour_encapsulate(p.bytes + 20, 48, &tos), SIXINFOUR_OK);
	CHECK_INT(tos, 0xb9);
	tos = 99;
	for (size_t n = 0; n < 48; n++)
		CHECK_INT(sixinfour_encapsulate(p.bytes + 20, n, &tos), SIXINFOUR_MALFORMED);
	CHECK_INT(sixinfour_encapsulate(p.bytes + 20, 49, &tos), SIXINFOUR_MALFORMED);
	p.bytes[20] = 0x45;
	CHECK_INT(sixinfour_encapsulate(p.bytes + 20, 48, &tos), SIXINFOUR_MALFORMED);
	CHECK_INT(tos, 99);
}
