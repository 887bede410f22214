/*
 * proxy_head.h - the PROXY protocol, versions 1 and 2: who a relayed client is (pure)
 *
 * Addresses of two families cannot stand in one header. A destination of the other family is said as an address of the
 * client's family with no meaning in version 1 (UNKNOWN) and as IPv4-mapped IPv6 in version 2.
 */
#ifndef ISTHMUS_RELAY_PROXY_HEAD_H
#define ISTHMUS_RELAY_PROXY_HEAD_H

#include "addr/endpoint.h"
#include "base/compiler.h"
#include "relay/config.h"

#include <stddef.h>

#define PROXY_HEAD_MAX 536 /* bytes that are read for one: version 2 with TLVs; version 1 has at most 107 */
#define PROXY_HEAD_WRITE_MAX 108

enum proxy_head_progress { PROXY_HEAD_MORE, PROXY_HEAD_WHOLE, PROXY_HEAD_MALFORMED };

struct proxy_head {
	bool is_local;		       /* LOCAL or UNKNOWN: the connection's own addresses count */
	struct endpoint client, local; /* source and destination; a mapped address is unwrapped */
	size_t len;		       /* of the header; what follows is the client's */
};

/** proxy_head_parse() - read the header at the beginning of a connection; @ret untouched unless WHOLE */
MUST_CHECK enum proxy_head_progress proxy_head_parse(const void *bytes, size_t len, struct proxy_head *ret);

/** proxy_head_write() - write a header of TCP; its length */
size_t proxy_head_write(enum relay_proxy_head version, const struct endpoint *client,
	const struct endpoint *local, unsigned char to[static PROXY_HEAD_WRITE_MAX]);

#endif
