/*
 * log.h - the log: one event, one line, written by the one who decides
 *
 * Only loop/, sandbox/ and L4 to L6 log. A line says what happened, to which peer, why, and what was done next.
 * Messages about single packets do not exist: packets are counted.
 */
#ifndef ISTHMUS_BASE_LOG_H
#define ISTHMUS_BASE_LOG_H

#include "base/compiler.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVEL_COUNT };

/* Where lines go; a bit mask, so several at once. */
enum log_sink { LOG_TO_STDERR = 1, LOG_TO_SYSLOG = 2, LOG_TO_JOURNAL = 4 };

/**
 * log_open() - choose the sinks; before this, lines of level info and up go to stderr
 * @who:	name of the process as shown in each line, such as "translator"; kept, not copied
 * @level:	lines above this level are not written
 * @sinks:	mask of enum log_sink
 *
 * Sockets are opened here, so that a sandboxed process can log later.
 *
 * Return: 0; -errno if the journal's socket cannot be reached (the other sinks are open then).
 * Context: start-up, and again at reload; needs the file system.
 */
MUST_CHECK int log_open(const char *who, enum log_level level, unsigned sinks);

/**
 * log_connect() - connect to the socket of somebody who keeps a log, such as /dev/log
 * @type:	SOCK_DGRAM or SOCK_STREAM
 *
 * Never waits: who takes no connection just now is a fault.
 *
 * Return: the descriptor, which does not block; -errno.
 */
MUST_CHECK int log_connect(const char *path, int type);

/** log_set_level() - change the level; any time */
void log_set_level(enum log_level level);

const char *log_level_name(enum log_level level);

void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
