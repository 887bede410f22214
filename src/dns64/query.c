/* query.c - reading what clients send */
#include "dns64/query.h"

#define EDNS_VERSION(ttl) ((ttl) >> 16 & 0xff) /* RFC 6891 s6.1.3 */

bool query_is_answered(enum query_fault f, enum dns_rcode *ret)
{
	static const enum dns_rcode codes[QUERY_FAULT_COUNT] = {
		[QUERY_OK] = RCODE_NOERROR,
		[QUERY_OPCODE] = RCODE_NOTIMP,
		[QUERY_MALFORMED] = RCODE_FORMERR,
		[QUERY_BAD_VERSION] = RCODE_BADVERS,
		[QUERY_CLASS] = RCODE_NOTIMP,
		[QUERY_TRANSFER] = RCODE_REFUSED,
		[QUERY_META_TYPE] = RCODE_NOTIMP,
		[QUERY_COOKIE_ONLY] = RCODE_NOERROR,
	};

	if (f == QUERY_SHORT || f == QUERY_RESPONSE)
		return false;
	*ret = codes[f];
	return true;
}

/* RFC 7873 s4: eight bytes of the client, then none or 8 to 32 of a server. */
static bool is_cookie_length(size_t len)
{
	return len == COOKIE_CLIENT_LEN || (len >= 16 && len <= COOKIE_MAX);
}

/* RFC 6891 s6.1.2: options one after the other; of several cookies the first counts (RFC 7873 s5.2). */
static bool read_options(struct rd r, struct query *q)
{
	uint16_t code, len;

	while (rd_left(&r) > 0) {
		if (!rd_be16(&r, &code) || !rd_be16(&r, &len))
			return false;
		const uint8_t *data = rd_take(&r, len);

		if (!data)
			return false;
		q->wants_padding |= code == OPTION_PADDING;
		q->wants_keepalive |= code == OPTION_KEEPALIVE && len == 0;
		if (code != OPTION_COOKIE || q->cookie_len > 0)
			continue;
		if (!is_cookie_length(len))
			return false; /* RFC 7873 s5.2.2: FORMERR */
		bytes_copy(q->cookie, data, len);
		q->cookie_len = (uint8_t)len;
	}
	return true;
}

/* RFC 6891 s6.1.1: at most one OPT record, owned by the root. */
static enum query_fault read_edns(const struct dns_msg *m, struct query *q)
{
	struct dns_walk w = dns_walk_section(m, SECTION_ADDITIONAL);
	enum query_fault fault = QUERY_OK;
	struct dns_rr rr;

	while (dns_walk_next(&w, &rr)) {
		if (rr.type != TYPE_OPT)
			continue;
		bool is_first = !q->has_edns;

		q->has_edns = true; /* also of the reply that says what is wrong with it (s7) */
		if (!is_first || m->bytes[rr.owner_at] != 0)
			return QUERY_MALFORMED;
		q->udp_size = rr.class < DNS_UDP_PLAIN_MAX ? DNS_UDP_PLAIN_MAX : rr.class; /* s6.2.3 */
		q->ask.dnssec_ok = rr.ttl & DNS_OPT_DO;
		if (EDNS_VERSION(rr.ttl) > 0)
			fault = QUERY_BAD_VERSION; /* its options mean whatever that version says */
		else if (!read_options(rd_of(dns_rr_rdata(m, &rr), rr.rdata_len), q))
			return QUERY_MALFORMED;
	}
	return fault;
}

/* RFC 7873 s5.4: a client that has nothing to ask yet, and wants a cookie. */
static bool is_cookie_only(struct rd r, struct query *q)
{
	static const uint8_t counts[] = { 0, 0, 0, 0, 0, 0, 0, 1 };
	const uint8_t *head = rd_take(&r, DNS_HEADER_LEN), *opt = rd_take(&r, DNS_OPT_LEN);

	/* The root, then type, size, extended code, version, flags, and the length of the options. */
	if (!opt || !bytes_equal(head + 4, counts, sizeof(counts)) || opt[0] != 0 ||
		be16_at(opt + 1) != TYPE_OPT || opt[6] != 0 || be16_at(opt + 9) != rd_left(&r) ||
		!read_options(r, q) || q->cookie_len == 0)
		return false;
	q->has_edns = true;
	return true;
}

static enum query_fault check_question(const struct dns_question *q)
{
	if (q->type == 0 || q->type == TYPE_OPT)
		return QUERY_MALFORMED;
	if (q->class != CLASS_IN)
		return QUERY_CLASS;
	if (q->type == TYPE_AXFR || q->type == TYPE_IXFR)
		return QUERY_TRANSFER;
	if (q->type >= TYPE_META_FIRST && q->type < TYPE_ANY)
		return QUERY_META_TYPE;
	return QUERY_OK;
}

enum query_fault query_parse(const uint8_t *bytes, size_t len, struct query *ret)
{
	struct dns_msg m;

	if (len < DNS_HEADER_LEN)
		return QUERY_SHORT;
	*ret = (struct query){
		.id = be16_at(bytes),
		.flags = be16_at(bytes + 2),
		.udp_size = DNS_UDP_PLAIN_MAX,
	};
	ret->ask.checking_disabled = ret->flags & DNS_CD;
	if (ret->flags & DNS_QR)
		return QUERY_RESPONSE;
	if (ret->flags & DNS_OPCODE)
		return QUERY_OPCODE;
	if (!dns_msg_parse(bytes, len, &m))
		return is_cookie_only(rd_of(bytes, len), ret) ? QUERY_COOKIE_ONLY : QUERY_MALFORMED;
	ret->ask.question = m.question;
	ret->has_question = true;
	if (m.count[SECTION_ANSWER] > 0)
		return QUERY_MALFORMED;
	enum query_fault fault = read_edns(&m, ret);

	return fault != QUERY_OK ? fault : check_question(&m.question);
}
