/* ftp_segment.h - a TCP segment whose payload and numbers are changed before it is translated; private to nat64 */
#ifndef ISTHMUS_NAT64_FTP_SEGMENT_H
#define ISTHMUS_NAT64_FTP_SEGMENT_H

#include "nat64/ftp_stream.h"
#include "xlat/pkt.h"

#define TCP_URG 0x20 /* RFC 9293 s3.1 */

/* What a TCP header says; all in host order. */
struct ftp_segment {
	const uint8_t *payload;
	uint32_t len; /* bytes of payload */
	uint32_t seq, ack;
	uint16_t window, urgent;
	uint8_t flags;
	bool has_time;
	uint32_t time; /* TSval (RFC 7323 s3.2), if has_time */
};

/** ftp_segment_of() - read the segment of a parsed packet that is no fragment */
struct ftp_segment ftp_segment_of(const struct pkt *p);

/**
 * ftp_segment_write() - give the packet the numbers, flags and payload of @g
 * @g:		payload: the packet's own, or other memory; window and times are not written
 * @acks:	the stream that this segment acknowledges; translates its SACK blocks (RFC 2018)
 *
 * The checksum changes by the difference, or if it is partial, by the length: a wrong one stays wrong. A payload that has
 * become longer than any path surely takes becomes a train of segments, for which the kernel cuts it (RFC 6384 s5: "break
 * up packets").
 *
 * Drops: NO_HEADROOM if there is no room behind the packet; FTP_CHECKSUM if a segment to be cut has a wrong checksum
 */
MUST_CHECK enum drop_reason ftp_segment_write(
	struct pkt *p, const struct ftp_segment *g, const struct ftp_stream *acks);

#define FTP_ACK_BYTES (IP6_HDR_LEN + TCP_HDR_LEN + 12)

/**
 * ftp_segment_acknowledge() - make the segment that acknowledges the one in @p, as its receiver would
 * @p:		not translated; addresses and ports are taken from it the other way around
 * @g:		seq, ack, window; has_time, time
 * @memory:	FTP_ACK_BYTES with PKT_HEADROOM before and PKT_TAILROOM behind
 * @ret:	parsed
 *
 * Return: true; false if the addresses of @p cannot be exchanged.
 */
MUST_CHECK bool ftp_segment_acknowledge(const struct pkt *p, const struct ftp_segment *g,
	uint8_t memory[static PKT_HEADROOM + FTP_ACK_BYTES + PKT_TAILROOM], struct pkt *ret);

#endif
