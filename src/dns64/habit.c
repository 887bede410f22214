/* habit.c - see habit.h */
#include "dns64/habit.h"

#define ZONE_WORDS ((DNS_NAME_MAX + 7) / 8)

static unsigned slot_of(const struct habits *h, const struct dns_name *name)
{
	uint64_t words[ZONE_WORDS] = { 0 };
	uint8_t labels[DNS_LABELS_MAX];
	unsigned at = dns_name_labels(name, labels) > 2 ? labels[1] : 0, len = 0;

	for (; at < name->len; at++, len++)
		words[len / 8] = words[len / 8] << 8 | dns_lower(name->wire[at]); /* lengths are below 'A' */
	return hash_words(&h->key, words, (len + 7) / 8) & (HABIT_SLOTS - 1);
}

bool habit_needs_a(const struct habits *h, const struct dns_name *name)
{
	return h->without_a[slot_of(h, name)] < HABIT_FIRM;
}

void habit_note(struct habits *h, const struct dns_name *name, enum habit_seen seen)
{
	uint8_t *row = &h->without_a[slot_of(h, name)];

	if (seen == SAW_NEED_OF_A)
		*row = 0;
	else if (*row < HABIT_FIRM)
		++*row;
}
