/*
 * traffic.c - both ends of small exchanges over IPv4, for test_host.sh
 *
 *	traffic tcp-take PORT BYTES		accept one connection, read BYTES of the known pattern
 *	traffic tcp-send ADDRESS PORT BYTES	connect, send BYTES of it, wait for the end
 *	traffic udp-take PORT BYTES		read one datagram of BYTES
 *	traffic udp-send ADDRESS PORT BYTES [options]	send one datagram, with IPv4 options if the word is
 * there traffic udp-refused ADDRESS PORT SPORT	send from SPORT, expect a Port Unreachable traffic ephemeral
 * COUNT LO HI		bind COUNT sockets by the kernel's choice; none may get a port of LO to HI
 *
 * Each ends within ten seconds, with status 0 only if all went as it says.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t buffer[65536];

static uint8_t pattern(size_t at)
{
	return (uint8_t)(at * 131 + (at >> 8) * 7);
}

static int fail(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	return 1;
}

static struct sockaddr_in address_of(const char *address, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };

	inet_pton(AF_INET, address, &a.sin_addr);
	return a;
}

static int socket_bound(int type, const char *port)
{
	struct sockaddr_in a = address_of("0.0.0.0", port);
	int fd = socket(AF_INET, type, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
		exit(fail("bind"));
	return fd;
}

static int tcp_take(char **args)
{
	size_t want = strtoul(args[1], NULL, 10), at = 0;
	int listener = socket_bound(SOCK_STREAM, args[0]);

	if (listen(listener, 1) < 0)
		return fail("listen");
	int fd = accept(listener, NULL, NULL);

	for (;;) {
		ssize_t n = read(fd, buffer, sizeof(buffer));

		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			if (buffer[i] != pattern(at + (size_t)i))
				return fail("wrong byte");
		at += (size_t)n;
	}
	if (at != want)
		return fail("short");
	return write(fd, "k", 1) == 1 ? 0 : fail("write");
}

static int tcp_send(char **args)
{
	struct sockaddr_in a = address_of(args[0], args[1]);
	size_t want = strtoul(args[2], NULL, 10), at = 0;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
		return fail("connect");
	while (at < want) {
		size_t len = want - at < sizeof(buffer) ? want - at : sizeof(buffer);

		for (size_t i = 0; i < len; i++)
			buffer[i] = pattern(at + i);
		ssize_t n = write(fd, buffer, len);

		if (n < 0)
			return fail("write");
		at += (size_t)n;
	}
	shutdown(fd, SHUT_WR);
	return read(fd, buffer, 1) == 1 ? 0 : fail("no answer");
}

static int udp_take(char **args)
{
	int fd = socket_bound(SOCK_DGRAM, args[0]);
	ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

	if (n != (ssize_t)strtoul(args[1], NULL, 10))
		return fail("datagram of another length");
	for (ssize_t i = 0; i < n; i++)
		if (buffer[i] != pattern((size_t)i))
			return fail("wrong byte");
	return 0;
}

static int udp_send(char **args)
{
	static const uint8_t options[8] = { 1, 1, 1, 1, 1, 1, 1, 0 }; /* No Operation, and the end */
	struct sockaddr_in a = address_of(args[0], args[1]);
	size_t len = strtoul(args[2], NULL, 10);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (args[3] && setsockopt(fd, IPPROTO_IP, IP_OPTIONS, options, sizeof(options)) < 0)
		return fail("IP_OPTIONS");
	for (size_t i = 0; i < len; i++)
		buffer[i] = pattern(i);
	return sendto(fd, buffer, len, 0, (const struct sockaddr *)&a, sizeof(a)) == (ssize_t)len
		       ? 0
		       : fail("sendto");
}

static int trains_take(char **args)
{
	size_t count = strtoul(args[1], NULL, 10), bytes = strtoul(args[2], NULL, 10);
	int fd = socket_bound(SOCK_DGRAM, args[0]);

	for (size_t k = 0; k < count; k++) {
		if (recv(fd, buffer, sizeof(buffer), 0) != (ssize_t)bytes)
			return fail("datagram of another length");
		for (size_t i = 0; i < bytes; i++)
			if (buffer[i] != pattern(k * bytes + i))
				return fail("wrong byte");
	}
	return 0;
}

static int trains_send(char **args)
{
	struct sockaddr_in a = address_of(args[0], args[1]);
	size_t len = strtoul(args[2], NULL, 10) * strtoul(args[3], NULL, 10);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), segment = (int)strtol(args[3], NULL, 10);

	if (len > sizeof(buffer) || setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) < 0)
		return fail("UDP_SEGMENT");
	for (size_t i = 0; i < len; i++)
		buffer[i] = pattern(i);
	return sendto(fd, buffer, len, 0, (const struct sockaddr *)&a, sizeof(a)) == (ssize_t)len
		       ? 0
		       : fail("sendto");
}

static uint16_t header_checksum(const uint8_t *h)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < 20; i += 2)
		sum += (uint32_t)(h[i] << 8 | h[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static int l3_send(char **args)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	size_t len = strtoul(args[4], NULL, 10);
	uint8_t *p = buffer;
	int fd = open("/dev/net/tun", O_RDWR);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", args[0]);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		return fail("TUNSETIFF");
	p[0] = 0x45;
	put16(p + 2, 28 + len);
	p[8] = 64;
	p[9] = IPPROTO_UDP;
	inet_pton(AF_INET, args[1], p + 12);
	inet_pton(AF_INET, args[2], p + 16);
	put16(p + 10, header_checksum(p));
	put16(p + 20, 1000);
	put16(p + 22, strtoul(args[3], NULL, 10));
	put16(p + 24, 8 + len); /* the checksum stays zero: there is none */
	for (size_t i = 0; i < len; i++)
		p[28 + i] = pattern(i);
	return write(fd, p, 28 + len) == (ssize_t)(28 + len) ? 0 : fail("write");
}

static int udp_refused(char **args)
{
	struct sockaddr_in a = address_of(args[0], args[1]);
	int fd = socket_bound(SOCK_DGRAM, args[2]);

	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || send(fd, "x", 1, 0) != 1)
		return fail("send");
	return recv(fd, buffer, 1, 0) < 0 && errno == ECONNREFUSED ? 0 : fail("not refused");
}

static int ephemeral(char **args)
{
	long count = strtol(args[0], NULL, 10), lo = strtol(args[1], NULL, 10),
	     hi = strtol(args[2], NULL, 10);

	for (long i = 0; i < count; i++) {
		struct sockaddr_in a;
		socklen_t len = sizeof(a);
		int fd = socket_bound(SOCK_DGRAM, "0");

		getsockname(fd, (struct sockaddr *)&a, &len);
		if (ntohs(a.sin_port) >= lo && ntohs(a.sin_port) <= hi)
			return fail("the kernel chose a reserved port");
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int args;
		int (*fn)(char **args);
	} commands[] = {
		{ "tcp-take", 2, tcp_take },
		{ "tcp-send", 3, tcp_send },
		{ "udp-take", 2, udp_take },
		{ "udp-send", 3, udp_send },
		{ "trains-take", 3, trains_take },
		{ "trains-send", 4, trains_send },
		{ "l3-send", 5, l3_send },
		{ "udp-refused", 3, udp_refused },
		{ "ephemeral", 3, ephemeral },
	};

	alarm(10);
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0 && argc - 2 >= commands[i].args)
			return commands[i].fn(argv + 2);
	return 2;
}
