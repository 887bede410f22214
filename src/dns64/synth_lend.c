/*
 * synth_lend.c - A records for hosts that have none: DNS46, the mirror of RFC 6147
 *
 *	A lookup:    data ----------------------------> SYNTH_NATIVE
 *	             bogus ---------------------------> SYNTH_BOGUS
 *	             NXDOMAIN ------------------------> SYNTH_NXDOMAIN
 *	             empty, error, timeout -----------> AAAA lookup
 *	AAAA lookup: failed, or another response code -> that
 *	             bogus ---------------------------> SYNTH_BOGUS
 *	             secure, but A failed ------------> SYNTH_UNPROVEN
 *	             no address to lend to -----------> SYNTH_NODATA
 *	             some ----------------------------> SYNTH_LENT
 *
 * Who judges does not lend: the verdict names the hosts, and lender.c of the resolver fills in the addresses. Each record
 * has the same TTL, the lowest of all that it was made from, because the binding expires with it.
 *
 * Differences to RFC 6147. AD is never set: the RFC lets a DNS64 vouch for what it made, but an address that is lent for a
 * minute is nobody's signed data. Of many AAAA records only SYNTH_TARGETS_MAX are used, since each takes an address of the
 * pool.
 *
 * Standards: none has this direction; RFC 6147 s5.1, s5.5 turned around.
 */
#include "dns64/synth.h"

#include "dns64/synth_record.h"

#include "addr/special.h"

/* Other addresses than ours that lead back to a translator would make circles. */
static bool is_translated(const struct dns64_policy *p, struct addr6 a)
{
	for (unsigned i = 0; i < p->prefixes_len; i++)
		if (prefix6_contains(p->prefixes[i], a))
			return true;
	for (unsigned i = 0; i < p->ranges_len; i++)
		if (prefix6_contains(p->ranges[i].prefix, a))
			return true;
	return false;
}

static bool may_be_lent_to(const struct synth_input *in, struct addr6 a)
{
	const struct prefix6 link_local = { { UINT64_C(0xfe80000000000000), 0 }, 10 };

	return special6_is_unicast_source(a) && !prefix6_contains(link_local, a) &&
	       !is_translated(in->policy, a) && !synth_aaaa_is_excluded(in, a);
}

/* The hosts at the end of the chain, and the lowest of their TTLs. */
static void find_targets(const struct synth_input *in, struct synth_verdict *ret)
{
	const struct dns_msg *m = &in->second->msg;
	struct dns_walk w = dns_walk_section(m, SECTION_ANSWER);
	struct dns_name end;
	struct dns_rr rr;

	dns_msg_chain_end(m, &end);
	while (dns_walk_next(&w, &rr) && ret->loans_len < SYNTH_TARGETS_MAX) {
		if (rr.type != TYPE_AAAA || !dns_rr_is_owned_by(m, &rr, &end))
			continue;
		struct addr6 a = addr6_at(dns_rr_rdata(m, &rr));

		if (!may_be_lent_to(in, a))
			continue;
		ret->loans[ret->loans_len++].target = a;
		ret->ttl_max = rr.ttl < ret->ttl_max ? rr.ttl : ret->ttl_max;
	}
}

static uint32_t ttl_of_lack(const struct lookup *a)
{
	uint32_t ttl = synth_negative_ttl(a);

	return ttl < SYNTH_LENT_TTL_MAX ? ttl : SYNTH_LENT_TTL_MAX;
}

/* There is no A record, and the AAAA lookup is done. */
static void judge_targets(const struct synth_input *in, bool first_has_failed, struct synth_verdict *ret)
{
	struct synth_verdict v = {
		.kind = SYNTH_LENT,
		.body = BODY_LENT,
		.rcode = RCODE_NOERROR,
		.from = in->second,
		.ttl_max = ttl_of_lack(in->first),
	};

	find_targets(in, &v);
	if (v.loans_len > 0) {
		*ret = v;
		return;
	}
	if (first_has_failed)
		*ret = (struct synth_verdict){ .body = BODY_LENT, .from = in->second };
	ret->kind = SYNTH_NODATA;
	ret->note = NOTE_NO_TARGET;
}

void synth_judge_lend(const struct synth_input *in, struct synth_verdict *ret)
{
	const struct lookup *first = in->first, *second = in->second;
	bool first_has_failed = !first->has_msg || first->rcode != RCODE_NOERROR;

	synth_judge_native(in->query, first, ret);
	if (synth_is_final(first) || ret->kind == SYNTH_NATIVE)
		return;
	if (!second || !second->is_done) {
		*ret = (struct synth_verdict){ .kind = SYNTH_NEED_SECOND };
		return;
	}
	if (second->trust == TRUST_BOGUS && in->query->checking_disabled)
		return; /* nothing is made from what is false */
	if (first_has_failed && second->trust == TRUST_SECURE)
		synth_judge_failure(SYNTH_UNPROVEN, ret);
	else if (!second->has_msg || second->trust == TRUST_BOGUS || second->rcode != RCODE_NOERROR)
		synth_judge_native(in->query, second, ret);
	else
		judge_targets(in, first_has_failed, ret);
	ret->is_authentic = false;
}
