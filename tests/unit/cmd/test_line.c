/* test_line.c - the command line: what is printed, to where, and with which exit status */
#include "harness.h"

#include "base/compiler.h"
#include "cmd/command.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 8

struct result {
	int status;
	char out[16384], err[4096];
};

static void slurp(int fd, char *to, size_t size)
{
	size_t len = 0;
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	while (len < size - 1 && (n = read(fd, to + len, size - 1 - len)) > 0)
		len += (size_t)n;
	to[len] = '\0';
	close(fd);
}

/* run() - run a line, in which blanks separate words, in a process of its own */
static struct result run(const char *line)
{
	static struct result r;
	char copy[512], *words[WORDS_MAX + 1];
	char out_name[] = "/tmp/isthmus-test-XXXXXX", err_name[] = "/tmp/isthmus-test-XXXXXX";
	int argc = 0, status, out = mkstemp(out_name), err = mkstemp(err_name);

	REQUIRE(out >= 0 && err >= 0);
	unlink(out_name);
	unlink(err_name);
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok(copy, " "); w && argc < WORDS_MAX; w = strtok(NULL, " "))
		words[argc++] = w;
	words[argc] = NULL;
	fflush(stdout);
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
			_exit(99);
		status = command_run("isthmus", main_commands, argc, words);
		fflush(stdout);
		_exit(status);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	REQUIRE(WIFEXITED(status));
	r.status = WEXITSTATUS(status);
	slurp(out, r.out, sizeof(r.out));
	slurp(err, r.err, sizeof(r.err));
	return r;
}

/* Lines whose whole output is known. RFC 6052 s2.4 has the addresses. */
static const struct {
	const char *line, *out;
} answers[] = {
	{ "address embed 64:ff9b::/96 192.0.2.33", "64:ff9b::c000:221\n" },
	{ "address embed 2001:db8::/32 192.0.2.33", "2001:db8:c000:221::\n" },
	{ "address embed 2001:db8:100::/40 192.0.2.33", "2001:db8:1c0:2:21::\n" },
	{ "address embed 2001:db8:122::/48 192.0.2.33", "2001:db8:122:c000:2:2100::\n" },
	{ "address embed 2001:db8:122:300::/56 192.0.2.33", "2001:db8:122:3c0:0:221::\n" },
	{ "address embed 2001:db8:122:344::/64 192.0.2.33", "2001:db8:122:344:c0:2:2100:0\n" },
	{ "address embed 2001:db8:122:344::/96 192.0.2.33", "2001:db8:122:344::c000:221\n" },
	{ "address extract 64:ff9b::192.0.2.33", "192.0.2.33\n" },
	{ "address extract --prefix 2001:db8:122:344::/64 2001:db8:122:344:c0:2:2100::", "192.0.2.33\n" },
	{ "address extract --prefix=2001:db8::/32 2001:db8:c000:221::", "192.0.2.33\n" },
	{ "address extract -- 64:ff9b::1.2.3.4", "1.2.3.4\n" },
	{ "address embed 64:ff9b::/96 192.0.2.33 --json",
		"{\"address\":\"64:ff9b::c000:221\",\"prefix\":\"64:ff9b::/96\",\"ipv4\":\"192.0.2.33\"}\n" },
	{ "version", "isthmus " ISTHMUS_VERSION "\n" },
	{ "version -j", "{\"version\":\"" ISTHMUS_VERSION "\"}\n" },
};

TEST(answers_are_exact_and_the_status_is_0)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		test_row(answers[i].line);
		struct result r = run(answers[i].line);

		CHECK_TEXT(r.out, answers[i].out);
		CHECK_TEXT(r.err, "");
		CHECK_INT(r.status, STATUS_OK);
	}
}

/* Lines that explain: each must contain the words. */
static const struct {
	const char *line, *words[3];
} explanations[] = {
	{ "address explain 64:ff9b::10.1.2.3", { "well-known prefix", "10.1.2.3", "private use" } },
	{ "address explain 100.64.0.1", { "RFC 6598", "64:ff9b::6440:1", "not global" } },
	{ "address explain 8.8.8.8", { "ordinary", "64:ff9b::808:808" } },
	{ "address explain 2001:db8:122:344:c0:2:2100::",
		{ "documentation", "192.0.2.33", "2001:db8:122:344::/64" } },
	{ "address explain --prefix 2001:db8:64::/96 2001:db8:64::1.2.3.4", { "1.2.3.4", "as asked" } },
	{ "address explain --prefix 2001:db8:64::/96 2001:db8:65::1.2.3.4",
		{ "no IPv4 address under that prefix" } },
	{ "address explain ff02::1", { "multicast" } },
	{ "address explain ::1", { "loopback" } },
};

TEST(explanations_say_what_an_address_is_and_holds)
{
	for (size_t i = 0; i < ARRAY_LEN(explanations); i++) {
		test_row(explanations[i].line);
		struct result r = run(explanations[i].line);

		CHECK_INT(r.status, STATUS_OK);
		for (size_t k = 0; k < ARRAY_LEN(explanations[i].words) && explanations[i].words[k]; k++) {
			if (!CHECK(strstr(r.out, explanations[i].words[k]) != NULL))
				CHECK_TEXT(r.out, explanations[i].words[k]);
		}
	}
}

TEST(explanations_are_json_when_asked)
{
	struct result r = run("address explain 64:ff9b::10.1.2.3 --json");
	json_t *row = json_loads(r.out, 0, NULL);
	const json_t *first = json_array_get(json_object_get(row, "embedded"), 0);

	REQUIRE(row != NULL);
	CHECK_INT(json_integer_value(json_object_get(row, "family")), 6);
	CHECK_TEXT(json_string_value(json_object_get(first, "ipv4")), "10.1.2.3");
	CHECK_TEXT(json_string_value(json_object_get(first, "is")), "private use");
	json_decref(row);
	r = run("address explain 8.8.8.8 --json");
	row = json_loads(r.out, 0, NULL);
	REQUIRE(row != NULL);
	CHECK(json_is_null(json_object_get(row, "is")));
	CHECK_TEXT(json_string_value(json_object_get(row, "translated")), "64:ff9b::808:808");
	json_decref(row);
}

/* Lines that make no sense: status, and a word that the message must have. Nothing goes to stdout. */
static const struct {
	const char *line, *word;
	int status;
} refusals[] = {
	{ "adress", "do you mean \"address\"", STATUS_USAGE },
	{ "sesions", "do you mean \"sessions\"", STATUS_USAGE },
	{ "sess", "do you mean \"sessions\"", STATUS_USAGE },
	{ "frobnicate", "there is no command", STATUS_USAGE },
	{ "address", "--help", STATUS_USAGE },
	{ "address embd 64:ff9b::/96 1.2.3.4", "do you mean \"embed\"", STATUS_USAGE },
	{ "address embed 64:ff9b::/96", "missing", STATUS_USAGE },
	{ "address embed 64:ff9b::/96 1.2.3.4 5", "too many", STATUS_USAGE },
	{ "address embed 64:ff9b::/97 1.2.3.4", "32, 40, 48, 56, 64 or 96", STATUS_USAGE },
	{ "address embed 64:ff9b::1/96 1.2.3.4", "must be zero", STATUS_USAGE },
	{ "address embed nonsense 1.2.3.4", "no IPv6 prefix", STATUS_USAGE },
	{ "address embed 64:ff9b::/96 1.2.3.400", "no IPv4 address", STATUS_USAGE },
	{ "address extract 2001:db8::1", "not in the prefix", STATUS_FAILED },
	{ "address extract --prefix 2001:db8::/32 2001:db8:c000:221:ff00::", "64 to 71", STATUS_FAILED },
	{ "address extract 1.2.3.4", "no IPv6 address", STATUS_USAGE },
	{ "address explain example.net", "neither", STATUS_USAGE },
	{ "status --nonsense", "no option", STATUS_USAGE },
	{ "status -z", "no option", STATUS_USAGE },
	{ "status --all", "does not take", STATUS_USAGE },
	{ "status --json=yes", "takes no value", STATUS_USAGE },
	{ "status -jx", "takes no value", STATUS_USAGE },
	{ "sessions --limit", "needs a value", STATUS_USAGE },
	{ "sessions --limit many --socket /nonexistent/s", "number of rows", STATUS_USAGE },
	{ "sessions --limit -1 --socket /nonexistent/s", "number of rows", STATUS_USAGE },
	{ "status extra", "too many", STATUS_USAGE },
	{ "run --config /nonexistent/file.yaml", "No such file", STATUS_USAGE },
	{ "check /nonexistent/file.yaml", "/nonexistent/file.yaml", STATUS_USAGE },
	{ "status --config /nonexistent/file.yaml", "/nonexistent/file.yaml", STATUS_USAGE },
	{ "status --socket /nonexistent/s", "start it with `isthmus run`", STATUS_FAILED },
	{ "sessions --socket /nonexistent/s", "start it with `isthmus run`", STATUS_FAILED },
	{ "bib --socket=/nonexistent/s -n5", "start it with `isthmus run`", STATUS_FAILED },
	{ "pool -s /nonexistent/s", "start it with `isthmus run`", STATUS_FAILED },
	{ "trace --count x -s/nonexistent/s", "--count wants a number", STATUS_USAGE },
	{ "trace ::1 --protocol tcp -s/nonexistent/s", "start it with `isthmus run`", STATUS_FAILED },
	{ "explain --config /nonexistent/f 45", "/nonexistent/f", STATUS_USAGE },
	{ "explain -s/nonexistent/s 45", "no gateway answers on that socket", STATUS_FAILED },
	{ "counters --by colour -s/nonexistent/s", "--by wants direction, protocol", STATUS_USAGE },
	{ "counters --by protocol -s/nonexistent/s", "start it with `isthmus run`", STATUS_FAILED },
	{ "counters -s/nonexistent/s", "start it with `isthmus run`", STATUS_FAILED },
	{ "reload --socket /nonexistent/s", "start it with `isthmus run`", STATUS_FAILED },
};

TEST(refusals_have_a_reason_on_stderr_and_nothing_on_stdout)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		test_row(refusals[i].line);
		struct result r = run(refusals[i].line);

		CHECK_INT(r.status, refusals[i].status);
		CHECK_TEXT(r.out, "");
		if (!CHECK(strstr(r.err, refusals[i].word) != NULL))
			CHECK_TEXT(r.err, refusals[i].word);
	}
}

/* check_help() - --help of a command: status 0, a usage line, no line over 100 columns */
static void check_help(const char *line)
{
	test_row(line);
	struct result r = run(line);

	CHECK_INT(r.status, STATUS_OK);
	CHECK_TEXT(r.err, "");
	CHECK(strstr(r.out, "Usage: isthmus") == r.out);
	CHECK(strstr(r.out, "--help") != NULL);
	for (const char *p = r.out; *p; p += strcspn(p, "\n") + (p[strcspn(p, "\n")] != '\0'))
		CHECK(strcspn(p, "\n") <= 100);
}

/* Calls @check for each command that can be given, with all its words. */
static void for_each_command(const struct command *commands, const char *before,
	void (*check)(const char *line, const struct command *c))
{
	char line[128];

	for (const struct command *c = commands; c->name; c++) {
		snprintf(line, sizeof(line), "%s%s", before, c->name);
		check(line, c);
		snprintf(line, sizeof(line), "%s%s ", before, c->name);
		if (c->subcommands)
			for_each_command(c->subcommands, line, check);
	}
}

static void check_command_helps(const char *line, const struct command *c)
{
	char help[160];

	snprintf(help, sizeof(help), "%s %s", line, strchr(line, ' ') ? "-h" : "--help");
	check_help(help);
}

TEST(every_command_helps)
{
	for_each_command(main_commands, "", check_command_helps);
}

static void check_takes_json(const char *line, const struct command *c)
{
	test_row(line);
	CHECK(c->subcommands || strcmp(line, "run") == 0 || c->takes & TAKES(OPTION_JSON));
}

TEST(every_command_that_shows_something_takes_json)
{
	for_each_command(main_commands, "", check_takes_json);
	test_row(NULL);
}

TEST(a_socket_path_that_is_too_long_is_said_so)
{
	char line[300] = "status --socket /";

	memset(line + strlen(line), 'x', 200);
	struct result r = run(line);
	CHECK_INT(r.status, STATUS_FAILED);
	CHECK(strstr(r.err, "too long") != NULL);
}

TEST(a_configuration_without_errors_passes_the_check)
{
	char name[] = "/tmp/isthmus-test-XXXXXX", line[128];
	int fd = mkstemp(name);
	static const char good[] = "dns64: {}\n", bad[] = "dns64:\n  lisen: []\n";

	REQUIRE(fd >= 0 && write(fd, good, sizeof(good) - 1) == (ssize_t)sizeof(good) - 1);
	snprintf(line, sizeof(line), "check %s", name);
	struct result r = run(line);
	CHECK_TEXT(r.err, "");
	CHECK_INT(r.status, STATUS_OK);
	REQUIRE(ftruncate(fd, 0) == 0 && pwrite(fd, bad, sizeof(bad) - 1, 0) == (ssize_t)sizeof(bad) - 1);
	r = run(line);
	CHECK_INT(r.status, STATUS_USAGE);
	snprintf(line, sizeof(line), "%s:2: dns64.lisen", name);
	CHECK(strstr(r.err, line) == r.err);
	unlink(name);
	close(fd);
}
