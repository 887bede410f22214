/* shape.h - kinds of values: what a row of the key tables says about reading and printing */
#ifndef ISTHMUS_CONF_SHAPE_H
#define ISTHMUS_CONF_SHAPE_H

#include "conf/item.h"
#include "conf/key.h"

/* A word and what it stands for. A word with a `later` is known but refused in this version, with that
 * sentence. */
struct conf_choice {
	const char *word;
	unsigned value;
	const char *later;
};

struct conf_choices {
	const struct conf_choice *rows;
	unsigned len;
};

/* What `fastpath` may be, in each section that has it; in keys.c. */
#define CONF_FASTPATH_WORDS 4
extern const struct conf_choice conf_fastpath_words[CONF_FASTPATH_WORDS];

/* What a number may be, besides within min and max. */
struct conf_number {
	const char *zero_word; /* written instead of 0, such as auto; NULL: none */
	bool is_power_of_two;
	unsigned offered_max; /* more than this is refused in this version; 0: no such limit */
	const char *later;    /* with this sentence */
};

extern const struct conf_shape shape_number; /* unsigned; of: struct conf_number or NULL */
extern const struct conf_shape shape_choice; /* an enum or unsigned; of: struct conf_choices */
extern const struct conf_shape
	shape_switch; /* bool; of: struct conf_choices with the values true and false */
extern const struct conf_shape
	shape_flag; /* bool; of: a sentence if true comes in a later version, or NULL */
extern const struct conf_shape shape_duration;	/* nsec; of: the standard that demands the minimum, or NULL */
extern const struct conf_shape shape_item;	/* of: struct conf_item */
extern const struct conf_shape shape_list;	/* array and its length (unsigned); of: struct conf_item */
extern const struct conf_shape shape_words;	/* unsigned mask; of: struct conf_choices */
extern const struct conf_shape shape_mapping;	/* of: struct conf_keys, whose base is at @at */
extern const struct conf_shape shape_pool;	/* nat64.pool */
extern const struct conf_shape shape_statics;	/* nat64.static */
extern const struct conf_shape shape_mappings;	/* siit.mappings */
extern const struct conf_shape shape_upstreams; /* dns64.upstream */
extern const struct conf_shape shape_views;	/* dns64.views */
extern const struct conf_shape shape_forwards;	/* dns64.forward */
extern const struct conf_shape shape_locals;	/* dns64.local */
extern const struct conf_shape shape_hosts;	/* dns64.hosts-file */
extern const struct conf_shape shape_later;	/* refused in this version; of: the sentence that says why */

/** members_begin() - the first member of a list; a scalar is taken as a list of one, a mapping is a fault
 * (NULL) */
const struct conf_node *members_begin(struct conf_reading *r, const struct conf_node *n, unsigned *ret_len);

/** members_fit() - whether a list has as many members as its row allows; if not, a fault */
bool members_fit(struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, unsigned len);

/* A list of mappings: how memory for so many is had (false after a fault), and how number @i is read into it. */
struct conf_entries {
	bool (*make)(struct conf_reading *r, unsigned len);
	void (*read)(struct conf_reading *r, const struct conf_node *n, unsigned i);
};

/** entries_read() - read such a list; how many entries it has, 0 if there is none or after a fault */
unsigned entries_read(struct conf_reading *r, const struct conf_key *k, const struct conf_node *n,
	const struct conf_entries *e);

/** item_read() - read a scalar at the current path; false after a fault */
bool item_read(struct conf_reading *r, const struct conf_item *item, const struct conf_node *n, void *to);

/** item_print() - print an item, in quotes where YAML needs them */
void item_print(const struct conf_item *item, const void *from, FILE *to);

/** duration_text() - such as 2h4m; whole milliseconds */
#define DURATION_TEXT 48
const char *duration_text(nsec d, char buf[static DURATION_TEXT]);

#endif
