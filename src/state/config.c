/* config.c - defaults and invariants of struct state_config */
#include "state/fixed.h"
#include "state/pool.h"

#define LIFETIME_MAX (366 * 24 * 3600 * NSEC) /* one year: no sum of a time and a lifetime overflows */
#define SESSIONS_MIN 16
#define SESSIONS_MAX (1u << 26) /* 67 million: numbers and hash slots stay well inside 32 bits */
#define BLOCK_PORTS_MIN 64	/* one word of the bitmap */
#define BLOCK_PORTS_MAX 32768

static const struct {
	nsec least, usual;
} lifetimes[LIFETIME_COUNT] = {
	/* RFC 6146 s4: UDP_MIN, UDP_DEFAULT */
	[LIFETIME_UDP] = { 120 * NSEC, 300 * NSEC },
	/* RFC 6146 s4: TCP_EST is 2 h, so that with TCP_TRANS RFC 5382 REQ-5's 2 h 4 min are kept */
	[LIFETIME_TCP_ESTABLISHED] = { 7200 * NSEC, 7440 * NSEC },
	/* RFC 6146 s4: TCP_TRANS; RFC 7857 s2.1 lets the operator choose less */
	[LIFETIME_TCP_TRANSITORY] = { 1 * NSEC, 240 * NSEC },
	/* RFC 6146 s4: TCP_INCOMING_SYN, RFC 5382 REQ-4 */
	[LIFETIME_TCP_INCOMING_SYN] = { 6 * NSEC, 6 * NSEC },
	/* RFC 6146 s4: ICMP_DEFAULT, RFC 5508 REQ-2 */
	[LIFETIME_ICMP] = { 60 * NSEC, 60 * NSEC },
	/* As UDP, which is what the RFCs say of a protocol whose states are not followed; SCTP's heartbeat is every 30 s. */
	[LIFETIME_OTHER] = { 60 * NSEC, 300 * NSEC },
	/* RFC 6146 s4: FRAGMENT_MIN */
	[LIFETIME_FRAGMENT] = { 2 * NSEC, 2 * NSEC },
};

nsec state_lifetime_min(enum lifetime l)
{
	return lifetimes[l].least;
}

void state_config_default(struct state_config *c)
{
	*c = (struct state_config){
		.ports_per_block = 512,
		.subscriber_len = 64,
		.max_blocks_per_subscriber = 8,
		.max_sessions = 1000000,
		.hosts_per_subscriber = 1,
		.filtering = FILTER_ENDPOINT_INDEPENDENT,
	};
	for (unsigned i = 0; i < LIFETIME_COUNT; i++)
		c->lifetime[i] = lifetimes[i].usual;
}

static bool is_between(unsigned long long v, unsigned long long lo, unsigned long long hi)
{
	return lo <= v && v <= hi;
}

static bool entries_overlap(const struct pool_entry *a, const struct pool_entry *b)
{
	bool same_address =
		prefix4_contains(a->prefix, b->prefix.addr) || prefix4_contains(b->prefix, a->prefix.addr);

	return same_address && a->lo <= b->hi && b->lo <= a->hi;
}

/* Port 0 alone is no pool: TCP and UDP have no such port. */
static bool entry_validate(const struct pool_entry *e)
{
	return prefix4_validate(e->prefix) && e->lo <= e->hi && e->hi > 0;
}

static bool pool_validate(const struct state_config *c)
{
	if (c->pool_len > POOL_ENTRIES_MAX)
		return false;
	for (unsigned i = 0; i < c->pool_len; i++) {
		if (!entry_validate(&c->pool[i]))
			return false;
		for (unsigned j = 0; j < i; j++) {
			if (entries_overlap(&c->pool[i], &c->pool[j]))
				return false;
		}
	}
	return pool_blocks(c) <= POOL_BLOCKS_MAX && fixed_validate(c);
}

static bool lifetimes_validate(const struct state_config *c)
{
	for (unsigned i = 0; i < LIFETIME_COUNT; i++) {
		if (!is_between(c->lifetime[i], lifetimes[i].least, LIFETIME_MAX))
			return false;
	}
	return true;
}

static bool statics_validate(const struct state_config *c)
{
	if (c->statics_len > c->max_sessions || (c->statics_len > 0 && !c->statics))
		return false;
	for (unsigned i = 0; i < c->statics_len; i++) {
		const struct static_binding *b = &c->statics[i];

		if (b->proto > PROTO_OTHER)
			return false;
		if (b->proto == PROTO_OTHER && (b->in_port != b->out_port || !state_can_carry(b->out_port)))
			return false;
	}
	return true;
}

static bool protocols_validate(const struct state_config *c)
{
	if (c->protocols_len > STATE_PROTOCOLS_MAX ||
		!is_between(c->hosts_per_subscriber, 1, STATE_HOSTS_MAX))
		return false;
	for (unsigned i = 0; i < c->protocols_len; i++) {
		if (!state_can_carry(c->protocols[i]))
			return false;
	}
	return true;
}

bool state_config_validate(const struct state_config *c)
{
	unsigned ports = c->ports_per_block;

	return is_between(ports, BLOCK_PORTS_MIN, BLOCK_PORTS_MAX) && (ports & (ports - 1)) == 0 &&
	       is_between(c->subscriber_len, 32, 128) && c->max_blocks_per_subscriber >= 1 &&
	       c->new_sessions_per_second <= NSEC &&
	       is_between(c->max_sessions, SESSIONS_MIN, SESSIONS_MAX) &&
	       c->filtering <= FILTER_ADDRESS_DEPENDENT && lifetimes_validate(c) && pool_validate(c) &&
	       statics_validate(c) && protocols_validate(c);
}
