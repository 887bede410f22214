/* test_advert.c - PREF64 options of router advertisements: right, wrong, cut, and from whom */
#include "harness.h"

#include "pref64/advert.h"

#include <stdio.h>
#include <string.h>

static const struct advert_origin router = { { 0xfe80000000000000, 1 }, 255 };

#define HEADER 134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0 /* lifetime of the router: 1800 s */
#define MTU_OPTION 5, 1, 0, 0, 0, 0, 0x05, 0xdc
#define NSP 0x20, 0x01, 0x0d, 0xb8, 0, 0x64, 0, 0, 0, 0, 0, 0 /* 2001:db8:64:: */
#define WKP 0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0
#define PREF64(scaled_and_code, ...) 38, 2, (scaled_and_code) >> 8, (scaled_and_code)&0xff, __VA_ARGS__
#define SCALED(seconds, code) (((seconds) / 8) << 3 | (code))

struct bytes {
	uint8_t b[160];
	size_t len;
};
#define BYTES(...)                                                                                           \
	{                                                                                                    \
		{ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ })                                          \
	}

static const struct {
	const char *name;
	struct bytes bytes;
	const char *offers; /* "PREFIX SECONDS, ..."; NULL: malformed */
} cases[] = {
	{ "no option at all", BYTES(HEADER), "" },
	{ "another option alone", BYTES(HEADER, MTU_OPTION), "" },
	{ "RFC 8781 s4: length code 0 is /96", BYTES(HEADER, PREF64(SCALED(600, 0), WKP)),
		"64:ff9b::/96 600" },
	{ "RFC 8781 s4: 1 is /64", BYTES(HEADER, PREF64(SCALED(8, 1), NSP)), "2001:db8:64::/64 8" },
	{ "RFC 8781 s4: 2 is /56", BYTES(HEADER, PREF64(SCALED(8, 2), NSP)), "2001:db8:64::/56 8" },
	{ "RFC 8781 s4: 3 is /48", BYTES(HEADER, PREF64(SCALED(8, 3), NSP)), "2001:db8:64::/48 8" },
	{ "RFC 8781 s4: 4 is /40", BYTES(HEADER, PREF64(SCALED(8, 4), NSP)), "2001:db8::/40 8" },
	{ "RFC 8781 s4: 5 is /32", BYTES(HEADER, PREF64(SCALED(8, 5), NSP)), "2001:db8::/32 8" },
	{ "RFC 8781 s4: 6 is ignored", BYTES(HEADER, PREF64(SCALED(8, 6), NSP)), "" },
	{ "RFC 8781 s4: 7 is ignored", BYTES(HEADER, PREF64(SCALED(8, 7), NSP)), "" },
	{ "RFC 8781 s4.1: the longest lifetime", BYTES(HEADER, PREF64(0xfff8, WKP)), "64:ff9b::/96 65528" },
	{ "RFC 8781 s4.1: lifetime 0", BYTES(HEADER, PREF64(0, WKP)), "64:ff9b::/96 0" },
	{ "RFC 8781 s4: a length of 1 is ignored, and the next option is read",
		BYTES(HEADER, 38, 1, 0, 8, 0, 0, 0, 0, PREF64(8, WKP)), "64:ff9b::/96 8" },
	{ "RFC 8781 s4: a length of 3 is ignored",
		BYTES(HEADER, 38, 3, 0, 8, WKP, 0, 0, 0, 0, 0, 0, 0, 0, MTU_OPTION), "" },
	{ "RFC 8781 s5: several, in their order",
		BYTES(HEADER, PREF64(SCALED(16, 1), NSP), MTU_OPTION, PREF64(SCALED(24, 0), WKP)),
		"2001:db8:64::/64 16, 64:ff9b::/96 24" },
	{ "RFC 6052 s2.2: bits 64 to 71 of a /96 are not zero",
		BYTES(HEADER, PREF64(8, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 1, 0, 0, 0)), "" },
	{ "bits behind a /64 are cut off",
		BYTES(HEADER, PREF64(SCALED(8, 1), 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 9, 9, 9, 9)),
		"2001:db8::/64 8" },
	{ "multicast is no prefix", BYTES(HEADER, PREF64(8, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)), "" },
	{ "link-local is no prefix", BYTES(HEADER, PREF64(8, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)), "" },
	{ "IPv4-mapped is no prefix", BYTES(HEADER, PREF64(8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff)),
		"" },
	{ "RFC 4861 s6.1.2: code 1", BYTES(134, 1, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), NULL },
	{ "RFC 4861 s6.1.2: an option of length 0", BYTES(HEADER, PREF64(8, WKP), 5, 0, 0, 0, 0, 0, 0, 0),
		NULL },
	{ "RFC 4861 s4.6: an option longer than the message", BYTES(HEADER, 5, 2, 0, 0, 0, 0, 0, 0), NULL },
	{ "RFC 4861 s4.6: the largest length", BYTES(HEADER, PREF64(8, WKP), 5, 255, 0, 0, 0, 0, 0, 0),
		NULL },
	{ "one byte of an option", BYTES(HEADER, 38), NULL },
};

static const struct advert poison = { .len = 77 };

static const char *offers_text(const struct advert *a, char *buf, size_t size)
{
	char prefix[PREFIX6_TEXT];
	size_t at = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < a->len; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s %u", i > 0 ? ", " : "",
			prefix6_text(a->offers[i].prefix, prefix), a->offers[i].lifetime_s);
	return buf;
}

TEST(the_options_of_an_advertisement_are_read_as_rfc_8781_says)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct advert a = poison;
		char text[512];

		test_row(cases[i].name);
		enum advert_result r = advert_parse(cases[i].bytes.b, cases[i].bytes.len, &router, &a);

		CHECK_INT(r, cases[i].offers ? ADVERT_TAKEN : ADVERT_MALFORMED);
		if (cases[i].offers)
			CHECK_TEXT(offers_text(&a, text, sizeof(text)), cases[i].offers);
		else
			CHECK_INT(a.len, poison.len);
	}
	test_row(NULL);
}

TEST(an_advertisement_that_is_cut_anywhere_between_two_options_is_malformed)
{
	static const struct bytes whole = BYTES(HEADER, MTU_OPTION, PREF64(8, WKP), MTU_OPTION);

	for (size_t len = 0; len <= whole.len; len++) {
		bool is_whole = len >= 16 && (len == 16 || len == 24 || len == 40 || len == 48);
		struct advert a = poison;
		char row[32];

		snprintf(row, sizeof(row), "%zu bytes", len);
		test_row(row);
		CHECK_INT(
			advert_parse(whole.b, len, &router, &a), is_whole ? ADVERT_TAKEN : ADVERT_MALFORMED);
		CHECK_INT(a.len, is_whole ? len >= 40 : poison.len);
	}
	test_row(NULL);
}

TEST(only_a_router_on_the_link_is_believed)
{
	static const struct bytes good = BYTES(HEADER, PREF64(8, WKP));
	static const struct {
		const char *name;
		struct advert_origin origin;
		enum advert_result want;
	} origins[] = {
		{ "link-local, hop limit 255", { { 0xfe80000000000000, 1 }, 255 }, ADVERT_TAKEN },
		{ "the end of fe80::/10", { { 0xfebfffffffffffff, UINT64_MAX }, 255 }, ADVERT_TAKEN },
		{ "RFC 4861 s6.1.2: hop limit 254", { { 0xfe80000000000000, 1 }, 254 }, ADVERT_MALFORMED },
		{ "hop limit not told", { { 0xfe80000000000000, 1 }, -1 }, ADVERT_MALFORMED },
		{ "RFC 4861 s6.1.2: a global source", { { 0x20010db800000000, 1 }, 255 }, ADVERT_MALFORMED },
		{ "just above fe80::/10", { { 0xfec0000000000000, 1 }, 255 }, ADVERT_MALFORMED },
		{ "unspecified", { { 0, 0 }, 255 }, ADVERT_MALFORMED },
	};

	for (size_t i = 0; i < ARRAY_LEN(origins); i++) {
		struct advert a = poison;

		test_row(origins[i].name);
		CHECK_INT(advert_parse(good.b, good.len, &origins[i].origin, &a), origins[i].want);
	}
	test_row(NULL);
}

TEST(other_messages_are_not_ours)
{
	struct advert a = poison;
	uint8_t solicitation[] = { 133, 0, 0, 0, 0, 0, 0, 0 };

	CHECK_INT(advert_parse(solicitation, sizeof(solicitation), &router, &a), ADVERT_NOT_MINE);
	CHECK_INT(a.len, poison.len);
}

TEST(more_options_than_are_taken_are_left_alone)
{
	uint8_t b[16 + 16 * (ADVERT_OFFERS_MAX + 2)] = { HEADER };
	static const uint8_t option[] = { PREF64(8, NSP) };
	struct advert a = poison;

	for (unsigned i = 0; i < ADVERT_OFFERS_MAX + 2; i++) {
		memcpy(b + 16 + 16 * i, option, sizeof(option));
		b[16 + 16 * i + 4 + 7] = (uint8_t)i;
	}
	CHECK_INT(advert_parse(b, sizeof(b), &router, &a), ADVERT_TAKEN);
	CHECK_INT(a.len, ADVERT_OFFERS_MAX);
	CHECK_INT(a.offers[ADVERT_OFFERS_MAX - 1].prefix.addr.hi & 0xff, ADVERT_OFFERS_MAX - 1);
}
