/* colons.c - find `::` at the start of plain values in flow context; see colons.h */
#include "conf/colons.h"

#include "base/bytes.h"
#include "conf/document.h"

#include <errno.h>
#include <stdlib.h>
#include <yaml.h>

#define PLACES_MAX DOCUMENT_NODES_MAX

/* Byte positions of the values, in rising order. */
struct places {
	size_t *at;
	unsigned len, room;
};

/* libyaml counts characters; this follows it through the bytes, forward only. */
struct cursor {
	const char *text;
	size_t len, byte, chars;
};

static size_t cursor_byte(struct cursor *c, size_t chars)
{
	while (c->byte < c->len && c->chars < chars) {
		c->byte++;
		while (c->byte < c->len && ((unsigned char)c->text[c->byte] & 0xc0) == 0x80)
			c->byte++;
		c->chars++;
	}
	return c->byte;
}

static int places_add(struct places *p, size_t at)
{
	if (p->len == p->room) {
		unsigned room = p->room ? p->room * 2 : 16;
		size_t *more = realloc(p->at, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->at = more;
		p->room = room;
	}
	p->at[p->len++] = at;
	return 0;
}

static bool is_value_start(const char *text, size_t len, size_t at)
{
	if (at == 0 || at + 1 >= len || text[at] != ':' || text[at + 1] != ':')
		return false;
	return strchr(" \t\r\n[{,", text[at - 1]) != NULL;
}

static int flow_step(yaml_token_type_t type)
{
	if (type == YAML_FLOW_SEQUENCE_START_TOKEN || type == YAML_FLOW_MAPPING_START_TOKEN)
		return 1;
	return type == YAML_FLOW_SEQUENCE_END_TOKEN || type == YAML_FLOW_MAPPING_END_TOKEN ? -1 : 0;
}

/* An error of the scanner ends the search: the parser will meet it again and report it. */
static int find_places(yaml_parser_t *p, const char *text, size_t len, struct places *places)
{
	struct cursor c = { .text = text, .len = len };
	int depth = 0;

	while (depth <= (int)DOCUMENT_DEPTH_MAX && places->len < PLACES_MAX) {
		yaml_token_t t;

		if (!yaml_parser_scan(p, &t))
			return p->error == YAML_MEMORY_ERROR ? -ENOMEM : 0;
		yaml_token_type_t type = t.type;
		size_t chars = t.start_mark.index;

		yaml_token_delete(&t);
		if (type == YAML_STREAM_END_TOKEN)
			return 0;
		depth += flow_step(type);
		if (type != YAML_VALUE_TOKEN || depth <= 0)
			continue;
		size_t at = cursor_byte(&c, chars);

		if (is_value_start(text, len, at) && places_add(places, at) < 0)
			return -ENOMEM;
	}
	return 0;
}

static size_t value_end(const char *text, size_t len, size_t at)
{
	while (at < len && !strchr(" \t\r\n,]}[{\"'\\#", text[at]))
		at++;
	return at;
}

static void copy_quoted(struct wr *w, const char *text, size_t len, const struct places *places)
{
	size_t done = 0;

	for (unsigned i = 0; i < places->len; i++) {
		size_t end = value_end(text, len, places->at[i]);

		if (places->at[i] < done)
			continue;
		wr_bytes(w, text + done, places->at[i] - done);
		wr_u8(w, '"');
		wr_bytes(w, text + places->at[i], end - places->at[i]);
		wr_u8(w, '"');
		done = end;
	}
	wr_bytes(w, text + done, len - done);
	wr_u8(w, 0);
}

static int quote_places(
	const char *text, size_t len, const struct places *places, char **ret_text, size_t *ret_len)
{
	size_t room = len + 2 * (size_t)places->len + 1;
	char *out = malloc(room);

	if (!out)
		return -ENOMEM;
	struct wr w = wr_of(out, room);

	copy_quoted(&w, text, len, places);
	ASSERT(!w.full);
	*ret_len = wr_len(&w) - 1;
	*ret_text = out;
	return 0;
}

int colons_quote(const char *text, size_t len, char **ret_text, size_t *ret_len)
{
	struct places places = { 0 };
	yaml_parser_t p;

	if (!yaml_parser_initialize(&p))
		return -ENOMEM;
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, (const unsigned char *)text, len);
	int r = find_places(&p, text, len, &places);

	yaml_parser_delete(&p);
	if (r == 0)
		r = quote_places(text, len, &places, ret_text, ret_len);
	free(places.at);
	return r;
}
