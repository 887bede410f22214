/* test_prometheus.c - figures as metrics: names, labels, escapes, families, and what is missing */
#include "harness.h"

#include "cmd/exposition.h"
#include "cmd/prometheus.h"
#include "snapshots.h"

#include <regex.h>
#include <string.h>

/* Every line that must be there, with the newlines around it. */
static const char *const wanted[] = {
	"\nisthmus_up{role=\"supervisor\"} 1\n",
	"\nisthmus_up{role=\"translator\"} 1\n",
	"\nisthmus_up{role=\"resolver\"} 1\n",
	"\nisthmus_up{role=\"monitor\"} 1\n",
	"\nisthmus_build_info{version=\"0.1.0\"} 1\n",
	"\nisthmus_ready 1\n",
	"\nisthmus_uptime_seconds{role=\"supervisor\"} 12.500\n",
	"\nisthmus_uptime_seconds{role=\"translator\"} 12.400\n",
	"\n# TYPE isthmus_role_restarts_total counter\n",
	"\nisthmus_role_restarts_total{role=\"monitor\"} 3\n",
	"\n# HELP isthmus_sessions Sessions in the table\n# TYPE isthmus_sessions gauge\n"
	"isthmus_sessions{protocol=\"tcp\"} 5\nisthmus_sessions{protocol=\"udp\"} 6\n"
	"isthmus_sessions{protocol=\"icmp\"} 7\n",
	"\nisthmus_bindings{protocol=\"udp\"} 2\n",
	"\nisthmus_max_sessions 1000\n",
	"\nisthmus_port_blocks 126\n",
	"\nisthmus_port_blocks_lent 4\n",
	"\nisthmus_pool_port_blocks{pool=\"192.0.2.64:1024-1151\"} 2\n",
	"\n# TYPE isthmus_pool_port_blocks_lent gauge\n"
	"isthmus_pool_port_blocks_lent{pool=\"192.0.2.64:1024-1151\"} 2\n",
	"\nisthmus_pool_subscribers{pool=\"192.0.2.64:1024-1151\"} 2\n",
	"\nisthmus_pool_alarm_percent{pool=\"192.0.2.64:1024-1151\"} 95\n",
	"\nisthmus_table_memory_bytes 4096\n",
	"\nisthmus_novel_things 9\n", /* a field that nobody here knows */
	"\n# TYPE isthmus_translated_packets_total counter\n"
	"isthmus_translated_packets_total{direction=\"64\",protocol=\"tcp\"} 10\n"
	"isthmus_translated_packets_total{direction=\"46\",protocol=\"icmp\"} 20\n",
	"\nisthmus_translated_bytes_total{direction=\"64\",protocol=\"tcp\"} 1000\n",
	"\nisthmus_icmp_sent_total{family=\"ipv6\"} 2\n",
	"\n# HELP isthmus_hairpins_total packets turned around\n",
	"\nisthmus_fastpath_packets_total{direction=\"64\",protocol=\"tcp\"} 9\n",
	"\nisthmus_fastpath_pairs_full_total 1\n",
	"\nisthmus_fastpath_up_tcp_flags_total 3\n",
	"\nisthmus_fastpath_entries{kind=\"flows\"} 12\n",
	"\nisthmus_hairpins_total 4\n",
	"\nisthmus_drops_total{reason=\"FRAGMENT\"} 3\n" /* an older process: no parts */
	"isthmus_drops_total{reason=\"POOL_EXHAUSTED\",direction=\"64\",protocol=\"tcp\"} 0\n"
	"isthmus_drops_total{reason=\"POOL_EXHAUSTED\",direction=\"64\",protocol=\"other\"} 0\n"
	"isthmus_drops_total{reason=\"POOL_EXHAUSTED\",direction=\"46\",protocol=\"tcp\"} 0\n"
	"isthmus_drops_total{reason=\"POOL_EXHAUSTED\",direction=\"unknown\",protocol=\"other\"} 0\n"
	"isthmus_drops_total{reason=\"TOO_BIG\",direction=\"64\",protocol=\"tcp\"} 0\n"
	"isthmus_drops_total{reason=\"TOO_BIG\",direction=\"64\",protocol=\"udp\"} 1\n"
	"isthmus_drops_total{reason=\"TOO_BIG\",direction=\"46\",protocol=\"icmp\"} 4\n",
	"\nisthmus_brand_new_thing_total 8\n", /* a group that nobody here knows */
	"\nisthmus_dns64_queries_open 1\n",
	"\nisthmus_dns64_max_queries_open 4096\n",
	"\nisthmus_dns64_truncated_total 6\n",
	"\nisthmus_dns64_certificate_expires_timestamp_seconds{over=\"tls\"} 1800000000\n",
	"\nisthmus_up{role=\"relay\"} 1\n",
	"\n# HELP isthmus_relay_clients Clients that are being served\n",
	"\nisthmus_relay_clients 4\n",
	"\n# HELP isthmus_relay_threads Threads of the relays\n",
	"\nisthmus_relay_service_failed_total{service=\"web<46>\",type=\"tcp\"} 77\n",
	"\nisthmus_up{role=\"tunnel\"} 1\n",
	"\n# HELP isthmus_tunnel_packets_out_total IPv6 packets sent\n"
	"# TYPE isthmus_tunnel_packets_out_total counter\nisthmus_tunnel_packets_out_total 4321\n",
	"\nisthmus_tunnel_wrong_source_total 6\n",
};

TEST(rows_become_metrics)
{
	struct snapshot s = whole_snapshot();
	char *text = printed(prometheus_print, &s);

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		test_row(wanted[i]);
		CHECK(strstr(text, wanted[i]) != NULL);
	}
	test_row(NULL);
	CHECK(strstr(text, "pid") == NULL);
	CHECK(strstr(text, "isthmus_dns64_truncated ") == NULL); /* once, as a counter */
	CHECK(strstr(text, "isthmus_tunnel_packets_out ") == NULL);
	CHECK(strstr(text, "isthmus_pkts_64") == NULL);		 /* sums of what is there */
	free(text);
	snapshot_fini(&s);
}

TEST(a_process_that_does_not_answer_is_down_and_has_no_figures)
{
	struct snapshot s = whole_snapshot();

	s.parts[SNAPSHOT_TRANSLATOR].is_up = false;
	s.parts[SNAPSHOT_SUPERVISOR].is_up = false;
	s.parts[SNAPSHOT_RESOLVER].is_wanted = false;
	s.parts[SNAPSHOT_RESOLVER].is_up = false;
	s.parts[SNAPSHOT_RELAY].is_wanted = s.parts[SNAPSHOT_RELAY].is_up = false;
	s.parts[SNAPSHOT_TUNNEL].is_up = false;
	char *text = printed(prometheus_print, &s);
	CHECK_TEXT(text, "# HELP isthmus_up Whether the process answered in time\n"
			 "# TYPE isthmus_up gauge\n"
			 "isthmus_up{role=\"supervisor\"} 0\n"
			 "isthmus_up{role=\"translator\"} 0\n"
			 "isthmus_up{role=\"tunnel\"} 0\n"
			 "isthmus_up{role=\"monitor\"} 1\n");
	free(text);
	snapshot_fini(&s);
}

TEST(rows_of_nonsense_are_left_out)
{
	struct snapshot s = whole_snapshot();

	json_decref(s.parts[SNAPSHOT_TRANSLATOR].counters);
	s.parts[SNAPSHOT_TRANSLATOR].counters = rows(
		"[{}, 1, null, [], {'group':1,'name':2,'value':3}, {'group':'drop','name':'A','value':'x'},"
		"{'group':'drop','name':'B','value':1}]");
	json_decref(s.parts[SNAPSHOT_SUPERVISOR].status);
	s.parts[SNAPSHOT_SUPERVISOR].status = rows("{'roles':[1,{}],'version':{}}");
	char *text = printed(prometheus_print, &s);
	CHECK(strstr(text, "isthmus_drops_total{reason=\"B\"} 1\n") != NULL);
	CHECK(strstr(text, "reason=\"A\"") == NULL);
	CHECK(strstr(text, "__") == NULL);
	free(text);
	snapshot_fini(&s);
}

static int print_exposition(const struct snapshot *s, FILE *to)
{
	struct exposition *e = exposition_new();
	struct metric m = { "a-b.c", METRIC_GAUGE, "back\\slash\nand \"quotes\"",
		{ { "x", "a\\b\"c\nd\xc3\xa4" }, { "y", "" } } };

	REQUIRE(e != NULL);
	exposition_add(e, &m, "1");
	exposition_add(e, &(struct metric){ "other", METRIC_COUNTER, "", { { NULL, NULL } } }, "2");
	m.labels[0].value = "z";
	m.help = "another help";
	exposition_add(e, &m, "3");
	int err = exposition_print(e, to);
	exposition_free(e);
	return err;
}

TEST(names_values_and_helps_are_escaped_and_families_stand_together)
{
	char *text = printed(print_exposition, NULL);

	CHECK_TEXT(text, "# HELP isthmus_a_b_c back\\\\slash\\nand \"quotes\"\n"
			 "# TYPE isthmus_a_b_c gauge\n"
			 "isthmus_a_b_c{x=\"a\\\\b\\\"c\\nd\xc3\xa4\",y=\"\"} 1\n"
			 "isthmus_a_b_c{x=\"z\",y=\"\"} 3\n"
			 "# HELP isthmus_other \n"
			 "# TYPE isthmus_other counter\n"
			 "isthmus_other 2\n");
	free(text);
	exposition_free(NULL);
}

/* An independent look at every line: what Prometheus takes. */
TEST(every_line_is_of_the_format)
{
	struct snapshot s = whole_snapshot();
	char *text = printed(prometheus_print, &s), *rest = NULL;
	unsigned samples = 0;
	regex_t line;

	REQUIRE(regcomp(&line,
			"^(# HELP [a-z0-9_]+ .*|# TYPE [a-z0-9_]+ (counter|gauge)|"
			"[a-z0-9_]+([{][a-z]+=\"[^\"]*\"(,[a-z]+=\"[^\"]*\")*[}])? [0-9]+([.][0-9]+)?)$",
			REG_EXTENDED) == 0);
	for (char *l = strtok_r(text, "\n", &rest); l; l = strtok_r(NULL, "\n", &rest)) {
		test_row(l);
		CHECK_INT(regexec(&line, l, 0, NULL, 0), 0);
		samples += l[0] != '#';
	}
	test_row(NULL);
	CHECK(samples > 30);
	regfree(&line);
	free(text);
	snapshot_fini(&s);
}
