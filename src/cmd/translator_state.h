/* translator_state.h - the translator's side of sessions over a restart: read before the first packet, written after the last */
#ifndef ISTHMUS_CMD_TRANSLATOR_STATE_H
#define ISTHMUS_CMD_TRANSLATOR_STATE_H

#include "cmd/role.h"
#include "cmd/show_translator.h"

struct reply;

/** translator_saved_take() - the descriptor of saved sessions, of those that came with the start; -1 if there is none */
int translator_saved_take(const struct role_start *s, struct role_start *ret_rest);

/** translator_restore() - adopt the sessions in t->saved; the workers have tables, and do not run. What came of it is logged */
void translator_restore(struct translator *t);

/** translator_adopt() - after that: take over the flows that a translator that died has left in the tables of the fast path */
void translator_adopt(struct translator *t);

/** translator_save() - see role_ops.save: ends the workers, and writes their sessions; @ctx is a struct translator */
MUST_CHECK int translator_save(void *ctx, int fd);

/** translator_restored_row() - for `status`: what came of translator_restore(); null if there was nothing */
json_t *translator_restored_row(const struct translator *t);

/** translator_restored_rows() - for `counters`: the same, by reasons */
void translator_restored_rows(const struct translator *t, struct reply *r);

#endif
