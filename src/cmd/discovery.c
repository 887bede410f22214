/*
 * discovery.c - learning the NAT64 prefix of the network
 *
 * Purpose. pref64/ knows what bytes mean and what is due when; this file moves the bytes. It runs inside the sandbox of
 * the translator: whoever is on the link can send router advertisements, and whoever is on the way can forge answers, so
 * both are read where nothing can be reached but the translator itself. The supervisor opens the two sockets, bound to
 * the uplink; when the uplink changes, it binds the same sockets anew.
 *
 * Why not RTM_NEWNDUSEROPT, by which the kernel passes on options of advertisements: it does so only where it takes
 * advertisements itself (accept_ra), and on most desktops a connection manager does that instead. A raw socket hears them
 * in either case, and a solicitation can be sent from it.
 *
 * Life cycle of the search. It begins at start, when the host comes to another network (another uplink, or another /64
 * there), and when a prefix is lost:
 *
 *	solicit routers, at most SOLICITATIONS times, until one answers (RFC 4861 s6.3.7)
 *	DNS_PATIENCE later, if no router has told: ask for ipv4only.arpa, and go on asking as pref64/ask.h says
 *
 * While a router's advertisement has a prefix, DNS is not asked (RFC 8781 s5.1: one source only, and this one first). A
 * prefix that is written in the configuration ends all of it (RFC 7050 s6).
 *
 * The log has a line when the prefix in use changes, when it is lost, and once per search when none was found in
 * MISSING_PATIENCE.
 *
 * Standards: RFC 8781, RFC 7050, RFC 4861 s4.1, s6.3.7.
 */
#include "cmd/discovery.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/random.h"
#include "dns64/discovery.h"
#include "pref64/ask.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <stdlib.h>
#include <sys/socket.h>

#define SOLICITATIONS 3			 /* RFC 4861 s10: MAX_RTR_SOLICITATIONS */
#define SOLICITATION_INTERVAL (4 * NSEC) /* RFC 4861 s10: RTR_SOLICITATION_INTERVAL */
#define DNS_PATIENCE (1 * NSEC)		 /* for the answer to the first solicitation */
#define MISSING_PATIENCE (6 * NSEC)	 /* before the log says that there is none */
#define MESSAGES_AT_A_TIME 16		 /* then others have their turn */
#define NEVER UINT64_MAX
#define MESSAGE_BYTES 1500 /* a longer advertisement or answer would be in fragments; it is cut and refused */

struct discovery {
	struct discovery_plan plan;
	struct conf_clat clat;
	struct known known;
	struct ask ask;
	struct rng rng;
	struct loop_watch *adverts, *queries, *timer;
	unsigned solicitations_left;
	nsec solicit_at;   /* when the next one is due, if one is left */
	nsec complain_at;  /* when the log says that there is none; NEVER: said, or not needed */
	bool has_question; /* one is on the way, to @asked */
	uint16_t id;
	struct conf_resolver asked;
	bool has_prefix;	  /* in use */
	struct known_prefix used; /* if so; of a configured prefix only its value counts */
	uint64_t adverts_taken, adverts_ignored, questions, answers;
};

/* --- what is in use --- */

static bool is_wanted(const struct discovery *d, enum conf_discover way)
{
	return d->clat.prefix.is_auto && (d->clat.discover & way) != 0;
}

static void search_begin(struct discovery *d, nsec now)
{
	d->solicitations_left = is_wanted(d, CONF_DISCOVER_ADVERT) ? SOLICITATIONS : 0;
	d->solicit_at = now;
	d->complain_at = d->clat.prefix.is_auto ? now + MISSING_PATIENCE : NEVER;
	ask_stop(&d->ask);
	d->has_question = false;
}

static void log_used(const struct discovery *d)
{
	char prefix[PREFIX6_TEXT], router[ADDR6_TEXT];

	prefix6_text(d->used.prefix, prefix);
	if (!d->clat.prefix.is_auto)
		log_info("clat: the NAT64 prefix is %s, as configured", prefix);
	else if (d->used.origin == PREF64_ADVERT)
		log_info("clat: the NAT64 prefix is %s, by router advertisement of %s", prefix,
			addr6_text(d->used.router, router));
	else
		log_info("clat: the NAT64 prefix is %s, by the answer about ipv4only.arpa", prefix);
}

/* Which prefix to use now; true if another one than before, or none any more. */
static bool choose(struct discovery *d)
{
	const struct known_prefix *best = d->clat.prefix.is_auto ? known_best(&d->known) : NULL;
	const struct known_prefix configured = { .prefix = d->clat.prefix.value, .until = NEVER };
	struct known_prefix before = d->used;
	bool had = d->has_prefix;
	char text[PREFIX6_TEXT];

	if (!d->clat.prefix.is_auto)
		best = &configured;
	d->has_prefix = best != NULL;
	if (best)
		d->used = *best;
	if (had && best && before.prefix.len == best->prefix.len &&
		addr6_eq(before.prefix.addr, best->prefix.addr))
		return false;
	if (best)
		log_used(d);
	else if (had)
		log_warning("clat: the NAT64 prefix %s is over, and no other is known; IPv4 packets are "
			    "refused until "
			    "there is one",
			prefix6_text(before.prefix, text));
	return had || best;
}

/* --- solicitations --- */

static void solicit(struct discovery *d, nsec now)
{
	static const uint8_t solicitation[8] = {
		ND_ROUTER_SOLICIT
	}; /* RFC 4861 s4.1; the kernel sums it up */
	struct sockaddr_in6 routers = { .sin6_family = AF_INET6,
		.sin6_addr = { { { 0xff, 0x02, [15] = 2 } } } };

	if (sendto(d->plan.adverts, solicitation, sizeof(solicitation), 0, (const struct sockaddr *)&routers,
		    sizeof(routers)) < 0)
		log_debug("clat: routers cannot be solicited: %s", strerror(errno));
	d->solicitations_left--;
	d->solicit_at = now + SOLICITATION_INTERVAL;
}

/* --- questions --- */

static struct sockaddr_in6 address_of(const struct conf_resolver *s)
{
	struct sockaddr_in6 to = {
		.sin6_family = AF_INET6, .sin6_port = htons(s->at.port), .sin6_scope_id = s->scope
	};
	uint8_t *bytes = to.sin6_addr.s6_addr;

	if (s->at.is4) {
		be16_put(bytes + 10, 0xffff); /* one socket for both families */
		addr4_put(bytes + 12, s->at.a4);
	} else {
		addr6_put(bytes, s->at.a6);
	}
	return to;
}

static void ask(struct discovery *d, nsec now)
{
	uint8_t query[DISCOVERY_QUERY_BYTES];

	ask_sent(&d->ask, now);
	d->asked = d->clat.resolvers[d->ask.server % d->clat.resolvers_len];
	d->id = (uint16_t)rng_next(&d->rng);
	d->has_question = true;
	d->questions++;
	discovery_write(d->id, query);
	struct sockaddr_in6 to = address_of(&d->asked);

	if (sendto(d->plan.queries, query, sizeof(query), 0, (const struct sockaddr *)&to, sizeof(to)) < 0)
		log_debug("clat: ipv4only.arpa cannot be asked for: %s", strerror(errno));
}

/* --- what is due --- */

static void complain(struct discovery *d)
{
	d->complain_at = NEVER;
	if (d->has_prefix)
		return;
	log_warning("clat: no NAT64 prefix was found (%s%s%s); IPv4 packets are refused until there is one; "
		    "clat.prefix can be written down",
		is_wanted(d, CONF_DISCOVER_ADVERT) ? "no router advertises one" : "",
		d->clat.discover == (CONF_DISCOVER_ADVERT | CONF_DISCOVER_DNS) ? ", and " : "",
		!is_wanted(d, CONF_DISCOVER_DNS) ? ""
		: d->clat.resolvers_len == 0	 ? "there is no name server to ask"
						 : "DNS has none under ipv4only.arpa");
}

static nsec earlier(nsec a, nsec b)
{
	return a < b ? a : b;
}

/* DNS is asked while no advertisement tells. */
static void ask_or_stop(struct discovery *d, nsec now)
{
	bool has_advert = known_has(&d->known, PREF64_ADVERT);

	if (!is_wanted(d, CONF_DISCOVER_DNS) || d->clat.resolvers_len == 0 || has_advert) {
		ask_stop(&d->ask);
		d->has_question = false;
		return;
	}
	ask_start(&d->ask, is_wanted(d, CONF_DISCOVER_ADVERT) ? now + DNS_PATIENCE : now);
	if (ask_is_due(&d->ask, now))
		ask(d, now);
}

/* Does all that is due and sets the timer; true if the prefix in use changed. */
static bool think(struct discovery *d)
{
	nsec now = clock_now();
	nsec next = known_expire(&d->known, now);
	bool had = d->has_prefix, has_changed = choose(d);

	if (had && !d->has_prefix)
		search_begin(d, now);
	if (d->solicitations_left > 0 && d->solicit_at <= now)
		solicit(d, now);
	ask_or_stop(d, now);
	if (d->complain_at <= now)
		complain(d);
	if (d->solicitations_left > 0)
		next = earlier(next, d->solicit_at);
	next = earlier(earlier(next, d->complain_at), d->ask.due);
	if (next == NEVER)
		loop_timer_stop(d->timer);
	else
		loop_timer_set(d->timer, next > now ? next - now : 0);
	return has_changed;
}

static void think_and_tell(struct discovery *d)
{
	if (think(d))
		d->plan.changed(d->plan.ctx);
}

static void on_timer(void *ctx)
{
	think_and_tell(ctx);
}

/* --- what comes in --- */

static int hop_limit_of(struct msghdr *m)
{
	int limit = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT &&
			c->cmsg_len >= CMSG_LEN(sizeof(limit)))
			bytes_copy(&limit, CMSG_DATA(c), sizeof(limit));
	return limit;
}

/* One message; false if none waits. */
static bool take_advert(struct discovery *d)
{
	uint8_t bytes[MESSAGE_BYTES];
	_Alignas(struct cmsghdr) uint8_t control[128];
	struct sockaddr_in6 from = { .sin6_family = AF_UNSPEC };
	struct iovec part = { bytes, sizeof(bytes) };
	struct msghdr m = { .msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	ssize_t len = recvmsg(d->plan.adverts, &m, MSG_DONTWAIT);
	struct advert a;

	if (len < 0)
		return errno == EINTR;
	struct advert_origin origin = { addr6_at(from.sin6_addr.s6_addr), hop_limit_of(&m) };

	if ((m.msg_flags & MSG_TRUNC) || advert_parse(bytes, (size_t)len, &origin, &a) != ADVERT_TAKEN) {
		d->adverts_ignored++;
		return true;
	}
	d->adverts_taken++;
	d->solicitations_left = 0;
	if (is_wanted(d, CONF_DISCOVER_ADVERT))
		known_take_advert(&d->known, &a, origin.source, clock_now());
	return true;
}

static void on_adverts(void *ctx, unsigned ready)
{
	struct discovery *d = ctx;

	for (unsigned i = 0; i < MESSAGES_AT_A_TIME && take_advert(d); i++)
		continue;
	think_and_tell(d);
}

static void take_answer(struct discovery *d, const uint8_t *bytes, size_t len)
{
	struct discovery_answer a;
	nsec now = clock_now();
	enum discovery_result r = discovery_read(bytes, len, d->id, &a);

	if (r == DISCOVERY_NOT_OURS)
		return;
	d->has_question = false;
	d->answers++;
	if (r == DISCOVERY_FAILED) {
		ask_failed(&d->ask, now);
	} else if (r == DISCOVERY_DENIED) {
		ask_denied(&d->ask, a.ttl, now);
		known_take_dns(&d->known, NULL, 0, 0);
	} else {
		nsec until = ask_answered(&d->ask, a.ttl, now);

		known_take_dns(&d->known, a.prefixes, a.len, until);
	}
}

/* One datagram; false if none waits. Only the server that was asked last is listened to. */
static bool take_datagram(struct discovery *d)
{
	uint8_t bytes[MESSAGE_BYTES];
	struct sockaddr_in6 from = { .sin6_family = AF_UNSPEC }, want = address_of(&d->asked);
	socklen_t from_len = sizeof(from);
	ssize_t len = recvfrom(d->plan.queries, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC,
		(struct sockaddr *)&from, &from_len);

	if (len <
		0) /* an error here is an ICMP error about an earlier question: the next one is due anyway */
		return errno == EINTR || errno == ECONNREFUSED;
	if (d->has_question && (size_t)len <= sizeof(bytes) && from.sin6_family == AF_INET6 &&
		from.sin6_port == want.sin6_port && bytes_equal(&from.sin6_addr, &want.sin6_addr, 16))
		take_answer(d, bytes, (size_t)len);
	return true;
}

static void on_queries(void *ctx, unsigned ready)
{
	struct discovery *d = ctx;

	for (unsigned i = 0; i < MESSAGES_AT_A_TIME && take_datagram(d); i++)
		continue;
	think_and_tell(d);
}

/* --- life --- */

void discovery_free(struct discovery *d)
{
	if (!d)
		return;
	loop_unwatch(d->adverts);
	loop_unwatch(d->queries);
	loop_unwatch(d->timer);
	free(d);
}

int discovery_new(const struct discovery_plan *p, struct discovery **ret)
{
	struct discovery *d = calloc(1, sizeof(*d));
	uint64_t seed = 0;

	if (!d)
		return -ENOMEM;
	d->plan = *p;
	d->clat = *p->clat;
	ask_init(&d->ask);
	search_begin(d, clock_now());
	int r = random_seed(&seed, sizeof(seed));

	rng_init(&d->rng, seed);
	if (r == 0)
		r = loop_watch_timer(p->loop, on_timer, d, &d->timer);
	if (r == 0)
		r = loop_watch_fd(p->loop, p->adverts, LOOP_READ, on_adverts, d, &d->adverts);
	if (r == 0)
		r = loop_watch_fd(p->loop, p->queries, LOOP_READ, on_queries, d, &d->queries);
	if (r < 0) {
		discovery_free(d);
		return r;
	}
	(void)choose(d); /* a prefix that is written down is known from the start */
	loop_timer_set(d->timer, 0);
	*ret = d;
	return 0;
}

static bool is_same_network(const struct conf_clat *a, const struct conf_clat *b)
{
	return strcmp(a->uplink, b->uplink) == 0 && a->ipv6.is_auto == b->ipv6.is_auto &&
	       a->ipv6.value.hi == b->ipv6.value.hi;
}

static bool is_same_search(const struct conf_clat *a, const struct conf_clat *b)
{
	for (unsigned i = 0; i < a->resolvers_len && i < b->resolvers_len; i++) {
		struct sockaddr_in6 x = address_of(&a->resolvers[i]), y = address_of(&b->resolvers[i]);

		if (!bytes_equal(&x, &y, sizeof(x)))
			return false;
	}
	return a->resolvers_len == b->resolvers_len && a->discover == b->discover &&
	       a->prefix.is_auto == b->prefix.is_auto;
}

void discovery_update(struct discovery *d, const struct conf_clat *clat)
{
	bool is_elsewhere = !is_same_network(&d->clat, clat);
	bool is_new = is_elsewhere || !is_same_search(&d->clat, clat);

	d->clat = *clat;
	if (is_elsewhere)
		known_forget(&d->known);
	if (is_new)
		search_begin(d, clock_now());
	think_and_tell(d);
}

bool discovery_prefix(const struct discovery *d, struct prefix6 *ret)
{
	if (d->has_prefix)
		*ret = d->used.prefix;
	return d->has_prefix;
}

json_t *discovery_row(const struct discovery *d)
{
	char prefix[PREFIX6_TEXT], router[ADDR6_TEXT];
	bool is_learned = d->has_prefix && d->clat.prefix.is_auto;
	bool is_advert = is_learned && d->used.origin == PREF64_ADVERT;
	nsec now = clock_now();
	nsec left = is_learned && d->used.until > now ? d->used.until - now : 0;

	return json_pack("{s:s?, s:s?, s:s?, s:o, s:I, s:I, s:I, s:I}", "prefix",
		d->has_prefix ? prefix6_text(d->used.prefix, prefix) : NULL, "from",
		is_learned	? pref64_origin_name(d->used.origin)
		: d->has_prefix ? "configuration"
				: NULL,
		"router", is_advert ? addr6_text(d->used.router, router) : NULL, "valid_s",
		is_learned ? json_real((double)(left / MSEC) / 1000) : json_null(), "adverts",
		(json_int_t)d->adverts_taken, "adverts_ignored", (json_int_t)d->adverts_ignored, "questions",
		(json_int_t)d->questions, "answers", (json_int_t)d->answers);
}
