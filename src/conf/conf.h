/*
 * conf.h - one YAML file, checked whole before anything changes
 *
 * conf_parse() reads text; conf_resolve() fills in what only the host knows (its address, its resolvers);
 * conf_print() writes the effective configuration as YAML that conf_parse() reads back to the same struct.
 * The supervisor hands that text to its roles. What is suspicious but works is a warning: conf->warnings has
 * the lines, in the form of the faults; whoever loads a configuration shows them.
 */
#ifndef ISTHMUS_CONF_CONF_H
#define ISTHMUS_CONF_CONF_H

#include "base/log.h"
#include "bindlog/bindlog.h"
#include "dns64/config.h"
#include "nat64/config.h"
#include "relay/config.h"

#include <stdio.h>

#define CONF_POOL_IFNAME 16
#define CONF_DEVICE_DEFAULT "isthmus0"
#define CONF_INTERFACE_AUTO "auto" /* the interface of the IPv4 default route */

/* Of each pool entry: the interface whose address it means, until conf_resolve() has looked it up; "" if an
 * address was given. */
struct conf_pool_source {
	char interface[CONF_POOL_IFNAME]; /* CONF_INTERFACE_AUTO: of the IPv4 default route */
	unsigned line;			  /* of the file, for messages; 0 if it is not in a file */
	bool is_implied; /* a single port that a static binding needs beside the pool's ranges */
};

/* An address and port, if there is any: where metrics are served over HTTP, where the collector is. */
struct conf_metrics {
	bool is_on;
	struct endpoint at;
};

struct conf_control {
	char socket[108]; /* path; sun_path's size */
	struct conf_metrics metrics;
};

#define CONF_LOG_PATH                                                                                        \
	256 /* bytes of the path of a log, or of saved sessions, the terminating zero included */
#define CONF_SOCKET_PATH 108 /* of a unix socket; the size of sun_path */

/* The binding log (docs/binding-log.md); its detail is in nat64.state.watch, whose business it is. */
struct conf_bindings {
	unsigned sinks; /* mask of 1 << enum bindlog_sink; 0: off */
	char path[CONF_LOG_PATH];
	unsigned buffer;	       /* events of one worker; a power of two */
	char syslog[CONF_SOCKET_PATH];
	struct conf_metrics collector; /* is_on: there is one */
	bool is_tcp;
	unsigned domain;
	nsec refresh;
};

#define CONF_QUERIES_FILE 1u /* sinks of the log of queries */
#define CONF_QUERIES_COLLECTOR 2u

/* The log of queries; what it says is in dns64.query_log, whose business it is. */
struct conf_queries {
	unsigned sinks; /* mask; 0: off */
	char path[CONF_LOG_PATH];
	char collector[CONF_SOCKET_PATH];
};

struct conf_log {
	enum log_level level;
	unsigned sinks; /* mask of enum log_sink */
	struct conf_bindings bindings;
	struct conf_queries queries;
};

/* Everything found wrong; one line each, `file:line: key: what is wrong, what would be right`. */
struct conf_errors {
	char **lines;
	unsigned len;
};

#define CONF_CLAT_LANS_MAX 16
#define CONF_CLAT_RESOLVERS_MAX 8

/* Where a customer-side translator looks for the prefix, as a mask. */
enum conf_discover { CONF_DISCOVER_ADVERT = 1, CONF_DISCOVER_DNS = 2 };

/* Whom to ask for ipv4only.arpa. */
struct conf_resolver {
	bool is_system; /* the servers of the host's resolv.conf; else @at */
	struct endpoint at;
	unsigned scope; /* index of the interface of a link-local address; 0: none */
};

/* A value that is written down, or that is found while the gateway runs. */
struct conf_auto_prefix6 {
	bool is_auto;
	struct prefix6 value; /* if not */
};

struct conf_auto_addr6 {
	bool is_auto;
	struct addr6 value; /* if not */
};

/* Where packets of known flows are translated before they reach the translator (docs/fastpath.md). */
enum conf_fastpath { CONF_FASTPATH_AUTO, CONF_FASTPATH_OFF, CONF_FASTPATH_TC, CONF_FASTPATH_XDP };

/* The customer side of 464XLAT (RFC 6877). */
struct conf_clat {
	struct conf_auto_prefix6 prefix; /* of the NAT64 */
	struct addr4 address;		 /* that programs on this host use */
	struct conf_auto_addr6 ipv6;	 /* that @address has on the other side */
	char uplink[CONF_POOL_IFNAME];	 /* CONF_INTERFACE_AUTO: of the IPv6 default route */
	struct eam lan
		[CONF_CLAT_LANS_MAX]; /* IPv4 networks behind this host, and the prefixes that stand for them */
	unsigned lan_len;
	unsigned discover; /* mask of enum conf_discover */
	struct conf_resolver resolvers[CONF_CLAT_RESOLVERS_MAX];
	unsigned resolvers_len;
	bool allow_non_global; /* the well-known prefix may stand for private IPv4 (RFC 6052 s3.1) */
	enum conf_fastpath fastpath;
};

#define CONF_TUNNEL_ROUTES_MAX 16

enum conf_tunnel_type { CONF_TUNNEL_6IN4 };

struct conf_tunnel_address {
	struct addr6 addr;
	unsigned len; /* bits of the prefix that the other end has too */
};

/* IPv6 by way of a broker (RFC 4213). */
struct conf_tunnel {
	enum conf_tunnel_type type;
	struct addr4 remote, local; /* local 0.0.0.0: as the host chooses */
	struct conf_tunnel_address address;
	struct prefix6 routes[CONF_TUNNEL_ROUTES_MAX];
	unsigned routes_len;
	unsigned mtu, ttl;
};

#define CONF_RELAY_LISTENS_MAX 128 /* addresses of all services together: each thread has a socket at each */

enum conf_fastpath_mode { CONF_FASTPATH_MODE_AUTO, CONF_FASTPATH_MODE_REDIRECT, CONF_FASTPATH_MODE_ROUTE };

#define CONF_FASTPATH_INTERFACES_MAX 32
#define CONF_FASTPATH_FLOWS_MAX (1u << 22)

struct conf_flowpath {
	enum conf_fastpath fastpath; /* of the gateway, whichever section says so */
	enum conf_fastpath siit;     /* of that section; the same */
	enum conf_fastpath_mode mode;
	char interfaces[CONF_FASTPATH_INTERFACES_MAX][CONF_POOL_IFNAME];
	unsigned interfaces_len; /* 0: all that are fit for it */
	unsigned flows;		 /* 0: auto */
};

/* Where the configuration came from, for messages of conf_resolve(). */
struct conf_origin {
	char *name;		/* of the file; owned */
	unsigned upstream_line; /* of dns64.upstream; 0 if it is not in a file */
	unsigned forward_line, hosts_line; /* of dns64.forward and dns64.hosts-file */
	unsigned *static_lines; /* parallel to statics; owned */
	unsigned *mapping_lines; /* parallel to mappings; owned */
};

struct conf {
	bool has_nat64, has_siit, has_dns64, has_dns46, has_clat, has_relay,
		has_tunnel; /* a section may be switched off by leaving it out of a file that has others */
	struct nat64_config nat64;
	struct conf_pool_source pool_source[POOL_ENTRIES_MAX]; /* parallel to nat64.state.pool */
	struct static_binding *statics;			       /* owned; nat64.state.statics points here */
	struct eam *mappings;				       /* owned; nat64.siit.mappings points here */
	unsigned workers;				       /* 0: auto */
	struct conf_flowpath flowpath;
	char state_file[CONF_LOG_PATH]; /* sessions over a restart; "": they end */
	bool udp_gro;	      /* the interfaces may join datagrams */
	unsigned gro_wait_us; /* how long they may hold packets for that; 0: as they did before */
	struct dns64_config dns64;
	struct dns64_local *locals; /* owned; dns64.local points here */
	struct conf_clat clat;
	struct conf_tunnel tunnel;
	struct relay_config relay; /* its lists are owned; relay.services[] has all defaults filled in */
	struct relay_service
		relay_standard; /* what services have that do not say otherwise; its lists are owned */
	struct conf_control control;
	struct conf_log log;
	struct conf_errors warnings; /* of parsing and resolving; owned */
	struct conf_origin origin;
};

/** conf_default() - the built-in configuration, as if no file were given */
MUST_CHECK int conf_default(struct conf **ret);

/**
 * conf_parse() - read and check a whole configuration
 * @name:	name of the file for messages
 * @text:	@len bytes of YAML
 * @ret_errors:	every fault found, not just the first; filled on -EINVAL, else empty; free with
 * conf_errors_fini()
 *
 * Return: 0; -EINVAL (see *ret_errors); -ENOMEM. *ret untouched on failure.
 */
MUST_CHECK int conf_parse(
	const char *name, const char *text, size_t len, struct conf **ret, struct conf_errors *ret_errors);

/** conf_load() - the same from a file; an unreadable file is an error line too */
MUST_CHECK int conf_load(const char *path, struct conf **ret, struct conf_errors *ret_errors);

/**
 * conf_resolve() - replace `interface:` pool entries and the default pool by addresses, and `system`
 * upstreams by servers
 * @resolv_conf: path of the host's resolv.conf
 *
 * Return: 0; -EINVAL with *ret_errors filled (no default route, no address, no nameserver, a nameserver that
 * is ourselves); -ENOMEM. *c is unchanged on failure, but for warnings.
 */
MUST_CHECK int conf_resolve(struct conf *c, const char *resolv_conf, struct conf_errors *ret_errors);

/** conf_print() - write the configuration as YAML that reads back to the same; 0 or -EIO */
MUST_CHECK int conf_print(const struct conf *c, FILE *to);

/** conf_changes_needing_restart() - name the first key that differs and cannot change while running; NULL if
 * none does */
const char *conf_changes_needing_restart(const struct conf *old, const struct conf *new);

/** conf_has_translator() - whether anything is to be translated, so that a device and packet threads are needed */
static inline bool conf_has_translator(const struct conf *c)
{
	return c->has_nat64 || c->has_siit || c->has_clat;
}

/**
 * clat_take_resolv() - the name servers of a resolv.conf, for clat.resolvers
 * @text:	of the file; NULL: none
 * @index_of:	the index of an interface of that name, 0 if there is none
 *
 * What cannot be read is left out. Return: how many.
 */
unsigned clat_take_resolv(const char *text, unsigned (*index_of)(const char *interface),
	struct conf_resolver ret[static CONF_CLAT_RESOLVERS_MAX]);

/** conf_free() - free a configuration; NULL is fine */
void conf_free(struct conf *c);

/** conf_errors_fini() - free the lines; an empty (zeroed) list is fine, and the list is empty afterwards */
void conf_errors_fini(struct conf_errors *e);

#endif
