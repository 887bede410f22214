/* vector.c - see vector.h */
#include "vector.h"

#include <stdlib.h>

enum section { SECTION_NONE, SECTION_IN, SECTION_OUT };

static bool copy_text(char *to, size_t size, const char *from)
{
	return (size_t)snprintf(to, size, "%s", from) < size;
}

static bool port_parse(const char *text, uint16_t *ret)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	*ret = (uint16_t)v;
	return *text && !*end && v <= UINT16_MAX;
}

/* "192.0.2.1:80" */
static bool endpoint4_parse(char *text, struct addr4 *ret_addr, uint16_t *ret_port)
{
	char *colon = strrchr(text, ':');

	if (!colon)
		return false;
	*colon = '\0';
	return addr4_parse(text, ret_addr) && port_parse(colon + 1, ret_port);
}

/* "[2001:db8::1]:80" */
static bool endpoint6_parse(char *text, struct addr6 *ret_addr, uint16_t *ret_port)
{
	char *close = strrchr(text, ']');

	if (*text != '[' || !close || close[1] != ':')
		return false;
	*close = '\0';
	return addr6_parse(text + 1, ret_addr) && port_parse(close + 2, ret_port);
}

/* "SOURCE > DESTINATION", in terms of the result */
static bool tuple_line(struct vector *v, char *text, bool is_quoted)
{
	char src[80], dst[80];

	if (sscanf(text, "%79s > %79s", src, dst) != 2)
		return false;
	if (v->direction == VECTOR_64) {
		struct tuple4 *t = is_quoted ? &v->to4.inner : &v->to4.outer;

		return endpoint4_parse(src, &t->src, &t->sport) && endpoint4_parse(dst, &t->dst, &t->dport);
	}

	struct tuple6 *t = is_quoted ? &v->to6.inner : &v->to6.outer;

	return endpoint6_parse(src, &t->src, &t->sport) && endpoint6_parse(dst, &t->dst, &t->dport);
}

static bool drop_line(struct vector *v, const char *name)
{
	for (int i = 1; i < DROP_COUNT; i++)
		if (strcmp(drop_name((enum drop_reason)i), name) == 0) {
			v->drop = (enum drop_reason)i;
			return true;
		}
	return false;
}

/* A line that is not part of a packet: a word and the rest. */
static bool head_line(struct vector *v, const char *word, char *rest)
{
	if (strcmp(word, "spec") == 0)
		return copy_text(v->spec, sizeof(v->spec), rest);
	if (strcmp(word, "id") == 0)
		v->ipv4_id = (uint16_t)strtoul(rest, NULL, 0);
	else if (strcmp(word, "datagram") == 0)
		v->datagram_len = (uint32_t)strtoul(rest, NULL, 0);
	else if (strcmp(word, "names-router") == 0)
		v->to4.names_router = true;
	else if (strcmp(word, "headroom") == 0)
		v->headroom = strtoul(rest, NULL, 0);
	else if (strcmp(word, "64") == 0 || strcmp(word, "46") == 0) {
		v->direction = *word == '6' ? VECTOR_64 : VECTOR_46;
		return *rest == '\0' || tuple_line(v, rest, false);
	} else if (strcmp(word, "quoted") == 0)
		return tuple_line(v, rest, true);
	else if (strcmp(word, "drop") == 0)
		return drop_line(v, rest);
	else
		return false;
	return true;
}

static bool packet_line(struct vector *v, enum section section, char *line)
{
	struct assembly *a = section == SECTION_IN ? &v->in : &v->out;

	if (assemble_line(a, line))
		return true;
	fprintf(stderr, "%s\n", a->error);
	return false;
}

/* Lines of a packet are indented; all others begin with a word that says what they are. */
static bool vector_line(struct vector *v, enum section *section, char *line)
{
	if (*line == ' ' || *line == '\t')
		return *section != SECTION_NONE && packet_line(v, *section, line);
	if (strcmp(line, "in") == 0 || strcmp(line, "out") == 0) {
		*section = *line == 'i' ? SECTION_IN : SECTION_OUT;
		return true;
	}

	char *rest = line + strcspn(line, " ");

	if (*rest)
		*rest++ = '\0';
	*section = SECTION_NONE;
	return head_line(v, line, rest);
}

static void vector_begin(struct vector *v, const char *name)
{
	copy_text(v->name, sizeof(v->name), name);
	v->spec[0] = '\0';
	v->direction = VECTOR_64;
	v->to4 = (struct xlat_to4){ .outer = { .sport = 0 } };
	v->to6 = (struct xlat_to6){ .outer = { .sport = 0 } };
	v->ipv4_id = 0;
	v->datagram_len = 0;
	v->headroom = PKT_HEADROOM;
	v->drop = DROP_NONE;
	assemble_begin(&v->in);
	assemble_begin(&v->out);
}

bool vector_open(struct vector_file *f, const char *path)
{
	*f = (struct vector_file){ .file = fopen(path, "r"), .path = path };
	return f->file != NULL;
}

void vector_close(struct vector_file *f)
{
	if (f->file)
		fclose(f->file);
}

/* The next line that says something; NULL at the end. */
static char *line_next(struct vector_file *f, char *buf, int size)
{
	while (fgets(buf, size, f->file)) {
		f->line++;
		buf[strcspn(buf, "\n")] = '\0';
		if (buf[0] != '#' && buf[strspn(buf, " \t")] != '\0')
			return buf;
	}
	return NULL;
}

static int mistake(const struct vector_file *f, const char *what)
{
	fprintf(stderr, "%s:%u: %s\n", f->path, f->line, what);
	return -1;
}

int vector_next(struct vector_file *f, struct vector *ret)
{
	char buf[512], *line = line_next(f, buf, sizeof(buf));
	enum section section = SECTION_NONE;

	if (!line)
		return 0;
	if (strncmp(line, "vector ", 7) != 0)
		return mistake(f, "a vector begins with a line `vector NAME`");
	vector_begin(ret, line + 7);
	while ((line = line_next(f, buf, sizeof(buf))) && strcmp(line, "end") != 0)
		if (!vector_line(ret, &section, line))
			return mistake(f, "this line makes no sense here");
	if (!line)
		return mistake(f, "the last vector has no line `end`");
	assemble_end(&ret->in);
	assemble_end(&ret->out);
	if (ret->spec[0] == '\0' || ret->in.outer.len == 0)
		return mistake(f, "vector without spec or input");
	if ((ret->drop == DROP_NONE) != (ret->out.outer.len > 0))
		return mistake(f, "a vector has either an output or a drop reason");
	return 1;
}
