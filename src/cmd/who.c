/*
 * who.c - `isthmus who ADDRESS[:PORT] --at TIME`: who had it then, by the binding log
 *
 * The answer comes from files, not from the daemon: it may be given on another machine, years later. It says what the log
 * says, and what the log cannot know: that it does not reach to the moment, that records were lost, that the gateway died.
 * (Where blocks are deterministic, a file is enough, whatever the time; see who_fixed.c.)
 */
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/log_files.h"
#include "cmd/moment.h"
#include "cmd/table.h"
#include "cmd/who.h"

#include "bindlog/history.h"
#include "conf/conf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATH "isthmus who"
#define SILENCE_MS UINT64_C(120000) /* a living gateway's log has a record every minute */

/* --- the question --- */

bool who_endpoint_parse(const char *text, struct addr4 *ret, uint16_t *ret_port)
{
	char address[ADDR4_TEXT];
	const char *colon = strchr(text, ':');
	char *end;

	if (!colon || (size_t)(colon - text) >= sizeof(address) || colon[1] < '0' || colon[1] > '9')
		return false;
	snprintf(address, sizeof(address), "%.*s", (int)(colon - text), text);
	unsigned long port = strtoul(colon + 1, &end, 10);

	if (*end != '\0' || port > UINT16_MAX || !addr4_parse(address, ret))
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

bool who_at_parse(const char *text, struct addr4 *ret, uint32_t *ret_port)
{
	uint16_t port;

	if (who_endpoint_parse(text, ret, &port)) {
		*ret_port = port;
		return true;
	}
	if (!addr4_parse(text, ret))
		return false;
	*ret_port = HISTORY_NO_PORT;
	return true;
}

/* find_log() - --log, else as the configuration says */
static int find_log(const struct options *o, char path[static CONF_LOG_PATH])
{
	const char *file = option_is_set(o, OPTION_CONFIG) ? o->value[OPTION_CONFIG] : CONFIG_PATH_DEFAULT;
	bool is_default = !option_is_set(o, OPTION_CONFIG) && access(file, F_OK) < 0;
	struct conf_errors errors = { 0 };
	struct conf *c = NULL;

	if (option_is_set(o, OPTION_LOG)) {
		if (text_copy(path, CONF_LOG_PATH, o->value[OPTION_LOG]))
			return STATUS_OK;
		return command_usage_error(PATH, "the path of the log is too long");
	}
	int err = is_default ? conf_default(&c) : conf_load(file, &c, &errors);

	for (unsigned i = 0; i < errors.len; i++)
		fprintf(stderr, "%s\n", errors.lines[i]);
	if (err == 0)
		(void)text_copy(path, CONF_LOG_PATH, c->log.bindings.path);
	conf_errors_fini(&errors);
	conf_free(c);
	return err == 0 ? STATUS_OK : STATUS_USAGE;
}

/* --- the answer --- */

struct answer {
	bool is_json;
	struct table *table;
	unsigned notes;
};

static void note(struct answer *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void note(struct answer *a, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	a->notes++;
	if (!a->is_json) {
		fprintf(stderr, "note: %s\n", text);
		return;
	}
	json_t *row = json_pack("{s:s}", "note", text);

	if (row && json_dumpf(row, stdout, JSON_COMPACT) == 0)
		putchar('\n');
	json_decref(row);
}

static const char *const ends[] = {
	[HISTORY_OPEN] = "open",
	[HISTORY_ENDED] = "ended",
	[HISTORY_CUT] = "cut",
	[HISTORY_REPLACED] = "replaced",
};

/* How an answer reads: the texts of its cells, "" where there is nothing. */
struct cells {
	char address[ADDR4_TEXT], ports[16], who[ENDPOINT6_TEXT], remote[ENDPOINT4_TEXT],
		proto[PROTOCOL_TEXT];
	char since[UNIX_MS_TEXT], until[UNIX_MS_TEXT + 8];
};

static void describe_whole(const struct record *e, struct cells *c)
{
	char name[PROTOCOL_TEXT];

	addr6_text(e->client, c->who);
	snprintf(c->proto, sizeof(c->proto), "%s", protocol_text((uint8_t)e->port, name));
	if (e->remote.v != 0)
		addr4_text(e->remote, c->remote);
}

static void describe_port(const struct record *e, struct cells *c)
{
	snprintf(c->ports, sizeof(c->ports), "%u", e->port);
	endpoint6_text(e->client, e->client_port, c->who);
	snprintf(c->proto, sizeof(c->proto), "%.7s", proto_name(e->proto));
	if (e->remote.v != 0)
		endpoint4_text(e->remote, e->remote_port, c->remote);
}

static void describe(const struct history_row *r, struct cells *c)
{
	const struct record *e = &r->record;

	*c = (struct cells){ .since = "" };
	addr4_text(e->address, c->address);
	if (r->kind == RECORD_BLOCK_LENT) {
		snprintf(c->ports, sizeof(c->ports), "%u-%u", e->port, e->last_port);
		prefix6_text(e->subscriber, c->who);
	} else if (e->proto == PROTO_OTHER) {
		describe_whole(e, c);
	} else {
		describe_port(e, c);
	}
	if (r->has_start)
		unix_ms_text(r->start, c->since);
	if (r->how != HISTORY_OPEN)
		unix_ms_text(r->end, c->until);
}

static const char *text_or(const char *text, const char *otherwise)
{
	return text[0] ? text : otherwise;
}

static const char *null_if_empty(const char *text)
{
	return text[0] ? text : NULL;
}

static void print_row(struct answer *a, const struct history_row *r)
{
	static const char *const kinds[RECORD_COUNT] = { [RECORD_BLOCK_LENT] = "block",
		[RECORD_BINDING_MADE] = "binding",
		[RECORD_SESSION_MADE] = "session" };
	struct cells c;

	describe(r, &c);
	if (a->is_json) {
		json_t *row = json_pack("{s:s, s:s, s:s?, s:s, s:s?, s:s?, s:s?, s:s?, s:s}", "kind",
			kinds[r->kind], "address", c.address, "ports", null_if_empty(c.ports),
			r->kind == RECORD_BLOCK_LENT ? "subscriber" : "client", c.who, "proto",
			null_if_empty(c.proto), "remote", null_if_empty(c.remote), "since",
			null_if_empty(c.since), "until", null_if_empty(c.until), "end", ends[r->how]);

		if (row && json_dumpf(row, stdout, JSON_COMPACT) == 0)
			putchar('\n');
		json_decref(row);
		return;
	}
	table_cell(a->table, "%s", c.address);
	table_cell(a->table, "%s", text_or(c.ports, "-"));
	table_cell(a->table, "%s", c.who);
	table_cell(a->table, "%s", text_or(c.proto, "-"));
	table_cell(a->table, "%s", text_or(c.remote, "-"));
	table_cell(a->table, "%s", text_or(c.since, "before the log"));
	table_cell(a->table, "%s%s", r->how == HISTORY_CUT || r->how == HISTORY_REPLACED ? "about " : "",
		text_or(c.until, "not ended"));
}

static const struct column columns[] = {
	{ "ADDRESS", ALIGN_LEFT },
	{ "PORTS", ALIGN_LEFT },
	{ "WHO", ALIGN_LEFT },
	{ "PROTO", ALIGN_LEFT },
	{ "REMOTE", ALIGN_LEFT },
	{ "SINCE", ALIGN_LEFT },
	{ "UNTIL", ALIGN_LEFT },
	{ NULL, ALIGN_LEFT },
};

static unsigned print_rows(struct answer *a, const struct history *h)
{
	struct history_row r;
	unsigned i = 0;

	a->table = a->is_json ? NULL : table_new(stdout, columns);
	for (; history_row(h, i, &r); i++)
		print_row(a, &r);
	table_end(a->table);
	return i;
}

/* What the log cannot know; each sentence is a reason to be careful with the answer. */
static void print_notes(struct answer *a, const struct history *h, const struct log_files *f, unix_ms at)
{
	char first[UNIX_MS_TEXT], last[UNIX_MS_TEXT];
	struct history_cover c;

	history_cover(h, &c);
	if (!c.has_records)
		return;
	if (c.is_before)
		note(a, "the log begins at %s, after that time", unix_ms_text(c.first, first));
	if (c.is_after && at - c.last > SILENCE_MS)
		note(a, "the log ends at %s, before that time", unix_ms_text(c.last, last));
	if (c.is_down)
		note(a, "the gateway was not seen alive then: it had stopped at %s, or died after that",
			unix_ms_text(c.down_since, last));
	if (c.lost > 0)
		note(a, "%llu records were lost between %s and %s; what this answer needs may be among them",
			(unsigned long long)c.lost, unix_ms_text(c.lost_since, first),
			unix_ms_text(c.lost_until, last));
	if (c.is_cut)
		note(a, "there are more rows than %d, the others are left out", HISTORY_ROWS_MAX);
	if (f->malformed > 0)
		note(a, "%lu lines of the log make no sense", f->malformed);
	if (f->unreadable > 0)
		note(a, "%u files of the log could not be read, or not to their end", f->unreadable);
}

static void take_record(void *ctx, const struct record *r)
{
	history_take(ctx, r);
}

static int answer(const struct options *o, struct history *h, const char *path, unix_ms at)
{
	struct answer a = { .is_json = option_is_set(o, OPTION_JSON) };
	struct log_files files;
	char why[CONF_LOG_PATH + 128];
	int err = log_files_read(path, take_record, h, &files);

	if (err == 0 && files.records > 0) {
		unsigned rows = print_rows(&a, h);

		print_notes(&a, h, &files, at);
		if (rows == 0 && !a.is_json)
			fprintf(stderr, "Nobody had it then, as far as the log knows.\n");
		return STATUS_OK;
	}
	snprintf(why, sizeof(why),
		"%s: %s; name the binding log with --log, or with log.bindings in the configuration", path,
		err < 0 ? strerror(-err) : "there is no record in it");
	return client_complain(why);
}

int command_who_at(const struct options *o)
{
	char path[CONF_LOG_PATH];
	struct history *h = NULL;
	struct addr4 address;
	uint32_t port;
	unix_ms at;

	if (!who_at_parse(o->operands[0], &address, &port))
		return command_usage_error(PATH,
			"\"%s\" is no IPv4 address, with a port such as 192.0.2.2:2000 or without",
			o->operands[0]);
	if (!moment_parse(o->value[OPTION_AT], &at))
		return command_usage_error(PATH,
			"\"%s\" is no time, such as 2026-11-25T14:03:05Z, or \"2026-11-25 14:03:05\" for "
			"local time",
			o->value[OPTION_AT]);
	if (at / 1000 > (unix_ms)time(NULL))
		return command_usage_error(PATH, "%s is in the future", o->value[OPTION_AT]);
	int status = find_log(o, path);

	if (status != STATUS_OK)
		return status;
	if (history_new(address, port, at, &h) < 0)
		return client_complain(strerror(ENOMEM));
	status = answer(o, h, path, at);
	history_free(h);
	return status;
}
