/* same.h - whether two configurations are the same, field by field; independent of how conf_print() writes
 * them */
#ifndef ISTHMUS_TESTS_CONF_SAME_H
#define ISTHMUS_TESTS_CONF_SAME_H

#include "base/bytes.h"
#include "conf/conf.h"

static inline bool same_prefix4(struct prefix4 a, struct prefix4 b)
{
	return addr4_eq(a.addr, b.addr) && a.len == b.len;
}

static inline bool same_prefix6(struct prefix6 a, struct prefix6 b)
{
	return addr6_eq(a.addr, b.addr) && a.len == b.len;
}

static inline bool same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
	return a->is4 == b->is4 && a->port == b->port &&
	       (a->is4 ? addr4_eq(a->a4, b->a4) : addr6_eq(a->a6, b->a6));
}

static inline bool same_pool(const struct conf *a, const struct conf *b)
{
	for (unsigned i = 0; i < a->nat64.state.pool_len; i++) {
		const struct pool_entry *x = &a->nat64.state.pool[i], *y = &b->nat64.state.pool[i];

		if (!same_prefix4(x->prefix, y->prefix) || x->lo != y->lo || x->hi != y->hi ||
			x->is_shared != y->is_shared || x->pool != y->pool)
			return false;
		if (strcmp(a->pool_source[i].interface, b->pool_source[i].interface) != 0 ||
			a->pool_source[i].is_implied != b->pool_source[i].is_implied)
			return false;
	}
	return a->nat64.state.pool_len == b->nat64.state.pool_len;
}

static inline bool same_statics(const struct state_config *a, const struct state_config *b)
{
	for (unsigned i = 0; a->statics_len == b->statics_len && i < a->statics_len; i++) {
		const struct static_binding *x = &a->statics[i], *y = &b->statics[i];

		if (x->proto != y->proto || !addr4_eq(x->out, y->out) || x->out_port != y->out_port ||
			!addr6_eq(x->in, y->in) || x->in_port != y->in_port)
			return false;
	}
	return a->statics_len == b->statics_len;
}

static inline bool same_state(const struct state_config *a, const struct state_config *b)
{
	for (unsigned i = 0; i < LIFETIME_COUNT; i++)
		if (a->lifetime[i] != b->lifetime[i])
			return false;
	for (unsigned i = 0; i < STATE_POOLS_MAX; i++)
		if (a->fixed_blocks[i] != b->fixed_blocks[i])
			return false;
	for (unsigned i = 0; a->members_len == b->members_len && i < a->members_len; i++)
		if (!same_prefix6(a->members[i].prefix, b->members[i].prefix) ||
			a->members[i].pool != b->members[i].pool)
			return false;
	return a->members_len == b->members_len && a->ports_per_block == b->ports_per_block &&
	       a->subscriber_len == b->subscriber_len &&
	       a->max_blocks_per_subscriber == b->max_blocks_per_subscriber &&
	       a->max_sessions == b->max_sessions && a->protocols_len == b->protocols_len &&
	       memcmp(a->protocols, b->protocols, a->protocols_len) == 0 &&
	       a->hosts_per_subscriber == b->hosts_per_subscriber && a->filtering == b->filtering &&
	       same_statics(a, b);
}

static inline bool same_flowpath(const struct conf *a, const struct conf *b)
{
	const struct conf_flowpath *x = &a->flowpath, *y = &b->flowpath;

	for (unsigned i = 0; i < x->interfaces_len; i++)
		if (strcmp(x->interfaces[i], y->interfaces[i]) != 0)
			return false;
	return x->fastpath == y->fastpath && x->mode == y->mode && x->flows == y->flows &&
	       x->interfaces_len == y->interfaces_len;
}

static inline bool same_nat64(const struct conf *a, const struct conf *b)
{
	const struct nat64_config *x = &a->nat64, *y = &b->nat64;

	for (unsigned i = 0; i < x->prefixes_len; i++)
		if (!same_prefix6(x->prefixes[i], y->prefixes[i]))
			return false;
	for (unsigned i = 0; i < x->deny_len; i++)
		if (!same_prefix4(x->deny[i], y->deny[i]))
			return false;
	return x->prefixes_len == y->prefixes_len && x->deny_len == y->deny_len &&
	       x->allow_non_global == y->allow_non_global && x->lowest_ipv6_mtu == y->lowest_ipv6_mtu &&
	       x->udp_zero == y->udp_zero && same_pool(a, b) && same_state(&x->state, &y->state) &&
	       a->workers == b->workers && strcmp(a->state_file, b->state_file) == 0 &&
	       x->ftp_alg == y->ftp_alg && same_flowpath(a, b);
}

static inline bool same_prefixes4(const struct prefix4 *a, const struct prefix4 *b, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		if (!same_prefix4(a[i], b[i]))
			return false;
	return true;
}

static inline bool same_mappings(const struct siit_config *a, const struct siit_config *b)
{
	for (unsigned i = 0; a->mappings_len == b->mappings_len && i < a->mappings_len; i++)
		if (!same_prefix4(a->mappings[i].v4, b->mappings[i].v4) ||
			!same_prefix6(a->mappings[i].v6, b->mappings[i].v6) ||
			a->mappings[i].hosts != b->mappings[i].hosts)
			return false;
	return a->mappings_len == b->mappings_len;
}

static inline bool same_siit(const struct siit_config *a, const struct siit_config *b)
{
	if (a->prefixes_len != b->prefixes_len || a->icmp4_len != b->icmp4_len ||
		a->deny_len != b->deny_len || a->translatable_len != b->translatable_len)
		return false;
	for (unsigned i = 0; i < a->prefixes_len; i++)
		if (!same_prefix6(a->prefixes[i], b->prefixes[i]))
			return false;
	for (unsigned i = 0; i < a->icmp4_len; i++)
		if (!addr4_eq(a->icmp4[i], b->icmp4[i]))
			return false;
	return same_prefixes4(a->translatable, b->translatable, a->translatable_len) &&
	       same_prefixes4(a->deny, b->deny, a->deny_len) && same_mappings(a, b) &&
	       addr6_eq(a->icmp6, b->icmp6) && a->allow_non_global == b->allow_non_global &&
	       a->lowest_ipv6_mtu == b->lowest_ipv6_mtu && a->udp_zero == b->udp_zero &&
	       a->hairpin == b->hairpin && same_prefix4(a->lent_pool, b->lent_pool);
}

static inline bool same_client(const struct prefix *a, const struct prefix *b)
{
	return a->is4 == b->is4 && (a->is4 ? same_prefix4(a->p4, b->p4) : same_prefix6(a->p6, b->p6));
}

static inline bool same_names(const struct dns_name *a, const struct dns_name *b, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		if (!dns_name_equal(&a[i], &b[i]))
			return false;
	return true;
}

static inline bool same_policy(const struct dns64_policy *a, const struct dns64_policy *b)
{
	if (a->prefixes_len != b->prefixes_len || a->ranges_len != b->ranges_len ||
		a->exclude_aaaa_len != b->exclude_aaaa_len || a->exclude_a_len != b->exclude_a_len ||
		a->never_len != b->never_len || a->always_len != b->always_len || a->lend_len != b->lend_len)
		return false;
	for (unsigned i = 0; i < a->prefixes_len; i++)
		if (!same_prefix6(a->prefixes[i], b->prefixes[i]))
			return false;
	for (unsigned i = 0; i < a->ranges_len; i++)
		if (!same_prefix4(a->ranges[i].ipv4, b->ranges[i].ipv4) ||
			!same_prefix6(a->ranges[i].prefix, b->ranges[i].prefix))
			return false;
	for (unsigned i = 0; i < a->exclude_aaaa_len; i++)
		if (!same_prefix6(a->exclude_aaaa[i], b->exclude_aaaa[i]))
			return false;
	return same_prefixes4(a->exclude_a, b->exclude_a, a->exclude_a_len) &&
	       same_names(a->never, b->never, a->never_len) &&
	       same_names(a->always, b->always, a->always_len) && same_names(a->lend, b->lend, a->lend_len) &&
	       a->allow_non_global == b->allow_non_global && a->ptr_is_direct == b->ptr_is_direct;
}

static inline bool same_views(const struct dns64_config *a, const struct dns64_config *b)
{
	for (unsigned v = 0; a->views_len == b->views_len && v < a->views_len; v++) {
		const struct dns64_view *x = &a->views[v], *y = &b->views[v];

		for (unsigned i = 0; x->clients_len == y->clients_len && i < x->clients_len; i++)
			if (!same_client(&x->clients[i], &y->clients[i]))
				return false;
		if (x->clients_len != y->clients_len || !same_policy(&x->policy, &y->policy))
			return false;
	}
	return a->views_len == b->views_len;
}

static inline bool same_dns_lists(const struct dns64_config *a, const struct dns64_config *b)
{
	for (unsigned i = 0; i < a->listen_len; i++)
		if (!same_endpoint(&a->listen[i], &b->listen[i]))
			return false;
	for (unsigned i = 0; i < a->allow_len; i++)
		if (!same_client(&a->allow[i], &b->allow[i]))
			return false;
	return a->listen_len == b->listen_len && a->allow_len == b->allow_len;
}

static inline bool same_domains(const struct dns64_config *a, const struct dns64_config *b)
{
	for (unsigned i = 0; a->forward_len == b->forward_len && i < a->forward_len; i++) {
		const struct dns64_forward *x = &a->forward[i], *y = &b->forward[i];

		for (unsigned k = 0; x->to_len == y->to_len && k < x->to_len; k++)
			if (!upstream_equal(&x->to[k], &y->to[k]))
				return false;
		if (x->to_len != y->to_len || x->is_validated != y->is_validated ||
			!dns_name_equal(&x->domain, &y->domain))
			return false;
	}
	for (unsigned i = 0; a->local_len == b->local_len && i < a->local_len; i++)
		if (!same_endpoint(&a->local[i].address, &b->local[i].address) ||
			!dns_name_equal(&a->local[i].name, &b->local[i].name))
			return false;
	return a->forward_len == b->forward_len && a->local_len == b->local_len &&
	       a->anchors_len == b->anchors_len && same_names(a->anchors, b->anchors, a->anchors_len) &&
	       a->block.nxdomain_len == b->block.nxdomain_len &&
	       same_names(a->block.nxdomain, b->block.nxdomain, a->block.nxdomain_len) &&
	       a->block.refuse_len == b->block.refuse_len &&
	       same_names(a->block.refuse, b->block.refuse, a->block.refuse_len) &&
	       strcmp(a->hosts_file, b->hosts_file) == 0 && a->stale.keep == b->stale.keep &&
	       a->stale.answer_after == b->stale.answer_after && a->query_log.is_on == b->query_log.is_on &&
	       a->query_log.is_dnstap == b->query_log.is_dnstap &&
	       a->query_log.client == b->query_log.client &&
	       a->query_log.hides_names == b->query_log.hides_names;
}

static inline bool same_fastpath(const struct dns64_config *a, const struct dns64_config *b)
{
	for (unsigned i = 0; i < a->fastpath_interfaces_len; i++)
		if (strcmp(a->fastpath_interfaces[i], b->fastpath_interfaces[i]) != 0)
			return false;
	return a->fastpath == b->fastpath && a->fastpath_interfaces_len == b->fastpath_interfaces_len;
}

static inline bool same_dns64(const struct dns64_config *a, const struct dns64_config *b)
{
	for (unsigned i = 0; i < a->upstream_len; i++) {
		const struct upstream *x = &a->upstream[i], *y = &b->upstream[i];

		if (!same_endpoint(&x->to, &y->to) || x->tls != y->tls ||
			strcmp(x->tls_name, y->tls_name) != 0)
			return false;
	}
	return a->upstream_mode == b->upstream_mode && a->upstream_len == b->upstream_len &&
	       same_dns_lists(a, b) && same_domains(a, b) && a->dnssec_validate == b->dnssec_validate &&
	       a->random_case == b->random_case && a->threads == b->threads && a->cache_mib == b->cache_mib &&
	       a->answer_cache == b->answer_cache && a->connections == b->connections &&
	       strcmp(a->upstream_ca, b->upstream_ca) == 0 && same_policy(&a->policy, &b->policy) &&
	       same_views(a, b) && same_fastpath(a, b);
}

static inline bool same_clat(const struct conf_clat *a, const struct conf_clat *b)
{
	for (unsigned i = 0; i < a->lan_len; i++)
		if (!same_prefix4(a->lan[i].v4, b->lan[i].v4) || !same_prefix6(a->lan[i].v6, b->lan[i].v6))
			return false;
	for (unsigned i = 0; i < a->resolvers_len; i++)
		if (a->resolvers[i].is_system != b->resolvers[i].is_system ||
			a->resolvers[i].scope != b->resolvers[i].scope ||
			!same_endpoint(&a->resolvers[i].at, &b->resolvers[i].at))
			return false;
	return a->prefix.is_auto == b->prefix.is_auto && same_prefix6(a->prefix.value, b->prefix.value) &&
	       addr4_eq(a->address, b->address) && a->ipv6.is_auto == b->ipv6.is_auto &&
	       addr6_eq(a->ipv6.value, b->ipv6.value) && strcmp(a->uplink, b->uplink) == 0 &&
	       a->lan_len == b->lan_len && a->discover == b->discover &&
	       a->resolvers_len == b->resolvers_len && a->allow_non_global == b->allow_non_global;
}

static inline bool same_clients(
	const struct prefix *a, unsigned a_len, const struct prefix *b, unsigned b_len)
{
	for (unsigned i = 0; a_len == b_len && i < a_len; i++)
		if (!same_client(&a[i], &b[i]))
			return false;
	return a_len == b_len;
}

static inline bool same_destinations(const struct relay_destinations *a, const struct relay_destinations *b)
{
	for (unsigned i = 0; a->ports_len == b->ports_len && i < a->ports_len; i++)
		if (a->ports[i].first != b->ports[i].first || a->ports[i].last != b->ports[i].last)
			return false;
	return a->ports_len == b->ports_len && same_clients(a->allow, a->allow_len, b->allow, b->allow_len) &&
	       same_clients(a->deny, a->deny_len, b->deny, b->deny_len);
}

static inline bool same_targets(
	const struct relay_target *a, unsigned a_len, const struct relay_target *b, unsigned b_len)
{
	for (unsigned i = 0; a_len == b_len && i < a_len; i++)
		if (strcmp(a[i].host, b[i].host) != 0 || !same_endpoint(&a[i].at, &b[i].at))
			return false;
	return a_len == b_len;
}

static inline bool same_health(const struct relay_health *a, const struct relay_health *b)
{
	return a->interval == b->interval && a->timeout == b->timeout && a->fall == b->fall &&
	       a->rise == b->rise && strcmp(a->path, b->path) == 0;
}

static inline bool same_timeouts(const struct relay_timeouts *a, const struct relay_timeouts *b)
{
	return a->connect == b->connect && a->idle == b->idle && a->head == b->head &&
	       a->keep_alive == b->keep_alive && a->drain == b->drain && a->udp == b->udp;
}

static inline bool same_route(const struct relay_route *a, const struct relay_route *b)
{
	return strcmp(a->host, b->host) == 0 && same_targets(a->to, a->to_len, b->to, b->to_len) &&
	       a->tls == b->tls && strcmp(a->certificate, b->certificate) == 0 &&
	       strcmp(a->key, b->key) == 0 && a->to_tls == b->to_tls && a->balance == b->balance &&
	       same_health(&a->health, &b->health);
}

static inline bool same_service(const struct relay_service *a, const struct relay_service *b)
{
	if (a->listen_len != b->listen_len || a->routes_len != b->routes_len)
		return false;
	for (unsigned i = 0; i < a->listen_len; i++)
		if (!same_endpoint(&a->listen[i], &b->listen[i]))
			return false;
	for (unsigned i = 0; i < a->routes_len; i++)
		if (!same_route(&a->routes[i], &b->routes[i]))
			return false;
	return a->type == b->type && strcmp(a->name, b->name) == 0 &&
	       same_clients(a->clients, a->clients_len, b->clients, b->clients_len) &&
	       same_destinations(&a->destinations, &b->destinations) && a->family == b->family &&
	       same_timeouts(&a->timeouts, &b->timeouts) && a->proxy_head == b->proxy_head &&
	       same_clients(a->trusted, a->trusted_len, b->trusted, b->trusted_len) &&
	       a->has_client_prefix == b->has_client_prefix &&
	       (!a->has_client_prefix || same_prefix6(a->client_prefix, b->client_prefix)) &&
	       strcmp(a->certificate, b->certificate) == 0 && strcmp(a->key, b->key) == 0 &&
	       strcmp(a->users, b->users) == 0 && same_targets(a->to, a->to_len, b->to, b->to_len) &&
	       a->balance == b->balance && same_health(&a->health, &b->health) &&
	       strcmp(a->proxy, b->proxy) == 0 && strcmp(a->literal_zone, b->literal_zone) == 0;
}

static inline bool same_relay(const struct conf *a, const struct conf *b)
{
	const struct relay_config *x = &a->relay, *y = &b->relay;

	if (x->resolvers_len != y->resolvers_len || x->services_len != y->services_len ||
		x->translation_len != y->translation_len)
		return false;
	for (unsigned i = 0; i < x->resolvers_len; i++)
		if (!same_endpoint(&x->resolvers[i], &y->resolvers[i]))
			return false;
	for (unsigned i = 0; i < x->translation_len; i++)
		if (!same_prefix6(x->translation[i], y->translation[i]))
			return false;
	for (unsigned i = 0; i < x->services_len; i++)
		if (!same_service(&x->services[i], &y->services[i]))
			return false;
	return x->threads == y->threads && x->connections == y->connections &&
	       x->connections_per_client == y->connections_per_client &&
	       same_service(&a->relay_standard, &b->relay_standard);
}

static inline bool same_tunnel(const struct conf_tunnel *a, const struct conf_tunnel *b)
{
	for (unsigned i = 0; a->routes_len == b->routes_len && i < a->routes_len; i++)
		if (!same_prefix6(a->routes[i], b->routes[i]))
			return false;
	return a->type == b->type && addr4_eq(a->remote, b->remote) && addr4_eq(a->local, b->local) &&
	       addr6_eq(a->address.addr, b->address.addr) && a->address.len == b->address.len &&
	       a->routes_len == b->routes_len && a->mtu == b->mtu && a->ttl == b->ttl;
}

static inline bool same_conf(const struct conf *a, const struct conf *b)
{
	if (a->has_nat64 != b->has_nat64 || a->has_siit != b->has_siit || a->has_dns64 != b->has_dns64 ||
		a->has_clat != b->has_clat || a->has_dns46 != b->has_dns46 ||
		a->dns64.lend_linger != b->dns64.lend_linger)
		return false;
	if (a->has_siit && !same_siit(&a->nat64.siit, &b->nat64.siit))
		return false;
	if (a->has_nat64 && !same_nat64(a, b))
		return false;
	if (a->has_dns64 && !same_dns64(&a->dns64, &b->dns64))
		return false;
	if (a->has_tunnel != b->has_tunnel || (a->has_tunnel && !same_tunnel(&a->tunnel, &b->tunnel)))
		return false;
	if (a->has_relay != b->has_relay || (a->has_relay && !same_relay(a, b)))
		return false;
	if (a->has_clat && !same_clat(&a->clat, &b->clat))
		return false;
	return strcmp(a->control.socket, b->control.socket) == 0 &&
	       a->control.metrics.is_on == b->control.metrics.is_on &&
	       (!a->control.metrics.is_on || same_endpoint(&a->control.metrics.at, &b->control.metrics.at)) &&
	       a->log.level == b->log.level && a->log.sinks == b->log.sinks &&
	       a->log.queries.sinks == b->log.queries.sinks &&
	       strcmp(a->log.queries.path, b->log.queries.path) == 0 &&
	       strcmp(a->log.queries.collector, b->log.queries.collector) == 0;
}

#endif
