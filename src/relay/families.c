/*
 * families.c - which family of which destination has failed lately; see families.h
 *
 * A set-associative table: a destination has one set of WAYS rows, by its keyed hash, and is told from others by the whole
 * hash, so two destinations that are taken for each other are as likely as a guessed key, and cost a head start.
 */
#include "relay/families.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FAMILIES_TIME (600 * NSEC) /* how long a failure counts; RFC 6555 s4.2 says the same of its state */
#define WAYS 4

struct family_row {
	uint64_t who;	/* hash of the destination */
	nsec failed[2]; /* when; by enum; 0: not */
	nsec noted;	/* 0: the row is free */
};

enum { FAMILY_IPV6, FAMILY_IPV4 };

struct families {
	struct hash_key key;
	unsigned sets; /* power of two */
	struct family_row rows[];
};

int families_new(unsigned slots, const struct hash_key *key, struct families **ret)
{
	ASSERT(slots >= WAYS && (slots & (slots - 1)) == 0);
	struct families *f = calloc(1, sizeof(*f) + slots * sizeof(f->rows[0]));

	if (!f)
		return -ENOMEM;
	f->key = *key;
	f->sets = slots / WAYS;
	*ret = f;
	return 0;
}

void families_free(struct families *f)
{
	free(f);
}

/* A word that says of what kind and how long the rest is, then the rest: different destinations have different words. */
static uint64_t hash_target(const struct families *f, const struct relay_target *to)
{
	uint64_t w[1 + RELAY_HOST / 8] = { to->at.port };
	size_t len = strnlen(to->host, sizeof(to->host));
	unsigned words = 3;

	if (len > 0) {
		words = 1 + (unsigned)(len + 7) / 8;
		w[0] |= (uint64_t)len << 16;
		bytes_copy(&w[1], to->host, len);
	} else if (to->at.is4) {
		w[0] |= UINT64_C(1) << 32;
		w[1] = to->at.a4.v;
	} else {
		w[0] |= UINT64_C(2) << 32;
		w[1] = to->at.a6.hi;
		w[2] = to->at.a6.lo;
	}
	return hash_words(&f->key, w, words);
}

static struct family_row *set_of(const struct families *f, uint64_t who)
{
	return (struct family_row *)&f->rows[(who & (f->sets - 1)) * WAYS];
}

static struct family_row *row_find(const struct families *f, uint64_t who)
{
	struct family_row *set = set_of(f, who);

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].noted != 0 && set[i].who == who)
			return &set[i];
	return NULL;
}

/* The one that was noted longest ago makes room. */
static struct family_row *row_take(struct families *f, uint64_t who)
{
	struct family_row *set = set_of(f, who), *oldest = set;

	for (unsigned i = 1; i < WAYS; i++)
		if (set[i].noted < oldest->noted)
			oldest = &set[i];
	*oldest = (struct family_row){ .who = who };
	return oldest;
}

void families_note(struct families *f, const struct relay_target *to, bool is4, bool worked, nsec now)
{
	uint64_t who = hash_target(f, to);
	struct family_row *r = row_find(f, who);

	if (!r && worked)
		return; /* what is not known works */
	if (!r)
		r = row_take(f, who);
	r->failed[is4 ? FAMILY_IPV4 : FAMILY_IPV6] = worked ? 0 : now;
	r->noted = now;
}

bool families_is_failing(const struct families *f, const struct relay_target *to, bool is4, nsec now)
{
	const struct family_row *r = row_find(f, hash_target(f, to));

	if (!r)
		return false;
	nsec failed = r->failed[is4 ? FAMILY_IPV4 : FAMILY_IPV6];

	return failed != 0 && now - failed < FAMILIES_TIME;
}
