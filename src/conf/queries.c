/* queries.c - the keys of log.queries; see bindings.h */
#include "conf/bindings.h"

#include "base/bytes.h"
#include "conf/shape.h"

#define AT(member) offsetof(struct conf, member)

static const struct conf_choice to_words[] = {
	{ "file", CONF_QUERIES_FILE, NULL },
	{ "collector", CONF_QUERIES_COLLECTOR, NULL },
};
static const struct conf_choices to_choices = { to_words, ARRAY_LEN(to_words) };

static const struct conf_choice format_words[] = {
	{ "text", false, NULL },
	{ "dnstap", true, NULL },
};
static const struct conf_choices format_choices = { format_words, ARRAY_LEN(format_words) };

static const struct conf_choice client_words[] = {
	{ "full", QUERY_CLIENT_FULL, NULL },
	{ "prefix", QUERY_CLIENT_PREFIX, NULL },
	{ "none", QUERY_CLIENT_NONE, NULL },
};
static const struct conf_choices client_choices = { client_words, ARRAY_LEN(client_words) };

static const struct conf_choice names_words[] = {
	{ "full", false, NULL },
	{ "none", true, NULL },
};
static const struct conf_choices names_choices = { names_words, ARRAY_LEN(names_words) };

static const struct conf_key rows[] = {
	{ .path = "log.queries.to",
		.shape = &shape_words,
		.at = AT(log.queries.sinks),
		.max = 1,
		.of = &to_choices,
		.standard = "[]",
		.change = CONF_CHANGE_RESTART,
		.help = "Where the log of queries goes: file or collector; an empty list switches it off." },
	{ .path = "log.queries.path",
		.shape = &shape_item,
		.at = AT(log.queries.path),
		.of = &item_log_path,
		.standard = "/var/log/isthmus/queries.log",
		.change = CONF_CHANGE_RESTART,
		.help = "The log of queries; opened anew at each reload, for whoever rotates it." },
	{ .path = "log.queries.collector",
		.shape = &shape_item,
		.at = AT(log.queries.collector),
		.of = &item_dnstap_path,
		.standard = "/run/dnstap.sock",
		.change = CONF_CHANGE_RESTART,
		.help = "The unix socket where a collector of dnstap listens; one that is not there is tried "
			"each second." },
	{ .path = "log.queries.format",
		.shape = &shape_switch,
		.at = AT(dns64.query_log.is_dnstap),
		.of = &format_choices,
		.standard = "text",
		.change = CONF_CHANGE_RESTART,
		.help = "text, one line for each answer; or dnstap, in frame streams, with the whole "
			"answer." },
	{ .path = "log.queries.client",
		.shape = &shape_choice,
		.at = AT(dns64.query_log.client),
		.of = &client_choices,
		.standard = "prefix",
		.help = "What is said of a client: full, its address; prefix, the /48 or /24 that it is in; "
			"or none." },
	{ .path = "log.queries.names",
		.shape = &shape_switch,
		.at = AT(dns64.query_log.hides_names),
		.of = &names_choices,
		.standard = "full",
		.help = "What is said of a name: full or none; with none, dnstap has no answer in it." },
};
const struct conf_keys conf_queries_keys = { rows, ARRAY_LEN(rows) };

void queries_check(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, const void *base)
{
	bool is_on = r->c->log.queries.sinks != 0;

	r->c->dns64.query_log.is_on = is_on;
	if (is_on && !r->c->has_dns64)
		reading_warning(
			r, reading_line(r, n), "there is no section dns64, so there are no queries to log");
	if (!is_on && !r->is_default && node_find(n, "path"))
		reading_warning(r, reading_line(r, n),
			"there is a path, but to: is empty, so nothing is logged; write to: [file]");
	if (!is_on && !r->is_default && node_find(n, "collector"))
		reading_warning(r, reading_line(r, n),
			"there is a collector, but to: is empty, so nothing is logged; write to: "
			"[collector]");
	if (r->c->log.queries.sinks == CONF_QUERIES_COLLECTOR && !r->c->dns64.query_log.is_dnstap)
		reading_fault(r, reading_line(r, n),
			"a collector takes dnstap only, write format: dnstap, or to: [file]");
}
