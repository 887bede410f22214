/* print.c - the effective configuration as YAML, and what differs between two of them */
#include "base/bytes.h"
#include "conf/key.h"
#include "conf/shape.h"

#include <errno.h>
#include <stdlib.h>

static bool is_on(const struct conf *c, const struct conf_section *s)
{
	return !s->later && (!s->is_optional || *(const bool *)((const uint8_t *)c + s->presence_at));
}

int conf_print(const struct conf *c, FILE *to)
{
	for (unsigned i = 0; i < CONF_SECTIONS; i++) {
		const struct conf_section *s = &conf_sections[i];

		if (!is_on(c, s))
			continue;
		fprintf(to, "%s:\n", s->name);
		mapping_print(&s->keys, c, to, 2);
	}
	return fflush(to) == 0 && !ferror(to) ? 0 : -EIO;
}

/* The value as it is printed; NULL if memory ran out. */
static char *value_text(const struct conf_key *k, const void *base)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (!to)
		return NULL;
	k->shape->print(k, base, to, 0);
	bool is_whole = !ferror(to);

	if (fclose(to) == 0 && is_whole)
		return text;
	free(text);
	return NULL;
}

/* Values that print the same are the same. If memory runs out, the cautious answer is that they differ. */
static bool differs(const struct conf_key *k, const void *old, const void *new)
{
	char *a = value_text(k, old), *b = value_text(k, new);
	bool is_same = a && b && strcmp(a, b) == 0;

	free(a);
	free(b);
	return !is_same;
}

/* The first key of a table that differs and needs a restart, or NULL; a mapping's keys are asked one by one. */
static const char *change_in(const struct conf_keys *keys, const void *old, const void *new)
{
	for (unsigned i = 0; i < keys->len; i++) {
		const struct conf_key *k = &keys->rows[i];
		const char *inner =
			k->shape == &shape_mapping
				? change_in(k->of, (const uint8_t *)old + k->at, (const uint8_t *)new + k->at)
				: NULL;

		if (inner)
			return inner;
		if (k->change == CONF_CHANGE_RESTART && differs(k, old, new))
			return k->path;
	}
	return NULL;
}

const char *conf_changes_needing_restart(const struct conf *old, const struct conf *new)
{
	for (unsigned i = 0; i < CONF_SECTIONS; i++) {
		const struct conf_section *s = &conf_sections[i];

		if (is_on(old, s) != is_on(new, s))
			return s->name;
		const char *key = is_on(new, s) ? change_in(&s->keys, old, new) : NULL;

		if (key)
			return key;
	}
	return NULL;
}
