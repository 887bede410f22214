/*
 * socks5_wire.h - the messages of SOCKS 5, read and written (pure)
 *
 * RFC 1928, and RFC 1929 for the password. Everything is read from the beginning of what has come: MORE asks for the same
 * bytes again with others behind them; MALFORMED stays so whatever follows.
 */
#ifndef ISTHMUS_RELAY_SOCKS5_WIRE_H
#define ISTHMUS_RELAY_SOCKS5_WIRE_H

#include "base/compiler.h"
#include "relay/config.h"

#define SOCKS5_VERSION 5       /* RFC 1928 s3 */
#define SOCKS5_LOGIN_VERSION 1 /* RFC 1929 s2 */
#define SOCKS5_MESSAGE_MAX 513 /* bytes: the longest one of a client, user name and password */
#define SOCKS5_HEAD_MAX 22 /* bytes of what is written: a reply or a datagram's header with an IPv6 address */

enum socks5_progress { SOCKS5_MORE, SOCKS5_WHOLE, SOCKS5_MALFORMED };

enum socks5_method { SOCKS5_NO_PASSWORD = 0, SOCKS5_PASSWORD = 2, SOCKS5_NO_METHOD = 0xff };

/* RFC 1928 s3: what a client offers */
struct socks5_greeting {
	bool offers_no_password, offers_password;
	size_t len; /* of the message; what is behind is the next one */
};

/* RFC 1929 s2 */
struct socks5_login {
	char user[256], password[256]; /* no byte of them is zero, as of any text */
	size_t len;
};

/* RFC 1928 s6 */
enum socks5_reply {
	SOCKS5_SUCCEEDED = 0,
	SOCKS5_FAILURE = 1,
	SOCKS5_NOT_ALLOWED = 2,
	SOCKS5_NETWORK_UNREACHABLE = 3,
	SOCKS5_HOST_UNREACHABLE = 4,
	SOCKS5_REFUSED = 5,
	SOCKS5_NO_COMMAND = 7,
	SOCKS5_NO_ADDRESS_TYPE = 8,
};

enum socks5_command { SOCKS5_CONNECT = 1, SOCKS5_BIND = 2, SOCKS5_UDP_ASSOCIATE = 3 };

/* RFC 1928 s4 */
struct socks5_request {
	unsigned command;	 /* as it came, maybe none that there is */
	enum socks5_reply fault; /* SOCKS5_SUCCEEDED, or what an address is refused with */
	struct relay_target to;
	size_t len; /* with a fault: of what was understood */
};

/* RFC 1928 s7 */
struct socks5_datagram {
	unsigned fragment; /* 0: it is whole */
	struct relay_target to;
	size_t len; /* of the header; the data is behind */
};

/* All of these leave @ret untouched unless WHOLE. */
MUST_CHECK enum socks5_progress socks5_greeting_parse(
	const void *bytes, size_t len, struct socks5_greeting *ret);
MUST_CHECK enum socks5_progress socks5_login_parse(const void *bytes, size_t len, struct socks5_login *ret);
MUST_CHECK enum socks5_progress socks5_request_parse(
	const void *bytes, size_t len, struct socks5_request *ret);
/** socks5_datagram_parse() - a datagram is there or not: what is cut off is malformed */
MUST_CHECK enum socks5_progress socks5_datagram_parse(
	const void *bytes, size_t len, struct socks5_datagram *ret);

/** socks5_reply_write() - RFC 1928 s6; the length */
size_t socks5_reply_write(
	enum socks5_reply reply, const struct endpoint *bound, uint8_t to[static SOCKS5_HEAD_MAX]);
/** socks5_datagram_write() - the header of a datagram that came from @from (RFC 1928 s7); the length */
size_t socks5_datagram_write(const struct endpoint *from, uint8_t to[static SOCKS5_HEAD_MAX]);

#endif
