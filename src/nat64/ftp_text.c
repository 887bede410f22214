/* ftp_text.c - see ftp_text.h */
#include "nat64/ftp_text.h"

#include <stdio.h>

static const char *const verbs[] = {
	[FTP_VERB_OTHER] = "",
	[FTP_VERB_EPSV] = "EPSV",
	[FTP_VERB_EPRT] = "EPRT",
	[FTP_VERB_ALGS] = "ALGS",
	[FTP_VERB_AUTH] = "AUTH",
	[FTP_VERB_PASV] = "PASV",
	[FTP_VERB_REIN] = "REIN",
};

/* All that are known have four letters (RFC 959 s5.3: "four or fewer"). */
#define VERB_LEN 4

enum ftp_verb ftp_verb_of(const uint8_t *letters, size_t len)
{
	if (len == 0)
		return FTP_VERB_NONE;
	for (size_t i = FTP_VERB_OTHER + 1; i < ARRAY_LEN(verbs); i++) {
		if (len == VERB_LEN && bytes_equal(letters, verbs[i], VERB_LEN))
			return (enum ftp_verb)i;
	}
	return FTP_VERB_OTHER;
}

bool ftp_verb_may_become(enum ftp_verb verb, const uint8_t *letters, size_t len)
{
	return len <= VERB_LEN && bytes_equal(letters, verbs[verb], len);
}

static uint8_t capital(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* @word is in capitals. */
static bool is_word(const uint8_t *arg, size_t len, const char *word)
{
	size_t i = 0;

	for (; i < len && word[i] != '\0'; i++) {
		if (capital(arg[i]) != (uint8_t)word[i])
			return false;
	}
	return i == len && word[i] == '\0';
}

/* A decimal number of at most @most that the reader begins with; leading zeros are fine. */
static bool take_number(struct rd *r, unsigned most, unsigned *ret)
{
	unsigned v = 0;
	size_t digits = 0;

	for (; rd_left(r) > 0 && is_digit(*r->at); digits++, r->at++) {
		v = v * 10 + (unsigned)(*r->at - '0');
		if (v > most)
			return false;
	}
	if (digits == 0)
		return false;
	*ret = v;
	return true;
}

static bool take_byte(struct rd *r, uint8_t wanted)
{
	if (rd_left(r) == 0 || *r->at != wanted)
		return false;
	r->at++;
	return true;
}

enum ftp_epsv_arg ftp_epsv_arg(const uint8_t *arg, size_t len)
{
	if (len == 0 || is_word(arg, len, "2"))
		return FTP_EPSV_HERE;
	if (is_word(arg, len, "ALL"))
		return FTP_EPSV_ALL;
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(arg[i]))
			return FTP_EPSV_UNKNOWN;
	}
	return FTP_EPSV_PROTOCOL;
}

enum ftp_algs_arg ftp_algs_arg(const uint8_t *arg, size_t len)
{
	static const char *const words[] = {
		[FTP_ALGS_STATUS] = "STATUS64",
		[FTP_ALGS_ENABLE] = "ENABLE64",
		[FTP_ALGS_DISABLE] = "DISABLE64",
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (is_word(arg, len, words[i]))
			return (enum ftp_algs_arg)i;
	}
	return FTP_ALGS_UNKNOWN;
}

/* The text up to the delimiter, which is taken too. */
static bool take_address6(struct rd *r, uint8_t delimiter, struct addr6 *ret)
{
	char text[ADDR6_TEXT];
	size_t len = 0;

	while (rd_left(r) > 0 && *r->at != delimiter && *r->at != '\0' && len + 1 < sizeof(text))
		text[len++] = (char)*r->at++;
	text[len] = '\0';
	return take_byte(r, delimiter) && addr6_parse(text, ret);
}

bool ftp_eprt_arg(const uint8_t *arg, size_t len, struct addr6 *ret_a, uint16_t *ret_port)
{
	struct rd r = rd_of(arg, len);
	struct addr6 a;
	unsigned port;
	uint8_t d;

	/* RFC 2428 s2: the delimiter is any printable character; one that the fields use could not be told apart. */
	if (!rd_u8(&r, &d) || d < 33 || d > 126 || is_digit(d) || d == ':' || d == '.')
		return false;
	if (!take_byte(&r, '2') || !take_byte(&r, d) || !take_address6(&r, d, &a))
		return false;
	if (!take_number(&r, UINT16_MAX, &port) || !take_byte(&r, d) || rd_left(&r) > 0 || port == 0)
		return false;
	*ret_a = a;
	*ret_port = (uint16_t)port;
	return true;
}

static bool take_six(struct rd *r, unsigned ret[6])
{
	for (unsigned i = 0; i < 6; i++) {
		if ((i > 0 && !take_byte(r, ',')) || !take_number(r, 255, &ret[i]))
			return false;
	}
	return rd_left(r) == 0 || (!is_digit(*r->at) && *r->at != ',');
}

bool ftp_pasv_reply(const uint8_t *text, size_t len, struct addr4 *ret_a, uint16_t *ret_port)
{
	for (size_t i = 0; i < len; i++) {
		struct rd r = rd_of(text + i, len - i);
		unsigned n[6];

		if (i > 0 && (is_digit(text[i - 1]) || text[i - 1] == ','))
			continue; /* not in the middle of a number or of a longer list */
		if (!take_six(&r, n))
			continue;
		if (n[4] == 0 && n[5] == 0)
			return false;
		ret_a->v = (uint32_t)n[0] << 24 | n[1] << 16 | n[2] << 8 | n[3];
		*ret_port = (uint16_t)(n[4] << 8 | n[5]);
		return true;
	}
	return false;
}

size_t ftp_port_write(struct addr4 a, uint16_t port, uint8_t ret[static FTP_PORT_MAX])
{
	char text[FTP_PORT_MAX];
	int len = snprintf(text, sizeof(text), "PORT %u,%u,%u,%u,%u,%u\r\n", a.v >> 24, a.v >> 16 & 255,
		a.v >> 8 & 255, a.v & 255, port >> 8, port & 255);

	bytes_copy(ret, text, (size_t)len);
	return (size_t)len;
}

size_t ftp_229_write(uint16_t port, uint8_t ret[static FTP_229_MAX])
{
	char text[FTP_229_MAX];
	int len = snprintf(text, sizeof(text), "229 Entering Extended Passive Mode (|||%u|)\r\n", port);

	bytes_copy(ret, text, (size_t)len);
	return (size_t)len;
}
