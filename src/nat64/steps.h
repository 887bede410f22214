/*
 * steps.h - what is decided for a packet, as a list of small facts
 *
 * The pipeline makes steps only while somebody looks (trace.h). They are data; words are made of them elsewhere, from
 * the texts of steps.def, which is the single list: enum, text, section and the keys of the JSON form.
 */
#ifndef ISTHMUS_NAT64_STEPS_H
#define ISTHMUS_NAT64_STEPS_H

#include "addr/addr.h"

enum step_id {
#define STEP(name, text, spec) STEP_##name,
#include "nat64/steps.def"
#undef STEP
	STEP_COUNT
};

/* Which fields mean something, the text of the step says. One cache line. */
struct step {
	uint8_t id;	 /* enum step_id */
	uint8_t version; /* of a packet: 4 or 6 */
	uint8_t proto;	 /* of a packet: IANA number */
	uint8_t kind;	 /* of a packet: enum l4_kind */
	uint8_t flags;	 /* of a packet: TCP flags */
	uint8_t len;	 /* prefix length in bits; of a packet: hop limit */
	uint8_t x, y;	 /* small numbers; of a packet: ICMP type and code */
	uint16_t port[2];
	uint32_t n, m; /* numbers; of a packet: n is its length in bytes */
	struct addr4 a4, b4;
	struct addr6 a6, b6;
};

/** step_name() - such as "PREFIX" */
const char *step_name(enum step_id id);

/** step_text() - the sentence with its places for values; see steps.def */
const char *step_text(enum step_id id);

/** step_spec() - the section of the standard that asks for it, or "" */
const char *step_spec(enum step_id id);

#endif
