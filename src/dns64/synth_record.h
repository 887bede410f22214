/* synth_record.h - the rules for single addresses, shared by synth.c and synth_write.c */
#ifndef ISTHMUS_DNS64_SYNTH_RECORD_H
#define ISTHMUS_DNS64_SYNTH_RECORD_H

#include "dns64/synth.h"

/** synth_aaaa_is_excluded() - a AAAA record that no client may be given (RFC 6147 s5.1.4) */
bool synth_aaaa_is_excluded(const struct synth_policy *p, struct addr6 a);

/** synth_a_is_excluded() - an A record that is not used for synthesis */
bool synth_a_is_excluded(const struct synth_policy *p, struct addr4 a);

/** synth_may_embed() - whether @prefix may stand for @a (RFC 6052 s3.1) */
bool synth_may_embed(const struct synth_policy *p, struct prefix6 prefix, struct addr4 a);

#endif
