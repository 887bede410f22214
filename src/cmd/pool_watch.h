/* pool_watch.h - how much of each pool is lent: log lines before it is all, and rows for `status` */
#ifndef ISTHMUS_CMD_POOL_WATCH_H
#define ISTHMUS_CMD_POOL_WATCH_H

#include "cmd/show_translator.h"

struct pool_watch; /* opaque */

/** pool_watch_new() - begin to look, every few seconds; 0 or -errno */
MUST_CHECK int pool_watch_new(struct translator *t, struct pool_watch **ret);
void pool_watch_free(struct pool_watch *w);

/** pool_watch_reset() - t->conf is another one: pools may be others, and what was told is told anew */
void pool_watch_reset(struct pool_watch *w);

/** pool_watch_rows() - one object for each pool that lends: pool, addresses, subscribers, blocks, blocks_lent, alarm_percent */
json_t *pool_watch_rows(struct pool_watch *w);

#endif
