/*
 * clients.h - what each client has open, and how many answers it may still be sent (pure, but for a lock)
 *
 * A client is an address prefix, because whoever has one IPv6 address has 2^64 of them. The table has a fixed size. A
 * client is in it while it has something open; beyond that, those stay that were seen last. Whoever finds no room is
 * not limited by itself (the limits for all hold), so a full table costs fairness and never service.
 *
 * One table is for all threads of a resolver: the kernel spreads a client's queries over them by port, and its limits
 * hold for all of them together. Every call takes the table's lock, for the time of a look into one row.
 */
#ifndef ISTHMUS_DNS64_CLIENTS_H
#define ISTHMUS_DNS64_CLIENTS_H

#include "base/clock.h"
#include "base/hash.h"
#include "dns64/config.h"

struct clients; /* opaque */

struct client; /* opaque: a row of the table */

enum client_use { CLIENT_QUERY, CLIENT_CONNECTION, CLIENT_USE_COUNT };

/**
 * clients_new() - an empty table
 * @slots:	how many clients it may hold; a power of two, at least 8
 * @key:	secret, so that nobody can aim at one place of it
 */
MUST_CHECK int clients_new(unsigned slots, const struct hash_key *key, struct clients **ret);
void clients_free(struct clients *t);

/**
 * clients_take() - count one thing more that a client has open
 * @ret:	whom to give it back to with clients_give(); NULL if the table has no room for the client, which is
 *		not limited then
 *
 * Return: 0; -EDQUOT if the client has as many open as @limits lets it.
 */
MUST_CHECK int clients_take(struct clients *t, const struct dns64_per_client *limits,
	const struct endpoint *who, enum client_use use, nsec now, struct client **ret);
void clients_give(struct clients *t, struct client *c, enum client_use use); /* NULL is fine */

enum client_rate {
	CLIENT_WITHIN,
	CLIENT_BEYOND,
	CLIENT_SLIPS,
	CLIENT_UNKNOWN, /* no room in the table */
};

/**
 * clients_spend() - count one answer to a client against its rate
 *
 * Return: CLIENT_WITHIN: it may go; CLIENT_BEYOND: it must not; CLIENT_SLIPS: it must not, but it is the one among
 * limits->slip that should be told in a short way, because it may not be forged.
 */
enum client_rate clients_spend(
	struct clients *t, const struct dns64_per_client *limits, const struct endpoint *who, nsec now);

#endif
