/* synth_plan.c - which queries are special, and what to ask for them (RFC 6147 s5.1, s5.3.1; RFC 8880) */
#include "dns64/synth.h"

#include "addr/embed.h"
#include "dns64/ipv4only.h"
#include "dns64/reverse.h"

struct synth_policy synth_policy_of(const struct dns64_config *c)
{
	return (struct synth_policy){
		.prefixes = c->prefixes,
		.prefixes_len = c->prefixes_len,
		.exclude_aaaa = c->exclude_aaaa,
		.exclude_aaaa_len = c->exclude_aaaa_len,
		.exclude_a = c->exclude_a,
		.exclude_a_len = c->exclude_a_len,
		.allow_non_global = c->allow_non_global,
	};
}

static void plan_local(struct synth_plan *ret, enum local_answer local, const struct dns_name *zone)
{
	ret->kind = PLAN_LOCAL;
	ret->local = local;
	ret->zone = *zone;
}

/* RFC 8880 s7.1 item 4: answered here, whatever is asked, except DS at the top, which proves the zone
 * insecure. */
static void plan_ipv4only(const struct dns_question *q, struct synth_plan *ret)
{
	if (!dns_name_equal(&q->name, &ipv4only_arpa))
		plan_local(ret, LOCAL_NXDOMAIN, &ipv4only_arpa);
	else if (q->type == TYPE_A)
		plan_local(ret, LOCAL_A, &ipv4only_arpa);
	else if (q->type == TYPE_AAAA)
		plan_local(ret, LOCAL_AAAA, &ipv4only_arpa);
	else if (q->type != TYPE_DS)
		plan_local(ret, LOCAL_NODATA, &ipv4only_arpa);
}

/*
 * A name in the part of ip6.arpa that stands for prefix @p. Names above a whole address are empty inner nodes
 * of the tree: the global tree would call them non-existent, and a client that believed it would never ask
 * below them.
 */
static void plan_in_prefix(
	struct prefix6 p, const struct reverse6 *r, const struct dns_question *q, struct synth_plan *ret)
{
	struct dns_name zone;
	struct addr4 a;

	reverse6_zone(p, &zone);
	if (r->has_more) {
		plan_local(ret, LOCAL_NXDOMAIN, &zone);
		return;
	}
	if (r->nibbles < REVERSE6_NIBBLES) {
		if (q->type != TYPE_DS || r->nibbles > p.len / 4u)
			plan_local(ret, LOCAL_NODATA, &zone);
		return;
	}
	if (embed_extract(p, r->addr, &a) < 0)
		return; /* bits 64 to 71 are not zero: not an address of the translator; the world may know it
			 */
	if (q->type != TYPE_PTR) {
		plan_local(ret, LOCAL_NODATA, &zone);
		return;
	}
	if (ipv4only_is_address(a)) {
		plan_local(ret, LOCAL_PTR, &zone);
		return;
	}
	ret->kind = PLAN_PTR;
	ret->zone = zone;
	reverse4_name(a, &ret->first.name);
}

static void plan_reverse(const struct synth_policy *p, const struct dns_question *q, struct synth_plan *ret)
{
	const struct prefix6 *best = NULL;
	struct reverse6 r;

	if (!reverse6_read(&q->name, &r))
		return;
	for (unsigned i = 0; i < p->prefixes_len; i++) {
		const struct prefix6 *x = &p->prefixes[i];

		if (r.nibbles >= x->len / 4u && prefix6_contains(*x, r.addr) && (!best || x->len > best->len))
			best = x;
	}
	if (best)
		plan_in_prefix(*best, &r, q, ret);
}

void synth_plan(const struct synth_policy *p, const struct synth_query *q, struct synth_plan *ret)
{
	bool wants_raw = q->dnssec_ok && q->checking_disabled; /* RFC 6147 s5.5 item 3 */

	*ret = (struct synth_plan){ .kind = PLAN_ASK, .first = q->question };
	if (p->prefixes_len == 0 || q->question.class != CLASS_IN)
		return;
	if (dns_name_is_under(&q->question.name, &ipv4only_arpa)) {
		plan_ipv4only(&q->question, ret);
		return;
	}
	if (!wants_raw)
		plan_reverse(p, &q->question, ret);
	if (ret->kind == PLAN_ASK && q->question.type == TYPE_AAAA)
		ret->kind = PLAN_AAAA;
}
