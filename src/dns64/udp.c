/*
 * udp.c - queries and replies over UDP; a reply leaves from the address that was asked
 *
 * A system call takes up to BATCH queries. What can be answered at once is collected while they are served, and leaves
 * with one call too; whatever is answered later leaves alone. Nine tenths of the time of a cached answer are the
 * kernel's, so the number of calls is what counts, and what each says: control messages are 5 % of an answer, and only
 * sockets for every address need them.
 */
#include "dns64/serve.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

#define BATCH 32 /* queries taken before the loop looks at other sockets again */

/* What the kernel is told of, or tells of, each datagram of a batch. */
struct slots {
	struct mmsghdr m[BATCH];
	struct iovec io[BATCH];
	union sockaddr_any peer[BATCH];
	union pktinfo_control control[BATCH];
};

struct udp_batch {
	const struct udp_socket *reading; /* its replies are collected; NULL: none are */
	unsigned replies_len;
	struct slots in, out;
	uint8_t query[BATCH][QUERY_LEN_MAX];
	uint8_t reply[BATCH][SERVER_UDP_MAX];
};

static bool read_local(const struct udp_socket *s, struct msghdr *m, struct reply_path *path)
{
	if (s->has_address) {
		path->local = (struct pktinfo){ .a4 = s->bound.a4, .a6 = s->bound.a6 };
		return true;
	}
	return pktinfo_read(m, &path->local);
}

static void write_local(struct msghdr *m, const struct reply_path *path)
{
	if (path->udp->has_address) {
		m->msg_control = NULL;
		m->msg_controllen = 0;
		return;
	}
	pktinfo_write(m, path->peer.sa.sa_family == AF_INET, &path->local);
}

/* Points a slot at @len bytes; the kernel changes the lengths, so this is done for every call. */
static struct msghdr *slot_point(struct slots *s, unsigned i, void *bytes, size_t len)
{
	struct msghdr *m = &s->m[i].msg_hdr;

	s->io[i] = (struct iovec){ .iov_base = bytes, .iov_len = len };
	*m = (struct msghdr){
		.msg_name = &s->peer[i],
		.msg_namelen = sizeof(s->peer[i]),
		.msg_iov = &s->io[i],
		.msg_iovlen = 1,
		.msg_control = s->control[i].room,
		.msg_controllen = sizeof(s->control[i].room),
	};
	return m;
}

/* Sends what was collected; a reply that the network does not take is not sent again, and the others go on. */
static void send_collected(struct resolver *r, int fd)
{
	struct udp_batch *b = r->batch;

	for (unsigned at = 0; at < b->replies_len;) {
		int n = sendmmsg(fd, &b->out.m[at], b->replies_len - at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			r->counters.answered += (unsigned)n;
		else
			r->counters.send_failed++;
		at += n > 0 ? (unsigned)n : 1;
	}
	b->replies_len = 0;
}

void udp_send(const struct reply_path *path, const uint8_t *bytes, size_t len)
{
	struct resolver *r = path->udp->resolver;
	struct udp_batch *b = r->batch;
	unsigned i = b->replies_len;

	ASSERT(i < BATCH && len <= SERVER_UDP_MAX);
	bytes_copy(b->reply[i], bytes, len);
	b->out.peer[i] = path->peer;
	struct msghdr *m = slot_point(&b->out, i, b->reply[i], len);

	m->msg_namelen = sockaddr_len(&path->peer);
	write_local(m, path);
	b->replies_len++;
	if (b->reading != path->udp || b->replies_len == BATCH)
		send_collected(r, path->udp->fd);
}

static void take_one(struct udp_socket *s, unsigned i)
{
	struct udp_batch *b = s->resolver->batch;
	struct reply_path path = { .udp = s, .peer = b->in.peer[i] };
	struct endpoint client = sockaddr_endpoint(&path.peer);

	/* Port 0 cannot be answered. A message that was cut (MSG_TRUNC) fails to parse by itself. */
	if (client.port == 0 || !read_local(s, &b->in.m[i].msg_hdr, &path))
		return;
	if (resolver_allows(s->resolver, &client))
		serve_message(s->resolver, b->query[i], b->in.m[i].msg_len, &path);
	else
		serve_stranger(s->resolver, b->query[i], b->in.m[i].msg_len, &path);
}

static void on_readable(void *ctx, unsigned ready)
{
	struct udp_socket *s = ctx;
	struct udp_batch *b = s->resolver->batch;

	for (unsigned i = 0; i < BATCH; i++)
		(void)slot_point(&b->in, i, b->query[i], sizeof(b->query[i]));
	/* An error is the ICMP error of an earlier reply, or there was nothing: the loop comes back. */
	int n = recvmmsg(s->fd, b->in.m, BATCH, MSG_DONTWAIT, NULL);

	b->reading = s;
	for (int i = 0; i < n; i++)
		take_one(s, (unsigned)i);
	b->reading = NULL;
	send_collected(s->resolver, s->fd);
}

int udp_new(struct resolver *r)
{
	r->batch = calloc(1, sizeof(*r->batch));
	return r->batch ? 0 : -ENOMEM;
}

void udp_free(struct resolver *r)
{
	free(r->batch);
}

static int find_address(struct udp_socket *s)
{
	union sockaddr_any a;
	socklen_t len = sizeof(a);

	if (getsockname(s->fd, &a.sa, &len) < 0)
		return -errno;
	s->bound = sockaddr_endpoint(&a);
	s->has_address = !endpoint_is_any(&s->bound);
	return 0;
}

int udp_start(struct resolver *r, struct udp_socket *s, int fd)
{
	s->resolver = r;
	s->fd = fd;
	int err = find_address(s);

	if (err < 0)
		return err;
	return loop_watch_fd(r->loop, fd, LOOP_READ, on_readable, s, &s->watch);
}

void udp_stop(struct udp_socket *s)
{
	loop_unwatch(s->watch);
	s->watch = NULL;
}
