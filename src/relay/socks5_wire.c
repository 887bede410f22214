/* socks5_wire.c - see socks5_wire.h */
#include "relay/socks5_wire.h"

#include "base/bytes.h"

#include <string.h>

enum address_type { ADDRESS_IPV4 = 1, ADDRESS_NAME = 3, ADDRESS_IPV6 = 4 }; /* RFC 1928 s5 */

/* The version is looked at as soon as it is there: whoever speaks something else is told at once. */
static enum socks5_progress begin(struct rd *r, uint8_t version)
{
	uint8_t v;

	if (!rd_u8(r, &v))
		return SOCKS5_MORE;
	return v == version ? SOCKS5_WHOLE : SOCKS5_MALFORMED;
}

/* A length of one byte, and that many bytes; NULL: more must come. */
static const uint8_t *take_counted(struct rd *r, uint8_t *ret_len)
{
	return rd_u8(r, ret_len) ? rd_take(r, *ret_len) : NULL;
}

static bool copy_text(char to[static 256], const uint8_t *from, uint8_t len)
{
	if (memchr(from, '\0', len))
		return false;
	bytes_copy(to, from, len);
	to[len] = '\0';
	return true;
}

enum socks5_progress socks5_greeting_parse(const void *bytes, size_t len, struct socks5_greeting *ret)
{
	struct rd r = rd_of(bytes, len);
	enum socks5_progress p = begin(&r, SOCKS5_VERSION);
	uint8_t count;

	if (p != SOCKS5_WHOLE)
		return p;
	const uint8_t *methods = take_counted(&r, &count);
	if (!methods)
		return SOCKS5_MORE;
	*ret = (struct socks5_greeting){
		.offers_no_password = memchr(methods, SOCKS5_NO_PASSWORD, count) != NULL,
		.offers_password = memchr(methods, SOCKS5_PASSWORD, count) != NULL,
		.len = len - rd_left(&r),
	};
	return SOCKS5_WHOLE;
}

enum socks5_progress socks5_login_parse(const void *bytes, size_t len, struct socks5_login *ret)
{
	struct rd r = rd_of(bytes, len);
	enum socks5_progress p = begin(&r, SOCKS5_LOGIN_VERSION);
	struct socks5_login login;
	uint8_t user_len, password_len;

	if (p != SOCKS5_WHOLE)
		return p;
	const uint8_t *user = take_counted(&r, &user_len);
	const uint8_t *password = user ? take_counted(&r, &password_len) : NULL;
	if (!password)
		return SOCKS5_MORE;
	if (!copy_text(login.user, user, user_len) || !copy_text(login.password, password, password_len))
		return SOCKS5_MALFORMED;
	login.len = len - rd_left(&r);
	*ret = login;
	return SOCKS5_WHOLE;
}

/* A name may be an address in letters: it is one then, and no resolver is asked for it. */
static bool name_to_target(const uint8_t *name, uint8_t len, struct relay_target *t)
{
	if (len == 0 || !copy_text(t->host, name, len))
		return false;
	if (len > 1 && t->host[len - 1] == '.')
		t->host[len - 1] = '\0';
	if (addr4_parse(t->host, &t->at.a4))
		t->at.is4 = true;
	else if (!addr6_parse(t->host, &t->at.a6))
		return true;
	t->host[0] = '\0';
	return true;
}

static enum socks5_progress take_address(struct rd *r, uint8_t type, struct relay_target *t)
{
	const uint8_t *p;
	uint8_t len;

	switch (type) {
	case ADDRESS_IPV4:
		p = rd_take(r, 4);
		if (p)
			t->at = (struct endpoint){ .is4 = true, .a4 = addr4_at(p) };
		break;
	case ADDRESS_IPV6:
		p = rd_take(r, 16);
		if (p)
			t->at.a6 = addr6_at(p);
		break;
	default:
		p = take_counted(r, &len);
		if (p && !name_to_target(p, len, t))
			return SOCKS5_MALFORMED;
		break;
	}
	return p ? SOCKS5_WHOLE : SOCKS5_MORE;
}

static bool has_type(uint8_t type)
{
	return type == ADDRESS_IPV4 || type == ADDRESS_NAME || type == ADDRESS_IPV6;
}

/* An address and its port; MALFORMED too if the type is none that there is. */
static enum socks5_progress take_target(struct rd *r, struct relay_target *ret)
{
	struct relay_target t = { .host = "" };
	enum socks5_progress p;
	uint8_t type;
	uint16_t port;

	if (!rd_u8(r, &type))
		return SOCKS5_MORE;
	p = has_type(type) ? take_address(r, type, &t) : SOCKS5_MALFORMED;
	if (p != SOCKS5_WHOLE)
		return p;
	if (!rd_be16(r, &port))
		return SOCKS5_MORE;
	t.at.port = port;
	*ret = t;
	return SOCKS5_WHOLE;
}

enum socks5_progress socks5_request_parse(const void *bytes, size_t len, struct socks5_request *ret)
{
	struct rd r = rd_of(bytes, len);
	enum socks5_progress p = begin(&r, SOCKS5_VERSION);
	struct socks5_request q = { .fault = SOCKS5_SUCCEEDED };

	if (p != SOCKS5_WHOLE)
		return p;
	const uint8_t *head = rd_take(&r, 2); /* command, reserved */
	if (!head || rd_left(&r) == 0)
		return SOCKS5_MORE;
	q.command = head[0];
	if (has_type(*r.at)) {
		p = take_target(&r, &q.to);
		if (p != SOCKS5_WHOLE)
			return p;
	} else {
		q.fault = SOCKS5_NO_ADDRESS_TYPE; /* nobody knows where it ends */
	}
	q.len = len - rd_left(&r);
	*ret = q;
	return SOCKS5_WHOLE;
}

enum socks5_progress socks5_datagram_parse(const void *bytes, size_t len, struct socks5_datagram *ret)
{
	struct rd r = rd_of(bytes, len);
	const uint8_t *head = rd_take(&r, 3); /* reserved, reserved, fragment */
	struct socks5_datagram d;

	if (!head || take_target(&r, &d.to) != SOCKS5_WHOLE)
		return SOCKS5_MALFORMED;
	d.fragment = head[2];
	d.len = len - rd_left(&r);
	*ret = d;
	return SOCKS5_WHOLE;
}

static void write_endpoint(struct wr *w, const struct endpoint *e)
{
	wr_u8(w, e->is4 ? ADDRESS_IPV4 : ADDRESS_IPV6);
	if (e->is4)
		wr_be32(w, e->a4.v);
	else
		addr6_put(wr_room(w, 16), e->a6);
	wr_be16(w, e->port);
}

size_t socks5_reply_write(
	enum socks5_reply reply, const struct endpoint *bound, uint8_t to[static SOCKS5_HEAD_MAX])
{
	struct wr w = wr_of(to, SOCKS5_HEAD_MAX);

	wr_u8(&w, SOCKS5_VERSION);
	wr_u8(&w, (uint8_t)reply);
	wr_u8(&w, 0);
	write_endpoint(&w, bound);
	return wr_len(&w);
}

size_t socks5_datagram_write(const struct endpoint *from, uint8_t to[static SOCKS5_HEAD_MAX])
{
	struct wr w = wr_of(to, SOCKS5_HEAD_MAX);

	wr_be16(&w, 0);
	wr_u8(&w, 0);
	write_endpoint(&w, from);
	return wr_len(&w);
}
