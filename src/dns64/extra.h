/*
 * extra.h - AAAA records of the targets of SVCB and HTTPS records; private to the module
 *
 * A client that is given such a record asks for the addresses of its target next. They are looked up, and synthesized,
 * as if it had asked already, and go into the additional section.
 *
 * Spec: RFC 9460 s4.2, s4.2.1
 */
#ifndef ISTHMUS_DNS64_EXTRA_H
#define ISTHMUS_DNS64_EXTRA_H

#include "dns64/serve.h"
#include "dns64/svcb.h"

struct extra; /* the look-ups for one open query; opaque */

/**
 * extra_start() - look up what @v, the verdict on @o, calls for
 * @done:	called from the loop when one of the look-ups has its answer
 *
 * Return: whether there is anything to wait for; o->extra is NULL if nothing is looked up.
 */
bool extra_start(struct open_query *o, const struct dns64_policy *policy, const struct synth_verdict *v,
	void (*done)(void *ctx));
void extra_free(struct extra *x); /* NULL is fine */

/* What came of the look-ups; its parts point to each other. */
struct extra_found {
	struct synth_input in[SVCB_TARGETS_MAX];
	struct synth_verdict verdict[SVCB_TARGETS_MAX];
	struct synth_extra list[SVCB_TARGETS_MAX];
	unsigned len;
	bool is_complete; /* nothing is looked up any more */
};

/** extra_collect() - what is known by now; @x may be NULL */
void extra_collect(const struct extra *x, const struct dns64_policy *policy, struct extra_found *ret);

#endif
