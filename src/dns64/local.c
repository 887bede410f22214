/* local.c - names that are answered here; see local.h */
#include "dns64/local.h"

#include "dns64/reverse.h"

#include <errno.h>
#include <unbound.h>

#define RECORD_TEXT (2 * DNS_NAME_TEXT + 64)

/* Where zones and records go: into a file, or into a running context. */
struct target {
	int (*zone)(void *to, const char *name, const char *kind); /* 0, or not */
	int (*record)(void *to, const char *text);		   /* the same */
	void *to;
};

/* --- what they are --- */

static const char *record_text(const struct dns64_local *l, char buf[static RECORD_TEXT])
{
	char name[DNS_NAME_TEXT], address[ADDR6_TEXT];

	if (l->address.is4)
		addr4_text(l->address.a4, address);
	else
		addr6_text(l->address.a6, address);
	snprintf(buf, RECORD_TEXT, "%s %d IN %s %s", dns_name_text(&l->name, name), LOCAL_TTL,
		l->address.is4 ? "A" : "AAAA", address);
	return buf;
}

/* The name in in-addr.arpa or ip6.arpa (RFC 1035 s3.5, RFC 3596 s2.5). */
static const char *reverse_text(const struct endpoint *e, char buf[static DNS_NAME_TEXT])
{
	struct dns_name n;

	if (e->is4)
		reverse4_name(e->a4, &n);
	else
		reverse6_zone((struct prefix6){ e->a6, 128 }, &n);
	return dns_name_text(&n, buf);
}

static bool has_name_before(const struct dns64_config *c, unsigned i)
{
	for (unsigned j = 0; j < i; j++)
		if (dns_name_equal(&c->local[j].name, &c->local[i].name))
			return true;
	return false;
}

static bool same_address(const struct endpoint *a, const struct endpoint *b)
{
	if (a->is4 != b->is4)
		return false;
	return a->is4 ? addr4_eq(a->a4, b->a4) : addr6_eq(a->a6, b->a6);
}

static bool has_address_before(const struct dns64_config *c, unsigned i)
{
	for (unsigned j = 0; j < i; j++)
		if (same_address(&c->local[j].address, &c->local[i].address))
			return true;
	return false;
}

static int put_local(const struct dns64_config *c, unsigned i, const struct target *t)
{
	char name[DNS_NAME_TEXT], reverse[DNS_NAME_TEXT], record[RECORD_TEXT];
	const struct dns64_local *l = &c->local[i];
	int failed = 0;

	dns_name_text(&l->name, name);
	reverse_text(&l->address, reverse);
	if (!has_name_before(c, i))
		failed |= t->zone(t->to, name, "transparent");
	failed |= t->record(t->to, record_text(l, record));
	if (!has_address_before(c, i))
		failed |= t->zone(t->to, reverse, "transparent");
	snprintf(record, sizeof(record), "%s %d IN PTR %s", reverse, LOCAL_TTL, name);
	return failed | t->record(t->to, record);
}

static bool is_local(const struct dns64_config *c, const struct dns_name *name)
{
	for (unsigned i = 0; i < c->local_len; i++)
		if (dns_name_equal(&c->local[i].name, name))
			return true;
	return false;
}

static bool is_in(const struct dns_name *names, unsigned len, const struct dns_name *name)
{
	for (unsigned i = 0; i < len; i++)
		if (dns_name_equal(&names[i], name))
			return true;
	return false;
}

static int put_blocked(const struct dns64_config *c, const struct target *t)
{
	const struct dns64_block *b = &c->block;
	char name[DNS_NAME_TEXT];
	int failed = 0;

	for (unsigned i = 0; i < b->nxdomain_len; i++)
		if (!is_local(c, &b->nxdomain[i]))
			failed |= t->zone(t->to, dns_name_text(&b->nxdomain[i], name), "always_nxdomain");
	for (unsigned i = 0; i < b->refuse_len; i++)
		if (!is_local(c, &b->refuse[i]))
			failed |= t->zone(t->to, dns_name_text(&b->refuse[i], name), "always_refuse");
	return failed;
}

/* Without a zone of its own a private name, such as 10.in-addr.arpa, is answered by libunbound itself. */
static int put_forwarded(const struct dns64_config *c, const struct target *t)
{
	char name[DNS_NAME_TEXT];
	int failed = 0;

	for (unsigned i = 0; i < c->forward_len; i++) {
		const struct dns_name *n = &c->forward[i].domain;

		if (!is_local(c, n) && !is_in(c->block.nxdomain, c->block.nxdomain_len, n) &&
			!is_in(c->block.refuse, c->block.refuse_len, n))
			failed |= t->zone(t->to, dns_name_text(n, name), "transparent");
	}
	return failed;
}

/* No two zones have the same name: libunbound takes the first, and complains. */
static int put_all(const struct dns64_config *c, const struct target *t)
{
	int failed = put_forwarded(c, t) | put_blocked(c, t);

	for (unsigned i = 0; i < c->local_len; i++)
		failed |= put_local(c, i, t);
	return failed;
}

/* --- into a file --- */

static int write_zone(void *to, const char *name, const char *kind)
{
	fprintf(to, " local-zone: \"%s\" %s\n", name, kind);
	return 0;
}

static int write_record(void *to, const char *text)
{
	fprintf(to, " local-data: \"%s\"\n", text);
	return 0;
}

void local_write(FILE *f, const struct dns64_config *c)
{
	(void)put_all(c, &(struct target){ write_zone, write_record, f });
}

/* --- into a running context --- */

static int add_zone(void *to, const char *name, const char *kind)
{
	return ub_ctx_zone_add(to, name, kind);
}

static int add_record(void *to, const char *text)
{
	return ub_ctx_data_add(to, text);
}

static int remove_zone(void *to, const char *name, const char *kind)
{
	return ub_ctx_zone_remove(to, name);
}

static int keep_record(void *to, const char *text)
{
	return 0; /* goes with its zone */
}

static bool same_names(const struct dns_name *a, unsigned a_len, const struct dns_name *b, unsigned b_len)
{
	for (unsigned i = 0; a_len == b_len && i < a_len; i++)
		if (!dns_name_equal(&a[i], &b[i]))
			return false;
	return a_len == b_len;
}

static bool is_same(const struct dns64_config *a, const struct dns64_config *b)
{
	if (!same_names(a->block.nxdomain, a->block.nxdomain_len, b->block.nxdomain, b->block.nxdomain_len) ||
		!same_names(a->block.refuse, a->block.refuse_len, b->block.refuse, b->block.refuse_len) ||
		a->local_len != b->local_len)
		return false;
	for (unsigned i = 0; i < a->local_len; i++)
		if (!same_address(&a->local[i].address, &b->local[i].address) ||
			!dns_name_equal(&a->local[i].name, &b->local[i].name))
			return false;
	return true;
}

int local_update(struct ub_ctx *ctx, const struct dns64_config *old, const struct dns64_config *new)
{
	const struct target leave = { remove_zone, keep_record, ctx }, enter = { add_zone, add_record, ctx };

	if (is_same(old, new))
		return 0;
	int failed = put_all(old, &leave);

	failed |= put_all(new, &enter);
	return failed ? -EIO : 0;
}
