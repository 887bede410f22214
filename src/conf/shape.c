/* shape.c - reading and printing kinds of values; see shape.h */
#include "conf/shape.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdio.h>

static void *place(void *base, size_t at)
{
	return (uint8_t *)base + at;
}

static const void *place_const(const void *base, size_t at)
{
	return (const uint8_t *)base + at;
}

static bool is_scalar(struct conf_reading *r, const struct conf_node *n, const char *what)
{
	if (n->kind == NODE_SCALAR)
		return true;
	reading_fault(r, reading_line(r, n), "%s stands where one value belongs, write %s",
		n->kind == NODE_LIST ? "a list" : "a mapping", what);
	return false;
}

/* --- number --- */

static bool is_power_of_two(uint64_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

static void read_number(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	static const struct conf_number any;
	const struct conf_number *rule = k->of ? k->of : &any;
	unsigned line = reading_line(r, n);
	uint64_t v = 0;

	if (!is_scalar(r, n, "a number"))
		return;
	bool is_word = rule->zero_word && strcmp(n->text, rule->zero_word) == 0;

	if (!is_word && (!number_parse(n->text, UINT64_MAX, &v) || v < k->min || v > k->max)) {
		reading_fault(r, line, "\"%.40s\" is no number from %u to %u, write %s%s", n->text, k->min,
			k->max, rule->zero_word ? "1 or " : "one such as ", k->standard);
		return;
	}
	if (rule->is_power_of_two && !is_power_of_two(v)) {
		reading_fault(
			r, line, "%" PRIu64 " is no power of two, write one such as %s", v, k->standard);
		return;
	}
	if (rule->offered_max > 0 && v > rule->offered_max) {
		reading_fault(r, line, "%s", rule->later);
		return;
	}
	*(unsigned *)place(base, k->at) = (unsigned)v;
}

static void print_number(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct conf_number *rule = k->of;
	unsigned v = *(const unsigned *)place_const(base, k->at);

	if (v == 0 && rule && rule->zero_word)
		fprintf(to, " %s\n", rule->zero_word);
	else
		fprintf(to, " %u\n", v);
}

const struct conf_shape shape_number = { "a number", read_number, print_number };

/* --- choice, flag and words --- */

static void list_words(const struct conf_choices *choices, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < choices->len; i++) {
		const char *joint = len == 0 ? "" : ", ";

		if (choices->rows[i].later || len >= size)
			continue;
		len += (size_t)snprintf(text + len, size - len, "%s%s", joint, choices->rows[i].word);
	}
}

static const struct conf_choice *find_choice(
	struct conf_reading *r, const struct conf_choices *choices, const struct conf_node *n)
{
	char words[160];

	list_words(choices, words, sizeof(words));
	if (!is_scalar(r, n, words))
		return NULL;
	for (unsigned i = 0; i < choices->len; i++) {
		if (strcmp(n->text, choices->rows[i].word) != 0)
			continue;
		if (!choices->rows[i].later)
			return &choices->rows[i];
		reading_fault(r, reading_line(r, n), "%s", choices->rows[i].later);
		return NULL;
	}
	reading_fault(r, reading_line(r, n), "\"%.40s\" is not known, write one of %s", n->text, words);
	return NULL;
}

static void read_choice(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	const struct conf_choice *c = find_choice(r, k->of, n);

	if (c)
		bytes_copy(place(base, k->at), &c->value, sizeof(c->value));
}

static void print_word(const struct conf_choices *choices, unsigned v, FILE *to)
{
	for (unsigned i = 0; i < choices->len; i++)
		if (choices->rows[i].value == v && !choices->rows[i].later) {
			fprintf(to, " %s\n", choices->rows[i].word);
			return;
		}
}

static void print_choice(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	unsigned v;

	bytes_copy(&v, place_const(base, k->at), sizeof(v));
	print_word(k->of, v, to);
}

/* Choices are kept in enums; this is what lets print_choice() and read_choice() copy them. */
_Static_assert(sizeof(enum filtering) == sizeof(unsigned) && sizeof(enum log_level) == sizeof(unsigned),
	"enum is int");

const struct conf_shape shape_choice = { "one of the words", read_choice, print_choice };

static void read_switch(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	const struct conf_choice *c = find_choice(r, k->of, n);

	if (c)
		*(bool *)place(base, k->at) = c->value;
}

static void print_switch(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	print_word(k->of, *(const bool *)place_const(base, k->at), to);
}

const struct conf_shape shape_switch = { "one of the words", read_switch, print_switch };

static void read_flag(struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	if (!is_scalar(r, n, "true or false"))
		return;
	bool is_true = strcmp(n->text, "true") == 0;

	if (!is_true && strcmp(n->text, "false") != 0)
		reading_fault(r, reading_line(r, n), "\"%.40s\" is neither true nor false, write one of them",
			n->text);
	else if (is_true && k->of)
		reading_fault(r, reading_line(r, n), "%s", (const char *)k->of);
	else
		*(bool *)place(base, k->at) = is_true;
}

static void print_flag(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	fprintf(to, " %s\n", *(const bool *)place_const(base, k->at) ? "true" : "false");
}

const struct conf_shape shape_flag = { "true or false", read_flag, print_flag };

static void read_words(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	unsigned mask = 0, len, i = 0;
	const struct conf_node *m = members_begin(r, n, &len);

	if (!members_fit(r, k, n, len))
		return;
	for (; m; m = m == n ? NULL : m->next, i++) {
		size_t back = m == n ? r->path_len : path_enter_member(r, i);
		const struct conf_choice *c = find_choice(r, k->of, m);

		if (c && (mask & c->value))
			reading_fault(r, reading_line(r, m), "%s is listed twice, keep one", c->word);
		mask |= c ? c->value : 0;
		path_leave(r, back);
	}
	*(unsigned *)place(base, k->at) = mask;
}

static void print_words(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct conf_choices *choices = k->of;
	unsigned mask = *(const unsigned *)place_const(base, k->at);
	const char *joint = "";

	fputs(" [", to);
	for (unsigned i = 0; i < choices->len; i++)
		if (mask & choices->rows[i].value) {
			fprintf(to, "%s%s", joint, choices->rows[i].word);
			joint = ", ";
		}
	fputs("]\n", to);
}

const struct conf_shape shape_words = { "a list of words", read_words, print_words };

/* --- duration --- */

static const struct {
	const char *unit;
	nsec ns;
} duration_units[] = {
	{ "d", 86400 * NSEC },
	{ "h", 3600 * NSEC },
	{ "m", 60 * NSEC },
	{ "s", NSEC },
	{ "ms", MSEC },
};

#define DURATION_MAX ((nsec)36500 * 86400 * NSEC) /* a hundred years: sums below stay far from overflow */

const char *duration_text(nsec d, char buf[static DURATION_TEXT])
{
	size_t len = 0;

	text_copy(buf, DURATION_TEXT, "0s");
	for (unsigned u = 0; u < ARRAY_LEN(duration_units); u++) {
		nsec n = d / duration_units[u].ns;

		if (n > 0)
			len += (size_t)snprintf(
				buf + len, DURATION_TEXT - len, "%" PRIu64 "%s", n, duration_units[u].unit);
		d -= n * duration_units[u].ns;
	}
	return buf;
}

/* Largest unit first, each at most once: "2h4m". */
static bool parse_duration(const char *text, nsec *ret)
{
	nsec sum = 0;
	unsigned u = 0;

	if (text[0] == '\0')
		return false;
	while (*text) {
		size_t digits = strspn(text, "0123456789"), letters = strspn(text + digits, "dhms");
		char number[8] = "";
		uint64_t v;

		if (digits == 0 || digits >= sizeof(number) || letters == 0)
			return false;
		bytes_copy(number, text, digits);
		while (u < ARRAY_LEN(duration_units) &&
			(strlen(duration_units[u].unit) != letters ||
				strncmp(text + digits, duration_units[u].unit, letters) != 0))
			u++;
		if (u == ARRAY_LEN(duration_units) || !number_parse(number, 9999999, &v))
			return false;
		if (v > DURATION_MAX / duration_units[u].ns || sum + v * duration_units[u].ns > DURATION_MAX)
			return false;
		sum += v * duration_units[u++].ns;
		text += digits + letters;
	}
	*ret = sum;
	return true;
}

static void read_duration(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	char limit[DURATION_TEXT];
	unsigned line = reading_line(r, n);
	nsec d;

	if (!is_scalar(r, n, "a time such as 2h4m"))
		return;
	if (!parse_duration(n->text, &d)) {
		reading_fault(r, line,
			"\"%.40s\" is no time, write numbers with the units d, h, m, s, ms, such as %s",
			n->text, k->standard);
		return;
	}
	if (d < k->min * NSEC) {
		duration_text(k->min * NSEC, limit);
		reading_fault(r, line, "%s is less than the %s that %s demands, write %s or more", n->text,
			limit, (const char *)k->of, limit);
		return;
	}
	if (d > k->max * NSEC) {
		duration_text(k->max * NSEC, limit);
		reading_fault(r, line, "%s is too long, write %s or less", n->text, limit);
		return;
	}
	*(nsec *)place(base, k->at) = d;
}

static void print_duration(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	char text[DURATION_TEXT];

	fprintf(to, " %s\n", duration_text(*(const nsec *)place_const(base, k->at), text));
}

const struct conf_shape shape_duration = { "a time such as 2h4m", read_duration, print_duration };

/* --- items and lists of items --- */

bool item_read(struct conf_reading *r, const struct conf_item *item, const struct conf_node *n, void *to)
{
	char why[ITEM_WHY];

	if (!is_scalar(r, n, "it as text"))
		return false;
	if (item->read(n->text, to, why))
		return true;
	reading_fault(r, reading_line(r, n), "%s", why);
	return false;
}

/* Words and plain paths need no quotes; everything else gets them, for YAML's sake. */
static bool needs_quotes(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./-_";
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/";

	return !text[0] || !strchr(first, text[0]) || text[strspn(text, plain)] != '\0' ||
	       strcmp(text, "null") == 0;
}

void item_print(const struct conf_item *item, const void *from, FILE *to)
{
	char text[ITEM_TEXT];

	item->write(from, text);
	if (!needs_quotes(text)) {
		fputs(text, to);
		return;
	}
	fputc('"', to);
	for (const char *c = text; *c; c++)
		fprintf(to, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
	fputc('"', to);
}

static void read_item(struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	if (!item_read(r, k->of, n, place(base, k->at)))
		return;
}

static void print_item(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	fputc(' ', to);
	item_print(k->of, place_const(base, k->at), to);
	fputc('\n', to);
}

const struct conf_shape shape_item = { "a value", read_item, print_item };

const struct conf_node *members_begin(struct conf_reading *r, const struct conf_node *n, unsigned *ret_len)
{
	*ret_len = n->kind == NODE_SCALAR ? 1 : n->members_len;
	return n->kind == NODE_SCALAR ? n : n->members;
}

bool members_fit(struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, unsigned len)
{
	unsigned line = reading_line(r, n);

	if (n->kind == NODE_MAPPING)
		reading_fault(r, line, "a mapping stands where a list belongs, write %s", k->shape->what);
	else if (len < k->min)
		reading_fault(
			r, line, "the list is empty, write at least one entry, such as %s", k->standard);
	else if (len > k->max)
		reading_fault(r, line, "the list has %u entries, write at most %u", len, k->max);
	else
		return true;
	return false;
}

unsigned entries_read(struct conf_reading *r, const struct conf_key *k, const struct conf_node *n,
	const struct conf_entries *e)
{
	unsigned len, i = 0;
	const struct conf_node *m = members_begin(r, n, &len);

	if (n->kind == NODE_SCALAR) {
		reading_fault(r, reading_line(r, n), "a single value stands where a list belongs, write %s",
			k->shape->what);
		return 0;
	}
	if (!members_fit(r, k, n, len) || len == 0 || !e->make(r, len))
		return 0;
	for (; m; m = m->next, i++) {
		size_t back = path_enter_member(r, i);

		e->read(r, m, i);
		path_leave(r, back);
	}
	return i;
}

/* The number of an earlier item that is written the same way, or @len. */
static unsigned find_same(const struct conf_item *item, const uint8_t *items, unsigned len, const void *value)
{
	char text[ITEM_TEXT], other[ITEM_TEXT];

	item->write(value, text);
	for (unsigned i = 0; i < len; i++) {
		item->write(items + i * item->size, other);
		if (strcmp(text, other) == 0)
			return i;
	}
	return len;
}

static void read_list(struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	const struct conf_item *item = k->of;
	uint8_t *items = place(base, k->at);
	unsigned *items_len = place(base, k->len_at), len, i = 0;
	const struct conf_node *m = members_begin(r, n, &len);

	*items_len = 0;
	if (!members_fit(r, k, n, len))
		return;
	for (; m; m = m == n ? NULL : m->next, i++) {
		size_t back = m == n ? r->path_len : path_enter_member(r, i);
		uint8_t *value = items + *items_len * item->size;

		if (item_read(r, item, m, value)) {
			if (find_same(item, items, *items_len, value) < *items_len)
				reading_fault(
					r, reading_line(r, m), "%.80s is listed twice, keep one", m->text);
			else
				++*items_len;
		}
		path_leave(r, back);
	}
}

static void print_list(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct conf_item *item = k->of;
	const uint8_t *items = place_const(base, k->at);
	unsigned len = *(const unsigned *)place_const(base, k->len_at);

	fputs(" [", to);
	for (unsigned i = 0; i < len; i++) {
		fputs(i > 0 ? ", " : "", to);
		item_print(item, items + i * item->size, to);
	}
	fputs("]\n", to);
}

const struct conf_shape shape_list = { "a list", read_list, print_list };

/* --- mappings and what comes later --- */

static void read_mapping(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	mapping_read(r, k->of, n, place(base, k->at));
}

static void print_mapping(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	fputc('\n', to);
	mapping_print(k->of, place_const(base, k->at), to, indent + 2);
}

const struct conf_shape shape_mapping = { "a mapping", read_mapping, print_mapping };

static void read_later(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	reading_fault(r, reading_line(r, n), "%s", (const char *)k->of);
}

const struct conf_shape shape_later = { "nothing yet", read_later, NULL };
