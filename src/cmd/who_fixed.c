/*
 * who_fixed.c - `isthmus who ... --config FILE`: whose deterministic ports these are, by the file alone (RFC 7422)
 *
 * The gateway need not run, and the subscriber need not have a session: state/fixed.c computes, in both directions. So a
 * file that was in force years ago answers for its time (RFC 7422 s3). What the file cannot know is said in a sentence:
 * blocks that are lent as they are needed stand in the binding log only, and the address of an interface, where the file
 * names one instead of an address, is known only to the host that has it.
 */
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/table.h"
#include "cmd/who.h"

#include "state/fixed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATH "isthmus who"
#define ELSEWHERE "ask the running gateway (without --config), or the binding log (--at TIME)"

/* --- the question --- */

bool who_subscriber_parse(const char *text, struct prefix6 *ret)
{
	char address[ADDR6_TEXT];
	const char *slash = strchr(text, '/');
	struct prefix6 p;
	struct addr6 a;

	if (prefix6_parse(text, &p) == 0) {
		*ret = p;
		return true;
	}
	/* 2001:db8:1::2/64, as `ip address` prints it */
	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return false;
	snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);
	if (!addr6_parse(address, &a))
		return false;
	snprintf(address, sizeof(address), "::%.4s", slash);
	if (strlen(slash) > 4 || prefix6_parse(address, &p) < 0)
		return false;
	*ret = (struct prefix6){ addr6_truncate(a, p.len), p.len };
	return true;
}

/* --- what the file knows --- */

static bool has_fixed(const struct conf *c)
{
	for (unsigned pool = 0; pool < STATE_POOLS_MAX; pool++) {
		if (c->has_nat64 && c->nat64.state.fixed_blocks[pool] > 0)
			return true;
	}
	return false;
}

/* Whether an entry of the pool is an interface, whose address only its host knows. */
static bool names_interface(const struct conf *c, unsigned pool)
{
	const struct state_config *s = &c->nat64.state;

	for (unsigned i = 0; i < s->pool_len; i++) {
		if (s->pool[i].pool == pool && c->pool_source[i].interface[0])
			return true;
	}
	return false;
}

static bool any_names_interface(const struct conf *c)
{
	for (unsigned pool = 0; pool < STATE_POOLS_MAX; pool++) {
		if (names_interface(c, pool))
			return true;
	}
	return false;
}

/* entry_at() - the entry that has the port; NULL if none has */
static const struct pool_entry *entry_at(const struct conf *c, struct addr4 a, uint16_t port)
{
	const struct state_config *s = &c->nat64.state;

	for (unsigned i = 0; i < s->pool_len; i++) {
		const struct pool_entry *e = &s->pool[i];

		if (!c->pool_source[i].interface[0] && prefix4_contains(e->prefix, a) && e->lo <= port &&
			port <= e->hi)
			return e;
	}
	return NULL;
}

/* Whether the block is kept for a subscriber, although fixed_block_at() knows none: a longer prefix took it elsewhere. */
static bool is_kept(const struct conf *c, const struct pool_entry *e, struct addr4 a, uint16_t port)
{
	const struct state_config *s = &c->nat64.state;
	struct fixed_plan p = fixed_plan_of(s, e->pool);
	struct fixed_range r =
		fixed_range_of(s, &p, (unsigned)(e - s->pool), (uint64_t)a.v - e->prefix.addr.v);
	uint32_t number = port / s->ports_per_block;

	return r.from <= number && number < r.to;
}

static json_t *row_of(const struct fixed_block *b)
{
	char address[ADDR4_TEXT], ports[16], subscriber[PREFIX6_TEXT];

	snprintf(ports, sizeof(ports), "%u-%u", b->lo, b->hi);
	return json_pack("{s:s, s:s, s:s}", "address", addr4_text(b->addr, address), "ports", ports,
		"subscriber", prefix6_text(b->subscriber, subscriber));
}

json_t *who_fixed_at(const struct conf *c, struct addr4 a, uint16_t port, char ret_why[static WHO_WHY])
{
	char text[ENDPOINT4_TEXT];
	const struct pool_entry *e = entry_at(c, a, port);
	struct fixed_block b;

	ret_why[0] = '\0';
	(void)endpoint4_text(a, port, text);
	if (!has_fixed(c))
		snprintf(ret_why, WHO_WHY, "There are no deterministic blocks in this file; " ELSEWHERE ".");
	else if (!e && any_names_interface(c))
		snprintf(ret_why, WHO_WHY,
			"%s is not in the pool, unless it belongs to an interface that the file "
			"names; " ELSEWHERE ".",
			text);
	else if (!e)
		snprintf(ret_why, WHO_WHY, "%s is not in the pool.", text);
	else if (fixed_block_at(&c->nat64.state, a, port, &b))
		return row_of(&b);
	else if (is_kept(c, e, a, port))
		snprintf(ret_why, WHO_WHY,
			"Nobody: %s is in a deterministic block whose subscriber has another pool.", text);
	else
		snprintf(ret_why, WHO_WHY, "%s is in a block that is lent dynamically; " ELSEWHERE ".", text);
	return NULL;
}

json_t *who_fixed_of(const struct conf *c, struct prefix6 who, char ret_why[static WHO_WHY])
{
	const struct state_config *s = &c->nat64.state;
	char text[PREFIX6_TEXT];
	uint8_t pool = fixed_pool_of(s, who.addr);
	struct fixed_plan p = fixed_plan_of(s, pool);
	struct fixed_block first, last;

	ret_why[0] = '\0';
	if (!has_fixed(c)) {
		snprintf(ret_why, WHO_WHY, "There are no deterministic blocks in this file; " ELSEWHERE ".");
		return NULL;
	}
	struct prefix6 subscriber = { addr6_truncate(who.addr, s->subscriber_len),
		(uint8_t)s->subscriber_len };

	(void)prefix6_text(who.len < s->subscriber_len ? who : subscriber, text);
	if (who.len < s->subscriber_len)
		snprintf(ret_why, WHO_WHY, "%s holds many subscribers; one is a /%u (nat64.subscriber).",
			text, s->subscriber_len);
	else if (p.blocks == 0 || !fixed_block_of(s, &p, who.addr, 0, &first) ||
		 !fixed_block_of(s, &p, who.addr, p.blocks - 1, &last))
		snprintf(ret_why, WHO_WHY,
			"%s has no deterministic blocks: what it has is lent dynamically; " ELSEWHERE ".",
			text);
	else if (names_interface(c, pool))
		snprintf(ret_why, WHO_WHY,
			"The pool of %s has an interface instead of an address, so the file alone cannot "
			"tell.",
			text);
	else {
		/* One subscriber's blocks follow each other, on one address (fixed.c). */
		first.hi = last.hi;
		return row_of(&first);
	}
	return NULL;
}

/* --- the command --- */

static void print_json(const json_t *row)
{
	if (row && json_dumpf(row, stdout, JSON_COMPACT) == 0)
		putchar('\n');
}

static const struct column columns[] = {
	{ "ADDRESS", ALIGN_LEFT },
	{ "PORTS", ALIGN_LEFT },
	{ "SUBSCRIBER", ALIGN_LEFT },
	{ NULL, ALIGN_LEFT },
};

static void print_table(const json_t *row)
{
	struct table *t = table_new(stdout, columns);

	table_cell(t, "%s", row_text(row, "address"));
	table_cell(t, "%s", row_text(row, "ports"));
	table_cell(t, "%s", row_text(row, "subscriber"));
	(void)table_end(t);
}

static int answer(const struct options *o, const struct conf *c)
{
	const char *question = o->operands[0];
	bool is_json = option_is_set(o, OPTION_JSON);
	char why[WHO_WHY];
	struct prefix6 who;
	struct addr4 a;
	uint16_t port;
	json_t *row;

	if (who_endpoint_parse(question, &a, &port))
		row = who_fixed_at(c, a, port, why);
	else if (who_subscriber_parse(question, &who))
		row = who_fixed_of(c, who, why);
	else
		return command_usage_error(PATH,
			"\"%s\" is no IPv4 address with a port, such as 192.0.2.2:2000, and no IPv6 prefix",
			question);
	if (!row && !why[0])
		return client_complain(strerror(ENOMEM));
	if (!row && is_json)
		row = json_pack("{s:s}", "note", why);
	if (is_json)
		print_json(row);
	else if (row)
		print_table(row);
	else
		fprintf(stderr, "%s\n", why);
	json_decref(row);
	return STATUS_OK;
}

int command_who_fixed(const struct options *o)
{
	struct conf_errors errors = { 0 };
	struct conf *c = NULL;

	if (option_is_set(o, OPTION_SOCKET))
		return command_usage_error(
			PATH, "--config answers from the file, --socket asks the daemon: one of them");
	int err = conf_load(o->value[OPTION_CONFIG], &c, &errors);

	for (unsigned i = 0; i < errors.len; i++)
		fprintf(stderr, "%s\n", errors.lines[i]);
	if (err < 0 && errors.len == 0)
		(void)client_complain(strerror(-err));
	int status = err < 0 ? STATUS_USAGE : answer(o, c);

	conf_errors_fini(&errors);
	conf_free(c);
	return status;
}
