/*
 * names.c - a name's addresses of each family, as they come; see names.h
 *
 * Purpose. Whoever dials wants A and AAAA separately, each as soon as it is there (RFC 8305 s3). asker.c asks
 * the servers; what is here is the memory.
 *
 * Structure. A @struct_entry is one family of one name: asked, or answered and kept. It is found by name in a hash table,
 * and entries that are answered stand in the order of their last use, so that the least used makes room. A
 * @struct_names_question hangs on its entry while that is asked, and on the list of those that can be answered afterwards.
 *
 * Life of an entry:
 *
 *	(none) --names_ask()--> ASKED --answer--> KEPT --expires, or room is needed--> (none)
 *	                          ^                |
 *	                          +---names_ask()--+  after its time
 *
 * Questions for a name that is being asked wait for the same answer. Nobody is called from names_ask(): an answer that is
 * known already comes in the next turn of the loop.
 *
 * Limits: @keep entries, asked ones included; NAMES_ADDRESSES_MAX addresses. TTLs count up to an hour, failures for a few
 * seconds: the resolver behind, which is usually this gateway's own, keeps both properly (RFC 2308).
 *
 * Deliberately not done: search lists, /etc/hosts, NSS, IDNA (a name comes as A-labels), DNSSEC (the resolver's work).
 *
 * Standards: RFC 1035, RFC 2308, RFC 6761, RFC 8305 s3.
 */
#include "relay/names.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/random.h"
#include "loop/loop.h"
#include "relay/asker.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_MAX 63

struct entry {
	struct entry *chain;	     /* of the same place in the table */
	struct entry *newer, *older; /* of those that are kept */
	struct names *names;
	struct names_question *first; /* wait for the answer */
	bool is_asked;
	nsec expires; /* of those that are kept */
	enum names_family family;
	struct names_answer answer;
	char host[]; /* lower case */
};

struct names_question {
	struct names_question *next, **link; /* of the entry's, or of those that can be answered */
	struct names *names;
	void (*answered)(void *ctx, const struct names_answer *a);
	void *ctx;
	struct names_answer answer; /* once it is there */
};

struct names {
	struct loop *loop;
	struct asker *asker;
	struct loop_watch *soon; /* somebody can be answered */
	struct names_question *answerable, **answerable_end;
	struct entry *newest, *oldest;
	unsigned entries_len, keep;
	struct hash_key key;
	unsigned mask;
	struct entry *table[];
};

/* --- names --- */

/**
 * host_copy() - check that a name could be a host's, and write it in lower case
 *
 * Letters, digits, hyphens (RFC 1123 s2.1) and underscores, which are in use; c-ares would take a backslash for an escape.
 */
static bool host_copy(char to[static RELAY_HOST], const char *host)
{
	size_t len = strnlen(host, RELAY_HOST), label = 0;

	if (len == 0 || len > 253)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)host[i];

		label = c == '.' ? 0 : label + 1;
		if (label > LABEL_MAX || (c == '.' && (i == 0 || host[i - 1] == '.')))
			return false;
		if (c != '.' && c != '-' && c != '_' && (c >= 0x80 || !isalnum(c)))
			return false;
		to[i] = (char)tolower(c);
	}
	to[len] = '\0';
	return label > 0;
}

static bool is_localhost(const char *host)
{
	static const char local[] = "localhost";
	size_t len = strlen(host), tail = sizeof(local) - 1;

	return len >= tail && strcmp(host + len - tail, local) == 0 &&
	       (len == tail || host[len - tail - 1] == '.');
}

/* --- the table --- */

static struct entry **place_of(struct names *n, const char *host, enum names_family family)
{
	uint64_t w[RELAY_HOST / 8] = { 0 };
	size_t len = strlen(host);

	bytes_copy(w, host, len);
	return &n->table[(hash_words(&n->key, w, (unsigned)(len + 7) / 8) + (unsigned)family) & n->mask];
}

static struct entry *entry_find(struct names *n, const char *host, enum names_family family)
{
	struct entry *e = *place_of(n, host, family);

	while (e && (e->family != family || strcmp(e->host, host) != 0))
		e = e->chain;
	return e;
}

static void kept_remove(struct names *n, struct entry *e)
{
	*(e->newer ? &e->newer->older : &n->newest) = e->older;
	*(e->older ? &e->older->newer : &n->oldest) = e->newer;
	e->newer = e->older = NULL;
}

static void kept_add(struct names *n, struct entry *e)
{
	e->newer = NULL;
	e->older = n->newest;
	*(e->older ? &e->older->newer : &n->oldest) = e;
	n->newest = e;
}

static void entry_free(struct names *n, struct entry *e)
{
	struct entry **p = place_of(n, e->host, e->family);

	while (*p != e)
		p = &(*p)->chain;
	*p = e->chain;
	n->entries_len--;
	free(e);
}

/* Makes room if it must; NULL if all that is there is being asked, or without memory. The entry is in no list. */
static struct entry *entry_new(struct names *n, const char *host, enum names_family family)
{
	size_t len = strlen(host);
	struct entry *old = n->oldest, *e;

	if (n->entries_len >= n->keep && !old)
		return NULL;
	if (n->entries_len >= n->keep) {
		kept_remove(n, old);
		entry_free(n, old);
	}
	e = calloc(1, sizeof(*e) + len + 1);
	if (!e)
		return NULL;
	e->names = n;
	e->family = family;
	bytes_copy(e->host, host, len + 1);
	struct entry **place = place_of(n, host, family);

	e->chain = *place;
	*place = e;
	n->entries_len++;
	return e;
}

/* --- questions --- */

static void question_unlink(struct names_question *q)
{
	struct names *n = q->names;

	*q->link = q->next;
	if (q->next)
		q->next->link = q->link;
	else if (n->answerable_end == &q->next)
		n->answerable_end = q->link;
	q->link = NULL;
}

static void question_wait(struct names_question *q, struct entry *e)
{
	q->next = e->first;
	q->link = &e->first;
	if (q->next)
		q->next->link = &q->next;
	e->first = q;
}

static void question_answerable(struct names_question *q, const struct names_answer *a)
{
	struct names *n = q->names;

	q->answer = *a;
	q->next = NULL;
	q->link = n->answerable_end;
	*q->link = q;
	n->answerable_end = &q->next;
}

/* Tells all that can be told. Whoever is told may ask, and forget others. */
static void answer_all(struct names *n)
{
	while (n->answerable) {
		struct names_question *q = n->answerable;

		question_unlink(q);
		q->answered(q->ctx, &q->answer);
		free(q);
	}
}

static void on_answerable(void *ctx)
{
	answer_all(ctx);
}

/* --- answers --- */

static void entry_answer(struct entry *e, const struct names_answer *a, unsigned seconds)
{
	struct names *n = e->names;

	e->is_asked = false;
	e->answer = *a;
	e->expires = clock_now() + seconds * NSEC;
	kept_add(n, e);
	while (e->first) {
		struct names_question *q = e->first;

		question_unlink(q);
		question_answerable(q, a);
	}
	if (n->answerable)
		loop_timer_set(n->soon, 0);
}

static void on_reply(void *question, const struct names_answer *a, unsigned seconds)
{
	entry_answer(question, a, seconds);
}

static void entry_ask(struct entry *e)
{
	e->is_asked = true;
	asker_ask(e->names->asker, e->host, e->family, e);
}

/* --- life --- */

static int names_init(struct names *n, const struct names_plan *plan)
{
	struct asker_plan asker = {
		.loop = n->loop, .replied = on_reply, .settled = on_answerable, .ctx = n
	};
	int err = random_seed(&n->key, sizeof(n->key));

	if (err == 0)
		err = loop_watch_timer(n->loop, on_answerable, n, &n->soon);
	if (err == 0)
		err = asker_new(&asker, &n->asker);
	return err == 0 ? asker_set_servers(n->asker, plan->servers, plan->servers_len) : err;
}

int names_new(const struct names_plan *plan, struct names **ret)
{
	unsigned places = 16;

	while (places < plan->keep && places < 1u << 20)
		places *= 2;
	struct names *n = calloc(1, sizeof(*n) + places * sizeof(n->table[0]));

	if (!n)
		return -ENOMEM;
	n->loop = plan->loop;
	n->keep = plan->keep;
	n->mask = places - 1;
	n->answerable_end = &n->answerable;
	int err = names_init(n, plan);
	if (err < 0) {
		names_free(n);
		return err;
	}
	*ret = n;
	return 0;
}

/* All entries, kept or asked, with the questions that wait on them. */
static void free_entries(struct names *n)
{
	for (unsigned i = 0; i <= n->mask; i++)
		while (n->table[i]) {
			struct entry *e = n->table[i];

			n->table[i] = e->chain;
			while (e->first) {
				struct names_question *q = e->first;

				question_unlink(q);
				free(q);
			}
			free(e);
		}
}

void names_free(struct names *n)
{
	if (!n)
		return;
	asker_free(n->asker);
	free_entries(n);
	while (n->answerable) {
		struct names_question *q = n->answerable;

		question_unlink(q);
		free(q);
	}
	loop_unwatch(n->soon);
	free(n);
}

/* What others have said counts no more. Entries that are asked stay, and are asked again. */
static void ask_again(struct names *n)
{
	while (n->oldest) {
		struct entry *e = n->oldest;

		kept_remove(n, e);
		entry_free(n, e);
	}
	for (unsigned i = 0; i <= n->mask; i++)
		for (struct entry *e = n->table[i], *next; e; e = next) {
			next = e->chain;
			entry_ask(e);
		}
}

int names_set_servers(struct names *n, const struct endpoint *servers, unsigned servers_len)
{
	int err = asker_set_servers(n->asker, servers, servers_len);

	ask_again(n);
	return err;
}

/* --- asking --- */

static struct names_answer localhost_answer(enum names_family family)
{
	struct names_answer a = { .status = NAMES_OK, .len = 1 };

	if (family == NAMES_IPV4)
		a.a4[0] = (struct addr4){ UINT32_C(0x7f000001) };
	else
		a.a6[0] = (struct addr6){ 0, 1 };
	return a;
}

static void answer_soon(struct names_question *q, const struct names_answer *a)
{
	question_answerable(q, a);
	loop_timer_set(q->names->soon, 0);
}

/* entry_for() - the entry of a name, asked if it is not known; NULL without memory, or if too many are asked */
static struct entry *entry_for(struct names *n, const char *host, enum names_family family)
{
	struct entry *e = entry_find(n, host, family);

	if (e && e->is_asked)
		return e;
	if (e) {
		kept_remove(n, e);
		if (clock_now() < e->expires) {
			kept_add(n, e); /* used last */
			return e;
		}
	} else {
		e = entry_new(n, host, family);
	}
	if (e) {
		entry_ask(e);
	}
	return e;
}

int names_ask(struct names *n, const char *host, enum names_family family,
	void (*answered)(void *ctx, const struct names_answer *a), void *ctx, struct names_question **ret)
{
	struct names_question *q = calloc(1, sizeof(*q));
	struct names_answer none = { .status = NAMES_NONE }, local = localhost_answer(family);
	char name[RELAY_HOST];

	if (!q)
		return -ENOMEM;
	*q = (struct names_question){ .names = n, .answered = answered, .ctx = ctx };
	if (!host_copy(name, host)) {
		answer_soon(q, &none);
	} else if (is_localhost(name)) {
		answer_soon(q, &local);
	} else {
		struct entry *e = entry_for(n, name, family);

		if (!e) {
			free(q);
			return -ENOMEM;
		}
		if (e->is_asked)
			question_wait(q, e);
		else
			answer_soon(q, &e->answer);
	}
	*ret = q;
	return 0;
}

void names_forget(struct names_question *q)
{
	if (!q)
		return;
	question_unlink(q);
	free(q);
}
