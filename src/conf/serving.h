/* serving.h - dns64.tls, dns64.https and dns64.per-client: what the resolver serves besides plain DNS, and how much to each */
#ifndef ISTHMUS_CONF_SERVING_H
#define ISTHMUS_CONF_SERVING_H

#include "conf/key.h"

extern const struct conf_keys conf_dns64_tls_keys, conf_dns64_https_keys, conf_dns64_per_client_keys;

#endif
