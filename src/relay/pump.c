/*
 * pump.c - two streams, and every byte of each goes to the other
 *
 * Structure. A @struct_pump has two flows, up (client to server) and down. A flow takes turns: send what waits, read more,
 * until one of its streams says -EAGAIN or it has moved TURN_MAX bytes, when others have theirs before it goes on.
 *
 *	from --- read ---> held (a buffer) --- write ---> to		few bytes: one copy in, one out
 *	from --- splice -> pipe ------------- splice --> to		bulk: the pages themselves
 *
 * Bulk. A pipe costs two descriptors and two calls for each piece, which small answers are too small for. So a flow
 * begins with copies, and uses a pipe once BULK_AFTER bytes have come in turns of BULK_TURN bytes or more; a turn with
 * less ends that. Between two turns an empty pipe is the lane's again, and so is an empty buffer: a connection that
 * is idle holds neither.
 *
 * Ends. When @from has ended and nothing waits, @to is shut, and the other flow goes on (RFC 9293 s3.6). When @to does
 * not take bytes any more, what the peer has said before it broke may still be read and is passed on: a server may refuse a
 * long request in the middle, and its answer says why.
 *
 * Idle. One timer, which is not set anew with each byte: when it fires it looks at the last turn that moved something.
 */
#include "relay/pump.h"

#include "base/bytes.h"
#include "relay/buffers.h"
#include "relay/pipes.h"

#include <errno.h>
#include <stdlib.h>

#define BULK_AFTER (64 * 1024)
#define BULK_TURN 4096
#define TURN_MAX ((size_t)512 * 1024)

struct flow {
	struct lane *lane;
	struct stream *from, *to;
	struct flow *other;
	struct buffer *held; /* bytes wait to be sent; more buffers behind it */
	struct pipe *pipe;
	size_t in_pipe;
	size_t bulk;  /* bytes that came in turns of BULK_TURN, one after the other */
	size_t moved; /* in this turn */
	size_t spliced;
	bool is_over; /* the end was passed on, or there is nobody to send to */
};

struct pump {
	struct flow up, down;
	struct visit *visit;
	struct loop_watch *timer;
	nsec idle, active; /* the last turn that moved something */
	bool is_starting, has_outcome;
	enum pump_end outcome; /* to be told when both flows are over, or at once */
	void (*done)(void *ctx, enum pump_end how);
	void *ctx;
};

enum step { STEP_DONE, STEP_WAITS, STEP_AGAIN, STEP_FROM_BROKE, STEP_TO_BROKE };

/* --- one flow --- */

static enum step push_buffer(struct flow *f)
{
	struct buffer *u = f->held;
	bool is_last = f->from->has_ended && !u->next;
	const uint8_t *at = u->data + u->from;
	ssize_t n = is_last ? stream_write_last(f->to, at, buffer_left(u))
			    : stream_write(f->to, at, buffer_left(u));

	if (n < 0)
		return n == -EAGAIN ? STEP_WAITS : STEP_TO_BROKE;
	f->moved += (size_t)n;
	u->from += (unsigned)n;
	if (buffer_left(u) == 0) {
		f->held = u->next;
		buffer_give(f->lane->buffers, u);
	}
	return STEP_DONE;
}

static enum step push_pipe(struct flow *f)
{
	ssize_t n = stream_splice_out(f->to, f->pipe->out, f->in_pipe);

	if (n <= 0)
		return n == -EAGAIN ? STEP_WAITS : STEP_TO_BROKE;
	f->moved += (size_t)n;
	f->spliced += (size_t)n;
	f->in_pipe -= (size_t)n;
	return STEP_DONE;
}

/* Sends what waits: STEP_DONE when nothing does any more. */
static enum step push(struct flow *f)
{
	enum step s = STEP_DONE;

	while (s == STEP_DONE && (f->held || f->in_pipe > 0)) {
		if (!f->to->can_write)
			return STEP_WAITS;
		s = f->held ? push_buffer(f) : push_pipe(f);
	}
	return s;
}

static enum step pulled(ssize_t n)
{
	if (n >= 0)
		return STEP_DONE;
	return n == -EAGAIN ? STEP_WAITS : STEP_FROM_BROKE;
}

static enum step pull_copy(struct flow *f)
{
	struct buffers *b = f->lane->buffers;
	struct buffer *u = buffer_borrow(b);

	if (!u)
		return STEP_FROM_BROKE;
	ssize_t n = stream_read(f->from, u->data, sizeof(u->data));

	if (n > 0) {
		u->to = (unsigned)n;
		f->held = u;
	} else {
		buffer_give(b, u);
	}
	return pulled(n);
}

static enum step pull_splice(struct flow *f)
{
	ssize_t n = stream_splice_in(f->from, f->pipe->in, PIPE_SIZE);

	f->in_pipe += n > 0 ? (size_t)n : 0;
	return pulled(n);
}

static bool is_bulk(struct flow *f)
{
	if (f->bulk < BULK_AFTER || f->from->tls || f->to->tls)
		return false;
	if (!f->pipe)
		f->pipe = pipe_borrow(f->lane->pipes);
	return f->pipe;
}

/* When the other flow is over too, closing says the rest, with one call less. */
static void flow_end(struct flow *f)
{
	if (!f->other->is_over)
		stream_shut(f->to);
	f->is_over = true;
}

static enum step flow_move(struct flow *f)
{
	enum step s = push(f);

	while (s == STEP_DONE) {
		if (f->from->has_ended) {
			flow_end(f);
			return STEP_DONE;
		}
		if (!f->from->can_read)
			return STEP_WAITS;
		if (f->moved >= TURN_MAX)
			return STEP_AGAIN;
		s = is_bulk(f) ? pull_splice(f) : pull_copy(f);
		if (s == STEP_DONE)
			s = push(f);
	}
	return s;
}

static void give_pipe(struct flow *f)
{
	if (f->in_pipe > 0)
		pipe_discard(f->lane->pipes, f->pipe);
	else
		pipe_give(f->lane->pipes, f->pipe);
	f->pipe = NULL;
	f->in_pipe = 0;
}

static enum step flow_turn(struct flow *f)
{
	f->moved = f->spliced = 0;
	if (f->is_over)
		return STEP_DONE;
	enum step s = flow_move(f);

	if (f->moved >= BULK_TURN)
		f->bulk += f->moved;
	else if (f->moved > 0)
		f->bulk = 0;
	if (f->in_pipe == 0)
		give_pipe(f);
	return s;
}

static void flow_drop(struct flow *f)
{
	while (f->held) {
		struct buffer *u = f->held;

		f->held = u->next;
		buffer_give(f->lane->buffers, u);
	}
	give_pipe(f);
	f->is_over = true;
}

/* --- both --- */

static void pump_free(struct pump *p)
{
	loop_unwatch(p->timer);
	stream_watch(p->up.from, NULL, NULL);
	stream_watch(p->down.from, NULL, NULL);
	flow_drop(&p->up);
	flow_drop(&p->down);
	free(p);
}

static void finish(struct pump *p)
{
	void (*done)(void *ctx, enum pump_end how) = p->done;
	void *ctx = p->ctx;
	enum pump_end how = p->has_outcome ? p->outcome : PUMP_ENDED;
	struct lane *l = p->up.lane;

	if (p->is_starting) {
		stream_again(p->up.from);
		return;
	}
	if (how == PUMP_IDLE)
		LANE_COUNT(l, idle_timeout);
	if (how == PUMP_CLIENT_BROKE || how == PUMP_SERVER_BROKE)
		LANE_COUNT(l, ended_reset);
	pump_free(p);
	done(ctx, how);
}

static void set_outcome(struct pump *p, enum pump_end how)
{
	if (p->has_outcome)
		return;
	p->outcome = how;
	p->has_outcome = true;
}

/* What a turn of one flow means for the whole; @from and @to name whose stream is whose. */
static void judge(struct pump *p, enum step s, struct flow *f, enum pump_end from, enum pump_end to)
{
	if (s == STEP_FROM_BROKE) {
		set_outcome(p, from);
		flow_drop(&p->up);
		flow_drop(&p->down);
	}
	if (s == STEP_TO_BROKE) {
		set_outcome(p, to);
		flow_drop(f);
	}
}

static void account(struct pump *p)
{
	struct lane *l = p->up.lane;
	size_t spliced = p->up.spliced + p->down.spliced;

	if (p->up.moved + p->down.moved == 0)
		return;
	p->active = clock_now();
	visit_bytes(p->visit, p->up.moved, p->down.moved);
	if (spliced > 0)
		LANE_ADD(l, bytes_spliced, spliced);
}

static void pump_turn(struct pump *p)
{
	enum step up = flow_turn(&p->up), down = flow_turn(&p->down);

	account(p);
	judge(p, up, &p->up, PUMP_CLIENT_BROKE, PUMP_SERVER_BROKE);
	judge(p, down, &p->down, PUMP_SERVER_BROKE, PUMP_CLIENT_BROKE);
	if (p->up.is_over && p->down.is_over)
		finish(p);
	else if (up == STEP_AGAIN || down == STEP_AGAIN)
		stream_again(p->up.from);
}

static void on_ready(void *ctx)
{
	pump_turn(ctx);
}

static void on_timer(void *ctx)
{
	struct pump *p = ctx;
	nsec quiet = clock_now() - p->active;

	if (quiet < p->idle) {
		loop_timer_set(p->timer, p->idle - quiet);
		return;
	}
	set_outcome(p, PUMP_IDLE);
	finish(p);
}

/* --- life --- */

/* The bytes in as many buffers as it takes. */
static int hold(struct flow *f, const void *bytes, size_t len)
{
	struct buffer **end = &f->held;
	const uint8_t *at = bytes;

	while (len > 0) {
		struct buffer *u = buffer_borrow(f->lane->buffers);
		size_t n = len < BUFFER_SIZE ? len : BUFFER_SIZE;

		if (!u)
			return -ENOMEM;
		bytes_copy(u->data, at, n);
		u->to = (unsigned)n;
		at += n;
		len -= n;
		*end = u;
		end = &u->next;
	}
	return 0;
}

int pump_start(const struct pump_plan *plan, struct pump **ret)
{
	struct pump *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	struct lane *l = plan->client->lane;

	p->up = (struct flow){ .lane = l, .from = plan->client, .to = plan->server, .other = &p->down };
	p->down = (struct flow){ .lane = l, .from = plan->server, .to = plan->client, .other = &p->up };
	p->visit = plan->visit;
	p->idle = plan->idle;
	p->active = clock_now();
	p->done = plan->done;
	p->ctx = plan->ctx;
	int err = loop_watch_timer(p->up.lane->loop, on_timer, p, &p->timer);

	if (err == 0)
		err = hold(&p->up, plan->early_up, plan->early_up_len);
	if (err == 0)
		err = hold(&p->down, plan->early_down, plan->early_down_len);
	if (err < 0) {
		pump_free(p);
		return err;
	}
	stream_watch(plan->client, on_ready, p);
	stream_watch(plan->server, on_ready, p);
	loop_timer_set(p->timer, p->idle);
	p->is_starting = true;
	pump_turn(p);
	p->is_starting = false;
	*ret = p;
	return 0;
}

void pump_cancel(struct pump *p)
{
	if (p)
		pump_free(p);
}
