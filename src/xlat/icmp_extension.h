/* icmp_extension.h - the extensions behind the datagram that an ICMP error quotes (RFC 4884); private to xlat */
#ifndef ISTHMUS_XLAT_ICMP_EXTENSION_H
#define ISTHMUS_XLAT_ICMP_EXTENSION_H

#include "addr/addr.h"

/**
 * extension_growth() - how many bytes an object that names an interface's IPv6 address adds
 * @at:		the extension structure that came with the message
 * @len:	its bytes; 0: there is none, and one is made
 *
 * Return: 0 if nothing is to be added: it is of another version, or broken, or names the interface already (RFC 5837 s4: of
 * one role there is one object).
 */
uint32_t extension_growth(const uint8_t *at, uint32_t len);

/**
 * extension_name_router() - write the Interface Information Object with the address of the router that sent the error
 * @at:		as above; there is room for extension_growth() bytes more behind it
 *
 * A structure's checksum changes by what is added, so one that was wrong stays wrong, and one that was left out stays so.
 *
 * Spec: RFC 6791 s4; RFC 5837 s4.1, s4.2; RFC 4884 s7, s8
 */
void extension_name_router(uint8_t *at, uint32_t len, struct addr6 router);

#endif
