/*
 * config.h - what the relays need to know; conf/ fills it
 *
 * Lists are owned by the struct that holds them (relay_config_fini()). A configuration does not change once it is
 * made: lanes and connections share it, and the last one frees it (relay.h).
 */
#ifndef ISTHMUS_RELAY_CONFIG_H
#define ISTHMUS_RELAY_CONFIG_H

#include "addr/endpoint.h"
#include "base/clock.h"
#include "base/compiler.h"

#include <stdatomic.h>
#include <stddef.h>

#define RELAY_THREADS_MAX 16
#define RELAY_SERVICES_MAX 64
#define RELAY_LISTEN_MAX 8   /* of one service */
#define RELAY_TARGETS_MAX 64 /* of one service or route */
#define RELAY_ROUTES_MAX 1024
#define RELAY_PREFIXES_MAX 64
#define RELAY_PORTS_MAX 32
#define RELAY_RESOLVERS_MAX 4
#define RELAY_HOST 256 /* bytes of a host name, the terminating zero included */
#define RELAY_FILE 256 /* bytes of the path of a file, the terminating zero included */
#define RELAY_NAME 32  /* bytes of a service's name, the terminating zero included */

/* What was in the files that a configuration names: read by the supervisor, filled in by the role, owned. */
struct relay_text {
	char *text; /* NULL: not read (in the supervisor), or no file is named */
	size_t len;
};

enum relay_type {
	RELAY_TCP,
	RELAY_UDP,
	RELAY_SOCKS5,
	RELAY_HTTP_FORWARD,
	RELAY_HTTP_REVERSE,
	RELAY_PAC,
	RELAY_TRANSPARENT,
	RELAY_TYPE_COUNT
};

/** relay_type_name() - as it is written in the file: "http-forward" */
const char *relay_type_name(enum relay_type t);

/* Which addresses of a destination may be used, and which family has the head start (RFC 8305 s4). */
enum relay_family {
	RELAY_FAMILY_ANY, /* both, IPv6 first */
	RELAY_FAMILY_IPV4_FIRST,
	RELAY_FAMILY_IPV6_ONLY,
	RELAY_FAMILY_IPV4_ONLY,
};

enum relay_proxy_head { RELAY_PROXY_HEAD_OFF, RELAY_PROXY_HEAD_V1, RELAY_PROXY_HEAD_V2 };

enum relay_balance {
	RELAY_BALANCE_LEAST,
	RELAY_BALANCE_HASH
}; /* fewest connections; consistent, by client address */

/* Where a connection is to go: a name or an address, and a port. */
struct relay_target {
	char host[RELAY_HOST]; /* of a name, without brackets and final dot; "": @at has the address */
	struct endpoint at;    /* its port counts for a name too */
};

struct relay_ports {
	uint16_t first, last; /* host order, both included */
};

/* What clients may have as destination; of what the operator has named as a target none of this is asked. */
struct relay_destinations {
	struct prefix *allow; /* although it is built-in that they are not (access.h) */
	unsigned allow_len;
	struct prefix *deny;
	unsigned deny_len;
	struct relay_ports *ports; /* none: all */
	unsigned ports_len;
};

struct relay_timeouts {
	nsec connect; /* for all attempts of one destination together */
	nsec idle;    /* of a connection that is relayed, in both directions */
	nsec head; /* until a client has said what it wants: a request's head, a handshake, a PROXY header */
	nsec keep_alive; /* of an HTTP connection between requests, to clients and to servers */
	nsec drain;	 /* how long what an old configuration has begun may go on */
	nsec udp;	 /* of a UDP association without packets */
};

/* How targets are looked after. */
struct relay_health {
	nsec interval; /* 0: they are not */
	nsec timeout;
	unsigned fall, rise; /* failures in a row until it is down, successes until it is up */
	char path
		[RELAY_HOST]; /* of an HTTP GET that must be answered with 2xx or 3xx; "": a connection is enough */
};

enum relay_tls {
	RELAY_TLS_NONE,	       /* HTTP as it is */
	RELAY_TLS_PASSTHROUGH, /* the route is chosen by SNI, and nothing is decrypted */
	RELAY_TLS_TERMINATE,
};

/* One line of http-reverse: requests for a host go to targets. */
struct relay_route {
	char host[RELAY_HOST]; /* lower case; "*.example.org" one label or more; "*" all others */
	struct relay_target *to;
	unsigned to_len;
	enum relay_tls tls;
	char certificate[RELAY_FILE], key[RELAY_FILE]; /* PEM files; of RELAY_TLS_TERMINATE */
	struct relay_text pem;			       /* both, one after the other */
	bool to_tls;				       /* TLS to the target too */
	char to_ca
		[RELAY_FILE]; /* of to_tls: PEM file of who certifies targets; "": any certificate will do */
	struct relay_text to_ca_pem;
	enum relay_balance balance;
	struct relay_health health;
};

struct relay_service {
	enum relay_type type;
	char name[RELAY_NAME]; /* unique; in the log, in status and metrics */
	struct endpoint *listen;
	unsigned listen_len;
	struct prefix *clients; /* that are served */
	unsigned clients_len;
	struct relay_destinations destinations;
	enum relay_family family;
	struct relay_timeouts timeouts;
	enum relay_proxy_head proxy_head; /* what is sent to the target */
	struct prefix *trusted;		  /* whose PROXY headers are required and believed */
	unsigned trusted_len;
	bool has_client_prefix; /* the IPv6 leg of an IPv4 client has the address @client_prefix::client */
	struct prefix6 client_prefix; /* of 96 bits */
	char users[RELAY_FILE];	      /* htpasswd file; "": no password is asked */
	struct relay_text users_text;
	char certificate[RELAY_FILE],
		key[RELAY_FILE]; /* http-forward: PEM files; clients come over TLS. "": they do not */
	struct relay_text pem;	 /* both, one after the other */
	struct relay_target *to; /* tcp, udp */
	unsigned to_len;
	enum relay_balance balance;
	struct relay_health health;
	struct relay_route *routes; /* http-reverse */
	unsigned routes_len;
	char proxy[RELAY_HOST]; /* pac: "proxy.example.net:3128" */
	char literal_zone
		[RELAY_HOST]; /* http-forward, transparent: links to IPv4 literals become names below it; "": they stay */
};

struct relay_config {
	unsigned threads;     /* 0: as many as processors */
	unsigned connections; /* at once, of all services */
	unsigned connections_per_client;
	struct endpoint
		resolvers[RELAY_RESOLVERS_MAX]; /* whom to ask for addresses; resolved by conf_resolve() */
	unsigned resolvers_len;
	struct prefix6
		*translation; /* the NAT64's prefixes: an address in one of them stands for an IPv4 address */
	unsigned translation_len;
	struct relay_service *services;
	unsigned services_len;
	atomic_uint *holds; /* services that are open with it, on all lanes; relay.c's, NULL: nobody counts */
};

/**
 * relay_config_copy() - the same once more, with lists of its own; what was in files (struct relay_text) is copied too
 * @ret:	untouched on failure
 *
 * Return: 0; -ENOMEM
 */
MUST_CHECK int relay_config_copy(const struct relay_config *c, struct relay_config *ret);

/* One file that a configuration names, or two that belong together. */
struct relay_file {
	const char *paths[2]; /* the second may be NULL */
	const char *what;     /* for messages: "the users" */
	struct relay_text *text;
};

/**
 * relay_config_file_at() - the files of a configuration, one after the other, always in the same order
 * @number:	from 0
 *
 * Return: whether there is such a file
 */
bool relay_config_file_at(struct relay_config *c, unsigned number, struct relay_file *ret);

/** relay_service_fini() - free the lists of one service; a zeroed struct is fine */
void relay_service_fini(struct relay_service *s);

/** relay_config_fini() - free the lists; a zeroed struct is fine */
void relay_config_fini(struct relay_config *c);

#endif
