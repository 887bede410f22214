/* loan.c - see loan.h */
#include "state/fixed.h"
#include "state/lender.h"
#include "state/owner.h"
#include "state/tables.h"

#define SPARE_SHARE 4 /* of what is free, one part in so many is given away at a time */
#define LOW_SHARE 16  /* of the sessions that a worker may have: when fewer are left, it asks ahead of need */

static bool has_others(const struct state *s)
{
	return s->config.owners && s->config.owners->len > 1;
}

/* --- wanting --- */

static void want(struct lender *l, struct lack *k, enum loan_want how, nsec now)
{
	if (k->want < how && k->none_until <= now) {
		k->want = (uint8_t)how;
		l->is_wanting = true;
	}
}

enum drop_reason lender_refuse(struct state *s, enum drop_reason reason, struct addr6 in, nsec now)
{
	struct lender *l = &s->lender;
	struct lack *k = &l->sessions;

	if (!has_others(s) || (reason != DROP_POOL_EXHAUSTED && reason != DROP_SESSIONS_FULL))
		return reason;
	if (reason == DROP_POOL_EXHAUSTED)
		k = &l->blocks[fixed_pool_of(&s->config, in)];
	if (k->none_until > now)
		return reason;
	want(l, k, LOAN_URGENT, now);
	return DROP_AWAITS_WORKER;
}

static void want_ahead(struct state *s, nsec now)
{
	struct pool *p = &s->pool;
	struct lender *l = &s->lender;

	if (UNLIKELY(p->has_low)) {
		for (unsigned i = 0; i < STATE_POOLS_MAX; i++) {
			if (p->of_pool[i].is_low)
				want(l, &l->blocks[i], LOAN_AHEAD, now);
			p->of_pool[i].is_low = false;
		}
		p->has_low = false;
	}
	if (UNLIKELY(s->sessions_max - s->sessions.slots.used < s->sessions_max / LOW_SHARE))
		want(l, &l->sessions, LOAN_AHEAD, now);
}

/* --- asking --- */

static uint8_t lack_ask(struct lack *k)
{
	uint8_t how = k->want;

	k->was_asked = how != LOAN_NOTHING;
	k->was_given = false;
	k->want = LOAN_NOTHING;
	return how;
}

static void lack_settle(struct lack *k, nsec now)
{
	if (k->was_asked && !k->was_given)
		k->none_until = now + LOAN_PAUSE;
	k->was_asked = false;
}

static void round_end(struct lender *l, nsec now)
{
	l->awaited = 0;
	lack_settle(&l->sessions, now);
	for (unsigned i = 0; i < STATE_POOLS_MAX; i++)
		lack_settle(&l->blocks[i], now);
}

bool state_loan_ask(struct state *s, nsec now, struct state_loan *ret)
{
	struct lender *l = &s->lender;

	if (!has_others(s))
		return false;
	want_ahead(s, now);
	if (LIKELY(!l->is_wanting))
		return false;
	if (l->awaited > 0 && now < l->asked + LOAN_PATIENCE)
		return false;
	if (l->awaited > 0)
		round_end(l, now);
	*ret = (struct state_loan){ .is_ask = true };
	ret->ask.sessions = lack_ask(&l->sessions);
	for (unsigned i = 0; i < STATE_POOLS_MAX; i++)
		ret->ask.blocks[i] = lack_ask(&l->blocks[i]);
	l->is_wanting = false;
	return true;
}

void state_loan_asked(struct state *s, unsigned workers, nsec now)
{
	struct lender *l = &s->lender;

	l->awaited = workers;
	l->asked = now;
	if (workers == 0)
		round_end(l, now); /* every ring is full: as good as a no, and soon asked again */
}

/* --- giving --- */

/* Urgently asked, even the last one is given: its asker has a use for it now. */
static uint32_t spare_of(uint32_t free, uint32_t low, enum loan_want how)
{
	if (how == LOAN_URGENT)
		return (free + SPARE_SHARE - 1) / SPARE_SHARE;
	return how == LOAN_AHEAD && free > 2 * low ? free / SPARE_SHARE : 0;
}

static void give_blocks(
	struct state *s, uint8_t pool, enum loan_want how, unsigned worker, struct loan_give *ret)
{
	uint32_t n = spare_of(s->pool.of_pool[pool].free, LOAN_LOW, how);

	while (n-- > 0 && ret->blocks_len < LOAN_BLOCKS) {
		struct addr4 addr;
		uint16_t port;

		if (!pool_part_with(&s->pool, pool, &s->rng, &addr, &port))
			return;
		if (!owner_move_block(s->config.owners, addr, port, worker)) {
			pool_receive(&s->pool, addr, port);
			return;
		}
		ret->blocks[ret->blocks_len].addr = addr;
		ret->blocks[ret->blocks_len++].port = port;
		s->blocks_given++;
	}
}

void state_loan_answer(struct state *s, const struct loan_ask *ask, unsigned worker, struct state_loan *ret)
{
	uint32_t used = s->sessions.slots.used; /* more than sessions_max after a reload that lowered it */
	uint32_t left = used < s->sessions_max ? s->sessions_max - used : 0;

	*ret = (struct state_loan){ .is_ask = false };
	ret->give.sessions = spare_of(left, s->sessions_max / LOW_SHARE, (enum loan_want)ask->sessions);
	s->sessions_max -= ret->give.sessions;
	for (unsigned i = 0; i < STATE_POOLS_MAX; i++) {
		if (ask->blocks[i] != LOAN_NOTHING)
			give_blocks(s, (uint8_t)i, (enum loan_want)ask->blocks[i], worker, &ret->give);
	}
}

/* --- taking --- */

/* The block of a pool that a reload has taken away meanwhile is nobody's. */
static void take_block(struct state *s, struct addr4 addr, uint16_t port)
{
	uint32_t row = pool_receive(&s->pool, addr, port);

	if (row != NONE)
		s->lender.blocks[s->pool.rows[row].pool].was_given = true;
}

void state_loan_take(struct state *s, const struct loan_give *give, nsec now)
{
	struct lender *l = &s->lender;

	s->sessions_max += give->sessions;
	l->sessions.was_given |= give->sessions > 0;
	for (unsigned i = 0; i < give->blocks_len; i++)
		take_block(s, give->blocks[i].addr, give->blocks[i].port);
	if (l->awaited > 0 && --l->awaited == 0)
		round_end(l, now);
}

void state_loan_keep(struct state *s, const struct loan_give *give)
{
	s->sessions_max += give->sessions;
	for (unsigned i = 0; i < give->blocks_len; i++) {
		/* The word of the table is there since it was moved a moment ago, so this cannot fail. */
		bool is_back = owner_move_block(
			s->config.owners, give->blocks[i].addr, give->blocks[i].port, s->config.worker);

		ASSERT(is_back);
		(void)pool_receive(&s->pool, give->blocks[i].addr, give->blocks[i].port);
		s->blocks_given--;
	}
}
