/* test_figures.c - numbers and tables as people read them */
#include "harness.h"

#include "base/compiler.h"
#include "cmd/figures.h"
#include "cmd/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	uint64_t n;
	const char *want;
} counts[] = {
	{ 0, "0" },
	{ 7, "7" },
	{ 999, "999" },
	{ 1000, "1,000" },
	{ 65535, "65,535" },
	{ 1234567, "1,234,567" },
	{ 100000, "100,000" },
	{ UINT64_MAX, "18,446,744,073,709,551,615" },
};

TEST(counts_are_grouped_by_three)
{
	char buf[FIGURE_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		CHECK_TEXT(figure_count(counts[i].n, buf), counts[i].want);
}

static const struct {
	double seconds;
	const char *want;
} durations[] = {
	{ -1, "0.0s" },
	{ 0, "0.0s" },
	{ 8.84, "8.8s" },
	{ 10, "10s" },
	{ 59.4, "59s" },
	{ 59.9, "59s" },
	{ 60, "1m00s" },
	{ 250, "4m10s" },
	{ 3599.9, "59m59s" },
	{ 3600, "1h00m" },
	{ 7190, "1h59m" },
	{ 86399, "23h59m" },
	{ 86400, "1d00h" },
	{ 1051200, "12d04h" },
	{ 1e30, "11574074074d01h" },
};

TEST(durations_have_their_two_largest_units)
{
	char buf[FIGURE_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(durations); i++)
		CHECK_TEXT(figure_duration(durations[i].seconds, buf), durations[i].want);
	CHECK_TEXT(figure_duration((double)NAN, buf), "0.0s");
}

static const struct {
	uint64_t bytes;
	const char *want;
} sizes[] = {
	{ 0, "0 B" },
	{ 1023, "1023 B" },
	{ 1024, "1.0 KiB" },
	{ 1536, "1.5 KiB" },
	{ 1048575, "1.0 MiB" },
	{ 104857600, "100.0 MiB" },
	{ UINT64_MAX, "16.0 EiB" },
};

TEST(sizes_have_binary_units)
{
	char buf[FIGURE_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		CHECK_TEXT(figure_bytes(sizes[i].bytes, buf), sizes[i].want);
}

static const struct {
	uint64_t part, whole;
	const char *want;
} shares[] = {
	{ 0, 0, "-" },
	{ 0, 10, "0 %" },
	{ 1, 1000000, "<1 %" },
	{ 1, 100, "1 %" },
	{ 10, 10, "100 %" },
	{ 1, 3, "33 %" },
};

TEST(shares_are_percentages)
{
	char buf[FIGURE_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(shares); i++)
		CHECK_TEXT(figure_share(shares[i].part, shares[i].whole, buf), shares[i].want);
}

static const struct column columns[] = {
	{ "NAME", ALIGN_LEFT },
	{ "N", ALIGN_RIGHT },
	{ "TEXT", ALIGN_LEFT },
	{ NULL, ALIGN_LEFT },
};

TEST(columns_are_as_wide_as_their_widest_cell_and_lines_end_without_blanks)
{
	char *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len);
	struct table *t = table_new(f, columns);

	table_cell(t, "%s", "a");
	table_cell(t, "%d", 1000);
	table_cell(t, "%s", "x");
	table_cell(t, "%s", "longer name");
	table_cell(t, "%d", 5);
	table_cell(t, "%s", "last");
	CHECK_INT(table_end(t), 2);
	fclose(f);
	CHECK_TEXT(got, "NAME            N  TEXT\n"
			"a            1000  x\n"
			"longer name     5  last\n");
	free(got);
}

TEST(an_empty_table_prints_nothing)
{
	char *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len);

	CHECK_INT(table_end(table_new(f, columns)), 0);
	fclose(f);
	CHECK_INT(len, 0);
	free(got);
	CHECK_INT(table_end(NULL), 0);
}

TEST(a_table_of_several_portions_has_one_title_and_all_rows)
{
	char *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len);
	struct table *t = table_new(f, columns);
	unsigned lines = 0;

	for (unsigned i = 0; i < 3 * TABLE_PORTION + 1; i++) {
		table_cell(t, "row");
		table_cell(t, "%u", i);
		table_cell(t, "x");
	}
	CHECK_INT(table_end(t), 3 * TABLE_PORTION + 1);
	fclose(f);
	for (const char *p = got; (p = strchr(p, '\n')); p++)
		lines++;
	CHECK_INT(lines, 3 * TABLE_PORTION + 2);
	CHECK(strstr(strstr(got, "NAME") + 1, "NAME") == NULL);
	free(got);
}
