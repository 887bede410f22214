/*
 * packets.h - one packet of every shape that pkt_parse() takes, and the tools to spoil them
 *
 * packets[] is walked by the tests of parse.c and icmp.c. A struct box holds a packet in a block of exactly
 * its size, so that the address sanitizer sees every byte read or written outside.
 */
#ifndef ISTHMUS_TESTS_XLAT_PACKETS_H
#define ISTHMUS_TESTS_XLAT_PACKETS_H

#include "craft.h"
#include "harness.h"
#include "xlat/pkt.h"

#include <stdlib.h>
#include <string.h>

#define CLIENT6 "2001:db8::2"
#define SERVER6 "64:ff9b::192.0.2.33"
#define CLIENT4 "198.51.100.7"
#define SERVER4 "192.0.2.33"

static const struct craft_ip from6 = { .src = CLIENT6, .dst = SERVER6, .tos = 0x28 };
static const struct craft_ip back6 = { .src = SERVER6, .dst = CLIENT6 };
static const struct craft_ip from4 = { .src = CLIENT4, .dst = SERVER4, .tos = 0x28 };
static const struct craft_ip back4 = { .src = SERVER4, .dst = CLIENT4 };

/* --- spoiling and decorating; the checksum here is its own slow routine --- */

static inline void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline unsigned get16(const uint8_t *p)
{
	return (unsigned)(p[0] << 8 | p[1]);
}

static inline unsigned slow_sum16(const uint8_t *p, size_t len, unsigned sum)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (unsigned)p[i] << 8 : p[i];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static inline void fix_ip4_checksum(uint8_t *h)
{
	put16(h + 10, 0);
	put16(h + 10, 0xffff - slow_sum16(h, (h[0] & 15u) * 4u, 0));
}

static inline void insert(struct craft *c, size_t at, const void *bytes, size_t len)
{
	uint8_t *p = craft_data(c);

	memmove(p + at + len, p + at, c->len - at);
	memcpy(p + at, bytes, len);
	c->len += len;
}

/* Options of a multiple of four bytes. */
static inline void add_options(struct craft *c, const void *options, size_t len)
{
	uint8_t *p = craft_data(c);

	insert(c, 20, options, len);
	p[0] = (uint8_t)(p[0] + len / 4);
	put16(p + 2, (unsigned)c->len);
	fix_ip4_checksum(p);
}

/* The new header comes first in the chain. */
static inline void add_extension(struct craft *c, uint8_t type, const void *header, size_t len)
{
	uint8_t *p = craft_data(c);

	insert(c, 40, header, len);
	p[40] = p[6];
	p[6] = type;
	put16(p + 4, (unsigned)(c->len - 40));
}

/* @offset_flags: as on the wire, offset in the upper 13 bits and M in the lowest. */
static inline void add_fragment(struct craft *c, unsigned offset_flags)
{
	uint8_t h[8] = { 0, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef };

	put16(h + 2, offset_flags);
	add_extension(c, 44, h, 8);
}

static inline void fragment4(struct craft *c, unsigned offset_flags)
{
	put16(craft_data(c) + 4, 0xbeef);
	put16(craft_data(c) + 6, offset_flags);
	fix_ip4_checksum(craft_data(c));
}

static inline void retype(struct craft *c, uint8_t proto)
{
	uint8_t *p = craft_data(c);

	if (p[0] >> 4 == 6) {
		p[6] = proto;
		return;
	}
	p[9] = proto;
	fix_ip4_checksum(p);
}

static inline void fix_icmp_checksum(struct craft *c, size_t header)
{
	uint8_t *p = craft_data(c);
	size_t len = c->len - header;
	uint8_t tail[4] = { 0, 58, (uint8_t)(len >> 8), (uint8_t)len };
	unsigned pseudo = p[0] >> 4 == 6 ? slow_sum16(tail, 4, slow_sum16(p + 8, 32, 0)) : 0;

	put16(p + header + 2, 0);
	put16(p + header + 2, 0xffff - slow_sum16(p + header, len, pseudo));
}

/* --- every shape --- */

/* An error about a packet that went the other way; @keep bytes of it are quoted, 0: all. */
static inline void quote(struct craft *c, uint8_t type, uint8_t code, uint32_t rest, size_t keep)
{
	static struct craft inner;
	bool is6 = craft_data(c)[0] >> 4 == 6;

	inner.len = c->len;
	memcpy(inner.memory, c->memory, sizeof(inner.memory));
	craft_error(c, is6 ? &back6 : &back4, type, code, rest, craft_data(&inner), keep ? keep : inner.len);
}

/* clang-format off */
static void tcp6(struct craft *c) { craft_tcp(c, &from6, 40000, 80, 0x12, 11); }
static void tcp4(struct craft *c) { craft_tcp(c, &from4, 40000, 80, 0x12, 11); }
static void tcp6_bare(struct craft *c) { craft_tcp(c, &from6, 40000, 80, 0x02, 0); }
static void tcp4_bare(struct craft *c) { craft_tcp(c, &from4, 40000, 80, 0x02, 0); }
static void udp6(struct craft *c) { craft_udp(c, &from6, 5000, 53, 9); }
static void udp4(struct craft *c) { craft_udp(c, &from4, 5000, 53, 9); }
static void udp6_bare(struct craft *c) { craft_udp(c, &from6, 5000, 53, 0); }
static void udp4_bare(struct craft *c) { craft_udp(c, &from4, 5000, 53, 0); }
static void echo6(struct craft *c) { craft_echo(c, &from6, false, 0x1234, 1, 5); }
static void echo4(struct craft *c) { craft_echo(c, &from4, false, 0x1234, 1, 5); }
static void reply6(struct craft *c) { craft_echo(c, &from6, true, 0x1234, 1, 0); }
static void reply4(struct craft *c) { craft_echo(c, &from4, true, 0x1234, 1, 0); }

static void udp4_no_checksum(struct craft *c)
{
	udp4(c);
	put16(craft_data(c) + 26, 0);
}

static void gre6(struct craft *c) { udp6(c); retype(c, 47); }
static void gre4(struct craft *c) { udp4(c); retype(c, 47); }
static void nothing6(struct craft *c) { udp6(c); c->len = 40; put16(craft_data(c) + 4, 0); retype(c, 59); }
static void icmp4_in_6(struct craft *c) { udp6(c); retype(c, 1); }

static void solicit6(struct craft *c)
{
	echo6(c);
	craft_data(c)[40] = 135;
	fix_icmp_checksum(c, 40);
}

static void timestamp4(struct craft *c)
{
	echo4(c);
	craft_data(c)[20] = 13;
	fix_icmp_checksum(c, 20);
}

static void quench4(struct craft *c) { udp4(c); quote(c, 4, 0, 0, 0); }

static void options4(struct craft *c)
{
	tcp4(c);
	add_options(c, "\x01\x44\x08\x05\x00\x00\x00\x00\x01\x83\x07\x08\x01\x02\x03\x04\x01\x01\x00\x99", 20);
}

static void options4_full(struct craft *c)
{
	uint8_t nops[40];

	memset(nops, 1, sizeof(nops));
	udp4(c);
	add_options(c, nops, sizeof(nops));
}

static void hopopts6(struct craft *c)
{
	tcp6(c);
	add_extension(c, 0, "\0\0\x01\x04\0\0\0\0", 8);
}

static void routing6(struct craft *c)
{
	udp6(c);
	add_extension(c, 43, "\0\x02\x04\0\0\0\0\0\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09", 24);
}

static void eight_extensions6(struct craft *c)
{
	echo6(c);
	for (int i = 0; i < 5; i++)
		add_extension(c, 60, "\0\x01\x01\x0c\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	add_fragment(c, 0);
	add_extension(c, 60, "\0\0\x01\x04\0\0\0\0", 8);
	add_extension(c, 0, "\0\0\x01\x04\0\0\0\0", 8);
}

static void atomic6(struct craft *c) { udp6(c); add_fragment(c, 0); }
static void first_fragment6(struct craft *c) { craft_udp(c, &from6, 5000, 53, 16); add_fragment(c, 1); }
static void later_fragment6(struct craft *c) { craft_udp(c, &from6, 5000, 53, 16); add_fragment(c, 1480); }
static void first_fragment4(struct craft *c) { craft_udp(c, &from4, 5000, 53, 16); fragment4(c, 0x2000); }
static void later_fragment4(struct craft *c) { craft_tcp(c, &from4, 1, 2, 2, 4); fragment4(c, 0x2000 | 185); }
static void last_fragment4(struct craft *c) { craft_echo(c, &from4, false, 1, 1, 3); fragment4(c, 185); }

static void error6_udp(struct craft *c) { udp6(c); quote(c, 2, 0, 1280, 0); }
static void error4_udp(struct craft *c) { udp4(c); quote(c, 3, 4, 1400, 0); }
static void error6_tcp_cut(struct craft *c) { tcp6(c); quote(c, 1, 4, 0, 48); }
static void error4_tcp_cut(struct craft *c) { tcp4(c); quote(c, 3, 3, 0, 28); }
static void error6_echo(struct craft *c) { echo6(c); quote(c, 3, 0, 0, 48); }
static void error4_echo(struct craft *c) { echo4(c); quote(c, 11, 0, 0, 28); }
static void error6_extensions(struct craft *c) { eight_extensions6(c); quote(c, 4, 0, 6, 0); }
static void error4_options(struct craft *c) { options4_full(c); quote(c, 12, 0, 0, 68); }
static void error4_later(struct craft *c) { later_fragment4(c); quote(c, 11, 1, 0, 28); }
static void error6_gre(struct craft *c) { gre6(c); quote(c, 1, 1, 0, 41); }

/* RFC 4884: 128 bytes of datagram (the UDP packet and zeros), then an extension structure. */
static void pad_and_extend(struct craft *c, uint8_t type, uint32_t rest)
{
	uint8_t *p = craft_data(c);

	memset(p + c->len, 0, 128);
	memcpy(p + 128, "\x20\0\0\0\0\x08\x01\x01\x12\x34\x50\x01", 12);
	quote(c, type, 0, rest, 140);
}

static void error6_rfc4884(struct craft *c) { udp6(c); pad_and_extend(c, 3, UINT32_C(16) << 24); }
static void error4_rfc4884(struct craft *c) { udp4(c); pad_and_extend(c, 11, UINT32_C(32) << 16); }

/* clang-format on */

static const struct shape {
	const char *name;
	void (*make)(struct craft *c);
	enum l4_kind kind;
	uint16_t l4_off;
} packets[] = {
	{ "IPv6 TCP", tcp6, L4_TCP, 40 },
	{ "IPv4 TCP", tcp4, L4_TCP, 20 },
	{ "IPv6 TCP without data", tcp6_bare, L4_TCP, 40 },
	{ "IPv4 TCP without data", tcp4_bare, L4_TCP, 20 },
	{ "IPv6 UDP", udp6, L4_UDP, 40 },
	{ "IPv4 UDP", udp4, L4_UDP, 20 },
	{ "IPv6 UDP without data", udp6_bare, L4_UDP, 40 },
	{ "IPv4 UDP without data", udp4_bare, L4_UDP, 20 },
	{ "IPv4 UDP without checksum", udp4_no_checksum, L4_UDP, 20 },
	{ "IPv6 echo", echo6, L4_ICMP_QUERY, 40 },
	{ "IPv4 echo", echo4, L4_ICMP_QUERY, 20 },
	{ "IPv6 echo reply", reply6, L4_ICMP_QUERY, 40 },
	{ "IPv4 echo reply", reply4, L4_ICMP_QUERY, 20 },
	{ "IPv6 GRE", gre6, L4_OTHER, 40 },
	{ "IPv4 GRE", gre4, L4_OTHER, 20 },
	{ "IPv6 no next header", nothing6, L4_OTHER, 40 },
	{ "IPv6 with protocol 1", icmp4_in_6, L4_OTHER, 40 },
	{ "neighbour solicitation", solicit6, L4_ICMP_OTHER, 40 },
	{ "timestamp", timestamp4, L4_ICMP_OTHER, 20 },
	{ "source quench", quench4, L4_ICMP_OTHER, 20 },
	{ "IPv4 options, expired source route among them", options4, L4_TCP, 40 },
	{ "IPv4 options of 40 bytes", options4_full, L4_UDP, 60 },
	{ "hop-by-hop options", hopopts6, L4_TCP, 48 },
	{ "routing header without segments left", routing6, L4_UDP, 64 },
	{ "eight extension headers", eight_extensions6, L4_ICMP_QUERY, 144 },
	{ "atomic fragment", atomic6, L4_UDP, 48 },
	{ "IPv6 first fragment", first_fragment6, L4_UDP, 48 },
	{ "IPv6 later fragment", later_fragment6, L4_UDP, 48 },
	{ "IPv4 first fragment", first_fragment4, L4_UDP, 20 },
	{ "IPv4 later fragment", later_fragment4, L4_TCP, 20 },
	{ "IPv4 last fragment of ICMP", last_fragment4, L4_ICMP_OTHER, 20 },
	{ "Packet Too Big about UDP", error6_udp, L4_ICMP_ERROR, 40 },
	{ "Fragmentation Needed about UDP", error4_udp, L4_ICMP_ERROR, 20 },
	{ "Port Unreachable about 8 bytes of TCP, IPv6", error6_tcp_cut, L4_ICMP_ERROR, 40 },
	{ "Port Unreachable about 8 bytes of TCP, IPv4", error4_tcp_cut, L4_ICMP_ERROR, 20 },
	{ "Time Exceeded about echo, IPv6", error6_echo, L4_ICMP_ERROR, 40 },
	{ "Time Exceeded about echo, IPv4", error4_echo, L4_ICMP_ERROR, 20 },
	{ "Parameter Problem about extension headers", error6_extensions, L4_ICMP_ERROR, 40 },
	{ "Parameter Problem about options", error4_options, L4_ICMP_ERROR, 20 },
	{ "Reassembly Time Exceeded about a later fragment", error4_later, L4_ICMP_ERROR, 20 },
	{ "Prohibited about one byte of GRE", error6_gre, L4_ICMP_ERROR, 40 },
	{ "Time Exceeded with extensions, IPv6", error6_rfc4884, L4_ICMP_ERROR, 40 },
	{ "Time Exceeded with extensions, IPv4", error4_rfc4884, L4_ICMP_ERROR, 20 },
};

/* --- a packet in a block of its own --- */

struct box {
	uint8_t *memory;
	struct pkt p;
};

static inline struct box box_of(const uint8_t *bytes, size_t len, size_t headroom)
{
	struct box b = { .memory = malloc(headroom + len > 0 ? headroom + len : 1) };

	REQUIRE(b.memory);
	memset(b.memory, 0xa5, headroom);
	memcpy(b.memory + headroom, bytes, len);
	memset(&b.p.v, 0x5a, sizeof(b.p.v)); /* poison: untouched on failure */
	memset(&b.p.in, 0x5a, sizeof(b.p.in));
	b.p.head = b.memory;
	b.p.data = b.memory + headroom;
	b.p.len = (uint32_t)len;
	b.p.end = b.p.data + len;
	return b;
}

static inline void box_free(struct box *b)
{
	free(b->memory);
}

/* --- parsing with the checks that hold for any input --- */

static inline void check_untouched(const struct box *b, uint32_t len)
{
	struct view poison;

	memset(&poison, 0x5a, sizeof(poison));
	CHECK(memcmp(&b->p.v, &poison, sizeof(poison)) == 0);
	CHECK(memcmp(&b->p.in, &poison, sizeof(poison)) == 0);
	CHECK(!b->p.has_inner);
	CHECK_INT(b->p.len, len);
}

/*
 * Parses @len bytes; on failure nothing may be written, on success the invariants hold. Of a packet that is right but
 * must not be translated, the reason is why.
 */
static inline enum drop_reason parse_bytes(const uint8_t *bytes, size_t len, const struct offload *off)
{
	struct box b = box_of(bytes, len, 0);

	if (off)
		b.p.off = *off;
	enum drop_reason why = pkt_parse(&b.p);

	CHECK(memcmp(b.p.data, bytes, len) == 0);
	if (why != DROP_NONE)
		check_untouched(&b, (uint32_t)len);
	else
		CHECK(pkt_validate(&b.p));
	why = why != DROP_NONE ? why : b.p.v.refused;
	box_free(&b);
	return why;
}

/* The view of a packet that must be taken. */
static inline struct pkt parse_ok(struct craft *c)
{
	struct pkt p = { .head = c->memory, .data = craft_data(c), .len = (uint32_t)c->len };

	p.end = p.data + p.len;
	enum drop_reason why = pkt_parse(&p);

	CHECK_TEXT(drop_name(why), "NONE");
	CHECK(pkt_validate(&p));
	return p;
}

#endif
