/* document.c - libyaml's events become a tree; see document.h */
#include "conf/document.h"

#include "base/bytes.h"
#include "conf/colons.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

struct conf_document {
	struct conf_node *root;
	struct conf_node *newest; /* chain of all nodes */
	unsigned nodes_len;
};

/* A list or mapping that is not closed yet. */
struct open_node {
	struct conf_node *node;
	struct conf_node *last; /* its newest member */
	char *key;		/* key read, value not yet; owned */
	unsigned key_line;
};

struct builder {
	struct conf_document *d;
	struct open_node open[DOCUMENT_DEPTH_MAX];
	unsigned depth;
	unsigned documents;
	struct document_fault *fault;
};

static int PRINTF_LIKE(3, 4) refuse(struct builder *b, unsigned line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(b->fault->text, sizeof(b->fault->text), fmt, args);
	va_end(args);
	b->fault->line = line;
	return -EINVAL;
}

static unsigned event_line(const yaml_event_t *e)
{
	return (unsigned)e->start_mark.line + 1;
}

/* A node goes to the end of the innermost open list or mapping; the first one is the root. */
static int attach(struct builder *b, struct conf_node *n)
{
	if (b->depth == 0) {
		b->d->root = n;
		return 0;
	}
	struct open_node *in = &b->open[b->depth - 1];

	if (in->node->kind == NODE_MAPPING) {
		n->key = in->key;
		n->key_line = in->key_line;
		in->key = NULL;
	}
	if (in->last)
		in->last->next = n;
	else
		in->node->members = n;
	in->last = n;
	in->node->members_len++;
	return 0;
}

static int add_node(struct builder *b, enum node_kind kind, const yaml_event_t *e, struct conf_node **ret)
{
	if (b->d->nodes_len >= DOCUMENT_NODES_MAX)
		return refuse(b, event_line(e), "the file has more than %u values, make it smaller",
			DOCUMENT_NODES_MAX);
	struct conf_node *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->kind = kind;
	n->line = event_line(e);
	n->older = b->d->newest;
	b->d->newest = n;
	b->d->nodes_len++;
	*ret = n;
	return 0;
}

static int scalar_text(struct builder *b, const yaml_event_t *e, char **ret)
{
	const char *value = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;

	if (strlen(value) != len)
		return refuse(b, event_line(e), "a value has a zero byte inside, remove the \\0");
	char *text = malloc(len + 1);

	if (!text)
		return -ENOMEM;
	bytes_copy(text, value, len + 1);
	*ret = text;
	return 0;
}

static bool key_is_expected(const struct builder *b)
{
	return b->depth > 0 && b->open[b->depth - 1].node->kind == NODE_MAPPING && !b->open[b->depth - 1].key;
}

static int take_scalar(struct builder *b, const yaml_event_t *e)
{
	if (e->data.scalar.anchor)
		return refuse(b, event_line(e), "anchors (&name) are not used here, write the value itself");
	if (e->data.scalar.tag)
		return refuse(b, event_line(e), "tags (!name) are not used here, write the plain value");
	if (key_is_expected(b)) {
		struct open_node *in = &b->open[b->depth - 1];

		in->key_line = event_line(e);
		return scalar_text(b, e, &in->key);
	}
	struct conf_node *n;
	int r = add_node(b, NODE_SCALAR, e, &n);

	if (r < 0)
		return r;
	n->is_plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	r = scalar_text(b, e, &n->text);
	return r < 0 ? r : attach(b, n);
}

static int open_collection(struct builder *b, const yaml_event_t *e, enum node_kind kind)
{
	if (key_is_expected(b))
		return refuse(b, event_line(e), "a key is a list or mapping, write a word as key");
	if (b->depth == DOCUMENT_DEPTH_MAX)
		return refuse(b, event_line(e),
			"lists and mappings are nested deeper than %u, remove brackets or indentation",
			DOCUMENT_DEPTH_MAX);
	struct conf_node *n;
	int r = add_node(b, kind, e, &n);

	if (r < 0)
		return r;
	r = attach(b, n);
	b->open[b->depth++] = (struct open_node){ .node = n };
	return r;
}

static int take_list(struct builder *b, const yaml_event_t *e)
{
	if (e->data.sequence_start.anchor)
		return refuse(b, event_line(e), "anchors (&name) are not used here, write the value itself");
	if (e->data.sequence_start.tag)
		return refuse(b, event_line(e), "tags (!name) are not used here, write the plain value");
	return open_collection(b, e, NODE_LIST);
}

static int take_mapping(struct builder *b, const yaml_event_t *e)
{
	if (e->data.mapping_start.anchor)
		return refuse(b, event_line(e), "anchors (&name) are not used here, write the value itself");
	if (e->data.mapping_start.tag)
		return refuse(b, event_line(e), "tags (!name) are not used here, write the plain value");
	return open_collection(b, e, NODE_MAPPING);
}

static int take_end(struct builder *b, const yaml_event_t *e)
{
	b->depth--;
	return 0;
}

static int take_alias(struct builder *b, const yaml_event_t *e)
{
	return refuse(b, event_line(e), "aliases (*name) are not used here, write the value itself");
}

static int take_document(struct builder *b, const yaml_event_t *e)
{
	if (b->documents++ > 0)
		return refuse(
			b, event_line(e), "a second YAML document begins, keep one and remove the line ---");
	return 0;
}

/* By yaml_event_type_t; what has no entry needs no action. */
static int (*const takers[])(struct builder *b, const yaml_event_t *e) = {
	[YAML_DOCUMENT_START_EVENT] = take_document,
	[YAML_ALIAS_EVENT] = take_alias,
	[YAML_SCALAR_EVENT] = take_scalar,
	[YAML_SEQUENCE_START_EVENT] = take_list,
	[YAML_SEQUENCE_END_EVENT] = take_end,
	[YAML_MAPPING_START_EVENT] = take_mapping,
	[YAML_MAPPING_END_EVENT] = take_end,
};

/* The reader's errors (bad UTF-8) have a byte offset, all others a line. */
static unsigned problem_line(const yaml_parser_t *p, const char *text, size_t len)
{
	if (p->error != YAML_READER_ERROR)
		return (unsigned)p->problem_mark.line + 1;
	unsigned line = 1;

	for (size_t i = 0; i < p->problem_offset && i < len; i++)
		line += text[i] == '\n';
	return line;
}

/* The character that the scanner stopped at; 0 if there is none. */
static char problem_char(const yaml_parser_t *p, const char *text, size_t len)
{
	size_t at = 0;

	for (size_t line = 0; at < len && line < p->problem_mark.line; at++)
		line += text[at] == '\n';
	at += p->problem_mark.column;
	return at < len ? text[at] : 0;
}

static int syntax_fault(struct builder *b, const yaml_parser_t *p, const char *text, size_t len)
{
	unsigned line = problem_line(p, text, len);
	const char *problem = p->problem ? p->problem : "not YAML";

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (p->error == YAML_READER_ERROR)
		return refuse(b, line, "%s, save the file as UTF-8 without control characters", problem);
	char stopped_at = problem_char(p, text, len);

	if (stopped_at == '\t')
		return refuse(b, line, "a tab stands where YAML wants spaces, indent with spaces");
	if (stopped_at == ':')
		return refuse(
			b, line, "%s, put an IPv6 address that begins or ends with :: in quotes", problem);
	if (p->context)
		return refuse(b, line,
			"%s (%s that begins in line %u), check brackets, quotes and indentation", problem,
			p->context, (unsigned)p->context_mark.line + 1);
	return refuse(b, line, "%s, check brackets, quotes and indentation", problem);
}

static int build(struct builder *b, yaml_parser_t *p, const char *text, size_t len)
{
	for (;;) {
		yaml_event_t e;

		if (!yaml_parser_parse(p, &e))
			return syntax_fault(b, p, text, len);
		bool is_end = e.type == YAML_STREAM_END_EVENT;
		int r = (size_t)e.type < ARRAY_LEN(takers) && takers[e.type] ? takers[e.type](b, &e) : 0;

		yaml_event_delete(&e);
		if (r < 0 || is_end)
			return r;
	}
}

static int parse_quoted(struct builder *b, const char *text, size_t len)
{
	yaml_parser_t p;

	if (!yaml_parser_initialize(&p))
		return -ENOMEM;
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, (const unsigned char *)text, len);
	int r = build(b, &p, text, len);

	yaml_parser_delete(&p);
	for (unsigned i = 0; i < ARRAY_LEN(b->open); i++)
		free(b->open[i].key);
	return r;
}

int document_parse(const char *text, size_t len, struct conf_document **ret, struct document_fault *ret_fault)
{
	struct document_fault fault = { 0 };
	struct builder b = { .fault = &fault };
	char *quoted = NULL;
	size_t quoted_len = 0;
	int r;

	if (len > DOCUMENT_BYTES_MAX) {
		refuse(&b, 1, "the file is larger than %u bytes, make it smaller", DOCUMENT_BYTES_MAX);
		*ret_fault = fault;
		return -EINVAL;
	}
	b.d = calloc(1, sizeof(*b.d));
	r = b.d ? colons_quote(text, len, &quoted, &quoted_len) : -ENOMEM;
	if (r == 0)
		r = parse_quoted(&b, quoted, quoted_len);
	free(quoted);
	if (r < 0) {
		document_free(b.d);
		if (r == -EINVAL)
			*ret_fault = fault;
		return r;
	}
	*ret = b.d;
	return 0;
}

const struct conf_node *document_root(const struct conf_document *d)
{
	return d->root;
}

void document_free(struct conf_document *d)
{
	if (!d)
		return;
	while (d->newest) {
		struct conf_node *n = d->newest;

		d->newest = n->older;
		free(n->key);
		free(n->text);
		free(n);
	}
	free(d);
}

const struct conf_node *node_find(const struct conf_node *n, const char *key)
{
	for (const struct conf_node *m = n ? n->members : NULL; m; m = m->next)
		if (m->key && strcmp(m->key, key) == 0)
			return m;
	return NULL;
}

bool node_is_empty(const struct conf_node *n)
{
	if (n->kind != NODE_SCALAR || !n->is_plain)
		return false;
	return n->text[0] == '\0' || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0;
}
