/*
 * channel.c - messages and descriptors between the supervisor and its roles
 *
 * Purpose. The supervisor is privileged and parses nothing from strangers; a role parses everything from
 * strangers and has no rights. What they still have to say to each other goes through one pair of
 * SOCK_SEQPACKET sockets, which keep message boundaries and carry descriptors (SCM_RIGHTS).
 *
 * Form. A message is four bytes of type (network order) and a payload of at most CHANNEL_PAYLOAD_MAX bytes,
 * with at most CHANNEL_FDS_MAX descriptors. Its length is the length of the datagram, so there is no length
 * field to lie about.
 *
 * Trust. Each end treats the other as hostile, since a role may be under the control of whoever broke into
 * it. A message that is too short, too long, of an unknown type, or whose descriptors were cut is refused
 * whole, and every descriptor that came with it is closed; nothing is written to the caller's struct but
 * after all checks.
 *
 * Blocking. Neither sending nor receiving blocks: the supervisor must not hang because a role does not read.
 *
 * Long texts (the configuration) travel as a sealed memory file: its content cannot change while the other
 * side parses it, and it is not bounded by the size of a datagram. The receiver bounds it (@TEXT_MAX).
 */
#include "ctl/channel.h"

#include "base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define TYPE_BYTES 4
#define TEXT_MAX ((size_t)1 << 20) /* bytes; a configuration of a mebibyte is a mistake or an attack */

/* Room for one SCM_RIGHTS of CHANNEL_FDS_MAX descriptors, aligned as cmsg(3) wants it. */
union fd_room {
	char bytes[CMSG_SPACE(sizeof(int) * CHANNEL_FDS_MAX)];
	struct cmsghdr align;
};

static void attach_fds(struct msghdr *m, union fd_room *room, const int *fds, unsigned fds_len)
{
	if (fds_len == 0)
		return;
	bytes_zero(room, sizeof(*room));
	m->msg_control = room->bytes;
	m->msg_controllen = CMSG_SPACE(sizeof(int) * fds_len);
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * fds_len);
	bytes_copy(CMSG_DATA(c), fds, sizeof(int) * fds_len);
}

/* send_fault() - what a failed sendmsg() means to the caller */
static int send_fault(int err)
{
	switch (err) {
	case ECONNRESET:
	case ENOTCONN:
	case EPIPE:
		return -EPIPE;
	case EWOULDBLOCK:
	case ENOBUFS:
		return -EAGAIN;
	default:
		return -err;
	}
}

int channel_send(
	int fd, enum channel_type type, const void *payload, size_t len, const int *fds, unsigned fds_len)
{
	uint8_t head[TYPE_BYTES];
	struct iovec iov[2] = {
		{ .iov_base = head, .iov_len = sizeof(head) },
		{ .iov_base = (void *)(uintptr_t)payload, .iov_len = len },
	};
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = len > 0 ? 2 : 1 };
	union fd_room room;
	ssize_t n;

	if (len > CHANNEL_PAYLOAD_MAX || fds_len > CHANNEL_FDS_MAX)
		return -EMSGSIZE;
	be32_put(head, (uint32_t)type);
	attach_fds(&m, &room, fds, fds_len);
	do {
		n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? send_fault(errno) : 0;
}

/**
 * collect_fds() - gather the descriptors of a received message
 * @ret:	room for CHANNEL_FDS_MAX
 *
 * The kernel never delivers more than the room in @m was made for, but what it delivers is checked all the
 * same.
 *
 * Return: their number.
 */
static unsigned collect_fds(struct msghdr *m, int *ret)
{
	unsigned len = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0))
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (n > CHANNEL_FDS_MAX - len)
			n = CHANNEL_FDS_MAX - len;
		bytes_copy(ret + len, CMSG_DATA(c), n * sizeof(int));
		len += (unsigned)n;
	}
	return len;
}

static void close_fds(const int *fds, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		close(fds[i]);
}

static bool message_validate(const struct msghdr *m, size_t got, const uint8_t *head)
{
	if (m->msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return false;
	return got >= TYPE_BYTES && be32_at(head) < CHANNEL_TYPE_COUNT;
}

int channel_recv(int fd, struct channel_msg *ret)
{
	uint8_t head[TYPE_BYTES] = { 0 };
	char payload[CHANNEL_PAYLOAD_MAX];
	struct iovec iov[2] = {
		{ .iov_base = head, .iov_len = sizeof(head) },
		{ .iov_base = payload, .iov_len = sizeof(payload) },
	};
	union fd_room room;
	struct msghdr m = { .msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = room.bytes,
		.msg_controllen = sizeof(room.bytes) };
	int fds[CHANNEL_FDS_MAX];
	ssize_t n;

	do {
		n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return send_fault(errno);
	unsigned fds_len = collect_fds(&m, fds);
	if (n == 0 && fds_len == 0)
		return -EPIPE;
	if (!message_validate(&m, (size_t)n, head)) {
		close_fds(fds, fds_len);
		return -EBADMSG;
	}
	ret->type = (enum channel_type)be32_at(head);
	ret->len = (size_t)n - TYPE_BYTES;
	bytes_copy(ret->payload, payload, ret->len);
	ret->payload[ret->len] = '\0';
	bytes_copy(ret->fds, fds, fds_len * sizeof(int));
	ret->fds_len = fds_len;
	return 0;
}

/* read_exactly() - read @len bytes from the start of a file; 0, -EBADMSG if it is shorter, or -errno */
static int read_exactly(int fd, char *to, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, to + done, len - done, (off_t)done);

		if (n == 0)
			return -EBADMSG;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

int channel_take_text(int memfd, char **ret, size_t *ret_len)
{
	struct stat st;

	if (fstat(memfd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < 0)
		return -EBADMSG;
	if ((uint64_t)st.st_size > TEXT_MAX)
		return -EMSGSIZE;
	size_t len = (size_t)st.st_size;
	char *text = malloc(len + 1);
	if (!text)
		return -ENOMEM;
	int err = read_exactly(memfd, text, len);
	if (err < 0) {
		free(text);
		return err;
	}
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	return 0;
}

static int write_exactly(int fd, const char *from, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, from, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		from += n;
		len -= (size_t)n;
	}
	return 0;
}

int channel_text_fd(const char *text, size_t len)
{
	if (len > TEXT_MAX)
		return -EMSGSIZE;
	int fd = memfd_create("isthmus-text", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	int err = write_exactly(fd, text, len);
	if (err == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		err = -errno;
	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}
