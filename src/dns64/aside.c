/*
 * aside.c - names that only libunbound can answer; see aside.h
 *
 * There may be thousands of local names, and each question that is not cached is looked for among them. So only hashes are
 * kept, in an open table: of each name, with the lowest bit saying whether what is below counts, too. A name of
 * somebody else that has the hash of one of them is asked by way of libunbound, which is right for every name.
 */
#include "dns64/aside.h"

#include "dns64/reverse.h"

#include <errno.h>
#include <stdlib.h>

/*
 * The local zones that libunbound has unless it is told otherwise, but for those that engine_config.c has it forward, and
 * those of versions to come that are known. RFC 6761, RFC 7686, RFC 9462, RFC 6303 s4.2 and s4.3.
 */
static const char *const builtin[] = {
	"localhost",
	"invalid",
	"onion",
	"resolver.arpa",
	"service.arpa",
	"127.in-addr.arpa",
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
};

enum { ONLY_NAME, AND_BELOW };

struct aside {
	uint64_t secret;
	unsigned mask;	  /* slots, less one */
	uint64_t slots[]; /* 0: empty */
};

/* Mixes a label, from right to left through the name, into the hash of what is right of it. */
static uint64_t mix(uint64_t h, const uint8_t *label)
{
	for (unsigned i = 0; i <= *label; i++)
		h = (h ^ dns_lower(label[i])) * UINT64_C(0x100000001b3); /* FNV-1a */
	return h ^ h >> 29;
}

static uint64_t key_of(uint64_t h, unsigned scope)
{
	return (h & ~UINT64_C(1)) | scope | 2; /* never 0 */
}

static bool has(const struct aside *a, uint64_t key)
{
	uint64_t at = (key >> 8) & a->mask;

	/* Half of the slots are empty at least. */
	for (; a->slots[at] != 0; at = (at + 1) & a->mask)
		if (a->slots[at] == key)
			return true;
	return false;
}

static void add(struct aside *a, const struct dns_name *n, unsigned scope)
{
	uint8_t labels[DNS_LABELS_MAX];
	uint64_t h = a->secret;

	for (unsigned i = dns_name_labels(n, labels); i > 0; i--)
		h = mix(h, n->wire + labels[i - 1]);
	uint64_t key = key_of(h, scope), at = (key >> 8) & a->mask;

	while (a->slots[at] != 0 && a->slots[at] != key)
		at = (at + 1) & a->mask;
	a->slots[at] = key;
}

bool aside_holds(const struct aside *a, const struct dns_name *n)
{
	uint8_t labels[DNS_LABELS_MAX];
	uint64_t h = a->secret;

	if (has(a, key_of(h, AND_BELOW))) /* the root */
		return true;
	for (unsigned i = dns_name_labels(n, labels); i > 0; i--) {
		h = mix(h, n->wire + labels[i - 1]);
		if (has(a, key_of(h, AND_BELOW)))
			return true;
	}
	return has(a, key_of(h, ONLY_NAME));
}

static void add_reverse(struct aside *a, const struct endpoint *e)
{
	struct dns_name n;

	if (e->is4)
		reverse4_name(e->a4, &n);
	else
		reverse6_zone((struct prefix6){ e->a6, 128 }, &n);
	add(a, &n, ONLY_NAME);
}

static void add_all(struct aside *a, const struct dns64_config *c)
{
	struct dns_name n;

	for (size_t i = 0; i < ARRAY_LEN(builtin); i++)
		if (dns_name_parse(builtin[i], &n))
			add(a, &n, AND_BELOW);
	for (unsigned i = 0; i < c->forward_len; i++)
		add(a, &c->forward[i].domain, AND_BELOW);
	for (unsigned i = 0; i < c->block.nxdomain_len; i++)
		add(a, &c->block.nxdomain[i], AND_BELOW);
	for (unsigned i = 0; i < c->block.refuse_len; i++)
		add(a, &c->block.refuse[i], AND_BELOW);
	for (unsigned i = 0; i < c->local_len; i++) {
		add(a, &c->local[i].name, ONLY_NAME);
		add_reverse(a, &c->local[i].address);
	}
}

int aside_new(const struct dns64_config *c, uint64_t secret, struct aside **ret)
{
	size_t names = ARRAY_LEN(builtin) + c->forward_len + c->block.nxdomain_len + c->block.refuse_len +
		       2 * (size_t)c->local_len;
	unsigned slots = 64;

	while (slots < 2 * names)
		slots *= 2;
	struct aside *a = calloc(1, sizeof(*a) + slots * sizeof(a->slots[0]));

	if (!a)
		return -ENOMEM;
	a->secret = secret;
	a->mask = slots - 1;
	add_all(a, c);
	*ret = a;
	return 0;
}

void aside_free(struct aside *a)
{
	free(a);
}
