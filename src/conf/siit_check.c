/* siit_check.c - mappings against each other, against the prefixes and the pool; see siit.h */
#include "addr/special.h"
#include "base/bytes.h"
#include "conf/key.h"
#include "conf/pool.h"
#include "conf/siit.h"

#define HOSTS6_LEN_MIN 8 /* a shorter IPv4 prefix that leads to the translator is a slip */

static bool is_unread(const struct eam *e)
{
	return e->v4.len > 32;
}

static bool is_inside4(struct prefix4 inner, struct prefix4 outer)
{
	return inner.len >= outer.len && prefix4_contains(outer, inner.addr);
}

static bool is_inside6(struct prefix6 inner, struct prefix6 outer)
{
	return inner.len >= outer.len && prefix6_contains(outer, inner.addr);
}

static bool is_same4(struct prefix4 a, struct prefix4 b)
{
	return a.len == b.len && addr4_eq(a.addr, b.addr);
}

static bool is_same6(struct prefix6 a, struct prefix6 b)
{
	return a.len == b.len && addr6_eq(a.addr, b.addr);
}

/* --- one mapping --- */

static const struct prefix6 link_local6 = { { UINT64_C(0xfe80000000000000), 0 }, 10 };

static struct addr4 last_of(struct prefix4 p)
{
	return (struct addr4){ p.addr.v | ~mask4(p.len) };
}

/* The prefix that is routed to the translator, and the one whose hosts are sent to. */
static void check_alone(struct conf_reading *r, const struct eam *e, unsigned line)
{
	char text[PREFIX6_TEXT];

	if (e->hosts == EAM_HOSTS_IPV6 && e->v4.len < HOSTS6_LEN_MIN)
		reading_fault(r, line,
			"%s would lead a part of the internet to this host, write a longer IPv4 prefix, or "
			"hosts: ipv4 if the "
			"hosts are on the IPv4 side",
			prefix4_text(e->v4, text));
	else if (e->hosts == EAM_HOSTS_IPV6 &&
		 (pool_address_fault(e->v4.addr) || pool_address_fault(last_of(e->v4))))
		reading_fault(r, line,
			"%s has addresses that no host can have, write addresses that are routed to this "
			"host",
			prefix4_text(e->v4, text));
	else if (e->v6.len > 0 && !special6_is_unicast_source(e->v6.addr))
		reading_fault(r, line,
			"%s has addresses that no host can have, write the addresses of IPv6 hosts",
			prefix6_text(e->v6, text));
	else if (is_inside6(e->v6, link_local6))
		reading_fault(r, line,
			"%s is link-local, which routers do not forward, write addresses that are routed",
			prefix6_text(e->v6, text));
}

/* --- two mappings --- */

/* RFC 7757 s5: an address of the outer one that goes to the inner one does not come back. */
static void warn_asymmetry(struct conf_reading *r, unsigned inner, unsigned outer)
{
	const struct eam *i = &r->c->mappings[inner], *o = &r->c->mappings[outer];
	char text[PREFIX6_TEXT];
	bool in4 = is_inside4(i->v4, o->v4), in6 = is_inside6(i->v6, o->v6);

	if (in4 == in6)
		return;
	reading_warning(r, r->c->origin.mapping_lines[inner],
		"it takes %s out of siit.mappings[%u] in one direction only, so some addresses of that have "
		"no way back; "
		"keep them apart",
		in4 ? prefix4_text(i->v4, text) : prefix6_text(i->v6, text), outer);
}

static void check_pair(struct conf_reading *r, unsigned i, unsigned j)
{
	const struct eam *a = &r->c->mappings[i], *b = &r->c->mappings[j];
	char text[PREFIX6_TEXT];
	unsigned line = r->c->origin.mapping_lines[i];

	if (is_same4(a->v4, b->v4))
		reading_fault(r, line, "it has the IPv4 prefix %s of siit.mappings[%u], write another",
			prefix4_text(a->v4, text), j);
	else if (is_same6(a->v6, b->v6))
		reading_fault(r, line, "it has the IPv6 prefix %s of siit.mappings[%u], write another",
			prefix6_text(a->v6, text), j);
	else if (is_inside4(a->v4, b->v4) || is_inside6(a->v6, b->v6))
		warn_asymmetry(r, i, j);
	else if (is_inside4(b->v4, a->v4) || is_inside6(b->v6, a->v6))
		warn_asymmetry(r, j, i);
}

static void check_mapping(struct conf_reading *r, unsigned i)
{
	const struct eam *e = &r->c->mappings[i];

	if (is_unread(e))
		return;
	check_alone(r, e, r->c->origin.mapping_lines[i]);
	for (unsigned j = 0; j < i && r->faults <= CONF_FAULTS_MAX; j++)
		if (!is_unread(&r->c->mappings[j]))
			check_pair(r, i, j);
}

static void check_mappings(struct conf_reading *r)
{
	size_t back = path_enter(r, "mappings");

	for (unsigned i = 0; i < r->c->nat64.siit.mappings_len; i++) {
		size_t member = path_enter_member(r, i);

		check_mapping(r, i);
		path_leave(r, member);
	}
	path_leave(r, back);
}

/* --- the pool --- */

static bool meets_pool(const struct conf *c, struct prefix4 p, unsigned *ret_entry)
{
	for (unsigned i = 0; i < c->nat64.state.pool_len; i++) {
		const struct pool_entry *e = &c->nat64.state.pool[i];

		if (e->lo > e->hi || c->pool_source[i].interface[0] || c->pool_source[i].is_implied)
			continue;
		if (is_inside4(p, e->prefix) || is_inside4(e->prefix, p)) {
			*ret_entry = i;
			return true;
		}
	}
	return false;
}

void siit_check_pool(struct conf_reading *r)
{
	const struct conf *c = r->c;
	size_t back = path_enter(r, "siit.mappings");
	char text[PREFIX4_TEXT];
	unsigned entry;

	for (unsigned i = 0; c->has_nat64 && i < c->nat64.siit.mappings_len; i++) {
		const struct eam *e = &c->mappings[i];

		if (is_unread(e) || e->hosts == EAM_HOSTS_IPV4 || !meets_pool(c, e->v4, &entry))
			continue;
		size_t member = path_enter_member(r, i);

		reading_fault(r, c->origin.mapping_lines[i],
			"%s has addresses of nat64.pool[%u], which are lent out; write others",
			prefix4_text(e->v4, text), entry);
		path_leave(r, member);
	}
	path_leave(r, back);
}

/* --- the section --- */

static unsigned line_of(const struct conf_node *section, const char *key)
{
	const struct conf_node *n = node_find(section, key);

	return n ? n->key_line : section ? section->key_line : 0;
}

/* RFC 6791 s3.1: addresses that reverse path filters of others refuse. */
static void warn_sources(struct conf_reading *r, const struct conf_node *n)
{
	const struct siit_config *c = &r->c->nat64.siit;
	size_t back = path_enter(r, "icmp-source.ipv4");
	char text[ADDR4_TEXT];

	for (unsigned i = 0; i < c->icmp4_len; i++) {
		const struct special4 *s = special4_find(c->icmp4[i]);

		if (s && (strcmp(s->spec, "RFC 1918") == 0 || strcmp(s->spec, "RFC 6598") == 0))
			reading_warning(r, line_of(n, "icmp-source"),
				"%s (%s) is likely to be filtered on the way (RFC 6791 s3.1), write a public "
				"address",
				addr4_text(c->icmp4[i], text), s->name);
	}
	path_leave(r, back);
}

static void check_purpose(struct conf_reading *r, const struct conf_node *n)
{
	const struct siit_config *c = &r->c->nat64.siit;
	size_t back;

	if (c->mappings_len == 0 && c->translatable_len == 0 && !r->c->has_dns46) {
		back = path_enter(r, "mappings");
		reading_fault(r, line_of(n, "mappings"),
			"no IPv6 host has an IPv4 address, write mappings, or translatable for hosts under "
			"siit.prefix");
		path_leave(r, back);
	}
	if (c->translatable_len > 0 && c->prefixes_len == 0) {
		back = path_enter(r, "translatable");
		reading_fault(r, line_of(n, "translatable"),
			"there is no siit.prefix that these addresses lie under, write it");
		path_leave(r, back);
	}
}

static bool has_hosts4(const struct conf *c)
{
	for (unsigned i = 0; i < c->nat64.siit.mappings_len; i++)
		if (c->mappings[i].hosts == EAM_HOSTS_IPV4)
			return true;
	return false;
}

static void warn_no_prefix(struct conf_reading *r, const struct conf_node *n)
{
	if (r->c->nat64.siit.prefixes_len > 0 || r->c->nat64.siit.mappings_len == 0 || has_hosts4(r->c))
		return;
	size_t back = path_enter(r, "prefix");

	reading_warning(r, line_of(n, "prefix"),
		"without it the mapped hosts reach no IPv4 host but each other, write a prefix such as "
		"64:ff9b::/96");
	path_leave(r, back);
}

/* There is one fast path, so two sections cannot want different things of it. */
static void fit_fastpath(struct conf_reading *r, const struct conf_node *n)
{
	struct conf_flowpath *f = &r->c->flowpath;

	if (!r->c->has_nat64)
		f->fastpath = f->siit;
	else if (!node_find(n, "fastpath"))
		f->siit = f->fastpath;
	if (f->siit == f->fastpath)
		return;
	size_t back = path_enter(r, "fastpath");

	reading_fault(r, line_of(n, "fastpath"),
		"nat64.fastpath says something else, and there is one fast path: write it there only");
	path_leave(r, back);
}

void siit_finish(struct conf_reading *r, const struct conf_node *n)
{
	struct conf *c = r->c;

	if (!node_find(n, "prefix") && c->has_nat64 && c->nat64.prefixes_len > 0) {
		c->nat64.siit.prefixes[0] = c->nat64.prefixes[0];
		c->nat64.siit.prefixes_len = 1;
	}
	if (!node_find(n, "allow-non-global") && c->has_nat64)
		c->nat64.siit.allow_non_global = c->nat64.allow_non_global;
	size_t back = path_enter(r, "siit");

	check_mappings(r);
	warn_sources(r, n);
	if (r->faults == 0) /* what could not be read is missing now */
		check_purpose(r, n);
	warn_no_prefix(r, n);
	fit_fastpath(r, n);
	path_leave(r, back);
	siit_check_pool(r);
}
