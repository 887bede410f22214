/* moment.c - see moment.h */
#include "cmd/moment.h"

#include <stdio.h>
#include <time.h>

#define YEAR_MIN 1970
#define YEAR_MAX 9999

/* @digits digits at *at, which moves behind them. */
static bool take_digits(const char **at, unsigned digits, int lo, int hi, int *ret)
{
	int v = 0;

	for (unsigned i = 0; i < digits; i++, ++*at) {
		if (**at < '0' || **at > '9')
			return false;
		v = v * 10 + (**at - '0');
	}
	*ret = v;
	return v >= lo && v <= hi;
}

static bool take_mark(const char **at, char mark)
{
	if (**at != mark)
		return false;
	++*at;
	return true;
}

static bool take_date(const char **at, struct tm *tm)
{
	bool is_date = take_digits(at, 4, YEAR_MIN, YEAR_MAX, &tm->tm_year) && take_mark(at, '-') &&
		       take_digits(at, 2, 1, 12, &tm->tm_mon) && take_mark(at, '-') &&
		       take_digits(at, 2, 1, 31, &tm->tm_mday);

	tm->tm_year -= 1900;
	tm->tm_mon -= 1;
	return is_date;
}

/* Any number of digits; those after the third do not count. */
static bool take_fraction(const char **at, unix_ms *ret)
{
	unix_ms weight = 100;

	if (!take_mark(at, '.'))
		return true;
	if (**at < '0' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; ++*at, weight /= 10)
		*ret += weight * (unix_ms)(**at - '0');
	return true;
}

static bool take_time(const char **at, struct tm *tm, unix_ms *ret_ms)
{
	if (!take_digits(at, 2, 0, 23, &tm->tm_hour) || !take_mark(at, ':') ||
		!take_digits(at, 2, 0, 59, &tm->tm_min))
		return false;
	if (!take_mark(at, ':'))
		return true;
	return take_digits(at, 2, 0, 60, &tm->tm_sec) && take_fraction(at, ret_ms);
}

/* Z or +hh:mm, in seconds; *ret_has false if there is none. */
static bool take_offset(const char **at, bool *ret_has, int *ret)
{
	int hours, minutes, sign = **at == '-' ? -1 : 1;

	*ret_has = **at != '\0';
	if (!*ret_has || take_mark(at, 'Z') || take_mark(at, 'z'))
		return true;
	if (!take_mark(at, '+') && !take_mark(at, '-'))
		return false;
	if (!take_digits(at, 2, 0, 23, &hours) || !take_mark(at, ':') || !take_digits(at, 2, 0, 59, &minutes))
		return false;
	*ret = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool moment_parse(const char *text, unix_ms *ret)
{
	struct tm tm = { .tm_isdst = -1 };
	const char *at = text;
	unix_ms ms = 0;
	bool has_offset = false;
	int offset = 0;

	if (!take_date(&at, &tm) || (!take_mark(&at, 'T') && !take_mark(&at, 't') && !take_mark(&at, ' ')) ||
		!take_time(&at, &tm, &ms) || !take_offset(&at, &has_offset, &offset) || *at != '\0')
		return false;
	int month = tm.tm_mon;
	time_t t = has_offset ? timegm(&tm) - offset : mktime(&tm);

	if (t < 0 || tm.tm_mon != month) /* 31 February */
		return false;
	*ret = (unix_ms)t * 1000 + ms;
	return true;
}

const char *moment_local_text(unix_ms t, char buf[static MOMENT_TEXT])
{
	time_t s = (time_t)(t / 1000);
	struct tm tm;

	localtime_r(&s, &tm);
	strftime(buf, MOMENT_TEXT, "%Y-%m-%d %H:%M:%S %z", &tm);
	return buf;
}
