/* icmp_map.c - the tables of RFC 7915 s4.2 and s5.2; see icmp_map.h */
#include "xlat/icmp_map.h"

/* Numbers that IANA gives to ICMP types; the codes stand in the tables below, where the RFC's sentences do.
 */
enum {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACHABLE = 3,
	ICMP4_ECHO_REQUEST = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAMETER = 12,
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAMETER = 4,
	ICMP6_ECHO_REQUEST = 128,
	ICMP6_ECHO_REPLY = 129,
};

/* Where bytes 4 to 7 of the translated message come from. */
enum word_rule {
	WORD_ZERO,	  /* unused */
	WORD_MTU,	  /* path MTU, adjusted by the difference of the headers */
	WORD_POINTER,	  /* pointer, by the table of pointers */
	WORD_NEXT_HEADER, /* pointer to the Next Header field of IPv6 */
};

#define CODE_ANY 0xff  /* as a code to match: all of them */
#define CODE_SAME 0xff /* as a code to write: the one that was there */
#define POINTER_NA 0xff
#define NEXT_HEADER_AT 6 /* RFC 8200 s3 */
#define IP4_MIN_MTU 68	 /* RFC 791 s3.2 */

struct map_row {
	uint8_t type, code;
	uint8_t to_type, to_code;
	enum word_rule word;
};

/* RFC 7915 s5.2. What is not here is dropped. */
static const struct map_row map_64[] = {
	{ ICMP6_UNREACHABLE, 0, ICMP4_UNREACHABLE, 1, WORD_ZERO },  /* no route: host unreachable */
	{ ICMP6_UNREACHABLE, 1, ICMP4_UNREACHABLE, 10, WORD_ZERO }, /* prohibited: host prohibited */
	{ ICMP6_UNREACHABLE, 2, ICMP4_UNREACHABLE, 1, WORD_ZERO },  /* beyond scope: host unreachable */
	{ ICMP6_UNREACHABLE, 3, ICMP4_UNREACHABLE, 1, WORD_ZERO }, /* address unreachable: host unreachable */
	{ ICMP6_UNREACHABLE, 4, ICMP4_UNREACHABLE, 3, WORD_ZERO }, /* port unreachable */
	{ ICMP6_TOO_BIG, CODE_ANY, ICMP4_UNREACHABLE, 4,
		WORD_MTU }, /* receivers ignore the code: RFC 4443 s3.2 */
	{ ICMP6_TIME_EXCEEDED, CODE_ANY, ICMP4_TIME_EXCEEDED, CODE_SAME, WORD_ZERO },
	{ ICMP6_PARAMETER, 0, ICMP4_PARAMETER, 0, WORD_POINTER },
	{ ICMP6_PARAMETER, 1, ICMP4_UNREACHABLE, 2,
		WORD_ZERO }, /* unknown next header: protocol unreachable */
};

/* RFC 7915 s4.2. What is not here is dropped. */
static const struct map_row map_46[] = {
	{ ICMP4_UNREACHABLE, 0, ICMP6_UNREACHABLE, 0, WORD_ZERO },	/* net unreachable: no route */
	{ ICMP4_UNREACHABLE, 1, ICMP6_UNREACHABLE, 0, WORD_ZERO },	/* host unreachable: no route */
	{ ICMP4_UNREACHABLE, 2, ICMP6_PARAMETER, 1, WORD_NEXT_HEADER }, /* protocol unreachable */
	{ ICMP4_UNREACHABLE, 3, ICMP6_UNREACHABLE, 4, WORD_ZERO },	/* port unreachable */
	{ ICMP4_UNREACHABLE, 4, ICMP6_TOO_BIG, 0, WORD_MTU },		/* fragmentation needed */
	{ ICMP4_UNREACHABLE, 5, ICMP6_UNREACHABLE, 0, WORD_ZERO },	/* source route failed */
	{ ICMP4_UNREACHABLE, 6, ICMP6_UNREACHABLE, 0, WORD_ZERO },	/* network unknown */
	{ ICMP4_UNREACHABLE, 7, ICMP6_UNREACHABLE, 0, WORD_ZERO },	/* host unknown */
	{ ICMP4_UNREACHABLE, 8, ICMP6_UNREACHABLE, 0, WORD_ZERO },	/* source host isolated */
	{ ICMP4_UNREACHABLE, 9, ICMP6_UNREACHABLE, 1, WORD_ZERO },	/* network prohibited */
	{ ICMP4_UNREACHABLE, 10, ICMP6_UNREACHABLE, 1, WORD_ZERO },	/* host prohibited */
	{ ICMP4_UNREACHABLE, 11, ICMP6_UNREACHABLE, 0, WORD_ZERO },	/* network unreachable for this TOS */
	{ ICMP4_UNREACHABLE, 12, ICMP6_UNREACHABLE, 0, WORD_ZERO },	/* host unreachable for this TOS */
	{ ICMP4_UNREACHABLE, 13, ICMP6_UNREACHABLE, 1, WORD_ZERO },	/* communication prohibited */
	{ ICMP4_UNREACHABLE, 15, ICMP6_UNREACHABLE, 1, WORD_ZERO },	/* precedence cutoff */
	{ ICMP4_TIME_EXCEEDED, CODE_ANY, ICMP6_TIME_EXCEEDED, CODE_SAME, WORD_ZERO },
	{ ICMP4_PARAMETER, 0, ICMP6_PARAMETER, 0, WORD_POINTER },
	{ ICMP4_PARAMETER, 2, ICMP6_PARAMETER, 0, WORD_POINTER }, /* bad length */
};

struct pointer_row {
	uint8_t first, last; /* offsets of the bytes of a field */
	uint8_t to;	     /* offset of the field in the other header, or POINTER_NA */
};

/* RFC 7915 figure 6 */
static const struct pointer_row pointer_64[] = {
	{ 0, 0, 0 },	      /* version and traffic class: version and header length */
	{ 1, 1, 1 },	      /* traffic class and flow label: type of service */
	{ 2, 3, POINTER_NA }, /* flow label */
	{ 4, 5, 2 },	      /* payload length: total length */
	{ 6, 6, 9 },	      /* next header: protocol */
	{ 7, 7, 8 },	      /* hop limit: time to live */
	{ 8, 23, 12 },	      /* source */
	{ 24, 39, 16 },	      /* destination */
};

/* RFC 7915 figure 3 */
static const struct pointer_row pointer_46[] = {
	{ 0, 0, 0 },		/* version and header length: version and traffic class */
	{ 1, 1, 1 },		/* type of service: traffic class and flow label */
	{ 2, 3, 4 },		/* total length: payload length */
	{ 4, 5, POINTER_NA },	/* identification */
	{ 6, 7, POINTER_NA },	/* flags and fragment offset */
	{ 8, 8, 7 },		/* time to live: hop limit */
	{ 9, 9, 6 },		/* protocol: next header */
	{ 10, 11, POINTER_NA }, /* header checksum */
	{ 12, 15, 8 },		/* source */
	{ 16, 19, 24 },		/* destination */
};

/* RFC 1191 table 7-1, from the top; the lower ones would give less than the 1280 that RFC 7915 s4.2 asks for.
 */
static const uint16_t plateaus[] = { 65535, 32000, 17914, 8166, 4352, 2002, 1492 };

uint8_t icmp_query_64(uint8_t type)
{
	return type == ICMP6_ECHO_REQUEST ? ICMP4_ECHO_REQUEST : ICMP4_ECHO_REPLY;
}

uint8_t icmp_query_46(uint8_t type)
{
	return type == ICMP4_ECHO_REQUEST ? ICMP6_ECHO_REQUEST : ICMP6_ECHO_REPLY;
}

static const struct map_row *find_row(const struct map_row *map, size_t rows, const uint8_t *head)
{
	for (size_t i = 0; i < rows; i++)
		if (map[i].type == head[0] && (map[i].code == head[1] || map[i].code == CODE_ANY))
			return &map[i];
	return NULL;
}

static uint8_t find_pointer(const struct pointer_row *table, size_t rows, uint32_t pointer)
{
	for (size_t i = 0; i < rows; i++)
		if (pointer >= table[i].first && pointer <= table[i].last)
			return table[i].to;
	return POINTER_NA;
}

/*
 * The packet inside loses 20 bytes, and 8 more if it has a fragment header (RFC 7915 s5.2). No IPv4 link is
 * narrower than 68 bytes, so a smaller result can only be a lie.
 */
static uint32_t mtu_64(uint32_t mtu, const struct view *in)
{
	uint32_t less = IP6_HDR_LEN - IP4_HDR_LEN + (in->has_frag_header ? IP6_FRAG_LEN : 0);

	if (mtu < IP4_MIN_MTU + less)
		return IP4_MIN_MTU;
	return mtu - less > UINT16_MAX ? UINT16_MAX : mtu - less;
}

/* A router older than RFC 1191 says 0: the greatest plateau below the length of the packet that did not fit.
 */
static uint32_t plateau_below(uint32_t total_len)
{
	for (size_t i = 0; i < ARRAY_LEN(plateaus); i++)
		if (plateaus[i] < total_len)
			return plateaus[i];
	return 0;
}

static uint32_t mtu_46(uint16_t advertised, const struct view *in)
{
	uint32_t total_len = in->l4_full_len + in->l4_off - in->l3_off;
	uint32_t mtu = advertised != 0 ? advertised : plateau_below(total_len);

	mtu += IP6_HDR_LEN - IP4_HDR_LEN;
	return mtu < IP6_MIN_MTU ? IP6_MIN_MTU : mtu;
}

/* Type and code of the row found; its word is the caller's. */
static struct icmp_head head_of(const struct map_row *row, const uint8_t *head)
{
	return (struct icmp_head){
		.type = row->to_type,
		.code = row->to_code == CODE_SAME ? head[1] : row->to_code,
		/* RFC 4884 s4.2: Packet Too Big and the ICMPv6 Parameter Problem have no length attribute. */
		.has_extensions = row->word == WORD_ZERO,
	};
}

enum drop_reason icmp_error_64(const uint8_t *head, const struct view *in, struct icmp_head *ret)
{
	const struct map_row *row = find_row(map_64, ARRAY_LEN(map_64), head);

	if (!row)
		return DROP_ICMP_TYPE;

	struct icmp_head to = head_of(row, head);

	if (row->word == WORD_MTU)
		to.word = mtu_64(be32_at(head + 4), in);
	if (row->word == WORD_POINTER) {
		uint8_t pointer = find_pointer(pointer_64, ARRAY_LEN(pointer_64), be32_at(head + 4));

		if (pointer == POINTER_NA)
			return DROP_ICMP_TYPE;
		to.word = (uint32_t)pointer << 24;
	}
	*ret = to;
	return DROP_NONE;
}

enum drop_reason icmp_error_46(const uint8_t *head, const struct view *in, struct icmp_head *ret)
{
	const struct map_row *row = find_row(map_46, ARRAY_LEN(map_46), head);

	if (!row)
		return DROP_ICMP_TYPE;

	struct icmp_head to = head_of(row, head);

	if (row->word == WORD_MTU)
		to.word = mtu_46(be16_at(head + 6), in);
	if (row->word == WORD_NEXT_HEADER)
		to.word = NEXT_HEADER_AT;
	if (row->word == WORD_POINTER) {
		uint8_t pointer = find_pointer(pointer_46, ARRAY_LEN(pointer_46), head[4]);

		if (pointer == POINTER_NA)
			return DROP_ICMP_TYPE;
		to.word = pointer;
	}
	*ret = to;
	return DROP_NONE;
}

uint32_t icmp_datagram_len6(const uint8_t *head)
{
	bool has_field = head[0] == ICMP6_UNREACHABLE || head[0] == ICMP6_TIME_EXCEEDED;

	return has_field ? head[4] * UINT32_C(8) : 0;
}

uint32_t icmp_datagram_len4(const uint8_t *head)
{
	bool has_field =
		head[0] == ICMP4_UNREACHABLE || head[0] == ICMP4_TIME_EXCEEDED || head[0] == ICMP4_PARAMETER;

	return has_field ? head[5] * UINT32_C(4) : 0;
}
