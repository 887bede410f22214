/* dns_text.c - types and records of DNS as text */
#include "cmd/dns_text.h"

#include "addr/addr.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define HEX_BYTES_MAX 64 /* of data that is shown in hexadecimal */

static const struct {
	uint16_t type;
	const char *name;
} types[] = {
	{ TYPE_A, "A" },
	{ TYPE_AAAA, "AAAA" },
	{ TYPE_CNAME, "CNAME" },
	{ TYPE_DNAME, "DNAME" },
	{ TYPE_NS, "NS" },
	{ TYPE_SOA, "SOA" },
	{ TYPE_PTR, "PTR" },
	{ 15, "MX" },
	{ TYPE_TXT, "TXT" },
	{ 33, "SRV" },
	{ TYPE_DS, "DS" },
	{ TYPE_RRSIG, "RRSIG" },
	{ TYPE_NSEC, "NSEC" },
	{ 48, "DNSKEY" },
	{ TYPE_NSEC3, "NSEC3" },
	{ 64, "SVCB" },
	{ TYPE_SVCB, "SVCB" },
	{ TYPE_HTTPS, "HTTPS" },
	{ TYPE_ANY, "ANY" },
};

static bool is_data(unsigned long type)
{
	return type > 0 && type <= UINT16_MAX && type != TYPE_OPT &&
	       (type < TYPE_META_FIRST || type >= TYPE_ANY);
}

bool dns_type_parse(const char *text, uint16_t *ret)
{
	char *end;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcasecmp(types[i].name, text) == 0) {
			*ret = types[i].type;
			return true;
		}
	}
	if (strncasecmp(text, "TYPE", 4) != 0 || text[4] < '0' || text[4] > '9')
		return false;
	unsigned long n = strtoul(text + 4, &end, 10);

	if (*end != '\0' || !is_data(n))
		return false;
	*ret = (uint16_t)n;
	return true;
}

const char *dns_type_text(uint16_t type, char buf[static DNS_TYPE_TEXT])
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == type)
			return types[i].name;
	snprintf(buf, DNS_TYPE_TEXT, "TYPE%u", (unsigned)type); /* RFC 3597 s5 */
	return buf;
}

const char *dns_rcode_text(unsigned rcode)
{
	static const char *const names[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",
		"REFUSED" };

	return rcode < ARRAY_LEN(names) ? names[rcode] : "another code";
}

static void put_hex(char *buf, size_t size, const uint8_t *data, size_t len)
{
	size_t shown = len < HEX_BYTES_MAX ? len : HEX_BYTES_MAX;
	size_t n = (size_t)snprintf(buf, size, "\\# %zu ", len);

	for (size_t i = 0; i < shown; i++)
		n += (size_t)snprintf(buf + n, size - n, "%02x", data[i]);
	if (shown < len)
		snprintf(buf + n, size - n, "...");
}

static void put_data(char *buf, size_t size, const struct dns_msg *m, const struct dns_rr *rr)
{
	const uint8_t *data = dns_rr_rdata(m, rr);
	char text[DNS_NAME_TEXT];
	struct dns_name name;

	switch (rr->type) {
	case TYPE_A:
		snprintf(buf, size, "%s", addr4_text(addr4_at(data), text));
		return;
	case TYPE_AAAA:
		snprintf(buf, size, "%s", addr6_text(addr6_at(data), text));
		return;
	case TYPE_CNAME:
	case TYPE_DNAME:
	case TYPE_NS:
	case TYPE_PTR:
		dns_rr_target(m, rr, &name);
		snprintf(buf, size, "%s", dns_name_text(&name, text));
		return;
	default:
		put_hex(buf, size, data, rr->rdata_len);
		return;
	}
}

const char *dns_record_text(
	const struct dns_msg *m, const struct dns_rr *rr, char buf[static DNS_RECORD_TEXT])
{
	char owner[DNS_NAME_TEXT], type[DNS_TYPE_TEXT];
	struct dns_name name;

	dns_rr_owner(m, rr, &name);
	size_t n = (size_t)snprintf(buf, DNS_RECORD_TEXT, "%s %u %s ", dns_name_text(&name, owner),
		(unsigned)rr->ttl, dns_type_text(rr->type, type));

	put_data(buf + n, DNS_RECORD_TEXT - n, m, rr);
	return buf;
}
