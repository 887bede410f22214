/*
 * journal.h - what was changed on the host and how to undo it, in memory and on disk
 *
 * A change is written down before it is made. The file outlives a killed daemon, so the next start can first
 * undo what its predecessor left behind and thereby knows the true old values. An open journal is locked: two
 * gateways cannot use one.
 */
#ifndef ISTHMUS_DATAPLANE_JOURNAL_H
#define ISTHMUS_DATAPLANE_JOURNAL_H

#include "addr/addr.h"

enum change_kind {
	CHANGE_SYSCTL, /* subject: path below /proc/sys; before, after: values */
	CHANGE_PORTS,  /* after: ports that we added to net.ipv4.ip_local_reserved_ports */
	CHANGE_PROXY,  /* subject: interface; before: its index; after: address */
	CHANGE_FILTER, /* subject: interface; before: its index; after: "qdisc" if the clsact qdisc is ours
			  too */
	CHANGE_FEATURE, /* subject: interface; before: its index; after: the offload (ethtool -k) that we switched on */
	CHANGE_NAPI, /* subject: path below /sys/class/net; before, after: values */
	CHANGE_CLAT, /* subject: uplink; before: its index; after: the customer-side translator's IPv6 address */
	CHANGE_FLOW, /* as CHANGE_FILTER: the flow program's filter, where the kernel has no links for tc */
	CHANGE_KEPT, /* subject: our TUN device, made persistent; before: its index */
	CHANGE_WAYS, /* subject: relays: the ways of relayway.h, in a file of their own (cmd/supervisor_ways.c) */
	CHANGE_COUNT
};

struct change {
	enum change_kind kind;
	char *subject, *before, *after; /* owned; without tabs and newlines */
};

struct journal; /* opaque */

/**
 * journal_open() - open and lock the file, and read what an earlier run left in it
 * @path:	file, made if missing, with its last directory; NULL for a journal in memory only
 *
 * What the file says is trusted only if it is a regular file of our own user that nobody else may write, and
 * if it was written in this network namespace; else it is started anew.
 *
 * Return: 0; -EBUSY: another gateway holds it; -errno.
 */
MUST_CHECK int journal_open(const char *path, struct journal **ret);

/** journal_add() - write down a change that is about to be made; 0 or -errno */
MUST_CHECK int journal_add(
	struct journal *j, enum change_kind kind, const char *subject, const char *before, const char *after);

/** journal_changes() - the changes so far, oldest first; valid until the next call that adds or forgets */
const struct change *journal_changes(const struct journal *j, size_t *ret_len);

/**
 * journal_forget_some() - drop the changes that @is_gone picks, because they were undone, in memory and on disk
 *
 * The file is replaced as a whole, so that a kill at any moment leaves the old or the new one. If it cannot be replaced
 * it keeps naming what is undone already; undoing that again changes nothing.
 *
 * Return: 0; -errno: the file is the old one.
 */
MUST_CHECK int journal_forget_some(
	struct journal *j, bool (*is_gone)(void *ctx, const struct change *c), void *ctx);

/** journal_forget() - drop all changes, in memory and on disk, because they were undone */
void journal_forget(struct journal *j);

/** journal_close() - unlock, and remove the file if no change is left; NULL is fine */
void journal_close(struct journal *j);

#endif
