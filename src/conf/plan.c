/* plan.c - checks across keys and sections; see plan.h */
#include "conf/plan.h"

#include "addr/embed.h"
#include "base/bytes.h"
#include "conf/dns64.h"
#include "conf/domains.h"
#include "conf/pool.h"
#include "conf/upstream.h"

/* Where a key was written; else where its section was; 0 if there is no file. */
static unsigned key_line(const struct conf_node *section, const char *key)
{
	const struct conf_node *n = node_find(section, key);

	return n ? n->key_line : section ? section->key_line : 0;
}

/* --- nat64 --- */

static bool is_inside(struct prefix6 inner, struct prefix6 outer)
{
	return inner.len >= outer.len && prefix6_contains(outer, inner.addr);
}

void plan_check_prefixes(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, const void *base)
{
	const struct nat64_config *c = &r->c->nat64;
	char inner[PREFIX6_TEXT], outer[PREFIX6_TEXT];

	for (unsigned i = 0; i < c->prefixes_len; i++)
		for (unsigned j = 0; j < c->prefixes_len; j++) {
			if (i == j || !is_inside(c->prefixes[i], c->prefixes[j]))
				continue;
			reading_fault(r, reading_line(r, n), "%s lies inside %s, keep one of them",
				prefix6_text(c->prefixes[i], inner), prefix6_text(c->prefixes[j], outer));
		}
}

static bool prefixes_meet(struct prefix4 a, struct prefix4 b)
{
	return prefix4_contains(a, b.addr) || prefix4_contains(b, a.addr);
}

/* Hosts behind the translator reach each other through pool addresses (RFC 6146 s3.8); a denied one stops
 * that. */
static void warn_denied_pool(struct conf_reading *r, unsigned i)
{
	const struct nat64_config *c = &r->c->nat64;
	char denied[PREFIX4_TEXT];

	if (r->c->pool_source[i].interface[0] || c->state.pool[i].lo > c->state.pool[i].hi)
		return;
	for (unsigned d = 0; d < c->deny_len; d++)
		if (prefixes_meet(c->state.pool[i].prefix, c->deny[d])) {
			reading_warning(r, r->c->pool_source[i].line,
				"nat64.deny has %s, so IPv6 hosts cannot reach each other through this "
				"address, remove one of them",
				prefix4_text(c->deny[d], denied));
			return;
		}
}

/* A list of protocols is of no use if every address is the host's own. */
static void warn_no_address(struct conf_reading *r, const struct conf_node *n)
{
	const struct state_config *s = &r->c->nat64.state;

	for (unsigned i = 0; i < s->pool_len; i++)
		if (!r->c->pool_source[i].interface[0] && !s->pool[i].is_shared)
			return;
	if (s->protocols_len == 0)
		return;
	size_t back = path_enter(r, "nat64.protocols");

	reading_warning(r, key_line(n, "protocols"),
		"a protocol takes a whole address of the pool, and all of them are the host's own, so "
		"nothing is "
		"carried; add an address to nat64.pool that is not shared");
	path_leave(r, back);
}

void plan_check_nat64(struct conf_reading *r, const struct conf_node *n)
{
	size_t back = path_enter(r, "nat64.pool");

	for (unsigned i = 0; i < r->c->nat64.state.pool_len; i++) {
		size_t member = path_enter_member(r, i);

		warn_denied_pool(r, i);
		path_leave(r, member);
	}
	path_leave(r, back);
	warn_no_address(r, n);
	pool_check(r);
}

/* --- dns64 --- */

static bool is_well_known(struct prefix6 p)
{
	return addr6_eq(p.addr, WELL_KNOWN_PREFIX.addr) && p.len == WELL_KNOWN_PREFIX.len;
}

static bool is_routed(const struct nat64_config *c, struct prefix6 p)
{
	for (unsigned i = 0; i < c->siit.prefixes_len; i++)
		if (addr6_eq(c->siit.prefixes[i].addr, p.addr) && c->siit.prefixes[i].len == p.len)
			return true;
	for (unsigned i = 0; i < c->prefixes_len; i++)
		if (addr6_eq(c->prefixes[i].addr, p.addr) && c->prefixes[i].len == p.len)
			return true;
	return false;
}

_Static_assert(DNS64_PREFIX_MAX >= STATE_PREFIXES_MAX, "dns64 can take over all prefixes of nat64");

/* Without a pool, what is synthesized leads to the hosts that have mappings. */
static void take_over_siit(struct conf *c, const struct conf_node *n)
{
	if (!node_find(n, "prefixes") && c->nat64.siit.prefixes_len > 0) {
		c->dns64.policy.prefixes_len = 1;
		c->dns64.policy.prefixes[0] = c->nat64.siit.prefixes[0];
	}
	if (!node_find(n, "allow-non-global"))
		c->dns64.policy.allow_non_global = c->nat64.siit.allow_non_global;
}

/* What is left out follows nat64: there is one address plan. */
static void take_over(struct conf *c, const struct conf_node *n)
{
	if (!node_find(n, "prefixes")) {
		c->dns64.policy.prefixes_len = c->nat64.prefixes_len;
		for (unsigned i = 0; i < c->nat64.prefixes_len; i++)
			c->dns64.policy.prefixes[i] = c->nat64.prefixes[i];
	}
	if (!node_find(n, "allow-non-global"))
		c->dns64.policy.allow_non_global = c->nat64.allow_non_global;
}

static void warn_prefix(struct conf_reading *r, struct prefix6 p, unsigned line)
{
	char text[PREFIX6_TEXT];

	if (is_routed(&r->c->nat64, p))
		return;
	reading_warning(r, line,
		"%s is not in nat64.prefixes, so another translator has to route it; else add it there",
		prefix6_text(p, text));
}

static void warn_prefixes(struct conf_reading *r, const struct conf_node *n)
{
	const struct dns64_policy *p = &r->c->dns64.policy;
	size_t back = path_enter(r, "prefixes");

	for (unsigned i = 0; i < p->prefixes_len; i++)
		warn_prefix(r, p->prefixes[i], key_line(n, "prefixes"));
	path_leave(r, back);
	back = path_enter(r, "ranges");
	for (unsigned i = 0; i < p->ranges_len; i++)
		warn_prefix(r, p->ranges[i].prefix, key_line(n, "ranges"));
	path_leave(r, back);
}

static bool has_well_known(const struct dns64_policy *d)
{
	for (unsigned i = 0; i < d->prefixes_len; i++)
		if (is_well_known(d->prefixes[i]))
			return true;
	return false;
}

static void warn_non_global(struct conf_reading *r, const struct conf_node *n)
{
	const struct conf *c = r->c;

	if (c->dns64.policy.allow_non_global == c->nat64.allow_non_global ||
		!has_well_known(&c->dns64.policy))
		return;
	size_t back = path_enter(r, "allow-non-global");

	if (c->dns64.policy.allow_non_global)
		reading_warning(r, key_line(n, "allow-non-global"),
			"nat64.allow-non-global is false, so the translator drops what is synthesized from "
			"private addresses; write the same in both");
	else
		reading_warning(r, key_line(n, "allow-non-global"),
			"nat64.allow-non-global is true, but nothing is synthesized from private addresses; "
			"write the same in both");
	path_leave(r, back);
}

static void fit_nat64(struct conf_reading *r, const struct conf_node *n)
{
	take_over(r->c, n);
	size_t back = path_enter(r, "dns64");

	warn_prefixes(r, n);
	warn_non_global(r, n);
	path_leave(r, back);
}

static void check_fastpath(struct conf_reading *r, const struct conf_node *n)
{
	const struct dns64_config *c = &r->c->dns64;
	unsigned line = key_line(n, "fastpath");

	if (c->fastpath == DNS64_FASTPATH_OFF)
		return;
	size_t back = path_enter(r, "dns64"), back_key = path_enter(r, "fastpath");

	if (c->fastpath_interfaces_len == 0)
		reading_fault(r, line,
			"nothing says where, write the interfaces under dns64.fastpath-interfaces, such as "
			"[eth0]");
	if (c->answer_cache == 0)
		reading_warning(r, line,
			"there is nothing to give while dns64.answer-cache is 0; write off, or another "
			"number there");
	if (c->per_client.responses_per_second > 0)
		reading_warning(r, line,
			"it gives no answers while dns64.per-client.responses-per-second is set, since it "
			"does not count "
			"them by client; write off, or 0 there");
	if (c->query_log.is_on)
		reading_warning(r, line,
			"it gives no answers while log.queries is on, since the log would miss them; write "
			"off, or "
			"leave the log out");
	path_leave(r, back_key);
	path_leave(r, back);
}

void plan_check_dns64(struct conf_reading *r, const struct conf_node *n)
{
	check_fastpath(r, n);
	upstream_check(r, NULL);
	domains_check(r, NULL);
	if (r->c->has_nat64)
		fit_nat64(r, n);
	else if (r->c->has_siit)
		take_over_siit(r->c, n);
	views_take(r, n);
}
