/* filter.h - the system calls of each profile, as a seccomp filter */
#ifndef ISTHMUS_SANDBOX_FILTER_H
#define ISTHMUS_SANDBOX_FILTER_H

#include "base/compiler.h"
#include "sandbox/sandbox.h"

/**
 * filter_enter() - kill this process (all threads) at any system call that the profile does not list
 *
 * Return: 0; -errno of libseccomp.
 * Context: after no_new_privs is set, or with CAP_SYS_ADMIN.
 */
MUST_CHECK int filter_enter(enum sandbox_profile profile);

#endif
