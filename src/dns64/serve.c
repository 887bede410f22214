/*
 * serve.c - from a message to its reply, whatever it came over
 *
 * Structure. A query whose answer is not known at once lives in a struct open_query, which is in one of three
 * rings of its resolver, oldest first, so that one timer serves all deadlines:
 *
 *	PHASE_PATIENT --AAAA_PATIENCE--> PHASE_LATE --QUERY_TIME--> answered from what is there
 *	any phase --all lookups that are needed are done--> answered
 *	                                  \--an answer with SVCB or HTTPS records--> PHASE_EXTRA --> answered
 *
 * In PHASE_EXTRA the addresses of the records' targets are looked up (extra.h), for EXTRA_PATIENCE at most: the client
 * has what it asked for and could ask for them itself. An answer that did not wait for them is not kept.
 *
 * AAAA and A are asked for at the same time (RFC 6147 s5.1.8), except when the cache knows the AAAA answer at
 * once, or when names of the zone have had AAAA records of late (habit.c); then A follows if the AAAA answer asks for it,
 * or is late. While the query is patient, only a AAAA answer can settle it. When it is
 * late, an A answer from which AAAA records can be made is enough: a server that drops AAAA queries is
 * treated like one that answers them with an error (s5.1.3). An A answer that leads nowhere goes on waiting.
 *
 * DNS46 goes the same way with A and AAAA changed (synth_lend.c), but AAAA is asked for only when A has given nothing, since
 * most names have A records. The addresses are lent at the last moment, when the answer is written.
 *
 * Limits. QUERIES_OPEN_MAX queries are open at once; the next one is told SERVFAIL, so that its client tries
 * another server at once instead of waiting. RD=0 asks for what the cache holds; libunbound cannot be asked
 * that way, and telling clients what others have asked for is unwise, so it is refused, except for local
 * names.
 */
#include "dns64/serve.h"

#include "base/log.h"
#include "dns64/counters.h"
#include "dns64/extra.h"
#include "dns64/ipv4only.h"
#include "dns64/reverse.h"
#include "dns64/view.h"

#include <stdlib.h>

/* --- replies --- */

static void send_reply(struct resolver *r, const struct reply *what, const struct reply_path *path)
{
	size_t limit = path->tcp ? DNS_MESSAGE_MAX : reply_limit(what->query);
	struct reply reply = *what;
	bool is_cut;

	reply.is_confidential = path->transport == OVER_TLS || path->transport == OVER_HTTPS;
	if (path->transport == OVER_TCP || path->transport == OVER_TLS)
		reply.keepalive = TCP_IDLE / (100 * MSEC);
	size_t len = reply_build(&reply, r->reply, limit, &is_cut);

	r->counters.truncated += is_cut;
	if (r->query_log)
		query_note(r, &reply, path, len);
	if (!path->tcp) {
		udp_send(path, r->reply, len);
		return;
	}
	bool is_sent = tcp_send(path, r->reply, len);

	r->counters.answered += is_sent;
	r->counters.send_failed += !is_sent;
}

static void send_code(
	struct resolver *r, const struct query *q, enum dns_rcode code, const struct reply_path *path)
{
	struct reply reply = { .query = q, .rcode = (uint16_t)code };

	send_reply(r, &reply, path);
}

/* --- counting --- */

static void count_query(struct dns64_counters *c, const struct query *q)
{
	++*counter_of_group(c, group_of_type(q->ask.question.type));
	c->queries_dnssec_ok += q->ask.dnssec_ok;
	c->queries_checking_disabled += q->ask.checking_disabled;
}

static void count_fault(struct dns64_counters *c, enum query_fault f)
{
	unsigned long *by_fault[QUERY_FAULT_COUNT] = {
		[QUERY_SHORT] = &c->ignored_short,
		[QUERY_RESPONSE] = &c->ignored_response,
		[QUERY_OPCODE] = &c->refused_opcode,
		[QUERY_MALFORMED] = &c->refused_malformed,
		[QUERY_BAD_VERSION] = &c->refused_edns_version,
		[QUERY_CLASS] = &c->refused_class,
		[QUERY_TRANSFER] = &c->refused_transfer,
		[QUERY_META_TYPE] = &c->refused_meta_type,
		[QUERY_COOKIE_ONLY] = &c->answers_cookie,
	};

	++*by_fault[f];
}

static unsigned long *local_counter(struct dns64_counters *c, const struct synth_plan *p)
{
	bool is_literal = p->local == LOCAL_LITERAL_A || p->local == LOCAL_LITERAL_AAAA;
	bool is_ipv4only = p->local == LOCAL_PTR || dns_name_equal(&p->zone, &ipv4only_arpa);

	if (is_literal)
		return &c->answers_literal;
	return is_ipv4only ? &c->answers_ipv4only : &c->answers_reverse_zone;
}

/* @p is looked at for local answers only. */
static void count_verdict(struct dns64_counters *c, const struct synth_plan *p, const struct synth_verdict *v)
{
	unsigned long *by_kind = v->kind == SYNTH_LOCAL ? local_counter(c, p) : counter_of_kind(c, v->kind);
	unsigned long *by_note = counter_of_note(c, v->note);

	++*by_kind;
	if (by_note)
		++*by_note;
	c->excluded_aaaa += v->has_excluded;
}

static void send_verdict(struct resolver *r, const struct query *q, const struct synth_input *in,
	const struct synth_verdict *v, const struct reply_path *path)
{
	struct reply reply = { .query = q, .in = in, .verdict = v };

	count_verdict(&r->counters, in->plan, v);
	send_reply(r, &reply, path);
}

/* --- answers kept ready --- */

static struct answer_key key_of(const struct resolver *r, const struct query *q, const struct reply_path *path)
{
	struct endpoint client = sockaddr_endpoint(&path->peer);

	return (struct answer_key){ .ask = &q->ask, .view = view_of(&r->config, &client) };
}

/* Answers from what is kept; false if there is nothing for this query. */
static bool give_again(struct resolver *r, const struct query *q, const struct reply_path *path)
{
	struct answer_key k = key_of(r, q, path);
	struct reply reply = { .query = q, .now = answers_now() };

	reply.kept = answers_find(r->answers, &k, reply.now);
	if (!reply.kept)
		return false;
	struct synth_verdict v = {
		.kind = reply.kept->kind,
		.note = reply.kept->note,
		.has_excluded = reply.kept->has_excluded,
	};

	if (r->offers && path->transport == OVER_UDP)
		offers_put(r->offers, r->offers_epoch, reply.kept);
	r->counters.cache_hits++;
	count_verdict(&r->counters, NULL, &v);
	send_reply(r, &reply, path);
	return true;
}

/*
 * Whether a verdict stays right while its TTLs last: data, or a "no", from lookups that worked. An answer made without
 * the AAAA lookup (it failed, or took too long) may be another one a moment later, and nobody gets bogus data of
 * somebody else's CD.
 */
static bool is_lasting(const struct open_query *o, const struct synth_verdict *v)
{
	static const bool lasts[SYNTH_KIND_COUNT] = {
		[SYNTH_NATIVE] = true,
		[SYNTH_SYNTHESIZED] = true,
		[SYNTH_NODATA] = true,
		[SYNTH_NXDOMAIN] = true,
		[SYNTH_PTR] = true,
		[SYNTH_LENT] = true, /* the binding lasts as long as its records */
	};
	const struct lookup *first = &o->first.result, *second = &o->second.result;

	return lasts[v->kind] && o->generation == o->resolver->generation && first->has_msg &&
	       (first->rcode == RCODE_NOERROR || first->rcode == RCODE_NXDOMAIN) && first->trust != TRUST_BOGUS &&
	       !(second->has_msg && second->trust == TRUST_BOGUS);
}

/* Writes the reply again, as for a client that takes all that is ever kept. */
static void keep_reply(const struct open_query *o, const struct synth_input *in, const struct synth_verdict *v)
{
	struct reply reply = { .query = &o->query, .in = in, .verdict = v };
	struct resolver *r = o->resolver;
	struct answer_key k = key_of(r, &o->query, &o->path);
	bool is_cut;

	if (!r->answers || !is_lasting(o, v))
		return;
	size_t len = reply_build(&reply, r->reply, ANSWER_LEN_MAX, &is_cut);

	if (is_cut)
		return;
	r->counters.cache_kept++;
	r->counters.cache_lost += answers_keep(r->answers, &k, v, r->reply, len, answers_now());
}

/* --- open queries --- */

static void arm_deadline(struct resolver *r)
{
	static const nsec time_of[PHASE_COUNT] = { AAAA_PATIENCE, QUERY_TIME, EXTRA_PATIENCE };
	nsec now = clock_now(), next = UINT64_MAX;

	for (unsigned p = 0; p < PHASE_COUNT; p++) {
		const struct open_query *oldest = r->open[p].next;

		if (oldest != &r->open[p] && oldest->since + time_of[p] < next)
			next = oldest->since + time_of[p];
	}
	if (next != UINT64_MAX)
		loop_timer_set(r->deadline, next > now ? next - now : 0);
}

static void unlink_query(struct open_query *o)
{
	o->prev->next = o->next;
	o->next->prev = o->prev;
}

static void link_query(struct open_query *o, enum query_phase phase)
{
	struct open_query *head = &o->resolver->open[phase];

	o->phase = phase;
	o->prev = head->prev;
	o->next = head;
	o->prev->next = o;
	head->prev = o;
}

static void close_query(struct open_query *o)
{
	struct tcp_client *tcp = o->path.tcp;

	engine_drop(&o->first);
	engine_drop(&o->second);
	extra_free(o->extra);
	unlink_query(o);
	o->resolver->open_len--;
	admit_give(o->resolver, o->client, CLIENT_QUERY);
	free(o);
	if (tcp)
		tcp_release(tcp); /* last: it may read and serve the next query */
}

/* Looked up anew for each decision, so that a reload counts at once. */
static const struct dns64_policy *policy_of(const struct resolver *r, const struct reply_path *path)
{
	struct endpoint client = sockaddr_endpoint(&path->peer);

	return view_policy(&r->config, view_of(&r->config, &client));
}

/* What is known now; a lookup that is given up counts as done and failed. */
static void judge_now(const struct open_query *o, struct synth_input *in, struct synth_verdict *v)
{
	*in = (struct synth_input){
		.policy = policy_of(o->resolver, &o->path),
		.query = &o->query.ask,
		.plan = &o->plan,
		.first = &o->first.result,
		.second = &o->second.result,
	};
	synth_judge(in, v);
}

static bool is_settled(const struct open_query *o, const struct synth_verdict *v)
{
	if (o->first.result.is_done)
		return v->kind != SYNTH_NEED_SECOND;
	return o->phase == PHASE_LATE && o->second.result.is_done &&
	       (v->kind == SYNTH_SYNTHESIZED || v->kind == SYNTH_LENT);
}

static void learn_habit(struct open_query *o, const struct synth_verdict *v)
{
	const struct dns_name *name = &o->plan.first.name;
	struct habits *h = &o->resolver->habits;

	if (o->plan.kind != PLAN_AAAA || !o->first.result.has_msg)
		return;
	if (v->kind == SYNTH_NATIVE || v->kind == SYNTH_NXDOMAIN)
		habit_note(h, name, SAW_NO_NEED_OF_A);
	else if (v->kind == SYNTH_SYNTHESIZED || v->kind == SYNTH_NODATA)
		habit_note(h, name, SAW_NEED_OF_A);
}

/* If there is no address for any of the hosts, the client is told so at once: it may know another server. */
static void lend_addresses(struct resolver *r, struct synth_verdict *v)
{
	if (v->kind != SYNTH_LENT || (r->lender && lender_lend(r->lender, v, clock_now()) > 0))
		return;
	*v = (struct synth_verdict){ .kind = SYNTH_UNLENT, .body = BODY_NONE, .rcode = RCODE_SERVFAIL };
}

/* @v becomes SYNTH_UNLENT if no address is free. */
static void answer_query(struct open_query *o, const struct synth_input *found, struct synth_verdict *v)
{
	struct resolver *r = o->resolver;
	struct synth_input in = *found;
	struct extra_found extra;

	lend_addresses(r, v);
	extra_collect(o->extra, in.policy, &extra);
	in.extra = extra.list;
	in.extra_len = extra.len;
	r->counters.extra_given += extra.len > 0;
	r->counters.extra_late += !extra.is_complete;
	if (!o->first.result.is_done && o->plan.kind == PLAN_AAAA)
		r->counters.aaaa_timeouts++;
	if (o->path.tcp && tcp_is_closed(o->path.tcp))
		r->counters.abandoned_tcp++;
	else
		send_verdict(r, &o->query, &in, v, &o->path);
	if (extra.is_complete)
		keep_reply(o, &in, v);
	learn_habit(o, v);
	close_query(o);
}

static void on_lookup(void *ctx);

/* A for AAAA, AAAA for A. */
static void ask_second(struct open_query *o)
{
	struct dns_question other = o->plan.first;

	other.type = o->plan.kind == PLAN_LEND ? TYPE_AAAA : TYPE_A;
	engine_start(o->resolver->engine, &o->second, &other, on_lookup, o);
}

/* Whether the second was not asked for so far, and is needed, or may be needed soon. */
static bool lacks_second(const struct open_query *o)
{
	return (o->plan.kind == PLAN_AAAA || o->plan.kind == PLAN_LEND) && !o->second.engine &&
	       (o->first.result.is_done || o->phase == PHASE_LATE);
}

/* Whether the answer has to wait for what goes with it. */
static bool has_to_wait(struct open_query *o, const struct synth_input *in, const struct synth_verdict *v)
{
	struct extra_found extra;

	if (o->phase == PHASE_EXTRA) {
		extra_collect(o->extra, in->policy, &extra);
		return !extra.is_complete;
	}
	if (!extra_start(o, in->policy, v, on_lookup))
		return false;
	unlink_query(o);
	link_query(o, PHASE_EXTRA);
	o->since = clock_now();
	arm_deadline(o->resolver);
	return true;
}

/* Answers if enough is known; true if it did, and @o is gone then. */
static bool try_answer(struct open_query *o)
{
	struct synth_verdict v;
	struct synth_input in;

	judge_now(o, &in, &v);
	if (!is_settled(o, &v) && lacks_second(o)) {
		o->resolver->counters.a_needed += o->is_a_put_off;
		ask_second(o);
		judge_now(o, &in, &v);
	}
	if (!is_settled(o, &v) || has_to_wait(o, &in, &v))
		return false;
	answer_query(o, &in, &v);
	return true;
}

static void on_lookup(void *ctx)
{
	(void)try_answer(ctx);
}

/* What goes with the answer took too long. */
static void answer_without(struct open_query *o)
{
	struct synth_verdict v;
	struct synth_input in;

	judge_now(o, &in, &v);
	answer_query(o, &in, &v);
}

/* The last moment: whatever is not there counts as failed. */
static void give_up(struct open_query *o)
{
	struct synth_verdict v;
	struct synth_input in;

	o->resolver->counters.query_timeouts++;
	o->second.result.rcode = o->second.result.is_done ? o->second.result.rcode : RCODE_SERVFAIL;
	o->second.result.is_done = true;
	judge_now(o, &in, &v);
	answer_query(o, &in, &v);
}

static void on_deadline(void *ctx)
{
	struct resolver *r = ctx;
	struct open_query *late = &r->open[PHASE_LATE], *patient = &r->open[PHASE_PATIENT],
			  *extra = &r->open[PHASE_EXTRA];
	nsec now = clock_now();

	while (late->next != late && now - late->next->since >= QUERY_TIME)
		give_up(late->next);
	while (extra->next != extra && now - extra->next->since >= EXTRA_PATIENCE)
		answer_without(extra->next);
	while (patient->next != patient && now - patient->next->since >= AAAA_PATIENCE) {
		struct open_query *o = patient->next;

		unlink_query(o);
		link_query(o, PHASE_LATE);
		(void)try_answer(o);
	}
	arm_deadline(r);
}

static void start_query(struct resolver *r, const struct query *q, const struct synth_plan *plan,
	const struct reply_path *path)
{
	struct client *client;

	if (admit_take(r, &path->peer, CLIENT_QUERY, &client) < 0) {
		r->counters.refused_client_full++;
		send_code(r, q, RCODE_SERVFAIL, path);
		return;
	}
	struct open_query *o = r->open_len < QUERIES_OPEN_MAX ? calloc(1, sizeof(*o)) : NULL;

	if (!o) {
		admit_give(r, client, CLIENT_QUERY);
		r->counters.refused_full++;
		send_code(r, q, RCODE_SERVFAIL, path);
		return;
	}
	o->resolver = r;
	o->since = clock_now();
	o->generation = r->generation;
	o->query = *q;
	o->path = *path;
	o->client = client;
	o->plan = *plan;
	link_query(o, PHASE_PATIENT);
	if (r->open_len++ == 0)
		arm_deadline(r);
	if (path->tcp)
		tcp_hold(path->tcp);

	engine_start(r->engine, &o->first, &plan->first, on_lookup, o);
	if (o->first.result.is_done) {
		(void)try_answer(o);
		return;
	}
	if (plan->kind != PLAN_AAAA)
		return;
	o->is_a_put_off = !habit_needs_a(&r->habits, &plan->first.name);
	r->counters.a_put_off += o->is_a_put_off;
	if (!o->is_a_put_off)
		ask_second(o);
}

/* --- messages --- */

static void serve_query(struct resolver *r, const struct query *q, const struct reply_path *path)
{
	const struct dns64_policy *policy = policy_of(r, path);
	struct synth_plan plan;

	if (r->answers && (q->flags & DNS_RD) && give_again(r, q, path))
		return;
	synth_plan(policy, &q->ask, &plan);
	if (plan.kind == PLAN_LOCAL) {
		struct synth_input in = { .policy = policy, .query = &q->ask, .plan = &plan };
		struct synth_verdict v;

		synth_judge(&in, &v);
		send_verdict(r, q, &in, &v, path);
	} else if (!(q->flags & DNS_RD)) {
		r->counters.refused_not_recursive++;
		send_code(r, q, RCODE_REFUSED, path);
	} else {
		start_query(r, q, &plan, path);
	}
}

static void count_transport(struct resolver *r, const struct reply_path *path)
{
	unsigned long *by_transport[TRANSPORT_COUNT] = {
		[OVER_UDP] = &r->counters.queries_udp,
		[OVER_TCP] = &r->counters.queries_tcp,
		[OVER_TLS] = &r->counters.queries_over_tls,
		[OVER_HTTPS] = &r->counters.queries_over_https,
	};

	++*by_transport[path->transport];
}

/* Whether the query is served; else it has been told what it is told. */
static bool is_admitted(struct resolver *r, struct query *q, const struct reply_path *path)
{
	struct reply reply = { .query = q, .is_cut = true };

	switch (admit(r, q, path)) {
	case ADMIT_SERVE:
		return true;
	case ADMIT_BAD_COOKIE:
		r->counters.refused_bad_cookie++;
		send_code(r, q, RCODE_BADCOOKIE, path);
		return false;
	case ADMIT_TRUNCATE:
		r->counters.refused_rate++;
		q->has_edns = false; /* never longer than what came */
		send_reply(r, &reply, path);
		return false;
	case ADMIT_DROP:
		r->counters.ignored_rate++;
		return false;
	}
	return false;
}

void serve_message(struct resolver *r, const uint8_t *bytes, size_t len, const struct reply_path *path)
{
	enum dns_rcode code;
	struct query q;
	enum query_fault f = query_parse(bytes, len, &q);

	count_transport(r, path);
	if (query_is_answered(f, &code) && !is_admitted(r, &q, path))
		return;
	if (f == QUERY_OK) {
		count_query(&r->counters, &q);
		serve_query(r, &q, path);
		return;
	}
	count_fault(&r->counters, f);
	if (query_is_answered(f, &code))
		send_code(r, &q, code, path);
}

/* Never longer than what came: header and question, without OPT, so that a forged source gains nothing. */
void serve_stranger(struct resolver *r, const uint8_t *bytes, size_t len, const struct reply_path *path)
{
	enum dns_rcode code;
	struct query q;
	enum query_fault f = query_parse(bytes, len, &q);

	count_transport(r, path);
	if (!query_is_answered(f, &code)) {
		count_fault(&r->counters, f);
		return;
	}
	q.has_edns = false;
	q.cookie_len = 0;
	if (admit(r, &q, path) != ADMIT_SERVE) {
		r->counters.ignored_rate++;
		return;
	}
	r->counters.refused_stranger++;
	send_code(r, &q, RCODE_REFUSED, path);
}

int serve_start(struct resolver *r)
{
	for (unsigned p = 0; p < PHASE_COUNT; p++)
		r->open[p].prev = r->open[p].next = &r->open[p];
	return loop_watch_timer(r->loop, on_deadline, r, &r->deadline);
}

void serve_stop(struct resolver *r)
{
	for (unsigned p = 0; p < PHASE_COUNT; p++)
		while (r->open[p].next && r->open[p].next != &r->open[p])
			close_query(r->open[p].next);
	loop_unwatch(r->deadline);
	r->deadline = NULL;
}
