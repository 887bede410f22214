/*
 * conf.h - one YAML file, checked whole before anything changes
 *
 * conf_parse() reads text; conf_resolve() fills in what only the host knows (its address, its resolvers); conf_print()
 * writes the effective configuration as YAML that conf_parse() reads back to the same struct. The supervisor hands
 * that text to its roles.
 */
#ifndef ISTHMUS_CONF_CONF_H
#define ISTHMUS_CONF_CONF_H

#include "base/log.h"
#include "dns64/config.h"
#include "nat64/config.h"

#include <stdio.h>

#define CONF_POOL_IFNAME 16
#define CONF_DEVICE_DEFAULT "isthmus0"

/* Of each pool entry: the interface whose address it means, until conf_resolve() has looked it up; "" if an address was
 * given. */
struct conf_pool_source {
	char interface[CONF_POOL_IFNAME];
};

struct conf_control {
	char socket[108];		/* path; sun_path's size */
	bool has_metrics;
	struct dns_endpoint metrics;
};

struct conf_log {
	enum log_level level;
	unsigned sinks; /* mask of enum log_sink */
};

struct conf {
	bool has_nat64, has_dns64; /* a section may be switched off by leaving it out of a file that has others */
	struct nat64_config nat64;
	struct conf_pool_source pool_source[POOL_ENTRIES_MAX]; /* parallel to nat64.state.pool */
	struct static_binding *statics; /* owned; nat64.state.statics points here */
	unsigned workers;		/* 0: auto */
	struct dns64_config dns64;
	struct conf_control control;
	struct conf_log log;
};

/* Everything found wrong; one line each, `file:line: key: what is wrong, what would be right`. */
struct conf_errors {
	char **lines;
	unsigned len;
};

/** conf_default() - the built-in configuration, as if no file were given */
MUST_CHECK int conf_default(struct conf **ret);

/**
 * conf_parse() - read and check a whole configuration
 * @name:	name of the file for messages
 * @text:	@len bytes of YAML
 * @ret_errors:	every fault found, not just the first; filled on -EINVAL; free with conf_errors_fini()
 *
 * Return: 0; -EINVAL (see *ret_errors); -ENOMEM. *ret untouched on failure.
 */
MUST_CHECK int conf_parse(const char *name, const char *text, size_t len, struct conf **ret, struct conf_errors *ret_errors);

/** conf_load() - the same from a file; an unreadable file is an error line too */
MUST_CHECK int conf_load(const char *path, struct conf **ret, struct conf_errors *ret_errors);

/**
 * conf_resolve() - replace `interface:` pool entries and the default pool by addresses, and `system` upstreams by servers
 * @resolv_conf: path of the host's resolv.conf
 *
 * Return: 0; -EINVAL with *ret_errors filled (no default route, no address, no nameserver, a nameserver that is
 *	   ourselves).
 */
MUST_CHECK int conf_resolve(struct conf *c, const char *resolv_conf, struct conf_errors *ret_errors);

/** conf_print() - write the configuration as YAML that reads back to the same; 0 or -EIO */
MUST_CHECK int conf_print(const struct conf *c, FILE *to);

/** conf_changes_needing_restart() - name the first key that differs and cannot change while running; NULL if none does */
const char *conf_changes_needing_restart(const struct conf *old, const struct conf *new);

void conf_free(struct conf *c);
void conf_errors_fini(struct conf_errors *e);

#endif
