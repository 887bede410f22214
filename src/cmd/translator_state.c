/*
 * translator_state.c - see translator_state.h
 *
 * Both happen while no worker runs, so nothing is locked and nothing changes meanwhile; what comes waits in the TUN queues, as
 * far as they go (500 packets each, by default), and TCP repeats the rest. So both are made to be short: one pass over the
 * tables, large reads and writes, one sync to the disk at the end.
 *
 * Time is bounded, for the supervisor waits 30 s for a role to be ready, and 20 s for its end: what is not written or taken over
 * by then, some ten million sessions later, ends. A part is better than nothing.
 *
 * The file is read by small pieces into fixed memory, and is as little to be trusted as a packet: see state/save.h.
 */
#include "cmd/translator_state.h"

#include "base/log.h"
#include "ctl/reply.h"
#include "nat64/restore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct restored {
	const char *fault; /* why nothing was read; NULL */
	bool is_whole, is_clock_odd, is_late;
	uint64_t adopted[ADOPTION_COUNT];
	uint64_t chunks_refused, missing; /* of the latter, records */
	nsec elapsed, took;
};

#define REASONS_TEXT 256
#define RESTORE_MAX (15 * NSEC)
#define SAVE_MAX (10 * NSEC) /* and then the disk has to take it */

static uint64_t unix_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int translator_saved_take(const struct role_start *s, struct role_start *ret_rest)
{
	*ret_rest = *s;
	if (!s->conf->has_nat64 || s->fds_len == 0)
		return -1;
	return s->fds[--ret_rest->fds_len];
}

/* --- restoring --- */

/* Its memory is needed at the start and at the end only. */
struct reading {
	struct save_reader reader;
	struct state_record records[SAVE_CHUNK_RECORDS];
};

static long read_some(void *ctx, uint8_t *to, size_t len)
{
	const int *fd = ctx;
	ssize_t n;

	do {
		n = read(*fd, to, len);
	} while (n < 0 && errno == EINTR);
	return n;
}

static void adopt_all(
	struct translator *t, struct reading *in, const struct save_head *h, struct restored *ret)
{
	struct nat64_restoring r;
	enum save_step step;
	nsec now = clock_now();
	unsigned len = 0;

	nat64_restore_begin(&r, crew_tables(t->crew), t->workers_len, h, unix_now_ms());
	do {
		step = save_next(&in->reader, h, in->records, &len);
		for (unsigned i = 0; step == SAVE_RECORDS && i < len; i++)
			ret->adopted[nat64_restore(&r, &in->records[i], now)]++;
		ret->is_late = clock_now() - now > RESTORE_MAX;
	} while ((step == SAVE_RECORDS || step == SAVE_REFUSED) && !ret->is_late);
	ret->is_late = ret->is_late && step != SAVE_WHOLE && step != SAVE_CUT;
	ret->is_whole = step == SAVE_WHOLE || ret->is_late; /* as far as it was read */
	ret->is_clock_odd = r.is_clock_odd;
	ret->elapsed = r.elapsed;
	ret->chunks_refused = in->reader.chunks_refused;
	if (in->reader.records_written > in->reader.records)
		ret->missing = in->reader.records_written - in->reader.records;
}

static uint64_t sum_refused(const struct restored *r)
{
	uint64_t sum = 0;

	for (enum adoption a = ADOPTION_DONE + 1; a < ADOPTION_COUNT; a++)
		sum += r->adopted[a];
	return sum;
}

/* reasons_text() - such as ", 3 refused: pool 2, limit 1"; "" if nothing was refused */
static const char *reasons_text(const struct restored *r, char buf[static REASONS_TEXT])
{
	uint64_t sum = sum_refused(r);
	size_t len = 0;

	buf[0] = '\0';
	if (sum == 0)
		return buf;
	len = (size_t)snprintf(buf, REASONS_TEXT, ", %llu refused:", (unsigned long long)sum);
	for (enum adoption a = ADOPTION_DONE + 1; a < ADOPTION_COUNT && len < REASONS_TEXT; a++) {
		if (r->adopted[a] > 0)
			len += (size_t)snprintf(buf + len, REASONS_TEXT - len, " %s %llu", adoption_name(a),
				(unsigned long long)r->adopted[a]);
	}
	return buf;
}

static void tell_restored(const struct restored *r)
{
	char reasons[REASONS_TEXT];

	if (r->fault) {
		log_warning("saved sessions: %s; none is restored", r->fault);
		return;
	}
	log_info("saved sessions: %llu restored in %llu ms, after a break of %llu.%llu s%s",
		(unsigned long long)r->adopted[ADOPTION_DONE], (unsigned long long)(r->took / MSEC),
		(unsigned long long)(r->elapsed / NSEC), (unsigned long long)(r->elapsed / (100 * MSEC) % 10),
		reasons_text(r, reasons));
	if (r->is_clock_odd)
		log_warning("saved sessions: the clock has gone back, so nobody knows how long the break "
			    "was; they "
			    "last as if they were opening");
	if (r->is_late)
		log_warning("saved sessions: time was up, clients wait; what the file has beyond these ends");
	if (r->missing > 0)
		log_warning("saved sessions: the file is damaged: %llu sessions in %llu chunks are lost",
			(unsigned long long)r->missing, (unsigned long long)r->chunks_refused);
	else if (!r->is_whole)
		log_warning(
			"saved sessions: the file is damaged: its end is missing, and nobody knows how many "
			"sessions with it");
}

static const char *const head_faults[] = {
	[SAVE_FOUND] = NULL,
	[SAVE_NOTHING] = NULL,
	[SAVE_FOREIGN] = "the file is damaged at its beginning, or is none of ours",
	[SAVE_VERSION] = "the file is of another version of isthmus",
};

void translator_restore(struct translator *t)
{
	struct reading *in = t->saved >= 0 ? calloc(1, sizeof(*in)) : NULL;
	struct restored *r = in ? calloc(1, sizeof(*r)) : NULL;
	nsec begin = clock_now();
	struct save_head h;

	if (r) {
		in->reader.read = read_some;
		in->reader.ctx = &t->saved;
		enum save_find find = save_open(&in->reader, &h);

		r->fault = head_faults[find];
		if (find == SAVE_FOUND)
			adopt_all(t, in, &h, r);
		r->took = clock_now() - begin;
		if (find != SAVE_NOTHING) {
			tell_restored(r);
			t->restored = r;
			r = NULL;
		}
	}
	free(r);
	free(in);
}

/* --- flows that a translator before has left to the kernel's programs --- */

void translator_adopt(struct translator *t)
{
	struct nat64_adopting a;

	if (!t->flows.maps.claims)
		return;
	nat64_adopt_left(&a, crew_tables(t->crew), t->workers_len, clock_now());
	flow_claims_settle(&t->flows.maps);
	t->flows_adopted = a.adopted[ADOPTION_DONE];
	for (enum adoption i = ADOPTION_DONE + 1; i < ADOPTION_COUNT; i++)
		t->flows_refused += a.adopted[i];
	if (t->flows_adopted + t->flows_refused > 0)
		log_info("fast path: %llu sessions taken over with their flows, %llu flows ended",
			(unsigned long long)t->flows_adopted, (unsigned long long)t->flows_refused);
}

/* --- saving --- */

struct writing {
	bool is_late;
	uint64_t left_out; /* by nat64_save() */
	struct save_writer writer;
	struct state_record records[SAVE_CHUNK_RECORDS];
};

static int write_all(void *ctx, const uint8_t *bytes, size_t len)
{
	const int *fd = ctx;

	while (len > 0) {
		ssize_t n = write(*fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* @now is when it began with the first worker. */
static int save_worker(struct writing *out, struct nat64 *n, nsec now)
{
	struct nat64_saving at = { .next = 0 };
	int err = 0;

	while (err == 0 && at.next != STATE_END) {
		out->is_late = clock_now() - now > SAVE_MAX;
		if (out->is_late)
			break;
		unsigned len = nat64_save(n, &at, now, out->records);

		for (unsigned i = 0; err == 0 && i < len; i++)
			err = save_put(&out->writer, &out->records[i]);
	}
	out->left_out += at.left_out;
	return err;
}

static int save_all(struct translator *t, struct writing *out)
{
	struct nat64 *const *all = crew_tables(t->crew);
	const struct save_head h = nat64_save_head(all[0], unix_now_ms());
	nsec now = clock_now();
	int err = save_begin(&out->writer, &h);

	for (unsigned i = 0; err == 0 && i < t->workers_len && !out->is_late; i++)
		err = save_worker(out, all[i], now);
	return err == 0 ? save_end(&out->writer) : err;
}

int translator_save(void *ctx, int fd)
{
	struct translator *t = ctx;
	struct writing *out = calloc(1, sizeof(*out));
	nsec begin = clock_now();

	if (!out)
		return -ENOMEM;
	crew_halt(t->crew);
	out->writer.write = write_all;
	out->writer.ctx = &fd;
	int err = save_all(t, out);
	nsec written = clock_now();

	if (err == 0 && fsync(fd) < 0)
		err = -errno;
	if (err < 0)
		log_error("saved sessions: the file cannot be written: %s", strerror(-err));
	else
		log_info("saved sessions: %llu written in %llu ms, and on the disk after %llu ms",
			(unsigned long long)out->writer.records,
			(unsigned long long)((written - begin) / MSEC),
			(unsigned long long)((clock_now() - begin) / MSEC));
	if (out->is_late)
		log_warning("saved sessions: time was up; the others end");
	if (out->left_out > 0)
		log_warning(
			"saved sessions: %llu FTP control connections are left out, as their commands were "
			"changed on the way",
			(unsigned long long)out->left_out);
	free(out);
	return err;
}

/* --- figures --- */

json_t *translator_restored_row(const struct translator *t)
{
	const struct restored *r = t->restored;

	if (!r)
		return json_null();
	return json_pack("{s:I, s:I, s:f, s:f, s:b, s:I, s:I, s:s}", "sessions",
		(json_int_t)r->adopted[ADOPTION_DONE], "refused", (json_int_t)sum_refused(r), "break_s",
		show_seconds(r->elapsed), "took_s", show_seconds(r->took), "whole", (int)r->is_whole,
		"chunks_refused", (json_int_t)r->chunks_refused, "missing", (json_int_t)r->missing, "fault",
		r->fault ? r->fault : "");
}

static void add_row(struct reply *r, const char *name, uint64_t value, const char *text, const char *spec)
{
	reply_row(r, json_pack("{s:s, s:s, s:I, s:s, s:s}", "group", "restored", "name", name, "value",
			     (json_int_t)value, "text", text, "spec", spec));
}

void translator_restored_rows(const struct translator *t, struct reply *r)
{
	static const struct restored nothing;
	const struct restored *s = t->restored ? t->restored : &nothing;
	char name[32], text[160];

	if (!t->conf->has_nat64)
		return;
	add_row(r, "sessions", s->adopted[ADOPTION_DONE], "sessions restored at the start", "RFC 6888 REQ-8");
	for (enum adoption a = ADOPTION_DONE + 1; a < ADOPTION_COUNT; a++) {
		snprintf(name, sizeof(name), "refused_%s", adoption_name(a));
		snprintf(text, sizeof(text), "saved sessions that were not: %s", adoption_text(a));
		add_row(r, name, s->adopted[a], text, "");
	}
	add_row(r, "flows", t->flows_adopted,
		"sessions of a translator that was killed, found in the tables of the fast path", "");
	add_row(r, "flows_refused", t->flows_refused, "the same, but not allowed any more", "");
	add_row(r, "chunks_refused", s->chunks_refused, "damaged parts of the file of saved sessions", "");
	add_row(r, "missing", s->missing, "saved sessions in them, or behind them", "");
}
