/*
 * own.c - what belongs to this gateway itself; see own.h
 *
 * Two lists, which a dial of any thread reads and hardly anybody writes, under one lock. It is taken once or twice for each
 * connection and never for bytes.
 */
#include "relay/own.h"

#include "base/log.h"
#include "net/sockaddr.h"

#include <errno.h>
#include <ifaddrs.h>
#include <pthread.h>
#include <stdlib.h>

#define OWN_ADDRESSES_MAX 4096 /* of one host; a bound for what own_notice() adds */

struct own_list {
	struct endpoint *at;
	unsigned len, room;
};

struct own {
	pthread_rwlock_t lock;
	struct own_list addresses; /* their ports mean nothing */
	struct own_list listeners;
	struct prefix6 *prefixes;
	unsigned prefixes_len;
};

static bool is_loopback(const struct endpoint *at)
{
	return at->is4 ? at->a4.v >> 24 == 127 : at->a6.hi == 0 && at->a6.lo == 1;
}

static int list_add(struct own_list *l, const struct endpoint *at)
{
	if (l->len == l->room) {
		unsigned room = l->room == 0 ? 16 : 2 * l->room;
		struct endpoint *more = realloc(l->at, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->at = more;
		l->room = room;
	}
	l->at[l->len++] = *at;
	return 0;
}

static bool list_has(const struct own_list *l, const struct endpoint *at)
{
	for (unsigned i = 0; i < l->len; i++)
		if (endpoint_equal(&l->at[i], at))
			return true;
	return false;
}

static bool list_has_address(const struct own_list *l, const struct endpoint *at)
{
	for (unsigned i = 0; i < l->len; i++)
		if (endpoint_same_address(&l->at[i], at))
			return true;
	return false;
}

static bool is_in_prefix(const struct own *o, const struct endpoint *at)
{
	for (unsigned i = 0; !at->is4 && i < o->prefixes_len; i++)
		if (prefix6_contains(o->prefixes[i], at->a6))
			return true;
	return false;
}

/* Loopback and unspecified addresses reach every host itself. */
static bool is_own(const struct own *o, const struct endpoint *at)
{
	return is_loopback(at) || endpoint_is_any(at) || list_has_address(&o->addresses, at) ||
	       is_in_prefix(o, at);
}

/* A router answers to a subnet's anycast address, too: the prefix with nothing behind it (RFC 4291 s2.6.1). */
static int add_anycast(struct own *o, const struct ifaddrs *i)
{
	const union sockaddr_any *mask = (const void *)i->ifa_netmask;
	struct endpoint at = sockaddr_endpoint((const void *)i->ifa_addr);

	if (at.is4 || !mask)
		return 0;
	struct addr6 m = addr6_at(mask->v6.sin6_addr.s6_addr);

	at.a6 = (struct addr6){ at.a6.hi & m.hi, at.a6.lo & m.lo };
	return list_has_address(&o->addresses, &at) ? 0 : list_add(&o->addresses, &at);
}

static int add_interfaces(struct own *o)
{
	struct ifaddrs *all, *i;
	int err = 0;

	if (getifaddrs(&all) < 0)
		return -errno;
	for (i = all; i && err == 0; i = i->ifa_next) {
		const union sockaddr_any *a = (const void *)i->ifa_addr;

		if (!a || (a->sa.sa_family != AF_INET && a->sa.sa_family != AF_INET6))
			continue;
		struct endpoint at = sockaddr_endpoint(a);

		err = list_add(&o->addresses, &at);
		if (err == 0)
			err = add_anycast(o, i);
	}
	freeifaddrs(all);
	return err;
}

int own_new(struct own **ret)
{
	struct own *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	int err = -pthread_rwlock_init(&o->lock, NULL);
	if (err < 0) {
		free(o);
		return err;
	}
	err = add_interfaces(o);
	if (err < 0) {
		own_free(o);
		return err;
	}
	*ret = o;
	return 0;
}

void own_free(struct own *o)
{
	if (!o)
		return;
	pthread_rwlock_destroy(&o->lock);
	free(o->addresses.at);
	free(o->listeners.at);
	free(o->prefixes);
	free(o);
}

int own_listens(struct own *o, const struct endpoint *at)
{
	pthread_rwlock_wrlock(&o->lock);
	int err = list_has(&o->listeners, at) ? 0 : list_add(&o->listeners, at);

	pthread_rwlock_unlock(&o->lock);
	return err;
}

void own_listens_no_more(struct own *o, const struct endpoint *at)
{
	struct own_list *l = &o->listeners;

	pthread_rwlock_wrlock(&o->lock);
	for (unsigned i = 0; i < l->len; i++)
		if (endpoint_equal(&l->at[i], at)) {
			l->at[i] = l->at[--l->len];
			break;
		}
	pthread_rwlock_unlock(&o->lock);
}

static bool has_prefix(const struct own *o, struct prefix6 p)
{
	for (unsigned i = 0; i < o->prefixes_len; i++)
		if (o->prefixes[i].len == p.len && addr6_eq(o->prefixes[i].addr, p.addr))
			return true;
	return false;
}

static int prefix_add(struct own *o, struct prefix6 p)
{
	struct prefix6 *more;

	if (has_prefix(o, p))
		return 0;
	more = realloc(o->prefixes, (o->prefixes_len + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	o->prefixes = more;
	o->prefixes[o->prefixes_len++] = p;
	return 0;
}

int own_prefix(struct own *o, struct prefix6 p)
{
	pthread_rwlock_wrlock(&o->lock);
	int err = prefix_add(o, p);

	pthread_rwlock_unlock(&o->lock);
	return err;
}

/* Without memory or room it is noticed again at the next connection. */
void own_notice(struct own *o, const struct endpoint *at)
{
	char text[ADDR6_TEXT];

	pthread_rwlock_wrlock(&o->lock);
	bool is_new = !is_own(o, at) && o->addresses.len < OWN_ADDRESSES_MAX;
	int err = is_new ? list_add(&o->addresses, at) : 0;

	pthread_rwlock_unlock(&o->lock);
	if (is_new && err == 0)
		log_info("relay: %s is an address of this host too, and is no destination from now on",
			endpoint_address_text(at, text));
}

bool own_has(struct own *o, const struct endpoint *at)
{
	pthread_rwlock_rdlock(&o->lock);
	bool has = is_own(o, at);

	pthread_rwlock_unlock(&o->lock);
	return has;
}

/* A service that listens at every address of a family takes what is sent to any own address of it. */
static bool listens_at(const struct own *o, const struct endpoint *listener, const struct endpoint *at)
{
	if (listener->port != at->port || listener->is4 != at->is4)
		return false;
	if (endpoint_is_any(listener) || endpoint_is_any(at))
		return is_own(o, at);
	return endpoint_same_address(listener, at);
}

bool own_is_listener(struct own *o, const struct endpoint *at)
{
	bool is = false;

	pthread_rwlock_rdlock(&o->lock);
	for (unsigned i = 0; i < o->listeners.len && !is; i++)
		is = listens_at(o, &o->listeners.at[i], at);
	pthread_rwlock_unlock(&o->lock);
	return is;
}
