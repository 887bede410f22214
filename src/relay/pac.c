/*
 * pac.c - the service "pac": a small web server of one file, by which browsers find the proxy (WPAD)
 *
 * Life of a @struct_pac_client: the head of one request is read (timeouts.head), the answer is written at once (it fits any
 * socket), and the connection ended: what still comes is thrown away for LINGER_TIME, so that a reset does not take the
 * answer with it. A client that does not read is reset.
 *
 * Not done: keep-alive, HTTP/2, TLS. A browser asks once in a while, and WPAD knows http:// only.
 *
 * Standards: RFC 9110, RFC 9112; draft-ietf-wrec-wpad-01.
 */
#include "relay/pac_text.h"
#include "relay/buffers.h"
#include "relay/services.h"
#include "relay/stream.h"
#include "relay/visit.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define LINGER_TIME (2 * NSEC)

struct pac_client {
	struct visit visit;
	struct stream stream;
	struct buffer *in; /* NULL: the answer is sent */
	struct loop_watch *timer;
};

static void client_free(struct pac_client *c)
{
	buffer_give(c->visit.service->lane->buffers, c->in);
	loop_unwatch(c->timer);
	stream_fini(&c->stream);
	visit_end(&c->visit);
	free(c);
}

static void client_break(struct pac_client *c)
{
	SERVICE_ADD(c->visit.service, failed, 1);
	stream_reset(&c->stream);
	client_free(c);
}

static void on_timer(void *ctx)
{
	struct pac_client *c = ctx;

	if (!c->in) {
		client_free(c);
		return;
	}
	LANE_COUNT(c->visit.service->lane, head_timeout);
	client_break(c);
}

/* One request is all there is, and it takes no time. */
static void on_leave(struct visit *v)
{
}

static void on_end(struct visit *v)
{
	client_break(HOLDER_OF(v, struct pac_client, visit));
}

/* --- the request --- */

static void answer(struct pac_client *c, const char *bytes, size_t len)
{
	if (stream_write(&c->stream, bytes, len) != (ssize_t)len) {
		client_break(c);
		return;
	}
	visit_bytes(&c->visit, c->in->to, len);
	buffer_give(c->visit.service->lane->buffers, c->in);
	c->in = NULL;
	stream_shut(&c->stream);
	loop_timer_set(c->timer, LINGER_TIME);
	stream_again(&c->stream);
}

static void go_on(struct pac_client *c)
{
	struct service *s = c->visit.service;
	struct http_head head;
	struct http_fault fault = { 431, "the head is too long" };
	char text[PAC_ANSWER_MAX];
	enum http_progress p = http_request_parse((const char *)c->in->data, c->in->to, &head, &fault);

	if (p == HTTP_WHOLE) {
		answer(c, text, pac_answer(&head, s->config->proxy, c->visit.client.is4, text));
		return;
	}
	if (p == HTTP_MORE && buffer_room(c->in) > 0)
		return;
	LANE_COUNT(s->lane, head_malformed);
	answer(c, text, pac_refusal(&fault, text));
}

static void drain(struct pac_client *c)
{
	char bytes[1024];
	ssize_t n;

	for (unsigned i = 0; i < 16; i++) {
		n = stream_read(&c->stream, bytes, sizeof(bytes));
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			client_free(c);
			return;
		}
	}
	stream_again(&c->stream);
}

static void on_ready(void *ctx)
{
	struct pac_client *c = ctx;

	if (!c->in) {
		drain(c);
		return;
	}
	ssize_t n = 1;

	while (n > 0 && c->stream.can_read && buffer_room(c->in) > 0) {
		n = stream_read(&c->stream, c->in->data + c->in->to, buffer_room(c->in));
		if (n > 0)
			c->in->to += (unsigned)n;
	}
	if (n > 0 || n == -EAGAIN)
		go_on(c);
	else
		client_free(c);
}

/* --- the service --- */

static int client_init(struct pac_client *c)
{
	struct lane *l = c->visit.service->lane;
	int err = loop_watch_timer(l->loop, on_timer, c, &c->timer);

	if (err < 0)
		return err;
	c->in = buffer_borrow(l->buffers);
	if (!c->in)
		return -ENOMEM;
	loop_timer_set(c->timer, c->visit.service->config->timeouts.head);
	stream_watch(&c->stream, on_ready, c);
	return 0;
}

static void pac_arrive(struct service *s, const struct arrival *a)
{
	struct pac_client *c = calloc(1, sizeof(*c));

	if (!c) {
		close(a->fd);
		return;
	}
	c->visit = (struct visit){ .client = a->client, .leave = on_leave, .end = on_end };
	if (visit_begin(&c->visit, s) < 0) {
		close(a->fd);
		free(c);
		return;
	}
	if (stream_init(&c->stream, s->lane, a->fd, NULL) < 0 || client_init(c) < 0)
		client_break(c);
}

const struct service_ops pac_service = { .type = RELAY_PAC, .arrive = pac_arrive };
