/* reach.c - see reach.h */
#include "relay/reach.h"

#include <errno.h>
#include <stdlib.h>

/* How long the first of several is waited for, at least: a lost SYN is sent again after one second (RFC 6298 s2.1). */
#define ATTEMPT_AT_LEAST (1200 * MSEC)

struct reach {
	struct lane *lane;
	struct reach_plan plan;
	struct dial *dial;
	struct target *target;
	nsec until;
};

static int try_next(struct reach *r);

static void reach_over(struct reach *r, enum dial_fault fault, int fd, const struct endpoint *peer)
{
	struct reach_plan plan = r->plan;
	struct target *target = r->target;

	free(r);
	if (fault != DIAL_OK) {
		target_give(target);
		target = NULL;
	}
	plan.done(plan.ctx, fault, fd, target, peer);
}

/* Faults that say nothing of the target: memory, descriptors; or a client prefix that is of no use to it. */
static bool is_ours(enum dial_fault f)
{
	return f == DIAL_FAILED;
}

static void on_dialed(void *ctx, enum dial_fault fault, int fd, const struct endpoint *peer)
{
	struct reach *r = ctx;

	r->dial = NULL;
	if (fault != DIAL_OK && !is_ours(fault)) {
		struct target *failed = r->target;

		target_note(failed, TARGET_FAILED, dial_fault_text(fault));
		if (clock_now() < r->until && try_next(r) == 0) {
			target_give(failed);
			return;
		}
		r->target = failed;
	}
	if (fault == DIAL_OK)
		target_note(r->target, TARGET_WORKED, NULL);
	reach_over(r, fault, fd, peer);
}

/* What is left is shared with those that may still be tried. */
static nsec patience(const struct reach *r, unsigned others)
{
	nsec now = clock_now(), left = r->until > now ? r->until - now : 0, part = left / (others + 1);

	if (part < ATTEMPT_AT_LEAST)
		part = ATTEMPT_AT_LEAST;
	return part < left ? part : left;
}

/* 0; -EHOSTUNREACH: there is no other; -ENOMEM. r->target is the one that is tried, or as it was. */
static int try_next(struct reach *r)
{
	unsigned number;
	struct target *t = target_choose(r->plan.group, &r->plan.client, r->plan.tried, &number);

	if (!t)
		return -EHOSTUNREACH;
	r->plan.tried |= UINT64_C(1) << number;
	const struct dial_plan d = {
		.kind = DIAL_STREAM,
		.to = target_where(t),
		.family = target_group_family(r->plan.group),
		.timeout = patience(r, target_group_untried(r->plan.group, r->plan.tried)),
		.client_prefix = r->plan.client_prefix,
		.client = r->plan.client,
		.done = on_dialed,
		.ctx = r,
	};
	int err = dial_start(r->lane, &d, &r->dial);

	if (err < 0) {
		target_give(t);
		return err;
	}
	r->target = t;
	return 0;
}

int reach_start(struct lane *l, const struct reach_plan *plan, struct reach **ret)
{
	struct reach *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->lane = l;
	r->plan = *plan;
	r->until = clock_now() + plan->timeout;
	int err = try_next(r);

	if (err < 0) {
		free(r);
		return err;
	}
	*ret = r;
	return 0;
}

void reach_cancel(struct reach *r)
{
	if (!r)
		return;
	dial_cancel(r->dial);
	target_give(r->target);
	free(r);
}
