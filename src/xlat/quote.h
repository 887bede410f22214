/* quote.h - ICMP messages that quote the packet they are about; private to xlat */
#ifndef ISTHMUS_XLAT_QUOTE_H
#define ISTHMUS_XLAT_QUOTE_H

#include "xlat/pkt.h"

/**
 * icmp_is_error() - whether an ICMP message of this type reports an error, translatable or not
 *
 * Spec: RFC 1122 s3.2.2 (types 3, 4, 5, 11, 12), RFC 4443 s2.1 (types below 128)
 */
bool icmp_is_error(uint8_t version, uint8_t type);

#endif
