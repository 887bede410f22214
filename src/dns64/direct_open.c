/*
 * direct_open.c - questions that are open at upstreams; see direct_open.h, and direct.c for the whole
 *
 * Structure. @struct_line is a socket with the questions that wait at it; each server has a few lines. A
 * @struct_direct_question is in three lists: of its line, by its hash (so that the same question is never open twice, RFC
 * 5452 s5), and in the order of time, for one timer.
 *
 *	line:	  open --DIRECT_LINE_QUESTIONS asked, or DIRECT_LINE_TIME, a timeout, an error--> retired --all answered--> closed
 *	question: asked --answer that scrub.c takes--> kept, told --> gone
 *			\--anything else--> marked, handed to libunbound --> gone
 *
 * A mark in messages.c says for MARK_TIME that libunbound was asked for it: a client that asks again is not made to wait for
 * the same failure, and joins there.
 *
 * Limits: DIRECT_OPEN_MAX questions, LINES_MAX sockets and those that are retired with questions open (each for
 * DIRECT_PATIENCE). Each has a counter.
 */
#include "dns64/direct_open.h"

#include "dns64/direct_servers.h"
#include "dns64/direct_socket.h"
#include "dns64/scrub.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define LINES_MAX 64  /* sockets that questions are asked from */
#define LINES_EACH 16 /* of one server, if there are not too many servers; a power of two */
#define BUCKETS 4096  /* a power of two */
#define MARK_TIME 5   /* seconds; as long as libunbound keeps a failure */

struct line {
	struct direct_open *direct;
	unsigned server, place; /* indices; of the place only while it is not retired */
	int fd;
	struct loop_watch *watch;
	unsigned asked; /* questions so far */
	unsigned unwanted;
	nsec opened;
	bool is_retired;
	struct direct_question *open; /* a list */
};

struct direct_question {
	struct dns_question q;
	uint64_t hash;
	struct direct_question *same; /* next of the bucket */
	struct direct_question *next; /* of the line */
	struct direct_question *older, *newer;
	struct line *line;
	nsec asked;
	unsigned generation;
	uint16_t id;
	struct direct_wait waiting; /* head of a ring */
};

struct direct_open {
	struct loop *loop;
	struct dns64_counters *counters;
	struct direct_owner owner;
	struct messages *messages; /* borrowed */
	unsigned generation;	   /* never 0 */
	struct random_stock random;
	struct port_set avoid;
	struct direct_servers servers;
	unsigned lines_each;				    /* a power of two */
	struct line *lines[DNS64_UPSTREAM_MAX][LINES_EACH]; /* NULL: none yet */
	struct direct_question *buckets[BUCKETS];
	struct direct_question *oldest, *newest;
	unsigned open_len;
	struct loop_watch *timer;
	struct direct_batch batch;
	uint8_t out[SCRUBBED_MAX];
};

/* --- questions --- */

static bool is_same(const struct dns_question *a, const struct dns_question *b)
{
	return a->type == b->type && a->class == b->class && dns_name_equal(&a->name, &b->name);
}

static struct direct_question **bucket_of(struct direct_open *d, uint64_t hash)
{
	return &d->buckets[hash & (BUCKETS - 1)];
}

static struct direct_question *find_open(struct direct_open *d, const struct dns_question *q, uint64_t hash)
{
	struct direct_question *o = *bucket_of(d, hash);

	/* What was asked before something was forgotten is of no use to those who ask afterwards. */
	while (o && (o->hash != hash || o->generation != d->generation || !is_same(&o->q, q)))
		o = o->same;
	return o;
}

static void enter_lists(struct direct_open *d, struct direct_question *o)
{
	struct direct_question **bucket = bucket_of(d, o->hash);

	o->same = *bucket;
	*bucket = o;
	o->next = o->line->open;
	o->line->open = o;
	o->older = d->newest;
	*(d->newest ? &d->newest->newer : &d->oldest) = o;
	d->newest = o;
	if (d->open_len++ == 0)
		loop_timer_set(d->timer, DIRECT_PATIENCE);
}

static void leave_lists(struct direct_open *d, struct direct_question *o)
{
	struct direct_question **at = bucket_of(d, o->hash);

	while (*at != o)
		at = &(*at)->same;
	*at = o->same;
	for (at = &o->line->open; *at != o; at = &(*at)->next)
		;
	*at = o->next;
	*(o->older ? &o->older->newer : &d->oldest) = o->newer;
	*(o->newer ? &o->newer->older : &d->newest) = o->older;
	d->open_len--;
}

static void join(struct direct_question *o, struct direct_wait *w)
{
	w->question = o;
	w->prev = o->waiting.prev;
	w->next = &o->waiting;
	w->prev->next = w;
	o->waiting.prev = w;
}

void direct_leave(struct direct_wait *w)
{
	if (!w->question)
		return;
	w->prev->next = w->next;
	w->next->prev = w->prev;
	w->question = NULL;
}

/* Tells all who wait; @msg NULL: that libunbound is to be asked. */
static void end_question(struct direct_open *d, struct direct_question *o, const uint8_t *msg, size_t len)
{
	leave_lists(d, o);
	while (o->waiting.next != &o->waiting) {
		struct direct_wait *w = o->waiting.next;

		direct_leave(w);
		d->owner.answered(d->owner.ctx, w, &o->q, msg, len);
	}
	free(o);
}

/* @why: the counter of the reason. */
static void hand_over(struct direct_open *d, struct direct_question *o, unsigned long *why)
{
	++*why;
	if (o->generation == d->generation)
		messages_mark(d->messages, &o->q, o->hash, messages_now(), MARK_TIME);
	end_question(d, o, NULL, 0);
}

/* --- lines --- */

static void close_line(struct line *l)
{
	loop_unwatch(l->watch);
	if (l->fd >= 0)
		close(l->fd);
	free(l);
}

/* Nothing more is asked from it; it is closed when nothing waits at it any more, by its user. */
static void retire(struct line *l)
{
	if (l->is_retired)
		return;
	l->is_retired = true;
	l->direct->lines[l->server][l->place] = NULL;
}

static void close_if_done(struct line *l)
{
	if (l->is_retired && !l->open)
		close_line(l);
}

static void on_reply(void *ctx, unsigned ready);

static int open_line(struct direct_open *d, unsigned server, unsigned place, struct line **ret)
{
	struct line *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	*l = (struct line){ .direct = d, .server = server, .place = place, .fd = -1, .opened = clock_now() };
	int err = direct_socket_open(&d->servers.at[server].to, &d->avoid, &d->random, &l->fd);

	if (err == 0)
		err = loop_watch_fd(d->loop, l->fd, LOOP_READ, on_reply, l, &l->watch);
	if (err < 0) {
		close_line(l);
		return err;
	}
	d->counters->upstream_direct_sockets++;
	d->lines[server][place] = *ret = l;
	return 0;
}

/* A line of the server, each as likely as any other; a fresh one in the place of one that was used enough. */
static int draw_line(struct direct_open *d, unsigned server, uint16_t dice, nsec now, struct line **ret)
{
	unsigned place = dice & (d->lines_each - 1);
	struct line *l = d->lines[server][place];

	if (l && direct_socket_is_worn(l->asked, now - l->opened)) {
		retire(l);
		close_if_done(l);
		l = NULL;
	}
	*ret = l;
	return l ? 0 : open_line(d, server, place, ret);
}

/* --- replies --- */

static void use_reply(struct direct_open *d, struct direct_question *o, size_t len)
{
	struct dns_msg said;
	bool sound = dns_msg_parse(d->out, len, &said);

	ASSERT(sound); /* we wrote it */
	d->counters->upstream_direct_answered++;
	if (o->generation == d->generation)
		d->counters->upstream_direct_lost +=
			messages_keep(d->messages, &said, o->hash, messages_now());
	end_question(d, o, d->out, len);
}

/* A reply that belongs to @o. */
static void judge_reply(struct direct_open *d, struct direct_question *o, const struct dns_msg *m)
{
	struct dns64_counters *c = d->counters;
	unsigned server = o->line->server;
	size_t len = 0;
	enum scrub s = scrub_reply(m, d->out, &len);
	unsigned long *why[] = {
		[SCRUB_TAKEN] = NULL,
		[SCRUB_CUT] = &c->upstream_direct_cut,
		[SCRUB_FAILED] = &c->upstream_direct_failed,
		[SCRUB_REFUSED] = &c->upstream_direct_refused,
		[SCRUB_ODD] = &c->upstream_direct_odd,
	};

	if (s == SCRUB_REFUSED)
		direct_servers_failed(&d->servers, server, "refuses questions");
	else
		direct_servers_answered(&d->servers, server, clock_now() - o->asked);
	if (s == SCRUB_TAKEN)
		use_reply(d, o, len);
	else
		hand_over(d, o, why[s]);
}

static struct direct_question *find_id(const struct line *l, uint16_t id)
{
	struct direct_question *o = l->open;

	while (o && o->id != id)
		o = o->next;
	return o;
}

/* RFC 5452 s9.1: the same question, or it is no answer to it. */
static void take_reply(struct line *l, const uint8_t *bytes, size_t len)
{
	struct direct_open *d = l->direct;
	bool is_reply = len >= DNS_HEADER_LEN && (be16_at(bytes + 2) & DNS_QR) != 0;
	struct direct_question *o = is_reply ? find_id(l, be16_at(bytes)) : NULL;
	struct dns_msg m;

	if (o && !dns_msg_parse(bytes, len, &m)) {
		/* An error without a question, such as FORMERR of a server without EDNS; or what cannot be read. */
		direct_servers_failed(&d->servers, l->server, "sends what cannot be read");
		hand_over(d, o, &d->counters->upstream_direct_refused);
	} else if (o && is_same(&m.question, &o->q)) {
		judge_reply(d, o, &m);
	} else {
		d->counters->upstream_direct_unwanted++;
		l->unwanted++;
	}
}

static void hand_all(struct line *l, unsigned long *why)
{
	retire(l);
	while (l->open)
		hand_over(l->direct, l->open, why);
}

/* The network says that nobody is there, or the system that nothing can be sent. */
static void line_failed(struct line *l)
{
	struct direct_open *d = l->direct;

	direct_servers_failed(&d->servers, l->server, "cannot be reached");
	hand_all(l, &d->counters->upstream_direct_unreachable);
}

static void on_reply(void *ctx, unsigned ready)
{
	struct line *l = ctx;
	struct direct_open *d = l->direct;
	int n = direct_socket_receive(l->fd, &d->batch);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		line_failed(l);
	for (int i = 0; i < n && l->unwanted < DIRECT_UNWANTED_MAX; i++)
		take_reply(l, d->batch.bytes[i], d->batch.heads[i].msg_len); /* what was cut cannot be read */
	if (l->unwanted >= DIRECT_UNWANTED_MAX)
		hand_all(l, &d->counters->upstream_direct_flooded);
	close_if_done(l);
	d->owner.settled(d->owner.ctx);
}

static void on_timer(void *ctx)
{
	struct direct_open *d = ctx;
	nsec now = clock_now();

	while (d->oldest && now - d->oldest->asked >= DIRECT_PATIENCE) {
		struct line *l = d->oldest->line;

		direct_servers_failed(&d->servers, l->server, "does not answer");
		retire(l); /* its port has been open for long, and a late answer may come to it */
		hand_over(d, d->oldest, &d->counters->upstream_direct_timeout);
		close_if_done(l);
	}
	if (d->oldest)
		loop_timer_set(d->timer, d->oldest->asked + DIRECT_PATIENCE - now);
	d->owner.settled(d->owner.ctx);
}

/* --- asking --- */

/* An identifier that no other question at the line has. */
static int draw_id(struct direct_open *d, const struct line *l, uint16_t *ret)
{
	int err;

	do
		err = random_take16(&d->random, ret);
	while (err == 0 && find_id(l, *ret));
	return err;
}

static int question_new(struct direct_open *d, struct line *l, const struct dns_question *q, uint64_t hash,
	nsec now, struct direct_question **ret)
{
	struct direct_question *o = malloc(sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->q.type = q->type;
	o->q.class = q->class;
	o->q.name.len = q->name.len;
	bytes_copy(o->q.name.wire, q->name.wire, q->name.len);
	o->hash = hash;
	o->line = l;
	o->asked = now;
	o->generation = d->generation;
	o->newer = NULL;
	o->waiting.prev = o->waiting.next = &o->waiting;
	int err = draw_id(d, l, &o->id);

	if (err < 0) {
		free(o);
		return err;
	}
	*ret = o;
	return 0;
}

/* False if nothing can be sent at the line: all that waits there is handed over. */
static bool start_question(struct direct_open *d, struct line *l, struct direct_question *o)
{
	if (!direct_socket_send(l->fd, &o->q, o->id)) {
		free(o);
		line_failed(l);
		close_if_done(l);
		d->owner.soon(d->owner.ctx);
		return false;
	}
	l->asked++;
	enter_lists(d, o);
	d->counters->upstream_direct++;
	return true;
}

static enum direct_way ask_server(
	struct direct_open *d, const struct dns_question *q, uint64_t hash, struct direct_wait *w)
{
	nsec now = clock_now();
	uint16_t dice[2];

	if (d->open_len >= DIRECT_OPEN_MAX || random_take16(&d->random, &dice[0]) < 0 ||
		random_take16(&d->random, &dice[1]) < 0) {
		d->counters->upstream_direct_full++;
		return DIRECT_HANDED;
	}
	int server = direct_server_choose(d->servers.at, d->servers.len, dice[0], now);

	if (server < 0) {
		d->counters->upstream_direct_resting++;
		return DIRECT_HANDED;
	}
	struct line *l;
	struct direct_question *o = NULL;
	int err = draw_line(d, (unsigned)server, dice[1], now, &l);

	if (err == 0)
		err = question_new(d, l, q, hash, now, &o);
	if (err < 0) {
		direct_servers_unasked(&d->servers, (unsigned)server, err);
		d->counters->upstream_direct_full++;
		return DIRECT_HANDED;
	}
	if (!start_question(d, l, o))
		return DIRECT_HANDED;
	join(o, w);
	return DIRECT_ASKED;
}

enum direct_way direct_open_ask(
	struct direct_open *d, const struct dns_question *q, uint64_t hash, struct direct_wait *w)
{
	struct direct_question *o = find_open(d, q, hash);

	if (!o)
		return ask_server(d, q, hash, w);
	d->counters->upstream_direct_joined++;
	join(o, w);
	return DIRECT_ASKED;
}

/* --- the whole --- */

unsigned direct_open_generation(const struct direct_open *d)
{
	return d->generation;
}

void direct_open_outdate(struct direct_open *d)
{
	if (++d->generation == 0)
		d->generation = 1;
}

bool direct_open_upstream_at(const struct direct_open *d, unsigned i, struct direct_upstream *ret)
{
	if (i >= d->servers.len)
		return false;
	const struct direct_server *s = &d->servers.at[i];

	*ret = (struct direct_upstream){ s->to, s->is_measured ? s->rtt : 0, s->rests_until > 0 };
	return true;
}

int direct_open_new(const struct direct_open_plan *p, struct direct_open **ret)
{
	const struct dns64_config *c = p->config;
	struct direct_open *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->loop = p->loop;
	d->counters = p->counters;
	d->owner = p->owner;
	d->messages = p->messages;
	d->generation = 1;
	direct_servers_init(&d->servers, c);
	for (d->lines_each = LINES_EACH; d->lines_each * d->servers.len > LINES_MAX;)
		d->lines_each /= 2;
	port_set_read(&d->avoid, p->reserved);
	int err = loop_watch_timer(d->loop, on_timer, d, &d->timer);

	if (err < 0) {
		free(d);
		return err;
	}
	*ret = d;
	return 0;
}

void direct_open_free(struct direct_open *d)
{
	if (!d)
		return;
	while (d->oldest) {
		struct direct_question *o = d->oldest;
		struct line *l = o->line;

		leave_lists(d, o);
		while (o->waiting.next != &o->waiting)
			direct_leave(o->waiting.next);
		free(o);
		close_if_done(l);
	}
	for (unsigned s = 0; s < DNS64_UPSTREAM_MAX; s++)
		for (unsigned i = 0; i < LINES_EACH; i++)
			if (d->lines[s][i])
				close_line(d->lines[s][i]);
	loop_unwatch(d->timer);
	free(d);
}
