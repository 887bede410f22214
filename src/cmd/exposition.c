/*
 * exposition.c - the text format of Prometheus, version 0.0.4
 *
 * All samples of one name must stand together, below one HELP and one TYPE line, but come from rows in any
 * order. So families are collected first, each with its samples as text, and written at the end.
 */
#include "cmd/exposition.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "isthmus_"
#define NAME_MAX_BYTES 128
#define HELP_MAX_BYTES 256

struct family {
	char name[NAME_MAX_BYTES];
	char help[HELP_MAX_BYTES];
	enum metric_type type;
	char *samples; /* owned; lines */
	size_t len;
};

struct exposition {
	struct family *families; /* owned */
	size_t families_len, families_size;
	bool is_broken; /* without memory: something is missing */
};

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void put_name(char *to, size_t size, const char *name)
{
	snprintf(to, size, PREFIX "%s", name);
	for (char *c = to; *c; c++) {
		if (!is_name_char(*c))
			*c = '_';
	}
}

/* print_escaped() - a HELP text, or with @quote a label's value */
static void print_escaped(const char *text, bool quote, FILE *to)
{
	for (const char *c = text; *c; c++) {
		if (*c == '\n')
			fputs("\\n", to);
		else if (*c == '\\' || (quote && *c == '"'))
			fprintf(to, "\\%c", *c);
		else
			fputc(*c, to);
	}
}

static struct family *family_find(struct exposition *e, const char *name)
{
	for (size_t i = 0; i < e->families_len; i++) {
		if (strcmp(e->families[i].name, name) == 0)
			return &e->families[i];
	}
	return NULL;
}

static struct family *family_new(struct exposition *e, const char *name, const struct metric *m)
{
	if (e->families_len == e->families_size) {
		size_t size = 2 * e->families_size + 64;
		struct family *to = realloc(e->families, size * sizeof(*to));

		if (!to)
			return NULL;
		e->families = to;
		e->families_size = size;
	}
	struct family *f = &e->families[e->families_len++];
	*f = (struct family){ .type = m->type };
	text_copy(f->name, sizeof(f->name), name);
	snprintf(f->help, sizeof(f->help), "%s", m->help);
	return f;
}

static void print_sample(const char *name, const struct metric *m, const char *value, FILE *to)
{
	const char *joint = "{";

	fputs(name, to);
	for (unsigned i = 0; i < METRIC_LABELS_MAX; i++) {
		if (!m->labels[i].name)
			continue;
		fprintf(to, "%s%s=\"", joint, m->labels[i].name);
		print_escaped(m->labels[i].value, true, to);
		fputc('"', to);
		joint = ",";
	}
	fprintf(to, "%s %s\n", joint[0] == ',' ? "}" : "", value);
}

/* append() - add text to the samples of a family; false without memory */
static bool append(struct family *f, const char *text, size_t len)
{
	char *to = realloc(f->samples, f->len + len);

	if (!to)
		return false;
	bytes_copy(to + f->len, text, len);
	f->samples = to;
	f->len += len;
	return true;
}

void exposition_add(struct exposition *e, const struct metric *m, const char *value)
{
	char name[NAME_MAX_BYTES], *line = NULL;
	size_t len = 0;

	put_name(name, sizeof(name), m->name);
	struct family *f = family_find(e, name);
	if (!f)
		f = family_new(e, name, m);
	FILE *to = f ? open_memstream(&line, &len) : NULL;
	if (to)
		print_sample(name, m, value, to);
	if (!to || fclose(to) != 0 || !append(f, line, len))
		e->is_broken = true;
	free(line);
}

int exposition_print(const struct exposition *e, FILE *to)
{
	static const char *const types[] = { [METRIC_GAUGE] = "gauge", [METRIC_COUNTER] = "counter" };

	for (size_t i = 0; i < e->families_len; i++) {
		const struct family *f = &e->families[i];

		fprintf(to, "# HELP %s ", f->name);
		print_escaped(f->help, false, to);
		fprintf(to, "\n# TYPE %s %s\n", f->name, types[f->type]);
		fwrite(f->samples, 1, f->len, to);
	}
	return e->is_broken ? -ENOMEM : 0;
}

struct exposition *exposition_new(void)
{
	return calloc(1, sizeof(struct exposition));
}

void exposition_free(struct exposition *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->families_len; i++)
		free(e->families[i].samples);
	free(e->families);
	free(e);
}
