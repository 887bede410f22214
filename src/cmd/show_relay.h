/* show_relay.h - what the relays say about themselves: services, visits, counters */
#ifndef ISTHMUS_CMD_SHOW_RELAY_H
#define ISTHMUS_CMD_SHOW_RELAY_H

#include "relay/relay.h"

#include <jansson.h>

struct reply;

/** show_relay() - answer `relay` (docs/control.md): who is being served; @fd is taken over */
void show_relay(struct relay *all, struct loop *loop, const json_t *args, int fd);

/** show_relay_add() - put the services, and the sums of all counters, into a row of `status` */
void show_relay_add(struct relay *all, json_t *row);

/** show_relay_counters() - a row of `counters` for each */
void show_relay_counters(struct relay *all, struct reply *r);

#endif
