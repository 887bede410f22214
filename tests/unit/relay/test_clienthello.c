/* test_clienthello.c - the first message of TLS: whole, cut anywhere, in many records, and with lengths that lie */
#include "harness.h"

#include "base/bytes.h"
#include "relay/clienthello.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_A 0, 0, 0, 14, 0, 12, 0, 0, 9, 'E', 'x', 'a', 'm', 'p', 'l', 'e', '.', 'A'
#define ALPN_BOTH 0, 16, 0, 14, 0, 12, 2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'
#define ALPN_HTTP1 0, 16, 0, 11, 0, 9, 8, 'h', 't', 't', 'p', '/', '1', '.', '1'
#define ALPN_IMAP 0, 16, 0, 7, 0, 5, 4, 'i', 'm', 'a', 'p'
#define MALFORMED NULL, false, false, false
#define VERSIONS 0, 43, 0, 3, 2, 3, 4
#define SERVER_NAME(...) 0, 0, 0, (uint8_t)sizeof((uint8_t[]){ __VA_ARGS__ }), __VA_ARGS__

struct bytes {
	uint8_t b[200];
	size_t len;
};
#define BYTES(...)                                                                                           \
	{                                                                                                    \
		{ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ })                                          \
	}

/* A ClientHello with these extensions, without record headers. */
static size_t message_write(const struct bytes *extensions, uint8_t *to, size_t room)
{
	struct wr w = wr_of(to, room);

	wr_u8(&w, 1);
	wr_u8(&w, 0);
	wr_be16(&w, (uint16_t)(2 + 32 + 1 + 4 + 2 + 2 + 2 + 2 + 2 + extensions->len - 2));
	wr_be16(&w, 0x0303);
	for (unsigned i = 0; i < 32; i++)
		wr_u8(&w, (uint8_t)i);
	wr_u8(&w, 4);
	wr_be32(&w, 0xcafecafe);
	wr_be16(&w, 2);
	wr_be16(&w, 0x1301);
	wr_u8(&w, 1);
	wr_u8(&w, 0);
	wr_be16(&w, (uint16_t)extensions->len);
	wr_bytes(&w, extensions->b, extensions->len);
	REQUIRE(!w.full);
	return wr_len(&w);
}

/* In records of at most @part bytes. */
static size_t records_write(const uint8_t *message, size_t len, size_t part, uint8_t *to, size_t room)
{
	struct wr w = wr_of(to, room);

	for (size_t at = 0; at < len; at += part) {
		size_t n = len - at < part ? len - at : part;

		wr_u8(&w, 22);
		wr_be16(&w, 0x0301);
		wr_be16(&w, (uint16_t)n);
		wr_bytes(&w, message + at, n);
	}
	REQUIRE(!w.full);
	return wr_len(&w);
}

static size_t hello_write(const struct bytes *extensions, size_t part, uint8_t *to, size_t room)
{
	uint8_t message[512];

	return records_write(message, message_write(extensions, message, sizeof(message)), part, to, room);
}

static const struct clienthello poison = { .host = "poison", .offers_h2 = true };

static bool is_poison(const struct clienthello *h)
{
	return strcmp(h->host, "poison") == 0 && h->offers_h2 && !h->has_alpn;
}

static const struct {
	const char *name;
	struct bytes extensions;
	const char *host; /* NULL: malformed */
	bool has_alpn, h2, http1;
} cases[] = {
	{ "no extension", BYTES(VERSIONS), "", false, false, false },
	{ "a name, made small", BYTES(VERSIONS, HOST_A), "example.a", false, false, false },
	{ "a name and protocols", BYTES(HOST_A, ALPN_BOTH), "example.a", true, true, true },
	{ "protocols first", BYTES(ALPN_HTTP1, VERSIONS, HOST_A), "example.a", true, false, true },
	{ "another protocol", BYTES(ALPN_IMAP), "", true, false, false },
	{ "a final dot", BYTES(SERVER_NAME(0, 5, 0, 0, 2, 'a', '.')), "a", false, false, false },
	{ "an underscore, which hosts should not have and some do",
		BYTES(SERVER_NAME(0, 5, 0, 0, 2, 'a', '_')), "a_", false, false, false },
	{ "RFC 6066 s3: a type that is not known, before the name",
		BYTES(SERVER_NAME(0, 9, 7, 0, 2, 'x', 'y', 0, 0, 1, 'a')), "a", false, false, false },
	{ "RFC 6066 s3: two names of one type", BYTES(SERVER_NAME(0, 8, 0, 0, 1, 'b', 0, 0, 1, 'a')),
		MALFORMED },
	{ "RFC 8446 s4.2: an extension twice", BYTES(HOST_A, HOST_A), MALFORMED },
	{ "RFC 8446 s4.2: protocols twice", BYTES(ALPN_IMAP, HOST_A, ALPN_IMAP), MALFORMED },
	{ "an empty name", BYTES(SERVER_NAME(0, 3, 0, 0, 0)), MALFORMED },
	{ "a name of one dot is none", BYTES(SERVER_NAME(0, 4, 0, 0, 1, '.')), "", false, false, false },
	{ "one that begins with a dot", BYTES(SERVER_NAME(0, 5, 0, 0, 2, '.', 'a')), "", false, false,
		false },
	{ "an empty list of names", BYTES(SERVER_NAME(0, 0)), MALFORMED },
	{ "an empty extension of names", BYTES(0, 0, 0, 0), MALFORMED },
	{ "one with a zero inside", BYTES(SERVER_NAME(0, 6, 0, 0, 3, 'a', 0, 'b')), "", false, false, false },
	{ "one with a slash inside", BYTES(SERVER_NAME(0, 6, 0, 0, 3, 'a', '/', 'b')), "", false, false,
		false },
	{ "RFC 6066 s3: an IPv6 literal", BYTES(SERVER_NAME(0, 6, 0, 0, 3, ':', ':', '1')), "", false, false,
		false },
	{ "a list of names that is longer than its extension", BYTES(SERVER_NAME(0, 5, 0, 0, 1, 'a')),
		MALFORMED },
	{ "a list of names that is shorter than its extension", BYTES(SERVER_NAME(0, 3, 0, 0, 1, 'a')),
		MALFORMED },
	{ "a name that is longer than its list", BYTES(SERVER_NAME(0, 4, 0, 0, 2, 'a')), MALFORMED },
	{ "a name of the largest length", BYTES(SERVER_NAME(0, 4, 0, 255, 255, 'a')), MALFORMED },
	{ "bytes behind a name that are no other", BYTES(SERVER_NAME(0, 5, 0, 0, 1, 'a', 0)), MALFORMED },
	{ "RFC 7301 s3.1: an empty protocol", BYTES(0, 16, 0, 3, 0, 1, 0), MALFORMED },
	{ "RFC 7301 s3.1: no protocol", BYTES(0, 16, 0, 2, 0, 0), MALFORMED },
	{ "a protocol that is longer than the list", BYTES(0, 16, 0, 4, 0, 2, 2, 'h'), MALFORMED },
	{ "a list of protocols that is longer than its extension", BYTES(0, 16, 0, 4, 0, 3, 1, 'h'),
		MALFORMED },
	{ "an extension that is longer than the message", BYTES(0, 43, 0, 4, 2, 3, 4), MALFORMED },
	{ "half of an extension's header", BYTES(VERSIONS, 0, 43), MALFORMED },
};

TEST(names_and_protocols_are_read_as_rfc_8446_and_6066_say)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct clienthello h = poison;
		uint8_t wire[512];
		size_t len = hello_write(&cases[i].extensions, 16384, wire, sizeof(wire));

		test_row(cases[i].name);
		enum clienthello_progress r = clienthello_parse(wire, len, &h);

		if (!cases[i].host) {
			CHECK_INT(r, CLIENTHELLO_MALFORMED);
			CHECK(is_poison(&h));
			continue;
		}
		CHECK_INT(r, CLIENTHELLO_WHOLE);
		CHECK_TEXT(h.host, cases[i].host);
		CHECK_INT(h.has_alpn, cases[i].has_alpn);
		CHECK_INT(h.offers_h2, cases[i].h2);
		CHECK_INT(h.offers_http1, cases[i].http1);
	}
	test_row(NULL);
}

/* The address sanitizer sees a read past the end of a block of just this size. */
static enum clienthello_progress parse_prefix(const uint8_t *wire, size_t len, struct clienthello *ret)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	REQUIRE(copy);
	memcpy(copy, wire, len);
	enum clienthello_progress r = clienthello_parse(copy, len, ret);

	free(copy);
	return r;
}

TEST(a_hello_that_is_cut_anywhere_needs_more_in_records_of_any_size)
{
	static const struct bytes extensions = BYTES(ALPN_BOTH, HOST_A);
	static const size_t parts[] = { 1, 2, 3, 4, 5, 7, 50, 16384 };

	for (size_t p = 0; p < ARRAY_LEN(parts); p++) {
		uint8_t wire[1024];
		size_t whole = hello_write(&extensions, parts[p], wire, sizeof(wire));
		char row[32];

		for (size_t len = 0; len <= whole; len++) {
			struct clienthello h = poison;

			snprintf(row, sizeof(row), "%zu of records of %zu", len, parts[p]);
			test_row(row);
			CHECK_INT(parse_prefix(wire, len, &h),
				len < whole ? CLIENTHELLO_MORE : CLIENTHELLO_WHOLE);
			CHECK(len < whole ? is_poison(&h) : strcmp(h.host, "example.a") == 0);
		}
	}
	test_row(NULL);
}

TEST(what_follows_the_message_does_not_matter)
{
	static const struct bytes extensions = BYTES(HOST_A);
	struct clienthello h = poison;
	uint8_t wire[600];
	size_t len = hello_write(&extensions, 16384, wire, sizeof(wire) - 3);

	memcpy(wire + len, "xyz", 3);
	CHECK_INT(clienthello_parse(wire, len + 3, &h), CLIENTHELLO_WHOLE);
	CHECK_TEXT(h.host, "example.a");
}

TEST(a_hello_without_any_extensions_is_one)
{
	uint8_t wire[] = { 22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 47, 1, 0 };
	struct clienthello h = poison;

	CHECK_INT(clienthello_parse(wire, sizeof(wire), &h), CLIENTHELLO_WHOLE);
	CHECK_TEXT(h.host, "");
	CHECK(!h.has_alpn && !h.offers_h2);
}

static const struct {
	const char *name;
	struct bytes wire;
	enum clienthello_progress want;
} beginnings[] = {
	{ "nothing", { .len = 0 }, CLIENTHELLO_MORE },
	{ "an HTTP request", BYTES('G', 'E', 'T', ' ', '/'), CLIENTHELLO_NOT_TLS },
	{ "one byte of one", BYTES('G'), CLIENTHELLO_NOT_TLS },
	{ "SSH", BYTES('S', 'S', 'H', '-'), CLIENTHELLO_NOT_TLS },
	{ "a hello of SSL 2", BYTES(0x80, 0x2e, 1, 0, 2, 0, 0x15, 0), CLIENTHELLO_NOT_TLS },
	{ "major version 2", BYTES(22, 2), CLIENTHELLO_NOT_TLS },
	{ "RFC 8446 s5.1: the minor version is ignored", BYTES(22, 3, 9, 1, 0), CLIENTHELLO_MORE },
	{ "an alert", BYTES(21, 3, 1, 0, 2, 2, 40), CLIENTHELLO_NOT_TLS },
	{ "RFC 8446 s5.1: an empty record", BYTES(22, 3, 1, 0, 0), CLIENTHELLO_MALFORMED },
	{ "RFC 8446 s5.1: a record of 2^14 bytes", BYTES(22, 3, 1, 0x40, 0), CLIENTHELLO_MORE },
	{ "RFC 8446 s5.1: and one more", BYTES(22, 3, 1, 0x40, 1), CLIENTHELLO_MALFORMED },
	{ "another message", BYTES(22, 3, 1, 0, 5, 2), CLIENTHELLO_MALFORMED },
	{ "a message that is too long", BYTES(22, 3, 1, 0, 5, 1, 0, 0x40, 0), CLIENTHELLO_MALFORMED },
	{ "the longest that fits", BYTES(22, 3, 1, 0, 5, 1, 0, 0x3f, 0xfc), CLIENTHELLO_MORE },
	{ "the largest length", BYTES(22, 3, 1, 0, 5, 1, 0xff, 0xff, 0xff), CLIENTHELLO_MALFORMED },
	{ "a message without anything", BYTES(22, 3, 1, 0, 4, 1, 0, 0, 0), CLIENTHELLO_MALFORMED },
	{ "RFC 8446 s5.1: another record between two of a message",
		BYTES(22, 3, 1, 0, 1, 1, 23, 3, 3, 0, 1, 0), CLIENTHELLO_MALFORMED },
};

TEST(a_beginning_tells_what_it_is_as_soon_as_it_can)
{
	for (size_t i = 0; i < ARRAY_LEN(beginnings); i++) {
		struct clienthello h = poison;

		test_row(beginnings[i].name);
		CHECK_INT(parse_prefix(beginnings[i].wire.b, beginnings[i].wire.len, &h), beginnings[i].want);
		CHECK(is_poison(&h));
	}
	test_row(NULL);
}

/* Offsets of the fields of hello_write() with one extension: each is made as small and as large as it can be. */
TEST(a_length_that_lies_is_seen)
{
	static const struct bytes extensions = BYTES(HOST_A);
	static const struct {
		const char *name;
		size_t at;
	} lengths[] = {
		{ "session", 5 + 4 + 34 },
		{ "cipher suites, high byte", 5 + 4 + 34 + 5 },
		{ "cipher suites, low byte", 5 + 4 + 34 + 6 },
		{ "compression methods", 5 + 4 + 34 + 9 },
		{ "extensions, high byte", 5 + 4 + 34 + 11 },
		{ "extensions, low byte", 5 + 4 + 34 + 12 },
	};

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
		for (unsigned v = 0; v < 256; v++) {
			struct clienthello h = poison;
			uint8_t wire[512];
			size_t len = hello_write(&extensions, 16384, wire, sizeof(wire));

			if (wire[lengths[i].at] == v)
				continue;
			wire[lengths[i].at] = (uint8_t)v;
			test_row(lengths[i].name);
			/* What is left may be a hello again, in which the extensions are part of something else. */
			if (parse_prefix(wire, len, &h) == CLIENTHELLO_WHOLE)
				CHECK_TEXT(h.host, "");
			else
				CHECK(is_poison(&h));
		}
	test_row(NULL);
}

TEST(a_message_that_never_ends_is_given_up_at_the_limit)
{
	uint8_t wire[CLIENTHELLO_MAX + 100];
	struct clienthello h = poison;

	/* Records of one byte: the message is whole only after 6 times as much. */
	for (size_t at = 0; at + 6 <= sizeof(wire); at += 6)
		memcpy(wire + at, (uint8_t[]){ 22, 3, 1, 0, 1, 0 }, 6);
	wire[5] = 1;
	wire[5 + 2 * 6] = 0x30; /* 12288 bytes */
	CHECK_INT(clienthello_parse(wire, CLIENTHELLO_MAX - 1, &h), CLIENTHELLO_MORE);
	CHECK_INT(clienthello_parse(wire, CLIENTHELLO_MAX, &h), CLIENTHELLO_MALFORMED);
	CHECK_INT(clienthello_parse(wire, sizeof(wire), &h), CLIENTHELLO_MALFORMED);
	CHECK(is_poison(&h));
}
