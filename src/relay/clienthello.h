/*
 * clienthello.h - what the first message of a TLS connection says of where it wants to go (pure)
 *
 * A ClientHello may come in many segments, and in many records (RFC 8446 s5.1); both make no difference here. If it is
 * encrypted (ECH), the name and protocols that can be read are those of the outer one: the route of a client-facing
 * server, which is what its operator wants.
 */
#ifndef ISTHMUS_RELAY_CLIENTHELLO_H
#define ISTHMUS_RELAY_CLIENTHELLO_H

#include "base/compiler.h"
#include "relay/config.h"

#define CLIENTHELLO_MAX 16384 /* bytes on the wire; browsers send 0.5 to 2 kB */

enum clienthello_progress {
	CLIENTHELLO_MORE, /* so far it is one, and it goes on */
	CLIENTHELLO_WHOLE,
	CLIENTHELLO_NOT_TLS, /* it is something else from the first bytes on */
	CLIENTHELLO_MALFORMED, /* TLS, but nothing that a ClientHello could be, or longer than CLIENTHELLO_MAX */
};

struct clienthello {
	char host
		[RELAY_HOST]; /* of server_name (RFC 6066 s3): lower case, without final dot; "": none was sent, or what is no name */
	bool has_alpn;	      /* it offers protocols (RFC 7301), and among them: */
	bool offers_h2, offers_http1;
};

/**
 * clienthello_parse() - read the beginning of a connection
 * @bytes:	all that came so far, from the first byte on; more of it may be there than the message
 * @ret:	untouched unless WHOLE
 *
 * Spec:    RFC 8446 s4.1.2, s4.2 (no extension twice), s5.1; RFC 6066 s3; RFC 7301 s3.1
 * Cost:    linear in the records until the message is whole, then in its length; allocates nothing
 */
MUST_CHECK enum clienthello_progress clienthello_parse(
	const void *bytes, size_t len, struct clienthello *ret);

#endif
