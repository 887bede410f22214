/* relay_box.h - a relay on two threads with one service, from IPv6 clients to an IPv4 server that the test is */
#ifndef ISTHMUS_TESTS_RELAY_BOX_H
#define ISTHMUS_TESTS_RELAY_BOX_H

#include "harness.h"
#include "net/listen.h"
#include "net/sockaddr.h"
#include "relay/relay.h"
#include "relay/visit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_MS 5000 /* nothing may take longer */

static const struct endpoint any_port4 = { .is4 = true, .a4 = { 0x7f000001 } };
static const struct endpoint any_port6 = { .a6 = { 0, 1 } };

static inline struct endpoint bound_to(int fd)
{
	union sockaddr_any a;
	socklen_t len = sizeof(a);

	REQUIRE(getsockname(fd, &a.sa, &len) == 0);
	return sockaddr_endpoint(&a);
}

static inline void *list_of(const void *from, size_t size)
{
	void *to = malloc(size);

	REQUIRE(to);
	memcpy(to, from, size);
	return to;
}

/* A relay with one service, on two lanes, from [::1] to an IPv4 server of the test. */
struct box {
	struct loop *loop;
	struct relay *relay;
	int server; /* listens */
	int sockets[2];
	struct endpoint at;
	struct relay_service service; /* of the next configuration; without lists */
	struct endpoint to;
	bool is_over;
};

static inline struct relay_config config_of(const struct box *b)
{
	struct relay_service s = b->service;
	const struct prefix all[2] = { { .is4 = true }, { .is4 = false } };

	s.listen = list_of(&b->at, sizeof(b->at));
	s.listen_len = 1;
	s.clients = list_of(all, sizeof(all));
	s.clients_len = 2;
	s.to = list_of(&(struct relay_target){ .at = b->to }, sizeof(*s.to));
	s.to_len = 1;
	if (s.type == RELAY_HTTP_REVERSE) {
		s.routes = list_of(
			&(struct relay_route){ .host = "*", .to = s.to, .to_len = 1, .health = s.health },
			sizeof(*s.routes));
		s.routes_len = 1;
		s.to = NULL;
		s.to_len = 0;
	}
	if (b->service.destinations.allow_len > 0)
		s.destinations.allow = list_of(
			&(struct prefix){ .is4 = true, .p4 = { { 0x7f000000 }, 8 } }, sizeof(struct prefix));
	if (b->service.trusted_len > 0)
		s.trusted = list_of(&(struct prefix){ .is4 = false }, sizeof(struct prefix));
	return (struct relay_config){ .connections = 100,
		.connections_per_client = 4,
		.services = list_of(&s, sizeof(s)),
		.services_len = 1 };
}

static inline struct relay_plan plan_of(struct box *b, struct relay_config *c)
{
	return (struct relay_plan){
		.config = c, .loop = b->loop, .threads = 2, .sockets = b->sockets, .sockets_len = 2
	};
}

static inline void box_prepare(struct box *b, enum relay_type type)
{
	int kind = type == RELAY_UDP ? SOCK_DGRAM : SOCK_STREAM;

	signal(SIGPIPE, SIG_IGN);
	*b = (struct box){ .service = { .type = type,
				   .name = "one",
				   .timeouts = { .connect = 2 * NSEC,
					   .idle = 60 * NSEC,
					   .head = 200 * MSEC,
					   .drain = 300 * MSEC,
					   .udp = 300 * MSEC } } };
	REQUIRE(loop_new(&b->loop) == 0);
	b->server = listen_open(&any_port4, kind, BOUND_ALONE);
	REQUIRE(b->server >= 0);
	b->to = bound_to(b->server);
	int first = listen_open(&any_port6, kind, BOUND_ALONE);

	b->at = bound_to(first);
	close(first);
	REQUIRE(listen_open_all(&b->at, kind, 2, b->sockets) == 0);
}

static inline void box_start(struct box *b)
{
	char fault[200] = "";
	struct relay_config c = config_of(b);
	struct relay_plan plan = plan_of(b, &c);

	CHECK_INT(relay_new(&plan, &b->relay, fault, sizeof(fault)), 0);
	CHECK_TEXT(fault[0] && !b->relay ? fault : "", "");
	REQUIRE(b->relay);
	CHECK(!c.services);
	REQUIRE(relay_start(b->relay) == 0);
}

static inline void box_open(struct box *b)
{
	box_prepare(b, RELAY_TCP);
	box_start(b);
}

static inline void box_close(struct box *b)
{
	relay_free(b->relay);
	loop_free(b->loop);
	close(b->server);
}

/* As the supervisor does it: other descriptors of the same sockets. */
static inline int box_update(struct box *b, char *fault, size_t fault_size)
{
	struct relay_config c = config_of(b);
	struct relay_plan plan = plan_of(b, &c);

	for (unsigned i = 0; i < 2; i++)
		b->sockets[i] = dup(b->sockets[i]);
	int err = relay_update(b->relay, &plan, fault, fault_size);

	relay_config_fini(&c); /* of no effect after success */
	return err;
}

static inline int client(const struct box *b)
{
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, &b->at);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	REQUIRE(fd >= 0 && connect(fd, &a.sa, len) == 0);
	return fd;
}

static inline bool is_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, LIMIT_MS) == 1;
}

static inline int server_accept(const struct box *b)
{
	REQUIRE(is_ready(b->server));
	int fd = -1;

	for (unsigned i = 0; fd < 0 && i < 1000; i++) {
		fd = accept(b->server, NULL, NULL);
		if (fd < 0)
			usleep(1000);
	}
	REQUIRE(fd >= 0);
	return fd;
}

static inline void expect(int fd, const char *want)
{
	char got[200];
	size_t len = 0;

	while (len < strlen(want) && is_ready(fd)) {
		ssize_t n = read(fd, got + len, strlen(want) - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	CHECK_BYTES(got, len, want, strlen(want));
}

static inline void say(int fd, const char *text)
{
	CHECK_INT(write(fd, text, strlen(text)), (long)strlen(text));
}

/* The far side has closed, with a FIN or a RST. */
static inline void expect_end(int fd)
{
	char got;

	CHECK(is_ready(fd));
	CHECK(read(fd, &got, 1) <= 0);
}

static inline unsigned long sum_of(const struct box *b, const char *counter)
{
	unsigned long sum = 0;

	for (unsigned i = 0; i < relay_lanes(b->relay); i++) {
		const char *name, *text;
		unsigned long value;

		for (unsigned n = 0; lane_counter_at(relay_lane(b->relay, i), n, &name, &text, &value); n++)
			if (strcmp(name, counter) == 0)
				sum += value;
	}
	return sum;
}

static inline void count_visits(struct lane *l, void *ctx)
{
	*(unsigned *)ctx += l->visits_len;
}

static inline unsigned visits(const struct box *b)
{
	unsigned n = 0;

	relay_each(b->relay, count_visits, &n);
	return n;
}

/* Waits until so many visits are there. */
static inline void expect_visits(const struct box *b, unsigned want)
{
	for (unsigned i = 0; visits(b) != want && i < LIMIT_MS; i++)
		usleep(1000);
	CHECK_INT(visits(b), want);
}

#endif
