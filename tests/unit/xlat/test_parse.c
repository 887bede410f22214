/* test_parse.c - pkt_parse(): every shape, every truncation of it, every length lied about */
#include "packets.h"

static struct craft craft;

static void check_reason(const uint8_t *bytes, size_t len, enum drop_reason want)
{
	CHECK_TEXT(drop_name(parse_bytes(bytes, len, NULL)), drop_name(want));
}

TEST(every_shape_is_taken)
{
	for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
		test_row(packets[i].name);
		packets[i].make(&craft);
		struct pkt p = parse_ok(&craft);

		CHECK_INT(p.v.version, craft_data(&craft)[0] >> 4);
		CHECK_INT(p.v.kind, packets[i].kind);
		CHECK_INT(p.v.l4_off, packets[i].l4_off);
		CHECK_INT(p.v.l4_len, craft.len - packets[i].l4_off);
		CHECK_INT(p.v.l4_full_len, p.v.l4_len);
		CHECK_INT(p.v.hop_limit, 64);
		CHECK_INT(p.has_inner, packets[i].kind == L4_ICMP_ERROR);
		CHECK_INT(p.len, craft.len);
	}
	test_row(NULL);
}

TEST(every_truncation_of_every_shape_is_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
		test_row(packets[i].name);
		packets[i].make(&craft);
		for (size_t len = 0; len < craft.len; len++)
			CHECK(parse_bytes(craft_data(&craft), len, NULL) != DROP_NONE);
	}
	test_row(NULL);
}

/* The IP header tells the truth about the truncation, so that the layers above have to notice. */
TEST(every_truncation_with_a_matching_ip_length_is_safe)
{
	for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
		test_row(packets[i].name);
		packets[i].make(&craft);
		uint8_t *p = craft_data(&craft);
		bool is6 = p[0] >> 4 == 6;

		for (size_t len = is6 ? 40 : 20; len < craft.len; len++) {
			put16(is6 ? p + 4 : p + 2, (unsigned)(is6 ? len - 40 : len));
			if (!is6)
				fix_ip4_checksum(p);
			enum drop_reason why = parse_bytes(p, len, NULL);

			if (packets[i].kind == L4_ICMP_QUERY)
				CHECK(why != DROP_NONE); /* its checksum is wrong at the latest */
			if (packets[i].kind == L4_UDP && packets[i].make != first_fragment6 &&
				packets[i].make != first_fragment4 && packets[i].make != later_fragment6)
				CHECK(why != DROP_NONE); /* its length field is */
		}
	}
	test_row(NULL);
}

TEST(trailing_bytes_are_cut_off)
{
	for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
		test_row(packets[i].name);
		packets[i].make(&craft);
		size_t len = craft.len;

		memset(craft_data(&craft) + len, 0xee, 26);
		craft.len += 26;
		CHECK_INT(parse_ok(&craft).len, len);
	}
	test_row(NULL);
}

TEST(every_bit_flipped_in_every_shape_is_safe)
{
	for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
		test_row(packets[i].name);
		packets[i].make(&craft);
		uint8_t *p = craft_data(&craft);

		for (size_t bit = 0; bit < craft.len * 8; bit++) {
			p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			bool is4 = p[0] >> 4 == 4 && (p[0] & 15) >= 5 && (p[0] & 15u) * 4u <= craft.len;

			parse_bytes(p, craft.len, NULL); /* checks validity and poison */
			if (is4 && bit / 8 < 20) {
				fix_ip4_checksum(p);
				parse_bytes(p, craft.len, NULL);
				put16(p + 10, 0);
			}
			p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (is4 && bit / 8 < 20)
				fix_ip4_checksum(p);
		}
	}
	test_row(NULL);
}

/* --- what the view says --- */

TEST(view_of_tcp_over_ipv6)
{
	tcp6(&craft);
	struct pkt p = parse_ok(&craft);
	char text[ADDR6_TEXT];

	CHECK_TEXT(addr6_text(p.v.src6, text), "2001:db8::2");
	CHECK_TEXT(addr6_text(p.v.dst6, text), "64:ff9b::c000:221");
	CHECK_INT(p.v.tos, 0x28);
	CHECK_INT(p.v.next, 6);
	CHECK_INT(p.v.sport, 40000);
	CHECK_INT(p.v.dport, 80);
	CHECK_INT(p.v.tcp_flags, TCP_SYN | TCP_ACK);
	CHECK(!p.v.is_fragment && !p.v.has_frag_header && !p.v.df);
	CHECK_INT(view_proto(&p.v), PROTO_TCP);
}

TEST(view_of_udp_over_ipv4)
{
	udp4(&craft);
	struct pkt p = parse_ok(&craft);
	char text[ADDR4_TEXT];

	CHECK_TEXT(addr4_text(p.v.src4, text), CLIENT4);
	CHECK_TEXT(addr4_text(p.v.dst4, text), SERVER4);
	CHECK_INT(p.v.tos, 0x28);
	CHECK_INT(p.v.next, 17);
	CHECK_INT(p.v.sport, 5000);
	CHECK_INT(p.v.dport, 53);
	CHECK(p.v.df && !p.v.is_fragment);
	CHECK_INT(view_proto(&p.v), PROTO_UDP);
}

/* RFC 6146 s2: the identifier stands for both ports. */
TEST(view_of_echo_has_the_identifier_as_ports)
{
	void (*const makers[])(struct craft *) = { echo4, echo6, reply4, reply6 };
	static const uint8_t types[] = { 8, 128, 0, 129 };

	for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
		makers[i](&craft);
		struct pkt p = parse_ok(&craft);

		CHECK_INT(p.v.sport, 0x1234);
		CHECK_INT(p.v.dport, 0x1234);
		CHECK_INT(p.v.icmp_type, types[i]);
		CHECK_INT(view_proto(&p.v), PROTO_ICMP);
	}
}

TEST(view_of_an_atomic_fragment_is_no_fragment)
{
	atomic6(&craft);
	struct pkt p = parse_ok(&craft);

	CHECK(p.v.has_frag_header && !p.v.is_fragment && !p.v.more_fragments);
	CHECK_INT(p.v.frag_off_hdr, 40);
	CHECK(p.v.frag_id == 0xdeadbeef);
	CHECK_INT(p.v.sport, 5000);
}

TEST(view_of_fragments)
{
	static const struct {
		void (*make)(struct craft *);
		bool more;
		uint16_t offset, sport;
		uint32_t id;
	} rows[] = {
		{ first_fragment6, true, 0, 5000, 0xdeadbeef },
		{ later_fragment6, false, 1480, 0, 0xdeadbeef },
		{ first_fragment4, true, 0, 5000, 0xbeef },
		{ later_fragment4, true, 1480, 0, 0xbeef },
		{ last_fragment4, false, 1480, 0, 0xbeef },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		rows[i].make(&craft);
		struct pkt p = parse_ok(&craft);

		CHECK(p.v.is_fragment);
		CHECK_INT(p.v.more_fragments, rows[i].more);
		CHECK_INT(p.v.frag_offset, rows[i].offset);
		CHECK_INT(p.v.sport, rows[i].sport);
		CHECK(p.v.frag_id == rows[i].id);
	}
}

TEST(view_of_the_packet_inside_an_error)
{
	error6_tcp_cut(&craft);
	struct pkt p = parse_ok(&craft);

	CHECK_INT(p.v.icmp_type, 1);
	CHECK_INT(p.v.icmp_code, 4);
	CHECK_INT(p.in.l3_off, 48);
	CHECK_INT(p.in.l4_off, 88);
	CHECK_INT(p.in.l4_len, 8);
	CHECK_INT(p.in.l4_full_len, 31);
	CHECK_INT(p.in.kind, L4_TCP);
	CHECK_INT(p.in.sport, 40000);
	CHECK_INT(p.in.dport, 80);
	CHECK_INT(p.in.tcp_flags, 0); /* not present */
	CHECK(addr6_eq(p.in.src6, p.v.dst6));

	error4_options(&craft);
	p = parse_ok(&craft);
	CHECK_INT(p.in.l4_off, 20 + 8 + 60);
	CHECK_INT(p.in.l4_len, 8);
	CHECK_INT(p.in.l4_full_len, 17);
	CHECK_INT(p.in.sport, 5000);

	error6_echo(&craft);
	p = parse_ok(&craft);
	CHECK_INT(p.in.kind, L4_ICMP_QUERY);
	CHECK_INT(p.in.sport, 0x1234);

	error4_later(&craft);
	p = parse_ok(&craft);
	CHECK_INT(p.in.frag_offset, 1480);
	CHECK_INT(p.in.sport, 0);
}

/* RFC 4884, RFC 5508 REQ-3 d): padding and extensions are no part of the packet inside. */
TEST(extensions_of_an_error_are_not_part_of_the_packet_inside)
{
	error6_rfc4884(&craft);
	struct pkt p = parse_ok(&craft);

	CHECK_INT(p.in.l4_len, 17);
	CHECK_INT(p.in.l4_full_len, 17);

	/* The quoted packet is larger than what is quoted of it. */
	craft_udp(&craft, &from4, 5000, 53, 500);
	memset(craft_data(&craft) + 128, 0x77, 12);
	quote(&craft, 11, 0, UINT32_C(32) << 16, 140);
	p = parse_ok(&craft);
	CHECK_INT(p.in.l4_len, 128 - 20);
	CHECK_INT(p.in.l4_full_len, 508);
}

/* --- lies: one field is changed, the reason is the right one --- */

enum fix { FIX_NONE, FIX_IP4, FIX_ICMP };

static const struct {
	const char *name;
	void (*make)(struct craft *c);
	uint16_t at;  /* bytes into the packet */
	uint8_t size; /* bytes of the field: 1 or 2 */
	uint16_t value;
	enum fix fix;
	enum drop_reason want;
} lies[] = {
	{ "version 0", udp4, 0, 1, 0x05, FIX_NONE, DROP_VERSION },
	{ "version 5", udp6, 0, 1, 0x50, FIX_NONE, DROP_VERSION },
	{ "version 15", udp6, 0, 1, 0xf0, FIX_NONE, DROP_VERSION },

	{ "IPv4 header of 0 words", udp4, 0, 1, 0x40, FIX_NONE, DROP_IP4_HEADER_LENGTH },
	{ "IPv4 header of 4 words", udp4, 0, 1, 0x44, FIX_NONE, DROP_IP4_HEADER_LENGTH },
	{ "IPv4 header beyond the packet", udp4, 0, 1, 0x4f, FIX_NONE, DROP_IP4_HEADER_LENGTH },
	{ "IPv4 header of 6 words that are not", udp4, 0, 1, 0x46, FIX_NONE, DROP_IP4_CHECKSUM },
	{ "IPv4 total length 0", udp4, 2, 2, 0, FIX_IP4, DROP_IP4_LENGTH },
	{ "IPv4 total length 19", udp4, 2, 2, 19, FIX_IP4, DROP_IP4_LENGTH },
	{ "IPv4 total length below its options", options4, 2, 2, 39, FIX_IP4, DROP_IP4_LENGTH },
	{ "IPv4 total length of the header alone", udp4, 2, 2, 20, FIX_IP4, DROP_UDP_TRUNCATED },
	{ "IPv4 total length one less", udp4, 2, 2, 36, FIX_IP4, DROP_UDP_LENGTH },
	{ "IPv4 total length one more", udp4, 2, 2, 38, FIX_IP4, DROP_IP4_LENGTH },
	{ "IPv4 total length maximum", udp4, 2, 2, 65535, FIX_IP4, DROP_IP4_LENGTH },
	{ "IPv4 header checksum", udp4, 10, 2, 0x1234, FIX_NONE, DROP_IP4_CHECKSUM },
	{ "IPv4 source 0.x", udp4, 12, 1, 0, FIX_IP4, DROP_IP4_SOURCE },
	{ "IPv4 source 127.x", udp4, 12, 1, 127, FIX_IP4, DROP_IP4_SOURCE },
	{ "IPv4 source 224.x", udp4, 12, 1, 224, FIX_IP4, DROP_IP4_SOURCE },
	{ "IPv4 source 255.x", udp4, 12, 1, 255, FIX_IP4, DROP_IP4_SOURCE },
	{ "IPv4 fragment of 17 bytes before the last", udp4, 6, 2, 0x2000, FIX_IP4, DROP_FRAGMENT_LENGTH },
	{ "IPv4 fragment beyond 65535", udp4, 6, 2, 0x1fff, FIX_IP4, DROP_FRAGMENT_LENGTH },

	{ "option length 0", options4, 22, 1, 0, FIX_IP4, DROP_IP4_OPTION_MALFORMED },
	{ "option length 1", options4, 22, 1, 1, FIX_IP4, DROP_IP4_OPTION_MALFORMED },
	{ "option length beyond the header", options4, 22, 1, 20, FIX_IP4, DROP_IP4_OPTION_MALFORMED },
	{ "option length maximum", options4, 22, 1, 255, FIX_IP4, DROP_IP4_OPTION_MALFORMED },
	{ "option without a length at the end", options4_full, 59, 1, 7, FIX_IP4, DROP_IP4_OPTION_MALFORMED },
	{ "loose source route at its last hop", options4, 31, 1, 7, FIX_IP4, DROP_IP4_SOURCE_ROUTE },
	{ "loose source route at its first hop", options4, 31, 1, 4, FIX_IP4, DROP_IP4_SOURCE_ROUTE },
	{ "loose source route without a pointer", options4, 30, 1, 2, FIX_IP4, DROP_IP4_OPTION_MALFORMED },
	{ "strict source route after its last hop", options4, 29, 1, 137, FIX_IP4, DROP_NONE },

	{ "IPv6 payload length one less", udp6, 4, 2, 16, FIX_NONE, DROP_UDP_LENGTH },
	{ "IPv6 payload length one more", udp6, 4, 2, 18, FIX_NONE, DROP_IP6_LENGTH },
	{ "IPv6 payload length maximum", udp6, 4, 2, 65535, FIX_NONE, DROP_IP6_LENGTH },
	{ "IPv6 payload length zero, as in a jumbogram", udp6, 4, 2, 0, FIX_NONE, DROP_UDP_TRUNCATED },
	{ "IPv6 source multicast", udp6, 8, 1, 0xff, FIX_NONE, DROP_IP6_SOURCE },
	{ "IPv6 destination multicast", udp6, 24, 1, 0xff, FIX_NONE, DROP_IP6_DESTINATION },

	{ "extension header length beyond the packet", hopopts6, 41, 1, 9, FIX_NONE, DROP_IP6_EXT_TRUNCATED },
	{ "extension header length maximum", hopopts6, 41, 1, 255, FIX_NONE, DROP_IP6_EXT_TRUNCATED },
	{ "extension header that takes the TCP header", hopopts6, 41, 1, 1, FIX_NONE,
		DROP_TCP_HEADER_LENGTH },
	{ "hop-by-hop options in second place", eight_extensions6, 40, 1, 0, FIX_NONE, DROP_IP6_EXT_ORDER },
	{ "a second fragment header", eight_extensions6, 56, 1, 44, FIX_NONE, DROP_IP6_EXT_ORDER },
	{ "a ninth extension header", eight_extensions6, 128, 1, 60, FIX_NONE, DROP_IP6_EXT_TOO_MANY },
	{ "routing header with a segment left", routing6, 43, 1, 1, FIX_NONE,
		DROP_IP6_ROUTING_SEGMENTS_LEFT },
	{ "IPv6 fragment of 17 bytes before the last", atomic6, 42, 2, 1, FIX_NONE, DROP_FRAGMENT_LENGTH },
	{ "IPv6 fragment beyond 65535", atomic6, 42, 2, 0xfff8, FIX_NONE, DROP_FRAGMENT_LENGTH },

	{ "TCP header of 0 words", tcp6, 52, 1, 0x00, FIX_NONE, DROP_TCP_HEADER_LENGTH },
	{ "TCP header of 4 words", tcp4, 32, 1, 0x40, FIX_NONE, DROP_TCP_HEADER_LENGTH },
	{ "TCP header beyond the segment", tcp6, 52, 1, 0x80, FIX_NONE, DROP_TCP_HEADER_LENGTH },
	{ "TCP header into the data", tcp6, 52, 1, 0x70, FIX_NONE, DROP_NONE },
	{ "UDP length 0 over IPv6", udp6, 44, 2, 0, FIX_NONE, DROP_UDP_LENGTH },
	{ "UDP length 7", udp4, 24, 2, 7, FIX_NONE, DROP_UDP_LENGTH },
	{ "UDP length one more", udp4, 24, 2, 18, FIX_NONE, DROP_UDP_LENGTH },
	{ "UDP length maximum", udp6, 44, 2, 65535, FIX_NONE, DROP_UDP_LENGTH },
	{ "UDP length one less: bytes behind the datagram", udp6, 44, 2, 16, FIX_NONE, DROP_NONE },
	{ "UDP length 0 in a fragment", first_fragment4, 24, 2, 0, FIX_NONE, DROP_UDP_LENGTH },
	{ "UDP length of the whole in a fragment", first_fragment4, 24, 2, 3000, FIX_NONE, DROP_NONE },
	{ "UDP over IPv6 without checksum", udp6, 46, 2, 0, FIX_NONE, DROP_UDP_CHECKSUM_ZERO },

	{ "ICMP checksum", echo4, 22, 2, 0x1234, FIX_NONE, DROP_ICMP_CHECKSUM },
	{ "ICMPv6 checksum", echo6, 42, 2, 0x1234, FIX_NONE, DROP_ICMP_CHECKSUM },
	{ "ICMP checksum of an error", error4_udp, 30, 1, 0x99, FIX_NONE, DROP_ICMP_CHECKSUM },
	{ "ICMP checksum of another type", timestamp4, 22, 2, 0x1234, FIX_NONE, DROP_ICMP_CHECKSUM },

	{ "inner version of the other family", error4_udp, 28, 1, 0x65, FIX_ICMP, DROP_ICMP_INNER_MALFORMED },
	{ "inner header length", error4_udp, 28, 1, 0x44, FIX_ICMP, DROP_ICMP_INNER_MALFORMED },
	{ "inner header beyond the message", error4_udp, 28, 1, 0x4f, FIX_ICMP, DROP_ICMP_INNER_MALFORMED },
	{ "inner total length below its header", error4_udp, 30, 2, 19, FIX_ICMP, DROP_ICMP_INNER_MALFORMED },
	{ "inner total length too short for ports", error4_udp, 30, 2, 27, FIX_ICMP,
		DROP_ICMP_INNER_MALFORMED },
	{ "inner total length maximum", error4_udp, 30, 2, 65535, FIX_ICMP, DROP_NONE },
	{ "inner header checksum", error4_udp, 38, 2, 0x1234, FIX_ICMP, DROP_NONE },
	{ "inner source", error4_udp, 43, 1, 99, FIX_ICMP, DROP_ICMP_INNER_MISMATCH },
	{ "inner payload length too short for ports", error6_udp, 52, 2, 7, FIX_ICMP,
		DROP_ICMP_INNER_MALFORMED },
	{ "inner payload length maximum", error6_udp, 52, 2, 65535, FIX_ICMP, DROP_NONE },
	{ "inner source, IPv6", error6_udp, 71, 1, 99, FIX_ICMP, DROP_ICMP_INNER_MISMATCH },
	{ "inner extension header to nowhere", error6_extensions, 89, 1, 255, FIX_ICMP,
		DROP_ICMP_INNER_MALFORMED },
	{ "inner is an error", error4_echo, 48, 1, 3, FIX_ICMP, DROP_ICMP_INNER_IS_ERROR },
	{ "inner is a redirect", error4_echo, 48, 1, 5, FIX_ICMP, DROP_ICMP_INNER_IS_ERROR },
	{ "inner is an ICMPv6 error", error6_echo, 88, 1, 1, FIX_ICMP, DROP_ICMP_INNER_IS_ERROR },
	{ "inner is an unknown ICMPv6 error", error6_echo, 88, 1, 127, FIX_ICMP, DROP_ICMP_INNER_IS_ERROR },
	{ "inner is another query", error4_echo, 48, 1, 13, FIX_ICMP, DROP_NONE },
	{ "datagram length beyond the message", error4_rfc4884, 25, 1, 36, FIX_ICMP,
		DROP_ICMP_INNER_MALFORMED },
	{ "datagram length of the whole message", error4_rfc4884, 25, 1, 35, FIX_ICMP, DROP_NONE },
	{ "datagram length too short for ports", error4_rfc4884, 25, 1, 6, FIX_ICMP,
		DROP_ICMP_INNER_MALFORMED },
	{ "datagram length maximum, IPv6", error6_rfc4884, 44, 1, 255, FIX_ICMP, DROP_ICMP_INNER_MALFORMED },
	{ "datagram length in a type without one", error6_udp, 44, 1, 255, FIX_ICMP, DROP_NONE },
};

TEST(every_lie_has_its_reason)
{
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		test_row(lies[i].name);
		lies[i].make(&craft);
		uint8_t *p = craft_data(&craft);

		check_reason(p, craft.len, DROP_NONE); /* true before the lie */
		if (lies[i].size == 1)
			p[lies[i].at] = (uint8_t)lies[i].value;
		else
			put16(p + lies[i].at, lies[i].value);
		if (lies[i].fix == FIX_IP4)
			fix_ip4_checksum(p);
		if (lies[i].fix == FIX_ICMP)
			fix_icmp_checksum(&craft, p[0] >> 4 == 6 ? 40 : 20);
		check_reason(p, craft.len, lies[i].want);
	}
	test_row(NULL);
}

TEST(short_headers_have_their_reason)
{
	static const struct {
		const char *name;
		void (*make)(struct craft *c);
		size_t len; /* IP length, true */
		enum drop_reason want;
	} rows[] = {
		{ "TCP of 19 bytes, IPv6", tcp6, 59, DROP_TCP_TRUNCATED },
		{ "TCP of 0 bytes, IPv4", tcp4, 20, DROP_TCP_TRUNCATED },
		{ "UDP of 7 bytes, IPv6", udp6, 47, DROP_UDP_TRUNCATED },
		{ "ICMP of 7 bytes, IPv4", echo4, 27, DROP_ICMP_TRUNCATED },
		{ "ICMP of 7 bytes, IPv6", echo6, 47, DROP_ICMP_TRUNCATED },
		{ "hop-by-hop options of 7 bytes", hopopts6, 47, DROP_IP6_EXT_TRUNCATED },
		{ "fragment header of 7 bytes", atomic6, 47, DROP_IP6_EXT_TRUNCATED },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		test_row(rows[i].name);
		rows[i].make(&craft);
		uint8_t *p = craft_data(&craft);

		if (p[0] >> 4 == 6) {
			put16(p + 4, (unsigned)rows[i].len - 40);
		} else {
			put16(p + 2, (unsigned)rows[i].len);
			fix_ip4_checksum(p);
		}
		check_reason(p, rows[i].len, rows[i].want);
	}
	test_row("no byte");
	check_reason(craft_data(&craft), 0, DROP_VERSION);
	test_row("half an IPv4 header");
	udp4(&craft);
	check_reason(craft_data(&craft), 19, DROP_IP4_TRUNCATED);
	test_row("half an IPv6 header");
	udp6(&craft);
	check_reason(craft_data(&craft), 39, DROP_IP6_TRUNCATED);
	test_row(NULL);
}

/* RFC 8200 s4.5: every fragment but the last is a multiple of 8 bytes long. */
TEST(only_the_last_fragment_may_have_an_odd_length)
{
	for (size_t payload = 0; payload < 32; payload++) {
		enum drop_reason want = payload % 8 == 0 ? DROP_NONE : DROP_FRAGMENT_LENGTH;

		craft_udp(&craft, &from4, 1, 2, payload);
		fragment4(&craft, 0x2000 | 185);
		check_reason(craft_data(&craft), craft.len, want);
		fragment4(&craft, 185);
		check_reason(craft_data(&craft), craft.len, DROP_NONE);
		craft_udp(&craft, &from6, 1, 2, payload);
		add_fragment(&craft, 1480 | 1);
		check_reason(craft_data(&craft), craft.len, want);
	}
}

/* RFC 4884 s4: the quoted datagram is as long as its length says, or the message is broken. */
TEST(a_quoted_datagram_must_be_there_to_its_last_byte)
{
	for (size_t keep = 120; keep <= 136; keep++) {
		craft_udp(&craft, &from4, 5000, 53, 300);
		quote(&craft, 11, 0, UINT32_C(32) << 16, keep); /* 128 bytes */
		check_reason(
			craft_data(&craft), craft.len, keep < 128 ? DROP_ICMP_INNER_MALFORMED : DROP_NONE);
	}
}

TEST(ipv6_addresses_that_are_no_hosts_are_refused)
{
	static const struct {
		const char *src, *dst;
		enum drop_reason want;
	} rows[] = {
		{ "::", SERVER6, DROP_IP6_SOURCE },
		{ "::1", SERVER6, DROP_IP6_SOURCE },
		{ "::ffff:192.0.2.1", SERVER6, DROP_IP6_SOURCE },
		{ "ff02::1", SERVER6, DROP_IP6_SOURCE },
		{ CLIENT6, "ff0e::1", DROP_IP6_DESTINATION },
		{ CLIENT6, "::", DROP_IP6_DESTINATION },
		{ CLIENT6, "::1", DROP_IP6_DESTINATION },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct craft_ip ip = { .src = rows[i].src, .dst = rows[i].dst };

		craft_udp(&craft, &ip, 1, 2, 3);
		check_reason(craft_data(&craft), craft.len, rows[i].want);
	}
}

TEST(the_largest_packets_are_taken)
{
	craft_tcp(&craft, &from6, 1, 2, TCP_ACK, 65535 - 20);
	CHECK_INT(parse_ok(&craft).len, 65575);
	craft_tcp(&craft, &from4, 1, 2, TCP_ACK, 65535 - 40);
	CHECK_INT(parse_ok(&craft).len, 65535);
}

TEST(the_longest_extension_headers_are_taken)
{
	static uint8_t header[2048] = { 0, 255, 1, 0 };

	craft_udp(&craft, &from6, 5000, 53, 8);
	for (int i = 0; i < 8; i++)
		add_extension(&craft, 60, header, sizeof(header));
	CHECK_INT(parse_ok(&craft).v.l4_off, 40 + 8 * 2048);
	quote(&craft, 3, 0, 0, 0);
	CHECK_INT(parse_ok(&craft).in.l4_off, 88 + 8 * 2048);
	CHECK_INT(parse_ok(&craft).in.sport, 5000);
}

/* The message is a fragment, so there is no packet inside to find (RFC 6146 s3.4). */
TEST(a_fragmented_error_is_not_looked_into)
{
	craft_udp(&craft, &from4, 5000, 53, 20);
	quote(&craft, 3, 3, 0, 0);
	fragment4(&craft, 0x2000);
	struct pkt p = parse_ok(&craft);

	CHECK_INT(p.v.kind, L4_ICMP_OTHER);
	CHECK_INT(p.v.icmp_type, 3);
	CHECK(!p.has_inner);
}

/* Of several the first is told; what is wrong with the packet itself comes before. */
TEST(a_route_that_is_not_used_up_is_in_the_view_with_its_place)
{
	routing6(&craft);
	craft_data(&craft)[43] = 1;
	add_extension(&craft, 43, "\0\0\x04\x07\0\0\0\0", 8);
	struct pkt p = parse_ok(&craft);

	CHECK_TEXT(drop_name(p.v.refused), "IP6_ROUTING_SEGMENTS_LEFT");
	CHECK_INT(p.v.refused_at, 43);
	CHECK_INT(p.v.kind, L4_UDP);
	CHECK_INT(p.v.l4_off, 72);
	CHECK_INT(p.v.sport, 5000);
	put16(craft_data(&craft) + 72 + 4, 7);
	check_reason(craft_data(&craft), craft.len, DROP_UDP_LENGTH);

	options4(&craft);
	craft_data(&craft)[31] = 7;
	fix_ip4_checksum(craft_data(&craft));
	p = parse_ok(&craft);
	CHECK_TEXT(drop_name(p.v.refused), "IP4_SOURCE_ROUTE");
	CHECK_INT(p.v.refused_at, 29);
	CHECK_INT(p.v.dport, 80);

	tcp4(&craft);
	p = parse_ok(&craft);
	CHECK_TEXT(drop_name(p.v.refused), "NONE");
}

/* The host may have sent such a packet, so an error about it is taken. */
TEST(an_error_about_a_packet_with_a_route_is_parsed)
{
	options4(&craft);
	craft_data(&craft)[31] = 4;
	fix_ip4_checksum(craft_data(&craft));
	quote(&craft, 3, 5, 0, 48);
	struct pkt p = parse_ok(&craft);

	CHECK_TEXT(drop_name(p.v.refused), "NONE");
	CHECK_TEXT(drop_name(p.in.refused), "IP4_SOURCE_ROUTE");
}
