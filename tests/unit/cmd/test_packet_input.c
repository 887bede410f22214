/* test_packet_input.c - packets as people have them: digits, dumps, captures; and what is none of these */
#include "harness.h"

#include "base/bytes.h"
#include "cmd/packet_input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PACKETS_MAX 8

struct seen {
	unsigned len;
	char hex[PACKETS_MAX][64];
	nsec at[PACKETS_MAX];
};

static void keep(void *ctx, const uint8_t *bytes, size_t len, nsec at)
{
	struct seen *s = ctx;

	REQUIRE(s->len < PACKETS_MAX);
	for (size_t i = 0; i < len && i < 31; i++)
		snprintf(s->hex[s->len] + 2 * i, 3, "%02x", bytes[i]);
	s->at[s->len++] = at;
}

/* read_text() - what is found in a text: "4500 60" becomes "45|00" and so on, packets joined by blanks */
static int read_input(const void *data, size_t len, char found[static 512], char why[static INPUT_WHY])
{
	struct seen s = { .len = 0 };
	const struct input_sink sink = { keep, &s };
	int count = packet_input_read(data, len, &sink, why);
	size_t at = 0;

	found[0] = '\0';
	for (unsigned i = 0; i < s.len; i++)
		at += (size_t)snprintf(found + at, 512 - at, "%s%s", i > 0 ? " " : "", s.hex[i]);
	if (count >= 0)
		CHECK_INT(count, s.len);
	return count;
}

static const struct {
	const char *name, *text, *want;
} good[] = {
	{ "nothing", "", "" },
	{ "digits", "4500001c", "4500001c" },
	{ "groups of four with colons", "4500:001c", "4500001c" },
	{ "upper case, blanks, colons", "45 00:00 1C", "4500001c" },
	{ "lines of one packet", "4500\n001c\r\n", "4500001c" },
	{ "a blank line between packets", "4500\n\n60\n \t\n\n6f\n", "4500 60 6f" },
	{ "comments", "# a comment > with that\n4500 # and here\n# more\n001c", "4500001c" },
	{ "tcpdump -x",
		"12:00:00.000000 IP6 2001:db8::2.1 > 64:ff9b::1.2: UDP\n"
		"\t0x0000:  6000 0000\n\t0x0010:  abcd\n12:00:00.1 IP 192.0.2.1 > 192.0.2.2: x\n\t0x0000:  "
		"4500\n",
		"60000000abcd 4500" },
	{ "tcpdump -X has text beside the digits", "\t0x0000:  6000 0000  `...beef\n", "60000000" },
	{ "xxd", "00000000: 4500 001c 0001  E.....\n00000010: ff              .\n", "4500001c0001ff" },
	{ "Wireshark", "0000  45 00   E.\n0002  00 1c\n0000  60\n", "4500001c 60" },
	{ "a packet of one byte", "4f", "4f" },
};

TEST(text_is_read_in_the_forms_that_people_have)
{
	char found[512], why[INPUT_WHY];

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		test_row(good[i].name);
		CHECK(read_input(good[i].text, strlen(good[i].text), found, why) >= 0);
		CHECK_TEXT(found, good[i].want);
	}
	test_row(NULL);
}

static const struct {
	const char *name, *text, *why;
} bad[] = {
	{ "half a byte", "450", "line 1: these are no pairs of hexadecimal digits" },
	{ "a letter that is none", "45\n\n4x", "line 3: these are no pairs of hexadecimal digits" },
	{ "words", "hello world", "line 1: these are no pairs of hexadecimal digits" },
	{ "digits apart", "4 5", "line 1: these are no pairs of hexadecimal digits" },
	{ "bytes that are no text", "\xff\xfe", "line 1: these are no pairs of hexadecimal digits" },
	{ "pcapng", "\x0a\x0d\x0d\x0a....",
		"this is pcapng: make it pcap with `tcpdump -r FILE -w FILE.pcap`" },
};

TEST(what_is_no_packet_is_refused_with_its_line)
{
	char found[512], why[INPUT_WHY];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		test_row(bad[i].name);
		CHECK_INT(read_input(bad[i].text, strlen(bad[i].text), found, why), -EINVAL);
		CHECK_TEXT(why, bad[i].why);
	}
	test_row(NULL);
}

static void ignore(void *ctx, const uint8_t *bytes, size_t len, nsec at)
{
	*(size_t *)ctx = len;
}

TEST(a_packet_may_be_as_long_as_ip_allows_and_no_longer)
{
	static char text[2 * (INPUT_PACKET_MAX + 1)];
	size_t len = 0;
	const struct input_sink sink = { ignore, &len };
	char why[INPUT_WHY];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = '6';
	CHECK_INT(packet_input_read((const uint8_t *)text, 2 * INPUT_PACKET_MAX, &sink, why), 1);
	CHECK_INT(len, INPUT_PACKET_MAX);
	CHECK_INT(packet_input_read((const uint8_t *)text, sizeof(text), &sink, why), -EFBIG);
}

/* --- captures --- */

struct capture {
	uint8_t bytes[512];
	size_t len;
	bool is_little;
};

static void word(struct capture *c, uint32_t v)
{
	uint8_t *p = c->bytes + c->len;

	if (c->is_little)
		be32_put(p, __builtin_bswap32(v));
	else
		be32_put(p, v);
	c->len += 4;
}

static void file_header(struct capture *c, uint32_t magic, uint32_t link)
{
	word(c, magic);
	word(c, c->is_little ? 0x00040002 : 0x00020004);
	word(c, 0);
	word(c, 0);
	word(c, 65535);
	word(c, link);
}

static void record(struct capture *c, uint32_t seconds, uint32_t fraction, const char *frame, size_t len)
{
	word(c, seconds);
	word(c, fraction);
	word(c, (uint32_t)len);
	word(c, (uint32_t)len);
	bytes_copy(c->bytes + c->len, frame, len);
	c->len += len;
}

#define MACS "\1\2\3\4\5\6\7\10\11\12\13\14"

static const struct {
	const char *name;
	uint32_t link;
	const char *frame;
	size_t len;
	const char *want;
} frames[] = {
	{ "raw", 101, "\x45\x01", 2, "4501" },
	{ "raw IPv6", 229, "\x60\x01", 2, "6001" },
	{ "Ethernet, IPv4", 1, MACS "\x08\x00\x45\x02", 16, "4502" },
	{ "Ethernet, IPv6", 1, MACS "\x86\xdd\x60\x02", 16, "6002" },
	{ "Ethernet with a VLAN tag", 1, MACS "\x81\x00\x00\x05\x08\x00\x45\x03", 20, "4503" },
	{ "Ethernet with two", 1, MACS "\x88\xa8\x00\x05\x81\x00\x00\x06\x86\xdd\x60", 23, "60" },
	{ "Ethernet, ARP", 1, MACS "\x08\x06\x00\x01", 16, "" },
	{ "Ethernet, and nothing behind", 1, MACS "\x08\x00", 14, "" },
	{ "Ethernet, cut", 1, MACS, 12, "" },
	{ "Linux cooked", 113, "0123456789abcd\x08\x00\x45\x04", 18, "4504" },
	{ "Linux cooked, version 2", 276,
		"\x86\xdd"
		"0123456789abcdefgh"
		"\x60\x04",
		22, "6004" },
	{ "a frame check sequence is said in the upper bits", 0x10000001, MACS "\x08\x00\x45", 15, "45" },
};

TEST(captures_of_each_kind_of_link_and_either_byte_order_are_read)
{
	char found[512], why[INPUT_WHY];

	for (unsigned order = 0; order < 2; order++) {
		for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
			struct capture c = { .is_little = order == 1 };

			test_row(frames[i].name);
			file_header(&c, 0xa1b2c3d4, frames[i].link);
			record(&c, 5, 6, frames[i].frame, frames[i].len);
			CHECK(read_input(c.bytes, c.len, found, why) >= 0);
			CHECK_TEXT(found, frames[i].want);
		}
	}
	test_row(NULL);
}

TEST(times_count_from_the_first_packet_in_micro_or_nanoseconds)
{
	const uint32_t magics[] = { 0xa1b2c3d4, 0xa1b23c4d };
	char why[INPUT_WHY];

	for (unsigned i = 0; i < 2; i++) {
		struct capture c = { .is_little = false };
		struct seen s = { .len = 0 };
		const struct input_sink sink = { keep, &s };

		file_header(&c, magics[i], 101);
		record(&c, 1000, 500, "\x45", 1);
		record(&c, 1002, 700, "\x45", 1);
		record(&c, 999, 0, "\x45", 1); /* before the first one */
		CHECK_INT(packet_input_read(c.bytes, c.len, &sink, why), 3);
		CHECK_INT(s.at[0], 0);
		CHECK_INT(s.at[1], 2 * NSEC + (i == 0 ? 200000 : 200));
		CHECK_INT(s.at[2], 0);
	}
}

TEST(every_truncation_of_a_capture_is_refused_or_ends_between_packets)
{
	struct capture c = { .is_little = true };
	char found[512], why[INPUT_WHY];

	file_header(&c, 0xa1b2c3d4, 101);
	record(&c, 1, 1, "\x45\x00", 2);
	record(&c, 1, 1, "\x60\x00", 2);
	for (size_t len = 4; len <= c.len; len++) {
		bool is_whole = len == 24 || len == 24 + 18 || len == c.len;
		int count = read_input(c.bytes, len, found, why);

		CHECK((count >= 0) == is_whole);
		if (is_whole)
			CHECK_INT(count, (len - 24) / 18);
		else
			CHECK(strstr(why, "the capture file ends within") == why);
	}
}

TEST(lengths_and_links_that_lie_are_refused)
{
	char found[512], why[INPUT_WHY];
	const uint32_t lies[] = { 3, 100, 65536, UINT32_MAX };

	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		struct capture c = { .is_little = false };

		file_header(&c, 0xa1b2c3d4, 101);
		record(&c, 1, 1, "\x45\x00", 2);
		be32_put(c.bytes + 24 + 8, lies[i]);
		CHECK_INT(read_input(c.bytes, c.len, found, why), -EINVAL);
		CHECK_TEXT(why, "the capture file ends within packet 1");
	}
	struct capture c = { .is_little = false };

	file_header(&c, 0xa1b2c3d4, 147);
	CHECK_INT(read_input(c.bytes, c.len, found, why), -EINVAL);
	CHECK(strstr(why, "link type 147") != NULL);
}
