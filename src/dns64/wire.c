/*
 * wire.c - reading DNS messages
 *
 * The data of most records is opaque bytes (RFC 3597). A few old types may hold compressed names, which mean
 * something only inside their message; layouts[] says where the names are, so that such a record can be
 * checked, and copied into another message. A letter or digit per field:
 *
 *	n	a domain name
 *	1 2 4	that many bytes
 *	s	a character string (one length byte, then the string)
 *	*	whatever is left
 */
#include "dns64/rdata.h"

#define CHAIN_MAX 32 /* CNAMEs followed in one answer; libunbound itself stops earlier */

/* RFC 3597 s4 lists the types whose names may arrive compressed; those of RFC 1035 may leave compressed too.
 */
static const struct rdata_layout layouts[] = {
	{ TYPE_A, RDATA_PLAIN, "4" },
	{ TYPE_NS, RDATA_COMPRESS, "n" },
	{ 3 /* MD */, RDATA_COMPRESS, "n" },
	{ 4 /* MF */, RDATA_COMPRESS, "n" },
	{ TYPE_CNAME, RDATA_COMPRESS, "n" },
	{ TYPE_SOA, RDATA_COMPRESS, "nn44444" },
	{ 7 /* MB */, RDATA_COMPRESS, "n" },
	{ 8 /* MG */, RDATA_COMPRESS, "n" },
	{ 9 /* MR */, RDATA_COMPRESS, "n" },
	{ TYPE_PTR, RDATA_COMPRESS, "n" },
	{ 14 /* MINFO */, RDATA_COMPRESS, "nn" },
	{ 15 /* MX */, RDATA_COMPRESS, "2n" },
	{ 17 /* RP */, RDATA_PLAIN, "nn" },
	{ 18 /* AFSDB */, RDATA_PLAIN, "2n" },
	{ 21 /* RT */, RDATA_PLAIN, "2n" },
	{ 24 /* SIG */, RDATA_PLAIN, "2114442n*" },
	{ 26 /* PX */, RDATA_PLAIN, "2nn" },
	{ TYPE_AAAA, RDATA_PLAIN, "4444" },
	{ 30 /* NXT */, RDATA_PLAIN, "n*" },
	{ 33 /* SRV */, RDATA_PLAIN, "222n" },
	{ 35 /* NAPTR */, RDATA_PLAIN, "22sssn" },
	{ 36 /* KX */, RDATA_PLAIN, "2n" },
	{ TYPE_DNAME, RDATA_PLAIN, "n" },
	{ TYPE_RRSIG, RDATA_PLAIN, "2114442n*" },
};
static const struct rdata_layout opaque = { 0, RDATA_PLAIN, "*" };

const struct rdata_layout *rdata_layout_of(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(layouts); i++)
		if (layouts[i].type == type)
			return &layouts[i];
	return &opaque;
}

bool rdata_step(const uint8_t *msg, size_t end, char field, struct rdata_field *f)
{
	struct rd r = rd_of(msg + f->at, end - f->at);
	uint8_t len = 0;

	f->is_name = field == 'n';
	f->start = f->at;
	if (f->is_name)
		return dns_name_read(msg, end, &f->at, &f->name);
	if (field == '*') {
		f->at = end;
		return true;
	}
	if (field == 's') {
		if (!rd_u8(&r, &len) || !rd_take(&r, len))
			return false;
		f->at += 1u + len;
		return true;
	}
	size_t need = (size_t)(field - '0');

	if (!rd_take(&r, need))
		return false;
	f->at += need;
	return true;
}

/* Names inside the data may point back anywhere before it, but their own bytes must end inside the data. */
static bool is_rdata_sound(const uint8_t *bytes, const struct dns_rr *rr)
{
	const struct rdata_layout *l = rdata_layout_of(rr->type);
	struct rdata_field f = { .at = rr->rdata_at };
	size_t end = rr->rdata_at + rr->rdata_len;

	for (const char *c = l->fields; *c; c++)
		if (!rdata_step(bytes, end, *c, &f))
			return false;
	return f.at == end;
}

/* Reads owner, fixed part and the bounds of the data; does not look into the data. */
static bool take_rr(const uint8_t *bytes, size_t len, size_t *at, struct dns_rr *ret)
{
	struct dns_rr rr = { .owner_at = *at };
	struct dns_name owner;
	size_t pos = *at;

	if (!dns_name_read(bytes, len, &pos, &owner))
		return false;
	struct rd r = rd_of(bytes + pos, len - pos);

	if (!rd_be16(&r, &rr.type) || !rd_be16(&r, &rr.class) || !rd_be32(&r, &rr.ttl) ||
		!rd_be16(&r, &rr.rdata_len))
		return false;
	rr.rdata_at = pos + 10;
	if (!rd_take(&r, rr.rdata_len))
		return false;
	if (rr.type != TYPE_OPT && rr.ttl > INT32_MAX)
		rr.ttl = 0;
	*at = rr.rdata_at + rr.rdata_len;
	*ret = rr;
	return true;
}

static bool take_question(const uint8_t *bytes, size_t len, size_t *at, struct dns_question *ret)
{
	if (!dns_name_read(bytes, len, at, &ret->name) || len - *at < 4)
		return false;
	ret->type = be16_at(bytes + *at);
	ret->class = be16_at(bytes + *at + 2);
	*at += 4;
	return true;
}

static bool check_section(struct dns_msg *m, enum dns_section s, size_t *at)
{
	struct dns_rr rr;

	m->start[s] = *at;
	for (unsigned i = 0; i < m->count[s]; i++)
		if (!take_rr(m->bytes, m->len, at, &rr) || !is_rdata_sound(m->bytes, &rr))
			return false;
	return true;
}

bool dns_msg_parse(const uint8_t *bytes, size_t len, struct dns_msg *ret)
{
	struct dns_msg m = { .bytes = bytes, .len = len };
	size_t at = DNS_HEADER_LEN;

	if (len < DNS_HEADER_LEN || len > DNS_MESSAGE_MAX)
		return false;
	m.id = be16_at(bytes);
	m.flags = be16_at(bytes + 2);
	for (unsigned s = 0; s < SECTION_COUNT; s++)
		m.count[s] = be16_at(bytes + 4 + 2 * (size_t)s);
	m.start[SECTION_QUESTION] = at;
	if (m.count[SECTION_QUESTION] != 1 || !take_question(bytes, len, &at, &m.question))
		return false;
	for (enum dns_section s = SECTION_ANSWER; s < SECTION_COUNT; s++)
		if (!check_section(&m, s, &at))
			return false;
	if (at != len)
		return false;
	*ret = m;
	return true;
}

struct dns_walk dns_walk_section(const struct dns_msg *m, enum dns_section s)
{
	return (struct dns_walk){ .msg = m, .at = m->start[s], .left = m->count[s] };
}

bool dns_walk_next(struct dns_walk *w, struct dns_rr *ret)
{
	if (w->left == 0)
		return false;
	w->left--;
	bool sound = take_rr(w->msg->bytes, w->msg->len, &w->at, ret);

	ASSERT(sound); /* dns_msg_parse() read the same bytes */
	return true;
}

static void name_at(const struct dns_msg *m, size_t at, struct dns_name *ret)
{
	bool sound = dns_name_read(m->bytes, m->len, &at, ret);

	ASSERT(sound); /* dns_msg_parse() read the same bytes */
}

void dns_rr_owner(const struct dns_msg *m, const struct dns_rr *rr, struct dns_name *ret)
{
	name_at(m, rr->owner_at, ret);
}

bool dns_rr_is_owned_by(const struct dns_msg *m, const struct dns_rr *rr, const struct dns_name *n)
{
	struct dns_name owner;

	dns_rr_owner(m, rr, &owner);
	return dns_name_equal(&owner, n);
}

void dns_rr_target(const struct dns_msg *m, const struct dns_rr *rr, struct dns_name *ret)
{
	name_at(m, rr->rdata_at, ret);
}

uint32_t dns_rr_negative_ttl(const struct dns_msg *m, const struct dns_rr *rr)
{
	uint32_t minimum = be32_at(dns_rr_rdata(m, rr) + rr->rdata_len - 4);

	return minimum < rr->ttl ? minimum : rr->ttl;
}

static bool find_cname(const struct dns_msg *m, const struct dns_name *owner, struct dns_name *ret)
{
	struct dns_walk w = dns_walk_section(m, SECTION_ANSWER);
	struct dns_rr rr;

	while (dns_walk_next(&w, &rr)) {
		if (rr.type == TYPE_CNAME && dns_rr_is_owned_by(m, &rr, owner)) {
			dns_rr_target(m, &rr, ret);
			return true;
		}
	}
	return false;
}

void dns_msg_chain_end(const struct dns_msg *m, struct dns_name *ret)
{
	struct dns_name next;

	*ret = m->question.name;
	for (unsigned i = 0; i < CHAIN_MAX && find_cname(m, ret, &next); i++)
		*ret = next;
}
