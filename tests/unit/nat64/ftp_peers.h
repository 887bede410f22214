/*
 * ftp_peers.h - an IPv6 client and an IPv4 server with a tiny TCP each, and the gateway between them
 *
 * Each end numbers what it sends, repeats what is not acknowledged, and puts together what comes. Nothing here uses the
 * code under test. Segments are bytes: what leaves the gateway is checked as the receiver would, by its own arithmetic.
 */
#ifndef ISTHMUS_TESTS_NAT64_FTP_PEERS_H
#define ISTHMUS_TESTS_NAT64_FTP_PEERS_H

#include "bench.h"

#include "nat64/ftp_event.h"

#include <stdio.h>
#include <string.h>

#define CLIENT_PORT 40001
#define STREAM_MAX 8192

enum { CLIENT_END, SERVER_END, ENDS };

struct peer {
	uint32_t isn;
	char sent[STREAM_MAX]; /* all that was ever said; byte i has number isn + 1 + i */
	size_t sent_len;
	size_t acked; /* how much of it the other side has acknowledged */
	bool wants_fin, fin_acked;
	char got[STREAM_MAX];
	size_t got_len;
	bool got_fin;
	uint32_t peer_isn; /* as this side sees it */
};

struct ftp_lab {
	struct bench *b;
	struct peer end[ENDS];
	uint16_t pool_port;
	bool with_times;
	uint32_t clock;
};

static inline void put32(uint8_t *p, uint32_t v)
{
	be32_put(p, v);
}

/* One segment of @who with bytes @from to @to of what it says. */
static inline void peer_segment(struct ftp_lab *l, int who, size_t from, size_t to, uint8_t flags)
{
	struct peer *e = &l->end[who];
	struct craft_ip ip = { .src = who == CLIENT_END ? CLIENT : SERVER,
		.dst = who == CLIENT_END ? SERVER6 : POOL };
	uint16_t sport = who == CLIENT_END ? CLIENT_PORT : 21, dport = who == CLIENT_END ? 21 : l->pool_port;
	size_t header = 20 + (l->with_times ? 12 : 0), ip_len = who == CLIENT_END ? 40 : 20;

	craft_tcp(&l->b->in, &ip, sport, dport, flags, header - 20 + to - from);
	uint8_t *tcp = craft_data(&l->b->in) + ip_len;

	put32(tcp + 4, e->isn + 1 + (uint32_t)from - ((flags & TCP_SYN) ? 1 : 0));
	put32(tcp + 8, (flags & TCP_ACK) ? e->peer_isn + 1 + (uint32_t)e->got_len + (e->got_fin ? 1 : 0) : 0);
	tcp[12] = (uint8_t)(header / 4 << 4);
	if (l->with_times) {
		static const uint8_t times[12] = { 1, 1, 8, 10 };

		memcpy(tcp + 20, times, 12);
		put32(tcp + 24, ++l->clock);
	}
	memcpy(tcp + header, e->sent + from, to - from);
	craft_tcp_sum(&l->b->in);
}

/* What came out for @who: a segment is taken in if it fits, its acknowledgment is noted. */
static inline void peer_receive(struct ftp_lab *l, int who, const uint8_t *p, size_t len)
{
	struct peer *e = &l->end[who];
	const uint8_t *tcp = p + (p[0] >> 4 == 6 ? 40 : 20);
	size_t header = (size_t)(tcp[12] >> 4) * 4, n = len - (size_t)(tcp - p) - header;
	int64_t at = (int32_t)(be32_at(tcp + 4) - e->peer_isn - 1);
	int64_t ack = (int32_t)(be32_at(tcp + 8) - e->isn - 1);

	CHECK(craft_checksums_ok(p, len));
	CHECK(ack >= 0 && ack <= (int64_t)e->sent_len + 1);
	if (ack == (int64_t)e->sent_len + 1) {
		CHECK(e->wants_fin);
		e->fin_acked = true;
		ack--;
	}
	if ((size_t)ack > e->acked)
		e->acked = (size_t)ack;
	if (at > (int64_t)e->got_len)
		return; /* there is a gap; the test's peers keep nothing out of order */
	for (size_t i = 0; i < n; i++) {
		if (at + (int64_t)i < 0)
			continue;
		size_t pos = (size_t)at + i;

		if (pos < e->got_len) {
			CHECK_INT((uint8_t)e->got[pos], tcp[header + i]); /* what is repeated is the same */
			continue;
		}
		CHECK(!e->got_fin);
		REQUIRE(e->got_len + 1 < STREAM_MAX);
		e->got[e->got_len++] = (char)tcp[header + i];
	}
	if ((tcp[13] & TCP_FIN) && at + (int64_t)n == (int64_t)e->got_len)
		e->got_fin = true;
}

/* Gives what the gateway sent to whom it is for, but the packets of which @lost has the bit set. */
static inline void deliver(struct ftp_lab *l, unsigned lost)
{
	for (unsigned i = 0; i < l->b->sent; i++) {
		uint8_t *p = sent(l->b, i);

		if (i < 32 && lost >> i & 1)
			continue;
		peer_receive(l, p[0] >> 4 == 6 ? CLIENT_END : SERVER_END, p, l->b->out[i].len);
	}
	l->b->sent = 0;
}

/* One segment through the gateway; what comes out is left in the bench. */
static inline void peer_put(struct ftp_lab *l, int who, size_t from, size_t to, uint8_t flags)
{
	peer_segment(l, who, from, to, flags);
	(void)put(l->b, (struct offload){ 0 });
}

static inline void peer_send(struct ftp_lab *l, int who, size_t from, size_t to, uint8_t flags)
{
	peer_put(l, who, from, to, flags);
	deliver(l, 0);
}

static inline void peer_ack(struct ftp_lab *l, int who)
{
	peer_send(l, who, l->end[who].sent_len, l->end[who].sent_len, TCP_ACK);
}

static inline void say(struct ftp_lab *l, int who, const char *text)
{
	struct peer *e = &l->end[who];
	size_t len = strlen(text);

	REQUIRE(e->sent_len + len < STREAM_MAX);
	memcpy(e->sent + e->sent_len, text, len);
	e->sent_len += len;
}

/* Says it in one segment, and the other side acknowledges. */
static inline void tell(struct ftp_lab *l, int who, const char *text)
{
	size_t from = l->end[who].sent_len;

	say(l, who, text);
	peer_send(l, who, from, l->end[who].sent_len, TCP_ACK | 0x08);
	peer_ack(l, !who);
}

/* What @who has heard since it was last asked. */
static inline const char *heard(struct ftp_lab *l, int who)
{
	static size_t before[ENDS];
	static const void *of;
	struct peer *e = &l->end[who];

	if (of != l) {
		of = l;
		before[0] = before[1] = 0;
	}
	const char *text = e->got + before[who];

	e->got[e->got_len] = '\0';
	before[who] = e->got_len;
	return text;
}

static inline void handshake(struct ftp_lab *l, uint32_t client_isn, uint32_t server_isn)
{
	l->end[CLIENT_END] = (struct peer){ .isn = client_isn, .peer_isn = server_isn };
	l->end[SERVER_END] = (struct peer){ .isn = server_isn, .peer_isn = client_isn };
	peer_put(l, CLIENT_END, 0, 0, TCP_SYN);
	REQUIRE(l->b->sent == 1);
	l->pool_port = l->b->v[0].sport;
	peer_put(l, SERVER_END, 0, 0, TCP_SYN | TCP_ACK);
	REQUIRE(l->b->sent == 1);
	peer_send(l, CLIENT_END, 0, 0, TCP_ACK);
}

static inline struct ftp_lab *ftp_lab_with(struct bench *b, bool with_times)
{
	struct ftp_lab *l = calloc(1, sizeof(*l));

	REQUIRE(l);
	l->b = b;
	l->with_times = with_times;
	handshake(l, UINT32_MAX - 20, 7000);
	return l;
}

static inline struct ftp_lab *ftp_lab_new(void)
{
	struct bench *b = bench_config();

	b->cfg.ftp_alg = true;
	bench_start(b);
	return ftp_lab_with(b, true);
}

/* The server has greeted. */
static inline struct ftp_lab *ftp_lab_greeted(void)
{
	struct ftp_lab *l = ftp_lab_new();

	tell(l, SERVER_END, "220 ready\r\n");
	CHECK_TEXT(heard(l, CLIENT_END), "220 ready\r\n");
	return l;
}

static inline void ftp_lab_free(struct ftp_lab *l)
{
	bench_free(l->b);
	free(l);
}

static inline uint64_t happened(const struct ftp_lab *l, enum ftp_event e)
{
	return nat64_counters(l->b->n)->ftp[e];
}

/* One command and its reply, as each side says and hears them. */
struct exchange {
	const char *row;
	const char *says, *server_hears;
	const char *replies, *client_hears;
};

static inline void check_exchange(struct ftp_lab *l, const struct exchange *x)
{
	test_row(x->row);
	tell(l, CLIENT_END, x->says);
	CHECK_TEXT(heard(l, SERVER_END), x->server_hears);
	if (x->replies) {
		tell(l, SERVER_END, x->replies);
		CHECK_TEXT(heard(l, CLIENT_END), x->client_hears);
	}
	CHECK_INT(l->end[CLIENT_END].acked, l->end[CLIENT_END].sent_len);
	CHECK_INT(l->end[SERVER_END].acked, l->end[SERVER_END].sent_len);
	test_row(NULL);
}

#endif
