/* config.h - what the pipeline needs to know; conf/ fills it */
#ifndef ISTHMUS_NAT64_CONFIG_H
#define ISTHMUS_NAT64_CONFIG_H

#include "addr/addr.h"
#include "state/state.h"

#define NAT64_DENY_MAX 64

struct nat64_config {
	struct prefix6 prefixes[STATE_PREFIXES_MAX]; /* RFC 6052; none contains another */
	unsigned prefixes_len;			     /* at least 1 */
	struct prefix4 deny[NAT64_DENY_MAX];	     /* IPv4 destinations never translated to */
	unsigned deny_len;
	bool allow_non_global; /* the well-known prefix may stand for private IPv4 (RFC 6052 s3.1) */
	struct state_config state;
};

#endif
