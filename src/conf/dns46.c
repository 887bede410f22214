/* dns46.c - the section dns46; see dns46.h */
#include "conf/dns46.h"

#include "addr/embed.h"
#include "addr/lent46.h"
#include "base/bytes.h"
#include "conf/key.h"
#include "conf/pool.h"

#define AT(member) offsetof(struct conf, member)

static void check_pool_alone(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, const void *base)
{
	struct prefix4 p = r->c->nat64.siit.lent_pool;
	const char *fault = pool_address_fault(p.addr);

	if (!fault)
		fault = pool_address_fault((struct addr4){ p.addr.v | ~mask4(p.len) });
	if (fault)
		reading_fault(
			r, reading_line(r, n), "it %s, write a prefix that is routed to this host", fault);
	else if (p.len < LENT46_POOL_SHORTEST)
		reading_fault(r, reading_line(r, n),
			"the prefix has more than 65536 addresses, write one of /%d or longer",
			LENT46_POOL_SHORTEST);
}

const struct conf_key conf_dns46_rows[CONF_DNS46_ROWS] = {
	{ .path = "dns46.pool",
		.shape = &shape_item,
		.at = AT(nat64.siit.lent_pool),
		.of = &item_prefix4,
		.standard = "198.18.0.0/16",
		.change = CONF_CHANGE_RESTART,
		.check = check_pool_alone,
		.help = "The IPv4 addresses that are lent to IPv6-only hosts, all of the prefix; nobody else "
			"may "
			"use them." },
	{ .path = "dns46.domains",
		.shape = &shape_list,
		.at = AT(dns64.policy.lend),
		.len_at = AT(dns64.policy.lend_len),
		.min = 1,
		.max = DNS64_DOMAINS_MAX,
		.of = &item_domain,
		.is_required = true,
		.help = "The domains whose hosts are lent an address if they have no A record; all names "
			"below "
			"them belong to them, and \".\" is all names." },
	{ .path = "dns46.linger",
		.shape = &shape_duration,
		.at = AT(dns64.lend_linger),
		.min = 60,
		.max = 7 * 86400,
		.of = "the life of a record",
		.standard = "2h4m",
		.change = CONF_CHANGE_RESTART,
		.help = "How long an address stays its host's after the last packet and the end of its "
			"record, so "
			"that no connection reaches another host; 2h4m as RFC 5382 REQ-5 has it." },
};
const struct conf_keys conf_dns46_keys = { conf_dns46_rows, CONF_DNS46_ROWS };

/* --- the other sections --- */

static bool prefixes_meet(struct prefix4 a, struct prefix4 b)
{
	return prefix4_contains(a, b.addr) || prefix4_contains(b, a.addr);
}

static bool is_stateful_prefix(const struct nat64_config *c, struct prefix6 p)
{
	for (unsigned i = 0; i < c->prefixes_len; i++)
		if (prefix6_contains(c->prefixes[i], p.addr) || prefix6_contains(p, c->prefixes[i].addr))
			return true;
	return false;
}

/* A host that was lent an address is known by its source alone, so its way to NAT64 must be another one. */
static void check_prefix(struct conf_reading *r, unsigned line)
{
	const struct conf *c = r->c;
	const struct siit_config *s = &c->nat64.siit;
	char text[PREFIX6_TEXT];

	if (!c->has_siit || s->prefixes_len == 0) {
		reading_fault(r, line,
			"servers see IPv4 clients under siit.prefix, which is missing, write siit: with a "
			"prefix of its own such as 2001:db8:46::/96");
		return;
	}
	for (unsigned i = 0; c->has_nat64 && i < s->prefixes_len; i++)
		if (is_stateful_prefix(&c->nat64, s->prefixes[i]))
			reading_fault(r, line,
				"siit.prefix %s is in nat64.prefixes, so hosts that are lent an address "
				"could not "
				"use NAT64 any more, write another siit.prefix",
				prefix6_text(s->prefixes[i], text));
	if (addr6_eq(s->prefixes[0].addr, WELL_KNOWN_PREFIX.addr) && !s->allow_non_global)
		reading_warning(r, line,
			"siit.prefix is 64:ff9b::/96, which does not stand for private addresses, so clients "
			"that "
			"have such are refused; write another siit.prefix, or siit.allow-non-global: true");
}

static void check_addresses(struct conf_reading *r, unsigned line)
{
	const struct conf *c = r->c;
	const struct siit_config *s = &c->nat64.siit;

	for (unsigned i = 0; c->has_siit && i < s->mappings_len; i++)
		if (s->mappings[i].v4.len <= 32 && prefixes_meet(s->mappings[i].v4, s->lent_pool))
			reading_fault(r, line, "it has addresses of siit.mappings[%u], write others", i);
	for (unsigned i = 0; c->has_siit && i < s->translatable_len; i++)
		if (prefixes_meet(s->translatable[i], s->lent_pool))
			reading_fault(r, line, "it has addresses of siit.translatable[%u], write others", i);
}

void dns46_check_pool(struct conf_reading *r)
{
	const struct conf *c = r->c;
	size_t back = path_enter(r, "dns46.pool");

	for (unsigned i = 0; c->has_dns46 && c->has_nat64 && i < c->nat64.state.pool_len; i++) {
		const struct pool_entry *e = &c->nat64.state.pool[i];
		const struct conf_pool_source *s = &c->pool_source[i];

		if (e->lo > e->hi || s->interface[0] || s->is_implied ||
			!prefixes_meet(e->prefix, c->nat64.siit.lent_pool))
			continue;
		reading_fault(r, s->line, "it has addresses of nat64.pool[%u], write others", i);
	}
	path_leave(r, back);
}

void dns46_finish(struct conf_reading *r, const struct conf_node *n)
{
	const struct conf_node *pool = node_find(n, "pool");
	unsigned line = n ? n->key_line : 0;
	size_t back = path_enter(r, "dns46");

	if (!r->c->has_dns64)
		reading_fault(
			r, line, "addresses are lent by the resolver, which is missing, write dns64: too");
	check_prefix(r, line);
	path_enter(r, "pool");
	check_addresses(r, pool ? pool->key_line : line);
	path_leave(r, back);
	if (r->faults == 0)
		dns46_check_pool(r);
}
