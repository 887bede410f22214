/* test_proxy_head.c - the PROXY protocol: every header, every truncation, and what is none */
#include "addr/endpoint.h"
#include "harness.h"
#include "relay/proxy_head.h"

#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define A4 "\xc0\x00\x02\x01"
#define B4 "\xc6\x33\x64\x02"
#define A6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define B6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
#define MAPPED "\0\0\0\0\0\0\0\0\0\0\xff\xff" A4
#define PORTS "\x30\x39\x01\xbb" /* 12345, 443 */

#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *name, *bytes;
	size_t len;
	const char *client, *local; /* NULL: the connection's own */
} good[] = {
	{ "v1 TCP4", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n"), "192.0.2.1:12345",
		"198.51.100.2:443" },
	{ "v1 TCP6", BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 12345 443\r\n"), "[2001:db8::1]:12345",
		"[2001:db8::2]:443" },
	{ "v1 mapped", BYTES("PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 0\r\n"), "192.0.2.1:1",
		"[2001:db8::2]:0" },
	{ "v1 UNKNOWN", BYTES("PROXY UNKNOWN\r\n"), NULL, NULL },
	{ "v1 UNKNOWN with more", BYTES("PROXY UNKNOWN ffff::1 what ever\r\n"), NULL, NULL },
	{ "v2 TCP4", BYTES(SIGNATURE "\x21\x11\0\x0c" A4 B4 PORTS), "192.0.2.1:12345", "198.51.100.2:443" },
	{ "v2 TCP6", BYTES(SIGNATURE "\x21\x21\0\x24" A6 B6 PORTS), "[2001:db8::1]:12345",
		"[2001:db8::2]:443" },
	{ "v2 mapped", BYTES(SIGNATURE "\x21\x21\0\x24" MAPPED B6 PORTS), "192.0.2.1:12345",
		"[2001:db8::2]:443" },
	{ "v2 with a TLV", BYTES(SIGNATURE "\x21\x11\0\x10" A4 B4 PORTS "\x04\0\x01x"), "192.0.2.1:12345",
		"198.51.100.2:443" },
	{ "v2 UDP4", BYTES(SIGNATURE "\x21\x12\0\x0c" A4 B4 PORTS), "192.0.2.1:12345", "198.51.100.2:443" },
	{ "v2 LOCAL", BYTES(SIGNATURE "\x20\0\0\0"), NULL, NULL },
	{ "v2 LOCAL with addresses", BYTES(SIGNATURE "\x20\x11\0\x0c" A4 B4 PORTS), NULL, NULL },
	{ "v2 unspecified", BYTES(SIGNATURE "\x21\0\0\x03xyz"), NULL, NULL },
};

static const struct {
	const char *name, *bytes;
	size_t len;
} bad[] = {
	{ "HTTP", BYTES("GET / HTTP/1.1\r\n") },
	{ "TLS", BYTES("\x16\x03\x01\x02\0\x01\0\x01\xfc") },
	{ "v1 LF alone", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\n") },
	{ "v1 nothing", BYTES("PROXY \r\n") },
	{ "v1 short LF", BYTES("PROXY \n") },
	{ "v1 family", BYTES("PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n") },
	{ "v1 UNKNOWNS", BYTES("PROXY UNKNOWNS\r\n") },
	{ "v1 wrong family", BYTES("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n") },
	{ "v1 wrong family 6", BYTES("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n") },
	{ "v1 port too big", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n") },
	{ "v1 port of six digits", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 000001 2\r\n") },
	{ "v1 port with zero", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n") },
	{ "v1 port of letters", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2a\r\n") },
	{ "v1 two spaces", BYTES("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n") },
	{ "v1 a word too many", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n") },
	{ "v1 a word too few", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n") },
	{ "v1 a zero byte", BYTES("PROXY UNKNOWN \0\r\n") },
	{ "v1 too long", BYTES("PROXY UNKNOWN xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n") },
	{ "v2 version 1", BYTES(SIGNATURE "\x11\x11\0\x0c") },
	{ "v2 command", BYTES(SIGNATURE "\x22") },
	{ "v2 length too small for IPv4", BYTES(SIGNATURE "\x21\x11\0\x0b" A4 B4 PORTS) },
	{ "v2 length too small for IPv6", BYTES(SIGNATURE "\x21\x21\0\x0c" A4 B4 PORTS) },
	{ "v2 length too big", BYTES(SIGNATURE "\x21\x11\xff\xff") },
	{ "v2 length just too big", BYTES(SIGNATURE "\x21\x11\x02\x09") },
};

static void check_endpoint(const struct endpoint *got, const char *want)
{
	char text[ENDPOINT6_TEXT];

	CHECK_TEXT(endpoint_text(got, text), want);
}

TEST(headers_are_read_and_every_shorter_one_waits)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct proxy_head h, poison;
		char longer[PROXY_HEAD_MAX + 8] = "";

		test_row(good[i].name);
		memset(&h, 0x5a, sizeof(h));
		poison = h;
		for (size_t len = 0; len < good[i].len; len++)
			CHECK_INT(proxy_head_parse(good[i].bytes, len, &h), PROXY_HEAD_MORE);
		CHECK_BYTES(&h, sizeof(h), &poison, sizeof(poison));
		memcpy(longer, good[i].bytes, good[i].len);
		memcpy(longer + good[i].len, "GET \n", 5);
		REQUIRE(proxy_head_parse(longer, good[i].len + 5, &h) == PROXY_HEAD_WHOLE);
		CHECK_INT(h.len, good[i].len);
		CHECK(h.is_local == !good[i].client);
		if (!good[i].client)
			continue;
		check_endpoint(&h.client, good[i].client);
		check_endpoint(&h.local, good[i].local);
	}
}

TEST(what_is_no_header_is_refused_and_stays_so)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct proxy_head h, poison;
		enum proxy_head_progress before = PROXY_HEAD_MORE;

		test_row(bad[i].name);
		memset(&h, 0x5a, sizeof(h));
		poison = h;
		for (size_t len = 0; len <= bad[i].len; len++) {
			enum proxy_head_progress now = proxy_head_parse(bad[i].bytes, len, &h);

			CHECK(now != PROXY_HEAD_WHOLE);
			CHECK(before == PROXY_HEAD_MORE || now == before);
			before = now;
		}
		CHECK_INT(before, PROXY_HEAD_MALFORMED);
		CHECK_BYTES(&h, sizeof(h), &poison, sizeof(poison));
	}
}

static const struct endpoint a4 = { .is4 = true, .a4 = { 0xc0000201 }, .port = 12345 };
static const struct endpoint b4 = { .is4 = true, .a4 = { 0xc6336402 }, .port = 443 };
static const struct endpoint a6 = { .a6 = { 0x20010db800000000, 1 }, .port = 12345 };
static const struct endpoint b6 = { .a6 = { 0x20010db800000000, 2 }, .port = 443 };

static const struct {
	const char *name;
	enum relay_proxy_head version;
	const struct endpoint *client, *local;
	const char *bytes;
	size_t len;
} written[] = {
	{ "off", RELAY_PROXY_HEAD_OFF, &a4, &b4, "", 0 },
	{ "v1 TCP4", RELAY_PROXY_HEAD_V1, &a4, &b4,
		BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n") },
	{ "v1 TCP6", RELAY_PROXY_HEAD_V1, &a6, &b6,
		BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 12345 443\r\n") },
	{ "v1 of two families", RELAY_PROXY_HEAD_V1, &a4, &b6, BYTES("PROXY UNKNOWN\r\n") },
	{ "v2 TCP4", RELAY_PROXY_HEAD_V2, &a4, &b4, BYTES(SIGNATURE "\x21\x11\0\x0c" A4 B4 PORTS) },
	{ "v2 TCP6", RELAY_PROXY_HEAD_V2, &a6, &b6, BYTES(SIGNATURE "\x21\x21\0\x24" A6 B6 PORTS) },
	{ "v2 of two families", RELAY_PROXY_HEAD_V2, &a4, &b6,
		BYTES(SIGNATURE "\x21\x21\0\x24" MAPPED B6 PORTS) },
};

TEST(headers_are_written_as_they_are_read)
{
	for (size_t i = 0; i < ARRAY_LEN(written); i++) {
		unsigned char to[PROXY_HEAD_WRITE_MAX];
		size_t len = proxy_head_write(written[i].version, written[i].client, written[i].local, to);
		struct proxy_head h;

		test_row(written[i].name);
		CHECK_BYTES(to, len, written[i].bytes, written[i].len);
		if (len == 0)
			continue;
		REQUIRE(proxy_head_parse(to, len, &h) == PROXY_HEAD_WHOLE);
		CHECK_INT(h.len, len);
		if (h.is_local)
			continue;
		CHECK(endpoint_equal(&h.client, written[i].client));
		CHECK(endpoint_equal(&h.local, written[i].local));
	}
}

TEST(the_longest_header_of_version_1_fits)
{
	const struct endpoint e = { .a6 = { UINT64_MAX, UINT64_MAX }, .port = 65535 };
	unsigned char to[PROXY_HEAD_WRITE_MAX];

	CHECK_INT(proxy_head_write(RELAY_PROXY_HEAD_V1, &e, &e, to), 104); /* s2.1, of TCP6 */
}
