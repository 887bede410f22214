/* clienthello.c - see clienthello.h */
#include "relay/clienthello.h"

#include "base/bytes.h"

#define RECORD_HEADER 5
#define RECORD_HANDSHAKE 22 /* RFC 8446 s5.1, ContentType */
#define RECORD_LENGTH_MAX 16384
#define MESSAGE_HEADER 4
#define MESSAGE_CLIENT_HELLO 1 /* RFC 8446 s4, HandshakeType */
#define EXTENSION_SERVER_NAME 0
#define EXTENSION_ALPN 16
#define NAME_HOST 0 /* RFC 6066 s3, NameType */

/* --- records --- */

/* The handshake message, and where its bytes are put together if more than one record has them. */
struct gathering {
	uint8_t message[CLIENTHELLO_MAX];
	size_t len;
};

/* One record. A TLS connection begins with a handshake record of major version 3, whatever its minor version is. */
static enum clienthello_progress take_record(struct rd *in, struct rd *ret)
{
	static const uint8_t expected[2] = { RECORD_HANDSHAKE, 3 };
	size_t have = rd_left(in);

	if (!bytes_equal(in->at, expected, have < 2 ? have : 2))
		return CLIENTHELLO_NOT_TLS;
	if (have < RECORD_HEADER)
		return CLIENTHELLO_MORE;
	size_t len = be16_at(in->at + 3);

	/* RFC 8446 s5.1: no fragment of a handshake message is empty. */
	if (len == 0 || len > RECORD_LENGTH_MAX)
		return CLIENTHELLO_MALFORMED;
	rd_take(in, RECORD_HEADER);
	*ret = *in;
	rd_trim(ret, len);
	in->at = ret->end;
	return CLIENTHELLO_WHOLE;
}

/* The message's length, its header included, once its header is there; 0: it is not yet; false: it is none of ours. */
static bool message_length(const struct gathering *g, size_t *ret)
{
	if (g->len > 0 && g->message[0] != MESSAGE_CLIENT_HELLO)
		return false;
	if (g->len < MESSAGE_HEADER) {
		*ret = 0;
		return true;
	}
	*ret = MESSAGE_HEADER + ((size_t)g->message[1] << 16 | be16_at(g->message + 2));
	return *ret <= CLIENTHELLO_MAX;
}

/* Put the message together from as many records as it takes. */
static enum clienthello_progress gather(struct rd in, struct gathering *g)
{
	size_t whole = 0;

	g->len = 0;
	for (;;) { /* each turn takes a header of 5 bytes from at most CLIENTHELLO_MAX */
		struct rd record;
		enum clienthello_progress r = take_record(&in, &record);

		if (r == CLIENTHELLO_NOT_TLS && g->len > 0)
			return CLIENTHELLO_MALFORMED; /* s5.1: nothing may come between the parts of a message */
		if (r != CLIENTHELLO_WHOLE)
			return r;
		size_t n = rd_left(&record);

		if (n > sizeof(g->message) - g->len)
			n = sizeof(g->message) - g->len;
		bytes_copy(g->message + g->len, record.at, n);
		g->len += n;
		if (!message_length(g, &whole))
			return CLIENTHELLO_MALFORMED;
		if (whole > 0 && g->len >= whole) {
			g->len = whole;
			return CLIENTHELLO_WHOLE;
		}
	}
}

/* --- fields --- */

/* A vector behind a length of one or two bytes (RFC 8446 s3.4). */
static bool take_vector8(struct rd *r, struct rd *ret)
{
	uint8_t len;
	const uint8_t *p = rd_u8(r, &len) ? rd_take(r, len) : NULL;

	if (!p)
		return false;
	*ret = rd_of(p, len);
	return true;
}

static bool take_vector16(struct rd *r, struct rd *ret)
{
	uint16_t len;
	const uint8_t *p = rd_be16(r, &len) ? rd_take(r, len) : NULL;

	if (!p)
		return false;
	*ret = rd_of(p, len);
	return true;
}

static bool is_host_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/*
 * RFC 6066 s3: a name in ASCII, as in DNS; a final dot does not belong there, and does not matter. What is no name counts as
 * none: there are clients that send the literal of an address, although they must not.
 */
static void read_host(struct rd name, char to[static RELAY_HOST])
{
	size_t len = rd_left(&name);

	to[0] = '\0';
	if (name.at[len - 1] == '.')
		len--;
	if (len == 0 || len >= RELAY_HOST || name.at[0] == '.')
		return;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = name.at[i];

		if (c >= 'A' && c <= 'Z')
			c = (uint8_t)(c - 'A' + 'a');
		if (!is_host_byte(c)) {
			to[0] = '\0';
			return;
		}
		to[i] = (char)c;
	}
	to[len] = '\0';
}

/* RFC 6066 s3: a list of names, at most one of each type; what types may come later also has a length of two bytes. */
static bool read_server_name(struct rd body, struct clienthello *h)
{
	struct rd names, name;
	bool has_host = false;

	if (!take_vector16(&body, &names) || rd_left(&body) > 0 || rd_left(&names) == 0)
		return false;
	while (rd_left(&names) > 0) {
		uint8_t type;

		if (!rd_u8(&names, &type) || !take_vector16(&names, &name))
			return false;
		if (type != NAME_HOST)
			continue;
		if (has_host || rd_left(&name) == 0)
			return false;
		read_host(name, h->host);
		has_host = true;
	}
	return true;
}

/* RFC 7301 s3.1: a list of names, none of them empty. */
static bool read_alpn(struct rd body, struct clienthello *h)
{
	struct rd list, name;

	if (!take_vector16(&body, &list) || rd_left(&body) > 0 || rd_left(&list) == 0)
		return false;
	while (rd_left(&list) > 0) {
		if (!take_vector8(&list, &name) || rd_left(&name) == 0)
			return false;
		if (rd_left(&name) == 2 && bytes_equal(name.at, "h2", 2))
			h->offers_h2 = true;
		if (rd_left(&name) == 8 && bytes_equal(name.at, "http/1.1", 8))
			h->offers_http1 = true;
	}
	h->has_alpn = true;
	return true;
}

static const struct {
	uint16_t type;
	bool (*read)(struct rd body, struct clienthello *h);
} extensions[] = {
	{ EXTENSION_SERVER_NAME, read_server_name },
	{ EXTENSION_ALPN, read_alpn },
};

static bool read_extension(uint16_t type, struct rd body, struct clienthello *h, unsigned *seen)
{
	for (unsigned i = 0; i < ARRAY_LEN(extensions); i++) {
		if (extensions[i].type != type)
			continue;
		if (*seen & 1u << i)
			return false; /* RFC 8446 s4.2: no extension twice */
		*seen |= 1u << i;
		return extensions[i].read(body, h);
	}
	return true;
}

static bool read_extensions(struct rd *r, struct clienthello *h)
{
	struct rd all, body;
	unsigned seen = 0;

	if (rd_left(r) == 0)
		return true; /* RFC 5246 s7.4.1.2: TLS 1.2 may do without */
	if (!take_vector16(r, &all) || rd_left(r) > 0)
		return false;
	while (rd_left(&all) > 0) {
		uint16_t type;

		if (!rd_be16(&all, &type) || !take_vector16(&all, &body) ||
			!read_extension(type, body, h, &seen))
			return false;
	}
	return true;
}

/* RFC 8446 s4.1.2: version, random, session, cipher suites, compression methods, extensions. */
static bool read_message(struct rd r, struct clienthello *h)
{
	struct rd session, suites, methods;

	if (!rd_take(&r, 2 + 32) || !take_vector8(&r, &session) || rd_left(&session) > 32)
		return false;
	if (!take_vector16(&r, &suites) || rd_left(&suites) < 2 || rd_left(&suites) % 2 != 0)
		return false;
	if (!take_vector8(&r, &methods) || rd_left(&methods) == 0)
		return false;
	return read_extensions(&r, h);
}

enum clienthello_progress clienthello_parse(const void *bytes, size_t len, struct clienthello *ret)
{
	struct gathering g;
	struct clienthello h = { .host = "" };
	enum clienthello_progress r = gather(rd_of(bytes, len < CLIENTHELLO_MAX ? len : CLIENTHELLO_MAX), &g);

	if (r == CLIENTHELLO_MORE && len >= CLIENTHELLO_MAX)
		return CLIENTHELLO_MALFORMED;
	if (r != CLIENTHELLO_WHOLE)
		return r;
	if (!read_message(rd_of(g.message + MESSAGE_HEADER, g.len - MESSAGE_HEADER), &h))
		return CLIENTHELLO_MALFORMED;
	*ret = h;
	return CLIENTHELLO_WHOLE;
}
