/* http_request.c - see http_request.h */
#include "relay/http_request.h"

#include "relay/http_authority.h"

#include <string.h>

static bool fault_is(struct http_fault *f, unsigned status, const char *text)
{
	*f = (struct http_fault){ status, text };
	return false;
}

static bool same_host(const struct relay_target *a, const struct relay_target *b)
{
	if (strcmp(a->host, b->host) != 0)
		return false;
	return a->host[0] || endpoint_same_address(&a->at, &b->at);
}

/* Two readers, one of whom goes by Host and the other by the target, must come to the same. */
static bool host_agrees(const struct http_head *h, const struct relay_target *to, uint16_t port)
{
	struct relay_target host;

	if (!h->host.at)
		return true;
	if (!http_authority_parse(h->host, port ? port : to->at.port, &host))
		return false;
	return port ? http_authority_same(&host, to) : same_host(&host, to);
}

static bool read_connect(struct http_request *q, struct http_fault *fault)
{
	q->is_connect = true;
	q->path = (struct http_text){ "", 0 };
	if (!http_authority_parse(q->head->target, 0, &q->to))
		return fault_is(
			fault, 400, "CONNECT needs a host and a port that can be understood in one way only");
	if (!host_agrees(q->head, &q->to, 0)) /* many leave the port out there */
		return fault_is(fault, 400, "Host and the target are not the same");
	return true;
}

static bool read_absolute(enum http_role role, struct http_request *q, struct http_fault *fault)
{
	struct http_uri uri;

	if (!http_uri_parse(q->head->target, &uri))
		return fault_is(fault, 400, "the target is no URI");
	if (role == HTTP_ROLE_FORWARD && !http_text_is(uri.scheme, "http"))
		return fault_is(fault, 501, "only http URIs are fetched here; for https there is CONNECT");
	uint16_t port = http_text_is(uri.scheme, "https") ? 443 : 80;

	if (!http_authority_parse(uri.authority, port, &q->to))
		return fault_is(fault, 400, "the host is none that can be understood in one way only");
	if (!host_agrees(q->head, &q->to, port))
		return fault_is(fault, 400, "Host and the target are not the same");
	q->path = uri.path;
	return true;
}

static bool read_origin(enum http_role role, uint16_t port, struct http_request *q, struct http_fault *fault)
{
	bool is_star = http_text_equal(q->head->target, "*");

	if (q->head->target.at[0] != '/' && !(is_star && http_text_equal(q->head->method, "OPTIONS")))
		return fault_is(fault, 400, "the target is neither a path nor a URI");
	q->path = q->head->target;
	q->is_own = role == HTTP_ROLE_FORWARD;
	if (!q->head->host.at || (role == HTTP_ROLE_FORWARD && q->head->host.len == 0))
		return true;
	if (!http_authority_parse(q->head->host, port, &q->to))
		return fault_is(fault, 400, "Host is none that can be understood in one way only");
	return true;
}

/* Over HTTP/2 the scheme, the authority (as Host) and the path come one by one (RFC 9113 s8.3.1). */
static bool read_parts(struct http_text scheme, struct http_request *q, struct http_fault *fault)
{
	if (!http_text_is(scheme, "http"))
		return fault_is(fault, 501, "only http URIs are fetched here; for https there is CONNECT");
	if (!read_origin(HTTP_ROLE_FORWARD, 80, q, fault))
		return false;
	q->is_own = false;
	return q->to.at.port != 0 || fault_is(fault, 400, "there is no authority");
}

static bool has_no_forwards(const struct http_head *h)
{
	const struct http_field *f = http_head_find(h, HTTP_FIELD_MAX_FORWARDS);

	return f && http_text_equal(f->value, "0");
}

bool http_request_read(
	enum http_role role, struct http_text scheme, struct http_request *q, struct http_fault *fault)
{
	const struct http_head *h = q->head;
	bool is_ok;

	if (http_text_equal(h->method, "CONNECT"))
		is_ok = role == HTTP_ROLE_FORWARD ? read_connect(q, fault)
						  : fault_is(fault, 405, "there are no tunnels here");
	else if (http_text_equal(h->method, "TRACE"))
		is_ok = fault_is(fault, 405, "TRACE is not passed on");
	else if (role == HTTP_ROLE_FORWARD && scheme.at)
		is_ok = read_parts(scheme, q, fault);
	else if (h->target.at[0] == '/' || h->target.at[0] == '*')
		is_ok = read_origin(role, q->is_tls ? 443 : 80, q, fault);
	else
		is_ok = read_absolute(role, q, fault);
	if (is_ok && http_text_equal(h->method, "OPTIONS") && has_no_forwards(h))
		return fault_is(fault, 200, "this is a gateway; it passes on any method but TRACE");
	return is_ok;
}

bool http_request_is_idempotent(const struct http_head *h)
{
	static const char *const methods[] = { "GET", "HEAD", "OPTIONS", "PUT", "DELETE" };

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (http_text_equal(h->method, methods[i]))
			return true;
	return false;
}

bool http_request_upgrades(const struct http_head *h)
{
	const struct http_field *f = h->has_upgrade ? http_head_find(h, HTTP_FIELD_UPGRADE) : NULL;

	return f && http_text_is(f->value, "websocket") && http_text_equal(h->method, "GET") &&
	       h->framing == HTTP_BODY_NONE;
}
