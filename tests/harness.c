/* harness.c - runs the cases; see harness.h */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CASES_MAX 512
#define CASE_SECONDS 60
#define EXIT_FAILED 1
#define EXIT_SKIPPED 77

static struct {
	const char *name;
	void (*fn)(void);
} cases[CASES_MAX];
static size_t cases_len;
static unsigned failed_checks;
static const char *row;

void test_register(const char *name, void (*fn)(void))
{
	if (cases_len == CASES_MAX)
		abort();
	cases[cases_len].name = name;
	cases[cases_len++].fn = fn;
}

void test_row(const char *name)
{
	row = name;
}

static void where(const char *file, int line)
{
	failed_checks++;
	printf("  %s:%d: ", file, line);
	if (row)
		printf("[%s] ", row);
}

bool test_check(bool ok, const char *what, const char *file, int line)
{
	if (!ok) {
		where(file, line);
		printf("not true: %s\n", what);
	}
	return ok;
}

bool test_check_int(long long got, long long want, const char *what, const char *file, int line)
{
	if (got == want)
		return true;
	where(file, line);
	printf("%s is %lld (0x%llx), should be %lld (0x%llx)\n", what, got, (unsigned long long)got, want,
		(unsigned long long)want);
	return false;
}

bool test_check_text(const char *got, const char *want, const char *what, const char *file, int line)
{
	if (got && want && strcmp(got, want) == 0)
		return true;
	where(file, line);
	printf("%s is\n    \"%s\", should be\n    \"%s\"\n", what, got ? got : "(null)",
		want ? want : "(null)");
	return false;
}

static void hex(const char *label, const uint8_t *p, size_t len)
{
	printf("    %s (%zu):", label, len);
	for (size_t i = 0; i < len && i < 256; i++)
		printf("%s%02x", i % 4 == 0 ? " " : "", p[i]);
	printf("%s\n", len > 256 ? " ..." : "");
}

bool test_check_bytes(const void *got, size_t got_len, const void *want, size_t want_len, const char *what,
	const char *file, int line)
{
	if (got_len == want_len && (got_len == 0 || memcmp(got, want, got_len) == 0))
		return true;
	where(file, line);
	printf("%s differs\n", what);
	hex("got ", got, got_len);
	hex("want", want, want_len);
	return false;
}

void test_abort(void)
{
	fflush(stdout);
	_exit(EXIT_FAILED);
}

void test_skip(const char *why)
{
	printf("  skipped: %s\n", why);
	fflush(stdout);
	_exit(EXIT_SKIPPED);
}

uint64_t test_seed(void)
{
	const char *given = getenv("TEST_SEED");
	uint64_t seed =
		given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 1000003u + (uint64_t)getpid();

	printf("  TEST_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

/* Runs in the child: exit() and not _exit(), so that the leak checker looks. */
static void run_case(size_t i)
{
	const char *patience = getenv("PATIENCE");

	alarm(CASE_SECONDS * (patience ? (unsigned)strtoul(patience, NULL, 10) : 1));
	cases[i].fn();
	fflush(stdout);
	exit(failed_checks > 0 ? EXIT_FAILED : 0);
}

static int status_of_case(size_t i)
{
	int status;

	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		run_case(i);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return EXIT_FAILED;
	if (WIFSIGNALED(status)) {
		printf("  killed by signal %d (%s)\n", WTERMSIG(status),
			WTERMSIG(status) == SIGALRM ? "time limit" : strsignal(WTERMSIG(status)));
		return EXIT_FAILED;
	}
	return WEXITSTATUS(status);
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return true;
	}
	return argc < 2;
}

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0, skipped = 0;

	for (size_t i = 0; i < cases_len; i++) {
		if (!is_wanted(cases[i].name, argc, argv))
			continue;
		int status = status_of_case(i);
		const char *verdict = status == 0 ? "ok" : status == EXIT_SKIPPED ? "skip" : "FAIL";

		printf("%s %s\n", verdict, cases[i].name);
		passed += status == 0;
		skipped += status == EXIT_SKIPPED;
		failed += status != 0 && status != EXIT_SKIPPED;
	}
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed > 0 ? EXIT_FAILED : 0;
}
