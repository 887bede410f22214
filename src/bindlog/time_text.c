/* time_text.c - UTC as RFC 3339 writes it, without the C library's time zones; see record.h */
#include "bindlog/record.h"

#include <stdio.h>

#define DAY_MS UINT64_C(86400000)
#define DAYS_TO_MARCH_0000 719468 /* from 0000-03-01 to 1970-01-01 */
#define YEAR_MAX 9999
#define STAMP_BYTES 24 /* of the text */

/* Years begin in March here, so that the leap day is a year's last and months have regular lengths. */
static void civil_of_days(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	uint64_t z = days + DAYS_TO_MARCH_0000;
	uint64_t era = z / 146097, of_era = z % 146097; /* 400 years */
	uint64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	uint64_t m = (5 * of_year + 2) / 153;

	*day = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
	*month = (unsigned)(m < 10 ? m + 3 : m - 9);
	*year = (unsigned)(y + era * 400 + (*month <= 2));
}

static uint64_t days_of_civil(unsigned year, unsigned month, unsigned day)
{
	uint64_t y = year - (month <= 2);
	uint64_t era = y / 400, of_era_year = y % 400;
	uint64_t of_year = (153 * (month > 2 ? month - 3u : month + 9u) + 2) / 5 + day - 1;

	return era * 146097 + of_era_year * 365 + of_era_year / 4 - of_era_year / 100 + of_year -
	       DAYS_TO_MARCH_0000;
}

static void put_digits(char *to, unsigned v, unsigned digits)
{
	while (digits-- > 0) {
		to[digits] = (char)('0' + v % 10);
		v /= 10;
	}
}

/* Written by hand: this stands at the head of every line. */
const char *unix_ms_text(unix_ms t, char buf[static UNIX_MS_TEXT])
{
	unsigned year, month, day, ms = (unsigned)(t % DAY_MS);

	civil_of_days(t / DAY_MS, &year, &month, &day);
	text_copy(buf, UNIX_MS_TEXT, "0000-00-00T00:00:00.000Z");
	put_digits(buf, year, 4);
	put_digits(buf + 5, month, 2);
	put_digits(buf + 8, day, 2);
	put_digits(buf + 11, ms / 3600000, 2);
	put_digits(buf + 14, ms / 60000 % 60, 2);
	put_digits(buf + 17, ms / 1000 % 60, 2);
	put_digits(buf + 20, ms % 1000, 3);
	return buf;
}

static bool take_digits(const char *text, unsigned digits, unsigned lo, unsigned hi, unsigned *ret)
{
	unsigned v = 0;

	for (unsigned i = 0; i < digits; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (unsigned)(text[i] - '0');
	}
	*ret = v;
	return v >= lo && v <= hi;
}

static bool has_marks(const char *text)
{
	return text[4] == '-' && text[7] == '-' && text[10] == 'T' && text[13] == ':' && text[16] == ':' &&
	       text[19] == '.' && text[23] == 'Z';
}

bool unix_ms_parse(const char *text, size_t len, unix_ms *ret)
{
	unsigned year, month, day, h, m, s, ms, y2, m2, d2;

	if (len != STAMP_BYTES || !has_marks(text) || !take_digits(text, 4, 1970, YEAR_MAX, &year) ||
		!take_digits(text + 5, 2, 1, 12, &month) || !take_digits(text + 8, 2, 1, 31, &day) ||
		!take_digits(text + 11, 2, 0, 23, &h) || !take_digits(text + 14, 2, 0, 59, &m) ||
		!take_digits(text + 17, 2, 0, 59, &s) || !take_digits(text + 20, 3, 0, 999, &ms))
		return false;
	uint64_t days = days_of_civil(year, month, day);

	civil_of_days(days, &y2, &m2, &d2);
	if (d2 != day || m2 != month) /* 31 February */
		return false;
	*ret = days * DAY_MS + ((h * 60 + m) * 60 + s) * UINT64_C(1000) + ms;
	return true;
}
