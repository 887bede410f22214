/*
 * packet_input.c - packets that somebody typed, pasted or captured
 *
 * Both readers take bytes that may be anything: lengths are compared with what is there before anything is read, and a
 * fault is a sentence with a line or packet number. Nothing is allocated but the bytes of the packet at hand.
 */
#include "cmd/packet_input.h"

#include "base/bytes.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* --- text --- */

#define XXD_DIGITS 8

struct text {
	const struct input_sink *sink;
	uint8_t *packet; /* INPUT_PACKET_MAX bytes; owned */
	size_t len;
	unsigned line;
	int count;
	char *why;
};

static void packet_end(struct text *t)
{
	if (t->len == 0)
		return;
	t->sink->packet(t->sink->ctx, t->packet, t->len, 0);
	t->len = 0;
	t->count++;
}

static int nibble(uint8_t c)
{
	if (isdigit(c))
		return c - '0';
	return isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static size_t blanks(const uint8_t *at, size_t len)
{
	size_t n = 0;

	while (n < len && is_blank(at[n]))
		n++;
	return n;
}

/*
 * offset_len() - the characters of an offset at the beginning of a line, 0 if there is none: "0x0010:", "00000010:" as xxd
 * has it, or four or more digits and two blanks as Wireshark does
 */
static size_t offset_len(const uint8_t *at, size_t len, bool *ret_is_zero)
{
	size_t start = len >= 2 && at[0] == '0' && at[1] == 'x' ? 2 : 0, n = start;
	bool is_zero = true;

	for (; n < len && nibble(at[n]) >= 0; n++)
		is_zero = is_zero && at[n] == '0';
	/* Fewer digits and a colon are the time in a caption, or bytes with colons between. */
	bool has_colon = n < len && at[n] == ':' && (start > 0 || n >= XXD_DIGITS);
	bool is_wireshark = n >= 4 && n + 1 < len && at[n] == ' ' && at[n + 1] == ' ';

	if (n == start || (!has_colon && (start > 0 || !is_wireshark)))
		return 0;
	*ret_is_zero = is_zero;
	return n + has_colon;
}

/* is_caption() - whether tcpdump's line about a packet: it has a " > " */
static bool is_caption(const uint8_t *at, size_t len)
{
	for (size_t i = 0; i + 3 <= len; i++) {
		if (bytes_equal(at + i, " > ", 3))
			return true;
	}
	return false;
}

static int fault(struct text *t, const char *what)
{
	snprintf(t->why, INPUT_WHY, "line %u: %s", t->line, what);
	return -EINVAL;
}

/* take_digits() - the bytes of a line; with @has_column what stands behind two blanks is text beside them */
static int take_digits(struct text *t, const uint8_t *at, size_t len, bool has_column)
{
	size_t i = blanks(at, len);

	while (i < len && at[i] != '#') {
		if (is_blank(at[i]) || at[i] == ':') {
			if (has_column && i + 1 < len && is_blank(at[i]) && is_blank(at[i + 1]))
				return 0;
			i++;
			continue;
		}
		if (i + 1 >= len || nibble(at[i]) < 0 || nibble(at[i + 1]) < 0)
			return fault(t, "these are no pairs of hexadecimal digits");
		if (t->len == INPUT_PACKET_MAX) {
			(void)fault(t, "the packet is longer than any IP packet");
			return -EFBIG;
		}
		t->packet[t->len++] = (uint8_t)(nibble(at[i]) << 4 | nibble(at[i + 1]));
		i += 2;
	}
	return 0;
}

static int take_line(struct text *t, const uint8_t *at, size_t len)
{
	size_t skip = blanks(at, len);
	bool is_zero = false;

	at += skip;
	len -= skip;
	if (len == 0)
		packet_end(t);
	if (len == 0 || at[0] == '#')
		return 0;
	size_t offset = offset_len(at, len, &is_zero);

	if (offset > 0 && is_zero)
		packet_end(t);
	if (offset > 0)
		return take_digits(t, at + offset, len - offset, true);
	if (is_caption(at, len)) {
		packet_end(t);
		return 0;
	}
	return take_digits(t, at, len, false);
}

static int read_text(const uint8_t *data, size_t len, const struct input_sink *sink, char *why)
{
	struct text t = { .sink = sink, .packet = malloc(INPUT_PACKET_MAX), .why = why };
	int err = t.packet ? 0 : -ENOMEM;

	for (size_t at = 0; at < len && err == 0;) {
		size_t end = at;

		while (end < len && data[end] != '\n')
			end++;
		t.line++;
		err = take_line(&t, data + at, end - at);
		at = end + 1;
	}
	if (err == 0)
		packet_end(&t);
	free(t.packet);
	return err < 0 ? err : t.count;
}

/* --- pcap: https://www.tcpdump.org/manpages/pcap-savefile.5.html --- */

#define PCAP_US 0xa1b2c3d4 /* magic numbers */
#define PCAP_NS 0xa1b23c4d
#define PCAPNG 0x0a0d0d0a
#define LINK_MASK 0xffff /* the upper bits of the link type's word are about checksums */
#define ETHERTYPE_IP4 0x0800
#define ETHERTYPE_IP6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88a8
#define VLANS_MAX 2

/* Where the IP packet is in a frame: after @header bytes; its type @type_at bytes from the start, or unknown. */
static const struct link {
	uint32_t number;
	unsigned header;
	int type_at; /* of an EtherType; negative: there is none */
} links[] = {
	{ 1, 14, 12 },	 /* Ethernet */
	{ 101, 0, -1 },	 /* raw IP */
	{ 12, 0, -1 },	 /* raw IP, as some systems have it */
	{ 113, 16, 14 }, /* Linux cooked */
	{ 276, 20, 0 },	 /* Linux cooked, version 2 */
	{ 228, 0, -1 },	 /* raw IPv4 */
	{ 229, 0, -1 },	 /* raw IPv6 */
};

struct capture {
	struct rd r;
	bool is_little; /* numbers in the file's headers */
	uint64_t unit_ns;
	const struct link *link;
	nsec first;
	int count;
};

static uint32_t number(const struct capture *c, const uint8_t *p)
{
	return c->is_little ? (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0]
			    : be32_at(p);
}

static bool is_pcap(const uint8_t *data, size_t len, struct capture *ret)
{
	const struct capture orders[] = { { .is_little = false }, { .is_little = true } };

	for (size_t i = 0; i < ARRAY_LEN(orders) && len >= 4; i++) {
		uint32_t magic = number(&orders[i], data);

		if (magic != PCAP_US && magic != PCAP_NS)
			continue;
		*ret = (struct capture){ .r = rd_of(data, len), .is_little = orders[i].is_little };
		ret->unit_ns = magic == PCAP_US ? 1000 : 1;
		return true;
	}
	return false;
}

/* strip() - the IP packet in a frame; false if there is none */
static bool strip(const struct link *l, struct rd *frame)
{
	const uint8_t *h = rd_take(frame, l->header);

	if (!h || l->type_at < 0)
		return h;
	uint16_t type = be16_at(h + l->type_at);

	for (unsigned i = 0; i < VLANS_MAX && (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ); i++) {
		const uint8_t *tag = rd_take(frame, 4);

		if (!tag)
			return false;
		type = be16_at(tag + 2);
	}
	return type == ETHERTYPE_IP4 || type == ETHERTYPE_IP6;
}

static const struct link *link_find(uint32_t word)
{
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		if (links[i].number == (word & LINK_MASK))
			return &links[i];
	}
	return NULL;
}

static int take_record(struct capture *c, const struct input_sink *sink, char *why)
{
	const uint8_t *h = rd_take(&c->r, 16);
	uint32_t len = h ? number(c, h + 8) : 0;
	const uint8_t *bytes = h ? rd_take(&c->r, len) : NULL;

	if (!bytes) {
		snprintf(why, INPUT_WHY, "the capture file ends within packet %d", c->count + 1);
		return -EINVAL;
	}
	nsec at = number(c, h) * NSEC + number(c, h + 4) * c->unit_ns;
	struct rd frame = rd_of(bytes, len);

	if (!strip(c->link, &frame) || rd_left(&frame) == 0)
		return 0;
	if (rd_left(&frame) > INPUT_PACKET_MAX) {
		snprintf(why, INPUT_WHY, "packet %d is longer than any IP packet", c->count + 1);
		return -EFBIG;
	}
	if (c->count++ == 0)
		c->first = at;
	sink->packet(sink->ctx, frame.at, rd_left(&frame), at > c->first ? at - c->first : 0);
	return 0;
}

static int read_pcap(struct capture *c, const struct input_sink *sink, char *why)
{
	const uint8_t *h = rd_take(&c->r, 24);
	int err = 0;

	if (!h) {
		snprintf(why, INPUT_WHY, "the capture file ends within its header");
		return -EINVAL;
	}
	c->link = link_find(number(c, h + 20));
	if (!c->link) {
		snprintf(why, INPUT_WHY,
			"the capture file has link type %u: Ethernet, raw IP and Linux cooked are known",
			number(c, h + 20) & LINK_MASK);
		return -EINVAL;
	}
	while (err == 0 && rd_left(&c->r) > 0)
		err = take_record(c, sink, why);
	return err < 0 ? err : c->count;
}

int packet_input_read(
	const uint8_t *data, size_t len, const struct input_sink *sink, char ret_why[static INPUT_WHY])
{
	struct capture c;

	snprintf(ret_why, INPUT_WHY, "out of memory");
	if (is_pcap(data, len, &c))
		return read_pcap(&c, sink, ret_why);
	if (len >= 4 && be32_at(data) == PCAPNG) {
		snprintf(ret_why, INPUT_WHY,
			"this is pcapng: make it pcap with `tcpdump -r FILE -w FILE.pcap`");
		return -EINVAL;
	}
	return read_text(data, len, sink, ret_why);
}
