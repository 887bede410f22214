/* show_trace.h - `isthmus trace`, the side of the translator's process: packets of one flow, as they are decided on */
#ifndef ISTHMUS_CMD_SHOW_TRACE_H
#define ISTHMUS_CMD_SHOW_TRACE_H

#include "nat64/trace.h"

#include <jansson.h>

/** show_trace() - the command `trace` (docs/control.md); @ctx is a struct translator; see struct role_command */
void show_trace(void *ctx, const json_t *args, int fd);

/**
 * trace_filter_read() - the arguments of a trace that say which packets: `who`, `to`, `port`, `proto`
 *
 * Return: NULL, or a sentence about what is wrong, with *ret in an unknown state.
 */
const char *trace_filter_read(const json_t *args, struct trace_filter *ret);

#endif
