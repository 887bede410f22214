/* synth_record.h - the rules for single addresses, shared by synth.c and synth_write.c */
#ifndef ISTHMUS_DNS64_SYNTH_RECORD_H
#define ISTHMUS_DNS64_SYNTH_RECORD_H

#include "dns64/synth.h"

/** synth_aaaa_is_excluded() - a AAAA record that this client may not be given (RFC 6147 s5.1.4) */
bool synth_aaaa_is_excluded(const struct synth_input *in, struct addr6 a);

/** synth_a_is_excluded() - an A record that is not used for synthesis */
bool synth_a_is_excluded(const struct dns64_policy *p, struct addr4 a);

/**
 * synth_prefixes() - the prefixes that stand for an address: that of the longest range that holds it, else the
 * general ones
 *
 * Left out is the well-known prefix where it may not stand for @a (RFC 6052 s3.1).
 *
 * Spec: RFC 6147 s5.1.7
 * Return: how many.
 */
unsigned synth_prefixes(
	const struct dns64_policy *p, struct addr4 a, struct prefix6 ret[static DNS64_PREFIX_MAX]);

/* --- synth.c: parts of judging that synth_lend.c shares --- */

/** synth_judge_failure() - SERVFAIL, because of @kind */
void synth_judge_failure(enum synth_kind kind, struct synth_verdict *ret);

/** synth_judge_native() - pass a result on, as any resolver would */
void synth_judge_native(const struct synth_query *q, const struct lookup *l, struct synth_verdict *ret);

/** synth_is_final() - whether the first lookup settles the answer whatever the second says: bogus, or no such name */
bool synth_is_final(const struct lookup *first);

/** synth_negative_ttl() - how long the lack of data may be believed, seconds (RFC 6147 s5.1.7, RFC 2308 s5) */
uint32_t synth_negative_ttl(const struct lookup *l);

/** synth_judge_lend() - the answer of PLAN_LEND */
void synth_judge_lend(const struct synth_input *in, struct synth_verdict *ret);

#endif
