/*
 * sysctl.c - settings under /proc/sys
 *
 * Putting back takes two passes, because settings depend on each other: the first decides for each what it
 * shall be (the old value if it still has ours, else what it has now), the second writes, newest change
 * first, whatever differs by then. So net/ipv4/conf/all/forwarding, which takes every interface along, is
 * written before the interfaces, and an interface that an administrator set meanwhile ends as the
 * administrator wanted it.
 */
#include "dataplane/sysctl.h"

#include "dataplane/portset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SYSCTL_ROOT "/proc/sys/"
#define RESERVED_PORTS "net/ipv4/ip_local_reserved_ports"

/* Whether a path stays below /proc/sys/net; the journal's file is outside input to that degree. */
static bool path_is_ours(const char *path)
{
	return strncmp(path, "net/", 4) == 0 && !strstr(path, "..");
}

static int setting_open(const char *path, int flags)
{
	char full[sizeof(SYSCTL_ROOT) + SYSCTL_PATH_BYTES];
	int n = snprintf(full, sizeof(full), SYSCTL_ROOT "%s", path);

	if (!path_is_ours(path) || n < 0 || (size_t)n >= sizeof(full))
		return -EINVAL;
	int fd = open(full, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

int sysctl_read(const char *path, char *ret_value, size_t size)
{
	int fd = setting_open(path, O_RDONLY);
	char *text = fd < 0 ? NULL : malloc(size + 1);
	ssize_t n = 0;
	size_t len = 0;

	if (fd < 0)
		return fd;
	while (text && len < size && (n = read(fd, text + len, size - len)) > 0)
		len += (size_t)n;
	int r = !text ? -ENOMEM : n < 0 ? -errno : 0;

	while (r == 0 && len > 0 && is_space(text[len - 1]))
		len--;
	if (r == 0 && len >= size)
		r = -E2BIG;
	if (r == 0) {
		bytes_copy(ret_value, text, len);
		ret_value[len] = '\0';
	}
	free(text);
	close(fd);
	return r;
}

int sysctl_write(const char *path, const char *value)
{
	int fd = setting_open(path, O_WRONLY | O_TRUNC);
	char *line = NULL;
	int r = 0;

	if (fd < 0)
		return fd;
	int len = asprintf(&line, "%s\n", value); /* an empty list is a line, too */

	if (len < 0)
		r = -ENOMEM;
	else if (write(fd, line, (size_t)len) < 0)
		r = -errno;
	if (len >= 0)
		free(line);
	close(fd);
	return r;
}

int sysctl_expect(struct journal *j, const char *path, const char *value)
{
	char now[SYSCTL_VALUE_BYTES];
	int r = sysctl_read(path, now, sizeof(now));

	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : journal_add(j, CHANGE_SYSCTL, path, now, value);
}

int sysctl_change(struct journal *j, const char *path, const char *value)
{
	char now[SYSCTL_VALUE_BYTES];
	int r = sysctl_read(path, now, sizeof(now));

	if (r < 0 || strcmp(now, value) == 0)
		return r;
	r = journal_add(j, CHANGE_SYSCTL, path, now, value);
	return r < 0 ? r : sysctl_write(path, value);
}

/* --- reserved ports --- */

static int ports_read(char *text, struct portset *ret)
{
	int r = sysctl_read(RESERVED_PORTS, text, PORTSET_TEXT_BYTES);

	if (r == 0 && !portset_parse(text, ret))
		r = -EBADMSG;
	return r;
}

static int ports_write(char *text, const struct portset *s)
{
	return portset_text(s, text, PORTSET_TEXT_BYTES) ? sysctl_write(RESERVED_PORTS, text) : -E2BIG;
}

static int ports_reserve(struct journal *j, const struct portset *wanted, char *text)
{
	struct portset now, added = *wanted;
	int r = ports_read(text, &now);

	if (r < 0)
		return r;
	portset_remove(&added, &now);
	if (portset_is_empty(&added))
		return 0;
	r = portset_text(&added, text, PORTSET_TEXT_BYTES) ? journal_add(j, CHANGE_PORTS, "", "", text)
							   : -E2BIG;
	portset_add(&now, &added);
	return r < 0 ? r : ports_write(text, &now);
}

int sysctl_reserve_ports(struct journal *j, const struct portset *wanted)
{
	char *text = malloc(PORTSET_TEXT_BYTES);
	int r = text ? ports_reserve(j, wanted, text) : -ENOMEM;

	free(text);
	return r;
}

/* The ports that the journal says we added. */
static void ports_added(const struct journal *j, struct portset *ret)
{
	size_t len;
	const struct change *changes = journal_changes(j, &len);
	struct portset added;

	*ret = (struct portset){ 0 };
	for (size_t i = 0; i < len; i++)
		if (changes[i].kind == CHANGE_PORTS && portset_parse(changes[i].after, &added))
			portset_add(ret, &added);
}

static bool is_older_ports(void *ctx, const struct change *c)
{
	const char *newest = ctx;

	return c->kind == CHANGE_PORTS && c->after != newest;
}

/* One line for the ports that stay, and only then the older lines go: a kill in between loses no port. */
static int ports_rewrite(struct journal *j, const struct portset *kept, char *text)
{
	size_t len;
	int r = portset_text(kept, text, PORTSET_TEXT_BYTES) ? journal_add(j, CHANGE_PORTS, "", "", text)
							     : -E2BIG;
	if (r < 0)
		return r;
	const struct change *changes = journal_changes(j, &len);

	return journal_forget_some(j, is_older_ports, changes[len - 1].after);
}

/* The kernel first: a kill in between leaves a journal that names ports which are given back already. */
static int ports_release(struct journal *j, const struct portset *wanted, char *text)
{
	struct portset added, unwanted, now;

	ports_added(j, &added);
	unwanted = added;
	portset_remove(&unwanted, wanted);
	if (portset_is_empty(&unwanted))
		return 0;
	int r = ports_read(text, &now);

	if (r < 0)
		return r;
	portset_remove(&now, &unwanted);
	r = ports_write(text, &now);
	if (r < 0)
		return r;
	portset_remove(&added, &unwanted);
	return ports_rewrite(j, &added, text);
}

int sysctl_release_ports(struct journal *j, const struct portset *wanted)
{
	char *text = malloc(PORTSET_TEXT_BYTES);
	int r = text ? ports_release(j, wanted, text) : -ENOMEM;

	free(text);
	return r;
}

static void ports_restore(const char *added_text)
{
	char *text = malloc(PORTSET_TEXT_BYTES);
	struct portset now, added;

	if (text && portset_parse(added_text, &added) && ports_read(text, &now) == 0) {
		portset_remove(&now, &added);
		(void)!ports_write(text, &now);
	}
	free(text);
}

/* --- putting back --- */

/* What a setting shall be afterwards; "" if it is to be left alone. */
struct target {
	char value[SYSCTL_VALUE_BYTES];
};

static void target_choose(const struct change *c, struct target *ret)
{
	char now[SYSCTL_VALUE_BYTES];

	ret->value[0] = '\0';
	if (c->kind != CHANGE_SYSCTL || sysctl_read(c->subject, now, sizeof(now)) < 0)
		return;
	text_copy(ret->value, sizeof(ret->value), strcmp(now, c->after) == 0 ? c->before : now);
}

static void target_write(const struct change *c, const struct target *t)
{
	char now[SYSCTL_VALUE_BYTES];

	if (t->value[0] == '\0' || sysctl_read(c->subject, now, sizeof(now)) < 0 ||
		strcmp(now, t->value) == 0)
		return;
	(void)!sysctl_write(
		c->subject, t->value); /* the interface may be gone by now; nothing else can be done */
}

void sysctl_restore(const struct change *changes, size_t len)
{
	struct target *targets = calloc(len > 0 ? len : 1, sizeof(*targets));

	if (!targets)
		return;
	for (size_t i = 0; i < len; i++)
		target_choose(&changes[i], &targets[i]);
	for (size_t i = len; i-- > 0;) {
		if (changes[i].kind == CHANGE_SYSCTL)
			target_write(&changes[i], &targets[i]);
		else if (changes[i].kind == CHANGE_PORTS)
			ports_restore(changes[i].after);
	}
	free(targets);
}
