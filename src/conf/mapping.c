/* mapping.c - walking a table of keys: reading a mapping by it, and printing it */
#include "base/bytes.h"
#include "conf/key.h"

#include <errno.h>
#include <stdio.h>

const char *key_name(const struct conf_key *k)
{
	const char *dot = strrchr(k->path, '.');

	return dot ? dot + 1 : k->path;
}

static const struct conf_key *find_key(const struct conf_keys *keys, const char *name)
{
	for (unsigned i = 0; i < keys->len; i++)
		if (strcmp(key_name(&keys->rows[i]), name) == 0)
			return &keys->rows[i];
	return NULL;
}

static void read_value(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	unsigned before = r->faults;

	if (node_is_empty(n) && k->shape->print) {
		reading_fault(r, reading_line(r, n), "there is no value, write %s or remove the key",
			k->shape->what);
		return;
	}
	k->shape->read(r, k, n, base);
	if (k->check && r->faults == before)
		k->check(r, k, n, base);
}

/* The default is text as an operator would write it, and takes the same way. */
static void read_standard(struct conf_reading *r, const struct conf_key *k, unsigned line, void *base)
{
	struct conf_document *d;
	struct document_fault fault;
	int e = document_parse(k->standard, strlen(k->standard), &d, &fault);

	ASSERT(e == 0 || e == -ENOMEM); /* the defaults of all tables are read by a test */
	if (e < 0) {
		r->is_nomem = true;
		return;
	}
	bool was_default = r->is_default;

	if (!was_default)
		r->default_line = line;
	r->is_default = true;
	read_value(r, k, document_root(d), base);
	r->is_default = was_default;
	document_free(d);
}

/* @first_lines: by row, the line where the key was written; 0: not yet */
static void read_member(struct conf_reading *r, const struct conf_keys *keys, const struct conf_node *m,
	unsigned *first_lines, void *base)
{
	const struct conf_key *k = find_key(keys, m->key);
	size_t back = path_enter(r, m->key);

	if (!k) {
		suggest_key(r, keys, m);
	} else if (first_lines[k - keys->rows] > 0) {
		reading_fault(r, m->key_line, "the key was written in line %u already, keep one of them",
			first_lines[k - keys->rows]);
	} else {
		first_lines[k - keys->rows] = m->key_line;
		read_value(r, k, m, base);
	}
	path_leave(r, back);
}

static void read_missing(struct conf_reading *r, const struct conf_key *k, unsigned line, void *base)
{
	size_t back = path_enter(r, key_name(k));

	if (k->is_required)
		reading_fault(r, line, "the key is missing, write %s: and %s", key_name(k), k->shape->what);
	else if (k->standard && !r->is_inheriting)
		read_standard(r, k, line, base);
	path_leave(r, back);
}

/* Where a mapping begins for the operator: at its key, if it has one. */
static unsigned head_line(const struct conf_reading *r, const struct conf_node *n)
{
	return n->key && !r->is_default ? n->key_line : reading_line(r, n);
}

void mapping_read(struct conf_reading *r, const struct conf_keys *keys, const struct conf_node *n, void *base)
{
	unsigned first_lines[CONF_KEYS_MAX] = { 0 };
	unsigned line = n ? head_line(r, n) : 0;

	ASSERT(keys->len <= CONF_KEYS_MAX);
	if (n && n->kind != NODE_MAPPING && !node_is_empty(n)) {
		reading_fault(r, line, "%s stands where a mapping belongs, write keys such as %s:",
			n->kind == NODE_LIST ? "a list" : "a single value", key_name(&keys->rows[0]));
		return;
	}
	for (const struct conf_node *m = n ? n->members : NULL; m; m = m->next)
		read_member(r, keys, m, first_lines, base);
	for (unsigned i = 0; i < keys->len; i++)
		if (first_lines[i] == 0)
			read_missing(r, &keys->rows[i], line, base);
}

void mapping_print(const struct conf_keys *keys, const void *base, FILE *to, unsigned indent)
{
	for (unsigned i = 0; i < keys->len; i++) {
		const struct conf_key *k = &keys->rows[i];

		if (!k->shape->print)
			continue;
		fprintf(to, "%*s%s:", (int)indent, "", key_name(k));
		k->shape->print(k, base, to, indent);
	}
}
