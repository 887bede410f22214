/*
 * fuzz_lent46.c - the memory of the table of DNS46 holds what it likes, and readers and writers work with it
 *
 * The first byte chooses the size of the pool, the rest is laid over the memory. Whatever that is, every call returns; and
 * after lent46_take() both ways agree for every address.
 */
#include "addr/lent46.h"

#include <stdlib.h>

#define NOW (1000 * NSEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void use(const struct lent46 *t, struct lent46_writer *w)
{
	struct lent46_binding b;
	struct addr6 target;
	struct addr4 a;

	for (uint32_t i = 0; i < t->len + 2; i++) {
		struct addr6 host = { i, ~(uint64_t)i };

		(void)lent46_find4(t, (struct addr4){ t->pool.addr.v + i - 1 }, NOW, &target);
		(void)lent46_find6(t, host, NOW, &a);
		(void)lent46_at(t, i, &b);
		(void)!lent46_lend(w, host, NOW, NOW + i, &a);
	}
}

static void agree(const struct lent46 *t)
{
	struct lent46_binding b;
	struct addr4 a = { 0 };

	for (uint32_t i = 0; i < t->len; i++) {
		if (!lent46_at(t, i, &b))
			continue;
		check(lent46_find6(t, b.target, 0, &a) == LENT46_FOUND);
		check(addr4_eq(a, b.address));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct hash_key key = { 1, 2 };
	struct prefix4 pool = { { 0xc6120000 }, 32 };
	struct lent46_writer w;
	struct lent46 t;

	if (len < 1)
		return 0;
	pool.len = (uint8_t)(26 + data[0] % 7);
	size_t bytes = lent46_bytes(pool);
	uint8_t *memory = calloc(1, bytes);

	if (!memory)
		return 0;
	lent46_make(memory, pool, &key);
	check(lent46_attach(&t, pool, memory));
	w = (struct lent46_writer){ .table = t, .linger = NSEC };
	bytes_copy(memory, data + 1, len - 1 < bytes ? len - 1 : bytes);
	use(&t, &w);
	lent46_take(&w, &t, NSEC);
	agree(&t);
	free(memory);
	return 0;
}
