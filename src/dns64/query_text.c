/* query_text.c - records of the query log as lines, and as dnstap's messages; see query_log.h (pure) */
#include "dns64/query_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define PREFIX6_BITS 48 /* what is left of an address of which a prefix is logged */
#define PREFIX4_BITS 24

/* --- what may be said --- */

/* The client as far as it may be known; its port only with all of its address. */
static struct endpoint shown_client(const struct dns64_query_log *c, const struct endpoint *e)
{
	struct endpoint shown = *e;

	if (c->client != QUERY_CLIENT_PREFIX)
		return shown;
	shown.port = 0;
	shown.a4.v &= ~(uint32_t)0 << (32 - PREFIX4_BITS);
	shown.a6.hi &= ~(uint64_t)0 << (64 - PREFIX6_BITS);
	shown.a6.lo = 0;
	return shown;
}

/* --- text --- */

static const char *client_text(
	const struct dns64_query_log *c, const struct query_note *n, char *buf, size_t size)
{
	struct endpoint e = shown_client(c, &n->client);
	char address[ADDR6_TEXT];

	if (c->client == QUERY_CLIENT_NONE)
		return "-";
	if (e.is4)
		addr4_text(e.a4, address);
	else
		addr6_text(e.a6, address);
	snprintf(buf, size, "%s%s", address, c->client == QUERY_CLIENT_FULL ? "" : e.is4 ? "/24" : "/48");
	return buf;
}

size_t query_text(const struct dns64_query_log *c, const struct query_note *n, char *buf, size_t room)
{
	static const char *const over[] = {
		[OVER_UDP] = "udp",
		[OVER_TCP] = "tcp",
		[OVER_TLS] = "tls",
		[OVER_HTTPS] = "https",
	};
	char client[ADDR6_TEXT + 8], name[DNS_NAME_TEXT] = "-", when[32];
	time_t seconds = (time_t)(n->unix_ns / NSEC);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	if (n->has_question && !c->hides_names)
		dns_name_text(&n->question.name, name);
	int len = snprintf(buf, room,
		"%s.%03uZ client=%s over=%s view=%u name=%s type=%u code=%u records=%u kept=%s\n", when,
		(unsigned)(n->unix_ns % NSEC / MSEC), client_text(c, n, client, sizeof(client)),
		over[n->over], n->view, name, n->has_question ? n->question.type : 0, n->rcode, n->records,
		n->is_kept ? "yes" : "no");

	return len > 0 && (size_t)len < room ? (size_t)len : 0;
}

/* --- dnstap: protocol buffers in frame streams --- */

/* Wire types of protocol buffers. */
enum wire_type { WIRE_VARINT = 0, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

static void put_varint(struct wr *w, uint64_t v)
{
	uint8_t b[10];
	size_t len = 0;

	do {
		b[len++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		v >>= 7;
	} while (v > 0);
	wr_bytes(w, b, len);
}

static void put_number(struct wr *w, unsigned field, uint64_t v)
{
	put_varint(w, field << 3 | WIRE_VARINT);
	put_varint(w, v);
}

static void put_bytes(struct wr *w, unsigned field, const void *bytes, size_t len)
{
	put_varint(w, field << 3 | WIRE_BYTES);
	put_varint(w, len);
	wr_bytes(w, bytes, len);
}

static void put_fixed32(struct wr *w, unsigned field, uint32_t v)
{
	uint8_t b[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) };

	put_varint(w, field << 3 | WIRE_FIXED32);
	wr_bytes(w, b, sizeof(b));
}

static void put_address(struct wr *w, unsigned field, const struct endpoint *e)
{
	uint8_t b[16];

	if (e->is4)
		addr4_put(b, e->a4);
	else
		addr6_put(b, e->a6);
	put_bytes(w, field, b, e->is4 ? 4 : 16);
}

/* dnstap.proto, message Message: fields by their numbers there. */
static void put_message(struct wr *w, const struct dns64_query_log *c, const struct query_note *n)
{
	static const unsigned protocol[] = {
		[OVER_UDP] = 1, [OVER_TCP] = 2, [OVER_TLS] = 3, [OVER_HTTPS] = 4
	};
	struct endpoint client = shown_client(c, &n->client);

	put_number(w, 1, 6); /* type: CLIENT_RESPONSE */
	put_number(w, 2, n->client.is4 ? 1 : 2);
	put_number(w, 3, protocol[n->over]);
	if (c->client != QUERY_CLIENT_NONE)
		put_address(w, 4, &client);
	put_address(w, 5, &n->server);
	if (c->client == QUERY_CLIENT_FULL)
		put_number(w, 6, client.port);
	put_number(w, 7, n->server.port);
	put_number(w, 12, n->unix_ns / NSEC);
	put_fixed32(w, 13, (uint32_t)(n->unix_ns % NSEC));
	if (!c->hides_names && n->reply_len <= QUERY_RECORD_MAX - 512)
		put_bytes(w, 14, n->reply, n->reply_len);
}

size_t query_dnstap(const struct dns64_query_log *c, const struct query_note *n, uint8_t *buf, size_t room)
{
	static const char version[] = "isthmus " ISTHMUS_VERSION;
	uint8_t message[QUERY_RECORD_MAX];
	struct wr m = wr_of(message, sizeof(message)), w = wr_of(buf, room);

	put_message(&m, c, n);
	uint8_t *len = wr_room(&w, 4); /* of the frame */

	put_bytes(&w, 2, version, sizeof(version) - 1);
	put_bytes(&w, 14, message, wr_len(&m));
	put_number(&w, 15, 1); /* type: MESSAGE */
	if (m.full || w.full)
		return 0;
	be32_put(len, (uint32_t)(wr_len(&w) - 4));
	return wr_len(&w);
}

/* A control frame: an empty frame's length, its own length, START, and the field with the type of the contents. */
size_t query_dnstap_start(uint8_t buf[static DNSTAP_START_LEN])
{
	static const char type[] = "protobuf:dnstap.Dnstap";

	be32_put(buf, 0);
	be32_put(buf + 4, 4 + 4 + 4 + sizeof(type) - 1);
	be32_put(buf + 8, 2);  /* START */
	be32_put(buf + 12, 1); /* CONTENT_TYPE */
	be32_put(buf + 16, sizeof(type) - 1);
	bytes_copy(buf + 20, type, sizeof(type) - 1);
	return 20 + sizeof(type) - 1;
}
