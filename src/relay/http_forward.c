/*
 * http_forward.c - the service "http-forward": a proxy that clients know of
 *
 * A request says where it goes (absolute form, CONNECT); whether it may is for users.h (who asks) and access.h (where to) to
 * say. All of HTTP is the engine's (http.h).
 */
#include "base/bytes.h"
#include "net/tls.h"
#include "relay/certificates.h"
#include "relay/http.h"
#include "relay/services.h"
#include "relay/users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct forward {
	struct service *service;
	struct http *http;
	struct ssl_ctx_st *tls; /* clients come over TLS; NULL: they do not */
	struct users *users;	/* NULL: nobody is asked for a password */
};

static void go(struct forward *f, struct http_exchange *x, const struct relay_target *to)
{
	const struct relay_service *c = f->service->config;
	const struct http_way way = { .to = to,
		.access = &f->service->access,
		.family = c->family,
		.literal_zone = c->literal_zone[0] ? c->literal_zone : NULL };

	http_go(x, &way);
}

/* --- who asks --- */

static void refuse_user(struct forward *f, struct http_exchange *x, const char *sentence)
{
	const struct http_refusal r = {
		.status = 407,
		.sentence = sentence,
		.field = "Proxy-Authenticate: Basic realm=\"Isthmus\", charset=\"UTF-8\""
	}; /* RFC 7617 s2, s2.1 */

	http_refuse(x, &r);
}

/* What waits until a slow check of a password is done. */
struct asking {
	struct forward *f;
	struct http_exchange *x; /* NULL: the client is gone */
	struct users_question *question;
	struct relay_target to;
};

static void on_judged(void *ctx, enum users_verdict verdict)
{
	struct asking *a = ctx;
	struct forward *f = a->f;
	struct http_exchange *x = a->x;

	http_note(x, NULL);
	if (verdict == USERS_RIGHT) {
		go(f, x, &a->to);
	} else if (verdict == USERS_BUSY) {
		const struct http_refusal r = { .status = 503,
			.sentence = "too many passwords wait to be checked" };

		http_refuse(x, &r);
	} else {
		LANE_COUNT(f->service->lane, auth_wrong);
		refuse_user(f, x, "user and password are not known here");
	}
	free(a);
}

static void ask_user(struct forward *f, struct http_exchange *x, const struct http_request *q)
{
	const struct http_field *field = http_head_find(q->head, HTTP_FIELD_PROXY_AUTHORIZATION);
	struct asking *a = field ? calloc(1, sizeof(*a)) : NULL;

	if (!a) {
		LANE_COUNT(f->service->lane, auth_missing);
		refuse_user(f, x, "this proxy wants to know who you are");
		return;
	}
	*a = (struct asking){ f, x, NULL, q->to };
	http_note(x, a);
	users_ask(f->users, field->value.at, field->value.len, on_judged, a, &a->question);
}

static void forget(void *ctx, struct http_exchange *x)
{
	struct asking *a = http_noted(x);

	if (!a)
		return;
	users_forget(a->question);
	free(a);
}

/* --- where to --- */

static void decide(void *ctx, struct http_exchange *x, const struct http_request *q)
{
	struct forward *f = ctx;

	if (q->is_own) {
		static const struct http_refusal r = { .status = 400,
			.sentence = "this is a proxy: it is asked for whole URIs, and has no pages itself" };

		http_refuse(x, &r);
		return;
	}
	if (f->users)
		ask_user(f, x, q);
	else
		go(f, x, &q->to);
}

/* There is one place where a request can go. */
static void ended(void *ctx, struct http_exchange *x, void *target, enum http_end how, bool may_repeat)
{
}

/* --- the service --- */

static void forward_free(struct forward *f)
{
	if (!f)
		return;
	http_free(f->http);
	users_free(f->users);
	if (f->tls)
		certificates_give(f->service->lane->certificates, f->tls);
	free(f);
}

static int forward_make(struct forward *f, char *fault, size_t fault_size)
{
	struct service *s = f->service;
	const struct http_user user = { .service = s,
		.role = HTTP_ROLE_FORWARD,
		.decide = decide,
		.forget = forget,
		.ended = ended,
		.ctx = f };
	int err = 0;

	if (s->config->pem.text)
		err = certificates_take(s->lane->certificates, &s->config->pem, &f->tls, fault, fault_size);
	if (err == 0 && s->config->users[0])
		err = users_new(s->lane->loop, s->config->users_text.text, s->config->users_text.len,
			&f->users, fault, fault_size);
	return err < 0 ? err : http_new(&user, &f->http);
}

static int forward_open(struct service *s, char *fault, size_t fault_size)
{
	struct forward *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->service = s;
	int err = forward_make(f, fault, fault_size);

	if (err < 0) {
		forward_free(f);
		return err;
	}
	s->state = f;
	return 0;
}

static void forward_arrive(struct service *s, const struct arrival *a)
{
	struct forward *f = s->state;
	struct ssl_st *tls = f->tls ? tls_accept(f->tls, a->fd) : NULL;

	if (f->tls && !tls) {
		close(a->fd);
		return;
	}
	http_serve(f->http, a, tls);
}

static void forward_retire(struct service *s)
{
	http_retire(((struct forward *)s->state)->http);
}

static void forward_close(struct service *s)
{
	forward_free(s->state);
}

const struct service_ops http_forward_service = {
	.type = RELAY_HTTP_FORWARD,
	.open = forward_open,
	.arrive = forward_arrive,
	.retire = forward_retire,
	.close = forward_close,
};
