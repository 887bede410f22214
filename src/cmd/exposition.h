/* exposition.h - the text format of Prometheus: families of samples, in any order of adding */
#ifndef ISTHMUS_CMD_EXPOSITION_H
#define ISTHMUS_CMD_EXPOSITION_H

#include "base/compiler.h"

#include <stdio.h>

enum metric_type { METRIC_GAUGE, METRIC_COUNTER };

#define METRIC_LABELS_MAX 3

struct metric_label {
	const char *name, *value; /* the value is any UTF-8 text; name NULL: no such label */
};

/* One sample, and what is said about all samples of its name. */
struct metric {
	const char *name; /* without "isthmus_"; what may not stand in a name becomes _ */
	enum metric_type type;
	const char *help; /* of the first sample of a name counts */
	struct metric_label labels[METRIC_LABELS_MAX];
};

struct exposition; /* opaque */

/** exposition_new() - an empty exposition, or NULL without memory */
struct exposition *exposition_new(void);

/** exposition_add() - add a sample; @value is a number as text, everything is copied; lack of memory shows at
 * the end */
void exposition_add(struct exposition *e, const struct metric *m, const char *value);

/** exposition_print() - write all of it: each family once, with its HELP and TYPE; 0 or -ENOMEM */
MUST_CHECK int exposition_print(const struct exposition *e, FILE *to);

void exposition_free(struct exposition *e);

#endif
