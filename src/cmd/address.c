/* address.c - `isthmus address embed|extract|explain`: RFC 6052 by hand, without a daemon */
#include "cmd/command.h"

#include "addr/embed.h"
#include "addr/special.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#define PATH "isthmus address"

/* --- reading what was typed --- */

/* read_prefix() - a translation prefix; false with a message if it is none */
static bool read_prefix(const char *text, struct prefix6 *ret)
{
	struct prefix6 p;
	int err = prefix6_parse(text, &p);
	const char *fault = NULL;

	if (err == -EDOM)
		fault = "bits after the prefix length must be zero";
	else if (err < 0)
		fault = "it is no IPv6 prefix such as 64:ff9b::/96";
	else
		fault = embed_prefix_fault(p);
	if (fault) {
		command_usage_error(
			PATH, "%s cannot be a translation prefix: %s (RFC 6052 section 2.2)", text, fault);
		return false;
	}
	*ret = p;
	return true;
}

/* prefix_option() - the prefix of --prefix, or the well-known one */
static bool prefix_option(const struct options *o, struct prefix6 *ret)
{
	if (option_is_set(o, OPTION_PREFIX))
		return read_prefix(o->value[OPTION_PREFIX], ret);
	*ret = WELL_KNOWN_PREFIX;
	return true;
}

static void print_row(json_t *row)
{
	if (row && json_dumpf(row, stdout, JSON_COMPACT) == 0)
		putchar('\n');
	json_decref(row);
}

/* --- embed, extract --- */

static int do_embed(const struct options *o)
{
	struct prefix6 p;
	struct addr4 a;
	char text6[ADDR6_TEXT], text4[ADDR4_TEXT], prefix[PREFIX6_TEXT];

	if (!read_prefix(o->operands[0], &p))
		return STATUS_USAGE;
	if (!addr4_parse(o->operands[1], &a))
		return command_usage_error(PATH " embed", "\"%s\" is no IPv4 address", o->operands[1]);
	addr6_text(embed_addr(p, a), text6);
	if (option_is_set(o, OPTION_JSON))
		print_row(json_pack("{s:s, s:s, s:s}", "address", text6, "prefix", prefix6_text(p, prefix),
			"ipv4", addr4_text(a, text4)));
	else
		puts(text6);
	return STATUS_OK;
}

static int do_extract(const struct options *o)
{
	struct prefix6 p;
	struct addr6 a;
	struct addr4 inner;
	char text6[ADDR6_TEXT], text4[ADDR4_TEXT], prefix[PREFIX6_TEXT];

	if (!prefix_option(o, &p))
		return STATUS_USAGE;
	if (!addr6_parse(o->operands[0], &a))
		return command_usage_error(PATH " extract", "\"%s\" is no IPv6 address", o->operands[0]);
	int err = embed_extract(p, a, &inner);
	if (err < 0) {
		fprintf(stderr, PATH " extract: %s %s%s\n", addr6_text(a, text6),
			err == -ENOENT ? "is not in the prefix "
				       : "has bits set where RFC 6052 wants zeros (64 to 71), in ",
			prefix6_text(p, prefix));
		return STATUS_FAILED;
	}
	addr4_text(inner, text4);
	if (option_is_set(o, OPTION_JSON))
		print_row(json_pack("{s:s, s:s, s:s}", "ipv4", text4, "prefix", prefix6_text(p, prefix),
			"address", addr6_text(a, text6)));
	else
		puts(text4);
	return STATUS_OK;
}

/* --- explain --- */

/* What is known about an address; both output forms are made of it. */
#define EMBEDDED_MAX 8
struct explanation {
	char address[ADDR6_TEXT];
	const char *name, *spec; /* of the registry of special-purpose addresses; NULL: an ordinary address */
	const char *note;	 /* one sentence more; NULL: none */
	char translated[ADDR6_TEXT]; /* an IPv4 address under the well-known prefix; "" if it is IPv6 */
	struct embedded {
		char prefix[PREFIX6_TEXT], ipv4[ADDR4_TEXT];
		const char *name; /* what the IPv4 address is; NULL: an ordinary address */
		const char *how;  /* how the prefix was found */
	} embedded[EMBEDDED_MAX];
	unsigned embedded_len;
	bool is_4;
};

static void add_embedded(struct explanation *e, struct prefix6 p, struct addr6 a, const char *how)
{
	struct addr4 inner;

	if (e->embedded_len == EMBEDDED_MAX || embed_extract(p, a, &inner) < 0)
		return;
	const struct special4 *s = special4_find(inner);
	struct embedded *m = &e->embedded[e->embedded_len++];
	prefix6_text(p, m->prefix);
	addr4_text(inner, m->ipv4);
	m->name = s ? s->name : NULL;
	m->how = how;
}

/*
 * guess_embedded() - what the address would hold under a network-specific prefix of each length
 *
 * Nobody can see from an address whether it was made by RFC 6052, so these are possibilities. A length whose
 * suffix bits are not all zero is left out: RFC 6052 s2.2 has them zero.
 */
static void guess_embedded(struct explanation *e, struct addr6 a)
{
	static const uint8_t lengths[] = { 96, 64, 56, 48, 40, 32 };

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct prefix6 p = { addr6_truncate(a, lengths[i]), lengths[i] };
		struct addr4 inner;

		if (embed_prefix_fault(p) || embed_extract(p, a, &inner) < 0 || inner.v == 0)
			continue;
		if (addr6_eq(embed_addr(p, inner), a))
			add_embedded(e, p, a, "if that is a translation prefix");
	}
}

static void explain6(struct addr6 a, const struct prefix6 *wanted, struct explanation *e)
{
	const struct special6 *s = special6_find(a);

	addr6_text(a, e->address);
	if (s) {
		e->name = s->name;
		e->spec = s->spec;
	}
	if (wanted)
		add_embedded(e, *wanted, a, "as asked");
	else if (prefix6_contains(WELL_KNOWN_PREFIX, a))
		add_embedded(e, WELL_KNOWN_PREFIX, a, "the well-known prefix");
	else if (special6_is_unicast_source(a))
		guess_embedded(e, a);
	if (wanted && e->embedded_len == 0)
		e->note = "It holds no IPv4 address under that prefix.";
}

static void explain4(struct addr4 a, const struct prefix6 *wanted, struct explanation *e)
{
	const struct special4 *s = special4_find(a);
	char text[ADDR4_TEXT];

	e->is_4 = true;
	snprintf(e->address, sizeof(e->address), "%s", addr4_text(a, text));
	if (s) {
		e->name = s->name;
		e->spec = s->spec;
	}
	addr6_text(embed_addr(wanted ? *wanted : WELL_KNOWN_PREFIX, a), e->translated);
	if (!wanted && !special4_is_global(a))
		e->note = "It is not global, so the well-known prefix must not stand for it (RFC 6052 "
			  "section 3.1).";
}

static void print_text(const struct explanation *e)
{
	printf("%s\n  %-12s %s%s%s%s\n", e->address, "is", e->name ? e->name : "an ordinary unicast address",
		e->spec ? " (" : "", e->spec ? e->spec : "", e->spec ? ")" : "");
	if (e->translated[0])
		printf("  %-12s %s\n", "translated", e->translated);
	for (unsigned i = 0; i < e->embedded_len; i++) {
		const struct embedded *m = &e->embedded[i];

		printf("  %-12s %-15s under %s, %s%s%s\n", "holds", m->ipv4, m->prefix, m->how,
			m->name ? "; it is: " : "", m->name ? m->name : "");
	}
	if (e->note)
		printf("  %-12s %s\n", "note", e->note);
}

static void print_json(const struct explanation *e)
{
	json_t *embedded = json_array();

	for (unsigned i = 0; i < e->embedded_len; i++) {
		const struct embedded *m = &e->embedded[i];

		json_array_append_new(embedded, json_pack("{s:s, s:s, s:s?, s:s}", "ipv4", m->ipv4, "prefix",
							m->prefix, "is", m->name, "how", m->how));
	}
	print_row(json_pack("{s:s, s:i, s:s?, s:s?, s:s?, s:s?, s:o}", "address", e->address, "family",
		e->is_4 ? 4 : 6, "is", e->name, "spec", e->spec, "note", e->note, "translated",
		e->is_4 ? e->translated : NULL, "embedded", embedded));
}

static int do_explain(const struct options *o)
{
	struct explanation e = { .is_4 = false };
	struct prefix6 wanted;
	struct addr6 a6;
	struct addr4 a4;
	bool is_asked = option_is_set(o, OPTION_PREFIX);

	if (is_asked && !read_prefix(o->value[OPTION_PREFIX], &wanted))
		return STATUS_USAGE;
	if (addr6_parse(o->operands[0], &a6))
		explain6(a6, is_asked ? &wanted : NULL, &e);
	else if (addr4_parse(o->operands[0], &a4))
		explain4(a4, is_asked ? &wanted : NULL, &e);
	else
		return command_usage_error(
			PATH " explain", "\"%s\" is neither an IPv6 nor an IPv4 address", o->operands[0]);
	if (option_is_set(o, OPTION_JSON))
		print_json(&e);
	else
		print_text(&e);
	return STATUS_OK;
}

const struct command address_commands[] = {
	{
		.name = "embed",
		.operands = "PREFIX IPV4",
		.summary = "Put an IPv4 address into a translation prefix",
		.text = "PREFIX has one of the six lengths of RFC 6052: 32, 40, 48, 56, 64 or 96.\n"
			"\n"
			"Example:\n"
			"  isthmus address embed 2001:db8:122:344::/64 192.0.2.33\n",
		.takes = TAKES(OPTION_JSON),
		.operands_min = 2,
		.operands_max = 2,
		.run = do_embed,
	},
	{
		.name = "extract",
		.operands = "IPV6",
		.summary = "Take the IPv4 address out of an IPv6 address",
		.text = "Examples:\n"
			"  isthmus address extract 64:ff9b::c000:221\n"
			"  isthmus address extract --prefix 2001:db8:122:344::/64 "
			"2001:db8:122:344:c0:2:2100::\n",
		.takes = TAKES(OPTION_JSON) | TAKES(OPTION_PREFIX),
		.operands_min = 1,
		.operands_max = 1,
		.run = do_extract,
	},
	{
		.name = "explain",
		.operands = "ADDRESS",
		.summary = "Say what an address is for, and which IPv4 address it may hold",
		.text = "Examples:\n"
			"  isthmus address explain 64:ff9b::10.1.2.3\n"
			"  isthmus address explain 100.64.0.1\n",
		.takes = TAKES(OPTION_JSON) | TAKES(OPTION_PREFIX),
		.operands_min = 1,
		.operands_max = 1,
		.run = do_explain,
	},
	{ .name = NULL },
};
