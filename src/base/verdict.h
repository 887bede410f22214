/*
 * verdict.h - what becomes of a packet, and why
 *
 * reasons.def is the single list of drop reasons: the enum, the counter's name, the text that `isthmus counters` shows
 * and the page docs/counters.md are generated from it.
 */
#ifndef ISTHMUS_BASE_VERDICT_H
#define ISTHMUS_BASE_VERDICT_H

enum drop_reason {
	DROP_NONE, /* not dropped */
#define REASON(name, text, spec) DROP_##name,
#include "base/reasons.def"
#undef REASON
	DROP_COUNT
};

enum verdict {
	VERDICT_SEND,	/* translated; send it */
	VERDICT_DROP,	/* gone, counted under a reason */
	VERDICT_ICMP,	/* gone, counted under a reason, and its sender was told by an ICMP error */
	VERDICT_HOLD,	/* kept for later (a fragment, a SYN that waits) */
	VERDICT_HANDED, /* another worker's, and handed over to it */
	VERDICT_PASS,	/* not ours: given back to the host unchanged */
	VERDICT_COUNT
};

/** drop_name() - the counter's name, such as "IP6_TRUNCATED"; "NONE" for DROP_NONE */
const char *drop_name(enum drop_reason reason);

/** drop_text() - one sentence that says what the reason means */
const char *drop_text(enum drop_reason reason);

/** drop_spec() - the section of the standard that asks for the drop, or "" */
const char *drop_spec(enum drop_reason reason);

#endif
