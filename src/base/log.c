/* log.c - the log sink: stderr, syslog and the journal's native socket */
#include "base/log.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* The one mutable global that the house rules allow. */
static struct {
	const char *who;
	enum log_level level;
	unsigned sinks;
	int journal_fd;
} sink = { .who = "isthmus", .level = LOG_LEVEL_INFO, .sinks = LOG_TO_STDERR, .journal_fd = -1 };

static const struct {
	const char *name;
	int priority; /* syslog severity, RFC 5424 section 6.2.1 */
} levels[LOG_LEVEL_COUNT] = {
	[LOG_LEVEL_ERROR] = { "error", LOG_ERR },
	[LOG_LEVEL_WARNING] = { "warning", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "info", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
};

const char *log_level_name(enum log_level level)
{
	return levels[level].name;
}

void log_set_level(enum log_level level)
{
	sink.level = level;
}

int log_connect(const char *path, int type)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if (!text_copy(to.sun_path, sizeof(to.sun_path), path))
		return -ENAMETOOLONG;
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int log_open(const char *who, enum log_level level, unsigned sinks)
{
	int result = 0;

	tzset(); /* the C library reads its zone file once, even for UTC: now, and not inside a sandbox */
	sink.who = who;
	sink.level = level;
	sink.sinks = sinks;
	if (sinks & LOG_TO_SYSLOG)
		openlog("isthmus", LOG_NDELAY | LOG_PID, LOG_DAEMON);
	if ((sinks & LOG_TO_JOURNAL) && sink.journal_fd < 0) {
		result = log_connect(JOURNAL_SOCKET, SOCK_DGRAM);
		if (result < 0) {
			sink.sinks &= ~(unsigned)LOG_TO_JOURNAL;
			return result;
		}
		sink.journal_fd = result;
		result = 0;
	}
	return result;
}

static void to_stderr(enum log_level level, const char *text)
{
	char line[LINE_MAX_BYTES + 128];
	struct timespec now;
	struct tm tm;
	char stamp[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	int n = snprintf(line, sizeof(line), "%s.%03ldZ %s %s: %s\n", stamp, now.tv_nsec / 1000000,
		levels[level].name, sink.who, text);
	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* a closed stderr must not stop the service */
}

static void to_journal(enum log_level level, const char *text)
{
	char entry[LINE_MAX_BYTES + 160];
	int n = snprintf(entry, sizeof(entry),
		"PRIORITY=%d\nSYSLOG_IDENTIFIER=isthmus\nISTHMUS_ROLE=%s\nMESSAGE=%s: %s\n",
		levels[level].priority, sink.who, sink.who, text);

	if (n > 0 && send(sink.journal_fd, entry, (size_t)n, MSG_NOSIGNAL) < 0)
		return; /* the journal is full or gone; the other sinks have the line */
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list ap;

	if (level > sink.level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?'; /* one event, one line, whatever a peer put into it */
	}
	if (sink.sinks & LOG_TO_STDERR)
		to_stderr(level, text);
	if (sink.sinks & LOG_TO_SYSLOG)
		syslog(levels[level].priority, "%s: %s", sink.who, text);
	if (sink.sinks & LOG_TO_JOURNAL)
		to_journal(level, text);
}
