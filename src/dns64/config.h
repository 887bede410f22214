/* config.h - what the resolver needs to know; conf/ fills it */
#ifndef ISTHMUS_DNS64_CONFIG_H
#define ISTHMUS_DNS64_CONFIG_H

#include "addr/addr.h"

#define DNS64_LISTEN_MAX 16
#define DNS64_ALLOW_MAX 64
#define DNS64_UPSTREAM_MAX 16
#define DNS64_PREFIX_MAX 8
#define DNS64_EXCLUDE_MAX 32
#define DNS64_FILE_MAX 256 /* bytes of the path of a file, the terminating zero included */

/* An address of either family with a port; IPv4 clients and IPv4 listeners exist too. */
struct dns_endpoint {
	bool is4;
	struct addr4 a4;
	struct addr6 a6;
	uint16_t port; /* host order */
};

/* A prefix of either family. */
struct dns_prefix {
	bool is4;
	struct prefix4 p4;
	struct prefix6 p6;
};

enum upstream_mode {
	UPSTREAM_SYSTEM,    /* the nameservers of the host's resolv.conf; replaced by FORWARD when conf is
			       resolved */
	UPSTREAM_RECURSIVE, /* from the root servers */
	UPSTREAM_FORWARD,   /* to the listed servers */
};

struct upstream {
	struct dns_endpoint to;
	bool tls;	    /* DNS over TLS (RFC 7858) */
	char tls_name[256]; /* name that the certificate must have; empty: not checked is not allowed, see
			       conf */
};

/* One way of serving over TLS; off if it listens nowhere. */
struct dns64_secure {
	struct dns_endpoint listen[DNS64_LISTEN_MAX];
	unsigned listen_len;
	char certificate[DNS64_FILE_MAX]; /* PEM files, read by the supervisor */
	char key[DNS64_FILE_MAX];
};

struct dns64_config {
	struct dns_endpoint listen[DNS64_LISTEN_MAX];
	unsigned listen_len;
	struct dns64_secure tls;		  /* DNS over TLS (RFC 7858) */
	struct dns_prefix allow[DNS64_ALLOW_MAX]; /* clients that are answered; all others are refused */
	unsigned allow_len;
	enum upstream_mode upstream_mode;
	struct upstream upstream[DNS64_UPSTREAM_MAX]; /* FORWARD only */
	unsigned upstream_len;
	struct prefix6 prefixes[DNS64_PREFIX_MAX]; /* RFC 6052; each gives one synthesized record per A */
	unsigned prefixes_len;
	struct prefix6 exclude_aaaa[DNS64_EXCLUDE_MAX]; /* RFC 6147 s5.1.4 */
	unsigned exclude_aaaa_len;
	struct prefix4 exclude_a[DNS64_EXCLUDE_MAX]; /* A records never used for synthesis */
	unsigned exclude_a_len;
	bool dnssec_validate;
	bool allow_non_global; /* the well-known prefix may stand for private IPv4 (RFC 6052 s3.1) */
};

#endif
