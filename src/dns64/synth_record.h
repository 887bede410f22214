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

#endif
