/* show_cache.c - the resolver's side of `isthmus dns cache`; see show_cache.h */
#include "cmd/show_cache.h"

#include "base/log.h"
#include "cmd/dns_text.h"
#include "cmd/role.h"
#include "ctl/reply.h"
#include "dns64/answers.h"

#include <errno.h>

#define ROWS_DEFAULT 1000
#define ROWS_MAX 10000 /* they are in memory at once, and queries wait meanwhile */

/* --- show --- */

struct listing {
	struct reply *reply;
	struct dns_name name;
	unsigned thread;
	unsigned left; /* rows that may be shown */
	unsigned long kept, more;
};

static void add_row(void *ctx, const struct answer *a, uint32_t now)
{
	struct listing *k = ctx;
	char name[DNS_NAME_TEXT], type[DNS_TYPE_TEXT];
	struct dns_name n;

	if (k->left == 0) {
		k->more++;
		return;
	}
	k->left--;
	answer_name(a, &n);
	reply_row(k->reply,
		json_pack("{s:s, s:s, s:i, s:b, s:b, s:s, s:i, s:i, s:b, s:i, s:i}", "name",
			dns_name_text(&n, name), "type", dns_type_text(a->type, type), "view", (int)a->view,
			"dnssec", a->dnssec_ok, "checking_disabled", a->checking_disabled, "code",
			dns_rcode_text(a->rcode), "records", (int)a->count[SECTION_ANSWER], "ttl_s",
			(int)(a->dies - now), "synthesized", a->kind == SYNTH_SYNTHESIZED, "given",
			(int)a->given, "thread", (int)k->thread));
}

static void list_thread(struct resolver *r, void *ctx)
{
	const struct answers *a = resolver_answers(r);
	struct listing *k = ctx;

	if (a) {
		answers_visit(a, &k->name, answers_now(), add_row, k);
		k->kept += answers_len(a);
	}
	k->thread++;
}

static unsigned limit_of(const json_t *args)
{
	json_int_t n = json_integer_value(json_object_get(args, "limit"));

	if (n <= 0)
		return ROWS_DEFAULT;
	return n < ROWS_MAX ? (unsigned)n : ROWS_MAX;
}

/* False, with a sentence sent, if there is a name and it is none. */
static bool read_name(struct loop *l, const json_t *args, int fd, struct dns_name *ret)
{
	const char *name = json_string_value(json_object_get(args, "name"));

	if (dns_name_parse(name ? name : ".", ret))
		return true;
	role_refuse(l, fd, "\"name\" must be a domain name such as www.example.net");
	return false;
}

void show_cache(struct resolvers *all, struct loop *l, const json_t *args, int fd)
{
	struct listing k = { .left = limit_of(args) };

	if (!read_name(l, args, fd, &k.name) || reply_start(l, fd, NULL, NULL, NULL, &k.reply) < 0)
		return;
	resolvers_each(all, list_thread, &k);
	reply_row(k.reply,
		json_pack("{s:I, s:I}", "kept", (json_int_t)k.kept, "not_shown", (json_int_t)k.more));
	reply_end(k.reply);
}

/* --- flush --- */

struct flush {
	struct dns_name name;
	enum name_scope scope;
	bool is_all;
	unsigned long answers;
	int err;
};

/* The threads are alike: what the first refuses, all do. */
static void flush_thread(struct resolver *r, void *ctx)
{
	struct flush *f = ctx;
	unsigned answers = 0;

	if (f->err == 0)
		f->err = f->is_all ? resolver_flush_all(r, &answers)
				   : resolver_flush(r, &f->name, f->scope, &answers);
	f->answers += answers;
}

static void log_flush(const struct flush *f)
{
	char name[DNS_NAME_TEXT];

	if (f->is_all)
		log_info("dns64: the whole cache was flushed, for an operator");
	else
		log_info("dns64: the cache was flushed for %s%s, for an operator",
			dns_name_text(&f->name, name), f->scope == SCOPE_BELOW ? " and below" : "");
}

void show_flush(struct resolvers *all, struct loop *l, const json_t *args, int fd)
{
	struct flush f = { .is_all = json_is_true(json_object_get(args, "all")),
		.scope = json_is_true(json_object_get(args, "below")) ? SCOPE_BELOW : SCOPE_NAME };
	struct reply *reply;

	if (!f.is_all && !json_object_get(args, "name")) {
		role_refuse(l, fd, "\"name\" or \"all\" must say what is flushed");
		return;
	}
	if (!read_name(l, args, fd, &f.name) || reply_start(l, fd, NULL, NULL, NULL, &reply) < 0)
		return;
	resolvers_each(all, flush_thread, &f);
	if (f.err < 0) {
		reply_error(reply, "%s",
			f.is_all ? "the whole cache was replaced as often as one process can: restart isthmus"
				 : "as many names were flushed as one process can: flush with --all, or "
				   "restart isthmus");
		return;
	}
	log_flush(&f);
	reply_row(reply, json_pack("{s:I}", "answers", (json_int_t)f.answers));
	reply_end(reply);
}
