/*
 * admit.c - cookies, and the rate of answers to clients whose address may be forged
 *
 * Over UDP anybody can ask in anybody's name. Who shows a cookie of ours (RFC 7873), or has a connection, is where it
 * says and is served without a rate. The others are served up to per-client.responses-per-second; beyond that a client
 * that knows cookies is told BADCOOKIE with the right one and comes back with it, every slip-th of the others is told
 * to come over TCP (TC), in no more bytes than it sent, and the rest hear nothing. So a forged source gets at most the
 * rate, and an honest client always has a way.
 */
#include "base/random.h"
#include "dns64/serve.h"

#include <errno.h>
#include <time.h>

#define CLIENT_SLOTS 8192
#define SECRET_LIFE (24 * 3600 * NSEC) /* RFC 7873 s7.1: a secret is not used for ever */

int admit_start(struct resolver *r)
{
	struct hash_key key;

	if (random_seed(&key, sizeof(key)) < 0 || random_seed(&r->secrets, sizeof(r->secrets)) < 0)
		return -EIO;
	r->secrets_since = clock_now();
	return clients_new(CLIENT_SLOTS, &key, &r->per_client);
}

void admit_stop(struct resolver *r)
{
	clients_free(r->per_client);
	r->per_client = NULL;
}

struct client *admit_client(struct resolver *r, const union sockaddr_any *peer)
{
	struct dns_endpoint who = sockaddr_endpoint(peer);
	struct client *c = clients_find(r->per_client, &r->config.per_client, &who, clock_now());

	r->counters.client_table_full += !c;
	return c;
}

/* Cookies of the secret before are good for one more hour at least: they live no longer. */
static void renew_secret(struct resolver *r)
{
	struct cookie_secrets fresh = { .now = { 0 } };

	if (clock_now() - r->secrets_since < SECRET_LIFE || random_seed(fresh.now, sizeof(fresh.now)) < 0)
		return;
	bytes_copy(fresh.before, r->secrets.now, sizeof(fresh.before));
	r->secrets = fresh;
	r->secrets_since = clock_now();
}

/* Reads the cookie and puts in its place what the reply says; true if it was ours. */
static bool exchange_cookie(struct resolver *r, struct query *q, const struct reply_path *path)
{
	struct dns_endpoint who = sockaddr_endpoint(&path->peer);
	uint32_t now_s = (uint32_t)time(NULL);

	if (!r->config.cookies)
		q->cookie_len = 0;
	if (q->cookie_len == 0)
		return false;
	renew_secret(r);
	enum cookie_state state = cookie_check(&r->secrets, q->cookie, q->cookie_len, &who, now_s);

	if (state != COOKIE_VALID) {
		cookie_write(&r->secrets, q->cookie, &who, now_s);
		q->cookie_len = COOKIE_LEN;
	}
	r->counters.queries_cookie++;
	r->counters.queries_cookie_valid += state != COOKIE_NONE;
	return state != COOKIE_NONE;
}

enum admission admit(struct resolver *r, struct query *q, const struct reply_path *path)
{
	bool is_proven = exchange_cookie(r, q, path) || path->transport != OVER_UDP;

	if (is_proven || r->config.per_client.responses_per_second == 0)
		return ADMIT_SERVE;
	struct client *c = admit_client(r, &path->peer);
	enum client_rate rate = c ? client_spend(c, &r->config.per_client, clock_now()) : CLIENT_WITHIN;

	if (rate == CLIENT_WITHIN)
		return ADMIT_SERVE;
	if (q->cookie_len > 0)
		return ADMIT_BAD_COOKIE;
	return rate == CLIENT_SLIPS ? ADMIT_TRUNCATE : ADMIT_DROP;
}
