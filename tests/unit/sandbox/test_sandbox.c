/*
 * test_sandbox.c - what is allowed inside, what kills, and what is really gone
 *
 * Each try is made by a process of its own; this one looks at it from outside, through its exit status and
 * /proc.
 */
#include "harness.h"

#include "base/compiler.h"
#include "sandbox/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#define OUTSIDE 90 /* exit status: the sandbox could not be entered */
#define USER "isthmus"

static void enter(enum sandbox_profile profile)
{
	const char *step = "";
	int err = sandbox_enter(profile, USER, &step);

	if (err < 0) {
		dprintf(STDERR_FILENO, "sandbox_enter: %s: %s\n", step, strerror(-err));
		_exit(OUTSIDE);
	}
}

/* run_inside() - run @fn in a sandboxed process; its wait status */
static int run_inside(enum sandbox_profile profile, int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	REQUIRE(pid >= 0);
	if (pid == 0) {
		enter(profile);
		_exit(fn());
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	return status;
}

static bool is_killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

/* --- what kills --- */

static int try_open(void)
{
	return (int)syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY) & 1;
}

static int try_open_write(void)
{
	return (int)syscall(SYS_openat, AT_FDCWD, "/tmp/x", O_WRONLY | O_CREAT, 0600) & 1;
}

static int try_exec(void)
{
	char *argv[] = { "true", NULL };

	return execv("/bin/true", argv) & 1;
}

static int try_fork(void)
{
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) & 1;
}

static int try_socket4(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0) & 1;
}

static int try_socket6(void)
{
	return socket(AF_INET6, SOCK_STREAM, 0) & 1;
}

static int try_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) & 1;
}

static int try_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) & 1;
}

static int try_ptrace(void)
{
	return (int)syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0) & 1;
}

static int try_kill_parent(void)
{
	return kill(getppid(), 0) & 1;
}

static int try_setuid(void)
{
	return (int)syscall(SYS_setuid, 0) & 1;
}

static int try_chroot(void)
{
	return chroot("..") & 1;
}

static int try_mount(void)
{
	return (int)syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL) & 1;
}

static int try_unshare(void)
{
	return (int)syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */) & 1;
}

static int try_bpf(void)
{
	return (int)syscall(SYS_bpf, 0, NULL, 0) & 1;
}

static int try_io_uring(void)
{
	return (int)syscall(SYS_io_uring_setup, 1, NULL) & 1;
}

static int try_memfd(void)
{
	return (int)syscall(SYS_memfd_create, "x", 0) & 1;
}

static int try_executable_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED;
}

static int try_make_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC) & 1;
}

static int try_raise_limit(void)
{
	struct rlimit r = { 10, 10 };

	return setrlimit(RLIMIT_NOFILE, &r) & 1;
}

static int try_allow_dump(void)
{
	return prctl(PR_SET_DUMPABLE, 1) & 1;
}

static int try_listen(void)
{
	return listen(0, 1) & 1;
}

static int try_bind(void)
{
	return bind(0, NULL, 0) & 1;
}

static int try_connect(void)
{
	return connect(0, NULL, 0) & 1;
}

static int try_setsockopt(void)
{
	return setsockopt(0, SOL_SOCKET, SO_DEBUG, NULL, 0) & 1;
}

static int try_accept(void)
{
	return accept4(0, NULL, NULL, 0) & 1;
}

static int try_socketpair(void)
{
	int ends[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) & 1;
}

static int try_socketpair4(void)
{
	int ends[2];

	return socketpair(AF_INET, SOCK_STREAM, 0, ends) & 1;
}

#define T (1U << SANDBOX_TRANSLATOR)
#define R (1U << SANDBOX_RESOLVER)
#define M (1U << SANDBOX_MONITOR)
#define L (1U << SANDBOX_RELAY)
#define ALL (T | R | M | L)

static const struct {
	const char *name;
	int (*fn)(void);
	unsigned profiles; /* in which it kills */
} deadly[] = {
	{ "opening a file", try_open, ALL },
	{ "making a file", try_open_write, ALL },
	{ "executing a program", try_exec, ALL },
	{ "starting a process", try_fork, ALL },
	{ "an IPv4 socket", try_socket4, T | M },
	{ "an IPv6 socket", try_socket6, T | M },
	{ "a netlink socket", try_netlink, ALL },
	{ "a packet socket", try_packet, ALL },
	{ "tracing", try_ptrace, ALL },
	{ "a signal to another process", try_kill_parent, ALL },
	{ "becoming root", try_setuid, ALL },
	{ "another root directory", try_chroot, ALL },
	{ "mounting", try_mount, ALL },
	{ "a namespace", try_unshare, ALL },
	{ "bpf(2)", try_bpf, ALL },
	{ "io_uring", try_io_uring, ALL },
	{ "a memory file", try_memfd, ALL },
	{ "executable memory", try_executable_memory, ALL },
	{ "memory made executable", try_make_executable, ALL },
	{ "changing a limit", try_raise_limit, ALL },
	{ "becoming dumpable", try_allow_dump, ALL },
	{ "listening", try_listen, ALL },
	{ "binding", try_bind, T | M },
	{ "connecting", try_connect, T | M },
	{ "changing a socket", try_setsockopt, T | M },
	{ "accepting", try_accept, T },
	{ "a pair of sockets", try_socketpair, T | R | L },
	{ "a pair of network sockets", try_socketpair4, ALL },
};

static void check_deadly(enum sandbox_profile profile)
{
	for (size_t i = 0; i < ARRAY_LEN(deadly); i++) {
		if (!(deadly[i].profiles & 1U << profile))
			continue;
		test_row(deadly[i].name);
		CHECK(is_killed(run_inside(profile, deadly[i].fn)));
	}
}

TEST(the_translator_dies_of_what_it_may_not_do)
{
	check_deadly(SANDBOX_TRANSLATOR);
}

TEST(the_resolver_dies_of_what_it_may_not_do)
{
	check_deadly(SANDBOX_RESOLVER);
}

TEST(the_relay_dies_of_what_it_may_not_do)
{
	check_deadly(SANDBOX_RELAY);
}

TEST(the_monitor_dies_of_what_it_may_not_do)
{
	check_deadly(SANDBOX_MONITOR);
}

/* --- what works --- */

static void *thread_main(void *arg)
{
	int *number = arg;

	pthread_setname_np(pthread_self(), "worker-0");
	*number = 42;
	return NULL;
}

static int use_threads(void)
{
	pthread_t thread;
	int number = 0;

	if (pthread_create(&thread, NULL, thread_main, &number) != 0 || pthread_join(thread, NULL) != 0)
		return 1;
	return number == 42 ? 0 : 2;
}

static void *deadly_thread(void *arg)
{
	syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
	return NULL;
}

static int use_deadly_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, deadly_thread, NULL) != 0)
		return 1;
	pthread_join(thread, NULL);
	return 0;
}

/*
 * The memory of a thread is a heap of its own in the C library. When much of it is free, it is given back, and the C library
 * looks into /proc for how: that fails, but is no reason to die. With sanitizers, memory is theirs.
 */
static void *thread_of_much_memory(void *arg)
{
	enum { PIECES = 400, PIECE = 100000 };
	static void *pieces[PIECES];

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < PIECES; i++)
			pieces[i] = calloc(1, PIECE);
		for (unsigned i = PIECES; i > 0; i--)
			free(pieces[i - 1]);
	}
	*(bool *)arg = true;
	return NULL;
}

static int use_memory_of_threads(void)
{
	pthread_t thread;
	bool is_done = false;

	if (pthread_create(&thread, NULL, thread_of_much_memory, &is_done) != 0 ||
		pthread_join(thread, NULL) != 0)
		return 1;
	if (syscall(SYS_openat, AT_FDCWD, "/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC) >= 0 ||
		errno != EACCES)
		return 2;
	return is_done ? 0 : 3;
}

static int use_memory(void)
{
	void *p = NULL;

	for (size_t size = 1; size < (size_t)64 << 20; size *= 4) {
		char *bigger = realloc(p, size);

		if (!bigger)
			return 1;
		bigger[size - 1] = 'x';
		p = bigger;
	}
	free(p);
	return 0;
}

static int use_waiting(void)
{
	int e = epoll_create1(EPOLL_CLOEXEC), v = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event ev = { .events = EPOLLIN };
	uint64_t n;

	if (e < 0 || v < 0 || epoll_ctl(e, EPOLL_CTL_ADD, v, &ev) < 0)
		return 1;
	if (epoll_wait(e, &ev, 1, 0) != 1 || read(v, &n, sizeof(n)) != sizeof(n) || n != 1)
		return 2;
	usleep(1);
	return close(e) | close(v) ? 3 : 0;
}

static int use_randomness(void)
{
	char bytes[16];

	return getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes) ? 0 : 1;
}

static int use_syslog(void)
{
	syslog(LOG_DEBUG, "test of the sandbox"); /* not open: it connects, which fails, and must not kill */
	return 0;
}

static int use_stdio(void)
{
	char buf[64];
	FILE *f = fmemopen(buf, sizeof(buf), "w");
	char *text = NULL;
	size_t len;
	FILE *m = open_memstream(&text, &len);

	if (!f || !m)
		return 1;
	fprintf(f, "%d", 1);
	fprintf(m, "%d", 1);
	fclose(f);
	fclose(m);
	free(text);
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(void);
} harmless[] = {
	{ "threads", use_threads },
	{ "memory", use_memory },
	{ "memory of threads", use_memory_of_threads },
	{ "waiting", use_waiting },
	{ "randomness", use_randomness },
	{ "syslog", use_syslog },
	{ "stdio in memory", use_stdio },
};

TEST(what_a_role_needs_works_in_every_profile)
{
	for (unsigned p = 0; p < SANDBOX_PROFILE_COUNT; p++) {
		for (size_t i = 0; i < ARRAY_LEN(harmless); i++) {
			test_row(harmless[i].name);
			CHECK_INT(run_inside((enum sandbox_profile)p, harmless[i].fn), 0);
		}
	}
}

TEST(the_filter_holds_for_threads_too)
{
	CHECK(is_killed(run_inside(SANDBOX_TRANSLATOR, use_deadly_thread)));
}

static int use_udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(at);
	int on = 1;
	char byte = 'x';

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return 1;
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		getsockname(fd, (struct sockaddr *)&at, &size) < 0)
		return 2;
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || send(fd, &byte, 1, 0) != 1)
		return 3;
	return recv(fd, &byte, 1, 0) == 1 ? 0 : 4;
}

static int use_tcp6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in6 at = {
		.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback, .sin6_port = htons(1)
	};

	if (fd < 0)
		return 1;
	return connect(fd, (struct sockaddr *)&at, sizeof(at)) ==
	       0; /* refused or in progress: both are answers */
}

TEST(the_resolver_may_ask_servers_over_udp_and_tcp)
{
	CHECK_INT(run_inside(SANDBOX_RESOLVER, use_udp), 0);
	CHECK_INT(run_inside(SANDBOX_RESOLVER, use_tcp6), 0);
}

/* listener() - a listening socket, made before the sandbox is entered, and a client of it */
static int listening, client;

static void make_listener(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(at);

	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(bind(listening, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(listening, 1) == 0);
	REQUIRE(getsockname(listening, (struct sockaddr *)&at, &size) == 0);
	REQUIRE(connect(client, (struct sockaddr *)&at, sizeof(at)) == 0);
	REQUIRE(send(client, "x", 1, 0) == 1);
}

static int use_listener(void)
{
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	char byte;

	if (fd < 0 || recv(fd, &byte, 1, 0) != 1 || send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
		return 1;
	return shutdown(fd, SHUT_WR) < 0 || close(fd) < 0 ? 2 : 0;
}

/* A question: one end of a pair goes out over a connection that was there before. */
static int use_pair(void)
{
	int ends[2];
	char byte = 'x';
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS } };
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space) };

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return 1;
	memcpy(CMSG_DATA(&control.header), &ends[1], sizeof(int));
	if (sendmsg(ends[0], &m, MSG_NOSIGNAL) != 1)
		return 2;
	return close(ends[0]) | close(ends[1]) ? 3 : 0;
}

TEST(the_monitor_may_accept_clients_and_ask_the_supervisor)
{
	make_listener();
	CHECK_INT(run_inside(SANDBOX_MONITOR, use_listener), 0);
	CHECK_INT(run_inside(SANDBOX_MONITOR, use_pair), 0);
	close(listening);
	close(client);
}

/* --- what is gone: the sandboxed process waits, and is looked at --- */

struct subject {
	pid_t pid;
	int release; /* closing it lets the process end */
};

static struct subject subject_start(enum sandbox_profile profile, int death_signal)
{
	int hold[2], ready[2];
	char byte;

	REQUIRE(pipe(hold) == 0 && pipe(ready) == 0);
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		close(hold[1]);
		close(ready[0]);
		prctl(PR_SET_PDEATHSIG, death_signal);
		enter(profile);
		if (write(ready[1], "r", 1) != 1 || read(hold[0], &byte, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(hold[0]);
	close(ready[1]);
	REQUIRE(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	return (struct subject){ pid, hold[1] };
}

static void subject_end(struct subject s)
{
	int status;

	close(s.release);
	REQUIRE(waitpid(s.pid, &status, 0) == s.pid);
	CHECK_INT(status, 0);
}

/* status_line() - one line of /proc/PID/status without its name and the blanks after it */
static const char *status_line(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "r");
	REQUIRE(f != NULL);
	while (fgets(buf, (int)size, f)) {
		if (strncmp(buf, name, strlen(name)) == 0 && buf[strlen(name)] == ':') {
			fclose(f);
			buf[strcspn(buf, "\n")] = '\0';
			return buf + strlen(name) + 1 + strspn(buf + strlen(name) + 1, " \t");
		}
	}
	fclose(f);
	return "(no such line)";
}

TEST(user_groups_and_capabilities_are_gone)
{
	static const char *const sets[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };
	char buf[256];

	if (geteuid() != 0)
		test_skip("needs root");
	for (unsigned p = 0; p < SANDBOX_PROFILE_COUNT; p++) {
		struct subject s = subject_start((enum sandbox_profile)p, 0);
		unsigned uids[4] = { 0 };

		for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
			test_row(sets[i]);
			CHECK_TEXT(status_line(s.pid, sets[i], buf, sizeof(buf)), "0000000000000000");
		}
		test_row("identity");
		CHECK(sscanf(status_line(s.pid, "Uid", buf, sizeof(buf)), "%u %u %u %u", &uids[0], &uids[1],
			      &uids[2], &uids[3]) == 4);
		CHECK(uids[0] != 0 && uids[0] == uids[1] && uids[1] == uids[2] && uids[2] == uids[3]);
		CHECK(sscanf(status_line(s.pid, "Gid", buf, sizeof(buf)), "%u %u %u %u", &uids[0], &uids[1],
			      &uids[2], &uids[3]) == 4);
		CHECK(uids[0] != 0 && uids[0] == uids[1] && uids[1] == uids[2] && uids[2] == uids[3]);
		CHECK_TEXT(status_line(s.pid, "Groups", buf, sizeof(buf)), "");
		test_row("bars");
		CHECK_TEXT(status_line(s.pid, "NoNewPrivs", buf, sizeof(buf)), "1");
		CHECK_TEXT(status_line(s.pid, "Seccomp", buf, sizeof(buf)), "2");
		subject_end(s);
	}
}

TEST(no_core_file_is_written)
{
	char path[64], line[256];
	bool found = false;
	struct subject s = subject_start(SANDBOX_TRANSLATOR, 0);

	snprintf(path, sizeof(path), "/proc/%d/limits", (int)s.pid);
	FILE *f = fopen(path, "r");
	REQUIRE(f != NULL);
	while (fgets(line, sizeof(line), f)) {
		unsigned long soft, hard;

		if (sscanf(line, "Max core file size %lu %lu", &soft, &hard) == 2) {
			found = soft == 0 && hard == 0;
			break;
		}
	}
	fclose(f);
	CHECK(found);
	subject_end(s);
}

TEST(the_root_directory_is_empty_and_nothing_can_be_made_in_it)
{
	char path[64], inside[96];

	if (geteuid() != 0)
		test_skip("needs root");
	struct subject s = subject_start(SANDBOX_RESOLVER, 0);
	snprintf(path, sizeof(path), "/proc/%d/root", (int)s.pid);
	snprintf(inside, sizeof(inside), "%s/etc", path);
	CHECK(access(inside, F_OK) < 0);
	snprintf(inside, sizeof(inside), "%s/new", path);
	CHECK(open(inside, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0);
	CHECK(mkdir(inside, 0700) < 0);
	subject_end(s);
}

/* wait_inside() - a role that nothing but a signal ends */
static void wait_inside(int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	enter(SANDBOX_TRANSLATOR);
	if (write(ready, "r", 1) == 1)
		poll(NULL, 0, 50000);
	_exit(0);
}

TEST(the_death_signal_survives_the_change_of_user)
{
	int status, ready[2], entered[2];
	char byte;

	/* this > parent > role: the parent dies, and the role with it, which closes the last end of the pipe.
	 */
	REQUIRE(pipe(ready) == 0 && pipe(entered) == 0);
	pid_t parent = fork();
	REQUIRE(parent >= 0);
	if (parent == 0) {
		close(ready[0]);
		pid_t role = fork();
		if (role == 0)
			wait_inside(entered[1]);
		_exit(role > 0 && read(entered[0], &byte, 1) == 1 ? 0 : 1);
	}
	close(ready[1]);
	REQUIRE(waitpid(parent, &status, 0) == parent);
	CHECK_INT(status, 0);
	alarm(20); /* below the 50 s that the role would wait */
	while (read(ready[0], &byte, 1) == 1)
		;
	close(ready[0]);
}

TEST(without_root_the_rest_of_the_sandbox_still_holds)
{
	int status;
	pid_t pid = fork();

	REQUIRE(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
			_exit(OUTSIDE);
		enter(SANDBOX_TRANSLATOR);
		_exit(try_open());
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK(is_killed(status));
}
