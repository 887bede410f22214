/* suggest.c - unknown keys: what was perhaps meant */
#include "base/bytes.h"
#include "conf/key.h"

#include <stdio.h>

#define WORD_MAX 32	 /* longer words have no suggestion */
#define DISTANCE_FAR 255 /* no suggestion */

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edits (insert, remove, replace, swap of neighbours) between two words; three rows of the usual table. */
static unsigned edit_distance(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	unsigned rows[3][WORD_MAX + 1];

	if (a_len > WORD_MAX || b_len > WORD_MAX)
		return DISTANCE_FAR;
	for (unsigned j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			row[j] = smaller(above[j] + 1, row[j - 1] + 1);
			row[j] = smaller(row[j], above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = smaller(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[a_len % 3][b_len];
}

/* Close enough to be a slip of the fingers. */
static bool is_near(const char *word, unsigned distance)
{
	return distance <= 2 && distance * 2 < strlen(word);
}

static const char *nearest_key(const struct conf_keys *keys, const char *word)
{
	const char *best = NULL;
	unsigned best_distance = DISTANCE_FAR;

	for (unsigned i = 0; i < keys->len; i++) {
		unsigned d = edit_distance(word, key_name(&keys->rows[i]));

		if (d < best_distance) {
			best_distance = d;
			best = key_name(&keys->rows[i]);
		}
	}
	return best && is_near(word, best_distance) ? best : NULL;
}

/* The section that has a key of just this name. */
static const char *home_of(const char *word)
{
	for (unsigned s = 0; s < CONF_SECTIONS; s++)
		for (unsigned i = 0; i < conf_sections[s].keys.len; i++)
			if (strcmp(key_name(&conf_sections[s].keys.rows[i]), word) == 0)
				return conf_sections[s].name;
	return NULL;
}

static void list_keys(const struct conf_keys *keys, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < keys->len && len < size; i++)
		if (keys->rows[i].shape->print)
			len += (size_t)snprintf(text + len, size - len, "%s%s", len > 0 ? ", " : "",
				key_name(&keys->rows[i]));
}

void suggest_key(struct conf_reading *r, const struct conf_keys *keys, const struct conf_node *n)
{
	const char *near = nearest_key(keys, n->key);
	const char *home = home_of(n->key);
	char all[400];

	list_keys(keys, all, sizeof(all));
	if (near)
		reading_fault(r, n->key_line, "the key is not known, did you mean %s?", near);
	else if (home)
		reading_fault(
			r, n->key_line, "the key is not known here, it belongs to the section %s", home);
	else
		reading_fault(r, n->key_line, "the key is not known, the keys here are %s", all);
}

void suggest_section(struct conf_reading *r, const struct conf_node *n)
{
	const char *best = NULL, *home = home_of(n->key);
	unsigned best_distance = DISTANCE_FAR;

	for (unsigned s = 0; s < CONF_SECTIONS; s++) {
		unsigned d = edit_distance(n->key, conf_sections[s].name);

		if (!conf_sections[s].later && d < best_distance) {
			best_distance = d;
			best = conf_sections[s].name;
		}
	}
	if (home)
		reading_fault(
			r, n->key_line, "a key stands where a section belongs, indent it under %s:", home);
	else if (best && is_near(n->key, best_distance))
		reading_fault(r, n->key_line, "the section is not known, did you mean %s?", best);
	else
		reading_fault(r, n->key_line,
			"the section is not known, the sections are nat64, siit, dns64, dns46, clat, relay, "
			"tunnel, "
			"control "
			"and "
			"log");
}
