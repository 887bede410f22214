/* gate.c - see gate.h */
#include "dns64/gate.h"

#include "base/random.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define CLIENT_SLOTS 8192
#define SECRET_LIFE (24 * 3600 * NSEC) /* RFC 7873 s7.1: a secret is not used for ever */

struct gate {
	struct clients *clients;
	pthread_mutex_t lock; /* of the two below */
	struct cookie_secrets secrets;
	nsec since;
};

int gate_new(struct gate **ret)
{
	struct hash_key key;
	struct gate *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	pthread_mutex_init(&g->lock, NULL); /* cannot fail: no attributes */
	g->since = clock_now();
	bool has_random =
		random_seed(&key, sizeof(key)) == 0 && random_seed(&g->secrets, sizeof(g->secrets)) == 0;
	int err = has_random ? clients_new(CLIENT_SLOTS, &key, &g->clients) : -EIO;

	if (err < 0) {
		gate_free(g);
		return err;
	}
	*ret = g;
	return 0;
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	clients_free(g->clients);
	pthread_mutex_destroy(&g->lock);
	explicit_bzero(&g->secrets, sizeof(g->secrets));
	free(g);
}

struct clients *gate_clients(struct gate *g)
{
	return g->clients;
}

/* Cookies of the secret before are good for one more hour at least: they live no longer. */
static void renew(struct gate *g, nsec now)
{
	struct cookie_secrets fresh = { .now = { 0 } };

	if (now < g->since + SECRET_LIFE || random_seed(fresh.now, sizeof(fresh.now)) < 0)
		return;
	bytes_copy(fresh.before, g->secrets.now, sizeof(fresh.before));
	g->secrets = fresh;
	g->since = now;
}

struct cookie_secrets gate_secrets(struct gate *g, nsec now)
{
	pthread_mutex_lock(&g->lock);
	renew(g, now);
	struct cookie_secrets s = g->secrets;

	pthread_mutex_unlock(&g->lock);
	return s;
}
