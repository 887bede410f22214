/* addr.c - addresses and prefixes as text */
#include "addr/addr.h"

#include <arpa/inet.h>
#include <errno.h>

bool addr4_parse(const char *text, struct addr4 *ret)
{
	uint8_t b[4];

	if (inet_pton(AF_INET, text, b) != 1)
		return false;
	*ret = addr4_at(b);
	return true;
}

bool addr6_parse(const char *text, struct addr6 *ret)
{
	uint8_t b[16];

	if (inet_pton(AF_INET6, text, b) != 1)
		return false;
	*ret = addr6_at(b);
	return true;
}

/* Digits only, no leading zero, at most @max: "08" or "+8" would be read differently by different people. */
static bool length_parse(const char *text, unsigned max, uint8_t *ret)
{
	unsigned n = 0;

	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (unsigned)(*text - '0');
		if (n > max)
			return false;
	}
	*ret = (uint8_t)n;
	return true;
}

/* Splits "address/length" at the slash; without a slash the length is @max. False if either part cannot be
 * right. */
static bool prefix_split(const char *text, unsigned max, char addr[static ADDR6_TEXT], uint8_t *ret_len)
{
	const char *slash = strchr(text, '/');
	size_t addr_len = slash ? (size_t)(slash - text) : strlen(text);
	uint8_t len = (uint8_t)max;

	if (addr_len >= ADDR6_TEXT)
		return false;
	if (slash && !length_parse(slash + 1, max, &len))
		return false;
	bytes_copy(addr, text, addr_len);
	addr[addr_len] = '\0';
	*ret_len = len;
	return true;
}

int prefix4_parse(const char *text, struct prefix4 *ret)
{
	char addr[ADDR6_TEXT];
	struct prefix4 p;

	if (!prefix_split(text, 32, addr, &p.len) || !addr4_parse(addr, &p.addr))
		return -EINVAL;
	if (!prefix4_validate(p))
		return -EDOM;
	*ret = p;
	return 0;
}

int prefix6_parse(const char *text, struct prefix6 *ret)
{
	char addr[ADDR6_TEXT];
	struct prefix6 p;

	if (!prefix_split(text, 128, addr, &p.len) || !addr6_parse(addr, &p.addr))
		return -EINVAL;
	if (!prefix6_validate(p))
		return -EDOM;
	*ret = p;
	return 0;
}

/* --- as text; by hand, as inet_ntop() prints each group by a format, and a web request has two or three of these --- */

static char *put_decimal(char *at, unsigned n) /* up to 255 */
{
	if (n >= 100)
		*at++ = (char)('0' + n / 100);
	if (n >= 10)
		*at++ = (char)('0' + n / 10 % 10);
	*at++ = (char)('0' + n % 10);
	return at;
}

static char *put_dotted(char *at, uint32_t v)
{
	for (unsigned shift = 24; shift > 0; shift -= 8) {
		at = put_decimal(at, v >> shift & 255);
		*at++ = '.';
	}
	return put_decimal(at, v & 255);
}

const char *addr4_text(struct addr4 a, char buf[static ADDR4_TEXT])
{
	*put_dotted(buf, a.v) = '\0';
	return buf;
}

static unsigned group_of(struct addr6 a, unsigned i)
{
	return (unsigned)((i < 4 ? a.hi : a.lo) >> (48 - 16 * (i % 4))) & 0xffff;
}

static char *put_group(char *at, unsigned g) /* RFC 5952 s4.1, s4.3: no leading zeros, small letters */
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned shift = 12; shift > 0; shift -= 4)
		if (g >> shift)
			*at++ = digits[g >> shift & 15];
	*at++ = digits[g & 15];
	return at;
}

/* RFC 5952 s4.2: the longest run of groups that are zero, the first of several; *ret_len is 0 if there is none of two or more. */
static unsigned longest_zeros(struct addr6 a, unsigned *ret_len)
{
	unsigned best = 0, best_len = 0;

	for (unsigned i = 0; i < 8;) {
		unsigned end = i;

		while (end < 8 && group_of(a, end) == 0)
			end++;
		if (end - i >= 2 && end - i > best_len) {
			best = i;
			best_len = end - i;
		}
		i = end + 1;
	}
	*ret_len = best_len;
	return best;
}

const char *addr6_text(struct addr6 a, char buf[static ADDR6_TEXT])
{
	unsigned len, zeros = longest_zeros(a, &len);
	/* RFC 5952 s5: IPv4-mapped, and IPv4-compatible as inet_ntop() has it */
	bool is_dotted = zeros == 0 && (len == 6 || (len == 5 && group_of(a, 5) == 0xffff));
	char *at = buf;

	for (unsigned i = 0; i < (is_dotted ? 6 : 8); i++) {
		bool is_zero = i >= zeros && i < zeros + len;

		if (is_zero ? i == zeros : i > 0)
			*at++ = ':';
		if (!is_zero)
			at = put_group(at, group_of(a, i));
	}
	if (is_dotted || zeros + len == 8)
		*at++ = ':';
	if (is_dotted)
		at = put_dotted(at, (uint32_t)a.lo);
	*at = '\0';
	return buf;
}

static void put_text(struct wr *w, const char *text)
{
	wr_bytes(w, text, strlen(text));
}

static void put_number(struct wr *w, uint16_t n)
{
	uint8_t digits[5];
	unsigned len = 0;

	do {
		digits[len++] = (uint8_t)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	while (len > 0)
		wr_u8(w, digits[--len]);
}

/* The sizes in addr.h hold the longest text, so the terminating zero always fits. */
static const char *text_end(struct wr *w, const char *buf)
{
	wr_u8(w, '\0');
	ASSERT(!w->full);
	return buf;
}

const char *prefix4_text(struct prefix4 p, char buf[static PREFIX4_TEXT])
{
	struct wr w = wr_of(buf, PREFIX4_TEXT);
	char addr[ADDR4_TEXT];

	put_text(&w, addr4_text(p.addr, addr));
	put_text(&w, "/");
	put_number(&w, p.len);
	return text_end(&w, buf);
}

const char *prefix6_text(struct prefix6 p, char buf[static PREFIX6_TEXT])
{
	struct wr w = wr_of(buf, PREFIX6_TEXT);
	char addr[ADDR6_TEXT];

	put_text(&w, addr6_text(p.addr, addr));
	put_text(&w, "/");
	put_number(&w, p.len);
	return text_end(&w, buf);
}

const char *endpoint4_text(struct addr4 a, uint16_t port, char buf[static ENDPOINT4_TEXT])
{
	struct wr w = wr_of(buf, ENDPOINT4_TEXT);
	char addr[ADDR4_TEXT];

	put_text(&w, addr4_text(a, addr));
	put_text(&w, ":");
	put_number(&w, port);
	return text_end(&w, buf);
}

const char *endpoint6_text(struct addr6 a, uint16_t port, char buf[static ENDPOINT6_TEXT])
{
	struct wr w = wr_of(buf, ENDPOINT6_TEXT);
	char addr[ADDR6_TEXT];

	put_text(&w, "[");
	put_text(&w, addr6_text(a, addr));
	put_text(&w, "]:");
	put_number(&w, port);
	return text_end(&w, buf);
}
