/* test_resolvers.c - several threads that are one resolver to their clients and to the operator */
#include "dns64/resolvers.h"

#include "lab.h"
#include "net/listen.h"

#include <stdatomic.h>

#define THREADS 3

static const struct script zone[] = {
	{ .name = "aonly.r.test", .type = "AAAA", .authority = "test 3600 SOA 30" },
	{ .name = "aonly.r.test", .type = "A", .answer = "aonly.r.test 3600 A 203.0.114.9" },
	{ .name = "drop.r.test", .type = "AAAA", .code = "drop" },
	{ .name = "drop.r.test", .type = "A", .code = "drop" },
};
static const struct lab_query aonly = { .name = "aonly.r.test", .type = "AAAA" };

struct group {
	struct lab lab; /* its loop is that of the first thread; lab.resolver stays NULL */
	struct resolvers *all;
	struct resolver_socket sockets[THREADS];
};

static void open_sockets(struct group *g)
{
	struct endpoint at = { .is4 = true, .a4 = { INADDR_LOOPBACK } };

	for (unsigned try = 0; try < 200; try++) {
		at.port = g->lab.port = (uint16_t)(20000 + (((unsigned)getpid() + try * 7919) % 12000));
		if (resolver_sockets_open(&at, THREADS, g->sockets) < 0)
			continue;
		g->lab.config.listen[0] = at;
		g->lab.config.listen_len = 1;
		return;
	}
	test_skip("no free port on loopback");
}

static void run_first(struct group *g)
{
	REQUIRE(pthread_create(&g->lab.thread, NULL, lab_run, &g->lab) == 0);
}

static void group_start(struct group *g)
{
	struct lab *lab = &g->lab;
	char fault[256] = "";

	REQUIRE(log_open("test", LOG_LEVEL_ERROR, LOG_TO_STDERR) == 0);
	lab_open_upstream(lab);
	open_sockets(g);
	REQUIRE(loop_new(&lab->loop) == 0);
	REQUIRE(pipe(lab->stop) == 0);
	REQUIRE(loop_watch_fd(lab->loop, lab->upstream, LOOP_READ, lab_upstream, lab, &lab->watches[0]) == 0);
	REQUIRE(loop_watch_fd(lab->loop, lab->stop[0], LOOP_READ, lab_stop_loop, lab, &lab->watches[1]) == 0);
	struct resolvers_plan plan = {
		.config = &lab->config, .loop = lab->loop, .threads = THREADS, .sockets = g->sockets
	};
	int r = resolvers_new(&plan, &g->all, fault, sizeof(fault));

	CHECK_TEXT(fault, "");
	REQUIRE(r == 0);
	REQUIRE(resolvers_start(g->all) == 0);
	run_first(g);
}

/* From here until run_again(), the first resolver is the test's own; the other threads go on. */
static void stop_first(struct group *g)
{
	char byte;

	lab_stop(&g->lab);
	REQUIRE(read(g->lab.stop[0], &byte, 1) == 1);
}

static void group_free(struct group *g)
{
	resolvers_free(g->all);
	for (unsigned i = 0; i < 2; i++) {
		loop_unwatch(g->lab.watches[i]);
		close(g->lab.stop[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		close(g->sockets[i].udp);
		close(g->sockets[i].tcp);
	}
	close(g->lab.upstream);
	loop_free(g->lab.loop);
}

struct look {
	unsigned long answered[THREADS], connections[THREADS], sum;
	unsigned len;
	pthread_t ids[THREADS];
};

static void look_at(struct resolver *r, void *ctx)
{
	struct look *k = ctx;

	REQUIRE(k->len < THREADS);
	k->ids[k->len] = pthread_self();
	k->answered[k->len] = resolver_counters(r)->answered;
	k->connections[k->len] = resolver_counters(r)->tcp_accepted;
	k->sum += k->answered[k->len++];
}

TEST(every_thread_answers_over_udp_and_tcp_and_counters_are_sums)
{
	struct lab_query tcp = { .name = "aonly.r.test", .type = "AAAA", .way = TCP4 };
	struct dns64_counters sum;
	struct resolver_status st;
	struct look k = { .sum = 0 };
	static struct group g;

	lab_defaults(&g.lab, zone, ARRAY_LEN(zone));
	group_start(&g);
	/* Each question has a port of its own; that a thread gets none of 60 happens once in 10^10 runs. */
	for (unsigned i = 0; i < 60; i++) {
		CHECK(strstr(lab_ask(&g.lab, &aonly), " AAAA 64:ff9b::cb00:7209") != NULL);
		CHECK(strstr(lab_ask(&g.lab, &tcp), " AAAA 64:ff9b::cb00:7209") != NULL);
	}
	stop_first(&g);
	CHECK_INT(resolvers_len(g.all), THREADS);
	resolvers_each(g.all, look_at, &k);
	CHECK_INT(k.len, THREADS);
	for (unsigned i = 0; i < THREADS; i++) {
		CHECK(k.answered[i] > 0);
		CHECK(k.connections[i] > 0);
		CHECK((pthread_equal(k.ids[i], pthread_self()) != 0) == (i == 0));
	}
	CHECK_INT(k.sum, 120);
	resolvers_counters(g.all, &sum);
	CHECK_INT(sum.answered, 120);
	CHECK_INT(sum.answers_synthesized, 120);
	CHECK_INT(sum.queries_udp, 60);
	CHECK_INT(sum.tcp_accepted, 60);
	resolvers_status(g.all, &st);
	CHECK_INT(st.queries_open, 0);
	CHECK_INT(st.queries_open_max, THREADS * 4096);
	CHECK_TEXT(st.validation, "off");
	group_free(&g);
}

TEST(a_new_configuration_is_taken_by_all_threads_or_by_none)
{
	static struct dns64_config c;
	static struct group g;

	lab_defaults(&g.lab, zone, ARRAY_LEN(zone));
	group_start(&g);
	for (unsigned i = 0; i < 30; i++)
		CHECK(strstr(lab_ask(&g.lab, &aonly), " AAAA 64:ff9b::cb00:7209") != NULL);
	stop_first(&g);
	c = g.lab.config;
	REQUIRE(prefix6_parse("2001:db8:64::/96", &c.policy.prefixes[0]) == 0);
	CHECK_INT(resolvers_update(g.all, &c), 0);
	run_first(&g);
	for (unsigned i = 0; i < 30; i++)
		CHECK(strstr(lab_ask(&g.lab, &aonly), " AAAA 2001:db8:64::cb00:7209") != NULL);
	stop_first(&g);
	c = g.lab.config;
	c.policy.prefixes[0].len = 95;
	CHECK_INT(resolvers_update(g.all, &c), -EINVAL);
	c = g.lab.config;
	c.listen[0].port++;
	CHECK_INT(resolvers_update(g.all, &c), -EBUSY);
	run_first(&g);
	for (unsigned i = 0; i < 30; i++)
		CHECK(strstr(lab_ask(&g.lab, &aonly), " AAAA 2001:db8:64::cb00:7209") != NULL);
	stop_first(&g);
	group_free(&g);
}

TEST(a_client_has_its_limit_once_and_not_once_for_each_thread)
{
	struct lab_query drop = { .name = "drop.r.test", .type = "AAAA" };
	struct timeval patience = { .tv_usec = 500000 };
	struct dns64_counters sum;
	uint8_t query[512], reply[512];
	unsigned refused = 0;
	static struct group g;
	int fds[20];

	lab_defaults(&g.lab, zone, ARRAY_LEN(zone));
	g.lab.config.per_client.queries = 2;
	group_start(&g);
	size_t len = lab_write_query(query, &drop, 1);

	for (unsigned i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = lab_connect(&g.lab, UDP4);
		setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		REQUIRE(send(fds[i], query, len, 0) == (ssize_t)len);
	}
	for (unsigned i = 0; i < ARRAY_LEN(fds); i++) {
		refused +=
			recv(fds[i], reply, sizeof(reply), 0) > 3 && (reply[3] & DNS_RCODE) == RCODE_SERVFAIL;
		close(fds[i]);
	}
	CHECK_INT(refused, ARRAY_LEN(fds) - 2);
	stop_first(&g);
	resolvers_counters(g.all, &sum);
	CHECK_INT(sum.refused_client_full, ARRAY_LEN(fds) - 2);
	group_free(&g);
}

/* One query with EDNS and a cookie option of @cookie_len bytes, from a port of its own; the length of the reply. */
static size_t ask_with_cookie(const struct group *g, const uint8_t *cookie, size_t cookie_len, uint8_t *reply)
{
	struct lab_query q = { .name = "aonly.r.test", .type = "AAAA", .edns = 1232 };
	uint8_t query[512];
	size_t len = lab_write_query(query, &q, 77);
	int fd = lab_connect(&g->lab, UDP4);

	be16_put(query + len - 2, (uint16_t)(cookie_len + 4));
	be16_put(query + len, 10); /* RFC 7873 s4 */
	be16_put(query + len + 2, (uint16_t)cookie_len);
	memcpy(query + len + 4, cookie, cookie_len);
	REQUIRE(send(fd, query, len + 4 + cookie_len, 0) == (ssize_t)(len + 4 + cookie_len));
	ssize_t n = recv(fd, reply, 65535, 0);

	close(fd);
	return n > 0 ? (size_t)n : 0;
}

TEST(rfc7873_a_cookie_of_one_thread_is_good_for_all)
{
	uint8_t cookie[24] = { 1, 2, 3, 4, 5, 6, 7, 8 }, reply[65535];
	struct dns64_counters sum;
	static struct group g;

	lab_defaults(&g.lab, zone, ARRAY_LEN(zone));
	g.lab.config.per_client.responses_per_second = 1;
	group_start(&g);
	size_t len = ask_with_cookie(&g, cookie, 8, reply);

	REQUIRE(len > sizeof(cookie));
	memcpy(cookie, reply + len - sizeof(cookie), sizeof(cookie));
	for (unsigned i = 0; i < 30; i++) {
		len = ask_with_cookie(&g, cookie, sizeof(cookie), reply);
		REQUIRE(len > 12);
		CHECK_INT(reply[3] & DNS_RCODE, RCODE_NOERROR);
		CHECK_INT(be16_at(reply + 6), 1);
	}
	stop_first(&g);
	resolvers_counters(g.all, &sum);
	CHECK_INT(sum.queries_cookie_valid, 30);
	CHECK_INT(sum.refused_bad_cookie, 0);
	group_free(&g);
}

TEST(an_address_that_somebody_else_shares_is_in_use)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct resolver_socket sockets[2], poison[2];
	socklen_t len = sizeof(a);
	int fds[2] = { -1, -1 }, on = 1;

	memset(sockets, 0x5a, sizeof(sockets));
	memcpy(poison, sockets, sizeof(poison));
	for (unsigned i = 0; i < 2; i++) {
		int type = i == 0 ? SOCK_DGRAM : SOCK_STREAM, other = socket(AF_INET, type, 0);

		a.sin_port = 0;
		REQUIRE(other >= 0 && setsockopt(other, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0);
		REQUIRE(bind(other, (struct sockaddr *)&a, sizeof(a)) == 0);
		REQUIRE(i == 0 || listen(other, 1) == 0);
		REQUIRE(getsockname(other, (struct sockaddr *)&a, &len) == 0);
		struct endpoint at = { .is4 = true, .a4 = { INADDR_LOOPBACK }, .port = ntohs(a.sin_port) };

		CHECK_INT(resolver_sockets_open(&at, 2, sockets), -EADDRINUSE);
		CHECK(memcmp(sockets, poison, sizeof(poison)) == 0);
		CHECK_INT(listen_open_all(&at, SOCK_STREAM, 2, fds), i == 0 ? 0 : -EADDRINUSE);
		CHECK((fds[0] >= 0) == (i == 0));
		for (unsigned k = 0; i == 0 && k < 2; k++) {
			close(fds[k]);
			fds[k] = -1;
		}
		close(other);
	}
}

struct asker {
	const struct group *group;
	atomic_bool is_over;
	unsigned answered, wrong;
};

/* What the first thread is asked gets no answer here, because its loop stands. */
static void *keep_asking(void *arg)
{
	struct timeval patience = { .tv_usec = 5000 };
	uint8_t query[512], reply[512];
	struct asker *a = arg;
	size_t len = lab_write_query(query, &aonly, 1);

	while (!atomic_load(&a->is_over)) {
		int fd = lab_connect(&a->group->lab, UDP4);

		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		REQUIRE(send(fd, query, len, 0) == (ssize_t)len);
		ssize_t n = recv(fd, reply, sizeof(reply), 0);

		a->answered += n > 0;
		a->wrong += n > 0 && (n < 12 || (reply[3] & DNS_RCODE) != RCODE_NOERROR || reply[7] != 1);
		close(fd);
	}
	return NULL;
}

TEST(configurations_change_and_counters_are_read_while_the_threads_answer)
{
	struct dns64_counters sum = { 0 };
	static struct dns64_config c;
	static struct group g;
	struct asker a = { .group = &g };
	pthread_t id;

	lab_defaults(&g.lab, zone, ARRAY_LEN(zone));
	group_start(&g);
	for (unsigned i = 0; i < 30;
		i++) /* now every thread knows the name, and the upstream is not needed */
		CHECK(strstr(lab_ask(&g.lab, &aonly), " AAAA 64:ff9b::cb00:7209") != NULL);
	stop_first(&g);
	REQUIRE(pthread_create(&id, NULL, keep_asking, &a) == 0);
	c = g.lab.config;
	for (unsigned i = 0; i < 200; i++) {
		c.answer_cache = 100 + i;
		CHECK_INT(resolvers_update(g.all, &c), 0);
		resolvers_counters(g.all, &sum);
	}
	while (sum.answered < 100)
		resolvers_counters(g.all, &sum);
	atomic_store(&a.is_over, true);
	pthread_join(id, NULL);
	CHECK(a.answered > 0);
	CHECK_INT(a.wrong, 0);
	group_free(&g);
}
