/*
 * supervisor_flowpath.c - the programs that translate packets of known flows (nat64.fastpath): up, followed, and told of
 *
 * Purpose. dataplane/flowpath.h loads and attaches them; here is when. They come up after the host, whose TUN device they send to,
 * and after the XDP program of the resolver, which has the first right to an interface. The translator gets descriptors of the tables.
 *
 * What changes is followed: interfaces by netlink, nftables by its own news; legacy iptables and what drivers say of XDP tell
 * nobody, so all is looked at anew every LOOK_PERIOD. Of any change of routes and interfaces the programs are told at once, but not
 * more often than every EXITS_PAUSE: every flow looks up its way then.
 *
 * Whatever cannot be had costs speed only. One line in the log and in `isthmus status` says what, and the gateway goes on.
 *
 * A reload takes over everything but the size of the tables: `off` takes the programs away, and another word brings them
 * back, if they were there at the start.
 */
#include "cmd/supervisor.h"

#include "base/bytes.h"
#include "base/log.h"
#include "dataplane/flowpath.h"
#include "dataplane/netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* In the environment; docs/host.md. */
#define NO_TC_LINKS "ISTHMUS_NO_TC_LINKS"
#define FLOWS_MAX 262144u		  /* if not configured */
#define PAIRS 65536u
#define LOOK_SOON MSEC
#define LOOK_SHARE 20 /* changes come in swarms: after a look, so many times as long as it took is waited, */
#define LOOK_PAUSE_MAX (1 * NSEC) /* but no longer */
#define LOOK_PERIOD (5 * NSEC)
#define EXITS_PAUSE (100 * MSEC)

_Static_assert(LOOK_PERIOD < FLOWPATH_RENEW, "a look says that we listen");

_Static_assert(
	FLOWPATH_NAMED_MAX >= CONF_FASTPATH_INTERFACES_MAX && FLOWPATH_TAKEN_MAX >= DNS64_INTERFACES_MAX,
	"all fit");

enum news { NEWS_LINKS, NEWS_RULES, NEWS_ROUTES, NEWS_POLICIES, NEWS_COUNT };

struct flowpath_follow {
	struct supervisor *s;
	struct flowpath *path;
	int news[NEWS_COUNT]; /* netlink sockets */
	struct loop_watch *watches[NEWS_COUNT], *timer, *exits_timer;
	struct flowpath_interface *seen; /* what the log has been told; owned */
	unsigned seen_len;
	struct flowpath_status told;
	bool is_faulty; /* the last look was incomplete */
	nsec next;	/* there should be no look before */
	nsec exits_next; /* the same of telling the programs that routes have changed */
};

/* --- what the configuration asks for --- */

static enum flowpath_wanted wanted_of(const struct conf *c)
{
	static const enum flowpath_wanted words[] = {
		[CONF_FASTPATH_AUTO] = FLOWPATH_AUTO,
		[CONF_FASTPATH_OFF] = FLOWPATH_NOWHERE,
		[CONF_FASTPATH_TC] = FLOWPATH_TC,
		[CONF_FASTPATH_XDP] = FLOWPATH_XDP,
	};

	return conf_has_translator(c) ? words[c->flowpath.fastpath] : FLOWPATH_NOWHERE;
}

static enum flowpath_way way_of(const struct conf *c)
{
	static const enum flowpath_way words[] = {
		[CONF_FASTPATH_MODE_AUTO] = FLOWPATH_WAY_AUTO,
		[CONF_FASTPATH_MODE_REDIRECT] = FLOWPATH_WAY_REDIRECT,
		[CONF_FASTPATH_MODE_ROUTE] = FLOWPATH_WAY_ROUTE,
	};

	return words[c->flowpath.mode];
}

static struct flowpath_wish wish_of(const struct supervisor *s, const struct conf *c)
{
	struct flowpath_wish w = {
		.wanted = wanted_of(c),
		.way = way_of(c),
		.named_len = c->flowpath.interfaces_len,
		.trusts_pairs = getenv(XDP_NATIVE) != NULL,
	};

	for (unsigned i = 0; i < w.named_len; i++)
		text_copy(w.named[i], sizeof(w.named[i]), c->flowpath.interfaces[i]);
	if (s->fastdns)
		w.taken_len = c->dns64.fastpath_interfaces_len;
	for (unsigned i = 0; i < w.taken_len; i++)
		text_copy(w.taken[i], sizeof(w.taken[i]), c->dns64.fastpath_interfaces[i]);
	return w;
}

static uint32_t flows_of(const struct conf *c)
{
	uint32_t sessions = c->has_nat64 ? c->nat64.state.max_sessions : 1;

	if (c->has_nat64 && c->flowpath.flows > 0)
		return c->flowpath.flows;
	return sessions < FLOWS_MAX ? sessions : FLOWS_MAX;
}

static const char *fastpath_key(const struct conf *c)
{
	return c->has_clat ? "clat.fastpath" : c->has_nat64 ? "nat64.fastpath" : "siit.fastpath";
}

const char *flowpath_needs_restart(const struct supervisor *s, const struct conf *new)
{
	bool is_new = wanted_of(s->conf) == FLOWPATH_NOWHERE && wanted_of(new) != FLOWPATH_NOWHERE;

	return is_new && !s->flowpath ? fastpath_key(new) : NULL;
}

/* --- what is told --- */

static const char *mode_text(enum flowpath_mode m)
{
	static const char *const texts[] = {
		[FLOWPATH_DETACHED] = "none", [FLOWPATH_AT_TC] = "tc", [FLOWPATH_AT_XDP] = "xdp"
	};

	return texts[m];
}

static const struct flowpath_interface *seen_of(const struct flowpath_follow *f, unsigned index)
{
	for (unsigned i = 0; i < f->seen_len; i++)
		if (f->seen[i].index == index)
			return &f->seen[i];
	return NULL;
}

static bool has_index(const struct flowpath *p, unsigned index)
{
	struct flowpath_interface now;

	for (unsigned n = 0; flowpath_interface(p, n, &now); n++)
		if (now.index == index)
			return true;
	return false;
}

static void tell_interface(const struct flowpath_interface *was, const struct flowpath_interface *now)
{
	if (was && was->mode == now->mode && strcmp(was->why, now->why) == 0 &&
		strcmp(was->name, now->name) == 0)
		return;
	if (now->mode == FLOWPATH_DETACHED)
		log_warning("fast path: not at %s: %s; the translator has its packets", now->name, now->why);
	else
		log_info("fast path: at %s (%s)%s%s", now->name, mode_text(now->mode),
			now->why[0] ? "; no XDP: " : "", now->why);
}

static void tell_interfaces(struct flowpath_follow *f)
{
	struct flowpath_interface now;
	unsigned len = 0;

	while (flowpath_interface(f->path, len, &now))
		tell_interface(seen_of(f, now.index), &now), len++;
	for (unsigned i = 0; i < f->seen_len; i++)
		if (!has_index(f->path, f->seen[i].index))
			log_info("fast path: not at %s any more", f->seen[i].name);
	struct flowpath_interface *seen = realloc(f->seen, (len + 1) * sizeof(*seen));

	if (!seen) /* then something will be told twice */
		return;
	f->seen = seen;
	f->seen_len = len;
	for (unsigned n = 0; n < len; n++)
		(void)flowpath_interface(f->path, n, &seen[n]);
}

static void tell(struct flowpath_follow *f)
{
	struct flowpath_status now;

	tell_interfaces(f);
	flowpath_status(f->path, &now);
	if (f->told.flows == 0 && now.was_found)
		log_info("fast path: took over the tables of a gateway before");
	if (now.why_rest[0] && strcmp(f->told.why_rest, now.why_rest) != 0)
		log_line(f->s->conf->flowpath.fastpath == CONF_FASTPATH_AUTO ? LOG_LEVEL_INFO
									     : LOG_LEVEL_WARNING,
			"fast path: it rests, and the translator does it all: %s", now.why_rest);
	else if (!now.why_rest[0] &&
		 (f->told.flows == 0 || f->told.why_rest[0] || f->told.is_route != now.is_route ||
			 strcmp(f->told.why_way, now.why_way) != 0))
		log_info("fast path: translated packets are %s: %s",
			now.is_route ? "routed, so the host's rules see them"
				     : "redirected past the host's rules",
			now.why_way);
	f->told = now;
}

/* --- following --- */

static void on_look(void *ctx)
{
	struct flowpath_follow *f = ctx;
	nsec begin = clock_now();
	int err = flowpath_look(f->path);
	nsec end = clock_now(), pause = (end - begin) * LOOK_SHARE;

	if (err < 0 && !f->is_faulty)
		log_warning("fast path: interfaces or rules cannot be looked at: %s; trying again",
			strerror(-err));
	f->is_faulty = err < 0;
	f->next = end + (pause < LOOK_PAUSE_MAX ? pause : LOOK_PAUSE_MAX);
	tell(f);
	loop_timer_set(f->timer, LOOK_PERIOD);
}

/* The first of a swarm counts at once. */
static void look_soon(struct flowpath_follow *f)
{
	nsec now = clock_now();

	loop_timer_set(f->timer, now < f->next ? f->next - now : LOOK_SOON);
}

/* If it cannot be told, the next look tries it again, and says so. */
static void on_exits(void *ctx)
{
	struct flowpath_follow *f = ctx;

	(void)!flowpath_exits_renew(f->path);
	f->exits_next = clock_now() + EXITS_PAUSE;
}

static void exits_soon(struct flowpath_follow *f)
{
	nsec now = clock_now();

	if (now >= f->exits_next)
		on_exits(f);
	else
		loop_timer_set(f->exits_timer, f->exits_next - now);
}

static void on_links(void *ctx, unsigned ready)
{
	struct flowpath_follow *f = ctx;

	netlink_watch_drain(f->news[NEWS_LINKS]);
	exits_soon(f);
	look_soon(f);
}

static void on_rules(void *ctx, unsigned ready)
{
	struct flowpath_follow *f = ctx;

	netlink_watch_drain(f->news[NEWS_RULES]);
	flowpath_rules_changed(f->path);
	look_soon(f);
}

static void on_policies(void *ctx, unsigned ready)
{
	struct flowpath_follow *f = ctx;

	netlink_watch_drain(f->news[NEWS_POLICIES]);
	look_soon(f);
}

/* Every change moves packets; of more interest are few. */
static void on_routes(void *ctx, unsigned ready)
{
	struct flowpath_follow *f = ctx;
	bool is_of_mtu = netlink_news_of_mtu(f->news[NEWS_ROUTES]);

	exits_soon(f);
	if (!is_of_mtu)
		return;
	flowpath_routes_changed(f->path);
	look_soon(f);
}

void flowpath_settle(struct supervisor *s)
{
	struct flowpath_wish wish = wish_of(s, s->conf);

	if (!s->flowpath || s->is_stopping)
		return;
	flowpath_change(s->flowpath->path, &wish);
	on_look(s->flowpath);
}

/* --- life cycle --- */

static void follow_free(struct flowpath_follow *f)
{
	if (!f)
		return;
	for (unsigned i = 0; i < NEWS_COUNT; i++) {
		loop_unwatch(f->watches[i]);
		if (f->news[i] >= 0)
			close(f->news[i]);
	}
	loop_unwatch(f->timer);
	loop_unwatch(f->exits_timer);
	flowpath_close(f->path);
	free(f->seen);
	free(f);
}

static int watch_news(struct flowpath_follow *f)
{
	static void (*const fns[NEWS_COUNT])(void *ctx, unsigned ready) = { [NEWS_LINKS] = on_links,
		[NEWS_RULES] = on_rules,
		[NEWS_ROUTES] = on_routes,
		[NEWS_POLICIES] = on_policies };
	int err = loop_watch_timer(f->s->loop, on_look, f, &f->timer);

	if (err == 0)
		err = loop_watch_timer(f->s->loop, on_exits, f, &f->exits_timer);
	for (unsigned i = 0; i < NEWS_COUNT && err == 0; i++) {
		if (f->news[i] >= 0)
			err = loop_watch_fd(f->s->loop, f->news[i], LOOP_READ, fns[i], f, &f->watches[i]);
		else if (i != NEWS_RULES && i != NEWS_POLICIES) /* a kernel without them tells nothing */
			err = f->news[i];
	}
	return err;
}

static int follow_new(struct supervisor *s, struct flowpath_follow **ret)
{
	struct fault fault = { s->flowpath_fault, sizeof(s->flowpath_fault) };
	struct host_status host;
	struct flowpath_plan plan = {
		.journal = host_journal(s->host),
		.flows = flows_of(s->conf),
		.pairs = s->conf->has_siit || s->conf->has_clat || s->conf->has_dns46 ? PAIRS : 1,
		.without_links = getenv(NO_TC_LINKS) != NULL,
		.wish = wish_of(s, s->conf),
	};
	struct flowpath_follow *f = calloc(1, sizeof(*f));

	if (!f)
		return fault_say(&fault, -ENOMEM, "out of memory");
	host_status(s->host, &host);
	text_copy(plan.device, sizeof(plan.device), host.device);
	plan.workers = host.queues;
	plan.words = host.queues_steered ? host_words(s->host) : -1;
	*f = (struct flowpath_follow){
		.s = s,
		.news = { [NEWS_LINKS] = netlink_watch_links(),
			[NEWS_RULES] = netlink_watch_rules(),
			[NEWS_ROUTES] = netlink_watch_routes(),
			[NEWS_POLICIES] = netlink_watch_policies() },
	};
	int err = watch_news(f);

	if (err < 0)
		(void)fault_say(&fault, err, "the host's changes cannot be followed: %s", strerror(-err));
	else
		err = flowpath_open(&plan, &fault, &f->path);
	if (err < 0) {
		follow_free(f);
		return err;
	}
	*ret = f;
	return 0;
}

/* Without a device there is no way for packets while the gateway is dead. */
static void keep_device(struct supervisor *s)
{
	struct flowpath_status st;

	flowpath_status(s->flowpath->path, &st);
	if (!st.is_kept)
		return;
	int err = host_keep(s->host);

	if (err < 0)
		log_warning("fast path: the TUN device does not outlive the gateway: %s", strerror(-err));
}

int flowpath_up(struct supervisor *s)
{
	struct host_status host;

	if (!s->host)
		return 0;
	if (wanted_of(s->conf) == FLOWPATH_NOWHERE) {
		host_status(s->host, &host);
		flowpath_sweep(host.device);
		return 0;
	}
	int err = follow_new(s, &s->flowpath);

	if (err < 0) {
		log_warning("there is no fast path: %s; the translator does it all", s->flowpath_fault);
		return 0;
	}
	s->fds_len[ROLE_TRANSLATOR] +=
		flowpath_fds(s->flowpath->path, s->fds[ROLE_TRANSLATOR] + s->fds_len[ROLE_TRANSLATOR]);
	tell(s->flowpath);
	keep_device(s);
	loop_timer_set(s->flowpath->timer, LOOK_PERIOD);
	return 0;
}

void flowpath_down(struct supervisor *s)
{
	follow_free(s->flowpath);
	s->flowpath = NULL;
}

/* --- status --- */

static json_t *interface_rows(const struct flowpath *p)
{
	json_t *rows = json_array();
	struct flowpath_interface i;

	for (unsigned n = 0; flowpath_interface(p, n, &i); n++)
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "name", i.name, "mode",
						    mode_text(i.mode), "why", i.why));
	return rows;
}

json_t *flowpath_row(const struct supervisor *s)
{
	struct flowpath_status st;

	if (!s->flowpath && !s->flowpath_fault[0])
		return json_null();
	if (!s->flowpath)
		return json_pack("{s:b, s:s}", "on", false, "why_off", s->flowpath_fault);
	flowpath_status(s->flowpath->path, &st);
	const char *why_off = wanted_of(s->conf) == FLOWPATH_NOWHERE
				      ? "it is switched off in the configuration"
			      : st.why_rest[0]	   ? st.why_rest
			      : st.interfaces == 0 ? "no interface has it"
						   : "";

	return json_pack("{s:b, s:s, s:s, s:s, s:b, s:s, s:b, s:i, s:i, s:o}", "on", why_off[0] == '\0',
		"why_off", why_off, "way", st.is_route ? "route" : "redirect", "why_way", st.why_way,
		"outlives", st.is_kept, "why_it_does_not", st.why_not_kept, "taken_over", st.was_found,
		"flows_max", (int)st.flows, "pairs_max", (int)st.pairs, "interfaces",
		interface_rows(s->flowpath->path));
}
