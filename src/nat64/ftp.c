/*
 * ftp.c - the application layer gateway for FTP (RFC 6384): segments of control connections
 *
 * Purpose. An IPv6-only client says EPSV and EPRT to an FTP server that has only IPv4, and that perhaps knows only PASV and
 * PORT. Here the control connection (TCP port 21) is followed, its lines are changed where they must be, and a port is opened
 * where a server is asked to connect.
 *
 * Structure. Four layers, of which each knows only those below:
 *
 *	ftp.c		segments: begin and end of a connection, acknowledgments, what is sent	(ftp_table.c: which)
 *	ftp_segment.c	the TCP header: numbers, options, checksum, offload state
 *	ftp_control.c	the conversation: what is said, what is heard		(ftp_command.c, ftp_reply.c, ftp_text.c)
 *	ftp_stream.c	positions: why nothing is lost, although nobody here repeats anything
 *
 * A segment is changed before it is translated, in the terms of the family that it came in; xlat/ then finds an ordinary
 * packet. What costs every packet is one comparison of a port (flow_64(), flow_46()).
 *
 * Life cycle. A connection is followed from the server's SYN with ACK on, which names both sides' first numbers; the client's
 * next segment must agree with them, else it was forged and the connection is left alone. It goes when its session goes. A
 * connection whose beginning was not seen (the table was full, the program has started since) is translated like any
 * other; its numbers are the same on both sides, so nothing breaks but EPSV to old servers, and EPRT.
 *
 * Order. What comes after a gap cannot be understood and is dropped; its sender repeats it. Once transparent, it goes on.
 *
 * A TCP segment is never taken apart from its acknowledgment: if all its bytes are held back, the rest of it goes on.
 *
 * Urgent data (RFC 6384 s5). The pointer is relative to the segment, so it stays where the payload stays; where bytes change,
 * or it points beyond the segment, URG is cleared.
 *
 * Hairpins. A server that is itself behind this gateway speaks IPv6, and needs nothing of this.
 *
 * Reload. nat64.ftp-alg decides about connections that begin; those that are followed stay so.
 *
 * DEVIATION: if the server answers a NOOP of ours with something else than 200, the connection is not torn down (s12
 * SHOULD), but counted. Servers answer 530 to whoever has not logged in, and the client gets its reply all the same.
 *
 * Standards: RFC 6384, RFC 9293 s3.4, s3.8, RFC 7323 s3.2, RFC 2018.
 */
#include "nat64/ftp_segment.h"
#include "nat64/ftp_table.h"

#define WAIT_MIN (30 * NSEC) /* RFC 6384 s12, for data connections */
#define GAP_MAX (1u << 24)   /* no window of a control connection is larger */
#define WINDOW_UNKNOWN 512   /* until an end has said what it takes: a line or two */

/* One segment of a connection that is followed. */
struct turn {
	struct job *j;
	struct ftp_session *s;
	enum direction dir;
	struct ftp_stream *stream; /* of its bytes */
	struct ftp_segment g;	   /* as it came; then as it goes */
	struct addr4 out;	   /* the pool's address */
};

static enum direction other(enum direction d)
{
	return d == DIR_64 ? DIR_46 : DIR_64;
}

/* --- what the conversation wants --- */

static bool open_port(void *ctx, uint16_t port, struct addr4 *ret_a, uint16_t *ret_port)
{
	const struct turn *t = ctx;
	struct nat64 *n = t->j->n;
	const struct ftp_key *k = &t->s->key;
	nsec transitory = n->cfg.state.lifetime[LIFETIME_TCP_TRANSITORY];
	const struct flow64 f = {
		.proto = PROTO_TCP, .prefix = k->prefix, .src = k->client, .sport = port, .dst = k->server
	};

	if (state_expect(n->state, &f, t->out, t->j->now, transitory > WAIT_MIN ? transitory : WAIT_MIN,
		    ret_port) != DROP_NONE)
		return false;
	*ret_a = t->out;
	return true;
}

static void count_event(void *ctx, enum ftp_event event)
{
	const struct turn *t = ctx;

	t->j->n->count.ftp[event]++;
}

/* --- payload --- */

static size_t converse(struct turn *t, struct rd bytes, struct wr *out)
{
	struct ftp_control *c = &t->s->control;
	const struct ftp_service service = {
		.ctx = t, .client = t->s->key.client, .open = open_port, .did = count_event
	};

	return t->dir == DIR_64 ? ftp_control_commands(c, &service, t->stream, bytes, out)
				: ftp_control_replies(c, &service, t->stream, bytes, out);
}

/* Bytes that were lost on the way here. Where nothing is looked at they may come later. */
static enum drop_reason take_gap(struct turn *t)
{
	struct ftp_stream *s = t->stream;
	uint32_t gap = t->g.seq - s->in_next;

	if (t->s->control.mode != FTP_TRANSPARENT || ftp_stream_is_holding(s) || gap > GAP_MAX)
		return DROP_FTP_GAP;
	ftp_stream_run(s, NULL, gap, NULL);
	return DROP_NONE;
}

/* The FIN of a segment all of whose bytes were taken. */
static void take_fin(struct turn *t, struct wr *out)
{
	struct ftp_stream *s = t->stream;

	if (t->g.seq + t->g.len != s->in_next)
		return; /* it was taken before */
	if (!ftp_stream_can_edit(s)) {
		t->g.flags &= (uint8_t)~TCP_FIN;
		return;
	}
	ftp_stream_fin(s, out);
	t->s->has_fin[t->dir] = true;
}

/*
 * All of the segment that can be taken now. What cannot be (too many changes are not acknowledged) counts as lost; its
 * sender repeats it.
 */
static bool take_bytes(struct turn *t, struct wr *out)
{
	struct ftp_segment *g = &t->g;
	bool has_fin = g->flags & TCP_FIN;
	struct rd bytes = rd_of(g->payload, g->len);
	size_t old = ftp_stream_repeat(t->stream, g->seq, bytes, has_fin, out);
	bool is_new = old < g->len;

	(void)rd_take(&bytes, old);
	size_t taken = is_new ? converse(t, bytes, out) : 0;

	if (old + taken < g->len)
		g->flags &= (uint8_t)~TCP_FIN;
	else if (has_fin)
		take_fin(t, out);
	ftp_stream_pause(t->stream);
	return is_new;
}

/* On the receiver's behalf: what is held back has come. ftp_stream.c says why this is safe. */
static void acknowledge(struct turn *t)
{
	const struct ftp_stream *back = &t->s->stream[other(t->dir)];
	const struct ftp_end *end = &t->s->end[other(t->dir)];
	const struct ftp_segment g = {
		.seq = back->out_next,
		.ack = t->stream->in_acked,
		.window = end->has_window ? end->window : WINDOW_UNKNOWN,
		.has_time = end->has_time,
		.time = end->time,
	};
	uint8_t memory[PKT_HEADROOM + FTP_ACK_BYTES + PKT_TAILROOM];
	struct pkt p;

	if (!ftp_segment_acknowledge(t->j->p, &g, memory, &p))
		return;
	t->j->n->count.ftp_acks++;
	t->j->out->send(t->j->out->ctx, &p);
}

static bool is_same(const struct ftp_segment *g, const struct wr *out)
{
	return wr_len(out) == g->len && bytes_equal(out->start, g->payload, g->len);
}

static enum drop_reason take_payload(struct turn *t)
{
	struct ftp_segment *g = &t->g;
	struct ftp *f = t->j->n->ftp;
	struct wr out = wr_of(f->bytes, sizeof(f->bytes));
	bool was_holding = ftp_stream_is_holding(t->stream);
	uint32_t seq = ftp_stream_out_of(t->stream, g->seq);
	bool is_new = take_bytes(t, &out);
	bool is_empty = wr_len(&out) == 0 && !(g->flags & TCP_FIN);

	if (is_empty && (is_new || was_holding)) {
		(void)ftp_stream_self_ack(t->stream);
		acknowledge(t);
	} else if (is_empty) {
		seq = ftp_stream_out_of_empty(t->stream, g->seq);
	}
	if (is_same(g, &out)) {
		g->seq = seq;
		return DROP_NONE;
	}
	g->seq = seq;
	g->payload = out.start;
	g->len = (uint32_t)wr_len(&out);
	g->flags &= (uint8_t)~TCP_URG;
	return DROP_NONE;
}

/* --- the header --- */

static void take_ack(struct turn *t)
{
	struct ftp_end *end = &t->s->end[t->dir];

	if (t->g.flags & TCP_ACK)
		t->g.ack = ftp_stream_ack(&t->s->stream[other(t->dir)], t->g.ack);
	*end = (struct ftp_end){
		.has_window = true, .window = t->g.window, .has_time = t->g.has_time, .time = t->g.time
	};
}

static void take_end(struct turn *t)
{
	struct ftp_session *s = t->s;

	s->seen = t->j->now;
	s->is_closing = (t->g.flags & TCP_RST) || (s->has_fin[DIR_64] && s->has_fin[DIR_46]);
}

static enum drop_reason translate(struct turn *t)
{
	struct ftp_segment *g = &t->g;
	bool has_bytes = g->len > 0 || (g->flags & TCP_FIN);
	enum drop_reason reason = DROP_NONE;

	take_ack(t);
	if (has_bytes && !(g->flags & TCP_RST)) {
		if (seq_before(t->stream->in_next, g->seq))
			reason = take_gap(t);
		if (reason == DROP_NONE)
			reason = take_payload(t);
	} else {
		g->seq = ftp_stream_out_of_empty(t->stream, g->seq);
	}
	if (reason != DROP_NONE)
		return reason;
	take_end(t);
	if (g->urgent > g->len)
		g->flags &= (uint8_t)~TCP_URG;
	if (!(g->flags & TCP_URG))
		g->urgent = 0;
	return ftp_segment_write(t->j->p, g, &t->s->stream[other(t->dir)]);
}

/* A fragment can only pass where nothing has changed yet; then it is the end of following. */
static enum drop_reason take_fragment(struct turn *t)
{
	struct ftp_session *s = t->s;

	if (!ftp_stream_is_plain(&s->stream[DIR_64]) || !ftp_stream_is_plain(&s->stream[DIR_46]))
		return DROP_FTP_FRAGMENT;
	ftp_forget(t->j->n->ftp, s);
	return DROP_NONE;
}

/* A connection in which nothing was changed, and nothing will be, is like any other. */
static void forget_if_plain(struct nat64 *n, struct ftp_session *s)
{
	if (s->control.mode == FTP_TRANSPARENT && ftp_stream_is_plain(&s->stream[DIR_64]) &&
		ftp_stream_is_plain(&s->stream[DIR_46]))
		ftp_forget(n->ftp, s);
}

static enum drop_reason take_turn(struct job *j, struct ftp_session *s, enum direction dir, struct addr4 out)
{
	struct turn t = { .j = j, .s = s, .dir = dir, .stream = &s->stream[dir], .out = out };

	if (j->p->v.is_fragment)
		return take_fragment(&t);
	t.g = ftp_segment_of(j->p);
	enum drop_reason reason = translate(&t);

	forget_if_plain(j->n, s);
	return reason;
}

/* --- the two directions --- */

/* RFC 9293 s3.5: the second segment of a connection. It names the first numbers of both sides. */
static void begin(struct ftp_session *s, const struct pkt *p)
{
	struct ftp_segment g = ftp_segment_of(p);

	ftp_stream_init(&s->stream[DIR_64], g.ack);
	ftp_stream_init(&s->stream[DIR_46], g.seq + 1 + g.len);
	ftp_control_init(&s->control);
	s->is_confirmed = s->is_closing = s->has_syn = false;
	s->has_fin[DIR_64] = s->has_fin[DIR_46] = false;
	s->end[DIR_64] = (struct ftp_end){ 0 };
	s->end[DIR_46] = (struct ftp_end){ .has_time = g.has_time, .time = g.time };
}

/* Whether this SYN with ACK begins a new connection of the same name: the client must have asked for it. */
static bool is_renewal(const struct ftp_session *s, const struct pkt *p)
{
	struct ftp_segment g = ftp_segment_of(p);

	return !s->is_confirmed || (s->has_syn && g.ack == s->syn + 1);
}

static void take_syn46(struct job *j, const struct ftp_key *k, struct ftp_session *s)
{
	struct nat64 *n = j->n;

	if (j->p->v.is_fragment || (s && !is_renewal(s, j->p)))
		return;
	if (!s && n->cfg.ftp_alg)
		s = ftp_add(n, k, j->now);
	if (s)
		begin(s, j->p);
}

/* The client's first segment after the SYN tells whether the server's SYN was the server's. */
static bool confirm(struct ftp_session *s, const struct pkt *p)
{
	struct ftp_segment g = ftp_segment_of(p);

	s->is_confirmed = s->is_confirmed || (g.seq == s->stream[DIR_64].in_next && (g.flags & TCP_ACK) &&
						     !seq_before(g.ack, s->stream[DIR_46].out_acked));
	return s->is_confirmed;
}

enum drop_reason ftp_64(struct job *j, const struct flow64 *f, const struct mapping *m)
{
	const struct ftp_key k = {
		.client = f->src, .server = f->dst, .port = f->sport, .prefix = f->prefix
	};
	struct ftp_session *s = ftp_find(j->n->ftp, &k);

	if (!s)
		return DROP_NONE;
	if (f->tcp_flags & TCP_SYN) {
		s->has_syn = true;
		s->syn = j->p->v.is_fragment ? 0 : ftp_segment_of(j->p).seq;
		return DROP_NONE;
	}
	if (!j->p->v.is_fragment && !confirm(s, j->p)) {
		ftp_forget(j->n->ftp, s);
		return DROP_NONE;
	}
	return take_turn(j, s, DIR_64, m->binding->out);
}

enum drop_reason ftp_46(struct job *j, const struct flow46 *f, const struct mapping *m)
{
	const struct ftp_key k = {
		.client = m->binding->in,
		.server = f->src,
		.port = m->binding->in_port,
		.prefix = m->binding->prefix,
	};
	struct ftp_session *s = ftp_find(j->n->ftp, &k);

	if (f->tcp_flags & TCP_SYN) {
		if ((f->tcp_flags & TCP_ACK) && !j->is_hairpin)
			take_syn46(j, &k, s);
		return DROP_NONE;
	}
	if (!s)
		return DROP_NONE;
	return take_turn(j, s, DIR_46, m->binding->out);
}
