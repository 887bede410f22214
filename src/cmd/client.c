/* client.c - a question to the daemon, its rows, and what to say when there is no answer */
#include "cmd/client.h"

#include "base/bytes.h"
#include "conf/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_DEFAULT "/run/isthmus/control.sock"
#define SILENCE_S 35 /* longer than the daemon's own patience */

/* --- which socket --- */

/* socket_of_file() - the socket that a configuration file names; empty if the file cannot be used */
static int socket_of_file(const char *file, char *ret, size_t size)
{
	struct conf_errors errors = { 0 };
	struct conf *c = NULL;
	int err = conf_load(file, &c, &errors);

	if (err == 0)
		text_copy(ret, size, c->control.socket);
	else
		for (unsigned i = 0; i < errors.len; i++)
			fprintf(stderr, "%s\n", errors.lines[i]);
	conf_errors_fini(&errors);
	conf_free(c);
	return err;
}

int client_socket(const struct options *o, const char **ret)
{
	static char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	const char *file = o->value[OPTION_CONFIG];

	if (option_is_set(o, OPTION_SOCKET)) {
		*ret = o->value[OPTION_SOCKET];
		return STATUS_OK;
	}
	if (file && socket_of_file(file, path, sizeof(path)) < 0)
		return STATUS_USAGE;
	/* A default file that cannot be read (not every user may) or is being edited is no reason to give up.
	 */
	if (!file && (access(CONFIG_PATH_DEFAULT, R_OK) < 0 ||
			     socket_of_file(CONFIG_PATH_DEFAULT, path, sizeof(path)) < 0))
		text_copy(path, sizeof(path), SOCKET_DEFAULT);
	*ret = path;
	return STATUS_OK;
}

/* --- connecting --- */

/* Why connect() failed, in the user's words; each has the path as its one argument. */
static const struct {
	int err;
	const char *before, *after;
} connect_faults[] = {
	{ ENOENT, "isthmus is not running (no ", "): start it with `isthmus run`" },
	{ ECONNREFUSED, "isthmus is not running (nobody listens on ", "): start it with `isthmus run`" },
	{ EACCES, "no permission to open ", ": be root, or a member of the group isthmus" },
	{ ENOTDIR, "isthmus is not running (no ", "): start it with `isthmus run`" },
};

static void explain_connect(const char *path, int err, char *why, size_t size)
{
	for (size_t i = 0; i < ARRAY_LEN(connect_faults); i++) {
		if (connect_faults[i].err == err) {
			snprintf(
				why, size, "%s%s%s", connect_faults[i].before, path, connect_faults[i].after);
			return;
		}
	}
	snprintf(why, size, "%s cannot be reached: %s", path, strerror(err));
}

/* connect_to() - a connection, or -1 with @why filled */
static int connect_to(const char *path, char *why, size_t size)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = SILENCE_S };

	if (!text_copy(at.sun_path, sizeof(at.sun_path), path)) {
		snprintf(why, size, "the path of the control socket is too long: %s", path);
		return -1;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		snprintf(why, size, "no socket: %s", strerror(errno));
		return -1;
	}
	if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
		explain_connect(path, errno, why, size);
		close(fd);
		return -1;
	}
	/* Without these limits a daemon that hangs would hang us; that they cannot be set is no reason to
	 * stop. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		fprintf(stderr, "isthmus: no time limit can be set: %s\n", strerror(errno));
	return fd;
}

static bool send_question(int fd, const struct question *q)
{
	json_t *request = json_pack("{s:s, s:s}", "cmd", q->cmd, "role", q->role);

	if (request && q->args)
		json_object_set(request, "args", q->args);
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	json_decref(request);
	if (!text)
		return false;
	size_t len = strlen(text);
	text[len] = '\n'; /* in the place of the terminating zero */
	bool is_sent = send(fd, text, len + 1, MSG_NOSIGNAL) == (ssize_t)(len + 1);
	free(text);
	return is_sent;
}

/* --- rows --- */

/* take_line() - one line of the answer; false if it was the last, with *ret set */
static bool take_line(
	const struct question *q, const char *line, enum client_answer *ret, char *why, size_t size)
{
	json_t *row = json_loads(line, 0, NULL);
	const char *error = json_string_value(json_object_get(row, "error"));
	bool is_last = true;

	if (!json_is_object(row)) {
		*ret = CLIENT_FAILED;
		snprintf(why, size, "the daemon's answer makes no sense");
	} else if (error) {
		*ret = CLIENT_REFUSED;
		snprintf(why, size, "%s", error);
	} else if (json_is_true(json_object_get(row, "end"))) {
		*ret = CLIENT_COMPLETE;
	} else {
		q->row(q->ctx, row, line);
		is_last = false;
	}
	json_decref(row);
	return !is_last;
}

/* read_on() - read the connection; whoever was stopped and goes on (SIGCONT) is interrupted even without a handler,
 * because of the time limit (signal(7)) */
static ssize_t read_on(void *ctx, char *buf, size_t size)
{
	const int *fd = ctx;
	ssize_t n;

	do
		n = recv(*fd, buf, size, 0);
	while (n < 0 && errno == EINTR);
	return n;
}

static enum client_answer take_answer(int fd, const struct question *q, char *why, size_t size)
{
	enum client_answer answer = CLIENT_FAILED;
	char *line = NULL;
	size_t room = 0;
	ssize_t n = -1;
	FILE *f = fopencookie(&fd, "r", (cookie_io_functions_t){ .read = read_on });

	if (!f) {
		close(fd);
		snprintf(why, size, "out of memory");
		return CLIENT_FAILED;
	}
	snprintf(why, size, "the answer was cut: the daemon stopped, or was too busy");
	while ((n = getline(&line, &room, f)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (!take_line(q, line, &answer, why, size))
			break;
	}
	free(line);
	fclose(f);
	close(fd);
	return answer;
}

enum client_answer client_ask(const char *path, const struct question *q, char *ret_why, size_t why_size)
{
	int fd = connect_to(path, ret_why, why_size);

	if (fd < 0)
		return CLIENT_FAILED;
	/* A daemon that refuses us closes before it has read the question; its answer, which says why, is there then. */
	bool is_sent = send_question(fd, q);
	enum client_answer answer = take_answer(fd, q, ret_why, why_size);

	if (!is_sent && answer == CLIENT_FAILED)
		snprintf(ret_why, why_size, "the daemon does not take the question");
	return answer;
}

void client_print_row(void *ctx, const json_t *row, const char *line)
{
	puts(line);
}

int client_complain(const char *why)
{
	fprintf(stderr, "isthmus: %s\n", why);
	return STATUS_FAILED;
}

const char *row_text(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "";
}

double row_real(const json_t *row, const char *key)
{
	return json_number_value(json_object_get(row, key));
}

unsigned long long row_count(const json_t *row, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(row, key));

	return v > 0 ? (unsigned long long)v : 0;
}
