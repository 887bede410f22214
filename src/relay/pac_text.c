/*
 * pac_text.c - the file that tells browsers of the proxy; see pac_text.h
 *
 * Which family a client has is seen by how it came here. Literals of that family it reaches by itself; those of the other
 * one only the proxy does. Names go through the proxy too: whether a name has an address of the client's family a browser
 * cannot find out in the same way everywhere (the helpers of PAC know IPv4 only, and their IPv6 twins are Microsoft's).
 * If the proxy is away, names are tried without it.
 *
 * Hosts come with and without brackets (Chromium leaves them away), so a literal is told by its colons. Results name the
 * proxy as the operator did; brackets stay, as "PROXY [::1]:3128" needs them.
 */
#include "relay/pac_text.h"

#include "base/bytes.h"

#include <stdio.h>
#include <string.h>

#define PAC_TYPE "application/x-ns-proxy-autoconfig"

/* %s: the proxy, the proxy's host, what becomes of IPv6 literals, and of IPv4 literals */
static const char file[] =
	"// Written by isthmus: which requests go through the proxy.\n"
	"function FindProxyForURL(url, host) {\n"
	"  var proxy = \"PROXY %s\";\n"
	"  host = host.toLowerCase().replace(/^\\[|\\]$/g, \"\");\n"
	"  if (host == \"localhost\" || /\\.(localhost|local)$/.test(host) || host == \"%.*s\")\n"
	"    return \"DIRECT\";\n"
	"  if (host.indexOf(\":\") >= 0) // an IPv6 address\n"
	"    return %s;\n"
	"  if (/^[0-9.]+$/.test(host)) // an IPv4 address\n"
	"    return %s;\n"
	"  if (host.indexOf(\".\") < 0) // a name of the local network\n"
	"    return \"DIRECT\";\n"
	"  return proxy + \"; DIRECT\";\n"
	"}\n";

/* What becomes of literals: of the client's own family, and of the other one, where loopback and link-local stay here. */
static const char ours[] = "\"DIRECT\"";
static const char others6[] = "host == \"::1\" || /^fe[89ab][0-9a-f]:/.test(host) ? \"DIRECT\" : proxy";
static const char others4[] = "/^(127|169\\.254)\\./.test(host) ? \"DIRECT\" : proxy";

/* "[2001:db8::1]:3128": without brackets, as hosts are compared in the file. */
static struct http_text host_of(const char *proxy)
{
	const char *colon = strrchr(proxy, ':');
	size_t len = colon ? (size_t)(colon - proxy) : strlen(proxy);

	if (len >= 2 && proxy[0] == '[')
		return (struct http_text){ proxy + 1, len - 2 };
	return (struct http_text){ proxy, len };
}

static size_t write_file(const char *proxy, bool is4, char *to, size_t size)
{
	struct http_text host = host_of(proxy);
	int n = snprintf(to, size, file, proxy, (int)host.len, host.at, is4 ? others6 : ours,
		is4 ? ours : others4);

	ASSERT(n > 0 && (size_t)n < size); /* a host name has at most 253 characters */
	return (size_t)n;
}

static size_t write_answer(
	char *to, const char *status, const char *more, const char *body, size_t len, bool with_body)
{
	int n = snprintf(to, PAC_ANSWER_MAX,
		"HTTP/1.1 %s\r\n"
		"%s"
		"Content-Length: %zu\r\n"
		"Connection: close\r\n"
		"\r\n"
		"%.*s",
		status, more, len, with_body ? (int)len : 0, body);

	ASSERT(n > 0 && n < PAC_ANSWER_MAX);
	return (size_t)n;
}

static bool is_path(struct http_text target)
{
	static const char *const paths[] = { "/wpad.dat", "/proxy.pac", "/" };
	const char *query = memchr(target.at, '?', target.len);
	size_t len = query ? (size_t)(query - target.at) : target.len;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (http_text_equal((struct http_text){ target.at, len }, paths[i]))
			return true;
	return false;
}

size_t pac_answer(
	const struct http_head *request, const char *proxy, bool is4, char to[static PAC_ANSWER_MAX])
{
	static const char nothing[] = "There is nothing here but /wpad.dat and /proxy.pac.\n";
	bool is_head = http_text_equal(request->method, "HEAD");
	char body[PAC_ANSWER_MAX / 2];

	if (!is_head && !http_text_equal(request->method, "GET"))
		return write_answer(to, "405 Method Not Allowed", "Allow: GET, HEAD\r\n", "", 0, true);
	if (!is_path(request->target))
		return write_answer(to, "404 Not Found", "Content-Type: text/plain\r\n", nothing,
			sizeof(nothing) - 1, !is_head);
	size_t len = write_file(proxy, is4, body, sizeof(body));

	return write_answer(to, "200 OK", "Content-Type: " PAC_TYPE "\r\nCache-Control: max-age=600\r\n",
		body, len, !is_head);
}

size_t pac_refusal(const struct http_fault *fault, char to[static PAC_ANSWER_MAX])
{
	char status[32];

	snprintf(status, sizeof(status), "%u Refused", fault->status);
	return write_answer(
		to, status, "Content-Type: text/plain\r\n", fault->text, strlen(fault->text), true);
}
