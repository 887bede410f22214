/* http_rewrite.c - see http_rewrite.h */
#include "relay/http_rewrite.h"

#include "addr/addr.h"
#include "base/bytes.h"

#include <stdio.h>
#include <strings.h>

void http_rewrite_begin(struct http_rewrite *w, const char *zone)
{
	*w = (struct http_rewrite){ .zone = zone };
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

/* The latest bytes, as http_rewrite.before has them. */
static bool ends_with(uint64_t before, const char *text)
{
	size_t len = strlen(text);
	uint64_t want = 0;

	for (size_t i = 0; i < len; i++)
		want = want << 8 | (uint8_t)text[i];
	return (before & (UINT64_MAX >> (64 - 8 * len))) == want;
}

/* Behind "http://", or behind "//" at the beginning of a value. */
static bool is_link(uint64_t before)
{
	static const char starts[] = "\"'=( \t\n";
	char first = (char)(before >> 16 & 0xff);

	if (!ends_with(before, "//"))
		return false;
	return ends_with(before, "http://") || (first != '\0' && strchr(starts, first));
}

static bool is_of_address(char c)
{
	return (c >= '0' && c <= '9') || c == '.';
}

/* What ends a host in a link; a letter, say, makes it a name. */
static bool is_boundary(char c)
{
	return c == '\0' || strchr("/:?#\"'<>&;)\\ \t\r\n", c);
}

static size_t put_held(struct http_rewrite *w, char *to)
{
	bytes_copy(to, w->held, w->held_len);
	return w->held_len;
}

/* What was held, behind which comes @next; 0: nothing more. */
static size_t release(struct http_rewrite *w, char next, char *to)
{
	char text[HTTP_REWRITE_HELD + 1];
	struct addr4 a;
	size_t n;

	bytes_copy(text, w->held, w->held_len);
	text[w->held_len] = '\0';
	if (is_boundary(next) && addr4_parse(text, &a))
		n = (size_t)snprintf(to, HTTP_REWRITE_ROOM, "%u-%u-%u-%u.%s", a.v >> 24, a.v >> 16 & 255,
			a.v >> 8 & 255, a.v & 255, w->zone);
	else
		n = put_held(w, to);
	w->is_holding = false;
	w->held_len = 0;
	return n;
}

static size_t take_one(struct http_rewrite *w, char c, char *to)
{
	size_t n = 0;

	if (w->is_holding && is_of_address(c) && w->held_len < HTTP_REWRITE_HELD) {
		w->held[w->held_len++] = c;
		w->before = w->before << 8 | (uint8_t)c;
		return 0;
	}
	if (w->is_holding)
		n = release(w, c, to);
	to[n++] = c;
	w->before = w->before << 8 | (uint8_t)lower(c);
	w->is_holding = is_link(w->before);
	return n;
}

size_t http_rewrite_take(
	struct http_rewrite *w, const char *from, size_t len, char *to, size_t room, size_t *ret_len)
{
	size_t taken = 0, n = 0;

	for (; taken < len && room - n >= HTTP_REWRITE_ROOM; taken++)
		n += take_one(w, from[taken], to + n);
	*ret_len = n;
	return taken;
}

size_t http_rewrite_end(struct http_rewrite *w, char to[static HTTP_REWRITE_ROOM])
{
	return w->is_holding ? release(w, '\0', to) : 0;
}

bool http_rewrite_wants(const struct http_head *answer)
{
	const struct http_field *type = http_head_find(answer, HTTP_FIELD_CONTENT_TYPE);
	const struct http_field *coding = http_head_find(answer, HTTP_FIELD_CONTENT_ENCODING);
	static const char html[] = "text/html";

	if (answer->framing == HTTP_BODY_NONE || answer->status == 206 || !type)
		return false;
	if (coding && !http_text_is(coding->value, "identity"))
		return false;
	return type->value.len >= strlen(html) && strncasecmp(type->value.at, html, strlen(html)) == 0 &&
	       (type->value.len == strlen(html) || strchr("; \t", type->value.at[strlen(html)]));
}
