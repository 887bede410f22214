/* resolve.c - what only the host knows: its addresses and its resolvers; see conf.h */
#include "conf/resolve.h"

#include "base/bytes.h"
#include "conf/dns46.h"
#include "conf/domains.h"
#include "conf/pool.h"
#include "conf/reading.h"
#include "conf/relay.h"
#include "conf/siit.h"
#include "conf/upstream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define POOL_REMEDY "write a pool with an address to nat64.pool"

struct resolving {
	struct conf_reading r;
	const struct conf_host *host;
	struct host_facts facts;
	int facts_outcome; /* 0, or -errno of asking for them */
};

static bool find_auto(struct resolving *v, unsigned line, struct addr4 *ret)
{
	if (v->facts_outcome < 0) {
		reading_fault(&v->r, line, "the host's routes cannot be read (%s), " POOL_REMEDY,
			strerror(-v->facts_outcome));
		return false;
	}
	if (!v->facts.has_route4) {
		reading_fault(
			&v->r, line, "this host has no IPv4 default route, set one up, or " POOL_REMEDY);
		return false;
	}
	if (!v->facts.has_addr4) {
		reading_fault(&v->r, line,
			"interface %s of the IPv4 default route has no IPv4 address, set one up, "
			"or " POOL_REMEDY,
			v->facts.uplink4);
		return false;
	}
	*ret = v->facts.addr4;
	return true;
}

static bool find_named(struct resolving *v, unsigned line, const char *name, struct addr4 *ret)
{
	int e = v->host->interface_addr4(name, ret);

	if (e == -ENODEV)
		reading_fault(&v->r, line, "this host has no interface %s, write the name of another", name);
	else if (e == -EADDRNOTAVAIL)
		reading_fault(
			&v->r, line, "interface %s has no IPv4 address, set one up, or " POOL_REMEDY, name);
	else if (e < 0)
		reading_fault(&v->r, line, "the address of interface %s cannot be read (%s), " POOL_REMEDY,
			name, strerror(-e));
	return e == 0;
}

static void resolve_entry(struct resolving *v, unsigned i)
{
	struct conf_pool_source *s = &v->r.c->pool_source[i];
	struct pool_entry *e = &v->r.c->nat64.state.pool[i];
	bool is_auto = strcmp(s->interface, CONF_INTERFACE_AUTO) == 0;
	struct addr4 a;
	char text[ADDR4_TEXT];

	if (!s->interface[0])
		return;
	size_t back = path_enter_member(&v->r, i);

	path_enter(&v->r, "interface");
	if (is_auto ? find_auto(v, s->line, &a) : find_named(v, s->line, s->interface, &a)) {
		const char *fault = pool_address_fault(a);

		if (fault)
			reading_fault(&v->r, s->line, "its address %s %s, " POOL_REMEDY, addr4_text(a, text),
				fault);
		e->prefix = (struct prefix4){ a, 32 };
		s->interface[0] = '\0';
	}
	path_leave(&v->r, back);
}

static void resolve_pool(struct resolving *v)
{
	size_t back = path_enter(&v->r, "nat64.pool");

	for (unsigned i = 0; i < v->r.c->nat64.state.pool_len; i++)
		resolve_entry(v, i);
	path_leave(&v->r, back);
	pool_check(&v->r);
	siit_check_pool(&v->r);
	dns46_check_pool(&v->r);
}

static void resolve_upstream(struct resolving *v)
{
	const struct addr4 *own = v->facts_outcome == 0 && v->facts.has_addr4 ? &v->facts.addr4 : NULL;

	if (v->r.c->dns64.upstream_mode == UPSTREAM_SYSTEM)
		upstream_take_resolv(&v->r, v->host->resolv_name, v->host->resolv_text, own);
	else
		upstream_check(&v->r, own);
	domains_check(&v->r, own);
}

/* Names are added to a copy, which becomes that of the outcome. */
static void resolve_hosts(struct resolving *v)
{
	struct conf *c = v->r.c;
	const struct dns64_local *written = c->locals;
	unsigned len = c->dns64.local_len;

	if (!c->dns64.hosts_file[0])
		return;
	c->locals = NULL;
	c->dns64.local = NULL;
	c->dns64.local_len = 0;
	for (unsigned i = 0; i < len && !v->r.is_nomem; i++)
		v->r.is_nomem = locals_add(c, &written[i].name, &written[i].address) == LOCALS_NOMEM;
	if (!v->r.is_nomem)
		hosts_take(&v->r, v->host->hosts_text);
}

/* Works on a copy, which replaces *c only when all of it is right. */
int conf_resolve_with(struct conf *c, const struct conf_host *h, struct conf_errors *ret_errors)
{
	struct conf trial = *c;
	struct conf_errors errors = { 0 };
	struct resolving v = { .host = h };

	*ret_errors = (struct conf_errors){ 0 };
	reading_begin(&v.r, &trial, &errors);
	v.r.warnings = &c->warnings;
	v.facts_outcome = h->facts(&v.facts);
	if (trial.has_nat64)
		resolve_pool(&v);
	if (trial.has_dns64) {
		resolve_upstream(&v);
		resolve_hosts(&v);
	}
	if (trial.has_relay)
		relay_resolve(&v.r, h->resolv_text);
	int outcome = reading_outcome(&v.r);

	if (trial.locals != c->locals)
		free(outcome < 0 ? trial.locals : c->locals);
	if (outcome == -EINVAL) {
		*ret_errors = errors;
		return outcome;
	}
	conf_errors_fini(&errors);
	if (outcome < 0)
		return outcome;
	trial.warnings = c->warnings;
	*c = trial;
	return 0;
}
