/* subscriber.c - see subscriber.h */
#include "state/subscriber.h"

#define BLOCK_TRIES 8 /* blocks with room that are asked for a port of the wanted parity and range */

bool subscribers_init(struct subscriber_table *t, struct memory *m, uint32_t max, const struct hash_key *key)
{
	t->at = memory_table(m, max, sizeof(*t->at));
	t->key = *key;
	return t->at && slots_init(&t->slots, m, max) && index_init(&t->index, m, max);
}

uint32_t subscriber_find(const struct subscriber_table *t, struct addr6 in)
{
	struct addr6 prefix = addr6_truncate(in, t->pool->config->subscriber_len);
	struct probe p = index_probe(&t->index, subscriber_hash(t, prefix));
	uint32_t id;

	do {
		id = index_next(&t->index, &p);
	} while (id != NONE && !addr6_eq(t->at[id].prefix, prefix));
	return id;
}

uint32_t subscriber_new(struct subscriber_table *t, struct addr6 in)
{
	uint32_t id = slots_take(&t->slots);
	struct subscriber *sub = &t->at[id];

	*sub = (struct subscriber){
		.prefix = addr6_truncate(in, t->pool->config->subscriber_len),
		.pool = fixed_pool_of(t->pool->config, in),
		.others = NONE,
		.all = NONE,
	};
	for (unsigned class = 0; class < PORT_CLASS_COUNT; class ++) {
		for (unsigned proto = 0; proto < PROTO_COUNT; proto++)
			sub->room[class][proto] = NONE;
	}
	t->by_pool[sub->pool]++;
	index_put(&t->index, subscriber_hash(t, sub->prefix), id);
	return id;
}

void subscriber_drop_idle(struct subscriber_table *t, uint32_t id)
{
	const struct subscriber *sub = &t->at[id];

	if (sub->blocks > 0 || sub->statics > 0 || sub->others != NONE)
		return;
	t->by_pool[sub->pool]--;
	index_remove(&t->index, subscriber_hash(t, sub->prefix), id);
	slots_give(&t->slots, id);
}

/* --- the lists of blocks --- */

static uint32_t *list_head(struct subscriber_table *t, const struct block *b, unsigned list)
{
	struct subscriber *sub = &t->at[b->owner];

	return list == BLOCK_LIST_ALL ? &sub->all : &sub->room[b->class][list];
}

static void list_add(struct subscriber_table *t, uint32_t block, unsigned list)
{
	struct block *b = &t->pool->blocks[block];
	uint32_t *head = list_head(t, b, list);

	b->link[list] = (struct block_link){ .prev = NONE, .next = *head };
	if (*head != NONE)
		t->pool->blocks[*head].link[list].prev = block;
	*head = block;
}

static void list_remove(struct subscriber_table *t, uint32_t block, unsigned list)
{
	const struct block *b = &t->pool->blocks[block];
	struct block_link l = b->link[list];

	if (l.next != NONE)
		t->pool->blocks[l.next].link[list].prev = l.prev;
	if (l.prev != NONE)
		t->pool->blocks[l.prev].link[list].next = l.next;
	else
		*list_head(t, b, list) = l.next;
}

/* The invariant of subscriber.addr: the address of the newest block that is still held. */
static void set_address(struct subscriber_table *t, struct subscriber *sub)
{
	if (sub->all == NONE)
		return;
	sub->addr = t->pool->rows[t->pool->blocks[sub->all].row].addr;
	sub->has_addr = true;
}

static void block_join(struct subscriber_table *t, uint32_t block)
{
	const struct block *b = &t->pool->blocks[block];
	struct subscriber *sub = &t->at[b->owner];

	for (unsigned proto = 0; proto < PROTO_COUNT; proto++) {
		if (b->room[proto] > 0)
			list_add(t, block, proto);
	}
	list_add(t, block, BLOCK_LIST_ALL);
	sub->blocks++;
	set_address(t, sub);
	watch_block(t->watch, STATE_BLOCK_LENT, t->pool, block, sub->prefix);
}

/* Every port of the block is free, so it is in every list that it ever joined. */
static void block_leave(struct subscriber_table *t, uint32_t block)
{
	const struct block *b = &t->pool->blocks[block];
	struct subscriber *sub = &t->at[b->owner];
	uint32_t owner = b->owner;

	watch_block(t->watch, STATE_BLOCK_RETURNED, t->pool, block, sub->prefix);
	for (unsigned proto = 0; proto < PROTO_COUNT; proto++) {
		if (b->room[proto] > 0)
			list_remove(t, block, proto);
	}
	list_remove(t, block, BLOCK_LIST_ALL);
	sub->blocks--;
	set_address(t, sub);
	pool_return(t->pool, block);
	subscriber_drop_idle(t, owner);
}

static void take(struct subscriber_table *t, uint32_t block, enum proto proto, uint16_t port)
{
	port_take(t->pool, block, proto, port);
	if (t->pool->blocks[block].room[proto] == 0)
		list_remove(t, block, proto);
}

void subscriber_give_port(struct subscriber_table *t, uint32_t block, enum proto proto, uint16_t port)
{
	const struct block *b = &t->pool->blocks[block];

	port_give(t->pool, block, proto, port);
	if (b->room[proto] == 1)
		list_add(t, block, proto);
	if (b->bindings == 0)
		block_leave(t, block);
}

/* --- choosing --- */

/* What is wanted of a port, and where it was found. */
struct choice {
	uint32_t subscriber;
	enum proto proto;
	uint16_t port; /* the host's own */
	enum port_class want;
	enum parity parity;
	uint32_t ret_block;
	uint16_t ret_port;
};

static const struct {
	uint16_t from, to;
} ranges[PORT_CLASS_COUNT] = {
	[PORTS_LOW] = { 0, WELL_KNOWN_PORTS - 1 },
	[PORTS_HIGH] = { WELL_KNOWN_PORTS, UINT16_MAX },
};

static bool find_in(struct subscriber_table *t, struct choice *c, uint32_t block, enum port_class range,
	enum parity parity)
{
	struct port_wish w = {
		.proto = c->proto,
		.parity = parity,
		.from = ranges[range].from,
		.to = ranges[range].to,
	};

	c->ret_block = block;
	return port_find(t->pool, block, &w, t->rng, &c->ret_port);
}

/* The very port of the host, if it lies in one of the subscriber's blocks on its address. */
static bool choose_same(struct subscriber_table *t, struct choice *c)
{
	const struct subscriber *sub = &t->at[c->subscriber];
	uint32_t row = sub->has_addr ? pool_row_at(t->pool, sub->addr, c->port) : NONE;
	uint32_t block = row == NONE ? NONE : pool_lent_at(t->pool, row, c->port);

	if (block == NONE || t->pool->blocks[block].owner != c->subscriber ||
		!port_is_free(t->pool, block, c->proto, c->port))
		return false;
	c->ret_block = block;
	c->ret_port = c->port;
	return true;
}

/* Blocks of PORTS_LOW hold high ports too if they are larger than the low range, so both lists are asked. */
static bool choose_lent_with(
	struct subscriber_table *t, struct choice *c, enum port_class range, enum parity parity)
{
	const struct subscriber *sub = &t->at[c->subscriber];

	for (unsigned i = 0; i < PORT_CLASS_COUNT; i++) {
		uint32_t block = sub->room[i == 0 ? range : PORT_CLASS_COUNT - 1 - range][c->proto];

		for (unsigned n = 0; n < BLOCK_TRIES && block != NONE; n++) {
			if (find_in(t, c, block, range, parity))
				return true;
			block = t->pool->blocks[block].link[c->proto].next;
		}
	}
	return false;
}

static bool choose_lent(struct subscriber_table *t, struct choice *c, enum port_class range)
{
	return choose_lent_with(t, c, range, c->parity) || choose_lent_with(t, c, range, PARITY_ANY);
}

/* A fresh block has a free port for every protocol: an entry of the pool never ends at port 0. */
static bool choose_fresh(struct subscriber_table *t, struct choice *c, uint32_t block)
{
	enum port_class other = c->want == PORTS_LOW ? PORTS_HIGH : PORTS_LOW;

	block_join(t, block);
	bool found = find_in(t, c, block, c->want, c->parity) || find_in(t, c, block, c->want, PARITY_ANY) ||
		     find_in(t, c, block, other, c->parity) || find_in(t, c, block, other, PARITY_ANY);

	ASSERT(found);
	return true;
}

static bool choose_new(struct subscriber_table *t, struct choice *c, uint32_t row, enum port_class class)
{
	return row != NONE && choose_fresh(t, c, pool_lend(t->pool, row, class, c->subscriber));
}

static bool choose_paired(struct subscriber_table *t, struct choice *c, enum port_class class)
{
	const struct subscriber *sub = &t->at[c->subscriber];
	struct block_wish w = { sub->pool, class };

	return sub->has_addr && choose_new(t, c, pool_row_of_address(t->pool, sub->addr, w), class);
}

static bool choose_anywhere(struct subscriber_table *t, struct choice *c, enum port_class class)
{
	struct block_wish w = { t->at[c->subscriber].pool, class };

	return choose_new(t, c, pool_row_any(t->pool, w, t->rng), class);
}

/* The subscriber's address has no block left (RFC 8158 s4.6.6); if it has an address yet. */
static bool choose_elsewhere(
	struct subscriber_table *t, struct choice *c, enum port_class want, enum port_class other)
{
	const struct subscriber *sub = &t->at[c->subscriber];

	if (sub->has_addr)
		watch_ports_exhausted(t->watch, sub->addr, c->proto, sub->prefix);
	return choose_anywhere(t, c, want) || choose_anywhere(t, c, other);
}

/* One of the subscriber's own blocks by computation that is not lent yet, of the class; see fixed.h. */
static bool choose_fixed(struct subscriber_table *t, struct choice *c, enum port_class class)
{
	const struct subscriber *sub = &t->at[c->subscriber];
	const struct fixed_plan *plan = &t->pool->plans[sub->pool];
	struct fixed_block b;

	for (uint32_t n = 0; fixed_block_of(t->pool->config, plan, sub->prefix, n, &b); n++) {
		uint32_t row = pool_row_at(t->pool, b.addr, b.lo);

		if (pool_lent_at(t->pool, row, b.lo) == NONE && pool_class_at(t->pool, row, b.lo) == class)
			return choose_fresh(t, c, pool_lend_at(t->pool, row, b.lo, c->subscriber));
	}
	return false;
}

static enum parity parity_of(enum proto proto, uint16_t port)
{
	if (proto == PROTO_ICMP)
		return PARITY_ANY; /* RFC 6146 s3.5.3: any available identifier */
	return port % 2 == 0 ? PARITY_EVEN : PARITY_ODD;
}

static enum port_class range_of(enum proto proto, uint16_t port)
{
	return proto != PROTO_ICMP && port < WELL_KNOWN_PORTS ? PORTS_LOW : PORTS_HIGH;
}

static enum drop_reason refusal(const struct subscriber_table *t, uint32_t id, bool may_grow)
{
	const struct state_config *c = t->pool->config;
	unsigned entry = 0;

	while (entry < c->pool_len && c->pool[entry].pool != t->at[id].pool)
		entry++;
	if (entry == c->pool_len)
		return DROP_NO_POOL;
	return may_grow ? DROP_POOL_EXHAUSTED : DROP_SUBSCRIBER_BLOCKS;
}

/*
 * From the best to the least: the same port; a port of the same range in a block that is already lent, of the
 * same parity before the other (parity is not worth a further block: RFC 7857 s8 lets a NAT give it up, and
 * blocks are what limits and logs count); a further block of the same address; only then the other range; and
 * only then another address. Blocks that are the subscriber's own by computation come before all others, in whatever
 * range: RFC 7422 s2 step 3 demands that they are used up first, and the range is a SHOULD (RFC 6146 s3.5.1.1).
 *
 * DEVIATION: RFC 7857 s4 recommends to drop rather than to use a second address. A subscriber whose address
 * has run out goes on with another one here, within its number of blocks; that is the "soft" form that the
 * same section allows.
 */
enum drop_reason subscriber_take_port(struct subscriber_table *t, uint32_t id, enum proto proto,
	uint16_t port, uint32_t *ret_block, uint16_t *ret_port)
{
	enum port_class want = range_of(proto, port), other = want == PORTS_LOW ? PORTS_HIGH : PORTS_LOW;
	struct choice c = {
		.subscriber = id,
		.proto = proto,
		.port = port,
		.want = want,
		.parity = parity_of(proto, port),
	};
	bool may_grow = t->at[id].blocks < t->pool->config->max_blocks_per_subscriber;

	bool has_own = t->pool->plans[t->at[id].pool].ratio > 0;
	bool found = choose_same(t, &c) || choose_lent(t, &c, want);

	if (!found && has_own)
		found = (may_grow && choose_fixed(t, &c, want)) || choose_lent(t, &c, other) ||
			(may_grow && choose_fixed(t, &c, other));
	if (!found)
		found = (may_grow && choose_paired(t, &c, want)) || choose_lent(t, &c, other) ||
			(may_grow && choose_paired(t, &c, other));
	if (!found && may_grow)
		found = choose_elsewhere(t, &c, want, other);
	if (!found)
		return refusal(t, id, may_grow);
	take(t, c.ret_block, proto, c.ret_port);
	*ret_block = c.ret_block;
	*ret_port = c.ret_port;
	return DROP_NONE;
}

bool subscriber_take_static(struct subscriber_table *t, uint32_t id, enum proto proto, uint32_t row,
	uint16_t port, uint32_t *ret_block)
{
	uint32_t block = pool_lent_at(t->pool, row, port);
	struct fixed_block fixed;

	if (!port_is_lendable(proto, port) || t->pool->rows[row].pool != t->at[id].pool)
		return false;
	if (fixed_block_at(t->pool->config, t->pool->rows[row].addr, port, &fixed) &&
		!addr6_eq(fixed.subscriber.addr, t->at[id].prefix))
		return false;
	if (block == NONE) {
		block = pool_lend_at(t->pool, row, port, id);
		block_join(t, block);
	}
	if (!port_is_free(t->pool, block, proto, port))
		return false;
	take(t, block, proto, port);
	*ret_block = block;
	return true;
}

/* RFC 6146 s3.5.1.1: what else the host opens should come from the same address. */
void subscriber_pin(struct subscriber_table *t, uint32_t id, struct addr4 addr)
{
	struct subscriber *sub = &t->at[id];

	sub->statics++;
	if (!sub->has_addr)
		sub->addr = addr;
	sub->has_addr = true;
}

void subscriber_unpin(struct subscriber_table *t, uint32_t id)
{
	t->at[id].statics--;
	subscriber_drop_idle(t, id);
}

void subscriber_unlist(struct subscriber_table *t, uint32_t block)
{
	for (unsigned proto = 0; proto < PROTO_COUNT; proto++) {
		if (t->pool->blocks[block].room[proto] > 0)
			list_remove(t, block, proto);
	}
}

void subscriber_list(struct subscriber_table *t, uint32_t block)
{
	for (unsigned proto = 0; proto < PROTO_COUNT; proto++) {
		if (t->pool->blocks[block].room[proto] > 0)
			list_add(t, block, proto);
	}
}
