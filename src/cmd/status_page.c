/*
 * status_page.c - figures as a page for people
 *
 * One HTML document with its style in it: no script, no image, no font, nothing that a gateway without a way
 * to the internet could not show. The browser asks again every REFRESH_S. Sections are functions; each takes
 * its figures from the snapshot, and says so when the process behind them does not answer.
 *
 * Whatever is not written in this file goes through text(), which escapes it.
 */
#include "cmd/status_page.h"

#include "base/compiler.h"
#include "cmd/client.h"
#include "cmd/figures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REFRESH_S "5"
#define DROPS_SHOWN 10

static const char head[] =
	"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta name=\"color-scheme\" content=\"light dark\">\n"
	"<meta http-equiv=\"refresh\" content=\"" REFRESH_S "\">\n"
	"<title>Isthmus</title>\n<style>\n"
	":root{--page:#f4f5f3;--card:#fff;--line:#dfe3de;--ink:#1c2420;--soft:#5d6a63;--bar:#1f7a66;"
	"--rail:#e6ebe7;--good:#17694f;--good-back:#dcf1e7;--bad:#a3271c;--bad-back:#fbe3df}\n"
	"@media(prefers-color-scheme:dark){:root{--page:#121614;--card:#1a201d;--line:#2c3531;--ink:#e6ece8;"
	"--soft:#97a59d;--bar:#4fbf9f;--rail:#29322e;--good:#8fe0c0;--good-back:#17382c;--bad:#ffaea3;"
	"--bad-back:#472019}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0;background:var(--page);color:var(--ink);"
	"font:16px/1.45 system-ui,-apple-system,\"Segoe UI\",sans-serif}\n"
	"main{max-width:68rem;margin:0 auto;padding:1.25rem 1rem 2.5rem}\n"
	"header{display:flex;flex-wrap:wrap;align-items:baseline;gap:.25rem .75rem;margin-bottom:1rem}\n"
	"h1{font-size:1.5rem;margin:0}\nh2{font-size:1rem;margin:0 0 .75rem}\n"
	".soft{color:var(--soft)}\n"
	".badge{padding:.1rem .6rem;border-radius:1rem;font-size:.85rem;font-weight:600;white-space:nowrap;"
	"color:var(--good);background:var(--good-back)}\n"
	".badge.bad{color:var(--bad);background:var(--bad-back)}\n"
	".cards{columns:18rem;column-gap:1rem}\n.cards>section{display:inline-block;vertical-align:top;width:"
	"100%;"
	"break-inside:avoid;margin:0 0 1rem}\n"
	"section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem;"
	"min-width:0}\nmain>section{margin:0 0 1rem}\n"
	".tiles{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,9.4rem),1fr));"
	"margin-bottom:1rem}\n"
	".tile b{display:block;font-size:1.7rem;line-height:1.2;font-weight:650}\n"
	".tile p{margin:.35rem 0 0;font-size:.85rem;color:var(--soft)}\n"
	".rail{height:.4rem;border-radius:.2rem;background:var(--rail);margin-top:.5rem;overflow:hidden}\n"
	".rail i{display:block;height:100%;background:var(--bar);border-radius:.2rem}\n"
	".rail i.high{background:var(--bad)}\n"
	"table{width:100%;border-collapse:collapse;font-size:.92rem}\n"
	"th{font-weight:500;color:var(--soft);text-align:left;font-size:.85rem;white-space:nowrap}\n"
	"th,td{padding:.35rem .75rem .35rem 0;border-top:1px solid var(--line);vertical-align:top;"
	"overflow-wrap:anywhere}\n"
	"tr:first-child>*{border-top:0}\nth:last-child,td:last-child{padding-right:0}\n"
	".n{text-align:right;white-space:nowrap}\n"
	"b,.n{font-variant-numeric:tabular-nums}\n"
	"code{font-size:.85em}\n"
	"footer{margin-top:1rem;font-size:.85rem;color:var(--soft)}\na{color:inherit}\n"
	"</style>\n</head>\n<body>\n<main>\n";

static const char foot[] =
	"<footer>The figures count since the process was started, and are read anew every " REFRESH_S
	" seconds. <a href=\"/metrics\">/metrics</a> has all of them, for Prometheus.</footer>\n"
	"</main>\n</body>\n</html>\n";

/* text() - write text that is not ours to trust */
static void text(FILE *to, const char *from)
{
	static const struct {
		char c;
		const char *as;
	} escapes[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" },
		{ '\'', "&#39;" } };

	for (; *from; from++) {
		size_t i = 0;

		while (i < ARRAY_LEN(escapes) && escapes[i].c != *from)
			i++;
		if (i < ARRAY_LEN(escapes))
			fputs(escapes[i].as, to);
		else
			fputc(*from, to);
	}
}

static void begin_section(FILE *to, const char *title)
{
	fprintf(to, "<section>\n<h2>%s</h2>\n", title);
}

static void end_section(FILE *to)
{
	fputs("</section>\n", to);
}

/* --- rows of a table: a name, and one or two figures --- */

static void text_row(FILE *to, const char *name, const char *value)
{
	fprintf(to, "<tr><th>%s</th><td>", name);
	text(to, value);
	fputs("</td></tr>\n", to);
}

static void count_row(FILE *to, const char *name, uint64_t n)
{
	char buf[FIGURE_TEXT];

	fprintf(to, "<tr><td>%s</td><td class=\"n\">%s</td></tr>\n", name, figure_count(n, buf));
}

static void joined_row(FILE *to, const char *name, const json_t *strings)
{
	size_t len = json_array_size(strings);

	if (len == 0)
		return;
	fprintf(to, "<tr><th>%s</th><td>", name);
	for (size_t i = 0; i < len; i++) {
		fputs(i > 0 ? ", " : "", to);
		text(to, json_string_value(json_array_get(strings, i)));
	}
	fputs("</td></tr>\n", to);
}

/* --- tiles: one figure each, with a bar where there is a limit --- */

static void rail(FILE *to, uint64_t part, uint64_t whole)
{
	double share = whole > 0 ? 100.0 * (double)part / (double)whole : 0;

	fprintf(to, "<div class=\"rail\"><i%s style=\"width:%.1f%%\"></i></div>\n",
		share >= 90 ? " class=\"high\"" : "", share < 100 ? share : 100);
}

static void tile(FILE *to, const char *name, uint64_t n, const char *unit)
{
	char buf[FIGURE_TEXT];

	fprintf(to, "<section class=\"tile\"><span class=\"soft\">%s</span>\n<b>%s</b>\n", name,
		figure_count(n, buf));
	if (unit)
		fprintf(to, "<p>%s</p>\n", unit);
	end_section(to);
}

static void tile_of(FILE *to, const char *name, uint64_t part, uint64_t whole, const char *unit)
{
	char a[FIGURE_TEXT], b[FIGURE_TEXT], c[FIGURE_TEXT];

	fprintf(to, "<section class=\"tile\"><span class=\"soft\">%s</span>\n<b>%s</b>\n", name,
		figure_count(part, a));
	rail(to, part, whole);
	fprintf(to, "<p>%s of %s%s</p>\n", figure_share(part, whole, b), figure_count(whole, c), unit);
	end_section(to);
}

/* --- the sections --- */

static uint64_t sum_protos(const json_t *by_proto)
{
	return row_count(by_proto, "tcp") + row_count(by_proto, "udp") + row_count(by_proto, "icmp") +
	       row_count(by_proto, "other");
}

/* silent() - the first process that should answer and does not; NULL if all do */
static const char *silent(const struct snapshot *s)
{
	for (unsigned i = 0; i < SNAPSHOT_COUNT; i++) {
		if (s->parts[i].is_wanted && !s->parts[i].is_up)
			return snapshot_name((enum snapshot_id)i);
	}
	return NULL;
}

static void print_header(const struct snapshot *s, FILE *to)
{
	const json_t *row = s->parts[SNAPSHOT_SUPERVISOR].status;
	const char *missing = silent(s);
	char up[FIGURE_TEXT];

	fputs("<header><h1>Isthmus</h1>\n", to);
	if (row) {
		fputs("<span class=\"soft\">", to);
		text(to, row_text(row, "version"));
		fprintf(to, ", up %s</span>\n", figure_duration(row_real(row, "uptime_s"), up));
	}
	if (missing)
		fprintf(to, "<span class=\"badge bad\">the %s does not answer</span>\n", missing);
	else if (row && !json_is_true(json_object_get(row, "ready")))
		fputs("<span class=\"badge bad\">starting</span>\n", to);
	else
		fputs("<span class=\"badge\">all processes answer</span>\n", to);
	fputs("</header>\n", to);
}

static void print_tiles(const struct snapshot *s, FILE *to)
{
	const struct snapshot_part *translator = &s->parts[SNAPSHOT_TRANSLATOR];
	const struct snapshot_part *resolver = &s->parts[SNAPSHOT_RESOLVER];
	const json_t *t = translator->status, *r = resolver->status;

	fputs("<div class=\"tiles\">\n", to);
	if (translator->is_up) {
		tile_of(to, "Sessions", sum_protos(json_object_get(t, "sessions")),
			row_count(t, "max_sessions"), "");
		tile_of(to, "Port blocks lent", row_count(t, "blocks_lent"), row_count(t, "blocks"), "");
		tile(to, "Subscribers", row_count(t, "subscribers"), "that hold ports");
		tile(to, "Drops", row_count(t, "dropped"), "reasons are below");
	}
	if (resolver->is_up) {
		tile(to, "DNS queries", row_count(r, "queries_udp") + row_count(r, "queries_tcp"),
			"over UDP and TCP");
		tile_of(to, "Open queries", row_count(r, "queries_open"), row_count(r, "queries_open_max"),
			"");
	}
	fputs("</div>\n", to);
}

static void print_direction(FILE *to, const char *name, uint64_t pkts, uint64_t bytes)
{
	char a[FIGURE_TEXT], b[FIGURE_TEXT];

	fprintf(to, "<tr><td>%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td></tr>\n", name,
		figure_count(pkts, a), figure_bytes(bytes, b));
}

static void print_traffic(const struct snapshot_part *p, FILE *to)
{
	const json_t *t = p->status;

	if (!p->is_up)
		return;
	begin_section(to, "Translated");
	fputs("<table>\n<tr><th>from, to</th><th class=\"n\">packets</th><th class=\"n\">bytes</th></tr>\n",
		to);
	print_direction(to, "IPv6 &rarr; IPv4", row_count(t, "pkts_64"), row_count(t, "bytes_64"));
	print_direction(to, "IPv4 &rarr; IPv6", row_count(t, "pkts_46"), row_count(t, "bytes_46"));
	fputs("</table>\n", to);
	end_section(to);
}

static void print_tables(const struct snapshot_part *p, FILE *to)
{
	static const char *const protos[][2] = { { "tcp", "TCP" }, { "udp", "UDP" }, { "icmp", "ICMP" },
		{ "other", "other" } };
	const json_t *sessions = json_object_get(p->status, "sessions");
	const json_t *bindings = json_object_get(p->status, "bindings");
	char a[FIGURE_TEXT], b[FIGURE_TEXT];

	if (!p->is_up)
		return;
	begin_section(to, "Tables");
	fputs("<table>\n<tr><th>protocol</th><th class=\"n\">bindings</th><th "
	      "class=\"n\">sessions</th></tr>\n",
		to);
	for (size_t i = 0; i < ARRAY_LEN(protos); i++)
		fprintf(to, "<tr><td>%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td></tr>\n",
			protos[i][1], figure_count(row_count(bindings, protos[i][0]), a),
			figure_count(row_count(sessions, protos[i][0]), b));
	fputs("</table>\n", to);
	end_section(to);
}

static void print_role(FILE *to, const json_t *r)
{
	bool is_ready = strcmp(row_text(r, "state"), "ready") == 0;
	char up[FIGURE_TEXT], restarts[FIGURE_TEXT];

	fputs("<tr><td>", to);
	text(to, row_text(r, "name"));
	fprintf(to, "</td><td><span class=\"badge%s\">", is_ready ? "" : " bad");
	text(to, row_text(r, "state"));
	fprintf(to, "</span></td><td class=\"n\">%s</td><td class=\"n\">%s</td></tr>\n",
		figure_duration(row_real(r, "uptime_s"), up),
		figure_count(row_count(r, "restarts"), restarts));
}

static void print_roles(const struct snapshot_part *p, FILE *to)
{
	const json_t *roles = json_object_get(p->status, "roles");

	if (!p->is_up)
		return;
	begin_section(to, "Processes");
	fputs("<table>\n<tr><th>role</th><th>state</th><th class=\"n\">up</th><th class=\"n\">restarts</th>"
	      "</tr>\n",
		to);
	for (size_t i = 0; i < json_array_size(roles); i++)
		print_role(to, json_array_get(roles, i));
	fputs("</table>\n", to);
	end_section(to);
}

static void print_gateway(const struct snapshot_part *p, FILE *to)
{
	const json_t *s = p->status, *device = json_object_get(s, "device");
	const char *config = row_text(s, "config");
	char mtu[FIGURE_TEXT + 8];

	if (!p->is_up)
		return;
	begin_section(to, "Gateway");
	fputs("<table>\n", to);
	text_row(to, "configuration", config[0] ? config : "built in");
	joined_row(to, "prefixes", json_object_get(s, "prefixes"));
	joined_row(to, "DNS64 on", json_object_get(s, "listen"));
	if (json_is_object(device)) {
		text_row(to, "device", row_text(device, "name"));
		snprintf(mtu, sizeof(mtu), "%llu bytes", row_count(device, "mtu"));
		text_row(to, "MTU", mtu);
	}
	fputs("</table>\n", to);
	end_section(to);
}

/* --- drops, the most frequent first --- */

static int by_value(const void *a, const void *b)
{
	unsigned long long x = row_count(*(json_t *const *)a, "value");
	unsigned long long y = row_count(*(json_t *const *)b, "value");

	return x < y ? 1 : x > y ? -1 : 0;
}

/* drops_of() - the drop counters that are not zero, sorted; *ret_len of them, to be freed; NULL without memory */
static const json_t **drops_of(const struct snapshot_part *p, size_t *ret_len)
{
	size_t all = json_array_size(p->counters), len = 0;
	const json_t **rows = calloc(all + 1, sizeof(json_t *));

	if (!rows)
		return NULL;
	for (size_t i = 0; i < all; i++) {
		const json_t *row = json_array_get(p->counters, i);

		if (strcmp(row_text(row, "group"), "drop") == 0 && row_count(row, "value") > 0)
			rows[len++] = row;
	}
	qsort(rows, len, sizeof(json_t *), by_value);
	*ret_len = len;
	return rows;
}

static void print_drop(FILE *to, const json_t *row)
{
	char n[FIGURE_TEXT];

	fputs("<tr><td>", to);
	text(to, row_text(row, "text"));
	fputs("<br><code class=\"soft\">", to);
	text(to, row_text(row, "name"));
	fprintf(to, "</code></td><td class=\"n\">%s</td></tr>\n", figure_count(row_count(row, "value"), n));
}

static int print_drops(const struct snapshot_part *p, FILE *to)
{
	size_t len = 0;

	if (!p->is_up)
		return 0;
	const json_t **rows = drops_of(p, &len);
	if (!rows)
		return -ENOMEM;
	begin_section(to, "Why packets were dropped");
	if (len == 0)
		fputs("<p class=\"soft\">No packet was dropped.</p>\n", to);
	fputs(len > 0 ? "<table>\n" : "", to);
	for (size_t i = 0; i < len && i < DROPS_SHOWN; i++)
		print_drop(to, rows[i]);
	fputs(len > 0 ? "</table>\n" : "", to);
	if (len > DROPS_SHOWN)
		fprintf(to,
			"<p class=\"soft\">and %zu rarer reasons; <code>isthmus counters</code> lists "
			"all</p>\n",
			len - DROPS_SHOWN);
	end_section(to);
	free(rows);
	return 0;
}

/* --- the resolver --- */

/* sum_counters() - of all counters whose names begin so */
static uint64_t sum_counters(const struct snapshot_part *p, const char *prefix)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < json_array_size(p->counters); i++) {
		const json_t *row = json_array_get(p->counters, i);

		if (strncmp(row_text(row, "name"), prefix, strlen(prefix)) == 0)
			sum += row_count(row, "value");
	}
	return sum;
}

static void print_dns46(const struct snapshot_part *p, FILE *to)
{
	if (!json_object_get(p->status, "dns46_addresses"))
		return;
	count_row(to, "DNS46: A records of lent addresses",
		(uint64_t)snapshot_counter(p, "dns64", "dns46_answers"));
	count_row(to, "DNS46: no address was free (SERVFAIL)",
		(uint64_t)snapshot_counter(p, "dns64", "dns46_refused"));
	count_row(to, "DNS46: addresses lent now", row_count(p->status, "dns46_addresses_lent"));
	count_row(to, "DNS46: addresses of the pool", row_count(p->status, "dns46_addresses"));
}

static void print_dns64(const struct snapshot_part *p, FILE *to)
{
	static const char *const answers[][2] = {
		{ "answers_synthesized", "synthesized AAAA" },
		{ "answers_native", "passed on as they were" },
		{ "answers_nodata", "no data" },
		{ "answers_nxdomain", "no such name" },
	};

	if (!p->is_up)
		return;
	begin_section(to, "DNS64 answers");
	fputs("<table>\n", to);
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		count_row(to, answers[i][1], (uint64_t)snapshot_counter(p, "dns64", answers[i][0]));
	count_row(to, "failed (SERVFAIL)", sum_counters(p, "failed_"));
	count_row(to, "refused", sum_counters(p, "refused_"));
	print_dns46(p, to);
	count_row(to, "TCP clients now", row_count(p->status, "tcp_clients"));
	fputs("</table>\n", to);
	end_section(to);
}

/* --- the relays and the tunnel --- */

static void print_service(FILE *to, const json_t *s)
{
	char n[FIGURE_TEXT], bytes[FIGURE_TEXT];

	fputs("<tr><td>", to);
	text(to, row_text(s, "name"));
	fputs("<br><code class=\"soft\">", to);
	text(to, row_text(s, "listen"));
	fprintf(to, "</code></td><td class=\"n\">%s</td>", figure_count(row_count(s, "open"), n));
	fprintf(to, "<td class=\"n\">%s</td>", figure_count(row_count(s, "visits"), n));
	fprintf(to, "<td class=\"n\">%s</td>", figure_count(row_count(s, "failed"), n));
	fprintf(to, "<td class=\"n\">%s</td>", figure_bytes(row_count(s, "bytes_up"), bytes));
	fprintf(to, "<td class=\"n\">%s</td></tr>\n", figure_bytes(row_count(s, "bytes_down"), bytes));
}

static void print_relay(const struct snapshot_part *p, FILE *to)
{
	const json_t *services = json_object_get(p->status, "services");

	if (!p->is_up)
		return;
	begin_section(to, "Relays");
	fputs("<table>\n<tr><th>service</th><th class=\"n\">open</th><th class=\"n\">clients</th>"
	      "<th class=\"n\">failed</th><th class=\"n\">up</th><th class=\"n\">down</th></tr>\n",
		to);
	for (size_t i = 0; i < json_array_size(services); i++)
		print_service(to, json_array_get(services, i));
	fputs("</table>\n", to);
	end_section(to);
}

static void print_tunnel(const struct snapshot_part *p, FILE *to)
{
	const json_t *t = p->status;
	char n[FIGURE_TEXT];

	if (!p->is_up)
		return;
	begin_section(to, "Tunnel");
	fputs("<table>\n<tr><th>to ", to);
	text(to, row_text(t, "remote"));
	fputs("</th><th class=\"n\">packets</th><th class=\"n\">bytes</th></tr>\n", to);
	print_direction(to, "out", row_count(t, "packets_out"), row_count(t, "bytes_out"));
	print_direction(to, "in", row_count(t, "packets_in"), row_count(t, "bytes_in"));
	fprintf(to, "<tr><td>ICMP errors about it</td><td class=\"n\">%s</td><td></td></tr>\n",
		figure_count(row_count(t, "icmp_errors"), n));
	fputs("</table>\n", to);
	end_section(to);
}

int status_page_print(const struct snapshot *s, FILE *to)
{
	fputs(head, to);
	print_header(s, to);
	print_tiles(s, to);
	fputs("<div class=\"cards\">\n", to);
	print_traffic(&s->parts[SNAPSHOT_TRANSLATOR], to);
	print_tables(&s->parts[SNAPSHOT_TRANSLATOR], to);
	print_dns64(&s->parts[SNAPSHOT_RESOLVER], to);
	print_tunnel(&s->parts[SNAPSHOT_TUNNEL], to);
	print_roles(&s->parts[SNAPSHOT_SUPERVISOR], to);
	print_gateway(&s->parts[SNAPSHOT_SUPERVISOR], to);
	fputs("</div>\n", to);
	print_relay(&s->parts[SNAPSHOT_RELAY], to);
	int err = print_drops(&s->parts[SNAPSHOT_TRANSLATOR], to);
	fputs(foot, to);
	return err;
}
