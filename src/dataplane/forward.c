/*
 * forward.c - forwarding, and what hangs on it
 *
 * net.ipv4.conf.all.forwarding and its IPv6 twin set the same of every interface and of those to come, and
 * the IPv4 one sets conf.all.accept_redirects to the opposite. Each of these is recorded before
 * (sysctl_expect()), since putting back `all` alone would not bring back a host on which some interfaces
 * forwarded and others did not.
 *
 * IPv6: a host that forwards ignores router advertisements unless accept_ra is 2, and drops its advertised
 * default routes at the moment forwarding is switched on. So accept_ra comes first, and at the end is put
 * back last.
 */
#include "dataplane/forward.h"

#include "dataplane/sysctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct family {
	const char *name; /* in net/NAME/conf */
	const char *also; /* a setting below conf/all that follows, or NULL */
	const char *also_value;
};

static const struct family families[] = {
	{ "ipv6", NULL, NULL },
	{ "ipv4", "accept_redirects", "0" },
};

struct forward_walk {
	struct journal *journal;
	const struct family *family;
	int error;
};

static int path_make(
	char path[static SYSCTL_PATH_BYTES], const char *family, const char *interface, const char *setting)
{
	int n = snprintf(path, SYSCTL_PATH_BYTES, "net/%s/conf/%s/%s", family, interface, setting);

	return n < 0 || n >= SYSCTL_PATH_BYTES ? -ENAMETOOLONG : 0;
}

static int expect(const struct forward_walk *w, const char *interface, const char *setting, const char *value)
{
	char path[SYSCTL_PATH_BYTES];
	int r = path_make(path, w->family->name, interface, setting);

	return r < 0 ? r : sysctl_expect(w->journal, path, value);
}

static bool has_value(const char *family, const char *interface, const char *setting, const char *value)
{
	char path[SYSCTL_PATH_BYTES], now[SYSCTL_VALUE_BYTES];

	return path_make(path, family, interface, setting) == 0 && sysctl_read(path, now, sizeof(now)) == 0 &&
	       strcmp(now, value) == 0;
}

static void on_link_advertisements(void *ctx, const struct link *l)
{
	struct forward_walk *w = ctx;
	char path[SYSCTL_PATH_BYTES];

	if (w->error < 0 || (l->flags & IFF_LOOPBACK) != 0)
		return;
	if (!has_value("ipv6", l->name, "accept_ra", "1") || !has_value("ipv6", l->name, "forwarding", "0"))
		return;
	w->error = path_make(path, "ipv6", l->name, "accept_ra");
	if (w->error == 0)
		w->error = sysctl_change(w->journal, path, "2");
}

static void on_link_forwarding(void *ctx, const struct link *l)
{
	struct forward_walk *w = ctx;

	if (w->error == 0)
		w->error = expect(w, l->name, "forwarding", "1");
}

static int family_on(struct netlink *n, struct forward_walk *w)
{
	char path[SYSCTL_PATH_BYTES];

	if (has_value(w->family->name, "all", "forwarding", "1"))
		return 0;
	int r = netlink_links(n, on_link_forwarding, w);

	if (r == 0)
		r = w->error;
	if (r == 0)
		r = expect(w, "default", "forwarding", "1");
	if (r == 0 && w->family->also)
		r = expect(w, "all", w->family->also, w->family->also_value);
	if (r == 0)
		r = path_make(path, w->family->name, "all", "forwarding");
	return r < 0 ? r : sysctl_change(w->journal, path, "1");
}

static int fault_of_forwarding(const struct fault *f, int r, const char *setting)
{
	if (r == -EROFS || r == -EACCES || r == -EPERM)
		return fault_say(f, r,
			"cannot set %s (%s): set it to 1 from outside, for example in the container's "
			"settings",
			setting, strerror(-r));
	if (r == -ENOENT)
		return fault_say(f, r,
			"%s does not exist: IPv6 is switched off in this kernel (ipv6.disable=1?)", setting);
	return fault_say(f, r, "cannot set %s: %s", setting, strerror(-r));
}

int forward_on(struct netlink *n, struct journal *j, enum forward_families which, const struct fault *f)
{
	struct forward_walk w = { .journal = j };
	int r = 0;

	if (!has_value("ipv6", "all", "forwarding", "1"))
		r = netlink_links(n, on_link_advertisements, &w);
	if (r == 0)
		r = w.error;
	if (r < 0)
		return fault_of_forwarding(f, r, "net.ipv6.conf.*.accept_ra");
	for (size_t i = 0; i < (which == FORWARD_IPV6 ? 1 : ARRAY_LEN(families)); i++) {
		char setting[40];

		w.family = &families[i];
		r = family_on(n, &w);
		snprintf(setting, sizeof(setting), "net.%s.conf.all.forwarding", families[i].name);
		if (r < 0)
			return fault_of_forwarding(f, r, setting);
	}
	return 0;
}

/*
 * The TUN device. accept_local: a translated packet may carry the host's own address as its source. rp_filter
 * 2: with the stricter 1 the packets given back to the host would be refused, and since the kernel takes the
 * larger of `all` and the device's own, only 2 holds against a strict `all`. It is also what systemd sets
 * when a device appears.
 */
static const struct {
	const char *family, *setting, *value;
} device_settings[] = {
	{ "ipv4", "rp_filter", "2" },
	{ "ipv4", "accept_local", "1" },
	{ "ipv4", "forwarding", "1" },
	{ "ipv6", "disable_ipv6", "0" },
	{ "ipv6", "accept_ra", "0" },
	{ "ipv6", "forwarding", "1" },
};

int forward_device(const char *device, const struct fault *f)
{
	for (size_t i = 0; i < ARRAY_LEN(device_settings); i++) {
		const char *family = device_settings[i].family, *setting = device_settings[i].setting;
		char path[SYSCTL_PATH_BYTES];

		if (has_value(family, device, setting, device_settings[i].value))
			continue;
		int r = path_make(path, family, device, setting);

		if (r == 0)
			r = sysctl_write(path, device_settings[i].value);
		if (r < 0)
			return fault_say(f, r, "cannot set net.%s.conf.%s.%s to %s: %s%s", family, device,
				setting, device_settings[i].value, strerror(-r),
				r == -ENOENT ? " (is IPv6 switched off in this kernel?)" : "");
	}
	return 0;
}
