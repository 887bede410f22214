/* test_status_page.c - the page for people: its figures, its escapes, and what it says when somebody is silent */
#include "harness.h"

#include "cmd/prometheus.h"
#include "cmd/status_page.h"
#include "snapshots.h"

#include <string.h>

static void check_shows(const struct snapshot *s, const char *const *texts)
{
	char *page = printed(status_page_print, s);

	for (; *texts; texts++) {
		test_row(*texts);
		CHECK(strstr(page, *texts) != NULL);
	}
	test_row(NULL);
	free(page);
}

TEST(the_page_shows_the_figures)
{
	static const char *const texts[] = { "all processes answer", "0.1.0, up 12s", "<b>18</b>",
		"2 % of 1,000", "3 % of 126", "Drops", "<code class=\"soft\">FRAGMENT</code>", "isthmus0",
		"64:ff9b::/96", "1520 bytes", "built in", "</html>\n", NULL };
	struct snapshot s = whole_snapshot();

	check_shows(&s, texts);
	snapshot_fini(&s);
}

TEST(the_page_shows_services_of_the_relays_and_the_tunnel)
{
	static const char *const texts[] = { "web&lt;46&gt;", "192.0.2.1:8046", ">4<", ">1,234<", ">77<",
		">2.0 KiB<", ">4.0 MiB<", "to 198.51.100.9", ">4,321<", ">3.0 KiB<", ">8,765<", ">5.0 MiB<",
		">55<", NULL };
	struct snapshot s = whole_snapshot();

	check_shows(&s, texts);
	s.parts[SNAPSHOT_RELAY].is_up = false;
	s.parts[SNAPSHOT_TUNNEL].is_wanted = s.parts[SNAPSHOT_TUNNEL].is_up = false;
	char *page = printed(status_page_print, &s);
	CHECK(strstr(page, "the relay does not answer") != NULL);
	CHECK(strstr(page, "Relays") == NULL && strstr(page, "Tunnel") == NULL);
	free(page);
	snapshot_fini(&s);
}

TEST(with_dns46_the_page_shows_its_pool_and_without_it_nothing_of_it)
{
	static const char *const texts[] = { "DNS46: addresses lent now", ">41,207<",
		"DNS46: addresses of the pool", ">65,536<", NULL };
	struct snapshot s = whole_snapshot();
	json_t *status = s.parts[SNAPSHOT_RESOLVER].status;
	char *page = printed(status_page_print, &s);

	CHECK(strstr(page, "DNS46") == NULL);
	free(page);
	json_object_set_new(status, "dns46_addresses", json_integer(65536));
	json_object_set_new(status, "dns46_addresses_lent", json_integer(41207));
	check_shows(&s, texts);
	page = printed(prometheus_print, &s);
	CHECK(strstr(page, "\nisthmus_dns46_addresses 65536\n") != NULL);
	CHECK(strstr(page, "\nisthmus_dns46_addresses_lent 41207\n") != NULL);
	free(page);
	snapshot_fini(&s);
}

TEST(texts_of_rows_are_escaped)
{
	static const char *const escaped[] = { "a fragment &lt;b&gt; &amp;", "&lt;script&gt;",
		"&quot;&#39;&gt;", NULL };
	struct snapshot s = whole_snapshot();
	json_t *status = s.parts[SNAPSHOT_SUPERVISOR].status;

	json_object_set_new(status, "version", json_string("<script>"));
	json_object_set_new(status, "config", json_string("\"'>"));
	json_object_set_new(json_array_get(json_object_get(status, "roles"), 0), "name", json_string("<i>"));
	check_shows(&s, escaped);
	char *page = printed(status_page_print, &s);
	CHECK(strstr(page, "<script") == NULL);
	CHECK(strstr(page, "<i>") == NULL);
	free(page);
	snapshot_fini(&s);
}

TEST(who_does_not_answer_is_named_and_has_no_figures)
{
	static const char *const texts[] = { "the translator does not answer", "DNS64 answers", NULL };
	struct snapshot s = whole_snapshot();

	s.parts[SNAPSHOT_TRANSLATOR].is_up = false;
	check_shows(&s, texts);
	char *page = printed(status_page_print, &s);
	CHECK(strstr(page, "Sessions") == NULL);
	CHECK(strstr(page, "Why packets were dropped") == NULL);
	free(page);
	snapshot_fini(&s);
}

TEST(a_page_without_anything_is_still_a_page)
{
	static const char *const texts[] = { "the supervisor does not answer", "</html>\n", NULL };
	struct snapshot s = { .parts = { [SNAPSHOT_SUPERVISOR] = { .is_wanted = true } } };

	check_shows(&s, texts);
}

TEST(the_most_frequent_drops_come_first_and_the_rare_ones_are_counted)
{
	struct snapshot s = whole_snapshot();
	json_t *counters = json_array();
	char name[16];

	for (int i = 1; i <= 12; i++) {
		snprintf(name, sizeof(name), "R%d.", i);
		json_array_append_new(counters, json_pack("{s:s, s:s, s:i, s:s}", "group", "drop", "name",
							name, "value", i, "text", "t"));
	}
	json_decref(s.parts[SNAPSHOT_TRANSLATOR].counters);
	s.parts[SNAPSHOT_TRANSLATOR].counters = counters;
	char *page = printed(status_page_print, &s);
	const char *first = strstr(page, "R12."), *last = strstr(page, "R3.");
	CHECK(first && last && first < last);
	CHECK(strstr(page, "R2.") == NULL);
	CHECK(strstr(page, "and 2 rarer reasons") != NULL);
	free(page);
	snapshot_fini(&s);
}
