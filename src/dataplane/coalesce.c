/*
 * coalesce.c - datagrams that come as trains
 *
 * Purpose. A datagram of 64 bytes costs a read and a write of the TUN device, many times what its translation does. The
 * kernel can join datagrams of one flow and one length that arrive together (generic receive offload for packets that are
 * forwarded, ethtool's rx-udp-gro-forwarding): one read, one translation and one write then serve up to 64 of them, and the
 * last device on the way cuts the train again. It is off by default in Linux.
 *
 * An interface joins what it polls at a time. A busy card polls many packets; a virtual one polls each by itself, unless it
 * waits: gro_flush_timeout is how long it may hold packets, and napi_defer_hard_irqs lets it poll again instead of waiting
 * for an interrupt. Waiting costs latency, so the operator says how long (nat64.gro-wait-us).
 *
 * Features are read and set by ethtool's ioctls, the other two under /sys/class/net. That tree shows the interfaces of
 * whoever mounted it, which may be another network namespace, so an interface's number and hardware address are compared
 * before anything is written there.
 *
 * Undoing. Each change is in the journal: a feature by its name (we only ever switch one on), a setting by path and values.
 *
 * Standards: Linux Documentation/networking/segmentation-offloads.rst, napi.rst.
 */
#include "dataplane/coalesce.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel's structures end in arrays without length; here is room behind them. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wgnu-variable-sized-type-not-at-end"
#endif

#define FEATURES_MAX 256 /* Linux 6.18 has 64 */
#define FEATURE_WORDS (FEATURES_MAX / 32)
#define PATH_BYTES 96
#define VALUE_BYTES 32

#define GRO "rx-gro"
#define UDP_GRO "rx-udp-gro-forwarding"

/* --- ethtool --- */

static int ask(const char *interface, void *command)
{
	struct ifreq request = { .ifr_data = command };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	text_copy(request.ifr_name, sizeof(request.ifr_name), interface);
	int r = ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;

	close(fd);
	return r;
}

/* A feature's bit among all that this kernel knows. */
struct feature {
	unsigned bit, words; /* words: 32 bits each; the kernel takes its own number of them and no other */
};

/* 0, or -ENOENT if this kernel does not know it. */
static int feature_find(const char *interface, const char *name, struct feature *ret)
{
	struct {
		struct ethtool_sset_info head;
		uint32_t len;
	} info = { .head = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = UINT64_C(1) << ETH_SS_FEATURES } };
	int r = ask(interface, &info);

	if (r < 0 || info.len > FEATURES_MAX)
		return r < 0 ? r : -E2BIG;
	struct ethtool_gstrings *names = calloc(1, sizeof(*names) + (size_t)info.len * ETH_GSTRING_LEN);

	if (!names)
		return -ENOMEM;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = info.len;
	r = ask(interface, names);
	unsigned bit = 0;

	while (r == 0 && bit < info.len &&
		strncmp((const char *)names->data + (size_t)bit * ETH_GSTRING_LEN, name, ETH_GSTRING_LEN) !=
			0)
		bit++;
	free(names);
	if (r == 0 && bit == info.len)
		r = -ENOENT;
	if (r == 0)
		*ret = (struct feature){ bit, (info.len + 31) / 32 };
	return r;
}

/* 1 if a feature is on, 0 if it is off but can be switched on, -errno. */
static int feature_state(const char *interface, struct feature f)
{
	struct {
		struct ethtool_gfeatures head;
		struct ethtool_get_features_block words[FEATURE_WORDS];
	} get = { .head = { .cmd = ETHTOOL_GFEATURES, .size = f.words } };
	uint32_t bit = UINT32_C(1) << f.bit % 32;
	int r = ask(interface, &get);

	if (r < 0)
		return r;
	if (get.words[f.bit / 32].active & bit)
		return 1;
	return get.words[f.bit / 32].available & bit ? 0 : -EOPNOTSUPP;
}

enum power { POWER_OFF, POWER_ON };

static int feature_set(const char *interface, struct feature f, enum power power)
{
	struct {
		struct ethtool_sfeatures head;
		struct ethtool_set_features_block words[FEATURE_WORDS];
	} set = { .head = { .cmd = ETHTOOL_SFEATURES, .size = f.words } };
	uint32_t bit = UINT32_C(1) << f.bit % 32;

	set.words[f.bit / 32].valid = bit;
	set.words[f.bit / 32].requested = power == POWER_ON ? bit : 0;
	return ask(interface, &set);
}

/* Switches a feature on, with a record; 0 also if it is on. */
static int feature_on(struct journal *j, const struct link *l, const char *name)
{
	struct feature f;
	int r = feature_find(l->name, name, &f);
	int state = r < 0 ? r : feature_state(l->name, f);
	char index[16];

	if (state != 0)
		return state < 0 ? state : 0;
	snprintf(index, sizeof(index), "%u", l->index);
	r = journal_add(j, CHANGE_FEATURE, l->name, index, name);
	if (r == 0)
		r = feature_set(l->name, f, POWER_ON);
	/* The kernel may accept the wish and not grant it. */
	return r < 0 ? r : feature_state(l->name, f) == 1 ? 0 : -EOPNOTSUPP;
}

static bool feature_is_on(const char *interface, const char *name)
{
	struct feature f;

	return feature_find(interface, name, &f) == 0 && feature_state(interface, f) == 1;
}

static void feature_undo(const struct change *c)
{
	unsigned index = (unsigned)strtoul(c->before, NULL, 10);
	struct feature f;

	if (index == 0 || if_nametoindex(c->subject) != index)
		return;
	if (feature_find(c->subject, c->after, &f) == 0)
		(void)!feature_set(c->subject, f, POWER_OFF);
}

/* --- /sys/class/net --- */

/* @setting is INTERFACE/NAME; nothing outside that folder can be reached. */
static int setting_open(const char *setting, int flags)
{
	char path[PATH_BYTES];
	int n = snprintf(path, sizeof(path), "/sys/class/net/%s", setting);

	if (n < 0 || (size_t)n >= sizeof(path) || strstr(setting, ".."))
		return -EINVAL;
	int fd = open(path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int setting_read(const char *setting, char ret[static VALUE_BYTES])
{
	int fd = setting_open(setting, O_RDONLY);

	if (fd < 0)
		return fd;
	ssize_t n = read(fd, ret, VALUE_BYTES - 1);
	int r = n < 0 ? -errno : 0;

	close(fd);
	while (n > 0 && ret[n - 1] == '\n')
		n--;
	ret[n < 0 ? 0 : n] = '\0';
	return r;
}

static int setting_write(const char *setting, const char *value)
{
	int fd = setting_open(setting, O_WRONLY);

	if (fd < 0)
		return fd;
	int r = write(fd, value, strlen(value)) < 0 ? -errno : 0;

	close(fd);
	return r;
}

static bool setting_is(const char *interface, const char *name, const char *value)
{
	char setting[PATH_BYTES], now[VALUE_BYTES];

	snprintf(setting, sizeof(setting), "%s/%s", interface, name);
	return setting_read(setting, now) == 0 && strcmp(now, value) == 0;
}

/* Whether /sys shows this very interface, and not one of the same name elsewhere. */
static bool is_shown(const struct link *l)
{
	struct ifreq request = { 0 };
	const uint8_t *a = (const uint8_t *)request.ifr_hwaddr.sa_data;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char index[VALUE_BYTES], address[VALUE_BYTES];

	if (fd < 0)
		return false;
	text_copy(request.ifr_name, sizeof(request.ifr_name), l->name);
	int r = ioctl(fd, SIOCGIFHWADDR, &request);

	close(fd);
	snprintf(index, sizeof(index), "%u", l->index);
	snprintf(address, sizeof(address), "%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4],
		a[5]);
	return r == 0 && setting_is(l->name, "ifindex", index) && setting_is(l->name, "address", address);
}

static int setting_change(struct journal *j, const struct link *l, const char *name, const char *value)
{
	char setting[PATH_BYTES], now[VALUE_BYTES];

	snprintf(setting, sizeof(setting), "%s/%s", l->name, name);
	int r = setting_read(setting, now);

	if (r < 0 || strcmp(now, value) == 0)
		return r;
	r = journal_add(j, CHANGE_NAPI, setting, now, value);
	return r < 0 ? r : setting_write(setting, value);
}

static void setting_undo(const struct change *c)
{
	char now[VALUE_BYTES];

	if (setting_read(c->subject, now) == 0 && strcmp(now, c->after) == 0)
		(void)!setting_write(c->subject, c->before);
}

/* --- all of them --- */

struct coalesce_walk {
	const struct coalesce_request *request;
	unsigned done;
};

static int wait_set(struct journal *j, const struct link *l, unsigned wait_us)
{
	char timeout_ns[VALUE_BYTES];

	if (!is_shown(l))
		return -EXDEV;
	snprintf(timeout_ns, sizeof(timeout_ns), "%u", wait_us * 1000);
	int r = setting_change(j, l, "gro_flush_timeout", timeout_ns);

	return r < 0 ? r : setting_change(j, l, "napi_defer_hard_irqs", "1");
}

static void on_link(void *ctx, const struct link *l)
{
	struct coalesce_walk *w = ctx;
	const struct coalesce_request *q = w->request;
	int r = 0;

	if (!(l->flags & IFF_UP) || (l->flags & IFF_LOOPBACK) || l->index == q->device)
		return;
	if (q->plan->wait_us > 0)
		r = feature_on(q->journal, l, GRO);
	else if (!feature_is_on(l->name, GRO))
		return;
	if (r == 0)
		r = feature_on(q->journal, l, UDP_GRO);
	if (r == 0 && q->plan->wait_us > 0)
		r = wait_set(q->journal, l, q->plan->wait_us);
	w->done += r == 0;
}

int coalesce_up(const struct coalesce_request *q, unsigned *ret_interfaces)
{
	struct coalesce_walk w = { .request = q };
	int r = q->plan->is_on ? netlink_links(q->netlink, on_link, &w) : 0;

	if (r == 0)
		*ret_interfaces = w.done;
	return r;
}

void coalesce_undo(const struct change *c)
{
	if (c->kind == CHANGE_FEATURE)
		feature_undo(c);
	else if (c->kind == CHANGE_NAPI)
		setting_undo(c);
}
