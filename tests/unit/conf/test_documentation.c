/* The tables of keys and what is written about them agree: every key, with its meaning and its default. */
#include "base/bytes.h"
#include "conf/bindings.h"
#include "conf/conf.h"
#include "conf/domains.h"
#include "conf/file.h"
#include "conf/key.h"
#include "conf/relay.h"
#include "conf/serving.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

static const struct conf_keys *const tables[] = { &conf_nat64_keys, &conf_pool_keys, &conf_static_keys,
	&conf_lifetime_keys, &conf_siit_keys, &conf_mapping_keys, &conf_icmp_source_keys, &conf_dns64_keys,
	&conf_view_keys, &conf_clat_keys, &conf_clat_lan_keys, &conf_control_keys, &conf_log_keys,
	&conf_bindings_keys, &conf_dns64_tls_keys, &conf_dns64_https_keys, &conf_dns64_per_client_keys,
	&conf_dns64_forward_keys, &conf_dns64_local_keys, &conf_dns64_block_keys, &conf_dns64_stale_keys,
	&conf_queries_keys, &conf_dns46_keys, &conf_relay_keys, &conf_relay_destination_keys,
	&conf_relay_timeout_keys, &conf_relay_health_keys, &conf_relay_service_keys, &conf_relay_route_keys,
	&conf_relay_tls_keys, &conf_relay_service_tls_keys, &conf_tunnel_keys };

static char *read_document(const char *path)
{
	char *text;
	size_t len;

	test_row(path);
	REQUIRE(file_read(path, 1 << 20, &text, &len) == 0);
	return text;
}

static void for_each_key(void (*check)(const struct conf_key *k, const char *text), const char *text)
{
	for (size_t t = 0; t < ARRAY_LEN(tables); t++)
		for (unsigned i = 0; i < tables[t]->len; i++) {
			test_row(tables[t]->rows[i].path);
			check(&tables[t]->rows[i], text);
		}
	test_row(NULL);
}

static bool has_line(const char *from, const char *to, const char *line)
{
	const char *at = strstr(from, line);

	return at && (!to || at < to);
}

/* A heading with the path; until the next heading: the meaning, the default, since when, what a change asks
 * for. */
static void check_page(const struct conf_key *k, const char *page)
{
	char line[600];

	snprintf(line, sizeof(line), "\n### `%s`\n", k->path);
	const char *from = strstr(page, line);

	if (!CHECK(from != NULL))
		return;
	const char *to = strstr(from + 1, "\n##");

	CHECK(has_line(from, to, k->help));
	CHECK(has_line(from, to, "| Since | "));
	snprintf(line, sizeof(line), "| Default | `%s`", k->standard);
	CHECK(!k->standard || has_line(from, to, line));
	CHECK(!k->shape->print ||
		has_line(from, to,
			k->change == CONF_CHANGE_RESTART ? "| Change | needs a restart |" : "| Change |"));
	CHECK(!k->shape->print || has_line(from, to, "\n```yaml\n"));
}

TEST(every_key_is_explained_in_the_configuration_page)
{
	char *page = read_document(DOCS_DIR "/configuration.md");

	for_each_key(check_page, page);
	free(page);
}

static void check_manual(const struct conf_key *k, const char *manual)
{
	char line[100];

	snprintf(line, sizeof(line), "\n.It Cm %s", key_name(k));
	CHECK(strstr(manual, line) != NULL);
}

TEST(every_key_is_in_the_manual_page)
{
	char *manual = read_document(DOCS_DIR "/../man/isthmus.yaml.5");

	for_each_key(check_manual, manual);
	free(manual);
}

static void check_schema(const struct conf_key *k, const char *schema)
{
	char line[100];

	snprintf(line, sizeof(line), "\"%s\": {", key_name(k));
	CHECK(!k->shape->print || strstr(schema, line) != NULL);
}

TEST(every_key_is_in_the_schema)
{
	char *schema = read_document(DOCS_DIR "/isthmus.schema.json");

	for_each_key(check_schema, schema);
	free(schema);
}

static void check_example(const struct conf_key *k, const char *example)
{
	char line[100];

	snprintf(line, sizeof(line), "%s:", key_name(k));
	CHECK(!k->shape->print || strstr(example, line) != NULL);
}

TEST(the_example_has_every_key_and_passes_the_check)
{
	char *example = read_document(DOCS_DIR "/isthmus.example.yaml");
	struct conf *c = NULL;
	struct conf_errors e;
	int r = conf_load(DOCS_DIR "/isthmus.example.yaml", &c, &e);

	for (unsigned i = 0; i < e.len; i++)
		CHECK_TEXT(e.lines[i], "");
	CHECK_INT(r, 0);
	for_each_key(check_example, example);
	if (r == 0) {
		CHECK_INT(c->warnings.len, 0);
		CHECK(state_config_validate(&c->nat64.state));
		CHECK(siit_config_validate(&c->nat64.siit));
		conf_free(c);
	}
	conf_errors_fini(&e);
	free(example);
}

/* Each YAML example of the page is a part of a file; those that stand for a whole section are checked as
 * files. */
TEST(every_example_of_the_configuration_page_passes_the_check)
{
	char *page = read_document(DOCS_DIR "/configuration.md");
	unsigned checked = 0;

	for (const char *at = page; (at = strstr(at, "\n```yaml\n")); checked++) {
		at += strlen("\n```yaml\n");
		const char *end = strstr(at, "\n```\n");
		char *text = strndup(at, (size_t)(end - at + 1));
		struct conf *c = NULL;
		struct conf_errors e;

		test_row(text);
		/* control and log alone are nothing to do */
		char *file = NULL;

		REQUIRE(asprintf(&file, "%s%s", text,
				strncmp(text, "control", 7) == 0 || strncmp(text, "log", 3) == 0 ? "nat64:\n"
												 : "") >= 0);
		int r = conf_parse("example", file, strlen(file), &c, &e);

		for (unsigned i = 0; i < e.len; i++)
			CHECK_TEXT(e.lines[i], "");
		if (r == 0)
			conf_free(c);
		conf_errors_fini(&e);
		free(file);
		free(text);
		at = end;
	}
	CHECK(checked > 30);
	free(page);
}

TEST(every_section_is_known_and_every_key_belongs_to_its_section)
{
	for (unsigned s = 0; s < CONF_SECTIONS; s++)
		for (unsigned i = 0; i < conf_sections[s].keys.len; i++) {
			const char *path = conf_sections[s].keys.rows[i].path;
			size_t len = strlen(conf_sections[s].name);

			test_row(path);
			CHECK(strncmp(path, conf_sections[s].name, len) == 0 && path[len] == '.');
			CHECK(conf_sections[s].keys.rows[i].help != NULL);
		}
}
