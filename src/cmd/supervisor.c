/*
 * supervisor.c - the daemon's first process: it holds what needs root, and keeps the roles alive
 *
 * Purpose. `isthmus run` needs root for a handful of things: the TUN device, routes and sysctls, port 53, the
 * control socket. This process does them, hands the results to the roles as descriptors, and from then on
 * reads nothing that came from the network.
 *
 * Structure. @stages is the start-up: each stage has a name, a way up and a way down. It is walked forward
 * until the end or the first failure, and then what went up goes down in reverse; so an error at any point,
 * and a normal stop, leave the host as it was. Between up and down runs one event loop.
 *
 *	configuration -> log -> loop -> signals -> control socket -> DNS46 -> host -> XDP -> sockets -> saved sessions
 *	-> fast path -> roles
 *
 * The control socket comes before the host is touched, because it is also what tells a second `isthmus run`
 * that one is running already.
 *
 * Life cycle. Starting, until every role has said CHANNEL_READY (the service manager is told then); serving;
 * stopping, after SIGTERM or SIGINT: the roles are asked to finish, those that have not within STOP_PATIENCE
 * are killed (the translator, which saves its sessions then, within SAVE_PATIENCE); a second signal kills all at once. A role that dies before it was ever ready stops the whole start-up with status 1: the log has
 * its reason.
 *
 * Events. SIGCHLD: reap and restart (process.c). SIGHUP and `isthmus reload`: reload.c. Requests: control.c.
 *
 * If this process dies, the kernel ends the roles (PR_SET_PDEATHSIG, end of the channel); the device and its
 * routes go with the last descriptor.
 *
 * Not done: restarting itself, and reopening sockets at a reload, but for those of the relays (a changed listen address of
 * dns64 or control needs a restart).
 */
#include "cmd/supervisor.h"

#include "cmd/lent_memory.h"

#include "base/bytes.h"
#include "base/log.h"
#include "ctl/channel.h"
#include "state/owner.h"

#include <errno.h>
#include <libgen.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STOP_PATIENCE (3 * NSEC)
#define SAVE_PATIENCE (20 * NSEC) /* for tens of millions of sessions, or a slow disk */
#define RESOLV_CONF "/etc/resolv.conf"
#define NO_QUEUE_PROGRAM "ISTHMUS_NO_QUEUE_PROGRAM" /* in the environment; docs/host.md */

static const char *const role_names[ROLE_COUNT] = {
	[ROLE_TRANSLATOR] = "translator",
	[ROLE_RESOLVER] = "resolver",
	[ROLE_RELAY] = "relay",
	[ROLE_TUNNEL] = "tunnel",
	[ROLE_MONITOR] = "monitor",
};

int supervisor_config_fd(const struct supervisor *s, const struct conf *c)
{
	struct conf filled = *c;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return -ENOMEM;
	if (s->clat && c->has_clat)
		filled.clat = clat_fill(s->clat, &c->clat);
	if (!s->fastdns) /* then there is no table to write, either */
		filled.dns64.fastpath = DNS64_FASTPATH_OFF;
	int err = conf_print(&filled, f);
	if (fclose(f) != 0 && err == 0)
		err = -ENOMEM;
	if (err == 0)
		err = channel_text_fd(text, len);
	free(text);
	return err;
}

/* --- configuration and log --- */

static void print_errors(const struct conf_errors *e)
{
	for (unsigned i = 0; i < e->len; i++)
		fprintf(stderr, "%s\n", e->lines[i]);
}

static int read_conf(const char *path, struct conf **ret, struct conf_errors *errors)
{
	struct conf *c = NULL;
	int err = path ? conf_load(path, &c, errors) : conf_default(&c);

	if (err < 0)
		return err;
	err = conf_resolve(c, RESOLV_CONF, errors);
	if (err < 0) {
		conf_free(c);
		return err;
	}
	*ret = c;
	return 0;
}

static int conf_up(struct supervisor *s)
{
	struct conf_errors errors = { 0 };
	int err = read_conf(s->config_path, &s->conf, &errors);

	if (err < 0) {
		s->status = STATUS_USAGE;
		print_errors(&errors);
	} else {
		for (unsigned i = 0; i < s->conf->warnings.len; i++)
			log_warning("%s", s->conf->warnings.lines[i]);
	}
	conf_errors_fini(&errors);
	return err;
}

static void conf_down(struct supervisor *s)
{
	conf_free(s->conf);
	s->conf = NULL;
}

static int log_up(struct supervisor *s)
{
	if (log_open("supervisor", s->conf->log.level, s->conf->log.sinks) < 0)
		log_warning("the journal cannot be reached; logging goes on without it");
	log_info("isthmus %s starts with %s%s", ISTHMUS_VERSION,
		s->config_path ? "" : "the built-in configuration", s->config_path ? s->config_path : "");
	return 0;
}

static void log_down(struct supervisor *s)
{
	log_info("isthmus has stopped");
}

/* --- loop and signals --- */

static void begin_stop(struct supervisor *s)
{
	s->is_stopping = true;
	notify_send("STOPPING=1");
	loop_timer_set(s->patience, STOP_PATIENCE);
	int saving = state_file_begin(s);

	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (s->roles[i])
			process_stop(s->roles[i], i == ROLE_TRANSLATOR ? saving : -1);
	}
	if (saving >= 0)
		close(saving);
}

/* Those that run, but for @spared (ROLE_COUNT: nobody). */
static void kill_roles(struct supervisor *s, enum role_id spared)
{
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (s->roles[i] && i != spared)
			process_kill(s->roles[i]);
	}
}

/* others_have_stopped() - all but the translator, which saves its sessions */
static bool others_have_stopped(const struct supervisor *s)
{
	struct process_info info;

	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (!s->roles[i] || i == ROLE_TRANSLATOR)
			continue;
		process_info(s->roles[i], &info);
		if (info.state != PROCESS_STOPPED)
			return false;
	}
	return true;
}

static void on_patience_over(void *ctx)
{
	struct supervisor *s = ctx;

	bool spares_translator = s->saving[0] && !s->is_saving_late;

	if (!spares_translator || !others_have_stopped(s))
		log_warning("some role does not stop; killing it");
	kill_roles(s, spares_translator ? ROLE_TRANSLATOR : ROLE_COUNT);
	s->is_saving_late = spares_translator;
	if (spares_translator)
		loop_timer_set(s->patience, SAVE_PATIENCE - STOP_PATIENCE);
}

static void on_stop_signal(void *ctx, int signo)
{
	struct supervisor *s = ctx;

	if (s->is_stopping) {
		kill_roles(s, ROLE_COUNT);
		return;
	}
	log_info("stopping, because of SIG%s", sigabbrev_np(signo));
	begin_stop(s);
}

static void on_reload_signal(void *ctx, int signo)
{
	reload_begin(ctx, NULL);
}

static void on_child_signal(void *ctx, int signo)
{
	struct supervisor *s = ctx;

	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (s->roles[i])
			process_reap(s->roles[i]);
	}
}

static int loop_up(struct supervisor *s)
{
	int err = loop_new(&s->loop);

	return err < 0 ? err : loop_watch_timer(s->loop, on_patience_over, s, &s->patience);
}

static void loop_down(struct supervisor *s)
{
	loop_unwatch(s->patience);
	loop_free(s->loop);
}

static const struct {
	int signo;
	void (*fn)(void *ctx, int signo);
} signal_table[SIGNAL_WATCHES] = {
	{ SIGTERM, on_stop_signal },
	{ SIGINT, on_stop_signal },
	{ SIGHUP, on_reload_signal },
	{ SIGCHLD, on_child_signal },
};

static int signals_up(struct supervisor *s)
{
	signal(SIGPIPE, SIG_IGN);
	for (unsigned i = 0; i < SIGNAL_WATCHES; i++) {
		int err = loop_watch_signal(
			s->loop, signal_table[i].signo, signal_table[i].fn, s, &s->signals[i]);

		if (err < 0)
			return err;
	}
	return 0;
}

static void signals_down(struct supervisor *s)
{
	for (unsigned i = 0; i < SIGNAL_WATCHES; i++)
		loop_unwatch(s->signals[i]);
}

/* --- control socket, host, sockets --- */

static int control_up(struct supervisor *s)
{
	return control_new(s, &s->control);
}

static void control_down(struct supervisor *s)
{
	control_free(s->control);
	reload_free(s->reload);
}

void supervisor_run_path(const struct conf *c, const char *name, char *ret, size_t size)
{
	char copy[sizeof(c->control.socket)];

	(void)text_copy(copy, sizeof(copy), c->control.socket);
	snprintf(ret, size, "%s/%s", dirname(copy), name);
}

/* As many workers as processors that this process may use, but no more than the pool has blocks for. */
static unsigned workers_of(const struct conf *c)
{
	cpu_set_t set;
	unsigned n = c->workers;

	if (n == 0)
		n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
	if (n > HOST_QUEUES_MAX)
		n = HOST_QUEUES_MAX;
	return owners_fit(&c->nat64.state, n);
}

static void plan_clat(const struct supervisor *s, const struct conf_clat *c, struct plan_room *room)
{
	struct conf_clat filled = clat_fill(s->clat, c);
	bool has_uplink = strcmp(filled.uplink, CONF_INTERFACE_AUTO) != 0;

	room->clat = (struct host_clat){ .address = c->address,
		.has_ipv6 = !filled.ipv6.is_auto,
		.ipv6 = filled.ipv6.value,
		.nets = room->nets,
		.nets_len = c->lan_len };
	text_copy(room->clat.uplink, sizeof(room->clat.uplink), has_uplink ? filled.uplink : "");
	for (unsigned i = 0; i < c->lan_len; i++)
		room->nets[i] = c->lan[i].v6;
}

struct host_plan supervisor_host_plan(
	const struct supervisor *s, const struct conf *c, struct plan_room *room)
{
	struct host_plan plan = {
		.device = HOST_DEVICE_DEFAULT, .nat64 = &c->nat64, .journal = room->journal
	};

	plan.queues = workers_of(c);
	plan.without_queue_program = getenv(NO_QUEUE_PROGRAM) != NULL;
	plan.coalesce = (struct coalesce_plan){ c->udp_gro, c->gro_wait_us };
	supervisor_run_path(c, "host.journal", room->journal, sizeof(room->journal));
	if (s->clat && c->has_clat) {
		plan_clat(s, &c->clat, room);
		plan.clat = &room->clat;
	}
	return plan;
}

/* Lives as long as this process, so that a role that is started again finds what was lent before. */
static int lent_table_up(struct supervisor *s)
{
	if (!s->conf->has_dns46)
		return 0;
	int fd = lent_memory_make(s->conf->nat64.siit.lent_pool);

	if (fd < 0)
		return fd;
	s->lent_table = fd;
	return 0;
}

static void lent_table_down(struct supervisor *s)
{
	if (s->lent_table > 0)
		close(s->lent_table);
	s->lent_table = 0;
}

static int clat_up(struct supervisor *s)
{
	return s->conf->has_clat ? clat_follow_new(s, &s->clat) : 0;
}

static void clat_down(struct supervisor *s)
{
	clat_follow_free(s->clat);
	s->clat = NULL;
}

static int host_stage_up(struct supervisor *s)
{
	char fault[512] = "";
	struct plan_room room;
	struct host_plan plan = supervisor_host_plan(s, s->conf, &room);
	int *fds = s->fds[ROLE_TRANSLATOR];

	if (!conf_has_translator(s->conf))
		return 0;
	int err = host_up(&plan, &s->host, fault, sizeof(fault));
	if (err < 0) {
		log_error("%s", fault);
		return err;
	}
	unsigned len = plan.queues;

	for (unsigned i = 0; i < len; i++)
		fds[i] = host_queue(s->host, i);
	if (host_words(s->host) >= 0)
		fds[len++] = host_words(s->host);
	if (s->clat) {
		clat_follow_sockets(s->clat, fds + len);
		len += 2;
	}
	if (s->lent_table > 0)
		fds[len++] = s->lent_table;
	s->fds_len[ROLE_TRANSLATOR] = len;
	if (plan.queues < s->conf->workers)
		log_info("the pool has port blocks for %u workers, %u were asked for", plan.queues,
			s->conf->workers);
	return 0;
}

static void host_stage_down(struct supervisor *s)
{
	host_down(s->host);
}

static int sockets_up(struct supervisor *s)
{
	if (!s->conf->has_dns64)
		return 0;
	return dns_sockets_open(s);
}

static int metrics_up(struct supervisor *s)
{
	int err = metrics_socket_open(s);

	if (err < 0 || !s->has_metrics_socket)
		return err;
	s->fds[ROLE_MONITOR][0] = s->metrics_socket;
	s->fds_len[ROLE_MONITOR] = 1;
	return 0;
}

/* Descriptors go to the translator as it asks for them; nothing is kept here. */
static void binding_log_down(struct supervisor *s)
{
}

/* --- roles --- */

static int role_config_fd(void *ctx)
{
	struct supervisor *s = ctx;

	return supervisor_config_fd(s, s->conf);
}

/* roles_are() - whether every role that exists is in this state */
static bool roles_are(const struct supervisor *s, enum process_state state)
{
	struct process_info info;

	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (!s->roles[i])
			continue;
		process_info(s->roles[i], &info);
		if (info.state != state)
			return false;
	}
	return true;
}

static bool has_failed_role(const struct supervisor *s)
{
	struct process_info info;

	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (!s->roles[i])
			continue;
		process_info(s->roles[i], &info);
		if (info.state == PROCESS_FAILED)
			return true;
	}
	return false;
}

static void on_role_changed(void *ctx)
{
	struct supervisor *s = ctx;

	if (s->is_stopping) {
		state_file_end(s);
		if (roles_are(s, PROCESS_STOPPED))
			loop_stop(s->loop);
		return;
	}
	state_file_taken(s);
	reload_changed(s);
	fastdns_settle(s);
	if (s->clat)
		clat_follow_ready(s->clat);
	if (has_failed_role(s)) {
		s->status = STATUS_FAILED;
		begin_stop(s);
		return;
	}
	if (!s->is_ready && roles_are(s, PROCESS_READY)) {
		s->is_ready = true;
		log_info("isthmus is ready");
		notify_send("READY=1");
	}
}

static void on_role_reloaded(void *ctx, const char *name, const char *fault)
{
	if (strcmp(name, role_names[ROLE_RESOLVER]) == 0)
		fastdns_taken(ctx);
	reload_answered(ctx, name, fault);
}

static void on_role_requested(void *ctx, const char *line, size_t len, int fd)
{
	struct supervisor *s = ctx;

	control_request(s->control, line, len, fd);
}

static void on_sink_wanted(void *ctx, const char *name)
{
	binding_log_wanted(ctx, name);
}

static void on_query_log_wanted(void *ctx, const char *name)
{
	query_log_wanted(ctx);
}

static int role_new(struct supervisor *s, enum role_id id)
{
	void (*const wanted[ROLE_COUNT])(void *ctx, const char *name) = {
		[ROLE_TRANSLATOR] = on_sink_wanted,
		[ROLE_RESOLVER] = on_query_log_wanted,
	};
	struct process_plan plan = {
		.name = role_names[id],
		.fds = s->fds[id],
		.fds_len = s->fds_len[id],
		.config_fd = role_config_fd,
		.changed = on_role_changed,
		.reloaded = on_role_reloaded,
		.requested = id == ROLE_MONITOR ? on_role_requested : NULL,
		.sink_wanted = wanted[id],
		.ctx = s,
	};

	return process_new(s->loop, &plan, &s->roles[id]);
}

static int roles_up(struct supervisor *s)
{
	const bool wanted[ROLE_COUNT] = {
		[ROLE_TRANSLATOR] = conf_has_translator(s->conf),
		[ROLE_RESOLVER] = s->conf->has_dns64,
		[ROLE_RELAY] = s->conf->has_relay,
		[ROLE_TUNNEL] = s->conf->has_tunnel,
		[ROLE_MONITOR] = s->conf->control.metrics.is_on,
	};

	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		int err = wanted[i] ? role_new(s, (enum role_id)i) : 0;

		if (err < 0)
			return err;
	}
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (s->roles[i] && !s->is_stopping)
			process_start(s->roles[i]);
	}
	return s->is_stopping ? -ECHILD : 0; /* one failed at once; the log has said why */
}

static void roles_down(struct supervisor *s)
{
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		process_free(s->roles[i]);
}

/* --- all of it --- */

static const struct {
	const char *name;
	int (*up)(struct supervisor *s);
	void (*down)(struct supervisor *s); /* accepts a stage that came up by half */
} stages[] = {
	{ "configuration", conf_up, conf_down },
	{ "log", log_up, log_down },
	{ "event loop", loop_up, loop_down },
	{ "signals", signals_up, signals_down },
	{ "control socket", control_up, control_down },
	{ "clat", clat_up, clat_down },
	{ "DNS46", lent_table_up, lent_table_down },
	{ "host", host_stage_up, host_stage_down },
	{ "links", links_up, links_down },
	{ "DNS in XDP", fastdns_up, fastdns_down },
	{ "DNS sockets", sockets_up, dns_sockets_close },
	{ "tunnel", tunnel_up, tunnel_down },
	{ "relay sockets", relay_up, relay_down },
	{ "ways to relays", relay_ways_up, relay_ways_down },
	{ "metrics socket", metrics_up, metrics_socket_close },
	{ "binding log", binding_log_check, binding_log_down },
	{ "saved sessions", state_file_up, state_file_down },
	{ "fast path", flowpath_up, flowpath_down },
	{ "roles", roles_up, roles_down },
};

static void unwind(struct supervisor *s, size_t reached)
{
	while (reached > 0)
		stages[--reached].down(s);
}

int supervisor_run(const char *config_path)
{
	struct supervisor s = { .config_path = config_path, .started = clock_now() };
	size_t reached = 0;
	int err = 0;

	while (err == 0 && reached < ARRAY_LEN(stages)) {
		err = stages[reached].up(&s);
		if (err < 0 && s.status != STATUS_USAGE)
			log_error("cannot start, the stage \"%s\" failed: %s", stages[reached].name,
				strerror(-err));
		reached++; /* a stage that failed may have come up by half */
	}
	if (err == 0)
		err = loop_run(s.loop);
	if (err < 0 && s.status == STATUS_OK)
		s.status = STATUS_FAILED;
	unwind(&s, reached);
	return s.status;
}
