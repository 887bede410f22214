/*
 * ftp_stream.c - a TCP stream that is changed on its way, without taking part in it
 *
 * Purpose. Sender and receiver keep one TCP connection; nothing here terminates it, has a timer or a window. Some lines go
 * out as other lines of another length. So the two ends count differently, and each sequence number, acknowledgment and
 * SACK block is translated.
 *
 *	in	| a line that passes | EPSV CR LF | another | E P R ...            what the sender counts
 *	out	| a line that passes | PASV CR LF | another |                      what the receiver counts
 *		floor                   edit                  held_start   in_next
 *
 * The stream is cut into runs that pass, whose bytes are those of the packet, and edits, whose bytes are kept here. Between
 * edits the difference of the counts is constant. An edit is one piece: whoever sends a part of it again causes all of
 * it to be sent again, and whoever has received a part of it has, for the other side, received nothing of it.
 *
 * What is held back. A line that may have to change must be complete before its first byte goes out. But a sender with
 * Nagle's algorithm sends the rest only when the beginning is acknowledged; so the beginning is acknowledged here, on the
 * receiver's behalf, and that makes us answerable for it. The rule that makes this safe without a timer: **the last byte of
 * an edit is acknowledged by nobody but the receiver.** As long as the receiver has not acknowledged the whole edit, the
 * sender has an unacknowledged byte that belongs to it; TCP sends that again until it arrives; and each time the whole
 * edit goes out again. Therefore an edit always reaches from the first byte held to the byte that decided about it, also if
 * its bytes are unchanged. A FIN counts as a byte in this.
 *
 * An acknowledgment of our own is cumulative, so it is given only when the receiver has acknowledged all that went on. If
 * not, the receiver's acknowledgment, when it comes, covers what is held (ftp_stream_ack()). Bytes that go out as nothing
 * are treated like bytes held.
 *
 * What is forgotten. An edit that the receiver has acknowledged; the floor moves behind it. Bytes from before the floor that
 * come again are cut off; what is left, if only the header, goes on, so that the receiver acknowledges anew.
 *
 * Limits. FTP_EDITS_MAX edits at a time: the caller takes no further byte then, as if it had been lost. FTP_LINE_MAX.
 *
 * Standards: RFC 6384 s5 (second way), RFC 9293 s3.4, RFC 2018.
 */
#include "nat64/ftp_stream.h"

void ftp_stream_init(struct ftp_stream *s, uint32_t next)
{
	bytes_zero(s, sizeof(*s));
	s->in_next = s->out_next = s->in_floor = s->out_floor = next;
	s->out_acked = s->in_acked = s->held_start = next;
}

static uint32_t out_end(const struct ftp_edit *e)
{
	return e->out_start + e->out_len;
}

/* --- taking --- */

static void held_reset(struct ftp_stream *s)
{
	s->held_start = s->in_next;
	s->held_len = s->lead_len = 0;
	s->is_held_changed = false;
}

static void edit_add(struct ftp_stream *s, const uint8_t *bytes, size_t len, struct wr *out)
{
	struct ftp_edit *e = &s->edits[s->edits_len++];

	e->in_start = s->held_start;
	e->in_end = s->in_next;
	e->out_start = s->out_next;
	e->out_len = e->bytes_len = (uint16_t)len;
	bytes_copy(e->bytes, bytes, len);
	wr_bytes(out, bytes, len);
	s->out_next += e->out_len;
	held_reset(s);
}

void ftp_stream_release(struct ftp_stream *s, struct wr *out)
{
	if (!ftp_stream_is_holding(s))
		return;
	if (s->is_held_changed) {
		edit_add(s, s->held, s->held_len, out);
		return;
	}
	wr_bytes(out, s->held, s->held_len);
	s->out_next += s->held_len;
	held_reset(s);
}

void ftp_stream_run(struct ftp_stream *s, const uint8_t *bytes, size_t len, struct wr *out)
{
	if (bytes)
		wr_bytes(out, bytes, len);
	s->in_next += (uint32_t)len;
	s->out_next += (uint32_t)len;
	s->held_start = s->in_next;
}

bool ftp_stream_hold(struct ftp_stream *s, uint8_t byte)
{
	if (s->held_len - s->lead_len >= FTP_LINE_MAX)
		return false;
	s->held[s->held_len++] = byte;
	s->in_next++;
	return true;
}

/* There is always room for one byte more than a line may have. */
void ftp_stream_pass(struct ftp_stream *s, uint8_t byte, struct wr *out)
{
	if (!ftp_stream_is_holding(s) && s->held_len == 0) {
		ftp_stream_run(s, &byte, 1, out);
		return;
	}
	s->held[s->held_len++] = byte;
	s->in_next++;
	ftp_stream_release(s, out);
}

void ftp_stream_lead(struct ftp_stream *s, const uint8_t *bytes, size_t len)
{
	bytes_copy(s->held, bytes, len);
	s->held_len = s->lead_len = (uint16_t)len;
	s->is_held_changed = len > 0;
}

void ftp_stream_strip(struct ftp_stream *s, size_t len)
{
	s->held_len = (uint16_t)(s->held_len - len);
	s->is_held_changed = true;
}

void ftp_stream_replace(struct ftp_stream *s, const void *bytes, size_t len, struct wr *out)
{
	bytes_copy(s->held + s->lead_len, bytes, len);
	edit_add(s, s->held, s->lead_len + len, out);
}

void ftp_stream_fin(struct ftp_stream *s, struct wr *out)
{
	if (!ftp_stream_is_holding(s)) {
		ftp_stream_run(s, NULL, 1, out);
		return;
	}
	s->in_next++;
	if (!s->is_held_changed) {
		ftp_stream_release(s, out);
		s->out_next++;
		return;
	}
	edit_add(s, s->held, s->held_len, out);
	s->edits[s->edits_len - 1].out_len++;
	s->out_next++;
}

void ftp_stream_pause(struct ftp_stream *s)
{
	if (ftp_stream_is_holding(s))
		s->is_held_changed = true;
}

/* --- positions --- */

/* The difference out - in behind the edits that end at or before @in_seq, and the edit around it, or NULL. */
static uint32_t difference_at(const struct ftp_stream *s, uint32_t in_seq, const struct ftp_edit **ret_around)
{
	uint32_t difference = s->out_floor - s->in_floor;

	*ret_around = NULL;
	for (unsigned i = 0; i < s->edits_len; i++) {
		const struct ftp_edit *e = &s->edits[i];

		if (seq_before(in_seq, e->in_end)) {
			*ret_around = seq_before(in_seq, e->in_start) ? NULL : e;
			break;
		}
		difference = out_end(e) - e->in_end;
	}
	return difference;
}

uint32_t ftp_stream_out_of(const struct ftp_stream *s, uint32_t in_seq)
{
	const struct ftp_edit *around;

	if (seq_before(in_seq, s->in_floor))
		return s->out_floor;
	if (!seq_before(in_seq, s->held_start) && !seq_before(s->in_next, in_seq))
		return s->out_next;
	uint32_t difference = difference_at(s, in_seq, &around);

	return around ? around->out_start : in_seq + difference;
}

uint32_t ftp_stream_out_of_empty(const struct ftp_stream *s, uint32_t in_seq)
{
	const struct ftp_edit *around;
	uint32_t difference = difference_at(s, in_seq, &around);

	if (!seq_before(in_seq, s->held_start) && !seq_before(s->in_next, in_seq) &&
		(in_seq == s->in_next || in_seq == s->held_start))
		return s->out_next;
	if (ftp_stream_is_holding(s) && !seq_before(in_seq, s->held_start))
		return s->out_next - (seq_before(in_seq, s->in_next) ? 1 : 0);
	if (!around || in_seq == around->in_start)
		return in_seq + difference;
	return (in_seq + 1 == around->in_end ? out_end(around) : around->out_start) - 1;
}

/* The bytes of the packet from @at to @to, as far as it has them: a FIN is no byte. */
static void copy_run(struct wr *out, const struct rd *bytes, uint32_t at, uint32_t to)
{
	uint32_t have = (uint32_t)rd_left(bytes);

	if (at < have)
		wr_bytes(out, bytes->at + at, (to < have ? to : have) - at);
}

size_t ftp_stream_repeat(
	const struct ftp_stream *s, uint32_t in_seq, struct rd bytes, unsigned fin, struct wr *out)
{
	uint32_t known = s->in_next - in_seq, len = (uint32_t)rd_left(&bytes);
	uint32_t end = in_seq + (known < len + fin ? known : len + fin), at = in_seq;

	if (seq_before(s->held_start, end))
		end = s->held_start;
	if (seq_before(at, s->in_floor))
		at = s->in_floor;
	for (unsigned i = 0; i < s->edits_len && seq_before(at, end); i++) {
		const struct ftp_edit *e = &s->edits[i];

		if (!seq_before(at, e->in_end))
			continue;
		if (!seq_before(e->in_start, end))
			break;
		if (seq_before(at, e->in_start))
			copy_run(out, &bytes, at - in_seq, e->in_start - in_seq);
		wr_bytes(out, e->bytes, e->bytes_len);
		at = e->in_end;
	}
	if (seq_before(at, end))
		copy_run(out, &bytes, at - in_seq, end - in_seq);
	return known < len ? known : len;
}

/* The greatest place of the sender's stream all of which the receiver has when it has all before @out_seq. */
static uint32_t in_of(const struct ftp_stream *s, uint32_t out_seq)
{
	uint32_t difference = s->in_floor - s->out_floor;

	for (unsigned i = 0; i < s->edits_len; i++) {
		const struct ftp_edit *e = &s->edits[i];

		if (seq_before(out_seq, out_end(e)))
			return seq_before(out_seq, e->out_start) ? out_seq + difference : e->in_start;
		difference = e->in_end - out_end(e);
	}
	return out_seq + difference;
}

static void forget_acknowledged(struct ftp_stream *s)
{
	unsigned n = 0;

	for (; n < s->edits_len && !seq_before(s->out_acked, out_end(&s->edits[n])); n++) {
		s->in_floor = s->edits[n].in_end;
		s->out_floor = out_end(&s->edits[n]);
	}
	s->edits_len = (uint8_t)(s->edits_len - n);
	if (n > 0)
		bytes_move(s->edits, s->edits + n, s->edits_len * sizeof(s->edits[0]));
	/* The floor follows, lest it be half the number space behind one day. */
	uint32_t acked = s->out_acked;

	if (s->edits_len > 0 && seq_before(s->edits[0].out_start, acked))
		acked = s->edits[0].out_start;
	s->in_floor += acked - s->out_floor;
	s->out_floor = acked;
}

uint32_t ftp_stream_ack(struct ftp_stream *s, uint32_t out_ack)
{
	uint32_t in_ack = in_of(s, out_ack);

	if (seq_before(out_ack, s->out_acked))
		return in_ack; /* an old one */
	if (seq_before(s->out_next, out_ack))
		return s->in_next +
		       (out_ack - s->out_next); /* of what was never sent: the sender will say so */
	if (out_ack == s->out_next)
		in_ack = s->in_next;
	s->out_acked = out_ack;
	if (seq_before(s->in_acked, in_ack))
		s->in_acked = in_ack;
	forget_acknowledged(s);
	return s->in_acked;
}

bool ftp_stream_self_ack(struct ftp_stream *s)
{
	if (s->out_acked != s->out_next)
		return false;
	s->in_acked = s->in_next;
	return true;
}

bool ftp_stream_sack(const struct ftp_stream *s, uint32_t *left, uint32_t *right)
{
	uint32_t l = in_of(s, *left), r = in_of(s, *right);

	if (seq_before(s->out_next, *right))
		return false;
	for (unsigned i = 0; i < s->edits_len; i++) {
		const struct ftp_edit *e = &s->edits[i];

		if (seq_before(e->out_start, *left) && seq_before(*left, out_end(e)))
			l = e->in_end;
	}
	if (!seq_before(l, r))
		return false;
	*left = l;
	*right = r;
	return true;
}

bool ftp_stream_is_plain(const struct ftp_stream *s)
{
	return s->in_next == s->out_next && s->edits_len == 0 && s->held_len == 0 &&
	       !ftp_stream_is_holding(s);
}

static bool edits_validate(const struct ftp_stream *s)
{
	uint32_t in = s->in_floor, out = s->out_floor;

	for (unsigned i = 0; i < s->edits_len; i++) {
		const struct ftp_edit *e = &s->edits[i];

		if (seq_before(e->in_start, in) || e->out_start - out != e->in_start - in ||
			!seq_before(e->in_start, e->in_end) || e->bytes_len > FTP_EDIT_MAX ||
			(unsigned)(e->out_len - e->bytes_len) > 1)
			return false;
		in = e->in_end;
		out = out_end(e);
	}
	return !seq_before(s->held_start, in) && s->out_next - out == s->held_start - in;
}

bool ftp_stream_validate(const struct ftp_stream *s)
{
	return s->edits_len <= FTP_EDITS_MAX && edits_validate(s) && !seq_before(s->in_next, s->held_start) &&
	       s->lead_len <= s->held_len && s->lead_len <= FTP_LEAD_MAX && s->held_len <= FTP_EDIT_MAX &&
	       !seq_before(s->out_next, s->out_acked) && !seq_before(s->in_next, s->in_acked);
}
