/*
 * harness.h - unit tests: each case is a sentence, runs in its own process with a time limit, and order does not matter
 *
 *	TEST(udp_zero_checksum_is_dropped_unless_enabled)
 *	{
 *		CHECK(x == 3);
 *		CHECK_INT(x, 3);
 *	}
 *
 * A failed check says where and what, and the case goes on; REQUIRE ends it. Output is one line per case and, at the
 * end, "N passed, N failed, N skipped"; the exit status is 0 only if none failed. `./test NAME...` runs some cases.
 * `TEST_SEED=n` replays random tests: test_seed() prints what it returns. `PATIENCE=n` multiplies the time limit.
 */
#ifndef ISTHMUS_TESTS_HARNESS_H
#define ISTHMUS_TESTS_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void test_register(const char *name, void (*fn)(void));
bool test_check(bool ok, const char *what, const char *file, int line);
void test_abort(void);
void test_skip(const char *why); /* ends the case as skipped */
uint64_t test_seed(void);
bool test_check_int(long long got, long long want, const char *what, const char *file, int line);
bool test_check_text(const char *got, const char *want, const char *what, const char *file, int line);
bool test_check_bytes(const void *got, size_t got_len, const void *want, size_t want_len, const char *what,
	const char *file, int line);
/** test_row() - name the table row that the following checks are about; NULL ends it */
void test_row(const char *name);

#define TEST(name)                                                                                           \
	static void test_##name(void);                                                                       \
	__attribute__((constructor)) static void register_##name(void)                                       \
	{                                                                                                    \
		test_register(#name, test_##name);                                                           \
	}                                                                                                    \
	static void test_##name(void)

#define CHECK(x) test_check((x), #x, __FILE__, __LINE__)
#define CHECK_INT(got, want) test_check_int((long long)(got), (long long)(want), #got, __FILE__, __LINE__)
#define CHECK_TEXT(got, want) test_check_text((got), (want), #got, __FILE__, __LINE__)
#define CHECK_BYTES(got, got_len, want, want_len)                                                            \
	test_check_bytes((got), (got_len), (want), (want_len), #got, __FILE__, __LINE__)
#define REQUIRE(x)                                                                                           \
	do {                                                                                                 \
		if (!test_check((x), #x, __FILE__, __LINE__))                                                \
			test_abort();                                                                        \
	} while (0)

#endif
