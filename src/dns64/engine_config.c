/*
 * engine_config.c - libunbound's configuration, generated
 *
 * It goes through a file that lives in memory only, because several options (local zones, forward zones) do
 * not work through ub_ctx_set_option().
 */
#include "dns64/engine_config.h"

#include "dns64/local.h"

#include <errno.h>
#include <unistd.h>

/*
 * Everything that does not depend on the configuration. outgoing-range is the number of questions under way over UDP, each with its own descriptor and random port,
 * and together with the TCP connections to upstreams and clients it stays below the usual limit of 1024
 * descriptors.
 */
static const char fixed[] = "server:\n"
			    " username: \"\"\n"
			    " chroot: \"\"\n"
			    " directory: \"\"\n"
			    " use-syslog: no\n"
			    " log-time-ascii: no\n"
			    " verbosity: 0\n"
			    " do-ip4: yes\n"
			    " do-ip6: yes\n"
			    " outgoing-range: 400\n"
			    " outgoing-num-tcp: 40\n"
			    " edns-buffer-size: 1232\n" /* what crosses every path unfragmented */
			    " cache-max-negative-ttl: 3600\n"
			    " minimal-responses: yes\n"
			    " rrset-roundrobin: yes\n"
			    " qname-minimisation: yes\n" /* RFC 9156 */
			    " aggressive-nsec: yes\n"	 /* RFC 8198 */
			    " harden-dnssec-stripped: yes\n"
			    " harden-glue: yes\n"
			    " unwanted-reply-threshold: 10000000\n"
			    " local-zone: \"" WARM_UP_NAME "\" static\n";

/*
 * Names that the public tree does not have, but a network's own servers may. libunbound answers them itself
 * unless told otherwise; a forwarder must pass them on, and must not ask the signed root to deny them.
 */
static const char forwarded_names[] = " unblock-lan-zones: yes\n" /* the reverse zones of RFC 6303 */
				      " insecure-lan-zones: yes\n"
				      " local-zone: \"test.\" nodefault\n"	/* RFC 6761 s6.2 */
				      " local-zone: \"home.arpa.\" nodefault\n" /* RFC 8375 */
				      " domain-insecure: \"test.\"\n"
				      " domain-insecure: \"home.arpa.\"\n"
				      " domain-insecure: \"internal.\"\n";

static int fail(char *fault, size_t size, int err, const char *text)
{
	snprintf(fault, size, "%s", text);
	return err;
}

bool engine_config_has_tls(const struct dns64_config *c)
{
	for (unsigned i = 0; i < c->forward_len; i++)
		if (c->forward[i].to_len > 0 && c->forward[i].to[0].tls)
			return true;
	return c->upstream_mode == UPSTREAM_FORWARD && c->upstream_len > 0 && c->upstream[0].tls;
}

/* libunbound takes any server of a zone, so one without TLS would be asked what the others are to keep secret. */
static int check_servers(const struct upstream *servers, unsigned len, char *fault, size_t size)
{
	for (unsigned i = 0; i < len; i++) {
		if (servers[i].tls != servers[0].tls)
			return fail(fault, size, -EINVAL,
				"upstreams with and without TLS cannot be mixed: use one kind for all");
		if (servers[i].tls && servers[i].tls_name[0] == '\0')
			return fail(fault, size, -EINVAL,
				"a TLS upstream needs the name in its certificate: tls://ADDRESS#NAME");
	}
	return 0;
}

static int check_forward(const struct dns64_config *c, char *fault, size_t size)
{
	int err = 0;

	if (c->upstream_mode == UPSTREAM_FORWARD && c->upstream_len == 0)
		return fail(fault, size, -EINVAL, "there is no upstream resolver to forward to");
	if (c->upstream_mode == UPSTREAM_FORWARD)
		err = check_servers(c->upstream, c->upstream_len, fault, size);
	for (unsigned i = 0; err == 0 && i < c->forward_len; i++)
		err = check_servers(c->forward[i].to, c->forward[i].to_len, fault, size);
	return err;
}

/* The name goes between quotes into the text: only what a host name is made of. */
static bool is_host_name(const char *s)
{
	return s[0] != '\0' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == strlen(s);
}

static bool are_host_names(const struct dns_name *names, unsigned len)
{
	char text[DNS_NAME_TEXT];

	for (unsigned i = 0; i < len; i++)
		if (!is_host_name(dns_name_text(&names[i], text)))
			return false;
	return true;
}

/* Names go between quotes into the text, and are written as libunbound reads them. */
static bool are_names_sound(const struct dns64_config *c)
{
	for (unsigned i = 0; i < c->forward_len; i++)
		if (!are_host_names(&c->forward[i].domain, 1))
			return false;
	for (unsigned i = 0; i < c->local_len; i++)
		if (!are_host_names(&c->local[i].name, 1))
			return false;
	return are_host_names(c->anchors, c->anchors_len) &&
	       are_host_names(c->block.nxdomain, c->block.nxdomain_len) &&
	       are_host_names(c->block.refuse, c->block.refuse_len);
}

int engine_config_check(const struct dns64_config *c, char *fault, size_t fault_size)
{
	if (c->upstream_mode == UPSTREAM_SYSTEM)
		return fail(fault, fault_size, -EINVAL, "the system's upstream resolvers were not looked up");
	if (c->dnssec_validate && access(ROOT_KEY_PATH, R_OK) < 0)
		return fail(fault, fault_size, -ENOENT,
			"cannot read " ROOT_KEY_PATH
			": validation needs it (package dns-root-data), or set dnssec: off");
	if (!are_names_sound(c))
		return fail(fault, fault_size, -EINVAL, "a configured domain is no name of a host");
	return check_forward(c, fault, fault_size);
}

static bool is_loopback(const struct endpoint *e)
{
	if (e->is4)
		return e->a4.v >> 24 == 127;
	return e->a6.hi == 0 && e->a6.lo == 1;
}

/* @port: of the carrier, if the server is asked over TLS */
static void write_server(FILE *f, const struct upstream *server, uint16_t port)
{
	const struct endpoint *to = &server->to;
	char text[ADDR6_TEXT];

	if (server->tls) {
		fprintf(f, " forward-addr: \"127.0.0.1@%u\"\n", (unsigned)port);
		return;
	}
	if (to->is4)
		addr4_text(to->a4, text);
	else
		addr6_text(to->a6, text);
	fprintf(f, " forward-addr: \"%s@%u\"\n", text, (unsigned)to->port);
}

static void write_zone(FILE *f, const char *name, const struct engine_config_host *h)
{
	fprintf(f, "forward-zone:\n name: \"%s\"\n%s", name,
		h->is_uncached ? " forward-no-cache: yes\n" : "");
}

static void write_forward(FILE *f, const struct dns64_config *c, const struct engine_config_host *h)
{
	write_zone(f, ".", h);
	for (unsigned i = 0; i < c->upstream_len; i++)
		write_server(f, &c->upstream[i], h->ports->upstream[i]);
}

static void write_insecure(FILE *f, const struct dns64_config *c)
{
	char text[DNS_NAME_TEXT];

	for (unsigned i = 0; i < c->forward_len; i++)
		if (!c->forward[i].is_validated)
			fprintf(f, " domain-insecure: \"%s\"\n", dns_name_text(&c->forward[i].domain, text));
	for (unsigned i = 0; i < c->anchors_len; i++) /* RFC 7646 */
		fprintf(f, " domain-insecure: \"%s\"\n", dns_name_text(&c->anchors[i], text));
}

static void write_forwarded_domains(FILE *f, const struct dns64_config *c, const struct engine_config_host *h)
{
	char text[DNS_NAME_TEXT];

	for (unsigned i = 0; i < c->forward_len; i++) {
		write_zone(f, dns_name_text(&c->forward[i].domain, text), h);
		for (unsigned k = 0; k < c->forward[i].to_len; k++)
			write_server(f, &c->forward[i].to[k], h->ports->forward[i][k]);
	}
}

/*
 * The time that stale records are said to have is a little less than the 30 s of RFC 8767 s4, so that it is told from
 * that of others (engine.c). A zero would mean "for ever", or "never".
 */
static void write_stale(FILE *f, const struct dns64_stale *s)
{
	if (s->keep == 0)
		return;
	fprintf(f,
		" serve-expired: yes\n serve-expired-ttl: %llu\n serve-expired-client-timeout: %llu\n"
		" serve-expired-reply-ttl: %d\n",
		(unsigned long long)((s->keep + NSEC - 1) / NSEC),
		(unsigned long long)(s->answer_after < MSEC ? 1 : s->answer_after / MSEC), STALE_TTL);
}

/*
 * libunbound picks its source ports itself and binds them, which goes past the kernel's list of reserved
 * ports. The translator lends those ports of the host's own address to its clients, so an answer that came
 * back to one of them would be translated and lost.
 */
static void write_reserved(FILE *f, const char *reserved)
{
	while (*reserved) {
		size_t len = strspn(reserved, "0123456789-");

		if (len > 0)
			fprintf(f, " outgoing-port-avoid: %.*s\n", (int)len, reserved);
		reserved += len;
		reserved += strcspn(reserved, "0123456789");
	}
}

static bool has_loopback_upstream(const struct dns64_config *c)
{
	if (engine_config_has_tls(c)) /* by way of the carrier */
		return true;
	for (unsigned i = 0; c->upstream_mode == UPSTREAM_FORWARD && i < c->upstream_len; i++)
		if (is_loopback(&c->upstream[i].to))
			return true;
	for (unsigned i = 0; i < c->forward_len; i++)
		for (unsigned k = 0; k < c->forward[i].to_len; k++)
			if (is_loopback(&c->forward[i].to[k].to))
				return true;
	return false;
}

/*
 * The caches' parts of dns64.cache-size, of which each thread has its share. An answer takes one entry of the message cache and, for a
 * name with A records alone, one and a half of the record cache, which are larger: docs/performance.md has the figures.
 */
uint64_t engine_config_share(const struct dns64_config *c, unsigned threads)
{
	return ((uint64_t)c->cache_mib << 20) / threads;
}

static void write_sizes(FILE *f, const struct dns64_config *c, const struct engine_config_host *h)
{
	static const struct {
		const char *key;
		unsigned percent;
	} caches[] = {
		{ "msg-cache-size", 48 },
		{ "rrset-cache-size", 44 },
		{ "key-cache-size", 6 },
		{ "neg-cache-size", 2 },
	};
	uint64_t share = engine_config_share(c, h->threads) * h->cache_percent / 100;

	for (unsigned i = 0; i < ARRAY_LEN(caches); i++)
		fprintf(f, " %s: %llu\n", caches[i].key,
			(unsigned long long)(share * caches[i].percent / 100));
}

void engine_config_write(FILE *f, const struct dns64_config *c, const struct engine_config_host *h)
{
	bool forwards = c->upstream_mode == UPSTREAM_FORWARD;

	fputs(fixed, f);
	write_sizes(f, c, h);
	write_reserved(f, h->reserved);
	fprintf(f, " module-config: \"%s\"\n", c->dnssec_validate ? "validator iterator" : "iterator");
	fprintf(f, " use-caps-for-id: %s\n", c->random_case ? "yes" : "no");
	if (c->dnssec_validate)
		fprintf(f, " trust-anchor-file: \"%s\"\n", ROOT_KEY_PATH);
	/* Loopback addresses in the world's delegations are an attack; as a configured upstream they are a
	 * wish. */
	fprintf(f, " do-not-query-localhost: %s\n", has_loopback_upstream(c) ? "no" : "yes");
	if (!forwards &&
		access(ROOT_HINTS_PATH, R_OK) == 0) /* else the list that libunbound was built with */
		fprintf(f, " root-hints: \"%s\"\n", ROOT_HINTS_PATH);
	write_stale(f, &c->stale);
	if (forwards)
		fputs(forwarded_names, f);
	write_insecure(f, c);
	local_write(f, c);
	if (forwards)
		write_forward(f, c, h);
	write_forwarded_domains(f, c, h);
}
