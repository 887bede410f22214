/*
 * loop.c - the event loop, libevent underneath
 *
 * Purpose. Every process of Isthmus that waits for more than one thing (supervisor, roles) waits here: for
 * descriptors, timers and signals. libevent brings the waiting itself and is what libunbound wants as well;
 * this module narrows it to the four verbs that the program needs, so that nothing else includes a libevent
 * header.
 *
 * Structure. @struct_loop owns one event base; a @struct_loop_watch owns one event and the caller's function.
 *
 * Life cycle of a watch: made by loop_watch_fd(), loop_watch_timer() or loop_watch_signal(); called any
 * number of times; freed by loop_unwatch(). A callback may unwatch anything, itself included, because nothing
 * here touches a watch after its function has been called, and libevent takes a deleted event off its queue
 * of ready ones. A timer is idle until loop_timer_set(), fires once, and is idle again. All watches are
 * unwatched before loop_free().
 *
 * Limits. One thread: no function here may be called from another one. Descriptors are level-triggered unless
 * LOOP_EDGE says otherwise: a callback that leaves bytes unread is called again.
 *
 * Left out on purpose: priorities, buffered events, name resolution (libevent's own), the
 * environment variables that change libevent's back end.
 */
#include "loop/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

struct loop {
	struct event_base *base;
};

struct loop_watch {
	struct event *event;
	union {
		void (*fd)(void *ctx, unsigned ready);
		void (*timer)(void *ctx);
		void (*signal)(void *ctx, int signo);
	} fn;
	void *ctx;
};

static struct event_base *base_new(void)
{
	struct event_config *c = event_config_new();
	struct event_base *base = NULL;

	if (!c)
		return NULL;
	if (event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV) == 0)
		base = event_base_new_with_config(c);
	event_config_free(c);
	return base;
}

int loop_new(struct loop **ret)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->base = base_new();
	if (!l->base) {
		loop_free(l);
		return -ENOMEM;
	}
	*ret = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->base)
		event_base_free(l->base);
	free(l);
}

int loop_run(struct loop *l)
{
	return event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0 ? -EIO : 0;
}

void loop_stop(struct loop *l)
{
	event_base_loopbreak(l->base);
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}

/* --- from libevent's callback to ours; the watch may be gone when the function returns --- */

static void on_fd(evutil_socket_t fd, short what, void *arg)
{
	struct loop_watch *w = arg;

	w->fn.fd(w->ctx, (what & EV_READ ? LOOP_READ : 0U) | (what & EV_WRITE ? LOOP_WRITE : 0U));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop_watch *w = arg;

	w->fn.timer(w->ctx);
}

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct loop_watch *w = arg;

	w->fn.signal(w->ctx, (int)signo);
}

/**
 * watch_new() - make a watch whose event is not yet added
 * @fd:		descriptor, signal number, or -1 for a timer
 * @what:	EV_* mask
 *
 * Return: the watch, or NULL without memory.
 */
static struct loop_watch *watch_new(struct loop *l, int fd, short what, event_callback_fn fn)
{
	struct loop_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->event = event_new(l->base, fd, what, fn, w);
	if (!w->event) {
		free(w);
		return NULL;
	}
	return w;
}

/* watch_add() - begin to wait; on failure the watch is freed */
static int watch_add(struct loop_watch *w, struct loop_watch **ret)
{
	errno = 0;
	if (event_add(w->event, NULL) < 0) {
		int err = errno ? -errno : -ENOMEM;

		loop_unwatch(w);
		return err;
	}
	*ret = w;
	return 0;
}

int loop_watch_fd(struct loop *l, int fd, unsigned events, void (*fn)(void *ctx, unsigned ready), void *ctx,
	struct loop_watch **ret)
{
	short what = EV_PERSIST;

	if (events & LOOP_READ)
		what |= EV_READ;
	if (events & LOOP_WRITE)
		what |= EV_WRITE;
	if (events & LOOP_EDGE)
		what |= EV_ET;
	struct loop_watch *w = watch_new(l, fd, what, on_fd);
	if (!w)
		return -ENOMEM;
	w->fn.fd = fn;
	w->ctx = ctx;
	return watch_add(w, ret);
}

int loop_watch_timer(struct loop *l, void (*fn)(void *ctx), void *ctx, struct loop_watch **ret)
{
	struct loop_watch *w = watch_new(l, -1, EV_TIMEOUT, on_timer);

	if (!w)
		return -ENOMEM;
	w->fn.timer = fn;
	w->ctx = ctx;
	*ret = w;
	return 0;
}

void loop_timer_set(struct loop_watch *w, nsec after_ns)
{
	struct timeval tv = {
		.tv_sec = (time_t)(after_ns / NSEC),
		.tv_usec = (suseconds_t)(after_ns % NSEC / 1000),
	};

	/* Replacing the time of a timer that is known to the base takes no memory, so this cannot fail later
	 * than the first time; a first time that fails would be a timer that never fires. */
	ASSERT(event_add(w->event, &tv) == 0);
}

void loop_timer_stop(struct loop_watch *w)
{
	event_del(w->event);
}

int loop_watch_signal(
	struct loop *l, int signo, void (*fn)(void *ctx, int signo), void *ctx, struct loop_watch **ret)
{
	struct loop_watch *w = watch_new(l, signo, EV_SIGNAL | EV_PERSIST, on_signal);

	if (!w)
		return -ENOMEM;
	w->fn.signal = fn;
	w->ctx = ctx;
	return watch_add(w, ret);
}

void loop_unwatch(struct loop_watch *w)
{
	if (!w)
		return;
	event_free(w->event);
	free(w);
}
