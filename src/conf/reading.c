/* reading.c - collecting faults with file, line and dotted path; see reading.h */
#include "conf/reading.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_BYTES 1024

void reading_begin(struct conf_reading *r, struct conf *c, struct conf_errors *errors)
{
	*r = (struct conf_reading){
		.c = c, .name = c->origin.name, .errors = errors, .warnings = &c->warnings
	};
}

int reading_outcome(const struct conf_reading *r)
{
	if (r->is_nomem)
		return -ENOMEM;
	return r->faults > 0 ? -EINVAL : 0;
}

unsigned reading_line(const struct conf_reading *r, const struct conf_node *n)
{
	return r->is_default ? r->default_line : n->line;
}

/* Length of the UTF-8 character at @p, or 0 if it is none or a control character. */
static size_t printable_char(const unsigned char *p)
{
	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f;
	size_t len = p[0] >= 0xf0 && p[0] <= 0xf4  ? 4
		     : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
		     : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
						   : 0;

	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	bool is_c1 = p[0] == 0xc2 && p[1] < 0xa0;
	bool is_overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
	bool is_outside = (p[0] == 0xed && p[1] >= 0xa0) || (p[0] == 0xf4 && p[1] >= 0x90);

	return is_c1 || is_overlong || is_outside ? 0 : len;
}

void text_make_printable(char *text)
{
	while (*text) {
		size_t len = printable_char((const unsigned char *)text);

		if (len == 0)
			*text = '?';
		text += len > 0 ? len : 1;
	}
}

bool errors_add(struct conf_errors *e, const char *line)
{
	char **lines = realloc(e->lines, (e->len + 1) * sizeof(*lines));

	if (!lines)
		return false;
	e->lines = lines;
	lines[e->len] = strdup(line);
	if (!lines[e->len])
		return false;
	e->len++;
	return true;
}

void conf_errors_fini(struct conf_errors *e)
{
	for (unsigned i = 0; i < e->len; i++)
		free(e->lines[i]);
	free(e->lines);
	*e = (struct conf_errors){ 0 };
}

static void add_line(struct conf_reading *r, struct conf_errors *to, unsigned line, const char *text)
{
	char full[LINE_MAX_BYTES];

	if (line > 0)
		snprintf(full, sizeof(full), "%s:%u: %s: %s", r->name, line, r->path, text);
	else
		snprintf(full, sizeof(full), "%s: %s: %s", r->name, r->path, text);
	text_make_printable(full);
	if (!errors_add(to, full))
		r->is_nomem = true;
}

void reading_fault(struct conf_reading *r, unsigned line, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;

	if (r->faults++ > CONF_FAULTS_MAX)
		return;
	if (r->faults == CONF_FAULTS_MAX + 1) {
		add_line(r, r->errors, line, "more faults follow, mend those above first");
		return;
	}
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	add_line(r, r->errors, line, text);
}

void reading_warning(struct conf_reading *r, unsigned line, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;

	if (r->warnings->len >= CONF_FAULTS_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	add_line(r, r->warnings, line, text);
}

static size_t path_add(struct conf_reading *r, const char *text)
{
	size_t back = r->path_len;

	text_copy(r->path + back, sizeof(r->path) - back, text);
	r->path_len = back + strlen(r->path + back);
	return back;
}

size_t path_enter(struct conf_reading *r, const char *key)
{
	char part[CONF_PATH_MAX];

	snprintf(part, sizeof(part), "%s%s", r->path_len > 0 ? "." : "", key);
	return path_add(r, part);
}

size_t path_enter_member(struct conf_reading *r, unsigned i)
{
	char part[16];

	snprintf(part, sizeof(part), "[%u]", i);
	return path_add(r, part);
}

void path_leave(struct conf_reading *r, size_t back)
{
	r->path_len = back;
	r->path[back] = '\0';
}
