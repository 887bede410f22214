/*
 * reload.c - another configuration while packets flow: prepared by whoever has time, taken between two packets
 *
 * Bindings name their translation prefix by a number, which is part of their key. So a prefix keeps its number as long as
 * it is there: one that goes leaves a hole, and one that comes fills a hole or stands at the end. A hole is ::/128, which
 * is no packet's destination. Number 0 is never a hole, because static bindings and errors use it: the first prefix of the
 * configuration needs a restart to change.
 */
#include "nat64/pipeline.h"

#include <errno.h>
#include <stdlib.h>

#define HOLE ((struct prefix6){ { 0, 0 }, 128 })

struct nat64_change {
	struct nat64_config cfg;    /* prefixes by their numbers */
	struct state_change *state; /* NULL without stateful translation */
};

static bool is_same(struct prefix6 a, struct prefix6 b)
{
	return a.len == b.len && addr6_eq(a.addr, b.addr);
}

static bool has_prefix(const struct nat64_config *c, struct prefix6 p)
{
	unsigned i = 0;

	while (i < c->prefixes_len && !is_same(c->prefixes[i], p))
		i++;
	return i < c->prefixes_len;
}

/* Number the prefixes of @c after those in use; the result says which numbers belong to nobody any more. */
static unsigned number_prefixes(const struct nat64 *n, const struct nat64_config *c, struct nat64_config *ret)
{
	unsigned gone = 0, len = n->cfg.prefixes_len;

	for (unsigned i = 0; i < len; i++) {
		bool stays = has_prefix(c, n->cfg.prefixes[i]);

		ret->prefixes[i] = stays ? n->cfg.prefixes[i] : HOLE;
		gone |= stays ? 0 : 1u << i;
	}
	ret->prefixes_len = len;
	for (unsigned k = 0; k < c->prefixes_len; k++) {
		unsigned i = 0;

		if (has_prefix(ret, c->prefixes[k]))
			continue;
		while (i < ret->prefixes_len && !is_same(ret->prefixes[i], HOLE))
			i++;
		ret->prefixes[i] = c->prefixes[k];
		if (i == ret->prefixes_len)
			ret->prefixes_len++;
	}
	while (ret->prefixes_len > 0 && is_same(ret->prefixes[ret->prefixes_len - 1], HOLE))
		ret->prefixes_len--;
	return gone;
}

const char *nat64_change_fault(const struct nat64 *n, const struct nat64_config *c)
{
	if (nat64_is_stateful(&n->cfg) != nat64_is_stateful(c))
		return "stateful translation cannot be switched on or off while running: restart isthmus for "
		       "that";
	if (!nat64_is_stateful(c))
		return NULL;
	if (!is_same(n->cfg.prefixes[0], c->prefixes[0]))
		return "the first of nat64.prefixes cannot be changed while running: restart isthmus for "
		       "that";
	return state_change_fault(n->state, &c->state);
}

int nat64_prepare(
	const struct nat64 *n, const struct nat64_config *c, uint64_t seed, struct nat64_change **ret)
{
	if (!nat64_config_is_valid(c))
		return -EINVAL;
	if (nat64_change_fault(n, c))
		return -EBUSY;
	struct nat64_change *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return -ENOMEM;
	ch->cfg = *c;
	unsigned gone = number_prefixes(n, c, &ch->cfg);
	int r = nat64_is_stateful(c) ? state_prepare(n->state, &c->state, gone, seed, &ch->state) : 0;

	if (r < 0) {
		nat64_change_free(ch);
		return r;
	}
	*ret = ch;
	return 0;
}

void nat64_commit(struct nat64 *n, struct nat64_change *ch, nsec now, struct state_report *ret)
{
	*ret = (struct state_report){ 0 };
	if (ch->state)
		state_commit(n->state, ch->state, now, ret);
	nat64_config_change(n, &ch->cfg);
}

void nat64_change_free(struct nat64_change *ch)
{
	if (!ch)
		return;
	state_change_free(ch->state);
	free(ch);
}

int nat64_update(struct nat64 *n, const struct nat64_config *c)
{
	struct nat64_change *ch = NULL;
	struct state_report report;
	int r = nat64_prepare(n, c, rng_next(&n->rng), &ch);

	if (r < 0)
		return r;
	nat64_commit(n, ch, n->icmp_at, &report);
	nat64_change_free(ch);
	return 0;
}
