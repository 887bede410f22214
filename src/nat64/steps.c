/* steps.c - names, texts and sections of the steps, from steps.def */
#include "nat64/steps.h"

static const struct {
	const char *name, *text, *spec;
} steps[STEP_COUNT] = {
#define STEP(name, text, spec) [STEP_##name] = { #name, text, spec },
#include "nat64/steps.def"
#undef STEP
};

_Static_assert(sizeof(struct step) == 64, "a step is one cache line: rings are sized by that");

const char *step_name(enum step_id id)
{
	ASSERT(id < STEP_COUNT);
	return steps[id].name;
}

const char *step_text(enum step_id id)
{
	ASSERT(id < STEP_COUNT);
	return steps[id].text;
}

const char *step_spec(enum step_id id)
{
	ASSERT(id < STEP_COUNT);
	return steps[id].spec;
}
