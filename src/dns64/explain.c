/* explain.c - one query, asked for an operator, by the same plan, engine and judge as a client's */
#include "dns64/explain.h"

#include "dns64/serve.h"
#include "dns64/view.h"

#include <errno.h>
#include <stdlib.h>

struct dns_explain {
	struct resolver *resolver;
	struct endpoint client;
	struct synth_query query;
	struct synth_plan plan;
	struct engine_ask first, second;
	struct loop_watch *timer; /* for an answer that is there at once, and for one that never comes */
	void (*done)(void *ctx, const struct dns_explained *found);
	void *ctx;
	uint8_t reply[ANSWER_LEN_MAX];
};

static bool is_complete(const struct dns_explain *x)
{
	return (!x->first.engine || x->first.result.is_done) &&
	       (!x->second.engine || x->second.result.is_done);
}

static void write_reply(struct dns_explain *x, struct dns_explained *found)
{
	struct query q = {
		.ask = x->query, .flags = DNS_RD, .has_question = true, .udp_size = ANSWER_LEN_MAX
	};
	struct reply reply = { .query = &q, .in = found->in, .verdict = found->verdict };
	size_t len = reply_build(&reply, x->reply, sizeof(x->reply), &found->is_cut);
	bool sound = dns_msg_parse(x->reply, len, &found->reply);

	ASSERT(sound);
}

uint32_t dns_explain_kept(struct resolver *r, const struct synth_query *q, unsigned view)
{
	struct answer_key k = { .ask = q, .view = view };
	uint32_t now = answers_now();
	const struct answer *a = r->answers ? answers_find(r->answers, &k, now) : NULL;

	return a ? a->dies - now : 0;
}

static void tell(struct dns_explain *x)
{
	const struct dns64_config *c = &x->resolver->config;
	struct dns_explained found = { .is_allowed = resolver_allows(x->resolver, &x->client) };
	struct synth_verdict v;

	loop_timer_stop(x->timer);
	found.view = view_of(c, &x->client);
	struct synth_input in = {
		.policy = view_policy(c, found.view),
		.query = &x->query,
		.plan = &x->plan,
		.first = &x->first.result,
		.second = &x->second.result,
	};

	if (found.is_allowed) {
		x->second.result.rcode = x->second.result.is_done ? x->second.result.rcode : RCODE_SERVFAIL;
		x->second.result.is_done = true;
		synth_judge(&in, &v);
		if (x->resolver->lender)
			(void)lender_look(x->resolver->lender, &v);
		found.in = &in;
		found.verdict = &v;
		write_reply(x, &found);
	}
	x->done(x->ctx, &found);
}

static void on_timer(void *ctx)
{
	tell(ctx);
}

static void on_lookup(void *ctx)
{
	if (is_complete(ctx))
		tell(ctx);
}

static void ask(struct dns_explain *x)
{
	struct engine *e = x->resolver->engine;
	struct dns_question other;

	synth_plan(view_policy(&x->resolver->config, view_of(&x->resolver->config, &x->client)), &x->query,
		&x->plan);
	other = x->plan.first;
	other.type = x->plan.kind == PLAN_LEND ? TYPE_AAAA : TYPE_A;
	if (x->plan.kind != PLAN_LOCAL)
		engine_start(e, &x->first, &x->plan.first, on_lookup, x);
	if (x->plan.kind == PLAN_AAAA || x->plan.kind == PLAN_LEND)
		engine_start(e, &x->second, &other, on_lookup, x);
}

int dns_explain_start(struct resolver *r, const struct endpoint *client, const struct synth_query *q,
	void (*done)(void *ctx, const struct dns_explained *found), void *ctx, struct dns_explain **ret)
{
	struct dns_explain *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	*x = (struct dns_explain){ .resolver = r, .client = *client, .query = *q, .done = done, .ctx = ctx };
	int err = loop_watch_timer(r->loop, on_timer, x, &x->timer);

	if (err < 0) {
		free(x);
		return err;
	}
	if (resolver_allows(r, client))
		ask(x);
	loop_timer_set(x->timer, is_complete(x) ? 0 : QUERY_TIME);
	*ret = x;
	return 0;
}

void dns_explain_free(struct dns_explain *x)
{
	if (!x)
		return;
	engine_drop(&x->first);
	engine_drop(&x->second);
	loop_unwatch(x->timer);
	free(x);
}
