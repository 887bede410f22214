/* ftp.h - the application layer gateway for FTP (RFC 6384); private to nat64. ftp.c explains it. */
#ifndef ISTHMUS_NAT64_FTP_H
#define ISTHMUS_NAT64_FTP_H

#include "base/hash.h"
#include "nat64/pipeline.h"

#define FTP_PORT 21	       /* RFC 959 s8; the control connection's at the server */
#define FTP_SESSIONS_MAX 1024  /* control connections of one worker that are followed */
#define FTP_SUBSCRIBER_MAX 128 /* of these, of one subscriber (or of several, if their hashes agree) */
#define FTP_NEVER UINT64_MAX

struct ftp; /* opaque */

/**
 * ftp_new() - make an empty table
 * @key:	secret, random
 *
 * Cost: allocates about 3 MiB, of which pages that no connection ever used stay untouched; nothing afterwards.
 */
MUST_CHECK int ftp_new(const struct hash_key *key, struct ftp **ret);
void ftp_free(struct ftp *f);

/**
 * ftp_64(), ftp_46() - take a segment of a control connection, before it is translated
 * @f:		of it; the caller has seen that it is TCP and that the server's port is FTP_PORT
 * @m:		its binding and session; after the call not valid any more
 *
 * What the client or the server is told at once (an acknowledgment) is sent by this.
 *
 * Spec: RFC 6384 s5 to s12
 * Return: DROP_NONE with j->p changed as need be; else the reason.
 * Drops: FTP_GAP, FTP_FRAGMENT, FTP_CHECKSUM, NO_HEADROOM
 */
MUST_CHECK enum drop_reason ftp_64(struct job *j, const struct flow64 *f, const struct mapping *m);
MUST_CHECK enum drop_reason ftp_46(struct job *j, const struct flow46 *f, const struct mapping *m);

/** ftp_expire() - forget connections whose session is gone; returns when to call again at the latest, or FTP_NEVER */
nsec ftp_expire(struct nat64 *n, nsec now);

/** ftp_validate() - check every invariant of the table; slow, for tests and fuzzers */
bool ftp_validate(const struct ftp *f);

/**
 * ftp_is_changed() - whether this session is a followed connection whose numbers are not the same on both sides, or of which
 * something is held back: without what is known of it here it cannot go on
 */
struct state_record;
bool ftp_is_changed(struct ftp *f, const struct state_record *r);

/** ftp_followed() - how many connections are followed now */
unsigned ftp_followed(const struct ftp *f);

#endif
