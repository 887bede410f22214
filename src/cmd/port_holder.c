/* port_holder.c - from a port to its sockets (/proc/net), from a socket to its process (/proc/PID/fd) */
#include "cmd/port_holder.h"

#include "base/bytes.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INODES_MAX 32
#define TCP_LISTEN 0x0a /* linux: include/net/tcp_states.h */

struct inodes {
	unsigned long v[INODES_MAX];
	unsigned len;
};

/* The four tables; in the TCP ones only listeners count. */
static const struct {
	const char *path;
	bool is_tcp;
} tables[] = {
	{ "/proc/net/udp", false },
	{ "/proc/net/udp6", false },
	{ "/proc/net/tcp", true },
	{ "/proc/net/tcp6", true },
};

/* add_inode() - take the inode out of one line of a table, if it is about @port */
static void add_inode(const char *line, bool is_tcp, uint16_t port, struct inodes *ret)
{
	unsigned local_port, state;
	unsigned long inode;

	/* sl: local:port remote:port state tx:rx timer:when retransmits uid timeout inode */
	if (sscanf(line, " %*[0-9]: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %lu",
		    &local_port, &state, &inode) != 3)
		return;
	if (local_port != port || (is_tcp && state != TCP_LISTEN) || inode == 0 || ret->len == INODES_MAX)
		return;
	ret->v[ret->len++] = inode;
}

static void collect_inodes(uint16_t port, struct inodes *ret)
{
	char line[512];

	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		FILE *f = fopen(tables[i].path, "re");

		if (!f)
			continue;
		while (fgets(line, sizeof(line), f))
			add_inode(line, tables[i].is_tcp, port, ret);
		fclose(f);
	}
}

static bool is_one_of(const char *link, const struct inodes *in)
{
	unsigned long inode;

	if (sscanf(link, "socket:[%lu]", &inode) != 1)
		return false;
	for (unsigned i = 0; i < in->len; i++) {
		if (in->v[i] == inode)
			return true;
	}
	return false;
}

/* has_socket() - whether a process has one of these sockets open */
static bool has_socket(const char *pid, const struct inodes *in)
{
	char path[320], link[64];
	struct dirent *e;
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	DIR *d = opendir(path);
	if (!d)
		return false;
	while (!found && (e = readdir(d))) {
		snprintf(path, sizeof(path), "/proc/%.16s/fd/%.16s", pid, e->d_name);
		ssize_t n = readlink(path, link, sizeof(link) - 1);
		if (n <= 0)
			continue;
		link[n] = '\0';
		found = is_one_of(link, in);
	}
	closedir(d);
	return found;
}

static void name_of(const char *pid, char *ret, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	FILE *f = fopen(path, "re");
	if (!f || !fgets(ret, (int)size, f))
		text_copy(ret, size, "?");
	ret[strcspn(ret, "\n")] = '\0';
	if (f)
		fclose(f);
}

bool port_holder_find(uint16_t port, struct port_holder *ret)
{
	struct inodes in = { .len = 0 };
	struct dirent *e;
	bool found = false;

	collect_inodes(port, &in);
	DIR *d = in.len > 0 ? opendir("/proc") : NULL;
	while (d && !found && (e = readdir(d))) {
		long pid = strtol(e->d_name, NULL, 10);

		if (pid <= 0 || !has_socket(e->d_name, &in))
			continue;
		ret->pid = (pid_t)pid;
		name_of(e->d_name, ret->name, sizeof(ret->name));
		found = true;
	}
	if (d)
		closedir(d);
	return found;
}
