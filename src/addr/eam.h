/* eam.h - explicit address mappings: IPv4 prefixes that stand for IPv6 prefixes of another form (RFC 7757) */
#ifndef ISTHMUS_ADDR_EAM_H
#define ISTHMUS_ADDR_EAM_H

#include "addr/addr.h"

#define EAM_MAX 4096 /* mappings of one table */

/* Which side the hosts of a mapping are on; the other side's prefix is the one that leads to the translator. */
enum eam_hosts { EAM_HOSTS_IPV6, EAM_HOSTS_IPV4 };

/* One mapping. Invariant: eam_fault() finds nothing. */
struct eam {
	struct prefix4 v4;
	struct prefix6 v6;
	enum eam_hosts hosts; /* for routing; the translation of addresses does not look at it */
};

/* The mappings of one family in order; entries that contain others are found through @parent. */
struct eam_order {
	uint16_t at[EAM_MAX];	  /* index of the mapping; by address, the shorter prefix first */
	uint16_t parent[EAM_MAX]; /* place of the next larger prefix that contains this one; or none */
};

/* Longest-prefix match in both directions. Fields are eam.c's; all zero is an empty table. */
struct eam_table {
	struct eam rows[EAM_MAX];
	unsigned len;
	struct eam_order by4, by6;
};

/**
 * eam_fault() - why a mapping cannot be one
 *
 * Spec: RFC 7757 s3.2 (the IPv4 suffix has at most as many bits as the IPv6 suffix)
 * Return: NULL if it can; else a sentence fragment for the user.
 */
const char *eam_fault(const struct eam *e);

/**
 * eam_table_fill() - replace the table's mappings
 * @e:		@len mappings, at most EAM_MAX, each without eam_fault(); copied
 *
 * Prefixes may contain each other (RFC 7757 s5): the longest match decides. Of equal ones the first given counts.
 *
 * Cost: len * log(len) comparisons; allocates nothing.
 */
void eam_table_fill(struct eam_table *t, const struct eam *e, unsigned len);

/**
 * eam_find4(), eam_find6() - the mapping with the longest prefix that contains @a, or NULL
 *
 * Cost: a binary search, and a step for each level of prefixes inside each other.
 */
const struct eam *eam_find4(const struct eam_table *t, struct addr4 a);
const struct eam *eam_find6(const struct eam_table *t, struct addr6 a);

/**
 * eam_to6(), eam_to4() - translate an address by a mapping whose prefix contains it
 *
 * Spec: RFC 7757 s3.3.1 steps 3 to 6 (padded with zeros), s3.3.2 steps 3 to 6 (trailing bits discarded)
 */
struct addr6 eam_to6(const struct eam *e, struct addr4 a);
struct addr4 eam_to4(const struct eam *e, struct addr6 a);

#endif
