/*
 * test_memory.c - memory that runs out while a relay serves: the Nth allocation of its thread fails, for every N, until none
 * does; nothing breaks or leaks, the client is not left waiting, and the next one is served
 */
#include "relay_box.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>

/* The linker sends the program's own calls here (-Wl,--wrap); those inside of libraries are their own. */
static atomic_long left = -1;	    /* allocations until one fails; below 0: none does */
static _Thread_local bool is_tests; /* a thread of the test: its own do not fail */

static bool is_failing(void)
{
	return !is_tests && atomic_load(&left) >= 0 && atomic_fetch_sub(&left, 1) == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
struct event *__real_event_new(
	struct event_base *b, evutil_socket_t fd, short what, event_callback_fn fn, void *arg);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
struct event *__wrap_event_new(
	struct event_base *b, evutil_socket_t fd, short what, event_callback_fn fn, void *arg);

void *__wrap_malloc(size_t size)
{
	return is_failing() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_failing() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return is_failing() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *s)
{
	return is_failing() ? NULL : __real_strdup(s);
}

struct event *__wrap_event_new(
	struct event_base *b, evutil_socket_t fd, short what, event_callback_fn fn, void *arg)
{
	return is_failing() ? NULL : __real_event_new(b, fd, what, fn, arg);
}

/* --- the server: says everything again, or answers requests --- */

#define CONNECTIONS_MAX 16

struct server {
	pthread_t thread;
	int stop[2]; /* a pipe */
	bool is_http;
	struct pollfd fds[CONNECTIONS_MAX]; /* the pipe, the listening or bound socket, connections */
	unsigned len;
};

static void answer(const struct server *s, int fd, const char *text, size_t n)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

	if (!s->is_http)
		(void)!write(fd, text, n);
	else if (n >= 4 && strncmp(text + n - 4, "\r\n\r\n", 4) == 0)
		(void)!write(fd, ok, sizeof(ok) - 1);
}

static void echo_datagram(int fd)
{
	union sockaddr_any from;
	socklen_t len = sizeof(from);
	char text[100];
	ssize_t n = recvfrom(fd, text, sizeof(text), 0, &from.sa, &len);

	if (n > 0)
		(void)!sendto(fd, text, (size_t)n, 0, &from.sa, len);
}

static void serve_connection(struct server *s, unsigned i)
{
	char text[2000];
	ssize_t n = read(s->fds[i].fd, text, sizeof(text));

	if (n > 0) {
		answer(s, s->fds[i].fd, text, (size_t)n);
		return;
	}
	close(s->fds[i].fd);
	s->fds[i] = s->fds[--s->len];
}

static void *serve(void *ctx)
{
	struct server *s = ctx;
	int type, listens;
	socklen_t len = sizeof(type);

	is_tests = true;
	getsockopt(s->fds[1].fd, SOL_SOCKET, SO_TYPE, &type, &len);
	listens = type == SOCK_STREAM;
	while (poll(s->fds, s->len, -1) > 0 && !s->fds[0].revents) {
		for (unsigned i = s->len; --i > 1;)
			if (s->fds[i].revents)
				serve_connection(s, i);
		if (!s->fds[1].revents)
			continue;
		if (listens && s->len < CONNECTIONS_MAX)
			s->fds[s->len++] =
				(struct pollfd){ .fd = accept(s->fds[1].fd, NULL, NULL), .events = POLLIN };
		else
			echo_datagram(s->fds[1].fd);
	}
	while (s->len > 2)
		close(s->fds[--s->len].fd);
	return NULL;
}

static void server_start(struct server *s, int fd, bool is_http)
{
	*s = (struct server){ .is_http = is_http, .len = 2 };
	REQUIRE(pipe(s->stop) == 0);
	s->fds[0] = (struct pollfd){ .fd = s->stop[0], .events = POLLIN };
	s->fds[1] = (struct pollfd){ .fd = fd, .events = POLLIN };
	REQUIRE(pthread_create(&s->thread, NULL, serve, s) == 0);
}

static void server_end(struct server *s)
{
	close(s->stop[1]);
	pthread_join(s->thread, NULL);
	close(s->stop[0]);
}

/* --- clients: whether all went well --- */

/* Say something, and hear until @want comes, or an end. Nobody is left waiting. */
static bool asks(int fd, const void *say, size_t len, const char *want, size_t want_len)
{
	char got[4000];
	size_t n = 0;

	if (send(fd, say, len, MSG_NOSIGNAL) != (ssize_t)len)
		return false;
	while (n < sizeof(got) - 1) {
		REQUIRE(is_ready(fd));
		ssize_t r = read(fd, got + n, sizeof(got) - 1 - n);

		if (r <= 0)
			return false;
		n += (size_t)r;
		got[n] = '\0';
		if (n >= want_len && memcmp(got + n - want_len, want, want_len) == 0)
			return true;
		if (strstr(got, "</html>")) /* a page that says why not */
			return false;
	}
	return false;
}

static bool asks_text(int fd, const char *say, const char *want)
{
	return asks(fd, say, strlen(say), want, strlen(want));
}

static bool talk_echo(const struct box *b, int c)
{
	return asks_text(c, "ping", "ping") && asks_text(c, "pong", "pong");
}

static bool talk_forward(const struct box *b, int c)
{
	char text[200];

	snprintf(text, sizeof(text), "GET http://127.0.0.1:%u/ HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
		b->to.port, b->to.port);
	return asks_text(c, text, "hello") && asks_text(c, text, "hello");
}

static bool talk_connect(const struct box *b, int c)
{
	char text[200];

	snprintf(text, sizeof(text), "CONNECT 127.0.0.1:%u HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
		b->to.port, b->to.port);
	return asks_text(c, text, "\r\n\r\n") && asks_text(c, "GET / HTTP/1.1\r\n\r\n", "hello");
}

static bool talk_reverse(const struct box *b, int c)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

	return asks_text(c, get, "hello") && asks_text(c, get, "hello");
}

static bool talk_socks5(const struct box *b, int c)
{
	const uint8_t go[10] = { 5, 1, 0, 1, 127, 0, 0, 1, (uint8_t)(b->to.port >> 8), (uint8_t)b->to.port };
	char reply[10];

	if (!asks(c, "\5\1\0", 3, "\5\0", 2) || send(c, go, sizeof(go), MSG_NOSIGNAL) != (ssize_t)sizeof(go))
		return false;
	REQUIRE(is_ready(c));
	ssize_t n = recv(c, reply, sizeof(reply), 0); /* 22 bytes if it names an IPv6 address */

	return n == (ssize_t)sizeof(reply) && reply[1] == 0 && talk_echo(b, c);
}

/* --- all of it --- */

struct service_case {
	enum relay_type type;
	bool (*talk)(const struct box *b, int c);
	bool is_http;
};

static bool visit_of_stream(const struct box *b, const struct service_case *s)
{
	int c = client(b);
	bool ok = s->talk(b, c);

	close(c);
	return ok;
}

/* Without memory a datagram is lost, and nobody says so. */
static bool is_answered(int fd, bool may_be_lost)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (unsigned ms = 0; ms < LIMIT_MS; ms += 100) {
		if (poll(&p, 1, 100) == 1)
			return true;
		if (may_be_lost && atomic_load(&left) < 0 && ms >= 200)
			return false;
	}
	return false;
}

static bool visit_of_datagrams(const struct box *b, const struct service_case *s)
{
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, &b->at);
	int c = socket(AF_INET6, SOCK_DGRAM, 0);
	bool may_be_lost = atomic_load(&left) >= 0;
	char got[10];

	REQUIRE(c >= 0 && connect(c, &a.sa, len) == 0);
	bool ok = send(c, "ping", 4, 0) == 4 && is_answered(c, may_be_lost) &&
		  recv(c, got, sizeof(got), 0) == 4;
	close(c);
	return ok;
}

static bool visit_once(const struct box *b, const struct service_case *s)
{
	return s->type == RELAY_UDP ? visit_of_datagrams(b, s) : visit_of_stream(b, s);
}

static void open_with(struct box *b, const struct service_case *s)
{
	box_prepare(b, s->type);
	b->service.destinations.allow_len = s->type == RELAY_HTTP_FORWARD || s->type == RELAY_SOCKS5 ? 1 : 0;
	b->service.timeouts.keep_alive = 2 * NSEC;
	b->service.timeouts.head = 2 * NSEC;
	b->service.health = (struct relay_health){ .fall = 3, .rise = 1 };
}

/* Whether the one of number @n has failed. */
static bool fail_one(const struct service_case *s, long n)
{
	struct server server;
	struct box b;
	bool ok, has_failed;

	open_with(&b, s);
	server_start(&server, b.server, s->is_http);
	box_start(&b);
	expect_visits(&b, 0); /* so its threads listen by now */
	atomic_store(&left, n);
	ok = visit_once(&b, s);
	has_failed = atomic_exchange(&left, -1) < 0;
	CHECK(ok || has_failed);
	if (s->type != RELAY_UDP) /* an association has no end that could be seen */
		expect_visits(&b, 0);
	CHECK(visit_once(&b, s));
	server_end(&server);
	box_close(&b);
	return has_failed;
}

static void fail_each(const struct service_case *s)
{
	long n = 0;

	is_tests = true;
	while (fail_one(s, n)) {
		n++;
		REQUIRE(n < 500);
	}
	CHECK(n > 3); /* there were some */
}

TEST(http_forward_outlives_each_failed_allocation)
{
	fail_each(&(struct service_case){ RELAY_HTTP_FORWARD, talk_forward, .is_http = true });
}

TEST(http_forward_outlives_each_failed_allocation_of_a_tunnel)
{
	fail_each(&(struct service_case){ RELAY_HTTP_FORWARD, talk_connect, .is_http = true });
}

TEST(http_reverse_outlives_each_failed_allocation)
{
	fail_each(&(struct service_case){ RELAY_HTTP_REVERSE, talk_reverse, .is_http = true });
}

TEST(socks5_outlives_each_failed_allocation)
{
	fail_each(&(struct service_case){ RELAY_SOCKS5, talk_socks5, .is_http = false });
}

TEST(tcp_outlives_each_failed_allocation)
{
	fail_each(&(struct service_case){ RELAY_TCP, talk_echo, .is_http = false });
}

TEST(udp_outlives_each_failed_allocation)
{
	fail_each(&(struct service_case){ .type = RELAY_UDP });
}

/* Whether the one of number @n has failed. */
static bool fail_start(enum relay_type type, long n)
{
	const struct service_case s = { .type = type };
	char fault[200];
	struct box b;

	open_with(&b, &s);
	struct relay_config c = config_of(&b);
	struct relay_plan plan = plan_of(&b, &c);

	is_tests = false;
	atomic_store(&left, n);
	int err = relay_new(&plan, &b.relay, fault, sizeof(fault));
	if (err == 0)
		err = relay_start(b.relay);
	bool has_failed = atomic_exchange(&left, -1) < 0;

	is_tests = true;
	CHECK(err == 0 || has_failed);
	relay_config_fini(&c); /* of no effect after success */
	box_close(&b);
	return has_failed;
}

TEST(a_start_without_memory_fails_and_leaves_nothing)
{
	static const enum relay_type types[] = { RELAY_TCP, RELAY_UDP, RELAY_SOCKS5, RELAY_HTTP_FORWARD,
		RELAY_HTTP_REVERSE };

	is_tests = true;
	for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
		long n = 0;

		while (fail_start(types[i], n)) {
			n++;
			REQUIRE(n < 1000);
		}
		CHECK(n > 10);
	}
}
