/*
 * role_tunnel.c - the process that carries IPv6 packets inside IPv4 packets (6in4, RFC 4213)
 *
 * It gets the device of the tunnel and a raw socket of protocol 41 that is connected to the other end. What the kernel
 * routes to the device is sent on the socket, what comes from the other end is given to the device: BURST packets of each,
 * then others have their turn. Nothing is kept; what cannot be sent now is lost and counted, as on any link.
 *
 * The MTU is static (s3.2.1), so the kernel itself tells senders of packets that are too big. ICMPv4 errors come as errors
 * of the socket, and are counted: the sender inside finds out by its own timeouts (s3.4 leaves that to the encapsulator).
 */
#include "cmd/role.h"

#include "base/clock.h"
#include "ctl/reply.h"
#include "dataplane/sixinfour.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BURST 64
#define PACKET_MAX 65536

enum tunnel_count {
	COUNT_PACKETS_OUT,
	COUNT_BYTES_OUT,
	COUNT_PACKETS_IN,
	COUNT_BYTES_IN,
	COUNT_LOST_OUT,
	COUNT_LOST_IN,
	COUNT_ICMP_ERRORS,
	COUNT_COUNT
};

static const struct {
	const char *name, *text;
} counts[COUNT_COUNT] = {
	[COUNT_PACKETS_OUT] = { "packets_out", "IPv6 packets sent through the tunnel" },
	[COUNT_BYTES_OUT] = { "bytes_out", "their bytes, without IPv4 headers" },
	[COUNT_PACKETS_IN] = { "packets_in", "IPv6 packets that came out of the tunnel" },
	[COUNT_BYTES_IN] = { "bytes_in", "their bytes, without IPv4 headers" },
	[COUNT_LOST_OUT] = { "lost_out", "packets that the host could not send at that moment" },
	[COUNT_LOST_IN] = { "lost_in", "packets that the device did not take at that moment" },
	[COUNT_ICMP_ERRORS] = { "icmp_errors", "ICMPv4 errors about packets of the tunnel" },
};

struct tunnel {
	struct loop *loop;
	int device, socket;
	struct loop_watch *device_watch, *socket_watch;
	struct addr4 remote;
	nsec started;
	unsigned long counts[COUNT_COUNT], drops_out, drops[SIXINFOUR_DROP_COUNT];
	uint8_t packet[PACKET_MAX];
};

/* --- out --- */

static bool is_icmp_error(int err)
{
	return err == ECONNREFUSED || err == EHOSTUNREACH || err == ENETUNREACH || err == ENOPROTOOPT ||
	       err == EMSGSIZE || err == EPROTO;
}

/* The type of service goes with each packet, so that marks and classes are those of the packet inside. */
static ssize_t send_packet(int fd, uint8_t *packet, size_t len, int tos)
{
	struct iovec piece = { packet, len };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} room = { .bytes = { 0 } };
	struct msghdr m = { .msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = room.bytes,
		.msg_controllen = sizeof(room.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_TOS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	bytes_copy(CMSG_DATA(c), &tos, sizeof(tos));
	return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static void send_out(struct tunnel *t, size_t len)
{
	uint8_t tos;

	if (sixinfour_encapsulate(t->packet, len, &tos) != SIXINFOUR_OK) {
		t->drops_out++;
		return;
	}
	ssize_t n = send_packet(t->socket, t->packet, len, tos);

	/* An error may be about an earlier packet, and is gone once it was told. */
	if (n < 0 && is_icmp_error(errno)) {
		t->counts[COUNT_ICMP_ERRORS]++;
		n = send_packet(t->socket, t->packet, len, tos);
	}
	if (n < 0) {
		t->counts[COUNT_LOST_OUT]++;
		return;
	}
	t->counts[COUNT_PACKETS_OUT]++;
	t->counts[COUNT_BYTES_OUT] += len;
}

static void on_device(void *ctx, unsigned ready)
{
	struct tunnel *t = ctx;

	for (unsigned i = 0; i < BURST; i++) {
		ssize_t n = read(t->device, t->packet, sizeof(t->packet));

		if (n <= 0)
			return;
		send_out(t, (size_t)n);
	}
}

/* --- in --- */

static void take_in(struct tunnel *t, size_t len)
{
	size_t at, inner;
	enum sixinfour_drop d = sixinfour_decapsulate(t->packet, len, t->remote, &at, &inner);

	if (d != SIXINFOUR_OK) {
		t->drops[d]++;
		return;
	}
	if (write(t->device, t->packet + at, inner) != (ssize_t)inner) {
		t->counts[COUNT_LOST_IN]++;
		return;
	}
	t->counts[COUNT_PACKETS_IN]++;
	t->counts[COUNT_BYTES_IN] += inner;
}

static void on_socket(void *ctx, unsigned ready)
{
	struct tunnel *t = ctx;

	for (unsigned i = 0; i < BURST; i++) {
		ssize_t n = recv(t->socket, t->packet, sizeof(t->packet), 0);

		if (n >= 0)
			take_in(t, (size_t)n);
		else if (is_icmp_error(errno))
			t->counts[COUNT_ICMP_ERRORS]++;
		else
			return;
	}
}

/* --- start and stop --- */

static void tunnel_stop(void *ctx)
{
	struct tunnel *t = ctx;

	loop_unwatch(t->device_watch);
	loop_unwatch(t->socket_watch);
	free(t);
}

static int tunnel_start(const struct role_start *s, void **ret_ctx, struct role_fault *fault)
{
	struct tunnel *t;

	if (s->fds_len != 2) {
		snprintf(fault->text, sizeof(fault->text),
			"%u descriptors came with the start message instead of two", s->fds_len);
		return -EBADMSG;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->loop = s->loop;
	t->started = clock_now();
	t->device = s->fds[0];
	t->socket = s->fds[1];
	t->remote = s->conf->tunnel.remote;
	int err = loop_watch_fd(s->loop, t->device, LOOP_READ, on_device, t, &t->device_watch);

	if (err == 0)
		err = loop_watch_fd(s->loop, t->socket, LOOP_READ, on_socket, t, &t->socket_watch);
	if (err < 0) {
		tunnel_stop(t);
		return err;
	}
	*ret_ctx = t;
	return 0;
}

/* Nothing that concerns this role can change without a restart. */
static int tunnel_reload(void *ctx, const struct conf *c, struct role_fault *fault)
{
	return 0;
}

/* --- commands --- */

static void answer_status(void *ctx, const json_t *args, int fd)
{
	struct tunnel *t = ctx;
	char remote[ADDR4_TEXT];
	struct reply *r;

	if (reply_start(t->loop, fd, NULL, NULL, NULL, &r) < 0)
		return;
	json_t *row = json_pack("{s:s, s:i, s:f, s:s}", "role", "tunnel", "pid", (int)getpid(), "uptime_s",
		(double)((clock_now() - t->started) / MSEC) / 1000, "remote", addr4_text(t->remote, remote));

	for (unsigned i = 0; row && i < COUNT_COUNT; i++)
		json_object_set_new(row, counts[i].name, json_integer((json_int_t)t->counts[i]));
	reply_row(r, row);
	reply_end(r);
}

static void add_counter(struct reply *r, const char *name, const char *text, unsigned long value)
{
	reply_row(r, json_pack("{s:s, s:s, s:I, s:s}", "group", "tunnel", "name", name, "value",
			     (json_int_t)value, "text", text));
}

static void answer_counters(void *ctx, const json_t *args, int fd)
{
	struct tunnel *t = ctx;
	struct reply *r;

	if (reply_start(t->loop, fd, NULL, NULL, NULL, &r) < 0)
		return;
	for (unsigned i = 0; i < COUNT_COUNT; i++)
		add_counter(r, counts[i].name, counts[i].text, t->counts[i]);
	add_counter(r, "not_ipv6", "packets of the device that are no whole IPv6 packet", t->drops_out);
	for (unsigned i = SIXINFOUR_MALFORMED; i < SIXINFOUR_DROP_COUNT; i++)
		add_counter(r, sixinfour_drop_name(i), sixinfour_drop_text(i), t->drops[i]);
	reply_end(r);
}

static const struct role_command commands[] = {
	{ "status", answer_status },
	{ "counters", answer_counters },
	{ NULL, NULL },
};

int role_tunnel_main(void)
{
	static const struct role_ops ops = {
		.name = "tunnel",
		.sandbox = SANDBOX_TRANSLATOR, /* reads and writes what it was given, and nothing else */
		.start = tunnel_start,
		.reload = tunnel_reload,
		.stop = tunnel_stop,
		.commands = commands,
	};

	return role_main(&ops);
}
