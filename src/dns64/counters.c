/* counters.c - the counters by number */
#include "dns64/resolver.h"

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
