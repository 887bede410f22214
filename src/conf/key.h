/*
 * key.h - the tables of keys: one row per key says everything that is known about it
 *
 * Reading, defaults, printing, "did you mean", what needs a restart, and the tests of the documentation all
 * walk these rows. A new key is a new row; a new kind of value is a new shape.
 */
#ifndef ISTHMUS_CONF_KEY_H
#define ISTHMUS_CONF_KEY_H

#include "conf/reading.h"

struct conf_key;

/* How a kind of value is read and printed. @base is the struct that the row's offsets refer to. */
struct conf_shape {
	const char *what; /* what to write, for messages and documentation: "a number" */
	void (*read)(struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base);
	/* Prints what follows `key:`, the newline included; NULL: the key is never printed. */
	void (*print)(const struct conf_key *k, const void *base, FILE *to, unsigned indent);
};

enum conf_change { CONF_CHANGE_LIVE, CONF_CHANGE_RESTART }; /* what a changed value asks for while running */

struct conf_key {
	const char *path; /* "nat64.pool[].ports" */
	const struct conf_shape *shape;
	size_t at, len_at;    /* offsets in the base: the value; of a list its length */
	unsigned min, max;    /* of a number; of a list's length; of a lifetime in seconds (max 0: no value is
				 too long) */
	const void *of;	      /* the shape's own parameter: choices, kind of item, inner table */
	const char *standard; /* default, as it would be written; NULL: see help */
	bool is_required;
	enum conf_change change;
	/* A further check of the whole value, after it was read without fault; may be NULL. */
	void (*check)(struct conf_reading *r, const struct conf_key *k, const struct conf_node *n,
		const void *base);
	const char *help;
};

#define CONF_KEYS_MAX 32 /* rows of one table */

/* The keys that a mapping may have. */
struct conf_keys {
	const struct conf_key *rows;
	unsigned len;
};

struct conf_section {
	const char *name;
	struct conf_keys keys; /* offsets refer to struct conf */
	bool is_optional; /* leaving it out of a file switches the part off; else it has its defaults then */
	size_t presence_at; /* of an optional section: offset of the bool that says whether it is there */
	const char *later;  /* of a section that comes in a later version: the sentence; it has no keys */
	/* The checks that take all sections to be read; called if the section is on. n: NULL if it is not
	 * written. */
	void (*finish)(struct conf_reading *r, const struct conf_node *n);
	const char *help;
};

/* The rows of siit, which stand in a file of their own (siit.c). */
#define CONF_SIIT_ROWS 10
extern const struct conf_key conf_siit_rows[CONF_SIIT_ROWS];

/* The rows of dns64, in dns64.c. */
#define CONF_DNS64_ROWS 31
extern const struct conf_key conf_dns64_rows[CONF_DNS64_ROWS];

/* The rows of dns46, in dns46.c. */
#define CONF_DNS46_ROWS 3
extern const struct conf_key conf_dns46_rows[CONF_DNS46_ROWS];

/* The rows of tunnel, in tunnel.c, and what its section is checked for. */
#define CONF_TUNNEL_ROWS 7
extern const struct conf_key conf_tunnel_rows[CONF_TUNNEL_ROWS];
extern const struct conf_keys conf_tunnel_keys;
void tunnel_finish(struct conf_reading *r, const struct conf_node *n);

#define CONF_SECTIONS 9
extern const struct conf_section conf_sections[CONF_SECTIONS];

extern const struct conf_keys conf_nat64_keys, conf_lifetime_keys, conf_pool_keys, conf_static_keys;
extern const struct conf_keys conf_siit_keys, conf_mapping_keys, conf_icmp_source_keys;
extern const struct conf_keys conf_clat_keys, conf_clat_lan_keys;
extern const struct conf_keys conf_dns46_keys;
extern const struct conf_keys conf_dns64_keys, conf_view_keys, conf_control_keys, conf_log_keys;

/** key_name() - the last part of a key's path, as it is written in the file */
const char *key_name(const struct conf_key *k);

/**
 * mapping_read() - read a mapping: each key by its row, defaults for those left out
 * @n:	NULL: as if the mapping were written without any key
 */
void mapping_read(
	struct conf_reading *r, const struct conf_keys *keys, const struct conf_node *n, void *base);

/** mapping_print() - print all keys of a table in block form */
void mapping_print(const struct conf_keys *keys, const void *base, FILE *to, unsigned indent);

/** suggest_key() - explain an unknown key at the current path: the nearest known one, or where it belongs */
void suggest_key(struct conf_reading *r, const struct conf_keys *keys, const struct conf_node *n);

/** suggest_section() - the same for an unknown section */
void suggest_section(struct conf_reading *r, const struct conf_node *n);

#endif
