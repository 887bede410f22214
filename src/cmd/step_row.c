/*
 * step_row.c - the steps of a packet in words
 *
 * A step's text in nat64/steps.def has places of the form {key:slot}. The table @slots says how each slot of struct step
 * reads, and what it is in JSON; so a new step needs nothing here.
 */
#include "cmd/step_row.h"

#include "base/verdict.h"
#include "state/state.h"
#include "xlat/icmp.h"

#include <stdio.h>
#include <string.h>

#define VALUE_TEXT 256
#define KEY_TEXT 32

/* --- packets --- */

static const char *proto_text(const struct step *s, char buf[static KEY_TEXT])
{
	static const struct {
		uint8_t number;
		const char *name;
	} names[] = {
		{ IPPROTO_TCP_NR, "TCP" },
		{ IPPROTO_UDP_NR, "UDP" },
		{ IPPROTO4_ICMP, "ICMP" },
		{ IPPROTO6_ICMP, "ICMPv6" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (names[i].number == s->proto)
			return names[i].name;
	}
	char name[PROTOCOL_TEXT];
	const char *text = protocol_text(s->proto, name);

	snprintf(buf, KEY_TEXT, "%s%s", text == name ? "protocol " : "", text);
	return buf;
}

static const struct {
	uint8_t version, type;
	const char *name;
} icmp_names[] = {
	{ 6, 1, "destination unreachable" },
	{ 6, 2, "packet too big" },
	{ 6, 3, "time exceeded" },
	{ 6, 4, "parameter problem" },
	{ 6, 128, "echo request" },
	{ 6, 129, "echo reply" },
	{ 4, 0, "echo reply" },
	{ 4, 3, "destination unreachable" },
	{ 4, 4, "source quench" },
	{ 4, 5, "redirect" },
	{ 4, 8, "echo request" },
	{ 4, 11, "time exceeded" },
	{ 4, 12, "parameter problem" },
};

static bool is_icmp(const struct step *s)
{
	return s->proto == (s->version == 6 ? IPPROTO6_ICMP : IPPROTO4_ICMP);
}

/* " echo request" and the like; of an error type and code, since they say why */
static const char *icmp_text(const struct step *s, char buf[static VALUE_TEXT])
{
	const char *name = "";

	for (size_t i = 0; i < ARRAY_LEN(icmp_names); i++) {
		if (icmp_names[i].version == s->version && icmp_names[i].type == s->x)
			name = icmp_names[i].name;
	}
	buf[0] = '\0';
	if (!is_icmp(s) || s->kind == L4_OTHER)
		return buf;
	if (s->kind == L4_ICMP_QUERY)
		snprintf(buf, VALUE_TEXT, " %s", name);
	else
		snprintf(buf, VALUE_TEXT, " %s%s(type %u, code %u)", name, name[0] ? " " : "", s->x, s->y);
	return buf;
}

static const char *flags_text(uint8_t flags, char buf[static KEY_TEXT])
{
	static const char *const names[8] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR" };
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		if (flags & 1U << i)
			len += (size_t)snprintf(
				buf + len, KEY_TEXT - len, "%s%s", len > 0 ? "," : "", names[i]);
	}
	return buf;
}

static bool has_ports(const struct step *s)
{
	return (s->kind == L4_TCP || s->kind == L4_UDP) && (s->port[0] != 0 || s->port[1] != 0);
}

/* The source (0) or destination (1) of a packet, with its port if it has one. */
static const char *end_text(const struct step *s, unsigned end, char buf[static ENDPOINT6_TEXT])
{
	struct addr6 a6 = end == 0 ? s->a6 : s->b6;
	struct addr4 a4 = end == 0 ? s->a4 : s->b4;

	if (s->version == 6)
		return has_ports(s) ? endpoint6_text(a6, s->port[end], buf) : addr6_text(a6, buf);
	return has_ports(s) ? endpoint4_text(a4, s->port[end], buf) : addr4_text(a4, buf);
}

static void packet_text(const struct step *s, char buf[static VALUE_TEXT])
{
	char proto[KEY_TEXT], flags[KEY_TEXT], icmp[VALUE_TEXT], from[ENDPOINT6_TEXT], to[ENDPOINT6_TEXT],
		id[KEY_TEXT] = "";

	if (s->kind == L4_ICMP_QUERY)
		snprintf(id, sizeof(id), ", identifier %u", s->port[0]);
	flags_text(s->kind == L4_TCP ? s->flags : 0, flags);
	snprintf(buf, VALUE_TEXT, "%s%.60s %s > %s%s%s%s, %u bytes, %s %u", proto_text(s, proto),
		icmp_text(s, icmp), end_text(s, 0, from), end_text(s, 1, to), id, flags[0] ? " " : "", flags,
		s->n, s->version == 6 ? "hop limit" : "TTL", s->len);
}

static json_t *packet_json(const struct step *s)
{
	char proto[KEY_TEXT], flags[KEY_TEXT], from[ENDPOINT6_TEXT], to[ENDPOINT6_TEXT];
	bool is6 = s->version == 6;
	json_t *j = json_pack("{s:i, s:s, s:s, s:s, s:I, s:i}", "version", s->version, "protocol",
		proto_text(s, proto), "source", is6 ? addr6_text(s->a6, from) : addr4_text(s->a4, from),
		"destination", is6 ? addr6_text(s->b6, to) : addr4_text(s->b4, to), "bytes", (json_int_t)s->n,
		"hop_limit", s->len);

	if (has_ports(s)) {
		json_object_set_new(j, "source_port", json_integer(s->port[0]));
		json_object_set_new(j, "destination_port", json_integer(s->port[1]));
	}
	if (s->kind == L4_TCP)
		json_object_set_new(j, "flags", json_string(flags_text(s->flags, flags)));
	if (s->kind == L4_ICMP_QUERY)
		json_object_set_new(j, "identifier", json_integer(s->port[0]));
	if (is_icmp(s) && s->kind != L4_OTHER) {
		json_object_set_new(j, "icmp_type", json_integer(s->x));
		json_object_set_new(j, "icmp_code", json_integer(s->y));
	}
	return j;
}

/* --- slots --- */

/* Port 0 is that of a session which has none (ICMP). */
static void end4(struct addr4 a, uint16_t port, char buf[static VALUE_TEXT])
{
	if (port == 0)
		(void)addr4_text(a, buf);
	else
		(void)endpoint4_text(a, port, buf);
}

static void text_a6(const struct step *s, char buf[static VALUE_TEXT])
{
	(void)addr6_text(s->a6, buf);
}

static void text_b6(const struct step *s, char buf[static VALUE_TEXT])
{
	(void)addr6_text(s->b6, buf);
}

static void text_a4(const struct step *s, char buf[static VALUE_TEXT])
{
	(void)addr4_text(s->a4, buf);
}

static void text_b4(const struct step *s, char buf[static VALUE_TEXT])
{
	(void)addr4_text(s->b4, buf);
}

static void text_a6p(const struct step *s, char buf[static VALUE_TEXT])
{
	(void)endpoint6_text(s->a6, s->port[0], buf);
}

static void text_b6p(const struct step *s, char buf[static VALUE_TEXT])
{
	(void)endpoint6_text(s->b6, s->port[1], buf);
}

static void text_a4p(const struct step *s, char buf[static VALUE_TEXT])
{
	end4(s->a4, s->port[0], buf);
}

static void text_b4p(const struct step *s, char buf[static VALUE_TEXT])
{
	end4(s->b4, s->port[1], buf);
}

static void text_net6(const struct step *s, char buf[static VALUE_TEXT])
{
	(void)prefix6_text((struct prefix6){ s->a6, s->len }, buf);
}

static void text_net4(const struct step *s, char buf[static VALUE_TEXT])
{
	(void)prefix4_text((struct prefix4){ s->a4, s->len }, buf);
}

static void text_from(const struct step *s, char buf[static VALUE_TEXT])
{
	snprintf(buf, VALUE_TEXT, "%s", tcp_state_name((enum tcp_state)s->x));
}

static void text_to(const struct step *s, char buf[static VALUE_TEXT])
{
	snprintf(buf, VALUE_TEXT, "%s", tcp_state_name((enum tcp_state)s->y));
}

/* The names of RFC 6146 s3.5.2.2; the strongest flag counts, as in state/tcp.c. */
static void text_event(const struct step *s, char buf[static VALUE_TEXT])
{
	static const struct {
		uint8_t flag;
		const char *name;
	} names[] = { { TCP_RST, "RST" }, { TCP_SYN, "SYN" }, { TCP_FIN, "FIN" } };
	const char *name = "data";

	for (size_t i = ARRAY_LEN(names); i > 0; i--) {
		if (s->flags & names[i - 1].flag)
			name = names[i - 1].name;
	}
	snprintf(buf, VALUE_TEXT, "V%u %s", s->version, name);
}

static void text_proto(const struct step *s, char buf[static VALUE_TEXT])
{
	char proto[KEY_TEXT];

	snprintf(buf, VALUE_TEXT, "%s", proto_text(s, proto));
}

static enum drop_reason reason_of(const struct step *s)
{
	return s->n < DROP_COUNT ? (enum drop_reason)s->n : DROP_NONE;
}

static void text_reason(const struct step *s, char buf[static VALUE_TEXT])
{
	snprintf(buf, VALUE_TEXT, "%s", drop_name(reason_of(s)));
}

static void text_why(const struct step *s, char buf[static VALUE_TEXT])
{
	snprintf(buf, VALUE_TEXT, "%s", drop_text(reason_of(s)));
}

static void text_secs(const struct step *s, char buf[static VALUE_TEXT])
{
	if (s->n % 1000 == 0)
		snprintf(buf, VALUE_TEXT, "%u", s->n / 1000);
	else
		snprintf(buf, VALUE_TEXT, "%u.%u", s->n / 1000, s->n % 1000 / 100);
}

static json_t *json_secs(const struct step *s)
{
	return json_real((double)s->n / 1000);
}

static void text_n(const struct step *s, char buf[static VALUE_TEXT])
{
	snprintf(buf, VALUE_TEXT, "%u", s->n);
}

static json_t *json_n(const struct step *s)
{
	return json_integer(s->n);
}

static void text_m(const struct step *s, char buf[static VALUE_TEXT])
{
	snprintf(buf, VALUE_TEXT, "%u", s->m);
}

static json_t *json_m(const struct step *s)
{
	return json_integer(s->m);
}

static void text_x(const struct step *s, char buf[static VALUE_TEXT])
{
	snprintf(buf, VALUE_TEXT, "%u", s->x);
}

static json_t *json_x(const struct step *s)
{
	return json_integer(s->x);
}

static void text_y(const struct step *s, char buf[static VALUE_TEXT])
{
	snprintf(buf, VALUE_TEXT, "%u", s->y);
}

static json_t *json_y(const struct step *s)
{
	return json_integer(s->y);
}

static const struct slot {
	const char *name;
	void (*text)(const struct step *s, char buf[static VALUE_TEXT]);
	json_t *(*json)(const struct step *s); /* NULL: the text as a string */
} slots[] = {
	{ "a6", text_a6, NULL },
	{ "b6", text_b6, NULL },
	{ "a4", text_a4, NULL },
	{ "b4", text_b4, NULL },
	{ "a6p", text_a6p, NULL },
	{ "b6p", text_b6p, NULL },
	{ "a4p", text_a4p, NULL },
	{ "b4p", text_b4p, NULL },
	{ "net6", text_net6, NULL },
	{ "net4", text_net4, NULL },
	{ "n", text_n, json_n },
	{ "m", text_m, json_m },
	{ "x", text_x, json_x },
	{ "y", text_y, json_y },
	{ "secs", text_secs, json_secs },
	{ "from", text_from, NULL },
	{ "to", text_to, NULL },
	{ "event", text_event, NULL },
	{ "proto", text_proto, NULL },
	{ "packet", packet_text, packet_json },
	{ "reason", text_reason, NULL },
	{ "why", text_why, NULL },
};

/* --- the text --- */

/* A place for a value: {key:slot}. */
struct place {
	char key[KEY_TEXT];
	const struct slot *slot;
};

/* place_read() - the place at @at, which begins with a brace; where the text goes on */
static const char *place_read(const char *at, struct place *ret)
{
	size_t key = strcspn(at + 1, ":"), slot = strcspn(at + 1, "}");

	snprintf(ret->key, sizeof(ret->key), "%.*s", (int)key, at + 1);
	ret->slot = NULL;
	for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
		if (strlen(slots[i].name) == slot - key - 1 &&
			strncmp(slots[i].name, at + 1 + key + 1, slot - key - 1) == 0)
			ret->slot = &slots[i];
	}
	ASSERT(ret->slot); /* steps.def is ours; a test reads all of it */
	return at + 1 + slot + 1;
}

const char *step_row_text(const struct step *s, char buf[static STEP_ROW_TEXT])
{
	const char *at = step_text((enum step_id)s->id);
	char value[VALUE_TEXT];
	struct place place;
	size_t len = 0;

	buf[0] = '\0';
	while (*at && len < STEP_ROW_TEXT - 1) {
		size_t plain = strcspn(at, "{");

		len += (size_t)snprintf(buf + len, STEP_ROW_TEXT - len, "%.*s", (int)plain, at);
		at += plain;
		if (*at != '{' || len >= STEP_ROW_TEXT - 1)
			continue;
		at = place_read(at, &place);
		place.slot->text(s, value);
		len += (size_t)snprintf(buf + len, STEP_ROW_TEXT - len, "%s", value);
	}
	return buf;
}

static bool has_reason(const struct step *s)
{
	return strstr(step_text((enum step_id)s->id), ":reason}") != NULL;
}

/* The part of a spec for packets of one version; all of it if it makes no difference. */
static const char *spec_of_version(const char *spec, uint8_t version, char buf[static STEP_ROW_TEXT])
{
	const char *bar = strstr(spec, " | ");

	if (!bar)
		snprintf(buf, STEP_ROW_TEXT, "%s", spec);
	else if (version == 6)
		snprintf(buf, STEP_ROW_TEXT, "%.*s", (int)(bar - spec), spec);
	else
		snprintf(buf, STEP_ROW_TEXT, "%s", bar + 3);
	return buf;
}

const char *step_row_spec(const struct step *s, char buf[static STEP_ROW_TEXT])
{
	return spec_of_version(
		has_reason(s) ? drop_spec(reason_of(s)) : step_spec((enum step_id)s->id), s->version, buf);
}

json_t *step_row(const struct step *s)
{
	char text[STEP_ROW_TEXT], spec[STEP_ROW_TEXT], value[VALUE_TEXT];
	struct place place;
	json_t *row = json_pack("{s:s, s:s, s:s}", "step", step_name((enum step_id)s->id), "text",
		step_row_text(s, text), "spec", step_row_spec(s, spec));

	for (const char *at = strchr(step_text((enum step_id)s->id), '{'); at; at = strchr(at, '{')) {
		at = place_read(at, &place);
		place.slot->text(s, value);
		json_object_set_new(
			row, place.key, place.slot->json ? place.slot->json(s) : json_string(value));
	}
	return row;
}
