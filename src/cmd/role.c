/*
 * role.c - what all roles have in common: hello, sandbox, requests, reload, goodbye
 *
 * A role is the same program started again as `isthmus role NAME`: a fresh address space that holds no secret
 * of the supervisor, with the standard descriptors and the channel only. Everything else comes with
 * CHANNEL_START. Whatever goes wrong before CHANNEL_READY ends the process with a line in the log; the
 * supervisor decides what then.
 *
 * When the supervisor is gone (the channel reads as ended), the role ends too: nobody could restart or reload
 * it, and the device and the sockets that it serves belong to the supervisor.
 *
 * The process ends by _exit(): it has nothing to flush, and LeakSanitizer, which needs ptrace(2) and files at
 * exit, cannot work inside the sandbox. Leaks of the modules are found by their unit tests.
 */
#include "cmd/role.h"

#include "base/log.h"
#include "base/random.h"
#include "ctl/channel.h"
#include "ctl/reply.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_TIMEOUT_MS 10000

struct role {
	const struct role_ops *ops;
	struct loop *loop;
	struct loop_watch *channel;
	struct channel_msg start; /* its descriptors stay open as long as the process */
	struct conf *conf;
	void *ctx;
	int status; /* exit status */
};

void role_refuse(struct loop *l, int fd, const char *fmt, ...)
{
	char why[256];
	struct reply *r;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (reply_start(l, fd, NULL, NULL, NULL, &r) == 0)
		reply_error(r, "%s", why);
}

/* parse_text() - make a struct conf of the text in a memory file; on failure @fault says why */
static int parse_text(int memfd, struct conf **ret, struct role_fault *fault)
{
	struct conf_errors errors = { 0 };
	char *text = NULL;
	size_t len;

	int err = channel_take_text(memfd, &text, &len);
	if (err < 0) {
		snprintf(fault->text, sizeof(fault->text), "the configuration cannot be read: %s",
			strerror(-err));
		return err;
	}
	err = conf_parse("effective configuration", text, len, ret, &errors);
	if (err < 0)
		snprintf(fault->text, sizeof(fault->text), "%s",
			errors.len > 0 ? errors.lines[0] : strerror(-err));
	conf_errors_fini(&errors);
	free(text);
	return err;
}

/* --- requests --- */

static const struct role_command *command_find(const struct role_ops *ops, const char *name)
{
	for (const struct role_command *c = ops->commands; c->name; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

/* dispatch() - find the command of a request and let it answer; @fd is taken over */
static void dispatch(struct role *r, const json_t *request, int fd)
{
	const char *name = json_string_value(json_object_get(request, "cmd"));
	const struct role_command *c = name ? command_find(r->ops, name) : NULL;
	json_t *args = json_object_get(request, "args");

	if (!c) {
		role_refuse(r->loop, fd, "the %s does not know the command \"%.64s\"", r->ops->name,
			name ? name : "");
		return;
	}
	if (args && !json_is_object(args)) {
		role_refuse(r->loop, fd, "args must be an object");
		return;
	}
	json_t *none = json_object();
	c->answer(r->ctx, args ? args : none, fd);
	json_decref(none);
}

static void on_request(struct role *r, struct channel_msg *m)
{
	json_t *request = json_loadb(m->payload, m->len, JSON_REJECT_DUPLICATES, NULL);

	if (m->fds_len != 1) {
		log_error("a request came with %u descriptors instead of one; ignored", m->fds_len);
	} else {
		dispatch(r, request, m->fds[0]);
		m->fds_len = 0;
	}
	json_decref(request);
}

/* --- reload, stop --- */

static int reload(struct role *r, const struct channel_msg *m, struct role_fault *fault)
{
	struct conf *c = NULL;
	int err = parse_text(m->fds[0], &c, fault);

	if (err < 0)
		return err;
	if (r->ops->renew)
		r->ops->renew(r->ctx, m->fds + 1, m->fds_len - 1);
	err = r->ops->reload(r->ctx, c, fault);
	if (err < 0) {
		conf_free(c);
		return err;
	}
	log_set_level(c->log.level);
	conf_free(r->conf);
	r->conf = c;
	return 0;
}

static void on_reload(struct role *r, struct channel_msg *m)
{
	struct role_fault fault = { "the request to reload came without a configuration" };
	int err = m->fds_len >= 1 ? reload(r, m, &fault) : -EBADMSG;
	const char *text = err < 0 ? fault.text : "";

	if (channel_send(CHANNEL_FD, CHANNEL_RELOADED, text, strlen(text), NULL, 0) < 0)
		log_warning("the supervisor does not take the answer to a reload");
}

/* A file that is of no use shows in the exit status. */
static void on_stop(struct role *r, struct channel_msg *m)
{
	if (r->ops->save && m->fds_len == 1 && r->ops->save(r->ctx, m->fds[0]) < 0)
		r->status = EXIT_FAILURE;
	if (r->ops->drain)
		r->ops->drain(r->ctx);
	else
		loop_stop(r->loop);
}

static void on_sink(struct role *r, struct channel_msg *m)
{
	if (!r->ops->take_sink || m->fds_len != 1)
		return;
	m->fds_len = 0;
	r->ops->take_sink(r->ctx, m->payload, m->fds[0]);
}

/* What a serving role does with a message; all other types are a fault of the supervisor. */
static void (*const on_message[CHANNEL_TYPE_COUNT])(struct role *r, struct channel_msg *m) = {
	[CHANNEL_RELOAD] = on_reload,
	[CHANNEL_REQUEST] = on_request,
	[CHANNEL_STOP] = on_stop,
	[CHANNEL_SINK] = on_sink,
};

static void message_close(struct channel_msg *m)
{
	for (unsigned i = 0; i < m->fds_len; i++)
		close(m->fds[i]);
	m->fds_len = 0;
}

static void on_channel(void *ctx, unsigned ready)
{
	struct role *r = ctx;
	struct channel_msg m;
	int err = channel_recv(CHANNEL_FD, &m);

	if (err == -EAGAIN)
		return;
	if (err < 0) {
		log_warning("the supervisor is gone (%s); stopping", strerror(-err));
		r->status = EXIT_FAILURE;
		loop_stop(r->loop);
		return;
	}
	if (on_message[m.type])
		on_message[m.type](r, &m);
	message_close(&m);
}

/* --- start --- */

/* wait_start() - the first message, which brings everything */
static int wait_start(struct channel_msg *ret)
{
	struct pollfd p = { .fd = CHANNEL_FD, .events = POLLIN };

	if (poll(&p, 1, START_TIMEOUT_MS) <= 0)
		return -ETIMEDOUT;
	int err = channel_recv(CHANNEL_FD, ret);
	if (err < 0)
		return err;
	return ret->type == CHANNEL_START && ret->fds_len >= 1 ? 0 : -EBADMSG;
}

static int enter_sandbox(const struct role_ops *ops, struct role_fault *fault)
{
	const char *step = "";
	int err = sandbox_enter(ops->sandbox, ROLE_USER, &step);

	if (err < 0)
		snprintf(fault->text, sizeof(fault->text), "the sandbox cannot be entered: %s: %s", step,
			strerror(-err));
	return err;
}

static int open_log(struct role *r)
{
	if (log_open(r->ops->name, r->conf->log.level, r->conf->log.sinks) < 0)
		log_warning("the journal cannot be reached; logging goes on without it");
	return 0;
}

static int start(struct role *r, struct role_fault *fault)
{
	int err = parse_text(r->start.fds[0], &r->conf, fault);

	if (err < 0)
		return err;
	err = open_log(r);
	if (err < 0)
		return err;
	struct role_start s = {
		.loop = r->loop, .conf = r->conf, .fds = r->start.fds + 1, .fds_len = r->start.fds_len - 1
	};
	return r->ops->start(&s, &r->ctx, fault);
}

/* serve() - from a started role to a serving one, inside the sandbox */
static int serve(struct role *r, struct role_fault *fault)
{
	int err = enter_sandbox(r->ops, fault);

	if (err == 0 && r->ops->serve)
		err = r->ops->serve(r->ctx, fault);
	if (err < 0)
		return err;
	err = loop_watch_fd(r->loop, CHANNEL_FD, LOOP_READ, on_channel, r, &r->channel);
	if (err == 0)
		err = channel_send(CHANNEL_FD, CHANNEL_READY, NULL, 0, NULL, 0);
	if (err < 0)
		snprintf(fault->text, sizeof(fault->text),
			"the supervisor cannot be told that all is ready: %s", strerror(-err));
	return err;
}

/* seed_json() - seed jansson's tables now: left alone, it would open /dev/urandom at the first request */
static int seed_json(void)
{
	size_t seed;
	int err = random_seed(&seed, sizeof(seed));

	if (err == 0)
		json_object_seed(seed | 1); /* 0 means "find one yourself" */
	return err;
}

static int live(struct role *r, struct role_fault *fault)
{
	int err = start(r, fault);

	if (err < 0)
		return err;
	err = serve(r, fault);
	if (err == 0)
		err = loop_run(r->loop);
	r->ops->stop(r->ctx);
	return err;
}

int role_main(const struct role_ops *ops)
{
	struct role r = { .ops = ops };
	struct role_fault fault = { "" };

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT,
		SIG_IGN); /* a terminal's interrupt goes to all; the supervisor stops us in its own order */
	signal(SIGHUP, SIG_IGN);
	if (log_open(ops->name, LOG_LEVEL_INFO, LOG_TO_STDERR) < 0)
		_exit(EXIT_FAILURE);
	int err = wait_start(&r.start);
	if (err < 0) {
		log_error("no start message on descriptor %d (%s): a role is started by `isthmus run` only",
			CHANNEL_FD, strerror(-err));
		_exit(EXIT_FAILURE);
	}
	err = seed_json();
	if (err == 0)
		err = loop_new(&r.loop);
	if (err == 0)
		err = live(&r, &fault);
	if (err < 0)
		log_error("%s; this process ends", fault.text[0] ? fault.text : strerror(-err));
	_exit(err < 0 ? EXIT_FAILURE : r.status);
}
