/* who.h - what the ways of answering `isthmus who` share: the question, and the answer from a file alone */
#ifndef ISTHMUS_CMD_WHO_H
#define ISTHMUS_CMD_WHO_H

#include "addr/addr.h"
#include "bindlog/history.h"
#include "conf/conf.h"

#include <jansson.h>

/** who_endpoint_parse() - read ADDRESS:PORT of IPv4; false with the results untouched if it is none */
MUST_CHECK bool who_endpoint_parse(const char *text, struct addr4 *ret, uint16_t *ret_port);

/** who_at_parse() - the same, or only the address: then *ret_port is HISTORY_NO_PORT */
MUST_CHECK bool who_at_parse(const char *text, struct addr4 *ret, uint32_t *ret_port);

/** who_subscriber_parse() - read an IPv6 address or prefix; bits below the length do not matter */
MUST_CHECK bool who_subscriber_parse(const char *text, struct prefix6 *ret);

#define WHO_WHY 320

/**
 * who_fixed_at(), who_fixed_of() - whose a port is, and what a subscriber has, by computation (RFC 7422)
 * @ret_why:	if there is no answer: a sentence that says why; else ""
 *
 * Return: a row with address, ports and subscriber; NULL if there is no answer.
 */
json_t *who_fixed_at(const struct conf *c, struct addr4 a, uint16_t port, char ret_why[static WHO_WHY]);
json_t *who_fixed_of(const struct conf *c, struct prefix6 who, char ret_why[static WHO_WHY]);

#endif
