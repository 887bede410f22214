/*
 * model.h - the tables as simply as can be: arrays and loops, for the property test to compare with
 *
 * It does not choose ports: it is told what the state chose and says whether that was allowed.
 */
#ifndef ISTHMUS_TESTS_STATE_MODEL_H
#define ISTHMUS_TESTS_STATE_MODEL_H

#include "fixture.h"

#define MODEL_MAX 4096

struct model_binding {
	bool live;
	struct binding b;
};

struct model_session {
	bool live;
	unsigned binding;
	struct addr4 remote;
	uint16_t remote_port;
	bool waits; /* a SYN that filtering held back */
	enum tcp_state tcp;
	nsec expires;
};

struct model {
	struct state_config c;
	struct model_binding b[MODEL_MAX];
	struct model_session s[MODEL_MAX];
	unsigned sessions, bindings, waiting, probes;
};

static inline struct model_session *model_session_find(
	struct model *m, unsigned binding, struct addr4 remote, uint16_t port)
{
	for (unsigned i = 0; i < MODEL_MAX; i++) {
		struct model_session *s = &m->s[i];

		if (s->live && s->binding == binding && s->remote.v == remote.v && s->remote_port == port)
			return s;
	}
	return NULL;
}

static inline unsigned model_binding_find6(const struct model *m, const struct flow64 *f)
{
	for (unsigned i = 0; i < MODEL_MAX; i++) {
		const struct binding *b = &m->b[i].b;

		if (m->b[i].live && b->proto == f->proto && b->prefix == f->prefix &&
			addr6_eq(b->in, f->src) && b->in_port == f->sport)
			return i;
	}
	return MODEL_MAX;
}

static inline unsigned model_binding_find4(
	const struct model *m, enum proto proto, struct addr4 out, uint16_t port)
{
	for (unsigned i = 0; i < MODEL_MAX; i++) {
		const struct binding *b = &m->b[i].b;

		if (m->b[i].live && b->proto == proto && b->out.v == out.v && b->out_port == port)
			return i;
	}
	return MODEL_MAX;
}

static inline bool model_allows(const struct model *m, unsigned binding, struct addr4 remote)
{
	if (m->c.filtering == FILTER_ENDPOINT_INDEPENDENT)
		return true;
	for (unsigned i = 0; i < MODEL_MAX; i++) {
		const struct model_session *s = &m->s[i];

		if (s->live && !s->waits && s->binding == binding && s->remote.v == remote.v)
			return true;
	}
	return false;
}

static inline unsigned model_binding_add(struct model *m, const struct binding *b)
{
	unsigned i = 0;

	while (m->b[i].live)
		i++;
	m->b[i] = (struct model_binding){ .live = true, .b = *b };
	m->b[i].b.sessions = 0;
	m->bindings++;
	return i;
}

static inline struct model_session *model_session_add(
	struct model *m, unsigned binding, struct addr4 remote, uint16_t port)
{
	struct model_session *s = m->s;

	while (s->live)
		s++;
	*s = (struct model_session){
		.live = true, .binding = binding, .remote = remote, .remote_port = port
	};
	m->sessions++;
	m->b[binding].b.sessions++;
	return s;
}

/* RFC 6146 s3.5.2.2 as prose. */
static inline void model_tcp(const struct model *m, struct model_session *s, bool v6, uint8_t flags, nsec now)
{
	bool rst = flags & RST, syn = !rst && flags & SYN, fin = !rst && !syn && flags & FIN;
	nsec est = now + m->c.lifetime[LIFETIME_TCP_ESTABLISHED],
	     trans = now + m->c.lifetime[LIFETIME_TCP_TRANSITORY];

	if (s->tcp == TCP_V4_INIT && v6 && syn) {
		s->tcp = TCP_ESTABLISHED;
		s->expires = est;
	} else if (s->tcp == TCP_V6_INIT && syn) {
		s->tcp = v6 ? TCP_V6_INIT : TCP_ESTABLISHED;
		s->expires = v6 ? trans : est;
	} else if (s->tcp == TCP_ESTABLISHED && fin) {
		s->tcp = v6 ? TCP_V6_FIN : TCP_V4_FIN;
	} else if (s->tcp == TCP_ESTABLISHED) {
		s->tcp = rst ? TCP_TRANS : TCP_ESTABLISHED;
		s->expires = rst ? trans : est;
	} else if (s->tcp == TCP_V4_FIN || s->tcp == TCP_V6_FIN) {
		bool is_other_fin = fin && v6 == (s->tcp == TCP_V4_FIN);

		s->tcp = is_other_fin ? TCP_V4_V6_FIN : s->tcp;
		s->expires = is_other_fin ? trans : est;
	} else if (s->tcp == TCP_TRANS && !rst) {
		s->tcp = TCP_ESTABLISHED;
		s->expires = est;
	}
}

/* Expiry at @now. The tests keep to times at which "due" is not a matter of ticks. */
static inline void model_expire(struct model *m, nsec now)
{
	for (unsigned i = 0; i < MODEL_MAX; i++) {
		struct model_session *s = &m->s[i];
		struct model_binding *b = &m->b[s->binding];

		if (!s->live || s->expires >= now)
			continue;
		if (s->tcp == TCP_ESTABLISHED) {
			s->tcp = TCP_TRANS;
			s->expires = now + m->c.lifetime[LIFETIME_TCP_TRANSITORY];
			m->probes++;
			continue;
		}
		s->live = false;
		m->sessions--;
		m->waiting -= s->waits;
		if (--b->b.sessions == 0 && !b->b.is_static) {
			b->live = false;
			m->bindings--;
		}
	}
}

static inline bool model_has_port(const struct model *m, const struct binding *b)
{
	for (unsigned i = 0; i < m->c.pool_len; i++) {
		const struct pool_entry *e = &m->c.pool[i];

		if (prefix4_contains(e->prefix, b->out) && e->lo <= b->out_port && b->out_port <= e->hi)
			return true;
	}
	return false;
}

/* Another pool: bindings whose ports it does not have are gone, with their sessions. */
static inline void model_reload(struct model *m)
{
	for (unsigned i = 0; i < MODEL_MAX; i++) {
		struct model_session *s = &m->s[i];

		if (!s->live || model_has_port(m, &m->b[s->binding].b))
			continue;
		s->live = false;
		m->sessions--;
		m->waiting -= s->waits;
	}
	for (unsigned i = 0; i < MODEL_MAX; i++) {
		if (!m->b[i].live || model_has_port(m, &m->b[i].b))
			continue;
		m->b[i].live = false;
		m->bindings--;
	}
}

#endif
