/* sysctl.h - the kernel's settings under /proc/sys, changed so that they can be put back */
#ifndef ISTHMUS_DATAPLANE_SYSCTL_H
#define ISTHMUS_DATAPLANE_SYSCTL_H

#include "dataplane/journal.h"

#define SYSCTL_PATH_BYTES 96
#define SYSCTL_VALUE_BYTES 64

/**
 * sysctl_read() - the value of a setting without the white space around it
 * @path:	below /proc/sys, such as "net/ipv4/ip_forward"; no other place can be reached
 *
 * Return: 0; -ENOENT: the kernel has no such setting; -E2BIG: longer than @size; -errno. *ret_value untouched
 * on failure.
 */
MUST_CHECK int sysctl_read(const char *path, char *ret_value, size_t size);

/** sysctl_write() - set it, without a record; 0 or -errno (EROFS, EACCES: /proc/sys may not be written here)
 */
MUST_CHECK int sysctl_write(const char *path, const char *value);

/** sysctl_change() - set it and record how to put it back; nothing is done if it has that value already */
MUST_CHECK int sysctl_change(struct journal *j, const char *path, const char *value);

/**
 * sysctl_expect() - record a setting that the kernel is about to change by itself
 *
 * Writing net/ipv4/conf/all/forwarding sets the same of every interface. Their old values are recorded
 * before, so that they can be put back one by one. Nothing is recorded if the setting has that value already
 * or does not exist.
 */
MUST_CHECK int sysctl_expect(struct journal *j, const char *path, const char *value);

/** sysctl_reserve_ports() - keep these ports from the host's automatic choice, and record which of them we
 * added */
struct portset;
MUST_CHECK int sysctl_reserve_ports(struct journal *j, const struct portset *wanted);

/** sysctl_release_ports() - give back the ports that we added and that are not wanted any more; 0 or -errno */
MUST_CHECK int sysctl_release_ports(struct journal *j, const struct portset *wanted);

/**
 * sysctl_restore() - put back every recorded setting and port, newest first
 *
 * A setting whose value is no longer the one that we gave it belongs to somebody else now and keeps its
 * value, also if putting back another setting would change it.
 */
void sysctl_restore(const struct change *changes, size_t len);

#endif
