/*
 * filter.c - the lists: which system calls a role may make, and why
 *
 * A list is a table; a rule names a call, at most one condition on one argument, and its reason. What no rule
 * allows kills the whole process with SIGSYS. A few calls that libraries try of their own accord, and can do
 * without, fail with an error number instead, so that trying is not fatal.
 *
 * Descriptors are not listed: a role can only use those that it was given, because it cannot open any
 * (translator), or only client sockets (resolver, relay), or only connections of its clients and pairs (monitor).
 *
 * Builds with sanitizers print the name of the forbidden call before they die, and allow what the sanitizers'
 * runtime needs; the signal and the result are the same.
 */
#include "sandbox/filter.h"

#include "base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41 /* linux/prctl.h since 5.17 */
#endif

/* What is asked of one argument: (argument & mask) == value. mask 0: no condition. */
struct condition {
	unsigned arg;
	uint64_t mask, value;
};

struct rule {
	int call;
	int error; /* 0: allowed; else it fails with this error number */
	struct condition when;
	const char *why;
};

#define ALLOW(name, reason)                                                                                  \
	{                                                                                                    \
		SCMP_SYS(name), 0, { 0, 0, 0 }, reason                                                       \
	}
#define ALLOW_IF(name, arg, mask, value, reason)                                                             \
	{                                                                                                    \
		SCMP_SYS(name), 0, { arg, mask, value }, reason                                              \
	}
#define FAIL(name, err, reason)                                                                              \
	{                                                                                                    \
		SCMP_SYS(name), err, { 0, 0, 0 }, reason                                                     \
	}
#define FAIL_IF(name, arg, mask, value, err, reason)                                                         \
	{                                                                                                    \
		SCMP_SYS(name), err, { arg, mask, value }, reason                                            \
	}
#define WHOLE UINT64_MAX
#define WHOLE32 UINT64_C(0xffffffff) /* arguments of type int: the kernel ignores the upper half */

static const struct rule base_rules[] = {
	/* Packets, messages and log lines, on descriptors that the role was given. */
	ALLOW(read, "packets from a TUN queue; wake-ups"),
	ALLOW(readv, "packets with their offload header"),
	ALLOW(pread64, "a new configuration, from a memory file"),
	ALLOW(write, "packets to a TUN queue; log lines to stderr; wake-ups"),
	ALLOW(writev, "packets with their offload header"),
	ALLOW(recvmsg, "messages of the supervisor"),
	ALLOW(recvfrom, "recv() and recvfrom(), libevent's signal pipe"),
	ALLOW(sendmsg, "messages to the supervisor; journal"),
	ALLOW(sendto, "answers on control connections; syslog and journal"),
	ALLOW(fsync, "saved sessions reach the disk before the process ends"),
	ALLOW(close, "control connections, memory files"),
	ALLOW(fstat, "size of a memory file"),
	ALLOW(newfstatat, "fstat() of newer C libraries; the root directory is empty, so paths lead nowhere"),
	ALLOW(fstat64, "fstat() on 32-bit machines"),
	ALLOW(statx, "fstat() on machines without another"),
	ALLOW(lseek, "stdio on descriptors that are open already"),
	ALLOW(fcntl, "O_NONBLOCK, FD_CLOEXEC"),
	ALLOW(fcntl64, "the same on 32-bit machines"),
	ALLOW(shutdown, "end of a control connection"),

	/* Waiting. */
	ALLOW(poll, "a worker waits for its queue"),
	ALLOW(ppoll, "the same, where poll() is made of it"),
	ALLOW(epoll_create1, "a worker's own waiting"),
	ALLOW(epoll_ctl, "event loop"),
	ALLOW(epoll_wait, "event loop"),
	ALLOW(epoll_pwait, "the same, where epoll_wait() is made of it"),
	ALLOW(epoll_pwait2, "the same with nanoseconds"),
	ALLOW(eventfd2, "wake-ups between threads"),
	ALLOW(pipe2, "wake-ups between threads"),
	ALLOW(futex, "mutexes, joining of threads"),
	ALLOW(restart_syscall, "a wait that a signal interrupted"),
	ALLOW(nanosleep, "bounded waiting"),
	ALLOW(clock_nanosleep, "bounded waiting"),

	/* Time, randomness, identity. */
	ALLOW(clock_gettime, "time, where the vDSO cannot tell it"),
	ALLOW(clock_getres, "the same"),
	ALLOW(gettimeofday, "the same"),
	ALLOW(time, "the same"),
	ALLOW(getrandom, "seeds, query identifiers"),
	ALLOW(getpid, "log lines, status"),
	ALLOW(gettid, "threads of the C library"),
	ALLOW(getppid, "whether the supervisor lives"),
	ALLOW(getuid, "libraries that check for set-user-ID programs"),
	ALLOW(geteuid, "the same"),
	ALLOW(getgid, "the same"),
	ALLOW(getegid, "the same"),
	ALLOW(uname, "libraries that look for the kernel's version"),
	ALLOW_IF(prlimit64, 2, WHOLE, 0, "reading limits: sizes of thread stacks"),
	ALLOW(getrlimit, "the same"),
	ALLOW(getrusage, "statistics of libraries"),
	ALLOW(sysinfo, "memory size, for the allocator's and libraries' defaults"),

	/* Memory: nothing may become executable. */
	ALLOW(brk, "heap"),
	ALLOW_IF(mmap, 2, PROT_EXEC, 0, "heap, tables, thread stacks"),
	ALLOW_IF(mmap2, 2, PROT_EXEC, 0, "the same on 32-bit machines"),
	ALLOW_IF(mprotect, 2, PROT_EXEC, 0, "guard pages of thread stacks, growth of arenas"),
	ALLOW(munmap, "the same, given back"),
	ALLOW(mremap, "realloc() of large blocks; keeps the protection"),
	ALLOW(madvise, "thread stacks, huge pages, memory given back"),
	ALLOW_IF(prctl, 0, WHOLE32, PR_SET_NAME, "names of threads"),
	ALLOW_IF(prctl, 0, WHOLE32, PR_SET_VMA, "names of mappings, by newer C libraries"),

	/* Threads: workers are started inside the sandbox. */
	ALLOW_IF(clone, 0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM, "threads, never processes"),
	FAIL(clone3, ENOSYS,
		"its flags are in memory, out of the filter's sight: the C library falls back to clone()"),
	ALLOW(set_robust_list, "each thread's start"),
	ALLOW(rseq, "each thread's start"),
	ALLOW(sched_yield, "spinning politely"),
	ALLOW(sched_getaffinity, "number of processors"),
	ALLOW(sched_setaffinity, "a worker's processor"),
	ALLOW(membarrier, "barriers of lock-free code"),
	ALLOW(exit, "end of a thread"),
	ALLOW(exit_group, "end of the process"),

	/* Signals. */
	ALLOW(rt_sigaction, "event loop; abort()"),
	ALLOW(rt_sigprocmask, "each thread's start; abort()"),
	ALLOW(rt_sigreturn, "end of a signal handler"),
	ALLOW(sigreturn, "the same on 32-bit machines"),
	ALLOW(tgkill, "abort() of a broken invariant"),
	ALLOW(sigaltstack, "stacks for signal handlers"),

	/* Tried by libraries, never needed. */
	FAIL(ioctl, ENOTTY, "stdio asks whether a stream is a terminal"),
	FAIL(sched_setscheduler, EPERM, "threads with default attributes"),
	FAIL_IF(socket, 0, WHOLE32, AF_UNIX, EACCES, "syslog() reconnects when its socket is gone"),
	FAIL_IF(openat, 2, WHOLE32, O_RDONLY | O_CLOEXEC, EACCES,
		"free() in a thread asks /proc/sys/vm/overcommit_memory how memory is given back"),
};

static const struct rule resolver_rules[] = {
	ALLOW_IF(socket, 0, WHOLE32, AF_INET, "queries to upstream and authoritative servers"),
	ALLOW_IF(socket, 0, WHOLE32, AF_INET6, "the same"),
	ALLOW(bind, "a random source port for each query (RFC 5452 section 9.2)"),
	ALLOW(connect, "queries over TCP and TLS"),
	ALLOW(accept4, "clients over TCP, on sockets that listen already"),
	ALLOW(accept, "the same, by libraries"),
	ALLOW(setsockopt, "buffers, path MTU discovery, TCP_NODELAY, fast open"),
	ALLOW(getsockopt, "result of a connect"),
	ALLOW(getsockname, "the address that a client asked"),
	ALLOW(getpeername, "a client's address"),
	ALLOW(sendmmsg, "several answers at once"),
	ALLOW(recvmmsg, "several queries at once"),
};

static const struct rule relay_rules[] = {
	ALLOW_IF(socket, 0, WHOLE32, AF_INET, "connections to destinations; questions to name servers"),
	ALLOW_IF(socket, 0, WHOLE32, AF_INET6, "the same"),
	ALLOW(bind, "a random source port for each question; the address of a client (relay.client-prefix)"),
	ALLOW(connect, "destinations, name servers"),
	ALLOW(accept4, "clients, on sockets that listen already"),
	ALLOW(setsockopt, "TCP_NODELAY, SO_LINGER, keep-alive, transparent addresses"),
	ALLOW(getsockopt, "result of a connect; bytes that wait"),
	ALLOW(getsockname, "the address that a client asked; a connection to ourselves"),
	ALLOW(getpeername, "whom a connection has reached"),
	ALLOW(splice, "bulk between two sockets, by way of a pipe"),
	ALLOW(sendmmsg, "several datagrams at once"),
	ALLOW(recvmmsg, "several datagrams at once"),
};

static const struct rule monitor_rules[] = {
	ALLOW(accept4, "clients, on a socket that listens already"),
	ALLOW_IF(socketpair, 0, WHOLE32, AF_UNIX,
		"a connection for each answer of the supervisor and the roles"),
};

#ifdef ISTHMUS_SANITIZED
static const struct rule sanitizer_rules[] = {
	ALLOW_IF(prctl, 0, WHOLE32, PR_GET_NAME, "thread names in reports"),
	ALLOW_IF(prctl, 0, WHOLE32, PR_GET_DUMPABLE, "before a report"),
	ALLOW(mlock, "shadow memory"),
	ALLOW(munlock, "shadow memory"),
	ALLOW(mincore, "whether shadow memory is mapped"),
	ALLOW(getdents64, "list of threads"),
	ALLOW(set_tid_address, "each thread's start"),
	FAIL(readlink, EACCES, "name of the program in a report"),
	FAIL(readlinkat, EACCES, "the same"),
	FAIL(stat, EACCES, "the symbolizer"),
	FAIL(access, EACCES, "the symbolizer"),
	FAIL(pipe, EACCES, "the symbolizer"),
};
#endif

struct rules {
	const struct rule *rules;
	size_t len;
};

/* What each profile is made of. */
static const struct rules profiles[SANDBOX_PROFILE_COUNT][3] = {
	[SANDBOX_TRANSLATOR] = {
		{ base_rules, ARRAY_LEN(base_rules) },
#ifdef ISTHMUS_SANITIZED
		{ sanitizer_rules, ARRAY_LEN(sanitizer_rules) },
#endif
	},
	[SANDBOX_RESOLVER] = {
		{ base_rules, ARRAY_LEN(base_rules) },
		{ resolver_rules, ARRAY_LEN(resolver_rules) },
#ifdef ISTHMUS_SANITIZED
		{ sanitizer_rules, ARRAY_LEN(sanitizer_rules) },
#endif
	},
	[SANDBOX_RELAY] = {
		{ base_rules, ARRAY_LEN(base_rules) },
		{ relay_rules, ARRAY_LEN(relay_rules) },
#ifdef ISTHMUS_SANITIZED
		{ sanitizer_rules, ARRAY_LEN(sanitizer_rules) },
#endif
	},
	[SANDBOX_MONITOR] = {
		{ base_rules, ARRAY_LEN(base_rules) },
		{ monitor_rules, ARRAY_LEN(monitor_rules) },
#ifdef ISTHMUS_SANITIZED
		{ sanitizer_rules, ARRAY_LEN(sanitizer_rules) },
#endif
	},
};

static int add_rule(scmp_filter_ctx f, const struct rule *r)
{
	uint32_t action = r->error ? SCMP_ACT_ERRNO((uint32_t)r->error) : SCMP_ACT_ALLOW;
	int err;

	if (r->when.mask == 0)
		err = seccomp_rule_add(f, action, r->call, 0);
	else
		err = seccomp_rule_add(f, action, r->call, 1,
			SCMP_CMP(r->when.arg, SCMP_CMP_MASKED_EQ, r->when.mask, r->when.value));
	/* A call that this machine does not have (-EDOM from libseccomp for some of them) needs no rule. */
	return err == -EDOM ? 0 : err;
}

static int add_profile(scmp_filter_ctx f, enum sandbox_profile profile)
{
	for (size_t i = 0; i < ARRAY_LEN(profiles[profile]); i++) {
		const struct rules *list = &profiles[profile][i];

		for (size_t k = 0; k < list->len; k++) {
			int err = add_rule(f, &list->rules[k]);

			if (err < 0)
				return err;
		}
	}
	return 0;
}

#ifdef ISTHMUS_SANITIZED
#define FORBIDDEN SCMP_ACT_TRAP

/* Says which call it was, then dies of SIGSYS after all: the handler is used up (SA_RESETHAND). */
static void on_forbidden(int signo, siginfo_t *info, void *context)
{
	char line[128];
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, info->si_syscall);
	int n = snprintf(line, sizeof(line), "sandbox: forbidden system call %d (%s)\n", info->si_syscall,
		name ? name : "?");

	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
		_exit(EXIT_FAILURE);
	raise(signo);
}

static int watch_forbidden(void)
{
	struct sigaction a = { .sa_sigaction = on_forbidden,
		.sa_flags = SA_SIGINFO | (int)SA_RESETHAND | SA_NODEFER };

	return sigaction(SIGSYS, &a, NULL) < 0 ? -errno : 0;
}
#else
#define FORBIDDEN SCMP_ACT_KILL_PROCESS

static int watch_forbidden(void)
{
	return 0;
}
#endif

/* set_attributes() - one filter for all threads; a binary tree instead of a chain of comparisons */
static int set_attributes(scmp_filter_ctx f)
{
	int err = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);

	if (err == 0)
		err = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (err == 0)
		err = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return err;
}

int filter_enter(enum sandbox_profile profile)
{
	int err = watch_forbidden();
	if (err < 0)
		return err;
	scmp_filter_ctx f = seccomp_init(FORBIDDEN);
	if (!f)
		return -ENOMEM;
	err = set_attributes(f);
	if (err == 0)
		err = add_profile(f, profile);
	if (err == 0)
		err = seccomp_load(f);
	seccomp_release(f);
	return err;
}
