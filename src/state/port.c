/* port.c - the ports inside a lent block: one bitmap per protocol, a set bit is a port that cannot be had */
#include "state/pool.h"

#define WORD_BITS 64u
#define EVEN_BITS                                                                                            \
	UINT64_C(0x5555555555555555) /* a block begins at a multiple of 64, so even bits are even ports */

static const uint64_t parity_bits[] = {
	[PARITY_ANY] = UINT64_MAX,
	[PARITY_EVEN] = EVEN_BITS,
	[PARITY_ODD] = ~EVEN_BITS,
};

uint64_t *block_bitmap(const struct pool *p, uint32_t block, enum proto proto)
{
	return &p->taken[((size_t)block * PROTO_COUNT + (unsigned)proto) * p->words];
}

static uint32_t first_port(const struct pool *p, uint32_t block)
{
	return (uint32_t)p->blocks[block].number << p->shift;
}

/* The bits of word @w that lie in [@from, @to], both bit numbers of the block. */
static uint64_t bits_between(uint32_t w, uint32_t from, uint32_t to)
{
	uint32_t first = w * WORD_BITS, last = first + WORD_BITS - 1;
	uint64_t bits = UINT64_MAX;

	if (from > last || to < first)
		return 0;
	if (from > first)
		bits &= UINT64_MAX << (from - first);
	if (to < last)
		bits &= UINT64_MAX >> (last - to);
	return bits;
}

/*
 * Cut the ports from-to to those of the block, as bit numbers; false if it has none of them.
 */
static bool cut_to_block(const struct pool *p, uint32_t block, uint32_t *from, uint32_t *to)
{
	uint32_t first = first_port(p, block), last = first + p->config->ports_per_block - 1;

	if (*from > last || *to < first)
		return false;
	*from = *from > first ? *from - first : 0;
	*to = *to < last ? *to - first : last - first;
	return true;
}

void block_open(struct pool *p, uint32_t block)
{
	struct block *b = &p->blocks[block];
	const struct pool_entry *e = &p->config->pool[p->rows[b->row].entry];
	uint32_t from = e->lo, to = e->hi;
	bool has_any = cut_to_block(p, block, &from, &to);

	ASSERT(has_any);
	for (unsigned proto = 0; proto < PROTO_COUNT; proto++) {
		uint64_t *taken = block_bitmap(p, block, (enum proto)proto);

		for (uint32_t w = 0; w < p->words; w++)
			taken[w] = ~bits_between(w, from, to);
		b->room[proto] = (uint16_t)(to - from + 1);
		if (first_port(p, block) + from == 0 && !port_is_lendable((enum proto)proto, 0)) {
			taken[0] |= 1;
			b->room[proto]--;
		}
	}
}

static bool is_lendable_at(const struct pool *p, uint32_t block, enum proto proto, uint32_t bit)
{
	return port_is_lendable(proto, (uint16_t)(first_port(p, block) + bit));
}

/* What the bits of word @w say about bindings: taken, and in the range. */
static uint64_t used_bits(
	const struct pool *p, uint32_t block, enum proto proto, uint32_t w, const uint32_t range[2])
{
	uint64_t used = block_bitmap(p, block, proto)[w] & bits_between(w, range[0], range[1]);

	if (w == 0 && !is_lendable_at(p, block, proto, 0))
		used &= ~UINT64_C(1);
	return used;
}

/* The ports of a block that its row has, as bit numbers. */
static void range_of(const struct pool *p, uint32_t block, uint32_t ret[2])
{
	uint16_t lo, hi;

	pool_block_range(p, block, &lo, &hi);
	ret[0] = lo - first_port(p, block);
	ret[1] = hi - first_port(p, block);
}

uint32_t block_used(const struct pool *p, uint32_t block, enum proto proto)
{
	uint32_t range[2], n = 0;

	range_of(p, block, range);
	for (uint32_t w = 0; w < p->words; w++)
		n += (uint32_t)__builtin_popcountll(used_bits(p, block, proto, w, range));
	return n;
}

void block_each_port(const struct pool *p, uint32_t block,
	void (*fn)(void *ctx, enum proto proto, uint16_t port), void *ctx)
{
	uint32_t range[2];

	range_of(p, block, range);
	for (enum proto proto = 0; proto < PROTO_COUNT; proto++)
		for (uint32_t w = 0; w < p->words; w++)
			for (uint64_t used = used_bits(p, block, proto, w, range); used != 0;
				used &= used - 1)
				fn(ctx, proto,
					(uint16_t)(first_port(p, block) + w * WORD_BITS +
						   (uint32_t)__builtin_ctzll(used)));
}

void block_refit(struct pool *p, uint32_t block, uint16_t lo, uint16_t hi)
{
	struct block *b = &p->blocks[block];
	const uint32_t before[2] = { lo - first_port(p, block), hi - first_port(p, block) };
	uint32_t now[2];

	range_of(p, block, now);
	for (enum proto proto = 0; proto < PROTO_COUNT; proto++) {
		uint64_t *taken = block_bitmap(p, block, proto);

		b->room[proto] = 0;
		for (uint32_t w = 0; w < p->words; w++) {
			taken[w] = ~bits_between(w, now[0], now[1]) | used_bits(p, block, proto, w, before);
			if (w == 0 && !is_lendable_at(p, block, proto, 0))
				taken[w] |= 1;
			b->room[proto] += (uint16_t)__builtin_popcountll(~taken[w]);
		}
	}
}

bool port_is_free(const struct pool *p, uint32_t block, enum proto proto, uint16_t port)
{
	uint32_t from = port, to = port;

	return cut_to_block(p, block, &from, &to) &&
	       (block_bitmap(p, block, proto)[from / WORD_BITS] >> (from % WORD_BITS) & 1) == 0;
}

bool port_find(const struct pool *p, uint32_t block, const struct port_wish *w, struct rng *g, uint16_t *ret)
{
	const uint64_t *taken = block_bitmap(p, block, w->proto);
	uint32_t from = w->from, to = w->to;

	if (p->blocks[block].room[w->proto] == 0 || !cut_to_block(p, block, &from, &to))
		return false;
	uint32_t start = from + rng_below(g, to - from + 1);
	uint32_t first = from / WORD_BITS, count = to / WORD_BITS - first + 1;

	/* The word of the start is looked at twice: first from the start on, at last before it. */
	for (uint32_t n = 0; n <= count; n++) {
		uint32_t at = first + (start / WORD_BITS - first + n) % count;
		uint32_t lowest = n == 0 ? start : from;
		uint64_t fits = ~taken[at] & bits_between(at, lowest, to) & parity_bits[w->parity];

		if (fits != 0) {
			uint32_t bit = at * WORD_BITS + (uint32_t)__builtin_ctzll(fits);

			*ret = (uint16_t)(first_port(p, block) + bit);
			return true;
		}
	}
	return false;
}

void port_take(struct pool *p, uint32_t block, enum proto proto, uint16_t port)
{
	struct block *b = &p->blocks[block];
	uint32_t bit = port - first_port(p, block);
	uint64_t *word = &block_bitmap(p, block, proto)[bit / WORD_BITS];

	ASSERT((*word >> (bit % WORD_BITS) & 1) == 0);
	*word |= UINT64_C(1) << (bit % WORD_BITS);
	b->room[proto]--;
	b->bindings++;
	p->rows[b->row].ports_used[proto]++;
}

void port_give(struct pool *p, uint32_t block, enum proto proto, uint16_t port)
{
	struct block *b = &p->blocks[block];
	uint32_t bit = port - first_port(p, block);

	block_bitmap(p, block, proto)[bit / WORD_BITS] &= ~(UINT64_C(1) << (bit % WORD_BITS));
	b->room[proto]++;
	b->bindings--;
	p->rows[b->row].ports_used[proto]--;
}
