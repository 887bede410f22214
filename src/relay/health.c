/* health.c - see health.h */
#include "relay/health.h"

#include "base/bytes.h"
#include "net/tls.h"
#include "relay/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_WITHIN (250 * MSEC)
#define STATUS_LINE 12 /* "HTTP/1.1 200" */

/* Waits (neither dial nor stream), connects (dial), or asks (stream). */
struct health {
	struct lane *lane;
	struct health_plan plan;
	struct loop_watch *timer; /* of the next check, or of the end of this one's patience */
	struct dial *dial;
	struct stream stream;
	bool is_asking;
	char request[RELAY_HOST * 2 + 128];
	size_t request_len, sent;
	char answer[STATUS_LINE + 1];
	size_t answer_len;
};

/* --- what is asked --- */

static void write_request(struct health *h)
{
	const struct relay_target *w = target_where(h->plan.target);
	char address[ENDPOINT6_TEXT], host[RELAY_HOST + 8];

	if (w->host[0])
		snprintf(host, sizeof(host), "%s:%u", w->host, w->at.port);
	else
		snprintf(host, sizeof(host), "%s", endpoint_text(&w->at, address));
	h->request_len = (size_t)snprintf(h->request, sizeof(h->request),
		"GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: isthmus-health\r\nConnection: close\r\n\r\n",
		h->plan.care->path, host);
	ASSERT(h->request_len < sizeof(h->request));
}

bool health_judge(const char *bytes, size_t len, unsigned *ret_status)
{
	static const char pattern[STATUS_LINE + 1] = "HTTP/1.n ddd";
	unsigned status = 0;

	for (unsigned i = 0; i < STATUS_LINE; i++) {
		if (i >= len)
			return false;
		bool is_digit = bytes[i] >= '0' && bytes[i] <= '9',
		     fits = pattern[i] == 'n' || pattern[i] == 'd' ? is_digit : bytes[i] == pattern[i];

		if (!fits) {
			*ret_status = 0;
			return true;
		}
		if (pattern[i] == 'd')
			status = status * 10 + (unsigned)(bytes[i] - '0');
	}
	*ret_status = status;
	return true;
}

/* --- one check --- */

static void check_over(struct health *h, const char *why)
{
	dial_cancel(h->dial);
	h->dial = NULL;
	if (h->is_asking)
		stream_fini(&h->stream);
	h->is_asking = false;
	loop_timer_set(h->timer, h->plan.care->interval);
	target_note(h->plan.target, why ? TARGET_FAILED_CHECK : TARGET_PASSED_CHECK, why);
}

/* True when all is sent; false: it goes on later, or is over. */
static bool ask(struct health *h)
{
	while (h->sent < h->request_len) {
		ssize_t n = stream_write(&h->stream, h->request + h->sent, h->request_len - h->sent);

		if (n < 0) {
			const char *refusal = h->stream.tls ? tls_refusal(h->stream.tls) : NULL;

			if (n != -EAGAIN)
				check_over(h, refusal ? refusal : "the connection broke");
			return false;
		}
		h->sent += (size_t)n;
	}
	return true;
}

static void hear(struct health *h)
{
	for (;;) {
		unsigned status;
		ssize_t n = stream_read(&h->stream, h->answer + h->answer_len, STATUS_LINE - h->answer_len);

		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			check_over(h, "the connection ended without an answer");
			return;
		}
		h->answer_len += (size_t)n;
		if (!health_judge(h->answer, h->answer_len, &status))
			continue;
		if (status == 0)
			check_over(h, "the answer is no HTTP");
		else
			check_over(h, status >= 200 && status < 400 ? NULL : "the answer is a bad status");
		return;
	}
}

/* Without a request, TLS has worked as soon as the handshake is over; the first read does it. */
static void shake(struct health *h)
{
	char c;
	ssize_t n = stream_read(&h->stream, &c, 1);

	if (tls_is_established(h->stream.tls))
		check_over(h, NULL);
	else if (n != -EAGAIN)
		check_over(
			h, tls_refusal(h->stream.tls) ? tls_refusal(h->stream.tls) : "no TLS is agreed upon");
}

static void on_ready(void *ctx)
{
	struct health *h = ctx;

	if (!h->plan.care->path[0])
		shake(h);
	else if (ask(h))
		hear(h);
}

static int open_stream(struct health *h, int fd)
{
	struct ssl_st *tls = NULL;

	if (h->plan.tls) {
		char address[ADDR6_TEXT];

		tls = tls_connect(h->plan.tls, fd, target_host_text(target_where(h->plan.target), address));
		if (!tls) {
			close(fd);
			return -ENOMEM;
		}
	}
	return stream_init(&h->stream, h->lane, fd, tls);
}

static void on_connected(void *ctx, enum dial_fault fault, int fd, const struct endpoint *peer)
{
	struct health *h = ctx;

	h->dial = NULL;
	if (fault != DIAL_OK) {
		check_over(h, dial_fault_text(fault));
		return;
	}
	if (!h->plan.care->path[0] && !h->plan.tls) {
		close(fd);
		check_over(h, NULL);
		return;
	}
	if (open_stream(h, fd) < 0) {
		loop_timer_set(
			h->timer, h->plan.care->interval); /* our fault, so nothing is said of the target */
		return;
	}
	h->is_asking = true;
	h->sent = h->answer_len = 0;
	stream_watch(&h->stream, on_ready, h);
	on_ready(h);
}

static void begin(struct health *h)
{
	const struct dial_plan d = {
		.kind = DIAL_STREAM,
		.to = target_where(h->plan.target),
		.family = h->plan.family,
		.timeout = h->plan.care->timeout,
		.done = on_connected,
		.ctx = h,
	};
	bool is_on_the_way = dial_start(h->lane, &d, &h->dial) == 0;

	loop_timer_set(h->timer, is_on_the_way ? h->plan.care->timeout : h->plan.care->interval);
}

static void on_timer(void *ctx)
{
	struct health *h = ctx;

	if (h->dial)
		check_over(h, dial_fault_text(DIAL_TIMEOUT));
	else if (h->is_asking)
		check_over(h, "no answer in time");
	else
		begin(h);
}

/* --- life --- */

int health_start(struct lane *l, const struct health_plan *plan, struct health **ret)
{
	struct health *h = calloc(1, sizeof(*h));

	if (!h || loop_watch_timer(l->loop, on_timer, h, &h->timer) < 0) {
		free(h);
		return -ENOMEM;
	}
	h->lane = l;
	h->plan = *plan;
	if (plan->tls) /* a reload may end whoever it came from */
		h->plan.tls = tls_context_share(plan->tls);
	write_request(h);
	/* Where the block lies is as good as a random number to keep those of many targets apart. */
	loop_timer_set(h->timer, (uintptr_t)h / sizeof(void *) * 7919 % FIRST_WITHIN);
	*ret = h;
	return 0;
}

void health_stop(struct health *h)
{
	if (!h)
		return;
	dial_cancel(h->dial);
	if (h->is_asking)
		stream_fini(&h->stream);
	loop_unwatch(h->timer);
	tls_context_free(h->plan.tls);
	free(h);
}
