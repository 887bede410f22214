/* ftp_table.h - the control connections that are followed; private to the ftp_*.c of nat64 */
#ifndef ISTHMUS_NAT64_FTP_TABLE_H
#define ISTHMUS_NAT64_FTP_TABLE_H

#include "nat64/ftp.h"
#include "nat64/ftp_control.h"

#define FTP_NONE UINT16_MAX
#define FTP_BUCKETS 1024u /* a power of two */
#define FTP_SEGMENT_MAX (65536 + FTP_EDITS_MAX * FTP_EDIT_MAX)
#define FTP_SHARES 1024u /* counters of subscribers; a power of two */

/* The connection: the client's transport address, and the server, whose port is FTP_PORT. */
struct ftp_key {
	struct addr6 client;
	struct addr4 server;
	uint16_t port;
	uint8_t prefix; /* index of the translation prefix */
};

/* What an end said last, for an acknowledgment on its behalf. */
struct ftp_end {
	bool has_window, has_time;
	uint16_t window; /* as in the header */
	uint32_t time;	 /* TSval */
};

struct ftp_session {
	struct ftp_key key;
	uint16_t next;	/* in its bucket, or among the free; FTP_NONE at the end */
	uint16_t share; /* the counter of its subscriber */
	bool is_used;
	bool is_confirmed; /* the client has answered the SYN of the server */
	bool is_closing;   /* a FIN each way, or a reset */
	bool has_fin[DIR_COUNT];
	bool has_syn; /* the client has sent a SYN since, with this number */
	uint32_t syn;
	nsec seen;			     /* the last segment */
	struct ftp_end end[DIR_COUNT];	     /* [DIR_64]: the client */
	struct ftp_stream stream[DIR_COUNT]; /* [DIR_64]: commands */
	struct ftp_control control;
};

struct ftp {
	struct hash_key key;
	uint16_t buckets[FTP_BUCKETS];
	uint16_t shares[FTP_SHARES]; /* connections of the subscribers that hash here */
	uint16_t free;
	uint16_t used;
	uint16_t high;	 /* slots from here on were never used */
	uint16_t cursor; /* of the sweep for connections that are gone */
	nsec sweep_at;
	uint8_t bytes[FTP_SEGMENT_MAX]; /* the payload that goes on, of the segment at hand */
	struct ftp_session at[FTP_SESSIONS_MAX];
};

/** ftp_find() - the connection, or NULL */
struct ftp_session *ftp_find(struct ftp *f, const struct ftp_key *k);

/** ftp_add() - follow a connection that is not followed yet; NULL, and counted, if that is one too many */
struct ftp_session *ftp_add(struct nat64 *n, const struct ftp_key *k, nsec now);

/** ftp_forget() - follow it no longer */
void ftp_forget(struct ftp *f, struct ftp_session *s);

#endif
