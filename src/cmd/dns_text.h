/* dns_text.h - types and records of DNS as an operator writes and reads them (RFC 1035 s5.1, RFC 3597) */
#ifndef ISTHMUS_CMD_DNS_TEXT_H
#define ISTHMUS_CMD_DNS_TEXT_H

#include "dns64/wire.h"

#define DNS_TYPE_TEXT 16
#define DNS_RECORD_TEXT (2 * DNS_NAME_TEXT + 64)

/** dns_type_parse() - "AAAA", in either case, or "TYPE28"; false, with *ret untouched, if it is no type of data */
MUST_CHECK bool dns_type_parse(const char *text, uint16_t *ret);
const char *dns_type_text(uint16_t type, char buf[static DNS_TYPE_TEXT]);
const char *dns_rcode_text(unsigned rcode); /* "NXDOMAIN"; "another code" for those without a name here */

/**
 * dns_record_text() - "name TTL type data" of a record of a checked message
 *
 * Data is shown as an address or a name where it is one, else in hexadecimal as in RFC 3597 s5, long data cut with
 * "...". Returns @buf.
 */
const char *dns_record_text(
	const struct dns_msg *m, const struct dns_rr *rr, char buf[static DNS_RECORD_TEXT]);

#endif
