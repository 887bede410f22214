/*
 * http.c - see http.h; http_engine.h says how its parts hang together
 *
 * Here is what there is of it once on a lane: its name in Via, the timeouts, and the end of whatever was buried.
 */
#include "base/bytes.h"
#include "base/random.h"
#include "relay/http_engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>

/* 16 bytes that the kernel draws for each process: all lanes have the same name, and no two gateways. */
#define LEAVE_AFTER (500 * MSEC) /* longer than a packet is on its way */

static void take_pseudonym(struct http *h)
{
	static const struct hash_key plain = { 0x697374686d7573, 0x766961 };
	const uint8_t *drawn = (const uint8_t *)getauxval(AT_RANDOM);
	uint64_t words[2] = { 0, 0 };

	if (drawn)
		bytes_copy(words, drawn, sizeof(words));
	snprintf(h->pseudonym, sizeof(h->pseudonym), "isthmus-%012llx",
		(unsigned long long)hash_words(&plain, words, 2) & 0xffffffffffff);
	for (unsigned minor = 0; minor < ARRAY_LEN(h->via); minor++)
		snprintf(h->via[minor], sizeof(h->via[minor]), "1.%u %s", minor, h->pseudonym);
}

int http_new(const struct http_user *user, struct http **ret)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->user = *user;
	h->lane = user->service->lane;
	h->config = user->service->config;
	take_pseudonym(h);
	int err = random_seed(&h->key, sizeof(h->key));

	if (err == 0)
		err = http_waits_init(&h->waits, h->lane->loop);
	if (err < 0) {
		http_free(h);
		return err;
	}
	h->waits.lengths[HTTP_WAIT_HEAD] = h->config->timeouts.head;
	h->waits.lengths[HTTP_WAIT_KEEP_ALIVE] = h->config->timeouts.keep_alive;
	h->waits.lengths[HTTP_WAIT_IDLE] = h->config->timeouts.idle;
	h->waits.lengths[HTTP_WAIT_LINGER] = 2 * NSEC;
	h->waits.lengths[HTTP_WAIT_LEAVE] = LEAVE_AFTER;
	*ret = h;
	return 0;
}

void http_retire(struct http *h)
{
	h->is_retired = true;
	http_enter(h);
	http_up_close_all(h);
	http_leave(h);
}

static void free_others(struct http *h)
{
	while (h->dead_others) {
		struct http_grave *g = h->dead_others;

		h->dead_others = g->next;
		free(g);
	}
}

void http_free(struct http *h)
{
	if (!h)
		return;
	http_up_close_all(h);
	free_others(h);
	http_waits_fini(&h->waits);
	free(h);
}

void http_enter(struct http *h)
{
	h->depth++;
}

/* The end of a visit may be the end of the service, and of @h: it is not touched after the first. */
void http_leave(struct http *h)
{
	if (--h->depth > 0)
		return;
	free_others(h);
	struct http_grave *clients = h->dead_clients;

	h->dead_clients = NULL;
	while (clients) {
		struct http_client *c = (struct http_client *)clients;

		clients = clients->next;
		visit_end(&c->visit);
		free(c);
	}
}

void http_note(struct http_exchange *x, void *note)
{
	x->note = note;
}

void *http_noted(const struct http_exchange *x)
{
	return x->note;
}
