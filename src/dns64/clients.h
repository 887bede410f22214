/*
 * clients.h - what each client has open, and how many answers it may still be sent (pure)
 *
 * A client is an address prefix, because whoever has one IPv6 address has 2^64 of them. The table has a fixed size. A
 * client is in it while it has something open; beyond that, those stay that were seen last. Whoever finds no room is
 * not limited by itself (the limits for all hold), so a full table costs fairness and never service.
 */
#ifndef ISTHMUS_DNS64_CLIENTS_H
#define ISTHMUS_DNS64_CLIENTS_H

#include "base/clock.h"
#include "base/hash.h"
#include "dns64/config.h"

struct clients; /* opaque */

struct client {
	uint64_t hi, lo; /* the prefix, host bits 0; of IPv4 in lo */
	bool is_used, is4;
	unsigned queries;     /* open */
	unsigned connections; /* open */
	unsigned limited;     /* answers withheld since the last one that went out */
	nsec credit;	      /* time that may still be spent on answers, at most one second */
	nsec seen;	      /* when the credit was right */
};

/**
 * clients_new() - an empty table
 * @slots:	how many clients it may hold; a power of two, at least 8
 * @key:	secret, so that nobody can aim at one place of it
 */
MUST_CHECK int clients_new(unsigned slots, const struct hash_key *key, struct clients **ret);
void clients_free(struct clients *t);

/**
 * clients_find() - the client that an address belongs to, entered if it is new
 *
 * The pointer is good until the next call, and as long as something of the client is open.
 *
 * Return: NULL if there is no room for it.
 */
struct client *clients_find(
	struct clients *t, const struct dns64_per_client *limits, const struct dns_endpoint *who, nsec now);

enum client_rate { CLIENT_WITHIN, CLIENT_BEYOND, CLIENT_SLIPS };

/**
 * client_spend() - count one answer against the rate
 *
 * Return: CLIENT_WITHIN: it may go; CLIENT_BEYOND: it must not; CLIENT_SLIPS: it must not, but it is the one among
 * limits->slip that should be told in a short way, because it may not be forged.
 */
enum client_rate client_spend(struct client *c, const struct dns64_per_client *limits, nsec now);

#endif
