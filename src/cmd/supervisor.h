/*
 * supervisor.h - the process that holds what needs root, and starts the roles
 *
 * Private to cmd/: supervisor.c starts and ends everything, control.c answers the control socket, reload.c
 * takes over a new configuration, dns_socket.c and metrics_socket.c open the sockets that the roles are given.
 */
#ifndef ISTHMUS_CMD_SUPERVISOR_H
#define ISTHMUS_CMD_SUPERVISOR_H

#include "cmd/command.h"
#include "cmd/process.h"
#include "conf/conf.h"
#include "dataplane/host.h"
#include "dns64/resolver.h"
#include "loop/loop.h"

#include <jansson.h>

enum role_id { ROLE_TRANSLATOR, ROLE_RESOLVER, ROLE_MONITOR, ROLE_COUNT };

#define SIGNAL_WATCHES 4

struct supervisor {
	const char *config_path; /* absolute; NULL: the built-in configuration */
	struct conf *conf;	 /* the effective configuration */
	struct loop *loop;
	struct loop_watch *signals[SIGNAL_WATCHES];
	struct loop_watch *patience; /* until roles that do not stop are killed */
	struct control *control;
	struct reload *reload; /* NULL: none under way */
	struct host *host;     /* NULL: no nat64 section */
	struct resolver_socket sockets[DNS64_LISTEN_MAX];
	unsigned sockets_len; /* opened so far */
	bool has_metrics_socket;
	int metrics_socket;		      /* if there is one */
	int fds[ROLE_COUNT][CHANNEL_FDS_MAX]; /* what each role is given; owned by host and sockets */
	unsigned fds_len[ROLE_COUNT];
	struct process *roles[ROLE_COUNT]; /* NULL: switched off by the configuration */
	nsec started;
	bool is_ready; /* all roles have been ready once */
	bool is_stopping;
	int status; /* exit status */
};

/** supervisor_run() - be the daemon: start everything, serve until told to stop, undo everything; the exit
 * status */
int supervisor_run(const char *config_path);

/**
 * supervisor_host_plan() - what a configuration asks of the host
 * @journal:	@size bytes, filled with the path of the host's journal; as long-lived as the plan
 */
struct host_plan supervisor_host_plan(const struct conf *c, char *journal, size_t size);

/** supervisor_config_fd() - a sealed memory file with a configuration as text, or -errno */
MUST_CHECK int supervisor_config_fd(const struct conf *c);

/* --- supervisor_status.c --- */

/** supervisor_status_row() - the row that answers `status`; NULL without memory */
json_t *supervisor_status_row(const struct supervisor *s);

/* --- control.c: the control socket (docs/control.md) --- */

struct control; /* opaque */
MUST_CHECK int control_new(struct supervisor *s, struct control **ret);
void control_free(struct control *c);

/**
 * control_request() - answer the monitor as if it were a client, but only about figures
 * @line:	its request, as a client would write it but without the newline
 * @fd:		the connection to answer on, taken over
 */
void control_request(struct control *c, const char *line, size_t len, int fd);

/* --- reload.c --- */

struct reply;

/**
 * reload_begin() - read the configuration again and have the roles take it
 * @r:		who asked, answered when it is known what came of it; NULL for a signal (the log has it all)
 */
void reload_begin(struct supervisor *s, struct reply *r);
/** reload_gone() - one who asked (@r, not to be used) has hung up */
void reload_gone(struct supervisor *s, const struct reply *r);
/** reload_answered() - a role took (fault "") or refused the new configuration */
void reload_answered(struct supervisor *s, const char *name, const char *fault);
/** reload_changed() - a role's state changed: it may have died without an answer */
void reload_changed(struct supervisor *s);
void reload_free(struct reload *r);

/* --- dns_socket.c --- */

/** dns_sockets_open() - open the resolver's sockets for every dns64.listen; on failure logs who is in the way
 */
MUST_CHECK int dns_sockets_open(struct supervisor *s);
void dns_sockets_close(struct supervisor *s);

/* --- metrics_socket.c --- */

/** metrics_socket_open() - listen on control.metrics, if it is on; on failure logs who is in the way */
MUST_CHECK int metrics_socket_open(struct supervisor *s);
void metrics_socket_close(struct supervisor *s);

/* --- notify.c --- */

/** notify_send() - tell the service manager, if one asked (NOTIFY_SOCKET), e.g. "READY=1"; see sd_notify(3)
 */
void notify_send(const char *state);

#endif
