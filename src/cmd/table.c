/* table.c - aligned columns, printed in portions */
#include "cmd/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define GAP "  "

struct table {
	FILE *to;
	const struct column *columns;
	unsigned columns_len;
	size_t width[TABLE_COLUMNS_MAX];
	char *cells[TABLE_PORTION * TABLE_COLUMNS_MAX]; /* owned; row by row */
	unsigned cells_len;
	unsigned long rows;
	bool has_title; /* printed already */
};

struct table *table_new(FILE *to, const struct column *columns)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->to = to;
	t->columns = columns;
	while (columns[t->columns_len].title)
		t->columns_len++;
	ASSERT(t->columns_len <= TABLE_COLUMNS_MAX);
	for (unsigned i = 0; i < t->columns_len; i++)
		t->width[i] = strlen(columns[i].title);
	return t;
}

static void print_row(struct table *t, const char *const *cells)
{
	for (unsigned i = 0; i < t->columns_len; i++) {
		bool is_last = i + 1 == t->columns_len;
		int width = (int)t->width[i];

		if (t->columns[i].align == ALIGN_RIGHT)
			fprintf(t->to, "%*s", width, cells[i]);
		else
			fprintf(t->to, "%-*s", is_last ? 0 : width,
				cells[i]); /* no blanks at the end of a line */
		fputs(is_last ? "\n" : GAP, t->to);
	}
}

static void print_titles(struct table *t)
{
	const char *titles[TABLE_COLUMNS_MAX];

	for (unsigned i = 0; i < t->columns_len; i++)
		titles[i] = t->columns[i].title;
	print_row(t, titles);
	t->has_title = true;
}

static void flush(struct table *t)
{
	for (unsigned i = 0; i < t->cells_len; i++) {
		size_t len = strlen(t->cells[i]);

		if (len > t->width[i % t->columns_len])
			t->width[i % t->columns_len] = len;
	}
	if (!t->has_title && t->cells_len > 0)
		print_titles(t);
	for (unsigned i = 0; i + t->columns_len <= t->cells_len; i += t->columns_len)
		print_row(t, (const char *const *)&t->cells[i]);
	for (unsigned i = 0; i < t->cells_len; i++)
		free(t->cells[i]);
	t->cells_len = 0;
}

void table_cell(struct table *t, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	if (!t)
		return;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		text = strdup("?");
	ASSERT(text); /* a tool without memory for one cell cannot go on, and holds nothing */
	t->cells[t->cells_len++] = text;
	if (t->cells_len % t->columns_len != 0)
		return;
	t->rows++;
	if (t->cells_len == TABLE_PORTION * t->columns_len)
		flush(t);
}

unsigned long table_end(struct table *t)
{
	if (!t)
		return 0;
	unsigned long rows = t->rows;
	flush(t);
	free(t);
	return rows;
}
