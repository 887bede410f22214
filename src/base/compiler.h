/* compiler.h - attributes and small macros that every module uses */
#ifndef ISTHMUS_BASE_COMPILER_H
#define ISTHMUS_BASE_COMPILER_H

#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define COLD __attribute__((cold, noinline)) /* seldom called: kept out of its callers and their stacks */
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/**
 * assert_failed() - write one line about a broken invariant and abort
 *
 * Context: any; never returns.
 */
_Noreturn void assert_failed(const char *what, const char *file, int line);

/* Stays on in release builds. Never reachable from input: a failing ASSERT is a bug of Isthmus. */
#define ASSERT(x) (LIKELY(x) ? (void)0 : assert_failed(#x, __FILE__, __LINE__))

/** HOLDER_OF() - the struct of @type that holds *@at as its @member */
#define HOLDER_OF(at, type, member) ((type *)(void *)((char *)(at)-offsetof(type, member)))

#endif
