/* http_wait.c - see http_wait.h */
#include "relay/http_wait.h"

#include "loop/loop.h"

/* The first of all queues decides when to look again. */
static void set_timer(struct http_waits *q, nsec now)
{
	nsec first = 0;

	for (unsigned i = 0; i < HTTP_WAIT_COUNT; i++) {
		const struct http_wait *w = q->queues[i].next;

		if (w != &q->queues[i] && (first == 0 || w->due < first))
			first = w->due;
	}
	q->timer_due = first;
	if (first)
		loop_timer_set(q->timer, first > now ? first - now : 0);
}

static void look(void *ctx)
{
	struct http_waits *q = ctx;
	nsec now = clock_now();

	q->timer_due = 0;
	for (unsigned i = 0; i < HTTP_WAIT_COUNT; i++)
		while (q->queues[i].next != &q->queues[i] && q->queues[i].next->due <= now) {
			struct http_wait *w = q->queues[i].next;

			http_wait_end(w);
			w->due_fn(w);
		}
	set_timer(q, now);
}

int http_waits_init(struct http_waits *q, struct loop *l)
{
	for (unsigned i = 0; i < HTTP_WAIT_COUNT; i++)
		q->queues[i].prev = q->queues[i].next = &q->queues[i];
	return loop_watch_timer(l, look, q, &q->timer);
}

void http_waits_fini(struct http_waits *q)
{
	loop_unwatch(q->timer);
	q->timer = NULL;
}

void http_wait_begin(struct http_waits *q, struct http_wait *w, enum http_wait_for what)
{
	struct http_wait *queue = &q->queues[what];
	nsec now = clock_now();

	http_wait_end(w);
	w->due = now + q->lengths[what];
	w->prev = queue->prev;
	w->next = queue;
	queue->prev->next = w;
	queue->prev = w;
	if (q->timer_due == 0 || w->due < q->timer_due) {
		q->timer_due = w->due;
		loop_timer_set(q->timer, q->lengths[what]);
	}
}

void http_wait_end(struct http_wait *w)
{
	if (!w->next)
		return;
	w->prev->next = w->next;
	w->next->prev = w->prev;
	w->prev = w->next = NULL;
}
