/* listing.c - `isthmus sessions`, `bib`, `pool`, `who`, `dns46`, `relay`: questions whose answers are tables */
#include "cmd/client.h"
#include "cmd/figures.h"
#include "cmd/table.h"
#include "cmd/who.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- rows of each kind --- */

static void sessions_row(void *ctx, const json_t *r, const char *line)
{
	char expires[FIGURE_TEXT], up[FIGURE_TEXT], down[FIGURE_TEXT];

	table_cell(ctx, "%s", row_text(r, "proto"));
	table_cell(ctx, "%s", row_text(r, "client"));
	table_cell(ctx, "%s", row_text(r, "via"));
	table_cell(ctx, "%s", row_text(r, "remote"));
	table_cell(ctx, "%s", row_text(r, "state")[0] ? row_text(r, "state") : "-");
	table_cell(ctx, "%s", figure_duration(row_real(r, "expires_s"), expires));
	table_cell(ctx, "%s", figure_bytes(row_count(r, "bytes_64"), up));
	table_cell(ctx, "%s", figure_bytes(row_count(r, "bytes_46"), down));
	table_cell(ctx, "%s", row_text(r, "path")[0] ? row_text(r, "path") : "-");
}

static const struct column sessions_columns[] = {
	{ "PROTO", ALIGN_LEFT },
	{ "CLIENT", ALIGN_LEFT },
	{ "VIA", ALIGN_LEFT },
	{ "REMOTE", ALIGN_LEFT },
	{ "STATE", ALIGN_LEFT },
	{ "EXPIRES", ALIGN_RIGHT },
	{ "SENT", ALIGN_RIGHT },
	{ "RECEIVED", ALIGN_RIGHT },
	{ "PATH", ALIGN_LEFT },
	{ NULL, ALIGN_LEFT },
};

static void bib_row(void *ctx, const json_t *r, const char *line)
{
	char sessions[FIGURE_TEXT];

	table_cell(ctx, "%s", row_text(r, "proto"));
	table_cell(ctx, "%s", row_text(r, "client"));
	table_cell(ctx, "%s", row_text(r, "via"));
	table_cell(ctx, "%s", figure_count(row_count(r, "sessions"), sessions));
	table_cell(ctx, "%s", row_text(r, "prefix"));
	table_cell(ctx, "%s", json_is_true(json_object_get(r, "static")) ? "static" : "dynamic");
}

static const struct column bib_columns[] = {
	{ "PROTO", ALIGN_LEFT },
	{ "CLIENT", ALIGN_LEFT },
	{ "VIA", ALIGN_LEFT },
	{ "SESSIONS", ALIGN_RIGHT },
	{ "PREFIX", ALIGN_LEFT },
	{ "KIND", ALIGN_LEFT },
	{ NULL, ALIGN_LEFT },
};

static void pool_row(void *ctx, const json_t *r, const char *line)
{
	char text[FIGURE_TEXT];

	table_cell(ctx, "%s", row_text(r, "address"));
	table_cell(ctx, "%s", row_text(r, "ports"));
	table_cell(ctx, "%s",
		json_is_true(json_object_get(r, "shared")) ? "the host's own" : "the pool's alone");
	table_cell(ctx, "%s", figure_count(row_count(r, "blocks"), text));
	table_cell(ctx, "%s", figure_count(row_count(r, "blocks_lent"), text));
	table_cell(ctx, "%s", figure_share(row_count(r, "blocks_lent"), row_count(r, "blocks"), text));
	table_cell(ctx, "%s", figure_count(row_count(r, "tcp"), text));
	table_cell(ctx, "%s", figure_count(row_count(r, "udp"), text));
	table_cell(ctx, "%s", figure_count(row_count(r, "icmp"), text));
}

static const struct column pool_columns[] = {
	{ "ADDRESS", ALIGN_LEFT },
	{ "PORTS", ALIGN_LEFT },
	{ "ADDRESS IS", ALIGN_LEFT },
	{ "BLOCKS", ALIGN_RIGHT },
	{ "LENT", ALIGN_RIGHT },
	{ "USED", ALIGN_RIGHT },
	{ "TCP", ALIGN_RIGHT },
	{ "UDP", ALIGN_RIGHT },
	{ "ICMP", ALIGN_RIGHT },
	{ NULL, ALIGN_LEFT },
};

static void who_row(void *ctx, const json_t *r, const char *line)
{
	const char *proto = row_text(r, "proto"), *client = row_text(r, "client"),
		   *ports = row_text(r, "ports");

	table_cell(ctx, "%s", row_text(r, "address"));
	table_cell(ctx, "%s", ports[0] ? ports : "-");
	table_cell(ctx, "%s", row_text(r, "subscriber"));
	table_cell(ctx, "%s", proto[0] ? proto : "-");
	table_cell(ctx, "%s", client[0] ? client : "-");
}

static const struct column who_columns[] = {
	{ "ADDRESS", ALIGN_LEFT },
	{ "PORTS", ALIGN_LEFT },
	{ "SUBSCRIBER", ALIGN_LEFT },
	{ "PROTO", ALIGN_LEFT },
	{ "CLIENT", ALIGN_LEFT },
	{ NULL, ALIGN_LEFT },
};

static void dns46_row(void *ctx, const json_t *r, const char *line)
{
	double expires = row_real(r, "expires_s");
	char text[FIGURE_TEXT];

	table_cell(ctx, "%s", row_text(r, "address"));
	table_cell(ctx, "%s", row_text(r, "target"));
	table_cell(ctx, "%s", expires > 0 ? figure_duration(expires, text) : "-");
	table_cell(ctx, "%s",
		json_object_get(r, "idle_s") ? figure_duration(row_real(r, "idle_s"), text) : "unused");
	table_cell(ctx, "%s", json_is_true(json_object_get(r, "free")) ? "may be lent anew" : "lent");
}

static const struct column dns46_columns[] = {
	{ "ADDRESS", ALIGN_LEFT },
	{ "TARGET", ALIGN_LEFT },
	{ "EXPIRES", ALIGN_RIGHT },
	{ "IDLE", ALIGN_RIGHT },
	{ "STATE", ALIGN_LEFT },
	{ NULL, ALIGN_LEFT },
};

static void relay_row(void *ctx, const json_t *r, const char *line)
{
	char text[FIGURE_TEXT];

	table_cell(ctx, "%s", row_text(r, "service"));
	table_cell(ctx, "%s", row_text(r, "client"));
	table_cell(ctx, "%s", row_text(r, "to")[0] ? row_text(r, "to") : "-");
	table_cell(ctx, "%s", figure_duration(row_real(r, "age_s"), text));
	table_cell(ctx, "%s", figure_bytes(row_count(r, "bytes_up"), text));
	table_cell(ctx, "%s", figure_bytes(row_count(r, "bytes_down"), text));
}

static const struct column relay_columns[] = {
	{ "SERVICE", ALIGN_LEFT },
	{ "CLIENT", ALIGN_LEFT },
	{ "TO", ALIGN_LEFT },
	{ "AGE", ALIGN_RIGHT },
	{ "UP", ALIGN_RIGHT },
	{ "DOWN", ALIGN_RIGHT },
	{ NULL, ALIGN_LEFT },
};

/* --- asking --- */

struct listing {
	const char *cmd, *role;
	const struct column *columns;
	void (*row)(void *ctx, const json_t *row, const char *line);
	const char *nothing; /* said on stderr when there is no row */
};

/* read_limit() - the value of --limit; false if it is no number */
static bool read_limit(const char *text, json_int_t *ret)
{
	char *end;

	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || v < 0)
		return false;
	*ret = v;
	return true;
}

/* make_args() - the arguments that the options ask for; NULL with a message if one makes no sense */
static json_t *make_args(const char *cmd, const struct options *o)
{
	json_t *args = json_object();
	json_int_t limit;

	if (o->operands_len > 0)
		json_object_set_new(args, "at", json_string(o->operands[0]));
	if (option_is_set(o, OPTION_PROTO))
		json_object_set_new(args, "proto", json_string(o->value[OPTION_PROTO]));
	if (option_is_set(o, OPTION_CLIENT))
		json_object_set_new(args, "client", json_string(o->value[OPTION_CLIENT]));
	if (!option_is_set(o, OPTION_LIMIT))
		return args;
	if (read_limit(o->value[OPTION_LIMIT], &limit)) {
		json_object_set_new(args, "limit", json_integer(limit));
		return args;
	}
	json_decref(args);
	fprintf(stderr, "isthmus %s: --limit wants a number of rows, not \"%s\"\n", cmd,
		o->value[OPTION_LIMIT]);
	return NULL;
}

static int show(const struct options *o, const struct listing *l)
{
	const char *path;
	char why[512];
	bool is_json = option_is_set(o, OPTION_JSON);
	int status = client_socket(o, &path);

	if (status != STATUS_OK)
		return status;
	json_t *args = make_args(l->cmd, o);
	if (!args)
		return STATUS_USAGE;
	struct table *t = is_json ? NULL : table_new(stdout, l->columns);
	struct question q = { .cmd = l->cmd,
		.role = l->role,
		.args = args,
		.row = is_json ? client_print_row : l->row,
		.ctx = t };
	enum client_answer answer = client_ask(path, &q, why, sizeof(why));
	unsigned long rows = table_end(t);
	json_decref(args);
	if (answer != CLIENT_COMPLETE)
		return client_complain(why);
	if (rows == 0 && !is_json)
		fprintf(stderr, "%s\n", l->nothing);
	return STATUS_OK;
}

int command_do_sessions(const struct options *o)
{
	static const struct listing l = { "sessions", "translator", sessions_columns, sessions_row,
		"No sessions." };

	return show(o, &l);
}

int command_do_bib(const struct options *o)
{
	static const struct listing l = { "bib", "translator", bib_columns, bib_row, "No bindings." };

	return show(o, &l);
}

int command_do_pool(const struct options *o)
{
	static const struct listing l = { "pool", "translator", pool_columns, pool_row,
		"The pool is empty." };

	return show(o, &l);
}

int command_do_dns46(const struct options *o)
{
	static const struct listing l = { "dns46", "resolver", dns46_columns, dns46_row,
		"No address is lent." };

	return show(o, &l);
}

int command_do_relay(const struct options *o)
{
	static const struct listing l = { "relay", "relay", relay_columns, relay_row,
		"Nobody is being served." };

	return show(o, &l);
}

int command_do_who(const struct options *o)
{
	static const struct listing port = { "who", "translator", who_columns, who_row,
		"Nobody: the port is not in the pool, or it is not lent now." };
	static const struct listing whole = { "who", "translator", who_columns, who_row,
		"Nobody has the address as a whole (nat64.protocols); of TCP, UDP and ICMP name the port, "
		"too." };
	struct prefix6 who;
	struct addr4 address;

	if (option_is_set(o, OPTION_AT))
		return command_who_at(o);
	if (option_is_set(o, OPTION_LOG))
		return command_usage_error("isthmus who", "--log wants --at: what is now, the daemon knows");
	if (option_is_set(o, OPTION_CONFIG))
		return command_who_fixed(o);
	if (who_subscriber_parse(o->operands[0], &who))
		return command_usage_error("isthmus who",
			"what \"%s\" has is computed: name the file with --config; or see `isthmus bib "
			"--client`",
			o->operands[0]);
	return show(o, addr4_parse(o->operands[0], &address) ? &whole : &port);
}
