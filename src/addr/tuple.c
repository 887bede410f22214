/* tuple.c - names of the protocols */
#include "addr/tuple.h"

#include <stdio.h>
#include <string.h>

const char *proto_name(enum proto p)
{
	static const char *const names[PROTO_KINDS] = {
		[PROTO_TCP] = "tcp",
		[PROTO_UDP] = "udp",
		[PROTO_ICMP] = "icmp",
		[PROTO_OTHER] = "other",
	};

	ASSERT(p < PROTO_KINDS);
	return names[p];
}

/* Names as in IANA's registry "Assigned Internet Protocol Numbers", in small letters. */
static const struct {
	uint8_t number;
	const char *name;
} protocols[] = {
	{ 4, "ipip" },
	{ 33, "dccp" },
	{ 41, "ipv6" },
	{ 47, "gre" },
	{ 50, "esp" },
	{ 108, "ipcomp" },
	{ 115, "l2tp" },
	{ 132, "sctp" },
	{ 136, "udplite" },
};

const char *protocol_text(uint8_t number, char buf[static PROTOCOL_TEXT])
{
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		if (protocols[i].number == number)
			return protocols[i].name;
	}
	snprintf(buf, PROTOCOL_TEXT, "%u", number);
	return buf;
}

static bool number_of_text(const char *text, uint8_t *ret)
{
	unsigned v = 0;

	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || v > UINT8_MAX)
			return false;
		v = v * 10 + (unsigned)(*c - '0');
	}
	if (text[0] == '\0' || v > UINT8_MAX)
		return false;
	*ret = (uint8_t)v;
	return true;
}

bool protocol_parse(const char *text, uint8_t *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		if (strcmp(protocols[i].name, text) == 0) {
			*ret = protocols[i].number;
			return true;
		}
	}
	return number_of_text(text, ret);
}
