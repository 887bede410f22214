/*
 * role_monitor.c - the process that serves metrics and the status page over HTTP
 *
 * It gets one listening socket. What the pages show it asks the supervisor for, over its channel: a
 * CHANNEL_REQUEST is a control client's line and one end of a connection for the answer. It may ask for
 * figures, and for nothing else; who talks to whom never passes through here.
 *
 * This process reads what strangers send, if the operator lets strangers at it, and holds nothing: without it
 * everything works but the pages, and when it dies the next one has lost nothing.
 */
#include "cmd/role.h"

#include "cmd/collector.h"
#include "cmd/http_server.h"
#include "cmd/prometheus.h"
#include "cmd/status_page.h"
#include "ctl/channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A request that waits for figures, and how its page is written. */
struct waiting {
	struct http_exchange *exchange;
	int (*print)(const struct snapshot *s, FILE *to);
};

struct monitor {
	struct http_server *server;
	struct collector *collector;
	struct waiting waiting[HTTP_CONNECTIONS_MAX];
	unsigned waiting_len;
};

static int ask_supervisor(void *ctx, const char *line, size_t len, int fd)
{
	return channel_send(CHANNEL_FD, CHANNEL_REQUEST, line, len, &fd, 1);
}

/* answer() - write a page and send it; without memory the client is told to come back */
static void answer(const struct waiting *w, const struct snapshot *s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	int err = to ? w->print(s, to) : -ENOMEM;

	if (to && ferror(to))
		err = -ENOMEM;
	if (to && fclose(to) != 0)
		err = -ENOMEM;
	if (err < 0)
		page_refuse(w->exchange);
	else
		page_reply(w->exchange, text, len);
	free(text);
}

static void on_figures(void *ctx, const struct snapshot *s)
{
	struct monitor *m = ctx;

	while (m->waiting_len > 0)
		answer(&m->waiting[--m->waiting_len], s);
}

static void wait_figures(
	struct monitor *m, struct http_exchange *x, int (*print)(const struct snapshot *s, FILE *to))
{
	/* There are no more exchanges than places: each is a connection, and has one request. */
	m->waiting[m->waiting_len++] = (struct waiting){ x, print };
	collector_ask(m->collector);
}

static void serve_metrics(void *ctx, struct http_exchange *x)
{
	wait_figures(ctx, x, prometheus_print);
}

static void serve_status_page(void *ctx, struct http_exchange *x)
{
	wait_figures(ctx, x, status_page_print);
}

static const struct http_page pages[] = {
	{ "/metrics", PROMETHEUS_TYPE, serve_metrics },
	{ "/", STATUS_PAGE_TYPE, serve_status_page },
	{ NULL, NULL, NULL },
};

static void monitor_stop(void *ctx)
{
	struct monitor *m = ctx;

	page_server_free(m->server);
	collector_free(m->collector);
	free(m);
}

static int monitor_start(const struct role_start *s, void **ret_ctx, struct role_fault *fault)
{
	if (s->fds_len != 1) {
		snprintf(fault->text, sizeof(fault->text),
			"%u sockets came with the start message instead of one", s->fds_len);
		return -EBADMSG;
	}
	struct monitor *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	struct collector_plan plan = {
		.wants = {
			[SNAPSHOT_SUPERVISOR] = true,
			[SNAPSHOT_TRANSLATOR] = conf_has_translator(s->conf),
			[SNAPSHOT_RESOLVER] = s->conf->has_dns64,
			[SNAPSHOT_RELAY] = s->conf->has_relay,
			[SNAPSHOT_TUNNEL] = s->conf->has_tunnel,
		},
		.ask = ask_supervisor,
		.done = on_figures,
		.ctx = m,
	};
	int err = collector_new(s->loop, &plan, &m->collector);
	if (err == 0)
		err = page_server_new(s->loop, s->fds[0], pages, m, &m->server);
	if (err < 0) {
		monitor_stop(m);
		return err;
	}
	*ret_ctx = m;
	return 0;
}

/* Nothing that concerns this role can change without a restart. */
static int monitor_reload(void *ctx, const struct conf *c, struct role_fault *fault)
{
	return 0;
}

static const struct role_command commands[] = {
	{ NULL, NULL },
};

int role_monitor_main(void)
{
	static const struct role_ops ops = {
		.name = "monitor",
		.sandbox = SANDBOX_MONITOR,
		.start = monitor_start,
		.reload = monitor_reload,
		.stop = monitor_stop,
		.commands = commands,
	};

	return role_main(&ops);
}
