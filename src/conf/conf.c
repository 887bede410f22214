/*
 * conf.c - from text to a checked configuration
 *
 * An operator writes one YAML file; nothing of it takes effect before all of it was found right. This module
 * turns the text into struct conf, or into a list of everything that is wrong with it, each line with file,
 * line number, dotted path of the key, what is wrong and what would be right.
 *
 * The way of a configuration:
 *
 *	text --document_parse()--> tree of nodes --mapping_read()--> struct conf --conf_resolve()--> with this
 * host's addresses and resolvers --conf_print()--> text again, for `isthmus check --print` and for the roles
 *
 * The central structure is the table of keys (keys.c). A row says where a key stands, how its value is read
 * and printed (its shape), its limits, its default and whether a change needs a restart. A default is text too
 * and is read like the operator's. The built-in configuration is therefore nothing but the sections without
 * any key.
 *
 * What concerns several keys is checked after all sections were read (plan.c, pool_check.c), and once more
 * when the host's addresses are known. Something is reported once: a value that could not be read does not
 * take part in the checks that follow. What works but looks like a mistake is a warning in struct conf.
 *
 * A file that has some sections switches off those of nat64, siit, dns64, dns46, clat, relay and tunnel that it leaves out; control and log
 * then have their defaults. A file with none of them is refused: an empty file is a mistake more often than a wish.
 *
 * Limits: DOCUMENT_BYTES_MAX, DOCUMENT_NODES_MAX and DOCUMENT_DEPTH_MAX bound what the text may make us
 * build, and CONF_FAULTS_MAX the lines of complaint. YAML's anchors, aliases, tags and second documents are
 * refused.
 *
 * Deliberately not done: including other files, environment variables, merging of two files; comments of the
 * file are not kept in what conf_print() writes.
 *
 * Standards: YAML 1.1 as libyaml reads it, with one rule of YAML 1.2 (colons.h). The limits of values cite
 * theirs in keys.c.
 */
#include "conf/conf.h"

#include "base/bytes.h"
#include "conf/file.h"
#include "conf/key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define BUILT_IN_NAME "built-in configuration"

static bool *section_presence(struct conf *c, const struct conf_section *s)
{
	return (bool *)((uint8_t *)c + s->presence_at);
}

static const struct conf_section *find_section(const char *name)
{
	for (unsigned s = 0; s < CONF_SECTIONS; s++)
		if (strcmp(conf_sections[s].name, name) == 0)
			return &conf_sections[s];
	return NULL;
}

/* The sections as they are written; NULL: left out. */
struct written {
	const struct conf_node *at[CONF_SECTIONS];
};

static void sort_section(struct conf_reading *r, const struct conf_node *n, struct written *w)
{
	const struct conf_section *s = find_section(n->key);
	size_t back = path_enter(r, n->key);

	if (!s)
		suggest_section(r, n);
	else if (s->later)
		reading_fault(r, n->key_line, "%s", s->later);
	else if (w->at[s - conf_sections])
		reading_fault(r, n->key_line, "the section was written in line %u already, keep one of them",
			w->at[s - conf_sections]->key_line);
	else
		w->at[s - conf_sections] = n;
	path_leave(r, back);
}

static void read_section(struct conf_reading *r, const struct conf_section *s, const struct conf_node *n)
{
	size_t back = path_enter(r, s->name);

	mapping_read(r, &s->keys, n, r->c);
	path_leave(r, back);
}

/* All sections that are on, then what needs them all. */
static void read_sections(struct conf_reading *r, const struct written *w)
{
	for (unsigned i = 0; i < CONF_SECTIONS; i++) {
		const struct conf_section *s = &conf_sections[i];

		if (!s->later && (!s->is_optional || *section_presence(r->c, s)))
			read_section(r, s, w->at[i]);
	}
	for (unsigned i = 0; i < CONF_SECTIONS; i++) {
		const struct conf_section *s = &conf_sections[i];

		if (s->finish && *section_presence(r->c, s))
			s->finish(r, w->at[i]);
	}
}

static void complain(struct conf_reading *r, const char *key, unsigned line, const char *text)
{
	size_t back = path_enter(r, key);

	reading_fault(r, line, "%s", text);
	path_leave(r, back);
}

static void read_root(struct conf_reading *r, const struct conf_node *root)
{
	struct written w = { 0 };

	if (root && root->kind != NODE_MAPPING && !node_is_empty(root)) {
		complain(r, "file", root->line,
			"the file is no mapping, write sections such as nat64: and dns64:");
		return;
	}
	for (const struct conf_node *n = root ? root->members : NULL; n; n = n->next)
		sort_section(r, n, &w);
	bool is_anything_on = false;

	for (unsigned i = 0; i < CONF_SECTIONS; i++) {
		if (!conf_sections[i].is_optional)
			continue;
		*section_presence(r->c, &conf_sections[i]) = w.at[i] != NULL;
		is_anything_on = is_anything_on || w.at[i];
	}
	if (!is_anything_on && r->faults == 0)
		complain(r, "file", root ? root->line : 1,
			"there is nothing to do, write a section nat64:, siit:, dns64: or relay: (or start "
			"without a "
			"file "
			"for the defaults)");
	read_sections(r, &w);
}

/* The faults go to the caller if they are the outcome; the configuration if it is right. */
static int finish(struct conf *c, struct conf_errors *errors, int outcome, struct conf **ret,
	struct conf_errors *ret_errors)
{
	*ret_errors = (struct conf_errors){ 0 };
	if (outcome == 0) {
		*ret = c;
		return 0;
	}
	conf_free(c);
	if (outcome == -EINVAL)
		*ret_errors = *errors;
	else
		conf_errors_fini(errors);
	return outcome;
}

static struct conf *conf_new(const char *name)
{
	struct conf *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->origin.name = strdup(name);
	if (c->origin.name)
		return c;
	conf_free(c);
	return NULL;
}

static int read_text(struct conf *c, const char *text, size_t len, struct conf_errors *errors)
{
	struct conf_document *d;
	struct document_fault fault;
	struct conf_reading r;

	reading_begin(&r, c, errors);
	int e = document_parse(text, len, &d, &fault);

	if (e == -EINVAL) {
		complain(&r, "yaml", fault.line, fault.text);
		return reading_outcome(&r);
	}
	if (e < 0)
		return e;
	read_root(&r, document_root(d));
	document_free(d);
	return reading_outcome(&r);
}

int conf_parse(
	const char *name, const char *text, size_t len, struct conf **ret, struct conf_errors *ret_errors)
{
	struct conf_errors errors = { 0 };
	struct conf *c = conf_new(name);
	int outcome = c ? read_text(c, text, len, &errors) : -ENOMEM;

	return finish(c, &errors, outcome, ret, ret_errors);
}

int conf_load(const char *path, struct conf **ret, struct conf_errors *ret_errors)
{
	char *text;
	size_t len;
	char line[1024];
	int e = file_read(path, DOCUMENT_BYTES_MAX + 1, &text, &len);

	if (e == 0) {
		e = conf_parse(path, text, len, ret, ret_errors);
		free(text);
		return e;
	}
	*ret_errors = (struct conf_errors){ 0 };
	if (e == -ENOMEM)
		return e;
	snprintf(line, sizeof(line), "%s:1: file: it cannot be read (%s), write the path of a readable file",
		path, strerror(-e));
	text_make_printable(line);
	if (errors_add(ret_errors, line))
		return -EINVAL;
	conf_errors_fini(ret_errors);
	return -ENOMEM;
}

int conf_default(struct conf **ret)
{
	static const struct written nothing;
	struct conf_errors errors = { 0 };
	struct conf *c = conf_new(BUILT_IN_NAME);
	struct conf_reading r;

	if (!c)
		return -ENOMEM;
	c->has_nat64 = c->has_dns64 = true;
	reading_begin(&r, c, &errors);
	read_sections(&r, &nothing);
	int outcome = reading_outcome(&r);

	ASSERT(outcome == 0 || outcome == -ENOMEM); /* the defaults are constants, and a test reads them */
	conf_errors_fini(&errors);
	if (outcome < 0) {
		conf_free(c);
		return outcome;
	}
	*ret = c;
	return 0;
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	conf_errors_fini(&c->warnings);
	relay_config_fini(&c->relay);
	relay_service_fini(&c->relay_standard);
	free(c->locals);
	free(c->statics);
	free(c->mappings);
	free(c->origin.mapping_lines);
	free(c->origin.static_lines);
	free(c->origin.name);
	free(c);
}
