/*
 * show_lookup.c - the resolver's side of `isthmus dns lookup`
 *
 * Each row is a step: `step` (a word), `text` (a sentence) and, where a rule decided, `spec` (its section). Records of
 * the answer are rows with the step "record".
 */
#include "cmd/show_lookup.h"

#include "cmd/dns_text.h"
#include "cmd/role.h"
#include "ctl/reply.h"
#include "dns64/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct look {
	struct loop *loop;
	struct resolvers *resolvers;
	struct reply *reply;
	struct endpoint client;
	struct synth_query query;
	struct dns_explain *explain;
};

static void PRINTF_LIKE(4, 5) step(struct look *k, const char *name, const char *spec, const char *fmt, ...)
{
	char text[2 * DNS_NAME_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	reply_row(k->reply, json_pack("{s:s, s:s, s:s}", "step", name, "text", text, "spec", spec));
}

static void show_client(struct look *k, const struct dns_explained *found)
{
	char text[ADDR6_TEXT];
	const char *client = k->client.is4 ? addr4_text(k->client.a4, text) : addr6_text(k->client.a6, text);

	if (!found->is_allowed)
		step(k, "client", "", "%s is not in dns64.allow: REFUSED", client);
	else if (found->view == 0)
		step(k, "client", "", "%s may ask, and is in no view: the policy of dns64 itself counts",
			client);
	else
		step(k, "client", "", "%s may ask, and is in view %u of dns64.views", client, found->view);
}

static void show_plan(struct look *k, const struct synth_plan *p)
{
	static const struct {
		const char *text, *spec;
	} plans[] = {
		[PLAN_ASK] = { "the question is asked as it is, and what comes is passed on",
			"RFC 6147 s5.3.3" },
		[PLAN_AAAA] = { "AAAA is asked, and A for the same name, in case there are no AAAA records",
			"RFC 6147 s5.1.8" },
		[PLAN_LEND] = { "A is asked, and AAAA for the same name, in case there are no A records "
				"(DNS46)",
			"" },
		[PLAN_NATIVE] = { "AAAA is asked only: the name is in never-synthesize", "" },
		[PLAN_PTR] = { "the name is an address under a prefix, so the IPv4 address's name is asked",
			"RFC 6147 s5.3.1" },
		[PLAN_LOCAL] = { "nobody is asked: the name is answered here",
			"RFC 6147 s5.3.1, RFC 8880 s7.1" },
	};

	step(k, "plan", plans[p->kind].spec, "%s", plans[p->kind].text);
}

static unsigned count_type(const struct dns_msg *m, uint16_t type)
{
	struct dns_walk w = dns_walk_section(m, SECTION_ANSWER);
	struct dns_rr rr;
	unsigned n = 0;

	while (dns_walk_next(&w, &rr))
		n += rr.type == type;
	return n;
}

static void show_lookup_of(
	struct look *k, const struct dns_question *q, uint16_t type, const struct lookup *l)
{
	static const char *const trusts[] = {
		[TRUST_INSECURE] = "not signed, or not validated",
		[TRUST_BOGUS] = "validation failed",
		[TRUST_SECURE] = "validated",
	};
	static const char *const ways[] = {
		[WAY_LIBUNBOUND] = "",
		[WAY_DIRECT] = ", asked directly",
		[WAY_KEPT] = ", as an upstream said before",
	};
	char name[DNS_NAME_TEXT], type_name[DNS_TYPE_TEXT];
	const char *asked = dns_type_text(type, type_name);

	dns_name_text(&q->name, name);
	if (!l->has_msg)
		step(k, "lookup", "", "%s %s: no usable answer from upstream (%s)", name, asked,
			trusts[l->trust]);
	else
		step(k, "lookup", "", "%s %s: %s, %u records of that type, %s%s", name, asked,
			dns_rcode_text(l->rcode), count_type(&l->msg, type), trusts[l->trust], ways[l->way]);
}

static void show_lookups(struct look *k, const struct synth_input *in)
{
	if (in->plan->kind == PLAN_LOCAL)
		return;
	show_lookup_of(k, &in->plan->first, in->plan->first.type, in->first);
	if (in->plan->kind == PLAN_AAAA)
		show_lookup_of(k, &in->plan->first, TYPE_A, in->second);
	if (in->plan->kind == PLAN_LEND)
		show_lookup_of(k, &in->plan->first, TYPE_AAAA, in->second);
}

struct sentence {
	const char *text, *spec;
};

static void show_loan(struct look *k, const struct synth_loan *loan)
{
	char target[ADDR6_TEXT], address[ADDR4_TEXT];

	addr6_text(loan->target, target);
	if (loan->is_lent)
		step(k, "loan", "", "%s has %s", target, addr4_text(loan->address, address));
	else
		step(k, "loan", "", "%s has none yet: it is lent one when a client asks", target);
}

static void show_verdict(struct look *k, const struct synth_verdict *v)
{
	static const struct sentence kinds[SYNTH_KIND_COUNT] = {
		[SYNTH_NATIVE] = { "the data is given as it is", "RFC 6147 s5.1.1" },
		[SYNTH_SYNTHESIZED] = { "AAAA records are made from the A records", "RFC 6147 s5.1.7" },
		[SYNTH_NODATA] = { "the name exists, without such data", "RFC 6147 s5.1.6" },
		[SYNTH_NXDOMAIN] = { "there is no such name", "RFC 6147 s5.1.2" },
		[SYNTH_FAILED] = { "SERVFAIL: the upstream gave nothing that can be used",
			"RFC 6147 s5.1.3" },
		[SYNTH_BOGUS] = { "SERVFAIL: validation failed", "RFC 6147 s5.5" },
		[SYNTH_UNPROVEN] = { "SERVFAIL: the name is signed, but its lack of AAAA was not proven",
			"RFC 6147 s5.5" },
		[SYNTH_OTHER] = { "the upstream's response code is passed on", "RFC 6147 s5.1.2" },
		[SYNTH_PTR] = { "the answer is what the IPv4 address's name has", "RFC 6147 s5.3.1" },
		[SYNTH_LOCAL] = { "the answer is made here", "RFC 6147 s5.3.1, RFC 8880 s7.1" },
		[SYNTH_LENT] = { "the IPv6 addresses are lent addresses of dns46.pool (DNS46)", "" },
	};
	static const struct sentence notes[NOTE_COUNT] = {
		[NOTE_CHECKING_DISABLED] = { "nothing is synthesized because DO and CD are set",
			"RFC 6147 s5.5" },
		[NOTE_NO_A] = { "there is no A record to make AAAA records from", "RFC 6147 s5.1.6" },
		[NOTE_A_EXCLUDED] = { "every A record is in exclude-a", "RFC 6147 s5.1.4" },
		[NOTE_A_NOT_GLOBAL] = { "the A records are private, and 64:ff9b::/96 does not stand for "
					"those",
			"RFC 6052 s3.1" },
		[NOTE_EXEMPT] = { "the name is in never-synthesize", "" },
		[NOTE_NO_TARGET] = { "there is no AAAA record of a host that an address may be lent to", "" },
	};

	if (v->has_excluded)
		step(k, "verdict", "RFC 6147 s5.1.4", "AAAA records that count as absent are left out");
	if (notes[v->note].text)
		step(k, "verdict", notes[v->note].spec, "%s", notes[v->note].text);
	step(k, "verdict", kinds[v->kind].spec, "%s", kinds[v->kind].text);
	for (unsigned i = 0; v->kind == SYNTH_LENT && i < v->loans_len; i++)
		show_loan(k, &v->loans[i]);
}

/* What any of the threads keeps: the client's next query may reach each of them. */
struct kept {
	const struct synth_query *query;
	unsigned view;
	uint32_t seconds; /* the most */
};

static void look_for_kept(struct resolver *r, void *ctx)
{
	struct kept *kept = ctx;
	uint32_t seconds = dns_explain_kept(r, kept->query, kept->view);

	if (seconds > kept->seconds)
		kept->seconds = seconds;
}

static void show_answer(struct look *k, const struct dns_explained *found)
{
	struct dns_walk w = dns_walk_section(&found->reply, SECTION_ANSWER);
	struct kept kept = { &k->query, found->view, 0 };
	char text[DNS_RECORD_TEXT];
	struct dns_rr rr;

	resolvers_each(k->resolvers, look_for_kept, &kept);
	if (kept.seconds > 0)
		step(k, "kept", "", "clients are given a kept answer for %u more seconds at most",
			(unsigned)kept.seconds);
	step(k, "answer", "", "%s%s%s, %u records%s", dns_rcode_text(found->verdict->rcode),
		found->verdict->is_authentic ? ", AD" : "", found->verdict->is_authoritative ? ", AA" : "",
		(unsigned)found->reply.count[SECTION_ANSWER],
		found->is_cut ? " here: the whole answer is too long for UDP" : "");
	while (dns_walk_next(&w, &rr))
		step(k, "record", "", "%s", dns_record_text(&found->reply, &rr, text));
}

static void on_explained(void *ctx, const struct dns_explained *found)
{
	struct look *k = ctx;

	show_client(k, found);
	if (found->is_allowed) {
		show_plan(k, found->in->plan);
		show_lookups(k, found->in);
		show_verdict(k, found->verdict);
		show_answer(k, found);
	}
	reply_end(k->reply);
}

/* The connection is closed, the answer read or not. */
static void on_gone(void *ctx)
{
	struct look *k = ctx;

	dns_explain_free(k->explain);
	free(k);
}

/* NULL, or what is wrong with the arguments. */
static const char *read_args(const json_t *args, struct look *k)
{
	const char *name = json_string_value(json_object_get(args, "name"));
	const char *type = json_string_value(json_object_get(args, "type"));
	const char *from = json_string_value(json_object_get(args, "from"));

	k->query.question.class = CLASS_IN;
	k->query.question.type = TYPE_AAAA;
	k->query.dnssec_ok = json_is_true(json_object_get(args, "dnssec"));
	k->query.checking_disabled = json_is_true(json_object_get(args, "checking_disabled"));
	if (!name || !dns_name_parse(name, &k->query.question.name))
		return "\"name\" must be a domain name such as www.example.net";
	if (type && !dns_type_parse(type, &k->query.question.type))
		return "the type is not known: write one such as AAAA, A, PTR or TYPE65";
	k->client.a6 = (struct addr6){ 0, 1 };
	k->client.is4 = from && addr4_parse(from, &k->client.a4);
	if (from && !k->client.is4 && !addr6_parse(from, &k->client.a6))
		return "\"from\" must be an IPv6 or IPv4 address";
	return NULL;
}

void show_lookup(struct resolvers *all, struct loop *l, const json_t *args, int fd)
{
	struct look *k = calloc(1, sizeof(*k));
	const char *why = k ? read_args(args, k) : "out of memory";

	if (why) {
		role_refuse(l, fd, "%s", why);
		free(k);
		return;
	}
	k->loop = l;
	k->resolvers = all;
	if (reply_start(l, fd, NULL, on_gone, k, &k->reply) < 0) {
		free(k);
		return;
	}
	if (dns_explain_start(resolvers_first(all), &k->client, &k->query, on_explained, k, &k->explain) < 0)
		reply_error(k->reply, "out of memory");
}
