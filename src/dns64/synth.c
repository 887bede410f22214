/*
 * synth.c - what a client is answered (RFC 6147 s5)
 *
 * The centre is struct synth_input: who asks (policy), what is asked (query), what the plan was, and what the
 * world said to at most two questions. synth_judge() turns it into a struct synth_verdict, which names one of
 * six bodies; the writers in synth_write.c follow it without deciding anything more.
 *
 * A AAAA query takes this way:
 *
 *	AAAA lookup: data left after exclusion -------> SYNTH_NATIVE          s5.1.1, s5.1.4
 *	             bogus ---------------------------> SYNTH_BOGUS           s5.5
 *	             NXDOMAIN ------------------------> SYNTH_NXDOMAIN        s5.1.2
 *	             empty, excluded, error, timeout --> A lookup             s5.1.2, s5.1.3, s5.1.4
 *	A lookup:    failed, or another response code -> that                 s5.1.6
 *	             bogus ---------------------------> SYNTH_BOGUS           s5.5
 *	             secure, but AAAA failed ----------> SYNTH_UNPROVEN       s5.5
 *	             no usable record ----------------> SYNTH_NODATA          s5.1.6, s5.4
 *	             usable records ------------------> SYNTH_SYNTHESIZED     s5.1.7
 *
 * Two sentences of the RFC meet where the AAAA lookup of a signed name fails: s5.1.2 treats an error as an
 * empty answer, s5.5 wants the empty answer validated "before proceeding". An attacker who can lose packets
 * could otherwise turn off the real AAAA records of a signed name. The A lookup settles it: if it is secure,
 * the name lies in a signed zone, a proof must exist, and without it the answer is SERVFAIL; if it is
 * insecure, there was nothing to prove.
 *
 * CD without DO is not in the table of s5.5: such a client cannot validate, so it gets synthesis. Data that
 * failed validation is handed to any client that sets CD, but nothing is ever synthesized from it.
 *
 * Which prefixes stand for an A record depends on its range (synth_prefixes()). A domain may be exempt both
 * ways: PLAN_NATIVE never asks for A; with ignores_aaaa every AAAA record counts as an excluded one. What counts
 * is the name that was asked for, not where its chain leads.
 *
 * The other direction, A records for hosts that have none (DNS46), is judged in synth_lend.c.
 *
 * Deliberately not done: synthesis from and for other classes.
 *
 * Standards: RFC 6147, RFC 6052 s3.1, RFC 7050, RFC 8880, RFC 2308 s5, RFC 4035 s3.2.
 */
#include "dns64/synth.h"

#include "dns64/synth_record.h"

#include "addr/special.h"
#include "addr/embed.h"

#define NO_SOA_TTL 600 /* RFC 6147 s5.1.7, seconds, if the negative answer had no SOA record */

bool synth_aaaa_is_excluded(const struct synth_input *in, struct addr6 a)
{
	const struct dns64_policy *p = in->policy;

	for (unsigned i = 0; i < p->exclude_aaaa_len; i++)
		if (prefix6_contains(p->exclude_aaaa[i], a))
			return true;
	return in->plan->ignores_aaaa;
}

bool synth_a_is_excluded(const struct dns64_policy *p, struct addr4 a)
{
	for (unsigned i = 0; i < p->exclude_a_len; i++)
		if (prefix4_contains(p->exclude_a[i], a))
			return true;
	return false;
}

/* RFC 6052 s3.1 */
static bool may_embed(const struct dns64_policy *p, struct prefix6 prefix, struct addr4 a)
{
	struct prefix6 well_known = WELL_KNOWN_PREFIX;
	bool is_well_known = prefix.len == well_known.len && addr6_eq(prefix.addr, well_known.addr);

	return !is_well_known || p->allow_non_global || special4_is_global(a);
}

static const struct dns64_range *longest_range(const struct dns64_policy *p, struct addr4 a)
{
	const struct dns64_range *best = NULL;

	for (unsigned i = 0; i < p->ranges_len; i++) {
		const struct dns64_range *r = &p->ranges[i];

		if (prefix4_contains(r->ipv4, a) && (!best || r->ipv4.len > best->ipv4.len))
			best = r;
	}
	return best;
}

/* Several prefixes may be given for one range, each in an entry of its own. */
unsigned synth_prefixes(
	const struct dns64_policy *p, struct addr4 a, struct prefix6 ret[static DNS64_PREFIX_MAX])
{
	const struct dns64_range *range = longest_range(p, a);
	unsigned n = 0;

	for (unsigned i = 0; range && i < p->ranges_len && n < DNS64_PREFIX_MAX; i++)
		if (p->ranges[i].ipv4.len == range->ipv4.len &&
			prefix4_contains(range->ipv4, p->ranges[i].ipv4.addr) &&
			may_embed(p, p->ranges[i].prefix, a))
			ret[n++] = p->ranges[i].prefix;
	for (unsigned i = 0; !range && i < p->prefixes_len; i++)
		if (may_embed(p, p->prefixes[i], a))
			ret[n++] = p->prefixes[i];
	return n;
}

/* What the answer section holds for a policy. */
struct tally {
	unsigned usable;
	unsigned excluded;
	unsigned not_global;
};

static struct tally tally_aaaa(const struct synth_input *in)
{
	const struct dns_msg *m = &in->first->msg;
	struct dns_walk w = dns_walk_section(m, SECTION_ANSWER);
	struct tally t = { 0 };
	struct dns_rr rr;

	while (dns_walk_next(&w, &rr)) {
		if (rr.type != TYPE_AAAA)
			continue;
		if (synth_aaaa_is_excluded(in, addr6_at(dns_rr_rdata(m, &rr))))
			t.excluded++;
		else
			t.usable++;
	}
	return t;
}

static void tally_one_a(const struct dns64_policy *p, struct addr4 a, struct tally *t)
{
	struct prefix6 prefixes[DNS64_PREFIX_MAX];

	if (synth_a_is_excluded(p, a)) {
		t->excluded++;
		return;
	}
	if (synth_prefixes(p, a, prefixes) > 0)
		t->usable++;
	else
		t->not_global++;
}

/* Only the A records of the name at the end of the chain are an answer (RFC 6147 s5.1.5). */
static struct tally tally_a(const struct dns64_policy *p, const struct dns_msg *m)
{
	struct dns_walk w = dns_walk_section(m, SECTION_ANSWER);
	struct tally t = { 0 };
	struct dns_name end;
	struct dns_rr rr;

	dns_msg_chain_end(m, &end);
	while (dns_walk_next(&w, &rr))
		if (rr.type == TYPE_A && dns_rr_is_owned_by(m, &rr, &end))
			tally_one_a(p, addr4_at(dns_rr_rdata(m, &rr)), &t);
	return t;
}

static bool has_answer(const struct lookup *l, uint16_t type)
{
	struct dns_walk w = dns_walk_section(&l->msg, SECTION_ANSWER);
	struct dns_rr rr;

	while (dns_walk_next(&w, &rr))
		if (rr.type == type || type == TYPE_ANY)
			return true;
	return false;
}

static enum synth_kind kind_of(const struct lookup *l, uint16_t type)
{
	if (l->rcode == RCODE_NXDOMAIN)
		return SYNTH_NXDOMAIN;
	if (l->rcode == RCODE_SERVFAIL)
		return SYNTH_FAILED;
	if (l->rcode != RCODE_NOERROR)
		return SYNTH_OTHER;
	return has_answer(l, type) ? SYNTH_NATIVE : SYNTH_NODATA;
}

void synth_judge_failure(enum synth_kind kind, struct synth_verdict *ret)
{
	*ret = (struct synth_verdict){ .kind = kind, .body = BODY_NONE, .rcode = RCODE_SERVFAIL };
}

/* Passes a result on, as any resolver would. AD only for clients that set DO: RFC 6147 s5.5 items 1 and 2. */
void synth_judge_native(const struct synth_query *q, const struct lookup *l, struct synth_verdict *ret)
{
	if (l->trust == TRUST_BOGUS && !(q->checking_disabled && l->has_msg)) {
		synth_judge_failure(SYNTH_BOGUS, ret);
		return;
	}
	if (!l->has_msg) {
		synth_judge_failure(SYNTH_FAILED, ret);
		return;
	}
	*ret = (struct synth_verdict){
		.kind = kind_of(l, q->question.type),
		.body = BODY_COPY,
		.rcode = l->rcode,
		.is_authentic = q->dnssec_ok && l->trust == TRUST_SECURE,
		.from = l,
	};
}

/* RFC 6147 s5.1.7 and RFC 2308 s5: how long the lack of AAAA may be believed. */
uint32_t synth_negative_ttl(const struct lookup *aaaa)
{
	struct dns_rr rr;

	if (!aaaa->has_msg)
		return NO_SOA_TTL;
	struct dns_walk w = dns_walk_section(&aaaa->msg, SECTION_AUTHORITY);

	while (dns_walk_next(&w, &rr))
		if (rr.type == TYPE_SOA)
			return dns_rr_negative_ttl(&aaaa->msg, &rr);
	return NO_SOA_TTL;
}

/* RFC 6147 s5.4: no data of either family is answered with the AAAA lookup's own answer, if that is
 * presentable. */
static void judge_no_aaaa(
	const struct synth_input *in, struct tally a, bool first_is_empty, struct synth_verdict *ret)
{
	if (first_is_empty)
		synth_judge_native(in->query, in->first, ret);
	else
		*ret = (struct synth_verdict){ .body = BODY_AAAA, .from = in->second };
	ret->kind = SYNTH_NODATA;
	ret->note = a.not_global ? NOTE_A_NOT_GLOBAL : a.excluded ? NOTE_A_EXCLUDED : NOTE_NO_A;
}

/* There are no usable AAAA records; the A lookup is done (RFC 6147 s5.1.6). */
static void judge_a(const struct synth_input *in, bool first_is_empty, struct synth_verdict *ret)
{
	const struct lookup *first = in->first, *second = in->second;
	bool first_has_failed = !first->has_msg || first->rcode != RCODE_NOERROR;

	if (second->trust == TRUST_BOGUS && in->query->checking_disabled) {
		synth_judge_native(in->query, first, ret); /* nothing is made from what is false */
		return;
	}
	if (second->trust != TRUST_BOGUS && first_has_failed && second->trust == TRUST_SECURE) {
		synth_judge_failure(SYNTH_UNPROVEN, ret);
		return;
	}
	if (!second->has_msg || second->trust == TRUST_BOGUS || second->rcode != RCODE_NOERROR) {
		synth_judge_native(in->query, second, ret);
		ret->is_authentic = ret->is_authentic && first->trust == TRUST_SECURE;
		return;
	}
	struct tally a = tally_a(in->policy, &second->msg);

	if (a.usable == 0) {
		judge_no_aaaa(in, a, first_is_empty, ret);
		return;
	}
	*ret = (struct synth_verdict){
		.kind = SYNTH_SYNTHESIZED,
		.body = BODY_AAAA,
		.rcode = RCODE_NOERROR,
		.is_authentic =
			in->query->dnssec_ok && first->trust == TRUST_SECURE && second->trust == TRUST_SECURE,
		.from = second,
		.ttl_max = synth_negative_ttl(first),
	};
}

/* AAAA records of a name, less those that count as absent; the tally is of all. */
static struct tally judge_records(const struct synth_input *in, struct synth_verdict *ret)
{
	const struct lookup *first = in->first;
	struct tally t = { 0 };

	if (first->has_msg && first->rcode == RCODE_NOERROR)
		t = tally_aaaa(in);
	ret->drops_excluded = ret->has_excluded = t.excluded > 0;
	ret->is_authentic = ret->is_authentic && t.excluded == 0;
	return t;
}

/* RFC 6147 s5.5 item 3: the client does it all itself. */
static bool wants_raw(const struct synth_query *q)
{
	return q->dnssec_ok && q->checking_disabled;
}

bool synth_is_final(const struct lookup *first)
{
	return first->trust == TRUST_BOGUS || (first->has_msg && first->rcode == RCODE_NXDOMAIN);
}

static void judge_aaaa(const struct synth_input *in, struct synth_verdict *ret)
{
	const struct lookup *first = in->first;

	synth_judge_native(in->query, first, ret);
	if (wants_raw(in->query)) {
		ret->note = ret->kind == SYNTH_NODATA ? NOTE_CHECKING_DISABLED : NOTE_NONE;
		return;
	}
	if (synth_is_final(first))
		return;
	struct tally t = judge_records(in, ret);

	if (t.usable > 0)
		return;
	if (!in->second || !in->second->is_done)
		*ret = (struct synth_verdict){ .kind = SYNTH_NEED_SECOND };
	else
		judge_a(in, first->has_msg && first->rcode == RCODE_NOERROR && t.excluded == 0, ret);
	ret->has_excluded = t.excluded > 0;
	ret->drops_excluded = true;
}

/* A name that the operator exempts: its AAAA records, less the excluded ones, or none. */
static void judge_exempt(const struct synth_input *in, struct synth_verdict *ret)
{
	synth_judge_native(in->query, in->first, ret);
	if (wants_raw(in->query) || synth_is_final(in->first))
		return;
	struct tally t = judge_records(in, ret);

	if (ret->kind != SYNTH_NATIVE && ret->kind != SYNTH_NODATA)
		return;
	ret->kind = t.usable > 0 ? SYNTH_NATIVE : SYNTH_NODATA;
	ret->note = t.usable > 0 ? NOTE_NONE : NOTE_EXEMPT;
}

/*
 * RFC 6147 s5.3.1, the second way. "SHOULD ensure that there is RDATA at the PTR of the corresponding
 * IN-ADDR.ARPA name": if there is none, there is no CNAME either, but the plain "no" that belongs to the name
 * that was asked for.
 */
static void judge_ptr(const struct synth_input *in, struct synth_verdict *ret)
{
	synth_judge_native(in->query, in->first, ret);
	ret->is_authentic = false; /* neither the CNAME nor our SOA record is signed */
	if (ret->kind == SYNTH_NATIVE) {
		ret->kind = SYNTH_PTR;
		ret->body = BODY_PTR;
	} else if (ret->kind == SYNTH_NODATA || ret->kind == SYNTH_NXDOMAIN) {
		ret->body = BODY_NO;
		ret->ttl_max = synth_negative_ttl(in->first);
	}
}

void synth_judge(const struct synth_input *in, struct synth_verdict *ret)
{
	switch (in->plan->kind) {
	case PLAN_AAAA:
		judge_aaaa(in, ret);
		return;
	case PLAN_LEND:
		synth_judge_lend(in, ret);
		return;
	case PLAN_NATIVE:
		judge_exempt(in, ret);
		return;
	case PLAN_PTR:
		judge_ptr(in, ret);
		return;
	case PLAN_ASK:
		synth_judge_native(in->query, in->first, ret);
		return;
	case PLAN_LOCAL:
		*ret = (struct synth_verdict){
			.kind = SYNTH_LOCAL,
			.body = BODY_LOCAL,
			.rcode = in->plan->local == LOCAL_NXDOMAIN ? RCODE_NXDOMAIN : RCODE_NOERROR,
			.is_authoritative = true, /* RFC 8880 s7.1 item 4 */
		};
		return;
	}
}
