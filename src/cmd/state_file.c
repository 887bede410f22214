/*
 * state_file.c - sessions over a restart: the file that the translator saves them to, and finds them in
 *
 * The translator opens nothing. At the start it is given the file, at the end another one to write to; this process sees to
 * their names.
 *
 *	start	PATH is opened, looked at and removed; the translator reads it before its first packet
 *	stop	PATH.new is made and handed over with CHANNEL_STOP; if the translator ends with status 0, it becomes PATH
 *
 * Removed before it is read, so that no file is read twice: a translator that is started again after a crash begins empty, as
 * what the file says is not true any more, and a file that brings a translator down does so once. What fails costs the sessions
 * and never the start or the stop.
 *
 * Nothing of its content is read here: the translator does that, inside its sandbox, as the next one does with what it writes.
 *
 * It says who talks with whom, so it is root's alone; and it is believed only if nobody else could have written it.
 */
#include "cmd/supervisor.h"

#include "base/bytes.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY "nat64.state-file"
#define DIRECTORY_MODE 0700
#define FILE_MODE 0600
#define NEW_SUFFIX ".new"
#define NEW_PATH (CONF_LOG_PATH + sizeof(NEW_SUFFIX))

static bool is_on(const struct supervisor *s)
{
	return s->conf->has_nat64 && s->conf->state_file[0];
}

static int open_null(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* --- writing --- */

static void new_path(const char *path, char ret[static NEW_PATH])
{
	snprintf(ret, NEW_PATH, "%s%s", path, NEW_SUFFIX);
}

static void make_directory(const char *path)
{
	char copy[CONF_LOG_PATH];

	(void)text_copy(copy, sizeof(copy), path);
	if (mkdir(dirname(copy), DIRECTORY_MODE) < 0 && errno != EEXIST)
		log_debug(KEY ": the directory of %s cannot be made: %s", path, strerror(errno));
}

static int open_new(const char *path)
{
	char name[NEW_PATH];

	new_path(path, name);
	make_directory(path);
	if (unlink(name) < 0 && errno != ENOENT)
		return -errno;
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);

	return fd < 0 ? -errno : fd;
}

static void remove_new(const char *path)
{
	char name[NEW_PATH];

	new_path(path, name);
	if (unlink(name) < 0)
		log_warning(KEY ": %s cannot be removed: %s", name, strerror(errno));
}

/* The name too shall be on the disk. */
static int sync_directory(const char *path)
{
	char copy[CONF_LOG_PATH];

	(void)text_copy(copy, sizeof(copy), path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

static int keep_new(const char *path)
{
	char name[NEW_PATH];

	new_path(path, name);
	return rename(name, path) < 0 ? -errno : sync_directory(path);
}

/* Better told at the start than at the stop. */
void state_file_check(const struct supervisor *s)
{
	const char *path = s->conf->state_file;

	if (!is_on(s))
		return;
	int fd = open_new(path);

	if (fd < 0) {
		log_warning(KEY ": %s cannot be written: %s; sessions will end when this process does: write "
				"another path, or none",
			path, strerror(-fd));
		return;
	}
	close(fd);
	remove_new(path);
}

int state_file_begin(struct supervisor *s)
{
	struct process_info info;
	const char *path = s->conf ? s->conf->state_file : "";

	if (!s->conf || !is_on(s) || !s->roles[ROLE_TRANSLATOR])
		return -1;
	process_info(s->roles[ROLE_TRANSLATOR], &info);
	/* One that starts does all of that before it hears of the end. */
	if (info.state != PROCESS_READY && info.state != PROCESS_STARTING)
		return -1;
	int fd = open_new(path);

	if (fd < 0) {
		log_error(KEY ": %s cannot be written: %s; all sessions end", path, strerror(-fd));
		return -1;
	}
	(void)text_copy(s->saving, sizeof(s->saving), path);
	return fd;
}

void state_file_end(struct supervisor *s)
{
	struct process_info info;

	if (!s->saving[0])
		return;
	process_info(s->roles[ROLE_TRANSLATOR], &info);
	if (info.state != PROCESS_STOPPED)
		return;
	int err = info.ended_well ? keep_new(s->saving) : -ECANCELED;

	if (err < 0) {
		log_error(KEY ": the sessions are not saved: %s",
			info.ended_well ? strerror(-err) : "the translator did not write them to the end");
		if (!info.ended_well)
			remove_new(s->saving);
	}
	s->saving[0] = '\0';
}

/* --- reading --- */

static const char *find_fault(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "it is no file";
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others than we could have written it";
	return NULL;
}

/* Its descriptor, or -1. */
static int take(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0) {
		if (errno != ENOENT)
			log_warning(KEY ": %s cannot be read: %s; no sessions are restored", path,
				strerror(errno));
		return -1;
	}
	const char *fault = find_fault(fd);

	if (!fault && unlink(path) < 0)
		fault = strerror(errno);
	if (!fault)
		return fd;
	log_warning(KEY ": %s is not read: %s; no sessions are restored", path, fault);
	close(fd);
	return -1;
}

int state_file_up(struct supervisor *s)
{
	unsigned *len = &s->fds_len[ROLE_TRANSLATOR];
	int fd = is_on(s) ? take(s->conf->state_file) : -1;

	if (!s->conf->has_nat64)
		return 0;
	s->has_saved = fd >= 0;
	state_file_check(s);
	if (fd < 0)
		fd = open_null();
	if (fd < 0)
		return fd;
	s->saved = fd;
	s->fds[ROLE_TRANSLATOR][(*len)++] = fd;
	return 0;
}

void state_file_down(struct supervisor *s)
{
	if (s->saved > 0)
		close(s->saved);
	s->saved = 0;
}

/* The descriptor keeps its number, by which the process knows it. */
void state_file_taken(struct supervisor *s)
{
	struct process_info info;

	if (!s->has_saved || !s->roles[ROLE_TRANSLATOR])
		return;
	process_info(s->roles[ROLE_TRANSLATOR], &info);
	if (info.state != PROCESS_READY)
		return;
	int null = open_null();

	if (null < 0 || dup3(null, s->saved, O_CLOEXEC) < 0)
		log_error(KEY ": /dev/null cannot be opened: %s", strerror(errno));
	if (null >= 0)
		close(null);
	s->has_saved = false;
}
