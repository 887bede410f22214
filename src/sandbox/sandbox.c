/*
 * sandbox.c - give up every right that a role does not need
 *
 * Purpose. What parses bytes from strangers may one day be made to run a stranger's code. This module sees to
 * it that such code finds nothing: no file, no other process, no privilege, no system call but those that the
 * role itself uses.
 *
 * Structure. @steps is the order of the way down, each step with its name; the first that fails ends it, and
 * the caller must exit, since half a sandbox is none. The order matters: limits may only be raised, groups
 * only be changed and capabilities only be bounded while still root; the root directory must be changed before
 * the user is; the filter comes last because it forbids all the other steps.
 *
 *	user looked up -> limits -> bounding set emptied -> root directory -> groups, gid, uid -> capabilities
 *	  -> no_new_privs -> seccomp filter
 *
 * Root directory. A process of its own, sharing only the file system context (CLONE_FS), changes our root to
 * its /proc/self/fdinfo and dies: what is left is a directory without entries, into which nothing can ever be
 * put. This needs no directory on disk that somebody else might write to, and no right but CAP_SYS_CHROOT.
 *
 * Without root. A developer may run a role by hand: then the user and the root directory stay as they are,
 * and all else is done. (A user namespace's root counts as root.)
 *
 * Verified, not assumed. After the change of user, becoming root again is tried and must fail; after the
 * capabilities were dropped, they are read back.
 *
 * Not done: network and mount namespaces. The roles' descriptors come from the supervisor's, and no role
 * can open a path; a network namespace of its own would cut the resolver off.
 */
#include "sandbox/sandbox.h"

#include "sandbox/filter.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FALLBACK_USER "nobody"
#define CHROOT_STACK_BYTES 65536

struct descent {
	enum sandbox_profile profile;
	const char *user;
	bool is_root; /* at the beginning */
	uid_t uid;
	gid_t gid;
};

/* Open descriptors that a profile may need at most; a bound for leaks and attacks. */
static const rlim_t descriptors_max[SANDBOX_PROFILE_COUNT] = {
	[SANDBOX_TRANSLATOR] = 1024, /* queues, wake-ups, control connections */
	[SANDBOX_RESOLVER] = 16384,  /* one per query that waits for a server, one per TCP client */
	[SANDBOX_RELAY] = 1u << 22,  /* the role sets its own limit, by the configuration */
	[SANDBOX_MONITOR] = 256,     /* HTTP clients, questions under way */
};

static int step_user(struct descent *d)
{
	if (!d->is_root)
		return 0;
	const struct passwd *pw = getpwnam(d->user);
	if (!pw)
		pw = getpwnam(FALLBACK_USER);
	if (!pw || pw->pw_uid == 0)
		return -ENOENT;
	d->uid = pw->pw_uid;
	d->gid = pw->pw_gid;
	return 0;
}

static int step_limits(struct descent *d)
{
	struct rlimit none = { 0, 0 };
	struct rlimit files;

	if (setrlimit(RLIMIT_CORE, &none) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	rlim_t want = descriptors_max[d->profile];
	if (files.rlim_max == RLIM_INFINITY || files.rlim_max > want)
		files.rlim_max = want;
	files.rlim_cur = files.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &files) < 0 ? -errno : 0;
}

/* Without CAP_SETPCAP the bounding set cannot be changed; no_new_privs then makes it meaningless. */
static int step_bounding(struct descent *d)
{
	for (cap_value_t c = 0; c < cap_max_bits(); c++) {
		if (cap_drop_bound(c) < 0 && errno != EPERM)
			return -errno;
	}
	return 0;
}

/* Runs in the short-lived process; its exit status is an error number. */
static int change_root(void *unused)
{
	if (chroot("/proc/self/fdinfo") < 0)
		return errno;
	return chdir("/") < 0 ? errno : 0;
}

static int step_root(struct descent *d)
{
	int status;

	if (!d->is_root)
		return 0;
	char *stack = malloc(CHROOT_STACK_BYTES);
	if (!stack)
		return -ENOMEM;
	uintptr_t top = ((uintptr_t)stack + CHROOT_STACK_BYTES) & ~(uintptr_t)15;
	/* Without CLONE_VM the child has its own copy of the stack. */
	pid_t pid = clone(change_root, (void *)top, CLONE_FS | SIGCHLD, NULL);
	int err = pid < 0 ? -errno : 0;
	if (err == 0 && waitpid(pid, &status, 0) < 0)
		err = -errno;
	free(stack);
	if (err < 0)
		return err;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

/* become() - change to the user for good; PR_SET_PDEATHSIG, which the kernel clears at such a change, is kept
 */
static int become(const struct descent *d)
{
	int signo = 0;

	if (prctl(PR_GET_PDEATHSIG, &signo) < 0)
		return -errno;
	if (setgroups(0, NULL) < 0 || setresgid(d->gid, d->gid, d->gid) < 0 ||
		setresuid(d->uid, d->uid, d->uid) < 0)
		return -errno;
	return prctl(PR_SET_PDEATHSIG, signo) < 0 ? -errno : 0;
}

static int step_identity(struct descent *d)
{
	if (!d->is_root)
		return 0;
	int err = become(d);
	if (err < 0)
		return err;
	if (setuid(0) == 0 || setgid(0) == 0 || getuid() != d->uid || geteuid() != d->uid ||
		getgid() != d->gid)
		return -EPERM;
	return 0;
}

/* capabilities_are_empty() - read the sets back from the kernel */
static bool capabilities_are_empty(cap_t empty)
{
	cap_t now = cap_get_proc();
	bool result = now && cap_compare(now, empty) == 0;

	cap_free(now);
	return result;
}

static int step_capabilities(struct descent *d)
{
	cap_t empty = cap_init();
	int err = 0;

	if (!empty)
		return -ENOMEM;
	if (cap_reset_ambient() < 0 || cap_set_proc(empty) < 0)
		err = -errno;
	else if (!capabilities_are_empty(empty))
		err = -EPERM;
	cap_free(empty);
	return err;
}

static int step_no_new_privs(struct descent *d)
{
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int step_filter(struct descent *d)
{
	tzset(); /* syslog() would otherwise read the time zone's file later, which the filter forbids */
	return filter_enter(d->profile);
}

static const struct {
	const char *name;
	int (*take)(struct descent *d);
} steps[] = {
	{ "looking up the user", step_user },
	{ "setting limits", step_limits },
	{ "emptying the capability bounding set", step_bounding },
	{ "changing to an empty root directory", step_root },
	{ "changing user and group", step_identity },
	{ "dropping capabilities", step_capabilities },
	{ "setting no_new_privs", step_no_new_privs },
	{ "loading the seccomp filter", step_filter },
};

int sandbox_enter(enum sandbox_profile profile, const char *user, const char **ret_step)
{
	struct descent d = { .profile = profile, .user = user, .is_root = geteuid() == 0 };

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int err = steps[i].take(&d);

		if (err < 0) {
			*ret_step = steps[i].name;
			return err;
		}
	}
	return 0;
}
