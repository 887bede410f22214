/* verdict.c - names and texts of the drop reasons, from reasons.def */
#include "base/verdict.h"

#include "base/compiler.h"

static const struct {
	const char *name, *text, *spec;
} reasons[DROP_COUNT] = {
	[DROP_NONE] = { "NONE", "not dropped", "" },
#define REASON(name, text, spec) [DROP_##name] = { #name, text, spec },
#include "base/reasons.def"
#undef REASON
};

const char *drop_name(enum drop_reason reason)
{
	ASSERT(reason < DROP_COUNT);
	return reasons[reason].name;
}

const char *drop_text(enum drop_reason reason)
{
	ASSERT(reason < DROP_COUNT);
	return reasons[reason].text;
}

const char *drop_spec(enum drop_reason reason)
{
	ASSERT(reason < DROP_COUNT);
	return reasons[reason].spec;
}
