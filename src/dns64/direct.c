/*
 * direct.c - questions to plain upstreams, without libunbound
 *
 * Purpose. libunbound makes a socket for each question, which is twenty of the twenty-three system calls of an answer that
 * is not cached (docs/performance.md). What a forwarder asks is simple, so it is asked here: one datagram to one upstream,
 * one try. Whatever goes another way than that (no answer in DIRECT_PATIENCE, TC, an error, a chain that does not end) is
 * left to libunbound, which knows failover, TCP, EDNS fallback; no such logic is written twice.
 *
 *	aside.c			which names are libunbound's		pure
 *	messages.c		what is known already
 *	direct_server.c		which upstream				pure
 *	direct_socket.c		from which port
 *	scrub.c			what of the reply counts		pure
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
 * the same failure, and joins there. What libunbound says then is kept here, too.
 *
 * Forged answers (RFC 5452). An answer counts only with the address and port of the server and the port of ours (the sockets
 * are connected), an identifier of 16 bits, and the question. Identifier and port come from the kernel's generator. The
 * ports are DIRECT_PORT_MIN and up, less those reserved: 15.75 bits, against about 15.8 of libunbound, which leaves out
 * ports with names. A blind guess is as hopeless as with a port for each question: 1 in 2^31.7.
 *
 * What differs is that a port lives longer. Who finds it out (by ICMP rate limits, say) has DIRECT_LINE_TIME or
 * DIRECT_LINE_QUESTIONS, whatever is shorter, and must hit one of the few ports that the question may be at. The answer to
 * that is DIRECT_UNWANTED_MAX: after so many messages at a socket that fit no question it is given up, at once and with its
 * questions, so a port that is known is good for 8 guesses of 65536. libunbound counts as many as 10 million. Whoever sends
 * such messages can thereby have libunbound ask, and so make answers slow, not wrong.
 *
 * Limits: DIRECT_OPEN_MAX questions, LINES_MAX sockets and those that are retired with questions open (each for
 * DIRECT_PATIENCE), a share of dns64.cache-size. Each has a counter.
 *
 * Deliberately not done: validation, servers over TLS, domains of dns64.forward, random case, answers beyond their time: with any of
 * them configured, or for those names, libunbound is asked. Retries, TCP: the same.
 *
 * Standards: RFC 1035 s4.1 and s7.3, RFC 5452, RFC 6891 s6.2.3, RFC 2308, RFC 9520 (what failed is not asked again at once).
 */
#include "dns64/direct.h"

#include "base/log.h"
#include "dns64/aside.h"
#include "dns64/direct_server.h"
#include "dns64/direct_socket.h"
#include "dns64/listen.h"
#include "dns64/messages.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define LINES_MAX 64  /* sockets that questions are asked from */
#define LINES_EACH 16 /* of one server, if there are not too many servers; a power of two */
#define BATCH 8	      /* datagrams that a system call takes */
#define BUCKETS 4096  /* a power of two */
#define QUERY_MAX (DNS_HEADER_LEN + DNS_NAME_MAX + 4 + DNS_OPT_LEN)
#define UDP_SIZE 1232	      /* as edns-buffer-size of engine_config.c */
#define MARK_TIME 5	      /* seconds; as long as libunbound keeps a failure */
#define LOG_PAUSE (60 * NSEC) /* at least, between two lines about a server */

struct line {
	struct direct *direct;
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

struct direct {
	struct loop *loop;
	struct dns64_counters *counters;
	struct direct_owner owner;
	struct aside *aside; /* NULL: nothing is asked directly */
	uint64_t aside_secret;
	struct messages *messages;
	unsigned generation;
	struct random_stock random;
	struct port_set avoid;
	struct direct_server servers[DNS64_UPSTREAM_MAX];
	nsec told[DNS64_UPSTREAM_MAX];	  /* when the log last said that it does not work; 0: never */
	bool is_down[DNS64_UPSTREAM_MAX]; /* so the log says */
	unsigned servers_len;
	unsigned lines_each;				    /* a power of two */
	struct line *lines[DNS64_UPSTREAM_MAX][LINES_EACH]; /* NULL: none yet */
	struct direct_question *buckets[BUCKETS];
	struct direct_question *oldest, *newest;
	unsigned open_len;
	struct loop_watch *timer;
	struct mmsghdr heads[BATCH];
	struct iovec io[BATCH];
	uint8_t in[BATCH][SCRUBBED_MAX];
	uint8_t out[SCRUBBED_MAX];
};

/* --- which questions --- */

/* Types of data for which a forwarder has nothing to do but to ask. */
static bool is_ordinary(uint16_t type)
{
	static const uint16_t types[] = { TYPE_A, TYPE_AAAA, TYPE_HTTPS, TYPE_PTR, TYPE_SVCB, 15 /* MX */,
		TYPE_TXT, 33 /* SRV */, TYPE_CNAME, TYPE_NS, TYPE_SOA, 35 /* NAPTR */, 44 /* SSHFP */,
		52 /* TLSA */, 256 /* URI */, 257 /* CAA */ };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i] == type)
			return true;
	return false;
}

bool direct_is_possible(const struct dns64_config *c)
{
	if (c->upstream_mode != UPSTREAM_FORWARD || c->upstream_len == 0 || c->dnssec_validate ||
		c->random_case || c->stale.keep > 0)
		return false;
	for (unsigned i = 0; i < c->upstream_len; i++)
		if (c->upstream[i].tls)
			return false;
	return true;
}

/* --- questions --- */

static bool is_same(const struct dns_question *a, const struct dns_question *b)
{
	return a->type == b->type && a->class == b->class && dns_name_equal(&a->name, &b->name);
}

static struct direct_question **bucket_of(struct direct *d, uint64_t hash)
{
	return &d->buckets[hash & (BUCKETS - 1)];
}

static struct direct_question *find_open(struct direct *d, const struct dns_question *q, uint64_t hash)
{
	struct direct_question *o = *bucket_of(d, hash);

	/* What was asked before something was forgotten is of no use to those who ask afterwards. */
	while (o && (o->hash != hash || o->generation != d->generation || !is_same(&o->q, q)))
		o = o->same;
	return o;
}

static void enter_lists(struct direct *d, struct direct_question *o)
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

static void leave_lists(struct direct *d, struct direct_question *o)
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
static void end_question(struct direct *d, struct direct_question *o, const uint8_t *msg, size_t len)
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
static void hand_over(struct direct *d, struct direct_question *o, unsigned long *why)
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

static struct line *open_line(struct direct *d, unsigned server, unsigned place)
{
	struct line *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	*l = (struct line){ .direct = d, .server = server, .place = place, .fd = -1, .opened = clock_now() };
	int err = direct_socket_open(&d->servers[server].to, &d->avoid, &d->random, &l->fd);

	if (err == 0)
		err = loop_watch_fd(d->loop, l->fd, LOOP_READ, on_reply, l, &l->watch);
	if (err < 0) {
		close_line(l);
		return NULL;
	}
	d->counters->upstream_direct_sockets++;
	d->lines[server][place] = l;
	return l;
}

/* A line of the server, each as likely as any other; a fresh one in the place of one that was used enough. */
static struct line *draw_line(struct direct *d, unsigned server, uint16_t dice, nsec now)
{
	unsigned place = dice & (d->lines_each - 1);
	struct line *l = d->lines[server][place];

	if (l && (l->asked >= DIRECT_LINE_QUESTIONS || now - l->opened >= DIRECT_LINE_TIME)) {
		retire(l);
		close_if_done(l);
		l = NULL;
	}
	return l ? l : open_line(d, server, place);
}

/* --- servers --- */

static void note_failed(struct direct *d, unsigned server, const char *why)
{
	struct direct_server *s = &d->servers[server];
	char text[ENDPOINT6_TEXT];
	nsec now = clock_now();

	if (!direct_server_failed(s, now))
		return;
	if (d->told[server] > 0 && now - d->told[server] < LOG_PAUSE)
		return;
	log_warning("dns64: the upstream %s %s: for %u s and until it answers, libunbound asks",
		dns_endpoint_text(&s->to, text), why, (unsigned)((s->rests_until - now) / NSEC));
	d->told[server] = now;
	d->is_down[server] = true;
}

static void note_answered(struct direct *d, unsigned server, nsec rtt)
{
	struct direct_server *s = &d->servers[server];
	char text[ENDPOINT6_TEXT];

	if (!direct_server_answered(s, rtt) || !d->is_down[server])
		return;
	log_info("dns64: the upstream %s answers again", dns_endpoint_text(&s->to, text));
	d->is_down[server] = false;
}

/* --- replies --- */

static void use_reply(struct direct *d, struct direct_question *o, size_t len)
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
static void judge_reply(struct direct *d, struct direct_question *o, const struct dns_msg *m)
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
		note_failed(d, server, "refuses questions");
	else
		note_answered(d, server, clock_now() - o->asked);
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
	struct direct *d = l->direct;
	bool is_reply = len >= DNS_HEADER_LEN && (be16_at(bytes + 2) & DNS_QR) != 0;
	struct direct_question *o = is_reply ? find_id(l, be16_at(bytes)) : NULL;
	struct dns_msg m;

	if (o && !dns_msg_parse(bytes, len, &m)) {
		/* An error without a question, such as FORMERR of a server without EDNS; or what cannot be read. */
		note_failed(d, l->server, "sends what cannot be read");
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
	struct direct *d = l->direct;

	note_failed(d, l->server, "cannot be reached");
	hand_all(l, &d->counters->upstream_direct_unreachable);
}

static int receive(struct direct *d, int fd)
{
	for (unsigned i = 0; i < BATCH; i++) {
		d->io[i] = (struct iovec){ .iov_base = d->in[i], .iov_len = sizeof(d->in[i]) };
		d->heads[i].msg_hdr = (struct msghdr){ .msg_iov = &d->io[i], .msg_iovlen = 1 };
	}
	return recvmmsg(fd, d->heads, BATCH, MSG_DONTWAIT, NULL);
}

static void on_reply(void *ctx, unsigned ready)
{
	struct line *l = ctx;
	struct direct *d = l->direct;
	int n = receive(d, l->fd);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		line_failed(l);
	for (int i = 0; i < n && l->unwanted < DIRECT_UNWANTED_MAX; i++)
		take_reply(l, d->in[i], d->heads[i].msg_len); /* what was cut cannot be read */
	if (l->unwanted >= DIRECT_UNWANTED_MAX)
		hand_all(l, &d->counters->upstream_direct_flooded);
	close_if_done(l);
	d->owner.settled(d->owner.ctx);
}

static void on_timer(void *ctx)
{
	struct direct *d = ctx;
	nsec now = clock_now();

	while (d->oldest && now - d->oldest->asked >= DIRECT_PATIENCE) {
		struct line *l = d->oldest->line;

		note_failed(d, l->server, "does not answer");
		retire(l); /* its port has been open for long, and a late answer may come to it */
		hand_over(d, d->oldest, &d->counters->upstream_direct_timeout);
		close_if_done(l);
	}
	if (d->oldest)
		loop_timer_set(d->timer, d->oldest->asked + DIRECT_PATIENCE - now);
	d->owner.settled(d->owner.ctx);
}

/* --- asking --- */

/* As libunbound asks: RD, and in OPT the size and DO (RFC 6891 s6.1.2, RFC 3225 s3). */
static bool send_query(struct direct_question *o)
{
	static const struct dns_opt opt = { .udp_size = UDP_SIZE, .dnssec_ok = true, .ede = -1 };
	uint8_t query[QUERY_MAX];
	struct dns_wr w;

	dns_wr_begin(&w, query, sizeof(query));
	dns_wr_question(&w, &o->q);
	dns_wr_opt(&w, &opt);
	size_t len = dns_wr_end(&w, o->id, DNS_RD);

	return send(o->line->fd, query, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

/* An identifier that no other question at the line has. */
static int draw_id(struct direct *d, const struct line *l, uint16_t *ret)
{
	int err;

	do
		err = random_take16(&d->random, ret);
	while (err == 0 && find_id(l, *ret));
	return err;
}

static struct direct_question *question_new(
	struct direct *d, struct line *l, const struct dns_question *q, uint64_t hash, nsec now)
{
	struct direct_question *o = malloc(sizeof(*o));

	if (!o)
		return NULL;
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
	if (draw_id(d, l, &o->id) < 0) {
		free(o);
		return NULL;
	}
	return o;
}

/* False if nothing can be sent at the line: all that waits there is handed over. */
static bool start_question(struct direct *d, struct line *l, struct direct_question *o)
{
	if (!send_query(o)) {
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
	struct direct *d, const struct dns_question *q, uint64_t hash, struct direct_wait *w)
{
	nsec now = clock_now();
	uint16_t dice[2];

	if (d->open_len >= DIRECT_OPEN_MAX || random_take16(&d->random, &dice[0]) < 0 ||
		random_take16(&d->random, &dice[1]) < 0) {
		d->counters->upstream_direct_full++;
		return DIRECT_HANDED;
	}
	int server = direct_server_choose(d->servers, d->servers_len, dice[0], now);

	if (server < 0) {
		d->counters->upstream_direct_resting++;
		return DIRECT_HANDED;
	}
	struct line *l = draw_line(d, (unsigned)server, dice[1], now);
	struct direct_question *o = l ? question_new(d, l, q, hash, now) : NULL;

	if (!o) {
		note_failed(d, (unsigned)server, "cannot be asked: no socket, or no memory");
		d->counters->upstream_direct_full++;
		return DIRECT_HANDED;
	}
	if (!start_question(d, l, o))
		return DIRECT_HANDED;
	join(o, w);
	return DIRECT_ASKED;
}

enum direct_way direct_ask(struct direct *d, const struct dns_question *q, struct direct_wait *w,
	const uint8_t **ret_msg, size_t *ret_len)
{
	if (q->class != CLASS_IN || !is_ordinary(q->type) || !d->aside || aside_holds(d->aside, &q->name))
		return DIRECT_NOT;
	uint64_t hash = messages_hash(d->messages, q);
	uint32_t now = messages_now();
	const struct message *m = messages_find(d->messages, q, hash, now);

	if (m && message_is_mark(m)) {
		d->counters->upstream_direct_marked++;
		return DIRECT_HANDED;
	}
	if (m) {
		d->counters->upstream_direct_kept++;
		*ret_len = message_write(m, now, d->out);
		*ret_msg = d->out;
		return DIRECT_KEPT;
	}
	struct direct_question *o = find_open(d, q, hash);

	if (!o)
		return ask_server(d, q, hash, w);
	d->counters->upstream_direct_joined++;
	join(o, w);
	return DIRECT_ASKED;
}

/* --- what is kept --- */

unsigned direct_generation(const struct direct *d)
{
	return d->generation;
}

void direct_learn(struct direct *d, unsigned generation, const uint8_t *msg, size_t len)
{
	struct dns_msg m, said;

	if (generation != d->generation || !dns_msg_parse(msg, len, &m) ||
		scrub_reply(&m, d->out, &len) != SCRUB_TAKEN || !dns_msg_parse(d->out, len, &said))
		return;
	d->counters->upstream_direct_lost +=
		messages_keep(d->messages, &said, messages_hash(d->messages, &said.question), messages_now());
}

void direct_forget(struct direct *d, const struct dns_name *name, enum name_scope scope)
{
	messages_forget(d->messages, name, scope);
	if (++d->generation == 0)
		d->generation = 1;
}

unsigned direct_kept(const struct direct *d)
{
	return messages_len(d->messages);
}

size_t direct_kept_bytes(const struct direct *d)
{
	return messages_bytes(d->messages);
}

bool direct_upstream_at(const struct direct *d, unsigned i, struct direct_upstream *ret)
{
	if (i >= d->servers_len)
		return false;
	*ret = (struct direct_upstream){ d->servers[i].to, d->servers[i].rtt, d->servers[i].rests_until > 0 };
	return true;
}

void direct_update_local(struct direct *d, const struct dns64_config *c)
{
	aside_free(d->aside);
	d->aside = NULL;
	if (aside_new(c, d->aside_secret, &d->aside) < 0)
		log_error("dns64: out of memory for local names: every upstream is asked by way of "
			  "libunbound, until a reload");
}

/* --- start --- */

static int make_parts(struct direct *d, const struct dns64_config *c, size_t bytes)
{
	int err = random_seed(&d->aside_secret, sizeof(d->aside_secret));

	if (err == 0)
		err = aside_new(c, d->aside_secret, &d->aside);
	if (err == 0)
		err = messages_new(bytes, &d->messages);
	if (err == 0)
		err = loop_watch_timer(d->loop, on_timer, d, &d->timer);
	return err;
}

int direct_new(const struct dns64_config *c, size_t bytes, const char *reserved, struct loop *l,
	struct dns64_counters *counters, struct direct_owner owner, struct direct **ret)
{
	struct direct *d = calloc(1, sizeof(*d));

	ASSERT(c->upstream_len <= DNS64_UPSTREAM_MAX);
	if (!d)
		return -ENOMEM;
	d->loop = l;
	d->counters = counters;
	d->owner = owner;
	d->generation = 1;
	d->servers_len = c->upstream_len;
	for (unsigned i = 0; i < c->upstream_len; i++)
		d->servers[i].to = c->upstream[i].to;
	for (d->lines_each = LINES_EACH; d->lines_each * d->servers_len > LINES_MAX;)
		d->lines_each /= 2;
	port_set_read(&d->avoid, reserved);
	int err = make_parts(d, c, bytes);

	if (err < 0) {
		direct_free(d);
		return err;
	}
	*ret = d;
	return 0;
}

void direct_free(struct direct *d)
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
	aside_free(d->aside);
	messages_free(d->messages);
	free(d);
}
