/*
 * reload.c - take over a new configuration without dropping a flow, or refuse it whole
 *
 * Steps: the file is read and checked; what only the host knows is filled in; a change that cannot be made
 * while running is refused by name; then the host is made fit for both configurations (host_widen()), and each role
 * gets the new one (CHANNEL_RELOAD) and answers. Only when all have taken it does it become the supervisor's, too, and
 * the host loses what only the old one needed (host_narrow()). Until that moment every error leaves the service as it
 * was: a role that has taken the new configuration while another refuses gets the old one back, and so does the host.
 *
 * A role that dies in between has not answered and never will; it is started again with whatever is in force
 * then, so its answer is no longer waited for. One that does not answer within ANSWER_TIMEOUT counts as a
 * refusal.
 *
 * There is one reload at a time.
 */
#include "cmd/supervisor.h"

#include "base/log.h"
#include "ctl/reply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_TIMEOUT (10 * NSEC)
#define RESOLV_CONF "/etc/resolv.conf"

struct reload {
	struct supervisor *s;
	struct conf *conf;   /* the new one; owned */
	int certificates[DNS_SECURE_PARTS]; /* new ones, owned; as many as the supervisor has */
	unsigned certificates_len;
	struct relay_set *relay; /* new sockets and files of the relays; owned; NULL: no relays */
	struct reply *asker; /* NULL: a signal, or the asker hung up */
	struct loop_watch *deadline;
	bool is_asked[ROLE_COUNT]; /* CHANNEL_RELOAD was sent, the answer is awaited */
	bool has_taken[ROLE_COUNT];
	bool has_refusal;
	char refusal[256];
};

void reload_free(struct reload *r)
{
	if (!r)
		return;
	loop_unwatch(r->deadline);
	conf_free(r->conf);
	relay_set_abandon(r->relay);
	for (unsigned i = 0; i < r->certificates_len; i++)
		close(r->certificates[i]);
	free(r);
}

/* refuse() - say why nothing was changed, to the log and to the asker */
static void refuse(struct reply *asker, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void refuse(struct reply *asker, const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	log_error("reload refused, the service is unchanged: %s", why);
	if (asker)
		reply_error(asker, "%s", why);
}

static void tell_errors(struct reply *asker, const struct conf_errors *e)
{
	for (unsigned i = 0; i < e->len; i++) {
		log_error("%s", e->lines[i]);
		if (asker)
			reply_row(asker, json_pack("{s:s}", "fault", e->lines[i]));
	}
}

/* read_new() - the new configuration, or NULL with everybody told why not */
static struct conf *read_new(const struct supervisor *s, struct reply *asker)
{
	struct conf_errors errors = { 0 };
	struct conf *c = NULL;
	int err = s->config_path ? conf_load(s->config_path, &c, &errors) : conf_default(&c);

	if (err == 0)
		err = conf_resolve(c, RESOLV_CONF, &errors);
	for (unsigned i = 0; c && i < c->warnings.len; i++)
		log_warning("%s", c->warnings.lines[i]);
	if (err == 0)
		return c;
	tell_errors(asker, &errors);
	if (errors.len > 0)
		refuse(asker, "the configuration has %u error%s", errors.len, errors.len == 1 ? "" : "s");
	else
		refuse(asker, "the configuration cannot be read: %s", strerror(-err));
	conf_errors_fini(&errors);
	conf_free(c);
	return NULL;
}

/* What goes with a configuration: certificates of the resolver, sockets and files of the relays. */
struct supplies {
	const int *certificates;
	const struct relay_set *relay; /* NULL: no relays */
};

static struct supplies supplies_new(const struct reload *r)
{
	return (struct supplies){ r->certificates, r->relay };
}

static struct supplies supplies_in_force(const struct supervisor *s)
{
	return (struct supplies){ s->certificates, s->relay };
}

/* send_conf() - send a role a configuration to take, with what it needs for it; false if it cannot be sent */
static bool send_conf(struct supervisor *s, enum role_id id, const struct conf *c, struct supplies with)
{
	unsigned len = id == ROLE_RESOLVER ? s->certificates_len : 0;
	int fds[CHANNEL_FDS_MAX] = { supervisor_config_fd(s, c) };

	if (fds[0] < 0)
		return false;
	for (unsigned i = 0; i < len; i++)
		fds[1 + i] = with.certificates[i];
	if (id == ROLE_RELAY)
		len = relay_set_fds(with.relay, fds + 1);
	int err = process_reload(s->roles[id], fds, 1 + len);
	close(fds[0]);
	if (err == 0 && id == ROLE_RESOLVER)
		fastdns_sent(s);
	return err == 0;
}

/* widen_host() - what the new configuration needs of the host, beside what the old one has; false with @fault filled */
static bool widen_host(struct supervisor *s, const struct conf *c, char *fault, size_t size)
{
	struct plan_room room;
	struct host_plan plan = supervisor_host_plan(s, c, &room);

	return !s->host || host_widen(s->host, &plan, fault, size) == 0;
}

static void narrow_host(struct supervisor *s)
{
	struct plan_room room;
	struct host_plan plan = supervisor_host_plan(s, s->conf, &room);

	if (s->host)
		host_narrow(s->host, &plan);
}

static void finish(struct reload *r)
{
	struct supervisor *s = r->s;

	for (unsigned i = 0; r->has_refusal && i < ROLE_COUNT; i++) {
		if (r->has_taken[i] && !send_conf(s, (enum role_id)i, s->conf, supplies_in_force(s)))
			process_kill(s->roles[i]); /* its next start has the old configuration */
	}
	if (r->has_refusal) {
		refuse(r->asker, "%s", r->refusal);
	} else {
		conf_free(s->conf);
		s->conf = r->conf;
		r->conf = NULL;
		dns_certificates_replace(s, r->certificates);
		relay_set_commit(s, r->relay);
		r->relay = NULL;
		relay_ways_renew(s);
		r->certificates_len = 0;
		log_set_level(s->conf->log.level);
		state_file_check(s);
		log_info("reloaded %s", s->config_path ? s->config_path : "the built-in configuration");
		if (r->asker)
			reply_end(r->asker);
	}
	s->reload = NULL;
	if (s->clat)
		clat_follow_look(s->clat);
	narrow_host(s);
	fastdns_settle(s);
	flowpath_settle(s);
	reload_free(r);
}

/* check_finished() - finish once nobody's answer is awaited any more */
static void check_finished(struct reload *r)
{
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (r->is_asked[i])
			return;
	}
	finish(r);
}

static void add_refusal(struct reload *r, const char *name, const char *fault)
{
	if (!r->has_refusal)
		snprintf(r->refusal, sizeof(r->refusal), "the %s says: %.200s", name, fault);
	r->has_refusal = true;
}

static void on_deadline(void *ctx)
{
	struct reload *r = ctx;

	/* It might take the configuration later, and answer by another one than its table is read by. */
	if (r->is_asked[ROLE_RESOLVER] && r->s->fastdns)
		process_kill(r->s->roles[ROLE_RESOLVER]);
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		r->is_asked[i] = false;
	add_refusal(r, "supervisor", "a role did not answer in time");
	finish(r);
}

/* ask_roles() - send the new configuration to every role that runs */
static void ask_roles(struct reload *r)
{
	struct process_info info;

	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (!r->s->roles[i])
			continue;
		process_info(r->s->roles[i], &info);
		if (info.state != PROCESS_READY)
			continue;
		r->is_asked[i] = send_conf(r->s, (enum role_id)i, r->conf, supplies_new(r));
		if (!r->is_asked[i])
			add_refusal(r, info.name, "it does not take messages");
	}
}

static struct reload *reload_new(struct supervisor *s, struct conf *c, struct reply *asker)
{
	struct reload *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->s = s;
	r->asker = asker;
	if (loop_watch_timer(s->loop, on_deadline, r, &r->deadline) < 0) {
		reload_free(r);
		return NULL;
	}
	r->conf = c;
	loop_timer_set(r->deadline, ANSWER_TIMEOUT);
	return r;
}

/* read_certificates() - what the resolver is to serve over TLS with; a changed file is enough to change it */
static bool read_certificates(struct reload *r, char *fault, size_t size)
{
	int len = r->s->roles[ROLE_RESOLVER] ? dns_secure_open(&r->conf->dns64, r->certificates, fault, size)
					     : 0;

	if (len >= 0)
		r->certificates_len = (unsigned)len;
	return len >= 0;
}

void reload_begin(struct supervisor *s, struct reply *asker)
{
	if (s->reload || !s->is_ready || s->is_stopping) {
		refuse(asker, "%s",
			s->reload ? "another reload is under way" : "the service is starting or stopping");
		return;
	}
	/* Whatever becomes of the configuration: who has rotated the file must not be kept waiting. */
	binding_log_reopen(s);
	char fault[512] = "";
	struct conf *c = read_new(s, asker);
	if (!c)
		return;
	const char *key = conf_changes_needing_restart(s->conf, c);

	if (!key)
		key = flowpath_needs_restart(s, c);
	if (key) {
		refuse(asker, "%s cannot be changed while running: restart isthmus for that", key);
		conf_free(c);
		return;
	}
	struct reload *r = widen_host(s, c, fault, sizeof(fault)) ? reload_new(s, c, asker) : NULL;
	if (!r || !read_certificates(r, fault, sizeof(fault)) ||
		relay_set_prepare(s, c, &r->relay, fault, sizeof(fault)) < 0) {
		narrow_host(s);
		refuse(asker, "%s", fault[0] ? fault : "out of memory");
		if (r)
			reload_free(r);
		else
			conf_free(c);
		return;
	}
	s->reload = r;
	fastdns_pause(s);
	ask_roles(r);
	check_finished(r);
}

void reload_gone(struct supervisor *s, const struct reply *r)
{
	if (s->reload && s->reload->asker == r)
		s->reload->asker = NULL;
}

void reload_answered(struct supervisor *s, const char *name, const char *fault)
{
	struct process_info info;
	struct reload *r = s->reload;

	for (unsigned i = 0; r && i < ROLE_COUNT; i++) {
		if (!s->roles[i] || !r->is_asked[i])
			continue;
		process_info(s->roles[i], &info);
		if (strcmp(info.name, name) != 0)
			continue;
		r->is_asked[i] = false;
		r->has_taken[i] = fault[0] == '\0';
		if (!r->has_taken[i])
			add_refusal(r, name, fault);
		check_finished(r);
		return;
	}
}

void reload_changed(struct supervisor *s)
{
	struct process_info info;
	struct reload *r = s->reload;
	bool has_change = false;

	for (unsigned i = 0; r && i < ROLE_COUNT; i++) {
		if (!r->is_asked[i])
			continue;
		process_info(s->roles[i], &info);
		if (info.state == PROCESS_READY)
			continue;
		r->is_asked[i] = false;
		has_change = true;
	}
	if (has_change)
		check_finished(r);
}
