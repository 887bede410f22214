/* scrub.c - what of an upstream's reply is used; see scrub.h */
#include "dns64/scrub.h"

#define CHAIN_MAX 11 /* CNAMEs; as libunbound's max-query-restarts */

/* A reply, and what of it is written. */
struct job {
	const struct dns_msg *m;
	struct dns_wr d;
	struct dns_name at;	/* the end of the chain */
	unsigned steps;		/* of the chain */
	struct dns_name signer; /* whose signature the records at the end have; len 0: none */
};

/* What there is at a name. */
struct found {
	unsigned data; /* records that were asked for */
	unsigned cnames;
	struct dns_name target;
};

static bool is_in(const struct dns_rr *rr)
{
	return rr->class == CLASS_IN;
}

static uint16_t covered_type(const struct dns_msg *m, const struct dns_rr *rr)
{
	return be16_at(dns_rr_rdata(m, rr)); /* RFC 4034 s3.1.1; dns_msg_parse() checked the layout */
}

static void signer_of(const struct dns_msg *m, const struct dns_rr *rr, struct dns_name *ret)
{
	size_t at = rr->rdata_at + 18; /* RFC 4034 s3.1 */
	bool sound = dns_name_read(m->bytes, m->len, &at, ret);

	ASSERT(sound); /* dns_msg_parse() read the same bytes */
}

static uint32_t at_most(uint32_t ttl, uint32_t max)
{
	return ttl < max ? ttl : max;
}

/* The whole response code, with the part that is in OPT (RFC 6891 s6.1.3). */
static unsigned rcode_of(const struct dns_msg *m)
{
	struct dns_walk w = dns_walk_section(m, SECTION_ADDITIONAL);
	unsigned code = m->flags & DNS_RCODE;
	struct dns_rr rr;

	while (dns_walk_next(&w, &rr))
		if (rr.type == TYPE_OPT)
			code |= rr.ttl >> 24 << 4;
	return code;
}

static enum scrub judge_head(const struct dns_msg *m)
{
	unsigned code = rcode_of(m);

	if (!(m->flags & DNS_QR) || (m->flags & DNS_OPCODE) != 0)
		return SCRUB_ODD;
	if (m->flags & DNS_TC)
		return SCRUB_CUT;
	if (code == RCODE_SERVFAIL)
		return SCRUB_FAILED;
	return code == RCODE_NOERROR || code == RCODE_NXDOMAIN ? SCRUB_TAKEN : SCRUB_REFUSED;
}

/* --- the answer section --- */

static void look_at(const struct job *j, struct found *ret)
{
	struct dns_walk w = dns_walk_section(j->m, SECTION_ANSWER);
	struct dns_rr rr;

	*ret = (struct found){ .data = 0 };
	while (dns_walk_next(&w, &rr)) {
		if (!is_in(&rr) || !dns_rr_is_owned_by(j->m, &rr, &j->at))
			continue;
		if (rr.type == j->m->question.type)
			ret->data++;
		else if (rr.type == TYPE_CNAME && ret->cnames++ == 0)
			dns_rr_target(j->m, &rr, &ret->target);
	}
}

/* RFC 2181 s5: the same record twice is one record. Data with compressed names in it may look different, and stays. */
static bool is_repeated(const struct dns_msg *m, const struct dns_rr *rr, const struct dns_name *owner)
{
	struct dns_walk w = dns_walk_section(m, SECTION_ANSWER);
	struct dns_rr other;

	while (dns_walk_next(&w, &other) && other.owner_at < rr->owner_at)
		if (other.type == rr->type && other.class == rr->class && other.rdata_len == rr->rdata_len &&
			bytes_equal(dns_rr_rdata(m, &other), dns_rr_rdata(m, rr), rr->rdata_len) &&
			dns_rr_is_owned_by(m, &other, owner))
			return true;
	return false;
}

/* Copies the records of @type at the end of the chain, and the signatures over them. */
static void copy_set(struct job *j, uint16_t type)
{
	struct dns_walk w = dns_walk_section(j->m, SECTION_ANSWER);
	struct dns_rr rr;

	while (dns_walk_next(&w, &rr) && !j->d.w.full) {
		bool is_signature = rr.type == TYPE_RRSIG && covered_type(j->m, &rr) == type;

		if ((rr.type != type && !is_signature) || !is_in(&rr) ||
			!dns_rr_is_owned_by(j->m, &rr, &j->at) || is_repeated(j->m, &rr, &j->at))
			continue;
		dns_wr_copy(&j->d, SECTION_ANSWER, j->m, &rr, at_most(rr.ttl, SCRUB_TTL_MAX));
		if (is_signature)
			signer_of(j->m, &rr, &j->signer);
	}
}

static bool has_dname(const struct dns_msg *m)
{
	struct dns_walk w = dns_walk_section(m, SECTION_ANSWER);
	struct dns_rr rr;

	while (dns_walk_next(&w, &rr))
		if (rr.type == TYPE_DNAME)
			return true;
	return false;
}

/* Copies the chain; false if it contradicts itself or is too long. @ret says what is at its end. */
static bool copy_chain(struct job *j, struct found *ret)
{
	for (;;) {
		look_at(j, ret);
		if (ret->cnames > 1 || (ret->cnames == 1 && ret->data > 0) || j->steps > CHAIN_MAX)
			return false;
		if (ret->cnames == 0)
			return true;
		copy_set(j, TYPE_CNAME);
		j->at = ret->target;
		j->steps++;
	}
}

/* --- the authority section --- */

static bool is_proof(const struct dns_msg *m, const struct dns_rr *rr)
{
	uint16_t type = rr->type == TYPE_RRSIG ? covered_type(m, rr) : rr->type;

	return type == TYPE_NSEC || type == TYPE_NSEC3;
}

static bool is_of_zone(const struct dns_msg *m, const struct dns_rr *rr, const struct dns_name *zone)
{
	struct dns_name owner;

	dns_rr_owner(m, rr, &owner);
	return dns_name_is_under(&owner, zone);
}

/* NSEC and NSEC3 records of @zone; of a "no", the signatures of its SOA record, too. */
static void copy_proofs(struct job *j, const struct dns_name *zone, bool is_no)
{
	struct dns_walk w = dns_walk_section(j->m, SECTION_AUTHORITY);
	uint32_t most = is_no ? SCRUB_TTL_NO_MAX : SCRUB_TTL_MAX;
	struct dns_rr rr;

	while (dns_walk_next(&w, &rr) && !j->d.w.full) {
		bool is_wanted = is_proof(j->m, &rr) ||
				 (is_no && rr.type == TYPE_RRSIG && covered_type(j->m, &rr) == TYPE_SOA);

		if (is_wanted && is_in(&rr) && is_of_zone(j->m, &rr, zone))
			dns_wr_copy(&j->d, SECTION_AUTHORITY, j->m, &rr, at_most(rr.ttl, most));
	}
}

static bool find_soa(const struct job *j, struct dns_rr *ret)
{
	struct dns_walk w = dns_walk_section(j->m, SECTION_AUTHORITY);
	struct dns_name zone;
	struct dns_rr rr;

	while (dns_walk_next(&w, &rr)) {
		if (rr.type != TYPE_SOA || !is_in(&rr))
			continue;
		dns_rr_owner(j->m, &rr, &zone);
		if (dns_name_is_under(&j->at, &zone)) {
			*ret = rr;
			return true;
		}
	}
	return false;
}

/*
 * RFC 2308 s2: a "no" has an SOA record. Some resolvers leave it out for names of their own; without one, and without
 * a sign that the server has looked (RA or AA), it is a referral, or from a server that does not follow the chain.
 */
static bool copy_no(struct job *j)
{
	struct dns_name zone;
	struct dns_rr soa;

	if (!find_soa(j, &soa))
		return j->steps == 0 && j->m->count[SECTION_AUTHORITY] == 0 &&
		       (j->m->flags & (DNS_RA | DNS_AA)) != 0;
	dns_rr_owner(j->m, &soa, &zone);
	dns_wr_copy(&j->d, SECTION_AUTHORITY, j->m, &soa,
		at_most(dns_rr_negative_ttl(j->m, &soa), SCRUB_TTL_NO_MAX));
	copy_proofs(j, &zone, true);
	return true;
}

static bool copy_data(struct job *j)
{
	if ((j->m->flags & DNS_RCODE) == RCODE_NXDOMAIN)
		return false; /* there is no such name, and it has data */
	copy_set(j, j->m->question.type);
	if (j->signer.len > 0) /* of a wildcard: RFC 4035 s3.1.3.3 */
		copy_proofs(j, &j->signer, false);
	return true;
}

enum scrub scrub_reply(const struct dns_msg *m, uint8_t out[static SCRUBBED_MAX], size_t *ret_len)
{
	struct job j = { .m = m, .at = m->question.name };
	enum scrub head = judge_head(m);
	struct found found;

	if (head != SCRUB_TAKEN)
		return head;
	dns_wr_begin(&j.d, out, SCRUBBED_MAX);
	dns_wr_question(&j.d, &m->question);
	if (has_dname(m) || !copy_chain(&j, &found))
		return SCRUB_ODD;
	j.signer.len = 0;
	if (!(found.data > 0 ? copy_data(&j) : copy_no(&j)) || j.d.w.full)
		return SCRUB_ODD;
	*ret_len = dns_wr_end(&j.d, 0, (uint16_t)(DNS_QR | DNS_RD | DNS_RA | (m->flags & DNS_RCODE)));
	return SCRUB_TAKEN;
}
