/* config.h - what the resolver needs to know; conf/ fills it */
#ifndef ISTHMUS_DNS64_CONFIG_H
#define ISTHMUS_DNS64_CONFIG_H

#include "addr/endpoint.h"
#include "base/clock.h"
#include "dns64/name.h"

#include <string.h>

#define DNS64_LISTEN_MAX 16
#define DNS64_THREADS_MAX 16
#define DNS64_ALLOW_MAX 64
#define DNS64_UPSTREAM_MAX 16
#define DNS64_PREFIX_MAX 8
#define DNS64_EXCLUDE_MAX 32
#define DNS64_URL_PATH_MAX 64 /* bytes, the terminating zero included */
#define DNS64_FILE_MAX 256 /* bytes of the path of a file, the terminating zero included */
#define DNS64_INTERFACES_MAX 16
#define DNS64_INTERFACE_MAX 16 /* bytes of an interface's name, the terminating zero included */
#define DNS64_RANGES_MAX 16
#define DNS64_DOMAINS_MAX 32
#define DNS64_LITERALS_MAX 8
#define DNS64_VIEWS_MAX 16
#define DNS64_VIEW_CLIENTS_MAX 16
#define DNS64_FORWARD_MAX 32
#define DNS64_FORWARD_TO_MAX 8
#define DNS64_TLS_SERVERS_MAX 48 /* different ones, of dns64.upstream and dns64.forward together */
#define DNS64_ANCHORS_MAX 32
#define DNS64_BLOCK_MAX 128
#define DNS64_LOCAL_MAX 4096	     /* names with one address each */
#define DNS64_LOCAL_ADDRESSES_MAX 16 /* of one entry of dns64.local */

enum upstream_mode {
	UPSTREAM_SYSTEM,    /* the nameservers of the host's resolv.conf; replaced by FORWARD when conf is
			       resolved */
	UPSTREAM_RECURSIVE, /* from the root servers */
	UPSTREAM_FORWARD,   /* to the listed servers */
};

struct upstream {
	struct endpoint to;
	bool tls;	    /* DNS over TLS (RFC 7858) */
	char tls_name[256]; /* name that the certificate must have; empty: not checked is not allowed, see
			       conf */
};

static inline bool upstream_equal(const struct upstream *a, const struct upstream *b)
{
	return a->tls == b->tls && endpoint_equal(&a->to, &b->to) &&
	       (!a->tls || strcmp(a->tls_name, b->tls_name) == 0);
}

/* One way of serving over TLS; off if it listens nowhere. */
struct dns64_secure {
	struct endpoint listen[DNS64_LISTEN_MAX];
	unsigned listen_len;
	char certificate[DNS64_FILE_MAX]; /* PEM files, read by the supervisor */
	char key[DNS64_FILE_MAX];
};

/* A range of IPv4 addresses that have a prefix of their own (RFC 6147 s5, s5.1.7). */
struct dns64_range {
	struct prefix4 ipv4;
	struct prefix6 prefix; /* RFC 6052 */
};

/* What a group of clients gets. */
struct dns64_policy {
	struct prefix6 prefixes[DNS64_PREFIX_MAX]; /* RFC 6052; each gives one synthesized record per A; none:
						      no synthesis, nothing is special */
	unsigned prefixes_len;
	struct dns64_range ranges[DNS64_RANGES_MAX]; /* the longest that holds an address decides; all others
							have `prefixes` */
	unsigned ranges_len;
	struct prefix6 exclude_aaaa[DNS64_EXCLUDE_MAX]; /* RFC 6147 s5.1.4 */
	unsigned exclude_aaaa_len;
	struct prefix4 exclude_a[DNS64_EXCLUDE_MAX]; /* A records never used for synthesis */
	unsigned exclude_a_len;
	struct dns_name never[DNS64_DOMAINS_MAX]; /* at and below these nothing is synthesized */
	unsigned never_len;
	struct dns_name always[DNS64_DOMAINS_MAX]; /* at and below these AAAA records count as absent */
	unsigned always_len;
	struct dns_name
		lend[DNS64_DOMAINS_MAX]; /* DNS46: at and below these a host without A record is lent one */
	unsigned lend_len;
	struct dns_name
		literals[DNS64_LITERALS_MAX]; /* directly below these A-B-C-D is the IPv4 address A.B.C.D */
	unsigned literals_len;
	bool allow_non_global; /* the well-known prefix may stand for private IPv4 (RFC 6052 s3.1) */
	bool ptr_is_direct;    /* PTR records at the name in ip6.arpa, not a CNAME (RFC 6147 s5.3.1) */
};

/* Clients that get something else than the others. */
struct dns64_view {
	struct prefix clients[DNS64_VIEW_CLIENTS_MAX];
	unsigned clients_len;
	struct dns64_policy policy;
};

/* What one client may take; a client is a prefix. */
struct dns64_per_client {
	unsigned ipv6_length, ipv4_length; /* of the prefix, bits */
	unsigned queries;		   /* open at once */
	unsigned connections;		   /* open at once */
	unsigned responses_per_second;	   /* over UDP without a valid cookie; 0: no limit */
	unsigned slip;			   /* every how many-th answer beyond it is TC; 0: none */
};

/* A domain that other servers are asked for than for the rest. */
struct dns64_forward {
	struct dns_name domain; /* it, and all below */
	struct upstream to[DNS64_FORWARD_TO_MAX]; /* all with TLS, or none */
	unsigned to_len;
	bool is_validated; /* if anything is */
};

/* A name that is answered here, with one of its addresses. */
struct dns64_local {
	struct dns_name name;
	struct endpoint address; /* port 0 */
};

/* Domains, and all names below them, that nobody is asked for; a local name counts nevertheless. */
struct dns64_block {
	struct dns_name nxdomain[DNS64_BLOCK_MAX]; /* told that there is no such name */
	unsigned nxdomain_len;
	struct dns_name refuse[DNS64_BLOCK_MAX]; /* told REFUSED */
	unsigned refuse_len;
};

/* Answers beyond their time, if no others can be had (RFC 8767). */
struct dns64_stale {
	nsec keep;	   /* how long they may be used; 0: never */
	nsec answer_after; /* how long a client waits for a fresh one */
};

/* Whether the XDP program gives ready answers (bpf/dns.bpf.c). */
enum dns64_fastpath {
	DNS64_FASTPATH_OFF,
	DNS64_FASTPATH_AUTO, /* as far as this host can */
	DNS64_FASTPATH_XDP,  /* or the gateway does not start */
};

enum query_client { QUERY_CLIENT_FULL, QUERY_CLIENT_PREFIX, QUERY_CLIENT_NONE };

/* The log of queries (log.queries). */
struct dns64_query_log {
	bool is_on;
	bool is_dnstap; /* not text */
	enum query_client client;
	bool hides_names;
};

struct dns64_config {
	unsigned threads; /* wanted; 0: as many as processors */
	struct endpoint listen[DNS64_LISTEN_MAX];
	unsigned listen_len;
	struct dns64_secure tls; /* DNS over TLS (RFC 7858) */
	struct dns64_secure https; /* DNS over HTTPS (RFC 8484) */
	char https_path[DNS64_URL_PATH_MAX];
	struct dns64_per_client per_client;
	bool cookies;				  /* RFC 7873 */
	struct prefix allow[DNS64_ALLOW_MAX];	  /* clients that are answered; all others are refused */
	unsigned allow_len;
	enum upstream_mode upstream_mode;
	struct upstream upstream[DNS64_UPSTREAM_MAX]; /* FORWARD only */
	unsigned upstream_len;
	char upstream_ca[DNS64_FILE_MAX]; /* PEM: who may certify the names of TLS upstreams */
	struct dns64_forward forward[DNS64_FORWARD_MAX];
	unsigned forward_len;
	bool dnssec_validate;
	bool random_case; /* questions to upstreams are written in random case, and so must replies be */
	struct dns_name anchors[DNS64_ANCHORS_MAX]; /* negative trust anchors (RFC 7646): not validated */
	unsigned anchors_len;
	const struct dns64_local *local; /* borrowed; @local_len of them */
	unsigned local_len;
	char hosts_file[DNS64_FILE_MAX]; /* for conf_resolve(), which makes local names of it; "" for none */
	struct dns64_block block;
	struct dns64_stale stale;
	struct dns64_query_log query_log;
	unsigned cache_mib;    /* of what the world said, over all threads */
	unsigned connections;  /* of all clients at once, with or without TLS, by all threads together */
	unsigned answer_cache; /* answers kept ready to be given again; 0: none */
	enum dns64_fastpath fastpath;
	char fastpath_interfaces[DNS64_INTERFACES_MAX][DNS64_INTERFACE_MAX];
	unsigned fastpath_interfaces_len;
	nsec lend_linger;	    /* DNS46: see lent46.h */
	struct dns64_policy policy; /* of clients without a view */
	struct dns64_view views[DNS64_VIEWS_MAX];
	unsigned views_len;
};

#endif
