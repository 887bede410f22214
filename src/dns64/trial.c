/*
 * trial.c - can the upstream be validated at all?
 *
 * With `dnssec: validate`, an upstream that leaves out signatures (many home routers, and name servers that are no
 * resolvers) makes every answer SERVFAIL, and the clients see no more than that. So the resolver asks one question of its
 * own as soon as it runs, and says in the log what to change. Nothing else depends on the outcome.
 */
#include "dns64/trial.h"

#include "base/log.h"

#define TRIAL_PAUSE (60 * NSEC)

static const struct {
	const char *name;
	enum log_level level;
	const char *text;
} outcomes[] = {
	[TRIAL_NONE] = { "untried", LOG_LEVEL_DEBUG, "" },
	[TRIAL_GOOD] = { "works", LOG_LEVEL_INFO, "the upstream's answers can be validated (DNSSEC)" },
	[TRIAL_BOGUS] = { "fails", LOG_LEVEL_WARNING,
		"the upstream's answers cannot be validated: it leaves out DNSSEC signatures, or they are "
		"wrong; "
		"clients get SERVFAIL for every name until another dns64.upstream or `dnssec: off` is "
		"configured" },
	[TRIAL_SILENT] = { "no answer", LOG_LEVEL_WARNING,
		"the upstream does not answer for the root zone; trying again in a minute (queries are "
		"served meanwhile)" },
};

const char *trial_name(enum trial_outcome outcome)
{
	return outcomes[outcome].name;
}

static enum trial_outcome judge(const struct lookup *l)
{
	if (l->trust == TRUST_BOGUS)
		return TRIAL_BOGUS;
	if (!l->has_msg || l->rcode != 0)
		return TRIAL_SILENT;
	return TRIAL_GOOD;
}

static void on_answer(void *ctx)
{
	struct trial *t = ctx;
	enum trial_outcome outcome = judge(&t->ask.result);

	engine_drop(&t->ask);
	if (outcome != t->outcome)
		log_line(outcomes[outcome].level, "%s", outcomes[outcome].text);
	t->outcome = outcome;
	if (outcome != TRIAL_GOOD)
		loop_timer_set(t->again, TRIAL_PAUSE);
}

static void ask_root(void *ctx)
{
	struct trial *t = ctx;
	struct dns_question root_servers = { .type = TYPE_NS, .class = CLASS_IN };

	if (!dns_name_parse(".", &root_servers.name))
		return;
	t->ask = (struct engine_ask){ 0 };
	engine_start(t->engine, &t->ask, &root_servers, on_answer, t);
	if (t->ask.result.is_done)
		on_answer(t);
}

int trial_start(struct trial *t, struct engine *e, struct loop *l)
{
	t->engine = e;
	int r = loop_watch_timer(l, ask_root, t, &t->again);

	if (r == 0)
		loop_timer_set(t->again, 0);
	return r;
}

void trial_stop(struct trial *t)
{
	loop_unwatch(t->again);
	engine_drop(&t->ask);
}
