/*
 * role.h - the life of the processes that the supervisor starts (design.md section 3, decision 3)
 *
 * role_main() does what all roles have in common; a role brings a struct role_ops. Order of its life:
 *
 *	CHANNEL_START -> conf_parse -> ops.start -> sandbox_enter -> ops.serve -> CHANNEL_READY
 *	  -> { CHANNEL_REQUEST -> a command | CHANNEL_RELOAD -> ops.reload -> CHANNEL_RELOADED }...
 *	  -> CHANNEL_STOP or end of the channel -> ops.stop -> exit
 */
#ifndef ISTHMUS_CMD_ROLE_H
#define ISTHMUS_CMD_ROLE_H

#include "base/compiler.h"
#include "conf/conf.h"
#include "loop/loop.h"
#include "sandbox/sandbox.h"

#include <jansson.h>

#define ROLE_USER "isthmus" /* sandbox_enter() falls back to "nobody" */

/* A sentence for the log: why something could not be done. */
struct role_fault {
	char text[256];
};

/* What ops.start is given. */
struct role_start {
	struct loop *loop;	 /* lives as long as the role */
	const struct conf *conf; /* valid until the next ops.reload returns, or ops.stop */
	const int *fds; /* the descriptors of CHANNEL_START but the first; stay open as long as the process */
	unsigned fds_len;
};

/* One command of docs/control.md that a role answers. */
struct role_command {
	const char *name;
	/**
	 * answer() - answer one request
	 * @args:	an object, maybe empty; borrowed for the call
	 * @fd:		the client's connection, taken over (usually by reply_start() at once)
	 */
	void (*answer)(void *ctx, const json_t *args, int fd);
};

struct role_ops {
	const char *name; /* "translator" */
	enum sandbox_profile sandbox;

	/** start() - open and allocate whatever needs rights or files; 0 with *ret_ctx, or -errno with @fault
	 * filled */
	int (*start)(const struct role_start *s, void **ret_ctx, struct role_fault *fault);
	/** serve() - begin what must be inside the sandbox (threads); NULL if start() did it all */
	int (*serve)(void *ctx, struct role_fault *fault);
	/**
	 * reload() - take over a new configuration, or refuse it whole
	 *
	 * On 0 the old struct conf is freed after the call, so nothing may point into it any more; on -errno
	 * the old one stays, and @fault says why.
	 */
	int (*reload)(void *ctx, const struct conf *c, struct role_fault *fault);
	/** renew() - what the next reload() goes with: the descriptors after the configuration, borrowed until it
	 * returns; NULL if there are none */
	void (*renew)(void *ctx, const int *fds, unsigned fds_len);
	/** take_sink() - CHANNEL_SINK: a descriptor, taken over, for a sink of the binding log; NULL if there is none */
	void (*take_sink)(void *ctx, const char *name, int fd);
	/**
	 * save() - CHANNEL_STOP with a file: write there what the next start is to find, before stop(); NULL if there is nothing
	 *
	 * Return: 0; -errno if the file is of no use.
	 */
	int (*save)(void *ctx, int fd);
	/** drain() - CHANNEL_STOP: let in nobody new, and call loop_stop() when those who are there have finished, or soon
	 * enough before the supervisor kills; NULL: nobody is waited for */
	void (*drain)(void *ctx);
	/** stop() - free everything; called exactly once if start() succeeded */
	void (*stop)(void *ctx);

	const struct role_command *commands; /* ended by a NULL name */
};

/** role_main() - run a role on channel CHANNEL_FD until the supervisor says stop or goes away; the exit
 * status */
int role_main(const struct role_ops *ops);

/** role_refuse() - answer a request with one error line; @fd is taken over */
void role_refuse(struct loop *l, int fd, const char *fmt, ...) PRINTF_LIKE(3, 4);

int role_translator_main(void);
int role_resolver_main(void);
int role_relay_main(void);
int role_tunnel_main(void);
int role_monitor_main(void);

#endif
