/*
 * stateless.c - packets that are translated by their addresses alone
 *
 * Purpose. The stateless half of the translator: RFC 7915 with the addresses of RFC 7757 and RFC 6052, beside the
 * stateful pipeline and before it. One process serves both: a data centre's IPv6-only servers that have IPv4 addresses by
 * mappings, and its other hosts that share a pool.
 *
 * Structure. Each packet has two ends: a host, which is an IPv6 host seen from IPv4, and a peer, which is an IPv4 host
 * seen from IPv6 (on a CLAT, RFC 6877, it is the other way round, and the rules are the same). siit.c says which address
 * of the other family each has, and by which rule. In an ICMP error the packet inside says who they are: its source is
 * the error's destination, which pkt_parse() has checked, so three addresses decide everything:
 *
 *			outer source		outer destination	inner destination
 *	packet 64	host			peer			-
 *	error 64	a router, or the host	peer			host
 *	packet 46	peer			host			-
 *	error 46	a router, or the peer	host			peer
 *
 * A packet is taken if both ends have an address in the other family, unless both have it by a prefix only: then the
 * host's must be translatable (struct siit_config). What is not taken goes on to the stateful pipeline, if there is one.
 *
 * DNS46. The host's address may be one that the resolver has lent it for a while (addr/lent46.h); this counts like a
 * mapping, but for the host only. The peer of such a packet is translated by the prefix, so that the answer leads back
 * here. The table belongs to another process and may hold anything: siit.c looks at what comes out of it.
 *
 * Routers without mapping (RFC 6791). An ICMPv6 error from such a one gets an address of siit_config.icmp4, at random,
 * so that traceroute shows no loop; IPv4_DUMMY_ADDRESS if none is configured. An extension says whose it is, if
 * siit_config.names_routers.
 *
 * Hairpins (RFC 7757 s4). A translated packet whose destination has a mapping is turned around at once, in
 * job_send4(), like that to the pool. On this second way the peer is translated by the prefix alone (s4.2.1), so that the
 * answer comes back the same way, and the hop limit is not taken down twice.
 *
 * Fragments. Each is translated by itself, without waiting. Two kinds need the rest of their datagram and go through
 * pipe_fragment.c as in stateful translation: echo messages, whose pseudo-header has the length of the whole, and UDP
 * over IPv4 where missing checksums are to be computed.
 *
 * Deliberately not done. The source of an ICMP error is not subject to the rules on non-global and denied addresses: it
 * ends no conversation, and path MTU discovery and traceroute live from it.
 *
 * Standards: RFC 7915 s4, s5; RFC 7757 s3.3, s4; RFC 6791; RFC 7755; RFC 6877.
 */
#include "nat64/stateless.h"

#include "addr/embed.h"
#include "nat64/drops.h"
#include "nat64/flowworker.h"
#include "nat64/recorder.h"
#include "nat64/siit.h"

#define NO_ADDRESS ((struct addr6){ 0, 0 })

static bool is_error(const struct view *v)
{
	return v->kind == L4_ICMP_ERROR;
}

static bool is_stateful_prefix(const struct nat64 *n, struct addr6 a)
{
	for (unsigned i = 0; i < n->cfg.prefixes_len; i++) {
		if (prefix6_contains(n->cfg.prefixes[i], a))
			return true;
	}
	return false;
}

static void count(struct job *j, enum direction dir)
{
	struct nat64_counters *c = &j->n->count;
	unsigned row = drop_class_of_view(&j->p->v).proto;

	c->stateless_pkts[dir][row] += train_segments(j->p);
	c->stateless_bytes[dir][row] += j->p->len;
	c->errors[dir] += is_error(&j->p->v);
	c->fragments[dir] +=
		j->p->v.is_fragment && !j->datagram; /* the others are counted in pipe_fragment.c */
}

/* What pipe_fragment() has to complete first. */
static bool needs_the_rest(const struct job *j)
{
	const struct view *v = &j->p->v;

	if (!v->is_fragment || j->datagram || j->is_hairpin)
		return false;
	if (v->kind == L4_ICMP_QUERY || v->kind == L4_ICMP_OTHER)
		return true;
	return v->version == 4 && v->kind == L4_UDP && j->n->cfg.siit.udp_zero == UDP_ZERO_COMPUTE;
}

/* It is DNS46's, as far as can be said. */
static bool is_lent(enum siit_rule rule)
{
	return rule == SIIT_LENT || rule == SIIT_UNLENT || rule == SIIT_BUSY;
}

/* A fragment to the pool is turned around, and the stateful pipeline wants its ports. */
static bool needs_ports(const struct job *j, struct addr4 dst)
{
	return j->p->v.is_fragment && !j->datagram && state_pool_has_address(j->n->state, dst);
}

/* --- IPv6 to IPv4 --- */

struct ends64 {
	struct siit_addr4 host, peer;
};

/* Rules on the addresses, once it is clear that the packet is ours. */
static enum drop_reason admit_64(const struct job *j, const struct ends64 *e)
{
	const struct siit_config *c = &j->n->cfg.siit;

	if (e->host.rule == SIIT_BUSY)
		return DROP_LENT_BUSY;
	if (e->host.rule == SIIT_PREFIX && siit_is_forbidden(c, e->host.prefix, e->host.addr))
		return DROP_64_NON_GLOBAL;
	if (j->p->v.hop_limit < 2)
		return DROP_HOP_LIMIT;
	if (e->peer.rule != SIIT_PREFIX)
		return DROP_NONE;
	if (siit_is_denied(c, e->peer.addr))
		return DROP_64_DENIED;
	/* What is mapped is the operator's own, and comes back by a hairpin. */
	if (siit_is_forbidden(c, e->peer.prefix, e->peer.addr) && !eam_find4(&j->n->eam, e->peer.addr))
		return DROP_64_NON_GLOBAL;
	return DROP_NONE;
}

/* RFC 6791 s5: a router that has no IPv4 address speaks with one of ours, and is named (s4). */
static void source_of_error64(const struct job *j, struct xlat_to4 *to)
{
	struct siit_addr4 router = siit_host6(&j->n->cfg.siit, &j->n->eam, j->p->v.src6, j->now);

	to->outer.src = router.addr;
	if (router.rule == SIIT_EAM || router.rule == SIIT_PREFIX || router.rule == SIIT_LENT)
		return;
	j->n->count.sources_replaced++;
	to->outer.src = stateless_source4(j->n);
	to->names_router = j->n->cfg.siit.names_routers;
}

COLD static void tell_64(const struct job *j, const struct ends64 *e)
{
	const struct view *v = &j->p->v;

	recorder_stateless(j->n->tracing, j->p,
		&(const struct ends){
			.host6 = is_error(v) ? j->p->in.dst6 : v->src6,
			.host4 = e->host.addr,
			.host_rule = e->host.rule,
			.peer6 = v->dst6,
			.peer4 = e->peer.addr,
			.peer_rule = e->peer.rule,
		});
}

/* Its packets may pass without us: see flowpairs.c. */
static bool may_pair(const struct job *j, enum siit_rule host)
{
	const struct view *v = &j->p->v;

	return (v->kind == L4_TCP || v->kind == L4_UDP || v->kind == L4_ICMP_QUERY) && !v->is_fragment &&
	       !is_lent(host) && !j->is_hairpin;
}

/* What is turned around goes another way than all packets to that address. */
static bool may_pair_64(const struct job *j, const struct ends64 *e)
{
	return may_pair(j, e->host.rule) && !state_pool_has_address(j->n->state, e->peer.addr) &&
	       (j->n->eam.len == 0 || !eam_find4(&j->n->eam, e->peer.addr));
}

static enum verdict translate_64(struct job *j, const struct ends64 *e)
{
	const struct view *v = &j->p->v, *in = &j->p->in;
	struct xlat_to4 to = {
		.outer = { .src = e->host.addr, .sport = v->sport, .dst = e->peer.addr, .dport = v->dport },
	};

	if (is_error(v)) {
		source_of_error64(j, &to);
		to.inner = (struct tuple4){
			.src = e->peer.addr, .sport = in->sport, .dst = e->host.addr, .dport = in->dport
		};
	}
	if (UNLIKELY(j->n->tracing))
		tell_64(j, e);
	j->is_by_mapping = e->peer.rule == SIIT_EAM;
	count(j, DIR_64);
	if (UNLIKELY(j->n->flows != NULL) && may_pair_64(j, e))
		flowpairs_see64(j->n->flows, v->src6, v->dst6,
			(struct tuple4){ .src = e->host.addr, .dst = e->peer.addr }, j->now);
	return job_finish64(j, &to);
}

/* Whether the host has an address in IPv4, seen from that peer. */
static bool has_address(const struct nat64 *n, const struct ends64 *e)
{
	return e->host.rule == SIIT_EAM || is_lent(e->host.rule) ||
	       (e->host.rule == SIIT_PREFIX && e->peer.rule == SIIT_EAM) ||
	       (e->host.rule == SIIT_PREFIX && siit_is_translatable(&n->cfg.siit, e->host.addr));
}

bool stateless_may_take(const struct nat64 *n, struct tuple6 t6, struct tuple4 t4)
{
	const struct siit_config *c = &n->cfg.siit;
	const struct ends64 e = { .host = siit_map6(c, &n->eam, t6.src),
		.peer = siit_map6(c, &n->eam, t6.dst) };

	if (!siit_is_on(c))
		return false;
	if (e.peer.rule != SIIT_NONE && (has_address(n, &e) || c->lent))
		return true;
	if (c->lent && prefix4_contains(c->lent->pool, t4.src))
		return true;
	return n->eam.len > 0 && (eam_find4(&n->eam, t4.src) || eam_find4(&n->eam, t4.dst));
}

bool stateless_take64(struct job *j, enum verdict *ret)
{
	const struct nat64 *n = j->n;
	const struct view *v = &j->p->v;
	struct ends64 e = { .peer = siit_map6(&n->cfg.siit, &n->eam, v->dst6) };
	enum drop_reason reason;

	if (e.peer.rule == SIIT_NONE)
		return false;
	e.host = siit_host6(&n->cfg.siit, &n->eam, is_error(v) ? j->p->in.dst6 : v->src6, j->now);
	bool has_host = has_address(n, &e);

	if (!has_host && is_stateful_prefix(n, v->dst6))
		return false;
	j->is_stateless = true;
	if (e.peer.rule == SIIT_SUFFIX)
		reason = DROP_64_SUFFIX;
	else
		reason = has_host ? admit_64(j, &e) : DROP_64_NO_MAPPING;
	if (reason == DROP_NONE)
		reason = v->refused;
	if (reason != DROP_NONE)
		*ret = job_drop(j, reason);
	else if (needs_the_rest(j) || needs_ports(j, e.peer.addr))
		*ret = pipe_fragment(j);
	else
		*ret = translate_64(j, &e);
	return true;
}

bool stateless_turns(const struct job *j)
{
	const struct nat64 *n = j->n;
	const struct view *v = &j->p->v;

	if (j->is_by_mapping || n->cfg.siit.hairpin != SIIT_HAIRPIN_INTRINSIC || n->eam.len == 0)
		return false;
	return eam_find4(&n->eam, is_error(v) ? j->p->in.src4 : v->dst4) != NULL;
}

/* --- IPv4 to IPv6 --- */

struct ends46 {
	struct siit_addr6 host, peer;
};

/* RFC 7757 s4.2.1 */
static enum siit_use use_for_peer(const struct job *j)
{
	bool is_plain = !j->is_hairpin && j->n->cfg.siit.hairpin != SIIT_HAIRPIN_SIMPLE;

	return is_plain ? SIIT_USE_ALL : SIIT_USE_PREFIX;
}

static enum drop_reason admit_46(const struct job *j, const struct ends46 *e)
{
	const struct siit_config *c = &j->n->cfg.siit;
	const struct view *v = &j->p->v;

	if (e->host.rule == SIIT_NONE || e->peer.rule == SIIT_NONE)
		return DROP_46_NO_MAPPING;
	if (e->host.rule == SIIT_UNLENT)
		return DROP_46_NOT_LENT;
	if (e->host.rule == SIIT_BUSY)
		return DROP_LENT_BUSY;
	if (e->host.rule == SIIT_PREFIX && e->peer.rule == SIIT_PREFIX && !siit_is_translatable(c, v->dst4))
		return DROP_46_NO_MAPPING;
	/* In a hairpin the peer is one of our own. */
	if (e->peer.rule == SIIT_PREFIX && !j->is_hairpin &&
		siit_is_forbidden(c, 0, is_error(v) ? j->p->in.dst4 : v->src4))
		return DROP_46_NON_GLOBAL;
	if (e->host.rule == SIIT_PREFIX && siit_is_forbidden(c, 0, v->dst4))
		return DROP_46_NON_GLOBAL;
	if (v->hop_limit < 2 && !j->is_hairpin)
		return DROP_HOP_LIMIT;
	return DROP_NONE;
}

/* RFC 7915 s4.5; a later fragment has no checksum, and does not tell whether the first one has. */
static bool lacks_checksum(const struct job *j)
{
	const struct view *v = &j->p->v;

	return v->kind == L4_UDP && v->frag_offset == 0 && !j->p->off.csum_partial &&
	       be16_at(j->p->data + v->l4_off + UDP_CSUM_AT) == 0;
}

/* Rule 3 of RFC 7757 s4.2.1: if the peer itself has sent the error, its address is translated as that of the peer. */
static struct addr6 source_of_error46(const struct job *j)
{
	const struct view *v = &j->p->v;
	enum siit_use use = addr4_eq(v->src4, j->p->in.dst4) ? use_for_peer(j) : SIIT_USE_ALL;
	struct siit_addr6 router = siit_map4(&j->n->cfg.siit, &j->n->eam, v->src4, use);

	if (router.rule != SIIT_NONE)
		return router.addr;
	j->n->count.sources_replaced++;
	return stateless_source6(j->n);
}

COLD static void tell_46(const struct job *j, const struct ends46 *e)
{
	const struct view *v = &j->p->v;

	recorder_stateless(j->n->tracing, j->p,
		&(const struct ends){
			.host6 = e->host.addr,
			.host4 = v->dst4,
			.host_rule = e->host.rule,
			.peer6 = e->peer.addr,
			.peer4 = is_error(v) ? j->p->in.dst4 : v->src4,
			.peer_rule = e->peer.rule,
		});
}

static bool may_pair_46(const struct job *j, const struct ends46 *e)
{
	return may_pair(j, e->host.rule);
}

static enum verdict translate_46(struct job *j, const struct ends46 *e)
{
	struct view *v = &j->p->v, *in = &j->p->in;
	struct xlat_to6 to = {
		.outer = { .src = e->peer.addr, .sport = v->sport, .dst = e->host.addr, .dport = v->dport },
	};

	if (is_error(v)) {
		to.outer.src = source_of_error46(j);
		if (addr6_eq(to.outer.src, NO_ADDRESS))
			return job_drop(j, DROP_46_NO_MAPPING);
		to.inner = (struct tuple6){
			.src = e->host.addr, .sport = in->sport, .dst = e->peer.addr, .dport = in->dport
		};
	}
	if (UNLIKELY(j->n->tracing))
		tell_46(j, e);
	if (j->is_hairpin)
		v->hop_limit++; /* it was taken down on the way to IPv4, so this undoes the second time */
	count(j, DIR_46);
	if (UNLIKELY(j->n->flows != NULL) && may_pair_46(j, e))
		flowpairs_see46(j->n->flows, v->src4, v->dst4,
			(struct tuple6){ .src = e->peer.addr, .dst = e->host.addr }, j->now);
	return job_finish46(j, &to);
}

bool stateless_take46(struct job *j, enum verdict *ret)
{
	const struct nat64 *n = j->n;
	const struct siit_config *c = &n->cfg.siit;
	const struct view *v = &j->p->v;
	struct ends46 e = { .host = siit_host4(c, &n->eam, v->dst4, j->now) };

	if (e.host.rule != SIIT_EAM && !is_lent(e.host.rule) && state_pool_has_address(n->state, v->dst4))
		return false;
	e.peer = siit_map4(c, &n->eam, is_error(v) ? j->p->in.dst4 : v->src4, use_for_peer(j));
	enum drop_reason reason = admit_46(j, &e);

	if (reason == DROP_46_NO_MAPPING && nat64_is_stateful(&n->cfg))
		return false;
	j->is_stateless = true;
	if (reason == DROP_NONE)
		reason = v->refused;
	if (reason != DROP_NONE)
		*ret = job_drop(j, reason);
	else if (needs_the_rest(j))
		*ret = pipe_fragment(j);
	else if (lacks_checksum(j) && c->udp_zero == UDP_ZERO_DROP)
		*ret = job_drop(j, DROP_UDP46_CHECKSUM_ZERO);
	else
		*ret = translate_46(j, &e);
	return true;
}

/* --- our own addresses --- */

struct addr4 stateless_source4(struct nat64 *n)
{
	const struct siit_config *c = &n->cfg.siit;

	if (c->icmp4_len == 0)
		return nat64_is_stateful(&n->cfg) ? n->own4 : IPV4_DUMMY_ADDRESS;
	return c->icmp4[rng_next(&n->rng) % c->icmp4_len];
}

struct addr6 stateless_source6(struct nat64 *n)
{
	const struct siit_config *c = &n->cfg.siit;

	if (!addr6_eq(c->icmp6, NO_ADDRESS))
		return c->icmp6;
	return c->prefixes_len > 0 ? embed_addr(c->prefixes[0], stateless_source4(n)) : NO_ADDRESS;
}
