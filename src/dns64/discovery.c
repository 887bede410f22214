/* discovery.c - the question for ipv4only.arpa, and its answer; see discovery.h */
#include "dns64/discovery.h"

#include "dns64/ipv4only.h"
#include "dns64/wire.h"
#include "pref64/wka.h"

#define NEGATIVE_TTL_S 60 /* of a "no" without SOA, which RFC 2308 s5 would not have anybody believe */
#define TYPE_AAAA_BYTES 16

void discovery_write(uint16_t id, uint8_t ret[static DISCOVERY_QUERY_BYTES])
{
	struct dns_question q = { ipv4only_arpa, TYPE_AAAA, CLASS_IN };
	struct dns_wr d;

	dns_wr_begin(&d, ret, DISCOVERY_QUERY_BYTES);
	dns_wr_question(&d, &q);
	size_t len = dns_wr_end(&d, id, DNS_RD); /* CD is zero: RFC 7050 s3 */

	ASSERT(!d.w.full && len == DISCOVERY_QUERY_BYTES);
}

static bool is_answer(const struct dns_msg *m, uint16_t id)
{
	return m->id == id && (m->flags & DNS_QR) && (m->flags & DNS_OPCODE) == 0 &&
	       m->question.type == TYPE_AAAA && m->question.class == CLASS_IN &&
	       dns_name_equal(&m->question.name, &ipv4only_arpa);
}

static void add_prefix(struct discovery_answer *a, struct prefix6 p)
{
	for (unsigned i = 0; i < a->len; i++)
		if (a->prefixes[i].len == p.len && addr6_eq(a->prefixes[i].addr, p.addr))
			return;
	if (a->len < ARRAY_LEN(a->prefixes))
		a->prefixes[a->len++] = p;
}

/* The shortest TTL of the records that were looked at; UINT32_MAX if there was none. */
static uint32_t collect(const struct dns_msg *m, struct discovery_answer *ret)
{
	struct dns_walk w = dns_walk_section(m, SECTION_ANSWER);
	uint32_t ttl = UINT32_MAX;
	struct dns_name end;
	struct dns_rr rr;

	dns_msg_chain_end(m, &end);
	while (dns_walk_next(&w, &rr)) {
		struct prefix6 p;

		if (rr.type != TYPE_AAAA || rr.class != CLASS_IN || rr.rdata_len != TYPE_AAAA_BYTES ||
			!dns_rr_is_owned_by(m, &rr, &end))
			continue;
		if (rr.ttl < ttl)
			ttl = rr.ttl;
		if (wka_find_prefix(addr6_at(dns_rr_rdata(m, &rr)), &p))
			add_prefix(ret, p);
	}
	return ttl;
}

static uint32_t negative_ttl(const struct dns_msg *m)
{
	struct dns_walk w = dns_walk_section(m, SECTION_AUTHORITY);
	struct dns_rr rr;

	while (dns_walk_next(&w, &rr))
		if (rr.type == TYPE_SOA)
			return dns_rr_negative_ttl(m, &rr);
	return NEGATIVE_TTL_S;
}

enum discovery_result discovery_read(
	const uint8_t *bytes, size_t len, uint16_t id, struct discovery_answer *ret)
{
	struct discovery_answer a = { .len = 0 };
	struct dns_msg m;

	if (!dns_msg_parse(bytes, len, &m) || !is_answer(&m, id))
		return DISCOVERY_NOT_OURS;
	uint16_t rcode = m.flags & DNS_RCODE;

	if ((m.flags & DNS_TC) || (rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN))
		return DISCOVERY_FAILED;
	uint32_t ttl = rcode == RCODE_NOERROR ? collect(&m, &a) : UINT32_MAX;

	a.ttl = (ttl < UINT32_MAX ? ttl : negative_ttl(&m)) * NSEC;
	*ret = a;
	return a.len > 0 ? DISCOVERY_FOUND : DISCOVERY_DENIED;
}
