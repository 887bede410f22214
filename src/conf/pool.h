/* pool.h - IPv4 addresses to lend out, and the bindings written down: their keys and their checks */
#ifndef ISTHMUS_CONF_POOL_H
#define ISTHMUS_CONF_POOL_H

#include "conf/item.h"
#include "conf/reading.h"

#define CONF_STATICS_MAX 4096
#define CONF_POOL_LEN_MIN 16 /* shortest prefix length of a pool entry: 65536 addresses */

/* Ports of an entry that names none. Those of a shared address are the dynamic range of RFC 6335 s6. */
#define CONF_PORTS_OWN ((struct conf_ports){ 1024, 65535 })
#define CONF_PORTS_SHARED ((struct conf_ports){ 49152, 65535 })

/* One entry of nat64.pool as it is written; base of conf_pool_keys. */
struct pool_draft {
	struct prefix4 prefix;
	char interface[CONF_POOL_IFNAME];
	bool is_shared;
	struct conf_ports ports; /* lo 0: not written */
	struct prefix6 subscribers[STATE_MEMBERS_MAX];
	unsigned subscribers_len; /* 0: for all that have no entry of their own */
	unsigned fixed_blocks;	  /* deterministic-blocks */
};

/* One entry of nat64.static as it is written; base of conf_static_keys. */
struct static_draft {
	struct conf_protocol proto;
	struct endpoint outside, inside;
};

#define CONF_POOL_BLOCKS_MAX (1u << 24) /* blocks that the whole pool may be cut into */

/** pool_address_fault() - why an address cannot be lent out, or NULL */
const char *pool_address_fault(struct addr4 a);

/* --- pool_subscribers.c --- */

/**
 * pool_take_subscribers() - find the pool of an entry: that of an earlier one with the same list, or a new one
 *
 * Return: true; false after a fault, with *ret_pool untouched or 0.
 */
MUST_CHECK bool pool_take_subscribers(
	struct conf_reading *r, const struct pool_draft *d, unsigned line, uint8_t *ret_pool);

/** pool_print_subscribers() - print the keys of an entry that pool_take_subscribers() read, each after a comma */
void pool_print_subscribers(const struct state_config *s, uint8_t pool, FILE *to);

/** pool_check_subscribers() - check each pool's subscribers; the path is nat64.pool */
void pool_check_subscribers(struct conf_reading *r);

/** pool_check_static_subscriber() - whether entry @entry is for the subscriber of static binding @i; false after a fault */
bool pool_check_static_subscriber(struct conf_reading *r, unsigned i, unsigned entry);

/** pool_check_static_pool() - whether entry @entry may have the outside of static binding @i; false after a fault */
bool pool_check_static_pool(struct conf_reading *r, unsigned i, unsigned entry);

/**
 * pool_check() - check pool entries and static bindings against each other, as far as their addresses are
 * known
 *
 * A static binding's port may lie outside the ranges of its address: an entry of that one port is added to
 * the pool then. Such entries are not printed, they follow from the static bindings.
 *
 * Entries that could not be read have lo > hi, static bindings out_port 0; both are passed over.
 */
void pool_check(struct conf_reading *r);

#endif
