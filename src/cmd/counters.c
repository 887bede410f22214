/*
 * counters.c - `isthmus counters`: what passed and what did not, of every role, by group
 *
 * A drop counter comes with its parts: the direction and the protocol of the packets. The table names the largest of
 * them beside the sum; --by gives each part a line, added up over what was not asked for.
 */
#include "cmd/client.h"
#include "cmd/figures.h"
#include "cmd/table.h"

#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 32  /* more than there are directions times protocols */
#define PARTS_NAMED 2 /* beside the sum */
#define PART_NAME 32
#define WHICH_TEXT ((PARTS_NAMED + 1) * (PART_NAME + FIGURE_TEXT))

/* What --by asks for. */
struct keys {
	bool direction, protocol;
};

/* A part of a drop counter: "64 tcp", or "64", or "tcp". */
struct part {
	char name[PART_NAME];
	unsigned long long value;
};

struct parts {
	struct part at[PARTS_MAX]; /* sorted, the largest first; none is zero */
	unsigned len;
};

struct counters {
	struct table *table;
	struct keys keys;
	bool has_keys;
	bool with_zeros;
	bool is_json;
};

static const struct column columns[] = {
	{ "GROUP", ALIGN_LEFT },
	{ "VALUE", ALIGN_RIGHT },
	{ "COUNTER", ALIGN_LEFT },
	{ "WHICH", ALIGN_LEFT },
	{ "MEANING", ALIGN_LEFT },
	{ NULL, ALIGN_LEFT },
};

/* --- parts --- */

/* parts_add() - add a value to the part of that name; what has no place in the array is left out */
static void parts_add(struct parts *p, const char *name, unsigned long long value)
{
	unsigned i = 0;

	while (i < p->len && strcmp(p->at[i].name, name) != 0)
		i++;
	if (value == 0 || i == PARTS_MAX)
		return;
	if (i == p->len) {
		snprintf(p->at[i].name, sizeof(p->at[i].name), "%s", name);
		p->at[p->len++].value = 0;
	}
	p->at[i].value += value;
}

static int by_value(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return x->value == y->value ? strcmp(x->name, y->name)
				    : (x->value < y->value) - (x->value > y->value);
}

/* parts_of() - what a row's `by` says, added up over the keys that are not asked for */
static struct parts parts_of(const json_t *row, struct keys keys)
{
	struct parts p = { .len = 0 };
	const char *direction, *protocol;
	char name[PART_NAME];
	json_t *protocols, *value;

	json_object_foreach(json_object_get(row, "by"), direction, protocols)
	{
		json_object_foreach(protocols, protocol, value)
		{
			snprintf(name, sizeof(name), "%.15s%s%.15s", keys.direction ? direction : "",
				keys.direction && keys.protocol ? " " : "", keys.protocol ? protocol : "");
			parts_add(&p, name, row_count(protocols, protocol));
		}
	}
	qsort(p.at, p.len, sizeof(p.at[0]), by_value);
	return p;
}

/* which_text() - the largest parts on one line: "64 tcp", or "64 tcp 12, 46 udp 3, 1 more" */
static const char *which_text(const struct parts *p, char buf[static WHICH_TEXT])
{
	char count[FIGURE_TEXT];
	unsigned long long rest = 0;
	size_t len = 0;

	buf[0] = '\0';
	if (p->len == 1)
		snprintf(buf, WHICH_TEXT, "%s", p->at[0].name);
	for (unsigned i = 0; p->len > 1 && i < p->len; i++) {
		if (i < PARTS_NAMED)
			len += (size_t)snprintf(buf + len, WHICH_TEXT - len, "%s%s %s", i > 0 ? ", " : "",
				p->at[i].name, figure_count(p->at[i].value, count));
		else
			rest += p->at[i].value;
	}
	if (rest > 0)
		snprintf(buf + len, WHICH_TEXT - len, ", %s more", figure_count(rest, count));
	return buf;
}

/* --- rows --- */

static void print_part(struct table *t, const struct part *p)
{
	char value[FIGURE_TEXT];

	table_cell(t, "%s", "");
	table_cell(t, "%s", figure_count(p->value, value));
	table_cell(t, "%s", "");
	table_cell(t, "%s", p->name);
	table_cell(t, "%s", "");
}

static void counters_row(void *ctx, const json_t *r, const char *line)
{
	struct counters *c = ctx;
	char value[FIGURE_TEXT], which[WHICH_TEXT] = "";
	const char *spec = row_text(r, "spec");

	if (!c->with_zeros && row_count(r, "value") == 0)
		return;
	if (c->is_json) {
		puts(line);
		return;
	}
	struct parts parts = parts_of(r, c->keys);
	table_cell(c->table, "%s", row_text(r, "group"));
	table_cell(c->table, "%s", figure_count(row_count(r, "value"), value));
	table_cell(c->table, "%s", row_text(r, "name"));
	table_cell(c->table, "%s", c->has_keys ? "" : which_text(&parts, which));
	table_cell(c->table, "%s%s%s%s", row_text(r, "text"), spec[0] ? " (" : "", spec, spec[0] ? ")" : "");
	for (unsigned i = 0; c->has_keys && i < parts.len; i++)
		print_part(c->table, &parts.at[i]);
}

/* --- asking --- */

/* roles_row() - remember which roles there are */
static void roles_row(void *ctx, const json_t *r, const char *line)
{
	json_array_extend(ctx, json_object_get(r, "roles"));
}

/* ask_counters() - ask every role that exists; the first failure is kept in @why */
static enum client_answer ask_counters(const char *path, struct counters *c, char *why, size_t size)
{
	json_t *roles = json_array();
	struct question q = { .cmd = "status", .role = "supervisor", .row = roles_row, .ctx = roles };
	enum client_answer answer = client_ask(path, &q, why, size);

	for (size_t i = 0; answer == CLIENT_COMPLETE && i < json_array_size(roles); i++) {
		struct question each = {
			.cmd = "counters",
			.role = row_text(json_array_get(roles, i), "name"),
			.row = counters_row,
			.ctx = c,
		};

		if (strcmp(each.role, "monitor") != 0) /* it counts nothing */
			answer = client_ask(path, &each, why, size);
	}
	json_decref(roles);
	return answer;
}

/* keys_parse() - what follows --by; false if it is something else */
static bool keys_parse(const char *text, struct keys *ret)
{
	static const struct {
		const char *text;
		struct keys keys;
	} known[] = {
		{ "direction", { true, false } },
		{ "protocol", { false, true } },
		{ "direction,protocol", { true, true } },
		{ "protocol,direction", { true, true } },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(text, known[i].text) == 0) {
			*ret = known[i].keys;
			return true;
		}
	}
	return false;
}

int command_do_counters(const struct options *o)
{
	const char *path;
	char why[512];
	struct counters c = {
		.keys = { true, true },
		.has_keys = option_is_set(o, OPTION_BY),
		.with_zeros = option_is_set(o, OPTION_ALL),
		.is_json = option_is_set(o, OPTION_JSON),
	};

	if (c.has_keys && !keys_parse(o->value[OPTION_BY], &c.keys))
		return command_usage_error("isthmus counters",
			"--by wants direction, protocol, or direction,protocol, not \"%s\"",
			o->value[OPTION_BY]);
	int status = client_socket(o, &path);
	if (status != STATUS_OK)
		return status;
	c.table = c.is_json ? NULL : table_new(stdout, columns);
	enum client_answer answer = ask_counters(path, &c, why, sizeof(why));
	unsigned long rows = table_end(c.table);
	if (answer != CLIENT_COMPLETE)
		return client_complain(why);
	if (rows == 0 && !c.is_json)
		fprintf(stderr, "All counters are zero.\n");
	return STATUS_OK;
}
