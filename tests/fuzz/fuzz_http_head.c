/* fuzz_http_head.c - any bytes as the head of a request and of an answer, and its target and host as a URI */
#include "relay/http_authority.h"

#include <stdlib.h>

static size_t sum;

static void look(struct http_text t, const char *from, size_t len)
{
	if (t.len > 0 && (t.at < from || t.at + t.len > from + len))
		abort();
	for (size_t i = 0; i < t.len; i++) {
		if (t.at[i] == '\r' || t.at[i] == '\n' || t.at[i] == '\0')
			abort();
		sum += (uint8_t)t.at[i];
	}
}

static void look_at_target(struct http_text t)
{
	char text[RELAY_HOST + 8];
	struct relay_target to, again;
	struct http_uri uri;

	if (http_uri_parse(t, &uri))
		t = uri.authority;
	if (!http_authority_parse(t, 80, &to))
		return;
	size_t len = http_authority_text(&to, 80, text, sizeof(text));

	if (!http_authority_parse((struct http_text){ text, len }, 80, &again) ||
		!http_authority_same(&to, &again))
		abort();
}

static void look_at_head(const struct http_head *h, const char *from, size_t len)
{
	if (h->size > len || h->fields_len > HTTP_FIELDS_MAX)
		abort();
	look(h->method, from, len);
	look(h->target, from, len);
	look(h->reason, from, len);
	for (unsigned i = 0; i < h->fields_len; i++) {
		look(h->fields[i].name, from, len);
		look(h->fields[i].value, from, len);
	}
	if (h->framing == HTTP_BODY_CHUNKED && h->minor == 0)
		abort();
	look_at_target(h->target);
	look_at_target(h->host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *bytes = (const char *)data;
	struct http_head h;
	struct http_fault fault;

	if (http_request_parse(bytes, len, &h, &fault) == HTTP_WHOLE)
		look_at_head(&h, bytes, len);
	for (int asked = HTTP_ASKED; asked <= HTTP_ASKED_CONNECT; asked++)
		if (http_answer_parse(bytes, len, (enum http_asked)asked, &h, &fault) == HTTP_WHOLE)
			look_at_head(&h, bytes, len);
	look_at_target((struct http_text){ bytes, len });
	return 0;
}
