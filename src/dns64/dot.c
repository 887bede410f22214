/*
 * dot.c - see dot.h
 *
 * A query takes a slot, whose number is a part of the identifier that it has on the connection, so that a reply finds
 * it whatever the order (RFC 7766 s7). What does not fit into the socket waits in the queue of slots.
 *
 *	IDLE --a query--> CONNECTING --handshake done--> OPEN --nothing to do, or the server ends it--> IDLE
 *	                      \--refused, or too late--> RESTING --after a pause--> IDLE
 *
 * A connection that ends with queries unanswered is no failure if it has carried answers before: servers end
 * connections when they like (RFC 7766 s6.2.3). Those queries are asked once more, over a new one (s6.2.4). One that
 * never carried any is a failure, as are a refused connection and a certificate that is not the server's: everything
 * that waits is answered with SERVFAIL, so that libunbound turns to the next server at once, and the pauses before the
 * next attempt grow.
 *
 * Deliberately not done: falling back to another server here, which is libunbound's part; resuming TLS sessions;
 * edns-tcp-keepalive (RFC 7828): the idle time is ours; pins of public keys (RFC 7858 s4.2), because the name is checked.
 */
#include "dns64/dot.h"

#include "base/log.h"
#include "dns64/listen.h"
#include "net/sockaddr.h"
#include "net/tls.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#define TICK (250 * MSEC)	/* how often the times below are looked at */
#define CONNECT_TIME (4 * NSEC) /* TCP and TLS together */
#define SILENCE_TIME (4 * NSEC) /* without a byte while queries wait: the path is dead */
#define ANSWER_TIME (8 * NSEC)	/* one query, while others are answered */
#define IDLE_TIME (20 * NSEC)	/* connections are kept for the next query (RFC 7858 s3.4) */
#define REST_MIN (NSEC)
#define REST_MAX (30 * NSEC)
#define SLOT_BITS 10
#define OUT_ROOM 16384 /* bytes: what one record of TLS can hold */

enum dot_state { DOT_IDLE, DOT_CONNECTING, DOT_OPEN, DOT_RESTING };
enum slot_state { SLOT_FREE, SLOT_WAITING, SLOT_SENT };

struct slot {
	enum slot_state state;
	bool is_repeated; /* was on a connection that ended */
	uint8_t turn;	  /* of the slot; a late reply to the query before has another */
	uint16_t from;
	uint16_t len;
	uint16_t question_end; /* offset */
	nsec asked;
	uint8_t query[DOT_QUERY_MAX]; /* with the asker's identifier */
};

struct dot {
	struct upstream upstream;
	struct loop *loop;
	struct ssl_ctx_st *context;
	struct dns64_counters *counters;
	struct dot_asker asker;
	struct loop_watch *clock, *reading, *writing;
	enum dot_state state;
	nsec since;	 /* of the state */
	nsec heard;	 /* the last bytes, or the first query that waited for some */
	unsigned fails;	 /* in a row */
	bool has_spoken; /* the connection has carried a reply */
	bool is_broken;	 /* so the log says */
	int fd;
	struct ssl_st *tls;
	unsigned open_len; /* slots that are not free */
	uint16_t free_slots[DOT_OPEN_MAX];
	uint16_t queue[DOT_OPEN_MAX]; /* a ring of slots to be sent */
	unsigned queue_at, queue_len;
	unsigned out_at, out_len, in_len;
	uint8_t out[OUT_ROOM];
	uint8_t in[2 + DNS_MESSAGE_MAX];
	struct slot slots[DOT_OPEN_MAX];
};

static const char *name_of(const struct dot *d, char text[static ENDPOINT6_TEXT])
{
	return endpoint_text(&d->upstream.to, text);
}

/* --- slots --- */

static void slots_clear(struct dot *d)
{
	d->open_len = d->queue_len = 0;
	for (unsigned i = 0; i < DOT_OPEN_MAX; i++) {
		d->slots[i].state = SLOT_FREE;
		d->free_slots[i] = (uint16_t)(DOT_OPEN_MAX - 1 - i);
	}
}

static void slot_free(struct dot *d, struct slot *s)
{
	s->state = SLOT_FREE;
	s->turn++;
	d->open_len--;
	d->free_slots[DOT_OPEN_MAX - 1 - d->open_len] = (uint16_t)(s - d->slots);
}

static void enqueue(struct dot *d, struct slot *s)
{
	s->state = SLOT_WAITING;
	d->queue[(d->queue_at + d->queue_len++) % DOT_OPEN_MAX] = (uint16_t)(s - d->slots);
}

static uint16_t wire_id(const struct dot *d, const struct slot *s)
{
	return (uint16_t)((unsigned)(s - d->slots) | (unsigned)s->turn << SLOT_BITS);
}

/* Answers a query with SERVFAIL: its header and its question. */
static void refuse(struct dot *d, const uint8_t *query, size_t question_end, uint16_t from)
{
	uint8_t reply[DOT_QUERY_MAX];
	uint16_t kept = be16_at(query + 2) & (DNS_RD | DNS_CD);

	bytes_copy(reply, query, question_end);
	be16_put(reply + 2, (uint16_t)(DNS_QR | DNS_RA | RCODE_SERVFAIL | kept));
	be16_put(reply + 4, 1);
	for (unsigned at = 6; at < 12; at += 2)
		be16_put(reply + at, 0);
	d->asker.answered(d->asker.ctx, from, reply, question_end);
}

static void give_up(struct dot *d, struct slot *s)
{
	d->counters->upstream_tls_lost++;
	refuse(d, s->query, s->question_end, s->from);
	slot_free(d, s);
}

/* --- the connection's end --- */

static void enter(struct dot *d, enum dot_state state)
{
	d->state = state;
	d->since = clock_now();
}

static void close_connection(struct dot *d)
{
	loop_unwatch(d->reading);
	loop_unwatch(d->writing);
	d->reading = d->writing = NULL;
	tls_end(d->tls);
	d->tls = NULL;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	d->out_at = d->out_len = d->in_len = 0;
	enter(d, DOT_IDLE);
}

/* The server cannot be used now. */
static void fail(struct dot *d, const char *why)
{
	char text[ENDPOINT6_TEXT];
	nsec rest = d->fails < 5 ? REST_MIN << d->fails : REST_MAX;

	close_connection(d);
	d->counters->upstream_tls_failed++;
	d->fails++;
	if (!d->is_broken)
		log_warning("dns64: the upstream tls://%s#%s does not work: %s", name_of(d, text),
			d->upstream.tls_name, why);
	d->is_broken = true;
	for (unsigned i = 0; i < DOT_OPEN_MAX; i++)
		if (d->slots[i].state != SLOT_FREE)
			give_up(d, &d->slots[i]);
	d->queue_len = 0;
	enter(d, DOT_RESTING);
	d->since += rest; /* until then */
}

static void start_connection(struct dot *d);

/* The connection has ended. */
static void lost(struct dot *d, const char *why)
{
	if (!d->has_spoken && d->open_len > 0) {
		fail(d, why);
		return;
	}
	close_connection(d);
	d->queue_len = 0;
	for (unsigned i = 0; i < DOT_OPEN_MAX; i++) {
		struct slot *s = &d->slots[i];

		if (s->state == SLOT_SENT && s->is_repeated) {
			give_up(d, s);
		} else if (s->state != SLOT_FREE) {
			s->is_repeated |= s->state == SLOT_SENT;
			enqueue(d, s);
		}
	}
	if (d->queue_len > 0)
		start_connection(d);
}

/* --- bytes --- */

static void on_readable(void *ctx, unsigned ready);
static void on_writable(void *ctx, unsigned ready);

static void set_watch(struct dot *d, struct loop_watch **w, bool is_wanted, unsigned events,
	void (*fn)(void *ctx, unsigned ready))
{
	if ((*w != NULL) == is_wanted)
		return;
	if (!is_wanted) {
		loop_unwatch(*w);
		*w = NULL;
	} else if (loop_watch_fd(d->loop, d->fd, events, fn, d, w) < 0) {
		*w = NULL; /* the clock ends a connection that nobody watches */
	}
}

static void update_watches(struct dot *d)
{
	bool is_joining = d->state == DOT_CONNECTING && !d->tls;

	if (d->fd < 0)
		return;
	set_watch(d, &d->reading, d->tls != NULL, LOOP_READ, on_readable);
	set_watch(d, &d->writing, is_joining || d->out_at < d->out_len || (d->tls && tls_wants_write(d->tls)),
		LOOP_WRITE, on_writable);
}

/* Takes as many waiting queries as fit; false if there is nothing to send. */
static bool fill_output(struct dot *d)
{
	d->out_at = d->out_len = 0;
	while (d->queue_len > 0) {
		struct slot *s = &d->slots[d->queue[d->queue_at]];

		if (2u + s->len > OUT_ROOM - d->out_len)
			break;
		d->queue_at = (d->queue_at + 1) % DOT_OPEN_MAX;
		d->queue_len--;
		s->state = SLOT_SENT;
		be16_put(d->out + d->out_len, s->len); /* RFC 1035 s4.2.2 */
		bytes_copy(d->out + d->out_len + 2, s->query, s->len);
		be16_put(d->out + d->out_len + 2, wire_id(d, s));
		d->out_len += 2u + s->len;
	}
	return d->out_len > 0;
}

static void send_waiting(struct dot *d)
{
	while (d->state == DOT_OPEN && (d->out_at < d->out_len || fill_output(d))) {
		ssize_t n = tls_write(d->tls, d->out + d->out_at, d->out_len - d->out_at);

		if (n == -EAGAIN)
			break;
		if (n <= 0) {
			lost(d, "the connection breaks while a query is sent");
			return;
		}
		d->out_at += (unsigned)n;
	}
	update_watches(d);
}

static void note_works(struct dot *d)
{
	char text[ENDPOINT6_TEXT];

	d->has_spoken = true;
	d->fails = 0;
	if (d->is_broken)
		log_info("dns64: the upstream tls://%s#%s works again", name_of(d, text),
			d->upstream.tls_name);
	d->is_broken = false;
}

/* A question that comes back is the one that was asked (RFC 7766 s7, RFC 7858 s3.3); case does not count. */
static bool is_reply_to(const struct slot *s, const uint8_t *reply, size_t len)
{
	size_t type_at = s->question_end - 4u;

	if (be16_at(reply + 4) == 0) /* of an error, perhaps */
		return true;
	if (len < s->question_end)
		return false;
	for (size_t i = DNS_HEADER_LEN; i < type_at; i++)
		if (dns_lower(reply[i]) != dns_lower(s->query[i]))
			return false;
	return bytes_equal(reply + type_at, s->query + type_at, 4);
}

/* One message of the server. */
static void take_reply(struct dot *d, uint8_t *reply, size_t len)
{
	unsigned id = len >= 12 ? be16_at(reply) : 0;
	struct slot *s = &d->slots[id % DOT_OPEN_MAX];

	if (len < 12 || s->state != SLOT_SENT || wire_id(d, s) != id || !is_reply_to(s, reply, len)) {
		d->counters->upstream_tls_stray++;
		return;
	}
	note_works(d);
	bytes_copy(reply, s->query, 2);
	d->asker.answered(d->asker.ctx, s->from, reply, len);
	slot_free(d, s);
}

/* Takes the whole messages out of what was read. */
static void take_input(struct dot *d)
{
	size_t at = 0;

	while (d->in_len - at >= 2) {
		size_t len = be16_at(d->in + at);

		if (len > d->in_len - at - 2)
			break;
		take_reply(d, d->in + at + 2, len);
		at += 2 + len;
	}
	d->in_len -= (unsigned)at;
	if (at > 0)
		bytes_move(d->in, d->in + at, d->in_len);
}

static void end_of_input(struct dot *d, ssize_t n)
{
	const char *refusal = tls_refusal(d->tls);

	if (d->state == DOT_CONNECTING)
		fail(d, refusal	       ? refusal
			: n == 0       ? "it ends the connection in the handshake"
			: n == -EPROTO ? "no TLS is agreed upon"
				       : strerror((int)-n));
	else
		lost(d, n == 0 ? "it ends the connection without an answer" : "the connection breaks");
}

static void on_readable(void *ctx, unsigned ready)
{
	struct dot *d = ctx;

	for (;;) {
		ssize_t n = tls_read(d->tls, d->in + d->in_len, sizeof(d->in) - d->in_len);

		if (n > 0) {
			d->heard = clock_now();
			d->in_len += (unsigned)n;
			take_input(d);
		} else if (n != -EAGAIN) {
			end_of_input(d, n);
			return;
		}
		if (d->state == DOT_CONNECTING && tls_is_established(d->tls)) {
			enter(d, DOT_OPEN);
			d->heard = d->since;
		}
		if (n <= 0)
			break;
	}
	send_waiting(d);
	update_watches(d);
}

/* --- connecting --- */

static void start_tls(struct dot *d)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err != 0) {
		fail(d, strerror(err));
		return;
	}
	d->tls = tls_connect(d->context, d->fd, d->upstream.tls_name);
	if (!d->tls) {
		fail(d, "out of memory");
		return;
	}
	on_readable(d, LOOP_READ);
}

static void on_writable(void *ctx, unsigned ready)
{
	struct dot *d = ctx;

	if (d->state == DOT_CONNECTING && !d->tls)
		start_tls(d);
	else if (d->state == DOT_CONNECTING)
		on_readable(d, ready);
	else
		send_waiting(d);
}

static int open_socket(struct dot *d)
{
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, &d->upstream.to);
	int one = 1;

	d->fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0)
		return -errno;
	(void)setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* slower without, not wrong */
	return connect(d->fd, &a.sa, len) < 0 && errno != EINPROGRESS ? -errno : 0;
}

static void start_connection(struct dot *d)
{
	enter(d, DOT_CONNECTING);
	d->has_spoken = false;
	d->counters->upstream_tls_connections++;
	int err = open_socket(d);

	if (err == 0)
		update_watches(d);
	else
		fail(d, strerror(-err));
	loop_timer_set(d->clock, TICK);
}

/* --- time --- */

static void expire_slots(struct dot *d, nsec now)
{
	for (unsigned i = 0; i < DOT_OPEN_MAX; i++)
		if (d->slots[i].state == SLOT_SENT && now - d->slots[i].asked > ANSWER_TIME)
			give_up(d, &d->slots[i]);
}

static void on_tick(void *ctx)
{
	struct dot *d = ctx;
	nsec now = clock_now();

	if (d->state == DOT_CONNECTING && now - d->since > CONNECT_TIME) {
		fail(d, d->tls ? "it does not finish the handshake in time" : "no connection in time");
	} else if (d->state == DOT_RESTING && now > d->since) {
		enter(d, DOT_IDLE);
	} else if (d->state == DOT_OPEN) {
		if (d->open_len > 0)
			expire_slots(d, now);
		if (d->open_len > 0 && now - d->heard > SILENCE_TIME)
			lost(d, "it does not answer");
		else if (d->open_len == 0 && now - d->heard > IDLE_TIME)
			close_connection(d);
	}
	if (d->state != DOT_IDLE)
		loop_timer_set(d->clock, TICK);
}

/* --- asking --- */

void dot_ask(struct dot *d, const struct dns_msg *q, uint16_t from)
{
	ASSERT(q->len <= DOT_QUERY_MAX);
	d->counters->upstream_tls_asked++;
	if (d->state == DOT_RESTING || d->open_len == DOT_OPEN_MAX) {
		d->counters->upstream_tls_full += d->state != DOT_RESTING;
		d->counters->upstream_tls_lost += d->state == DOT_RESTING;
		refuse(d, q->bytes, q->start[SECTION_ANSWER], from);
		return;
	}
	struct slot *s = &d->slots[d->free_slots[DOT_OPEN_MAX - 1 - d->open_len]];

	s->is_repeated = false;
	s->from = from;
	s->len = (uint16_t)q->len;
	s->question_end = (uint16_t)q->start[SECTION_ANSWER];
	s->asked = clock_now();
	bytes_copy(s->query, q->bytes, q->len);
	if (d->open_len++ == 0)
		d->heard = s->asked;
	enqueue(d, s);
	if (d->state == DOT_IDLE)
		start_connection(d);
	else if (d->state == DOT_OPEN)
		send_waiting(d);
}

int dot_new(const struct upstream *u, struct loop *l, struct ssl_ctx_st *tls, struct dns64_counters *counters,
	struct dot_asker asker, struct dot **ret)
{
	struct dot *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->upstream = *u;
	d->loop = l;
	d->context = tls;
	d->counters = counters;
	d->asker = asker;
	d->fd = -1;
	slots_clear(d);
	int err = loop_watch_timer(l, on_tick, d, &d->clock);

	if (err < 0) {
		free(d);
		return err;
	}
	*ret = d;
	return 0;
}

void dot_free(struct dot *d)
{
	if (!d)
		return;
	close_connection(d);
	loop_unwatch(d->clock);
	free(d);
}
