/*
 * relay.h - the section relay: its kinds of values, its services, and what does not go together
 *
 * Lists are owned by the structs of relay/config.h. A service begins as a copy of what the section says for all
 * (conf->relay_standard), and its own keys replace that.
 */
#ifndef ISTHMUS_CONF_RELAY_H
#define ISTHMUS_CONF_RELAY_H

#include "conf/key.h"
#include "conf/shape.h"

#define CONF_RELAY_ROWS 11
extern const struct conf_key conf_relay_rows[CONF_RELAY_ROWS];

extern const struct conf_keys conf_relay_keys, conf_relay_destination_keys, conf_relay_timeout_keys;
extern const struct conf_keys conf_relay_service_keys, conf_relay_health_keys, conf_relay_route_keys,
	conf_relay_tls_keys, conf_relay_service_tls_keys;
extern const struct conf_choices conf_relay_family_choices, conf_relay_balance_choices;

extern const struct conf_item item_target;     /* struct relay_target */
extern const struct conf_item item_port_range; /* struct relay_ports */
extern const struct conf_item item_relay_name; /* char[RELAY_NAME] */
extern const struct conf_item item_route_host; /* char[RELAY_HOST]: a name, or one with * in front */
extern const struct conf_item item_relay_zone; /* char[RELAY_HOST]: a domain, or none, which is "" */
extern const struct conf_item item_proxy_at;   /* char[RELAY_HOST]: as a target */

extern const struct conf_shape
	shape_owned; /* pointer to an owned array and its length; of: struct conf_item */
extern const struct conf_shape shape_relay_file; /* char[RELAY_FILE], of a path, or none, which is "" */
extern const struct conf_shape
	shape_client_prefix; /* struct prefix6 at @at, and whether there is one at @len_at */
extern const struct conf_shape shape_relay_services; /* relay.services */
extern const struct conf_shape shape_relay_routes;   /* of a service */
extern const struct conf_shape shape_relay_tls;	     /* of a route */
extern const struct conf_shape shape_relay_resolver; /* relay.resolver */

/** relay_finish() - read the services, and look at what does not go together */
void relay_finish(struct conf_reading *r, const struct conf_node *n);

/** relay_take_services() - read the services of the section @n, which may be NULL */
void relay_take_services(struct conf_reading *r, const struct conf_node *n);

/** relay_take_routes() - read the routes of a service, which begin with its balance and health; @n may be NULL */
void relay_take_routes(struct conf_reading *r, const struct conf_node *n, struct relay_service *s);

/** relay_drop_health() - of a single target there is nothing to choose, so that nobody looks after it unless @n, a service or
 * route, asks for it */
void relay_drop_health(struct relay_health *h, unsigned targets, const struct conf_node *n);

/** relay_check() - what does not go together; @list: the node of relay.services */
void relay_check(struct conf_reading *r, const struct conf_node *list);

/** relay_resolve() - find out whom to ask for addresses; @resolv_text: of resolv.conf, or NULL */
void relay_resolve(struct conf_reading *r, const char *resolv_text);

#endif
