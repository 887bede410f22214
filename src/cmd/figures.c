/* figures.c - numbers as people read them */
#include "cmd/figures.h"

#include "base/compiler.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *figure_count(uint64_t n, char buf[static FIGURE_TEXT])
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	char *to = buf;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return buf;
}

/* Units of time, the largest first: its length, its letter, and the letter of the unit below. */
static const struct {
	uint64_t length_s, below_s;
	char letter, below;
} units[] = {
	{ 86400, 3600, 'd', 'h' },
	{ 3600, 60, 'h', 'm' },
	{ 60, 1, 'm', 's' },
};

const char *figure_duration(double seconds, char buf[static FIGURE_TEXT])
{
	if (!(seconds > 0))
		seconds = 0;
	if (seconds > 1e15)
		seconds = 1e15;
	if (seconds < 60) {
		snprintf(buf, FIGURE_TEXT, seconds < 10 ? "%.1fs" : "%.0fs", seconds < 59.5 ? seconds : 59);
		return buf;
	}
	uint64_t s = (uint64_t)seconds;
	size_t i = 0;
	while (i + 1 < ARRAY_LEN(units) && s < units[i].length_s)
		i++;
	snprintf(buf, FIGURE_TEXT, "%" PRIu64 "%c%02" PRIu64 "%c", s / units[i].length_s, units[i].letter,
		s % units[i].length_s / units[i].below_s, units[i].below);
	return buf;
}

const char *figure_bytes(uint64_t bytes, char buf[static FIGURE_TEXT])
{
	static const char *const names[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(buf, FIGURE_TEXT, "%" PRIu64 " B", bytes);
		return buf;
	}
	for (; v >= 1023.95 && i + 1 < ARRAY_LEN(names); i++)
		v /= 1024;
	snprintf(buf, FIGURE_TEXT, "%.1f %s", v, names[i]);
	return buf;
}

const char *figure_share(uint64_t part, uint64_t whole, char buf[static FIGURE_TEXT])
{
	if (whole == 0)
		snprintf(buf, FIGURE_TEXT, "-");
	else if (part > 0 && (double)part / (double)whole < 0.01)
		snprintf(buf, FIGURE_TEXT, "<1 %%");
	else
		snprintf(buf, FIGURE_TEXT, "%.0f %%", 100.0 * (double)part / (double)whole);
	return buf;
}
