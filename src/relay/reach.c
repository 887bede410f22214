/*
 * reach.c - see reach.h
 *
 * A @struct_runner is a target that is being dialled. One begins at once, another whenever one has failed, or when the last one
 * to begin is not there after RACE_DELAY; the first that is connected ends it all. So a target that drops packets costs a client a
 * quarter of a second, as a dead address of one target does (dial.c), and not what is left of timeouts.connect.
 *
 * A runner that loses to a later one is told to its target (TARGET_OVERTAKEN), so that it does not cost every client
 * as much.
 */
#include "relay/reach.h"

#include <errno.h>
#include <stdlib.h>

#define RACE_DELAY (250 * MSEC) /* RFC 8305 s5: the delay between attempts, here of targets */
#define RUNNERS_MAX 8		/* at once */

static const char overtaken[] = "not there after 250 ms, when another one was";

struct runner {
	struct reach *reach;
	struct dial *dial;
	struct target *target; /* NULL: nobody runs here */
	unsigned start;	       /* its number among all that began */
};

struct reach {
	struct lane *lane;
	struct reach_plan plan;
	uint64_t tried; /* if the plan has no place for it */
	nsec until;
	struct loop_watch *timer; /* NULL: there is only one target */
	struct runner runners[RUNNERS_MAX];
	unsigned started;
};

/* --- the end --- */

static void runner_end(struct runner *run)
{
	dial_cancel(run->dial);
	run->dial = NULL;
	if (run->target)
		target_give(run->target);
	run->target = NULL;
}

static void reach_free(struct reach *r)
{
	for (unsigned i = 0; i < RUNNERS_MAX; i++)
		runner_end(&r->runners[i]);
	loop_unwatch(r->timer);
	free(r);
}

/* @won: NULL, or a target that is the callee's now. */
static void reach_over(
	struct reach *r, enum dial_fault fault, int fd, struct target *won, const struct endpoint *peer)
{
	struct reach_plan plan = r->plan;

	reach_free(r);
	plan.done(plan.ctx, fault, fd, won, peer);
}

static bool is_any_running(const struct reach *r)
{
	for (unsigned i = 0; i < RUNNERS_MAX; i++)
		if (r->runners[i].target)
			return true;
	return false;
}

/* --- runners --- */

static void run_next(struct reach *r);

static void wins(struct reach *r, struct runner *run, int fd, const struct endpoint *peer)
{
	struct target *won = run->target;

	run->target = NULL;
	target_note(won, TARGET_WORKED, NULL);
	for (unsigned i = 0; i < RUNNERS_MAX; i++)
		if (r->runners[i].target && r->runners[i].start < run->start)
			target_note(r->runners[i].target, TARGET_OVERTAKEN, overtaken);
	if (run->start > 0)
		LANE_COUNT(r->lane, retried);
	reach_over(r, DIAL_OK, fd, won, peer);
}

/* Faults that say nothing of the target: memory, descriptors; or a client prefix that is of no use to it. */
static bool is_ours(enum dial_fault f)
{
	return f == DIAL_FAILED;
}

static void on_dialled(void *ctx, enum dial_fault fault, int fd, const struct endpoint *peer)
{
	struct runner *run = ctx;
	struct reach *r = run->reach;

	run->dial = NULL;
	if (fault == DIAL_OK) {
		wins(r, run, fd, peer);
		return;
	}
	if (!is_ours(fault))
		target_note(run->target, TARGET_FAILED, dial_fault_text(fault));
	runner_end(run);
	if (!is_ours(fault))
		run_next(r);
	if (!is_any_running(r))
		reach_over(r, fault, -1, NULL, peer);
}

static int runner_begin(struct reach *r, struct runner *run, struct target *t)
{
	nsec now = clock_now();
	const struct dial_plan d = {
		.kind = DIAL_STREAM,
		.to = target_where(t),
		.family = target_group_family(r->plan.group),
		.timeout = r->until > now ? r->until - now : 0,
		.client_prefix = r->plan.client_prefix,
		.client = r->plan.client,
		.done = on_dialled,
		.ctx = run,
	};
	int err = dial_start(r->lane, &d, &run->dial);

	if (err < 0)
		return err;
	run->reach = r;
	run->target = t;
	run->start = r->started++;
	return 0;
}

static struct runner *free_runner(struct reach *r)
{
	for (unsigned i = 0; i < RUNNERS_MAX; i++)
		if (!r->runners[i].target)
			return &r->runners[i];
	return NULL;
}

static struct target *choose(struct reach *r)
{
	unsigned number;
	struct target *t = target_choose(r->plan.group, &r->plan.client, *r->plan.tried, &number);

	if (t)
		*r->plan.tried |= UINT64_C(1) << number;
	return t;
}

/* The next one, if there is one, and time and room; and after it, in a moment, another. */
static void run_next(struct reach *r)
{
	struct runner *run = free_runner(r);
	struct target *t = run && clock_now() < r->until ? choose(r) : NULL;

	if (!t)
		return;
	if (runner_begin(r, run, t) < 0)
		target_give(t);
	else if (r->timer)
		loop_timer_set(r->timer, RACE_DELAY);
}

static void on_late(void *ctx)
{
	run_next(ctx);
}

/* --- life --- */

static int begin(struct reach *r)
{
	struct target *t = r->plan.first ? r->plan.first : choose(r);
	int err = t ? 0 : -EHOSTUNREACH;

	if (t && target_group_untried(r->plan.group, *r->plan.tried) > 0)
		err = loop_watch_timer(r->lane->loop, on_late, r, &r->timer);
	if (err == 0)
		err = runner_begin(r, &r->runners[0], t);
	if (err < 0 && t && !r->plan.first)
		target_give(t);
	if (err == 0 && r->timer)
		loop_timer_set(r->timer, RACE_DELAY);
	return err;
}

int reach_start(struct lane *l, const struct reach_plan *plan, struct reach **ret)
{
	struct reach *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->lane = l;
	r->plan = *plan;
	if (!plan->tried)
		r->plan.tried = &r->tried;
	r->until = clock_now() + plan->timeout;
	int err = begin(r);

	if (err < 0) {
		reach_free(r);
		return err;
	}
	*ret = r;
	return 0;
}

void reach_cancel(struct reach *r)
{
	if (r)
		reach_free(r);
}
