/*
 * binding_log.c - opens what the binding log and the log of queries are written to, for the roles, which may not
 *
 * The translator's logging thread asks for a descriptor when it has none: at its start, when a connection has broken,
 * when the system's log was started anew. It is opened here and sent; no data passes through this process. What cannot be
 * opened is said once until it works again, and the translator asks again by itself.
 */
#include "cmd/supervisor.h"

#include "base/log.h"
#include "bindlog/bindlog.h"
#include "net/sockaddr.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP "isthmus"
#define DIRECTORY_MODE 0750
#define FILE_MODE 0640 /* who had which address is nobody else's business */

/* give_to_group() - let the group isthmus read, if there is one; what was there before keeps its owner */
static void give_to_group(int fd)
{
	const struct group *g = getgrnam(GROUP);

	if (g && fchown(fd, (uid_t)-1, g->gr_gid) < 0)
		log_warning("a log: the group " GROUP " cannot be let in: %s", strerror(errno));
}

static int make_directory(const char *path)
{
	char copy[CONF_LOG_PATH];

	(void)text_copy(copy, sizeof(copy), path);
	return mkdir(dirname(copy), DIRECTORY_MODE) < 0 && errno != EEXIST ? -errno : 0;
}

/* A file, or a pipe that somebody reads; never waits. */
static int open_path(const char *path)
{
	const int flags = O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	int fd = open(path, flags);

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	int err = make_directory(path);

	if (err < 0)
		return err;
	fd = open(path, flags | O_CREAT, FILE_MODE);
	if (fd < 0)
		return -errno;
	give_to_group(fd);
	return fd;
}

static int open_file(const struct conf_bindings *b)
{
	return open_path(b->path);
}

static int open_syslog(const struct conf_bindings *b)
{
	return log_connect(b->syslog, SOCK_DGRAM);
}

/* A connection over TCP is given away while it is being made: writing to it says what came of it. */
static int open_ipfix(const struct conf_bindings *b)
{
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, &b->collector.at);
	int fd = socket(
		a.sa.sa_family, (b->is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, &a.sa, len) < 0 && errno != EINPROGRESS) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static int (*const openers[BINDLOG_SINKS])(const struct conf_bindings *b) = {
	[BINDLOG_FILE] = open_file,
	[BINDLOG_SYSLOG] = open_syslog,
	[BINDLOG_IPFIX] = open_ipfix,
};

static bool is_on(const struct supervisor *s, enum bindlog_sink sink)
{
	return s->conf->has_nat64 && (s->conf->log.bindings.sinks & 1u << sink);
}

static bool queries_are_on(const struct supervisor *s)
{
	return s->conf->has_dns64 && s->conf->log.queries.sinks != 0;
}

static bool queries_go_to_file(const struct supervisor *s)
{
	return queries_are_on(s) && s->conf->log.queries.sinks & CONF_QUERIES_FILE;
}

static const char *place_of(const struct supervisor *s, enum bindlog_sink sink)
{
	const struct conf_bindings *b = &s->conf->log.bindings;

	return sink == BINDLOG_FILE ? b->path : sink == BINDLOG_SYSLOG ? b->syslog : "the collector";
}

static int check_path(const char *key, const char *path)
{
	int fd = open_path(path);

	if (fd == -ENXIO)
		return 0; /* a pipe that nobody reads yet */
	if (fd < 0) {
		log_error("%s: %s cannot be opened: %s; make its directory, or write another path", key, path,
			strerror(-fd));
		return fd;
	}
	close(fd);
	return 0;
}

int binding_log_check(struct supervisor *s)
{
	int err = is_on(s, BINDLOG_FILE) ? check_path("log.bindings.path", s->conf->log.bindings.path) : 0;

	return err == 0 && queries_go_to_file(s) ? check_path("log.queries.path", s->conf->log.queries.path)
						 : err;
}

static void give(struct supervisor *s, enum bindlog_sink sink)
{
	int fd = openers[sink](&s->conf->log.bindings);
	unsigned bit = 1u << sink;

	if (fd < 0) {
		if (!(s->sinks_faulty & bit))
			log_warning("binding log: %s cannot be opened: %s; it is tried again",
				place_of(s, sink), strerror(-fd));
		s->sinks_faulty |= bit;
		return;
	}
	const char *name = bindlog_sink_name(sink);

	/* A translator that does not take it asks again. */
	if (process_send(s->roles[ROLE_TRANSLATOR], CHANNEL_SINK, name, strlen(name), fd) == 0)
		s->sinks_faulty &= ~bit;
	close(fd);
}

void binding_log_wanted(struct supervisor *s, const char *name)
{
	enum bindlog_sink sink = bindlog_sink_find(name);

	if (sink < BINDLOG_SINKS && is_on(s, sink))
		give(s, sink);
}

void query_log_wanted(struct supervisor *s)
{
	const struct conf_queries *q = &s->conf->log.queries;
	bool is_file = q->sinks & CONF_QUERIES_FILE;
	const char *path = is_file ? q->path : q->collector;

	if (!queries_are_on(s) || !s->roles[ROLE_RESOLVER])
		return;
	int fd = is_file ? open_path(path) : log_connect(path, SOCK_STREAM);

	if (fd < 0) {
		if (!s->is_query_log_faulty)
			log_warning(
				"query log: %s cannot be opened: %s; it is tried again", path, strerror(-fd));
		s->is_query_log_faulty = true;
		return;
	}
	if (s->is_query_log_faulty)
		log_info("query log: %s is open again", path);
	s->is_query_log_faulty = false;
	if (process_send(s->roles[ROLE_RESOLVER], CHANNEL_SINK, "queries", strlen("queries"), fd) < 0)
		log_debug("query log: the resolver does not take the descriptor; it asks again");
	close(fd);
}

void binding_log_reopen(struct supervisor *s)
{
	if (queries_go_to_file(s) && s->roles[ROLE_RESOLVER])
		query_log_wanted(s);
	if (is_on(s, BINDLOG_FILE) && s->roles[ROLE_TRANSLATOR])
		give(s, BINDLOG_FILE);
}
