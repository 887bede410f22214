/*
 * known.c - the NAT64 prefixes of the network that the host is in
 *
 * Purpose. A customer-side translator needs the prefix of a NAT64 that somebody else runs. It learns it in one of
 * two ways: a router advertises it (advert.c), or it shows in the answer to a question whose IPv4 addresses are
 * known to everybody (wka.c); ask.c says when to ask that question. This module is the pure half of it: bytes and
 * times go in, a prefix comes out. Sockets and timers are cmd/discovery.c's.
 *
 * Central structure. @known holds at most KNOWN_MAX prefixes of each origin, the oldest first, each with the time
 * from which it is not to be used. known_best() is the first of the best origin. So one prefix stays in use while it
 * is announced, whatever else is; translating one half of the flows with another prefix would cut them all.
 *
 * Life cycle of a prefix:
 *
 *	unknown --an advertisement or an answer has it--> known --the same again--> known for longer
 *	known --lifetime 0, or an answer without it, or its time is over--> unknown
 *
 * A full table takes no more (a link that announces nine prefixes is broken, or hostile): what is in use stays.
 *
 * Deliberately not done: PCP (RFC 7225); validation by DNSSEC (RFC 7050 s3.1, which needs trusted domains that no
 * configuration of ours has); several prefixes at a time for one host, since an IPv4 application cannot choose.
 *
 * Standards: RFC 8781, RFC 7050, RFC 6052.
 */
#include "pref64/known.h"

/* The row of a prefix, or KNOWN_MAX. */
static unsigned find(const struct known *k, enum pref64_origin origin, struct prefix6 p)
{
	for (unsigned i = 0; i < k->len[origin]; i++) {
		const struct prefix6 *have = &k->rows[origin][i].prefix;

		if (have->len == p.len && addr6_eq(have->addr, p.addr))
			return i;
	}
	return KNOWN_MAX;
}

static void remove_row(struct known *k, enum pref64_origin origin, unsigned i)
{
	struct known_prefix *rows = k->rows[origin];

	k->len[origin]--;
	bytes_move(&rows[i], &rows[i + 1], (k->len[origin] - i) * sizeof(*rows));
}

static void put(struct known *k, const struct known_prefix *row)
{
	unsigned i = find(k, row->origin, row->prefix);

	if (i == KNOWN_MAX && k->len[row->origin] == KNOWN_MAX)
		return;
	if (i == KNOWN_MAX)
		i = k->len[row->origin]++;
	k->rows[row->origin][i] = *row;
}

void known_take_advert(struct known *k, const struct advert *a, struct addr6 router, nsec now)
{
	for (unsigned i = 0; i < a->len; i++) {
		const struct advert_offer *o = &a->offers[i];
		struct known_prefix row = { o->prefix, PREF64_ADVERT, now + o->lifetime_s * NSEC, router };
		unsigned have = find(k, PREF64_ADVERT, o->prefix);

		if (o->lifetime_s > 0)
			put(k, &row);
		else if (have < KNOWN_MAX)
			remove_row(k, PREF64_ADVERT, have);
	}
}

void known_take_dns(struct known *k, const struct prefix6 *prefixes, unsigned len, nsec until)
{
	k->len[PREF64_DNS] = 0;
	for (unsigned i = 0; i < len; i++) {
		struct known_prefix row = { .prefix = prefixes[i], .origin = PREF64_DNS, .until = until };

		put(k, &row);
	}
}

void known_forget(struct known *k)
{
	*k = (struct known){ .len = { 0 } };
}

nsec known_expire(struct known *k, nsec now)
{
	nsec next = UINT64_MAX;

	for (enum pref64_origin o = 0; o < PREF64_ORIGIN_COUNT; o++)
		for (unsigned i = k->len[o]; i-- > 0;) {
			nsec until = k->rows[o][i].until;

			if (until <= now)
				remove_row(k, o, i);
			else if (until < next)
				next = until;
		}
	return next;
}

bool known_has(const struct known *k, enum pref64_origin origin)
{
	return k->len[origin] > 0;
}

const struct known_prefix *known_best(const struct known *k)
{
	for (enum pref64_origin o = 0; o < PREF64_ORIGIN_COUNT; o++)
		if (k->len[o] > 0)
			return &k->rows[o][0];
	return NULL;
}

const char *pref64_origin_name(enum pref64_origin origin)
{
	static const char *const names[PREF64_ORIGIN_COUNT] = {
		[PREF64_ADVERT] = "router advertisement",
		[PREF64_DNS] = "ipv4only.arpa",
	};

	return names[origin];
}
