/*
 * carried.h - a client's connection that goes, byte by byte, to one of several targets
 *
 * What a client says before a target is reached waits in the kernel, so whoever has only looked at it (MSG_PEEK) may hand
 * over the socket as it is.
 */
#ifndef ISTHMUS_RELAY_CARRIED_H
#define ISTHMUS_RELAY_CARRIED_H

#include "relay/service.h"
#include "relay/targets.h"

/** carried_begin() - serve a client; its visit begins here and ends with the connection. @group: open as long as the service */
void carried_begin(struct service *s, const struct arrival *a, struct target_group *group);

#endif
