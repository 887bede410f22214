/* counters.c - the counters by number, and by what they count */
#include "dns64/counters.h"

#include <stddef.h>

static const struct {
	const char *name;
	const char *text;
	size_t offset;
} table[] = {
#define DNS_COUNTER(name, text) { #name, text, offsetof(struct dns64_counters, name) },
#include "dns64/counters.def"
#undef DNS_COUNTER
};

bool dns64_counter_at(const struct dns64_counters *c, unsigned i, const char **ret_name,
	const char **ret_text, unsigned long *ret_value)
{
	if (i >= ARRAY_LEN(table))
		return false;
	*ret_name = table[i].name;
	*ret_text = table[i].text;
	bytes_copy(ret_value, (const uint8_t *)c + table[i].offset, sizeof(*ret_value));
	return true;
}

enum query_group group_of_type(uint16_t type)
{
	switch (type) {
	case TYPE_A:
		return GROUP_A;
	case TYPE_AAAA:
		return GROUP_AAAA;
	case TYPE_PTR:
		return GROUP_PTR;
	case TYPE_HTTPS:
		return GROUP_HTTPS;
	case TYPE_ANY:
		return GROUP_ANY;
	default:
		return GROUP_OTHER;
	}
}

unsigned long *counter_of_group(struct dns64_counters *c, enum query_group g)
{
	unsigned long *by_group[GROUP_COUNT] = {
		[GROUP_A] = &c->queries_a,
		[GROUP_AAAA] = &c->queries_aaaa,
		[GROUP_PTR] = &c->queries_ptr,
		[GROUP_HTTPS] = &c->queries_https,
		[GROUP_ANY] = &c->queries_any,
		[GROUP_OTHER] = &c->queries_other,
	};

	return by_group[g];
}

unsigned long *counter_of_kind(struct dns64_counters *c, enum synth_kind kind)
{
	unsigned long *by_kind[SYNTH_KIND_COUNT] = {
		[SYNTH_NATIVE] = &c->answers_native,
		[SYNTH_SYNTHESIZED] = &c->answers_synthesized,
		[SYNTH_NODATA] = &c->answers_nodata,
		[SYNTH_NXDOMAIN] = &c->answers_nxdomain,
		[SYNTH_FAILED] = &c->failed_upstream,
		[SYNTH_BOGUS] = &c->failed_bogus,
		[SYNTH_UNPROVEN] = &c->failed_unproven,
		[SYNTH_OTHER] = &c->answers_other_rcode,
		[SYNTH_PTR] = &c->answers_ptr,
		[SYNTH_LENT] = &c->dns46_answers,
		[SYNTH_UNLENT] = &c->dns46_refused,
	};

	return by_kind[kind];
}

unsigned long *counter_of_note(struct dns64_counters *c, enum synth_note note)
{
	unsigned long *by_note[NOTE_COUNT] = {
		[NOTE_CHECKING_DISABLED] = &c->unsynthesized_checking_disabled,
		[NOTE_NO_A] = &c->unsynthesized_no_a,
		[NOTE_A_EXCLUDED] = &c->unsynthesized_a_excluded,
		[NOTE_A_NOT_GLOBAL] = &c->unsynthesized_a_not_global,
		[NOTE_EXEMPT] = &c->unsynthesized_exempt,
	};

	return by_note[note];
}
