/* test_journal.c - the record of changes: written before they are made, read by the next start, locked
 * meanwhile */
#include "dataplane/journal.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[32], path[64];

static void place_make(void)
{
	snprintf(directory, sizeof(directory), "/tmp/journal.XXXXXX");
	REQUIRE(mkdtemp(directory) != NULL);
	snprintf(path, sizeof(path), "%s/sub/host.journal", directory);
}

static void place_remove(void)
{
	char sub[64];

	snprintf(sub, sizeof(sub), "%s/sub", directory);
	unlink(path);
	rmdir(sub);
	CHECK(rmdir(directory) == 0);
}

static struct journal *open_again(void)
{
	struct journal *j = NULL;

	REQUIRE(journal_open(path, &j) == 0);
	return j;
}

static void check_change(const struct journal *j, size_t i, enum change_kind kind, const char *const text[3])
{
	size_t len;
	const struct change *c = journal_changes(j, &len);

	REQUIRE(i < len);
	CHECK_INT(c[i].kind, kind);
	CHECK_TEXT(c[i].subject, text[0]);
	CHECK_TEXT(c[i].before, text[1]);
	CHECK_TEXT(c[i].after, text[2]);
}

static size_t changes_len(const struct journal *j)
{
	size_t len;

	journal_changes(j, &len);
	return len;
}

static void add_two(struct journal *j)
{
	CHECK_INT(journal_add(j, CHANGE_SYSCTL, "net/ipv4/conf/all/forwarding", "0", "1"), 0);
	CHECK_INT(journal_add(j, CHANGE_PORTS, "", "", "50000-50010"), 0);
}

static void check_two(const struct journal *j)
{
	CHECK_INT(changes_len(j), 2);
	check_change(j, 0, CHANGE_SYSCTL, (const char *const[]){ "net/ipv4/conf/all/forwarding", "0", "1" });
	check_change(j, 1, CHANGE_PORTS, (const char *const[]){ "", "", "50000-50010" });
}

TEST(changes_outlive_a_process_that_never_undid_them)
{
	place_make();
	struct journal *j = open_again();

	add_two(j);
	check_two(j);
	journal_close(j);
	j = open_again();
	check_two(j);
	journal_forget(j);
	CHECK_INT(changes_len(j), 0);
	journal_close(j);
	CHECK(access(path, F_OK) < 0);
	place_remove();
}

TEST(a_journal_in_memory_needs_no_file)
{
	struct journal *j = NULL;

	REQUIRE(journal_open(NULL, &j) == 0);
	add_two(j);
	check_two(j);
	journal_forget(j);
	journal_close(j);
	journal_close(NULL);
}

TEST(a_journal_in_use_is_busy_and_not_disturbed)
{
	struct journal *other = NULL;

	place_make();
	struct journal *j = open_again();

	add_two(j);
	CHECK_INT(journal_open(path, &other), -EBUSY);
	CHECK(other == NULL);
	journal_close(j);
	j = open_again();
	check_two(j);
	journal_forget(j);
	journal_close(j);
	place_remove();
}

static void file_make(const char *text, mode_t mode)
{
	char sub[64];
	int fd;

	snprintf(sub, sizeof(sub), "%s/sub", directory);
	mkdir(sub, 0755);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	REQUIRE(fd >= 0 && fchmod(fd, mode) == 0);
	REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void first_line_make(char *to, size_t size, const char *rest)
{
	struct stat st;

	REQUIRE(stat("/proc/self/ns/net", &st) == 0);
	snprintf(to, size, "isthmus host journal 1, network namespace %ju\n%s", (uintmax_t)st.st_ino, rest);
}

static const struct {
	const char *name, *rest;
	size_t want;
} line_rows[] = {
	{ "one", "sysctl\tnet/a\t0\t1\n", 1 },
	{ "empty fields", "ports\t\t\t1\n", 1 },
	{ "cut short", "sysctl\tnet/a\t0\t1\nsysctl\tnet/b\t0\t1", 1 },
	{ "unknown kind", "reboot\tnet/a\t0\t1\nproxy\teth0\t2\t192.0.2.1\n", 1 },
	{ "too few fields", "sysctl\tnet/a\t0\n", 0 },
	{ "too many fields", "sysctl\tnet/a\t0\t1\t2\n", 0 },
	{ "empty line", "\nsysctl\tnet/a\t0\t1\n", 1 },
	{ "nothing", "", 0 },
};

TEST(lines_that_make_no_sense_are_passed_over)
{
	char text[256];

	for (size_t i = 0; i < ARRAY_LEN(line_rows); i++) {
		test_row(line_rows[i].name);
		place_make();
		first_line_make(text, sizeof(text), line_rows[i].rest);
		file_make(text, 0600);
		struct journal *j = open_again();

		CHECK_INT(changes_len(j), line_rows[i].want);
		journal_forget(j);
		journal_close(j);
		place_remove();
	}
	test_row(NULL);
}

TEST(every_truncation_of_a_file_is_read_without_harm)
{
	char text[256], cut[256];

	first_line_make(text, sizeof(text), "sysctl\tnet/a\t0\t1\nfilter\teth0\t2\tqdisc\n");
	for (size_t len = 0; len <= strlen(text); len++) {
		place_make();
		memcpy(cut, text, len);
		cut[len] = '\0';
		file_make(cut, 0600);
		struct journal *j = open_again();

		CHECK(changes_len(j) <= 2);
		add_two(j);
		journal_forget(j);
		journal_close(j);
		place_remove();
	}
}

TEST(another_network_namespace_or_format_is_not_undone_here)
{
	place_make();
	file_make("isthmus host journal 1, network namespace 1\nsysctl\tnet/a\t0\t1\n", 0600);
	struct journal *j = open_again();

	CHECK_INT(changes_len(j), 0);
	add_two(j);
	journal_close(j);
	j = open_again();
	check_two(j);
	journal_forget(j);
	journal_close(j);
	place_remove();
}

TEST(a_file_that_others_may_write_is_not_believed)
{
	char text[256];

	place_make();
	first_line_make(text, sizeof(text), "sysctl\tnet/a\t0\t1\n");
	file_make(text, 0666);
	struct journal *j = open_again();
	struct stat st;

	CHECK_INT(changes_len(j), 0);
	REQUIRE(stat(path, &st) == 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	add_two(j);
	check_two(j);
	journal_forget(j);
	journal_close(j);
	place_remove();
}

TEST(a_symbolic_link_is_refused_and_left_alone)
{
	struct journal *j = NULL;
	char target[64];

	place_make();
	file_make("precious", 0600);
	snprintf(target, sizeof(target), "%s/target", directory);
	REQUIRE(rename(path, target) == 0 && symlink(target, path) == 0);
	CHECK_INT(journal_open(path, &j), -ELOOP);
	CHECK(access(target, F_OK) == 0);
	unlink(target);
	place_remove();
}

static bool is_of(void *ctx, const struct change *c)
{
	return strcmp(c->subject, ctx) == 0;
}

TEST(some_changes_can_be_forgotten_and_the_rest_outlives_the_process)
{
	place_make();
	struct journal *j = open_again();

	add_two(j);
	CHECK_INT(journal_add(j, CHANGE_PROXY, "eth0", "2", "192.0.2.5"), 0);
	CHECK_INT(journal_forget_some(j, is_of, "eth0"), 0);
	check_two(j);
	CHECK_INT(journal_forget_some(j, is_of, "eth0"), 0);
	journal_close(j);
	j = open_again();
	check_two(j);
	CHECK_INT(journal_forget_some(j, is_of, ""), 0);
	CHECK_INT(journal_add(j, CHANGE_PROXY, "eth1", "3", "192.0.2.6"), 0);
	journal_close(j);
	j = open_again();
	CHECK_INT(changes_len(j), 2);
	check_change(j, 1, CHANGE_PROXY, (const char *const[]){ "eth1", "3", "192.0.2.6" });
	journal_forget(j);
	journal_close(j);
	place_remove();
}

TEST(a_replaced_file_keeps_a_second_gateway_out)
{
	place_make();
	struct journal *j = open_again(), *other = NULL;

	add_two(j);
	CHECK_INT(journal_forget_some(j, is_of, ""), 0);
	CHECK_INT(journal_open(path, &other), -EBUSY);
	CHECK(other == NULL);
	journal_forget(j);
	journal_close(j);
	place_remove();
}

TEST(a_file_that_cannot_be_replaced_stays_as_it_was)
{
	char blocker[80];

	place_make();
	struct journal *j = open_again();

	add_two(j);
	snprintf(blocker, sizeof(blocker), "%s.new", path);
	REQUIRE(mkdir(blocker, 0700) == 0);
	CHECK(journal_forget_some(j, is_of, "") < 0);
	REQUIRE(rmdir(blocker) == 0);
	CHECK_INT(changes_len(j), 1);
	journal_close(j);
	j = open_again();
	check_two(j); /* what is undone twice does no harm; what is forgotten would */
	journal_forget(j);
	journal_close(j);
	place_remove();
}

TEST(some_changes_in_memory_can_be_forgotten)
{
	struct journal *j = NULL;

	REQUIRE(journal_open(NULL, &j) == 0);
	add_two(j);
	CHECK_INT(journal_forget_some(j, is_of, ""), 0);
	CHECK_INT(changes_len(j), 1);
	journal_forget(j);
	journal_close(j);
}
