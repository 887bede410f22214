/*
 * dial.c - reach a destination over whichever family works; see dial.h
 *
 * Purpose. A name with two addresses of which one is dead must not be slower to reach than one with one address, as far as
 * a person notices. RFC 8305 says how: ask for both families at once, begin with the better one, and do not wait for it.
 *
 * Structure. A @struct_dial has a list of addresses of each family, which fills while names.c answers, and a list of
 * attempts, which are sockets on their way. There is one timer, and one function, go_on(), which looks at all this and does
 * what can be done; every event ends there.
 *
 * Life of a dial:
 *
 *	ask both families --> hold: only the family without the head start has answered (s3: at most RESOLUTION_DELAY)
 *	  --> attempt --> next attempt: when one has failed, else after ATTEMPT_DELAY (s5), the families by turns (s4)
 *	  --> done: one is connected | all have failed and no answer is open | the time is over
 *
 * Every address is judged twice: as it came, before anything is sent to it, and as the peer of a connected socket
 * (dial_socket.c). An IPv6 address in one of this gateway's translation prefixes, or a mapped one, is dialled as the IPv4
 * address that it stands for: going through the translator would be a detour, and needs a route to it. So the AAAA records
 * that DNS64 makes are addresses of the IPv4 list.
 *
 * Memory. A family that was refused, unreachable, or overtaken by the other one although it began earlier is noted
 * (families.c). As long as that is not long ago it begins second, and what begins second because both are known to fail
 * waits less (ATTEMPT_DELAY_MIN).
 *
 * Limits: DIAL_ADDRESSES_MAX addresses of each family, one timeout for everything. Not done: sorting by RFC 6724 within a
 * family, which wants the routing table; what has no route fails at once and costs nothing. Datagrams are not raced: an
 * address with a route is as good as can be known.
 *
 * Standards: RFC 8305 s3 to s5, s7.2 in spirit; RFC 6052.
 */
#include "relay/dial.h"

#include "addr/embed.h"
#include "base/bytes.h"
#include "relay/dial_socket.h"
#include "relay/edges.h"
#include "relay/families.h"
#include "relay/names.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define RESOLUTION_DELAY (50 * MSEC)   /* RFC 8305 s8 */
#define ATTEMPT_DELAY (250 * MSEC)     /* RFC 8305 s8 */
#define ATTEMPT_DELAY_MIN (100 * MSEC) /* RFC 8305 s8 */
#define ATTEMPT_GAP (10 * MSEC)	       /* RFC 8305 s5: not less, even after a failure */
#define DIAL_ADDRESSES_MAX 8	       /* of one family */
#define ATTEMPTS_MAX (2 * DIAL_ADDRESSES_MAX)

enum family { IPV6, IPV4, FAMILIES };

struct attempt {
	struct edge edge; /* of @fd */
	struct dial *dial;
	struct endpoint to;
	nsec began;
	int fd;		       /* -1: it has failed */
	enum dial_fault fault; /* DIAL_OK: not yet known */
};

struct addresses {
	struct endpoint at[DIAL_ADDRESSES_MAX];
	unsigned len, tried;
};

struct dial {
	struct lane *lane;
	struct dial_plan plan; /* its pointers are those of the caller, but for these: */
	struct relay_target to;
	struct prefix6 client_prefix;
	struct loop_watch *timer;
	struct names_question *asked[FAMILIES]; /* NULL: answered, or not asked */
	struct addresses addresses[FAMILIES];
	struct attempt attempts[ATTEMPTS_MAX];
	unsigned attempts_len;
	enum family first;     /* has the head start */
	nsec deadline;	       /* for everything */
	nsec hold;	       /* until then the other family waits; 0: nobody does */
	nsec next;	       /* when the next attempt may begin */
	nsec sent;	       /* when the last one that sent anything has begun; 0: none has */
	enum dial_fault fault; /* the one that says most of what was met */
	struct endpoint peer;  /* tried last */
};

static const char *const fault_texts[DIAL_FAULT_COUNT] = {
	[DIAL_OK] = "connected",
	[DIAL_NO_NAME] = "there is no such name, or it has no address of a family that may be used",
	[DIAL_NO_ANSWER] = "the resolver did not answer for this name",
	[DIAL_DENIED] = "the destination is denied",
	[DIAL_DENIED_PORT] = "the destination's port is denied",
	[DIAL_DENIED_OWN] = "the destination is this gateway itself",
	[DIAL_REFUSED] = "connection refused",
	[DIAL_UNREACHABLE] = "no way to the destination",
	[DIAL_TIMEOUT] = "the destination did not answer in time",
	[DIAL_FAILED] = "out of memory, descriptors or ports",
};

const char *dial_fault_text(enum dial_fault f)
{
	ASSERT(f < DIAL_FAULT_COUNT);
	return fault_texts[f];
}

/* When several addresses fail in several ways, the one that got farthest is told. */
static const uint8_t says[DIAL_FAULT_COUNT] = {
	[DIAL_NO_NAME] = 1,
	[DIAL_NO_ANSWER] = 2,
	[DIAL_DENIED] = 3,
	[DIAL_DENIED_PORT] = 4,
	[DIAL_DENIED_OWN] = 5,
	[DIAL_FAILED] = 6,
	[DIAL_UNREACHABLE] = 7,
	[DIAL_TIMEOUT] = 8,
	[DIAL_REFUSED] = 9,
};

static void note_fault(struct dial *d, enum dial_fault f)
{
	if (says[f] > says[d->fault])
		d->fault = f;
}

static enum family family_of(const struct endpoint *at)
{
	return at->is4 ? IPV4 : IPV6;
}

static bool is_name(const struct dial *d)
{
	return d->to.host[0] != '\0';
}

static bool may_use(const struct dial *d, enum family f)
{
	return d->plan.family != (f == IPV4 ? RELAY_FAMILY_IPV6_ONLY : RELAY_FAMILY_IPV4_ONLY);
}

static bool is_failing(const struct dial *d, enum family f, nsec now)
{
	return is_name(d) && families_is_failing(d->lane->families, &d->to, f == IPV4, now);
}

/* --- the end --- */

static void attempt_close(struct attempt *a)
{
	edges_forget(a->dial->lane->edges, a->fd);
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}

static void dial_free(struct dial *d)
{
	for (unsigned f = 0; f < FAMILIES; f++)
		names_forget(d->asked[f]);
	for (unsigned i = 0; i < d->attempts_len; i++)
		attempt_close(&d->attempts[i]);
	loop_unwatch(d->timer);
	free(d);
}

static void count(struct lane *l, enum dial_fault f)
{
	struct lane_counters *c = &l->counters;
	atomic_ulong *const of_fault[DIAL_FAULT_COUNT] = {
		[DIAL_OK] = &c->dial_connected,
		[DIAL_NO_NAME] = &c->dial_no_name,
		[DIAL_NO_ANSWER] = &c->dial_no_answer,
		[DIAL_DENIED] = &c->denied_destination,
		[DIAL_DENIED_PORT] = &c->denied_port,
		[DIAL_DENIED_OWN] = &c->denied_own,
		[DIAL_REFUSED] = &c->dial_refused,
		[DIAL_UNREACHABLE] = &c->dial_unreachable,
		[DIAL_TIMEOUT] = &c->dial_timeout,
		[DIAL_FAILED] = &c->dial_failed,
	};
	unsigned long before = atomic_load_explicit(of_fault[f], memory_order_relaxed);

	atomic_store_explicit(of_fault[f], before + 1, memory_order_relaxed);
}

/* Whether an attempt that did not win has shown that its way is bad: by an error, or because it was overtaken by one that
 * began at least ATTEMPT_DELAY_MIN later. */
static bool was_bad(const struct attempt *a, nsec now)
{
	if (a->fault == DIAL_OK)
		return now - a->began >= ATTEMPT_DELAY_MIN;
	return a->fault == DIAL_REFUSED || a->fault == DIAL_UNREACHABLE || a->fault == DIAL_TIMEOUT;
}

/* What this dial has taught of the families of its name; @won: NULL if none was reached. */
static void note_families(const struct dial *d, const struct attempt *won)
{
	nsec now = clock_now();

	if (!is_name(d))
		return;
	for (unsigned i = 0; i < d->attempts_len; i++) {
		const struct attempt *a = &d->attempts[i];

		if (a != won && was_bad(a, now))
			families_note(d->lane->families, &d->to, a->to.is4, false, now);
	}
	if (won)
		families_note(d->lane->families, &d->to, won->to.is4, true, now);
}

static void finish(struct dial *d, struct attempt *won)
{
	void (*done)(void *ctx, enum dial_fault fault, int fd, const struct endpoint *peer) = d->plan.done;
	enum dial_fault fault = won ? DIAL_OK : d->fault;
	struct endpoint peer = won ? won->to : d->peer;
	void *ctx = d->plan.ctx;
	int fd = -1;

	note_families(d, won);
	count(d->lane, fault);
	if (won && won != &d->attempts[0]) /* else the others were only ahead of the need */
		LANE_COUNT(d->lane, dial_fell_back);
	if (won) {
		fd = won->fd;
		won->fd = -1;
		edges_drop(d->lane->edges, fd);
	}
	dial_free(d);
	done(ctx, fault, fd, &peer);
}

/* --- addresses --- */

/* What is dialled for an address: itself, or the IPv4 address that it stands for. */
static struct endpoint dialled_as(const struct dial *d, const struct endpoint *at)
{
	static const struct prefix6 mapped = { { 0, UINT64_C(0x0000ffff00000000) }, 96 };
	const struct relay_config *c = d->lane->config;
	struct endpoint as = { .is4 = true, .port = at->port };

	if (at->is4 || !may_use(d, IPV4))
		return *at;
	if (embed_extract(mapped, at->a6, &as.a4) == 0)
		return as;
	for (unsigned i = 0; i < c->translation_len; i++)
		if (embed_extract(c->translation[i], at->a6, &as.a4) == 0)
			return as;
	return *at;
}

static void list_add(struct addresses *l, const struct endpoint *at)
{
	for (unsigned i = 0; i < l->len; i++)
		if (endpoint_equal(&l->at[i], at))
			return;
	if (l->len < DIAL_ADDRESSES_MAX)
		l->at[l->len++] = *at;
}

/* An address of the destination, in the order of preference of its family. */
static void add_address(struct dial *d, const struct endpoint *at)
{
	struct endpoint as = dialled_as(d, at);
	enum dial_fault f;

	if (!may_use(d, family_of(&as))) {
		note_fault(d, DIAL_NO_NAME);
		return;
	}
	f = dial_socket_judge(d->lane->own, d->plan.access, at);
	if (f == DIAL_OK)
		f = dial_socket_judge(d->lane->own, d->plan.access, &as);
	if (f == DIAL_OK)
		list_add(&d->addresses[family_of(&as)], &as);
	else
		d->peer = as;
	note_fault(d, f);
}

static void go_on(struct dial *d);

static void take_answer(struct dial *d, enum family f, const struct names_answer *a)
{
	d->asked[f] = NULL;
	if (a->status != NAMES_OK)
		note_fault(d, a->status == NAMES_NONE ? DIAL_NO_NAME : DIAL_NO_ANSWER);
	for (unsigned i = 0; i < a->len; i++) {
		struct endpoint at = { .is4 = f == IPV4, .port = d->to.at.port };

		if (f == IPV4)
			at.a4 = a->a4[i];
		else
			at.a6 = a->a6[i];
		add_address(d, &at);
	}
	go_on(d);
}

static void on_answer6(void *ctx, const struct names_answer *a)
{
	take_answer(ctx, IPV6, a);
}

static void on_answer4(void *ctx, const struct names_answer *a)
{
	take_answer(ctx, IPV4, a);
}

static int ask(struct dial *d, enum family f)
{
	if (!may_use(d, f))
		return 0;
	return names_ask(d->lane->names, d->to.host, f == IPV4 ? NAMES_IPV4 : NAMES_IPV6,
		f == IPV4 ? on_answer4 : on_answer6, d, &d->asked[f]);
}

/* --- attempts --- */

static bool has_untried(const struct dial *d, enum family f)
{
	return d->addresses[f].tried < d->addresses[f].len;
}

/* Which family is next: the other one than last time, if it has an address; before the first, the one with the head start. */
static enum family next_family(const struct dial *d)
{
	enum family f = d->first;

	if (d->attempts_len > 0)
		f = d->attempts[d->attempts_len - 1].to.is4 ? IPV6 : IPV4;
	return has_untried(d, f) ? f : f == IPV4 ? IPV6 : IPV4;
}

static void attempt_fail(struct attempt *a, enum dial_fault fault)
{
	struct dial *d = a->dial;

	attempt_close(a);
	a->fault = fault;
	note_fault(d, fault);
	d->next = d->sent > 0 ? d->sent + ATTEMPT_GAP : 0; /* there is nothing else to wait for */
}

/* A socket has got somewhere, or nowhere. */
static void on_attempt(struct edge *w, unsigned events)
{
	struct attempt *a = HOLDER_OF(w, struct attempt, edge);
	struct dial *d = a->dial;

	if (!(events & (EDGE_WRITE | EDGE_BROKEN)))
		return;
	enum dial_fault f = events & EDGE_BROKEN ? dial_socket_error(a->fd) : DIAL_OK;

	if (f == DIAL_OK)
		f = dial_socket_check(a->fd, &a->to, d->lane->own, d->plan.access);
	if (f == DIAL_OK) {
		finish(d, a);
		return;
	}
	attempt_fail(a, f);
	go_on(d);
}

static void attempt_begin(struct dial *d, const struct endpoint *to)
{
	struct attempt *a = &d->attempts[d->attempts_len++];
	struct endpoint from = { .is4 = false };
	bool is_bound = d->plan.client_prefix && d->plan.client.is4 && !to->is4;
	nsec now = clock_now();

	*a = (struct attempt){ .edge = { .fn = on_attempt }, .dial = d, .to = *to, .began = now, .fd = -1 };
	d->peer = *to;
	if (is_bound)
		from.a6 = embed_addr(d->client_prefix, d->plan.client.a4);
	int err = dial_socket_open(d->plan.kind, to, is_bound ? &from : NULL, &a->fd);
	if (err == 0)
		err = edges_add(d->lane->edges, a->fd, &a->edge);
	if (err < 0) {
		attempt_fail(a, dial_socket_fault(-err));
		return;
	}
	d->sent = now;
	d->next = now + (is_failing(d, family_of(to), now) ? ATTEMPT_DELAY_MIN : ATTEMPT_DELAY);
}

/* Only the other family has an address yet: it waits a little for the one with the head start (RFC 8305 s3). */
static bool must_hold(struct dial *d, nsec now)
{
	if (d->attempts_len > 0 || has_untried(d, d->first) || !d->asked[d->first])
		return false;
	if (d->hold == 0)
		d->hold = now + RESOLUTION_DELAY;
	return now < d->hold;
}

static bool is_any_untried(const struct dial *d)
{
	return has_untried(d, IPV6) || has_untried(d, IPV4);
}

static void begin_attempts(struct dial *d, nsec now)
{
	while (is_any_untried(d) && now >= d->next && !must_hold(d, now)) {
		struct addresses *l = &d->addresses[next_family(d)];

		attempt_begin(d, &l->at[l->tried++]);
	}
}

static bool is_any_open(const struct dial *d)
{
	if (d->asked[IPV6] || d->asked[IPV4])
		return true;
	for (unsigned i = 0; i < d->attempts_len; i++)
		if (d->attempts[i].fd >= 0)
			return true;
	return is_any_untried(d);
}

static void set_timer(struct dial *d, nsec now)
{
	nsec at = d->deadline;

	if (is_any_untried(d) && d->attempts_len == 0 && d->hold < at)
		at = d->hold;
	if (is_any_untried(d) && d->attempts_len > 0 && d->next < at)
		at = d->next;
	if (!is_any_open(d))
		at = now;
	loop_timer_set(d->timer, at > now ? at - now : 0);
}

/* go_on() - do what can be done now, and come back when more can; may free the dial */
static void go_on(struct dial *d)
{
	nsec now = clock_now();

	begin_attempts(d, now);
	if (is_any_open(d) && now < d->deadline) {
		set_timer(d, now);
		return;
	}
	for (unsigned i = 0; i < d->attempts_len; i++)
		if (d->attempts[i].fd >= 0)
			attempt_fail(&d->attempts[i], DIAL_TIMEOUT);
	if (d->asked[IPV6] || d->asked[IPV4])
		note_fault(d, DIAL_NO_ANSWER);
	finish(d, NULL);
}

static void on_timer(void *ctx)
{
	go_on(ctx);
}

/* --- the beginning --- */

static void copy_target(struct relay_target *to, const struct relay_target *from)
{
	*to = *from;
	for (char *c = to->host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
}

/* The head start: IPv6's, unless it is said otherwise, and not of the family that fails while the other does not. */
static enum family first_family(const struct dial *d, nsec now)
{
	enum family f = d->plan.family == RELAY_FAMILY_IPV4_FIRST || !may_use(d, IPV6) ? IPV4 : IPV6;
	enum family other = f == IPV4 ? IPV6 : IPV4;

	if (may_use(d, other) && is_failing(d, f, now) && !is_failing(d, other, now))
		return other;
	return f;
}

static int begin(struct dial *d, nsec now)
{
	int err = loop_watch_timer(d->lane->loop, on_timer, d, &d->timer);

	if (err < 0)
		return err;
	d->first = first_family(d, now);
	if (is_name(d)) {
		err = ask(d, IPV6);
		if (err == 0)
			err = ask(d, IPV4);
	} else {
		add_address(d, &d->to.at);
		begin_attempts(d, now);
	}
	if (err == 0)
		set_timer(d, now);
	return err;
}

int dial_start(struct lane *l, const struct dial_plan *plan, struct dial **ret)
{
	struct dial *d = calloc(1, sizeof(*d));
	nsec now = clock_now();

	if (!d)
		return -ENOMEM;
	d->lane = l;
	d->plan = *plan;
	copy_target(&d->to, plan->to);
	d->plan.to = &d->to;
	if (plan->client_prefix)
		d->client_prefix = *plan->client_prefix;
	d->deadline = now + plan->timeout;
	LANE_COUNT(l, dials);
	int err = begin(d, now);
	if (err < 0) {
		count(l, DIAL_FAILED);
		dial_free(d);
		return err;
	}
	*ret = d;
	return 0;
}

void dial_cancel(struct dial *d)
{
	if (d)
		dial_free(d);
}
