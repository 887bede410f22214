/*
 * http_server.c - two pages over HTTP/1
 *
 * Purpose. A scraper or a browser asks for a page; nothing can be changed, and nothing that a client sends is
 * used but the method and the path.
 *
 * Structure. @struct_http_server owns the watch on the listening socket and the list of connections, each a
 * @struct_http_exchange. A connection carries one request and is: reading (until the head is whole) ->
 * waiting (for the page; only if one was asked for) -> sending -> lingering (our side is closed, the rest of
 * what the client sends is thrown away, so that it reads the answer before it learns that the connection is
 * gone: RFC 9112 s9.6) -> freed.
 *
 * Limits. HTTP_CONNECTIONS_MAX connections, HEAD_BYTES for a head, READ_TIMEOUT for all of it, SEND_TIMEOUT
 * for the client to take the answer, LINGER_TIMEOUT and LINGER_BYTES for its end. The times are of the whole
 * step, not of the gap between two bytes, so a client that dawdles holds one place and holds it briefly.
 * These bounds are why this is no general HTTP library: libevent 2.1's evhttp has neither.
 *
 * Not done: persistent connections, request bodies, compression, ranges, TLS. A proxy in front adds them.
 */
#include "cmd/http_server.h"

#include "cmd/http_request.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_BYTES 8192
#define READ_TIMEOUT (5 * NSEC)
#define SEND_TIMEOUT (10 * NSEC)
#define LINGER_TIMEOUT NSEC
#define LINGER_BYTES (256 * 1024)
#define ACCEPT_PAUSE (100 * MSEC)

struct http_exchange {
	struct http_server *server;
	struct http_exchange *next;
	int fd; /* owned */
	struct loop_watch *ready, *deadline;
	const struct http_page *page; /* that was asked for */
	bool is_head;		      /* the method is HEAD: the answer's body is left out */
	char *answer;		      /* owned; bytes [sent, answer_len) are to be sent */
	size_t sent, answer_len;
	size_t thrown_away; /* bytes, while lingering */
	size_t len;
	char head[HEAD_BYTES];
};

struct http_server {
	struct loop *loop;
	int fd;
	const struct http_page *pages;
	void *ctx;
	struct loop_watch *accepting; /* NULL while there are enough connections, or there is no room */
	struct loop_watch *again;     /* when it is tried again, if there was no room */
	struct http_exchange *exchanges;
	unsigned exchanges_len;
};

/* --- connections --- */

static void on_connection(void *ctx, unsigned ready);

static void accept_more(struct http_server *s)
{
	if (!s->accepting && s->exchanges_len < HTTP_CONNECTIONS_MAX &&
		loop_watch_fd(s->loop, s->fd, LOOP_READ, on_connection, s, &s->accepting) < 0)
		s->accepting = NULL; /* without memory: tried again when the next connection ends */
}

static void exchange_free(struct http_exchange *x)
{
	struct http_exchange **at = &x->server->exchanges;

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	x->server->exchanges_len--;
	loop_unwatch(x->ready);
	loop_unwatch(x->deadline);
	close(x->fd);
	free(x->answer);
	accept_more(x->server);
	free(x);
}

static void on_deadline(void *ctx)
{
	exchange_free(ctx);
}

/* await() - call @fn when the connection is ready for it, and give up after a time; false: it is freed */
static bool await(struct http_exchange *x, enum loop_event event, void (*fn)(void *, unsigned), nsec patience)
{
	loop_unwatch(x->ready);
	x->ready = NULL;
	if (loop_watch_fd(x->server->loop, x->fd, event, fn, x, &x->ready) < 0) {
		exchange_free(x);
		return false;
	}
	loop_timer_set(x->deadline, patience);
	return true;
}

/* --- the answer --- */

static void on_lingering(void *ctx, unsigned ready)
{
	struct http_exchange *x = ctx;
	ssize_t n = recv(x->fd, x->head, sizeof(x->head), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		x->thrown_away += (size_t)n;
	if (n <= 0 || x->thrown_away > LINGER_BYTES)
		exchange_free(x);
}

static void on_writable(void *ctx, unsigned ready)
{
	struct http_exchange *x = ctx;
	ssize_t n = send(x->fd, x->answer + x->sent, x->answer_len - x->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		exchange_free(x);
		return;
	}
	x->sent += (size_t)n;
	if (x->sent < x->answer_len)
		return;
	shutdown(x->fd, SHUT_WR);
	(void)await(x, LOOP_READ, on_lingering, LINGER_TIMEOUT);
}

static const char *date_text(char *buf, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || strftime(buf, size, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
		buf[0] = '\0';
	return buf;
}

/* What every answer says besides: nothing is kept, nothing is fetched, nothing runs, nobody frames it. */
#define FIELDS                                                                                               \
	"Cache-Control: no-store\r\n"                                                                        \
	"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "          \
	"form-action 'none'; frame-ancestors 'none'\r\n"                                                     \
	"X-Content-Type-Options: nosniff\r\n"                                                                \
	"Referrer-Policy: no-referrer\r\n"                                                                   \
	"Connection: close\r\n"

struct content {
	const char *type, *body;
	size_t len;
	const char *fields; /* further ones, each ended by CRLF */
};

static void answer(struct http_exchange *x, const char *status, const struct content *c)
{
	char date[64];
	FILE *to = open_memstream(&x->answer, &x->answer_len);

	if (!to) {
		exchange_free(x);
		return;
	}
	fprintf(to, "HTTP/1.1 %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n" FIELDS "%s\r\n",
		status, date_text(date, sizeof(date)), c->type, c->len, c->fields);
	if (!x->is_head)
		fwrite(c->body, 1, c->len, to);
	bool is_complete = !ferror(to);
	if (fclose(to) != 0 || !is_complete)
		exchange_free(x);
	else
		(void)await(x, LOOP_WRITE, on_writable, SEND_TIMEOUT);
}

void page_reply(struct http_exchange *x, const char *body, size_t len)
{
	answer(x, "200 OK",
		&(const struct content){ .type = x->page->type, .body = body, .len = len, .fields = "" });
}

static void refuse(struct http_exchange *x, const char *status, const char *fields)
{
	char body[96];
	int len = snprintf(body, sizeof(body), "%s\n", status);

	answer(x, status,
		&(const struct content){ .type = "text/plain; charset=utf-8",
			.body = body,
			.len = (size_t)len,
			.fields = fields });
}

void page_refuse(struct http_exchange *x)
{
	refuse(x, "503 Service Unavailable", "Retry-After: 1\r\n");
}

/* --- the request --- */

static const struct http_page *page_find(const struct http_server *s, const char *path)
{
	for (const struct http_page *p = s->pages; p->path; p++) {
		if (strcmp(p->path, path) == 0)
			return p;
	}
	return NULL;
}

static void on_request(struct http_exchange *x, const struct http_request *r)
{
	/* Nobody waits for this connection until the page is there, so it cannot be freed meanwhile. */
	loop_unwatch(x->ready);
	x->ready = NULL;
	loop_timer_stop(x->deadline);
	x->is_head = r->method == HTTP_HEAD;
	x->page = page_find(x->server, r->path);
	if (r->method == HTTP_OTHER)
		refuse(x, "405 Method Not Allowed", "Allow: GET, HEAD\r\n");
	else if (!x->page)
		refuse(x, "404 Not Found", "");
	else
		x->page->serve(x->server->ctx, x);
}

static void on_readable(void *ctx, unsigned ready)
{
	struct http_exchange *x = ctx;
	struct http_request r;
	ssize_t n = recv(x->fd, x->head + x->len, sizeof(x->head) - x->len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		exchange_free(x);
		return;
	}
	x->len += (size_t)n;
	enum http_progress p = page_request_parse(x->head, x->len, &r);
	if (p == HTTP_WHOLE)
		on_request(x, &r);
	else if (p == HTTP_MALFORMED)
		refuse(x, "400 Bad Request", "");
	else if (p == HTTP_VERSION)
		refuse(x, "505 HTTP Version Not Supported", "");
	else if (x->len == sizeof(x->head))
		refuse(x, "431 Request Header Fields Too Large", "");
}

/* exchange_new() - begin to read from a connection; on failure it is closed */
static void exchange_new(struct http_server *s, int fd)
{
	struct http_exchange *x = calloc(1, sizeof(*x));

	if (!x) {
		close(fd);
		return;
	}
	x->server = s;
	x->fd = fd;
	x->next = s->exchanges;
	s->exchanges = x;
	s->exchanges_len++;
	if (loop_watch_timer(s->loop, on_deadline, x, &x->deadline) < 0)
		exchange_free(x);
	else
		(void)await(x, LOOP_READ, on_readable, READ_TIMEOUT);
}

/* is_short_of_room() - whether the connection stays where it is, and asking again at once would be a busy loop */
static bool is_short_of_room(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS;
}

static void on_connection(void *ctx, unsigned ready)
{
	struct http_server *s = ctx;
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && !is_short_of_room(errno))
		return;
	if (fd < 0)
		loop_timer_set(s->again, ACCEPT_PAUSE);
	else
		exchange_new(s, fd);
	if (fd < 0 || s->exchanges_len == HTTP_CONNECTIONS_MAX) {
		loop_unwatch(s->accepting);
		s->accepting = NULL;
	}
}

static void on_again(void *ctx)
{
	accept_more(ctx);
}

/* --- the server --- */

int page_server_new(
	struct loop *l, int fd, const struct http_page *pages, void *ctx, struct http_server **ret)
{
	struct http_server *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct http_server){ .loop = l, .fd = fd, .pages = pages, .ctx = ctx };
	tzset(); /* reads files once; gmtime_r() would do it at the first request, inside the sandbox */
	int err = loop_watch_timer(l, on_again, s, &s->again);
	if (err == 0)
		err = loop_watch_fd(l, fd, LOOP_READ, on_connection, s, &s->accepting);
	if (err < 0) {
		page_server_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

void page_server_free(struct http_server *s)
{
	if (!s)
		return;
	while (s->exchanges)
		exchange_free(s->exchanges);
	loop_unwatch(s->accepting);
	loop_unwatch(s->again);
	free(s);
}
