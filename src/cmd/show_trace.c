/*
 * show_trace.c - `isthmus trace`, the side of the translator's process
 *
 * Every worker gets a trace (nat64/trace.h) with the same filter. Ten times a second, between two packets, each copies out
 * the steps that wait there; here they become rows, as fast as the client reads. A client that is slow finds gaps, never
 * the gateway: what has no room in a worker's ring is lost and counted, and the next row says how many packets it was.
 *
 * A trace begins, and says so by its first row, when every worker sees all packets that it may be about: flows that the kernel's
 * programs translated until then were taken back, in a table of many in parts. What was seen meanwhile is thrown away, for it may
 * have gaps; from the first row on there are none but those that are told.
 *
 * A row is sent every ALIVE_NS even if nothing passes: the client sees that the gateway lives, and the gateway that the
 * client does. When he has gone, has seen as many packets as he wanted, or his time is over, the traces are taken off.
 *
 * Packets of several workers come in the order of the workers, each with its time; within one worker the order is right.
 */
#include "cmd/show_trace.h"

#include "cmd/show_translator.h"
#include "cmd/step_row.h"

#include "ctl/reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_NS (100 * MSEC)
#define BEGIN_LOOK_NS (2 * MSEC) /* until it has begun; each look wakes the worker, which goes on */
#define ALIVE_NS (5 * NSEC)
#define STEPS_PER_LOOK 512

struct follower {
	struct translator *t;
	struct reply *reply;
	struct loop_watch *look;
	nsec since, until, spoke; /* @until 0: no end */
	json_int_t packets_left;  /* negative: no end */
	json_int_t packets;	  /* told so far */
	unsigned hung;		  /* workers that have a trace, the first ones */
	bool has_begun;
	struct trace *traces[TRANSLATOR_WORKERS_MAX];
	/* What the worker at hand copies out. */
	unsigned worker;
	int err;
	bool sees_all;
	uint64_t lost;
	unsigned steps_len;
	struct trace_step steps[STEPS_PER_LOOK];
};

/* --- on the worker's thread --- */

static void hang(void *ctx, struct nat64 *n)
{
	struct follower *f = ctx;

	f->err = nat64_trace(n, f->traces[f->worker]);
}

static void unhang(void *ctx, struct nat64 *n)
{
	struct follower *f = ctx;

	nat64_trace_end(n, f->traces[f->worker]);
}

static void copy_steps(void *ctx, struct nat64 *n)
{
	struct follower *f = ctx;

	f->steps_len = trace_take(f->traces[f->worker], f->steps, ARRAY_LEN(f->steps), &f->lost);
}

/* Afterwards the ring is empty, and its oldest step will be one of a packet that came later. */
static void look_whether_all_is_seen(void *ctx, struct nat64 *n)
{
	struct follower *f = ctx;

	f->sees_all = nat64_trace_sees_all(n);
	do
		copy_steps(ctx, n);
	while (f->steps_len > 0);
}

/* --- begin and end --- */

static void follower_free(void *ctx)
{
	struct follower *f = ctx;

	loop_unwatch(f->look);
	for (f->worker = 0; f->worker < f->hung; f->worker++)
		worker_call(f->t->workers[f->worker], unhang, f);
	for (unsigned i = 0; i < f->t->workers_len; i++)
		trace_free(f->traces[i]);
	free(f);
}

/* hang_all() - give every worker a trace; what was hung on if that fails is taken off by follower_free() */
static int hang_all(struct follower *f, const struct trace_filter *filter)
{
	for (f->worker = 0; f->worker < f->t->workers_len; f->worker++) {
		int err = trace_new(filter, &f->traces[f->worker]);

		if (err < 0)
			return err;
		worker_call(f->t->workers[f->worker], hang, f);
		if (f->err < 0)
			return f->err;
		f->hung++;
	}
	return 0;
}

/* --- rows --- */

static void tell_step(struct follower *f, const struct trace_step *s)
{
	json_t *row = step_row(&s->step);
	nsec at = s->at > f->since ? s->at - f->since : 0;

	if (row) {
		json_object_set_new(row, "packet", json_integer(f->packets));
		json_object_set_new(row, "at_s", json_real((double)(at / 1000) / 1e6));
		json_object_set_new(row, "worker", json_integer(f->worker));
	}
	reply_row(f->reply, row);
}

/* tell_steps() - what the worker at hand has copied out; false if that was the last that is wanted */
static bool tell_steps(struct follower *f)
{
	for (unsigned i = 0; i < f->steps_len; i++) {
		if (i == 0 || f->steps[i].packet != f->steps[i - 1].packet) {
			if (f->packets == f->packets_left)
				return false;
			f->packets++;
		}
		tell_step(f, &f->steps[i]);
	}
	return f->packets != f->packets_left;
}

static void tell_lost(struct follower *f, uint64_t lost)
{
	reply_row(f->reply, json_pack("{s:I}", "lost", (json_int_t)lost));
}

/* begins() - whether all workers see all; then the client is told so, and his time runs from here */
static bool begins(struct follower *f, nsec now)
{
	bool sees_all = true;

	for (f->worker = 0; f->worker < f->hung; f->worker++) {
		worker_call(f->t->workers[f->worker], look_whether_all_is_seen, f);
		sees_all = sees_all && f->sees_all;
	}
	if (!sees_all)
		return false;
	f->has_begun = true;
	f->until = f->until == 0 ? 0 : f->until + now - f->since;
	f->since = f->spoke = now;
	tell_lost(f, 0);
	return true;
}

/* tell_all() - what has come since the last look; false if that was the last that is wanted */
static bool tell_all(struct follower *f, nsec now)
{
	bool has_spoken = false, goes_on = f->until == 0 || now < f->until;

	for (f->worker = 0; f->worker < f->hung && reply_has_room(f->reply); f->worker++) {
		worker_call(f->t->workers[f->worker], copy_steps, f);
		has_spoken = has_spoken || f->steps_len > 0 || f->lost > 0;
		goes_on = tell_steps(f) && goes_on;
		if (f->lost > 0)
			tell_lost(f, f->lost);
	}
	if (has_spoken)
		f->spoke = now;
	return goes_on;
}

static void on_look(void *ctx)
{
	struct follower *f = ctx;
	nsec now = clock_now();

	if (!f->has_begun && !begins(f, now)) {
		loop_timer_set(f->look, BEGIN_LOOK_NS);
		return;
	}
	if (!tell_all(f, now)) {
		reply_end(f->reply);
		return;
	}
	if (now - f->spoke >= ALIVE_NS) {
		tell_lost(f, 0);
		f->spoke = now;
	}
	loop_timer_set(f->look, LOOK_NS);
}

/* --- what is asked for --- */

static bool read_port(const char *text, uint16_t *ret)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || v > UINT16_MAX)
		return false;
	*ret = (uint16_t)v;
	return true;
}

/* The part of "ADDRESS:PORT" or "[ADDRESS]:PORT" before the port; *ret_port is behind the colon, or NULL. */
static bool cut_port(const char *text, char address[static ADDR6_TEXT], const char **ret_port)
{
	bool has_brackets = text[0] == '[';
	size_t len = strcspn(text + has_brackets, has_brackets ? "]" : ":");
	const char *rest = text + has_brackets + len;

	if (len >= ADDR6_TEXT || (has_brackets && *rest++ != ']'))
		return false;
	snprintf(address, ADDR6_TEXT, "%.*s", (int)len, text + has_brackets);
	*ret_port = *rest == ':' ? rest + 1 : NULL;
	return *rest == '\0' || *rest == ':';
}

/* read_who() - one end of the flow: an IPv6 client, or the IPv4 address that stands for it */
static bool read_who(const char *text, struct trace_filter *ret)
{
	char address[ADDR6_TEXT];
	const char *port;

	ret->has_client = prefix6_parse(text, &ret->client) == 0;
	if (ret->has_client)
		return true;
	if (!cut_port(text, address, &port))
		return false;
	if (text[0] == '[') {
		ret->has_client = prefix6_parse(address, &ret->client) == 0;
		ret->has_client_port = port;
		return ret->has_client && (!port || read_port(port, &ret->client_port));
	}
	ret->has_address = addr4_parse(address, &ret->address);
	ret->has_port = port;
	return ret->has_address && (!port || read_port(port, &ret->port));
}

const char *trace_filter_read(const json_t *args, struct trace_filter *ret)
{
	const char *who = json_string_value(json_object_get(args, "who"));
	const char *to = json_string_value(json_object_get(args, "to"));
	const char *proto = json_string_value(json_object_get(args, "proto"));
	const json_t *port = json_object_get(args, "port");

	*ret = (struct trace_filter){ .has_remote = to, .has_remote_port = port, .has_proto = proto };
	if (who && !read_who(who, ret))
		return "who must be an IPv6 address, a prefix, [ADDRESS]:PORT, or an IPv4 address with or "
		       "without "
		       ":PORT";
	if (to && prefix4_parse(to, &ret->remote) < 0)
		return "to must be an IPv4 address or prefix";
	if (port && (!json_is_integer(port) || json_integer_value(port) < 0 ||
			    json_integer_value(port) > UINT16_MAX))
		return "port must be a number up to 65535";
	ret->remote_port = (uint16_t)json_integer_value(port);
	if (proto && !show_read_protocol(proto, &ret->proto, &ret->number))
		return SHOW_PROTOCOL_WANTED;
	return NULL;
}

/* limits_read() - `count` and `seconds`; a sentence about what is wrong, or NULL */
static const char *limits_read(const json_t *args, struct follower *f)
{
	const json_t *count = json_object_get(args, "count"), *seconds = json_object_get(args, "seconds");

	f->packets_left = count ? json_integer_value(count) : -1;
	if (count && f->packets_left < 1)
		return "count must be a number of packets";
	if (seconds && (json_integer_value(seconds) < 1 || json_integer_value(seconds) > 365 * 86400))
		return "seconds must be a number of seconds, a year at most";
	if (seconds)
		f->until = f->since + (nsec)json_integer_value(seconds) * NSEC;
	return NULL;
}

static void refuse(struct translator *t, int fd, const char *why)
{
	struct reply *r;

	if (reply_start(t->loop, fd, NULL, NULL, NULL, &r) == 0)
		reply_error(r, "%s", why);
}

/* follow() - hang the traces on, and begin to look; a sentence about what went wrong, or NULL */
static const char *follow(struct follower *f, const json_t *args)
{
	struct trace_filter filter;
	const char *wrong = trace_filter_read(args, &filter);

	if (!wrong)
		wrong = limits_read(args, f);
	if (wrong)
		return wrong;
	if (loop_watch_timer(f->t->loop, on_look, f, &f->look) < 0)
		return "out of memory";
	int err = hang_all(f, &filter);

	if (err == -EBUSY)
		return "four traces run already, and more would hold up the packets; try again when one has "
		       "ended";
	return err < 0 ? "out of memory" : NULL;
}

void show_trace(void *ctx, const json_t *args, int fd)
{
	struct follower *f = calloc(1, sizeof(*f));

	if (!f) {
		close(fd);
		return;
	}
	f->t = ctx;
	f->since = clock_now();
	const char *wrong = follow(f, args);
	if (wrong) {
		refuse(f->t, fd, wrong);
		follower_free(f);
		return;
	}
	if (reply_start(f->t->loop, fd, NULL, follower_free, f, &f->reply) < 0) {
		follower_free(f);
		return;
	}
	loop_timer_set(f->look, 0);
}
