/* test_http_server.c - pages over a real socket: now, later, too many clients, clients that go */
#include "harness.h"

#include "cmd/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 80

struct bench {
	struct loop *loop;
	struct loop_watch *pause;
	struct http_server *server;
	struct http_exchange *late[CLIENTS_MAX];
	unsigned late_len;
	int fd;
	struct sockaddr_in6 at;
};

static void serve_now(void *ctx, struct http_exchange *x)
{
	page_reply(x, "now\n", 4);
}

static void serve_late(void *ctx, struct http_exchange *x)
{
	struct bench *t = ctx;

	t->late[t->late_len++] = x;
}

static void serve_never(void *ctx, struct http_exchange *x)
{
	page_refuse(x);
}

static char big[3 << 20];

static void serve_big(void *ctx, struct http_exchange *x)
{
	page_reply(x, big, sizeof(big));
}

static const struct http_page pages[] = {
	{ "/now", "text/plain", serve_now },
	{ "/late", "text/html", serve_late },
	{ "/never", "text/plain", serve_never },
	{ "/big", "text/plain", serve_big },
	{ NULL, NULL, NULL },
};

static void on_pause_over(void *ctx)
{
	loop_stop(((struct bench *)ctx)->loop);
}

static void bench_init(struct bench *t)
{
	socklen_t size = sizeof(t->at);

	*t = (struct bench){ .at = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback } };
	t->fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->fd < 0 || bind(t->fd, (struct sockaddr *)&t->at, sizeof(t->at)) < 0)
		test_skip("no IPv6 loopback here");
	REQUIRE(listen(t->fd, 128) == 0);
	REQUIRE(getsockname(t->fd, (struct sockaddr *)&t->at, &size) == 0);
	REQUIRE(loop_new(&t->loop) == 0);
	REQUIRE(loop_watch_timer(t->loop, on_pause_over, t, &t->pause) == 0);
	REQUIRE(page_server_new(t->loop, t->fd, pages, t, &t->server) == 0);
}

static void bench_fini(struct bench *t)
{
	page_server_free(t->server);
	loop_unwatch(t->pause);
	loop_free(t->loop);
	close(t->fd);
}

static void run_for(struct bench *t, nsec time)
{
	loop_timer_set(t->pause, time);
	REQUIRE(loop_run(t->loop) == 0);
}

static int connect_to(struct bench *t)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	REQUIRE(fd >= 0 && connect(fd, (struct sockaddr *)&t->at, sizeof(t->at)) == 0);
	return fd;
}

static void say(int fd, const char *text)
{
	REQUIRE(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* heard() - what has come so far; @ret_end: whether the other side has closed */
static const char *heard(int fd, bool *ret_end)
{
	static char got[8192];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, got + len, sizeof(got) - 1 - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	*ret_end = n == 0;
	got[len] = '\0';
	return got;
}

static const struct {
	const char *say, *begin, *end;
} talks[] = {
	{ "GET /now HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nDate: ", "\r\n\r\nnow\n" },
	{ "GET /now HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ", "Connection: close\r\n\r\nnow\n" },
	{ "HEAD /now HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ", "\r\n\r\n" },
	{ "GET /never HTTP/1.0\r\n\r\n", "HTTP/1.1 503 ", "Retry-After: 1\r\n\r\n503 Service Unavailable\n" },
	{ "GET /nothing HTTP/1.0\r\n\r\n", "HTTP/1.1 404 ", "\r\n\r\n404 Not Found\n" },
	{ "POST /now HTTP/1.0\r\n\r\nabc", "HTTP/1.1 405 ",
		"Allow: GET, HEAD\r\n\r\n405 Method Not Allowed\n" },
	{ "\r\nG\n", "HTTP/1.1 400 ", "\r\n\r\n400 Bad Request\n" },
	{ "GET / HTTP/3.0\r\n", "HTTP/1.1 505 ", "\r\n\r\n505 HTTP Version Not Supported\n" },
};

TEST(requests_are_answered_and_the_connection_ends)
{
	struct bench t;
	bool is_end;

	bench_init(&t);
	for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
		int fd = connect_to(&t);

		test_row(talks[i].say);
		say(fd, talks[i].say);
		run_for(&t, 20 * MSEC);
		const char *got = heard(fd, &is_end);
		CHECK(strncmp(got, talks[i].begin, strlen(talks[i].begin)) == 0);
		size_t end = strlen(talks[i].end);
		CHECK_TEXT(got + (strlen(got) < end ? 0 : strlen(got) - end), talks[i].end);
		CHECK(is_end);
		CHECK((strstr(got, "\r\nContent-Length: 4\r\n") != NULL) ==
			(strstr(talks[i].say, "/now HTTP") && talks[i].say[0] != 'P'));
		close(fd);
	}
	bench_fini(&t);
}

TEST(a_head_longer_than_8_kib_is_refused)
{
	static char head[8192 + 1];
	struct bench t;
	bool is_end;

	bench_init(&t);
	int fd = connect_to(&t);
	memset(head, 'a', sizeof(head) - 1);
	say(fd, head);
	run_for(&t, 20 * MSEC);
	CHECK(strncmp(heard(fd, &is_end), "HTTP/1.1 431 ", 13) == 0);
	close(fd);
	bench_fini(&t);
}

TEST(a_page_may_come_later_even_if_the_client_is_gone)
{
	struct bench t;
	bool is_end;

	bench_init(&t);
	int stays = connect_to(&t), goes = connect_to(&t);
	say(stays, "GET /late HTTP/1.0\r\n\r\n");
	say(goes, "GET /late HTTP/1.0\r\n\r\n");
	run_for(&t, 20 * MSEC);
	close(goes);
	run_for(&t, 20 * MSEC);
	REQUIRE(t.late_len == 2);
	CHECK_TEXT(heard(stays, &is_end), "");
	CHECK(!is_end);
	page_reply(t.late[0], "<p>", 3);
	page_reply(t.late[1], "<p>", 3);
	run_for(&t, 20 * MSEC);
	CHECK(strstr(heard(stays, &is_end), "Content-Type: text/html\r\n") != NULL);
	close(stays);
	bench_fini(&t);
}

TEST(a_client_beyond_the_limit_waits_its_turn)
{
	int fds[HTTP_CONNECTIONS_MAX + 1];
	struct bench t;
	bool is_end;

	bench_init(&t);
	for (unsigned i = 0; i <= HTTP_CONNECTIONS_MAX; i++) {
		fds[i] = connect_to(&t);
		say(fds[i], "GET /late HTTP/1.0\r\n\r\n");
		run_for(&t, 5 * MSEC);
	}
	CHECK_INT(t.late_len, HTTP_CONNECTIONS_MAX);
	page_refuse(t.late[0]);
	run_for(&t, 20 * MSEC);
	CHECK(strncmp(heard(fds[0], &is_end), "HTTP/1.1 503 ", 13) == 0);
	close(fds[0]); /* read to its end: its place is free */
	run_for(&t, 20 * MSEC);
	CHECK_INT(t.late_len, HTTP_CONNECTIONS_MAX + 1);
	for (unsigned i = 1; i <= HTTP_CONNECTIONS_MAX; i++)
		close(fds[i]);
	bench_fini(&t);
}

TEST(a_large_answer_comes_whole_through_a_small_window)
{
	static char got[65536];
	struct bench t;
	size_t sum = 0;
	ssize_t n = 1;
	int small = 4096;

	bench_init(&t);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) == 0);
	REQUIRE(connect(fd, (struct sockaddr *)&t.at, sizeof(t.at)) == 0);
	say(fd, "GET /big HTTP/1.0\r\n\r\n");
	for (unsigned i = 0; i < 20000 && n != 0; i++) {
		run_for(&t, MSEC / 10);
		while ((n = recv(fd, got, sizeof(got), MSG_DONTWAIT)) > 0)
			sum += (size_t)n;
	}
	CHECK_INT(n, 0);
	CHECK(sum > sizeof(big) && sum < sizeof(big) + 1000);
	close(fd);
	bench_fini(&t);
}

TEST(one_who_says_nothing_is_cut_off_after_five_seconds)
{
	struct bench t;
	bool is_end;

	bench_init(&t);
	int fd = connect_to(&t);
	for (unsigned i = 0; i < 9; i++) {
		run_for(&t, 500 * MSEC);
		say(fd, i == 0 ? "GET / HTTP/1.0\r\nA:" : "x"); /* a byte now and then buys no time */
	}
	heard(fd, &is_end);
	CHECK(!is_end);
	run_for(&t, NSEC);
	CHECK_TEXT(heard(fd, &is_end), "");
	CHECK(is_end || errno == ECONNRESET);
	close(fd);
	bench_fini(&t);
	page_server_free(NULL);
}
