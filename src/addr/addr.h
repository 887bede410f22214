/*
 * addr.h - IPv4 and IPv6 addresses and prefixes as values
 *
 * Addresses are integers in host order, so that comparing, masking and hashing are plain arithmetic; addr4_at() and
 * addr6_at() read them from the wire, addr4_put() and addr6_put() write them.
 */
#ifndef ISTHMUS_ADDR_ADDR_H
#define ISTHMUS_ADDR_ADDR_H

#include "base/bytes.h"
#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct addr4 {
	uint32_t v; /* host order: 192.0.2.1 is 0xc0000201 */
};

struct addr6 {
	uint64_t hi; /* host order: the first 64 bits */
	uint64_t lo; /* host order: the last 64 bits */
};

/* Invariant of both prefixes (prefix4_validate(), prefix6_validate()): no bit below the length is set. */
struct prefix4 {
	struct addr4 addr;
	uint8_t len; /* bits, 0 to 32 */
};

struct prefix6 {
	struct addr6 addr;
	uint8_t len; /* bits, 0 to 128 */
};

static inline struct addr4 addr4_at(const uint8_t *p)
{
	return (struct addr4){ be32_at(p) };
}

static inline struct addr6 addr6_at(const uint8_t *p)
{
	return (struct addr6){ be64_at(p), be64_at(p + 8) };
}

static inline void addr4_put(uint8_t *p, struct addr4 a)
{
	be32_put(p, a.v);
}

static inline void addr6_put(uint8_t *p, struct addr6 a)
{
	be64_put(p, a.hi);
	be64_put(p + 8, a.lo);
}

static inline bool addr4_eq(struct addr4 a, struct addr4 b)
{
	return a.v == b.v;
}

static inline bool addr6_eq(struct addr6 a, struct addr6 b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

static inline uint32_t mask4(unsigned len)
{
	return len == 0 ? 0 : UINT32_MAX << (32 - len);
}

static inline struct addr6 mask6(unsigned len)
{
	if (len == 0)
		return (struct addr6){ 0, 0 };
	if (len <= 64)
		return (struct addr6){ UINT64_MAX << (64 - len), 0 };
	return (struct addr6){ UINT64_MAX, UINT64_MAX << (128 - len) };
}

/** addr6_truncate() - the address with all bits after the first @len cleared */
static inline struct addr6 addr6_truncate(struct addr6 a, unsigned len)
{
	struct addr6 m = mask6(len);

	return (struct addr6){ a.hi & m.hi, a.lo & m.lo };
}

static inline bool prefix4_contains(struct prefix4 p, struct addr4 a)
{
	return ((a.v ^ p.addr.v) & mask4(p.len)) == 0;
}

static inline bool prefix6_contains(struct prefix6 p, struct addr6 a)
{
	struct addr6 m = mask6(p.len);

	return ((a.hi ^ p.addr.hi) & m.hi) == 0 && ((a.lo ^ p.addr.lo) & m.lo) == 0;
}

static inline bool prefix4_validate(struct prefix4 p)
{
	return p.len <= 32 && (p.addr.v & ~mask4(p.len)) == 0;
}

static inline bool prefix6_validate(struct prefix6 p)
{
	return p.len <= 128 && addr6_eq(addr6_truncate(p.addr, p.len), p.addr);
}

/* --- text; buffers of these sizes always suffice, the terminating zero included --- */

#define ADDR4_TEXT 16 /* "255.255.255.255" */
#define ADDR6_TEXT 46 /* INET6_ADDRSTRLEN */
#define PREFIX4_TEXT (ADDR4_TEXT + 3)
#define PREFIX6_TEXT (ADDR6_TEXT + 4)
#define ENDPOINT4_TEXT (ADDR4_TEXT + 6) /* "192.0.2.1:65535" */
#define ENDPOINT6_TEXT (ADDR6_TEXT + 8) /* "[2001:db8::1]:65535" */

/**
 * addr4_parse(), addr6_parse() - read an address in its usual text form; nothing may follow it
 *
 * Return: true, or false with *ret untouched.
 */
MUST_CHECK bool addr4_parse(const char *text, struct addr4 *ret);
MUST_CHECK bool addr6_parse(const char *text, struct addr6 *ret);

/**
 * prefix4_parse(), prefix6_parse() - read "address/length", or an address alone (length 32 or 128)
 *
 * Return: 0; -EINVAL if it is no prefix; -EDOM if bits below the length are set. *ret untouched on failure.
 */
MUST_CHECK int prefix4_parse(const char *text, struct prefix4 *ret);
MUST_CHECK int prefix6_parse(const char *text, struct prefix6 *ret);

/** The text forms; each returns @buf. IPv6 as RFC 5952 writes it. */
const char *addr4_text(struct addr4 a, char buf[static ADDR4_TEXT]);
const char *addr6_text(struct addr6 a, char buf[static ADDR6_TEXT]);
const char *prefix4_text(struct prefix4 p, char buf[static PREFIX4_TEXT]);
const char *prefix6_text(struct prefix6 p, char buf[static PREFIX6_TEXT]);
const char *endpoint4_text(struct addr4 a, uint16_t port, char buf[static ENDPOINT4_TEXT]);
const char *endpoint6_text(struct addr6 a, uint16_t port, char buf[static ENDPOINT6_TEXT]);

#endif
