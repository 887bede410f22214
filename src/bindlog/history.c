/*
 * history.c - see history.h
 *
 * A row is somebody who has the port as far as the log has been read. Rows come and go; one that ends is kept if it spans
 * the moment in question. Those that begin after it are followed too, though they are no answer: else their ends would
 * look like ends of something that began before.
 *
 * Records of several workers stand in the file nearly in order of time, and those of one block exactly, since a block
 * belongs to one worker. Nothing here depends on the order of different blocks.
 *
 * A start record means empty tables: whatever was open has ended, at the latest when the record before was written (the
 * log of a living gateway has a record every minute). What the moment falls into after that is "not known to be alive".
 * Blocks that are told as held after a start have been held since then, at the longest: the gateway restored them.
 */
#include "bindlog/history.h"

#include <errno.h>
#include <stdlib.h>

struct history {
	struct addr4 address;
	uint32_t port;
	unix_ms at;
	struct history_row rows[HISTORY_ROWS_MAX];
	unsigned rows_len;
	bool has_started; /* a start record was seen; the last one's time: */
	unix_ms started;
	struct history_cover cover;
};

int history_new(struct addr4 address, uint32_t port, unix_ms at, struct history **ret)
{
	struct history *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->address = address;
	h->port = port;
	h->at = at;
	*ret = h;
	return 0;
}

void history_free(struct history *h)
{
	free(h);
}

/* --- rows --- */

static bool concerns(const struct history *h, const struct record *r)
{
	bool is_whole = r->proto == PROTO_OTHER; /* its port is the protocol's number */

	if (!addr4_eq(r->address, h->address) || is_whole != (h->port == HISTORY_NO_PORT))
		return false;
	return is_whole || (r->port <= h->port && h->port <= r->last_port);
}

static void remove_row(struct history *h, unsigned i)
{
	h->rows[i] = h->rows[--h->rows_len];
}

/* The row is over; it stays if it spans the moment. */
static void end_row(struct history *h, unsigned i, unix_ms end, enum history_end how)
{
	struct history_row *row = &h->rows[i];

	if (row->how != HISTORY_OPEN)
		return;
	row->end = end;
	row->how = how;
	/* Of one that was cut nobody knows when: it may have lasted until the gateway began anew. */
	if ((end < h->at && how != HISTORY_CUT) || (row->has_start && row->start > h->at))
		remove_row(h, i);
}

static bool is_same(const struct history_row *row, const struct record *r)
{
	const struct record *a = &row->record;

	if (row->how != HISTORY_OPEN)
		return false;
	if (row->kind == RECORD_BLOCK_LENT)
		return a->port == r->port && a->last_port == r->last_port &&
		       addr6_eq(a->subscriber.addr, r->subscriber.addr) &&
		       a->subscriber.len == r->subscriber.len;
	if (a->proto != r->proto || !addr6_eq(a->client, r->client) || a->client_port != r->client_port)
		return false;
	return row->kind == RECORD_BINDING_MADE ||
	       (addr4_eq(a->remote, r->remote) && a->remote_port == r->remote_port);
}

static unsigned find_row(const struct history *h, enum record_kind kind, const struct record *r)
{
	unsigned i = 0;

	while (i < h->rows_len && !(h->rows[i].kind == kind && is_same(&h->rows[i], r)))
		i++;
	return i;
}

static void add_row(struct history *h, const struct history_row *row)
{
	if (h->rows_len == HISTORY_ROWS_MAX)
		h->cover.is_cut = true;
	else
		h->rows[h->rows_len++] = *row;
}

/* A block has one holder: if another is told, the end of the one before is missing. A binding, too, has one host. */
static void replace_rows(struct history *h, enum record_kind kind, const struct record *r)
{
	for (unsigned i = h->rows_len; i-- > 0;) {
		const struct history_row *row = &h->rows[i];
		bool is_rival = row->kind == kind && row->how == HISTORY_OPEN &&
				(kind == RECORD_BLOCK_LENT ||
					(row->record.proto == r->proto && row->record.port == r->port));

		if (is_rival)
			end_row(h, i, r->when, HISTORY_REPLACED);
	}
}

static void begin_row(struct history *h, enum record_kind kind, const struct record *r)
{
	if (find_row(h, kind, r) < h->rows_len)
		return; /* told again */
	if (kind != RECORD_SESSION_MADE)
		replace_rows(h, kind, r);
	bool is_held = r->kind == RECORD_BLOCK_HELD;

	add_row(h, &(struct history_row){
			   .kind = kind,
			   .record = *r,
			   .has_start = !is_held || h->has_started,
			   .start = is_held ? h->started : r->when,
		   });
}

/* An end without a beginning: it began before the log does, or before a gap. */
static void finish_row(struct history *h, enum record_kind kind, const struct record *r)
{
	unsigned i = find_row(h, kind, r);

	if (i < h->rows_len)
		end_row(h, i, r->when, HISTORY_ENDED);
	else if (r->when >= h->at)
		add_row(h, &(struct history_row){
				   .kind = kind, .record = *r, .end = r->when, .how = HISTORY_ENDED });
}

/* --- the gateway's own story --- */

static void take_start(struct history *h, const struct record *r)
{
	unix_ms alive = h->cover.has_records ? h->cover.last : r->when;

	h->has_started = true;
	h->started = r->when;
	for (unsigned i = h->rows_len; i-- > 0;) {
		if (r->when <= h->at && h->rows[i].how == HISTORY_OPEN)
			remove_row(h, i);
		else
			end_row(h, i, alive, HISTORY_CUT);
	}
	if (r->when > h->at && h->cover.has_records && alive < h->at && !h->cover.is_down) {
		h->cover.is_down = true;
		h->cover.down_since = alive;
	}
	if (r->when <= h->at) {
		h->cover.is_down = false;
		h->cover.lost = 0;
	}
}

static void take_stop(struct history *h, const struct record *r)
{
	for (unsigned i = h->rows_len; i-- > 0;)
		end_row(h, i, r->when, HISTORY_ENDED);
	if (r->when <= h->at) {
		h->cover.is_down = true;
		h->cover.down_since = r->when;
	}
}

/* What was lost before the moment may be the beginning or the end of what was asked for. */
static void take_lost(struct history *h, const struct record *r)
{
	if (r->since > h->at)
		return;
	if (h->cover.lost == 0)
		h->cover.lost_since = r->since;
	h->cover.lost += r->count;
	h->cover.lost_until = r->when;
}

static void take_made(struct history *h, const struct record *r)
{
	static const enum record_kind of[RECORD_COUNT] = {
		[RECORD_BLOCK_LENT] = RECORD_BLOCK_LENT,
		[RECORD_BLOCK_HELD] = RECORD_BLOCK_LENT,
		[RECORD_BINDING_MADE] = RECORD_BINDING_MADE,
		[RECORD_SESSION_MADE] = RECORD_SESSION_MADE,
	};

	if (concerns(h, r))
		begin_row(h, of[r->kind], r);
}

static void take_ended(struct history *h, const struct record *r)
{
	static const enum record_kind of[RECORD_COUNT] = {
		[RECORD_BLOCK_RETURNED] = RECORD_BLOCK_LENT,
		[RECORD_BINDING_ENDED] = RECORD_BINDING_MADE,
		[RECORD_SESSION_ENDED] = RECORD_SESSION_MADE,
	};

	if (concerns(h, r))
		finish_row(h, of[r->kind], r);
}

static void (*const take[RECORD_COUNT])(struct history *h, const struct record *r) = {
	[RECORD_START] = take_start,
	[RECORD_STOP] = take_stop,
	[RECORD_LOST] = take_lost,
	[RECORD_BLOCK_LENT] = take_made,
	[RECORD_BLOCK_HELD] = take_made,
	[RECORD_BINDING_MADE] = take_made,
	[RECORD_SESSION_MADE] = take_made,
	[RECORD_BLOCK_RETURNED] = take_ended,
	[RECORD_BINDING_ENDED] = take_ended,
	[RECORD_SESSION_ENDED] = take_ended,
};

void history_take(struct history *h, const struct record *r)
{
	if (take[r->kind])
		take[r->kind](h, r);
	if (!h->cover.has_records || r->when < h->cover.first)
		h->cover.first = r->when;
	if (!h->cover.has_records || r->when > h->cover.last)
		h->cover.last = r->when;
	h->cover.has_records = true;
}

/* --- the answer --- */

static bool is_answer(const struct history *h, const struct history_row *row)
{
	return !row->has_start || row->start <= h->at;
}

bool history_row(const struct history *h, unsigned i, struct history_row *ret)
{
	static const enum record_kind order[] = { RECORD_BLOCK_LENT, RECORD_BINDING_MADE,
		RECORD_SESSION_MADE };
	unsigned n = 0;

	for (unsigned k = 0; k < ARRAY_LEN(order); k++) {
		for (unsigned j = 0; j < h->rows_len; j++) {
			if (h->rows[j].kind != order[k] || !is_answer(h, &h->rows[j]) || n++ != i)
				continue;
			*ret = h->rows[j];
			return true;
		}
	}
	return false;
}

void history_cover(const struct history *h, struct history_cover *ret)
{
	*ret = h->cover;
	ret->is_before = h->cover.has_records && h->at < h->cover.first;
	ret->is_after = h->cover.has_records && h->at > h->cover.last;
}
