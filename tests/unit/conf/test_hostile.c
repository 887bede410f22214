/* Text that is no configuration, or means harm: an error with a line number, in bounded time and memory. */
#include "base/bytes.h"
#include "conf/conf.h"
#include "conf/file.h"
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int parse(const char *text, size_t len, struct conf_errors *e)
{
	struct conf *c = NULL;
	char *copy = malloc(len ? len : 1);

	REQUIRE(copy != NULL);
	bytes_copy(copy, text, len);
	int r = conf_parse("f.yaml", copy, len, &c, e);

	free(copy);
	if (r == 0)
		conf_free(c);
	return r;
}

static const struct {
	const char *name, *text, *want;
} syntax_cases[] = {
	{ "tab", "nat64:\n\tworkers: 1\n",
		"f.yaml:2: yaml: a tab stands where YAML wants spaces, indent with spaces" },
	{ "open bracket", "nat64:\n  deny: [10.0.0.0/8\n",
		"f.yaml:3: yaml: did not find expected ',' or ']' (while parsing a flow sequence that begins "
		"in line 2), check brackets, quotes and indentation" },
	{ "open quote", "nat64:\n  filtering: \"endpoint\n",
		"f.yaml:3: yaml: found unexpected end of stream (while scanning a quoted scalar that begins "
		"in line 2), check brackets, quotes and indentation" },
	{ "indentation", "nat64:\n  workers: 1\n subscriber: 64\n",
		"f.yaml:3: yaml: did not find expected key (while parsing a block mapping that begins in "
		"line 1), check brackets, quotes and indentation" },
	{ "final colons", "dns64:\n  allow: [fc00::]\n",
		"f.yaml:2: yaml: found unexpected ':', put an IPv6 address that begins or ends with :: in "
		"quotes" },
	{ "invalid UTF-8", "nat64:\n  workers: 1 # \xff\n",
		"f.yaml:2: yaml: invalid leading UTF-8 octet, save the file as UTF-8 without control "
		"characters" },
	{ "cut UTF-8", "nat64:\n\n# \xe2\x82",
		"f.yaml:3: yaml: incomplete UTF-8 octet sequence, save the file as UTF-8 without control "
		"characters" },
	{ "control character", "nat64:\n# \x1b[31m\n",
		"f.yaml:2: yaml: control characters are not allowed, save the file as UTF-8 without control "
		"characters" },
	{ "escaped zero", "nat64:\n  filtering: \"a\\0b\"\n",
		"f.yaml:2: yaml: a value has a zero byte inside, remove the \\0" },
	{ "anchor", "nat64: &a\n  workers: 1\n",
		"f.yaml:1: yaml: anchors (&name) are not used here, write the value itself" },
	{ "anchored value", "nat64:\n  workers: &a 1\n",
		"f.yaml:2: yaml: anchors (&name) are not used here, write the value itself" },
	{ "anchored list", "nat64:\n  deny: &a []\n",
		"f.yaml:2: yaml: anchors (&name) are not used here, write the value itself" },
	{ "alias", "nat64: *a\n",
		"f.yaml:1: yaml: aliases (*name) are not used here, write the value itself" },
	{ "merge key", "nat64:\n  <<: *a\n",
		"f.yaml:2: yaml: aliases (*name) are not used here, write the value itself" },
	{ "tag", "nat64:\n  workers: !!int 1\n",
		"f.yaml:2: yaml: tags (!name) are not used here, write the plain value" },
	{ "tagged list", "nat64:\n  deny: !x []\n",
		"f.yaml:2: yaml: tags (!name) are not used here, write the plain value" },
	{ "tagged mapping", "nat64: !x {}\n",
		"f.yaml:1: yaml: tags (!name) are not used here, write the plain value" },
	{ "two documents", "nat64:\n---\ndns64:\n",
		"f.yaml:2: yaml: a second YAML document begins, keep one and remove the line ---" },
	{ "list as key", "nat64:\n  ? [a]\n  : 1\n",
		"f.yaml:2: yaml: a key is a list or mapping, write a word as key" },
	{ "nested", "a: [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]\n",
		"f.yaml:1: yaml: lists and mappings are nested deeper than 16, remove brackets or "
		"indentation" },
	{ "bomb", "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
		"f.yaml:1: yaml: anchors (&name) are not used here, write the value itself" },
};

TEST(what_is_not_yaml_has_an_error_with_its_line)
{
	for (size_t i = 0; i < ARRAY_LEN(syntax_cases); i++) {
		struct conf_errors e;

		test_row(syntax_cases[i].name);
		CHECK_INT(parse(syntax_cases[i].text, strlen(syntax_cases[i].text), &e), -EINVAL);
		REQUIRE(e.len == 1);
		CHECK_TEXT(e.lines[0], syntax_cases[i].want);
		conf_errors_fini(&e);
	}
}

/* The documentation's example is the longest valid file there is; the relays, which are half of it, stand for themselves. */
enum part { PART_RELAY, PART_REST };

static char *read_part(enum part part, size_t *ret_len)
{
	char *text;
	size_t len;

	REQUIRE(file_read(DOCS_DIR "/isthmus.example.yaml", 65536, &text, &len) == 0);
	char *relay = strstr(text, "\nrelay:"), *control = strstr(text, "\ncontrol:");

	REQUIRE(relay && control && relay < control);
	if (part == PART_RELAY)
		len = (size_t)(control - relay);
	else
		len -= (size_t)(control - relay);
	if (part == PART_RELAY)
		bytes_move(text, relay, len);
	else
		bytes_move(relay, control, len - (size_t)(relay - text));
	text[len] = '\0';
	*ret_len = len;
	return text;
}

static void check_truncations(enum part part, unsigned least)
{
	size_t len;
	char *text = read_part(part, &len);
	unsigned taken = 0, refused = 0;

	for (size_t n = 0; n <= len; n++) {
		struct conf_errors e;
		int r = parse(text, n, &e);

		CHECK(r == 0 || (r == -EINVAL && e.len > 0));
		CHECK(r != 0 || e.len == 0);
		taken += r == 0;
		refused += r < 0;
		conf_errors_fini(&e);
	}
	CHECK(taken > least && refused > 100);
	free(text);
}

TEST(every_truncation_of_the_example_is_taken_or_refused)
{
	check_truncations(PART_REST, 100);
}

TEST(every_truncation_of_the_example_of_relays_is_taken_or_refused)
{
	check_truncations(PART_RELAY, 20);
}

/* Each byte replaced: no crash, and faults are whole lines. */
static void check_changed_bytes(enum part part)
{
	static const char changes[] = "\0\t\n:[]{}&*!-\xff\xc3\"'0";
	size_t len;
	char *text = read_part(part, &len);

	for (size_t n = 0; n < len; n++) {
		struct conf_errors e;
		char kept = text[n];

		text[n] = changes[n % (sizeof(changes) - 1)];
		int r = parse(text, len, &e);

		CHECK(r == 0 || (r == -EINVAL && e.len > 0));
		for (unsigned i = 0; i < e.len; i++)
			CHECK(strncmp(e.lines[i], "f.yaml:", 7) == 0 && !strchr(e.lines[i], '\n'));
		conf_errors_fini(&e);
		text[n] = kept;
	}
	free(text);
}

TEST(every_changed_byte_of_the_example_is_taken_or_refused)
{
	check_changed_bytes(PART_REST);
}

TEST(every_changed_byte_of_the_example_of_relays_is_taken_or_refused)
{
	check_changed_bytes(PART_RELAY);
}

static void check_repeated(const char *head, const char *piece, size_t bytes)
{
	size_t piece_len = strlen(piece), len = strlen(head);
	char *text = malloc(bytes);
	struct conf_errors e;

	REQUIRE(text != NULL);
	bytes_copy(text, head, len);
	for (; len + piece_len <= bytes; len += piece_len)
		bytes_copy(text + len, piece, piece_len);
	test_row(piece);
	CHECK_INT(parse(text, len, &e), -EINVAL);
	CHECK(e.len >= 1 && e.len <= 51);
	conf_errors_fini(&e);
	free(text);
}

#define MIB ((size_t)1 << 20)

TEST(a_mebibyte_of_anything_is_refused_in_bounded_time)
{
	static const char *const pieces[] = { "[", "{", "- ", "? ", "a", "a: 1\n", "a,", "[],", "\"", "::1,",
		"[::1],", "# x\n", "|\n", "&a ", "*a ", "!a ", "---\n", "\n", "'", "%A\n", "{a: ", "- - ",
		"\xc3\xa4", "a: b: ", "[[" };

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		check_repeated("", pieces[i], MIB / 4);
		check_repeated("nat64: [", pieces[i], MIB / 4);
		check_repeated("nat64:\n  deny: [", pieces[i], MIB / 4);
	}
}

TEST(a_file_above_a_mebibyte_is_refused)
{
	char *text = malloc(MIB + 1);
	struct conf_errors e;

	REQUIRE(text != NULL);
	for (size_t i = 0; i <= MIB; i++)
		text[i] = '\n';
	bytes_copy(text, "nat64:\n", 7);
	CHECK_INT(parse(text, MIB, &e), 0);
	CHECK_INT(parse(text, MIB + 1, &e), -EINVAL);
	CHECK_TEXT(e.lines[0], "f.yaml:1: yaml: the file is larger than 1048576 bytes, make it smaller");
	conf_errors_fini(&e);
	free(text);
}

TEST(a_file_that_cannot_be_read_is_a_fault)
{
	struct conf *c = NULL;
	struct conf_errors e;

	CHECK_INT(conf_load("/nonexistent/isthmus.yaml", &c, &e), -EINVAL);
	REQUIRE(e.len == 1);
	CHECK_TEXT(e.lines[0], "/nonexistent/isthmus.yaml:1: file: it cannot be read (No such file or "
			       "directory), write the path of a readable file");
	conf_errors_fini(&e);
	CHECK_INT(conf_load("/", &c, &e), -EINVAL);
	REQUIRE(e.len == 1);
	CHECK_TEXT(e.lines[0],
		"/:1: file: it cannot be read (Is a directory), write the path of a readable file");
	conf_errors_fini(&e);
	CHECK(c == NULL);
}

TEST(a_file_is_loaded_and_named_in_its_faults)
{
	char path[] = "/tmp/isthmus-test-conf-XXXXXX", want[100];
	int fd = mkstemp(path);
	struct conf *c = NULL;
	struct conf_errors e;

	REQUIRE(fd >= 0);
	REQUIRE(write(fd, "nat64:\n  workers: 1\n", 20) == 20);
	CHECK_INT(conf_load(path, &c, &e), 0);
	REQUIRE(c != NULL);
	CHECK_INT(c->workers, 1);
	conf_free(c);
	REQUIRE(write(fd, "  worker: 1\n", 12) == 12);
	CHECK_INT(conf_load(path, &c, &e), -EINVAL);
	snprintf(want, sizeof(want), "%s:3: nat64.worker: the key is not known, did you mean workers?", path);
	REQUIRE(e.len == 1);
	CHECK_TEXT(e.lines[0], want);
	conf_errors_fini(&e);
	close(fd);
	unlink(path);
}
