/*
 * known.h - which NAT64 prefixes are known, from whom, and until when; which one is used
 *
 * Pure: it is given the time. known.c opens with the theory of the module.
 */
#ifndef ISTHMUS_PREF64_KNOWN_H
#define ISTHMUS_PREF64_KNOWN_H

#include "base/clock.h"
#include "pref64/advert.h"

#define KNOWN_MAX ADVERT_OFFERS_MAX /* prefixes of one origin; more are not taken */

/* In order of preference (RFC 8781 s5.1). */
enum pref64_origin {
	PREF64_ADVERT, /* router advertisements, RFC 8781 */
	PREF64_DNS,    /* ipv4only.arpa, RFC 7050 */
	PREF64_ORIGIN_COUNT
};

struct known_prefix {
	struct prefix6 prefix;
	enum pref64_origin origin;
	nsec until;	     /* not to be used from then on */
	struct addr6 router; /* PREF64_ADVERT: who said so last */
};

struct known {
	struct known_prefix rows[PREF64_ORIGIN_COUNT][KNOWN_MAX]; /* oldest first */
	unsigned len[PREF64_ORIGIN_COUNT];
};

/** known_take_advert() - learn from an advertisement: new prefixes, longer lives, and withdrawals */
void known_take_advert(struct known *k, const struct advert *a, struct addr6 router, nsec now);

/**
 * known_take_dns() - replace what DNS said before
 * @prefixes:	@len of them, in the order of the answer; 0: there is none
 */
void known_take_dns(struct known *k, const struct prefix6 *prefixes, unsigned len, nsec until);

/** known_forget() - forget everything: the host is on another link now */
void known_forget(struct known *k);

/** known_expire() - forget what is over; returns when to call again at the latest, UINT64_MAX for never */
nsec known_expire(struct known *k, nsec now);

/** known_has() - whether this origin has a prefix to offer; after known_expire() */
bool known_has(const struct known *k, enum pref64_origin origin);

/**
 * known_best() - the prefix to use, or NULL; valid until the next change
 *
 * Spec: RFC 8781 s5.1 (one origin only, advertisements first); RFC 7050 s3 (in the order received)
 */
const struct known_prefix *known_best(const struct known *k);

/** pref64_origin_name() - "router advertisement" or "ipv4only.arpa" */
const char *pref64_origin_name(enum pref64_origin origin);

#endif
