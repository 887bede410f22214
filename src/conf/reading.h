/* reading.h - one reading of a configuration: where we are in it, and what was found wrong */
#ifndef ISTHMUS_CONF_READING_H
#define ISTHMUS_CONF_READING_H

#include "conf/conf.h"
#include "conf/document.h"

#define CONF_FAULTS_MAX 50 /* lines of faults; one more line says that there are more */
#define CONF_PATH_MAX 128  /* longest dotted path of a key, such as nat64.static[4095].outside */

struct conf_reading {
	struct conf *c;
	const char *name; /* of the file */
	struct conf_errors *errors;
	struct conf_errors *warnings;
	unsigned faults;	  /* found in this reading */
	bool is_nomem;		  /* memory ran out; the outcome is -ENOMEM whatever else was found */
	bool is_inheriting;	  /* keys that are left out stay as they are: their defaults are others' */
	bool is_default;	  /* reading the built-in text of a key that the file leaves out */
	unsigned default_line;	  /* line that stands for it */
	char path[CONF_PATH_MAX]; /* of the key being read */
	size_t path_len;
};

/** reading_begin() - start on configuration @c, which is to be filled or checked */
void reading_begin(struct conf_reading *r, struct conf *c, struct conf_errors *errors);

/** reading_outcome() - 0 if nothing was wrong, -EINVAL, or -ENOMEM */
MUST_CHECK int reading_outcome(const struct conf_reading *r);

/** reading_line() - the line to blame for @n; of a built-in text the line of the section that lacks the key
 */
unsigned reading_line(const struct conf_reading *r, const struct conf_node *n);

/**
 * reading_fault() - something is wrong with the key at the current path
 * @line:	0: the configuration did not come from a file
 */
void reading_fault(struct conf_reading *r, unsigned line, const char *fmt, ...) PRINTF_LIKE(3, 4);

/** reading_warning() - something is suspicious with the key at the current path */
void reading_warning(struct conf_reading *r, unsigned line, const char *fmt, ...) PRINTF_LIKE(3, 4);

/** path_enter(), path_enter_member() - go down to a key or to member @i; the result is for path_leave() */
size_t path_enter(struct conf_reading *r, const char *key);
size_t path_enter_member(struct conf_reading *r, unsigned i);
void path_leave(struct conf_reading *r, size_t back);

/** errors_add() - append one line; false if memory ran out */
MUST_CHECK bool errors_add(struct conf_errors *e, const char *line);

/**
 * text_make_printable() - replace control characters and what is not UTF-8 by `?`, in place
 *
 * Messages quote the file; a terminal or a JSON reader must not suffer from what stands in it.
 */
void text_make_printable(char *text);

#endif
