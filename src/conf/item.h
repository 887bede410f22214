/* item.h - values that are one piece of text: addresses, prefixes, endpoints, upstreams */
#ifndef ISTHMUS_CONF_ITEM_H
#define ISTHMUS_CONF_ITEM_H

#include "conf/conf.h"

#define ITEM_TEXT 384 /* the longest item: an upstream with its TLS name */
#define ITEM_WHY 640  /* the longest complaint */

struct conf_item {
	size_t size; /* bytes of the value */
	/* Reads @text; false: @why says what is wrong and what would be right, *to is untouched. */
	bool (*read)(const char *text, void *to, char why[static ITEM_WHY]);
	/* Writes the text that reads back to the same. */
	void (*write)(const void *from, char text[static ITEM_TEXT]);
};

extern const struct conf_item item_translation_prefix; /* struct prefix6, fit for RFC 6052 */
extern const struct conf_item item_prefix6, item_prefix4;
extern const struct conf_item item_range;    /* struct dns64_range */
extern const struct conf_item item_domain;   /* struct dns_name */
extern const struct conf_item item_address4; /* struct addr4, of a host */
extern const struct conf_item item_address6; /* struct addr6, of a host; auto is :: */
extern const struct conf_item item_prefix;   /* struct prefix: of either family */
extern const struct conf_item item_dns_listen; /* struct endpoint: where DNS is served without TLS */
extern const struct conf_item item_tls_listen; /* struct endpoint: ... over TLS */
extern const struct conf_item item_endpoint;   /* struct endpoint: address and port, of either family */
extern const struct conf_item item_endpoint4, item_endpoint6; /* struct endpoint of one family */
extern const struct conf_item item_outside, item_inside;      /* the same; a bare address has port 0 */
extern const struct conf_item item_protocol;	    /* uint8_t: of a protocol that is bound by address */
extern const struct conf_item item_static_protocol; /* struct conf_protocol; never printed */
extern const struct conf_item item_ports;	    /* struct conf_ports */
extern const struct conf_item item_upstream;	    /* struct upstream */
extern const struct conf_item item_server;	    /* struct upstream: as item_upstream, of a domain */
extern const struct conf_item item_interface;	    /* char[CONF_POOL_IFNAME] */
extern const struct conf_item item_socket;	    /* char[108], an absolute path */
extern const struct conf_item item_metrics;	    /* struct conf_metrics: an endpoint, or off */

/* The protocol of a static binding; number: of PROTO_OTHER. */
struct conf_protocol {
	enum proto proto;
	uint8_t number;
};
extern const struct conf_item item_url_path;	/* char[DNS64_URL_PATH_MAX] */
extern const struct conf_item item_pem_path;	/* char[DNS64_FILE_MAX], an absolute path */
extern const struct conf_item item_log_path;	/* char[CONF_LOG_PATH], an absolute path */
extern const struct conf_item item_state_path;	/* the same, or none, which is "" */
extern const struct conf_item item_syslog_path; /* char[CONF_SOCKET_PATH], an absolute path */
extern const struct conf_item item_dnstap_path; /* the same */
extern const struct conf_item item_collector;	/* struct conf_metrics: an endpoint, or none */

struct conf_ports {
	uint16_t lo, hi; /* both included; 1 <= lo <= hi */
};

/** number_parse() - a whole number without sign or blanks, at most @max; true, or false with *ret untouched
 */
MUST_CHECK bool number_parse(const char *text, uint64_t max, uint64_t *ret);

/** host_name_is_valid() - whether this can be the name of a host; digits and dots alone can, too */
bool host_name_is_valid(const char *name);

/** server_parse() - the address of a name server, with a port or without; false, with *ret untouched, if it is none */
MUST_CHECK bool server_parse(const char *text, struct endpoint *ret);

#endif
