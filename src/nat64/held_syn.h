/* held_syn.h - SYNs from the IPv4 side that are not answered at once (RFC 6146 s3.5.2.2, RFC 5382 s4.3 REQ-4) */
#ifndef ISTHMUS_NAT64_HELD_SYN_H
#define ISTHMUS_NAT64_HELD_SYN_H

#include "nat64/pipeline.h"

#define HELD_SYNS_MAX 256
#define HELD_SYN_BYTES 548 /* what an ICMPv4 error can quote: 576 bytes less its two headers */

struct held_syns; /* opaque */

/** held_syns_new() - room for HELD_SYNS_MAX of them; 0 or -ENOMEM */
MUST_CHECK int held_syns_new(struct held_syns **ret);
void held_syns_free(struct held_syns *h);

/** is_held_syn() - whether a packet refused for this reason waits before its sender is told */
bool is_held_syn(const struct job *j, enum drop_reason reason);

/**
 * held_syn_keep() - count the refusal of a SYN, and keep a copy until its sender may be told
 *
 * A SYN that is kept already (its sender has repeated it), one that is longer than HELD_SYN_BYTES and one for which
 * there is no room are dropped without a word.
 */
enum verdict held_syn_keep(struct job *j, enum drop_reason reason);

/**
 * held_syns_expire() - tell the senders of those whose time has come, unless a session has come into being meanwhile
 *
 * Return: when to call again at the latest.
 */
nsec held_syns_expire(struct nat64 *n, nsec now, const struct nat64_out *out);

#endif
