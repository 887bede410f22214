/*
 * fuzz_ftp.c - both directions of a control connection, cut, repeated and lost as the input says
 *
 * Input: a byte of flags, then records of a header byte and a length byte with that many bytes to say. Header byte: bit 0 is
 * the side; bits 1-2 what happens: say, repeat from a place, acknowledge a place, finish; bit 3: the record's output is lost.
 *
 * Checked: every invariant of both streams, that what goes out fits to what went out before (the same byte at the same
 * place), and that nobody but the receiver acknowledges the last byte of a change.
 */
#include "nat64/ftp_control.h"

#include <stdlib.h>

#define SAID_MAX 4096
#define OUT_MAX (2 * SAID_MAX + 4096)
#define FIRST 0xfffffff0u /* so that numbers wrap soon */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct side {
	struct ftp_stream s;
	uint8_t said[SAID_MAX];
	size_t said_len;
	uint8_t out[OUT_MAX];
	size_t out_len;	  /* sent on at least once */
	size_t acked_out; /* by the receiver */
};

struct run {
	struct side side[2];
	struct ftp_control c;
	struct ftp_service service;
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static bool open_port(void *ctx, uint16_t port, struct addr4 *ret_a, uint16_t *ret_port)
{
	(void)ctx;
	*ret_a = (struct addr4){ 0xc0000240 };
	*ret_port = (uint16_t)(port + 1);
	return port % 2 == 0;
}

static void did(void *ctx, enum ftp_event event)
{
	(void)ctx;
	check(event < FTP_EVENT_COUNT);
}

/* What went out must be what went out at that place before, and follow it without a gap. */
static void note_output(struct side *d, uint32_t seq, const struct wr *out)
{
	size_t at = (size_t)(uint32_t)(seq - FIRST), n = wr_len(out);

	check(!out->full);
	if (n == 0)
		return;
	check(at <= d->out_len && at + n <= OUT_MAX);
	for (size_t i = 0; i < n; i++) {
		if (at + i < d->out_len)
			check(d->out[at + i] == out->start[i]);
		else
			d->out[d->out_len++] = out->start[i];
	}
	check(d->s.out_next - FIRST == d->out_len);
}

static void take(struct run *r, int who, size_t from, size_t to)
{
	static uint8_t memory[65536 + FTP_EDITS_MAX * FTP_EDIT_MAX];
	struct side *d = &r->side[who];
	struct wr out = wr_of(memory, sizeof(memory));
	uint32_t seq = FIRST + (uint32_t)from;
	struct rd bytes = rd_of(d->said + from, to - from);

	if (seq_before(d->s.in_next, seq))
		return; /* behind a gap */
	uint32_t out_seq = ftp_stream_out_of(&d->s, seq);
	size_t old = ftp_stream_repeat(&d->s, seq, bytes, 0, &out);

	(void)rd_take(&bytes, old);
	if (rd_left(&bytes) > 0)
		(void)(who == 0 ? ftp_control_commands(&r->c, &r->service, &d->s, bytes, &out)
				: ftp_control_replies(&r->c, &r->service, &d->s, bytes, &out));
	ftp_stream_pause(&d->s);
	note_output(d, out_seq, &out);
	check(ftp_stream_validate(&d->s));
}

static void acknowledge(struct run *r, int who, size_t out_ack)
{
	struct side *d = &r->side[who];
	uint32_t left = FIRST + (uint32_t)(out_ack / 2), right = FIRST + (uint32_t)out_ack;

	if (ftp_stream_sack(&d->s, &left, &right))
		check(seq_before(left, right) && !seq_before(d->s.in_next, right));
	uint32_t told = ftp_stream_ack(&d->s, FIRST + (uint32_t)out_ack);

	check(!seq_before(d->s.in_next, told));
	check(ftp_stream_validate(&d->s));
	/* An edit that the receiver has not acknowledged has a byte that nobody has; one that is empty needs none. */
	for (unsigned i = 0; i < d->s.edits_len; i++)
		check(d->s.edits[i].out_len == 0 || seq_before(d->s.in_acked, d->s.edits[i].in_end));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rd in = rd_of(data, len);
	struct run *r = calloc(1, sizeof(*r));
	uint8_t head, size;

	check(r != NULL);
	r->service = (struct ftp_service){
		.client = { UINT64_C(0x20010db800010000), 2 }, .open = open_port, .did = did
	};
	for (int who = 0; who < 2; who++)
		ftp_stream_init(&r->side[who].s, FIRST);
	ftp_control_init(&r->c);
	while (rd_u8(&in, &head) && rd_u8(&in, &size)) {
		int who = head & 1;
		struct side *d = &r->side[who];
		size_t n = size < rd_left(&in) ? size : rd_left(&in);

		switch (head >> 1 & 3) {
		case 0:
		case 1:
			n = n < SAID_MAX - d->said_len ? n : SAID_MAX - d->said_len;
			bytes_copy(d->said + d->said_len, rd_take(&in, n), n);
			d->said_len += n;
			if ((head & 8) == 0)
				take(r, who, d->said_len - n, d->said_len);
			break;
		case 2:
			take(r, who, d->said_len - (size < d->said_len ? size : d->said_len), d->said_len);
			break;
		case 3:
			acknowledge(r, who, d->out_len - (size < d->out_len ? size : d->out_len));
			break;
		}
		if (ftp_stream_self_ack(&d->s))
			check(d->s.in_acked == d->s.in_next && d->s.out_acked == d->s.out_next);
	}
	free(r);
	return 0;
}
