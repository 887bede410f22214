/* session.c - see session.h */
#include "state/session.h"

_Static_assert(sizeof(struct session) == MEMORY_LINE, "a session is one cache line");

bool sessions_init(struct session_table *t, struct memory *m, uint32_t max, const struct hash_key *key)
{
	t->at = memory_table(m, max, sizeof(*t->at));
	t->peer = memory_table(m, max, sizeof(*t->peer));
	t->key = *key;
	return t->at && t->peer && slots_init(&t->slots, m, max) && index_init(&t->index, m, max) &&
	       index_init(&t->peers, m, max);
}

static uint64_t peer_hash(const struct session_table *t, uint32_t binding, struct addr4 remote)
{
	const uint64_t w[1] = { (uint64_t)binding << 32 | remote.v };

	return hash_words(&t->key, w, 1);
}

uint32_t session_peer_find(const struct session_table *t, uint32_t binding, struct addr4 remote)
{
	struct probe p = index_probe(&t->peers, peer_hash(t, binding, remote));
	uint32_t id;

	do {
		id = index_next(&t->peers, &p);
	} while (id != NONE && (t->at[id].binding != binding || !addr4_eq(t->at[id].remote, remote)));
	return id;
}

/* Behind the head, so that the index need not change. */
static void peer_join(struct session_table *t, uint32_t id)
{
	const struct session *e = &t->at[id];
	uint32_t head = session_peer_find(t, e->binding, e->remote);

	t->peer[id] = (struct peer_link){ .prev = head, .next = NONE };
	if (head == NONE) {
		index_put(&t->peers, peer_hash(t, e->binding, e->remote), id);
		return;
	}
	uint32_t next = t->peer[head].next;

	t->peer[id].next = next;
	t->peer[head].next = id;
	if (next != NONE)
		t->peer[next].prev = id;
}

static void peer_leave(struct session_table *t, uint32_t id)
{
	const struct session *e = &t->at[id];
	struct peer_link l = t->peer[id];
	uint64_t hash = peer_hash(t, e->binding, e->remote);

	if (l.next != NONE)
		t->peer[l.next].prev = l.prev;
	if (l.prev != NONE)
		t->peer[l.prev].next = l.next;
	else if (l.next != NONE)
		index_replace(&t->peers, hash, id, l.next);
	else
		index_remove(&t->peers, hash, id);
}

uint32_t session_add(struct session_table *t, const struct session *e)
{
	uint32_t id = slots_take(&t->slots);

	t->at[id] = *e;
	index_put(&t->index, session_hash(t, e->binding, e->remote, e->remote_port), id);
	if (!e->is_filtered)
		peer_join(t, id);
	return id;
}

void session_remove(struct session_table *t, uint32_t id)
{
	const struct session *e = &t->at[id];

	if (!e->is_filtered)
		peer_leave(t, id);
	index_remove(&t->index, session_hash(t, e->binding, e->remote, e->remote_port), id);
	slots_give(&t->slots, id);
}

void session_admit(struct session_table *t, uint32_t id)
{
	t->at[id].is_filtered = false;
	peer_join(t, id);
}
