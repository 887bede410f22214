/*
 * ftp_stream.h - one direction of a control connection whose bytes are changed on the way; private to nat64
 *
 * "In" is what the sender counts, "out" what the receiver counts. ftp_stream.c explains it.
 */
#ifndef ISTHMUS_NAT64_FTP_STREAM_H
#define ISTHMUS_NAT64_FTP_STREAM_H

#include "base/bytes.h"

#define FTP_LINE_MAX 160 /* bytes of a line that is held back; a longer one is not changed */
#define FTP_LEAD_MAX 12	 /* bytes that may be put in front of a line: four refusals of Telnet options */
#define FTP_EDIT_MAX (FTP_LEAD_MAX + FTP_LINE_MAX + 1)
#define FTP_EDITS_MAX 6 /* changes that the receiver has not acknowledged yet */

/* A run of bytes that goes out as other bytes. Until the receiver has acknowledged all of them, they can be sent again. */
struct ftp_edit {
	uint32_t in_start, in_end; /* sequence numbers; not empty */
	uint32_t out_start;
	uint16_t out_len;   /* sequence numbers: bytes_len, and 1 for a FIN */
	uint16_t bytes_len; /* at most FTP_EDIT_MAX */
	uint8_t bytes[FTP_EDIT_MAX];
};

/* Invariants: see ftp_stream_validate(). All positions are sequence numbers and wrap. */
struct ftp_stream {
	uint32_t in_next, out_next;   /* behind what was taken, and behind what was sent on */
	uint32_t in_floor, out_floor; /* the same place on both sides; all before it is acknowledged */
	uint32_t out_acked;	      /* the receiver's last acknowledgment */
	uint32_t in_acked;	      /* what the sender was told */
	uint32_t held_start;  /* bytes from here to in_next are held back; in_next if there are none */
	uint16_t held_len;    /* what they shall be, as it stands: bytes of held */
	uint16_t lead_len;    /* of these, bytes that were put in front */
	bool is_held_changed; /* held is not the run of bytes that came, or some came in an earlier segment */
	uint8_t edits_len;
	struct ftp_edit edits[FTP_EDITS_MAX]; /* in the order of the stream; none overlap */
	uint8_t held[FTP_EDIT_MAX];
};

static inline bool seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/** ftp_stream_init() - begin at sequence number @next, equal on both sides */
void ftp_stream_init(struct ftp_stream *s, uint32_t next);

/* --- taking bytes of the sender; what goes out is appended to @out --- */

/** ftp_stream_can_edit() - whether the two changes that a byte may bring can be remembered; ask before each */
static inline bool ftp_stream_can_edit(const struct ftp_stream *s)
{
	return s->edits_len + 2 <= FTP_EDITS_MAX;
}

static inline bool ftp_stream_is_holding(const struct ftp_stream *s)
{
	return s->held_start != s->in_next;
}

/** ftp_stream_pass() - the next byte goes on, and before it what is held */
void ftp_stream_pass(struct ftp_stream *s, uint8_t byte, struct wr *out);

/** ftp_stream_hold() - the next byte is held back; false, and nothing done, if there is no room */
bool ftp_stream_hold(struct ftp_stream *s, uint8_t byte);

/** ftp_stream_lead() - put bytes in front of the line that begins now; nothing is held; at most FTP_LEAD_MAX */
void ftp_stream_lead(struct ftp_stream *s, const uint8_t *bytes, size_t len);

/** ftp_stream_strip() - take the last @len held bytes out of what is held: they will not go on */
void ftp_stream_strip(struct ftp_stream *s, size_t len);

/** ftp_stream_release() - what is held goes on as it stands */
void ftp_stream_release(struct ftp_stream *s, struct wr *out);

/** ftp_stream_replace() - @len bytes go on instead of what is held, at most FTP_LINE_MAX; a lead stays in front */
void ftp_stream_replace(struct ftp_stream *s, const void *bytes, size_t len, struct wr *out);

/** ftp_stream_run() - @len bytes go on; nothing is held. @bytes may be NULL: they were lost, and will come later */
void ftp_stream_run(struct ftp_stream *s, const uint8_t *bytes, size_t len, struct wr *out);

/** ftp_stream_fin() - the sender's FIN; what is held goes on with it */
void ftp_stream_fin(struct ftp_stream *s, struct wr *out);

/** ftp_stream_pause() - a segment is done: the sender may be told that what is held has come */
void ftp_stream_pause(struct ftp_stream *s);

/* --- positions --- */

/**
 * ftp_stream_repeat() - send again what the sender sends again
 * @in_seq:	where the bytes begin, not after in_next
 * @bytes:	the bytes; @len of them, of which those behind in_next are left alone
 * @fin:	1 if a FIN follows the bytes, else 0
 *
 * A change that the bytes touch goes out whole: see ftp_stream.c.
 *
 * Return: how many of the bytes were sent before.
 */
size_t ftp_stream_repeat(
	const struct ftp_stream *s, uint32_t in_seq, struct rd bytes, unsigned fin, struct wr *out);

/** ftp_stream_out_of() - where what ftp_stream_repeat() or new bytes give for a segment at @in_seq begins */
uint32_t ftp_stream_out_of(const struct ftp_stream *s, uint32_t in_seq);

/** ftp_stream_out_of_empty() - the sequence number of a segment without bytes (a keep-alive may be one too low) */
uint32_t ftp_stream_out_of_empty(const struct ftp_stream *s, uint32_t in_seq);

/** ftp_stream_ack() - the receiver acknowledges @out_ack; returns what the sender is told */
uint32_t ftp_stream_ack(struct ftp_stream *s, uint32_t out_ack);

/** ftp_stream_sack() - a block that the receiver has selectively; false if nothing of it can be told */
bool ftp_stream_sack(const struct ftp_stream *s, uint32_t *left, uint32_t *right);

/**
 * ftp_stream_self_ack() - whether the sender may be told at once that all has come
 *
 * Return: true, with s->in_acked being in_next, if all that went on is acknowledged.
 */
bool ftp_stream_self_ack(struct ftp_stream *s);

/** ftp_stream_is_plain() - whether numbers are equal on both sides and nothing is held or remembered */
bool ftp_stream_is_plain(const struct ftp_stream *s);

bool ftp_stream_validate(const struct ftp_stream *s);

#endif
