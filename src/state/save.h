/*
 * save.h - records of sessions as a stream of bytes: written in steps, read again by whoever finds it
 *
 *	head	magic, version, when it was written, the translation prefixes that records name by number
 *	chunk	how many records, its number, a sum over all of it and over the head's; then the records, all of one size
 *	...
 *	end	as a chunk without records: how many records there were
 *
 * What is read may be cut, of another version, of another gateway, or written by somebody who means harm. The sums find
 * accidents; they keep nobody out who can write the file. So a chunk with a wrong sum, or with one record that makes no sense,
 * is refused whole, and what a sound record asks for is still up to state_adopt().
 */
#ifndef ISTHMUS_STATE_SAVE_H
#define ISTHMUS_STATE_SAVE_H

#include "state/adopt.h"

#define SAVE_CHUNK_RECORDS 512 /* at most, in one chunk */
#define SAVE_RECORD_BYTES 80
#define SAVE_HEAD_BYTES 176
#define SAVE_CHUNK_HEAD_BYTES 24
#define SAVE_CHUNK_BYTES (SAVE_CHUNK_HEAD_BYTES + SAVE_CHUNK_RECORDS * SAVE_RECORD_BYTES)

struct save_head {
	uint64_t written_ms; /* UTC, milliseconds since 1970 */
	struct prefix6 prefixes[STATE_PREFIXES_MAX];
	unsigned prefixes_len;
};

/* --- writing --- */

struct save_writer {
	/* Takes all of it, or fails with -errno: then nothing more is written. */
	int (*write)(void *ctx, const uint8_t *bytes, size_t len);
	void *ctx;
	uint64_t seed;	 /* the head's sum */
	uint64_t chunks; /* written */
	uint64_t records;
	unsigned len; /* records in @bytes */
	uint8_t bytes[SAVE_CHUNK_BYTES];
};

/** save_begin() - write the head; @write and @ctx of @w are set. 0 or the -errno of write() */
MUST_CHECK int save_begin(struct save_writer *w, const struct save_head *h);

/** save_put() - write a record, sooner or later; one chunk at most goes out */
MUST_CHECK int save_put(struct save_writer *w, const struct state_record *r);

/** save_end() - write what is left, and the end */
MUST_CHECK int save_end(struct save_writer *w);

/* --- reading --- */

enum save_step {
	SAVE_RECORDS, /* some records came; there may be more */
	SAVE_REFUSED, /* a chunk was refused; there may be more */
	SAVE_WHOLE,   /* the end, and nothing was missing */
	SAVE_CUT,     /* the end, or what cannot be told from it, and something is missing */
};

struct save_reader {
	/* Reads up to @len bytes, fewer only at the end; a negative number is an error, and as good as the end. */
	long (*read)(void *ctx, uint8_t *to, size_t len);
	void *ctx;
	uint64_t seed;
	uint64_t chunks; /* seen, sound or not */
	uint64_t chunks_refused;
	uint64_t records;	  /* in sound chunks */
	uint64_t records_written; /* as the end says; 0 before it */
	uint8_t bytes[SAVE_CHUNK_BYTES];
};

enum save_find {
	SAVE_FOUND,
	SAVE_NOTHING, /* not a byte */
	SAVE_FOREIGN, /* no such file, or damaged */
	SAVE_VERSION, /* of another version */
};

/** save_open() - read the head; @read and @ctx of @r are set. *ret is untouched unless SAVE_FOUND */
MUST_CHECK enum save_find save_open(struct save_reader *r, struct save_head *ret);

/**
 * save_next() - read one chunk
 * @ret:	its records, which state_record_validate() allows; their prefix is a number of the head's, below prefixes_len
 *
 * Cost: one chunk.
 */
MUST_CHECK enum save_step save_next(struct save_reader *r, const struct save_head *h,
	struct state_record ret[static SAVE_CHUNK_RECORDS], unsigned *ret_len);

#endif
