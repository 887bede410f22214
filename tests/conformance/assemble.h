/*
 * assemble.h - packets written as lines of fields, turned into bytes
 *
 * One line is one header or one stretch of payload. Lengths, protocol numbers and checksums are filled in
 * unless the line says otherwise; README.md lists layers and fields. Checksums come from slow_sum.c.
 */
#ifndef ISTHMUS_TESTS_ASSEMBLE_H
#define ISTHMUS_TESTS_ASSEMBLE_H

#include "xlat/pkt.h"

#define PACKET_MAX 65575
#define LAYERS_MAX 16

/* One header on its way into a packet. */
struct layer {
	const struct layer_kind *kind;
	size_t at;	   /* offset */
	int csum;	   /* enum of assemble.c: how the checksum is made */
	uint16_t csum_set; /* the literal value, if that is how */
	bool has_len;	   /* the line gave the length */
};

/* A packet in the making. */
struct stack {
	uint8_t bytes[PACKET_MAX + 64];
	size_t len;
	struct layer layers[LAYERS_MAX];
	size_t layers_len;
	size_t next_at; /* where the number of the next header goes; 0: nowhere */
};

struct assembly {
	struct stack outer, quote;   /* the packet; the one inside it, not yet appended */
	size_t quote_cut, quote_pad; /* bytes, SIZE_MAX: no cut; 0: no padding */
	struct offload off;
	char error[160]; /* what is wrong with the line */
};

/** assemble_begin() - an empty packet */
void assemble_begin(struct assembly *a);

/** assemble_line() - add one line; false with a->error set if it makes no sense; the line is changed */
bool assemble_line(struct assembly *a, char *line);

/** assemble_end() - finish: a->outer.bytes, a->outer.len and a->off hold the packet */
void assemble_end(struct assembly *a);

/** assemble_text() - all of it at once; lines are separated by newlines; aborts with a message on a mistake
 */
void assemble_text(struct assembly *a, const char *text);

/** assemble_pkt() - lay the packet into @memory of @size bytes after @headroom bytes, ready for pkt_parse()
 */
struct pkt assemble_pkt(const struct assembly *a, uint8_t *memory, size_t size, size_t headroom);

#endif
