/*
 * dnstext.h - DNS messages from lines of text and back, for tables in tests
 *
 * Records are "owner ttl TYPE data", separated by ';'. Data: an address (A, AAAA), a name (CNAME, DNAME, PTR,
 * NS), the MINIMUM field (SOA), the covered type (RRSIG, signed by the root with four bytes), hexadecimal
 * digits (all others). The builder writes names uncompressed, and shares no code with what it tests.
 */
#ifndef ISTHMUS_TESTS_DNSTEXT_H
#define ISTHMUS_TESTS_DNSTEXT_H

#include "harness.h"

#include "dns64/synth.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	uint16_t type;
} text_types[] = {
	{ "A", 1 },
	{ "NS", 2 },
	{ "CNAME", 5 },
	{ "SOA", 6 },
	{ "PTR", 12 },
	{ "MX", 15 },
	{ "TXT", 16 },
	{ "AAAA", 28 },
	{ "SRV", 33 },
	{ "DNAME", 39 },
	{ "OPT", 41 },
	{ "DS", 43 },
	{ "RRSIG", 46 },
	{ "NSEC", 47 },
	{ "NSEC3", 50 },
	{ "HTTPS", 65 },
	{ "AXFR", 252 },
	{ "IXFR", 251 },
	{ "ANY", 255 },
};

static inline uint16_t type_from_text(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(text_types); i++)
		if (strcmp(text_types[i].name, name) == 0)
			return text_types[i].type;
	if (strncmp(name, "TYPE", 4) == 0)
		return (uint16_t)strtoul(name + 4, NULL, 10);
	printf("FAIL unknown type %s in a test\n", name);
	abort();
}

static inline const char *type_to_text(uint16_t type)
{
	static char number[16];

	for (size_t i = 0; i < ARRAY_LEN(text_types); i++)
		if (text_types[i].type == type)
			return text_types[i].name;
	snprintf(number, sizeof(number), "TYPE%u", type);
	return number;
}

static inline void put16(uint8_t **at, unsigned v)
{
	*(*at)++ = (uint8_t)(v >> 8);
	*(*at)++ = (uint8_t)v;
}

static inline void put32(uint8_t **at, unsigned long v)
{
	put16(at, (unsigned)(v >> 16) & 0xffff);
	put16(at, (unsigned)v & 0xffff);
}

static inline void put_name_text(uint8_t **at, const char *name)
{
	while (*name && strcmp(name, ".") != 0) {
		size_t len = strcspn(name, ".");

		*(*at)++ = (uint8_t)len;
		memcpy(*at, name, len);
		*at += len;
		name += len + (name[len] == '.');
	}
	*(*at)++ = 0;
}

static inline void put_hex(uint8_t **at, const char *hex)
{
	for (; isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]); hex += 2) {
		char two[3] = { hex[0], hex[1], 0 };

		*(*at)++ = (uint8_t)strtoul(two, NULL, 16);
	}
}

static inline void put_rdata_text(uint8_t **at, uint16_t type, const char *data)
{
	switch (type) {
	case 1:
		inet_pton(AF_INET, data, *at);
		*at += 4;
		return;
	case 28:
		inet_pton(AF_INET6, data, *at);
		*at += 16;
		return;
	case 2:
	case 5:
	case 12:
	case 39:
		put_name_text(at, data);
		return;
	case 6:
		put_name_text(at, "ns.test");
		put_name_text(at, "host.test");
		for (int i = 0; i < 4; i++)
			put32(at, 1000);
		put32(at, strtoul(data, NULL, 10));
		return;
	case 46:
		put16(at, type_from_text(data));
		put_hex(at, "0d02"); /* algorithm, labels */
		for (int i = 0; i < 3; i++)
			put32(at, 1000);
		put16(at, 12345);
		put_name_text(at, ".");
		put_hex(at, "01020304");
		return;
	default:
		put_hex(at, data);
	}
}

/* Writes the records of one section; returns how many. */
static inline unsigned put_records_text(uint8_t **at, const char *lines)
{
	char copy[4096], *save = NULL;
	unsigned count = 0;

	snprintf(copy, sizeof(copy), "%s", lines ? lines : "");
	for (char *line = strtok_r(copy, ";", &save); line; line = strtok_r(NULL, ";", &save)) {
		char owner[256], type[16], data[1024] = "";
		unsigned long ttl;

		if (sscanf(line, " %255s %lu %15s %1023s", owner, &ttl, type, data) < 3)
			continue;
		put_name_text(at, owner);
		put16(at, type_from_text(type));
		put16(at, 1);
		put32(at, ttl);
		uint8_t *length = *at;

		*at += 2;
		put_rdata_text(at, type_from_text(type), data);
		put16(&length, (unsigned)(*at - length - 2));
		count++;
	}
	return count;
}

struct text_message {
	const char *name, *type; /* question */
	uint16_t id, flags;	 /* flags hold the response code */
	const char *answer, *authority, *additional;
};

/* Writes a message; returns its length. @buf holds at least 4096 bytes. */
static inline size_t message_from_text(uint8_t *buf, const struct text_message *m)
{
	uint8_t *at = buf;

	put16(&at, m->id);
	put16(&at, m->flags);
	put16(&at, 1);
	uint8_t *counts = at;

	at += 6;
	put_name_text(&at, m->name);
	put16(&at, type_from_text(m->type));
	put16(&at, 1);
	put16(&counts, put_records_text(&at, m->answer));
	put16(&counts, put_records_text(&at, m->authority));
	put16(&counts, put_records_text(&at, m->additional));
	return (size_t)(at - buf);
}

static inline size_t text_of_rr(char *out, size_t size, const struct dns_msg *m, const struct dns_rr *rr)
{
	char owner[DNS_NAME_TEXT], data[DNS_NAME_TEXT] = "";
	const uint8_t *rdata = dns_rr_rdata(m, rr);
	struct dns_name n;

	dns_rr_owner(m, rr, &n);
	dns_name_text(&n, owner);
	if (rr->type == 1)
		inet_ntop(AF_INET, rdata, data, sizeof(data));
	else if (rr->type == 28)
		inet_ntop(AF_INET6, rdata, data, sizeof(data));
	else if (rr->type == 5 || rr->type == 12 || rr->type == 39 || rr->type == 2) {
		dns_rr_target(m, rr, &n);
		dns_name_text(&n, data);
	} else if (rr->type == 6)
		snprintf(data, sizeof(data), "%u", be32_at(rdata + rr->rdata_len - 4));
	else if (rr->type == 46)
		snprintf(data, sizeof(data), "%s", type_to_text(be16_at(rdata)));
	else
		for (unsigned i = 0; i < rr->rdata_len && i < 200; i++)
			snprintf(data + 2 * (size_t)i, sizeof(data) - 2 * (size_t)i, "%02x", rdata[i]);
	return (size_t)snprintf(out, size, "%s %u %s %s", owner, rr->ttl, type_to_text(rr->type), data);
}

/*
 * "NOERROR aa tc ad cd: answer; answer / authority / additional"; empty sections at the end are left out, OPT
 * becomes "OPT" with its size and flags.
 */
static inline const char *message_to_text(const uint8_t *bytes, size_t len)
{
	static char out[16384];
	static const char *const codes[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",
		"REFUSED" };
	struct dns_msg m;
	struct dns_rr rr;
	size_t n = 0, end;

	if (!dns_msg_parse(bytes, len, &m))
		return "unreadable";
	unsigned code = m.flags & DNS_RCODE;

	n += (size_t)snprintf(out + n, sizeof(out) - n, code < ARRAY_LEN(codes) ? "%s" : "RCODE%.0s%u",
		code < ARRAY_LEN(codes) ? codes[code] : "", code);
	n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s%s%s:", m.flags & DNS_AA ? " aa" : "",
		m.flags & DNS_TC ? " tc" : "", m.flags & DNS_AD ? " ad" : "", m.flags & DNS_CD ? " cd" : "");
	end = n;
	for (unsigned s = SECTION_ANSWER; s < SECTION_COUNT; s++) {
		struct dns_walk w = dns_walk_section(&m, (enum dns_section)s);
		const char *sep = s == SECTION_ANSWER ? " " : " / ";

		if (s != SECTION_ANSWER && m.count[s] == 0) {
			n += (size_t)snprintf(out + n, sizeof(out) - n, " /");
			continue;
		}
		while (dns_walk_next(&w, &rr)) {
			n += (size_t)snprintf(out + n, sizeof(out) - n, "%s", sep);
			sep = "; ";
			if (rr.type == 41)
				n += (size_t)snprintf(out + n, sizeof(out) - n, "OPT %u %08x %u", rr.class,
					rr.ttl, rr.rdata_len);
			else
				n += text_of_rr(out + n, sizeof(out) - n, &m, &rr);
			end = n;
		}
	}
	out[end] = '\0';
	return out;
}

/* The number at @s if it is a word of its own, such as a TTL; else -1. *ret_len is the length of its digits. */
static inline long word_number(const char *start, const char *s, size_t *ret_len)
{
	*ret_len = strspn(s, "0123456789");
	bool is_word = *ret_len > 0 && s > start && s[-1] == ' ' && s[*ret_len] == ' ';

	return is_word ? strtol(s, NULL, 10) : -1;
}

/* @want, or @want a second later: a TTL may have lost one when a second of the clock passed meanwhile. */
static inline const char *unless_older(const char *got, const char *want)
{
	const char *g = got, *w = want;
	size_t g_len, w_len;

	while (*g && *w) {
		long a = word_number(got, g, &g_len), b = word_number(want, w, &w_len);
		bool is_ttl = a >= 0 && b >= 0 && (a == b || a == b - 1);

		if (!is_ttl && *g != *w)
			return want;
		g += is_ttl ? g_len : 1;
		w += is_ttl ? w_len : 1;
	}
	return *g == *w ? got : want;
}

#endif
