/* services.h - every protocol that can be a service; services.c has the table */
#ifndef ISTHMUS_RELAY_SERVICES_H
#define ISTHMUS_RELAY_SERVICES_H

#include "relay/service.h"

extern const struct service_ops http_forward_service;
extern const struct service_ops http_reverse_service;
extern const struct service_ops pac_service;
extern const struct service_ops socks5_service;
extern const struct service_ops tcp_service;
extern const struct service_ops transparent_service;
extern const struct service_ops udp_service;

#endif
