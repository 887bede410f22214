/* ring.c - see ring.h */
#include "dataplane/ring.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

/* In front of each record, on a cache line of its own so that the record is aligned. */
struct header {
	uint32_t len;	/* bytes of the record */
	uint32_t bytes; /* from this header to the next one */
	bool is_skip;
};

/* Each side's words have lines of their own: what one side writes, the other reads, and else nobody. */
struct ring {
	uint8_t *memory;
	void *base; /* as calloc() gave it */
	uint32_t bytes;

	_Alignas(RING_LINE) _Atomic uint64_t tail; /* producer: everything before is published */
	uint64_t head_seen;			   /* producer: what it last knew of head */
	uint64_t reserved;			   /* producer: the tail after the reserved record */

	_Alignas(RING_LINE) _Atomic uint64_t head; /* consumer: everything before is given back */
	uint64_t tail_seen;			   /* consumer: what it last knew of tail */
};

#define RESTART_SHARE 4 /* an empty ring is begun anew once a quarter of the memory has been used */

int ring_new(uint32_t bytes, struct ring **ret)
{
	struct ring *r = aligned_alloc(RING_LINE, sizeof(*r));

	ASSERT(bytes >= 1024 && (bytes & (bytes - 1)) == 0);
	if (!r)
		return -ENOMEM;
	bytes_zero(r, sizeof(*r));
	r->base = calloc(1, (size_t)bytes + RING_LINE);
	if (!r->base) {
		free(r);
		return -ENOMEM;
	}
	r->memory = (uint8_t *)r->base + (-(uintptr_t)r->base & (RING_LINE - 1));
	r->bytes = bytes;
	*ret = r;
	return 0;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	free(r->base);
	free(r);
}

/* A record at the end of the memory is preceded by a skip shorter than itself, so half of the memory always suffices. */
uint32_t ring_record_max(const struct ring *r)
{
	return r->bytes / 2 - RING_LINE;
}

static struct header *header_at(const struct ring *r, uint64_t position)
{
	return (void *)(r->memory + (position & (r->bytes - 1)));
}

static bool has_room(struct ring *r, uint64_t end)
{
	if (end - r->head_seen <= r->bytes)
		return true;
	r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
	return end - r->head_seen <= r->bytes;
}

/* How many bytes to skip before a record of @need bytes can stand in one piece. */
static uint32_t skip_before(struct ring *r, uint64_t tail, uint32_t need)
{
	uint32_t at = (uint32_t)(tail & (r->bytes - 1)), left = r->bytes - at;
	bool is_worn = at >= r->bytes / RESTART_SHARE && left + need <= r->bytes;

	if (need > left)
		return left;
	return is_worn && atomic_load_explicit(&r->head, memory_order_acquire) == tail ? left : 0;
}

void *ring_reserve(struct ring *r, uint32_t len)
{
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (len > ring_record_max(r))
		return NULL;
	uint32_t need = RING_LINE + (len + RING_LINE - 1) / RING_LINE * RING_LINE;
	uint32_t skip = skip_before(r, tail, need);

	if (!has_room(r, tail + skip + need))
		return NULL;
	if (skip > 0)
		*header_at(r, tail) = (struct header){ .bytes = skip, .is_skip = true };
	struct header *h = header_at(r, tail + skip);

	*h = (struct header){ .len = len, .bytes = need };
	r->reserved = tail + skip + need;
	return (uint8_t *)h + RING_LINE;
}

void ring_commit(struct ring *r)
{
	atomic_store_explicit(&r->tail, r->reserved, memory_order_release);
}

static bool has_record(struct ring *r, uint64_t head)
{
	if (head != r->tail_seen)
		return true;
	r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
	return head != r->tail_seen;
}

bool ring_is_empty(struct ring *r)
{
	return !has_record(r, atomic_load_explicit(&r->head, memory_order_relaxed));
}

/* A skip is published together with the record behind it. */
void *ring_peek(struct ring *r, uint32_t *ret_len)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	if (!has_record(r, head))
		return NULL;
	struct header *h = header_at(r, head);

	if (h->is_skip) {
		head += h->bytes;
		atomic_store_explicit(&r->head, head, memory_order_release);
		h = header_at(r, head);
	}
	*ret_len = h->len;
	return (uint8_t *)h + RING_LINE;
}

void ring_release(struct ring *r)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	atomic_store_explicit(&r->head, head + header_at(r, head)->bytes, memory_order_release);
}
