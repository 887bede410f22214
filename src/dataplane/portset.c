/* portset.c - sets of ports as bitmaps; the text form is that of the kernel's proc_do_large_bitmap() */
#include "dataplane/portset.h"

#include <stdio.h>

#define PORTS 65536

bool portset_has(const struct portset *s, uint16_t port)
{
	return (s->bits[port / 64] >> (port % 64) & 1) != 0;
}

bool portset_is_empty(const struct portset *s)
{
	for (size_t i = 0; i < ARRAY_LEN(s->bits); i++)
		if (s->bits[i] != 0)
			return false;
	return true;
}

void portset_add_range(struct portset *s, uint16_t lo, uint16_t hi)
{
	for (uint32_t p = lo; p <= hi; p++)
		s->bits[p / 64] |= UINT64_C(1) << (p % 64);
}

void portset_add(struct portset *s, const struct portset *other)
{
	for (size_t i = 0; i < ARRAY_LEN(s->bits); i++)
		s->bits[i] |= other->bits[i];
}

void portset_remove(struct portset *s, const struct portset *other)
{
	for (size_t i = 0; i < ARRAY_LEN(s->bits); i++)
		s->bits[i] &= ~other->bits[i];
}

/* Consume a decimal port; false if there is none or it is too large. */
static bool port_take(const char **at, uint16_t *ret)
{
	const char *p = *at;
	uint32_t v = 0;

	while (*p >= '0' && *p <= '9' && v <= UINT16_MAX)
		v = v * 10 + (uint32_t)(*p++ - '0');
	if (p == *at || v > UINT16_MAX)
		return false;
	*at = p;
	*ret = (uint16_t)v;
	return true;
}

static bool range_take(const char **at, struct portset *s)
{
	uint16_t lo, hi;

	if (!port_take(at, &lo))
		return false;
	hi = lo;
	if (**at == '-') {
		(*at)++;
		if (!port_take(at, &hi))
			return false;
	}
	if (hi < lo)
		return false;
	portset_add_range(s, lo, hi);
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

bool portset_parse(const char *text, struct portset *ret)
{
	struct portset s = { 0 };

	while (is_space(*text))
		text++;
	while (*text && !is_space(*text)) {
		if (!range_take(&text, &s) || (*text == ',' && !(text[1] >= '0' && text[1] <= '9')))
			return false;
		if (*text == ',')
			text++;
		else if (*text && !is_space(*text))
			return false;
	}
	while (is_space(*text))
		text++;
	if (*text)
		return false;
	*ret = s;
	return true;
}

/* The end of the run of ports that starts at @lo. */
static uint32_t run_end(const struct portset *s, uint32_t lo)
{
	uint32_t hi = lo;

	while (hi + 1 < PORTS && portset_has(s, (uint16_t)(hi + 1)))
		hi++;
	return hi;
}

bool portset_text(const struct portset *s, char *ret_text, size_t size)
{
	size_t at = 0;

	if (size == 0)
		return false;
	ret_text[0] = '\0';
	for (uint32_t lo = 0; lo < PORTS; lo++) {
		if (!portset_has(s, (uint16_t)lo))
			continue;
		uint32_t hi = run_end(s, lo);
		const char *comma = at > 0 ? "," : "";
		int n = hi > lo ? snprintf(ret_text + at, size - at, "%s%u-%u", comma, lo, hi)
				: snprintf(ret_text + at, size - at, "%s%u", comma, lo);

		if (n < 0 || (size_t)n >= size - at)
			return false;
		at += (size_t)n;
		lo = hi;
	}
	return true;
}
