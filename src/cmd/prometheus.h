/* prometheus.h - figures in the text format that Prometheus reads (docs/metrics.md) */
#ifndef ISTHMUS_CMD_PROMETHEUS_H
#define ISTHMUS_CMD_PROMETHEUS_H

#include "base/compiler.h"
#include "cmd/snapshot.h"

#include <stdio.h>

#define PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/** prometheus_print() - write every figure of a snapshot as a metric; 0 or -ENOMEM */
MUST_CHECK int prometheus_print(const struct snapshot *s, FILE *to);

#endif
