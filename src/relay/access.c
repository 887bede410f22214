/*
 * access.c - who may use a service, and what may be its destination; see access.h
 *
 * A destination has faces: itself, and each IPv4 address that it may stand for. Each face is judged by itself, and the
 * worst verdict counts. The order of the rules for one face: deny, own listeners, allow, what is built in.
 */
#include "relay/access.h"

#include "addr/unwrap.h"
#include "relay/own.h"

#include <stddef.h>

#define NET4(v, len)                                                                                         \
	{                                                                                                    \
		.is4 = true, .p4 = { { UINT32_C(v) }, len }                                                  \
	}
#define NET6(hi, len)                                                                                        \
	{                                                                                                    \
		.is4 = false, .p6 = { { UINT64_C(hi), 0 }, len }                                             \
	}

/* Nobody's business behind a relay, whoever asks. Loopback is this host itself (own_has()). */
static const struct prefix built_in[] = {
	NET4(0x00000000, 8),	       /* this network: RFC 791 s3.2 */
	NET4(0xa9fe0000, 16),	       /* link-local, cloud metadata: RFC 3927 */
	NET4(0xe0000000, 4),	       /* multicast: RFC 5771 */
	NET4(0xf0000000, 4),	       /* reserved, and broadcast: RFC 1112 s4, RFC 919 s7 */
	NET6(0x0000000000000000, 128), /* unspecified: RFC 4291 s2.5.2 */
	NET6(0xfe80000000000000, 10),  /* link-local: RFC 4291 s2.5.6 */
	NET6(0xfec0000000000000, 10),  /* site-local, deprecated: RFC 3879 */
	NET6(0xff00000000000000, 8),   /* multicast: RFC 4291 s2.7 */
};

static bool list_has(const struct prefix *list, unsigned len, const struct endpoint *at)
{
	for (unsigned i = 0; i < len; i++)
		if (prefix_contains(&list[i], at))
			return true;
	return false;
}

bool access_client(const struct access *a, const struct endpoint *client)
{
	return list_has(a->clients, a->clients_len, client);
}

static enum access_verdict judge_face(const struct access *a, const struct endpoint *face)
{
	const struct relay_destinations *d = a->destinations;

	if (list_has(d->deny, d->deny_len, face))
		return ACCESS_DENIED;
	if (own_is_listener(a->own, face))
		return ACCESS_DENIED_OWN;
	if (list_has(d->allow, d->allow_len, face))
		return ACCESS_ALLOWED;
	if (own_has(a->own, face))
		return ACCESS_DENIED_OWN;
	return list_has(built_in, ARRAY_LEN(built_in), face) ? ACCESS_DENIED : ACCESS_ALLOWED;
}

static bool port_is_allowed(const struct relay_destinations *d, uint16_t port)
{
	for (unsigned i = 0; i < d->ports_len; i++)
		if (port >= d->ports[i].first && port <= d->ports[i].last)
			return true;
	return d->ports_len == 0;
}

enum access_verdict access_destination(const struct access *a, const struct endpoint *to)
{
	struct addr4 inside[UNWRAP_MAX];
	enum access_verdict v = judge_face(a, to);
	unsigned len = to->is4 ? 0 : addr_unwrap(to->a6, a->translation, a->translation_len, inside);

	for (unsigned i = 0; i < len && v == ACCESS_ALLOWED; i++)
		v = judge_face(a, &(struct endpoint){ .is4 = true, .a4 = inside[i], .port = to->port });
	if (v == ACCESS_ALLOWED && !port_is_allowed(a->destinations, to->port))
		return ACCESS_DENIED_PORT;
	return v;
}
