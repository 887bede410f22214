/*
 * table.h - aligned columns on a terminal
 *
 * Rows are printed in portions: the widths are those of the portion, and never shrink. So a listing of any
 * length is aligned without being held in memory.
 */
#ifndef ISTHMUS_CMD_TABLE_H
#define ISTHMUS_CMD_TABLE_H

#include "base/compiler.h"

#include <stdio.h>

#define TABLE_COLUMNS_MAX 12
#define TABLE_PORTION 512 /* rows */

enum align { ALIGN_LEFT, ALIGN_RIGHT };

struct column {
	const char *title; /* NULL ends the columns */
	enum align align;
};

struct table; /* opaque */

/** table_new() - a table that prints to @to; NULL without memory */
struct table *table_new(FILE *to, const struct column *columns);

/** table_cell() - add a cell; a row is complete when it has a cell for each column */
void table_cell(struct table *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

/** table_end() - print what is left and free the table; the number of rows it had */
unsigned long table_end(struct table *t);

#endif
