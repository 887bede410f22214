/*
 * restore.c - see restore.h
 *
 * state/ takes and enters sessions; what is known only here is the translation prefixes, which sessions name by number, what
 * is not translated at all, and what the FTP ALG remembers.
 *
 * A followed FTP control connection of which nothing was changed so far, or no more than was made up for, goes on as one that
 * is not followed: EPSV and EPRT are the server's to understand from then on. One with changed numbers is left out, for without
 * the memory of the changes its two ends would not understand each other; it ends as if its host had gone away.
 */
#include "nat64/restore.h"

#include "nat64/ftp.h"

#define LOOKS 4096 /* sessions that one nat64_save() looks at, at most */

unsigned nat64_save(struct nat64 *n, struct nat64_saving *at, nsec now,
	struct state_record ret[static SAVE_CHUNK_RECORDS])
{
	unsigned len = 0;

	for (unsigned looks = 0; looks < LOOKS && len < SAVE_CHUNK_RECORDS && at->next != STATE_END;
		looks++) {
		uint32_t id = state_next_session(n->state, at->next, &at->next);
		struct session e;

		if (id == STATE_END)
			continue;
		(void)nat64_session_now(n, state_session(n->state, id), now, &e);
		if (!state_record_of(n->state, &e, now, &ret[len]))
			continue;
		if (ftp_is_changed(n->ftp, &ret[len]))
			at->left_out++;
		else
			len++;
	}
	return len;
}

struct save_head nat64_save_head(const struct nat64 *n, uint64_t written_ms)
{
	struct save_head h = { .written_ms = written_ms, .prefixes_len = n->cfg.prefixes_len };

	for (unsigned i = 0; i < h.prefixes_len; i++)
		h.prefixes[i] = n->cfg.prefixes[i];
	return h;
}

static uint8_t find_prefix(const struct nat64 *n, struct prefix6 p)
{
	for (uint8_t i = 0; i < n->cfg.prefixes_len; i++) {
		if (n->cfg.prefixes[i].len == p.len && addr6_eq(n->cfg.prefixes[i].addr, p.addr))
			return i;
	}
	return STATE_PREFIXES_MAX;
}

void nat64_restore_begin(struct nat64_restoring *r, struct nat64 *const *all, unsigned len,
	const struct save_head *h, uint64_t now_ms)
{
	const struct nat64 *n = all[0];

	*r = (struct nat64_restoring){
		.first = n, .len = len, .left_max = UINT64_MAX, .is_clock_odd = now_ms < h->written_ms
	};
	for (unsigned i = 0; i < len; i++)
		r->states[i] = all[i]->state;
	if (r->is_clock_odd)
		r->left_max = n->cfg.state.lifetime[LIFETIME_TCP_TRANSITORY];
	else if (now_ms - h->written_ms < UINT64_MAX / MSEC)
		r->elapsed = (now_ms - h->written_ms) * MSEC;
	else
		r->elapsed = UINT64_MAX; /* everything has expired */
	for (unsigned i = 0; i < STATE_PREFIXES_MAX; i++)
		r->prefixes[i] = i < h->prefixes_len ? find_prefix(n, h->prefixes[i]) : STATE_PREFIXES_MAX;
}

static nsec left_of(const struct nat64_restoring *r, nsec left)
{
	left = left > r->elapsed ? left - r->elapsed : 0;
	return left < r->left_max ? left : r->left_max;
}

enum adoption nat64_restore(const struct nat64_restoring *r, const struct state_record *record, nsec now)
{
	struct state_record to = *record;
	nsec age = to.age + r->elapsed;

	to.left = left_of(r, to.left);
	to.age = age < to.age ? UINT64_MAX : age;
	if (to.left == 0)
		return ADOPTION_EXPIRED;
	to.prefix = to.prefix < STATE_PREFIXES_MAX ? r->prefixes[to.prefix] : STATE_PREFIXES_MAX;
	/* A static binding is of the first prefix, so of another one that has become the first it would be another binding. */
	if (to.prefix == STATE_PREFIXES_MAX || (to.is_static && to.prefix != 0))
		return ADOPTION_PREFIX;
	if (!nat64_admits(r->first, to.in, to.prefix, to.remote))
		return ADOPTION_ADDRESS;
	return state_adopt_among(r->states, r->len, &to, now);
}

/* --- flows that were left to the kernel's programs --- */

/* Of which nothing is known but that packets passed: as long as its last packet gives it, but for TCP an established one's. */
static struct state_record record_of_left(const struct nat64_adopting *a, const struct flow_left *f)
{
	static const enum lifetime of_proto[PROTO_COUNT] = {
		[PROTO_TCP] = LIFETIME_TCP_ESTABLISHED,
		[PROTO_UDP] = LIFETIME_UDP,
		[PROTO_ICMP] = LIFETIME_ICMP,
	};
	nsec life = a->first->cfg.state.lifetime[of_proto[f->proto]];
	nsec silent = f->used > 0 && f->used < a->now ? a->now - f->used : 0;

	return (struct state_record){
		.proto = f->proto,
		.prefix = f->prefix,
		.tcp = f->proto == PROTO_TCP ? TCP_ESTABLISHED : TCP_NONE,
		.in = f->in,
		.in_port = f->in_port,
		.out = f->out,
		.out_port = f->out_port,
		.remote = f->remote,
		.remote_port = f->remote_port,
		.left = life > silent ? life - silent : 0,
		.pkts_64 = f->pkts_64,
		.pkts_46 = f->pkts_46,
		.bytes_64 = f->bytes_64,
		.bytes_46 = f->bytes_46,
	};
}

static enum adoption adopt_flow(struct nat64_adopting *a, const struct state_record *r)
{
	if (!nat64_admits(a->first, r->in, r->prefix, r->remote))
		return ADOPTION_ADDRESS;
	if (state_record_session(a->states[a->worker], r) != STATE_END)
		return ADOPTION_DONE;
	return state_adopt_among(a->states, a->len, r, a->now);
}

enum flow_adopt nat64_adopt_flow(void *ctx, const struct flow_left *f, uint32_t *ret_session)
{
	struct nat64_adopting *a = ctx;
	const struct owners *o = a->first->cfg.state.owners;
	struct state_record r = record_of_left(a, f);

	if (o && owner_of_subscriber(o, r.in) != a->worker)
		return FLOW_ADOPT_FOREIGN;
	enum adoption what = adopt_flow(a, &r);

	a->adopted[what]++;
	if (what != ADOPTION_DONE)
		return FLOW_ADOPT_REFUSED;
	*ret_session = state_record_session(a->states[a->worker], &r);
	return FLOW_ADOPT_TAKEN;
}

void nat64_adopt_left(struct nat64_adopting *a, struct nat64 *const *all, unsigned len, nsec now)
{
	*a = (struct nat64_adopting){ .first = all[0], .len = len, .now = now };
	for (unsigned i = 0; i < len; i++)
		a->states[i] = all[i]->state;
	for (; a->worker < len; a->worker++)
		nat64_adopt_flows(all[a->worker], now, nat64_adopt_flow, a);
}

uint32_t nat64_tell_adopted(struct nat64 *n, uint32_t from, nsec before, nsec now)
{
	return state_tell_adopted(n->state, from, before, now);
}
