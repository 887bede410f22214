/* document.h - the YAML text as a tree of nodes with line numbers; what each node means is not known here */
#ifndef ISTHMUS_CONF_DOCUMENT_H
#define ISTHMUS_CONF_DOCUMENT_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

#define DOCUMENT_BYTES_MAX (1u << 20) /* a configuration file is at most 1 MiB */
#define DOCUMENT_NODES_MAX 65536u     /* lists, mappings and values in it */
#define DOCUMENT_DEPTH_MAX 16u	      /* lists and mappings inside each other */

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAPPING };

struct conf_node {
	enum node_kind kind;
	unsigned line;		   /* where it begins, from 1 */
	char *key;		   /* of a mapping's member its key; NULL of a list's */
	unsigned key_line;	   /* line of that key */
	char *text;		   /* of a scalar; without zero bytes inside */
	bool is_plain;		   /* of a scalar: written without quotes */
	unsigned members_len;	   /* of a list or mapping */
	struct conf_node *members; /* first of them, in the order of the file */
	struct conf_node *next;	   /* the next member of the same list or mapping */
	struct conf_node *older;   /* the node made before this one; for freeing without recursion */
};

struct conf_document; /* opaque; owns its nodes */

struct document_fault {
	unsigned line;
	char text[240]; /* what is wrong, what would be right */
};

/**
 * document_parse() - read YAML into a tree
 * @text:	@len bytes, UTF-8
 * @ret:	free with document_free()
 * @ret_fault:	written on -EINVAL only
 *
 * Aliases, anchors and tags are refused: a configuration needs none of them, and a small file can make a huge
 * tree with them. A plain value that begins with `::` inside brackets is taken as YAML 1.2 takes it, though
 * libyaml does not.
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
MUST_CHECK int document_parse(
	const char *text, size_t len, struct conf_document **ret, struct document_fault *ret_fault);

/** document_root() - the outermost node, or NULL if the text is empty (or nothing but comments) */
const struct conf_node *document_root(const struct conf_document *d);

void document_free(struct conf_document *d);

/** node_find() - the member of that key, or NULL; NULL and lists have none */
const struct conf_node *node_find(const struct conf_node *n, const char *key);

/** node_is_empty() - whether nothing, or null, was written where a value belongs */
bool node_is_empty(const struct conf_node *n);

#endif
