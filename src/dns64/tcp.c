/*
 * tcp.c - queries and replies over TCP (RFC 7766), and over TLS on TCP (RFC 7858)
 *
 * Structure. A struct tcp_client holds one connection: what was read and is not yet a whole message, and what
 * is to be written. Several queries may be open at once, and each is answered when its answer is there, in
 * any order (s6.2.1.1).
 *
 * Back-pressure. A client is not read from while PIPELINE_MAX of its queries are open or OUT_PAUSE bytes wait
 * to be written, so what one connection can hold is bounded, whatever it sends and however slowly it reads.
 *
 * Life cycle: accepted; closed by an error, by the idle time, or by the peer's end of data once all of its
 * queries are answered and written; freed when no query refers to it any more. The idle time starts anew with
 * each whole query and with each reply that was written, not with single bytes, so a client cannot stay by
 * sending slowly, nor by not finishing a handshake of TLS.
 *
 * TLS. tls.c stands between the socket and this file; nothing else differs. Whoever is not allowed to ask is closed
 * before the handshake, which costs more than the refusal is worth. A record of TLS may hold more than fits into @in:
 * what is left inside OpenSSL does not make the socket readable, so it is asked for (take_input()).
 */
#include "dns64/doh.h"
#include "dns64/tcp_client.h"
#include "net/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define PIPELINE_MAX 64	       /* open queries of one connection */
#define OUT_PAUSE (128u << 10) /* bytes */

/* The idle time starts anew. */
static void tcp_client_is_busy(struct tcp_client *c)
{
	c->busy = clock_now();
	loop_timer_set(c->idle, TCP_IDLE);
}

/* --- bytes --- */

/* As recv() and send(), but -errno. */
static ssize_t take_bytes(struct tcp_client *c, void *to, size_t room)
{
	if (c->tls)
		return tls_read(c->tls, to, room);
	ssize_t n = recv(c->fd, to, room, MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

static ssize_t give_bytes(struct tcp_client *c, const void *from, size_t len)
{
	if (c->tls)
		return tls_write(c->tls, from, len);
	ssize_t n = send(c->fd, from, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 ? -errno : n;
}

static bool is_passing(ssize_t n)
{
	return n == -EAGAIN || n == -EWOULDBLOCK || n == -EINTR;
}

/* --- what the client waits for --- */

static void on_readable(void *ctx, unsigned ready);
static void on_writable(void *ctx, unsigned ready);

static bool is_paused(const struct tcp_client *c)
{
	return c->queries >= PIPELINE_MAX || c->out_len - c->out_at >= OUT_PAUSE;
}

/* Makes one watch exist or not; a failure closes the client. */
static void set_watch(struct tcp_client *c, struct loop_watch **w, bool is_wanted, unsigned events,
	void (*fn)(void *ctx, unsigned ready))
{
	if (c->fd < 0 || (*w != NULL) == is_wanted)
		return;
	if (!is_wanted) {
		loop_unwatch(*w);
		*w = NULL;
	} else if (loop_watch_fd(c->resolver->loop, c->fd, events, fn, c, w) < 0) {
		*w = NULL;
		tcp_client_close(c);
	}
}

/* Called after anything that may have changed what to wait for. */
void tcp_client_update(struct tcp_client *c)
{
	bool has_output = c->out_at < c->out_len;

	bool is_over = c->is_eof || (c->http && doh_is_over(c->http));

	if (c->fd >= 0 && is_over && !has_output && c->queries == 0)
		tcp_client_close(c);
	bool wants_room = has_output || (c->tls && tls_wants_write(c->tls));

	set_watch(c, &c->reading, !c->is_eof && !is_paused(c), LOOP_READ, on_readable);
	set_watch(c, &c->writing, wants_room, LOOP_WRITE, on_writable);
}

/* --- writing --- */

static void flush_output(struct tcp_client *c)
{
	while (c->fd >= 0 && c->out_at < c->out_len) {
		ssize_t n = give_bytes(c, c->out + c->out_at, c->out_len - c->out_at);

		if (n <= 0) {
			if (!is_passing(n))
				tcp_client_close(c);
			return;
		}
		c->out_at += (size_t)n;
		tcp_client_is_busy(c);
	}
	c->out_at = c->out_len = 0;
}

/* Room for @len more bytes; bounded because reading stops at OUT_PAUSE and at most PIPELINE_MAX replies
 * follow. */
static bool make_room(struct tcp_client *c, size_t len)
{
	if (c->out_at > 0) {
		bytes_move(c->out, c->out + c->out_at, c->out_len - c->out_at);
		c->out_len -= c->out_at;
		c->out_at = 0;
	}
	if (len <= c->out_room - c->out_len)
		return true;
	size_t room = c->out_len + len + 4096;
	uint8_t *out = realloc(c->out, room);

	if (!out)
		return false;
	c->out = out;
	c->out_room = room;
	return true;
}

static void add_output(struct tcp_client *c, const uint8_t *bytes, size_t len)
{
	if (!make_room(c, len)) {
		tcp_client_close(c);
		return;
	}
	bytes_copy(c->out + c->out_len, bytes, len);
	c->out_len += len;
}

/* Writes what HTTP has to say, as long as the client takes it; not from inside doh_take(). */
static void pump(struct tcp_client *c)
{
	const uint8_t *bytes;
	size_t len = 1;

	while (c->fd >= 0 && len > 0 && c->out_len - c->out_at < OUT_PAUSE) {
		len = doh_give(c->http, &bytes);
		if (len > 0)
			add_output(c, bytes, len);
		else
			flush_output(c);
	}
	if (c->fd >= 0)
		flush_output(c);
}

static bool send_message(struct tcp_client *c, const uint8_t *bytes, size_t len)
{
	uint8_t prefix[2];

	be16_put(prefix, (uint16_t)len);
	add_output(c, prefix, sizeof(prefix));
	if (c->fd >= 0)
		add_output(c, bytes, len);
	if (c->fd >= 0)
		flush_output(c);
	return c->fd >= 0;
}

static bool send_response(struct tcp_client *c, int32_t stream, const uint8_t *bytes, size_t len)
{
	bool is_taken = doh_reply(c->http, stream, bytes, len);

	if (!c->is_serving)
		pump(c);
	return is_taken && c->fd >= 0;
}

bool tcp_send(const struct reply_path *path, const uint8_t *bytes, size_t len)
{
	struct tcp_client *c = path->tcp;

	if (c->fd < 0)
		return false;
	tcp_client_hold(c);
	bool is_sent = c->http ? send_response(c, path->stream, bytes, len) : send_message(c, bytes, len);

	tcp_client_update(c);
	tcp_client_unhold(c);
	return is_sent;
}

/* --- reading --- */

static void serve_one(struct tcp_client *c, size_t len)
{
	struct reply_path path = { .transport = c->transport, .tcp = c, .peer = c->peer };

	tcp_client_is_busy(c);
	if (c->is_stranger) {
		c->is_eof = true; /* one refusal is enough */
		serve_stranger(c->resolver, c->in + 2, len, &path);
		return;
	}
	serve_message(c->resolver, c->in + 2, len, &path);
}

/* Serves the first message that has been read, if it is whole; false if there is none. */
static bool serve_first(struct tcp_client *c)
{
	size_t len = c->in_len >= 2 ? be16_at(c->in) : 0;

	if (len > QUERY_LEN_MAX) {
		c->resolver->counters.tcp_too_long++;
		tcp_client_close(c);
		return false;
	}
	if (c->in_len < 2 + len)
		return false;
	serve_one(c, len);
	c->in_len -= 2 + len;
	bytes_move(c->in, c->in + 2 + len, c->in_len);
	return true;
}

static void on_request(void *ctx, int32_t stream, const uint8_t *msg, size_t len)
{
	struct tcp_client *c = ctx;
	struct reply_path path = { .transport = c->transport, .tcp = c, .stream = stream, .peer = c->peer };

	tcp_client_is_busy(c);
	serve_message(c->resolver, msg, len, &path);
}

static void on_refused(void *ctx)
{
	((struct tcp_client *)ctx)->resolver->counters.https_refused++;
}

/* HTTP takes all bytes at once; what may be open is bounded by its streams. */
static void serve_http(struct tcp_client *c)
{
	if (!doh_take(c->http, c->in, c->in_len)) {
		c->resolver->counters.https_broken++;
		c->is_eof = true; /* after its last words, such as why */
	}
	c->in_len = 0;
}

/* Serves what has been read, unless the client is to wait. The end of a query may call this while it is at
 * work. */
static void serve_input(struct tcp_client *c)
{
	if (c->is_serving)
		return;
	c->is_serving = true;
	if (c->http)
		serve_http(c);
	while (!c->http && c->fd >= 0 && !c->is_eof && !is_paused(c) && serve_first(c))
		;
	c->is_serving = false;
	if (c->http)
		pump(c);
}

/* Takes what is there, once; false if nothing more can be taken now. */
static bool take_some(struct tcp_client *c)
{
	bool is_new = c->tls && !tls_is_established(c->tls);
	ssize_t n = take_bytes(c, c->in + c->in_len, sizeof(c->in) - c->in_len);

	if (is_passing(n))
		return false;
	if (n > 0) {
		c->in_len += (size_t)n;
		serve_input(c);
		return true;
	}
	c->is_eof = true;
	c->resolver->counters.tls_failed += is_new;
	if (n < 0)
		tcp_client_close(c);
	return false;
}

/* Takes also what TLS holds back, or it would wait until the client sends more. One record is the bound. */
static void take_input(struct tcp_client *c)
{
	while (c->fd >= 0 && !c->is_eof && !is_paused(c) && take_some(c) && c->tls && tls_has_pending(c->tls))
		;
}

/* After a pause. */
static void go_on(struct tcp_client *c)
{
	serve_input(c);
	if (c->tls && tls_has_pending(c->tls))
		take_input(c);
}

static void on_readable(void *ctx, unsigned ready)
{
	struct tcp_client *c = ctx;

	tcp_client_hold(c);
	take_input(c);
	tcp_client_update(c);
	tcp_client_unhold(c);
}

static void on_writable(void *ctx, unsigned ready)
{
	struct tcp_client *c = ctx;

	tcp_client_hold(c);
	if (c->tls && tls_wants_write(c->tls))
		take_input(c); /* a handshake, or a change of keys, had no room to go on */
	if (c->http)
		pump(c);
	else
		flush_output(c);
	tcp_client_update(c);
	tcp_client_unhold(c);
}

void tcp_hold(struct tcp_client *c)
{
	c->queries++;
	tcp_client_hold(c);
}

void tcp_release(struct tcp_client *c)
{
	bool was_paused = is_paused(c);

	c->queries--;
	if (c->fd >= 0) {
		if (was_paused && !c->is_serving)
			go_on(c);
		tcp_client_update(c);
	}
	tcp_client_unhold(c);
}

static void on_idle(void *ctx)
{
	struct tcp_client *c = ctx;

	if (c->queries > 0 && c->out_at == c->out_len) { /* it waits for us, not we for it */
		tcp_client_is_busy(c);
		return;
	}
	c->resolver->counters.tcp_idle_closed++;
	tcp_client_hold(c);
	tcp_client_close(c);
	tcp_client_unhold(c);
}

/* --- beginning --- */

static bool begin_http(struct tcp_client *c)
{
	struct doh_user u = {
		.path = c->resolver->config.https_path, .serve = on_request, .refused = on_refused, .ctx = c
	};

	return c->transport != OVER_HTTPS || doh_new(&u, &c->http) == 0;
}

bool tcp_client_begin(struct tcp_client *c)
{
	struct ssl_ctx_st *context = c->resolver->tls[c->transport];

	if (loop_watch_timer(c->resolver->loop, on_idle, c, &c->idle) < 0) {
		c->idle = NULL;
		return false;
	}
	if (context)
		c->tls = tls_accept(context, c->fd);
	tcp_client_is_busy(c);
	return (!context || c->tls) && begin_http(c);
}
