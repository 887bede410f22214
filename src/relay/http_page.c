/* http_page.c - answers of our own: a status, a sentence, and a small page around them */
#include "relay/http_authority.h"
#include "relay/http_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
	unsigned status;
	const char *text;
} texts[] = {
	{ 200, "OK" },
	{ 400, "Bad Request" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 407, "Proxy Authentication Required" },
	{ 408, "Request Timeout" },
	{ 414, "URI Too Long" },
	{ 421, "Misdirected Request" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
	{ 508, "Loop Detected" },
};

const char *http_status_text(unsigned status)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Error";
}

static bool add(struct http_head *h, const char *name, const char *value)
{
	struct http_fault fault;

	return http_head_add(h, (struct http_text){ name, strlen(name) },
		(struct http_text){ value, strlen(value) }, &fault);
}

/* "Proxy-Authenticate: Basic ..." has a name that is for this connection only, which is where it goes. */
static bool add_line(struct http_head *h, const char *line)
{
	const char *colon = line ? strchr(line, ':') : NULL;
	struct http_fault fault;

	if (!colon)
		return true;
	if (!http_head_add(h, (struct http_text){ line, (size_t)(colon - line) },
		    (struct http_text){ colon + 1, strlen(colon + 1) }, &fault))
		return false;
	h->fields[h->fields_len - 1].is_hop = false;
	return true;
}

/* The page's host is checked text (http_authority.h), and everything else is ours, so nothing has to be escaped. */
static int write_page(struct http_exchange *x, const struct http_refusal *r)
{
	char to[RELAY_HOST + 16] = "";

	if (x->q.to.at.port)
		http_authority_text(&x->q.to, 80, to, sizeof(to));
	return asprintf(&x->page_text,
		"<!DOCTYPE html><html><head><title>%u %s</title></head>\n"
		"<body><h1>%s</h1><p>%s%s%s.</p><p><small>Isthmus, %s</small></p></body></html>\n",
		r->status, http_status_text(r->status), http_status_text(r->status), to, to[0] ? ": " : "",
		r->sentence, x->h->config->name);
}

void http_page(struct http_exchange *x, const struct http_refusal *r)
{
	struct http_head *h = malloc(sizeof(*h));
	const char *reason = http_status_text(r->status);
	char length[24], date[64];
	time_t now = time(NULL);
	struct tm tm;
	int len = h ? write_page(x, r) : -1;

	x->state = HTTP_ANSWERING;
	x->is_page = true;
	x->is_persistent = false;
	if (r->is_last)
		x->is_client_persistent = false;
	if (len < 0) {
		free(h);
		x->page_text = NULL;
		x->front->abort(x);
		return;
	}
	snprintf(length, sizeof(length), "%d", len);
	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm); /* RFC 9110 s6.6.1 */
	http_head_begin(h);
	h->status = r->status;
	h->reason = (struct http_text){ reason, strlen(reason) };
	h->framing = x->is_asked_head ? HTTP_BODY_NONE : HTTP_BODY_LENGTH;
	h->length = (uint64_t)len;
	x->page = (struct http_text){ x->page_text, x->is_asked_head ? 0 : (size_t)len };
	if (add(h, "Date", date) && add(h, "Content-Type", "text/html; charset=utf-8") &&
		add(h, "Content-Length", length) && add(h, "Cache-Control", "no-store") &&
		add_line(h, r->field)) {
		x->front->answer(x, h);
		if (!x->grave.is_dead)
			x->front->ready(x);
	} else {
		x->front->abort(x);
	}
	free(h);
}
