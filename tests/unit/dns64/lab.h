/*
 * lab.h - a resolver on loopback, its scripted upstream, and a client, in one process
 *
 *	test (blocking client) --UDP, TCP--> resolver --UDP--> upstream
 *	                                     '---- one loop, own thread ----'
 *
 * The upstream answers from a table; what is not in it does not exist. The loop's thread may not open files,
 * as in the sandbox: libunbound must have read before what it needs.
 */
#ifndef ISTHMUS_TESTS_DNS64_LAB_H
#define ISTHMUS_TESTS_DNS64_LAB_H

#include "dnstext.h"

#include "base/log.h"
#include "dns64/listen.h"
#include "net/sockaddr.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct script {
	const char *name, *type;
	const char *code; /* NULL: NOERROR; "drop": no reply */
	const char *answer, *authority;
};

struct lab {
	struct dns64_config config;
	const struct script *script;
	unsigned script_len;
	struct loop *loop;
	struct resolver *resolver;
	struct resolver_socket sockets[2];
	int upstream, stop[2];
	struct loop_watch *watches[2];
	pthread_t thread;
	uint16_t port;
	struct lender *lender; /* of DNS46; owned by the test; NULL: none */
	void (*before)(
		struct lab *lab); /* before the resolver is made, its upstream is open; NULL: nothing */
	void (*prepare)(struct lab *lab); /* before it runs; NULL: nothing */
	bool is_anywhere;		  /* listens on 0.0.0.0 and ::, and is asked at 127.0.0.53 and ::1 */
	unsigned asked;			  /* queries that reached the upstream */
};

static inline unsigned lab_code(const char *text)
{
	static const char *const codes[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",
		"REFUSED" };

	for (unsigned i = 0; text && i < ARRAY_LEN(codes); i++)
		if (strcmp(codes[i], text) == 0)
			return i;
	return 0;
}

static inline const struct script *lab_find(const struct lab *lab, const char *name, const char *type)
{
	for (unsigned i = 0; i < lab->script_len; i++)
		if (strcasecmp(lab->script[i].name, name) == 0 && strcmp(lab->script[i].type, type) == 0)
			return &lab->script[i];
	return NULL;
}

static inline void lab_upstream(void *ctx, unsigned ready)
{
	struct lab *lab = ctx;
	struct sockaddr_in peer;
	socklen_t peer_len = sizeof(peer);
	uint8_t in[4096], out[8192];
	char name[DNS_NAME_TEXT];
	struct dns_msg m;
	ssize_t n =
		recvfrom(lab->upstream, in, sizeof(in), MSG_DONTWAIT, (struct sockaddr *)&peer, &peer_len);

	if (n < 0 || !dns_msg_parse(in, (size_t)n, &m))
		return;
	lab->asked++;
	dns_name_text(&m.question.name, name);
	name[strlen(name) - 1] = '\0';
	const char *type = type_to_text(m.question.type);
	const struct script *s = lab_find(lab, name, type);

	if (s && s->code && strcmp(s->code, "drop") == 0)
		return;
	struct text_message t = {
		.name = name,
		.type = type,
		.id = m.id,
		.flags = (uint16_t)(0x8180 | (s ? lab_code(s->code) : RCODE_NXDOMAIN)),
		.answer = s ? s->answer : NULL,
		.authority = s ? s->authority : "test 3600 SOA 30",
	};
	size_t len = message_from_text(out, &t);

	sendto(lab->upstream, out, len, 0, (struct sockaddr *)&peer, peer_len);
}

static inline void lab_stop_loop(void *ctx, unsigned ready)
{
	loop_stop(((struct lab *)ctx)->loop);
}

/* Kills the process when this thread opens or runs a file. */
static inline void lab_forbid_files(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_open
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open, 4, 0),
#else
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 4, 0),
#endif
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog filter = { .len = ARRAY_LEN(code), .filter = code };

	CHECK_INT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_INT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

static inline void *lab_run(void *arg)
{
	struct lab *lab = arg;

	lab_forbid_files();
	CHECK_INT(loop_run(lab->loop), 0);
	return NULL;
}

static inline void lab_open_upstream(struct lab *lab)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	lab->upstream = socket(AF_INET, SOCK_DGRAM, 0);
	REQUIRE(lab->upstream >= 0 && bind(lab->upstream, (struct sockaddr *)&a, sizeof(a)) == 0);
	REQUIRE(getsockname(lab->upstream, (struct sockaddr *)&a, &len) == 0);
	lab->config.upstream_mode = UPSTREAM_FORWARD;
	lab->config.upstream[0].to =
		(struct endpoint){ .is4 = true, .a4 = { INADDR_LOOPBACK }, .port = ntohs(a.sin_port) };
	lab->config.upstream_len = 1;
}

/* Listens on 127.0.0.1 and ::1, on a port that is free for both and for both protocols. */
static inline void lab_open_sockets(struct lab *lab)
{
	struct endpoint at[2] = {
		{ .is4 = true, .a4 = { lab->is_anywhere ? INADDR_ANY : INADDR_LOOPBACK } },
		{ .a6 = { 0, lab->is_anywhere ? 0 : 1 } },
	};

	for (unsigned try = 0; try < 200; try++) {
		lab->port = at[0].port = at[1].port =
			(uint16_t)(20000 + (((unsigned)getpid() + try * 7919) % 12000));
		if (resolver_sockets_open(&at[0], 1, &lab->sockets[0]) < 0)
			continue;
		if (resolver_sockets_open(&at[1], 1, &lab->sockets[1]) == 0) {
			lab->config.listen[0] = at[0];
			lab->config.listen[1] = at[1];
			lab->config.listen_len = 2;
			return;
		}
		close(lab->sockets[0].udp);
		close(lab->sockets[0].tcp);
	}
	test_skip("no free port on loopback of both families");
}

/* What the lab is unless a test says otherwise: everybody on loopback may ask; no validation. */
static inline void lab_defaults(struct lab *lab, const struct script *script, unsigned script_len)
{
	memset(lab, 0, sizeof(*lab));
	lab->script = script;
	lab->script_len = script_len;
	lab->config.allow[0] = (struct prefix){ .is4 = true, .p4 = { { 0x7f000000 }, 8 } };
	lab->config.allow[1] = (struct prefix){ .p6 = { { 0, 1 }, 128 } };
	lab->config.allow_len = 2;
	REQUIRE(prefix6_parse("64:ff9b::/96", &lab->config.policy.prefixes[0]) == 0);
	lab->config.policy.prefixes_len = 1;
	REQUIRE(prefix6_parse("::ffff:0:0/96", &lab->config.policy.exclude_aaaa[0]) == 0);
	lab->config.policy.exclude_aaaa_len = 1;
	lab->config.answer_cache = 1000;
	lab->config.connections = 16;
	lab->config.cache_mib = 256;
	lab->config.per_client = (struct dns64_per_client){ 64, 32, 4096, 256, 0, 2 };
	lab->config.cookies = true;
	memcpy(lab->config.https_path, "/dns-query", sizeof("/dns-query"));
}

static inline void lab_start(struct lab *lab)
{
	char fault[256] = "";

	REQUIRE(log_open("test", LOG_LEVEL_ERROR, LOG_TO_STDERR) == 0);
	lab_open_upstream(lab);
	lab_open_sockets(lab);
	if (lab->before)
		lab->before(lab);
	REQUIRE(loop_new(&lab->loop) == 0);
	REQUIRE(pipe(lab->stop) == 0);
	REQUIRE(loop_watch_fd(lab->loop, lab->upstream, LOOP_READ, lab_upstream, lab, &lab->watches[0]) == 0);
	REQUIRE(loop_watch_fd(lab->loop, lab->stop[0], LOOP_READ, lab_stop_loop, lab, &lab->watches[1]) == 0);
	struct resolver_plan plan = { .config = &lab->config,
		.loop = lab->loop,
		.sockets = lab->sockets,
		.sockets_len = 2,
		.lender = lab->lender };
	int r = resolver_new(&plan, &lab->resolver, fault, sizeof(fault));

	CHECK_TEXT(fault, "");
	REQUIRE(r == 0);
	if (lab->prepare)
		lab->prepare(lab);
	REQUIRE(pthread_create(&lab->thread, NULL, lab_run, lab) == 0);
}

/* Stops the loop; counters can be read after it. */
static inline void lab_stop(struct lab *lab)
{
	REQUIRE(write(lab->stop[1], "x", 1) == 1);
	pthread_join(lab->thread, NULL);
}

static inline void lab_free(struct lab *lab)
{
	resolver_free(lab->resolver);
	for (unsigned i = 0; i < 2; i++) {
		loop_unwatch(lab->watches[i]);
		close(lab->sockets[i].udp);
		close(lab->sockets[i].tcp);
		close(lab->stop[i]);
	}
	close(lab->upstream);
	loop_free(lab->loop);
}

/* --- the client --- */

enum lab_way { UDP4, UDP6, TCP4, TCP6 };

struct lab_query {
	const char *name, *type;
	uint16_t flags; /* besides RD */
	bool no_rd;
	unsigned edns; /* UDP size; 0: no EDNS */
	bool dnssec_ok;
	enum lab_way way;
};

static inline size_t lab_write_query(uint8_t *buf, const struct lab_query *q, uint16_t id)
{
	struct text_message t = {
		.name = q->name,
		.type = q->type,
		.id = id,
		.flags = (uint16_t)(q->flags | (q->no_rd ? 0 : DNS_RD)),
	};
	size_t len = message_from_text(buf, &t);
	uint8_t *at = buf + len;

	if (q->edns == 0)
		return len;
	buf[11] = 1;
	put_hex(&at, "000029");
	put16(&at, q->edns);
	put16(&at, 0);
	put16(&at, q->dnssec_ok ? 0x8000 : 0);
	put16(&at, 0);
	return (size_t)(at - buf);
}

static inline int lab_connect(const struct lab *lab, enum lab_way way)
{
	struct endpoint to = { .is4 = way == UDP4 || way == TCP4,
		.a4 = { lab->is_anywhere ? 0x7f000035 : INADDR_LOOPBACK },
		.a6 = { 0, 1 },
		.port = lab->port };
	struct timeval patience = { .tv_sec = 14 };
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, &to);
	int fd = socket(a.sa.sa_family, way == UDP4 || way == UDP6 ? SOCK_DGRAM : SOCK_STREAM, 0);

	REQUIRE(fd >= 0 && connect(fd, &a.sa, len) == 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static inline bool lab_read_all(int fd, uint8_t *buf, size_t len)
{
	for (size_t have = 0; have < len;) {
		ssize_t n = recv(fd, buf + have, len - have, 0);

		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

/* One message with its length in front; 0 at the end of the connection. */
static inline size_t lab_read_tcp(int fd, uint8_t *buf)
{
	uint8_t prefix[2];

	if (!lab_read_all(fd, prefix, 2))
		return 0;
	size_t len = be16_at(prefix);

	return lab_read_all(fd, buf, len) ? len : 0;
}

static inline void lab_write_tcp(int fd, const uint8_t *msg, size_t len)
{
	uint8_t buf[8192];

	be16_put(buf, (uint16_t)len);
	memcpy(buf + 2, msg, len);
	REQUIRE(send(fd, buf, len + 2, MSG_NOSIGNAL) == (ssize_t)(len + 2));
}

/* Asks and waits; the length of the reply, 0 if there was none. */
static inline size_t lab_ask_bytes(const struct lab *lab, const struct lab_query *q, uint8_t *reply)
{
	static uint16_t id = 100;
	uint8_t query[1024];
	int fd = lab_connect(lab, q->way);
	size_t len = lab_write_query(query, q, ++id);

	if (q->way == UDP4 || q->way == UDP6) {
		REQUIRE(send(fd, query, len, 0) == (ssize_t)len);
		ssize_t n = recv(fd, reply, 65535, 0);

		len = n > 0 ? (size_t)n : 0;
	} else {
		lab_write_tcp(fd, query, len);
		len = lab_read_tcp(fd, reply);
	}
	close(fd);
	if (len >= 2)
		CHECK_INT(be16_at(reply), id);
	return len;
}

static inline const char *lab_ask(const struct lab *lab, const struct lab_query *q)
{
	static uint8_t reply[65535];
	size_t len = lab_ask_bytes(lab, q, reply);

	return len == 0 ? "nothing" : message_to_text(reply, len);
}

#endif
