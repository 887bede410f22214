/*
 * targets.c - which targets are up, and whose turn it is
 *
 * Structure. A @struct_target is known by host, port and how it is looked after; it is in the list of @struct_targets from the
 * first group that has it until the last one is closed, so a reload finds what it knew. A @struct_target_group is one lane's
 * view of some of them. Lane 0 is the one that checks.
 *
 * Life of a target:
 *
 *	up    --- @fall failures in a row --->  down
 *	down  --- checked: @rise checks passed in a row; unchecked: one connection after TARGET_REST --->  up
 *
 * Beside that it may be @is_overtaken: as long as it has to be waited for, it is chosen only where there is no other.
 *
 * Cost. To choose looks at each target of the group, without a lock. A connection that works tells nothing new of a target
 * without failures, so the lock of a target is for those that change.
 *
 * Choice. Fewest connections: those of all lanes; who has equally few has its turn one after the other. Consistent: the target
 * with the highest number that a hash makes of client and target (rendezvous): if one goes down only its own clients
 * move, and they come back. The hash has a key that everybody may know: gateways side by side must agree, and whoever
 * wants to aim at one target only finds the one that he is given anyway.
 */
#include "relay/targets.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/log.h"
#include "relay/health.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct target {
	struct target *next;
	struct targets *all;
	struct relay_target where;
	struct relay_health care;
	bool is_tls;
	unsigned groups;   /* that have it; under the list's lock */
	uint64_t identity; /* a hash of @where */
	atomic_uint open;
	atomic_ulong connections, failures;
	atomic_bool is_down, is_overtaken;
	atomic_uint bad;      /* failures in a row */
	_Atomic nsec rest;    /* of one that rests: when it has its turn again */
	pthread_mutex_t lock; /* of what follows, and of all changes to the four before */
	unsigned good;	      /* checks passed in a row, while it is down */
	const char *why;
	nsec since;
	/* Lane 0 alone. */
	struct health *health;
	unsigned checked_for; /* groups */
};

struct targets {
	pthread_mutex_t
		lock; /* of the list; taken when groups are opened and closed, and for an operator's list */
	struct target *first;
};

struct target_group {
	struct lane *lane;
	enum relay_balance balance;
	enum relay_family family;
	unsigned len, turn;
	struct target *to[RELAY_TARGETS_MAX];
};

static const struct hash_key known_key = { UINT64_C(0x6973746a6d757321), UINT64_C(0x7461726765747321) };

int targets_new(struct targets **ret)
{
	struct targets *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	if (pthread_mutex_init(&t->lock, NULL) != 0) {
		free(t);
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

void targets_free(struct targets *t)
{
	if (!t)
		return;
	ASSERT(!t->first);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* --- one target --- */

const char *target_text(const struct relay_target *w, char to[static TARGET_TEXT])
{
	char address[ENDPOINT6_TEXT];

	if (w->host[0])
		snprintf(to, TARGET_TEXT, "%s:%u", w->host, w->at.port);
	else
		snprintf(to, TARGET_TEXT, "%s", endpoint_text(&w->at, address));
	return to;
}

const char *target_host_text(const struct relay_target *w, char address[static ADDR6_TEXT])
{
	return w->host[0] ? w->host : endpoint_address_text(&w->at, address);
}

static uint64_t identity_of(const struct relay_target *w)
{
	uint64_t words[RELAY_HOST / 8 + 3] = { w->at.port };

	if (w->host[0]) {
		bytes_copy(words + 1, w->host, strlen(w->host));
		return hash_words(&known_key, words, ARRAY_LEN(words));
	}
	words[1] = w->at.is4 ? w->at.a4.v : w->at.a6.hi;
	words[2] = w->at.is4 ? 0 : w->at.a6.lo;
	return hash_words(&known_key, words, 3);
}

static bool is_same_place(const struct relay_target *a, const struct relay_target *b)
{
	if (a->host[0] || b->host[0])
		return a->at.port == b->at.port && strcmp(a->host, b->host) == 0;
	return endpoint_equal(&a->at, &b->at);
}

static bool is_same_care(const struct relay_health *a, const struct relay_health *b)
{
	return a->interval == b->interval && a->timeout == b->timeout && a->fall == b->fall &&
	       a->rise == b->rise && strcmp(a->path, b->path) == 0;
}

static struct target *target_find(
	struct targets *all, const struct relay_target *where, const struct target_group_plan *plan)
{
	struct target *t = all->first;

	while (t && !(is_same_place(&t->where, where) && is_same_care(&t->care, plan->health) &&
			    t->is_tls == (plan->tls != NULL)))
		t = t->next;
	return t;
}

static struct target *target_new(
	struct targets *all, const struct relay_target *where, const struct target_group_plan *plan)
{
	struct target *t = calloc(1, sizeof(*t));

	if (!t || pthread_mutex_init(&t->lock, NULL) != 0) {
		free(t);
		return NULL;
	}
	t->all = all;
	t->where = *where;
	t->care = *plan->health;
	t->is_tls = plan->tls != NULL;
	t->identity = identity_of(where);
	t->since = clock_now();
	t->next = all->first;
	all->first = t;
	return t;
}

static struct target *target_hold(
	struct targets *all, const struct relay_target *where, const struct target_group_plan *plan)
{
	pthread_mutex_lock(&all->lock);
	struct target *t = target_find(all, where, plan);

	if (!t)
		t = target_new(all, where, plan);
	if (t)
		t->groups++;
	pthread_mutex_unlock(&all->lock);
	return t;
}

static void target_drop(struct target *t)
{
	struct targets *all = t->all;

	pthread_mutex_lock(&all->lock);
	if (--t->groups == 0) {
		struct target **at = &all->first;

		while (*at != t)
			at = &(*at)->next;
		*at = t->next;
		pthread_mutex_destroy(&t->lock);
		free(t);
	}
	pthread_mutex_unlock(&all->lock);
}

const struct relay_target *target_where(const struct target *t)
{
	return &t->where;
}

/* --- up and down --- */

static bool is_checked(const struct target *t)
{
	return t->care.interval > 0;
}

static void went_down(struct target *t, nsec now)
{
	char text[TARGET_TEXT];

	atomic_store(&t->is_down, true);
	t->since = now;
	log_warning("relay: the target %s is down: %s; clients go to others, if there are any",
		target_text(&t->where, text), t->why);
}

static void went_up(struct target *t, nsec now)
{
	char text[TARGET_TEXT];

	atomic_store(&t->is_down, false);
	log_info("relay: the target %s is up again after %u s", target_text(&t->where, text),
		(unsigned)((now - t->since) / NSEC));
	t->since = now;
}

static void note_failure(struct target *t, enum target_news news, const char *why)
{
	nsec now = clock_now();

	t->why = why;
	atomic_fetch_add(&t->failures, 1);
	atomic_store(&t->rest, now + TARGET_REST);
	if (news == TARGET_OVERTAKEN) {
		atomic_store(&t->is_overtaken, true);
		if (is_checked(t)) /* by a check, which has more patience, it may well be up */
			return;
	}
	t->good = 0;
	if (atomic_fetch_add(&t->bad, 1) + 1 >= t->care.fall && !atomic_load(&t->is_down))
		went_down(t, now);
}

static void note_success(struct target *t, enum target_news news)
{
	if (news == TARGET_WORKED)
		atomic_store(&t->is_overtaken, false);
	if (is_checked(t) && news != TARGET_PASSED_CHECK)
		return; /* what answers connections may still fail its check */
	atomic_store(&t->bad, 0);
	if (!atomic_load(&t->is_down))
		return;
	t->good++;
	if (!is_checked(t) || t->good >= t->care.rise)
		went_up(t, clock_now());
}

void target_note(struct target *t, enum target_news news, const char *why)
{
	bool has_worked = news == TARGET_WORKED || news == TARGET_PASSED_CHECK;

	if (has_worked && atomic_load(&t->bad) == 0 && !atomic_load(&t->is_down) &&
		!atomic_load(&t->is_overtaken))
		return;
	pthread_mutex_lock(&t->lock);
	if (!has_worked)
		note_failure(t, news, why);
	else
		note_success(t, news);
	pthread_mutex_unlock(&t->lock);
}

/* Whether it has no turn while others can have it. */
static bool rests(const struct target *t)
{
	return atomic_load_explicit(&t->is_down, memory_order_relaxed) ||
	       atomic_load_explicit(&t->is_overtaken, memory_order_relaxed);
}

/* One that rests has its turn again after a while, unless checks say that it is down. */
static bool may_have_turn(const struct target *t)
{
	if (!rests(t))
		return true;
	if (is_checked(t) && atomic_load_explicit(&t->is_down, memory_order_relaxed))
		return false;
	return clock_now() >= atomic_load(&t->rest);
}

/* Only one client tries it then; the others see that it rests. */
static bool claim(struct target *t)
{
	if (!rests(t))
		return true;
	nsec now = clock_now(), rest = atomic_load(&t->rest);

	return now >= rest && atomic_compare_exchange_strong(&t->rest, &rest, now + TARGET_REST);
}

/* --- groups --- */

static void care_for(struct target *t, struct target_group *g, const struct target_group_plan *plan)
{
	if (g->lane->number != 0 || !is_checked(t) || t->checked_for++ > 0)
		return;
	const struct health_plan h = {
		.target = t, .care = &t->care, .family = plan->family, .tls = plan->tls
	};

	if (health_start(g->lane, &h, &t->health) < 0)
		t->health = NULL; /* no memory: it counts as up, and connections tell */
}

static void care_no_more(struct target *t, struct target_group *g)
{
	if (g->lane->number != 0 || !is_checked(t) || --t->checked_for > 0)
		return;
	health_stop(t->health);
	t->health = NULL;
}

int target_group_open(struct lane *l, const struct target_group_plan *plan, struct target_group **ret)
{
	struct target_group *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	ASSERT(plan->to_len <= RELAY_TARGETS_MAX);
	g->lane = l;
	g->balance = plan->balance;
	g->family = plan->family;
	while (g->len < plan->to_len) {
		struct target *t = target_hold(l->targets, &plan->to[g->len], plan);

		if (!t) {
			target_group_close(g);
			return -ENOMEM;
		}
		g->to[g->len++] = t;
		care_for(t, g, plan);
	}
	*ret = g;
	return 0;
}

void target_group_close(struct target_group *g)
{
	if (!g)
		return;
	for (unsigned i = 0; i < g->len; i++) {
		care_no_more(g->to[i], g);
		target_drop(g->to[i]);
	}
	free(g);
}

enum relay_family target_group_family(const struct target_group *g)
{
	return g->family;
}

unsigned target_group_untried(const struct target_group *g, uint64_t tried)
{
	unsigned n = 0;

	for (unsigned i = 0; i < g->len; i++)
		if (!(tried & UINT64_C(1) << i))
			n++;
	return n;
}

/* How much a target is wanted; the highest has the turn. */
static uint64_t wish(const struct target_group *g, const struct target *t, const struct endpoint *client)
{
	if (g->balance == RELAY_BALANCE_LEAST)
		return UINT64_MAX - atomic_load_explicit(&t->open, memory_order_relaxed);
	const uint64_t words[3] = { client->is4 ? client->a4.v : client->a6.hi,
		client->is4 ? 0 : client->a6.lo, t->identity };

	return hash_words(&known_key, words, 3);
}

/* The number of the best one; -1 if there is none. */
static int best(struct target_group *g, const struct endpoint *client, uint64_t tried, bool among_down)
{
	uint64_t highest = 0;
	int chosen = -1;

	for (unsigned i = 0; i < g->len; i++) {
		unsigned n = (g->turn + i) % g->len;

		if (tried & UINT64_C(1) << n || (!among_down && !may_have_turn(g->to[n])))
			continue;
		uint64_t w = wish(g, g->to[n], client);

		if (chosen < 0 || w > highest) {
			chosen = (int)n;
			highest = w;
		}
	}
	return chosen;
}

struct target *target_choose(
	struct target_group *g, const struct endpoint *client, uint64_t tried, unsigned *ret_number)
{
	uint64_t passed = tried; /* and those that somebody else tries just now */
	int n;

	while ((n = best(g, client, passed, false)) >= 0 && !claim(g->to[n]))
		passed |= UINT64_C(1) << n;
	if (n < 0)
		n = best(g, client, tried, true);
	if (n < 0)
		return NULL;
	g->turn = (unsigned)n + 1;
	atomic_fetch_add_explicit(&g->to[n]->open, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&g->to[n]->connections, 1, memory_order_relaxed);
	*ret_number = (unsigned)n;
	return g->to[n];
}

void target_give(struct target *t)
{
	atomic_fetch_sub_explicit(&t->open, 1, memory_order_relaxed);
}

/* --- for the operator --- */

bool targets_row_at(struct targets *all, unsigned number, struct target_row *ret)
{
	pthread_mutex_lock(&all->lock);
	struct target *t = all->first;

	for (unsigned i = 0; t && i < number; i++)
		t = t->next;
	if (t) {
		pthread_mutex_lock(&t->lock);
		*ret = (struct target_row){
			.where = t->where,
			.is_up = !atomic_load(&t->is_down),
			.is_checked = is_checked(t),
			.why = t->why,
			.since = t->since,
			.open = atomic_load(&t->open),
			.all = atomic_load(&t->connections),
			.failures = atomic_load(&t->failures),
		};
		pthread_mutex_unlock(&t->lock);
	}
	pthread_mutex_unlock(&all->lock);
	return t != NULL;
}
