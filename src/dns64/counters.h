/* counters.h - which counter is whose; private to the module */
#ifndef ISTHMUS_DNS64_COUNTERS_H
#define ISTHMUS_DNS64_COUNTERS_H

#include "dns64/resolver.h"
#include "dns64/synth.h"

/* Types of queries that are counted together. */
enum query_group { GROUP_A, GROUP_AAAA, GROUP_PTR, GROUP_HTTPS, GROUP_ANY, GROUP_OTHER, GROUP_COUNT };

enum query_group group_of_type(uint16_t type);

/** counter_of_group() - of queries of such a type */
unsigned long *counter_of_group(struct dns64_counters *c, enum query_group g);

/** counter_of_kind() - of answers of a kind; NULL for SYNTH_LOCAL, which is counted by its zone, and SYNTH_NEED_SECOND */
unsigned long *counter_of_kind(struct dns64_counters *c, enum synth_kind kind);

/** counter_of_note() - NULL for NOTE_NONE */
unsigned long *counter_of_note(struct dns64_counters *c, enum synth_note note);

#endif
