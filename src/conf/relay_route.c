/* relay_route.c - the routes of http-reverse, and how servers are looked after; see relay.h */
#include "conf/relay.h"

#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>

#define OF_ROUTE(member) offsetof(struct relay_route, member)
#define OF_HEALTH(member) offsetof(struct relay_health, member)

static const struct conf_choice balance_words[] = {
	{ "least", RELAY_BALANCE_LEAST, NULL },
	{ "hash", RELAY_BALANCE_HASH, NULL },
};
const struct conf_choices conf_relay_balance_choices = { balance_words, ARRAY_LEN(balance_words) };

/* --- health --- */

static bool read_health_path(const char *text, void *to, char why[static ITEM_WHY])
{
	bool is_none = strcmp(text, "none") == 0;
	size_t len = strlen(text), good = 0;

	while (text[good] > ' ' && text[good] < 0x7f)
		good++;
	if (!is_none && (text[0] != '/' || len >= RELAY_HOST || good != len)) {
		snprintf(why, ITEM_WHY, "\"%.80s\" is no path of a URL, write one such as /health, or none",
			text);
		return false;
	}
	text_copy(to, RELAY_HOST, is_none ? "" : text);
	return true;
}

static void write_health_path(const void *from, char text[static ITEM_TEXT])
{
	const char *path = from;

	text_copy(text, ITEM_TEXT, path[0] ? path : "none");
}

static const struct conf_item item_health_path = { RELAY_HOST, read_health_path, write_health_path };

static const struct conf_key health_rows[] = {
	{ .path = "relay.health.interval",
		.shape = &shape_duration,
		.at = OF_HEALTH(interval),
		.max = 3600,
		.standard = "5s",
		.help = "How often each target is tried; 0s: never." },
	{ .path = "relay.health.timeout",
		.shape = &shape_duration,
		.at = OF_HEALTH(timeout),
		.max = 300,
		.standard = "2s",
		.help = "How long it may take to answer." },
	{ .path = "relay.health.fall",
		.shape = &shape_number,
		.at = OF_HEALTH(fall),
		.min = 1,
		.max = 100,
		.standard = "3",
		.help = "After how many failures in a row it gets no clients." },
	{ .path = "relay.health.rise",
		.shape = &shape_number,
		.at = OF_HEALTH(rise),
		.min = 1,
		.max = 100,
		.standard = "2",
		.help = "After how many successes in a row it gets clients again." },
	{ .path = "relay.health.path",
		.shape = &shape_item,
		.at = OF_HEALTH(path),
		.of = &item_health_path,
		.standard = "none",
		.help = "The path that it is asked for over HTTP, and must answer with a status of 2xx or "
			"3xx; none: "
			"that it takes a connection is enough." },
};
const struct conf_keys conf_relay_health_keys = { health_rows, ARRAY_LEN(health_rows) };

/* --- routes --- */

static const struct conf_key tls_rows[] = {
	{ .path = "relay.services[].routes[].tls.certificate",
		.shape = &shape_relay_file,
		.at = OF_ROUTE(certificate),
		.is_required = true,
		.help = "The file (PEM) with the certificate and those of its issuers; a relative path is "
			"one beside "
			"the configuration file." },
	{ .path = "relay.services[].routes[].tls.key",
		.shape = &shape_relay_file,
		.at = OF_ROUTE(key),
		.is_required = true,
		.help = "The file (PEM) with its private key." },
};
const struct conf_keys conf_relay_tls_keys = { tls_rows, ARRAY_LEN(tls_rows) };

static const struct conf_key route_rows[] = {
	{ .path = "relay.services[].routes[].host",
		.shape = &shape_item,
		.at = OF_ROUTE(host),
		.of = &item_route_host,
		.is_required = true,
		.help = "The host that is asked for: a name, \"*.example.org\" for all names below, or \"*\" "
			"for all "
			"others; the longest counts." },
	{ .path = "relay.services[].routes[].to",
		.shape = &shape_owned,
		.at = OF_ROUTE(to),
		.len_at = OF_ROUTE(to_len),
		.min = 1,
		.max = RELAY_TARGETS_MAX,
		.of = &item_target,
		.is_required = true,
		.standard = "[\"10.0.0.10:80\"]",
		.help = "The servers that answer for it, by address or name." },
	{ .path = "relay.services[].routes[].tls",
		.shape = &shape_relay_tls,
		.standard = "none",
		.help = "none: HTTP as it is; passthrough: the connection goes on as it is, by the name in "
			"its TLS "
			"handshake; or { certificate, key }: TLS ends here." },
	{ .path = "relay.services[].routes[].to-tls",
		.shape = &shape_flag,
		.at = OF_ROUTE(to_tls),
		.standard = "false",
		.help = "Speak TLS to the servers too." },
	{ .path = "relay.services[].routes[].to-ca",
		.shape = &shape_relay_file,
		.at = OF_ROUTE(to_ca),
		.standard = "/etc/ssl/certs/ca-certificates.crt",
		.help = "With to-tls: the file (PEM) with the authorities that certify the servers, or "
			"their own certificates; none takes every certificate." },
	{ .path = "relay.services[].routes[].balance",
		.shape = &shape_choice,
		.at = OF_ROUTE(balance),
		.of = &conf_relay_balance_choices,
		.standard = "least",
		.help = "As relay.services[].balance." },
	{ .path = "relay.services[].routes[].health",
		.shape = &shape_mapping,
		.at = OF_ROUTE(health),
		.of = &conf_relay_health_keys,
		.help = "As relay.health." },
};
const struct conf_keys conf_relay_route_keys = { route_rows, ARRAY_LEN(route_rows) };

static void read_tls(struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	struct relay_route *route = base;

	if (n->kind == NODE_MAPPING) {
		mapping_read(r, &conf_relay_tls_keys, n, route);
		route->tls = RELAY_TLS_TERMINATE;
	} else if (n->kind == NODE_SCALAR && strcmp(n->text, "passthrough") == 0) {
		route->tls = RELAY_TLS_PASSTHROUGH;
	} else if (n->kind == NODE_SCALAR && strcmp(n->text, "none") == 0) {
		route->tls = RELAY_TLS_NONE;
	} else {
		reading_fault(r, reading_line(r, n),
			"this is not known, write none, passthrough, or { certificate: a.pem, key: a.key }");
	}
}

static void print_tls(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct relay_route *route = base;

	if (route->tls == RELAY_TLS_TERMINATE) {
		fputc('\n', to);
		mapping_print(&conf_relay_tls_keys, route, to, indent + 2);
	} else {
		fputs(route->tls == RELAY_TLS_PASSTHROUGH ? " passthrough\n" : " none\n", to);
	}
}

const struct conf_shape shape_relay_tls = { "none, passthrough, or { certificate, key }", read_tls,
	print_tls };

void relay_drop_health(struct relay_health *h, unsigned targets, const struct conf_node *n)
{
	if (targets < 2 && !node_find(n, "health"))
		h->interval = 0;
}

static void read_route(struct conf_reading *r, const struct conf_node *n, struct relay_route *route,
	const struct relay_service *s)
{
	*route = (struct relay_route){ .balance = s->balance, .health = s->health };
	if (n->kind != NODE_MAPPING) {
		reading_fault(r, reading_line(r, n),
			"an entry is a mapping, write { host: www.example.net, to: [\"10.0.0.10:80\"] }");
		return;
	}
	mapping_read(r, &conf_relay_route_keys, n, route);
	relay_drop_health(&route->health, route->to_len, n);
}

/* Only the form: they are read when the service is, whose balance and health they begin with. */
static void read_routes(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	if (n->kind == NODE_SCALAR)
		reading_fault(r, reading_line(r, n), "a single value stands where a list belongs, write %s",
			k->shape->what);
	else
		(void)members_fit(r, k, n, n->members_len);
}

void relay_take_routes(struct conf_reading *r, const struct conf_node *n, struct relay_service *s)
{
	if (!n)
		return;
	s->routes = calloc(n->members_len, sizeof(*s->routes));
	if (!s->routes) {
		r->is_nomem = true;
		return;
	}
	size_t back = path_enter(r, "routes");

	for (const struct conf_node *m = n->members; m; m = m->next) {
		size_t member = path_enter_member(r, s->routes_len);

		read_route(r, m, &s->routes[s->routes_len++], s);
		path_leave(r, member);
	}
	path_leave(r, back);
}

static void print_routes(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct relay_service *s = base;

	fputs("\n", to);
	for (unsigned i = 0; i < s->routes_len; i++) {
		fprintf(to, "%*s-\n", (int)indent + 2, "");
		mapping_print(&conf_relay_route_keys, &s->routes[i], to, indent + 4);
	}
}

const struct conf_shape shape_relay_routes = { "a list of { host, to, tls }", read_routes, print_routes };
