/* test_icmp.c - ICMP errors that the translator originates */
#include "packets.h"
#include "xlat/icmp.h"

#define HEADROOM 64
#define OWN4 ((struct addr4){ 0xc0000201 })
#define OWN6 ((struct addr6){ UINT64_C(0x0064ff9b00000000), 0xc0000201 })

static struct craft craft;

static struct box parsed(const uint8_t *bytes, size_t len, size_t headroom, struct offload off)
{
	struct box b = box_of(bytes, len, headroom);

	b.p.off = off;
	enum drop_reason why = pkt_parse(&b.p);

	CHECK_TEXT(drop_name(why), "NONE");
	return b;
}

static struct box parsed_craft(void)
{
	return parsed(craft_data(&craft), craft.len, HEADROOM, (struct offload){ 0 });
}

static enum drop_reason make_error(struct pkt *p, enum icmp_cause cause, uint32_t mtu)
{
	if (p->v.version == 4)
		return icmp4_error(p, cause, OWN4, (uint16_t)mtu);
	return icmp6_error(p, cause, OWN6, mtu);
}

TEST(every_cause_has_its_type_and_code)
{
	static const struct {
		enum icmp_cause cause;
		uint8_t type4, code4, type6, code6;
	} rows[] = {
		{ ICMP_CAUSE_HOP_LIMIT, 11, 0, 3, 0 },
		{ ICMP_CAUSE_TOO_BIG, 3, 4, 2, 0 },
		{ ICMP_CAUSE_ADDR_UNREACHABLE, 3, 1, 1, 3 },
		{ ICMP_CAUSE_PROHIBITED, 3, 13, 1, 1 },
		{ ICMP_CAUSE_PORT_UNREACHABLE, 3, 3, 1, 4 },
		{ ICMP_CAUSE_PROTO_UNREACHABLE, 3, 2, 1, 4 },
		{ ICMP_CAUSE_ROUTE, 3, 5, 4, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint32_t mtu = rows[i].cause == ICMP_CAUSE_TOO_BIG ? 1400 : 0;

		udp4(&craft);
		struct box b = parsed_craft();

		CHECK_INT(icmp4_error(&b.p, rows[i].cause, OWN4, (uint16_t)mtu), DROP_NONE);
		CHECK_INT(b.p.data[20], rows[i].type4);
		CHECK_INT(b.p.data[21], rows[i].code4);
		CHECK(be32_at(b.p.data + 24) == mtu); /* RFC 1191 s4: the lower half of the word */
		box_free(&b);

		udp6(&craft);
		b = parsed_craft();
		CHECK_INT(icmp6_error(&b.p, rows[i].cause, OWN6, mtu), DROP_NONE);
		CHECK_INT(b.p.data[40], rows[i].type6);
		CHECK_INT(b.p.data[41], rows[i].code6);
		CHECK(be32_at(b.p.data + 44) == mtu); /* RFC 4443 s3.2 */
		box_free(&b);
	}
}

TEST(the_ipv4_message_byte_for_byte)
{
	udp4(&craft);
	struct box b = parsed_craft();
	uint8_t want[20 + 8 + 37] = { 0x45, 0xc0, 0, 65, 0, 0, 0x40, 0, 64, 1, 0, 0, 192, 0, 2, 1, 198, 51,
		100, 7, 11 };

	memcpy(want + 28, craft_data(&craft), 37);
	fix_ip4_checksum(want);
	put16(want + 22, 0xffff - slow_sum16(want + 20, sizeof(want) - 20, 0));
	REQUIRE(icmp4_error(&b.p, ICMP_CAUSE_HOP_LIMIT, OWN4, 0) == DROP_NONE);
	CHECK_BYTES(b.p.data, b.p.len, want, sizeof(want));
	CHECK(craft_checksums_ok(b.p.data, b.p.len));
	box_free(&b);
}

TEST(the_ipv6_message_byte_for_byte)
{
	udp6(&craft);
	struct box b = parsed_craft();
	uint8_t want[40 + 8 + 57] = { 0x60, 0, 0, 0, 0, 65, 58, 64, 0, 0x64, 0xff, 0x9b, [20] = 192, 0, 2, 1,
		0x20, 0x01, 0x0d, 0xb8, [39] = 2, 1, 1 };

	memcpy(want + 48, craft_data(&craft), 57);
	unsigned pseudo = slow_sum16(want + 8, 32, 65 + 58);
	put16(want + 42, 0xffff - slow_sum16(want + 40, 65, pseudo));
	REQUIRE(icmp6_error(&b.p, ICMP_CAUSE_PROHIBITED, OWN6, 0) == DROP_NONE);
	CHECK_BYTES(b.p.data, b.p.len, want, sizeof(want));
	CHECK(craft_checksums_ok(b.p.data, b.p.len));
	box_free(&b);
}

/* Of every shape: allowed or not by the RFCs, and if so a valid error that quotes it. */
TEST(every_shape_is_answered_or_not)
{
	for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
		test_row(packets[i].name);
		packets[i].make(&craft);
		struct box b = parsed_craft();
		struct view before = b.p.v;
		bool is_error = before.kind == L4_ICMP_ERROR || packets[i].make == quench4;
		bool want = !is_error && before.frag_offset == 0;
		uint32_t header = before.version == 4 ? 28 : 48;

		CHECK_INT(icmp_error_allowed(&b.p), want);
		CHECK_TEXT(drop_name(make_error(&b.p, ICMP_CAUSE_PROHIBITED, 0)),
			want ? "NONE" : "ICMP_NOT_ALLOWED");
		if (want) {
			CHECK(pkt_validate(&b.p));
			CHECK_INT(b.p.v.kind, L4_ICMP_ERROR);
			CHECK_INT(b.p.in.kind, before.kind);
			CHECK_INT(b.p.in.sport, before.sport);
			CHECK_INT(b.p.len, craft.len + header);
			CHECK_BYTES(b.p.data + header, b.p.len - header, craft_data(&craft), craft.len);
		} else {
			CHECK_BYTES(b.p.data, b.p.len, craft_data(&craft), craft.len);
			CHECK(memcmp(&b.p.v, &before, sizeof(before)) == 0);
		}
		box_free(&b);
	}
	test_row(NULL);
}

/* RFC 1812 s4.3.2.3: 576 bytes; RFC 4443 s2.4 (c): 1280 bytes. */
TEST(the_packet_is_cut_at_576_and_1280_bytes)
{
	for (size_t len = 1180; len < 1260; len++) {
		craft_udp(&craft, &from6, 1, 2, len);
		struct box b = parsed_craft();
		size_t whole = len + 48 + 48;

		REQUIRE(make_error(&b.p, ICMP_CAUSE_TOO_BIG, 1280) == DROP_NONE);
		CHECK_INT(b.p.len, whole < 1280 ? whole : 1280);
		CHECK_INT(b.p.in.l4_full_len, len + 8);
		CHECK(craft_checksums_ok(b.p.data, b.p.len));
		CHECK_BYTES(b.p.data + 48, b.p.len - 48, craft_data(&craft), b.p.len - 48);
		box_free(&b);
	}
	for (size_t len = 500; len < 560; len++) {
		craft_udp(&craft, &from4, 1, 2, len);
		struct box b = parsed_craft();
		size_t whole = len + 28 + 28;

		REQUIRE(make_error(&b.p, ICMP_CAUSE_TOO_BIG, 1280) == DROP_NONE);
		CHECK_INT(b.p.len, whole < 576 ? whole : 576);
		CHECK(craft_checksums_ok(b.p.data, b.p.len));
		CHECK_BYTES(b.p.data + 28, b.p.len - 28, craft_data(&craft), b.p.len - 28);
		box_free(&b);
	}
}

TEST(headroom_must_hold_both_headers)
{
	for (size_t room = 0; room <= 48; room++) {
		udp6(&craft);
		struct box b = parsed(craft_data(&craft), craft.len, room, (struct offload){ 0 });

		CHECK_INT(
			make_error(&b.p, ICMP_CAUSE_PROHIBITED, 0), room < 48 ? DROP_NO_HEADROOM : DROP_NONE);
		if (room < 48)
			CHECK_BYTES(b.p.data, b.p.len, craft_data(&craft), craft.len);
		box_free(&b);

		udp4(&craft);
		b = parsed(craft_data(&craft), craft.len, room, (struct offload){ 0 });
		CHECK_INT(
			make_error(&b.p, ICMP_CAUSE_PROHIBITED, 0), room < 28 ? DROP_NO_HEADROOM : DROP_NONE);
		box_free(&b);
	}
}

/* RFC 7915 s5.1: the pointer is where Segments Left stands, however far down the chain. */
TEST(the_error_about_a_routing_header_points_at_its_segments_left)
{
	for (unsigned before = 0; before <= 3; before++) {
		routing6(&craft);
		craft_data(&craft)[43] = 2;
		for (unsigned i = 0; i < before; i++)
			add_extension(&craft, 60, "\0\0\x01\x04\0\0\0\0", 8);
		struct box b = parsed_craft();

		CHECK_TEXT(drop_name(b.p.v.refused), "IP6_ROUTING_SEGMENTS_LEFT");
		REQUIRE(make_error(&b.p, ICMP_CAUSE_ROUTE, 0) == DROP_NONE);
		CHECK_INT(b.p.data[40], 4);
		CHECK_INT(b.p.data[41], 0);
		CHECK_INT(be32_at(b.p.data + 44), 43 + 8 * before);
		CHECK_INT(b.p.data[48 + 43 + 8 * before], 2);
		CHECK_BYTES(b.p.data + 48, b.p.len - 48, craft_data(&craft), craft.len);
		CHECK(craft_checksums_ok(b.p.data, b.p.len));
		CHECK(pkt_validate(&b.p));
		box_free(&b);
	}
}

/* RFC 7915 s4.1 */
TEST(the_error_about_a_source_route_quotes_it)
{
	options4(&craft);
	craft_data(&craft)[31] = 4;
	fix_ip4_checksum(craft_data(&craft));
	struct box b = parsed_craft();

	CHECK_TEXT(drop_name(b.p.v.refused), "IP4_SOURCE_ROUTE");
	REQUIRE(make_error(&b.p, ICMP_CAUSE_ROUTE, 0) == DROP_NONE);
	CHECK_INT(b.p.data[0], 0x45); /* the route is not reversed */
	CHECK_INT(b.p.data[20], 3);
	CHECK_INT(b.p.data[21], 5);
	CHECK_INT(be32_at(b.p.data + 24), 0);
	CHECK_BYTES(b.p.data + 28, b.p.len - 28, craft_data(&craft), craft.len);
	CHECK(pkt_validate(&b.p));
	box_free(&b);
}

/* --- when not to send: RFC 1812 s4.3.2.7, RFC 4443 s2.4 (e) --- */

static bool allowed_with(void (*make)(struct craft *c), struct addr4 src4, struct addr4 dst4)
{
	make(&craft);
	struct box b = parsed_craft();

	b.p.v.src4 = src4;
	b.p.v.dst4 = dst4;
	bool allowed = icmp_error_allowed(&b.p);

	box_free(&b);
	return allowed;
}

TEST(no_error_about_packets_to_or_from_groups)
{
	struct addr4 host = { 0xc0000201 };

	CHECK(allowed_with(udp4, host, host));
	CHECK(!allowed_with(udp4, host, (struct addr4){ 0xe0000001 }));
	CHECK(!allowed_with(udp4, host, (struct addr4){ 0xffffffff }));
	CHECK(!allowed_with(udp4, (struct addr4){ 0 }, host));
	CHECK(!allowed_with(udp4, (struct addr4){ 0x7f000001 }, host));
	CHECK(!allowed_with(udp4, (struct addr4){ 0xe0000001 }, host));

	udp6(&craft);
	struct box b = parsed_craft();
	struct addr6 multicast = { UINT64_C(0xff02000000000000), 1 }, src = b.p.v.src6;

	CHECK(icmp_error_allowed(&b.p));
	b.p.v.src6 = (struct addr6){ 0, 0 };
	CHECK(!icmp_error_allowed(&b.p));
	b.p.v.src6 = multicast;
	CHECK(!icmp_error_allowed(&b.p));
	b.p.v.src6 = src;
	b.p.v.dst6 = multicast;
	CHECK(!icmp_error_allowed(&b.p));
	box_free(&b);
}

TEST(no_error_about_other_icmp_errors_and_redirects)
{
	static const struct {
		void (*make)(struct craft *);
		uint8_t type;
		bool allowed;
	} rows[] = {
		{ echo4, 13, true },   /* timestamp */
		{ echo4, 4, false },   /* source quench */
		{ echo4, 5, false },   /* redirect */
		{ echo6, 135, true },  /* neighbour solicitation */
		{ echo6, 137, false }, /* redirect: RFC 4443 s2.4 (e.2) */
		{ echo6, 5, false },   /* unknown error */
		{ echo6, 127, false }, /* unknown error */
		{ echo6, 200, true },  /* unknown informational message */
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t header = rows[i].make == echo4 ? 20 : 40;

		rows[i].make(&craft);
		craft_data(&craft)[header] = rows[i].type;
		fix_icmp_checksum(&craft, header);
		struct box b = parsed_craft();

		CHECK_INT(b.p.v.kind, L4_ICMP_OTHER);
		CHECK_INT(icmp_error_allowed(&b.p), rows[i].allowed);
		box_free(&b);
	}
}

TEST(no_error_about_the_first_fragment_of_an_error)
{
	craft_udp(&craft, &from4, 5000, 53, 20);
	quote(&craft, 3, 3, 0, 0);
	fragment4(&craft, 0x2000);
	struct box b = parsed_craft();

	CHECK(!icmp_error_allowed(&b.p));
	box_free(&b);
}

TEST(no_error_when_1280_bytes_cannot_hold_the_ports)
{
	static uint8_t header[2048] = { 0 };

	for (uint8_t words = 140; words < 160; words++) {
		size_t ext = (words + 1u) * 8u;

		craft_udp(&craft, &from6, 5000, 53, 100);
		header[1] = words;
		add_extension(&craft, 60, header, ext);
		struct box b = parsed_craft();
		bool fits = 40 + 8 + 40 + ext + 8 <= 1280;

		CHECK_INT(icmp_error_allowed(&b.p), fits);
		CHECK_INT(
			make_error(&b.p, ICMP_CAUSE_TOO_BIG, 1280), fits ? DROP_NONE : DROP_ICMP_NOT_ALLOWED);
		box_free(&b);
	}
}

/* --- offload: the sender is shown what was on the wire --- */

/* Leaves the sum of the pseudo-header over @len in the checksum field, as the kernel does. */
static struct offload make_partial(size_t header, size_t field)
{
	uint8_t *p = craft_data(&craft);
	bool is6 = p[0] >> 4 == 6;
	size_t len = craft.len - header;
	unsigned sum = slow_sum16(is6 ? p + 8 : p + 12, is6 ? 32 : 8, (unsigned)len);

	sum = slow_sum16((uint8_t[]){ 0, is6 ? p[6] : p[9] }, 2, sum);
	put16(p + header + field, sum);
	return (struct offload){
		.csum_partial = true, .csum_start = (uint16_t)header, .csum_offset = (uint16_t)field
	};
}

TEST(a_partial_checksum_is_completed_over_the_whole_packet_before_the_cut)
{
	static struct craft complete;
	static const struct {
		const char *name;
		const struct craft_ip *ip;
		size_t header;
	} rows[] = { { "IPv4", &from4, 20 }, { "IPv6", &from6, 40 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t header = rows[i].header;

		test_row(rows[i].name);
		craft_tcp(&craft, rows[i].ip, 1, 2, TCP_ACK, 1400);
		complete.len = craft.len;
		memcpy(complete.memory, craft.memory, sizeof(craft.memory));
		struct offload off = make_partial(header, 16);
		struct box b = parsed(craft_data(&craft), craft.len, HEADROOM, off);

		REQUIRE(make_error(&b.p, ICMP_CAUSE_TOO_BIG, 1300) == DROP_NONE);
		CHECK_BYTES(b.p.data + header + 8, b.p.len - header - 8, craft_data(&complete),
			b.p.len - header - 8);
		CHECK(!b.p.off.csum_partial);
		CHECK(pkt_validate(&b.p));
		box_free(&b);

		craft_udp(&craft, rows[i].ip, 1, 2, 99);
		memcpy(complete.memory, craft.memory, sizeof(craft.memory));
		off = make_partial(header, 6);
		b = parsed(craft_data(&craft), craft.len, HEADROOM, off);
		REQUIRE(make_error(&b.p, ICMP_CAUSE_HOP_LIMIT, 0) == DROP_NONE);
		CHECK_BYTES(b.p.data + header + 8, b.p.len - header - 8, craft_data(&complete),
			b.p.len - header - 8);
		box_free(&b);
	}
	test_row(NULL);
}

/* A train is quoted as its first segment, whose length, flags and checksums are those that the NIC would
 * send. */
static void check_train(
	const struct craft_ip *ip, bool is_tcp, size_t payload, uint16_t gso_size, uint8_t flags)
{
	size_t header = strchr(ip->src, ':') ? 40 : 20, first = payload < gso_size ? payload : gso_size;
	static struct craft segment;
	bool is_cut = first < payload;

	if (is_tcp) {
		craft_tcp(&craft, ip, 1, 2, flags, payload);
		craft_tcp(&segment, ip, 1, 2, is_cut ? flags & (uint8_t) ~(TCP_FIN | 0x08) : flags, first);
	} else {
		craft_udp(&craft, ip, 1, 2, payload);
		craft_udp(&segment, ip, 1, 2, first);
	}
	struct offload off = make_partial(header, is_tcp ? 16 : 6);

	off.gso_size = gso_size;
	off.gso = !is_tcp ? GSO_UDP : header == 40 ? GSO_TCP6 : GSO_TCP4;
	struct box b = parsed(craft_data(&craft), craft.len, HEADROOM, off);

	REQUIRE(make_error(&b.p, ICMP_CAUSE_TOO_BIG, 1300) == DROP_NONE);
	size_t quoted = b.p.len - header - 8;

	CHECK(quoted <= segment.len);
	CHECK_BYTES(b.p.data + header + 8, quoted, craft_data(&segment), quoted);
	CHECK_INT(b.p.in.l4_full_len, segment.len - header);
	CHECK_INT(b.p.off.gso, GSO_NONE);
	CHECK_INT(b.p.off.gso_size, 0);
	CHECK(craft_checksums_ok(b.p.data, b.p.len));
	CHECK(pkt_validate(&b.p));
	box_free(&b);
}

TEST(of_a_train_the_first_segment_is_quoted)
{
	static const struct craft_ip *const families[] = { &from4, &from6 };

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		check_train(families[i], true, 64000, 1440, TCP_ACK | 0x08);
		check_train(families[i], true, 64000, 200, TCP_ACK | TCP_FIN | 0x08);
		check_train(families[i], true, 201, 200, TCP_ACK | TCP_FIN);
		check_train(
			families[i], true, 200, 200, TCP_ACK | TCP_FIN); /* a train of one keeps its flags */
		check_train(families[i], true, 100, 60000, TCP_ACK | TCP_FIN);
		check_train(families[i], false, 60000, 1400, 0);
		check_train(families[i], false, 301, 300, 0);
		check_train(families[i], false, 300, 300, 0);
	}
}

TEST(a_train_with_ipv4_options_keeps_them)
{
	craft_tcp(&craft, &from4, 1, 2, TCP_ACK, 3000);
	add_options(&craft, "\x01\x01\x01\x00", 4);
	struct box b = parsed(craft_data(&craft), craft.len, HEADROOM,
		(struct offload){ .gso = GSO_TCP4, .gso_size = 100 });

	REQUIRE(make_error(&b.p, ICMP_CAUSE_HOP_LIMIT, 0) == DROP_NONE);
	CHECK_INT(b.p.in.l4_full_len, 120);
	CHECK_INT(slow_sum16(b.p.data + 28, 24, 0), 0xffff);
	CHECK(craft_checksums_ok(b.p.data + 28, b.p.len - 28));
	box_free(&b);
}

TEST(a_source_that_is_no_host_is_a_reason_and_no_crash)
{
	udp4(&craft);
	struct box b = parsed_craft();

	CHECK_TEXT(drop_name(icmp4_error(&b.p, ICMP_CAUSE_HOP_LIMIT, (struct addr4){ 0 }, 0)), "IP4_SOURCE");
	box_free(&b);
}
