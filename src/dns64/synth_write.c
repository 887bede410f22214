/* synth_write.c - answers as bytes: one writer for each body of a verdict (RFC 6147 s5.4) */
#include "dns64/synth.h"

#include "addr/embed.h"
#include "dns64/ipv4only.h"
#include "dns64/synth_record.h"

/* RFC 4035 s3.2.1: what only a client that set DO wants; what was asked for is never left out. */
static bool is_dnssec(uint16_t type)
{
	return type == TYPE_RRSIG || type == TYPE_NSEC || type == TYPE_NSEC3;
}

static bool is_wanted(const struct synth_query *q, uint16_t type)
{
	if (type == TYPE_OPT)
		return false; /* hop by hop: RFC 6891 s6.2.4 */
	return q->dnssec_ok || !is_dnssec(type) || q->question.type == type || q->question.type == TYPE_ANY;
}

static uint16_t covered_type(const struct dns_msg *m, const struct dns_rr *rr)
{
	return be16_at(dns_rr_rdata(m, rr)); /* RFC 4034 s3.1.1; the layout of RRSIG was checked */
}

static bool is_left_out(const struct synth_input *in, const struct synth_verdict *v, const struct dns_rr *rr)
{
	const struct dns_msg *m = &v->from->msg;

	if (!is_wanted(in->query, rr->type))
		return true;
	if (!v->drops_excluded)
		return false;
	if (rr->type == TYPE_AAAA)
		return synth_aaaa_is_excluded(in, addr6_at(dns_rr_rdata(m, rr)));
	/* A signature over the whole set does not fit a part of it. */
	return v->has_excluded && rr->type == TYPE_RRSIG && covered_type(m, rr) == TYPE_AAAA;
}

static void copy_section(
	const struct synth_input *in, const struct synth_verdict *v, enum dns_section s, struct dns_wr *d)
{
	struct dns_walk w = dns_walk_section(&v->from->msg, s);
	struct dns_rr rr;

	while (dns_walk_next(&w, &rr) && !d->w.full)
		if (!is_left_out(in, v, &rr))
			dns_wr_copy(d, s, &v->from->msg, &rr, rr.ttl);
}

/* RFC 2181 s9: what does not fit here is no loss to the client, so TC is not set for it. */
static void copy_additional(const struct synth_input *in, const struct synth_verdict *v, struct dns_wr *d)
{
	struct dns_walk w = dns_walk_section(&v->from->msg, SECTION_ADDITIONAL);
	struct dns_rr rr;

	while (!d->w.full && dns_walk_next(&w, &rr)) {
		struct dns_wr before = *d;

		/* RFC 6147 s5.3.2: unchanged, whatever the exclusion list says */
		if (is_wanted(in->query, rr.type))
			dns_wr_copy(d, SECTION_ADDITIONAL, &v->from->msg, &rr, rr.ttl);
		if (d->w.full) {
			*d = before;
			return;
		}
	}
}

static void write_copy(const struct synth_input *in, const struct synth_verdict *v, struct dns_wr *d)
{
	copy_section(in, v, SECTION_ANSWER, d);
	copy_section(in, v, SECTION_AUTHORITY, d);
	copy_additional(in, v, d);
}

static void write_embedded(struct dns_wr *d, const struct dns_name *owner, struct addr6 a, uint32_t ttl)
{
	uint8_t data[16];

	addr6_put(data, a);
	dns_wr_data(d, SECTION_ANSWER, owner, TYPE_AAAA, ttl, rd_of(data, sizeof(data)));
}

/* RFC 6147 s5.1.7: one AAAA record for every prefix that may stand for the address. */
static void write_from_a(const struct synth_input *in, const struct synth_verdict *v, const struct dns_rr *rr,
	struct dns_wr *d)
{
	const struct dns64_policy *p = in->policy;
	struct addr4 a = addr4_at(dns_rr_rdata(&v->from->msg, rr));
	uint32_t ttl = rr->ttl < v->ttl_max ? rr->ttl : v->ttl_max;
	struct prefix6 prefixes[DNS64_PREFIX_MAX];
	struct dns_name owner;

	if (synth_a_is_excluded(p, a))
		return;
	dns_rr_owner(&v->from->msg, rr, &owner);
	unsigned n = synth_prefixes(p, a, prefixes);

	for (unsigned i = 0; i < n; i++)
		write_embedded(d, &owner, embed_addr(prefixes[i], a), ttl);
}

/* RFC 6147 s5.1.5: the chain stays. Its signatures stay too, for clients that want them. */
static bool is_chain(const struct synth_input *in, const struct dns_msg *m, const struct dns_rr *rr)
{
	uint16_t type = rr->type;

	if (type == TYPE_RRSIG && in->query->dnssec_ok)
		type = covered_type(m, rr);
	return type == TYPE_CNAME || type == TYPE_DNAME;
}

/* An A record for a host that was lent an address, if it was. */
static void write_lent(const struct synth_verdict *v, const struct dns_rr *rr, struct dns_wr *d)
{
	struct addr6 target = addr6_at(dns_rr_rdata(&v->from->msg, rr));
	struct dns_name owner;
	uint8_t data[4];

	for (unsigned i = 0; i < v->loans_len; i++) {
		if (!v->loans[i].is_lent || !addr6_eq(v->loans[i].target, target))
			continue;
		dns_rr_owner(&v->from->msg, rr, &owner);
		addr4_put(data, v->loans[i].address);
		dns_wr_data(d, SECTION_ANSWER, &owner, TYPE_A, v->ttl_max, rd_of(data, sizeof(data)));
	}
}

/* The answer section alone. */
static void write_made(const struct synth_input *in, const struct synth_verdict *v, struct dns_wr *d)
{
	const struct dns_msg *m = &v->from->msg;
	struct dns_walk w = dns_walk_section(m, SECTION_ANSWER);
	struct dns_name end;
	struct dns_rr rr;

	dns_msg_chain_end(m, &end);
	while (dns_walk_next(&w, &rr) && !d->w.full) {
		if (is_chain(in, m, &rr))
			dns_wr_copy(d, SECTION_ANSWER, m, &rr, rr.ttl);
		else if (rr.type == TYPE_A && v->kind == SYNTH_SYNTHESIZED &&
			 dns_rr_is_owned_by(m, &rr, &end))
			write_from_a(in, v, &rr, d);
		else if (rr.type == TYPE_AAAA && v->kind == SYNTH_LENT && dns_rr_is_owned_by(m, &rr, &end))
			write_lent(v, &rr, d);
	}
}

/* The answer in the other family: the chain, and what the records at its end became. */
static void write_aaaa(const struct synth_input *in, const struct synth_verdict *v, struct dns_wr *d)
{
	write_made(in, v, d);
	copy_section(in, v, SECTION_AUTHORITY, d);
	copy_additional(in, v, d);
}

static uint32_t lowest_ttl(const struct dns_msg *m)
{
	struct dns_walk w = dns_walk_section(m, SECTION_ANSWER);
	uint32_t lowest = UINT32_MAX;
	struct dns_rr rr;

	while (dns_walk_next(&w, &rr))
		lowest = rr.ttl < lowest ? rr.ttl : lowest;
	return lowest;
}

/* RFC 6147 s5.3.1, the first way: the records that are found become the synthesized address's own. */
static void write_ptr_direct(const struct synth_input *in, const struct dns_msg *m, struct dns_wr *d)
{
	struct dns_walk w = dns_walk_section(m, SECTION_ANSWER);
	uint32_t ttl = lowest_ttl(m);
	struct dns_name end, target;
	struct dns_rr rr;

	dns_msg_chain_end(m, &end);
	while (dns_walk_next(&w, &rr) && !d->w.full) {
		if (rr.type != TYPE_PTR || !dns_rr_is_owned_by(m, &rr, &end))
			continue;
		dns_rr_target(m, &rr, &target);
		dns_wr_target(d, SECTION_ANSWER, &in->query->question.name, TYPE_PTR, ttl, &target);
	}
}

/*
 * The second way. The CNAME leads straight to the end of whatever chain there is in in-addr.arpa (RFC 2317 makes
 * such chains), so that it makes no chain longer.
 */
static void write_ptr_cname(const struct synth_input *in, const struct dns_msg *m, struct dns_wr *d)
{
	struct dns_walk w = dns_walk_section(m, SECTION_ANSWER);
	struct dns_name end;
	struct dns_rr rr;

	dns_msg_chain_end(m, &end);
	dns_wr_target(d, SECTION_ANSWER, &in->query->question.name, TYPE_CNAME, lowest_ttl(m), &end);
	while (dns_walk_next(&w, &rr) && !d->w.full)
		if ((rr.type == TYPE_PTR || (rr.type == TYPE_RRSIG && in->query->dnssec_ok)) &&
			dns_rr_is_owned_by(m, &rr, &end))
			dns_wr_copy(d, SECTION_ANSWER, m, &rr, rr.ttl);
}

static void write_ptr(const struct synth_input *in, const struct synth_verdict *v, struct dns_wr *d)
{
	if (in->policy->ptr_is_direct)
		write_ptr_direct(in, &v->from->msg, d);
	else
		write_ptr_cname(in, &v->from->msg, d);
	copy_additional(in, v, d);
}

static void write_local_a(struct dns_wr *d, const struct dns_name *owner)
{
	for (size_t i = 0; i < ARRAY_LEN(ipv4only_addrs); i++) {
		uint8_t data[4];

		addr4_put(data, ipv4only_addrs[i]);
		dns_wr_data(d, SECTION_ANSWER, owner, TYPE_A, IPV4ONLY_TTL, rd_of(data, sizeof(data)));
	}
}

/* RFC 8880 s7.1: every prefix, whatever the rules for other addresses say; clients learn the prefixes from
 * it. */
static void write_local_aaaa(const struct dns64_policy *p, struct dns_wr *d, const struct dns_name *owner)
{
	for (unsigned i = 0; i < p->prefixes_len; i++)
		for (size_t j = 0; j < ARRAY_LEN(ipv4only_addrs); j++)
			write_embedded(d, owner, embed_addr(p->prefixes[i], ipv4only_addrs[j]), IPV4ONLY_TTL);
}

static void write_literal_a(struct addr4 a, struct dns_wr *d, const struct dns_name *owner)
{
	uint8_t data[4];

	addr4_put(data, a);
	dns_wr_data(d, SECTION_ANSWER, owner, TYPE_A, IPV4ONLY_TTL, rd_of(data, sizeof(data)));
}

static void write_literal_aaaa(
	const struct dns64_policy *p, struct addr4 a, struct dns_wr *d, const struct dns_name *owner)
{
	struct prefix6 prefixes[DNS64_PREFIX_MAX];
	unsigned n = synth_prefixes(p, a, prefixes);

	for (unsigned i = 0; i < n; i++)
		write_embedded(d, owner, embed_addr(prefixes[i], a), IPV4ONLY_TTL);
}

static void write_local(const struct synth_input *in, struct dns_wr *d)
{
	const struct dns_name *owner = &in->query->question.name;

	switch (in->plan->local) {
	case LOCAL_A:
		write_local_a(d, owner);
		return;
	case LOCAL_AAAA:
		write_local_aaaa(in->policy, d, owner);
		return;
	case LOCAL_PTR: /* RFC 8880 s7.2.1: at once, without asking for the name in in-addr.arpa */
		dns_wr_target(d, SECTION_ANSWER, owner, TYPE_PTR, IPV4ONLY_TTL, &ipv4only_arpa);
		return;
	case LOCAL_LITERAL_A:
		write_literal_a(in->plan->literal, d, owner);
		return;
	case LOCAL_LITERAL_AAAA:
		write_literal_aaaa(in->policy, in->plan->literal, d, owner);
		return;
	case LOCAL_NODATA:
	case LOCAL_NXDOMAIN:
		dns_wr_soa(d, SECTION_AUTHORITY, &in->plan->zone, IPV4ONLY_TTL);
		return;
	}
}

/* Written as an answer, behind all else, and counted as additional; all of it or nothing. */
static void write_extra(const struct synth_extra *x, struct dns_wr *d)
{
	struct dns_wr before = *d;

	if (x->verdict->body == BODY_AAAA)
		write_made(x->in, x->verdict, d);
	else
		copy_section(x->in, x->verdict, SECTION_ANSWER, d);
	if (d->w.full) {
		*d = before;
		return;
	}
	uint16_t n = (uint16_t)(d->count[SECTION_ANSWER] - before.count[SECTION_ANSWER]);

	d->count[SECTION_ANSWER] = before.count[SECTION_ANSWER];
	d->count[SECTION_ADDITIONAL] = (uint16_t)(d->count[SECTION_ADDITIONAL] + n);
}

static void write_extras(const struct synth_input *in, struct dns_wr *d)
{
	for (unsigned i = 0; i < in->extra_len && !d->w.full; i++)
		write_extra(&in->extra[i], d);
}

void synth_write(const struct synth_input *in, const struct synth_verdict *v, struct dns_wr *d)
{
	switch (v->body) {
	case BODY_NONE:
		return;
	case BODY_COPY:
		write_copy(in, v, d);
		write_extras(in, d);
		return;
	case BODY_AAAA:
	case BODY_LENT:
		write_aaaa(in, v, d);
		return;
	case BODY_PTR:
		write_ptr(in, v, d);
		return;
	case BODY_NO:
		dns_wr_soa(d, SECTION_AUTHORITY, &in->plan->zone, v->ttl_max);
		return;
	case BODY_LOCAL:
		write_local(in, d);
		return;
	}
}
