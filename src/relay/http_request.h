/* http_request.h - what a request asks for, of whom, and whether it may be asked at all (pure) */
#ifndef ISTHMUS_RELAY_HTTP_REQUEST_H
#define ISTHMUS_RELAY_HTTP_REQUEST_H

#include "relay/http.h"

/**
 * http_request_read() - find out where a request wants to go
 * @scheme:	":scheme" of HTTP/2; at is NULL: there is none
 * @q:		head is filled in; to, path, is_connect and is_own are by this
 *
 * Spec: RFC 9112 s3.2, s3.2.2 (Host must say the same as the target, though a proxy need not look), s3.3; RFC 9110 s7.6.2
 * (Max-Forwards of 0 is not passed on), s9.3.8 (TRACE is refused: it shows a client's secrets to scripts)
 */
MUST_CHECK bool http_request_read(
	enum http_role role, struct http_text scheme, struct http_request *q, struct http_fault *fault);

/** http_request_is_idempotent() - whether asking twice is no more than asking once (RFC 9110 s9.2.2) */
bool http_request_is_idempotent(const struct http_head *h);

/** http_request_upgrades() - whether it wants to go on in another protocol that is passed on: WebSocket (RFC 6455) */
bool http_request_upgrades(const struct http_head *h);

#endif
