/*
 * edges.c - see edges.h
 *
 * Structure. The kernel knows sockets by their descriptor, and @owners says who wants to know of each. A socket without
 * an owner may still be known to the kernel: whatever it says of it is passed over, and being edges it says it once. So
 * giving a socket up costs nothing, and when it is closed the kernel forgets it by itself.
 */
#include "relay/edges.h"

#include "base/bytes.h"
#include "loop/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BATCH 64
#define SLICE (2 * MSEC) /* until the loop looks at timers and other descriptors */

struct owner {
	struct edge *edge; /* NULL: nobody */
	bool is_known;	   /* to the kernel, unless it was closed by somebody else since */
	uint8_t told;	   /* the last events */
};

struct edges {
	int fd;
	struct loop_watch *watch;
	struct loop_watch *timer; /* runs while somebody waits for edges_again() and nothing happens */
	struct owner *owners;	  /* by descriptor */
	unsigned owners_len;
	struct edge *first, *last; /* who wait for edges_again() */
	unsigned waiting;	   /* so many */
	bool is_running;	   /* on_ready() is up the stack, and looks after them */
	unsigned at, len;	   /* of the batch: the next one, and its end */
	struct epoll_event batch[BATCH];
};

static unsigned events_of(uint32_t e)
{
	return (e & EPOLLIN ? EDGE_READ : 0U) | (e & EPOLLOUT ? EDGE_WRITE : 0U) |
	       (e & EPOLLRDHUP ? EDGE_END : 0U) | (e & (EPOLLERR | EPOLLHUP) ? EDGE_BROKEN : 0U);
}

static void tell(struct owner *o, unsigned events)
{
	o->told = (uint8_t)events;
	if (o->edge)
		o->edge->fn(o->edge, events);
}

/* Takes a batch; whether there was one. */
static bool take_batch(struct edges *e)
{
	int n = epoll_wait(e->fd, e->batch, BATCH, 0);

	e->len = n > 0 ? (unsigned)n : 0;
	for (e->at = 0; e->at < e->len;) {
		const struct epoll_event *now = &e->batch[e->at++];

		if (now->data.fd >= 0)
			tell(&e->owners[now->data.fd], events_of(now->events));
	}
	e->at = e->len = 0;
	return n > 0;
}

/* --- again --- */

void edges_again(struct edges *e, struct edge *w)
{
	if (w->is_waiting)
		return;
	w->is_waiting = true;
	w->next = NULL;
	w->prev = e->last;
	if (w->prev)
		w->prev->next = w;
	else
		e->first = w;
	e->last = w;
	e->waiting++;
	if (!e->is_running)
		loop_timer_set(e->timer, 0);
}

static void wait_no_more(struct edges *e, struct edge *w)
{
	if (!w || !w->is_waiting)
		return;
	w->is_waiting = false;
	e->waiting--;
	if (w->prev)
		w->prev->next = w->next;
	else
		e->first = w->next;
	if (w->next)
		w->next->prev = w->prev;
	else
		e->last = w->prev;
}

/* Calls those who wait now; whoever comes back meanwhile has its turn after the next batch. */
static void call_waiting(struct edges *e)
{
	for (unsigned n = e->waiting; n > 0 && e->first; n--) {
		struct edge *w = e->first;

		wait_no_more(e, w);
		w->fn(w, 0);
	}
}

/* --- the loop --- */

/* Under load the next batch is there when this one is done, and to look here first saves the loop's own look. Timers and
 * other descriptors come SLICE later at most. To wait here for a batch that is not there yet does not pay: measured. */
static void on_ready(void *ctx, unsigned ready)
{
	struct edges *e = ctx;
	nsec end = clock_now() + SLICE;
	bool was_there;

	e->is_running = true;
	do {
		was_there = take_batch(e);
		call_waiting(e);
	} while ((was_there || e->first) && clock_now() < end);
	e->is_running = false;
	if (e->first)
		loop_timer_set(e->timer, 0);
}

static void on_timer(void *ctx)
{
	struct edges *e = ctx;

	if (e->first)
		on_ready(e, 0);
}

int edges_new(struct loop *l, struct edges **ret)
{
	struct edges *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->fd = epoll_create1(EPOLL_CLOEXEC);
	int err = e->fd < 0 ? -errno : loop_watch_fd(l, e->fd, LOOP_READ, on_ready, e, &e->watch);

	if (err == 0)
		err = loop_watch_timer(l, on_timer, e, &e->timer);
	if (err < 0) {
		edges_free(e);
		return err;
	}
	*ret = e;
	return 0;
}

void edges_free(struct edges *e)
{
	if (!e)
		return;
	loop_unwatch(e->timer);
	loop_unwatch(e->watch);
	if (e->fd >= 0)
		close(e->fd);
	free(e->owners);
	free(e);
}

static int grow(struct edges *e, unsigned fd)
{
	unsigned len = e->owners_len ? e->owners_len : 256;

	while (len <= fd)
		len *= 2;
	struct owner *more = realloc(e->owners, len * sizeof(*more));

	if (!more)
		return -ENOMEM;
	bytes_zero(more + e->owners_len, (len - e->owners_len) * sizeof(*more));
	e->owners = more;
	e->owners_len = len;
	return 0;
}

static int control(struct edges *e, int op, int fd)
{
	struct epoll_event all = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = fd };

	return epoll_ctl(e->fd, op, fd, &all) < 0 ? -errno : 0;
}

/* A known socket is looked at anew, so the new owner hears of what its predecessor was told. */
static int tell_kernel(struct edges *e, int fd, bool is_known)
{
	int err = is_known ? control(e, EPOLL_CTL_MOD, fd) : -ENOENT;

	return err == -ENOENT ? control(e, EPOLL_CTL_ADD, fd) : err;
}

int edges_add(struct edges *e, int fd, struct edge *w)
{
	int err = (unsigned)fd < e->owners_len ? 0 : grow(e, (unsigned)fd);

	if (err < 0)
		return err;
	struct owner *o = &e->owners[fd];

	err = tell_kernel(e, fd, o->is_known);
	if (err == 0)
		*o = (struct owner){ w, true, 0 };
	return err;
}

unsigned edges_adopt(struct edges *e, int fd, struct edge *w)
{
	ASSERT((unsigned)fd < e->owners_len);
	struct owner *o = &e->owners[fd];

	ASSERT(o->is_known && !o->edge);
	o->edge = w;
	return o->told;
}

/* What was told of a socket in this batch, and not yet passed on, is nobody's any more. */
static void disown(struct edges *e, int fd)
{
	wait_no_more(e, e->owners[fd].edge);
	e->owners[fd].edge = NULL;
	for (unsigned i = e->at; i < e->len; i++)
		if (e->batch[i].data.fd == fd)
			e->batch[i].data.fd = -1;
}

void edges_forget(struct edges *e, int fd)
{
	if (fd < 0 || (unsigned)fd >= e->owners_len)
		return;
	disown(e, fd);
	e->owners[fd].is_known = false;
}

void edges_remove(struct edges *e, int fd)
{
	if (fd < 0 || (unsigned)fd >= e->owners_len)
		return;
	(void)epoll_ctl(e->fd, EPOLL_CTL_DEL, fd, NULL); /* fails if it was never added */
	edges_forget(e, fd);
}

void edges_drop(struct edges *e, int fd)
{
	ASSERT((unsigned)fd < e->owners_len);
	disown(e, fd);
}
