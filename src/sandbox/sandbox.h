/* sandbox.h - give up every right that a role does not need */
#ifndef ISTHMUS_SANDBOX_SANDBOX_H
#define ISTHMUS_SANDBOX_SANDBOX_H

#include "base/compiler.h"

#include <stdbool.h>

enum sandbox_profile {
	SANDBOX_TRANSLATOR, /* reads and writes descriptors it was given; no sockets of its own, no files */
	SANDBOX_RESOLVER,   /* may open UDP and TCP client sockets; reads no files but those opened before */
	SANDBOX_RELAY,	 /* may open sockets of IPv4 and IPv6, and move bytes between them; reads no files */
	SANDBOX_MONITOR, /* accepts on a socket that it was given; no sockets of its own but pairs */
	SANDBOX_PROFILE_COUNT
};

/**
 * sandbox_enter() - become unprivileged, for good
 * @profile:	which system calls stay allowed; see sandbox.c for the lists and the reason for each
 * @user:	name of the user to become; if it does not exist, "nobody"
 *
 * In order: supplementary groups dropped, an empty root directory, gid and uid changed, all capabilities
 * dropped from every set, no_new_privs, RLIMIT_CORE 0, a seccomp filter that kills the process on anything
 * else. If not root, the user and root directory steps are skipped.
 *
 * Return: 0; -errno of the step that failed, with its name in *ret_step (a static string): the caller must exit.
 * Context: start-up, once, single-threaded, after every descriptor is open.
 */
MUST_CHECK int sandbox_enter(enum sandbox_profile profile, const char *user, const char **ret_step);

#endif
