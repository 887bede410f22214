/* step_row.h - the steps of a packet in words: for people, and as JSON (nat64/steps.def) */
#ifndef ISTHMUS_CMD_STEP_ROW_H
#define ISTHMUS_CMD_STEP_ROW_H

#include "nat64/steps.h"

#include <jansson.h>

#define STEP_ROW_TEXT 512 /* bytes; what is longer is cut */

/** step_row_text() - the sentence of a step with its values; returns @buf */
const char *step_row_text(const struct step *s, char buf[static STEP_ROW_TEXT]);

/** step_row_spec() - the section that asks for the step: its own, or that of its drop reason; returns @buf */
const char *step_row_spec(const struct step *s, char buf[static STEP_ROW_TEXT]);

/** step_row() - `step`, `text`, `spec` and the values by their keys; NULL without memory */
json_t *step_row(const struct step *s);

#endif
