/* test_channel.c - messages between supervisor and role, and every way to lie in one */
#include "harness.h"

#include "base/bytes.h"
#include "ctl/channel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static void pair_open(int pair[2])
{
	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
}

static void pair_close(int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

/* how many descriptors this process has open */
static unsigned open_fds(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/fd");

	REQUIRE(d != NULL);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static struct channel_msg *msg_poisoned(void)
{
	struct channel_msg *m = malloc(sizeof(*m));

	REQUIRE(m != NULL);
	memset(m, 0xa5, sizeof(*m));
	return m;
}

static bool is_poisoned(const struct channel_msg *m)
{
	const unsigned char *p = (const unsigned char *)m;

	for (size_t i = 0; i < sizeof(*m); i++) {
		if (p[i] != 0xa5)
			return false;
	}
	return true;
}

/* send_raw() - a message as a hostile sender would make it, with descriptors of /dev/null */
static void send_raw(int fd, const void *bytes, size_t len, unsigned fds_len)
{
	static union {
		char bytes[CMSG_SPACE(sizeof(int) * 253)];
		struct cmsghdr align;
	} room;
	int fds[253];
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	for (unsigned i = 0; i < fds_len; i++)
		REQUIRE((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
	if (fds_len > 0) {
		memset(&room, 0, sizeof(room));
		m.msg_control = room.bytes;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * fds_len);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fds_len);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fds_len);
	}
	REQUIRE(sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)len);
	for (unsigned i = 0; i < fds_len; i++)
		close(fds[i]);
}

TEST(every_type_arrives_with_its_payload)
{
	struct channel_msg *m = msg_poisoned();
	int pair[2];

	pair_open(pair);
	for (unsigned t = 0; t < CHANNEL_TYPE_COUNT; t++) {
		REQUIRE(channel_send(pair[0], (enum channel_type)t, "hello", t, NULL, 0) == 0);
		REQUIRE(channel_recv(pair[1], m) == 0);
		CHECK_INT(m->type, t);
		CHECK_INT(m->fds_len, 0);
		CHECK_BYTES(m->payload, m->len, "hello", t);
		CHECK_INT(m->payload[m->len], '\0');
	}
	pair_close(pair);
	free(m);
}

TEST(the_longest_payload_arrives_and_one_byte_more_is_refused)
{
	static char bytes[CHANNEL_PAYLOAD_MAX + 1];
	struct channel_msg *m = msg_poisoned();
	int pair[2];

	memset(bytes, 'x', sizeof(bytes));
	pair_open(pair);
	CHECK_INT(channel_send(pair[0], CHANNEL_REQUEST, bytes, sizeof(bytes), NULL, 0), -EMSGSIZE);
	CHECK_INT(channel_recv(pair[1], m), -EAGAIN);
	CHECK(is_poisoned(m));
	REQUIRE(channel_send(pair[0], CHANNEL_REQUEST, bytes, CHANNEL_PAYLOAD_MAX, NULL, 0) == 0);
	REQUIRE(channel_recv(pair[1], m) == 0);
	CHECK_BYTES(m->payload, m->len, bytes, CHANNEL_PAYLOAD_MAX);
	pair_close(pair);
	free(m);
}

TEST(descriptors_arrive_open_and_close_on_exec)
{
	struct channel_msg *m = msg_poisoned();
	int pair[2], fds[CHANNEL_FDS_MAX];

	pair_open(pair);
	for (unsigned i = 0; i < CHANNEL_FDS_MAX; i++)
		REQUIRE((fds[i] = open("/dev/null", O_RDONLY)) >= 0);
	CHECK_INT(channel_send(pair[0], CHANNEL_START, NULL, 0, fds, CHANNEL_FDS_MAX + 1), -EMSGSIZE);
	REQUIRE(channel_send(pair[0], CHANNEL_START, NULL, 0, fds, CHANNEL_FDS_MAX) == 0);
	REQUIRE(channel_recv(pair[1], m) == 0);
	CHECK_INT(m->fds_len, CHANNEL_FDS_MAX);
	for (unsigned i = 0; i < m->fds_len; i++) {
		CHECK_INT(fcntl(m->fds[i], F_GETFD), FD_CLOEXEC);
		close(m->fds[i]);
		close(fds[i]);
	}
	pair_close(pair);
	free(m);
}

static const struct {
	const char *name;
	uint8_t bytes[8];
	size_t len;
	unsigned fds;
} lies[] = {
	{ "one byte of type", { 0 }, 1, 0 },
	{ "two bytes of type", { 0, 0 }, 2, 0 },
	{ "three bytes of type", { 0, 0, 0 }, 3, 1 },
	{ "first type that does not exist", { 0, 0, 0, CHANNEL_TYPE_COUNT }, 4, 0 },
	{ "greatest type", { 0xff, 0xff, 0xff, 0xff }, 4, 3 },
	{ "type that is negative as int", { 0x80, 0, 0, 0 }, 4, 0 },
	{ "one descriptor more than there is room for", { 0, 0, 0, CHANNEL_START }, 4, CHANNEL_FDS_MAX + 1 },
	{ "as many descriptors as the kernel takes", { 0, 0, 0, CHANNEL_START }, 4, 253 },
	{ "no byte, one descriptor", { 0 }, 0, 1 },
};

TEST(a_lying_message_is_refused_whole_and_leaks_no_descriptor)
{
	struct channel_msg *m = msg_poisoned();
	int pair[2];

	pair_open(pair);
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		test_row(lies[i].name);
		unsigned before = open_fds();
		send_raw(pair[0], lies[i].bytes, lies[i].len, lies[i].fds);
		CHECK_INT(channel_recv(pair[1], m), -EBADMSG);
		CHECK(is_poisoned(m));
		CHECK_INT(open_fds(), before);
		/* The next message is not harmed. */
		REQUIRE(channel_send(pair[0], CHANNEL_STOP, NULL, 0, NULL, 0) == 0);
		REQUIRE(channel_recv(pair[1], m) == 0);
		CHECK_INT(m->type, CHANNEL_STOP);
		memset(m, 0xa5, sizeof(*m));
	}
	pair_close(pair);
	free(m);
}

TEST(a_message_that_is_too_long_is_refused_whole)
{
	static uint8_t bytes[4 + CHANNEL_PAYLOAD_MAX + 1];
	struct channel_msg *m = msg_poisoned();
	int pair[2];

	pair_open(pair);
	unsigned before = open_fds();
	send_raw(pair[0], bytes, sizeof(bytes), 2);
	CHECK_INT(channel_recv(pair[1], m), -EBADMSG);
	CHECK(is_poisoned(m));
	CHECK_INT(open_fds(), before);
	pair_close(pair);
	free(m);
}

TEST(the_end_of_the_other_side_is_seen_by_both)
{
	struct channel_msg *m = msg_poisoned();
	int pair[2];

	pair_open(pair);
	REQUIRE(channel_send(pair[0], CHANNEL_READY, NULL, 0, NULL, 0) == 0);
	close(pair[0]);
	CHECK_INT(channel_recv(pair[1], m), 0);
	memset(m, 0xa5, sizeof(*m));
	CHECK_INT(channel_recv(pair[1], m), -EPIPE);
	CHECK(is_poisoned(m));
	CHECK_INT(channel_send(pair[1], CHANNEL_READY, NULL, 0, NULL, 0), -EPIPE);
	close(pair[1]);
	free(m);
}

TEST(a_side_that_does_not_read_makes_the_other_say_again_later)
{
	static char bytes[CHANNEL_PAYLOAD_MAX];
	int pair[2], err = 0;

	pair_open(pair);
	for (unsigned i = 0; i < 100000 && err == 0; i++)
		err = channel_send(pair[0], CHANNEL_REQUEST, bytes, sizeof(bytes), NULL, 0);
	CHECK_INT(err, -EAGAIN);
	pair_close(pair);
}

TEST(a_text_makes_the_round_trip_whatever_its_size)
{
	const size_t sizes[] = { 0, 1, 4095, 4096, 100000, (size_t)1 << 20 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char *text = malloc(sizes[i] + 1), *back = NULL;
		size_t len = 12345;

		REQUIRE(text != NULL);
		memset(text, 'a' + (int)i, sizes[i]);
		int fd = channel_text_fd(text, sizes[i]);
		REQUIRE(fd >= 0);
		REQUIRE(channel_take_text(fd, &back, &len) == 0);
		CHECK_BYTES(back, len, text, sizes[i]);
		CHECK_INT(back[len], '\0');
		free(back);
		/* It can be read again: a role may be started twice. */
		REQUIRE(channel_take_text(fd, &back, &len) == 0);
		CHECK_INT(len, sizes[i]);
		free(back);
		free(text);
		close(fd);
	}
}

TEST(a_text_that_is_too_long_is_refused_at_both_ends)
{
	size_t len = ((size_t)1 << 20) + 1, ret_len = 7;
	char *text = calloc(1, len), *poison = text, *ret = poison;

	REQUIRE(text != NULL);
	CHECK_INT(channel_text_fd(text, len), -EMSGSIZE);
	int fd = memfd_create("test", MFD_CLOEXEC);
	REQUIRE(fd >= 0 && ftruncate(fd, (off_t)len) == 0);
	CHECK_INT(channel_take_text(fd, &ret, &ret_len), -EMSGSIZE);
	CHECK(ret == poison);
	CHECK_INT(ret_len, 7);
	close(fd);
	free(text);
}

TEST(what_is_no_file_is_no_text)
{
	char *ret = NULL;
	size_t len = 7;
	int ends[2];

	REQUIRE(pipe(ends) == 0);
	CHECK_INT(channel_take_text(ends[0], &ret, &len), -EBADMSG);
	CHECK_INT(channel_take_text(-1, &ret, &len), -EBADF);
	CHECK(ret == NULL);
	CHECK_INT(len, 7);
	close(ends[0]);
	close(ends[1]);
}

TEST(a_text_cannot_be_changed_once_it_is_sent)
{
	int fd = channel_text_fd("fixed", 5);

	REQUIRE(fd >= 0);
	CHECK(write(fd, "x", 1) < 0 && errno == EPERM);
	CHECK(ftruncate(fd, 0) < 0 && errno == EPERM);
	CHECK(ftruncate(fd, 100) < 0 && errno == EPERM);
	close(fd);
}
