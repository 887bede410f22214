/*
 * fuzz_pref64.c - any bytes as what a network says about its NAT64 prefix
 *
 * The first byte chooses: a router advertisement, or an answer about ipv4only.arpa. What is taken must be a prefix that
 * a translator can use, within the limits, and go through the table of known prefixes; reading it again gives the same.
 */
#include "addr/embed.h"
#include "dns64/discovery.h"
#include "pref64/wka.h"

#include <stdlib.h>

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_known(struct known *k)
{
	const struct known_prefix *best = known_best(k);

	require(!best || (pref64_is_usable(best->prefix) && !embed_prefix_fault(best->prefix)));
	for (enum pref64_origin o = 0; o < PREF64_ORIGIN_COUNT; o++)
		require(k->len[o] <= KNOWN_MAX);
	require(known_expire(k, 100 * NSEC) > 100 * NSEC);
}

static void take_advert(const uint8_t *data, size_t size)
{
	const struct advert_origin router = { { 0xfe80000000000000, 1 }, 255 };
	struct known k = { .len = { 0 } };
	struct advert a;

	if (advert_parse(data, size, &router, &a) != ADVERT_TAKEN)
		return;
	require(size >= 16 && a.len <= ADVERT_OFFERS_MAX);
	for (unsigned i = 0; i < a.len; i++) {
		require(pref64_is_usable(a.offers[i].prefix));
		require(a.offers[i].lifetime_s <= 65528 && a.offers[i].lifetime_s % 8 == 0);
	}
	known_take_advert(&k, &a, router.source, 100 * NSEC);
	known_take_advert(&k, &a, router.source, 101 * NSEC);
	check_known(&k);
}

static void take_answer(const uint8_t *data, size_t size)
{
	struct known k = { .len = { 0 } };
	struct discovery_answer a = { .len = 0 };
	uint16_t id = size >= 2 ? be16_at(data) : 0;
	enum discovery_result r = discovery_read(data, size, id, &a);

	require(discovery_read(data, size, (uint16_t)(id + 1), &a) == DISCOVERY_NOT_OURS);
	require((r == DISCOVERY_FOUND) == (a.len > 0) && a.len <= KNOWN_MAX);
	for (unsigned i = 0; i < a.len; i++)
		require(pref64_is_usable(a.prefixes[i]));
	known_take_dns(&k, a.prefixes, a.len, 200 * NSEC);
	require(k.len[PREF64_DNS] == a.len); /* none of them came twice */
	check_known(&k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (data[0] & 1)
		take_answer(data + 1, size - 1);
	else
		take_advert(data + 1, size - 1);
	return 0;
}
