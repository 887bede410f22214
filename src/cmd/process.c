/*
 * process.c - a role's process: fork, exec, watch, restart with back-off
 *
 * A role is this program again, executed anew: an address space of its own, without anything that the
 * supervisor ever held. It inherits stderr, an empty stdin, and descriptor CHANNEL_FD; everything else is
 * sent over the channel, so the same TUN queues and sockets serve one process after another, and packets that
 * arrive in between wait in them.
 *
 * A process that dies is started again: at once the first time, so that a crash costs a fraction of a second,
 * then after 0.25, 0.5, 1, 2 and at last 5 s each time, so that one that cannot live does not eat the
 * machine. A minute of good health forgives everything. One that dies before it was ever ready is FAILED:
 * something is wrong that a restart does not cure, and the operator is at the keyboard.
 *
 * A process whose channel breaks, that talks nonsense, or that is not ready in time is killed; the rest
 * follows from its death.
 */
#include "cmd/process.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_TIMEOUT (30 * NSEC)
#define HEALTHY_AFTER (60 * NSEC)
#define RESTART_FIRST (250 * MSEC)
#define RESTART_MAX (5 * NSEC)
#define RESTART_DOUBLINGS 5

struct process {
	struct process_plan plan;
	struct loop *loop;
	struct loop_watch *timer; /* next start while WAITING, patience while STARTING */
	enum process_state state;
	bool was_ready; /* ever */
	pid_t pid;	/* 0: does not run */
	int channel;	/* -1: none */
	struct loop_watch *channel_watch;
	nsec started;
	bool ended_well;   /* the last time */
	unsigned failures; /* in a row */
	unsigned restarts;
};

const char *process_state_name(enum process_state s)
{
	static const char *const names[PROCESS_STATE_COUNT] = {
		[PROCESS_WAITING] = "waiting",
		[PROCESS_STARTING] = "starting",
		[PROCESS_READY] = "ready",
		[PROCESS_STOPPING] = "stopping",
		[PROCESS_STOPPED] = "stopped",
		[PROCESS_FAILED] = "failed",
	};

	return names[s];
}

nsec process_restart_delay(unsigned failures)
{
	if (failures == 0)
		return 0;
	if (failures > RESTART_DOUBLINGS)
		return RESTART_MAX;
	nsec delay = RESTART_FIRST << (failures - 1);
	return delay < RESTART_MAX ? delay : RESTART_MAX;
}

static void set_state(struct process *p, enum process_state s)
{
	p->state = s;
	p->plan.changed(p->plan.ctx);
}

static void channel_close(struct process *p)
{
	loop_unwatch(p->channel_watch);
	p->channel_watch = NULL;
	if (p->channel >= 0)
		close(p->channel);
	p->channel = -1;
}

/* --- messages of the role --- */

static void on_ready(struct process *p, struct channel_msg *m)
{
	if (p->state != PROCESS_STARTING)
		return;
	loop_timer_stop(p->timer);
	p->was_ready = true;
	log_info("the %s is ready (process %d)", p->plan.name, (int)p->pid);
	set_state(p, PROCESS_READY);
}

static void on_reloaded(struct process *p, struct channel_msg *m)
{
	p->plan.reloaded(p->plan.ctx, p->plan.name, m->payload);
}

static void on_request(struct process *p, struct channel_msg *m)
{
	if (!p->plan.requested || m->fds_len != 1)
		return;
	m->fds_len = 0;
	p->plan.requested(p->plan.ctx, m->payload, m->len, m->fds[0]);
}

static void on_sink(struct process *p, struct channel_msg *m)
{
	if (p->plan.sink_wanted && p->state == PROCESS_READY)
		p->plan.sink_wanted(p->plan.ctx, m->payload);
}

/* A role says these things and nothing else. */
static void (*const on_message[CHANNEL_TYPE_COUNT])(struct process *p, struct channel_msg *m) = {
	[CHANNEL_READY] = on_ready,
	[CHANNEL_RELOADED] = on_reloaded,
	[CHANNEL_REQUEST] = on_request,
	[CHANNEL_SINK] = on_sink,
};

static void on_channel(void *ctx, unsigned ready)
{
	struct process *p = ctx;
	struct channel_msg m;
	int err = channel_recv(p->channel, &m);

	if (err == -EAGAIN)
		return;
	if (err < 0) {
		/* It is dying, or has lost its senses; SIGCHLD tells the rest. */
		channel_close(p);
		if (p->state != PROCESS_STOPPING)
			process_kill(p);
		return;
	}
	if (on_message[m.type])
		on_message[m.type](p, &m);
	for (unsigned i = 0; i < m.fds_len; i++)
		close(m.fds[i]); /* nobody took it */
}

/* --- start --- */

/* become_role() - in the child: keep the standard descriptors and the channel, and execute the program anew
 */
static _Noreturn void become_role(const struct process *p, int channel, pid_t parent)
{
	char *argv[] = { "isthmus", "role", (char *)(uintptr_t)p->plan.name, NULL };
	sigset_t none;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || null < 0 || dup2(null, STDIN_FILENO) < 0)
		_exit(EXIT_FAILURE);
	if (channel == CHANNEL_FD)
		fcntl(channel, F_SETFD, 0);
	else if (dup2(channel, CHANNEL_FD) < 0)
		_exit(EXIT_FAILURE);
	close_range(CHANNEL_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	execv("/proc/self/exe", argv);
	_exit(EXIT_FAILURE);
}

/* spawn() - the process and the channel to it */
static int spawn(struct process *p)
{
	int pair[2];
	pid_t parent = getpid();

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0)
		become_role(p, pair[1], parent);
	close(pair[1]);
	if (pid < 0) {
		int err = -errno;

		close(pair[0]);
		return err;
	}
	p->pid = pid;
	p->channel = pair[0];
	return 0;
}

/* greet() - send CHANNEL_START: the configuration and the descriptors */
static int greet(struct process *p)
{
	int fds[CHANNEL_FDS_MAX];
	int config = p->plan.config_fd(p->plan.ctx);

	if (config < 0)
		return config;
	fds[0] = config;
	for (unsigned i = 0; i < p->plan.fds_len; i++)
		fds[1 + i] = p->plan.fds[i];
	int err = channel_send(p->channel, CHANNEL_START, NULL, 0, fds, 1 + p->plan.fds_len);
	close(config);
	return err;
}

static int start(struct process *p)
{
	int err = spawn(p);

	if (err < 0)
		return err;
	err = loop_watch_fd(p->loop, p->channel, LOOP_READ, on_channel, p, &p->channel_watch);
	if (err == 0)
		err = greet(p);
	return err;
}

/* wait_restart() - after a death: be patient, then start again */
static void wait_restart(struct process *p)
{
	nsec delay = process_restart_delay(p->failures);

	p->failures++;
	p->restarts++;
	log_warning("the %s will be started again %s", p->plan.name, delay == 0 ? "now" : "after a pause");
	loop_timer_set(p->timer, delay);
	set_state(p, PROCESS_WAITING);
}

void process_start(struct process *p)
{
	p->started = clock_now();
	p->state = PROCESS_STARTING;
	int err = start(p);
	if (err == 0) {
		loop_timer_set(p->timer, READY_TIMEOUT);
		p->plan.changed(p->plan.ctx);
		return;
	}
	log_error("the %s cannot be started: %s", p->plan.name, strerror(-err));
	if (p->pid > 0) {
		process_kill(p); /* its death leads to the restart */
		return;
	}
	if (p->was_ready)
		wait_restart(p);
	else
		set_state(p, PROCESS_FAILED);
}

static void on_timer(void *ctx)
{
	struct process *p = ctx;

	if (p->state == PROCESS_WAITING) {
		process_start(p);
	} else if (p->state == PROCESS_STARTING) {
		log_error("the %s is not ready after %llu s; killing it", p->plan.name,
			(unsigned long long)(READY_TIMEOUT / NSEC));
		process_kill(p);
	}
}

/* --- death --- */

static void log_death(const struct process *p, int status)
{
	if (WIFSIGNALED(status)) {
		int signo = WTERMSIG(status);

		log_error("the %s (process %d) was killed by SIG%s%s", p->plan.name, (int)p->pid,
			sigabbrev_np(signo),
			signo == SIGSYS ? ": its sandbox forbids a system call that it made; the kernel's "
					  "audit log names it"
					: "");
		return;
	}
	log_error("the %s (process %d) ended with status %d", p->plan.name, (int)p->pid, WEXITSTATUS(status));
}

static void on_death(struct process *p, int status)
{
	bool was_expected = p->state == PROCESS_STOPPING;

	loop_timer_stop(p->timer);
	if (!was_expected || status != 0)
		log_death(p, status);
	channel_close(p);
	p->pid = 0;
	p->ended_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (clock_now() - p->started >= HEALTHY_AFTER)
		p->failures = 0;
	if (was_expected)
		set_state(p, PROCESS_STOPPED);
	else if (p->was_ready)
		wait_restart(p);
	else
		set_state(p, PROCESS_FAILED);
}

void process_reap(struct process *p)
{
	int status;

	if (p->pid > 0 && waitpid(p->pid, &status, WNOHANG) == p->pid)
		on_death(p, status);
}

void process_stop(struct process *p, int fd)
{
	loop_timer_stop(p->timer);
	if (p->pid == 0) {
		set_state(p, PROCESS_STOPPED);
		return;
	}
	/* One that cannot be told is on its way out, or not worth waiting for. */
	if (p->channel < 0 || channel_send(p->channel, CHANNEL_STOP, NULL, 0, &fd, fd >= 0 ? 1 : 0) < 0)
		process_kill(p);
	set_state(p, PROCESS_STOPPING);
}

void process_kill(struct process *p)
{
	if (p->pid > 0)
		kill(p->pid, SIGKILL);
}

int process_send(struct process *p, enum channel_type type, const void *payload, size_t len, int fd)
{
	if (p->state != PROCESS_READY || p->channel < 0)
		return -ENOTCONN;
	return channel_send(p->channel, type, payload, len, &fd, fd >= 0 ? 1 : 0);
}

void process_set_fds(struct process *p, unsigned fds_len)
{
	p->plan.fds_len = fds_len;
}

int process_reload(struct process *p, const int *fds, unsigned fds_len)
{
	if (p->state != PROCESS_READY || p->channel < 0)
		return -ENOTCONN;
	return channel_send(p->channel, CHANNEL_RELOAD, NULL, 0, fds, fds_len);
}

void process_info(const struct process *p, struct process_info *ret)
{
	*ret = (struct process_info){
		.name = p->plan.name,
		.state = p->state,
		.pid = p->pid,
		.restarts = p->restarts,
		.uptime_ns = p->pid > 0 ? clock_now() - p->started : 0,
		.ended_well = p->state == PROCESS_STOPPED && p->ended_well,
	};
}

int process_new(struct loop *l, const struct process_plan *plan, struct process **ret)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	*p = (struct process){ .plan = *plan, .loop = l, .state = PROCESS_WAITING, .channel = -1 };
	int err = loop_watch_timer(l, on_timer, p, &p->timer);
	if (err < 0) {
		process_free(p);
		return err;
	}
	*ret = p;
	return 0;
}

void process_free(struct process *p)
{
	if (!p)
		return;
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
	}
	channel_close(p);
	loop_unwatch(p->timer);
	free(p);
}
