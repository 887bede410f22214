/* status.c - `isthmus status`, `isthmus reload`, `isthmus version` */
#include "cmd/client.h"
#include "cmd/figures.h"

#include <stdlib.h>
#include <string.h>

#define LABEL "  %-11s "

/* The answers to the questions; NULL where nobody answered. */
struct picture {
	json_t *supervisor, *translator, *resolver, *relay, *tunnel;
};

static void keep_row(void *ctx, const json_t *row, const char *line)
{
	json_t **to = ctx;

	json_decref(*to);
	*to = json_deep_copy(row);
}

/* --- as text --- */

/* print_joined() - the strings of an array, with commas */
static void print_joined(const char *label, const json_t *strings)
{
	size_t n = json_array_size(strings);

	if (n == 0)
		return;
	printf(LABEL, label);
	for (size_t i = 0; i < n; i++)
		printf("%s%s", i > 0 ? ", " : "", json_string_value(json_array_get(strings, i)));
	printf("\n");
}

static void print_coalescing(unsigned long long interfaces, unsigned long long wait_us)
{
	if (interfaces == 0)
		return;
	printf(LABEL "datagrams are joined on %llu interface%s", "", interfaces, interfaces == 1 ? "" : "s");
	if (wait_us > 0)
		printf(", which may hold them for %llu us", wait_us);
	printf("\n");
}

/* print_fastpath() - whether XDP gives answers, and where; where not, why */
static void print_fastpath(const json_t *f)
{
	const json_t *interfaces = json_object_get(f, "interfaces");

	if (!json_is_object(f))
		return;
	bool is_on = json_is_true(json_object_get(f, "on"));

	printf(LABEL "%s%s", "DNS in XDP", is_on ? "on" : "off: ", row_text(f, "why_off"));
	for (size_t i = 0; i < json_array_size(interfaces); i++) {
		const json_t *n = json_array_get(interfaces, i);

		printf("%s%s (%s)", i == 0 ? "; " : ", ", row_text(n, "name"),
			row_text(n, "fault")[0] ? row_text(n, "fault") : row_text(n, "mode"));
	}
	printf("\n");
}

static void print_flow_interfaces(const json_t *interfaces)
{
	for (size_t i = 0; i < json_array_size(interfaces); i++) {
		const json_t *n = json_array_get(interfaces, i);
		bool is_none = strcmp(row_text(n, "mode"), "none") == 0;

		printf(LABEL "%s: %s%s%s\n", i == 0 ? "fast path" : "", row_text(n, "name"),
			is_none ? "none" : row_text(n, "mode"),
			!row_text(n, "why")[0] ? ""
			: is_none	       ? ", "
					       : ", no XDP: ",
			row_text(n, "why"));
	}
}

/* print_flowpath() - where packets of known flows are translated, and how they go on; or why not */
static void print_flowpath(const json_t *f, const json_t *translator)
{
	const json_t *tables = json_object_get(translator, "fastpath");
	char a[FIGURE_TEXT], b[FIGURE_TEXT];

	if (!json_is_object(f))
		return;
	if (!json_is_true(json_object_get(f, "on"))) {
		printf(LABEL "off: %s\n", "fast path", row_text(f, "why_off"));
		return;
	}
	print_flow_interfaces(json_object_get(f, "interfaces"));
	printf(LABEL "%s: %s\n", "", strcmp(row_text(f, "way"), "route") == 0 ? "routed" : "redirected",
		row_text(f, "why_way"));
	printf(LABEL "%s flows, room for %s; ", "", figure_count(row_count(tables, "flows"), a),
		figure_count(row_count(f, "flows_max"), b));
	if (json_is_true(json_object_get(f, "outlives")))
		printf("they go on if isthmus is killed\n");
	else
		printf("they end if isthmus is killed: %s\n", row_text(f, "why_it_does_not"));
}

static void print_device(const json_t *d)
{
	if (!json_is_object(d))
		return;
	printf(LABEL "%s, MTU %llu, offloads%s%s%s%s\n", "device", row_text(d, "name"), row_count(d, "mtu"),
		json_is_true(json_object_get(d, "tso4")) ? " TSO4" : "",
		json_is_true(json_object_get(d, "tso6")) ? " TSO6" : "",
		json_is_true(json_object_get(d, "uso")) ? " USO" : "",
		json_is_true(json_object_get(d, "tso4")) || json_is_true(json_object_get(d, "tso6"))
			? ""
			: " none");
	if (json_is_true(json_object_get(d, "steering")))
		printf(LABEL "packets to the shared address are steered on %llu interface%s\n", "",
			row_count(d, "steered_interfaces"),
			row_count(d, "steered_interfaces") == 1 ? "" : "s");
	print_coalescing(row_count(d, "coalescing_interfaces"), row_count(d, "coalescing_wait_us"));
}

static void print_queues(const json_t *d)
{
	if (json_is_object(d) && row_count(d, "queues") > 1)
		printf(LABEL "%llu, %s\n", "workers", row_count(d, "queues"),
			json_is_true(json_object_get(d, "queues_steered"))
				? "the kernel gives each its packets (eBPF)"
				: "which hand packets to each other: the kernel has no eBPF program for it");
}

static void print_siit(const json_t *siit)
{
	unsigned long long mappings = row_count(siit, "mappings");
	const json_t *prefixes = json_object_get(siit, "prefixes");

	if (!json_is_object(siit))
		return;
	printf(LABEL "%llu mapping%s", "stateless", mappings, mappings == 1 ? "" : "s");
	for (size_t i = 0; i < json_array_size(prefixes); i++)
		printf("%s%s", i == 0 ? ", prefix " : ", ", json_string_value(json_array_get(prefixes, i)));
	printf("\n");
}

static void print_roles(const json_t *roles)
{
	char up[FIGURE_TEXT];

	for (size_t i = 0; i < json_array_size(roles); i++) {
		const json_t *r = json_array_get(roles, i);
		unsigned long long restarts = row_count(r, "restarts");

		printf(LABEL "%s, process %llu, for %s", row_text(r, "name"), row_text(r, "state"),
			row_count(r, "pid"), figure_duration(row_real(r, "uptime_s"), up));
		if (restarts > 0)
			printf(", started again %llu time%s", restarts, restarts == 1 ? "" : "s");
		printf("\n");
	}
}

static void print_supervisor(const json_t *s, const json_t *translator)
{
	char up[FIGURE_TEXT];
	const char *config = row_text(s, "config");

	printf("isthmus %s, process %llu, up %s%s\n", row_text(s, "version"), row_count(s, "pid"),
		figure_duration(row_real(s, "uptime_s"), up),
		json_is_true(json_object_get(s, "ready")) ? "" : ", still starting");
	printf(LABEL "%s\n", "config", config[0] ? config : "built in");
	print_joined("prefixes", json_object_get(s, "prefixes"));
	print_siit(json_object_get(s, "siit"));
	print_joined("DNS64 on", json_object_get(s, "listen"));
	print_fastpath(json_object_get(s, "dns64_fastpath"));
	print_device(json_object_get(s, "device"));
	print_queues(json_object_get(s, "device"));
	print_flowpath(json_object_get(s, "fastpath"), translator);
	if (row_text(s, "metrics")[0])
		printf(LABEL "http://%s/ (status page), http://%s/metrics\n", "metrics",
			row_text(s, "metrics"), row_text(s, "metrics"));
	print_roles(json_object_get(s, "roles"));
}

/* print_clat() - what the supervisor arranged, and what the translator found; either may be missing */
static void print_clat(const json_t *host, const json_t *network)
{
	char valid[FIGURE_TEXT];

	if (!json_is_object(host))
		return;
	printf("clat\n" LABEL "%s of this host is %s on %s\n", "address", row_text(host, "address"),
		row_text(host, "ipv6")[0] ? row_text(host, "ipv6") : "nothing yet",
		row_text(host, "uplink")[0] ? row_text(host, "uplink") : "no uplink yet");
	for (size_t i = 0; i < json_array_size(json_object_get(host, "lan")); i++) {
		const json_t *lan = json_array_get(json_object_get(host, "lan"), i);

		printf(LABEL "%s is %s\n", "network", row_text(lan, "ipv4"), row_text(lan, "ipv6"));
	}
	if (!json_is_object(network))
		return;
	if (!row_text(network, "prefix")[0]) {
		printf(LABEL "no prefix is known\n", "NAT64");
		return;
	}
	printf(LABEL "%s, by %s%s%s", "NAT64", row_text(network, "prefix"), row_text(network, "from"),
		row_text(network, "router")[0] ? " of " : "", row_text(network, "router"));
	if (json_is_number(json_object_get(network, "valid_s")))
		printf(", valid for %s", figure_duration(row_real(network, "valid_s"), valid));
	printf("\n");
}

static unsigned long long sum_protos(const json_t *by_proto)
{
	return row_count(by_proto, "tcp") + row_count(by_proto, "udp") + row_count(by_proto, "icmp") +
	       row_count(by_proto, "other");
}

static void print_protos(const char *label, const json_t *by_proto)
{
	char all[FIGURE_TEXT], tcp[FIGURE_TEXT], udp[FIGURE_TEXT], icmp[FIGURE_TEXT], other[FIGURE_TEXT];

	printf(LABEL "%s (TCP %s, UDP %s, ICMP %s, other %s)", label, figure_count(sum_protos(by_proto), all),
		figure_count(row_count(by_proto, "tcp"), tcp), figure_count(row_count(by_proto, "udp"), udp),
		figure_count(row_count(by_proto, "icmp"), icmp),
		figure_count(row_count(by_proto, "other"), other));
}

static void print_direction(const json_t *t, const char *label, const char *pkts, const char *bytes)
{
	char a[FIGURE_TEXT], b[FIGURE_TEXT];

	printf(LABEL "%s packets, %s\n", label, figure_count(row_count(t, pkts), a),
		figure_bytes(row_count(t, bytes), b));
}

/* print_pools() - each pool if there are several, else only what is nearly lent out */
static void print_pools(const json_t *pools)
{
	size_t n = json_array_size(pools);
	char a[FIGURE_TEXT], b[FIGURE_TEXT], c[FIGURE_TEXT], d[FIGURE_TEXT];

	for (size_t i = 0; i < n; i++) {
		const json_t *p = json_array_get(pools, i);
		unsigned long long blocks = row_count(p, "blocks"), lent = row_count(p, "blocks_lent");
		unsigned long long alarm = row_count(p, "alarm_percent");

		if (n == 1 && alarm == 0)
			continue;
		printf(LABEL "%s: %s of %s port blocks lent (%s) to %s subscriber%s", "pool",
			row_text(p, "pool"), figure_count(lent, a), figure_count(blocks, b),
			figure_share(lent, blocks, c), figure_count(row_count(p, "subscribers"), d),
			row_count(p, "subscribers") == 1 ? "" : "s");
		if (alarm > 0)
			printf(", WARNING: beyond %llu %%", alarm);
		printf("\n");
	}
}

/* print_restored() - what came of the sessions that had been saved before this start */
static void print_restored(const json_t *r)
{
	char a[FIGURE_TEXT], b[FIGURE_TEXT], gap[FIGURE_TEXT];

	if (!json_is_object(r))
		return;
	if (row_text(r, "fault")[0]) {
		printf(LABEL "nothing: %s\n", "restored", row_text(r, "fault"));
		return;
	}
	printf(LABEL "%s session%s at the start, after a break of %s", "restored",
		figure_count(row_count(r, "sessions"), a), row_count(r, "sessions") == 1 ? "" : "s",
		figure_duration(row_real(r, "break_s"), gap));
	if (row_count(r, "refused") > 0)
		printf("; %s refused", figure_count(row_count(r, "refused"), b));
	if (row_count(r, "chunks_refused") > 0 || !json_is_true(json_object_get(r, "whole")))
		printf("; the file was damaged");
	printf("\n");
}

static void print_translator(const json_t *t)
{
	char a[FIGURE_TEXT], b[FIGURE_TEXT], c[FIGURE_TEXT];
	const json_t *sessions = json_object_get(t, "sessions");

	if (!t)
		return;
	printf("translator\n");
	print_protos("sessions", sessions);
	printf(", %s of %s\n", figure_share(sum_protos(sessions), row_count(t, "max_sessions"), a),
		figure_count(row_count(t, "max_sessions"), b));
	print_protos("bindings", json_object_get(t, "bindings"));
	printf("\n" LABEL "%s, with %s of %s port blocks\n", "subscribers",
		figure_count(row_count(t, "subscribers"), a), figure_count(row_count(t, "blocks_lent"), b),
		figure_count(row_count(t, "blocks"), c));
	print_direction(t, "IPv6 to 4", "pkts_64", "bytes_64");
	print_direction(t, "IPv4 to 6", "pkts_46", "bytes_46");
	print_pools(json_object_get(t, "pools"));
	print_restored(json_object_get(t, "restored"));
	printf(LABEL "%s packets (see `isthmus counters`)\n", "dropped",
		figure_count(row_count(t, "dropped"), a));
	printf(LABEL "%s for tables, %llu worker%s\n", "memory",
		figure_bytes(row_count(t, "memory_bytes"), a), row_count(t, "workers"),
		row_count(t, "workers") == 1 ? "" : "s");
}

/* What each thread has sent, where there is more than one. */
static void print_threads(const json_t *threads)
{
	size_t len = json_array_size(threads);
	char text[FIGURE_TEXT];

	if (len < 2)
		return;
	printf(LABEL "%zu, which sent", "threads", len);
	for (size_t i = 0; i < len; i++)
		printf("%s %s", i == 0 ? "" : ",",
			figure_count(row_count(json_array_get(threads, i), "answered"), text));
	printf(" answers\n");
}

/* What is served over TLS and HTTPS, and until when clients believe that it is us. */
static void print_secure(const json_t *rows)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		long long days = json_integer_value(json_object_get(row, "certificate_days"));
		bool is_https = strcmp(row_text(row, "over"), "https") == 0;

		print_joined(is_https ? "over HTTPS" : "over TLS", json_object_get(row, "listen"));
		if (days < 0)
			printf(LABEL "the certificate has expired\n", "");
		else
			printf(LABEL "certificate good for %lld day%s\n", "", days, days == 1 ? "" : "s");
	}
}

/* Upstreams that are asked without libunbound, and what they have said. */
static void print_direct(const json_t *direct)
{
	const json_t *upstreams = json_object_get(direct, "upstreams");
	char a[FIGURE_TEXT], b[FIGURE_TEXT];

	for (size_t i = 0; i < json_array_size(upstreams); i++) {
		const json_t *u = json_array_get(upstreams, i);
		unsigned long long us = row_count(u, "answers_after_us"),
				   resting = row_count(u, "threads_resting");

		printf(LABEL "%s, asked directly", i == 0 ? "upstreams" : "", row_text(u, "address"));
		if (us > 0)
			printf(", answers after %llu.%llu ms", us / 1000, us / 100 % 10);
		if (resting > 0)
			printf("; does not answer in %llu thread%s, where libunbound asks", resting,
				resting == 1 ? "" : "s");
		putchar('\n');
	}
	if (direct)
		printf(LABEL "%s answers in %s\n", "kept", figure_count(row_count(direct, "kept"), a),
			figure_bytes(row_count(direct, "kept_bytes"), b));
}

static void print_resolver(const json_t *r)
{
	char a[FIGURE_TEXT], b[FIGURE_TEXT], c[FIGURE_TEXT], d[FIGURE_TEXT];

	if (!r)
		return;
	printf("resolver\n");
	printf(LABEL "%s over UDP, %s over TCP\n", "queries", figure_count(row_count(r, "queries_udp"), a),
		figure_count(row_count(r, "queries_tcp"), b));
	printf(LABEL "%s of %s answers\n", "synthesized",
		figure_count(row_count(r, "answers_synthesized"), a),
		figure_count(row_count(r, "answered"), b));
	printf(LABEL "%s of %s queries, %s of %s TCP clients\n", "at work on",
		figure_count(row_count(r, "queries_open"), a),
		figure_count(row_count(r, "queries_open_max"), b),
		figure_count(row_count(r, "tcp_clients"), c),
		figure_count(row_count(r, "tcp_clients_max"), d));
	if (json_object_get(r, "dns46_addresses"))
		printf(LABEL "%s of %s addresses are lent\n", "DNS46",
			figure_count(row_count(r, "dns46_addresses_lent"), a),
			figure_count(row_count(r, "dns46_addresses"), b));
	printf(LABEL "%s\n", "validation", row_text(r, "validation"));
	print_direct(json_object_get(r, "direct"));
	print_joined("but not of", json_object_get(r, "not_validated"));
	print_threads(json_object_get(r, "threads"));
	print_secure(json_object_get(r, "secure"));
}

/* Those that are up and have never failed are only counted. */
static void print_targets(const json_t *targets)
{
	char a[FIGURE_TEXT], b[FIGURE_TEXT];
	size_t len = json_array_size(targets), up = 0;

	for (size_t i = 0; i < len; i++)
		up += json_is_true(json_object_get(json_array_get(targets, i), "up"));
	if (len > 0)
		printf(LABEL "%zu of %zu are up\n", "targets", up, len);
	for (size_t i = 0; i < len; i++) {
		const json_t *t = json_array_get(targets, i);
		bool is_up = json_is_true(json_object_get(t, "up"));

		if (is_up && row_count(t, "failures") == 0)
			continue;
		printf(LABEL "%s is %s for %.0f s, %s open; %s failures, the last one: %s\n", "",
			row_text(t, "target"), is_up ? "up" : "down",
			json_real_value(json_object_get(t, "since_s")), figure_count(row_count(t, "open"), a),
			figure_count(row_count(t, "failures"), b), row_text(t, "fault"));
	}
}

static void print_relay(const json_t *r)
{
	const json_t *services = json_object_get(r, "services");
	char a[FIGURE_TEXT], b[FIGURE_TEXT], c[FIGURE_TEXT], d[FIGURE_TEXT];

	if (!r)
		return;
	printf("relay\n");
	printf(LABEL "%s are being served, by %llu thread%s\n", "clients",
		figure_count(row_count(r, "open"), a), row_count(r, "threads"),
		row_count(r, "threads") == 1 ? "" : "s");
	printf(LABEL "%s of %s, %s after another address had failed\n", "reached",
		figure_count(row_count(r, "dial_connected"), a), figure_count(row_count(r, "dials"), b),
		figure_count(row_count(r, "dial_fell_back"), c));
	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *s = json_array_get(services, i);

		printf(LABEL "%s at %s: %s open of %s, %s up, %s down", i == 0 ? "services" : "",
			row_text(s, "name"), row_text(s, "listen"), figure_count(row_count(s, "open"), a),
			figure_count(row_count(s, "visits"), b), figure_bytes(row_count(s, "bytes_up"), c),
			figure_bytes(row_count(s, "bytes_down"), d));
		if (row_count(s, "failed") > 0)
			printf(", %s failed", figure_count(row_count(s, "failed"), a));
		printf("\n");
	}
	print_targets(json_object_get(r, "targets"));
}

static void print_tunnel(const json_t *r)
{
	char a[FIGURE_TEXT], b[FIGURE_TEXT], c[FIGURE_TEXT];

	if (!r)
		return;
	printf("tunnel\n");
	printf(LABEL "%s\n", "to", row_text(r, "remote"));
	printf(LABEL "%s packets, %s\n", "out", figure_count(row_count(r, "packets_out"), a),
		figure_bytes(row_count(r, "bytes_out"), b));
	printf(LABEL "%s packets, %s", "in", figure_count(row_count(r, "packets_in"), a),
		figure_bytes(row_count(r, "bytes_in"), b));
	if (row_count(r, "icmp_errors") > 0)
		printf("; %s ICMP errors", figure_count(row_count(r, "icmp_errors"), c));
	printf("\n");
}

/* --- asking --- */

static bool has_role(const json_t *supervisor, const char *name)
{
	const json_t *roles = json_object_get(supervisor, "roles");

	for (size_t i = 0; i < json_array_size(roles); i++) {
		if (strcmp(row_text(json_array_get(roles, i), "name"), name) == 0)
			return true;
	}
	return false;
}

/* ask_role() - a role that cannot answer now is said so, and is no failure of the command */
static void ask_role(const char *path, const char *name, json_t **ret)
{
	char why[512];
	struct question q = { .cmd = "status", .role = name, .row = keep_row, .ctx = ret };

	if (client_ask(path, &q, why, sizeof(why)) != CLIENT_COMPLETE)
		fprintf(stderr, "isthmus: %s\n", why);
}

static void print_json(const json_t *row)
{
	if (row && json_dumpf(row, stdout, JSON_COMPACT) == 0)
		putchar('\n');
}

static void print_picture(const struct picture *p, bool is_json)
{
	if (is_json) {
		print_json(p->supervisor);
		print_json(p->translator);
		print_json(p->resolver);
		print_json(p->relay);
		print_json(p->tunnel);
		return;
	}
	print_supervisor(p->supervisor, p->translator);
	print_clat(json_object_get(p->supervisor, "clat"), json_object_get(p->translator, "clat"));
	print_translator(p->translator);
	print_resolver(p->resolver);
	print_relay(p->relay);
	print_tunnel(p->tunnel);
}

int command_do_status(const struct options *o)
{
	struct picture p = { NULL, NULL, NULL, NULL, NULL };
	const char *path;
	char why[512];
	int status = client_socket(o, &path);

	if (status != STATUS_OK)
		return status;
	struct question q = { .cmd = "status", .role = "supervisor", .row = keep_row, .ctx = &p.supervisor };
	if (client_ask(path, &q, why, sizeof(why)) != CLIENT_COMPLETE) {
		json_decref(p.supervisor);
		return client_complain(why);
	}
	if (has_role(p.supervisor, "translator"))
		ask_role(path, "translator", &p.translator);
	if (has_role(p.supervisor, "resolver"))
		ask_role(path, "resolver", &p.resolver);
	if (has_role(p.supervisor, "relay"))
		ask_role(path, "relay", &p.relay);
	if (has_role(p.supervisor, "tunnel"))
		ask_role(path, "tunnel", &p.tunnel);
	print_picture(&p, option_is_set(o, OPTION_JSON));
	json_decref(p.supervisor);
	json_decref(p.translator);
	json_decref(p.resolver);
	json_decref(p.relay);
	json_decref(p.tunnel);
	return STATUS_OK;
}

/* --- reload --- */

struct faults {
	bool is_json;
	unsigned len;
};

static void fault_row(void *ctx, const json_t *row, const char *line)
{
	struct faults *f = ctx;

	f->len++;
	if (f->is_json)
		puts(line);
	else
		fprintf(stderr, "%s\n", row_text(row, "fault"));
}

int command_do_reload(const struct options *o)
{
	struct faults f = { .is_json = option_is_set(o, OPTION_JSON) };
	struct question q = { .cmd = "reload", .role = "supervisor", .row = fault_row, .ctx = &f };
	const char *path;
	char why[512];
	int status = client_socket(o, &path);

	if (status != STATUS_OK)
		return status;
	enum client_answer answer = client_ask(path, &q, why, sizeof(why));
	if (answer == CLIENT_COMPLETE) {
		puts(f.is_json ? "{\"reloaded\":true}" : "The new configuration is in force.");
		return STATUS_OK;
	}
	client_complain(why);
	return f.len > 0 ? STATUS_USAGE : STATUS_FAILED;
}

int command_do_version(const struct options *o)
{
	printf(option_is_set(o, OPTION_JSON) ? "{\"version\":\"%s\"}\n" : "isthmus %s\n", ISTHMUS_VERSION);
	return STATUS_OK;
}
