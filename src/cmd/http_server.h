/* http_server.h - two pages over HTTP/1: few connections, short ones, one request each */
#ifndef ISTHMUS_CMD_HTTP_SERVER_H
#define ISTHMUS_CMD_HTTP_SERVER_H

#include "base/compiler.h"
#include "loop/loop.h"

#include <stddef.h>

#define HTTP_CONNECTIONS_MAX 64 /* further clients wait in the kernel's queue */

struct http_server;   /* opaque */
struct http_exchange; /* opaque: a request that waits for its answer */

/* A page; the answer may come later. */
struct http_page {
	const char *path;
	const char *type; /* of its content */
	/** serve() - have the page answered by page_reply() or page_refuse(), now or later, exactly once */
	void (*serve)(void *ctx, struct http_exchange *x);
};

/**
 * page_server_new() - serve pages on a listening socket
 * @fd:		borrowed; non-blocking
 * @pages:	ended by a path of NULL; borrowed
 *
 * Return: 0; -errno.
 * Context: before the sandbox is entered.
 */
MUST_CHECK int page_server_new(
	struct loop *l, int fd, const struct http_page *pages, void *ctx, struct http_server **ret);

/** page_server_free() - close everything; exchanges that wait must not be answered any more; NULL is fine */
void page_server_free(struct http_server *s);

/** page_reply() - answer with the page's content; @body is copied */
void page_reply(struct http_exchange *x, const char *body, size_t len);

/** page_refuse() - answer that the page cannot be had now (503) */
void page_refuse(struct http_exchange *x);

#endif
