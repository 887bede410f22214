/* moment.h - a moment as a person writes it */
#ifndef ISTHMUS_CMD_MOMENT_H
#define ISTHMUS_CMD_MOMENT_H

#include "bindlog/record.h"

/**
 * moment_parse() - read a moment
 * @text:	as RFC 3339 has it (2026-11-25T14:03:05Z, 2026-11-25T15:03:05.250+01:00), or without an offset, with a blank for
 *		the T, without seconds: then it is local time
 *
 * Return: true, or false with *ret untouched.
 */
MUST_CHECK bool moment_parse(const char *text, unix_ms *ret);

/** moment_local_text() - such as 2026-11-25 15:03:05 +0100 */
#define MOMENT_TEXT 40
const char *moment_local_text(unix_ms t, char buf[static MOMENT_TEXT]);

#endif
