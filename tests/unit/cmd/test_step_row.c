/* test_step_row.c - every step can be said, in words and in JSON, and what is said is right */
#include "harness.h"

#include "addr/embed.h"
#include "base/verdict.h"
#include "cmd/step_row.h"
#include "state/state.h"
#include "xlat/pkt.h"

#include <string.h>

static struct addr6 a6(const char *text)
{
	struct addr6 a = { 0, 0 };

	REQUIRE(addr6_parse(text, &a));
	return a;
}

static struct addr4 a4(const char *text)
{
	struct addr4 a = { 0 };

	REQUIRE(addr4_parse(text, &a));
	return a;
}

TEST(every_step_has_a_sentence_without_places_left_and_a_json_row)
{
	for (unsigned id = 0; id < STEP_COUNT; id++) {
		struct step s = { .id = (uint8_t)id, .version = 4, .n = 1 };
		char text[STEP_ROW_TEXT], spec[STEP_ROW_TEXT];
		json_t *row = step_row(&s);

		test_row(step_name((enum step_id)id));
		CHECK(strlen(step_row_text(&s, text)) > 5);
		CHECK(strpbrk(text, "{}") == NULL);
		CHECK(strchr(step_row_spec(&s, spec), '|') == NULL);
		REQUIRE(row != NULL);
		CHECK_TEXT(json_string_value(json_object_get(row, "step")), step_name((enum step_id)id));
		json_decref(row);
	}
	test_row(NULL);
}

TEST(steps_read_as_they_should)
{
	const struct {
		struct step s;
		const char *text, *spec;
	} cases[] = {
		{ { .id = STEP_PARSED,
			  .version = 6,
			  .proto = IPPROTO_TCP_NR,
			  .kind = L4_TCP,
			  .flags = TCP_SYN | TCP_ACK,
			  .len = 64,
			  .port = { 40000, 80 },
			  .n = 60,
			  .a6 = a6("2001:db8::2"),
			  .b6 = a6("64:ff9b::1") },
			"TCP [2001:db8::2]:40000 > [64:ff9b::1]:80 SYN,ACK, 60 bytes, hop limit 64",
			"RFC 8200 s3" },
		{ { .id = STEP_PARSED,
			  .version = 4,
			  .proto = IPPROTO4_ICMP,
			  .kind = L4_ICMP_QUERY,
			  .x = 8,
			  .len = 9,
			  .port = { 7, 7 },
			  .n = 84,
			  .a4 = a4("192.0.2.1"),
			  .b4 = a4("192.0.2.2") },
			"ICMP echo request 192.0.2.1 > 192.0.2.2, identifier 7, 84 bytes, TTL 9",
			"RFC 791 s3.1" },
		{ { .id = STEP_TOLD,
			  .version = 6,
			  .proto = IPPROTO6_ICMP,
			  .kind = L4_ICMP_ERROR,
			  .x = 1,
			  .y = 4,
			  .n = 100 },
			"its sender is told: ICMPv6 destination unreachable (type 1, code 4) :: > ::, 100 "
			"bytes, hop "
			"limit 0",
			"RFC 4443 s2.4" },
		{ { .id = STEP_SENT, .version = 4, .proto = 47, .kind = L4_OTHER, .n = 30 },
			"sent: gre 0.0.0.0 > 0.0.0.0, 30 bytes, TTL 0", "RFC 7915 s5.1" },
		{ { .id = STEP_PREFIX, .a6 = a6("64:ff9b::"), .len = 96, .a4 = a4("198.51.100.10") },
			"the destination is in 64:ff9b::/96, and stands for 198.51.100.10", "RFC 6052 s2.3" },
		{ { .id = STEP_TCP_MOVED,
			  .x = TCP_V6_INIT,
			  .y = TCP_ESTABLISHED,
			  .version = 4,
			  .flags = TCP_SYN },
			"TCP: V4 SYN moves the session from V6_INIT to ESTABLISHED", "RFC 6146 s3.5.2.2" },
		{ { .id = STEP_TCP_STAYED, .y = TCP_ESTABLISHED, .version = 6, .flags = TCP_ACK },
			"TCP: V6 data leaves the session in ESTABLISHED", "RFC 6146 s3.5.2.2" },
		{ { .id = STEP_TCP_STAYED,
			  .y = TCP_TRANS,
			  .version = 6,
			  .flags = TCP_SYN | TCP_RST | TCP_FIN },
			"TCP: V6 RST leaves the session in TRANS", "RFC 6146 s3.5.2.2" },
		{ { .id = STEP_SESSION_MADE, .a4 = a4("192.0.2.9"), .port = { 53 }, .n = 300000 },
			"session with 192.0.2.9:53 made, for 300 seconds",
			"RFC 6146 s3.5.1, s3.5.2, s3.5.3, s4" },
		{ { .id = STEP_SESSION_FOUND, .a4 = a4("192.0.2.9"), .n = 59900 },
			"session with 192.0.2.9 found, for 59.9 more seconds",
			"RFC 6146 s3.5.1, s3.5.2, s3.5.3" },
		{ { .id = STEP_DROPPED, .n = DROP_64_DENIED },
			"dropped: 64_DENIED, IPv4 destination is on the deny list",
			"configuration: nat64.deny" },
		{ { .id = STEP_DROPPED, .n = DROP_COUNT + 5 }, "dropped: NONE, not dropped", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[STEP_ROW_TEXT], spec[STEP_ROW_TEXT];

		CHECK_TEXT(step_row_text(&cases[i].s, text), cases[i].text);
		CHECK_TEXT(step_row_spec(&cases[i].s, spec), cases[i].spec);
	}
}

TEST(json_has_the_values_under_their_keys)
{
	const struct step s = { .id = STEP_BINDING_MADE,
		.a6 = a6("2001:db8::2"),
		.b4 = a4("192.0.2.64"),
		.port = { 40000, 5000 } };
	const struct step p = { .id = STEP_PARSED,
		.version = 4,
		.proto = IPPROTO_UDP_NR,
		.kind = L4_UDP,
		.port = { 1, 2 },
		.n = 28,
		.len = 5 };
	json_t *row = step_row(&s);

	CHECK_TEXT(json_string_value(json_object_get(row, "client")), "[2001:db8::2]:40000");
	CHECK_TEXT(json_string_value(json_object_get(row, "address")), "192.0.2.64:5000");
	json_decref(row);
	row = step_row(&p);
	json_t *packet = json_object_get(row, "packet");

	CHECK_INT(json_integer_value(json_object_get(packet, "version")), 4);
	CHECK_TEXT(json_string_value(json_object_get(packet, "protocol")), "UDP");
	CHECK_INT(json_integer_value(json_object_get(packet, "source_port")), 1);
	CHECK_INT(json_integer_value(json_object_get(packet, "destination_port")), 2);
	CHECK_INT(json_integer_value(json_object_get(packet, "bytes")), 28);
	CHECK_INT(json_integer_value(json_object_get(packet, "hop_limit")), 5);
	CHECK(json_object_get(packet, "flags") == NULL);
	json_decref(row);
}
