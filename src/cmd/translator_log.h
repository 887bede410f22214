/* translator_log.h - the translator's side of the binding log: its configuration, its descriptors, its figures */
#ifndef ISTHMUS_CMD_TRANSLATOR_LOG_H
#define ISTHMUS_CMD_TRANSLATOR_LOG_H

#include "cmd/show_translator.h"

struct reply;

/** translator_log_new() - take the memory, if the log is on; 0 or -errno */
MUST_CHECK int translator_log_new(struct translator *t);

/** translator_log_start() - begin to write; inside the sandbox, before the workers */
MUST_CHECK int translator_log_start(struct translator *t);

/** translator_log_watch() - whom the tables of a worker tell; nobody if the log is off */
struct state_watch translator_log_watch(const struct translator *t, unsigned worker);

/** translator_log_restored() - tell of the sessions that were restored, some at a time; after the workers have been started */
void translator_log_restored(struct translator *t);

/** translator_log_take() - see role_ops.take_sink */
void translator_log_take(void *ctx, const char *name, int fd);

/** translator_log_stop() - after the workers: write what is left, and free everything */
void translator_log_stop(struct translator *t);

/** translator_log_rows() - the rows of `counters`, if the log is on */
void translator_log_rows(const struct translator *t, struct reply *r);

#endif
