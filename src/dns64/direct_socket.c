/*
 * direct_socket.c - sockets to an upstream; see direct_socket.h
 *
 * The port is chosen here and not by the kernel, whose range (ip_local_port_range) is half as large. Binding by number goes
 * past the kernel's list of reserved ports, so they are left out here.
 */
#include "dns64/direct_socket.h"

#include "net/sockaddr.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define DRAWS 4096 /* of a port; if most are reserved, many are needed */
#define QUERY_MAX (DNS_HEADER_LEN + DNS_NAME_MAX + 4 + DNS_OPT_LEN)
#define UDP_SIZE 1232 /* as edns-buffer-size of engine_config.c */
#define BINDS 20   /* tries to bind one */

void port_set_read(struct port_set *s, const char *text)
{
	while (*text) {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;

		if (end == text) {
			text++;
			continue;
		}
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (unsigned long p = first; p <= last && p < 65536; p++)
			s->bits[p / 64] |= UINT64_C(1) << (p % 64);
		text = end;
	}
}

/* Every port from DIRECT_PORT_MIN that is not in @avoid is as likely as any other. */
static int draw_port(const struct port_set *avoid, struct random_stock *random, uint16_t *ret)
{
	uint16_t port;

	for (unsigned i = 0; i < DRAWS; i++) {
		if (random_take16(random, &port) < 0)
			return -EIO;
		if (port >= DIRECT_PORT_MIN && !port_set_has(avoid, port)) {
			*ret = port;
			return 0;
		}
	}
	return -EADDRINUSE;
}

static int bind_random(int fd, bool is4, const struct port_set *avoid, struct random_stock *random)
{
	for (unsigned i = 0; i < BINDS; i++) {
		struct endpoint any = { .is4 = is4 };
		union sockaddr_any a;
		int err = draw_port(avoid, random, &any.port);

		if (err < 0)
			return err;
		socklen_t len = sockaddr_put(&a, &any);

		if (bind(fd, &a.sa, len) == 0)
			return 0;
		if (errno != EADDRINUSE)
			return -errno;
	}
	return -EADDRINUSE;
}

int direct_socket_open(
	const struct endpoint *to, const struct port_set *avoid, struct random_stock *random, int *ret_fd)
{
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, to);
	int fd = socket(a.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1, err = 0;

	if (fd < 0)
		return -errno;
	if (!to->is4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		err = -errno;
	if (err == 0)
		err = bind_random(fd, to->is4, avoid, random);
	if (err == 0 && connect(fd, &a.sa, len) < 0)
		err = -errno;
	if (err < 0) {
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

/* As libunbound asks: RD, and in OPT the size and DO (RFC 6891 s6.1.2, RFC 3225 s3). */
bool direct_socket_send(int fd, const struct dns_question *q, uint16_t id)
{
	static const struct dns_opt opt = { .udp_size = UDP_SIZE, .dnssec_ok = true, .ede = -1 };
	uint8_t query[QUERY_MAX];
	struct dns_wr w;

	dns_wr_begin(&w, query, sizeof(query));
	dns_wr_question(&w, q);
	dns_wr_opt(&w, &opt);
	size_t len = dns_wr_end(&w, id, DNS_RD);

	return send(fd, query, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

int direct_socket_receive(int fd, struct direct_batch *b)
{
	for (unsigned i = 0; i < DIRECT_BATCH; i++) {
		b->io[i] = (struct iovec){ .iov_base = b->bytes[i], .iov_len = sizeof(b->bytes[i]) };
		b->heads[i].msg_hdr = (struct msghdr){ .msg_iov = &b->io[i], .msg_iovlen = 1 };
	}
	return recvmmsg(fd, b->heads, DIRECT_BATCH, MSG_DONTWAIT, NULL);
}
