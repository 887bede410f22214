/*
 * admit.c - cookies, and the rate of answers to clients whose address may be forged
 *
 * Over UDP anybody can ask in anybody's name. Who shows a cookie of ours (RFC 7873), or has a connection, is where it
 * says and is served without a rate. The others are served up to per-client.responses-per-second; beyond that a client
 * that knows cookies is told BADCOOKIE with the right one and comes back with it, every slip-th of the others is told
 * to come over TCP (TC), in no more bytes than it sent, and the rest hear nothing. So a forged source gets at most the
 * rate, and an honest client always has a way.
 */
#include "dns64/serve.h"

#include <time.h>

/* Reads the cookie and puts in its place what the reply says; true if it was ours. */
static bool exchange_cookie(struct resolver *r, struct query *q, const struct reply_path *path)
{
	struct endpoint who = sockaddr_endpoint(&path->peer);
	uint32_t now_s = (uint32_t)time(NULL);

	if (!r->config.cookies)
		q->cookie_len = 0;
	if (q->cookie_len == 0)
		return false;
	struct cookie_secrets secrets = gate_secrets(r->gate, clock_now());
	enum cookie_state state = cookie_check(&secrets, q->cookie, q->cookie_len, &who, now_s);

	if (state != COOKIE_VALID) {
		cookie_write(&secrets, q->cookie, &who, now_s);
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
	struct endpoint who = sockaddr_endpoint(&path->peer);
	enum client_rate rate =
		clients_spend(gate_clients(r->gate), &r->config.per_client, &who, clock_now());

	r->counters.client_table_full += rate == CLIENT_UNKNOWN;
	if (rate == CLIENT_WITHIN || rate == CLIENT_UNKNOWN)
		return ADMIT_SERVE;
	if (q->cookie_len > 0)
		return ADMIT_BAD_COOKIE;
	return rate == CLIENT_SLIPS ? ADMIT_TRUNCATE : ADMIT_DROP;
}

int admit_take(struct resolver *r, const union sockaddr_any *peer, enum client_use use, struct client **ret)
{
	struct endpoint who = sockaddr_endpoint(peer);
	int err = clients_take(gate_clients(r->gate), &r->config.per_client, &who, use, clock_now(), ret);

	r->counters.client_table_full += err == 0 && !*ret;
	return err;
}

void admit_give(struct resolver *r, struct client *c, enum client_use use)
{
	clients_give(gate_clients(r->gate), c, use);
}
