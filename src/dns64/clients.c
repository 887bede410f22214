/* clients.c - see clients.h */
#include "dns64/clients.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define WINDOW 8 /* slots in which a client may be */

struct client {
	uint64_t hi, lo; /* the prefix, host bits 0; of IPv4 in lo */
	bool is_used, is4;
	unsigned open[CLIENT_USE_COUNT];
	unsigned limited; /* answers withheld since the last one that went out */
	nsec credit;	  /* time that may still be spent on answers, at most one second */
	nsec seen;	  /* when the credit was right */
};

struct clients {
	pthread_mutex_t lock;
	struct hash_key key;
	unsigned mask;
	struct client slots[];
};

int clients_new(unsigned slots, const struct hash_key *key, struct clients **ret)
{
	ASSERT(slots >= WINDOW && (slots & (slots - 1)) == 0);
	struct clients *t = calloc(1, sizeof(*t) + slots * sizeof(t->slots[0]));

	if (!t)
		return -ENOMEM;
	pthread_mutex_init(&t->lock, NULL); /* cannot fail: no attributes */
	t->key = *key;
	t->mask = slots - 1;
	*ret = t;
	return 0;
}

void clients_free(struct clients *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* The prefix as two words. */
static void key_of(const struct dns64_per_client *limits, const struct endpoint *who, struct client *ret)
{
	*ret = (struct client){ .is_used = true, .is4 = who->is4 };
	if (who->is4) {
		ret->lo = who->a4.v & mask4(limits->ipv4_length);
	} else {
		struct addr6 a = addr6_truncate(who->a6, limits->ipv6_length);

		ret->hi = a.hi;
		ret->lo = a.lo;
	}
}

static bool is_same(const struct client *a, const struct client *b)
{
	return a->is_used && a->is4 == b->is4 && a->hi == b->hi && a->lo == b->lo;
}

static bool is_open(const struct client *c)
{
	return c->open[CLIENT_QUERY] > 0 || c->open[CLIENT_CONNECTION] > 0;
}

/* Whether @a may rather go than @b. */
static bool is_staler(const struct client *a, const struct client *b)
{
	if (!b || is_open(b))
		return !is_open(a);
	return !is_open(a) && (a->is_used == b->is_used ? a->seen < b->seen : !a->is_used);
}

/* The row of a client, entered if it is new; NULL if there is no room. The lock is held. */
static struct client *find(
	struct clients *t, const struct dns64_per_client *limits, const struct endpoint *who, nsec now)
{
	struct client wanted, *stalest = NULL;

	key_of(limits, who, &wanted);
	const uint64_t words[] = { wanted.hi, wanted.lo, wanted.is4 };
	uint64_t slot = hash_words(&t->key, words, ARRAY_LEN(words));

	for (unsigned i = 0; i < WINDOW; i++) {
		struct client *c = &t->slots[(slot + i) & t->mask];

		if (is_same(c, &wanted))
			return c;
		if (is_staler(c, stalest))
			stalest = c;
	}
	if (!stalest)
		return NULL;
	*stalest = wanted;
	stalest->credit = NSEC;
	stalest->seen = now;
	return stalest;
}

int clients_take(struct clients *t, const struct dns64_per_client *limits, const struct endpoint *who,
	enum client_use use, nsec now, struct client **ret)
{
	const unsigned most[CLIENT_USE_COUNT] = {
		[CLIENT_QUERY] = limits->queries,
		[CLIENT_CONNECTION] = limits->connections,
	};

	pthread_mutex_lock(&t->lock);
	struct client *c = find(t, limits, who, now);
	bool is_full = c && c->open[use] >= most[use];

	if (c && !is_full)
		c->open[use]++;
	pthread_mutex_unlock(&t->lock);
	if (is_full)
		return -EDQUOT;
	*ret = c;
	return 0;
}

void clients_give(struct clients *t, struct client *c, enum client_use use)
{
	if (!c)
		return;
	pthread_mutex_lock(&t->lock);
	c->open[use]--;
	pthread_mutex_unlock(&t->lock);
}

static enum client_rate spend(struct client *c, const struct dns64_per_client *limits, nsec now)
{
	nsec price = limits->responses_per_second > 0 ? NSEC / limits->responses_per_second : 0;
	nsec earned = now - c->seen;

	c->credit = earned < NSEC - c->credit ? c->credit + earned : NSEC;
	c->seen = now;
	if (c->credit >= price) {
		c->credit -= price;
		c->limited = 0;
		return CLIENT_WITHIN;
	}
	c->limited++;
	return limits->slip > 0 && c->limited % limits->slip == 0 ? CLIENT_SLIPS : CLIENT_BEYOND;
}

enum client_rate clients_spend(
	struct clients *t, const struct dns64_per_client *limits, const struct endpoint *who, nsec now)
{
	pthread_mutex_lock(&t->lock);
	struct client *c = find(t, limits, who, now);
	enum client_rate rate = c ? spend(c, limits, now) : CLIENT_UNKNOWN;

	pthread_mutex_unlock(&t->lock);
	return rate;
}
