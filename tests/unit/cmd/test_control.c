/* test_control.c - the control socket: who may ask what, and what a bad request gets */
#include "harness.h"

#include "base/compiler.h"

/* Included whole, so that a test can say who is in the group: this machine may have no such group. */
#include "cmd/control.c"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct bench {
	struct supervisor s;
	char dir[64], path[108];
	struct loop_watch *guard, *child;
};

static void on_guard(void *ctx)
{
	CHECK(false && "no answer came");
	loop_stop(((struct bench *)ctx)->s.loop);
}

static void on_child(void *ctx, int signo)
{
	loop_stop(((struct bench *)ctx)->s.loop);
}

static void bench_init(struct bench *t)
{
	char base[] = "/tmp/isthmus-test-XXXXXX";

	*t = (struct bench){ .s = { .started = clock_now() } };
	REQUIRE(mkdtemp(base) != NULL);
	REQUIRE(chmod(base, 0755) == 0);
	snprintf(t->dir, sizeof(t->dir), "%s/run", base); /* made by control_new() */
	snprintf(t->path, sizeof(t->path), "%s/control.sock", t->dir);
	REQUIRE((t->s.conf = calloc(1, sizeof(*t->s.conf))) != NULL);
	snprintf(t->s.conf->control.socket, sizeof(t->s.conf->control.socket), "%s", t->path);
	REQUIRE(loop_new(&t->s.loop) == 0);
	REQUIRE(loop_watch_timer(t->s.loop, on_guard, t, &t->guard) == 0);
	loop_timer_set(t->guard, 30 * NSEC);
	REQUIRE(loop_watch_signal(t->s.loop, SIGCHLD, on_child, t, &t->child) == 0);
	REQUIRE(control_new(&t->s, &t->s.control) == 0);
}

static void bench_fini(struct bench *t)
{
	control_free(t->s.control);
	CHECK(access(t->path, F_OK) < 0); /* the socket and the directory that was made for it are gone */
	CHECK(access(t->dir, F_OK) < 0);
	loop_unwatch(t->guard);
	loop_unwatch(t->child);
	loop_free(t->s.loop);
	conf_free(t->s.conf);
	*strrchr(t->dir, '/') = '\0';
	rmdir(t->dir);
}

/* client() - in the child: say something, and write what comes back to @to */
static _Noreturn void client(const char *path, uid_t uid, gid_t gid, const char *say, size_t len, int to)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char got[8192];
	ssize_t n;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (uid != 0 && (setgroups(0, NULL) < 0 || setgid(gid) < 0 || setuid(uid) < 0))
		_exit(1);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		_exit(2);
	/* A stranger is cut off before he has spoken, but not before he was told why. */
	if (send(fd, say, len, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		_exit(4);
	while ((n = read(fd, got, sizeof(got))) > 0) {
		if (write(to, got, (size_t)n) < 0)
			_exit(3);
	}
	_exit(0);
}

/* ask_as() - the answer to what somebody says */
static const char *ask_as(struct bench *t, uid_t uid, gid_t gid, const char *say, size_t len)
{
	static char got[8192];
	int ends[2], status;

	REQUIRE(pipe(ends) == 0);
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0)
		client(t->path, uid, gid, say, len, ends[1]);
	close(ends[1]);
	REQUIRE(loop_run(t->s.loop) == 0);
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
	ssize_t n = read(ends[0], got, sizeof(got) - 1);
	got[n > 0 ? n : 0] = '\0';
	close(ends[0]);
	return got;
}

static const struct {
	const char *say, *answer;
} requests[] = {
	{ "{\"cmd\":\"reload\",\"role\":\"supervisor\"}\n", "starting or stopping" },
	{ "{\"cmd\":\"sessions\",\"role\":\"translator\"}\n", "has no nat64 section" },
	{ "{\"cmd\":\"counters\",\"role\":\"resolver\"}\n", "has no dns64 section" },
	{ "{\"cmd\":\"status\",\"role\":\"nobody\"}\n", "there is no role" },
	{ "{\"cmd\":\"sessions\",\"role\":\"supervisor\"}\n", "is not for the role" },
	{ "{\"cmd\":\"reload\",\"role\":\"resolver\"}\n", "is not for the role" },
	{ "{\"cmd\":\"frobnicate\",\"role\":\"resolver\"}\n", "there is no command" },
	{ "{\"cmd\":1,\"role\":\"resolver\"}\n", "a request is one line" },
	{ "{\"role\":\"resolver\"}\n", "a request is one line" },
	{ "{\"cmd\":\"status\"}\n", "a request is one line" },
	{ "{\"cmd\":\"status\",\"cmd\":\"reload\",\"role\":\"supervisor\"}\n", "a request is one line" },
	{ "[]\n", "a request is one line" },
	{ "\n", "a request is one line" },
	{ "{\"cmd\":\"status\"\n", "a request is one line" },
	{ "{\"cmd\":\"sta\xff\",\"role\":\"supervisor\"}\n", "a request is one line" },
	{ "{\"cmd\":\"status\",\"role\":\"supervisor\"}\nmore", "nothing after it" },
};

TEST(a_bad_request_gets_an_error_line)
{
	struct bench t;

	bench_init(&t);
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		test_row(requests[i].say);
		const char *got = ask_as(&t, 0, 0, requests[i].say, strlen(requests[i].say));
		CHECK(strncmp(got, "{\"error\":", 9) == 0);
		if (!CHECK(strstr(got, requests[i].answer) != NULL))
			CHECK_TEXT(got, requests[i].answer);
	}
	bench_fini(&t);
}

TEST(the_status_of_the_supervisor_is_a_row_and_an_end)
{
	static const char say[] = "{\"cmd\":\"status\",\"role\":\"supervisor\"}\n";
	struct bench t;

	bench_init(&t);
	const char *got = ask_as(&t, 0, 0, say, sizeof(say) - 1);
	json_t *row = json_loads(got, JSON_DISABLE_EOF_CHECK, NULL);
	REQUIRE(row != NULL);
	CHECK_TEXT(json_string_value(json_object_get(row, "role")), "supervisor");
	CHECK_TEXT(json_string_value(json_object_get(row, "version")), ISTHMUS_VERSION);
	CHECK_INT(json_integer_value(json_object_get(row, "pid")), getpid());
	CHECK(json_is_null(json_object_get(row, "config")));
	CHECK(json_is_array(json_object_get(row, "roles")));
	CHECK(strstr(got, "{\"end\":true}\n") != NULL);
	json_decref(row);
	bench_fini(&t);
}

TEST(the_configuration_in_force_is_a_row_that_can_be_read_back)
{
	static const char say[] = "{\"cmd\":\"config\",\"role\":\"supervisor\"}\n";
	struct conf_errors errors = { 0 };
	struct conf *c = NULL;
	struct bench t;

	bench_init(&t);
	conf_free(t.s.conf);
	REQUIRE(conf_default(&t.s.conf) == 0);
	snprintf(t.s.conf->control.socket, sizeof(t.s.conf->control.socket), "%s", t.path);
	const char *got = ask_as(&t, 0, 0, say, sizeof(say) - 1);
	json_t *row = json_loads(got, JSON_DISABLE_EOF_CHECK, NULL);
	const char *yaml = json_string_value(json_object_get(row, "yaml"));
	REQUIRE(yaml != NULL);
	CHECK_INT(conf_parse("answer", yaml, strlen(yaml), &c, &errors), 0);
	REQUIRE(c != NULL);
	CHECK_TEXT(c->control.socket, t.path);
	conf_free(c);
	conf_errors_fini(&errors);
	json_decref(row);
	bench_fini(&t);
}

TEST(every_truncation_of_a_request_is_cut_off_without_an_answer)
{
	static const char say[] = "{\"cmd\":\"status\",\"role\":\"supervisor\"}\n";
	struct bench t;

	bench_init(&t);
	for (size_t len = 1; len < sizeof(say) - 1; len += 5) {
		int ends[2];
		struct sockaddr_un at = { .sun_family = AF_UNIX };

		snprintf(at.sun_path, sizeof(at.sun_path), "%s", t.path);
		ends[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		REQUIRE(connect(ends[0], (struct sockaddr *)&at, sizeof(at)) == 0);
		REQUIRE(send(ends[0], say, len, MSG_NOSIGNAL) == (ssize_t)len);
		shutdown(ends[0], SHUT_WR);
		/* The next one is served, so the loop has seen the first one to its end. */
		CHECK(strstr(ask_as(&t, 0, 0, say, sizeof(say) - 1), "end") != NULL);
		CHECK_INT(read(ends[0], ends, 1), 0);
		close(ends[0]);
	}
	bench_fini(&t);
}

TEST(a_line_of_4096_bytes_is_read_and_a_longer_one_refused)
{
	static char say[5000];
	struct bench t;

	bench_init(&t);
	memset(say, ' ', sizeof(say));
	static const char tail[] = "{\"cmd\":\"status\",\"role\":\"supervisor\"}\n";
	memcpy(say + 4096 - (sizeof(tail) - 1), tail, sizeof(tail) - 1);
	CHECK(strstr(ask_as(&t, 0, 0, say, 4096), "\"version\"") != NULL);
	memset(say, ' ', sizeof(say));
	CHECK(strstr(ask_as(&t, 0, 0, say, 4097), "at most 4096 bytes") != NULL);
	bench_fini(&t);
}

TEST(a_stranger_is_told_so_and_cut_off)
{
	static const char say[] = "{\"cmd\":\"status\",\"role\":\"supervisor\"}\n";
	struct bench t;

	if (geteuid() != 0)
		test_skip("needs root, to be somebody else");
	bench_init(&t);
	REQUIRE(chmod(t.path, 0666) == 0); /* as a careless administrator might */
	CHECK(strstr(ask_as(&t, 12345, 12345, say, sizeof(say) - 1), "only root") != NULL);
	bench_fini(&t);
}

TEST(a_member_of_the_group_may_look_but_not_change)
{
	static const char look[] = "{\"cmd\":\"status\",\"role\":\"supervisor\"}\n";
	static const char change[] = "{\"cmd\":\"reload\",\"role\":\"supervisor\"}\n";
	struct bench t;

	if (geteuid() != 0)
		test_skip("needs root, to be somebody else");
	bench_init(&t);
	REQUIRE(chown(t.path, 0, 54321) == 0);
	t.s.control->has_group = true;
	t.s.control->group = 54321;
	CHECK(strstr(ask_as(&t, 12345, 54321, look, sizeof(look) - 1), "version") != NULL);
	CHECK(strstr(ask_as(&t, 12345, 54321, change, sizeof(change) - 1), "may reload") != NULL);
	bench_fini(&t);
}

TEST(the_socket_is_closed_to_others)
{
	struct bench t;
	struct stat st;

	bench_init(&t);
	REQUIRE(stat(t.path, &st) == 0);
	CHECK(S_ISSOCK(st.st_mode));
	CHECK_INT(st.st_mode & 0777, 0660);
	bench_fini(&t);
}

TEST(a_second_daemon_does_not_start_and_a_leftover_is_replaced)
{
	struct bench t;
	struct control *second = NULL;

	bench_init(&t);
	CHECK_INT(control_new(&t.s, &second), -EADDRINUSE);
	CHECK(second == NULL);
	CHECK(access(t.path, F_OK) == 0); /* the first one's socket is not harmed */

	/* A socket file that nobody listens on, as a killed daemon leaves it. */
	char other[120];
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	snprintf(other, sizeof(other), "%s.old", t.path);
	REQUIRE(strlen(other) < sizeof(at.sun_path));
	memcpy(at.sun_path, other, strlen(other));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	close(fd);
	memcpy(t.s.conf->control.socket, at.sun_path, sizeof(at.sun_path));
	CHECK_INT(control_new(&t.s, &second), 0);
	control_free(second);

	/* What is no socket is nobody's to remove. */
	FILE *f = fopen(other, "w");
	REQUIRE(f != NULL);
	fclose(f);
	second = NULL;
	CHECK_INT(control_new(&t.s, &second), -EEXIST);
	CHECK(access(other, F_OK) == 0);
	unlink(other);
	bench_fini(&t);
}

static void on_pause_over(void *ctx)
{
	loop_stop(((struct bench *)ctx)->s.loop);
}

/* ask_as_monitor() - the answer to what the monitor asks over its channel; "" if there is none */
static const char *ask_as_monitor(struct bench *t, const char *say)
{
	static char got[8192];
	size_t len = 0;
	ssize_t n;
	int ends[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	control_request(t->s.control, say, strlen(say), ends[1]);
	/* Answers are written by the loop; a timer ends it. */
	struct loop_watch *pause;
	REQUIRE(loop_watch_timer(t->s.loop, on_pause_over, t, &pause) == 0);
	loop_timer_set(pause, 20 * MSEC);
	REQUIRE(loop_run(t->s.loop) == 0);
	loop_unwatch(pause);
	while ((n = recv(ends[0], got + len, sizeof(got) - 1 - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	CHECK_INT(n, 0); /* the connection is closed, whatever the answer was */
	got[len] = '\0';
	close(ends[0]);
	return got;
}

static const struct {
	const char *say, *answer;
} monitor_requests[] = {
	{ "{\"cmd\":\"status\",\"role\":\"supervisor\"}", "\"version\"" },
	{ "{\"cmd\":\"counters\",\"role\":\"resolver\"}", "has no dns64 section" },
	{ "{\"cmd\":\"sessions\",\"role\":\"translator\"}",
		"only figures are for this client, not sessions" },
	{ "{\"cmd\":\"bib\",\"role\":\"translator\"}", "only figures are for this client, not bib" },
	{ "{\"cmd\":\"pool\",\"role\":\"translator\"}", "only figures are for this client, not pool" },
	{ "{\"cmd\":\"reload\",\"role\":\"supervisor\"}", "may reload" },
	{ "not JSON", "a request is one line" },
	{ "", "a request is one line" },
};

TEST(the_monitor_may_ask_for_figures_and_nothing_else)
{
	struct bench t;

	bench_init(&t);
	for (size_t i = 0; i < ARRAY_LEN(monitor_requests); i++) {
		test_row(monitor_requests[i].say);
		const char *got = ask_as_monitor(&t, monitor_requests[i].say);
		if (!CHECK(strstr(got, monitor_requests[i].answer) != NULL))
			CHECK_TEXT(got, monitor_requests[i].answer);
	}
	CHECK_INT(t.s.control->clients_len, 0);
	bench_fini(&t);
}

TEST(what_is_no_connection_or_too_long_is_closed)
{
	static const char say[] = "{\"cmd\":\"status\",\"role\":\"supervisor\"}";
	static char longer[LINE_BYTES + 2];
	int ends[2], tcp = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct bench t;
	char byte;

	bench_init(&t);
	REQUIRE(pipe(ends) == 0);
	control_request(t.s.control, say, sizeof(say) - 1, ends[1]);
	CHECK_INT(read(ends[0], &byte, 1), 0);
	close(ends[0]);
	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0);
	control_request(t.s.control, say, sizeof(say) - 1, ends[1]);
	CHECK(send(ends[0], "x", 1, MSG_NOSIGNAL) < 0);
	close(ends[0]);
	control_request(t.s.control, say, sizeof(say) - 1, tcp);
	CHECK(fcntl(tcp, F_GETFD) < 0);
	memset(longer, ' ', sizeof(longer) - 1);
	CHECK_TEXT(ask_as_monitor(&t, longer), "");
	CHECK_INT(t.s.control->clients_len, 0);
	bench_fini(&t);
}

TEST(a_monitor_that_asks_too_often_is_not_answered_for_a_while)
{
	struct bench t;

	bench_init(&t);
	t.s.control->asked_since = clock_now();
	t.s.control->asked = MONITOR_REQUESTS - 1;
	CHECK(strstr(ask_as_monitor(&t, monitor_requests[0].say), "version") != NULL);
	CHECK_TEXT(ask_as_monitor(&t, monitor_requests[0].say), "");
	t.s.control->asked_since -= NSEC;
	CHECK(strstr(ask_as_monitor(&t, monitor_requests[0].say), "version") != NULL);
	bench_fini(&t);
}
