/* dns_cache.c - `isthmus dns cache show` and `isthmus dns cache flush` */
#include "cmd/client.h"
#include "cmd/dns_cache.h"
#include "cmd/table.h"

#include "dns64/name.h"

#include <stdlib.h>

#define SHOW_PATH "isthmus dns cache show"
#define FLUSH_PATH "isthmus dns cache flush"

#define ASKING TAKES(OPTION_JSON) | TAKES(OPTION_SOCKET) | TAKES(OPTION_CONFIG)

static int ask(const struct options *o, struct question *q, json_t *args)
{
	const char *path;
	char why[512];
	int status = client_socket(o, &path);

	q->role = "resolver";
	q->args = args;
	if (status == STATUS_OK && client_ask(path, q, why, sizeof(why)) != CLIENT_COMPLETE)
		status = client_complain(why);
	json_decref(args);
	return status;
}

/* --- show --- */

struct shown {
	struct table *table;
	unsigned long long kept, not_shown;
};

static void show_row(void *ctx, const json_t *r, const char *line)
{
	struct shown *s = ctx;

	if (json_object_get(r, "kept")) {
		s->kept = row_count(r, "kept");
		s->not_shown = row_count(r, "not_shown");
		return;
	}
	table_cell(s->table, "%s", row_text(r, "name"));
	table_cell(s->table, "%s", row_text(r, "type"));
	table_cell(s->table, "%llu", row_count(r, "view"));
	table_cell(s->table, "%s%s", json_is_true(json_object_get(r, "dnssec")) ? "DO " : "",
		json_is_true(json_object_get(r, "checking_disabled")) ? "CD" : "");
	table_cell(s->table, "%s", row_text(r, "code"));
	table_cell(s->table, "%llu%s", row_count(r, "records"),
		json_is_true(json_object_get(r, "synthesized")) ? " made" : "");
	table_cell(s->table, "%llu", row_count(r, "ttl_s"));
	table_cell(s->table, "%llu", row_count(r, "given"));
	table_cell(s->table, "%llu", row_count(r, "thread"));
}

static int do_show(const struct options *o)
{
	static const struct column columns[] = { { "NAME", ALIGN_LEFT }, { "TYPE", ALIGN_LEFT },
		{ "VIEW", ALIGN_RIGHT }, { "BITS", ALIGN_LEFT }, { "CODE", ALIGN_LEFT },
		{ "RECORDS", ALIGN_LEFT }, { "TTL", ALIGN_RIGHT }, { "GIVEN", ALIGN_RIGHT },
		{ "THREAD", ALIGN_RIGHT }, { NULL, ALIGN_LEFT } };
	const char *limit = o->value[OPTION_LIMIT];
	struct shown s = { .table = NULL };
	struct dns_name name;

	if (o->operands_len > 0 && !dns_name_parse(o->operands[0], &name))
		return command_usage_error(SHOW_PATH, "\"%s\" is no domain name", o->operands[0]);
	if (limit && strspn(limit, "0123456789") != strlen(limit))
		return command_usage_error(SHOW_PATH, "\"%s\" is no number of rows", limit);
	json_t *args = json_pack("{s:s*, s:i}", "name", o->operands_len > 0 ? o->operands[0] : NULL, "limit",
		limit ? (int)strtol(limit, NULL, 10) : 0);
	struct question q = { .cmd = "cache", .row = client_print_row };

	if (option_is_set(o, OPTION_JSON))
		return ask(o, &q, args);
	s.table = table_new(stdout, columns);
	if (!s.table) {
		json_decref(args);
		return client_complain("out of memory");
	}
	q.row = show_row;
	q.ctx = &s;
	int status = ask(o, &q, args);

	table_end(s.table);
	if (status == STATUS_OK)
		printf("%llu answers are kept ready, %llu of those that were meant are not shown\n", s.kept,
			s.not_shown);
	return status;
}

/* --- flush --- */

static void flush_row(void *ctx, const json_t *r, const char *line)
{
	printf("%llu answers were kept ready, and are not any more. Names are asked for anew.\n",
		row_count(r, "answers"));
}

static int do_flush(const struct options *o)
{
	bool is_all = option_is_set(o, OPTION_ALL), is_below = option_is_set(o, OPTION_BELOW);
	struct dns_name name;

	if (is_all == (o->operands_len > 0))
		return command_usage_error(FLUSH_PATH, "give either a name or --all");
	if (is_all && is_below)
		return command_usage_error(FLUSH_PATH, "--below needs a name");
	if (!is_all && !dns_name_parse(o->operands[0], &name))
		return command_usage_error(FLUSH_PATH, "\"%s\" is no domain name", o->operands[0]);
	struct question q = { .cmd = "flush",
		.row = option_is_set(o, OPTION_JSON) ? client_print_row : flush_row };

	return ask(o, &q,
		json_pack("{s:s*, s:b, s:b}", "name", is_all ? NULL : o->operands[0], "below", is_below,
			"all", is_all));
}

const struct command dns_cache_commands[] = {
	{
		.name = "show",
		.operands = "[NAME]",
		.summary = "List the answers that are kept ready, for NAME and the names below it, or all",
		.text = "One row for each question, view, and setting of the DO and CD bits, in each thread. "
			"What\n"
			"libunbound knows beneath cannot be listed.\n"
			"\n"
			"Examples:\n"
			"  isthmus dns cache show example.net\n"
			"  isthmus dns cache show --limit 20 --json\n",
		.takes = ASKING | TAKES(OPTION_LIMIT),
		.operands_max = 1,
		.run = do_show,
	},
	{
		.name = "flush",
		.operands = "NAME|--all",
		.summary = "Use no answer for NAME any more that was had before",
		.text = "Of the name itself, or with --below of all names below it, too. An answer of "
			"another name\n"
			"that leads here by a CNAME record is the other name's: flush that as well. With "
			"upstream:\n"
			"recursive, and with --all, the whole cache is replaced by an empty one; that can be "
			"done eight\n"
			"times until the next restart.\n"
			"\n"
			"Examples:\n"
			"  isthmus dns cache flush www.example.net\n"
			"  isthmus dns cache flush --below example.net\n"
			"  isthmus dns cache flush --all\n",
		.takes = ASKING | TAKES(OPTION_ALL) | TAKES(OPTION_BELOW),
		.operands_max = 1,
		.run = do_flush,
	},
	{ .name = NULL },
};
