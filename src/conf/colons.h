/* colons.h - IPv6 addresses such as ::1 as plain values inside brackets */
#ifndef ISTHMUS_CONF_COLONS_H
#define ISTHMUS_CONF_COLONS_H

#include "base/compiler.h"

#include <stddef.h>

/**
 * colons_quote() - copy YAML text, with quotes put around plain values that begin with `::` inside [] and {}
 * @ret_text:	@ret_len bytes and a zero; same lines as @text; free()
 *
 * YAML 1.2 (s7.3.3) lets a plain value begin with a colon that a non-space follows; libyaml reads YAML 1.1
 * and does so outside brackets only. `allow: [::1/128, fc00::/7]` is what an operator writes, so it has to
 * work. libyaml's own scanner says where these values are, so quoted text, comments and block text are never
 * touched.
 *
 * Return: 0; -ENOMEM.
 * Cost: one scan and one copy.
 */
MUST_CHECK int colons_quote(const char *text, size_t len, char **ret_text, size_t *ret_len);

#endif
