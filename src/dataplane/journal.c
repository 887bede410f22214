/*
 * journal.c - the list of changes and its file
 *
 * The file is text: a first line with the format and the network namespace, then a line per change, fields
 * parted by tabs. A line is written by one write() at the end of the file, before the change is made; the
 * page cache keeps it when the daemon is killed, and a crash of the whole machine takes the changes away with
 * it (/run is in memory, and so are sysctls). A last line that was cut short is ignored: its change was not
 * made.
 */
#include "dataplane/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL_BYTES_MAX (4u << 20) /* a file beyond that is none of ours */
#define FIELDS 4
#define OPEN_TRIES 5

struct journal {
	int fd; /* -1: in memory only */
	char *path;
	struct change *changes;
	size_t len;
};

static const char *const kind_names[CHANGE_COUNT] = {
	[CHANGE_SYSCTL] = "sysctl",
	[CHANGE_PORTS] = "ports",
	[CHANGE_PROXY] = "proxy",
	[CHANGE_FILTER] = "filter",
	[CHANGE_FEATURE] = "feature",
	[CHANGE_NAPI] = "napi",
	[CHANGE_CLAT] = "clat",
	[CHANGE_FLOW] = "flow",
	[CHANGE_KEPT] = "kept",
	[CHANGE_WAYS] = "ways",
};

static void change_free(struct change *c)
{
	free(c->subject);
	free(c->before);
	free(c->after);
}

static int change_append(struct journal *j, enum change_kind kind, const char *const text[3])
{
	struct change c = { kind, strdup(text[0]), strdup(text[1]), strdup(text[2]) };
	struct change *more = realloc(j->changes, (j->len + 1) * sizeof(*more));

	if (more)
		j->changes = more;
	if (!more || !c.subject || !c.before || !c.after) {
		change_free(&c);
		return -ENOMEM;
	}
	j->changes[j->len++] = c;
	return 0;
}

static void changes_clear(struct journal *j)
{
	while (j->len > 0)
		change_free(&j->changes[--j->len]);
}

const struct change *journal_changes(const struct journal *j, size_t *ret_len)
{
	*ret_len = j->len;
	return j->changes;
}

/* --- the file --- */

static void first_line(char *to, size_t size)
{
	struct stat st = { 0 };

	if (stat("/proc/self/ns/net", &st) < 0)
		st.st_ino = 0;
	snprintf(to, size, "isthmus host journal 1, network namespace %ju\n", (uintmax_t)st.st_ino);
}

static int text_write(int fd, const char *text)
{
	size_t len = strlen(text);
	ssize_t n = write(fd, text, len);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -ENOSPC;
}

static int kind_find(const char *name)
{
	for (int k = 0; k < CHANGE_COUNT; k++)
		if (strcmp(kind_names[k], name) == 0)
			return k;
	return -1;
}

/* Cut a line at its tabs; false unless it has exactly FIELDS fields. */
static bool line_cut(char *line, char *ret_fields[FIELDS])
{
	for (unsigned i = 0; i < FIELDS; i++) {
		char *tab = strchr(line, '\t');

		ret_fields[i] = line;
		if ((tab == NULL) != (i == FIELDS - 1))
			return false;
		if (tab) {
			*tab = '\0';
			line = tab + 1;
		}
	}
	return true;
}

/* Take the lines that follow the first one; a line that makes no sense is passed over. */
static int lines_take(struct journal *j, char *text)
{
	char *end, *fields[FIELDS];
	int r = 0;

	for (; r == 0 && (end = strchr(text, '\n')) != NULL; text = end + 1) {
		*end = '\0';
		int kind = line_cut(text, fields) ? kind_find(fields[0]) : -1;

		if (kind >= 0)
			r = change_append(j, (enum change_kind)kind,
				(const char *const[]){ fields[1], fields[2], fields[3] });
	}
	return r;
}

static bool is_trusted(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == geteuid() && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
	       st->st_size <= JOURNAL_BYTES_MAX;
}

static int file_read(struct journal *j, const struct stat *st)
{
	size_t size = (size_t)st->st_size;
	char want[128], *text = malloc(size + 1);
	ssize_t n;
	int r = 0;

	if (!text)
		return -ENOMEM;
	n = pread(j->fd, text, size, 0);
	if (n < 0)
		r = -errno;
	text[n < 0 ? 0 : n] = '\0';
	first_line(want, sizeof(want));
	if (r == 0 && strncmp(text, want, strlen(want)) == 0)
		r = lines_take(j, text + strlen(want));
	free(text);
	return r;
}

static int file_start(struct journal *j)
{
	char line[128];

	first_line(line, sizeof(line));
	return ftruncate(j->fd, 0) < 0 ? -errno : text_write(j->fd, line);
}

/* Open and lock; -EAGAIN if the file was removed by its last holder between the two. */
static int file_lock(const char *path, int *ret_fd, struct stat *ret_st)
{
	struct stat now;
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
	else if (fstat(fd, ret_st) < 0)
		r = -errno;
	else if (stat(path, &now) < 0 || now.st_ino != ret_st->st_ino || now.st_dev != ret_st->st_dev)
		r = -EAGAIN;
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

static int directory_make(const char *path)
{
	char *copy = strdup(path);
	char *slash = copy ? strrchr(copy, '/') : NULL;
	int r = copy ? 0 : -ENOMEM;

	if (slash && slash != copy) {
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			r = -errno;
	}
	free(copy);
	return r;
}

static int file_open(struct journal *j, const char *path)
{
	struct stat st;
	int r = directory_make(path);

	if (r < 0)
		return r;
	j->path = strdup(path);
	if (!j->path)
		return -ENOMEM;
	r = -EAGAIN;
	for (unsigned i = 0; i < OPEN_TRIES && r == -EAGAIN; i++)
		r = file_lock(path, &j->fd, &st);
	if (r < 0)
		return r;
	if (!is_trusted(&st)) /* start with a file of our own, under the same name */
		return unlink(path) < 0 ? -errno : -ESTALE;
	r = file_read(j, &st);
	return r == 0 && j->len == 0 ? file_start(j) : r;
}

int journal_open(const char *path, struct journal **ret)
{
	struct journal *j = NULL;
	int r = -ESTALE;

	for (unsigned i = 0; i < 2 && r == -ESTALE; i++) {
		journal_close(j);
		j = calloc(1, sizeof(*j));
		if (!j)
			return -ENOMEM;
		j->fd = -1;
		r = path ? file_open(j, path) : 0;
	}
	if (r < 0) {
		free(j->path); /* a file that is not ours to remove stays */
		j->path = NULL;
		journal_close(j);
		return r;
	}
	*ret = j;
	return 0;
}

static int change_write(int fd, const struct change *c)
{
	char *line = NULL;
	int r = asprintf(&line, "%s\t%s\t%s\t%s\n", kind_names[c->kind], c->subject, c->before, c->after);

	if (r < 0)
		return -ENOMEM;
	r = text_write(fd, line);
	free(line);
	return r;
}

/* Write what is left into @path, which is new, and lock it; then it takes the place of the old file. */
static int file_replace(struct journal *j, const char *path)
{
	char line[128];
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;

	first_line(line, sizeof(line));
	if (r == 0)
		r = text_write(fd, line);
	for (size_t i = 0; i < j->len && r == 0; i++)
		r = change_write(fd, &j->changes[i]);
	if (r == 0 && rename(path, j->path) < 0)
		r = -errno;
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		(void)unlink(path);
		return r;
	}
	close(j->fd); /* whoever waits for the old one sees that it is not the file of that name any more */
	j->fd = fd;
	return 0;
}

int journal_forget_some(struct journal *j, bool (*is_gone)(void *ctx, const struct change *c), void *ctx)
{
	char *path = NULL;
	size_t kept = 0, len = j->len;

	for (size_t i = 0; i < len; i++) {
		if (is_gone(ctx, &j->changes[i]))
			change_free(&j->changes[i]);
		else
			j->changes[kept++] = j->changes[i];
	}
	j->len = kept;
	if (j->fd < 0 || kept == len)
		return 0;
	if (asprintf(&path, "%s.new", j->path) < 0)
		return -ENOMEM;
	int r = file_replace(j, path);

	free(path);
	return r;
}

int journal_add(
	struct journal *j, enum change_kind kind, const char *subject, const char *before, const char *after)
{
	const struct change c = { kind, (char *)subject, (char *)before, (char *)after };
	int r = j->fd >= 0 ? change_write(j->fd, &c) : 0;

	return r < 0 ? r : change_append(j, kind, (const char *const[]){ subject, before, after });
}

void journal_forget(struct journal *j)
{
	changes_clear(j);
	if (j->fd >= 0)
		(void)!file_start(j); /* a file that cannot be written fails the next journal_add() */
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	if (j->fd >= 0) {
		if (j->len == 0 && j->path)
			unlink(j->path);
		close(j->fd);
	}
	changes_clear(j);
	free(j->changes);
	free(j->path);
	free(j);
}
