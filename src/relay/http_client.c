/*
 * http_client.c - clients that speak HTTP/1.1: requests one after the other, the answer to each, and tunnels
 *
 *	head -> exchange -> head ...	(keep-alive)
 *	     |          +-> tunnel	(CONNECT, Upgrade: the pump has both streams)
 *	     |          +-> linger	(Connection: close, a fault: what still comes is thrown away, so that the answer
 *	     |				 is not lost in a reset, RFC 9112 s9.6)
 *	     +-> http2			(the preface instead of a head)
 *
 * What a client sends after a request, before it has the answer (RFC 9112 s9.3.2), waits in the reader's buffer, and what
 * does not fit in there in the kernel. A client that ends its side before it has its answer is taken to be gone.
 */
#include "base/bytes.h"
#include "net/tls.h"
#include "relay/http_engine.h"
#include "relay/pump.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; /* RFC 9113 s3.4 */

#define PREFACE_LEN (sizeof(preface) - 1)

static const struct http_front front;
static void run(struct http_client *c);

static struct http_client *client_of(const struct http_exchange *x)
{
	return x->client;
}

/* --- ends --- */

static void bury(struct http_client *c)
{
	if (c->grave.is_dead)
		return;
	http_wait_end(&c->wait);
	pump_cancel(c->pump);
	c->pump = NULL;
	if (c->x)
		http_exchange_cancel(c->x);
	c->x = NULL;
	http2_free(c->two);
	c->two = NULL;
	http_up_close(c->tunnel);
	c->tunnel = NULL;
	http_reader_fini(&c->reader);
	http_writer_fini(&c->writer);
	c->grave.is_dead = true;
	c->grave.next = c->h->dead_clients;
	c->h->dead_clients = &c->grave;
}

void http_client_close(struct http_client *c)
{
	bury(c);
	stream_fini(&c->stream);
}

void http_client_reset(struct http_client *c)
{
	bury(c);
	stream_reset(&c->stream);
}

/* Throw away what comes until the client ends, or for as long as it may. */
static void linger_on(struct http_client *c)
{
	for (size_t n = 0; n < HTTP_TURN_BYTES;) {
		ssize_t r;

		http_reader_took(&c->reader, http_reader_bytes(&c->reader).len);
		r = http_reader_fill(&c->reader);
		if (r == -EAGAIN)
			return;
		if (r <= 0) {
			http_client_close(c);
			return;
		}
		n += (size_t)r;
	}
	stream_again(&c->stream);
}

static void linger(struct http_client *c)
{
	c->is_lingering = true;
	stream_shut(&c->stream);
	http_wait_begin(&c->h->waits, &c->wait, HTTP_WAIT_LINGER);
	linger_on(c);
}

/* --- the request's body --- */

static enum http_step front_peek(struct http_exchange *x, struct http_text *ret)
{
	return http_reader_peek(&client_of(x)->reader, ret);
}

static void front_took(struct http_exchange *x, size_t len)
{
	http_reader_body_took(&client_of(x)->reader, len);
}

/* --- the answer --- */

static void front_interim(struct http_exchange *x, const struct http_head *a)
{
	struct http_client *c = client_of(x);

	if (x->minor == 0) /* RFC 9110 s15.2 */
		return;
	http_fields_answer(&c->writer.out, x, a, HTTP_BODY_NONE, HTTP_CONNECTION_PLAIN);
	int err = http_writer_flush(&c->writer);

	if (err < 0 && err != -EAGAIN)
		http_client_reset(c);
}

/* How the client can be told where the body ends. */
static enum http_framing framing_of(const struct http_exchange *x, const struct http_head *a)
{
	if (a->framing == HTTP_BODY_NONE || (a->framing == HTTP_BODY_LENGTH && !x->is_rewritten))
		return a->framing;
	return x->minor > 0 ? HTTP_BODY_CHUNKED : HTTP_BODY_CLOSE;
}

static void front_answer(struct http_exchange *x, const struct http_head *a)
{
	struct http_client *c = client_of(x);
	enum http_framing framing = framing_of(x, a);
	enum http_connection connection = HTTP_CONNECTION_PLAIN;

	c->must_end |=
		!x->is_client_persistent || framing == HTTP_BODY_CLOSE || c->is_leaving || !x->is_body_over;
	if (c->must_end)
		connection = HTTP_CONNECTION_CLOSE;
	else if (x->minor == 0)
		connection = HTTP_CONNECTION_KEEP;
	http_fields_answer(&c->writer.out, x, a, framing, connection);
	c->writer.is_chunked = framing == HTTP_BODY_CHUNKED;
	c->writer.chunk_left = 0;
	if (x->is_page) /* else it is the server's connection that waits */
		http_wait_begin(&c->h->waits, &c->wait, HTTP_WAIT_IDLE);
	if (c->writer.out.is_short)
		http_client_reset(c);
}

/* The whole answer has been sent. */
static void answered(struct http_client *c)
{
	bool has_rest = !c->x->is_body_over;

	http_exchange_finish(c->x);
	c->x = NULL;
	http_reader_settle(&c->reader);
	if (c->must_end) {
		if (has_rest || c->reader.in || c->stream.tls) {
			linger(c);
		} else {
			stream_shut(&c->stream);
			http_client_close(c);
		}
		return;
	}
	http_wait_begin(&c->h->waits, &c->wait, c->is_leaving ? HTTP_WAIT_LEAVE : HTTP_WAIT_KEEP_ALIVE);
	if (!c->is_running)
		run(c);
}

static void flush(struct http_client *c, bool is_whole)
{
	int err = http_writer_flush(&c->writer);

	if (err == 0 && is_whole)
		answered(c);
	if (err < 0 && err != -EAGAIN)
		http_client_reset(c);
}

static void front_ready(struct http_exchange *x)
{
	struct http_client *c = client_of(x);
	size_t n = 0;

	while (n < HTTP_TURN_BYTES) {
		struct http_text data;
		enum http_step step = http_exchange_peek(x, &data);

		if (step == HTTP_STEP_MALFORMED) {
			http_client_reset(c); /* so that it does not take for whole what is not */
			return;
		}
		if (step == HTTP_STEP_END)
			http_writer_end(&c->writer, data);
		if (step != HTTP_STEP_DATA) {
			flush(c, step == HTTP_STEP_END);
			return;
		}
		ssize_t r = http_writer_data(&c->writer, data);

		if (r == -EAGAIN)
			return;
		if (r < 0) {
			http_client_reset(c);
			return;
		}
		http_exchange_took(x, (size_t)r);
		n += (size_t)r;
	}
	stream_again(&c->stream);
}

static void front_abort(struct http_exchange *x)
{
	http_client_reset(client_of(x));
}

/* --- tunnels --- */

static void on_tunnel_over(void *ctx, enum pump_end how)
{
	struct http_client *c = ctx;
	struct http *h = c->h;

	http_enter(h);
	c->pump = NULL;
	if (how == PUMP_ENDED) {
		http_exchange_finish(c->x);
		c->x = NULL;
		http_client_close(c);
	} else {
		stream_reset(&c->tunnel->stream);
		http_client_reset(c);
	}
	http_leave(h);
}

/* What is to be sent to the client first: the end of the head, and what the server said behind it. */
static struct http_text early_down(struct http_client *c)
{
	struct http_text rest = http_reader_bytes(&c->tunnel->reader);
	struct http_out *o = &c->writer.out;

	if (rest.len > 0)
		http_put(o, rest.at, rest.len);
	return o->u ? (struct http_text){ (const char *)o->u->data + o->u->from, buffer_left(o->u) }
		    : (struct http_text){ NULL, 0 };
}

static void front_tunnel(struct http_exchange *x, const struct http_head *a)
{
	struct http_client *c = client_of(x);
	struct http_up *u = x->up;

	c->tunnel = u;
	x->up = NULL;
	u->x = NULL;
	http_wait_end(&u->wait);
	http_wait_end(&c->wait);
	if (a) {
		http_fields_answer(&c->writer.out, x, a, HTTP_BODY_NONE, HTTP_CONNECTION_UPGRADE);
		http_reader_took(&u->reader, a->size);
	} else {
		http_put_text(&c->writer.out, "HTTP/1.1 200 Connection established\r\n\r\n");
	}
	int err = http_writer_flush(&c->writer);

	if (err == 0 || err == -EAGAIN)
		err = http_writer_flush(&u->writer); /* a PROXY header */
	struct http_text down = early_down(c), up = http_reader_bytes(&c->reader);
	const struct pump_plan plan = { .client = &c->stream,
		.server = &u->stream,
		.visit = &c->visit,
		.idle = c->h->config->timeouts.idle,
		.early_up = up.at,
		.early_up_len = up.len,
		.early_down = down.at,
		.early_down_len = down.len,
		.done = on_tunnel_over,
		.ctx = c };

	if (err < 0 || c->writer.out.is_short || pump_start(&plan, &c->pump) < 0) {
		http_client_reset(c);
		return;
	}
	http_reader_fini(&c->reader);
	http_reader_fini(&u->reader);
	http_writer_fini(&c->writer);
}

static const struct http_front front = {
	.peek = front_peek,
	.took = front_took,
	.interim = front_interim,
	.answer = front_answer,
	.ready = front_ready,
	.tunnel = front_tunnel,
	.abort = front_abort,
};

/* --- heads --- */

static struct http_exchange *new_exchange(struct http_client *c)
{
	struct http_exchange *x = http_exchange_new(c->h, &front, c);

	if (!x) {
		http_client_reset(c);
		return NULL;
	}
	x->visit = &c->visit;
	x->who = c->visit.client;
	x->local = c->local;
	x->q.is_tls = c->stream.tls != NULL;
	x->q.context = c->stream.tls ? tls_context_of(c->stream.tls) : NULL;
	x->via_version = "1.1";
	return x;
}

static void drop_exchange(struct http_exchange *x)
{
	free(x->head);
	free(x);
}

/* What a refused or whole head leads to. */
static void begin(
	struct http_client *c, struct http_exchange *x, enum http_progress p, const struct http_fault *fault)
{
	c->x = x;
	c->requests++;
	http_wait_end(&c->wait);
	if (p == HTTP_MALFORMED) {
		x->minor = 1;
		http_exchange_fail(x, fault);
		return;
	}
	if (x->head->minor == 0)
		x->via_version = "1.0";
	http_body_begin(&c->reader.body, x->head);
	size_t size = x->head->size;

	/* The bytes stay where they are until something is read behind them; the reader does not while x is DECIDING. */
	c->reader.in->from += (unsigned)size;
	http_exchange_begin(x, (struct http_text){ NULL, 0 });
}

/* Nothing more comes, or nothing yet: what to do then with @waits bytes of a head. */
static void no_more(struct http_client *c, ssize_t r, size_t waits)
{
	if (r == -EAGAIN)
		return;
	if (r == 0 && waits == 0)
		http_client_close(c);
	else
		http_client_reset(c);
}

/* Read one head; whether it is worth to look for another one. */
static bool take_head(struct http_client *c)
{
	struct http_text waits = http_reader_bytes(&c->reader);
	struct http_fault fault;

	if (c->requests == 0 && waits.len > 0 &&
		bytes_equal(waits.at, preface, waits.len < PREFACE_LEN ? waits.len : PREFACE_LEN)) {
		if (waits.len >= PREFACE_LEN) {
			if (!http2_start(c))
				http_client_reset(c);
			return false;
		}
	} else if (waits.len > 0) {
		struct http_exchange *x = new_exchange(c);

		if (!x)
			return false;
		enum http_progress p = http_request_parse(waits.at, waits.len, x->head, &fault);

		if (p != HTTP_MORE) {
			begin(c, x, p, &fault);
			return !c->grave.is_dead && !c->x && !c->is_lingering;
		}
		drop_exchange(x);
	}
	ssize_t r = http_reader_fill(&c->reader);

	if (r > 0) {
		if (waits.len == 0 && c->requests > 0) /* a request begins */
			http_wait_begin(&c->h->waits, &c->wait, HTTP_WAIT_HEAD);
		return true;
	}
	no_more(c, r, waits.len);
	return false;
}

/* A client that waits for its answer may send the next request meanwhile, or be gone. */
static void look_for_end(struct http_client *c)
{
	if (c->x->state == HTTP_DECIDING || !c->x->is_body_over || c->must_end)
		return;
	ssize_t r = http_reader_fill(&c->reader);

	if (r == 0 || (r < 0 && r != -EAGAIN && r != -ENOBUFS))
		http_client_reset(c);
}

static void run(struct http_client *c)
{
	c->is_running = true;
	if (c->is_lingering) {
		linger_on(c);
	} else if (c->x) {
		if (c->x->is_page)
			front_ready(c->x);
		else
			http_exchange_run(c->x);
		if (c->x && !c->grave.is_dead)
			look_for_end(c);
	}
	while (!c->grave.is_dead && !c->x && !c->is_lingering && !c->two && take_head(c))
		;
	c->is_running = false;
}

static void on_ready(void *ctx)
{
	struct http_client *c = ctx;
	struct http *h = c->h;

	http_enter(h);
	if (!c->grave.is_dead)
		run(c);
	http_leave(h);
}

/* --- timeouts, and the door --- */

static void on_due(struct http_wait *w)
{
	struct http_client *c = HOLDER_OF(w, struct http_client, wait);
	struct http *h = c->h;
	static const struct http_fault late = { 408, "the request did not come in time" };

	http_enter(h);
	bool has_begun = http_reader_bytes(&c->reader).len > 0;

	if (has_begun || c->requests == 0)
		LANE_COUNT(h->lane, head_timeout);
	struct http_exchange *x = has_begun && !c->is_lingering && !c->two && !c->x ? new_exchange(c) : NULL;

	if (x) {
		c->x = x;
		x->minor = 1;
		http_exchange_fail(x, &late);
	} else if (c->x) {
		http_client_reset(c); /* it does not take the page */
	} else if (!c->grave.is_dead) {
		http_client_close(c);
	}
	http_leave(h);
}

/*
 * The next answer will say that it is the last (RFC 9112 s9.6). A client that has none to wait for may have sent a request
 * already, which would be lost if the connection ended now; of one that has said nothing yet that is certain.
 */
static void on_leave(struct visit *v)
{
	struct http_client *c = HOLDER_OF(v, struct http_client, visit);
	struct http *h = c->h;

	http_enter(h);
	c->is_leaving = true;
	if (c->two)
		http2_leave(c);
	else if (!c->x && !c->is_lingering && c->requests > 0 && http_reader_bytes(&c->reader).len == 0)
		http_wait_begin(&h->waits, &c->wait, HTTP_WAIT_LEAVE);
	http_leave(h);
}

static void on_end(struct visit *v)
{
	struct http_client *c = HOLDER_OF(v, struct http_client, visit);
	struct http *h = c->h;

	http_enter(h);
	http_client_reset(c);
	http_leave(h);
}

void http_serve(struct http *h, const struct arrival *a, struct ssl_st *tls)
{
	struct http_client *c = calloc(1, sizeof(*c));
	const int yes = 1;

	if (!c) {
		tls_drop(tls);
		close(a->fd);
		return;
	}
	(void)setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)); /* as in http_pool.c */
	c->h = h;
	c->local = a->local;
	c->wait.due_fn = on_due;
	c->visit.client = a->client;
	c->visit.leave = on_leave;
	c->visit.end = on_end;
	if (stream_init(&c->stream, h->lane, a->fd, tls) < 0) {
		free(c);
		return;
	}
	c->reader.stream = &c->stream;
	http_writer_init(&c->writer, &c->stream);
	if (visit_begin(&c->visit, h->user.service) < 0) {
		stream_reset(&c->stream);
		free(c);
		return;
	}
	stream_watch(&c->stream, on_ready, c);
	http_wait_begin(&h->waits, &c->wait, HTTP_WAIT_HEAD);
}
