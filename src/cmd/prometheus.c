/*
 * prometheus.c - figures as metrics
 *
 * Metrics are made from the rows of `status` and `counters` by rule, so that a new counter is a new metric
 * without a change here; @fields and @families say what reads better than the rule. Counters keep their name,
 * preceded by their group and followed by _total. In a group that is @has_labels, the parts of a name that
 * say which way a packet went, or of which kind it was, become labels: pkts_64_tcp of the group translated is
 * isthmus_translated_packets_total{direction="64",protocol="tcp"}. A row that says itself how its value is
 * made up (@by) becomes one sample for each part. docs/metrics.md has the list.
 *
 * A process that did not answer has isthmus_up 0 and no other metric: an old or invented value would hide it.
 */
#include "cmd/prometheus.h"

#include "base/compiler.h"
#include "cmd/exposition.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_TEXT 48
#define NAME_TEXT 128

/* number_text() - a JSON number or truth value as text; NULL for anything else */
static const char *number_text(const json_t *v, char buf[static NUMBER_TEXT])
{
	if (json_is_integer(v))
		snprintf(buf, NUMBER_TEXT, "%lld", (long long)json_integer_value(v));
	else if (json_is_real(v))
		snprintf(buf, NUMBER_TEXT, "%.3f", json_real_value(v));
	else if (json_is_boolean(v))
		snprintf(buf, NUMBER_TEXT, "%d", json_is_true(v));
	else
		return NULL;
	return buf;
}

static void add_value(struct exposition *e, const struct metric *m, const json_t *v)
{
	char buf[NUMBER_TEXT];
	const char *text = number_text(v, buf);

	if (text)
		exposition_add(e, m, text);
}

static const char *text_of(const json_t *row, const char *field)
{
	const char *text = json_string_value(json_object_get(row, field));

	return text ? text : "";
}

/* --- counters --- */

static const struct group {
	const char *name, *prefix;
	bool has_labels;   /* see above */
	const char *label; /* of one metric for the whole group, whose values are the counters' names */
} groups[] = {
	{ "drop", "drops", false, "reason" },
	{ "translated", "translated_", true, NULL },
	{ "stateless", "stateless_", true, NULL },
	{ "icmp", "icmp_", true, NULL },
	{ "fastpath", "fastpath_", true, NULL },
	{ "other", "", false, NULL },
	{ "dns64", "dns64_", false, NULL },
	{ "relay", "relay_", false, NULL },
	{ "tunnel", "tunnel_", false, NULL },
};

/* Parts of names that become labels, and parts that are spelled out. */
static const struct word {
	const char *part, *label, *value;
} words[] = {
	{ "64", "direction", "64" },
	{ "46", "direction", "46" },
	{ "tcp", "protocol", "tcp" },
	{ "udp", "protocol", "udp" },
	{ "icmp", "protocol", "icmp" },
	{ "other", "protocol", "other" },
	{ "v6", "family", "ipv6" },
	{ "v4", "family", "ipv4" },
	{ "pkts", NULL, "packets" },
};

/* What is said about a metric with labels; the text of a row is about one sample only. */
static const struct {
	const char *name, *help;
} families[] = {
	{ "drops_total", "Packets that were not translated, and ICMP errors that were not sent, by reason" },
	{ "translated_packets_total", "Packets translated; direction 64 is from IPv6 to IPv4" },
	{ "translated_bytes_total", "Bytes of translated packets, as they came in" },
	{ "translated_trains_total", "Segment trains (TSO, USO) translated whole" },
	{ "stateless_packets_total",
		"Packets translated without state; not among those of translated_packets_total" },
	{ "stateless_bytes_total", "Bytes of packets translated without state, as they came in" },
	{ "fastpath_packets_total", "Packets translated in the kernel; they are among those of translated_ "
				    "and stateless_packets_total" },
	{ "fastpath_bytes_total", "Their bytes, as they came in" },
	{ "icmp_errors_total", "ICMP errors translated" },
	{ "icmp_sent_total", "ICMP errors originated by the translator" },
};

static const char *family_help(const char *name, const char *otherwise)
{
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		if (strcmp(families[i].name, name) == 0)
			return families[i].help;
	}
	return otherwise;
}

static const struct group *group_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		if (strcmp(groups[i].name, name) == 0)
			return &groups[i];
	}
	return NULL;
}

static const struct word *word_find(const char *part)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i].part, part) == 0)
			return &words[i];
	}
	return NULL;
}

/* append() - add text to a name; what has no room is left out */
static void append(char name[static NAME_TEXT], const char *text)
{
	size_t len = strlen(name);

	snprintf(name + len, NAME_TEXT - len, "%s", text);
}

/* split_name() - append the parts of a counter's name to the metric's, but for those that become labels */
static void split_name(char name[static NAME_TEXT], struct metric *m, const char *counter)
{
	char parts[NAME_TEXT], *rest = NULL;
	const char *joint = "";
	unsigned labels = 0;

	snprintf(parts, sizeof(parts), "%s", counter);
	for (char *part = strtok_r(parts, "_", &rest); part; part = strtok_r(NULL, "_", &rest)) {
		const struct word *w = word_find(part);

		if (w && w->label && labels < METRIC_LABELS_MAX) {
			m->labels[labels++] = (struct metric_label){ w->label, w->value };
			continue;
		}
		append(name, joint);
		append(name, w && !w->label ? w->value : part);
		joint = "_";
	}
}

/* add_parts() - one sample for each direction and protocol of a row's @by */
static void add_parts(struct exposition *e, struct metric *m, json_t *by)
{
	const char *direction, *protocol;
	json_t *protocols, *value;

	json_object_foreach(by, direction, protocols)
	{
		m->labels[1] = (struct metric_label){ "direction", direction };
		json_object_foreach(protocols, protocol, value)
		{
			m->labels[2] = (struct metric_label){ "protocol", protocol };
			add_value(e, m, value);
		}
	}
}

static void add_counter(struct exposition *e, const json_t *row)
{
	json_t *by = json_object_get(row, "by");
	const char *group = text_of(row, "group"), *counter = text_of(row, "name");
	const struct group *g = group_find(group);
	struct metric m = { .type = METRIC_COUNTER };
	char name[NAME_TEXT] = "";

	if (!group[0] || !counter[0])
		return;
	append(name, g ? g->prefix : group);
	if (!g)
		append(name, "_");
	if (g && g->label)
		m.labels[0] = (struct metric_label){ g->label, counter };
	else if (g && g->has_labels)
		split_name(name, &m, counter);
	else
		append(name, counter);
	append(name, "_total");
	m.name = name;
	m.help = family_help(name, text_of(row, "text"));
	if (by && g && g->label)
		add_parts(e, &m, by);
	else
		add_value(e, &m, json_object_get(row, "value"));
}

/* --- status --- */

/* Fields of a status row that are not what the rule makes of them. A metric of NULL: left out. */
static const struct field {
	enum snapshot_id who;
	const char *name, *metric;
	const char *label; /* of a field that is an object: its members are the values of this label */
	const char *help;
} fields[] = {
	{ SNAPSHOT_TRANSLATOR, "workers", "workers", NULL, "Threads that translate" },
	{ SNAPSHOT_TRANSLATOR, "sessions", "sessions", "protocol", "Sessions in the table" },
	{ SNAPSHOT_TRANSLATOR, "bindings", "bindings", "protocol", "Bindings in the table" },
	{ SNAPSHOT_TRANSLATOR, "max_sessions", "max_sessions", NULL, "Sessions that the table has room for" },
	{ SNAPSHOT_TRANSLATOR, "subscribers", "subscribers", NULL, "Subscribers that hold ports" },
	{ SNAPSHOT_TRANSLATOR, "blocks", "port_blocks", NULL, "Port blocks of the pool" },
	{ SNAPSHOT_TRANSLATOR, "blocks_lent", "port_blocks_lent", NULL, "Port blocks that subscribers hold" },
	{ SNAPSHOT_TRANSLATOR, "memory_bytes", "table_memory_bytes", NULL, "Memory of the tables" },
	{ SNAPSHOT_TRANSLATOR, "fastpath", "fastpath_entries", "kind",
		"Flows and address pairs in the tables of the fast path, and how many flows there is room "
		"for" },
	{ SNAPSHOT_TRANSLATOR, "pid", NULL, NULL, NULL },
	{ SNAPSHOT_TRANSLATOR, "uptime_s", NULL, NULL, NULL },
	{ SNAPSHOT_TRANSLATOR, "pkts_64", NULL, NULL, NULL }, /* sums of counters */
	{ SNAPSHOT_TRANSLATOR, "pkts_46", NULL, NULL, NULL },
	{ SNAPSHOT_TRANSLATOR, "bytes_64", NULL, NULL, NULL },
	{ SNAPSHOT_TRANSLATOR, "bytes_46", NULL, NULL, NULL },
	{ SNAPSHOT_TRANSLATOR, "dropped", NULL, NULL, NULL },
	{ SNAPSHOT_RESOLVER, "queries_open", "dns64_queries_open", NULL, "Queries under way" },
	{ SNAPSHOT_RESOLVER, "queries_open_max", "dns64_max_queries_open", NULL,
		"Queries that may be under way at a time" },
	{ SNAPSHOT_RESOLVER, "tcp_clients", "dns64_tcp_clients", NULL, "TCP connections of clients" },
	{ SNAPSHOT_RESOLVER, "tcp_clients_max", "dns64_max_tcp_clients", NULL,
		"TCP connections that clients may have at a time" },
	{ SNAPSHOT_RESOLVER, "dns46_addresses", "dns46_addresses", NULL, "Addresses of dns46.pool" },
	{ SNAPSHOT_RESOLVER, "dns46_addresses_lent", "dns46_addresses_lent", NULL,
		"Addresses of dns46.pool that are lent, or were so lately that they may not be lent anew" },
	{ SNAPSHOT_RESOLVER, "pid", NULL, NULL, NULL },
	{ SNAPSHOT_RESOLVER, "uptime_s", NULL, NULL, NULL },
	{ SNAPSHOT_RELAY, "pid", NULL, NULL, NULL },
	{ SNAPSHOT_RELAY, "uptime_s", NULL, NULL, NULL },
	{ SNAPSHOT_RELAY, "open", "relay_clients", NULL, "Clients that are being served" },
	{ SNAPSHOT_RELAY, "threads", "relay_threads", NULL, "Threads of the relays" },
	{ SNAPSHOT_TUNNEL, "pid", NULL, NULL, NULL },
	{ SNAPSHOT_TUNNEL, "uptime_s", NULL, NULL, NULL },
};

static const char *const prefixes[SNAPSHOT_COUNT] = { [SNAPSHOT_SUPERVISOR] = "",
	[SNAPSHOT_TRANSLATOR] = "",
	[SNAPSHOT_RESOLVER] = "dns64_",
	[SNAPSHOT_RELAY] = "relay_",
	[SNAPSHOT_TUNNEL] = "tunnel_" };

static const struct field *field_find(enum snapshot_id who, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (fields[i].who == who && strcmp(fields[i].name, name) == 0)
			return &fields[i];
	}
	return NULL;
}

/* is_counter() - whether a field only repeats a counter */
static bool is_counter(const struct snapshot_part *p, const char *name)
{
	for (size_t i = 0; i < json_array_size(p->counters); i++) {
		if (strcmp(text_of(json_array_get(p->counters, i), "name"), name) == 0)
			return true;
	}
	return false;
}

static void add_field(struct exposition *e, enum snapshot_id who, const char *name, json_t *value)
{
	const struct field *f = field_find(who, name);
	struct metric m = { .type = METRIC_GAUGE };
	char by_rule[NAME_TEXT], help[NAME_TEXT];
	const char *member;
	json_t *v;

	if (f && !f->metric)
		return;
	snprintf(by_rule, sizeof(by_rule), "%s%s", prefixes[who], name);
	snprintf(help, sizeof(help), "%s of the %s", name, snapshot_name(who));
	m.name = f ? f->metric : by_rule;
	m.help = f ? f->help : help;
	add_value(e, &m, value);
	json_object_foreach(value, member, v)
	{
		m.labels[0] = (struct metric_label){ f ? f->label : "kind", member };
		add_value(e, &m, v);
	}
}

/* What each pool of nat64.pool lends; the fields of a row of `pools` that are a metric. */
static void add_pools(struct exposition *e, const json_t *pools)
{
	static const struct {
		const char *field, *metric, *help;
	} of_pool[] = {
		{ "blocks", "pool_port_blocks",
			"Port blocks of one pool that any of its subscribers may hold" },
		{ "blocks_lent", "pool_port_blocks_lent", "Of these, how many subscribers hold" },
		{ "subscribers", "pool_subscribers", "Subscribers that borrow from one pool" },
		{ "alarm_percent", "pool_alarm_percent",
			"The share of lent blocks that was warned about last: 80 or 95; 0 if there is room" },
	};

	for (size_t i = 0; i < json_array_size(pools); i++) {
		const json_t *p = json_array_get(pools, i);

		for (size_t k = 0; k < ARRAY_LEN(of_pool); k++)
			add_value(e,
				&(const struct metric){ of_pool[k].metric, METRIC_GAUGE, of_pool[k].help,
					{ { "pool", text_of(p, "pool") } } },
				json_object_get(p, of_pool[k].field));
	}
}

/* Until when each certificate of the resolver is good. */
static void add_certificates(struct exposition *e, const json_t *secure)
{
	for (size_t i = 0; i < json_array_size(secure); i++) {
		const json_t *row = json_array_get(secure, i);

		add_value(e,
			&(const struct metric){ "dns64_certificate_expires_timestamp_seconds", METRIC_GAUGE,
				"When the certificate of DNS over TLS or HTTPS stops being good",
				{ { "over", text_of(row, "over") } } },
			json_object_get(row, "certificate_expires"));
	}
}

/* What each service of the relays has done. */
static void add_services(struct exposition *e, const json_t *services)
{
	static const struct {
		const char *field, *metric, *help;
		enum metric_type type;
	} of_service[] = {
		{ "visits", "relay_service_clients_total", "Clients of one service", METRIC_COUNTER },
		{ "open", "relay_service_clients", "Clients that one service serves now", METRIC_GAUGE },
		{ "failed", "relay_service_failed_total",
			"Clients of one service whose destination was not reached", METRIC_COUNTER },
		{ "bytes_up", "relay_service_bytes_up_total", "Bytes from clients of one service",
			METRIC_COUNTER },
		{ "bytes_down", "relay_service_bytes_down_total", "Bytes to clients of one service",
			METRIC_COUNTER },
	};

	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *s = json_array_get(services, i);

		for (size_t k = 0; k < ARRAY_LEN(of_service); k++)
			add_value(e,
				&(const struct metric){ of_service[k].metric, of_service[k].type,
					of_service[k].help,
					{ { "service", text_of(s, "name") },
						{ "type", text_of(s, "type") } } },
				json_object_get(s, of_service[k].field));
	}
}

/* Servers of the relays; a boolean is 0 or 1. */
static void add_targets(struct exposition *e, const json_t *targets)
{
	static const struct {
		const char *field, *metric, *help;
		enum metric_type type;
	} of_target[] = {
		{ "up", "relay_target_up", "Whether a server of the relays is up", METRIC_GAUGE },
		{ "open", "relay_target_connections", "Connections to a server now", METRIC_GAUGE },
		{ "connections", "relay_target_connections_total", "Connections and requests to a server",
			METRIC_COUNTER },
		{ "failures", "relay_target_failures_total", "Failed connections and checks of a server",
			METRIC_COUNTER },
	};

	for (size_t i = 0; i < json_array_size(targets); i++) {
		const json_t *t = json_array_get(targets, i);

		for (size_t k = 0; k < ARRAY_LEN(of_target); k++) {
			json_t *v = json_object_get(t, of_target[k].field);
			json_t *number = json_is_boolean(v) ? json_integer(json_is_true(v)) : json_incref(v);

			add_value(e,
				&(const struct metric){ of_target[k].metric, of_target[k].type,
					of_target[k].help,
					{ { "target", text_of(t, "target") },
						{ "checked", json_is_true(json_object_get(t, "checked"))
								     ? "yes"
								     : "no" } } },
				number);
			json_decref(number);
		}
	}
}

static void add_part(struct exposition *e, enum snapshot_id who, const struct snapshot_part *p)
{
	const char *name;
	json_t *value;

	if (!p->is_up)
		return;
	json_object_foreach(p->status, name, value)
	{
		if (!is_counter(p, name))
			add_field(e, who, name, value);
	}
	add_pools(e, json_object_get(p->status, "pools"));
	add_certificates(e, json_object_get(p->status, "secure"));
	add_services(e, json_object_get(p->status, "services"));
	add_targets(e, json_object_get(p->status, "targets"));
	for (size_t i = 0; i < json_array_size(p->counters); i++)
		add_counter(e, json_array_get(p->counters, i));
}

/* --- supervisor --- */

static void add_role(struct exposition *e, const char *name, const json_t *row)
{
	struct metric restarts = { "role_restarts_total", METRIC_COUNTER,
		"How often a role died and was started again", { { "role", name } } };
	struct metric uptime = { "uptime_seconds", METRIC_GAUGE, "Time since the process was started",
		{ { "role", name } } };
	const json_t *count = json_object_get(row, "restarts");

	if (count)
		add_value(e, &restarts, count);
	add_value(e, &uptime, json_object_get(row, "uptime_s"));
}

static void add_supervisor(struct exposition *e, const struct snapshot_part *p)
{
	const json_t *roles = json_object_get(p->status, "roles");

	if (!p->is_up)
		return;
	exposition_add(e,
		&(const struct metric){ "build_info", METRIC_GAUGE, "The version that runs",
			{ { "version", text_of(p->status, "version") } } },
		"1");
	add_value(e,
		&(const struct metric){
			"ready", METRIC_GAUGE, "Whether the start-up is over", { { NULL, NULL } } },
		json_object_get(p->status, "ready"));
	add_role(e, snapshot_name(SNAPSHOT_SUPERVISOR), p->status);
	for (size_t i = 0; i < json_array_size(roles); i++)
		add_role(e, text_of(json_array_get(roles, i), "name"), json_array_get(roles, i));
}

static void add_up(struct exposition *e, const char *role, bool is_up)
{
	exposition_add(e,
		&(const struct metric){
			"up", METRIC_GAUGE, "Whether the process answered in time", { { "role", role } } },
		is_up ? "1" : "0");
}

int prometheus_print(const struct snapshot *s, FILE *to)
{
	struct exposition *e = exposition_new();

	if (!e)
		return -ENOMEM;
	for (unsigned i = 0; i < SNAPSHOT_COUNT; i++) {
		if (s->parts[i].is_wanted)
			add_up(e, snapshot_name((enum snapshot_id)i), s->parts[i].is_up);
	}
	add_up(e, "monitor", true); /* it is what prints this */
	add_supervisor(e, &s->parts[SNAPSHOT_SUPERVISOR]);
	add_part(e, SNAPSHOT_TRANSLATOR, &s->parts[SNAPSHOT_TRANSLATOR]);
	add_part(e, SNAPSHOT_RESOLVER, &s->parts[SNAPSHOT_RESOLVER]);
	add_part(e, SNAPSHOT_RELAY, &s->parts[SNAPSHOT_RELAY]);
	add_part(e, SNAPSHOT_TUNNEL, &s->parts[SNAPSHOT_TUNNEL]);
	int err = exposition_print(e, to);
	exposition_free(e);
	return err;
}
