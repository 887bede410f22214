/*
 * http_authority.h - where a request wants to go: authorities and URIs of requests (pure)
 *
 * A host is a name, an IPv4 address as four decimal numbers, or an IPv6 address in brackets. Forms that only some
 * readers take for an address (0x7f.1, 017.0.0.1, 2130706433, zone identifiers) are refused: what is checked must be
 * what is reached.
 */
#ifndef ISTHMUS_RELAY_HTTP_AUTHORITY_H
#define ISTHMUS_RELAY_HTTP_AUTHORITY_H

#include "relay/http_head.h"

/**
 * http_authority_parse() - read "host", "host:port", "192.0.2.1:80", "[2001:db8::1]:443"
 * @port:	what it is without one; 0: one is required (CONNECT)
 * @ret:	a name in lower case, without final dot; untouched on failure
 *
 * Spec: RFC 3986 s3.2.2, s3.2.3; RFC 9110 s7.2; no userinfo (s4.2.4)
 */
MUST_CHECK bool http_authority_parse(struct http_text t, uint16_t port, struct relay_target *ret);

/* The parts of a request's target. */
struct http_uri {
	struct http_text scheme, authority;
	struct http_text
		path; /* with its query; "": none, which means "/" (RFC 9112 s3.2.1), or "*" of OPTIONS */
};

/** http_uri_parse() - read the absolute form (RFC 9112 s3.2.2); a fragment is refused. @ret untouched on failure */
MUST_CHECK bool http_uri_parse(struct http_text t, struct http_uri *ret);

/** http_authority_text() - "www.example.net", "[2001:db8::1]:8080": as a Host field has it; the port is left out if it is
 * @port. Returns the length */
size_t http_authority_text(const struct relay_target *t, uint16_t port, char *to, size_t size);

/** http_authority_same() - whether both mean the same host and port */
bool http_authority_same(const struct relay_target *a, const struct relay_target *b);

#endif
