/*
 * pool.c - see pool.h
 *
 * DEVIATION: RFC 6888 REQ-8 wants a port to rest for 120 s before another host gets it. A returned block goes
 * to the end of its address's queue, which is longer than that unless the pool is nearly used up; then
 * serving a subscriber is worth more than the rest of the time.
 */
#include "state/loan.h"
#include "state/owner.h"
#include "state/pool.h"

/* Block numbers of a pool entry: lo and hi fall into these. */
static uint32_t first_number(const struct state_config *c, const struct pool_entry *e)
{
	return e->lo / c->ports_per_block;
}

static uint32_t numbers_of(const struct state_config *c, const struct pool_entry *e)
{
	return e->hi / c->ports_per_block - first_number(c, e) + 1;
}

uint64_t pool_blocks(const struct state_config *c)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < c->pool_len; i++)
		n += (UINT64_C(1) << (32 - c->pool[i].prefix.len)) * numbers_of(c, &c->pool[i]);
	return n;
}

static uint32_t rows_of(const struct state_config *c)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < c->pool_len; i++)
		n += UINT64_C(1) << (32 - c->pool[i].prefix.len);
	return (uint32_t)n;
}

/* --- rings of free blocks, and the lists of rows that have any --- */

static void open_add(struct pool *p, uint32_t row, enum port_class class)
{
	struct open_rows *o = &p->of_pool[p->rows[row].pool];
	uint32_t at = o->base + o->len[class]++;

	p->rows[row].free[class].open_at = at;
	p->open[class][at] = row;
}

static void open_remove(struct pool *p, uint32_t row, enum port_class class)
{
	struct open_rows *o = &p->of_pool[p->rows[row].pool];
	uint32_t at = p->rows[row].free[class].open_at;
	uint32_t last = p->open[class][o->base + --o->len[class]];

	p->open[class][at] = last;
	p->rows[last].free[class].open_at = at;
}

static uint16_t *ring_at(const struct pool *p, const struct ring *r, uint32_t i)
{
	return &p->numbers[r->base + (r->head + i) % r->size];
}

static void ring_put(struct pool *p, uint32_t row, enum port_class class, uint16_t number)
{
	struct ring *r = &p->rows[row].free[class];

	*ring_at(p, r, r->len) = number;
	p->of_pool[p->rows[row].pool].free++;
	if (r->len++ == 0)
		open_add(p, row, class);
}

static uint16_t ring_take(struct pool *p, uint32_t row, enum port_class class)
{
	struct ring *r = &p->rows[row].free[class];
	uint16_t number = *ring_at(p, r, 0);

	ASSERT(r->len > 0);
	r->head = (uint16_t)((r->head + 1u) % r->size);
	p->of_pool[p->rows[row].pool].free--;
	if (--r->len == 0)
		open_remove(p, row, class);
	return number;
}

/* Bring one number to the front; the order of the others does not matter at start-up. */
static void ring_advance(struct pool *p, struct ring *r, uint16_t number)
{
	uint32_t i = 0;

	while (*ring_at(p, r, i) != number) {
		i++;
		ASSERT(i < r->len);
	}
	*ring_at(p, r, i) = *ring_at(p, r, 0);
	*ring_at(p, r, 0) = number;
}

/* --- cutting the pool --- */

static enum port_class class_of(const struct pool *p, const struct row *r, uint32_t number)
{
	uint32_t first = (r->first_number + number) << p->shift;
	uint32_t lo = p->config->pool[r->entry].lo;

	return (first > lo ? first : lo) < WELL_KNOWN_PORTS ? PORTS_LOW : PORTS_HIGH;
}

bool pool_owns(const struct pool *p, const struct row *r, uint32_t number)
{
	const struct state_config *c = p->config;
	uint16_t port = (uint16_t)((r->first_number + number) << p->shift);

	return !c->owners || owner_of_block(c->owners, r->addr, port) == c->worker;
}

static void row_fill(struct pool *p, uint32_t row, uint32_t numbers, struct rng *g)
{
	struct row *r = &p->rows[row];
	uint32_t low = 0;

	while (low < numbers && class_of(p, r, low) == PORTS_LOW)
		low++;
	r->free[PORTS_LOW] = (struct ring){ .base = r->first_block, .size = (uint16_t)low };
	r->free[PORTS_HIGH] =
		(struct ring){ .base = r->first_block + low, .size = (uint16_t)(numbers - low) };
	for (uint32_t i = 0; i < numbers; i++) {
		if (!pool_owns(p, r, i))
			continue;
		if (!pool_is_fixed(r, i)) {
			ring_put(p, row, i < low ? PORTS_LOW : PORTS_HIGH, (uint16_t)i);
			p->of_pool[r->pool].blocks++;
		}
		r->owned++;
	}
	p->blocks_owned += r->owned;
	for (unsigned class = 0; class < PORT_CLASS_COUNT; class ++) {
		const struct ring *ring = &r->free[class];

		for (uint32_t i = ring->len; i > 1; i--) {
			uint16_t *a = ring_at(p, ring, i - 1), *b = ring_at(p, ring, rng_below(g, i));
			uint16_t keep = *a;

			*a = *b;
			*b = keep;
		}
	}
}

static void cut_entry(struct pool *p, unsigned entry, struct rng *g)
{
	const struct pool_entry *e = &p->config->pool[entry];
	uint32_t numbers = numbers_of(p->config, e);
	uint64_t addresses = UINT64_C(1) << (32 - e->prefix.len);

	p->first_row[entry] = p->rows_len;
	for (uint64_t i = 0; i < addresses; i++) {
		struct fixed_range fixed = fixed_range_of(p->config, &p->plans[e->pool], entry, i);
		uint32_t first = first_number(p->config, e);

		p->rows[p->rows_len] = (struct row){
			.addr = { e->prefix.addr.v + (uint32_t)i },
			.entry = (uint8_t)entry,
			.pool = e->pool,
			.first_number = (uint16_t)first,
			.first_block = p->blocks_len,
		};
		if (fixed.to > fixed.from)
			p->rows[p->rows_len].fixed =
				(struct fixed_range){ fixed.from - first, fixed.to - first };
		p->blocks_len += numbers;
		row_fill(p, p->rows_len++, numbers, g);
	}
}

/* Each pool has as much of the lists of open rows as it has rows. */
static void part_pools(struct pool *p)
{
	uint32_t rows[STATE_POOLS_MAX] = { 0 }, base = 0;

	for (unsigned i = 0; i < p->config->pool_len; i++)
		rows[p->config->pool[i].pool] += UINT32_C(1) << (32 - p->config->pool[i].prefix.len);
	for (unsigned pool = 0; pool < STATE_POOLS_MAX; pool++) {
		p->plans[pool] = fixed_plan_of(p->config, (uint8_t)pool);
		p->of_pool[pool] = (struct open_rows){ .base = base };
		base += rows[pool];
	}
}

bool pool_cut(struct pool *p, const struct state_config *c, struct rng *g)
{
	uint32_t rows = rows_of(c), blocks = (uint32_t)pool_blocks(c);

	p->config = c;
	p->shift = (unsigned)__builtin_ctz(c->ports_per_block);
	p->words = c->ports_per_block / 64;
	p->rows = memory_table(&p->memory, rows, sizeof(*p->rows));
	p->numbers = memory_table(&p->memory, blocks, sizeof(*p->numbers));
	p->lent = memory_table(&p->memory, blocks, sizeof(*p->lent));
	p->open[PORTS_LOW] = memory_table(&p->memory, rows, sizeof(uint32_t));
	p->open[PORTS_HIGH] = memory_table(&p->memory, rows, sizeof(uint32_t));
	if (!p->rows || !p->numbers || !p->lent || !p->open[PORTS_LOW] || !p->open[PORTS_HIGH])
		return false;
	part_pools(p);
	for (unsigned i = 0; i < c->pool_len; i++)
		cut_entry(p, i, g);
	return true;
}

uint32_t pool_room(const struct pool *p, uint32_t max_lent)
{
	return p->blocks_len < max_lent ? p->blocks_len : max_lent;
}

bool pool_make_room(struct pool *p, uint32_t max_lent)
{
	uint32_t room = pool_room(p, max_lent);

	p->blocks = memory_table(&p->held, room, sizeof(*p->blocks));
	p->taken = memory_table(&p->held, room, PROTO_COUNT * p->words * sizeof(*p->taken));
	return p->blocks && p->taken && slots_init(&p->slots, &p->held, room);
}

void pool_fini(struct pool *p)
{
	memory_fini(&p->memory);
	memory_fini(&p->held);
}

/* --- taking over from the pool before --- */

void pool_adopt_row(struct pool *p, uint32_t row, const struct pool *old, uint32_t old_row)
{
	struct row *to = &p->rows[row];
	const struct row *from = &old->rows[old_row];
	uint32_t numbers = (uint32_t)to->free[PORTS_LOW].size + to->free[PORTS_HIGH].size;

	for (unsigned class = 0; class < PORT_CLASS_COUNT; class ++) {
		struct ring *ring = &to->free[class];

		if (ring->len > 0)
			open_remove(p, row, (enum port_class) class);
		p->of_pool[to->pool].free += from->free[class].len;
		p->of_pool[to->pool].free -= ring->len;
		ring->head = from->free[class].head;
		ring->len = from->free[class].len;
		if (ring->len > 0)
			open_add(p, row, (enum port_class) class);
	}
	bytes_copy(&p->numbers[to->first_block], &old->numbers[from->first_block],
		numbers * sizeof(*p->numbers));
	bytes_copy(&p->lent[to->first_block], &old->lent[from->first_block], numbers * sizeof(*p->lent));
	bytes_copy(to->ports_used, from->ports_used, sizeof(to->ports_used));
	p->blocks_owned = p->blocks_owned - to->owned + from->owned;
	p->of_pool[to->pool].blocks += from->owned - to->owned; /* fixed blocks do not move */
	to->owned = from->owned;
	to->lent = from->lent;
}

void pool_close_row(struct pool *p, uint32_t row)
{
	struct row *r = &p->rows[row];

	for (unsigned class = 0; class < PORT_CLASS_COUNT; class ++) {
		struct ring *ring = &r->free[class];
		uint16_t kept = 0;

		for (uint32_t i = 0; i < ring->len; i++) {
			uint16_t number = *ring_at(p, ring, i);

			if (p->lent[r->first_block + number] == 0)
				*ring_at(p, ring, kept++) = number;
		}
		if (ring->len > 0 && kept == 0)
			open_remove(p, row, (enum port_class) class);
		p->of_pool[r->pool].free -= (uint32_t)(ring->len - kept);
		ring->len = kept;
	}
}

/* --- finding a row --- */

static bool entry_has(const struct pool_entry *e, struct addr4 a, uint16_t port)
{
	return prefix4_contains(e->prefix, a) && e->lo <= port && port <= e->hi;
}

static uint32_t row_in_entry(const struct pool *p, unsigned entry, struct addr4 a)
{
	return p->first_row[entry] + (a.v - p->config->pool[entry].prefix.addr.v);
}

uint32_t pool_row_at(const struct pool *p, struct addr4 a, uint16_t port)
{
	for (unsigned i = 0; i < p->config->pool_len; i++) {
		if (entry_has(&p->config->pool[i], a, port))
			return row_in_entry(p, i, a);
	}
	return NONE;
}

uint32_t pool_row_of_address(const struct pool *p, struct addr4 a, struct block_wish w)
{
	for (unsigned i = 0; i < p->config->pool_len; i++) {
		if (p->config->pool[i].pool != w.pool || !prefix4_contains(p->config->pool[i].prefix, a))
			continue;
		uint32_t row = row_in_entry(p, i, a);

		if (p->rows[row].free[w.class].len > 0)
			return row;
	}
	return NONE;
}

uint32_t pool_row_any(const struct pool *p, struct block_wish w, struct rng *g)
{
	const struct open_rows *o = &p->of_pool[w.pool];

	return o->len[w.class] == 0 ? NONE : p->open[w.class][o->base + rng_below(g, o->len[w.class])];
}

/* --- lending --- */

static uint32_t number_in_row(const struct pool *p, uint32_t row, uint16_t port)
{
	return ((uint32_t)port >> p->shift) - p->rows[row].first_number;
}

uint32_t pool_lent_at(const struct pool *p, uint32_t row, uint16_t port)
{
	return p->lent[p->rows[row].first_block + number_in_row(p, row, port)] - 1; /* 0 - 1 is NONE */
}

void pool_block_range(const struct pool *p, uint32_t block, uint16_t *ret_first, uint16_t *ret_last)
{
	const struct block *b = &p->blocks[block];
	const struct pool_entry *e = &p->config->pool[p->rows[b->row].entry];
	uint32_t first = (uint32_t)b->number << p->shift, last = first + p->config->ports_per_block - 1;

	*ret_first = (uint16_t)(first > e->lo ? first : e->lo);
	*ret_last = (uint16_t)(last < e->hi ? last : e->hi);
}

enum port_class pool_class_at(const struct pool *p, uint32_t row, uint16_t port)
{
	return class_of(p, &p->rows[row], number_in_row(p, row, port));
}

static uint32_t lend(struct pool *p, uint32_t row, uint16_t number, uint32_t owner)
{
	struct row *r = &p->rows[row];
	uint32_t id = slots_take(&p->slots);

	p->blocks[id] = (struct block){
		.owner = owner,
		.row = row,
		.number = (uint16_t)(r->first_number + number),
		.class = (uint8_t)class_of(p, r, number),
	};
	p->lent[r->first_block + number] = id + 1;
	r->lent++;
	p->blocks_taken++;
	block_open(p, id);
	return id;
}

uint32_t pool_lend(struct pool *p, uint32_t row, enum port_class class, uint32_t owner)
{
	uint16_t number = ring_take(p, row, class);
	struct open_rows *o = &p->of_pool[p->rows[row].pool];

	if (UNLIKELY(o->free < LOAN_LOW))
		o->is_low = p->has_low = true;
	return lend(p, row, number, owner);
}

uint32_t pool_lend_at(struct pool *p, uint32_t row, uint16_t port, uint32_t owner)
{
	uint32_t number = number_in_row(p, row, port);
	enum port_class class = class_of(p, &p->rows[row], number);

	if (pool_is_fixed(&p->rows[row], number))
		return lend(p, row, (uint16_t)number, owner);
	ring_advance(p, &p->rows[row].free[class], (uint16_t)number);
	return pool_lend(p, row, class, owner);
}

/* --- between workers --- */

static uint16_t part_with_first(struct pool *p, uint32_t row, enum port_class class)
{
	uint16_t number = ring_take(p, row, class);

	p->rows[row].owned--;
	p->blocks_owned--;
	p->of_pool[p->rows[row].pool].blocks--;
	return number;
}

bool pool_part_with(struct pool *p, uint8_t pool, struct rng *g, struct addr4 *ret_addr, uint16_t *ret_port)
{
	uint32_t row = NONE;
	struct block_wish w = { .pool = pool };

	/* High ports first: they are what most flows ask for. */
	for (unsigned i = PORT_CLASS_COUNT; row == NONE && i-- > 0;) {
		w.class = (enum port_class)i;
		row = pool_row_any(p, w, g);
	}
	if (row == NONE)
		return false;
	const struct row *r = &p->rows[row];
	uint16_t number = part_with_first(p, row, w.class);

	*ret_addr = r->addr;
	*ret_port = (uint16_t)((uint32_t)(r->first_number + number) << p->shift);
	/* A row's first block may begin below its first port. */
	if (*ret_port < p->config->pool[r->entry].lo)
		*ret_port = p->config->pool[r->entry].lo;
	return true;
}

static bool ring_has(const struct pool *p, const struct ring *r, uint16_t number)
{
	for (uint32_t i = 0; i < r->len; i++) {
		if (*ring_at(p, r, i) == number)
			return true;
	}
	return false;
}

bool pool_part_with_at(struct pool *p, uint32_t row, uint16_t port)
{
	if (row == NONE)
		return false;
	uint16_t number = (uint16_t)number_in_row(p, row, port);
	enum port_class class = class_of(p, &p->rows[row], number);
	struct ring *ring = &p->rows[row].free[class];

	if (!ring_has(p, ring, number))
		return false;
	ring_advance(p, ring, number);
	(void)part_with_first(p, row, class);
	return true;
}

bool pool_has(const struct pool *p, uint32_t row, uint16_t port)
{
	const struct row *r = &p->rows[row];
	uint32_t number = number_in_row(p, row, port);

	if (p->lent[r->first_block + number] != 0)
		return true;
	return pool_is_fixed(r, number) ? pool_owns(p, r, number)
					: ring_has(p, &r->free[class_of(p, r, number)], (uint16_t)number);
}

/* A reload in between may have found the block to be ours already. */
uint32_t pool_receive(struct pool *p, struct addr4 a, uint16_t port)
{
	uint32_t row = pool_row_at(p, a, port);

	if (row == NONE)
		return NONE;
	uint16_t number = (uint16_t)number_in_row(p, row, port);
	struct row *r = &p->rows[row];
	enum port_class class = class_of(p, r, number);

	if (p->lent[r->first_block + number] != 0 || pool_is_fixed(r, number) ||
		ring_has(p, &r->free[class], number))
		return NONE;
	ring_put(p, row, class, number);
	r->owned++;
	p->blocks_owned++;
	p->of_pool[r->pool].blocks++;
	return row;
}

void pool_return(struct pool *p, uint32_t block)
{
	const struct block *b = &p->blocks[block];
	struct row *r = &p->rows[b->row];
	uint16_t number = (uint16_t)(b->number - r->first_number);

	ASSERT(b->bindings == 0);
	p->lent[r->first_block + number] = 0;
	r->lent--;
	p->blocks_returned++;
	if (!pool_is_fixed(r, number))
		ring_put(p, b->row, (enum port_class)b->class, number);
	slots_give(&p->slots, block);
}
