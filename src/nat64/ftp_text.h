/* ftp_text.h - what the lines of a control connection say; private to nat64. Nothing here knows of connections. */
#ifndef ISTHMUS_NAT64_FTP_TEXT_H
#define ISTHMUS_NAT64_FTP_TEXT_H

#include "addr/addr.h"
#include "base/bytes.h"

#define FTP_VERB_MAX 8 /* letters; the longest in use are XSHA256 and its kind */

/* Commands that mean something to the gateway. */
enum ftp_verb {
	FTP_VERB_OTHER,
	FTP_VERB_EPSV, /* RFC 2428 s3 */
	FTP_VERB_EPRT, /* RFC 2428 s2 */
	FTP_VERB_ALGS, /* RFC 6384 s11 */
	FTP_VERB_AUTH, /* RFC 2228 s3 */
	FTP_VERB_PASV, /* RFC 959 s4.1.2 */
	FTP_VERB_REIN, /* RFC 959 s4.1.1 */
	FTP_VERB_NONE, /* an empty line */
};

/** ftp_verb_of() - which command these letters, in capitals, are */
enum ftp_verb ftp_verb_of(const uint8_t *letters, size_t len);

/** ftp_verb_may_become() - whether the letters begin (or are) the name of @verb */
bool ftp_verb_may_become(enum ftp_verb verb, const uint8_t *letters, size_t len);

/* Arguments are without the space before and the line's end. */

enum ftp_epsv_arg { FTP_EPSV_HERE, FTP_EPSV_ALL, FTP_EPSV_PROTOCOL, FTP_EPSV_UNKNOWN };

/** ftp_epsv_arg() - none or "2"; "ALL"; another number; something else (RFC 2428 s3) */
enum ftp_epsv_arg ftp_epsv_arg(const uint8_t *arg, size_t len);

enum ftp_algs_arg { FTP_ALGS_STATUS, FTP_ALGS_ENABLE, FTP_ALGS_DISABLE, FTP_ALGS_UNKNOWN };

/** ftp_algs_arg() - STATUS64, ENABLE64, DISABLE64 (RFC 6384 s11), in any case of letters */
enum ftp_algs_arg ftp_algs_arg(const uint8_t *arg, size_t len);

/**
 * ftp_eprt_arg() - read "|2|address|port|" (RFC 2428 s2)
 *
 * Return: true; false, with nothing written, if it is malformed, the address is not IPv6, or the port is 0.
 */
MUST_CHECK bool ftp_eprt_arg(const uint8_t *arg, size_t len, struct addr6 *ret_a, uint16_t *ret_port);

/**
 * ftp_pasv_reply() - find "h1,h2,h3,h4,p1,p2" in the text of a 227 reply
 *
 * Nothing is fixed about the text around the numbers (RFC 1123 s4.1.2.6).
 *
 * Return: true; false, with nothing written, if there are no such numbers, or the port is 0.
 */
MUST_CHECK bool ftp_pasv_reply(const uint8_t *text, size_t len, struct addr4 *ret_a, uint16_t *ret_port);

/** ftp_port_write() - "PORT h1,h2,h3,h4,p1,p2" and the line's end; returns its length */
#define FTP_PORT_MAX sizeof("PORT 255,255,255,255,255,255\r\n")
size_t ftp_port_write(struct addr4 a, uint16_t port, uint8_t ret[static FTP_PORT_MAX]);

/** ftp_229_write() - "229 Entering Extended Passive Mode (|||port|)" and the line's end; returns its length */
#define FTP_229_MAX sizeof("229 Entering Extended Passive Mode (|||65535|)\r\n")
size_t ftp_229_write(uint16_t port, uint8_t ret[static FTP_229_MAX]);

#endif
