/* pool_check.c - pool entries against each other, static bindings against the pool; see pool.h */
#include "addr/special.h"
#include "conf/pool.h"
#include "state/fixed.h"

#include <inttypes.h>
#include <string.h>

static bool is_void(const struct pool_entry *e)
{
	return e->lo > e->hi;
}

static bool prefixes_overlap(struct prefix4 a, struct prefix4 b)
{
	return prefix4_contains(a, b.addr) || prefix4_contains(b, a.addr);
}

/* Two entries that can be compared: both with addresses, or both of the same interface. */
static bool entries_overlap(const struct conf *c, unsigned a, unsigned b)
{
	const struct pool_entry *ea = &c->nat64.state.pool[a], *eb = &c->nat64.state.pool[b];
	const char *ia = c->pool_source[a].interface, *ib = c->pool_source[b].interface;

	if (is_void(ea) || is_void(eb) || ea->lo > eb->hi || eb->lo > ea->hi)
		return false;
	if (ia[0] || ib[0])
		return strcmp(ia, ib) == 0;
	return prefixes_overlap(ea->prefix, eb->prefix);
}

static void check_entry(struct conf_reading *r, unsigned i)
{
	const struct conf *c = r->c;
	const struct pool_entry *e = &c->nat64.state.pool[i];
	unsigned ports = e->hi - e->lo + 1u, line = c->pool_source[i].line;

	if (c->pool_source[i].is_implied)
		return;
	if (!is_void(e) && ports < c->nat64.state.ports_per_block)
		reading_fault(r, line,
			"it has %u ports, fewer than one block (nat64.ports-per-block is %u), give it more "
			"ports",
			ports, c->nat64.state.ports_per_block);
	for (unsigned j = 0; j < i; j++)
		if (entries_overlap(c, i, j)) {
			reading_fault(r, line,
				"it shares addresses and ports with nat64.pool[%u], keep them apart", j);
			return;
		}
}

/* --- static bindings --- */

/* What the pool knows about the outside of a static binding. */
enum place { PLACE_NONE, PLACE_ADDRESS, PLACE_PORT, PLACE_UNKNOWN };

/*
 * @ret_entry: of PLACE_ADDRESS and PLACE_PORT the entry that has it; of several with the address one for the subscriber of
 * the inside, if there is one
 */
static enum place find_outside(const struct conf *c, const struct static_binding *b, unsigned *ret_entry)
{
	enum place place = PLACE_NONE;
	uint8_t pool = fixed_pool_of(&c->nat64.state, b->in);

	for (unsigned i = 0; i < c->nat64.state.pool_len; i++) {
		const struct pool_entry *e = &c->nat64.state.pool[i];
		bool has_address =
			!c->pool_source[i].interface[0] && !is_void(e) && prefix4_contains(e->prefix, b->out);

		bool is_better = place == PLACE_NONE || e->pool == pool;

		if (has_address && (is_better || (e->lo <= b->out_port && b->out_port <= e->hi)))
			*ret_entry = i;
		if (has_address && e->lo <= b->out_port && b->out_port <= e->hi)
			return PLACE_PORT;
		if (has_address && place == PLACE_NONE)
			place = PLACE_ADDRESS;
		if (is_void(e) || c->pool_source[i].interface[0]) /* the answer has to wait for this entry */
			place = PLACE_UNKNOWN;
	}
	return place;
}

static void add_implied(
	struct conf_reading *r, const struct static_binding *b, unsigned parent, unsigned line)
{
	struct state_config *s = &r->c->nat64.state;

	if (s->pool_len == POOL_ENTRIES_MAX) {
		reading_fault(r, line,
			"its outside port is outside nat64.pool and the pool is full, write a port of the "
			"pool");
		return;
	}
	r->c->pool_source[s->pool_len] = (struct conf_pool_source){ .line = line, .is_implied = true };
	s->pool[s->pool_len++] = (struct pool_entry){
		.prefix = { b->out, 32 },
		.lo = b->out_port,
		.hi = b->out_port,
		.is_shared = s->pool[parent].is_shared,
		.pool = s->pool[parent].pool,
	};
}

/* What is bound by address takes it whole, so it must be nobody else's. An interface's is the host's. */
static void check_whole_address(struct conf_reading *r, unsigned at)
{
	const struct conf *c = r->c;
	const struct static_binding *b = &c->nat64.state.statics[at];
	uint8_t pool = fixed_pool_of(&c->nat64.state, b->in);
	unsigned entry = 0;
	char text[ADDR4_TEXT];
	bool is_known = false, is_shared = false;

	for (unsigned i = 0; i < c->nat64.state.pool_len; i++) {
		const struct pool_entry *e = &c->nat64.state.pool[i];

		if (is_void(e))
			return; /* it could not be read, and may be the one */
		if (c->pool_source[i].interface[0] || !prefix4_contains(e->prefix, b->out))
			continue;
		if (!is_known || e->pool == pool)
			entry = i;
		is_known = true;
		is_shared |= e->is_shared;
	}
	if (is_known && !is_shared)
		(void)pool_check_static_subscriber(r, at, entry);
	else
		reading_fault(r, c->origin.static_lines[at],
			"outside %s is %s, and this protocol takes a whole address, write one of nat64.pool "
			"that "
			"is not shared",
			addr4_text(b->out, text), is_known ? "the host's own" : "not in nat64.pool");
}

static void check_outside(struct conf_reading *r, unsigned i)
{
	const struct static_binding *b = &r->c->nat64.state.statics[i];
	unsigned line = r->c->origin.static_lines[i], entry = 0;

	if (b->proto == PROTO_OTHER) {
		check_whole_address(r, i);
		return;
	}
	enum place place = find_outside(r->c, b, &entry);
	char text[ADDR4_TEXT];

	if (place == PLACE_NONE)
		reading_fault(r, line, "outside %s is not in nat64.pool, write one of its addresses",
			addr4_text(b->out, text));
	else if (place != PLACE_UNKNOWN && pool_check_static_pool(r, i, entry) && place == PLACE_ADDRESS)
		add_implied(r, b, entry, line);
}

static bool is_in_prefixes(const struct conf *c, struct addr6 a)
{
	for (unsigned i = 0; i < c->nat64.prefixes_len; i++)
		if (prefix6_contains(c->nat64.prefixes[i], a))
			return true;
	return false;
}

static const struct prefix6 link_local6 = { { UINT64_C(0xfe80000000000000), 0 }, 10 };

static const char *inside_fault(const struct conf *c, struct addr6 a)
{
	if (!special6_is_unicast_source(a))
		return "is no unicast address";
	if (prefix6_contains(link_local6, a))
		return "is link-local, which routers do not forward";
	return is_in_prefixes(c, a) ? "lies in nat64.prefixes and so stands for an IPv4 address" : NULL;
}

static void check_static_alone(struct conf_reading *r, unsigned i)
{
	const struct static_binding *b = &r->c->nat64.state.statics[i];
	unsigned line = r->c->origin.static_lines[i];
	const char *fault = inside_fault(r->c, b->in);
	char text[ENDPOINT6_TEXT];

	if (fault)
		reading_fault(r, line, "inside %s %s, write the address of an IPv6 host",
			addr6_text(b->in, text), fault);
	check_outside(r, i);
}

/* Both sides of a binding are unique (RFC 6146 s3.1: a BIB maps one to one). */
static void check_static_pair(struct conf_reading *r, unsigned i, unsigned j)
{
	const struct static_binding *a = &r->c->nat64.state.statics[i], *b = &r->c->nat64.state.statics[j];
	unsigned line = r->c->origin.static_lines[i];

	if (b->out_port == 0 || a->proto != b->proto)
		return;
	if (addr4_eq(a->out, b->out) && a->out_port == b->out_port)
		reading_fault(r, line, "it has the outside of nat64.static[%u], write another", j);
	if (addr6_eq(a->in, b->in) && a->in_port == b->in_port)
		reading_fault(r, line, "it has the inside of nat64.static[%u], write another", j);
}

static void check_static(struct conf_reading *r, unsigned i)
{
	if (r->c->nat64.state.statics[i].out_port == 0)
		return;
	check_static_alone(r, i);
	for (unsigned j = 0; j < i && r->faults <= CONF_FAULTS_MAX; j++)
		check_static_pair(r, i, j);
}

static void check_members(struct conf_reading *r, const char *path, unsigned len,
	void (*check)(struct conf_reading *r, unsigned i))
{
	size_t back = path_enter(r, path);

	for (unsigned i = 0; i < len; i++) {
		size_t member = path_enter_member(r, i);

		check(r, i);
		path_leave(r, member);
	}
	path_leave(r, back);
}

/* As state/ cuts it: blocks begin at multiples of their size. */
static uint64_t blocks_of(const struct pool_entry *e, unsigned ports_per_block)
{
	return is_void(e) ? 0
			  : (e->hi / ports_per_block - e->lo / ports_per_block + 1) *
				    (UINT64_C(1) << (32 - e->prefix.len));
}

/* What the tables of the translator can hold. */
static void check_sizes(struct conf_reading *r)
{
	const struct state_config *s = &r->c->nat64.state;
	uint64_t blocks = 0;

	for (unsigned i = 0; i < s->pool_len && s->ports_per_block > 0; i++)
		blocks += r->c->pool_source[i].interface[0] ? 0 : blocks_of(&s->pool[i], s->ports_per_block);
	if (blocks > CONF_POOL_BLOCKS_MAX) {
		size_t back = path_enter(r, "nat64.pool");

		reading_fault(r, r->c->pool_source[0].line,
			"it has %" PRIu64 " blocks, and at most %u are possible, write fewer addresses or a "
			"larger nat64.ports-per-block",
			blocks, CONF_POOL_BLOCKS_MAX);
		path_leave(r, back);
	}
	if (s->max_sessions > 0 && s->statics_len > s->max_sessions) {
		size_t back = path_enter(r, "nat64.static");

		reading_fault(r, r->c->origin.static_lines[0],
			"there are %u bindings, more than nat64.max-sessions, write a larger "
			"nat64.max-sessions",
			s->statics_len);
		path_leave(r, back);
	}
}

void pool_check(struct conf_reading *r)
{
	check_members(r, "nat64.pool", r->c->nat64.state.pool_len, check_entry);
	size_t back = path_enter(r, "nat64.pool");

	pool_check_subscribers(r);
	path_leave(r, back);
	check_members(r, "nat64.static", r->c->nat64.state.statics_len, check_static);
	check_sizes(r);
}
