/*
 * translator_reload.c - the packet threads take another configuration: all of them, or none
 *
 * The tables of the new configuration are made here, on the control thread, while packets go on (nat64_prepare()). Only
 * when all workers have theirs does each take them, between two packets (nat64_commit()), which cannot fail. What was
 * replaced is freed here again.
 */
#include "base/log.h"
#include "base/random.h"
#include "cmd/role.h"
#include "cmd/show_translator.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct step {
	const struct nat64 *nat64; /* for nat64_prepare(), which may look at it from here */
	struct nat64_change *change;
	struct state_report report;
	nsec took; /* how long packets waited */
};

static void find_nat64(void *ctx, struct nat64 *n)
{
	struct step *s = ctx;

	s->nat64 = n;
}

static void commit(void *ctx, struct nat64 *n)
{
	struct step *s = ctx;
	nsec begin = clock_now();

	nat64_commit(n, s->change, begin, &s->report);
	s->took = clock_now() - begin;
}

static int prepare(struct step *s, const struct nat64_config *c, struct role_fault *fault)
{
	const char *why = nat64_change_fault(s->nat64, c);
	uint64_t seed;
	int r = random_seed(&seed, sizeof(seed));

	if (r == 0)
		r = nat64_prepare(s->nat64, c, seed, &s->change);
	if (r < 0)
		snprintf(fault->text, sizeof(fault->text), "%s%s",
			why ? why : "the translator refuses the change: ", why ? "" : strerror(-r));
	return r;
}

static void tell(const struct step *steps, unsigned len)
{
	struct state_report sum = { 0 };
	nsec longest = 0;

	for (unsigned i = 0; i < len; i++) {
		const struct state_report *r = &steps[i].report;

		sum.sessions_ended += r->sessions_ended;
		sum.bindings_ended += r->bindings_ended;
		sum.blocks_ended += r->blocks_ended;
		sum.statics_added += r->statics_added;
		sum.statics_removed += r->statics_removed;
		longest = steps[i].took > longest ? steps[i].took : longest;
	}
	log_info("reload: packets waited %u.%03u ms; %u sessions, %u bindings and %u blocks that are not "
		 "allowed any more "
		 "were ended; static bindings: %u new, %u gone",
		(unsigned)(longest / MSEC), (unsigned)(longest % MSEC / 1000), sum.sessions_ended,
		sum.bindings_ended, sum.blocks_ended, sum.statics_added, sum.statics_removed);
}

int translator_take(struct translator *t, const struct nat64_config *c, struct role_fault *fault)
{
	struct step steps[TRANSLATOR_WORKERS_MAX] = { 0 };
	unsigned prepared = 0;
	int r = 0;

	for (; prepared < t->workers_len && r == 0; prepared++) {
		worker_call(t->workers[prepared], find_nat64, &steps[prepared]);
		r = prepare(&steps[prepared], c, fault);
	}
	for (unsigned i = 0; i < t->workers_len && r == 0; i++)
		worker_call(t->workers[i], commit, &steps[i]);
	for (unsigned i = 0; i < prepared; i++)
		nat64_change_free(steps[i].change);
	if (r < 0)
		return r;
	tell(steps, t->workers_len);
	return 0;
}
