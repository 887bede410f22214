/*
 * pool_watch.c - see pool_watch.h
 *
 * A pool that is lent out refuses subscribers, and an operator wants to know before (pool_alarm.h says at which shares).
 * Workers lend each other free blocks, so only the sum over all of them says how full a pool is; the control thread takes
 * it, one short look between two packets of each worker. Blocks on their way from one worker to another are missing in a
 * sum; they are few and free, and the next look has them.
 *
 * Deterministic blocks belong to their subscribers and cannot run out: they are not in these figures.
 */
#include "cmd/pool_watch.h"

#include "base/log.h"
#include "cmd/pool_alarm.h"

#include <errno.h>
#include <stdlib.h>

#define LOOK_EVERY (2 * NSEC)
#define POOL_NAME (PREFIX4_TEXT + sizeof(":65535-65535"))

struct pool_watch {
	struct translator *t;
	struct loop_watch *timer;
	struct pool_alarm alarms[STATE_POOLS_MAX];
};

/* What all workers together have of each pool. */
struct use {
	struct state_pool_use of[STATE_POOLS_MAX];
};

static void add_worker(void *ctx, struct nat64 *n)
{
	struct use *sum = ctx;

	for (unsigned i = 0; i < STATE_POOLS_MAX; i++) {
		struct state_pool_use u = state_pool_use(nat64_state(n), (uint8_t)i);

		sum->of[i].blocks += u.blocks;
		sum->of[i].blocks_lent += u.blocks_lent;
		sum->of[i].subscribers += u.subscribers;
	}
}

static struct use look(const struct translator *t)
{
	struct use sum = { .of = { { 0 } } };

	for (unsigned i = 0; i < t->workers_len; i++)
		worker_call(t->workers[i], add_worker, &sum);
	return sum;
}

/* --- what a pool is called --- */

static const struct pool_entry *first_entry(const struct state_config *c, unsigned pool)
{
	for (unsigned i = 0; i < c->pool_len; i++) {
		if (c->pool[i].pool == pool)
			return &c->pool[i];
	}
	return NULL;
}

/* By its first entry, as no two have the same ports of an address: 192.0.2.0/28:1024-65535. */
static const char *name_of(const struct pool_entry *e, char buf[static POOL_NAME])
{
	char prefix[PREFIX4_TEXT], address[ADDR4_TEXT];

	snprintf(buf, POOL_NAME, "%s:%u-%u",
		e->prefix.len == 32 ? addr4_text(e->prefix.addr, address) : prefix4_text(e->prefix, prefix),
		e->lo, e->hi);
	return buf;
}

/* An address that two entries share the ports of counts once. */
static uint64_t addresses_of(const struct state_config *c, unsigned pool)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < c->pool_len; i++) {
		bool is_new = c->pool[i].pool == pool;

		for (unsigned j = 0; j < i && is_new; j++)
			is_new = c->pool[j].pool != pool ||
				 !prefix4_contains(c->pool[j].prefix, c->pool[i].prefix.addr);
		if (is_new)
			n += UINT64_C(1) << (32 - c->pool[i].prefix.len);
	}
	return n;
}

/* --- the log --- */

static void tell(
	const struct translator *t, unsigned pool, const struct state_pool_use *u, enum pool_level level)
{
	const struct state_config *c = &t->conf->nat64.state;
	const struct pool_entry *e = first_entry(c, pool);
	char name[POOL_NAME];

	if (!e)
		return;
	log_line(level == POOL_ROOM ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		"nat64.pool %s: %s: %u of %u port blocks are lent (%u %%), on %llu address%s to %u "
		"subscriber%s%s",
		name_of(e, name),
		level == POOL_ROOM	    ? "there is room again"
		: level == POOL_NEARLY_FULL ? "nearly used up"
					    : "all but used up",
		u->blocks_lent, u->blocks,
		u->blocks > 0 ? (unsigned)((uint64_t)u->blocks_lent * 100 / u->blocks) : 0,
		(unsigned long long)addresses_of(c, pool), addresses_of(c, pool) == 1 ? "" : "es",
		u->subscribers, u->subscribers == 1 ? "" : "s",
		level == POOL_ROOM ? ""
				   : "; when all are, new flows get POOL_EXHAUSTED: add addresses, or lower "
				     "nat64.max-blocks-per-subscriber");
}

static void on_time(void *ctx)
{
	struct pool_watch *w = ctx;
	struct use sum = look(w->t);
	nsec now = clock_now();

	for (unsigned i = 0; i < STATE_POOLS_MAX; i++) {
		if (pool_alarm_take(&w->alarms[i], sum.of[i].blocks_lent, sum.of[i].blocks, now))
			tell(w->t, i, &sum.of[i], w->alarms[i].level);
	}
	loop_timer_set(w->timer, LOOK_EVERY);
}

/* --- start and end --- */

int pool_watch_new(struct translator *t, struct pool_watch **ret)
{
	struct pool_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->t = t;
	int err = loop_watch_timer(t->loop, on_time, w, &w->timer);

	if (err < 0) {
		free(w);
		return err;
	}
	loop_timer_set(w->timer, LOOK_EVERY);
	*ret = w;
	return 0;
}

void pool_watch_free(struct pool_watch *w)
{
	if (!w)
		return;
	loop_unwatch(w->timer);
	free(w);
}

void pool_watch_reset(struct pool_watch *w)
{
	bytes_zero(w->alarms, sizeof(w->alarms));
}

/* --- rows --- */

json_t *pool_watch_rows(struct pool_watch *w)
{
	const struct state_config *c = &w->t->conf->nat64.state;
	struct use sum = look(w->t);
	json_t *rows = json_array();
	char name[POOL_NAME];

	for (unsigned i = 0; i < STATE_POOLS_MAX; i++) {
		const struct pool_entry *e = first_entry(c, i);
		const struct state_pool_use *u = &sum.of[i];

		if (!e || u->blocks == 0)
			continue;
		json_array_append_new(rows,
			json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "pool", name_of(e, name), "addresses",
				(json_int_t)addresses_of(c, i), "subscribers", (json_int_t)u->subscribers,
				"blocks", (json_int_t)u->blocks, "blocks_lent", (json_int_t)u->blocks_lent,
				"alarm_percent", (json_int_t)pool_level_percent(w->alarms[i].level)));
	}
	return rows;
}
