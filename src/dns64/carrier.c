/*
 * carrier.c - see carrier.h
 *
 * Each socket is bound to 127.0.0.1 alone, at a port that the kernel chooses. Other programs of this host could ask
 * there, too, and would learn what they can learn from the upstream itself; they cannot answer in our place, because
 * libunbound takes only what comes from the socket's address and port, which nobody else can bind.
 */
#include "dns64/carrier.h"

#include "dns64/dot.h"
#include "net/tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 32	  /* queries taken before the loop looks at other sockets again */
#define PAD_BLOCK 128	  /* RFC 8467 s4.1, bytes */

struct carried {
	struct carrier *carrier;
	struct upstream server;
	struct dot *dot;
	int fd;
	struct loop_watch *watch;
	uint16_t port;
};

struct carrier {
	struct dns64_counters *counters;
	struct loop *loop;
	struct ssl_ctx_st *tls;
	struct carried lines[DNS64_TLS_SERVERS_MAX];
	unsigned len;
};

/* Whether the record is the last of the message and an OPT record. */
static bool is_last_opt(const struct dns_msg *m, const struct dns_rr *rr)
{
	return rr->type == TYPE_OPT && rr->rdata_at + rr->rdata_len == m->len;
}

size_t carrier_pad(const struct dns_msg *m, uint8_t *query, size_t room)
{
	struct dns_walk w = dns_walk_section(m, SECTION_ADDITIONAL);
	struct dns_rr rr = { .type = 0 };
	size_t end = m->len;
	size_t whole = (end + OPTION_HEAD + PAD_BLOCK - 1) / PAD_BLOCK * PAD_BLOCK;

	while (dns_walk_next(&w, &rr))
		;
	if (!is_last_opt(m, &rr) || whole > room)
		return end;
	size_t padding = whole - end - OPTION_HEAD;

	be16_put(query + end, OPTION_PADDING);
	be16_put(query + end + 2, (uint16_t)padding);
	bytes_zero(query + end + OPTION_HEAD, padding);
	be16_put(query + rr.rdata_at - 2, (uint16_t)(rr.rdata_len + OPTION_HEAD + padding));
	return whole;
}

static void answered(void *ctx, uint16_t from, const uint8_t *reply, size_t len)
{
	struct carried *l = ctx;
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(from),
	};

	/* libunbound asks again when nothing comes. */
	if (sendto(l->fd, reply, len, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) < 0)
		l->carrier->counters->upstream_tls_stray++;
}

/* One query; false if there is none. */
static bool take_query(struct carried *l)
{
	uint8_t query[DOT_QUERY_MAX];
	struct sockaddr_in peer;
	socklen_t peer_len = sizeof(peer);
	struct dns_msg m;
	ssize_t n = recvfrom(
		l->fd, query, sizeof(query), MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&peer, &peer_len);

	if (n < 0)
		return false;
	if ((size_t)n > sizeof(query) || !dns_msg_parse(query, (size_t)n, &m)) {
		l->carrier->counters->upstream_tls_stray++;
		return true;
	}
	m.len = carrier_pad(&m, query, sizeof(query));
	dot_ask(l->dot, &m, ntohs(peer.sin_port));
	return true;
}

static void on_query(void *ctx, unsigned ready)
{
	for (unsigned i = 0; i < BATCH && take_query(ctx); i++)
		;
}

static int open_line(struct carried *l, struct loop *loop)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	l->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || bind(l->fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
		getsockname(l->fd, (struct sockaddr *)&a, &len) < 0)
		return -errno;
	l->port = ntohs(a.sin_port);
	return loop_watch_fd(loop, l->fd, LOOP_READ, on_query, l, &l->watch);
}

static const struct carried *find_line(const struct carrier *c, const struct upstream *server)
{
	for (unsigned i = 0; i < c->len; i++)
		if (upstream_equal(&c->lines[i].server, server))
			return &c->lines[i];
	return NULL;
}

/* A line to @server, if it needs one and has none yet. */
static int add_line(struct carrier *c, const struct upstream *server)
{
	if (!server->tls || find_line(c, server))
		return 0;
	if (c->len == ARRAY_LEN(c->lines))
		return -ENOSPC;
	struct carried *l = &c->lines[c->len++];

	*l = (struct carried){ .carrier = c, .server = *server, .fd = -1 };
	int err = dot_new(server, c->loop, c->tls, c->counters, (struct dot_asker){ answered, l }, &l->dot);

	return err < 0 ? err : open_line(l, c->loop);
}

static int add_lines(struct carrier *c, const struct dns64_config *config)
{
	int err = 0;

	for (unsigned i = 0; err == 0 && i < config->upstream_len; i++)
		err = add_line(c, &config->upstream[i]);
	for (unsigned i = 0; err == 0 && i < config->forward_len; i++)
		for (unsigned k = 0; err == 0 && k < config->forward[i].to_len; k++)
			err = add_line(c, &config->forward[i].to[k]);
	return err;
}

int carrier_new(const struct dns64_config *config, struct loop *l, struct dns64_counters *counters,
	struct carrier **ret, char *fault, size_t fault_size)
{
	struct carrier *c = calloc(1, sizeof(*c));

	if (!c) {
		snprintf(fault, fault_size, "out of memory");
		return -ENOMEM;
	}
	c->counters = counters;
	c->loop = l;
	int err = tls_client_context_new(config->upstream_ca, &c->tls, fault, fault_size);

	if (err < 0) {
		carrier_free(c);
		return err;
	}
	err = add_lines(c, config);
	if (err < 0) {
		snprintf(fault, fault_size, "cannot open a way to an upstream over TLS: %s",
			err == -ENOSPC ? "there are too many of them" : strerror(-err));
		carrier_free(c);
		return err;
	}
	*ret = c;
	return 0;
}

void carrier_free(struct carrier *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->len; i++) {
		struct carried *l = &c->lines[i];

		dot_free(l->dot);
		loop_unwatch(l->watch);
		if (l->fd >= 0)
			close(l->fd);
	}
	tls_context_free(c->tls);
	free(c);
}

uint16_t carrier_port(const struct carrier *c, const struct upstream *server)
{
	const struct carried *l = find_line(c, server);

	return l ? l->port : 0;
}
