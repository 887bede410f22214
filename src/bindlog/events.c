/* events.c - see events.h */
#include "bindlog/events.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#define LINE 64 /* bytes of a cache line: the two sides do not share one */

struct events {
	_Alignas(LINE) _Atomic uint32_t put; /* written so far; counts on through 2^32 */
	uint32_t seen_taken;		     /* what the writer last saw of `taken` */
	_Atomic uint64_t lost;
	_Alignas(LINE) _Atomic uint32_t taken;
	uint32_t seen_put;
	_Alignas(LINE) uint32_t mask;
	struct state_event at[];
};

int events_new(uint32_t slots, struct events **ret)
{
	size_t bytes = sizeof(struct events) + slots * sizeof(struct state_event);

	ASSERT(slots > 0 && (slots & (slots - 1)) == 0);
	struct events *r = aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE);
	if (!r)
		return -ENOMEM;
	bytes_zero(r, sizeof(*r));
	r->mask = slots - 1;
	*ret = r;
	return 0;
}

void events_free(struct events *r)
{
	free(r);
}

void events_put(void *ctx, const struct state_event *e)
{
	struct events *r = ctx;
	uint32_t put = atomic_load_explicit(&r->put, memory_order_relaxed);

	if (put - r->seen_taken > r->mask) {
		r->seen_taken = atomic_load_explicit(&r->taken, memory_order_acquire);
		if (put - r->seen_taken > r->mask) {
			uint64_t lost = atomic_load_explicit(&r->lost, memory_order_relaxed);

			atomic_store_explicit(&r->lost, lost + 1, memory_order_release);
			return;
		}
	}
	r->at[put & r->mask] = *e;
	atomic_store_explicit(&r->put, put + 1, memory_order_release);
}

bool events_take(struct events *r, struct state_event *ret)
{
	uint32_t taken = atomic_load_explicit(&r->taken, memory_order_relaxed);

	if (taken == r->seen_put) {
		r->seen_put = atomic_load_explicit(&r->put, memory_order_acquire);
		if (taken == r->seen_put)
			return false;
	}
	*ret = r->at[taken & r->mask];
	atomic_store_explicit(&r->taken, taken + 1, memory_order_release);
	return true;
}

uint64_t events_lost(const struct events *r)
{
	return atomic_load_explicit(&r->lost, memory_order_acquire);
}
