/*
 * session.h - the session tables (RFC 6146 s3.2), found by (binding, remote address, remote port) from both
 * sides
 *
 * Address-dependent filtering asks whether a binding has *any* session to an address. For that, the sessions
 * of one binding to one address form a list (a peer group) whose head stands in a second index, so the answer
 * is one look-up, however many sessions there are. A session that filtering holds back is in no group: it
 * must not open the way that it was refused.
 */
#ifndef ISTHMUS_STATE_SESSION_H
#define ISTHMUS_STATE_SESSION_H

#include "state/index.h"
#include "state/state.h"

struct peer_link {
	uint32_t prev, next; /* prev == NONE: the head of its group */
};

struct session_table {
	struct slots slots;
	struct session *at; /* one cache line each */
	struct index index; /* binding, remote, remote_port */
	struct index peers; /* binding, remote: the head of each group */
	struct peer_link *peer;
	struct hash_key key;
};

bool sessions_init(struct session_table *t, struct memory *m, uint32_t max, const struct hash_key *key);

static inline uint64_t session_hash(
	const struct session_table *t, uint32_t binding, struct addr4 remote, uint16_t port)
{
	const uint64_t w[2] = { (uint64_t)binding << 32 | remote.v, port };

	return hash_words(&t->key, w, 2);
}

static inline bool session_is(
	const struct session_table *t, uint32_t id, uint32_t binding, struct addr4 remote, uint16_t port)
{
	const struct session *e = &t->at[id];

	return e->binding == binding && addr4_eq(e->remote, remote) && e->remote_port == port;
}

static inline uint32_t session_find(
	const struct session_table *t, uint32_t binding, struct addr4 remote, uint16_t port)
{
	struct probe p = index_probe(&t->index, session_hash(t, binding, remote, port));

	for (uint32_t id; (id = index_next(&t->index, &p)) != NONE;) {
		if (session_is(t, id, binding, remote, port))
			return id;
	}
	return NONE;
}

/** session_add() - enter a session that does not exist yet; joins its peer group unless is_filtered; not full
 */
uint32_t session_add(struct session_table *t, const struct session *e);

void session_remove(struct session_table *t, uint32_t id);

/** session_admit() - the session is not filtered any more: it joins its peer group */
void session_admit(struct session_table *t, uint32_t id);

/** session_peer_find() - a session of this binding to this address that is not filtered, or NONE */
uint32_t session_peer_find(const struct session_table *t, uint32_t binding, struct addr4 remote);

#endif
