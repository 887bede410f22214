/*
 * check.c - `isthmus check --host`: what this machine has and lacks
 *
 * A table of questions, each of which adds one or more findings. Nothing on the host is changed: what can
 * only be known by trying (offloads of a TUN device, loading the steering program) is tried by a child
 * process in a network namespace of its own, which vanishes with it.
 */
#include "dataplane/host.h"

#include "dataplane/firewall.h"
#include "dataplane/flowpath.h"
#include "dataplane/netlink.h"
#include "dataplane/steer.h"
#include "dataplane/sysctl.h"
#include "dataplane/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20 /* Linux 6.2 */
#endif
#define KERNEL_MAJOR_MIN 5
#define KERNEL_MINOR_MIN 15
#define DNS_PORT 53

/* What the child found out by trying; 0 or -errno each. */
struct trial {
	int namespace, tun, steer, flow;
	unsigned offloads;
};

struct check {
	void (*add)(void *ctx, const struct finding *f);
	void *ctx;
	unsigned missing;
	const struct nat64_config *nat64; /* may be NULL */
	struct trial trial;
	uint64_t capabilities; /* of this process, by number */
};

static void say(struct check *c, enum finding_level level, const char *what, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

static void say(struct check *c, enum finding_level level, const char *what, const char *fmt, ...)
{
	struct finding f = { .level = level };
	va_list args;

	text_copy(f.what, sizeof(f.what), what);
	va_start(args, fmt);
	vsnprintf(f.text, sizeof(f.text), fmt, args);
	va_end(args);
	c->missing += level == FINDING_MISSING;
	c->add(c->ctx, &f);
}

/* --- the machine --- */

static void check_kernel(struct check *c)
{
	struct utsname u;
	unsigned major = 0, minor = 0;

	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return say(c, FINDING_NOTE, "kernel", "its version cannot be read");
	bool is_old = major < KERNEL_MAJOR_MIN || (major == KERNEL_MAJOR_MIN && minor < KERNEL_MINOR_MIN);

	say(c, is_old ? FINDING_MISSING : FINDING_OK, "kernel", "Linux %s%s", u.release,
		is_old ? "; 5.15 or newer is needed" : "");
}

static bool has_capability(const struct check *c, unsigned number)
{
	return (c->capabilities >> number & 1) != 0;
}

static void check_capabilities(struct check *c)
{
	if (has_capability(c, CAP_NET_ADMIN))
		return say(c, FINDING_OK, "privilege", "CAP_NET_ADMIN is there");
	say(c, FINDING_MISSING, "privilege",
		"CAP_NET_ADMIN is missing: run as root (what follows is incomplete without it)");
}

static void check_tun(struct check *c)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	int error = errno;

	if (fd >= 0) {
		close(fd);
		return say(c, FINDING_OK, "TUN device", "/dev/net/tun can be opened");
	}
	if (error == EACCES || error == EPERM)
		return say(c, FINDING_MISSING, "TUN device",
			"/dev/net/tun may not be opened: run as root, or allow the device in the container");
	say(c, FINDING_MISSING, "TUN device",
		"/dev/net/tun cannot be opened (%s): load the module with `modprobe tun`", strerror(error));
}

static void check_offloads(struct check *c)
{
	const struct trial *t = &c->trial;

	if (t->namespace < 0)
		return say(c, FINDING_NOTE, "offloads", "cannot be tried without CAP_SYS_ADMIN");
	if (t->tun < 0)
		return say(
			c, FINDING_MISSING, "offloads", "a TUN device cannot be made: %s", strerror(-t->tun));
	bool tso = (t->offloads & TUN_F_TSO4) && (t->offloads & TUN_F_TSO6),
	     uso = (t->offloads & TUN_F_USO4) != 0;

	say(c, tso ? FINDING_OK : FINDING_NOTE, "offloads", "TCP segments %s, UDP segments %s",
		tso ? "stay whole" : "are cut up by the kernel",
		uso ? "stay whole" : "are cut up by the kernel (Linux 6.2 keeps them whole)");
}

/* --- addresses and routes --- */

static void check_ipv4(struct check *c)
{
	struct host_facts facts;
	char address[ADDR4_TEXT];
	int r = host_facts(&facts);

	if (r < 0)
		return say(
			c, FINDING_MISSING, "IPv4", "addresses and routes cannot be read: %s", strerror(-r));
	if (!facts.has_route4)
		return say(c, FINDING_MISSING, "IPv4",
			"there is no default route: the IPv4 internet cannot be reached");
	if (!facts.has_addr4)
		return say(c, FINDING_MISSING, "IPv4", "%s has the default route but no global address",
			facts.uplink4);
	say(c, FINDING_OK, "IPv4", "default route by %s, address %s", facts.uplink4,
		addr4_text(facts.addr4, address));
}

struct addr6_search {
	char text[ADDR6_TEXT]; /* "" if none */
};

static void on_addr6(void *ctx, const struct link_addr6 *a)
{
	struct addr6_search *s = ctx;

	if (a->is_global && s->text[0] == '\0')
		addr6_text(a->addr, s->text);
}

static void check_ipv6(struct check *c)
{
	struct addr6_search s = { { 0 } };
	struct netlink *n = NULL;
	int r = netlink_open(&n);

	if (r == 0)
		r = netlink_addrs6(n, on_addr6, &s);
	netlink_close(n);
	if (access("/proc/sys/net/ipv6", F_OK) < 0)
		return say(c, FINDING_MISSING, "IPv6", "IPv6 is switched off in this kernel");
	if (r < 0)
		return say(c, FINDING_MISSING, "IPv6", "addresses cannot be read: %s", strerror(-r));
	if (s.text[0] == '\0')
		return say(c, FINDING_MISSING, "IPv6",
			"no interface has an address other than link-local: clients cannot reach this host");
	say(c, FINDING_OK, "IPv6", "address %s", s.text);
}

/* --- settings --- */

static void check_forwarding(struct check *c)
{
	static const char *const families[] = { "ipv4", "ipv6" };

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		char path[SYSCTL_PATH_BYTES], value[SYSCTL_VALUE_BYTES], what[32];
		bool is_on;

		snprintf(path, sizeof(path), "net/%s/conf/all/forwarding", families[i]);
		snprintf(what, sizeof(what), "%s forwarding", families[i]);
		int r = sysctl_read(path, value, sizeof(value));

		if (r < 0) {
			say(c, FINDING_MISSING, what, "net.%s.conf.all.forwarding cannot be read: %s",
				families[i], strerror(-r));
			continue;
		}
		is_on = strcmp(value, "1") == 0;
		say(c, FINDING_OK, what, "%s",
			is_on ? "on" : "off; `isthmus run` switches it on and at its end off again");
	}
}

static void check_proc_writable(struct check *c)
{
	if (access("/proc/sys/net/ipv4/ip_forward", W_OK) < 0 && has_capability(c, CAP_NET_ADMIN))
		say(c, FINDING_MISSING, "settings",
			"/proc/sys cannot be written (%s): a container must allow it", strerror(errno));
}

static void check_reverse_path(struct check *c)
{
	char value[SYSCTL_VALUE_BYTES];

	if (sysctl_read("net/ipv4/conf/all/rp_filter", value, sizeof(value)) < 0)
		return;
	if (strcmp(value, "1") != 0)
		return say(c, FINDING_OK, "reverse path filter", "not strict for all interfaces");
	say(c, FINDING_NOTE, "reverse path filter",
		"net.ipv4.conf.all.rp_filter is 1 (strict): " HOST_DEVICE_DEFAULT
		" is set to 2 (loose), which wins; on the uplink strict is fine unless routing is "
		"asymmetric");
}

static void check_steering(struct check *c)
{
	const struct trial *t = &c->trial;

	if (!c->nat64 || !steer_is_needed(&c->nat64->state))
		return say(c, FINDING_OK, "eBPF", "not needed: no pool entry shares the host's own address");
	if (t->namespace < 0)
		return say(c, FINDING_NOTE, "eBPF",
			"cannot be tried without CAP_SYS_ADMIN; the shared pool address needs it");
	if (t->steer == 0)
		return say(c, FINDING_OK, "eBPF", "the shared pool address can be steered");
	say(c, FINDING_MISSING, "eBPF",
		"the shared pool address needs a tc program, which cannot be loaded (%s): give nat64.pool an "
		"IPv4 address of its own instead",
		strerror(-t->steer));
}

static void check_fastpath(struct check *c)
{
	const struct trial *t = &c->trial;
	struct firewall rules = { 0 };

	if (t->namespace < 0)
		return say(c, FINDING_NOTE, "fast path", "cannot be tried without CAP_SYS_ADMIN");
	if (t->flow < 0 && t->flow != -EINVAL)
		return say(c, FINDING_NOTE, "fast path",
			"the programs of nat64.fastpath cannot be loaded (%s): the translator does it all, "
			"which is slower",
			flowpath_refusal(t->flow));
	bool is_route = firewall_look(&rules) < 0 || rules.has_rules;

	firewall_look_legacy(&rules);
	if (rules.has_tracking)
		return say(c, FINDING_NOTE, "fast path",
			"it would rest, since the host's rules follow connections (%s)", rules.what);
	say(c, FINDING_OK, "fast path",
		"the programs of nat64.fastpath can be loaded; packets would be %s%s%s",
		is_route ? "routed, since the host has rules (" : "redirected", rules.what,
		is_route ? ")" : "");
}

/* --- what else runs here --- */

struct listeners_file {
	const char *path, *proto;
	unsigned state; /* TCP_LISTEN; of an unconnected UDP socket TCP_CLOSE */
};

static const struct listeners_file listeners_files[] = {
	{ "/proc/net/udp", "UDP", 7 },
	{ "/proc/net/udp6", "UDP over IPv6", 7 },
	{ "/proc/net/tcp", "TCP", 10 },
	{ "/proc/net/tcp6", "TCP over IPv6", 10 },
};

static bool has_listener(const struct listeners_file *l, unsigned want_port)
{
	FILE *f = fopen(l->path, "re");
	char line[512];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned port, state;

		if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &port, &state) == 2)
			found = port == want_port && state == l->state;
	}
	if (f)
		fclose(f);
	return found;
}

static void check_port_53(struct check *c)
{
	char protos[96] = "";
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_LEN(listeners_files); i++)
		if (has_listener(&listeners_files[i], DNS_PORT))
			at += (size_t)snprintf(protos + at, sizeof(protos) - at, "%s%s", at > 0 ? ", " : "",
				listeners_files[i].proto);
	if (at == 0)
		return say(c, FINDING_OK, "port 53", "free");
	say(c, FINDING_NOTE, "port 53",
		"something listens there (%s), maybe systemd-resolved or Isthmus itself: stop it, or give "
		"dns64.listen addresses of its own",
		protos);
}

static void check_firewall(struct check *c)
{
	if (access("/proc/sys/net/netfilter/nf_conntrack_max", F_OK) < 0)
		return say(c, FINDING_OK, "firewall", "no connection tracking in this network namespace");
	say(c, FINDING_NOTE, "firewall",
		"connection tracking is loaded: the forward chain must accept what goes to and comes "
		"from " HOST_DEVICE_DEFAULT ", and nf_conntrack_max bounds the sessions");
}

static void check_user(struct check *c)
{
	if (getpwnam("isthmus"))
		return say(c, FINDING_OK, "user", "isthmus exists");
	say(c, FINDING_NOTE, "user",
		"there is no user isthmus, so the roles run as nobody: `useradd --system --no-create-home "
		"isthmus`");
}

/* --- trying, in a namespace of its own --- */

static void trial_run(bool with_steering, struct trial *t)
{
	char name[IFNAMSIZ] = "isthmus-try";
	int fd = -1;

	t->namespace = unshare(CLONE_NEWNET) < 0 ? -errno : 0;
	if (t->namespace < 0)
		return;
	t->tun = tun_open(name, 1, &fd, &t->offloads);
	if (t->tun == 0)
		close(fd);
	t->steer = with_steering ? steer_probe() : 0;
	t->flow = flowpath_probe();
}

/* A pipe brings back what the child found; a child that died has found nothing. */
static void trial_take(bool with_steering, struct trial *ret)
{
	struct trial t = { .namespace = -EPERM };
	int ends[2], status;

	*ret = t;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	pid_t child = fork();

	if (child == 0) {
		trial_run(with_steering, &t);
		_exit(write(ends[1], &t, sizeof(t)) == (ssize_t)sizeof(t) ? 0 : 1);
	}
	close(ends[1]);
	if (child > 0 && read(ends[0], &t, sizeof(t)) == (ssize_t)sizeof(t))
		*ret = t;
	close(ends[0]);
	if (child > 0)
		waitpid(child, &status, 0);
}

static uint64_t capabilities_read(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t mask = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %" SCNx64, &mask) == 1)
			break;
	if (f)
		fclose(f);
	return mask;
}

static void (*const questions[])(struct check *c) = {
	check_kernel,
	check_capabilities,
	check_tun,
	check_offloads,
	check_ipv4,
	check_ipv6,
	check_forwarding,
	check_proc_writable,
	check_reverse_path,
	check_steering,
	check_fastpath,
	check_port_53,
	check_firewall,
	check_user,
};

unsigned host_check(
	const struct nat64_config *nat64, void (*add)(void *ctx, const struct finding *f), void *ctx)
{
	struct check c = { .add = add, .ctx = ctx, .nat64 = nat64, .capabilities = capabilities_read() };

	trial_take(nat64 && steer_is_needed(&nat64->state), &c.trial);
	for (size_t i = 0; i < ARRAY_LEN(questions); i++)
		questions[i](&c);
	return c.missing;
}
