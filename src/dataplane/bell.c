/* bell.c - see bell.h */
#include "dataplane/bell.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int bell_init(struct bell *b)
{
	atomic_init(&b->is_asleep, false);
	b->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return b->fd < 0 ? -errno : 0;
}

void bell_fini(struct bell *b)
{
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
}

void bell_doze(struct bell *b)
{
	atomic_store_explicit(&b->is_asleep, true, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

int bell_rise(struct bell *b)
{
	uint64_t count;

	atomic_store_explicit(&b->is_asleep, false, memory_order_relaxed);
	return read(b->fd, &count, sizeof(count)) < 0 && errno != EAGAIN ? -errno : 0;
}

int bell_ring(struct bell *b)
{
	uint64_t one = 1;

	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&b->is_asleep, memory_order_relaxed))
		return 0;
	return write(b->fd, &one, sizeof(one)) < 0 && errno != EAGAIN ? -errno : 0;
}
