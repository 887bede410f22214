/*
 * http_exchange.c - one request and its answer, from one side to the other
 *
 *	DECIDING -> REACHING -> ASKING -> ANSWERING -> OVER
 *	    |           |          |  ^ once more, over a new connection, if a kept one was dead
 *	    +-----------+----------+--> a page of our own (ANSWERING)
 *
 * Both bodies are pulled: the request's by http_exchange_run() when the up takes bytes, the answer's by the front when the
 * client does. Whoever has nothing says HTTP_STEP_MORE, and its stream calls when that changes.
 *
 * An answer may begin, and end, before the request has been sent. It is passed on, and the rest of the request is not.
 */
#include "base/bytes.h"
#include "net/tls.h"
#include "relay/http_authority.h"
#include "relay/http_engine.h"
#include "relay/http_request.h"
#include "relay/proxy_head.h"

#include <errno.h>
#include <stdlib.h>

struct http_exchange *http_exchange_new(struct http *h, const struct http_front *front, void *client)
{
	struct http_exchange *x = calloc(1, sizeof(*x));
	struct http_head *head = x ? malloc(sizeof(*head)) : NULL;

	if (!head) {
		free(x);
		return NULL;
	}
	x->h = h;
	x->front = front;
	x->client = client;
	x->head = head;
	x->ask.lender = h->lane->buffers;
	return x;
}

static void bury(struct http_exchange *x)
{
	x->state = HTTP_OVER;
	http_out_fini(&x->ask);
	free(x->head);
	free(x->page_text);
	free(x->rewriting);
	x->rewriting = NULL;
	x->head = NULL;
	x->page_text = NULL;
	x->grave.is_dead = true;
	x->grave.next = x->h->dead_others;
	x->h->dead_others = &x->grave;
}

/* --- failures --- */

static void refuse(struct http_exchange *x, unsigned status, const char *sentence)
{
	const struct http_refusal r = { .status = status, .sentence = sentence };

	http_page(x, &r);
}

static void refuse_fault(struct http_exchange *x, enum dial_fault fault)
{
	static const unsigned statuses[DIAL_FAULT_COUNT] = {
		[DIAL_NO_NAME] = 502,
		[DIAL_NO_ANSWER] = 504,
		[DIAL_DENIED] = 403,
		[DIAL_DENIED_PORT] = 403,
		[DIAL_DENIED_OWN] = 403,
		[DIAL_REFUSED] = 502,
		[DIAL_UNREACHABLE] = 502,
		[DIAL_TIMEOUT] = 504,
		[DIAL_FAILED] = 503,
	};

	refuse(x, statuses[fault], dial_fault_text(fault));
}

static void start_dial(struct http_exchange *x);
static void tell(struct http_exchange *x, enum http_end how);

/* The up is of no use any more; whoever could do something about it is asked. */
static void fail(struct http_exchange *x, enum http_end how, enum dial_fault fault)
{
	bool is_answered = x->state == HTTP_ANSWERING, may_repeat = !is_answered && x->is_idempotent;
	const char *refusal = x->up && x->up->stream.tls ? tls_refusal(x->up->stream.tls) : NULL;

	http_up_close(x->up);
	x->up = NULL;
	if (how == HTTP_END_SERVER_BROKE && x->is_reused && may_repeat) {
		start_dial(x);
		return;
	}
	x->state = HTTP_DECIDING;
	atomic_fetch_add_explicit(&x->h->user.service->counters.failed, 1, memory_order_relaxed);
	void *target = x->way.target;

	x->way.target = NULL; /* before the service is told, as it may begin another try */
	x->is_told = true;
	x->h->user.ended(x->h->user.ctx, x, target, how, may_repeat);
	if (x->state != HTTP_DECIDING) /* it goes elsewhere */
		return;
	if (is_answered) {
		x->state = HTTP_ANSWERING;
		x->front->abort(x);
		return;
	}
	if (how == HTTP_END_NOT_REACHED)
		refuse_fault(x, fault);
	else if (how == HTTP_END_SERVER_SILENT)
		refuse(x, 504, "the server did not answer in time");
	else if (refusal)
		refuse(x, 502, "the server's certificate is not accepted");
	else
		refuse(x, 502, x->fault ? x->fault : "the server ended the connection without an answer");
}

void http_exchange_silent(struct http_exchange *x)
{
	LANE_COUNT(x->h->lane, idle_timeout);
	fail(x, HTTP_END_SERVER_SILENT, DIAL_TIMEOUT);
}

/* --- reaching --- */

static void put_proxy_head(struct http_exchange *x)
{
	unsigned char text[PROXY_HEAD_WRITE_MAX];

	if (x->h->config->proxy_head != RELAY_PROXY_HEAD_OFF)
		http_put(&x->up->writer.out, text,
			proxy_head_write(x->h->config->proxy_head, &x->who, &x->local, text));
}

static void attach(struct http_exchange *x, struct http_up *u)
{
	x->up = u;
	u->x = x;
	x->state = HTTP_ASKING;
	x->is_sent = x->has_send_failed = false;
	if (!x->is_reused)
		put_proxy_head(x);
	http_wait_begin(&x->h->waits, &u->wait, HTTP_WAIT_IDLE);
	if (x->q.is_connect) {
		x->state = HTTP_ANSWERING;
		x->front->tunnel(x, NULL);
		return;
	}
	http_put(&u->writer.out, x->ask.u->data + x->ask.u->from, buffer_left(x->ask.u));
	u->writer.is_chunked = x->is_chunked;
	u->writer.chunk_left = 0;
	http_exchange_run(x);
}

/* The socket, if there is one, is taken over. */
static void arrive(struct http_exchange *x, enum dial_fault fault, int fd, const struct endpoint *peer)
{
	struct http_up *u = fault == DIAL_OK ? http_up_new(x->h, &x->key, fd, peer) : NULL;

	if (fault == DIAL_OK && !u)
		fault = DIAL_FAILED;
	if (u) {
		visit_to(x->visit, x->key.to.host, x->key.to.at.port, peer);
		attach(x, u);
	} else {
		fail(x, HTTP_END_NOT_REACHED, fault);
	}
}

static void on_dialled(void *ctx, enum dial_fault fault, int fd, const struct endpoint *peer)
{
	struct http_exchange *x = ctx;
	struct http *h = x->h;

	http_enter(h);
	x->dial = NULL;
	arrive(x, fault, fd, peer);
	http_leave(h);
}

static int start_one(struct http_exchange *x)
{
	const struct relay_service *c = x->h->config;
	const struct dial_plan plan = { .to = &x->key.to,
		.access = x->way.access,
		.family = x->way.family,
		.timeout = c->timeouts.connect,
		.client_prefix = c->has_client_prefix ? &c->client_prefix : NULL,
		.client = x->who,
		.done = on_dialled,
		.ctx = x };

	return dial_start(x->h->lane, &plan, &x->dial);
}

/* It may be another one than at first. */
static void on_reached(
	void *ctx, enum dial_fault fault, int fd, struct target *target, const struct endpoint *peer)
{
	struct http_exchange *x = ctx;
	struct http *h = x->h;
	char address[ADDR6_TEXT];

	http_enter(h);
	x->reach = NULL;
	x->way.target = target;
	if (target) {
		x->key.to = *target_where(target);
		if (x->key.tls)
			(void)text_copy(x->key.tls_name, sizeof(x->key.tls_name),
				target_host_text(&x->key.to, address));
	}
	arrive(x, fault, fd, peer);
	http_leave(h);
}

static int start_race(struct http_exchange *x)
{
	const struct relay_service *c = x->h->config;
	const struct reach_plan plan = { .group = x->way.group,
		.first = x->way.target,
		.timeout = c->timeouts.connect,
		.client_prefix = c->has_client_prefix ? &c->client_prefix : NULL,
		.client = x->who,
		.tried = x->way.tried,
		.done = on_reached,
		.ctx = x };
	int err = reach_start(x->h->lane, &plan, &x->reach);

	if (err == 0)
		x->way.target = NULL; /* the reach's, until it is over */
	return err;
}

static void start_dial(struct http_exchange *x)
{
	x->is_reused = false;
	x->state = HTTP_REACHING;
	if ((x->way.group ? start_race(x) : start_one(x)) < 0)
		fail(x, HTTP_END_NOT_REACHED, DIAL_FAILED);
}

/* For the operator; most requests of a client go to where its last one went. */
static void note_target(struct http_exchange *x, const struct endpoint *peer)
{
	char text[ENDPOINT6_TEXT];
	const char *host = x->key.to.host[0] ? x->key.to.host : endpoint_text(peer, text);

	if (!x->visit->to || strncmp(x->visit->to, host, strlen(host)) != 0)
		visit_to(x->visit, x->key.to.host, x->key.to.at.port, peer);
}

/* A kept connection may be dead already, so what cannot be repeated goes over a new one (RFC 9112 s9.3.1). */
static void reach(struct http_exchange *x)
{
	struct http_up *u =
		x->is_idempotent && !x->q.is_connect && x->h->config->proxy_head == RELAY_PROXY_HEAD_OFF
			? http_up_take(x->h, &x->key)
			: NULL;

	if (!u) {
		start_dial(x);
		return;
	}
	x->is_reused = true;
	note_target(x, &u->peer);
	attach(x, u);
}

void http_go(struct http_exchange *x, const struct http_way *way)
{
	struct http *h = x->h;

	http_enter(h);
	x->way = *way;
	x->is_told = false;
	bytes_zero(&x->key, sizeof(x->key));
	x->key.to = *way->to;
	x->key.tls = way->tls;
	if (way->tls_name)
		(void)text_copy(x->key.tls_name, sizeof(x->key.tls_name), way->tls_name);
	x->key.has_client = h->config->has_client_prefix;
	x->key.client = x->who;
	if (!x->ask.u && !x->q.is_connect)
		http_fields_ask(x);
	free(x->head); /* it points into what may move now, and a tunnel may live for long */
	x->head = NULL;
	x->q.head = NULL;
	if (x->ask.is_short) {
		x->is_client_persistent = false;
		refuse(x, 431, "the header fields are too long to be passed on");
	} else {
		reach(x);
	}
	http_leave(h);
}

void http_refuse(struct http_exchange *x, const struct http_refusal *r)
{
	struct http *h = x->h;

	http_enter(h);
	http_page(x, r);
	http_leave(h);
}

/* --- the request --- */

void http_exchange_fail(struct http_exchange *x, const struct http_fault *f)
{
	LANE_COUNT(x->h->lane, head_malformed);
	x->is_client_persistent = false;
	x->is_told = true;
	x->is_body_over = true;
	refuse(x, f->status, f->text);
}

void http_exchange_begin(struct http_exchange *x, struct http_text scheme)
{
	struct http_fault fault;

	x->minor = x->head->minor;
	/* RFC 9112 s9.3: a proxy does not go on with a client of HTTP/1.0, which may not know that there is one; a gateway may. */
	x->is_client_persistent =
		x->head->is_persistent && (x->minor > 0 || x->h->user.role == HTTP_ROLE_REVERSE);
	x->is_asked_head = http_text_equal(x->head->method, "HEAD");
	x->is_chunked = x->head->framing == HTTP_BODY_CHUNKED;
	x->is_body_over = x->head->framing == HTTP_BODY_NONE ||
			  (x->head->framing == HTTP_BODY_LENGTH && x->head->length == 0);
	x->is_idempotent = x->is_body_over && http_request_is_idempotent(x->head);
	x->has_upgrade = http_request_upgrades(x->head);
	x->q.head = x->head;
	x->q.client = x->who;
	x->q.local = x->local;
	if (!http_request_read(x->h->user.role, scheme, &x->q, &fault)) {
		http_exchange_fail(x, &fault);
		return;
	}
	if (http_fields_is_loop(x)) {
		LANE_COUNT(x->h->lane, denied_loop);
		x->is_told = true;
		refuse(x, 508,
			"this request has been here before: its server is this gateway, or sends it back "
			"here");
		return;
	}
	x->is_told = true; /* there is nothing to tell until http_go() */
	x->h->user.decide(x->h->user.ctx, x, &x->q);
}

/* Send what there is; 0: all has been sent; -EAGAIN: somebody will call; -errno. */
static int send_request(struct http_exchange *x)
{
	struct http_writer *w = &x->up->writer;

	while (!x->is_body_over) {
		struct http_text data;
		enum http_step step = x->front->peek(x, &data);

		if (step == HTTP_STEP_MORE) {
			int err = http_writer_flush(w);

			return err < 0 ? err : -EAGAIN;
		}
		if (step == HTTP_STEP_MALFORMED) {
			x->is_client_broken = true;
			return -EPROTO;
		}
		if (step == HTTP_STEP_END) {
			http_writer_end(w, data);
			x->is_body_over = true;
			break;
		}
		ssize_t n = http_writer_data(w, data);

		if (n < 0)
			return (int)n;
		x->is_idempotent = false; /* some of its body is gone */
		x->front->took(x, (size_t)n);
		visit_bytes(x->visit, (size_t)n, 0);
	}
	return w->out.is_short ? -ENOMEM : http_writer_flush(w);
}

static void send_more(struct http_exchange *x)
{
	if (x->is_sent || x->has_send_failed)
		return;
	int err = send_request(x);

	if (err == -EAGAIN)
		return;
	if (err < 0) {
		x->has_send_failed = true;
		return;
	}
	x->is_sent = true;
	if (x->is_tunnel)
		stream_shut(&x->up->stream);
}

/* --- the answer's head --- */

static enum http_asked asked(const struct http_exchange *x)
{
	return x->is_asked_head ? HTTP_ASKED_HEAD : HTTP_ASKED;
}

/* Without memory the page goes on as it is. */
static void begin_rewriting(struct http_exchange *x)
{
	x->rewriting = malloc(sizeof(*x->rewriting));
	if (!x->rewriting)
		return;
	x->rewriting->from = x->rewriting->to = 0;
	x->rewriting->is_over = false;
	http_rewrite_begin(&x->rewriting->rewrite, x->way.literal_zone);
	x->is_rewritten = true;
}

/* What the head means; false: the exchange goes on elsewhere, or nowhere. */
static bool take_answer(struct http_exchange *x, const struct http_head *a)
{
	struct http_reader *r = &x->up->reader;
	bool is_interim = a->status / 100 == 1 && a->status != 101;

	if ((is_interim && ++x->interim_len > HTTP_INTERIM_MAX) || (a->status == 101 && !x->has_upgrade)) {
		x->fault = "the server's answer is none to what it was asked";
		fail(x, HTTP_END_SERVER_BROKE, DIAL_OK);
		return false;
	}
	if (is_interim) {
		x->front->interim(x, a);
		http_reader_took(r, a->size);
		return !x->grave.is_dead;
	}
	x->state = HTTP_ANSWERING;
	http_out_fini(&x->ask);
	http_body_begin(&r->body, a);
	x->is_persistent = a->is_persistent;
	if (a->status == 101) {
		x->is_persistent = false;
		x->front->tunnel(x, a);
		return false;
	}
	if (x->way.literal_zone && http_rewrite_wants(a))
		begin_rewriting(x);
	x->front->answer(x, a);
	if (!x->grave.is_dead)
		http_reader_took(r, a->size);
	return !x->grave.is_dead;
}

/* Read heads until the answer's own; false: not yet, or there will be none. */
static bool read_answer(struct http_exchange *x)
{
	struct http_head a;
	struct http_fault fault;

	while (x->state == HTTP_ASKING) {
		struct http_text waits = http_reader_bytes(&x->up->reader);
		enum http_progress p = http_answer_parse(waits.at, waits.len, asked(x), &a, &fault);

		if (p == HTTP_WHOLE) {
			if (!take_answer(x, &a))
				return false;
			continue;
		}
		ssize_t n = p == HTTP_MORE ? http_reader_fill(&x->up->reader) : -EPROTO;

		if (n == -EAGAIN && !x->has_send_failed)
			return false;
		if (n > 0)
			continue;
		x->fault = p == HTTP_MALFORMED ? fault.text : NULL;
		if (waits.len > 0)
			x->is_idempotent = false; /* something has come, so it was not dead */
		fail(x, HTTP_END_SERVER_BROKE, DIAL_OK);
		return false;
	}
	return x->state == HTTP_ANSWERING;
}

void http_exchange_run(struct http_exchange *x)
{
	if (!x->up || x->grave.is_dead)
		return;
	http_wait_begin(&x->h->waits, &x->up->wait, HTTP_WAIT_IDLE);
	send_more(x);
	if (x->is_client_broken && x->state == HTTP_ASKING) {
		const struct http_fault fault = { 400,
			"the request's body is malformed, or not all of it came" };

		http_up_close(x->up);
		x->up = NULL;
		tell(x, HTTP_END_CLIENT_GONE);
		http_exchange_fail(x, &fault);
		return;
	}
	if (x->is_client_broken) {
		x->front->abort(x);
		return;
	}
	if (x->state == HTTP_ANSWERING || read_answer(x))
		x->front->ready(x);
}

/* --- the answer's body --- */

static enum http_step peek_up(struct http_exchange *x, struct http_text *ret)
{
	enum http_step step = x->up ? http_reader_peek(&x->up->reader, ret) : HTTP_STEP_MALFORMED;

	if (step == HTTP_STEP_MALFORMED)
		x->is_broken = true;
	return step;
}

static void took_up(struct http_exchange *x, size_t len)
{
	http_reader_body_took(&x->up->reader, len);
	visit_bytes(x->visit, 0, len);
}

/* Change the next piece of a page, until something is ready or nothing is there. */
static enum http_step peek_rewritten(struct http_exchange *x, struct http_text *ret)
{
	struct http_rewriting *r = x->rewriting;

	while (r->from == r->to && !r->is_over) {
		struct http_text data;
		enum http_step step = peek_up(x, &data);

		r->from = r->to = 0;
		if (step == HTTP_STEP_END) {
			r->to = http_rewrite_end(&r->rewrite, r->text);
			r->is_over = true;
			continue;
		}
		if (step != HTTP_STEP_DATA)
			return step;
		took_up(x,
			http_rewrite_take(&r->rewrite, data.at, data.len, r->text, sizeof(r->text), &r->to));
	}
	*ret = (struct http_text){ r->text + r->from, r->to - r->from };
	if (r->from < r->to)
		return HTTP_STEP_DATA;
	*ret = (struct http_text){ NULL, 0 };
	return HTTP_STEP_END;
}

enum http_step http_exchange_peek(struct http_exchange *x, struct http_text *ret)
{
	if (x->is_page) {
		*ret = x->page;
		return x->page.len > 0 ? HTTP_STEP_DATA : HTTP_STEP_END;
	}
	return x->is_rewritten ? peek_rewritten(x, ret) : peek_up(x, ret);
}

void http_exchange_took(struct http_exchange *x, size_t len)
{
	if (x->is_page) {
		x->page.at += len;
		x->page.len -= len;
	} else if (x->is_rewritten) {
		x->rewriting->from += len;
	} else {
		took_up(x, len);
	}
}

bool http_exchange_is_over(const struct http_exchange *x)
{
	if (x->is_page)
		return x->page.len == 0;
	return x->up && x->up->reader.body.framing == HTTP_BODY_LENGTH && x->up->reader.body.is_over &&
	       !x->is_rewritten;
}

/* --- ends --- */

static void tell(struct http_exchange *x, enum http_end how)
{
	if (x->state == HTTP_DECIDING && x->is_told) {
		if (x->h->user.forget)
			x->h->user.forget(x->h->user.ctx, x);
		return;
	}
	if (!x->is_told)
		x->h->user.ended(x->h->user.ctx, x, x->way.target, how, false);
	x->is_told = true;
}

void http_exchange_finish(struct http_exchange *x)
{
	struct http_up *u = x->up;

	x->up = NULL;
	if (u && x->is_persistent && x->is_sent && !x->is_tunnel &&
		x->h->config->proxy_head == RELAY_PROXY_HEAD_OFF)
		http_up_keep(u);
	else
		http_up_close(u);
	tell(x, HTTP_END_ANSWERED);
	bury(x);
}

void http_exchange_cancel(struct http_exchange *x)
{
	if (x->grave.is_dead)
		return;
	dial_cancel(x->dial);
	x->dial = NULL;
	reach_cancel(x->reach);
	x->reach = NULL;
	if (x->up && x->up->stream.lane && x->up->stream.tls == NULL && !x->is_broken && x->is_tunnel)
		x->up->stream.is_broken = true; /* reset: the server must not take for whole what is not */
	http_up_close(x->up);
	x->up = NULL;
	tell(x, x->is_broken ? HTTP_END_SERVER_BROKE : HTTP_END_CLIENT_GONE);
	bury(x);
}
