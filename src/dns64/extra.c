/* extra.c - AAAA records of the targets of SVCB and HTTPS records; see extra.h */
#include "dns64/extra.h"

#include <stdlib.h>

struct target {
	struct synth_query query;
	struct synth_plan plan;
	struct engine_ask first, second;
};

struct extra {
	unsigned len;
	struct target at[SVCB_TARGETS_MAX];
};

/* A client without synthesis has a plain resolver. */
static bool is_called_for(
	const struct open_query *o, const struct dns64_policy *policy, const struct synth_verdict *v)
{
	return svcb_is_type(o->query.ask.question.type) && policy->prefixes_len > 0 &&
	       v->kind == SYNTH_NATIVE && o->first.result.has_msg;
}

static struct synth_input input_of(const struct target *t, const struct dns64_policy *policy)
{
	return (struct synth_input){ .policy = policy,
		.query = &t->query,
		.plan = &t->plan,
		.first = &t->first.result,
		.second = &t->second.result };
}

/* False while it may still become something else. */
static bool judge(const struct target *t, const struct dns64_policy *policy, struct synth_verdict *ret)
{
	struct synth_input in = input_of(t, policy);

	if (t->plan.kind != PLAN_LOCAL && !t->first.result.is_done)
		return false;
	synth_judge(&in, ret);
	return ret->kind != SYNTH_NEED_SECOND;
}

static void look_up(
	struct open_query *o, const struct dns64_policy *policy, struct target *t, void (*done)(void *ctx))
{
	struct engine *e = o->resolver->engine;
	struct dns_question a = t->plan.first;
	struct synth_verdict v;

	if (t->plan.kind == PLAN_LOCAL)
		return;
	engine_start(e, &t->first, &t->plan.first, done, o);
	a.type = TYPE_A;
	if (t->plan.kind == PLAN_AAAA && !judge(t, policy, &v))
		engine_start(e, &t->second, &a, done, o);
}

bool extra_start(struct open_query *o, const struct dns64_policy *policy, const struct synth_verdict *v,
	void (*done)(void *ctx))
{
	struct dns_name names[SVCB_TARGETS_MAX];
	struct extra_found found;

	if (!is_called_for(o, policy, v))
		return false;
	unsigned len = svcb_targets(&o->first.result.msg, names);
	struct extra *x = len > 0 ? calloc(1, sizeof(*x)) : NULL;

	if (!x)
		return false;
	o->extra = x;
	x->len = len;
	for (unsigned i = 0; i < len; i++) {
		struct target *t = &x->at[i];

		t->query = o->query.ask; /* DO and CD count for all that is given */
		t->query.question.name = names[i];
		t->query.question.type = TYPE_AAAA;
		synth_plan(policy, &t->query, &t->plan);
		look_up(o, policy, t, done);
	}
	extra_collect(x, policy, &found);
	return !found.is_complete;
}

void extra_free(struct extra *x)
{
	if (!x)
		return;
	for (unsigned i = 0; i < x->len; i++) {
		engine_drop(&x->at[i].first);
		engine_drop(&x->at[i].second);
	}
	free(x);
}

void extra_collect(const struct extra *x, const struct dns64_policy *policy, struct extra_found *ret)
{
	ret->len = 0;
	ret->is_complete = true;
	for (unsigned i = 0; x && i < x->len; i++) {
		struct synth_verdict *v = &ret->verdict[ret->len];

		if (!judge(&x->at[i], policy, v)) {
			ret->is_complete = false;
			continue;
		}
		if (v->kind != SYNTH_NATIVE && v->kind != SYNTH_SYNTHESIZED)
			continue;
		ret->in[ret->len] = input_of(&x->at[i], policy);
		ret->list[ret->len] = (struct synth_extra){ &ret->in[ret->len], v };
		ret->len++;
	}
}
