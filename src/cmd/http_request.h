/* http_request.h - the head of an HTTP/1 request: what is asked, and whether it is a request at all */
#ifndef ISTHMUS_CMD_HTTP_REQUEST_H
#define ISTHMUS_CMD_HTTP_REQUEST_H

#include "base/compiler.h"

#include <stddef.h>

#define HTTP_PATH_MAX 128 /* with the zero; a longer one is none of ours */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_OTHER };

struct http_request {
	enum http_method method;
	char path[HTTP_PATH_MAX]; /* "/metrics": without query; "" if it is longer than any that we have */
};

enum http_progress {
	HTTP_MORE, /* so far so good, the empty line has not come */
	HTTP_WHOLE,
	HTTP_MALFORMED,
	HTTP_VERSION, /* not HTTP/1 */
};

/**
 * page_request_parse() - read the head of a request
 * @head:	what has arrived so far, at most @len bytes; what follows the head (a body) is not looked at
 * @ret:	untouched unless HTTP_WHOLE
 *
 * Spec: RFC 9112 s2.2, s3, s5
 */
MUST_CHECK enum http_progress page_request_parse(const char *head, size_t len, struct http_request *ret);

#endif
