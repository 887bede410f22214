/* item.c - addresses, prefixes, ports and paths as text; see item.h */
#include "conf/item.h"

#include "addr/embed.h"
#include "addr/special.h"
#include "base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define SHOWN "%.80s" /* how much of a wrong value a message repeats */

/* Always false, so that a reader can end with it. */
static bool PRINTF_LIKE(2, 3) wrong(char *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, ITEM_WHY, fmt, args);
	va_end(args);
	return false;
}

bool number_parse(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (text[0] == '\0')
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || v > (UINT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (uint64_t)(*text - '0');
		if (v > max)
			return false;
	}
	*ret = v;
	return true;
}

/* --- prefixes --- */

/* What -EDOM of a prefix parser means, with the prefix that was perhaps meant. */
static bool wrong_host_bits(const char *text, char *why)
{
	char address[ADDR6_TEXT], meant[PREFIX6_TEXT];
	const char *slash = strchr(text, '/');
	uint64_t len;
	struct addr4 a4;
	struct addr6 a6;

	if (!slash || (size_t)(slash - text) >= sizeof(address) || !number_parse(slash + 1, 128, &len))
		return wrong(why,
			"\"" SHOWN "\" has bits set beyond its length, clear them or write a longer length",
			text);
	bytes_copy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (len <= 32 && addr4_parse(address, &a4))
		prefix4_text((struct prefix4){ { a4.v & mask4((unsigned)len) }, (uint8_t)len }, meant);
	else if (addr6_parse(address, &a6))
		prefix6_text((struct prefix6){ addr6_truncate(a6, (unsigned)len), (uint8_t)len }, meant);
	else
		text_copy(meant, sizeof(meant), "the prefix without them");
	return wrong(why, "\"" SHOWN "\" has bits set beyond its length, write %s", text, meant);
}

static bool read_prefix4(const char *text, void *to, char why[static ITEM_WHY])
{
	struct prefix4 p;
	int r = prefix4_parse(text, &p);

	if (r == -EDOM)
		return wrong_host_bits(text, why);
	if (r < 0)
		return wrong(why, "\"" SHOWN "\" is no IPv4 prefix, write one such as 203.0.113.0/24", text);
	*(struct prefix4 *)to = p;
	return true;
}

static void write_prefix4(const void *from, char text[static ITEM_TEXT])
{
	prefix4_text(*(const struct prefix4 *)from, text);
}

static bool read_prefix6(const char *text, void *to, char why[static ITEM_WHY])
{
	struct prefix6 p;
	int r = prefix6_parse(text, &p);

	if (r == -EDOM)
		return wrong_host_bits(text, why);
	if (r < 0)
		return wrong(why, "\"" SHOWN "\" is no IPv6 prefix, write one such as 2001:db8::/32", text);
	*(struct prefix6 *)to = p;
	return true;
}

static void write_prefix6(const void *from, char text[static ITEM_TEXT])
{
	prefix6_text(*(const struct prefix6 *)from, text);
}

static bool read_translation_prefix(const char *text, void *to, char why[static ITEM_WHY])
{
	struct prefix6 p;

	if (!read_prefix6(text, &p, why))
		return false;
	const char *fault = embed_prefix_fault(p);

	if (fault)
		return wrong(why,
			"\"" SHOWN "\" is no translation prefix: %s; write one such as 64:ff9b::/96", text,
			fault);
	*(struct prefix6 *)to = p;
	return true;
}

static bool read_prefix(const char *text, void *to, char why[static ITEM_WHY])
{
	struct prefix p = { .is4 = strchr(text, ':') == NULL };
	int r = p.is4 ? prefix4_parse(text, &p.p4) : prefix6_parse(text, &p.p6);

	if (r == -EDOM)
		return wrong_host_bits(text, why);
	if (r < 0)
		return wrong(why,
			"\"" SHOWN "\" is no prefix, write one such as 2001:db8::/32 or 192.0.2.0/24", text);
	*(struct prefix *)to = p;
	return true;
}

static void write_prefix(const void *from, char text[static ITEM_TEXT])
{
	const struct prefix *p = from;

	if (p->is4)
		prefix4_text(p->p4, text);
	else
		prefix6_text(p->p6, text);
}

/* --- addresses --- */

static bool read_address4(const char *text, void *to, char why[static ITEM_WHY])
{
	struct addr4 a;

	if (!addr4_parse(text, &a) || !special4_is_unicast_source(a))
		return wrong(why, "\"" SHOWN "\" is no IPv4 address of a host, write one such as 203.0.113.8",
			text);
	*(struct addr4 *)to = a;
	return true;
}

static void write_address4(const void *from, char text[static ITEM_TEXT])
{
	addr4_text(*(const struct addr4 *)from, text);
}

#define ADDRESS_AUTO "auto"

static bool read_address6(const char *text, void *to, char why[static ITEM_WHY])
{
	struct addr6 a = { 0, 0 };
	bool is_auto = strcmp(text, ADDRESS_AUTO) == 0;

	if (!is_auto &&
		(!addr6_parse(text, &a) || !special6_is_unicast_source(a) || a.hi >> 54 == 0xfe80 >> 6))
		return wrong(why,
			"\"" SHOWN
			"\" is no IPv6 address that is routed, write one such as 2001:db8:fff::8, or auto",
			text);
	*(struct addr6 *)to = a;
	return true;
}

static void write_address6(const void *from, char text[static ITEM_TEXT])
{
	const struct addr6 *a = from;

	if (a->hi == 0 && a->lo == 0)
		text_copy(text, ITEM_TEXT, ADDRESS_AUTO);
	else
		addr6_text(*a, text);
}

/* --- endpoints --- */

/* "[v6]", "v4", and "v6" where no port can follow. */
static bool parse_address(const char *text, size_t len, struct endpoint *to)
{
	char address[ADDR6_TEXT];

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
		to->is4 = false;
	} else {
		to->is4 = memchr(text, ':', len) == NULL;
	}
	if (len >= sizeof(address))
		return false;
	bytes_copy(address, text, len);
	address[len] = '\0';
	return to->is4 ? addr4_parse(address, &to->a4) : addr6_parse(address, &to->a6);
}

/* Where the ":port" begins; the end if there is none. */
static const char *port_part(const char *text, const char *end)
{
	const char *bracket = memchr(text, ']', (size_t)(end - text));
	const char *from = bracket ? bracket + 1 : text;
	const char *colon = memchr(from, ':', (size_t)(end - from));

	if (!colon || (!bracket && memchr(colon + 1, ':', (size_t)(end - colon - 1))))
		return end; /* several colons without brackets: an IPv6 address */
	return colon;
}

/* @standard_port: 0 if the port has to be written. */
static bool parse_endpoint(const char *text, const char *end, uint16_t standard_port, struct endpoint *ret)
{
	struct endpoint e = { 0 };
	const char *colon = port_part(text, end);
	char digits[8] = "";
	uint64_t port = standard_port;

	if (colon != end) {
		size_t len = (size_t)(end - colon - 1);

		if (len >= sizeof(digits))
			return false;
		bytes_copy(digits, colon + 1, len);
		digits[len] = '\0';
		if (!number_parse(digits, UINT16_MAX, &port))
			return false;
	}
	e.port = (uint16_t)port;
	if (e.port == 0 || !parse_address(text, (size_t)(colon - text), &e))
		return false;
	*ret = e;
	return true;
}

static bool read_endpoint(const char *text, void *to, char why[static ITEM_WHY])
{
	if (!parse_endpoint(text, text + strlen(text), 0, to))
		return wrong(why,
			"\"" SHOWN "\" is no address with a port, write one such as \"[2001:db8::1]:53\" or "
			"\"192.0.2.1:53\"",
			text);
	return true;
}

static void write_endpoint(const void *from, char text[static ITEM_TEXT])
{
	const struct endpoint *e = from;

	if (e->is4)
		endpoint4_text(e->a4, e->port, text);
	else
		endpoint6_text(e->a6, e->port, text);
}

static bool read_endpoint4(const char *text, void *to, char why[static ITEM_WHY])
{
	struct endpoint e;

	if (!parse_endpoint(text, text + strlen(text), 0, &e) || !e.is4)
		return wrong(why,
			"\"" SHOWN "\" is no IPv4 address with a port, write one such as \"192.0.2.2:2000\"",
			text);
	*(struct endpoint *)to = e;
	return true;
}

static bool read_endpoint6(const char *text, void *to, char why[static ITEM_WHY])
{
	struct endpoint e;

	if (!parse_endpoint(text, text + strlen(text), 0, &e) || e.is4)
		return wrong(why,
			"\"" SHOWN
			"\" is no IPv6 address with a port, write one such as \"[2001:db8::5]:2000\"",
			text);
	*(struct endpoint *)to = e;
	return true;
}

/* A place of a static binding: protocols without ports are written without one, and get port 0. */
static bool read_outside(const char *text, void *to, char why[static ITEM_WHY])
{
	struct endpoint e = { .is4 = true };

	if (!addr4_parse(text, &e.a4))
		return read_endpoint4(text, to, why);
	*(struct endpoint *)to = e;
	return true;
}

static bool read_inside(const char *text, void *to, char why[static ITEM_WHY])
{
	struct endpoint e = { .is4 = false };

	if (!addr6_parse(text, &e.a6))
		return read_endpoint6(text, to, why);
	*(struct endpoint *)to = e;
	return true;
}

#define PROTOCOLS_SHOWN "sctp, dccp, gre, esp, udplite"

static bool read_protocol(const char *text, void *to, char why[static ITEM_WHY])
{
	uint8_t number;

	if (!protocol_parse(text, &number))
		return wrong(why,
			"\"" SHOWN "\" is no protocol, write one of " PROTOCOLS_SHOWN
			", or a number from 2 to 255",
			text);
	if (!state_can_carry(number))
		return wrong(why,
			"protocol %u cannot be carried by address, as it has ports or is a header of IPv6, "
			"write one "
			"of " PROTOCOLS_SHOWN ", or another number",
			number);
	*(uint8_t *)to = number;
	return true;
}

static void write_protocol(const void *from, char text[static ITEM_TEXT])
{
	char buf[PROTOCOL_TEXT];

	text_copy(text, ITEM_TEXT, protocol_text(*(const uint8_t *)from, buf));
}

static bool read_static_protocol(const char *text, void *to, char why[static ITEM_WHY])
{
	struct conf_protocol *p = to;
	uint8_t number;

	for (enum proto i = 0; i < PROTO_COUNT; i++) {
		if (strcmp(text, proto_name(i)) == 0) {
			*p = (struct conf_protocol){ .proto = i };
			return true;
		}
	}
	if (!protocol_parse(text, &number) || !state_can_carry(number))
		return wrong(why,
			"\"" SHOWN "\" is no protocol, write one of tcp, udp, icmp, " PROTOCOLS_SHOWN
			", or a number from 2 to 255",
			text);
	*p = (struct conf_protocol){ .proto = PROTO_OTHER, .number = number };
	return true;
}

#define METRICS_OFF "off"

static bool read_metrics(const char *text, void *to, char why[static ITEM_WHY])
{
	struct conf_metrics m = { .is_on = strcmp(text, METRICS_OFF) != 0 };

	if (m.is_on && !parse_endpoint(text, text + strlen(text), 0, &m.at))
		return wrong(why,
			"\"" SHOWN "\" is no address with a port, write one such as \"[::1]:9964\", or off",
			text);
	*(struct conf_metrics *)to = m;
	return true;
}

static void write_metrics(const void *from, char text[static ITEM_TEXT])
{
	const struct conf_metrics *m = from;

	if (m->is_on)
		write_endpoint(&m->at, text);
	else
		text_copy(text, ITEM_TEXT, METRICS_OFF);
}

#define COLLECTOR_NONE "none"

static bool read_collector(const char *text, void *to, char why[static ITEM_WHY])
{
	struct conf_metrics m = { .is_on = strcmp(text, COLLECTOR_NONE) != 0 };

	if (m.is_on && !parse_endpoint(text, text + strlen(text), 0, &m.at))
		return wrong(why,
			"\"" SHOWN
			"\" is no address with a port, write one such as \"192.0.2.50:4739\", or none",
			text);
	*(struct conf_metrics *)to = m;
	return true;
}

static void write_collector(const void *from, char text[static ITEM_TEXT])
{
	const struct conf_metrics *m = from;

	if (m->is_on)
		write_endpoint(&m->at, text);
	else
		text_copy(text, ITEM_TEXT, COLLECTOR_NONE);
}

/* --- upstreams --- */

#define TLS_SCHEME "tls://"
#define DNS_PORT 53
#define DNS_TLS_PORT 853 /* RFC 7858 s3.1 */

static bool is_label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

/* RFC 1035 s2.3.4: labels of at most 63, a name of at most 253 characters; one final dot may stand. */
bool host_name_is_valid(const char *name)
{
	size_t len = strlen(name), label = 0;

	if (len == 0 || len > 253)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '.' && label == 0)
			return false;
		if (name[i] != '.' && (!is_label_char(name[i]) || label == 63))
			return false;
		label = name[i] == '.' ? 0 : label + 1;
	}
	return true;
}

/* A server has one address of its own. */
static bool is_server_address(const struct endpoint *e)
{
	if (e->is4)
		return e->a4.v >> 24 != 0 && e->a4.v >> 28 < 14;
	return (e->a6.hi != 0 || e->a6.lo != 0) && e->a6.hi >> 56 != 0xff && e->a6.hi >> 54 != 0xfe80 >> 6;
}

bool server_parse(const char *text, struct endpoint *ret)
{
	return parse_endpoint(text, text + strlen(text), DNS_PORT, ret);
}

/* RFC 7858 s3.1: neither kind goes over the port of the other. */
static bool wrong_port(const char *text, char *why)
{
	return wrong(why,
		"\"" SHOWN "\" has the wrong port: 853 is for DNS over TLS only, and 53 for DNS without TLS",
		text);
}

static bool read_dns_listen(const char *text, void *to, char why[static ITEM_WHY])
{
	struct endpoint e;

	if (!read_endpoint(text, &e, why) || (e.port == DNS_TLS_PORT && !wrong_port(text, why)))
		return false;
	*(struct endpoint *)to = e;
	return true;
}

static bool read_tls_listen(const char *text, void *to, char why[static ITEM_WHY])
{
	struct endpoint e;

	if (!read_endpoint(text, &e, why) || (e.port == DNS_PORT && !wrong_port(text, why)))
		return false;
	*(struct endpoint *)to = e;
	return true;
}

static bool read_tls(const char *text, struct upstream *u, char *why)
{
	const char *server = text + strlen(TLS_SCHEME);
	const char *hash = strchr(server, '#');

	u->tls = true;
	if (!hash || hash[1] == '\0')
		return wrong(why,
			"\"" SHOWN "\" lacks the name that the server's certificate must have, write one "
			"such as \"tls://9.9.9.9#dns.quad9.net\"",
			text);
	if (!host_name_is_valid(hash + 1))
		return wrong(why,
			"\"" SHOWN
			"\" has no host name after the #, write one such as \"tls://9.9.9.9#dns.quad9.net\"",
			text);
	text_copy(u->tls_name, sizeof(u->tls_name), hash + 1);
	if (!parse_endpoint(server, hash, DNS_TLS_PORT, &u->to))
		return wrong(why,
			"\"" SHOWN "\" has no address between tls:// and #, write one such as "
			"\"tls://9.9.9.9#dns.quad9.net\"",
			text);
	return u->to.port != DNS_PORT || wrong_port(text, why);
}

/* @form: what is wrong with a text that is neither a server with TLS nor one without */
static bool read_any_server(const char *text, struct upstream *ret, const char *form, char *why)
{
	struct upstream u = { 0 };
	bool is_tls = strncmp(text, TLS_SCHEME, strlen(TLS_SCHEME)) == 0;

	if (is_tls && !read_tls(text, &u, why))
		return false;
	if (!is_tls && !server_parse(text, &u.to))
		return wrong(why, "\"" SHOWN "\" is %s", text, form);
	if (!is_tls && u.to.port == DNS_TLS_PORT)
		return wrong_port(text, why);
	if (!is_server_address(&u.to))
		return wrong(why,
			"\"" SHOWN "\" is not the address of one server (unspecified, link-local, multicast "
			"or reserved), write another",
			text);
	*ret = u;
	return true;
}

static bool read_upstream(const char *text, void *to, char why[static ITEM_WHY])
{
	return read_any_server(text, to,
		"no upstream, write system, recursive, an address such as 192.0.2.53, or "
		"\"tls://9.9.9.9#dns.quad9.net\"",
		why);
}

static bool read_server(const char *text, void *to, char why[static ITEM_WHY])
{
	return read_any_server(text, to,
		"not the address of one server, write one such as 192.0.2.53, \"[2001:db8::53]:5353\" or "
		"\"tls://192.0.2.53#dns.corp.example\"",
		why);
}

static void write_upstream(const void *from, char text[static ITEM_TEXT])
{
	const struct upstream *u = from;
	char server[ITEM_TEXT];

	write_endpoint(&u->to, server);
	snprintf(text, ITEM_TEXT, "%s%.64s%s%.254s", u->tls ? TLS_SCHEME : "", server, u->tls ? "#" : "",
		u->tls ? u->tls_name : "");
}

/* --- ports, names and paths --- */

static bool read_ports(const char *text, void *to, char why[static ITEM_WHY])
{
	const char *dash = strchr(text, '-');
	char low[8] = "";
	uint64_t lo = 0, hi = 0;
	bool is_range = dash && (size_t)(dash - text) < sizeof(low);

	if (is_range)
		bytes_copy(low, text, (size_t)(dash - text));
	if (!is_range || !number_parse(low, UINT16_MAX, &lo) || !number_parse(dash + 1, UINT16_MAX, &hi) ||
		lo == 0)
		return wrong(why,
			"\"" SHOWN "\" is no range of ports from 1 to 65535, write one such as 1024-65535",
			text);
	if (lo > hi)
		return wrong(
			why, "\"" SHOWN "\" begins above its end, write %" PRIu64 "-%" PRIu64, text, hi, lo);
	*(struct conf_ports *)to = (struct conf_ports){ (uint16_t)lo, (uint16_t)hi };
	return true;
}

static void write_ports(const void *from, char text[static ITEM_TEXT])
{
	const struct conf_ports *p = from;

	snprintf(text, ITEM_TEXT, "%u-%u", p->lo, p->hi);
}

static bool is_printable_ascii(const char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			return false;
	return true;
}

static bool read_interface(const char *text, void *to, char why[static ITEM_WHY])
{
	size_t len = strlen(text);

	if (len == 0 || len >= CONF_POOL_IFNAME || strpbrk(text, " /:") || !is_printable_ascii(text))
		return wrong(why,
			"\"" SHOWN
			"\" is no name of an interface, write one such as eth0, of at most %d characters",
			text, CONF_POOL_IFNAME - 1);
	text_copy(to, CONF_POOL_IFNAME, text);
	return true;
}

static bool read_path(const char *text, const char *example, char *to, size_t room, char why[static ITEM_WHY])
{
	if (text[0] != '/')
		return wrong(why, "\"" SHOWN "\" is no absolute path, write one such as %s", text, example);
	if (strlen(text) >= room)
		return wrong(why, "the path has %zu characters, and %s at most %zu, write a shorter one",
			strlen(text), room < CONF_LOG_PATH ? "a socket's path" : "this one may have",
			room - 1);
	if (!is_printable_ascii(text))
		return wrong(why,
			"\"" SHOWN "\" has characters other than printable ASCII, write a plain path", text);
	text_copy(to, room, text);
	return true;
}

static bool read_socket(const char *text, void *to, char why[static ITEM_WHY])
{
	return read_path(
		text, "/run/isthmus/control.sock", to, sizeof(((struct conf_control *)0)->socket), why);
}

static bool read_syslog_path(const char *text, void *to, char why[static ITEM_WHY])
{
	return read_path(text, "/dev/log", to, CONF_SOCKET_PATH, why);
}

static bool read_dnstap_path(const char *text, void *to, char why[static ITEM_WHY])
{
	return read_path(text, "/run/dnstap.sock", to, CONF_SOCKET_PATH, why);
}

static bool read_log_path(const char *text, void *to, char why[static ITEM_WHY])
{
	return read_path(text, "/var/log/isthmus/bindings.log", to, CONF_LOG_PATH, why);
}

#define STATE_NONE "none"

static bool read_state_path(const char *text, void *to, char why[static ITEM_WHY])
{
	if (strcmp(text, STATE_NONE) != 0)
		return read_path(text, "/var/lib/isthmus/sessions, or none", to, CONF_LOG_PATH, why);
	text_copy(to, CONF_LOG_PATH, "");
	return true;
}

static void write_state_path(const void *from, char text[static ITEM_TEXT])
{
	const char *path = from;

	text_copy(text, ITEM_TEXT, path[0] ? path : STATE_NONE);
}

static bool read_pem_path(const char *text, void *to, char why[static ITEM_WHY])
{
	return read_path(text, "/etc/isthmus/certificate.pem", to, DNS64_FILE_MAX, why);
}

/* A path that is the same in every form of a URL (RFC 3986 s2.3). */
static bool read_url_path(const char *text, void *to, char why[static ITEM_WHY])
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";

	if (text[0] != '/' || strlen(text) >= DNS64_URL_PATH_MAX || text[strspn(text, plain)] != '\0')
		return wrong(why,
			"\"" SHOWN
			"\" is no path of letters, digits, - . _ ~ and /, write one such as /dns-query",
			text);
	text_copy(to, DNS64_URL_PATH_MAX, text);
	return true;
}

static void write_text(const void *from, char text[static ITEM_TEXT])
{
	text_copy(text, ITEM_TEXT, from);
}

const struct conf_item item_translation_prefix = { sizeof(struct prefix6), read_translation_prefix,
	write_prefix6 };
const struct conf_item item_prefix6 = { sizeof(struct prefix6), read_prefix6, write_prefix6 };
const struct conf_item item_prefix4 = { sizeof(struct prefix4), read_prefix4, write_prefix4 };
const struct conf_item item_address4 = { sizeof(struct addr4), read_address4, write_address4 };
const struct conf_item item_address6 = { sizeof(struct addr6), read_address6, write_address6 };
const struct conf_item item_prefix = { sizeof(struct prefix), read_prefix, write_prefix };
const struct conf_item item_dns_listen = { sizeof(struct endpoint), read_dns_listen, write_endpoint };
const struct conf_item item_tls_listen = { sizeof(struct endpoint), read_tls_listen, write_endpoint };
const struct conf_item item_endpoint = { sizeof(struct endpoint), read_endpoint, write_endpoint };
const struct conf_item item_endpoint4 = { sizeof(struct endpoint), read_endpoint4, write_endpoint };
const struct conf_item item_endpoint6 = { sizeof(struct endpoint), read_endpoint6, write_endpoint };
const struct conf_item item_outside = { sizeof(struct endpoint), read_outside, write_endpoint };
const struct conf_item item_inside = { sizeof(struct endpoint), read_inside, write_endpoint };
const struct conf_item item_protocol = { sizeof(uint8_t), read_protocol, write_protocol };
const struct conf_item item_static_protocol = { sizeof(struct conf_protocol), read_static_protocol, NULL };
const struct conf_item item_ports = { sizeof(struct conf_ports), read_ports, write_ports };
const struct conf_item item_upstream = { sizeof(struct upstream), read_upstream, write_upstream };
const struct conf_item item_server = { sizeof(struct upstream), read_server, write_upstream };
const struct conf_item item_interface = { CONF_POOL_IFNAME, read_interface, write_text };
const struct conf_item item_socket = { sizeof(((struct conf_control *)0)->socket), read_socket, write_text };
const struct conf_item item_url_path = { DNS64_URL_PATH_MAX, read_url_path, write_text };
const struct conf_item item_pem_path = { DNS64_FILE_MAX, read_pem_path, write_text };
const struct conf_item item_log_path = { CONF_LOG_PATH, read_log_path, write_text };
const struct conf_item item_state_path = { CONF_LOG_PATH, read_state_path, write_state_path };
const struct conf_item item_syslog_path = { CONF_SOCKET_PATH, read_syslog_path, write_text };
const struct conf_item item_dnstap_path = { CONF_SOCKET_PATH, read_dnstap_path, write_text };
const struct conf_item item_collector = { sizeof(struct conf_metrics), read_collector, write_collector };
const struct conf_item item_metrics = { sizeof(struct conf_metrics), read_metrics, write_metrics };
