/* pac_text.h - what a browser asks the service "pac", and what it is told (pure) */
#ifndef ISTHMUS_RELAY_PAC_TEXT_H
#define ISTHMUS_RELAY_PAC_TEXT_H

#include "base/compiler.h"
#include "relay/http_head.h"

#include <stdbool.h>
#include <stddef.h>

#define PAC_ANSWER_MAX 4096 /* bytes of a whole answer */

/**
 * pac_answer() - write the whole answer to a request, head and file
 * @proxy:	as the configuration has it: "proxy.example.net:3128", "[2001:db8::1]:3128"
 * @is4:	the client came over IPv4
 *
 * Return: bytes of @to
 */
size_t pac_answer(
	const struct http_head *request, const char *proxy, bool is4, char to[static PAC_ANSWER_MAX]);

/** pac_refusal() - the answer to what is no request */
size_t pac_refusal(const struct http_fault *fault, char to[static PAC_ANSWER_MAX]);

#endif
