/* record.c - records as lines of text, both ways; see record.h */
#include "bindlog/record.h"

#include <stdio.h>

/* --- names --- */

/* Each kind has a set of fields, in the order in which they are written. */
enum field {
	FIELD_SUBSCRIBER,
	FIELD_PROTO,
	FIELD_CLIENT, /* with a port */
	FIELD_HOST,   /* without */
	FIELD_VIA,
	FIELD_ADDRESS,
	FIELD_PORTS,
	FIELD_REMOTE,
	FIELD_STATIC,
	FIELD_REASON,
	FIELD_COUNT_OF, /* "count" */
	FIELD_SINCE,
	FIELD_DETAIL,
	FIELD_VERSION,
	FIELD_COUNT
};

#define HAS(f) (1u << (f))
#define BLOCK_FIELDS (HAS(FIELD_SUBSCRIBER) | HAS(FIELD_ADDRESS) | HAS(FIELD_PORTS))
#define BINDING_FIELDS (HAS(FIELD_PROTO) | HAS(FIELD_CLIENT) | HAS(FIELD_VIA))
#define SESSION_FIELDS (BINDING_FIELDS | HAS(FIELD_REMOTE))

static const struct {
	const char *name;
	unsigned fields; /* mask of those that a line must have */
} kinds[RECORD_COUNT] = {
	[RECORD_START] = { "start", HAS(FIELD_DETAIL) },
	[RECORD_STOP] = { "stop", 0 },
	[RECORD_ALIVE] = { "alive", 0 },
	[RECORD_LOST] = { "lost", HAS(FIELD_COUNT_OF) | HAS(FIELD_SINCE) },
	[RECORD_BLOCK_LENT] = { "block-lent", BLOCK_FIELDS },
	[RECORD_BLOCK_RETURNED] = { "block-returned", BLOCK_FIELDS },
	[RECORD_BLOCK_HELD] = { "block-held", BLOCK_FIELDS },
	[RECORD_BINDING_MADE] = { "binding-made", BINDING_FIELDS },
	[RECORD_BINDING_ENDED] = { "binding-ended", BINDING_FIELDS },
	[RECORD_SESSION_MADE] = { "session-made", SESSION_FIELDS },
	[RECORD_SESSION_ENDED] = { "session-ended", SESSION_FIELDS },
	[RECORD_LIMIT] = { "limit",
		HAS(FIELD_REASON) | HAS(FIELD_PROTO) | HAS(FIELD_HOST) | HAS(FIELD_COUNT_OF) },
	[RECORD_PORTS_EXHAUSTED] = { "ports-exhausted",
		HAS(FIELD_ADDRESS) | HAS(FIELD_PROTO) | HAS(FIELD_HOST) | HAS(FIELD_COUNT_OF) },
};

static const char *const details[] = {
	[STATE_TELL_BLOCKS] = "block",
	[STATE_TELL_BINDINGS] = "binding",
	[STATE_TELL_SESSIONS] = "session",
};

/* --- fields --- */

static size_t put_subscriber(const struct record *r, char *to, size_t room)
{
	char text[PREFIX6_TEXT];

	return (size_t)snprintf(to, room, "%s", prefix6_text(r->subscriber, text));
}

static size_t put_proto(const struct record *r, char *to, size_t room)
{
	return (size_t)snprintf(to, room, "%s", proto_name(r->proto));
}

static size_t put_client(const struct record *r, char *to, size_t room)
{
	char text[ENDPOINT6_TEXT];

	return (size_t)snprintf(to, room, "%s", endpoint6_text(r->client, r->client_port, text));
}

static size_t put_host(const struct record *r, char *to, size_t room)
{
	char text[ADDR6_TEXT];

	return (size_t)snprintf(to, room, "%s", addr6_text(r->client, text));
}

static size_t put_via(const struct record *r, char *to, size_t room)
{
	char text[ENDPOINT4_TEXT];

	return (size_t)snprintf(to, room, "%s", endpoint4_text(r->address, r->port, text));
}

static size_t put_address(const struct record *r, char *to, size_t room)
{
	char text[ADDR4_TEXT];

	return (size_t)snprintf(to, room, "%s", addr4_text(r->address, text));
}

static size_t put_ports(const struct record *r, char *to, size_t room)
{
	return (size_t)snprintf(to, room, "%u-%u", r->port, r->last_port);
}

static size_t put_remote(const struct record *r, char *to, size_t room)
{
	char text[ENDPOINT4_TEXT];

	return (size_t)snprintf(to, room, "%s", endpoint4_text(r->remote, r->remote_port, text));
}

static size_t put_static(const struct record *r, char *to, size_t room)
{
	return (size_t)snprintf(to, room, "%s", r->is_static ? "yes" : "no");
}

static size_t put_reason(const struct record *r, char *to, size_t room)
{
	return (size_t)snprintf(to, room, "%s", drop_name(r->reason));
}

static size_t put_count(const struct record *r, char *to, size_t room)
{
	return (size_t)snprintf(to, room, "%llu", (unsigned long long)r->count);
}

static size_t put_since(const struct record *r, char *to, size_t room)
{
	char text[UNIX_MS_TEXT];

	return (size_t)snprintf(to, room, "%s", unix_ms_text(r->since, text));
}

static size_t put_detail(const struct record *r, char *to, size_t room)
{
	return (size_t)snprintf(to, room, "%s", details[r->detail]);
}

static size_t put_version(const struct record *r, char *to, size_t room)
{
	return (size_t)snprintf(to, room, "%.32s", ISTHMUS_VERSION);
}

static bool take_subscriber(const char *text, struct record *r)
{
	return prefix6_parse(text, &r->subscriber) == 0;
}

static bool take_proto(const char *text, struct record *r)
{
	for (enum proto p = 0; p < PROTO_KINDS; p++) {
		if (strcmp(text, proto_name(p)) == 0) {
			r->proto = p;
			return true;
		}
	}
	return false;
}

/* A whole number that the whole text is. */
static bool take_number(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (text[0] == '\0')
		return false;
	for (; *text; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (*text < '0' || *text > '9' || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*ret = v;
	return true;
}

static bool take_port(const char *text, uint16_t *ret)
{
	uint64_t v;

	if (!take_number(text, UINT16_MAX, &v))
		return false;
	*ret = (uint16_t)v;
	return true;
}

static bool take_endpoint4(char *text, struct addr4 *ret, uint16_t *ret_port)
{
	char *colon = strrchr(text, ':');

	if (!colon)
		return false;
	*colon = '\0';
	return addr4_parse(text, ret) && take_port(colon + 1, ret_port);
}

static bool take_client(const char *text, struct record *r)
{
	char address[ENDPOINT6_TEXT];
	const char *end = strchr(text, ']');

	if (text[0] != '[' || !end || end[1] != ':' || (size_t)(end - text) >= sizeof(address))
		return false;
	bytes_copy(address, text + 1, (size_t)(end - text - 1));
	address[end - text - 1] = '\0';
	return addr6_parse(address, &r->client) && take_port(end + 2, &r->client_port);
}

static bool take_host(const char *text, struct record *r)
{
	return addr6_parse(text, &r->client);
}

static bool take_via(const char *text, struct record *r)
{
	char copy[ENDPOINT4_TEXT];

	if (!text_copy(copy, sizeof(copy), text) || !take_endpoint4(copy, &r->address, &r->port))
		return false;
	r->last_port = r->port;
	return true;
}

static bool take_address(const char *text, struct record *r)
{
	return addr4_parse(text, &r->address);
}

static bool take_ports(const char *text, struct record *r)
{
	char copy[sizeof("65535-65535")];
	char *dash;

	if (!text_copy(copy, sizeof(copy), text) || (dash = strchr(copy, '-')) == NULL)
		return false;
	*dash = '\0';
	return take_port(copy, &r->port) && take_port(dash + 1, &r->last_port) && r->port <= r->last_port;
}

static bool take_remote(const char *text, struct record *r)
{
	char copy[ENDPOINT4_TEXT];

	return text_copy(copy, sizeof(copy), text) && take_endpoint4(copy, &r->remote, &r->remote_port);
}

static bool take_static(const char *text, struct record *r)
{
	r->is_static = strcmp(text, "yes") == 0;
	return r->is_static || strcmp(text, "no") == 0;
}

/* Reasons come and go with versions; one that is unknown here is only not named. */
static bool take_reason(const char *text, struct record *r)
{
	for (enum drop_reason d = DROP_NONE; d < DROP_COUNT; d++) {
		if (strcmp(text, drop_name(d)) == 0)
			r->reason = d;
	}
	return true;
}

static bool take_count(const char *text, struct record *r)
{
	return take_number(text, INT64_MAX, &r->count);
}

static bool take_since(const char *text, struct record *r)
{
	return unix_ms_parse(text, strlen(text), &r->since);
}

static bool take_detail(const char *text, struct record *r)
{
	for (unsigned d = 0; d < ARRAY_LEN(details); d++) {
		if (strcmp(text, details[d]) == 0) {
			r->detail = (enum state_detail)d;
			return true;
		}
	}
	return false;
}

static bool take_version(const char *text, struct record *r)
{
	return true;
}

static const struct {
	const char *name;
	size_t (*put)(const struct record *r, char *to, size_t room);
	bool (*take)(const char *text, struct record *r);
} fields[FIELD_COUNT] = {
	[FIELD_SUBSCRIBER] = { "subscriber", put_subscriber, take_subscriber },
	[FIELD_PROTO] = { "proto", put_proto, take_proto },
	[FIELD_CLIENT] = { "client", put_client, take_client },
	[FIELD_HOST] = { "host", put_host, take_host },
	[FIELD_VIA] = { "via", put_via, take_via },
	[FIELD_ADDRESS] = { "address", put_address, take_address },
	[FIELD_PORTS] = { "ports", put_ports, take_ports },
	[FIELD_REMOTE] = { "remote", put_remote, take_remote },
	[FIELD_STATIC] = { "static", put_static, take_static },
	[FIELD_REASON] = { "reason", put_reason, take_reason },
	[FIELD_COUNT_OF] = { "count", put_count, take_count },
	[FIELD_SINCE] = { "since", put_since, take_since },
	[FIELD_DETAIL] = { "detail", put_detail, take_detail },
	[FIELD_VERSION] = { "version", put_version, take_version },
};

/* --- writing --- */

static const enum record_kind kind_of_event[STATE_EVENT_COUNT] = {
	[STATE_BLOCK_LENT] = RECORD_BLOCK_LENT,
	[STATE_BLOCK_RETURNED] = RECORD_BLOCK_RETURNED,
	[STATE_BLOCK_HELD] = RECORD_BLOCK_HELD,
	[STATE_BINDING_MADE] = RECORD_BINDING_MADE,
	[STATE_BINDING_ENDED] = RECORD_BINDING_ENDED,
	[STATE_SESSION_MADE] = RECORD_SESSION_MADE,
	[STATE_SESSION_ENDED] = RECORD_SESSION_ENDED,
	[STATE_LIMIT] = RECORD_LIMIT,
	[STATE_PORTS_EXHAUSTED] = RECORD_PORTS_EXHAUSTED,
};

struct record record_of_event(const struct state_event *e, unix_ms when)
{
	struct record r = {
		.kind = kind_of_event[e->kind],
		.when = when,
		.address = e->out,
		.port = e->out_port,
		.last_port = e->out_port,
		.proto = (enum proto)e->proto,
		.client = e->in,
		.client_port = e->in_port,
		.is_static = e->is_static,
		.remote = e->remote,
		.remote_port = e->remote_port,
		.reason = e->reason,
		.count = e->count,
	};

	if (kinds[r.kind].fields == BLOCK_FIELDS) {
		r.subscriber = (struct prefix6){ e->in, e->subscriber_len };
		r.last_port = e->last_port;
	}
	return r;
}

/* Fields that a line has beyond those that it must have. */
static unsigned fields_of(const struct record *r)
{
	unsigned mask = kinds[r->kind].fields;

	if (r->kind == RECORD_START)
		mask |= HAS(FIELD_VERSION);
	if (r->is_static)
		mask |= HAS(FIELD_STATIC);
	return mask;
}

size_t record_write(const struct record *r, char text[static RECORD_TEXT])
{
	char stamp[UNIX_MS_TEXT];
	unsigned mask = fields_of(r);
	size_t len = (size_t)snprintf(
		text, RECORD_TEXT, "%s %s", unix_ms_text(r->when, stamp), kinds[r->kind].name);

	for (unsigned f = 0; f < FIELD_COUNT; f++) {
		if (!(mask & HAS(f)))
			continue;
		len += (size_t)snprintf(text + len, RECORD_TEXT - len, " %s=", fields[f].name);
		len += fields[f].put(r, text + len, RECORD_TEXT - len);
	}
	ASSERT(len + 1 < RECORD_TEXT);
	text[len++] = '\n';
	text[len] = '\0';
	return len;
}

/* --- reading --- */

/* The next word of a line, which is a copy that is cut at blanks; NULL at the end. Two blanks in a row are a fault. */
static char *take_word(char **at)
{
	char *word = *at;

	if (!word)
		return NULL;
	char *blank = strchr(word, ' ');

	*at = blank ? blank + 1 : NULL;
	if (blank)
		*blank = '\0';
	return word;
}

/* One key=value; false if it is none, or its value makes no sense. An unknown key is passed over. */
static bool take_field(char *word, struct record *r, unsigned *seen)
{
	char *equals = strchr(word, '=');

	if (!equals || equals == word)
		return false;
	*equals = '\0';
	for (unsigned f = 0; f < FIELD_COUNT; f++) {
		if (strcmp(word, fields[f].name) != 0)
			continue;
		if (*seen & HAS(f))
			return false;
		*seen |= HAS(f);
		return fields[f].take(equals + 1, r);
	}
	return true;
}

static enum record_kind find_kind(const char *name)
{
	enum record_kind k = 0;

	while (k < RECORD_COUNT && strcmp(kinds[k].name, name) != 0)
		k++;
	return k;
}

enum record_read record_read(const char *text, size_t len, struct record *ret)
{
	char copy[RECORD_TEXT * 2];
	struct record r = { 0 };
	unsigned seen = 0;

	if (len >= sizeof(copy) || memchr(text, '\0', len))
		return RECORD_MALFORMED;
	bytes_copy(copy, text, len);
	copy[len] = '\0';
	char *rest = copy, *stamp = take_word(&rest), *name = take_word(&rest);

	if (!name || name[0] == '\0' || !unix_ms_parse(stamp, strlen(stamp), &r.when))
		return RECORD_MALFORMED;
	r.kind = find_kind(name);
	for (char *word; (word = take_word(&rest)) != NULL;) {
		if (!take_field(word, &r, &seen))
			return RECORD_MALFORMED;
	}
	if (r.kind == RECORD_COUNT)
		return RECORD_UNKNOWN;
	if ((seen & kinds[r.kind].fields) != kinds[r.kind].fields)
		return RECORD_MALFORMED;
	*ret = r;
	return RECORD_TAKEN;
}
