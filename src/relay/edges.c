/* edges.c - see edges.h */
#include "relay/edges.h"

#include "loop/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BATCH 64 /* events taken before the loop looks at timers and other descriptors */

struct edges {
	int fd;
	struct loop_watch *watch;
	unsigned at, len; /* of the batch: the next one, and its end */
	struct epoll_event batch[BATCH];
};

static unsigned events_of(uint32_t e)
{
	return (e & EPOLLIN ? EDGE_READ : 0U) | (e & EPOLLOUT ? EDGE_WRITE : 0U) |
	       (e & EPOLLRDHUP ? EDGE_END : 0U) | (e & (EPOLLERR | EPOLLHUP) ? EDGE_BROKEN : 0U);
}

static void on_ready(void *ctx, unsigned ready)
{
	struct edges *e = ctx;
	int n = epoll_wait(e->fd, e->batch, BATCH, 0);

	e->len = n > 0 ? (unsigned)n : 0;
	for (e->at = 0; e->at < e->len;) {
		const struct epoll_event *now = &e->batch[e->at++];
		struct edge *w = now->data.ptr;

		if (w)
			w->fn(w, events_of(now->events));
	}
	e->at = e->len = 0;
}

int edges_new(struct loop *l, struct edges **ret)
{
	struct edges *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->fd = epoll_create1(EPOLL_CLOEXEC);
	int err = e->fd < 0 ? -errno : loop_watch_fd(l, e->fd, LOOP_READ, on_ready, e, &e->watch);

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
	loop_unwatch(e->watch);
	if (e->fd >= 0)
		close(e->fd);
	free(e);
}

static int control(struct edges *e, int op, int fd, struct edge *w)
{
	struct epoll_event all = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = w };

	return epoll_ctl(e->fd, op, fd, &all) < 0 ? -errno : 0;
}

int edges_add(struct edges *e, int fd, struct edge *w)
{
	return control(e, EPOLL_CTL_ADD, fd, w);
}

int edges_move(struct edges *e, int fd, struct edge *from, struct edge *to)
{
	int err = control(e, EPOLL_CTL_MOD, fd, to);

	if (err == 0)
		edges_forget(e, from);
	return err;
}

/* What was told of @w in this batch, and not yet passed on, is nobody's any more. */
void edges_forget(struct edges *e, const struct edge *w)
{
	for (unsigned i = e->at; i < e->len; i++)
		if (e->batch[i].data.ptr == w)
			e->batch[i].data.ptr = NULL;
}

void edges_drop(struct edges *e, int fd, const struct edge *w)
{
	(void)epoll_ctl(e->fd, EPOLL_CTL_DEL, fd, NULL);
	edges_forget(e, w);
}
