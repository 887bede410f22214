/*
 * supervisor.h - the process that holds what needs root, and starts the roles
 *
 * Private to cmd/: supervisor.c starts and ends everything, control.c answers the control socket, reload.c
 * takes over a new configuration, dns_socket.c and metrics_socket.c open the sockets that the roles are given.
 */
#ifndef ISTHMUS_CMD_SUPERVISOR_H
#define ISTHMUS_CMD_SUPERVISOR_H

#include "cmd/command.h"
#include "cmd/dns_secure.h"
#include "cmd/process.h"
#include "cmd/supervisor_relay.h"
#include "conf/conf.h"
#include "dataplane/host.h"
#include "dns64/resolver.h"
#include "loop/loop.h"

#include <jansson.h>

enum role_id { ROLE_TRANSLATOR, ROLE_RESOLVER, ROLE_RELAY, ROLE_TUNNEL, ROLE_MONITOR, ROLE_COUNT };

#define XDP_NATIVE "ISTHMUS_XDP_NATIVE" /* in the environment: XDP on virtual pairs too; docs/host.md */
#define SIGNAL_WATCHES 4

struct supervisor {
	const char *config_path; /* absolute; NULL: the built-in configuration */
	struct conf *conf;	 /* the effective configuration */
	struct loop *loop;
	struct loop_watch *signals[SIGNAL_WATCHES];
	struct loop_watch *patience; /* until roles that do not stop are killed */
	struct control *control;
	struct reload *reload; /* NULL: none under way */
	struct clat_follow *clat; /* NULL: no clat section */
	struct host *host;	  /* NULL: nothing to translate */
	struct links_follow *links;	/* NULL: there is no host */
	struct fastdns_follow *fastdns; /* NULL: dns64.fastpath is off, or cannot be had */
	char fastdns_fault[256];	/* why it cannot */
	struct flowpath_follow *flowpath; /* NULL: nat64.fastpath was off at the start, or cannot be had */
	char flowpath_fault[256];	  /* why it cannot */
	unsigned dns_threads;	  /* of the resolver; each has sockets of its own */
	struct resolver_socket sockets[DNS64_THREADS_MAX * DNS64_LISTEN_MAX];
	unsigned sockets_len; /* opened so far */
	int secure_sockets[DNS64_THREADS_MAX * DNS_SECURE_PARTS * DNS64_LISTEN_MAX];
	unsigned secure_sockets_len;
	int certificates[DNS_SECURE_PARTS]; /* memory files, in force */
	unsigned certificates_len;
	struct relay_set *relay; /* sockets and files in force; NULL: no relay section */
	struct journal *ways;	 /* record that the host leads to the relays; NULL: it does not */
	int lent_table; /* memory file of DNS46; 0: it is off */
	int saved; /* descriptor of the saved sessions that the translator begins with, or of /dev/null; 0: none */
	bool has_saved;		    /* it is not /dev/null */
	bool is_saving_late;	    /* all other roles have been given up */
	char saving[CONF_LOG_PATH]; /* at the end: where the translator saves its sessions; "": nowhere */
	bool has_metrics_socket;
	int metrics_socket;		      /* if there is one */
	int fds[ROLE_COUNT][CHANNEL_FDS_MAX]; /* what each role is given; owned by host and sockets */
	unsigned fds_len[ROLE_COUNT];
	struct process *roles[ROLE_COUNT]; /* NULL: switched off by the configuration */
	unsigned sinks_faulty; /* of the binding log: mask of those that could not be opened the last time */
	bool is_query_log_faulty; /* the operator has been told */
	nsec started;
	bool is_ready; /* all roles have been ready once */
	bool is_stopping;
	int status; /* exit status */
};

/** supervisor_run() - be the daemon: start everything, serve until told to stop, undo everything; the exit
 * status */
int supervisor_run(const char *config_path);

/* What a plan of the host points to. */
struct plan_room {
	char journal[sizeof(((struct conf *)0)->control.socket) + 16];
	struct host_clat clat;
	struct prefix6 nets[CONF_CLAT_LANS_MAX];
};

/**
 * supervisor_host_plan() - what a configuration asks of the host
 * @room:	filled; as long-lived as the plan
 */
struct host_plan supervisor_host_plan(
	const struct supervisor *s, const struct conf *c, struct plan_room *room);

/** supervisor_run_path() - the path of a file that is kept beside the control socket */
void supervisor_run_path(const struct conf *c, const char *name, char *ret, size_t size);

/** supervisor_config_fd() - a sealed memory file with a configuration, and what was found for it, or -errno */
MUST_CHECK int supervisor_config_fd(const struct supervisor *s, const struct conf *c);

/* --- supervisor_clat.c: what is auto in the section clat, found and followed --- */

struct clat_follow; /* opaque */

/** clat_follow_new() - open the sockets for the search for the prefix, and begin to follow; 0 or -errno, logged */
MUST_CHECK int clat_follow_new(struct supervisor *s, struct clat_follow **ret);
void clat_follow_free(struct clat_follow *f); /* NULL is fine */

/** clat_follow_sockets() - the two sockets of the translator, in their order (ctl/channel.h); owned by @f */
void clat_follow_sockets(const struct clat_follow *f, int ret[static 2]);

/** clat_follow_look() - look whether the host has changed, and take over if so; also after a reload */
void clat_follow_look(struct clat_follow *f);

/** clat_follow_ready() - a role became ready; the translator may have missed something while it started */
void clat_follow_ready(struct clat_follow *f);

/** clat_fill() - the section with what was found in the place of what is auto; what was not found stays auto */
struct conf_clat clat_fill(const struct clat_follow *f, const struct conf_clat *c);

/** clat_follow_row() - for `status` (docs/control.md); NULL without memory */
json_t *clat_follow_row(const struct clat_follow *f);

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

/** dns_sockets_open() - open the resolver's sockets for every dns64.listen, and what it serves over TLS with; on
 * failure logs who is in the way, or what cannot be read. Fills what the resolver is given. */
MUST_CHECK int dns_sockets_open(struct supervisor *s);
void dns_sockets_close(struct supervisor *s);

/** dns_certificates_replace() - have @fds, as many as before and taken over, in force for the resolver's next start */
void dns_certificates_replace(struct supervisor *s, const int *fds);

/* --- supervisor_fastdns.c: the XDP program of dns64.fastpath --- */

struct fastdns_follow; /* opaque */

/** fastdns_up() - load and attach it, if the configuration wants it; 0 or -errno, logged. It answers nobody yet */
MUST_CHECK int fastdns_up(struct supervisor *s);
void fastdns_down(struct supervisor *s);

/** fastdns_give() - put the descriptors for the resolver to @to; how many */
unsigned fastdns_give(const struct supervisor *s, int *to);

/** fastdns_pause() - a reload begins: nobody is answered until fastdns_settle() finds it over */
void fastdns_pause(struct supervisor *s);
/** fastdns_sent() - the resolver was sent a configuration, so nobody is answered until fastdns_taken(), either */
void fastdns_sent(struct supervisor *s);
/** fastdns_taken() - it has answered: it has the new one, or goes on with the old one */
void fastdns_taken(struct supervisor *s);
/** fastdns_settle() - answer if everything is as the configuration in force says: after a role or a reload has changed */
void fastdns_settle(struct supervisor *s);

/** fastdns_row() - for `status` (docs/control.md); NULL without memory */
json_t *fastdns_row(const struct supervisor *s);

/* --- state_file.c: sessions over a restart (nat64.state-file) --- */

/** state_file_up() - take the file of saved sessions for the translator, which is given it; what is wrong with it is logged */
MUST_CHECK int state_file_up(struct supervisor *s);
void state_file_down(struct supervisor *s);

/** state_file_check() - see whether the file can be written, as the configuration in force has it; else the log says so */
void state_file_check(const struct supervisor *s);

/** state_file_taken() - if the translator is ready, it has read the file; whoever is started after it begins with none */
void state_file_taken(struct supervisor *s);

/** state_file_begin() - the daemon stops: a descriptor to save sessions to, the caller's, or -1 if there is nothing to save */
MUST_CHECK int state_file_begin(struct supervisor *s);

/** state_file_end() - the translator has stopped: keep what it has saved, if it ended well */
void state_file_end(struct supervisor *s);

/* --- supervisor_links.c: links that go down and come back --- */

/** links_up() - follow them, and mend what is lost with them, if there is a host; 0 or -ENOMEM */
MUST_CHECK int links_up(struct supervisor *s);
void links_down(struct supervisor *s);

/* --- supervisor_flowpath.c: the programs of nat64.fastpath --- */

struct flowpath_follow; /* opaque */

/** flowpath_up() - load and attach them, if the configuration wants it, and have the translator given the tables; 0 */
MUST_CHECK int flowpath_up(struct supervisor *s);
void flowpath_down(struct supervisor *s);

/** flowpath_settle() - do what the configuration in force says: after a reload */
void flowpath_settle(struct supervisor *s);

/** flowpath_needs_restart() - the key whose new value cannot be taken over while running; NULL: none */
const char *flowpath_needs_restart(const struct supervisor *s, const struct conf *new);

/** flowpath_row() - for `status` (docs/control.md); NULL without memory */
json_t *flowpath_row(const struct supervisor *s);

/* --- binding_log.c --- */

/** binding_log_check() - see whether the files of the binding log and of the log of queries can be opened; on failure the log says why */
MUST_CHECK int binding_log_check(struct supervisor *s);
/** binding_log_wanted() - the translator wants a descriptor for this sink of the binding log */
void binding_log_wanted(struct supervisor *s, const char *name);
/** query_log_wanted() - the resolver wants a descriptor for the log of queries */
void query_log_wanted(struct supervisor *s);
/** binding_log_reopen() - give the roles the files anew: somebody may have rotated them */
void binding_log_reopen(struct supervisor *s);

/* --- supervisor_tunnel.c --- */

/** tunnel_up() - make the device of the section tunnel, if there is one; 0 or -errno, logged */
MUST_CHECK int tunnel_up(struct supervisor *s);
void tunnel_down(struct supervisor *s);

/* --- metrics_socket.c --- */

/** metrics_socket_open() - listen on control.metrics, if it is on; on failure logs who is in the way */
MUST_CHECK int metrics_socket_open(struct supervisor *s);
void metrics_socket_close(struct supervisor *s);

/* --- notify.c --- */

/** notify_send() - tell the service manager, if one asked (NOTIFY_SOCKET), e.g. "READY=1"; see sd_notify(3)
 */
void notify_send(const char *state);

#endif
