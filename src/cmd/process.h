/*
 * process.h - the process of one role, seen from the supervisor: start it, watch it, restart it, stop it
 *
 * States: WAITING (for its next start) -> STARTING (until CHANNEL_READY) -> READY -> back to WAITING when it
 * dies, or STOPPING -> STOPPED. FAILED: it died before it was ever ready, so starting it again would not
 * help.
 */
#ifndef ISTHMUS_CMD_PROCESS_H
#define ISTHMUS_CMD_PROCESS_H

#include "base/clock.h"
#include "base/compiler.h"
#include "ctl/channel.h"
#include "loop/loop.h"

#include <stdbool.h>
#include <sys/types.h>

enum process_state {
	PROCESS_WAITING,
	PROCESS_STARTING,
	PROCESS_READY,
	PROCESS_STOPPING,
	PROCESS_STOPPED,
	PROCESS_FAILED,
	PROCESS_STATE_COUNT
};

/** process_state_name() - "waiting", "starting", "ready", ... */
const char *process_state_name(enum process_state s);

/* What a process is and whom it tells; all pointers are borrowed and outlive it. */
struct process_plan {
	const char *name;	     /* of the role: `isthmus role NAME` */
	const int *fds;		     /* handed over at every start, after the configuration */
	unsigned fds_len;	     /* below CHANNEL_FDS_MAX */
	int (*config_fd)(void *ctx); /* a new memory file with the effective configuration, or -errno */
	void (*changed)(void *ctx);  /* the state is another one now */
	void (*reloaded)(void *ctx, const char *name, const char *fault); /* CHANNEL_RELOADED; "" if taken */
	/* CHANNEL_REQUEST with its connection, which is taken over; NULL: this role has nothing to ask */
	void (*requested)(void *ctx, const char *line, size_t len, int fd);
	void (*sink_wanted)(void *ctx, const char *name); /* CHANNEL_SINK; NULL: this role has no log */
	void *ctx;
};

struct process; /* opaque */

/** process_new() - make a process in state WAITING, without starting it; 0 or -ENOMEM */
MUST_CHECK int process_new(struct loop *l, const struct process_plan *plan, struct process **ret);

/** process_start() - start it now; a failure counts as a death and is handled like one */
void process_start(struct process *p);

/** process_reap() - see whether it has died (after SIGCHLD), and if so say so and arrange its restart */
void process_reap(struct process *p);

/** process_stop() - ask it to finish, and give it @fd for that unless that is negative; STOPPED at once if it does not run */
void process_stop(struct process *p, int fd);

/** process_kill() - SIGKILL, if it runs */
void process_kill(struct process *p);

/** process_free() - kill it if it runs, and forget it; NULL is fine */
void process_free(struct process *p);

/** process_send() - send a message to a READY process; -ENOTCONN if it is not, else as channel_send() */
MUST_CHECK int process_send(
	struct process *p, enum channel_type type, const void *payload, size_t len, int fd);

/** process_set_fds() - how many descriptors of its plan it is handed from its next start on */
void process_set_fds(struct process *p, unsigned fds_len);

/** process_reload() - send CHANNEL_RELOAD: the configuration, and what goes with it; as process_send() */
MUST_CHECK int process_reload(struct process *p, const int *fds, unsigned fds_len);

struct process_info {
	const char *name;
	enum process_state state;
	pid_t pid;	   /* 0 if it does not run */
	unsigned restarts; /* since the supervisor started */
	nsec uptime_ns;	   /* since its last start; 0 if it does not run */
	bool ended_well;   /* STOPPED, and its exit status was 0 */
};
void process_info(const struct process *p, struct process_info *ret);

/**
 * process_restart_delay() - how long to wait before the next start
 * @failures:	how often it died in a row without having been well for a minute; 0 for the first time
 */
nsec process_restart_delay(unsigned failures);

#endif
