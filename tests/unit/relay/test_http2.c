/* test_http2.c - clients of the HTTP engine that speak HTTP/2: streams, tunnels, and streams that are broken off */
#include "relay_box.h"

#include <nghttp2/nghttp2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>

/*
 * What the relay sends and receives goes through here, instead of the C library's: writes to a peer are counted, and
 * a lane that reads can be held while the gate is shut, so that answers come together without luck.
 */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool is_gate_shut, is_held;
static atomic_uint writes_to_peer;
static atomic_int peer_port; /* network order; 0: nobody's writes are counted */

static bool is_to_peer(int fd)
{
	union sockaddr_any a;
	socklen_t len = sizeof(a);

	return peer_port != 0 && getpeername(fd, &a.sa, &len) == 0 && a.sa.sa_family == AF_INET6 &&
	       a.v6.sin6_port == peer_port;
}

ssize_t send(int fd, const void *from, size_t len, int flags)
{
	if (is_to_peer(fd))
		writes_to_peer++;
	return syscall(SYS_sendto, fd, from, len, flags, NULL, 0);
}

ssize_t recv(int fd, void *to, size_t room, int flags)
{
	if (is_gate_shut) {
		is_held = true;
		pthread_mutex_lock(&gate);
		pthread_mutex_unlock(&gate);
	}
	return syscall(SYS_recvfrom, fd, to, room, flags, NULL, NULL);
}

/* A client, as nghttp2 makes it; what it has heard of its latest stream. */
struct peer {
	nghttp2_session *session;
	int fd;
	char name[64]; /* the server's authority */
	char status[4], body[64];
	size_t body_len;
	bool has_data, is_closed, has_gone_away;
	unsigned closed; /* streams, without an error */
	uint32_t error; /* of the stream, or of GOAWAY */
};

static int on_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t name_len,
	const uint8_t *value, size_t len, uint8_t flags, void *user)
{
	struct peer *p = user;

	if (name_len == 7 && memcmp(name, ":status", 7) == 0 && len == 3)
		memcpy(p->status, value, 3);
	return 0;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *user)
{
	struct peer *p = user;

	REQUIRE(p->body_len + len < sizeof(p->body));
	memcpy(p->body + p->body_len, data, len);
	p->body_len += len;
	p->has_data = true;
	return 0;
}

static int on_closed(nghttp2_session *s, int32_t id, uint32_t error, void *user)
{
	struct peer *p = user;

	p->is_closed = true;
	p->error = error;
	p->closed += error == NGHTTP2_NO_ERROR;
	return 0;
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *f, void *user)
{
	struct peer *p = user;

	if (f->hd.type == NGHTTP2_GOAWAY) {
		p->has_gone_away = true;
		p->error = f->goaway.error_code;
	}
	return 0;
}

static void peer_open(struct peer *p, struct box *b)
{
	nghttp2_session_callbacks *c;

	box_prepare(b, RELAY_HTTP_FORWARD);
	b->service.destinations.allow_len = 1;
	b->service.timeouts.keep_alive = 2 * NSEC;
	b->service.timeouts.head = 2 * NSEC;
	box_start(b);
	*p = (struct peer){ .fd = client(b) };
	snprintf(p->name, sizeof(p->name), "127.0.0.1:%u", b->to.port);
	REQUIRE(nghttp2_session_callbacks_new(&c) == 0);
	nghttp2_session_callbacks_set_on_header_callback(c, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, on_closed);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
	REQUIRE(nghttp2_session_client_new(&p->session, c, p) == 0);
	nghttp2_session_callbacks_del(c);
	REQUIRE(nghttp2_submit_settings(p->session, NGHTTP2_FLAG_NONE, NULL, 0) == 0);
}

static void peer_close(struct peer *p, struct box *b)
{
	nghttp2_session_del(p->session);
	close(p->fd);
	expect_visits(b, 0);
	box_close(b);
}

static void give(struct peer *p)
{
	const uint8_t *bytes;
	ssize_t len;

	while ((len = nghttp2_session_mem_send(p->session, &bytes)) > 0)
		if (write(p->fd, bytes, (size_t)len) != len)
			return;
}

/* Talk until it is so. */
static void until(struct peer *p, const bool *so)
{
	uint8_t bytes[4096];

	for (give(p); !*so; give(p)) {
		REQUIRE(is_ready(p->fd));
		ssize_t n = read(p->fd, bytes, sizeof(bytes));

		REQUIRE(n > 0 && nghttp2_session_mem_recv(p->session, bytes, (size_t)n) == n);
	}
}

#define PAIR(n, v)                                                                                           \
	{                                                                                                    \
		(uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), strlen(n), strlen(v), 0                \
	}

static int32_t ask(struct peer *p, const char *method, const nghttp2_data_provider *body)
{
	const nghttp2_nv nv[] = { PAIR(":method", method), PAIR(":authority", p->name),
		PAIR(":scheme", "http"), PAIR(":path", "/a"), PAIR("cookie", "a=1"), PAIR("cookie", "b=2") };
	bool is_connect = strcmp(method, "CONNECT") == 0;

	memset(p->status, 0, sizeof(p->status));
	memset(p->body, 0, sizeof(p->body));
	p->body_len = 0;
	p->is_closed = false;
	int32_t id = nghttp2_submit_request(p->session, NULL, nv, is_connect ? 2 : 6, body, NULL);

	REQUIRE(id > 0);
	give(p);
	return id;
}

static void expect_head(int s, const char *want)
{
	char text[2000];
	size_t n = 0;

	text[0] = '\0';
	while (n < sizeof(text) - 1 && !strstr(text, "\r\n\r\n") && is_ready(s) && read(s, text + n, 1) == 1)
		text[++n] = '\0';
	CHECK(strncmp(text, want, strlen(want)) == 0);
	if (strncmp(text, "GET", 3) == 0) /* RFC 9113 s8.2.3 */
		CHECK(strstr(text, "\r\nCookie: a=1; b=2\r\n") != NULL);
}

TEST(streams_become_requests_on_connections_that_are_kept)
{
	struct peer p;
	struct box b;
	int s = -1;

	peer_open(&p, &b);
	for (unsigned i = 0; i < 3; i++) {
		ask(&p, "GET", NULL);
		if (s < 0)
			s = server_accept(&b);
		expect_head(s, "GET /a HTTP/1.1\r\nHost: 127.0.0.1:");
		say(s, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello");
		until(&p, &p.is_closed);
		CHECK_TEXT(p.status, "200");
		CHECK_TEXT(p.body, "hello");
		CHECK_INT(p.error, NGHTTP2_NO_ERROR);
	}
	close(s);
	peer_close(&p, &b);
}

TEST(an_answer_that_is_broken_off_ends_its_stream_and_not_the_connection)
{
	struct peer p;
	struct box b;

	peer_open(&p, &b);
	ask(&p, "GET", NULL);
	int s = server_accept(&b);

	expect_head(s, "GET /a ");
	say(s, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
	close(s);
	until(&p, &p.is_closed);
	CHECK_INT(p.error, NGHTTP2_INTERNAL_ERROR);
	ask(&p, "GET", NULL);
	s = server_accept(&b);
	expect_head(s, "GET /a ");
	say(s, "HTTP/1.1 204 No\r\n\r\n");
	until(&p, &p.is_closed);
	CHECK_TEXT(p.status, "204");
	close(s);
	peer_close(&p, &b);
}

static ssize_t read_tunnel(nghttp2_session *s, int32_t id, uint8_t *to, size_t room, uint32_t *flags,
	nghttp2_data_source *source, void *user)
{
	memcpy(to, "up", 2);
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	return 2;
}

TEST(a_tunnel_in_a_stream_carries_bytes_and_half_closes)
{
	nghttp2_data_provider from = { .read_callback = read_tunnel };
	struct peer p;
	struct box b;

	peer_open(&p, &b);
	ask(&p, "CONNECT", &from);
	int s = server_accept(&b);

	expect(s, "up");
	expect_end(s); /* one direction */
	say(s, "down");
	close(s);
	until(&p, &p.is_closed);
	CHECK_TEXT(p.status, "200");
	CHECK_TEXT(p.body, "down");
	CHECK_INT(p.error, NGHTTP2_NO_ERROR);
	peer_close(&p, &b);
}

/* The gateway has read more of the server than the client takes. */
TEST(a_client_that_leaves_a_tunnel_with_bytes_in_it_has_the_server_told)
{
	const nghttp2_settings_entry small = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 10 };
	nghttp2_data_provider from = { .read_callback = read_tunnel };
	char many[1000], got;
	struct peer p;
	struct box b;

	peer_open(&p, &b);
	REQUIRE(nghttp2_submit_settings(p.session, NGHTTP2_FLAG_NONE, &small, 1) == 0);
	ask(&p, "CONNECT", &from);
	int s = server_accept(&b);

	expect(s, "up");
	expect_end(s);
	memset(many, 'x', sizeof(many));
	REQUIRE(write(s, many, sizeof(many)) == (ssize_t)sizeof(many));
	until(&p, &p.has_data);
	CHECK_INT(p.body_len, 10);
	nghttp2_session_del(p.session);
	close(p.fd);
	expect_visits(&b, 0);
	CHECK_INT(read(s, &got, 1), 0); /* what the client said had come to its end before */
	CHECK(write(s, "x", 1) < 0 || write(s, "x", 1) < 0);
	close(s);
	box_close(&b);
}

TEST(a_stream_that_is_reset_ends_the_question)
{
	struct peer p;
	struct box b;

	peer_open(&p, &b);
	int32_t id = ask(&p, "GET", NULL);
	int s = server_accept(&b);

	expect_head(s, "GET /a ");
	REQUIRE(nghttp2_submit_rst_stream(p.session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL) == 0);
	give(&p);
	expect_end(s);
	close(s);
	peer_close(&p, &b);
}

TEST(whoever_resets_all_the_time_is_told_to_calm_down)
{
	struct peer p;
	struct box b;

	peer_open(&p, &b);
	for (unsigned i = 0; i < 250; i++) {
		int32_t id = ask(&p, "GET", NULL);

		REQUIRE(nghttp2_submit_rst_stream(p.session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL) == 0);
		give(&p);
	}
	until(&p, &p.has_gone_away);
	CHECK_INT(p.error, NGHTTP2_ENHANCE_YOUR_CALM);
	peer_close(&p, &b);
}

TEST(a_request_that_makes_no_sense_has_a_page)
{
	struct peer p;
	struct box b;

	peer_open(&p, &b);
	snprintf(p.name, sizeof(p.name), "0x7f.1");
	memset(p.body, 0, sizeof(p.body));
	const nghttp2_nv nv[] = { PAIR(":method", "HEAD"), PAIR(":authority", "0x7f.1"),
		PAIR(":scheme", "http"), PAIR(":path", "/") };

	REQUIRE(nghttp2_submit_request(p.session, NULL, nv, 4, NULL, NULL) > 0);
	until(&p, &p.is_closed);
	CHECK_TEXT(p.status, "400");
	CHECK_INT(p.body_len, 0);
	peer_close(&p, &b);
}

/* A body that goes on until it is told to end. */
struct upload {
	size_t sent, end;
};

static ssize_t read_upload(nghttp2_session *s, int32_t id, uint8_t *to, size_t room, uint32_t *flags,
	nghttp2_data_source *source, void *user)
{
	struct upload *u = source->ptr;
	size_t n = room < u->end - u->sent ? room : u->end - u->sent;

	memset(to, 'x', n);
	u->sent += n;
	if (u->sent == u->end)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* What the relay has to say now, or nothing within @ms. */
static bool hear(struct peer *p, int ms)
{
	struct pollfd wait = { .fd = p->fd, .events = POLLIN };
	uint8_t bytes[4096];

	if (poll(&wait, 1, ms) != 1)
		return false;
	ssize_t n = read(p->fd, bytes, sizeof(bytes));

	REQUIRE(n > 0 && nghttp2_session_mem_recv(p->session, bytes, (size_t)n) == n);
	return true;
}

/* The server takes the body to its end, while the client says whatever its window lets it say; false: nothing moves any more. */
static bool take_upload(struct peer *p, int s)
{
	static const char end[] = "\r\n0\r\n\r\n";
	struct pollfd both[] = { { .fd = s, .events = POLLIN }, { .fd = p->fd, .events = POLLIN } };
	char bytes[16384 + 7];
	size_t kept = 0;

	for (;;) {
		if (poll(both, 2, LIMIT_MS) <= 0)
			return false;
		if (both[1].revents && hear(p, 0))
			give(p);
		if (!both[0].revents)
			continue;
		ssize_t n = read(s, bytes + kept, sizeof(bytes) - kept);

		REQUIRE(n > 0);
		size_t len = kept + (size_t)n;

		if (len >= 7 && memcmp(bytes + len - 7, end, 7) == 0)
			return true;
		kept = len < 7 ? len : 7;
		memmove(bytes, bytes + len - kept, kept);
	}
}

/*
 * RFC 9113 s5.2.2. The server takes nothing until all buffers on the way are full and the client's window is used up; then it is
 * in the server's turns that the window opens, and no word of the client comes in which WINDOW_UPDATE could be told by chance.
 */
TEST(a_window_that_opens_in_the_turn_of_the_server_is_told_at_once)
{
	struct upload u = { .end = SIZE_MAX };
	nghttp2_data_provider from = { .source = { .ptr = &u }, .read_callback = read_upload };
	const int small = 4096;
	struct peer p;
	struct box b;

	peer_open(&p, &b);
	REQUIRE(setsockopt(b.server, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) == 0);
	int32_t id = ask(&p, "POST", &from);
	int s = server_accept(&b);

	while (hear(&p, 100))
		give(&p);
	CHECK_INT(nghttp2_session_get_stream_remote_window_size(p.session, id), 0);
	u.end = u.sent + 300000;
	CHECK(take_upload(&p, s));
	say(s, "HTTP/1.1 204 No\r\n\r\n");
	until(&p, &p.is_closed);
	CHECK_TEXT(p.status, "204");
	CHECK_INT(p.error, NGHTTP2_NO_ERROR);
	close(s);
	peer_close(&p, &b);
}

TEST(answers_that_come_together_go_out_together)
{
	enum { N = 16 };
	int s[N];
	struct peer p;
	struct box b;

	peer_open(&p, &b);
	for (unsigned i = 0; i < N; i++) {
		ask(&p, "GET", NULL);
		s[i] = server_accept(&b);
		expect_head(s[i], "GET /a ");
	}
	p.closed = 0;
	pthread_mutex_lock(&gate);
	is_gate_shut = true;
	for (unsigned i = 0; i < N; i++) {
		say(s[i], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
		/* The lane is held with the first one in its hands. */
		for (unsigned n = 0; i == 0 && !is_held && n < LIMIT_MS; n++)
			usleep(1000);
	}
	CHECK(is_held);
	peer_port = htons(bound_to(p.fd).port);
	is_gate_shut = false;
	pthread_mutex_unlock(&gate);
	while (p.closed < N && hear(&p, LIMIT_MS))
		give(&p);
	peer_port = 0;
	CHECK_INT(p.closed, N);
	CHECK(writes_to_peer >= 1 && writes_to_peer <= 2); /* the first, and all others */
	for (unsigned i = 0; i < N; i++)
		close(s[i]);
	peer_close(&p, &b);
}
