/* synth_plan.c - which queries are special, and what to ask for them (RFC 6147 s5.1, s5.3.1; RFC 8880) */
#include "dns64/synth.h"

#include "addr/embed.h"
#include "dns64/ipv4only.h"
#include "dns64/reverse.h"
#include "dns64/synth_record.h"

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

/* The longest of @best and @p that holds all that @r says. */
static const struct prefix6 *better_prefix(
	const struct prefix6 *best, const struct prefix6 *p, const struct reverse6 *r)
{
	bool holds = r->nibbles >= p->len / 4u && prefix6_contains(*p, r->addr);

	return holds && (!best || p->len > best->len) ? p : best;
}

static void plan_reverse(const struct dns64_policy *p, const struct dns_question *q, struct synth_plan *ret)
{
	const struct prefix6 *best = NULL;
	struct reverse6 r;

	if (!reverse6_read(&q->name, &r))
		return;
	for (unsigned i = 0; i < p->prefixes_len; i++)
		best = better_prefix(best, &p->prefixes[i], &r);
	for (unsigned i = 0; i < p->ranges_len; i++)
		best = better_prefix(best, &p->ranges[i].prefix, &r);
	if (best)
		plan_in_prefix(*best, &r, q, ret);
}

/* How many bytes the longest domain of a list has that @n is in; 0: it is in none. */
static unsigned longest_domain(const struct dns_name *list, unsigned len, const struct dns_name *n)
{
	unsigned best = 0;

	for (unsigned i = 0; i < len; i++)
		if (list[i].len > best && dns_name_is_under(n, &list[i]))
			best = list[i].len;
	return best;
}

/* A domain is not in both lists, so the two lengths only are the same if both are 0. */
static void plan_aaaa(const struct dns64_policy *p, const struct dns_name *n, struct synth_plan *ret)
{
	unsigned never = longest_domain(p->never, p->never_len, n);
	unsigned always = longest_domain(p->always, p->always_len, n);

	ret->kind = never > always ? PLAN_NATIVE : PLAN_AAAA;
	ret->ignores_aaaa = always > never;
}

/* Whether a host of this name is lent an address if it has none. */
static bool is_lent(const struct dns64_policy *p, const struct dns_question *q)
{
	return q->type == TYPE_A && longest_domain(p->lend, p->lend_len, &q->name) > 0;
}

/* "192-0-2-1", as http_rewrite.h writes it: four decimal numbers without leading zeros. */
static bool read_literal(const uint8_t *label, struct addr4 *ret)
{
	char text[ADDR4_TEXT];
	size_t len = label[0];

	if (len >= sizeof(text))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (label[1 + i] != '-' && (label[1 + i] < '0' || label[1 + i] > '9'))
			return false;
		text[i] = label[1 + i] == '-' ? '.' : (char)label[1 + i];
	}
	text[len] = '\0';
	return addr4_parse(text, ret);
}

/* Names that stand for addresses, below a domain that is ours; all others there are the world's. */
static void plan_literal(const struct dns64_policy *p, const struct dns_question *q, struct synth_plan *ret)
{
	struct prefix6 prefixes[DNS64_PREFIX_MAX];
	const struct dns_name *n = &q->name;

	for (unsigned i = 0; i < p->literals_len; i++) {
		const struct dns_name *zone = &p->literals[i];

		if (n->len != zone->len + 1 + n->wire[0] || !dns_name_is_under(n, zone) ||
			!read_literal(n->wire, &ret->literal))
			continue;
		if (q->type == TYPE_A)
			plan_local(ret, LOCAL_LITERAL_A, zone);
		else if (q->type == TYPE_AAAA && !synth_a_is_excluded(p, ret->literal) &&
			 synth_prefixes(p, ret->literal, prefixes) > 0)
			plan_local(ret, LOCAL_LITERAL_AAAA, zone);
		else
			plan_local(ret, LOCAL_NODATA, zone);
		return;
	}
}

static void plan_special(
	const struct dns64_policy *p, const struct dns_question *q, bool wants_raw, struct synth_plan *ret)
{
	if (dns_name_is_under(&q->name, &ipv4only_arpa)) {
		plan_ipv4only(q, ret);
		return;
	}
	if (!wants_raw)
		plan_reverse(p, q, ret);
	if (!wants_raw && ret->kind == PLAN_ASK)
		plan_literal(p, q, ret);
	if (ret->kind == PLAN_ASK && q->type == TYPE_AAAA)
		plan_aaaa(p, &q->name, ret);
}

void synth_plan(const struct dns64_policy *p, const struct synth_query *q, struct synth_plan *ret)
{
	bool wants_raw = q->dnssec_ok && q->checking_disabled; /* RFC 6147 s5.5 item 3 */

	*ret = (struct synth_plan){ .kind = PLAN_ASK, .first = q->question };
	if (q->question.class != CLASS_IN)
		return;
	if (p->prefixes_len > 0)
		plan_special(p, &q->question, wants_raw, ret);
	if (ret->kind == PLAN_ASK && !wants_raw && is_lent(p, &q->question))
		ret->kind = PLAN_LEND;
}
