/*
 * supervisor_relay.h - what the relays need rights for: listening sockets, files with users and certificates, and the
 * ways on the host that lead to them
 *
 * Private to cmd/. A reload makes a set of sockets beside that in force: addresses that stay keep theirs, with the
 * connections that wait in them.
 */
#ifndef ISTHMUS_CMD_SUPERVISOR_RELAY_H
#define ISTHMUS_CMD_SUPERVISOR_RELAY_H

#include "addr/endpoint.h"
#include "base/compiler.h"
#include "conf/conf.h"
#include "relay/config.h"

struct supervisor;

/* One address, with a socket for each thread. */
struct relay_listen {
	struct endpoint at;
	int type; /* SOCK_STREAM or SOCK_DGRAM */
	bool is_transparent;
	bool is_new; /* opened for this set; else the sockets are those of the set before */
	int fds[RELAY_THREADS_MAX];
};

/* All that the role is given for one configuration. */
struct relay_set {
	unsigned threads;
	struct relay_listen listen[CONF_RELAY_LISTENS_MAX];
	unsigned listen_len;
	int files; /* memory file with the texts of all files (relay_files.h); 0: none yet */
};

/** relay_up() - open everything that the configuration in force asks for; 0, or -errno, logged. Without the section nothing */
MUST_CHECK int relay_up(struct supervisor *s);
void relay_down(struct supervisor *s);

/**
 * relay_set_prepare() - make the set of another configuration, beside the one in force
 * @ret:	for relay_set_commit() or relay_set_abandon(); NULL if the role does not run
 *
 * Return: 0; -errno with @fault filled.
 */
MUST_CHECK int relay_set_prepare(
	struct supervisor *s, const struct conf *c, struct relay_set **ret, char *fault, size_t fault_size);

/** relay_set_commit() - have it in force, and close what only the old one had; @set is taken over, NULL is fine */
void relay_set_commit(struct supervisor *s, struct relay_set *set);
/** relay_set_abandon() - close what is new in it; NULL is fine */
void relay_set_abandon(struct relay_set *set);

/** relay_set_fds() - the descriptors of a set in the order of ctl/channel.h; how many */
unsigned relay_set_fds(const struct relay_set *set, int *to);

/* --- supervisor_ways.c: client-prefix and transparent (dataplane/relayway.h) --- */

/** relay_ways_up() - have the host lead to the relays what the configuration says, and take off what a killed gateway has
 * left, with relays or without; 0, or -errno, logged */
MUST_CHECK int relay_ways_up(struct supervisor *s);
void relay_ways_down(struct supervisor *s);

/** relay_ways_renew() - the same for another configuration that is in force now; a fault is logged */
void relay_ways_renew(struct supervisor *s);

#endif
