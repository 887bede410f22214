/*
 * channel.h - how the supervisor and a role talk: one SOCK_SEQPACKET pair per role
 *
 * A role is started as `isthmus role NAME` with its end of the pair as descriptor 3 and learns everything
 * else from the first message. Both ends treat the other as hostile: sizes, types and descriptor counts are
 * checked.
 */
#ifndef ISTHMUS_CTL_CHANNEL_H
#define ISTHMUS_CTL_CHANNEL_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

#define CHANNEL_FD 3		 /* the role's end, after exec */
#define CHANNEL_PAYLOAD_MAX 8192 /* bytes */
#define CHANNEL_FDS_MAX 250	 /* of the 253 that the kernel lets one message carry */

enum channel_type {
	/*
	 * supervisor to role, first message. fds[0]: memory file with the effective configuration (YAML of
	 * conf_print()). Then for the translator: one TUN queue per worker, and with the section clat a
	 * raw ICMPv6 socket for router advertisements and a UDP socket for DNS questions; for the resolver: per listen
	 * address in the order of dns64.listen and per thread a UDP socket and a listening TCP socket, then the
	 * listening sockets of dns64.tls.listen and dns64.https.listen, per address and thread, and, for each of the two that has any, a memory file with certificate and key (PEM); last, if dns64.fastpath is not
	 * off in that configuration, the three descriptors of dataplane/fastdns.h; for the monitor: the
	 * listening socket of control.metrics; for the relay: per service and listen address, in the order of
	 * relay.services, and per thread a bound socket, last a memory file with the files that services name
	 * (cmd/relay_files.h); for the tunnel: its device and its socket. With the section dns46 the translator, the resolver and the relay get the memory
	 * file of addr/lent46.h after that. With the section nat64 the translator then gets the file of saved sessions, or
	 * /dev/null. Last, if there is a fast path, it gets the descriptors of dataplane/flowpath.h.
	 */
	CHANNEL_START,
	CHANNEL_READY,	/* role to supervisor: sandboxed and serving */
	CHANNEL_RELOAD, /* supervisor to role: fds[0] is a new effective configuration; for the resolver then
			     the memory files with certificates, as at the start; for the relay the sockets and
			     the memory file of that configuration */
	CHANNEL_RELOADED, /* role to supervisor: payload empty if taken, else why not (text) */
	CHANNEL_REQUEST,  /* supervisor to role: payload is the client's JSON line, fds[0] the client's
			     connection; the monitor sends the supervisor the same, as a client would ask */
	CHANNEL_STOP, /* supervisor to role: finish and exit 0; to the translator fds[0] may be a file: save the
			     sessions there first */
	CHANNEL_SINK, /* translator to supervisor: payload names a sink of the binding log that it wants a
			     descriptor for; back: the same payload, fds[0] is the descriptor */
	CHANNEL_TYPE_COUNT
};

struct channel_msg {
	enum channel_type type;
	size_t len;			       /* bytes of payload */
	char payload[CHANNEL_PAYLOAD_MAX + 1]; /* terminated by a zero that len does not count */
	int fds[CHANNEL_FDS_MAX]; /* owned by the receiver, close-on-exec; the receiver closes them */
	unsigned fds_len;
};

/** channel_send() - send one message; 0; -EMSGSIZE, -EPIPE (the other side is gone), -EAGAIN (it does not
 * read) */
MUST_CHECK int channel_send(
	int fd, enum channel_type type, const void *payload, size_t len, const int *fds, unsigned fds_len);

/**
 * channel_recv() - receive one message
 *
 * Return: 0; -EAGAIN none waits; -EPIPE the other side is gone; -EBADMSG malformed (descriptors are closed).
 */
MUST_CHECK int channel_recv(int fd, struct channel_msg *ret);

/** channel_take_text() - read a whole memory file that came with a message; *ret is malloc'ed and terminated
 */
MUST_CHECK int channel_take_text(int memfd, char **ret, size_t *ret_len);

/** channel_text_fd() - make a sealed memory file that holds @text; a descriptor or -errno */
MUST_CHECK int channel_text_fd(const char *text, size_t len);

#endif
