/* test_stream.c - one socket: what is known of it, and how it ends */
#include "lane_box.h"
#include "relay/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void set(void *ctx)
{
	*(bool *)ctx = true;
}

TEST(bytes_are_told_once_and_read_until_there_are_no_more)
{
	struct lane l;
	struct stream s;
	int fds[2];
	char got[16];
	bool told = false;

	box_open(&l);
	box_tcp_pair(fds);
	REQUIRE(stream_init(&s, &l, fds[0], NULL) == 0);
	stream_watch(&s, set, &told);
	CHECK(!told);
	CHECK_INT(stream_read(&s, got, sizeof(got)), -EAGAIN);
	CHECK(!s.can_read && s.can_write);
	REQUIRE(write(fds[1], "hello", 5) == 5);
	CHECK(box_until(&l, &told));
	box_until(&l, &s.can_read);
	CHECK_INT(stream_read(&s, got, 2), 2);
	CHECK(s.can_read);
	CHECK_INT(stream_read(&s, got, sizeof(got)), 3);
	CHECK(!s.can_read); /* less came than there was room for */
	stream_fini(&s);
	CHECK_INT(read(fds[1], got, sizeof(got)), 0);
	stream_fini(&s);
	lane_fini(&l);
	close(fds[1]);
}

/* The end behind the last bytes is not a new edge, so the stream must not believe that it has read all. */
TEST(the_end_behind_the_last_bytes_is_found)
{
	struct lane l;
	struct stream s;
	int fds[2];
	char got[16];
	bool told = false;

	box_open(&l);
	box_tcp_pair(fds);
	REQUIRE(write(fds[1], "bye", 3) == 3 && shutdown(fds[1], SHUT_WR) == 0);
	REQUIRE(stream_init(&s, &l, fds[0], NULL) == 0);
	stream_watch(&s, set, &told);
	CHECK(box_until(&l, &told));
	CHECK_INT(stream_read(&s, got, 2), 2);
	CHECK(s.can_read && !s.has_ended);
	CHECK_INT(stream_read(&s, got, sizeof(got)), 1);
	CHECK(s.has_ended && !s.can_read); /* nothing else can be behind an end that has arrived */
	CHECK_INT(stream_read(&s, got, sizeof(got)), 0);
	stream_fini(&s);
	lane_fini(&l);
	close(fds[1]);
}

TEST(a_stream_goes_on_writing_when_the_peer_reads_again)
{
	static char block[65536];
	struct lane l;
	struct stream s;
	int fds[2];
	ssize_t n = 1;
	size_t sent = 0, got = 0;
	bool told = false;

	box_open(&l);
	box_tcp_pair(fds);
	REQUIRE(stream_init(&s, &l, fds[0], NULL) == 0);
	box_turn(&l);
	while (n > 0) {
		n = stream_write(&s, block, sizeof(block));
		sent += n > 0 ? (size_t)n : 0;
	}
	CHECK_INT(n, -EAGAIN);
	CHECK(!s.can_write);
	stream_watch(&s, set, &told);
	while (got < sent && (n = read(fds[1], block, sizeof(block))) > 0)
		got += (size_t)n;
	CHECK(box_until(&l, &told));
	CHECK(s.can_write);
	CHECK_INT(stream_writev(&s, (struct iovec[]){ { "ab", 2 }, { "c", 1 } }, 2), 3);
	stream_shut(&s);
	CHECK_INT(read(fds[1], block, 3), 3);
	CHECK_BYTES(block, 3, "abc", 3);
	CHECK_INT(read(fds[1], block, 3), 0);
	stream_fini(&s);
	lane_fini(&l);
	close(fds[1]);
}

TEST(a_reset_reaches_the_peer_as_one)
{
	struct lane l;
	struct stream s;
	int fds[2];
	char got[16];

	box_open(&l);
	box_tcp_pair(fds);
	REQUIRE(stream_init(&s, &l, fds[0], NULL) == 0);
	stream_reset(&s);
	CHECK_INT(read(fds[1], got, sizeof(got)), -1);
	CHECK_INT(errno, ECONNRESET);
	lane_fini(&l);
	close(fds[1]);
}

/* The other way round: bytes, then a reset, read in one go. Without a further call it would never be heard of. */
TEST(a_reset_behind_bytes_is_found)
{
	const struct linger at_once = { .l_onoff = 1 };
	struct lane l;
	struct stream s;
	int fds[2];
	char got[16];
	bool told = false;

	box_open(&l);
	box_tcp_pair(fds);
	REQUIRE(stream_init(&s, &l, fds[0], NULL) == 0);
	box_turn(&l);
	stream_watch(&s, set, &told);
	REQUIRE(write(fds[1], "x", 1) == 1);
	REQUIRE(setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
	close(fds[1]);
	CHECK(box_until(&l, &told));
	ssize_t n = 1;

	for (unsigned i = 0; i < 3 && n > 0; i++) {
		CHECK(s.can_read);
		n = stream_read(&s, got, sizeof(got));
	}
	CHECK_INT(n, -ECONNRESET);
	CHECK(s.is_broken);
	stream_fini(&s);
	lane_fini(&l);
}

TEST(again_comes_in_the_next_turn)
{
	struct lane l;
	struct stream s;
	int fds[2];
	bool told = false;

	box_open(&l);
	box_tcp_pair(fds);
	REQUIRE(stream_init(&s, &l, fds[0], NULL) == 0);
	box_turn(&l);
	stream_watch(&s, set, &told);
	stream_again(&s);
	CHECK(!told);
	CHECK(box_until(&l, &told));
	stream_fini(&s);
	lane_fini(&l);
	close(fds[1]);
}

struct turns {
	struct stream *s;
	struct turns *other;
	unsigned calls;
};

static void once_more(void *ctx)
{
	struct turns *t = ctx;

	if (++t->calls < 50)
		stream_again(t->s);
	CHECK(t->calls <= t->other->calls + 1);
}

TEST(who_want_to_go_on_take_turns)
{
	struct lane l;
	struct stream a, b;
	struct turns ta = { .s = &a }, tb = { .s = &b };
	int one[2], two[2];
	nsec end = clock_now() + BOX_LIMIT;

	ta.other = &tb;
	tb.other = &ta;
	box_open(&l);
	box_tcp_pair(one);
	box_tcp_pair(two);
	REQUIRE(stream_init(&a, &l, one[0], NULL) == 0 && stream_init(&b, &l, two[0], NULL) == 0);
	box_turn(&l);
	stream_watch(&a, once_more, &ta);
	stream_watch(&b, once_more, &tb);
	stream_again(&a);
	stream_again(&b);
	stream_again(&a); /* as good as once */
	while (ta.calls + tb.calls < 100 && clock_now() < end)
		box_turn(&l);
	CHECK_INT(ta.calls, 50);
	CHECK_INT(tb.calls, 50);
	stream_again(&a);
	stream_fini(&a); /* is not called any more */
	stream_fini(&b);
	box_turn(&l);
	CHECK_INT(ta.calls, 50);
	lane_fini(&l);
	close(one[1]);
	close(two[1]);
}

TEST(a_socket_that_was_taken_back_is_nobody_elses)
{
	struct lane l;
	struct stream s;
	int fds[2];
	char got[4];

	box_open(&l);
	box_tcp_pair(fds);
	REQUIRE(stream_init(&s, &l, fds[0], NULL) == 0);
	CHECK_INT(stream_take_fd(&s), fds[0]);
	CHECK_INT(write(fds[1], "now", 3), 3);
	box_turn(&l); /* tells nobody */
	CHECK_INT(read(fds[0], got, sizeof(got)), 3);
	lane_fini(&l);
	close(fds[0]);
	close(fds[1]);
}

static void nobody_wants(struct edge *w, unsigned events)
{
}

/* As a dial hands over a socket: what was told to it is not told again, so the stream takes it from there. */
TEST(a_socket_that_was_dialled_goes_on_where_the_dial_was)
{
	struct edge dial = { .fn = nobody_wants };
	struct lane l;
	struct stream s;
	int fds[2];
	char got[8];
	bool told = false;

	box_open(&l);
	box_tcp_pair(fds);
	REQUIRE(edges_add(l.edges, fds[0], &dial) == 0);
	box_turn(&l);
	edges_drop(l.edges, fds[0]);
	stream_init_dialled(&s, &l, fds[0], NULL);
	CHECK(s.can_write && !s.can_read);
	stream_watch(&s, set, &told);
	REQUIRE(write(fds[1], "a", 1) == 1);
	CHECK(box_until(&l, &told));
	CHECK(s.can_read);
	CHECK_INT(stream_take_fd(&s), fds[0]);
	REQUIRE(edges_add(l.edges, fds[0], &dial) == 0);
	box_turn(&l); /* tells the dial of the byte */
	edges_drop(l.edges, fds[0]);
	stream_init_dialled(&s, &l, fds[0], NULL);
	CHECK(s.can_read);
	CHECK_INT(stream_read(&s, got, sizeof(got)), 1);
	stream_fini(&s);
	lane_fini(&l);
	close(fds[1]);
}

struct victim {
	struct stream s;
	struct victim *other;
	unsigned told;
};

static void end_the_other(void *ctx)
{
	struct victim *v = ctx;

	v->told++;
	stream_fini(&v->other->s);
}

/* Both have become ready in the same batch; whoever is told first ends the other, who must not be told any more. */
TEST(a_stream_that_ends_is_not_told_what_waited_for_it)
{
	struct lane l;
	struct victim a = { .told = 0 }, b = { .other = &a };
	int one[2], two[2];

	a.other = &b;
	box_open(&l);
	box_tcp_pair(one);
	box_tcp_pair(two);
	REQUIRE(stream_init(&a.s, &l, one[0], NULL) == 0 && stream_init(&b.s, &l, two[0], NULL) == 0);
	stream_watch(&a.s, end_the_other, &a);
	stream_watch(&b.s, end_the_other, &b);
	box_turn(&l);
	CHECK_INT(a.told + b.told, 1);
	stream_fini(&a.s);
	stream_fini(&b.s);
	lane_fini(&l);
	close(one[1]);
	close(two[1]);
}

TEST(bytes_go_through_a_pipe)
{
	struct lane l;
	struct stream a, b;
	int one[2], two[2], pipe[2];
	char got[8];

	box_open(&l);
	box_tcp_pair(one);
	box_tcp_pair(two);
	REQUIRE(pipe2(pipe, O_NONBLOCK) == 0);
	REQUIRE(stream_init(&a, &l, one[0], NULL) == 0 && stream_init(&b, &l, two[0], NULL) == 0);
	CHECK_INT(stream_splice_in(&a, pipe[1], 65536), -EAGAIN);
	CHECK(!a.can_read);
	REQUIRE(write(one[1], "pipe", 4) == 4);
	CHECK_INT(stream_splice_in(&a, pipe[1], 65536), 4);
	CHECK_INT(stream_splice_out(&b, pipe[0], 4), 4);
	CHECK_INT(read(two[1], got, sizeof(got)), 4);
	CHECK_BYTES(got, 4, "pipe", 4);
	shutdown(one[1], SHUT_WR);
	CHECK_INT(stream_splice_in(&a, pipe[1], 65536), 0);
	CHECK(a.has_ended);
	stream_fini(&a);
	stream_fini(&b);
	lane_fini(&l);
	for (unsigned i = 0; i < 2; i++)
		close(pipe[i]);
	close(one[1]);
	close(two[1]);
}
