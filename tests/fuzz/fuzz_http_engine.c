/*
 * fuzz_http_engine.c - the HTTP engine as a whole, and tcp, socks5 and pac: clients and servers say anything, in any order and pieces
 *
 *	client (HTTP/1, or HTTP/2 by nghttp2) -- socketpair --> a service -- socketpairs --> servers
 *
 * The services are the real ones; instead of dial.c there is a dial that ends when the input says so, with a socketpair.
 *
 * Input: 2 bytes of how the run is (struct header), and if the first one says so the number of the allocation that fails; then records: a byte of what happens (bits 0-2: enum kind, 3-4: which
 * server, the newest first; 5: the bytes come 64 times; 6: nobody reads afterwards), a byte of length or choice, and so many bytes.
 *
 * Checked, beside what the sanitizers see: memory is bounded at every moment, and all given back at the end; once the client
 * has said all and the servers are gone, every exchange ends without waiting for a timer, and the client is told; what a client of
 * HTTP/2 gets is HTTP/2 (by nghttp2).
 */
#include "base/bytes.h"
#include "base/compiler.h"
#include "base/log.h"
#include "relay/dial.h"
#include "relay/edges.h"
#include "relay/limits.h"
#include "relay/service.h"
#include "relay/services.h"
#include "relay/targets.h"

#include <errno.h>
#include <event2/event.h>
#include <nghttp2/nghttp2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVERS_MAX 16
#define STREAMS_MAX 32
#define TURNS_MAX 400	    /* of the loop, until an end has to be there */
#define BYTES_MAX (8 << 20) /* of memory: more than all that 100 streams of a client may hold */
#define REPEATS 64
#define CUTS_MAX 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static void check_at(bool ok, int line)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_http_engine.c:%d: not so\n", line);
	abort();
}

#define check(ok) check_at(ok, __LINE__)

enum kind { CLIENT_SAYS, SERVER_SAYS, SERVER_ANSWERS, CLIENT_ENDS, SERVER_ENDS, DIAL_ENDS, ALL_READ, RETIRE };

/* How a run is. */
struct header {
	bool is_reverse, is_two, has_zone, dials_at_once, has_proxy_head;
	bool has_small_windows; /* HTTP/2: the client opens them only by hand */
	bool runs_out;		/* of memory, once */
	bool is_other;		/* tcp (is_reverse), pac (has_zone), or socks5 in the place of the engine */
	size_t piece;		/* what is said comes in pieces of so many bytes; 0: whole */
};

/* A stream of the client's, of HTTP/2. */
struct said {
	int32_t id;
	size_t pending; /* bytes of a body that are yet to be sent */
	bool is_over;
};

struct run {
	struct header how;
	struct lane lane;
	struct relay_config all;
	struct relay_service config;
	struct service *service; /* NULL: retired */
	atomic_uint holds;
	int client;
	bool has_shut, has_heard_end;
	nghttp2_session *two;
	bool is_wild; /* bytes went to the gateway that nghttp2 did not make, or it has lost some */
	struct said said[STREAMS_MAX];
	unsigned said_len;
	int servers[SERVERS_MAX]; /* -1: closed */
	unsigned servers_len;
	unsigned cuts;	     /* so many pieces had a turn of their own */
	size_t bytes_before; /* of memory */
};

/* --- memory --- */

/* The linker sends the program's own calls here (-Wl,--wrap); those inside of libraries are their own. */
static int left = -1; /* allocations until one fails; below 0: none does */

static bool is_failing(void)
{
	return left >= 0 && left-- == 0;
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

/* --- the service's surroundings --- */

static const struct service_ops *ops;

const struct service_ops *service_ops_of(enum relay_type type)
{
	return ops;
}

struct dial {
	struct dial *next;
	struct dial_plan plan;
};

static struct dial *dials; /* that wait, the oldest first */

int dial_start(struct lane *l, const struct dial_plan *plan, struct dial **ret)
{
	struct dial *d = calloc(1, sizeof(*d)), **at = &dials;

	if (!d)
		return -ENOMEM;
	d->plan = *plan;
	while (*at)
		at = &(*at)->next;
	*at = d;
	*ret = d;
	return 0;
}

void dial_cancel(struct dial *d)
{
	struct dial **at = &dials;

	if (!d)
		return;
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	free(d);
}

const char *dial_fault_text(enum dial_fault f)
{
	return "a fault";
}

static void on_nothing(struct edge *w, unsigned events)
{
}

static void dial_ends(struct run *r, enum dial_fault fault)
{
	static struct edge nobody = { .fn = on_nothing };
	static const struct endpoint peer = { .is4 = true, .a4 = { 0xc0000201 }, .port = 80 };
	struct dial *d = dials;
	int pair[2] = { -1, -1 };

	if (!d)
		return;
	dials = d->next;
	if (fault == DIAL_OK && r->servers_len == SERVERS_MAX)
		fault = DIAL_FAILED;
	if (fault == DIAL_OK) {
		check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
		r->servers[r->servers_len++] = pair[1];
	}
	if (fault == DIAL_OK) /* as dial.c leaves it */
		check(edges_add(r->lane.edges, pair[0], &nobody) == 0);
	if (fault == DIAL_OK)
		edges_drop(r->lane.edges, pair[0]);
	d->plan.done(d->plan.ctx, fault, pair[0], &peer);
	free(d);
}

/* --- the client's HTTP/2 --- */

static int on_invalid_frame(nghttp2_session *s, const nghttp2_frame *f, int error, void *ctx)
{
	check(((struct run *)ctx)->is_wild);
	return 0;
}

static int on_invalid_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t name_len,
	const uint8_t *value, size_t value_len, uint8_t flags, void *ctx)
{
	check(((struct run *)ctx)->is_wild);
	return 0;
}

static void two_new(struct run *r)
{
	const nghttp2_settings_entry small = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 300 };
	nghttp2_session_callbacks *c = NULL;
	nghttp2_option *o = NULL;

	check(nghttp2_session_callbacks_new(&c) == 0 && nghttp2_option_new(&o) == 0);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
	nghttp2_session_callbacks_set_on_invalid_header_callback(c, on_invalid_header);
	nghttp2_option_set_no_auto_window_update(o, r->how.has_small_windows);
	check(nghttp2_session_client_new2(&r->two, c, r, o) == 0);
	nghttp2_option_del(o);
	nghttp2_session_callbacks_del(c);
	check(nghttp2_submit_settings(r->two, 0, &small, r->how.has_small_windows ? 1 : 0) == 0);
}

static ssize_t give_body(nghttp2_session *s, int32_t id, uint8_t *to, size_t room, uint32_t *flags,
	nghttp2_data_source *from, void *ctx)
{
	struct said *d = from->ptr;
	size_t n = d->pending < room ? d->pending : room;

	if (n == 0 && !d->is_over)
		return NGHTTP2_ERR_DEFERRED;
	for (size_t i = 0; i < n; i++)
		to[i] = 'x';
	d->pending -= n;
	if (d->pending == 0 && d->is_over)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

#define HEADERS_MAX 24

static nghttp2_nv nv(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
		strlen(value), 0 };
}

/* Lines "name value" in the place of what a head has by itself. */
static size_t add_lines(nghttp2_nv *to, size_t len, const uint8_t *at, size_t rest)
{
	while (rest > 0 && len < HEADERS_MAX) {
		const uint8_t *end = memchr(at, '\n', rest), *gap;
		size_t n = end ? (size_t)(end - at) : rest;

		gap = memchr(at, ' ', n);
		if (gap && gap > at)
			to[len++] = (nghttp2_nv){ (uint8_t *)(uintptr_t)at, (uint8_t *)(uintptr_t)gap + 1,
				(size_t)(gap - at), n - (size_t)(gap - at) - 1, 0 };
		n += end ? 1 : 0;
		at += n;
		rest -= n;
	}
	return len;
}

static void two_asks(struct run *r, const uint8_t *at, size_t len)
{
	static const char *const methods[] = { "GET", "POST", "CONNECT", "HEAD", "PUT", "OPTIONS", "DELETE",
		"TRACE" };
	nghttp2_nv h[HEADERS_MAX];
	size_t n = 0;
	unsigned how = len > 0 ? at[0] : 0;
	const char *method = methods[how & 7];

	if (r->said_len == STREAMS_MAX)
		return;
	struct said *d = &r->said[r->said_len];

	h[n++] = nv(":method", method);
	h[n++] = nv(":authority", how & 32 ? "192.0.2.1:80" : "a.test:80");
	if ((how & 7) != 2) {
		h[n++] = nv(":scheme", "http");
		h[n++] = nv(":path", how & 64 ? "*" : "/a?b");
	}
	if (len > 1)
		n = add_lines(h, n, at + 1, len - 1);
	nghttp2_data_provider body = { .source.ptr = d, .read_callback = give_body };
	int32_t id =
		nghttp2_submit_request(r->two, NULL, h, n, how & 8 || (how & 7) == 2 ? &body : NULL, NULL);

	if (id < 0)
		return;
	*d = (struct said){ .id = id, .is_over = (how & 24) == 24 };
	r->said_len++;
}

static struct said *said_of(struct run *r, unsigned which)
{
	return r->said_len > 0 ? &r->said[which % r->said_len] : NULL;
}

static void put(struct run *r, int fd, const uint8_t *at, size_t len, bool *ret_is_lost);

/* What a record means to a client of HTTP/2: the first byte says what, the second of which stream. */
static void two_says(struct run *r, const uint8_t *at, size_t len)
{
	enum { RAW, ASK, BODY, BODY_END, RST, PING, WINDOW, SETTINGS };

	if (len < 2)
		return;
	struct said *d = said_of(r, at[1]);

	if (at[0] % 8 == RAW) {
		r->is_wild = true;
		put(r, r->client, at + 2, len - 2, &r->is_wild);
	} else if (at[0] % 8 == ASK) {
		two_asks(r, at + 1, len - 1);
	} else if (at[0] % 8 == PING) {
		(void)nghttp2_submit_ping(r->two, 0, NULL);
	} else if (at[0] % 8 == SETTINGS) {
		const nghttp2_settings_entry e = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
			(uint32_t)at[1] << 8 };

		(void)nghttp2_submit_settings(r->two, 0, &e, 1);
	} else if (at[0] % 8 == WINDOW) {
		(void)nghttp2_submit_window_update(r->two, 0, d && at[1] & 128 ? d->id : 0, 1 + at[1] * 100);
	} else if (d && at[0] % 8 == RST) {
		(void)nghttp2_submit_rst_stream(r->two, 0, d->id, NGHTTP2_CANCEL);
	} else if (d && !d->is_over) {
		d->pending += at[0] % 8 == BODY ? len * 100 : 0;
		d->is_over = at[0] % 8 == BODY_END;
		(void)nghttp2_session_resume_data(r->two, d->id);
	}
}

static void two_sends(struct run *r)
{
	const uint8_t *bytes;
	ssize_t n;

	while (r->client >= 0 && !r->has_shut && (n = nghttp2_session_mem_send(r->two, &bytes)) > 0)
		put(r, r->client, bytes, (size_t)n, &r->is_wild);
}

/* --- bytes --- */

/* 0 without the address sanitizer. */
static size_t bytes_now(void)
{
	return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : 0;
}

static void turn(struct run *r)
{
	event_base_loop(loop_base(r->lane.loop), EVLOOP_NONBLOCK);
	if (r->how.dials_at_once)
		dial_ends(r, DIAL_OK);
	check(bytes_now() < r->bytes_before + BYTES_MAX);
}

static void heard(struct run *r, const uint8_t *bytes, size_t len)
{
	if (!r->two)
		return;
	ssize_t n = nghttp2_session_mem_recv(r->two, bytes, len);

	check(n == (ssize_t)len || r->is_wild);
}

static void client_reads(struct run *r)
{
	uint8_t bytes[4096];
	ssize_t n;

	while (r->client >= 0 && (n = recv(r->client, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		heard(r, bytes, (size_t)n);
	if (r->client >= 0 && (n == 0 || errno != EAGAIN))
		r->has_heard_end = true;
	if (r->two)
		two_sends(r);
}

static void all_read(struct run *r)
{
	uint8_t bytes[4096];

	client_reads(r);
	for (unsigned i = 0; i < r->servers_len; i++)
		while (r->servers[i] >= 0 && recv(r->servers[i], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			;
}

/* All of it, or what the gateway takes: whoever does not read is not waited for. */
static void put(struct run *r, int fd, const uint8_t *at, size_t len, bool *ret_is_lost)
{
	while (fd >= 0 && len > 0) {
		bool is_cut = r->how.piece > 0 && r->cuts < CUTS_MAX;
		size_t n = is_cut && r->how.piece < len ? r->how.piece : len;
		ssize_t sent = send(fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent <= 0) {
			*ret_is_lost = true;
			return;
		}
		at += sent;
		len -= (size_t)sent;
		if (is_cut) {
			r->cuts++;
			turn(r);
		}
	}
}

/* --- what happens --- */

/* NULL: there is none. */
static int *server_of(struct run *r, unsigned which)
{
	return r->servers_len > which ? &r->servers[r->servers_len - 1 - which] : NULL;
}

static void server_says(struct run *r, unsigned which, const uint8_t *at, size_t len)
{
	const int *s = server_of(r, which);
	bool is_lost;

	if (s)
		put(r, *s, at, len, &is_lost);
}

static const char *const answers[] = {
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
	"HTTP/1.1 100 Continue\r\n\r\n",
	"HTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<a href=\"http://192.0.2.1/\">x</a> ",
	"HTTP/1.0 200 OK\r\n\r\nuntil the end",
	"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
	"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\nffff\r\n",
	"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
};

static void peer_ends(int *fd, unsigned how)
{
	if (*fd < 0)
		return;
	if (how % 2 == 0) {
		(void)shutdown(*fd, SHUT_WR);
		return;
	}
	close(*fd);
	*fd = -1;
}

static void client_says(struct run *r, const uint8_t *at, size_t len)
{
	bool is_lost;

	if (r->has_shut)
		return;
	if (r->two)
		two_says(r, at, len);
	else
		put(r, r->client, at, len, &is_lost);
	if (r->two)
		two_sends(r);
}

static void client_ends(struct run *r, unsigned how)
{
	r->has_shut = true;
	peer_ends(&r->client, how);
}

static void retire(struct run *r)
{
	struct service *s = r->service;

	r->service = NULL;
	if (s)
		service_retire(s);
}

static void happens(struct run *r, unsigned what, unsigned choice, const uint8_t *at, size_t len)
{
	unsigned which = what >> 3 & 3;
	int *s = server_of(r, which);
	unsigned times = what & 32 ? REPEATS : 1;
	const char *answer = answers[choice % ARRAY_LEN(answers)];

	switch ((enum kind)(what & 7)) {
	case CLIENT_SAYS:
		for (unsigned i = 0; i < (r->two ? 1 : times); i++)
			client_says(r, at, len);
		break;
	case SERVER_SAYS:
		for (unsigned i = 0; i < times; i++)
			server_says(r, which, at, len);
		break;
	case SERVER_ANSWERS:
		server_says(r, which, (const uint8_t *)answer, strlen(answer));
		break;
	case CLIENT_ENDS:
		client_ends(r, choice);
		break;
	case SERVER_ENDS:
		if (s)
			peer_ends(s, choice);
		break;
	case DIAL_ENDS:
		dial_ends(r, choice % DIAL_FAULT_COUNT);
		break;
	case ALL_READ:
		all_read(r);
		break;
	case RETIRE:
		retire(r);
		break;
	}
	turn(r);
	turn(r);
	if (!(what & 64))
		all_read(r);
}

/* --- a run --- */

static struct relay_target targets[] = { { .host = "one.test", .at.port = 80 },
	{ .host = "two.test", .at.port = 80 } };
static struct relay_route routes[] = {
	{ .host = "a.test", .to = targets, .to_len = 2, .health = { .fall = 2, .rise = 1 } },
	{ .host = "*", .to = targets, .to_len = 1, .health = { .fall = 2, .rise = 1 } }
};

static const struct service_ops *ops_of(const struct header *how)
{
	if (!how->is_other)
		return how->is_reverse ? &http_reverse_service : &http_forward_service;
	return how->is_reverse ? &tcp_service : how->has_zone ? &pac_service : &socks5_service;
}

static void prepare(struct run *r)
{
	static const struct hash_key key = { 1, 2 };
	char fault[100];

	ops = ops_of(&r->how);
	r->config = (struct relay_service){ .type = ops->type,
		.name = "web",
		.to = targets,
		.to_len = ARRAY_LEN(targets),
		.health = { .fall = 2, .rise = 1 },
		.proxy = "proxy.test:3128",
		.routes = r->how.is_reverse ? routes : NULL,
		.routes_len = r->how.is_reverse ? ARRAY_LEN(routes) : 0,
		.proxy_head = r->how.has_proxy_head ? RELAY_PROXY_HEAD_V1 : RELAY_PROXY_HEAD_OFF,
		.timeouts = { 60 * NSEC, 60 * NSEC, 60 * NSEC, 60 * NSEC, 60 * NSEC, 60 * NSEC } };
	if (r->how.has_zone)
		check(text_copy(r->config.literal_zone, sizeof(r->config.literal_zone), "v4.test"));
	r->all = (struct relay_config){ .holds = &r->holds };
	check(lane_init(&r->lane, 0) == 0 && limits_new(64, &key, &r->lane.limits) == 0);
	limits_set(r->lane.limits, 100, 100);
	check(targets_new(&r->lane.targets) == 0);
	check(service_open(&r->lane, &r->config, &r->all, &r->service, fault, sizeof(fault)) == 0);
}

static void begin(struct run *r)
{
	int pair[2];

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	r->client = pair[1];
	if (r->how.is_two)
		two_new(r);
	ops->arrive(r->service, &(struct arrival){ .fd = pair[0],
					.client = { .is4 = true, .a4 = { 0xcb007101 }, .port = 1 },
					.local = { .is4 = true, .a4 = { 0xcb007102 }, .port = 80 } });
	turn(r);
	if (r->two)
		two_sends(r);
}

/* The client has said all, and nobody is there any more who could answer: so all of it ends, and not by a timer. */
static void all_end(struct run *r)
{
	left = -1;
	if (!r->has_shut && r->client >= 0)
		client_ends(r, 0);
	for (unsigned i = 0; i < TURNS_MAX && r->lane.visits_len > 0; i++) {
		for (unsigned k = 0; k < r->servers_len; k++)
			peer_ends(&r->servers[k], 1);
		r->how.dials_at_once = false;
		dial_ends(r, DIAL_REFUSED);
		turn(r);
		all_read(r);
	}
	all_read(r);
	check(r->lane.visits_len == 0);
	check(r->client < 0 || r->has_heard_end);
	check(!dials);
}

static void end(struct run *r)
{
	all_end(r);
	peer_ends(&r->client, 1);
	for (unsigned i = 0; i < r->servers_len; i++)
		peer_ends(&r->servers[i], 1);
	retire(r);
	check(r->holds == 0 && limits_total(r->lane.limits) == 0);
	nghttp2_session_del(r->two);
	limits_free(r->lane.limits);
	targets_free(r->lane.targets);
	lane_fini(&r->lane);
}

static struct header header_of(const uint8_t *at)
{
	return (struct header){
		.is_reverse = at[0] & 1,
		.is_two = (at[0] & 130) == 2,
		.has_zone = at[0] & 4,
		.dials_at_once = at[0] & 8,
		.has_proxy_head = at[0] & 16,
		.has_small_windows = at[0] & 32,
		.runs_out = at[0] & 64,
		.is_other = at[0] & 128,
		.piece = at[1],
	};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct run r;
	size_t at = 2;

	if (len < 3)
		return 0;
	log_set_level(LOG_LEVEL_ERROR); /* targets that go down */
	signal(SIGPIPE, SIG_IGN);
	r = (struct run){ .how = header_of(data), .bytes_before = bytes_now() };
	prepare(&r);
	if (r.how.runs_out)
		left = data[at++];
	begin(&r);
	while (len - at >= 2) {
		size_t rest = len - at - 2, want = data[at + 1];
		bool has_bytes = (data[at] & 7) <= SERVER_SAYS;
		size_t n = has_bytes ? (want < rest ? want : rest) : 0;

		happens(&r, data[at], data[at + 1], data + at + 2, n);
		at += 2 + n;
	}
	end(&r);
	return 0;
}
