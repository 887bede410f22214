/*
 * nameserver.h - a name server on the loop under test, which says what a test has written down
 *
 * Rows are found by name and type. One without addresses is a name without records of the type; a name without a row does
 * not exist; `rcode` and `is_silent` make it fail. `delay_ms` holds the answer back.
 */
#ifndef TESTS_UNIT_RELAY_NAMESERVER_H
#define TESTS_UNIT_RELAY_NAMESERVER_H

#include "base/bytes.h"
#include "harness.h"
#include "loop/loop.h"
#include "net/sockaddr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TYPE_A 1
#define TYPE_AAAA 28
#define RCODE_NXDOMAIN 3

struct ns_row {
	const char *name;
	int type;
	const char *addresses[18]; /* until the first NULL */
	unsigned ttl, delay_ms;
	int rcode;
	bool is_silent;
};

struct nameserver {
	struct loop *loop;
	const struct ns_row *rows; /* ends with a name that is NULL */
	int fd;
	struct endpoint at;
	struct loop_watch *watch;
	unsigned queries, queries_a, queries_aaaa;
	char last_name[256];
	struct ns_late *late; /* answers that are held back */
};

struct ns_late {
	struct ns_late *next;
	struct nameserver *server;
	struct loop_watch *timer;
	uint8_t reply[1024];
	size_t len;
	union sockaddr_any to;
	socklen_t to_len;
};

/* The name of a question as text; where it ends, or 0. */
static inline size_t ns_name(const uint8_t *q, size_t len, char name[static 256])
{
	size_t at = 12, n = 0;

	while (at < len && q[at] != 0) {
		size_t label = q[at];

		if (at + 1 + label >= len || n + label + 1 >= 256)
			return 0;
		if (n > 0)
			name[n++] = '.';
		memcpy(name + n, q + at + 1, label);
		n += label;
		at += 1 + label;
	}
	name[n] = '\0';
	return at + 1;
}

static inline const struct ns_row *ns_find(
	const struct nameserver *s, const char *name, int type, bool *ret_exists)
{
	*ret_exists = false;
	for (const struct ns_row *r = s->rows; r->name; r++) {
		if (strcmp(r->name, name) != 0)
			continue;
		*ret_exists = true;
		if (r->type == type)
			return r;
	}
	return NULL;
}

static inline void ns_records(struct wr *w, const struct ns_row *r)
{
	for (unsigned i = 0; r->addresses[i]; i++) {
		struct addr4 a4;
		struct addr6 a6;

		wr_be16(w, 0xc00c); /* the name of the question */
		wr_be16(w, (uint16_t)r->type);
		wr_be16(w, 1);
		wr_be32(w, r->ttl);
		wr_be16(w, r->type == TYPE_A ? 4 : 16);
		if (r->type == TYPE_A && addr4_parse(r->addresses[i], &a4))
			addr4_put(wr_room(w, 4), a4);
		else if (r->type == TYPE_AAAA && addr6_parse(r->addresses[i], &a6))
			addr6_put(wr_room(w, 16), a6);
		else
			REQUIRE(false && "an address of a row is none");
	}
}

static inline void ns_late_free(struct ns_late *l)
{
	struct ns_late **p = &l->server->late;

	while (*p && *p != l)
		p = &(*p)->next;
	if (*p)
		*p = l->next;
	loop_unwatch(l->timer);
	free(l);
}

static inline void ns_late_send(void *ctx)
{
	struct ns_late *l = ctx;

	(void)!sendto(l->server->fd, l->reply, l->len, 0, &l->to.sa, l->to_len);
	ns_late_free(l);
}

static inline void ns_send(struct nameserver *s, struct ns_late *l, unsigned delay_ms)
{
	l->server = s;
	if (delay_ms == 0) {
		ns_late_send(l);
		return;
	}
	l->next = s->late;
	s->late = l;
	REQUIRE(loop_watch_timer(s->loop, ns_late_send, l, &l->timer) == 0);
	loop_timer_set(l->timer, delay_ms * MSEC);
}

static inline void ns_reply(struct nameserver *s, const uint8_t *q, size_t end, int type, struct ns_late *l)
{
	bool exists;
	const struct ns_row *r = ns_find(s, s->last_name, type, &exists);
	struct wr w = wr_of(l->reply, sizeof(l->reply));
	int rcode = r ? r->rcode : exists ? 0 : RCODE_NXDOMAIN;
	unsigned count = 0;

	while (r && r->addresses[count])
		count++;
	wr_bytes(&w, q, 2);
	wr_be16(&w, (uint16_t)(0x8180 | rcode));
	wr_be16(&w, 1);
	wr_be16(&w, (uint16_t)count);
	wr_be32(&w, 0);
	wr_bytes(&w, q + 12, end - 12 + 4);
	if (r)
		ns_records(&w, r);
	REQUIRE(!w.full);
	l->len = wr_len(&w);
	if (r && r->is_silent)
		free(l);
	else
		ns_send(s, l, r ? r->delay_ms : 0);
}

static inline void ns_on_query(void *ctx, unsigned ready)
{
	struct nameserver *s = ctx;
	struct ns_late *l = calloc(1, sizeof(*l));
	uint8_t q[512];

	REQUIRE(l);
	l->to_len = sizeof(l->to);
	ssize_t n = recvfrom(s->fd, q, sizeof(q), MSG_DONTWAIT, &l->to.sa, &l->to_len);
	REQUIRE(n > 16);
	size_t end = ns_name(q, (size_t)n, s->last_name);
	REQUIRE(end > 0 && end + 4 <= (size_t)n);
	int type = be16_at(q + end);
	s->queries++;
	s->queries_a += type == TYPE_A;
	s->queries_aaaa += type == TYPE_AAAA;
	ns_reply(s, q, end, type, l);
}

static inline void nameserver_init(struct nameserver *s, struct loop *l, const struct ns_row *rows)
{
	union sockaddr_any a;
	struct endpoint loopback = { .is4 = true, .a4 = { 0x7f000001 } };
	socklen_t len = sockaddr_put(&a, &loopback);

	*s = (struct nameserver){ .loop = l, .rows = rows };
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	REQUIRE(s->fd >= 0 && bind(s->fd, &a.sa, len) == 0);
	REQUIRE(getsockname(s->fd, &a.sa, &len) == 0);
	s->at = sockaddr_endpoint(&a);
	REQUIRE(loop_watch_fd(l, s->fd, LOOP_READ, ns_on_query, s, &s->watch) == 0);
}

static inline void nameserver_fini(struct nameserver *s)
{
	while (s->late)
		ns_late_free(s->late);
	loop_unwatch(s->watch);
	close(s->fd);
}

#endif
