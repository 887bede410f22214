/*
 * fuzz_dns_synth.c - any two answers of the world, any policy: what a client gets
 *
 * Input: two bytes of switches, the length of the first message (16 bits), the first message, the second one.
 * The question is that of the first message. The reply must be readable, must fit, and must keep the promises
 * that do not depend on what the answers say.
 */
#include "addr/embed.h"
#include "dns64/reply.h"

#include <stdlib.h>

static void require(bool ok)
{
	if (!ok)
		abort();
}

static struct dns64_policy policy_of(uint8_t bits)
{
	static const struct prefix6 other = { { UINT64_C(0x20010db800000000), 0 }, 40 };
	struct dns64_policy c = {
		.prefixes = { WELL_KNOWN_PREFIX, other },
		.prefixes_len = bits & 3,
		.exclude_aaaa = { { { 0, UINT64_C(0x0000ffff00000000) }, 96 } },
		.exclude_aaaa_len = bits >> 2 & 1,
		.exclude_a = { { { 0xcb007100 }, 24 } },
		.exclude_a_len = bits >> 3 & 1,
		.allow_non_global = bits & 16,
		.ranges = { { { { 0x0a000000 }, 8 }, other } },
		.ranges_len = bits >> 7,
		.always = { { 1, "" } }, /* the root: all names */
		.always_len = bits >> 7,
		.ptr_is_direct = bits >> 7,
		.lend = { { 1, "" } },
		.lend_len = bits >> 4 & 1,
	};

	if (c.prefixes_len == 3)
		c.prefixes_len = 2;
	return c;
}

static struct lookup lookup_of(const uint8_t *bytes, size_t len, unsigned trust)
{
	struct lookup l = { .is_done = true, .rcode = RCODE_SERVFAIL, .trust = (enum trust)(trust % 3) };

	l.has_msg = dns_msg_parse(bytes, len, &l.msg);
	if (l.has_msg)
		l.rcode = l.msg.flags & DNS_RCODE;
	return l;
}

/* RFC 6147 s5.1.4: excluded records "MUST NOT" be part of a response to a AAAA query; s5.5: AD only with DO.
 */
static void check_promises(
	const struct synth_input *in, const struct synth_verdict *v, const struct dns_msg *m)
{
	const struct synth_query *q = in->query;
	bool is_raw = q->dnssec_ok && q->checking_disabled;
	struct dns_walk w = dns_walk_section(m, SECTION_ANSWER);
	struct dns_rr rr;

	require(!(m->flags & DNS_AD) || q->dnssec_ok);
	require(!is_raw || (v->kind != SYNTH_SYNTHESIZED && v->kind != SYNTH_LENT));
	require(in->first->trust != TRUST_BOGUS || (v->kind != SYNTH_SYNTHESIZED && v->kind != SYNTH_LENT));
	require(v->kind != SYNTH_LENT || (in->second->trust != TRUST_BOGUS && !(m->flags & DNS_AD)));
	while (dns_walk_next(&w, &rr)) {
		if (rr.type == TYPE_AAAA && in->plan->kind == PLAN_AAAA && !is_raw &&
			in->policy->exclude_aaaa_len > 0 && v->kind != SYNTH_SYNTHESIZED &&
			in->first->trust != TRUST_BOGUS && v->rcode == RCODE_NOERROR)
			require(!prefix6_contains(
				in->policy->exclude_aaaa[0], addr6_at(dns_rr_rdata(m, &rr))));
		if (rr.type == TYPE_RRSIG && !q->dnssec_ok)
			require(q->question.type == TYPE_RRSIG || q->question.type == TYPE_ANY);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t out[DNS_MESSAGE_MAX];
	struct rd r = rd_of(data, len);
	uint8_t bits, more;
	uint16_t first_len;

	if (!rd_u8(&r, &bits) || !rd_u8(&r, &more) || !rd_be16(&r, &first_len))
		return 0;
	const uint8_t *first_at = rd_take(&r, first_len);

	if (!first_at)
		return 0;
	struct lookup first = lookup_of(first_at, first_len, more & 3u);
	struct lookup second = lookup_of(r.at, rd_left(&r), more >> 2 & 3u);

	if (!first.has_msg)
		return 0;
	struct dns64_policy policy = policy_of(bits);
	struct query q = { .has_question = true, .has_edns = more & 16 };
	struct synth_plan plan;
	struct synth_verdict v;

	q.ask.question = first.msg.question;
	q.ask.dnssec_ok = q.has_edns && more & 32;
	q.ask.checking_disabled = more & 64;
	first.has_msg = !(more & 128);
	second.is_done = !(bits & 32);
	synth_plan(&policy, &q.ask, &plan);
	struct synth_input in = {
		.policy = &policy,
		.query = &q.ask,
		.plan = &plan,
		.first = &first,
		.second = &second,
	};

	synth_judge(&in, &v);
	if (v.kind == SYNTH_NEED_SECOND) {
		require((plan.kind == PLAN_AAAA || plan.kind == PLAN_LEND) && !second.is_done);
		return 0;
	}
	require(v.loans_len <= SYNTH_TARGETS_MAX && (v.kind == SYNTH_LENT) == (v.loans_len > 0));
	for (unsigned i = 0; i < v.loans_len; i++)
		v.loans[i].is_lent = i % 2 == 0;
	struct reply reply = { .query = &q, .in = &in, .verdict = &v };
	size_t limit = bits & 64 ? 512 : sizeof(out);
	bool cut;
	size_t n = reply_build(&reply, out, limit, &cut);
	struct dns_msg m;

	require(n <= limit && dns_msg_parse(out, n, &m));
	check_promises(&in, &v, &m);
	return 0;
}
