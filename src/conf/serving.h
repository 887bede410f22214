/* serving.h - dns64.tls: what the resolver serves besides plain DNS */
#ifndef ISTHMUS_CONF_SERVING_H
#define ISTHMUS_CONF_SERVING_H

#include "conf/key.h"

extern const struct conf_keys conf_dns64_tls_keys;

#endif
