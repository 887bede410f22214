/*
 * other.c - protocols without ports: which address a host's SCTP, GRE or ESP gets
 *
 * Purpose. RFC 6146 s3.5 leaves it to others how protocols other than TCP, UDP and ICMP are processed. Their ports, if
 * they have any, must not be changed by somebody in the middle: SCTP's belong to the association and are the same on all
 * its addresses, DCCP's and GRE's keys are not ours to choose, ESP hides them. So a host gets a whole address of the pool
 * for each protocol that it uses, and nothing but addresses is translated (RFC 7915 s4.5, s5.5).
 *
 * Structure. The binding is a 3-tuple as of ICMP (RFC 6146 s3.1): (number, prefix, X') <--> (number, T), of which each
 * side is unique, so that a pool address serves one host for each protocol at a time, and different hosts for different
 * protocols. It stands in the binding table under PROTO_OTHER; sessions are 3-tuples with the remote address. Of what a
 * subscriber's hosts have opened there is a list through binding_slot.block, from @subscriber.others; it has at most
 * STATE_HOSTS_MAX members for each protocol, so it may be walked.
 *
 * Which address. First the one that the subscriber's other traffic has (paired pooling, RFC 4787 REQ-2), then one that
 * follows from the subscriber, so that its hosts and a host's protocols tend to meet on it, then any: ADDRESS_TRIES
 * addresses from a random one on. So in a pool of more addresses than that a free one may be missed when nearly all are
 * taken; the next packet tries others.
 *
 * Which addresses. Those of the subscriber's pool, and of them only those that are not the host's own, for the host may speak GRE or ESP itself, and its packets carry
 * no port that could tell them apart.
 *
 * Limits. hosts_per_subscriber for each protocol, so that one subscriber with 2^64 addresses cannot take the pool;
 * max_sessions as for all. Static bindings count for neither the one nor the list.
 *
 * Deliberately not done: SCTP multihoming (the addresses inside INIT chunks are not translated, so an association has the
 * one address that its packets carry), ports or keys as part of the binding, the states of DCCP and SCTP: a session lasts
 * LIFETIME_OTHER after its last packet. AH is not carried: its checksum has the addresses in it, and no translator can
 * make a new one (RFC 7915 s5.1, RFC 6146 s1).
 *
 * Standards: RFC 6146 s3.5, RFC 7915 s4.5, s5.5, RFC 4787 REQ-2, RFC 6888 REQ-4.
 */
#include "state/other.h"

#include <errno.h>

#define ADDRESS_TRIES 64

/* IANA numbers: the protocols with ports, and what IPv6 takes for one of its own headers. */
#define NUMBER_MAX 255
static const uint8_t not_carried[] = {
	0,   /* hop-by-hop options */
	1,   /* ICMPv4 */
	6,   /* TCP */
	17,  /* UDP */
	43,  /* routing */
	44,  /* fragment */
	51,  /* AH */
	58,  /* ICMPv6 */
	59,  /* no next header */
	60,  /* destination options */
	135, /* mobility */
	140, /* Shim6 */
};

bool state_can_carry(unsigned number)
{
	for (size_t i = 0; i < ARRAY_LEN(not_carried); i++) {
		if (not_carried[i] == number)
			return false;
	}
	return number <= NUMBER_MAX;
}

/* --- the list of protocols --- */

static bool is_listed(const struct state *s, unsigned number)
{
	for (unsigned i = 0; i < s->config.protocols_len; i++) {
		if (s->config.protocols[i] == number)
			return true;
	}
	return false;
}

bool state_carries(const struct state *s, uint8_t number)
{
	return is_listed(s, number) || (s->static_protocols[number / 64] >> (number % 64) & 1) != 0;
}

/* --- addresses --- */

static bool binds_address(const struct state_config *c, struct addr4 a)
{
	bool is_ours = false;

	for (unsigned i = 0; i < c->pool_len; i++) {
		const struct pool_entry *e = &c->pool[i];

		if (!prefix4_contains(e->prefix, a))
			continue;
		if (e->is_shared)
			return false;
		is_ours = true;
	}
	return is_ours;
}

bool state_binds_address(const struct state *s, struct addr4 a)
{
	return binds_address(&s->config, a);
}

bool other_may_have(const struct state_config *c, uint8_t pool, struct addr4 a)
{
	unsigned i = 0;

	while (i < c->pool_len && !(c->pool[i].pool == pool && prefix4_contains(c->pool[i].prefix, a)))
		i++;
	return i < c->pool_len && binds_address(c, a);
}

/* Addresses of an entry that this subscriber may have: of its own pool (fixed.h), and not the host's own. */
static uint64_t entry_size(const struct pool_entry *e, const struct subscriber *sub)
{
	return e->is_shared || e->pool != sub->pool ? 0 : UINT64_C(1) << (32 - e->prefix.len);
}

static uint64_t addresses(const struct state *s, const struct subscriber *sub)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < s->config.pool_len; i++)
		n += entry_size(&s->config.pool[i], sub);
	return n;
}

/* Address number @i of the subscriber's; @i is below addresses(). */
static struct addr4 nth_address(const struct state *s, const struct subscriber *sub, uint64_t i)
{
	const struct pool_entry *e = s->config.pool;

	for (; i >= entry_size(e, sub); e++)
		i -= entry_size(e, sub);
	return (struct addr4){ e->prefix.addr.v + (uint32_t)i };
}

/* An address that may be bound for this protocol, and what that costs to know: one look-up. */
static bool is_free(const struct state *s, struct addr4 a, uint16_t number)
{
	return state_binds_address(s, a) && binding_find4(&s->bindings, PROTO_OTHER, a, number) == NONE;
}

static bool choose_address(struct state *s, const struct subscriber *sub, uint16_t number, struct addr4 *ret)
{
	uint64_t n = addresses(s, sub);

	if (n == 0)
		return false;
	if (sub->has_addr && other_may_have(&s->config, sub->pool, sub->addr) &&
		is_free(s, sub->addr, number)) {
		*ret = sub->addr;
		return true;
	}
	uint64_t at = subscriber_hash(&s->subscribers, sub->prefix) % n;

	for (unsigned tries = 0; tries < ADDRESS_TRIES; tries++) {
		struct addr4 a = nth_address(s, sub, at);

		if (is_free(s, a, number)) {
			*ret = a;
			return true;
		}
		at = tries == 0 ? rng_next(&s->rng) % n : (at + 1) % n;
	}
	return false;
}

/* --- bindings --- */

static unsigned hosts_of(const struct state *s, const struct subscriber *sub, uint16_t number)
{
	unsigned n = 0;

	for (uint32_t id = sub->others; id != NONE; id = s->bindings.at[id].block)
		n += s->bindings.at[id].b.out_port == number;
	return n;
}

static enum drop_reason choose(
	struct state *s, const struct flow64 *f, const struct subscriber *sub, struct addr4 *ret)
{
	if (!is_listed(s, f->sport))
		return DROP_PROTOCOL; /* another host has a static binding for it */
	if (hosts_of(s, sub, f->sport) >= s->config.hosts_per_subscriber)
		return DROP_PROTOCOL_HOSTS;
	return choose_address(s, sub, f->sport, ret) ? DROP_NONE : DROP_PROTOCOL_NO_ADDRESS;
}

uint32_t other_enter(struct state *s, const struct binding *b, uint32_t subscriber)
{
	struct subscriber *sub = &s->subscribers.at[subscriber];

	sub->others = binding_add(&s->bindings, b, sub->others, slots_lowest(&s->sessions.slots));
	if (!sub->has_addr)
		sub->addr = b->out;
	sub->has_addr = true;
	s->bindings_made++;
	watch_binding(&s->watch, STATE_BINDING_MADE, b);
	return sub->others;
}

enum adoption other_find_fault(const struct state *s, struct addr6 in, struct addr4 out, uint16_t number)
{
	uint32_t sub = subscriber_find(&s->subscribers, in);

	if (!is_listed(s, number))
		return ADOPTION_PROTOCOL;
	if (!other_may_have(&s->config, fixed_pool_of(&s->config, in), out))
		return ADOPTION_POOL;
	return sub != NONE && hosts_of(s, &s->subscribers.at[sub], number) >= s->config.hosts_per_subscriber
		       ? ADOPTION_LIMIT
		       : ADOPTION_DONE;
}

enum drop_reason other_open(struct state *s, const struct flow64 *f, uint32_t subscriber, uint32_t *ret)
{
	struct subscriber *sub = &s->subscribers.at[subscriber];
	struct addr4 out = { 0 };
	enum drop_reason r = choose(s, f, sub, &out);

	if (r != DROP_NONE) {
		subscriber_drop_idle(&s->subscribers, subscriber);
		return r;
	}
	struct binding b = {
		.proto = PROTO_OTHER,
		.prefix = f->prefix,
		.in = f->src,
		.in_port = f->sport,
		.out = out,
		.out_port = f->sport,
	};

	*ret = other_enter(s, &b, subscriber);
	return DROP_NONE;
}

int other_add_static(struct state *s, const struct static_binding *want)
{
	uint16_t number = want->out_port;

	if (!is_free(s, want->out, number) ||
		!other_may_have(&s->config, fixed_pool_of(&s->config, want->in), want->out) ||
		binding_find6(&s->bindings, PROTO_OTHER, 0, want->in, number) != NONE)
		return -EINVAL;
	uint32_t sub = subscriber_find(&s->subscribers, want->in);

	if (sub == NONE)
		sub = subscriber_new(&s->subscribers, want->in);
	struct binding b = {
		.proto = PROTO_OTHER,
		.is_static = true,
		.in = want->in,
		.in_port = number,
		.out = want->out,
		.out_port = number,
	};

	(void)binding_add(&s->bindings, &b, NONE, NONE);
	watch_binding(&s->watch, STATE_BINDING_MADE, &b);
	subscriber_pin(&s->subscribers, sub, want->out);
	s->static_protocols[number / 64] |= UINT64_C(1) << (number % 64);
	return 0;
}

void other_forget(struct state *s, uint32_t binding)
{
	const struct binding_slot *at = &s->bindings.at[binding];
	uint32_t sub = subscriber_find(&s->subscribers, at->b.in);
	uint32_t *link = &s->subscribers.at[sub].others;

	while (*link != binding)
		link = &s->bindings.at[*link].block;
	*link = at->block;
	subscriber_drop_idle(&s->subscribers, sub);
}
