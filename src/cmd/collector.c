/*
 * collector.c - asking all processes of the gateway for their figures
 *
 * Purpose. The pages of the monitor show what the supervisor, the translator and the resolver say about
 * themselves. They are asked what any client of the control socket may ask, in the same words.
 *
 * Structure. @questions is all that is asked; each is a @struct_inquiry with a connection of its own, since a
 * connection carries one answer (docs/control.md). Whoever has not answered after PATIENCE, or answers with
 * an error, or with more than ANSWER_BYTES, is not up, and its figures are missing; that holds up nobody
 * else's.
 *
 * One round of questions serves everybody who asks while it is under way, and its result stays good for
 * COLLECTOR_FRESH. So however many scrape, the processes are asked at most four times a second, which is
 * below what the supervisor allows (control.c).
 */
#include "cmd/collector.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE (2 * NSEC)
#define ANSWER_BYTES (256 * 1024)
#define ANSWER_STEP 4096

static const struct question {
	enum snapshot_id who;
	const char *command;
	bool is_list; /* the answer is rows for `counters`, not one row for `status` */
} questions[] = {
	{ SNAPSHOT_SUPERVISOR, "status", false },
	{ SNAPSHOT_TRANSLATOR, "status", false },
	{ SNAPSHOT_TRANSLATOR, "counters", true },
	{ SNAPSHOT_RESOLVER, "status", false },
	{ SNAPSHOT_RESOLVER, "counters", true },
	{ SNAPSHOT_RELAY, "status", false },
	{ SNAPSHOT_RELAY, "counters", true },
	{ SNAPSHOT_TUNNEL, "status", false },
	{ SNAPSHOT_TUNNEL, "counters", true },
};

struct inquiry {
	struct collector *collector;
	const struct question *question;
	int fd; /* owned; -1 if it is not under way */
	struct loop_watch *readable;
	char *answer; /* owned */
	size_t len, size;
};

struct collector {
	struct loop *loop;
	struct collector_plan plan;
	struct loop_watch *timer;
	bool is_asking;
	bool has_result;
	nsec finished; /* when the result was complete */
	struct inquiry inquiries[ARRAY_LEN(questions)];
	struct snapshot result;
};

static void inquiry_close(struct inquiry *q)
{
	loop_unwatch(q->readable);
	q->readable = NULL;
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -1;
	free(q->answer);
	q->answer = NULL;
	q->len = 0;
	q->size = 0;
}

static unsigned count_open(const struct collector *c)
{
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_LEN(questions); i++)
		n += c->inquiries[i].fd >= 0;
	return n;
}

static void fail(struct inquiry *q)
{
	q->collector->result.parts[q->question->who].is_up = false;
	inquiry_close(q);
}

/* finish() - whoever has not answered by now will not */
static void finish(struct collector *c)
{
	for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
		if (c->inquiries[i].fd >= 0)
			fail(&c->inquiries[i]);
	}
	loop_timer_stop(c->timer);
	c->is_asking = false;
	c->has_result = true;
	c->finished = clock_now();
	c->plan.done(c->plan.ctx, &c->result);
}

static void on_timer(void *ctx)
{
	finish(ctx);
}

/* --- an answer --- */

/* keep_row() - put one row where it belongs; false without memory */
static bool keep_row(struct snapshot_part *p, const struct question *q, json_t *row)
{
	if (!q->is_list) {
		json_decref(p->status);
		p->status = row;
		return true;
	}
	if (!p->counters)
		p->counters = json_array();
	return json_array_append_new(p->counters, row) == 0;
}

/* take_answer() - all lines of an answer; false if it is an error, was cut, or is no answer at all */
static bool take_answer(struct snapshot_part *p, const struct question *q, const char *text, size_t len)
{
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t line = end ? (size_t)(end - text) : len;
		json_t *row = json_loadb(text, line, JSON_REJECT_DUPLICATES, NULL);

		if (!end || !json_is_object(row) || json_object_get(row, "error")) {
			json_decref(row);
			return false;
		}
		if (json_object_get(row, "end")) {
			json_decref(row);
			return true;
		}
		if (!keep_row(p, q, row))
			return false;
		text = end + 1;
		len -= line + 1;
	}
	return false;
}

static void on_end(struct inquiry *q)
{
	struct collector *c = q->collector;

	if (take_answer(&c->result.parts[q->question->who], q->question, q->answer, q->len))
		inquiry_close(q);
	else
		fail(q);
	if (count_open(c) == 0)
		finish(c);
}

/* has_room() - see to it that there is room to read; false if the answer is too long, or without memory */
static bool has_room(struct inquiry *q)
{
	if (q->size - q->len >= ANSWER_STEP)
		return true;
	size_t size = 2 * q->size + ANSWER_STEP;
	char *to = size <= ANSWER_BYTES ? realloc(q->answer, size) : NULL;
	if (!to)
		return false;
	q->answer = to;
	q->size = size;
	return true;
}

static void on_readable(void *ctx, unsigned ready)
{
	struct inquiry *q = ctx;

	if (!has_room(q)) {
		q->len = 0; /* what is cut is no answer */
		on_end(q);
		return;
	}
	ssize_t n = recv(q->fd, q->answer + q->len, q->size - q->len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		q->len += (size_t)n;
	else
		on_end(q);
}

/* --- the round --- */

/* inquire() - put one question; false if nobody will answer it */
static bool inquire(struct inquiry *q)
{
	const struct collector_plan *plan = &q->collector->plan;
	char line[128];
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return false;
	q->fd = ends[0];
	int len = snprintf(line, sizeof(line), "{\"cmd\":\"%s\",\"role\":\"%s\"}", q->question->command,
		snapshot_name(q->question->who));
	int err = plan->ask(plan->ctx, line, (size_t)len, ends[1]);
	close(ends[1]);
	if (err == 0)
		err = loop_watch_fd(q->collector->loop, q->fd, LOOP_READ, on_readable, q, &q->readable);
	return err == 0;
}

static void begin(struct collector *c)
{
	snapshot_fini(&c->result);
	c->is_asking = true;
	for (unsigned i = 0; i < SNAPSHOT_COUNT; i++) {
		c->result.parts[i].is_wanted = c->plan.wants[i];
		c->result.parts[i].is_up = c->plan.wants[i];
	}
	for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
		if (c->plan.wants[questions[i].who] && !inquire(&c->inquiries[i]))
			fail(&c->inquiries[i]);
	}
	loop_timer_set(c->timer, count_open(c) > 0 ? PATIENCE : 0);
}

void collector_ask(struct collector *c)
{
	if (c->is_asking)
		return;
	if (c->has_result && clock_now() - c->finished < COLLECTOR_FRESH)
		c->plan.done(c->plan.ctx, &c->result);
	else
		begin(c);
}

int collector_new(struct loop *l, const struct collector_plan *plan, struct collector **ret)
{
	struct collector *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->loop = l;
	c->plan = *plan;
	for (size_t i = 0; i < ARRAY_LEN(questions); i++)
		c->inquiries[i] = (struct inquiry){ .collector = c, .question = &questions[i], .fd = -1 };
	int err = loop_watch_timer(l, on_timer, c, &c->timer);
	if (err < 0) {
		free(c);
		return err;
	}
	*ret = c;
	return 0;
}

void collector_free(struct collector *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < ARRAY_LEN(questions); i++)
		inquiry_close(&c->inquiries[i]);
	loop_unwatch(c->timer);
	snapshot_fini(&c->result);
	free(c);
}
