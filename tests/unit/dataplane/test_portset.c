/* test_portset.c - sets of ports and their text form, and the merge of reserved ports */
#include "dataplane/portset.h"
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *text, *want; /* NULL: refused */
} parse_rows[] = {
	{ "empty", "", "" },
	{ "line feed only", "\n", "" },
	{ "one", "53\n", "53" },
	{ "range", "8000-8080", "8000-8080" },
	{ "several, out of order", "9000,53,8000-8080\n", "53,8000-8080,9000" },
	{ "neighbours join", "1,2,3", "1-3" },
	{ "overlap", "10-20,15-30", "10-30" },
	{ "both ends", "0,65535", "0,65535" },
	{ "everything", "0-65535", "0-65535" },
	{ "range of one", "7-7", "7" },
	{ "space around", " \t53 \n", "53" },
	{ "too large", "65536", NULL },
	{ "far too large", "99999999999999999999", NULL },
	{ "end too large", "1-65536", NULL },
	{ "backwards", "20-10", NULL },
	{ "no end", "20-", NULL },
	{ "no start", "-20", NULL },
	{ "empty item", "1,,2", NULL },
	{ "comma at the end", "1,", NULL },
	{ "comma at the start", ",1", NULL },
	{ "word", "ssh", NULL },
	{ "two numbers without a comma", "1 2", NULL },
	{ "range of three", "1-2-3", NULL },
	{ "sign", "+1", NULL },
};

TEST(text_is_read_as_the_kernel_writes_it_and_nothing_else)
{
	static struct portset got, poison;
	char text[64];

	for (size_t i = 0; i < ARRAY_LEN(parse_rows); i++) {
		test_row(parse_rows[i].name);
		memset(&poison, 0x5a, sizeof(poison));
		got = poison;
		bool ok = portset_parse(parse_rows[i].text, &got);

		CHECK_INT(ok, parse_rows[i].want != NULL);
		if (!ok) {
			CHECK(memcmp(&got, &poison, sizeof(got)) == 0);
			continue;
		}
		CHECK(portset_text(&got, text, sizeof(text)));
		CHECK_TEXT(text, parse_rows[i].want ? parse_rows[i].want : "");
	}
	test_row(NULL);
}

/* What a start reserves, and what an exit leaves when others changed the list meanwhile. */
static const struct {
	const char *name, *before, *wanted, *added, *merged, *meanwhile, *after;
} merge_rows[] = {
	{ "nothing reserved", "", "49152-65535", "49152-65535", "49152-65535", "49152-65535", "" },
	{ "apart", "53", "50000-50010", "50000-50010", "53,50000-50010", "53,50000-50010", "53" },
	{ "inside", "50005", "50000-50010", "50000-50004,50006-50010", "50000-50010", "50000-50010",
		"50005" },
	{ "all there already", "40000-60000", "50000-50010", "", "40000-60000", "40000-60000",
		"40000-60000" },
	{ "overlap", "49000-50004", "50000-50010", "50005-50010", "49000-50010", "49000-50010",
		"49000-50004" },
	{ "another was added", "", "50000-50010", "50000-50010", "50000-50010", "7000,50000-50010", "7000" },
	{ "ours were taken away", "53", "50000-50010", "50000-50010", "53,50000-50010", "53", "53" },
};

static struct portset *set_of(const char *text)
{
	struct portset *s = malloc(sizeof(*s));

	REQUIRE(s && portset_parse(text, s));
	return s;
}

static void check_set(const struct portset *s, const char *want)
{
	char text[128];

	CHECK(portset_text(s, text, sizeof(text)));
	CHECK_TEXT(text, want);
}

TEST(reserving_adds_and_undoing_takes_back_only_what_was_added)
{
	for (size_t i = 0; i < ARRAY_LEN(merge_rows); i++) {
		struct portset *before = set_of(merge_rows[i].before), *added = set_of(merge_rows[i].wanted);
		struct portset *meanwhile = set_of(merge_rows[i].meanwhile);

		test_row(merge_rows[i].name);
		portset_remove(added, before);
		check_set(added, merge_rows[i].added);
		CHECK_INT(portset_is_empty(added), merge_rows[i].added[0] == '\0');
		portset_add(before, added);
		check_set(before, merge_rows[i].merged);
		portset_remove(meanwhile, added);
		check_set(meanwhile, merge_rows[i].after);
		free(before);
		free(added);
		free(meanwhile);
	}
	test_row(NULL);
}

TEST(text_of_the_longest_set_fits_its_size_and_not_one_less)
{
	static struct portset s, again;
	char *text = malloc(PORTSET_TEXT_BYTES);

	REQUIRE(text);
	for (uint32_t p = 1; p < 65536; p += 2)
		portset_add_range(&s, (uint16_t)p, (uint16_t)p);
	CHECK(portset_text(&s, text, PORTSET_TEXT_BYTES));
	CHECK(portset_parse(text, &again));
	CHECK(memcmp(&s, &again, sizeof(s)) == 0);
	size_t len = strlen(text);

	CHECK(portset_text(&s, text, len + 1));
	CHECK(!portset_text(&s, text, len));
	CHECK(!portset_text(&s, text, 0));
	free(text);
}

TEST(membership_follows_the_ranges)
{
	static struct portset s;

	portset_add_range(&s, 63, 64);
	portset_add_range(&s, 65535, 65535);
	for (uint32_t p = 0; p < 65536; p++)
		if (portset_has(&s, (uint16_t)p) != (p == 63 || p == 64 || p == 65535))
			CHECK_INT(p, -1);
}
