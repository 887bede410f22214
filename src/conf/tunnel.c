/* tunnel.c - the section tunnel: IPv6 inside IPv4 packets, to a broker (RFC 4213) */
#include "base/bytes.h"
#include "conf/key.h"
#include "conf/shape.h"

#include <stdio.h>

#define AT(member) offsetof(struct conf, tunnel.member)
#define CHOICES(rows) (&(const struct conf_choices){ rows, ARRAY_LEN(rows) })

static const struct conf_choice type_words[] = {
	{ "6in4", CONF_TUNNEL_6IN4, NULL },
};

#define AUTO "auto"

static bool read_local(const char *text, void *to, char why[static ITEM_WHY])
{
	if (strcmp(text, AUTO) != 0)
		return item_address4.read(text, to, why);
	*(struct addr4 *)to = (struct addr4){ 0 };
	return true;
}

static void write_local(const void *from, char text[static ITEM_TEXT])
{
	const struct addr4 *a = from;

	if (a->v == 0)
		text_copy(text, ITEM_TEXT, AUTO);
	else
		item_address4.write(a, text);
}

static const struct conf_item item_local = { sizeof(struct addr4), read_local, write_local };

/* "2001:db8:f::2/64": an address of this host, and how much of it the other end has too. */
static bool read_address(const char *text, void *to, char why[static ITEM_WHY])
{
	const char *slash = strchr(text, '/');
	struct conf_tunnel_address a = { .len = 128 };
	char address[ADDR6_TEXT];
	uint64_t len = 128;
	size_t n = slash ? (size_t)(slash - text) : strlen(text);

	if (n < sizeof(address) && (!slash || number_parse(slash + 1, 128, &len))) {
		bytes_copy(address, text, n);
		address[n] = '\0';
		if (len > 0 && addr6_parse(address, &a.addr) && (a.addr.hi | a.addr.lo) != 0 &&
			a.addr.hi >> 56 != 0xff) {
			a.len = (unsigned)len;
			*(struct conf_tunnel_address *)to = a;
			return true;
		}
	}
	snprintf(why, ITEM_WHY,
		"\"%.80s\" is no IPv6 address with a length, write one such as \"2001:db8:f::2/64\"", text);
	return false;
}

static void write_address(const void *from, char text[static ITEM_TEXT])
{
	const struct conf_tunnel_address *a = from;
	char address[ADDR6_TEXT];

	snprintf(text, ITEM_TEXT, "%s/%u", addr6_text(a->addr, address), a->len);
}

static const struct conf_item item_tunnel_address = { sizeof(struct conf_tunnel_address), read_address,
	write_address };

const struct conf_key conf_tunnel_rows[CONF_TUNNEL_ROWS] = {
	{ .path = "tunnel.type",
		.shape = &shape_choice,
		.at = AT(type),
		.of = CHOICES(type_words),
		.standard = "6in4",
		.change = CONF_CHANGE_RESTART,
		.help = "What the tunnel is: 6in4, IPv6 packets inside IPv4 packets of protocol 41." },
	{ .path = "tunnel.remote",
		.shape = &shape_item,
		.at = AT(remote),
		.of = &item_address4,
		.is_required = true,
		.change = CONF_CHANGE_RESTART,
		.help = "The IPv4 address of the other end, the broker; packets from elsewhere are "
			"dropped." },
	{ .path = "tunnel.local",
		.shape = &shape_item,
		.at = AT(local),
		.of = &item_local,
		.standard = AUTO,
		.change = CONF_CHANGE_RESTART,
		.help = "The IPv4 address of this end, which the broker knows; auto is the one that the host "
			"uses "
			"to get "
			"there." },
	{ .path = "tunnel.address",
		.shape = &shape_item,
		.at = AT(address),
		.of = &item_tunnel_address,
		.is_required = true,
		.change = CONF_CHANGE_RESTART,
		.help = "The IPv6 address of this end, with the length of the tunnel's own prefix." },
	{ .path = "tunnel.routes",
		.shape = &shape_list,
		.at = AT(routes),
		.len_at = AT(routes_len),
		.max = CONF_TUNNEL_ROUTES_MAX,
		.of = &item_prefix6,
		.standard = "[\"::/0\"]",
		.change = CONF_CHANGE_RESTART,
		.help = "What lies behind the tunnel; ::/0 is the whole IPv6 internet." },
	{ .path = "tunnel.mtu",
		.shape = &shape_number,
		.at = AT(mtu),
		.min = 1280,
		.max = 1480,
		.standard = "1280",
		.change = CONF_CHANGE_RESTART,
		.help = "The largest IPv6 packet; both ends have the same, and 1480 is for those that are "
			"sure of "
			"an "
			"IPv4 path of 1500 (RFC 4213 s3.2.1)." },
	{ .path = "tunnel.ttl",
		.shape = &shape_number,
		.at = AT(ttl),
		.min = 1,
		.max = 255,
		.standard = "64",
		.change = CONF_CHANGE_RESTART,
		.help = "The time to live of the IPv4 packets (RFC 4213 s3.3)." },
};
const struct conf_keys conf_tunnel_keys = { conf_tunnel_rows, CONF_TUNNEL_ROWS };

/* A route through the tunnel would lead the translator's packets away, or the tunnel's own prefix to its far end. */
void tunnel_finish(struct conf_reading *r, const struct conf_node *n)
{
	const struct conf *c = r->c;
	unsigned line = n ? n->key_line : 0;

	if (c->tunnel.local.v != 0 && addr4_eq(c->tunnel.local, c->tunnel.remote))
		reading_fault(
			r, line, "local and remote are the same address, write that of the broker to remote");
	if (c->has_clat)
		reading_fault(r, line,
			"clat gives a host without IPv4 an IPv4 address, and tunnel needs IPv4; remove one "
			"of the two "
			"sections");
}
