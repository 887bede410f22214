/*
 * supervisor_fastdns.c - the XDP program that gives ready answers (dns64.fastpath): when it may, and to whom
 *
 * Purpose. The program (dataplane/fastdns.h) answers from a table that the resolver writes, by lists that are written
 * here: the clients with their views, and the addresses of the host. An answer is right only if table and lists are of the
 * same configuration. So the program is switched off while that is not certain, and the sockets serve everybody:
 *
 *	a reload begins, a configuration is sent	-> off
 *	it has answered (taken or refused)		-> the lists of the configuration in force, then on
 *
 * A reload that another role refuses sends the resolver the old configuration back; that is one more to be answered.
 *
 * A resolver that dies leaves its answers: they are as true as before, and go on being given until their time is over. The next
 * one empties the table before it begins (dns64/offers.c). If a reload falls into the time between, the program stays off
 * until that one is ready.
 *
 * While dns64.per-client.responses-per-second is set the program stays off: it does not count answers by client, and must
 * not be a way around who does. The same goes for the log of queries.
 *
 * The host is followed: whenever interfaces or addresses change, the program's lists of them do.
 */
#include "cmd/supervisor.h"

#include "base/bytes.h"
#include "base/log.h"
#include "dataplane/fastdns.h"
#include "dataplane/netlink.h"
#include "dns64/offers.h"
#include "dns64/view.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define CLIENTS_MAX (DNS64_ALLOW_MAX + DNS64_VIEWS_MAX * DNS64_VIEW_CLIENTS_MAX)
#define LOOK_DELAY (100 * MSEC) /* changes come in swarms */
#define RETRY_DELAY (1 * NSEC)

_Static_assert(FASTDNS_FDS == OFFERS_FDS, "one side makes what the other takes");
_Static_assert(
	FASTDNS_INTERFACES_MAX >= DNS64_INTERFACES_MAX && FASTDNS_LISTEN_MAX >= DNS64_LISTEN_MAX, "all fit");

struct fastdns_follow {
	struct supervisor *s;
	struct fastdns *program;
	int news; /* netlink socket */
	struct loop_watch *news_watch, *timer;
	unsigned awaited; /* configurations that the resolver has not answered yet */
	bool is_stale;	  /* the table is of another configuration, and nobody is there to empty it */
	bool is_on;
	const char *why_off;				       /* a sentence; NULL: it is on */
	struct fastdns_interface seen[FASTDNS_INTERFACES_MAX]; /* what the log has been told */
};

/* --- lists --- */

static struct fastdns_plan plan_of(const struct dns64_config *c)
{
	struct fastdns_plan p = { .interfaces_len = c->fastpath_interfaces_len,
		.listen_len = c->listen_len,
		.prefers_native = getenv(XDP_NATIVE) != NULL };

	for (unsigned i = 0; i < p.interfaces_len; i++)
		text_copy(p.interfaces[i], sizeof(p.interfaces[i]), c->fastpath_interfaces[i]);
	for (unsigned i = 0; i < p.listen_len; i++)
		p.listen[i] = (struct fastdns_listen){
			.is4 = c->listen[i].is4,
			.a4 = c->listen[i].a4,
			.a6 = c->listen[i].a6,
			.port = c->listen[i].port,
		};
	return p;
}

/* Any prefix of either list: whatever holds a client besides is shorter, so what is true of it is true of the client. */
static struct fastdns_client client_of(const struct dns64_config *c, const struct prefix *p)
{
	return (struct fastdns_client){
		.is4 = p->is4,
		.p4 = p->p4,
		.p6 = p->p6,
		.is_allowed = view_allows_prefix(c, p),
		.view = view_of_prefix(c, p),
	};
}

static int put_clients(struct fastdns_follow *f)
{
	const struct dns64_config *c = &f->s->conf->dns64;
	struct fastdns_client *clients = calloc(CLIENTS_MAX, sizeof(*clients));
	unsigned len = 0;

	if (!clients)
		return -ENOMEM;
	for (unsigned i = 0; i < c->allow_len; i++)
		clients[len++] = client_of(c, &c->allow[i]);
	for (unsigned v = 0; v < c->views_len; v++)
		for (unsigned i = 0; i < c->views[v].clients_len; i++)
			clients[len++] = client_of(c, &c->views[v].clients[i]);
	int err = fastdns_clients(f->program, clients, len);

	free(clients);
	return err;
}

/* --- on and off --- */

static void turn_off(struct fastdns_follow *f, const char *why)
{
	f->why_off = why;
	if (!f->is_on)
		return;
	fastdns_switch(f->program, false);
	f->is_on = false;
}

static bool resolver_runs(const struct supervisor *s)
{
	struct process_info info;

	if (!s->roles[ROLE_RESOLVER])
		return false;
	process_info(s->roles[ROLE_RESOLVER], &info);
	return info.state == PROCESS_READY;
}

void fastdns_settle(struct supervisor *s)
{
	struct fastdns_follow *f = s->fastdns;

	if (!f)
		return;
	if (resolver_runs(s)) {
		f->is_stale = false;
	} else {
		f->awaited = 0; /* it will start with what is in force then */
		if (!f->is_on)
			f->is_stale = true;
	}
	if (s->conf->dns64.per_client.responses_per_second > 0) {
		turn_off(f, "dns64.per-client.responses-per-second is set");
		return;
	}
	if (s->conf->dns64.query_log.is_on) {
		turn_off(f, "log.queries is on, and would miss what is answered here");
		return;
	}
	if (s->reload || f->awaited > 0 || f->is_stale || s->is_stopping) {
		turn_off(f, "the configuration changes");
		return;
	}
	if (f->is_on)
		return;
	int err = put_clients(f);

	if (err < 0) {
		turn_off(f, "its list of clients cannot be written");
		log_error("dns64: the XDP program stays off: its list of clients cannot be written: %s",
			strerror(-err));
		return;
	}
	f->why_off = NULL;
	f->is_on = true;
	fastdns_switch(f->program, true);
}

void fastdns_pause(struct supervisor *s)
{
	if (s->fastdns)
		turn_off(s->fastdns, "the configuration changes");
}

void fastdns_sent(struct supervisor *s)
{
	if (!s->fastdns)
		return;
	s->fastdns->awaited++;
	turn_off(s->fastdns, "the configuration changes");
}

void fastdns_taken(struct supervisor *s)
{
	if (s->fastdns && s->fastdns->awaited > 0)
		s->fastdns->awaited--;
	fastdns_settle(s);
}

/* --- the host --- */

static const char *mode_text(enum fastdns_mode m)
{
	static const char *const texts[] = {
		[FASTDNS_DETACHED] = "none", [FASTDNS_GENERIC] = "generic", [FASTDNS_NATIVE] = "native"
	};

	return texts[m];
}

/* One line for each interface whose state is another one than before. */
static void tell(struct fastdns_follow *f)
{
	struct fastdns_interface i;

	for (unsigned n = 0; fastdns_interface(f->program, n, &i); n++) {
		struct fastdns_interface *was = &f->seen[n];

		if (was->name[0] && was->mode == i.mode && strcmp(was->fault, i.fault) == 0)
			continue;
		if (i.mode == FASTDNS_DETACHED)
			log_warning("dns64: ready answers are not given by XDP on %s: %s; the socket serves",
				i.name, i.fault);
		else
			log_info("dns64: ready answers are given by XDP on %s (%s mode)", i.name,
				mode_text(i.mode));
		*was = i;
	}
}

static void on_look(void *ctx)
{
	struct fastdns_follow *f = ctx;
	int err = fastdns_look(f->program);

	if (err < 0) {
		log_warning("dns64: interfaces and addresses cannot be read for XDP: %s; trying again",
			strerror(-err));
		loop_timer_set(f->timer, RETRY_DELAY);
	}
	tell(f);
}

static void on_news(void *ctx, unsigned ready)
{
	struct fastdns_follow *f = ctx;

	netlink_watch_drain(f->news);
	loop_timer_set(f->timer, LOOK_DELAY);
}

/* --- life cycle --- */

static void follow_free(struct fastdns_follow *f)
{
	if (!f)
		return;
	loop_unwatch(f->news_watch);
	loop_unwatch(f->timer);
	if (f->news >= 0)
		close(f->news);
	fastdns_close(f->program);
	free(f);
}

static int follow_new(struct supervisor *s, struct fastdns_follow **ret)
{
	struct fault fault = { s->fastdns_fault, sizeof(s->fastdns_fault) };
	struct fastdns_plan plan = plan_of(&s->conf->dns64);
	struct fastdns_follow *f = calloc(1, sizeof(*f));

	if (!f)
		return fault_say(&fault, -ENOMEM, "out of memory");
	*f = (struct fastdns_follow){ .s = s, .news = netlink_watch(), .is_stale = true };
	turn_off(f, "the resolver starts");
	int err = f->news < 0 ? f->news
			      : loop_watch_fd(s->loop, f->news, LOOP_READ, on_news, f, &f->news_watch);

	if (err == 0)
		err = loop_watch_timer(s->loop, on_look, f, &f->timer);
	if (err < 0)
		(void)fault_say(&fault, err, "the host's changes cannot be followed: %s", strerror(-err));
	else
		err = fastdns_open(&plan, &fault, &f->program);
	if (err < 0) {
		follow_free(f);
		return err;
	}
	*ret = f;
	return 0;
}

static bool has_any(const struct fastdns_follow *f)
{
	struct fastdns_interface i;

	for (unsigned n = 0; fastdns_interface(f->program, n, &i); n++)
		if (i.mode != FASTDNS_DETACHED)
			return true;
	return false;
}

int fastdns_up(struct supervisor *s)
{
	enum dns64_fastpath wanted = s->conf->has_dns64 ? s->conf->dns64.fastpath : DNS64_FASTPATH_OFF;

	if (wanted == DNS64_FASTPATH_OFF)
		return 0;
	int err = follow_new(s, &s->fastdns);

	if (err < 0 && wanted == DNS64_FASTPATH_AUTO) {
		log_warning(
			"dns64: no ready answers are given by XDP: %s; the sockets serve", s->fastdns_fault);
		return 0;
	}
	if (err < 0) {
		log_error("%s; without it write dns64.fastpath: auto, or off", s->fastdns_fault);
		return err;
	}
	tell(s->fastdns);
	if (wanted == DNS64_FASTPATH_XDP && !has_any(s->fastdns)) {
		log_error("dns64.fastpath: xdp: no interface could be given the program; write auto, or off, "
			  "or other "
			  "interfaces");
		return -ENODEV;
	}
	return 0;
}

void fastdns_down(struct supervisor *s)
{
	follow_free(s->fastdns);
	s->fastdns = NULL;
}

unsigned fastdns_give(const struct supervisor *s, int *to)
{
	if (!s->fastdns)
		return 0;
	fastdns_fds(s->fastdns->program, to);
	return FASTDNS_FDS;
}

/* A sentence; NULL if answers are given. */
static const char *why_off(const struct supervisor *s)
{
	if (!s->fastdns)
		return s->fastdns_fault;
	if (!has_any(s->fastdns))
		return "no interface has the program";
	return s->fastdns->why_off;
}

json_t *fastdns_row(const struct supervisor *s)
{
	const struct fastdns_follow *f = s->fastdns;
	json_t *rows = json_array();
	struct fastdns_interface i;

	if (!s->conf->has_dns64 || s->conf->dns64.fastpath == DNS64_FASTPATH_OFF) {
		json_decref(rows);
		return json_null();
	}
	for (unsigned n = 0; f && fastdns_interface(f->program, n, &i); n++)
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "name", i.name, "mode",
						    mode_text(i.mode), "fault", i.fault));
	const char *why = why_off(s);

	return json_pack("{s:b, s:s, s:o}", "on", why == NULL, "why_off", why ? why : "", "interfaces", rows);
}
