/*
 * supervisor_clat.c - what is auto in the section clat: found at start, and followed while the host changes
 *
 * A host that needs a customer-side translator is often one that moves: its uplink comes up after the program, goes to
 * another network, gets another prefix. So three things are looked for anew whenever the kernel tells that interfaces,
 * IPv6 addresses or IPv6 routes changed, and every LOOK_INTERVAL for resolv.conf, which nobody tells about:
 *
 *	the uplink			(dataplane/uplink.h)
 *	the translator's IPv6 address	in a /64 of the uplink
 *	the name servers		of resolv.conf
 *
 * What differs is taken over as at a reload: the host is arranged for it (host_widen()), the translator gets the
 * configuration with the new values in it, and what only the old ones needed goes (host_narrow()). What is not there is
 * no fault: the translator waits, and the log says for what.
 *
 * The two sockets that the translator's search works with (cmd/discovery.c) are opened here, once. They are bound to the
 * uplink, and bound anew when it changes, which holds for the translator's copies too, since they are the same sockets.
 * While there is no uplink, the one for advertisements is bound to the loopback device, where none come.
 *
 * The NAT64 prefix is the translator's to find: it comes from the network, and is not read here.
 */
#include "cmd/supervisor.h"

#include "base/bytes.h"
#include "base/log.h"
#include "conf/file.h"
#include "dataplane/netlink.h"
#include "dataplane/uplink.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLV_BYTES_MAX 65536
#define LOOK_INTERVAL (30 * NSEC)
#define LOOK_DELAY (200 * MSEC) /* changes come in swarms; one look for all of them */
#define LOSS_PATIENCE (3 * NSEC)
#define NEIGHBOUR_HOPS 255 /* RFC 4861 s4.1: what routers want of solicitations */
#define LOOPBACK "lo"

struct clat_follow {
	struct supervisor *s;
	uint64_t secret[2];   /* for the address (dataplane/uplink.h) */
	struct conf_clat now; /* the section with what was found last */
	int adverts, queries; /* sockets */
	int news;	      /* netlink socket */
	struct loop_watch *news_watch, *timer;
	char bound[CONF_POOL_IFNAME]; /* device of @adverts */
	bool is_untold;		      /* the translator does not have @now yet */
	nsec lost_at;		      /* since when something of @now is missing; 0: nothing is */
	char fault[512];	      /* that was logged last, so that it is logged once; "" if all is well */
};

/* --- finding --- */

static unsigned read_system(struct conf_resolver ret[static CONF_CLAT_RESOLVERS_MAX])
{
	char *text = NULL;
	size_t len;

	if (file_read(RESOLV_CONF, RESOLV_BYTES_MAX, &text, &len) < 0)
		return 0;
	unsigned n = clat_take_resolv(text, if_nametoindex, ret);

	free(text);
	return n;
}

/* In the order written; what is too many is left out. */
static void find_resolvers(struct conf_clat *c)
{
	struct conf_resolver written[CONF_CLAT_RESOLVERS_MAX], of_system[CONF_CLAT_RESOLVERS_MAX];
	unsigned written_len = c->resolvers_len;

	bytes_copy(written, c->resolvers, sizeof(written));
	c->resolvers_len = 0;
	for (unsigned i = 0; i < written_len; i++) {
		const struct conf_resolver *from = written[i].is_system ? of_system : &written[i];
		unsigned n = written[i].is_system ? read_system(of_system) : 1;

		for (unsigned k = 0; k < n && c->resolvers_len < CONF_CLAT_RESOLVERS_MAX; k++)
			c->resolvers[c->resolvers_len++] = from[k];
	}
}

/* Of the present values, those that are still right are kept. */
static void find_uplink(const struct clat_follow *f, struct conf_clat *c)
{
	bool is_auto = strcmp(c->uplink, CONF_INTERFACE_AUTO) == 0;
	struct uplink_wish wish = { .name = is_auto ? NULL : c->uplink,
		.device = HOST_DEVICE_DEFAULT,
		.present = f->now.ipv6.is_auto ? NULL : &f->now.ipv6.value };
	struct uplink u;
	int err = uplink_find(&wish, &u);

	if (err < 0) {
		log_warning("clat: interfaces and routes cannot be read: %s", strerror(-err));
		return;
	}
	if (u.index > 0)
		text_copy(c->uplink, sizeof(c->uplink), u.name);
	if (!c->ipv6.is_auto || !u.has_net)
		return;
	bytes_copy(u.identity.secret, f->secret, sizeof(u.identity.secret));
	c->ipv6 = (struct conf_auto_addr6){ .value = uplink_address(&u.identity) };
}

static struct conf_clat find(const struct clat_follow *f, const struct conf_clat *c)
{
	struct conf_clat found = *c;

	find_uplink(f, &found);
	find_resolvers(&found);
	return found;
}

/* What is in force has been found, and stays until the next look finds something else; a new one is looked up. */
struct conf_clat clat_fill(const struct clat_follow *f, const struct conf_clat *c)
{
	return c == &f->s->conf->clat ? f->now : find(f, c);
}

/* --- sockets --- */

/* Only where the uplink is may be listened: a prefix belongs to the network that tells it (RFC 8781 s5.1). */
static void sockets_bind(struct clat_follow *f)
{
	bool has_uplink = strcmp(f->now.uplink, CONF_INTERFACE_AUTO) != 0;
	const char *device = has_uplink ? f->now.uplink : LOOPBACK;

	if (strcmp(device, f->bound) == 0)
		return;
	if (setsockopt(f->adverts, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1) < 0) {
		log_warning("clat: router advertisements on %s cannot be heard: %s", device, strerror(errno));
		return;
	}
	text_copy(f->bound, sizeof(f->bound), device);
}

static int option_set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int adverts_open(struct clat_follow *f)
{
	struct icmp6_filter filter;

	f->adverts = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	if (f->adverts < 0)
		return -errno;
	/* Bound before anything else, so that nothing of another link gets in. */
	if (setsockopt(f->adverts, SOL_SOCKET, SO_BINDTODEVICE, LOOPBACK, sizeof(LOOPBACK)) < 0)
		return -errno;
	text_copy(f->bound, sizeof(f->bound), LOOPBACK);
	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ND_ROUTER_ADVERT, &filter);
	if (setsockopt(f->adverts, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) < 0)
		return -errno;
	int r = option_set(f->adverts, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);

	if (r == 0)
		r = option_set(f->adverts, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, NEIGHBOUR_HOPS);
	if (r == 0)
		r = option_set(f->adverts, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
	return r;
}

/* Bound now: the role may not bind, and the port that the kernel draws is what a forger has to guess (RFC 5452). */
static int queries_open(struct clat_follow *f)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };

	f->queries = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (f->queries < 0)
		return -errno;
	int r = option_set(f->queries, IPPROTO_IPV6, IPV6_V6ONLY, 0);

	if (r == 0 && bind(f->queries, (const struct sockaddr *)&any, sizeof(any)) < 0)
		r = -errno;
	return r;
}

void clat_follow_sockets(const struct clat_follow *f, int ret[static 2])
{
	ret[0] = f->adverts;
	ret[1] = f->queries;
}

/* --- following --- */

static void log_found(const struct conf_clat *c)
{
	char address[ADDR4_TEXT], ipv6[ADDR6_TEXT];

	if (strcmp(c->uplink, CONF_INTERFACE_AUTO) == 0)
		log_warning("clat: this host has no IPv6 default route; IPv4 packets are refused until it "
			    "has one");
	else if (c->ipv6.is_auto)
		log_warning("clat: %s has no IPv6 address in a /64 from which to make one for clat; IPv4 "
			    "packets are "
			    "refused until it has; clat.ipv6 can be written down",
			c->uplink);
	else
		log_info("clat: %s of this host is %s on %s", addr4_text(c->address, address),
			addr6_text(c->ipv6.value, ipv6), c->uplink);
}

static bool is_same_place(const struct conf_clat *a, const struct conf_clat *b)
{
	return strcmp(a->uplink, b->uplink) == 0 && a->ipv6.is_auto == b->ipv6.is_auto &&
	       addr6_eq(a->ipv6.value, b->ipv6.value);
}

static bool is_same_resolver(const struct conf_resolver *a, const struct conf_resolver *b)
{
	return a->scope == b->scope && a->at.is4 == b->at.is4 && a->at.port == b->at.port &&
	       (a->at.is4 ? addr4_eq(a->at.a4, b->at.a4) : addr6_eq(a->at.a6, b->at.a6));
}

static bool is_same_resolvers(const struct conf_clat *a, const struct conf_clat *b)
{
	for (unsigned i = 0; i < a->resolvers_len && i < b->resolvers_len; i++)
		if (!is_same_resolver(&a->resolvers[i], &b->resolvers[i]))
			return false;
	return a->resolvers_len == b->resolvers_len;
}

/* One that is just starting may have been given the values before; it is told again when it is ready. */
static void tell_translator(struct clat_follow *f)
{
	struct supervisor *s = f->s;
	int fd = supervisor_config_fd(s, s->conf);
	int err = fd < 0 ? fd : process_send(s->roles[ROLE_TRANSLATOR], CHANNEL_RELOAD, NULL, 0, fd);

	if (fd >= 0)
		close(fd);
	f->is_untold = err == -ENOTCONN;
	if (err < 0 && !f->is_untold)
		log_warning("clat: the translator cannot be told of a change: %s", strerror(-err));
}

void clat_follow_ready(struct clat_follow *f)
{
	if (f->is_untold)
		tell_translator(f);
}

static bool is_complete(const struct conf_clat *c)
{
	return strcmp(c->uplink, CONF_INTERFACE_AUTO) != 0 && !c->ipv6.is_auto;
}

/* A route or an address that is gone is often back at once; to act on it would cut every flow. */
static bool is_loss_to_wait_for(struct clat_follow *f, const struct conf_clat *found)
{
	nsec now = clock_now();

	if (!is_complete(&f->now) || is_complete(found)) {
		f->lost_at = 0;
		return false;
	}
	if (f->lost_at == 0)
		f->lost_at = now;
	return now - f->lost_at < LOSS_PATIENCE;
}

/*
 * What is in place already stays; but the kernel forgets proxies when a link goes down, and a router may advertise
 * another MTU. So this is done at every look.
 */
static void arrange_host(struct clat_follow *f, const struct host_plan *plan)
{
	char fault[512] = "";

	if (host_widen(f->s->host, plan, fault, sizeof(fault)) < 0 && strcmp(fault, f->fault) != 0)
		log_warning("clat: the host cannot be arranged for translation: %s", fault);
	(void)text_copy(f->fault, sizeof(f->fault), fault);
}

static void take_over(struct clat_follow *f, const struct conf_clat *found)
{
	struct conf_clat before = f->now;
	struct plan_room room;

	f->now = *found;
	bool has_moved = !is_same_place(&before, &f->now);
	struct host_plan plan = supervisor_host_plan(f->s, f->s->conf, &room);

	if (has_moved)
		log_found(&f->now);
	sockets_bind(f);
	arrange_host(f, &plan);
	if (has_moved || !is_same_resolvers(&before, &f->now))
		tell_translator(f);
	if (has_moved)
		host_narrow(f->s->host, &plan);
}

void clat_follow_look(struct clat_follow *f)
{
	/* A reload looks by itself when it is over. */
	if (f->s->reload || f->s->is_stopping || !f->s->host)
		return;
	struct conf_clat found = find(f, &f->s->conf->clat);
	bool is_waiting = is_loss_to_wait_for(f, &found);

	loop_timer_set(f->timer, is_waiting ? LOOK_DELAY : LOOK_INTERVAL);
	if (!is_waiting)
		take_over(f, &found);
}

static void on_timer(void *ctx)
{
	clat_follow_look(ctx);
}

static void on_news(void *ctx, unsigned ready)
{
	struct clat_follow *f = ctx;

	netlink_watch_drain(f->news);
	loop_timer_set(f->timer, LOOK_DELAY);
}

/* --- life --- */

void clat_follow_free(struct clat_follow *f)
{
	if (!f)
		return;
	loop_unwatch(f->news_watch);
	loop_unwatch(f->timer);
	for (unsigned i = 0; i < 3; i++) {
		int fd = (const int[]){ f->adverts, f->queries, f->news }[i];

		if (fd >= 0)
			close(fd);
	}
	free(f);
}

static int watches_begin(struct clat_follow *f)
{
	struct loop *l = f->s->loop;
	int r = loop_watch_timer(l, on_timer, f, &f->timer);

	f->news = netlink_watch();
	if (r == 0)
		r = f->news < 0 ? f->news : loop_watch_fd(l, f->news, LOOP_READ, on_news, f, &f->news_watch);
	if (r == 0)
		loop_timer_set(f->timer, LOOK_INTERVAL);
	return r;
}

int clat_follow_new(struct supervisor *s, struct clat_follow **ret)
{
	struct clat_follow *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->s = s;
	f->adverts = f->queries = f->news = -1;
	f->now.ipv6.is_auto = true;
	int r = uplink_secret(f->secret);

	if (r == 0)
		r = adverts_open(f);
	if (r == 0)
		r = queries_open(f);
	if (r == 0)
		r = watches_begin(f);
	if (r < 0) {
		log_error("clat: the sockets for the search for the NAT64 prefix cannot be opened: %s%s",
			strerror(-r), r == -EAFNOSUPPORT ? " (is IPv6 switched off in this kernel?)" : "");
		clat_follow_free(f);
		return r;
	}
	f->now = find(f, &s->conf->clat);
	log_found(&f->now);
	sockets_bind(f);
	*ret = f;
	return 0;
}

json_t *clat_follow_row(const struct clat_follow *f)
{
	char address[ADDR4_TEXT], ipv6[ADDR6_TEXT], prefix4[PREFIX4_TEXT], prefix6[PREFIX6_TEXT];
	const struct conf_clat *c = &f->now;
	bool has_uplink = strcmp(c->uplink, CONF_INTERFACE_AUTO) != 0;
	json_t *lan = json_array();

	for (unsigned i = 0; i < c->lan_len; i++)
		json_array_append_new(
			lan, json_pack("{s:s, s:s}", "ipv4", prefix4_text(c->lan[i].v4, prefix4), "ipv6",
				     prefix6_text(c->lan[i].v6, prefix6)));
	return json_pack("{s:s, s:s?, s:s?, s:o}", "address", addr4_text(c->address, address), "ipv6",
		c->ipv6.is_auto ? NULL : addr6_text(c->ipv6.value, ipv6), "uplink",
		has_uplink ? c->uplink : NULL, "lan", lan);
}
