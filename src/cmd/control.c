/*
 * control.c - the control socket: who asks, for what, and who answers (docs/control.md)
 *
 * Purpose. The operator's tools ask here. This process only reads one bounded line per connection and looks
 * at two words of it; long answers are made by the roles, to which the connection itself is handed.
 *
 * Structure. @struct_control owns the listening socket and a list of @struct_client: connections whose line
 * has not arrived yet. A client is: reading -> refused (an error line), answered here (status, reload), or
 * handed over. It is forgotten, its descriptor with it, as soon as it is one of these.
 *
 * Rights. The kernel says who connected (SO_PEERCRED, SO_PEERGROUPS); @rights_of is the whole policy, and a
 * command that changes something is marked in @request_kinds. Unknown commands are refused here. The monitor
 * asks over its channel (control_request()): figures only, and not often, since strangers talk to it.
 *
 * Limits. CLIENTS_MAX connections that have not said anything yet, LINE_BYTES per line, READ_TIMEOUT to say
 * it.
 *
 * The socket is mode 0660 and of group isthmus, if there is one. A socket file that nobody listens on is a
 * leftover and replaced; one that somebody listens on means that another gateway runs, and this one does not
 * start.
 */
#include "cmd/supervisor.h"

#include "base/bytes.h"
#include "base/log.h"
#include "ctl/reply.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX 64
#define LINE_BYTES 4096
#define READ_TIMEOUT (5 * NSEC)
#define GROUPS_MAX 256
#define GROUP "isthmus"
#define BACKLOG 64
#define MONITOR_REQUESTS 32 /* per second; a client that does not read lives 30 s, so fewer than 1024 do */

enum rights {
	RIGHTS_NONE,
	RIGHTS_FIGURES, /* sums and counts, nothing about who talks to whom */
	RIGHTS_LOOK,
	RIGHTS_ALL
};

struct client {
	struct control *control;
	struct client *next;
	int fd; /* owned; -1 once somebody else owns it */
	enum rights rights;
	struct loop_watch *readable, *deadline;
	size_t len;
	char line[LINE_BYTES + 1]; /* one more than allowed, to see that it is too long */
};

struct control {
	struct supervisor *s;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	bool is_bound;	     /* the socket file is ours to remove */
	bool made_directory; /* and so is its directory */
	int fd;
	struct loop_watch *accepting;
	struct client *clients;
	unsigned clients_len;
	bool has_group;
	gid_t group;
	nsec asked_since; /* when the present second of the monitor's requests began */
	unsigned asked;	  /* its requests in it */
};

/* --- clients --- */

static void client_free(struct client *c)
{
	struct client **at = &c->control->clients;

	while (*at && *at != c)
		at = &(*at)->next;
	if (*at) {
		*at = c->next;
		c->control->clients_len--;
	}
	loop_unwatch(c->readable);
	loop_unwatch(c->deadline);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

/* client_reply() - begin to answer; the client is forgotten, the connection belongs to the reply */
static struct reply *client_reply(struct client *c, void (*done)(void *ctx), void *ctx)
{
	struct loop *l = c->control->s->loop;
	struct reply *r;
	int fd = c->fd;

	c->fd = -1;
	client_free(c);
	return reply_start(l, fd, NULL, done, ctx, &r) < 0 ? NULL : r;
}

static void client_refuse(struct client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void client_refuse(struct client *c, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	struct reply *r = client_reply(c, NULL, NULL);
	if (r)
		reply_error(r, "%s", why);
}

/* --- what the supervisor itself answers --- */

static void answer_status(struct client *c)
{
	struct supervisor *s = c->control->s;
	struct reply *r = client_reply(c, NULL, NULL);

	if (!r)
		return;
	reply_row(r, supervisor_status_row(s));
	reply_end(r);
}

/* The configuration in force, as text that can be read back. */
static json_t *config_row(const struct supervisor *s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int err = f ? conf_print(s->conf, f) : -ENOMEM;

	if (f && fclose(f) != 0)
		err = -ENOMEM;
	json_t *row = err == 0 ? json_pack("{s:s}", "yaml", text) : NULL;

	free(text);
	return row;
}

static void answer_config(struct client *c)
{
	struct supervisor *s = c->control->s;
	struct reply *r = client_reply(c, NULL, NULL);

	if (!r)
		return;
	reply_row(r, config_row(s));
	reply_end(r);
}

/* Who asked for a reload; lives as long as the connection, which may be longer than the reload. */
struct asker {
	struct supervisor *s;
	struct reply *reply;
};

static void on_asker_gone(void *ctx)
{
	struct asker *a = ctx;

	reload_gone(a->s, a->reply);
	free(a);
}

static void answer_reload(struct client *c)
{
	struct supervisor *s = c->control->s;

	if (s->reload) {
		client_refuse(c, "another reload is under way; try again in a moment");
		return;
	}
	struct asker *a = calloc(1, sizeof(*a));
	if (!a) {
		client_refuse(c, "out of memory");
		return;
	}
	a->s = s;
	a->reply = client_reply(c, on_asker_gone, a);
	if (a->reply)
		reload_begin(s, a->reply);
	else
		free(a);
}

/* --- requests --- */

/* Every command there is. One without `answer` goes to the role that the request names. */
static const struct request_kind {
	const char *name;
	enum rights needs;
	bool for_roles;
	void (*answer)(struct client *c); /* the supervisor's own */
} request_kinds[] = {
	{ "status", RIGHTS_FIGURES, true, answer_status },
	{ "sessions", RIGHTS_LOOK, true, NULL },
	{ "bib", RIGHTS_LOOK, true, NULL },
	{ "pool", RIGHTS_LOOK, true, NULL },
	{ "who", RIGHTS_LOOK, true, NULL },
	{ "trace", RIGHTS_LOOK, true, NULL },
	{ "lookup", RIGHTS_LOOK, true, NULL },
	{ "cache", RIGHTS_LOOK, true, NULL },
	{ "dns46", RIGHTS_LOOK, true, NULL },
	{ "relay", RIGHTS_LOOK, true, NULL },
	{ "flush", RIGHTS_ALL, true, NULL },
	{ "counters", RIGHTS_FIGURES, true, NULL },
	{ "config", RIGHTS_LOOK, false, answer_config },
	{ "reload", RIGHTS_ALL, false, answer_reload },
};

static const struct request_kind *kind_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(request_kinds); i++) {
		if (strcmp(request_kinds[i].name, name) == 0)
			return &request_kinds[i];
	}
	return NULL;
}

static const struct {
	const char *name, *section;
	enum role_id id;
} roles[] = {
	{ "translator", "nat64", ROLE_TRANSLATOR },
	{ "resolver", "dns64", ROLE_RESOLVER },
	{ "relay", "relay", ROLE_RELAY },
	{ "tunnel", "tunnel", ROLE_TUNNEL },
};

/* hand_over() - give the connection to a role, which answers */
static void hand_over(struct client *c, const char *role)
{
	struct supervisor *s = c->control->s;
	size_t i = 0;

	while (i < ARRAY_LEN(roles) && strcmp(roles[i].name, role) != 0)
		i++;
	if (i == ARRAY_LEN(roles)) {
		client_refuse(c,
			"there is no role \"%.64s\": the roles are supervisor, translator, resolver, "
			"relay and tunnel",
			role);
		return;
	}
	struct process *p = s->roles[roles[i].id];
	if (!p) {
		client_refuse(c, "the %s is switched off: the configuration has no %s section", role,
			roles[i].section);
		return;
	}
	int err = process_send(p, CHANNEL_REQUEST, c->line, c->len, c->fd);
	if (err < 0)
		client_refuse(c, "the %s cannot answer now: %s", role,
			err == -EAGAIN ? "too many requests are waiting" : "it is being started");
	else
		client_free(c); /* closes our copy of the connection */
}

static void dispatch(struct client *c, const char *name, const char *role)
{
	const struct request_kind *k = kind_find(name);
	bool is_ours = strcmp(role, "supervisor") == 0;

	if (!k)
		client_refuse(c, "there is no command \"%.64s\"", name);
	else if (k->needs > c->rights && k->needs == RIGHTS_ALL)
		client_refuse(c, "only root and the user that runs the daemon may %s", name);
	else if (k->needs > c->rights)
		client_refuse(c, "only figures are for this client, not %s", name);
	else if (!is_ours && k->for_roles)
		hand_over(c, role);
	else if (is_ours && k->answer)
		k->answer(c);
	else
		client_refuse(c, "the command \"%s\" is not for the role \"%.64s\"", name, role);
}

static void on_line(struct client *c)
{
	json_t *request = json_loadb(c->line, c->len, JSON_REJECT_DUPLICATES, NULL);
	const char *name = json_string_value(json_object_get(request, "cmd"));
	const char *role = json_string_value(json_object_get(request, "role"));

	if (name && role)
		dispatch(c, name, role);
	else
		client_refuse(
			c, "a request is one line, a JSON object with the strings \"cmd\" and \"role\"");
	json_decref(request);
}

static void on_readable(void *ctx, unsigned ready)
{
	struct client *c = ctx;
	ssize_t n = recv(c->fd, c->line + c->len, sizeof(c->line) - c->len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_free(c);
		return;
	}
	c->len += (size_t)n;
	const char *end = memchr(c->line, '\n', c->len);
	if (end && end != c->line + c->len - 1) {
		client_refuse(c, "one request per connection, and nothing after it");
	} else if (end) {
		c->len--;
		on_line(c);
	} else if (c->len > LINE_BYTES) {
		client_refuse(c, "a request is at most %d bytes", LINE_BYTES);
	}
}

static void on_deadline(void *ctx)
{
	client_refuse(ctx, "no request within %d s", (int)(READ_TIMEOUT / NSEC));
}

/* --- who is there --- */

static bool is_in_group(int fd, gid_t primary, gid_t wanted)
{
	gid_t groups[GROUPS_MAX];
	socklen_t size = sizeof(groups);

	if (primary == wanted)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (size_t i = 0; i < size / sizeof(groups[0]); i++) {
		if (groups[i] == wanted)
			return true;
	}
	return false;
}

/* rights_of() - what the one at the other end may do, as docs/control.md says */
static enum rights rights_of(const struct control *k, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return RIGHTS_NONE;
	if (peer.uid == 0 || peer.uid == geteuid())
		return RIGHTS_ALL;
	return k->has_group && is_in_group(fd, peer.gid, k->group) ? RIGHTS_LOOK : RIGHTS_NONE;
}

/* client_make() - take a connection that is not listened to yet; on failure it is closed */
static struct client *client_make(struct control *k, int fd, enum rights rights)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return NULL;
	}
	c->control = k;
	c->fd = fd;
	c->rights = rights;
	c->next = k->clients;
	k->clients = c;
	k->clients_len++;
	return c;
}

/* client_new() - take a connection, and listen to it; on failure it is closed */
static struct client *client_new(struct control *k, int fd)
{
	struct client *c = client_make(k, fd, rights_of(k, fd));

	if (!c)
		return NULL;
	if (loop_watch_timer(k->s->loop, on_deadline, c, &c->deadline) < 0 ||
		loop_watch_fd(k->s->loop, fd, LOOP_READ, on_readable, c, &c->readable) < 0) {
		client_free(c);
		return NULL;
	}
	loop_timer_set(c->deadline, READ_TIMEOUT);
	return c;
}

static void on_connection(void *ctx, unsigned ready)
{
	struct control *k = ctx;
	int fd = accept4(k->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (k->clients_len == CLIENTS_MAX) {
		close(fd);
		return;
	}
	struct client *c = client_new(k, fd);
	if (c && c->rights == RIGHTS_NONE)
		client_refuse(c, "only root, the user that runs the daemon and the group " GROUP " may ask");
}

/* --- the monitor --- */

/* A stream to write rows to, and not some other descriptor that one who took the monitor over might try. */
static bool is_connection(int fd)
{
	int domain = 0, type = 0;
	socklen_t size = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/* may_ask() - whether the monitor has not asked too often */
static bool may_ask(struct control *k)
{
	nsec now = clock_now();

	if (now - k->asked_since >= NSEC) {
		k->asked_since = now;
		k->asked = 0;
	}
	return k->asked++ < MONITOR_REQUESTS;
}

void control_request(struct control *k, const char *line, size_t len, int fd)
{
	bool is_fit = len <= LINE_BYTES && is_connection(fd) && may_ask(k);
	struct client *c = is_fit ? client_make(k, fd, RIGHTS_FIGURES) : NULL;

	if (!is_fit)
		close(fd);
	if (!c)
		return;
	bytes_copy(c->line, line, len);
	c->len = len;
	on_line(c);
}

/* --- the socket --- */

/* is_answered() - whether somebody listens on the socket file */
static bool is_answered(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return false;
	bool result = connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 || errno == EAGAIN;
	close(fd);
	return result;
}

/* remove_leftover() - remove a socket file that nobody listens on; -EADDRINUSE if somebody does */
static int remove_leftover(const struct sockaddr_un *at)
{
	struct stat st;

	if (lstat(at->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode)) {
		log_error("%s is in the way: it is not a socket", at->sun_path);
		return -EEXIST;
	}
	if (is_answered(at)) {
		log_error("isthmus is running already: something answers on %s (`isthmus status` shows it)",
			at->sun_path);
		return -EADDRINUSE;
	}
	return unlink(at->sun_path) < 0 ? -errno : 0;
}

static int make_directory(struct control *k)
{
	char copy[sizeof(k->path)];

	if (!text_copy(copy, sizeof(copy), k->path))
		return -ENAMETOOLONG;
	if (mkdir(dirname(copy), 0755) == 0) {
		k->made_directory = true;
		return 0;
	}
	return errno == EEXIST ? 0 : -errno;
}

/* open_to_group() - let the group isthmus in, if there is one */
static int open_to_group(struct control *k)
{
	const struct group *g = getgrnam(GROUP);

	if (g && chown(k->path, (uid_t)-1, g->gr_gid) == 0) {
		k->has_group = true;
		k->group = g->gr_gid;
	}
	return chmod(k->path, 0660) < 0 ? -errno : 0;
}

static int bind_socket(struct control *k, const struct sockaddr_un *at)
{
	mode_t old = umask(0177); /* nobody gets in before open_to_group() */
	int err = bind(k->fd, (const struct sockaddr *)at, sizeof(*at)) < 0 ? -errno : 0;

	umask(old);
	if (err < 0)
		return err;
	k->is_bound = true;
	err = open_to_group(k);
	if (err < 0)
		return err;
	return listen(k->fd, BACKLOG) < 0 ? -errno : 0;
}

static int open_socket(struct control *k)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (!text_copy(at.sun_path, sizeof(at.sun_path), k->path))
		return -ENAMETOOLONG;
	int err = make_directory(k);
	if (err == 0)
		err = remove_leftover(&at);
	if (err < 0)
		return err;
	k->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (k->fd < 0)
		return -errno;
	err = bind_socket(k, &at);
	if (err < 0)
		return err;
	return loop_watch_fd(k->s->loop, k->fd, LOOP_READ, on_connection, k, &k->accepting);
}

int control_new(struct supervisor *s, struct control **ret)
{
	struct control *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->s = s;
	k->fd = -1;
	int err =
		text_copy(k->path, sizeof(k->path), s->conf->control.socket) ? open_socket(k) : -ENAMETOOLONG;
	if (err < 0) {
		if (err != -EADDRINUSE && err != -EEXIST) /* those two have had their sentence */
			log_error("%s cannot be opened: %s", s->conf->control.socket, strerror(-err));
		control_free(k);
		return err;
	}
	*ret = k;
	return 0;
}

void control_free(struct control *k)
{
	if (!k)
		return;
	while (k->clients)
		client_free(k->clients);
	loop_unwatch(k->accepting);
	if (k->fd >= 0)
		close(k->fd);
	if (k->is_bound)
		unlink(k->path);
	if (k->made_directory)
		rmdir(dirname(k->path));
	free(k);
}
