/*
 * http_pool.c - connections to servers: those in use, and those that are kept for the next request
 *
 * A kept one is found by where it goes and how (struct http_key), the latest first, since it has the best chance to be
 * still open. Whatever happens on one is its end: a server has nothing to say that it was not asked.
 */
#include "base/bytes.h"
#include "relay/http_authority.h"
#include "net/tls.h"
#include "relay/http_engine.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct http_up *up_of(struct http_wait *w)
{
	return HOLDER_OF(w, struct http_up, wait);
}

static unsigned slot_of(const struct http *h, const struct http_key *k)
{
	uint64_t words[RELAY_HOST / 8 + 3] = { 0 };
	size_t len = strlen(k->to.host);
	unsigned n = (unsigned)(len + 7) / 8;

	bytes_copy(words, k->to.host, len);
	words[n++] = k->to.at.port;
	if (!k->to.host[0]) {
		words[n++] = k->to.at.is4 ? k->to.at.a4.v : k->to.at.a6.hi;
		words[n++] = k->to.at.is4 ? 0 : k->to.at.a6.lo;
	}
	return (unsigned)hash_words(&h->key, words, n) & (HTTP_POOL_SLOTS - 1);
}

static bool is_key(const struct http_key *a, const struct http_key *b)
{
	if (a->tls != b->tls || a->has_client != b->has_client || !http_authority_same(&a->to, &b->to))
		return false;
	if (a->tls && strcmp(a->tls_name, b->tls_name) != 0)
		return false;
	return !a->has_client || endpoint_same_address(&a->client, &b->client);
}

static void unkeep(struct http_up *u)
{
	if (!u->is_kept)
		return;
	if (u->prev)
		u->prev->next = u->next;
	else
		u->h->kept[u->slot] = u->next;
	if (u->next)
		u->next->prev = u->prev;
	u->is_kept = false;
	u->h->kept_len--;
	http_wait_end(&u->wait);
}

struct http_up *http_up_take(struct http *h, const struct http_key *key)
{
	for (struct http_up *u = h->kept[slot_of(h, key)]; u; u = u->next)
		if (is_key(&u->key, key)) {
			unkeep(u);
			return u;
		}
	return NULL;
}

void http_up_keep(struct http_up *u)
{
	struct http *h = u->h;

	u->x = NULL;
	http_reader_settle(&u->reader);
	if (h->is_retired || h->kept_len == HTTP_POOL_MAX || u->reader.in || u->writer.out.u ||
		u->stream.is_last) {
		http_up_close(u);
		return;
	}
	u->slot = slot_of(h, &u->key);
	u->prev = NULL;
	u->next = h->kept[u->slot];
	if (u->next)
		u->next->prev = u;
	h->kept[u->slot] = u;
	u->is_kept = true;
	h->kept_len++;
	http_wait_begin(&h->waits, &u->wait, HTTP_WAIT_KEEP_ALIVE);
}

void http_up_close(struct http_up *u)
{
	if (!u || u->grave.is_dead)
		return;
	unkeep(u);
	http_wait_end(&u->wait);
	http_reader_fini(&u->reader);
	http_writer_fini(&u->writer);
	stream_fini(&u->stream);
	u->x = NULL;
	u->grave.is_dead = true;
	u->grave.next = u->h->dead_others;
	u->h->dead_others = &u->grave;
}

void http_up_close_all(struct http *h)
{
	for (unsigned i = 0; i < HTTP_POOL_SLOTS; i++)
		while (h->kept[i])
			http_up_close(h->kept[i]);
}

static void on_ready(void *ctx)
{
	struct http_up *u = ctx;
	struct http *h = u->h;

	http_enter(h);
	if (u->x)
		http_exchange_run(u->x);
	else if (u->stream.can_read || u->stream.is_last) /* an end, or bytes without a question */
		http_up_close(u);
	http_leave(h);
}

static void on_due(struct http_wait *w)
{
	struct http_up *u = up_of(w);
	struct http *h = u->h;

	http_enter(h);
	if (u->x)
		http_exchange_silent(u->x);
	else
		http_up_close(u);
	http_leave(h);
}

struct http_up *http_up_new(struct http *h, const struct http_key *key, int fd, const struct endpoint *peer)
{
	struct http_up *u = calloc(1, sizeof(*u));
	struct ssl_st *tls = NULL;
	const int yes = 1;

	if (u && key->tls)
		tls = tls_connect(key->tls, fd, key->tls_name);
	if (!u || (key->tls && !tls)) {
		free(u);
		close(fd);
		return NULL;
	}
	/* Heads and bodies go out as they are ready; there is nothing to wait for. Without it all works, slower. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (stream_init(&u->stream, h->lane, fd, tls) < 0) {
		free(u);
		return NULL;
	}
	u->h = h;
	u->key = *key;
	u->peer = *peer;
	u->wait.due_fn = on_due;
	u->reader.stream = &u->stream;
	http_writer_init(&u->writer, &u->stream);
	stream_watch(&u->stream, on_ready, u);
	return u;
}
