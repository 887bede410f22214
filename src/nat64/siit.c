/* siit.c - addresses of the other family without state; see siit.h */
#include "nat64/siit.h"

#include "addr/embed.h"
#include "addr/special.h"
#include "xlat/pkt.h"

static bool prefixes_hold(const struct siit_config *c)
{
	if (c->prefixes_len > ARRAY_LEN(c->prefixes))
		return false;
	for (unsigned i = 0; i < c->prefixes_len; i++) {
		if (embed_prefix_fault(c->prefixes[i]))
			return false;
	}
	return true;
}

static bool mappings_hold(const struct siit_config *c)
{
	if (c->mappings_len > EAM_MAX || (c->mappings_len > 0 && !c->mappings))
		return false;
	for (unsigned i = 0; i < c->mappings_len; i++) {
		if (eam_fault(&c->mappings[i]))
			return false;
	}
	return true;
}

static bool prefixes4_hold(const struct prefix4 *p, unsigned len, unsigned max)
{
	if (len > max)
		return false;
	for (unsigned i = 0; i < len; i++) {
		if (!prefix4_validate(p[i]))
			return false;
	}
	return true;
}

static bool has_address6(struct addr6 a)
{
	return a.hi != 0 || a.lo != 0;
}

static bool sources_hold(const struct siit_config *c)
{
	if (c->icmp4_len > ARRAY_LEN(c->icmp4))
		return false;
	for (unsigned i = 0; i < c->icmp4_len; i++) {
		if (!special4_is_unicast_source(c->icmp4[i]))
			return false;
	}
	return !has_address6(c->icmp6) || special6_is_unicast_source(c->icmp6);
}

bool siit_config_validate(const struct siit_config *c)
{
	return prefixes_hold(c) && mappings_hold(c) && (!c->lent || c->prefixes_len > 0) && sources_hold(c) &&
	       prefixes4_hold(c->translatable, c->translatable_len, ARRAY_LEN(c->translatable)) &&
	       prefixes4_hold(c->deny, c->deny_len, ARRAY_LEN(c->deny)) && c->udp_zero <= UDP_ZERO_DROP &&
	       c->hairpin <= SIIT_HAIRPIN_OFF &&
	       (c->lowest_ipv6_mtu == 0 || c->lowest_ipv6_mtu >= IP6_MIN_MTU);
}

struct siit_addr4 siit_map6(const struct siit_config *c, const struct eam_table *t, struct addr6 a)
{
	const struct eam *e = eam_find6(t, a);
	struct siit_addr4 to = { .rule = SIIT_NONE };

	if (e)
		return (struct siit_addr4){ .rule = SIIT_EAM, .addr = eam_to4(e, a) };
	for (unsigned i = 0; i < c->prefixes_len; i++) {
		if (!prefix6_contains(c->prefixes[i], a))
			continue;
		to.prefix = (uint8_t)i;
		to.rule = embed_extract(c->prefixes[i], a, &to.addr) == 0 ? SIIT_PREFIX : SIIT_SUFFIX;
		break;
	}
	return to;
}

struct siit_addr6 siit_map4(
	const struct siit_config *c, const struct eam_table *t, struct addr4 a, enum siit_use use)
{
	const struct eam *e = use == SIIT_USE_ALL ? eam_find4(t, a) : NULL;

	if (e)
		return (struct siit_addr6){ .rule = SIIT_EAM, .addr = eam_to6(e, a) };
	if (c->prefixes_len == 0)
		return (struct siit_addr6){ .rule = SIIT_NONE };
	return (struct siit_addr6){ .rule = SIIT_PREFIX, .addr = embed_addr(c->prefixes[0], a) };
}

static bool is_in_prefix(const struct siit_config *c, struct addr6 a)
{
	for (unsigned i = 0; i < c->prefixes_len; i++) {
		if (prefix6_contains(c->prefixes[i], a))
			return true;
	}
	return false;
}

/* Packets to any other target would come straight back, or belong to no host (RFC 4291 s2.5.6, s2.7). */
static bool may_be_lent_to(const struct siit_config *c, struct addr6 a)
{
	const struct prefix6 link_local = { { UINT64_C(0xfe80000000000000), 0 }, 10 };

	return special6_is_unicast_source(a) && !prefix6_contains(link_local, a) && !is_in_prefix(c, a);
}

struct siit_addr4 siit_host6(const struct siit_config *c, const struct eam_table *t, struct addr6 a, nsec now)
{
	static const enum siit_rule rules[] = {
		[LENT46_NONE] = SIIT_NONE, [LENT46_FOUND] = SIIT_LENT, [LENT46_BUSY] = SIIT_BUSY
	};
	struct siit_addr4 to = siit_map6(c, t, a);

	if (c->lent && to.rule == SIIT_NONE)
		to.rule = rules[lent46_find6(c->lent, a, now, &to.addr)];
	return to;
}

struct siit_addr6 siit_host4(const struct siit_config *c, const struct eam_table *t, struct addr4 a, nsec now)
{
	static const enum siit_rule rules[] = {
		[LENT46_NONE] = SIIT_UNLENT, [LENT46_FOUND] = SIIT_LENT, [LENT46_BUSY] = SIIT_BUSY
	};
	struct siit_addr6 to = { .rule = SIIT_UNLENT };

	if (!c->lent || !prefix4_contains(c->lent->pool, a))
		return siit_map4(c, t, a, SIIT_USE_ALL);
	to.rule = rules[lent46_find4(c->lent, a, now, &to.addr)];
	if (to.rule == SIIT_LENT && !may_be_lent_to(c, to.addr))
		to.rule = SIIT_UNLENT;
	return to;
}

static bool is_in(const struct prefix4 *p, unsigned len, struct addr4 a)
{
	for (unsigned i = 0; i < len; i++) {
		if (prefix4_contains(p[i], a))
			return true;
	}
	return false;
}

bool siit_is_translatable(const struct siit_config *c, struct addr4 a)
{
	return is_in(c->translatable, c->translatable_len, a);
}

bool siit_is_denied(const struct siit_config *c, struct addr4 a)
{
	return is_in(c->deny, c->deny_len, a);
}

bool siit_is_forbidden(const struct siit_config *c, uint8_t prefix, struct addr4 a)
{
	return !c->allow_non_global && addr6_eq(c->prefixes[prefix].addr, WELL_KNOWN_PREFIX.addr) &&
	       !special4_is_global(a);
}
