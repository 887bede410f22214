/* portset.h - a set of port numbers, and its text form as net.ipv4.ip_local_reserved_ports has it:
 * "53,8000-8080" */
#ifndef ISTHMUS_DATAPLANE_PORTSET_H
#define ISTHMUS_DATAPLANE_PORTSET_H

#include "base/bytes.h"
#include "base/compiler.h"

struct portset {
	uint64_t bits[1024]; /* port p is bit p % 64 of word p / 64 */
};

/* Room for the longest text: every second port by itself, five digits and a comma each. */
#define PORTSET_TEXT_BYTES (32768 * 6 + 1)

/**
 * portset_parse() - read a list of ports and ranges; white space around it is ignored, an empty list is one
 *
 * Return: true, or false with *ret untouched.
 */
MUST_CHECK bool portset_parse(const char *text, struct portset *ret);

/** portset_text() - the shortest text form, in rising order; false if it does not fit */
MUST_CHECK bool portset_text(const struct portset *s, char *ret_text, size_t size);

/** portset_add_range() - add lo to hi, both included; lo <= hi */
void portset_add_range(struct portset *s, uint16_t lo, uint16_t hi);

/** portset_add(), portset_remove() - union with and difference from @other */
void portset_add(struct portset *s, const struct portset *other);
void portset_remove(struct portset *s, const struct portset *other);

bool portset_has(const struct portset *s, uint16_t port);
bool portset_is_empty(const struct portset *s);

#endif
