/* log_files.h - the files of a binding log: the one in use and those that were rotated away, compressed or not */
#ifndef ISTHMUS_CMD_LOG_FILES_H
#define ISTHMUS_CMD_LOG_FILES_H

#include "bindlog/record.h"

/* What reading them brought. */
struct log_files {
	unsigned files;	       /* read */
	unsigned unreadable;   /* could not be opened, or only in part; a line on stderr says which */
	unsigned long records; /* that this version knows */
	unsigned long malformed;
};

/**
 * log_files_read() - read every file of a log, the oldest first
 * @path:	of the file in use; beside it lie PATH.1, PATH.2.gz, PATH-20261125.gz and the like
 *
 * Their order is that of their first records, so it does not matter how they are numbered.
 *
 * Return: 0; -ENOENT if there is none; -ENOMEM.
 */
MUST_CHECK int log_files_read(
	const char *path, void (*take)(void *ctx, const struct record *r), void *ctx, struct log_files *ret);

/** log_files_is_rotated() - whether what stands behind the path makes @suffix a rotated file of it: ".1", "-20261125.gz" */
bool log_files_is_rotated(const char *suffix);

#endif
