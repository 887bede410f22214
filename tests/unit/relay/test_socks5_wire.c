/* test_socks5_wire.c - RFC 1928 and RFC 1929, byte by byte */
#include "relay/socks5_wire.h"

#include "base/bytes.h"
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#define POISON 0xa5

/* Every beginning of a message asks for more, the whole one says how long it is, and what is behind does not matter. */
#define CHECK_PREFIXES(parse, type, message)                                                                 \
	do {                                                                                                 \
		uint8_t bytes_[600];                                                                         \
		size_t len_ = sizeof(message) - 1;                                                           \
		type got_, untouched_;                                                                       \
		memset(&untouched_, POISON, sizeof(untouched_));                                             \
		memset(&got_, POISON, sizeof(got_));                                                         \
		memcpy(bytes_, message, len_);                                                               \
		for (size_t n_ = 0; n_ < len_; n_++) {                                                       \
			uint8_t *cut_ = malloc(n_ + (n_ == 0));                                              \
			memcpy(cut_, bytes_, n_);                                                            \
			CHECK_INT(parse(cut_, n_, &got_), SOCKS5_MORE);                                      \
			free(cut_);                                                                          \
			CHECK(memcmp(&got_, &untouched_, sizeof(got_)) == 0);                                \
		}                                                                                            \
		memset(bytes_ + len_, 0xff, 20);                                                             \
		CHECK_INT(parse(bytes_, len_, &got_), SOCKS5_WHOLE);                                         \
		CHECK_INT(got_.len, len_);                                                                   \
		CHECK_INT(parse(bytes_, len_ + 20, &got_), SOCKS5_WHOLE);                                    \
		CHECK_INT(got_.len, len_);                                                                   \
	} while (0)

TEST(a_greeting_says_what_the_client_can)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool no_password, password;
	} rows[] = {
		{ "\x05\x01\x00", 3, true, false },
		{ "\x05\x01\x02", 3, false, true },
		{ "\x05\x02\x02\x00", 4, true, true },
		{ "\x05\x03\x01\x03\x80", 5, false, false },
		{ "\x05\x00", 2, false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct socks5_greeting g = { .len = 0 };

		CHECK_INT(socks5_greeting_parse(rows[i].bytes, rows[i].len, &g), SOCKS5_WHOLE);
		CHECK_INT(g.offers_no_password, rows[i].no_password);
		CHECK_INT(g.offers_password, rows[i].password);
		CHECK_INT(g.len, rows[i].len);
	}
	CHECK_PREFIXES(socks5_greeting_parse, struct socks5_greeting, "\x05\x04\x00\x01\x02\x03");
}

TEST(another_version_is_known_by_its_first_byte)
{
	struct socks5_greeting g;
	struct socks5_login l;
	struct socks5_request q;

	CHECK_INT(socks5_greeting_parse("\x04", 1, &g), SOCKS5_MALFORMED); /* SOCKS 4 */
	CHECK_INT(socks5_greeting_parse("GET / HTTP/1.1", 14, &g), SOCKS5_MALFORMED);
	CHECK_INT(socks5_login_parse("\x05", 1, &l), SOCKS5_MALFORMED);
	CHECK_INT(socks5_request_parse("\x04", 1, &q), SOCKS5_MALFORMED);
}

TEST(a_login_has_a_user_and_a_password)
{
	struct socks5_login l;
	char longest[SOCKS5_MESSAGE_MAX];

	CHECK_INT(socks5_login_parse("\x01\x05"
				     "alice"
				     "\x06"
				     "secret",
			  14, &l),
		SOCKS5_WHOLE);
	CHECK_TEXT(l.user, "alice");
	CHECK_TEXT(l.password, "secret");
	CHECK_INT(socks5_login_parse("\x01\x00\x00", 3, &l), SOCKS5_WHOLE);
	CHECK_TEXT(l.user, "");
	CHECK_TEXT(l.password, "");
	CHECK_INT(socks5_login_parse("\x01\x02"
				     "a\0"
				     "\x01"
				     "b",
			  6, &l),
		SOCKS5_MALFORMED);
	CHECK_INT(socks5_login_parse("\x01\x01"
				     "a"
				     "\x02"
				     "\0b",
			  6, &l),
		SOCKS5_MALFORMED);
	CHECK_PREFIXES(socks5_login_parse, struct socks5_login,
		"\x01\x05"
		"alice"
		"\x06"
		"secret");
	memset(longest, 'x', sizeof(longest));
	longest[0] = 1;
	longest[1] = longest[257] = (char)255;
	CHECK_INT(socks5_login_parse(longest, sizeof(longest), &l), SOCKS5_WHOLE);
	CHECK_INT(strlen(l.user), 255);
	CHECK_INT(strlen(l.password), 255);
	CHECK_INT(l.len, SOCKS5_MESSAGE_MAX);
}

TEST(a_request_has_an_address_of_three_kinds)
{
	struct socks5_request q;
	char text[ENDPOINT6_TEXT];

	CHECK_INT(socks5_request_parse("\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb", 10, &q), SOCKS5_WHOLE);
	CHECK_INT(q.command, SOCKS5_CONNECT);
	CHECK_TEXT(q.to.host, "");
	CHECK_TEXT(endpoint_text(&q.to.at, text), "192.0.2.1:443");
	CHECK_INT(socks5_request_parse(
			  "\x05\x03\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x35", 22, &q),
		SOCKS5_WHOLE);
	CHECK_INT(q.command, SOCKS5_UDP_ASSOCIATE);
	CHECK_TEXT(q.to.host, "");
	CHECK_TEXT(endpoint_text(&q.to.at, text), "[2001:db8::1]:53");
	CHECK_INT(socks5_request_parse("\x05\x01\x00\x03\x0bwww.example\x00\x50", 18, &q), SOCKS5_WHOLE);
	CHECK_TEXT(q.to.host, "www.example");
	CHECK_INT(q.to.at.port, 80);
	CHECK_PREFIXES(
		socks5_request_parse, struct socks5_request, "\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb");
	CHECK_PREFIXES(socks5_request_parse, struct socks5_request,
		"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x35");
	CHECK_PREFIXES(
		socks5_request_parse, struct socks5_request, "\x05\x01\x00\x03\x0bwww.example\x00\x50");
}

TEST(a_name_that_is_an_address_is_one)
{
	static const struct {
		const char *name, *host, *at;
	} rows[] = {
		{ "192.0.2.1", "", "192.0.2.1:80" },
		{ "2001:db8::1", "", "[2001:db8::1]:80" },
		{ "::ffff:192.0.2.1", "", "[::ffff:192.0.2.1]:80" },
		{ "www.example.", "www.example", "[::]:80" },
		{ "192.0.2.1.", "", "192.0.2.1:80" },
		/* Forms that only some libraries take for addresses stay names, which do not exist. */
		{ "127.1", "127.1", "[::]:80" },
		{ "0x7f.0.0.1", "0x7f.0.0.1", "[::]:80" },
		{ "2130706433", "2130706433", "[::]:80" },
		{ "[::1]", "[::1]", "[::]:80" },
		{ "fe80::1%lo", "fe80::1%lo", "[::]:80" },
		{ ".", ".", "[::]:80" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t bytes[64] = { 5, 1, 0, 3, (uint8_t)strlen(rows[i].name) };
		size_t len = 5 + strlen(rows[i].name);
		char text[ENDPOINT6_TEXT];
		struct socks5_request q;

		test_row(rows[i].name);
		memcpy(bytes + 5, rows[i].name, strlen(rows[i].name));
		be16_put(bytes + len, 80);
		CHECK_INT(socks5_request_parse(bytes, len + 2, &q), SOCKS5_WHOLE);
		CHECK_TEXT(q.to.host, rows[i].host);
		CHECK_TEXT(endpoint_text(&q.to.at, text), rows[i].at);
	}
	test_row(NULL);
}

TEST(bad_addresses_are_refused)
{
	struct socks5_request q;

	CHECK_INT(socks5_request_parse("\x05\x01\x00\x02", 4, &q), SOCKS5_WHOLE); /* no such type */
	CHECK_INT(q.fault, SOCKS5_NO_ADDRESS_TYPE);
	CHECK_INT(
		socks5_request_parse("\x05\x01\x00\x03\x00\x00\x50", 7, &q), SOCKS5_MALFORMED); /* no name */
	CHECK_INT(socks5_request_parse("\x05\x01\x00\x03\x03"
				       "a\0b"
				       "\x00\x50",
			  10, &q),
		SOCKS5_MALFORMED);
	CHECK_INT(socks5_request_parse("\x05\x09\x00\x01\xc0\x00\x02\x01\x01\xbb", 10, &q), SOCKS5_WHOLE);
	CHECK_INT(q.command, 9); /* whoever serves says what it is worth */
}

TEST(the_longest_name_fits)
{
	uint8_t bytes[5 + 255 + 2] = { 5, 1, 0, 3, 255 };
	struct socks5_request q;

	memset(bytes + 5, 'a', 255);
	CHECK_INT(socks5_request_parse(bytes, sizeof(bytes), &q), SOCKS5_WHOLE);
	CHECK_INT(strlen(q.to.host), 255);
}

TEST(a_datagram_is_whole_or_malformed)
{
	static const char message[] = "\x00\x00\x00\x01\xc0\x00\x02\x01\x00\x35payload";
	struct socks5_datagram d;
	char text[ENDPOINT6_TEXT];

	CHECK_INT(socks5_datagram_parse(message, sizeof(message) - 1, &d), SOCKS5_WHOLE);
	CHECK_INT(d.len, 10);
	CHECK_INT(d.fragment, 0);
	CHECK_TEXT(endpoint_text(&d.to.at, text), "192.0.2.1:53");
	for (size_t n = 0; n < 10; n++)
		CHECK_INT(socks5_datagram_parse(message, n, &d), SOCKS5_MALFORMED);
	CHECK_INT(socks5_datagram_parse(message, 10, &d), SOCKS5_WHOLE); /* without data */
	CHECK_INT(socks5_datagram_parse("\x00\x00\x81\x01\xc0\x00\x02\x01\x00\x35", 10, &d), SOCKS5_WHOLE);
	CHECK_INT(d.fragment, 0x81);
	CHECK_INT(
		socks5_datagram_parse("\x00\x00\x00\x02\xc0\x00\x02\x01\x00\x35", 10, &d), SOCKS5_MALFORMED);
}

TEST(what_is_written_is_what_the_rfc_says)
{
	struct endpoint at4 = { .is4 = true, .a4 = { 0xc0000201 }, .port = 1080 };
	struct endpoint at6 = { .a6 = { UINT64_C(0x20010db800000000), 1 }, .port = 53 };
	uint8_t to[SOCKS5_HEAD_MAX];

	size_t len = socks5_reply_write(SOCKS5_SUCCEEDED, &at4, to);
	CHECK_BYTES(to, len, "\x05\x00\x00\x01\xc0\x00\x02\x01\x04\x38", 10);
	len = socks5_reply_write(SOCKS5_REFUSED, &at6, to);
	CHECK_BYTES(to, len, "\x05\x05\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x35", 22);
	len = socks5_datagram_write(&at6, to);
	CHECK_BYTES(to, len, "\x00\x00\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x35", 22);
	len = socks5_datagram_write(&at4, to);
	CHECK_BYTES(to, len, "\x00\x00\x00\x01\xc0\x00\x02\x01\x04\x38", 10);
}
