/* assemble.c - see assemble.h */
#include "assemble.h"

#include "slow_sum.h"

#include <stdio.h>
#include <stdlib.h>

#define FIELDS_MAX 16

enum csum_mode { CSUM_RIGHT, CSUM_BAD, CSUM_PARTIAL, CSUM_LITERAL };

struct line {
	char *keys[FIELDS_MAX], *values[FIELDS_MAX]; /* values[i] is "" for a bare word */
	bool used[FIELDS_MAX];
	size_t len;
	bool bad; /* a value was no number, address or hex string */
};

struct layer_kind {
	const char *name;
	uint8_t proto;	 /* its IANA number as a next header */
	int csum_at;	 /* offset of the checksum; -1: none */
	bool ends_chain; /* no next header behind it */
	void (*build)(struct stack *s, struct layer *l, struct line *f);
};

/* --- fields of a line --- */

static const char *field(struct line *f, const char *key)
{
	for (size_t i = 0; i < f->len; i++)
		if (strcmp(f->keys[i], key) == 0) {
			f->used[i] = true;
			return f->values[i];
		}
	return NULL;
}

static bool flag(struct line *f, const char *key)
{
	return field(f, key) != NULL;
}

static uint32_t number(struct line *f, const char *key, uint32_t otherwise)
{
	const char *text = field(f, key);
	char *end;

	if (!text)
		return otherwise;
	unsigned long v = strtoul(text, &end, 0);

	f->bad |= *text == '\0' || *end != '\0' || v > UINT32_MAX;
	return (uint32_t)v;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static void append(struct stack *s, const void *bytes, size_t len)
{
	if (len > sizeof(s->bytes) - s->len) {
		fprintf(stderr, "assembled packet too long\n");
		abort();
	}
	memcpy(s->bytes + s->len, bytes, len);
	s->len += len;
}

static void append_zero(struct stack *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		append(s, "", 1);
}

static void append_hex(struct stack *s, struct line *f, const char *text)
{
	size_t digits = 0;

	for (uint8_t byte = 0; *text; text++, digits++) {
		int d = hex_digit(*text);

		f->bad |= d < 0;
		byte = (uint8_t)(byte << 4 | (d & 15));
		if (digits % 2 == 1)
			append(s, &byte, 1);
	}
	f->bad |= digits % 2 == 1;
}

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v);
}

/* --- layers: each build() gets zeroed room at the end of the packet --- */

static uint8_t *room(struct stack *s, size_t len)
{
	append_zero(s, len);
	return s->bytes + s->len - len;
}

static void length_field(struct layer *l, struct line *f, uint8_t *at)
{
	l->has_len = flag(f, "len");
	put16(at, number(f, "len", 0));
}

static void next_field(struct stack *s, struct line *f, size_t at)
{
	s->bytes[at] = (uint8_t)number(f, "next", IPPROTO6_NONE);
	s->next_at = flag(f, "next") ? 0 : at;
}

static void build_ip4(struct stack *s, struct layer *l, struct line *f)
{
	uint8_t *h = room(s, IP4_HDR_LEN);
	struct addr4 a;
	const char *src = field(f, "src"), *dst = field(f, "dst"), *options = field(f, "options");

	h[1] = (uint8_t)number(f, "tos", 0);
	length_field(l, f, h + 2);
	put16(h + 4, number(f, "id", 0));
	put16(h + 6, (flag(f, "df") ? 0x4000u : 0) | (flag(f, "mf") ? 0x2000u : 0) | number(f, "off", 0) / 8);
	h[8] = (uint8_t)number(f, "ttl", 64);
	if (src && addr4_parse(src, &a))
		addr4_put(h + 12, a);
	else
		f->bad = true;
	if (dst && addr4_parse(dst, &a))
		addr4_put(h + 16, a);
	else
		f->bad = true;
	if (options)
		append_hex(s, f, options);
	f->bad |= (s->len - l->at) % 4 != 0;
	s->bytes[l->at] = (uint8_t)(0x40 | number(f, "ihl", (uint32_t)(s->len - l->at) / 4));
	next_field(s, f, l->at + 9);
}

static void build_ip6(struct stack *s, struct layer *l, struct line *f)
{
	uint8_t *h = room(s, IP6_HDR_LEN);
	struct addr6 a;
	const char *src = field(f, "src"), *dst = field(f, "dst");

	put32(h, 6u << 28 | number(f, "tc", 0) << 20 | number(f, "flow", 0));
	length_field(l, f, h + 4);
	h[7] = (uint8_t)number(f, "hop", 64);
	if (src && addr6_parse(src, &a))
		addr6_put(h + 8, a);
	else
		f->bad = true;
	if (dst && addr6_parse(dst, &a))
		addr6_put(h + 24, a);
	else
		f->bad = true;
	next_field(s, f, l->at + 6);
}

/* Hop-by-hop and destination options: `size` bytes, padded by one PadN option. */
static void build_options(struct stack *s, struct layer *l, struct line *f)
{
	uint32_t size = number(f, "size", 8);

	f->bad |= size % 8 != 0 || size < 8 || size > 2048;
	uint8_t *h = room(s, f->bad ? 8 : size);

	h[1] = (uint8_t)(size / 8 - 1);
	h[2] = 1;
	h[3] = (uint8_t)(size - 4);
	next_field(s, f, l->at);
}

static void build_routing(struct stack *s, struct layer *l, struct line *f)
{
	uint8_t *h = room(s, 8);

	h[2] = 253;
	h[3] = (uint8_t)number(f, "left", 0);
	next_field(s, f, l->at);
}

static void build_frag(struct stack *s, struct layer *l, struct line *f)
{
	uint8_t *h = room(s, IP6_FRAG_LEN);

	put16(h + 2, (number(f, "off", 0) & 0xfff8) | (flag(f, "mf") ? 1u : 0));
	put32(h + 4, number(f, "id", 0));
	next_field(s, f, l->at);
}

static void build_tcp(struct stack *s, struct layer *l, struct line *f)
{
	uint8_t *h = room(s, TCP_HDR_LEN);
	const char *options = field(f, "options");

	put16(h, number(f, "sport", 0));
	put16(h + 2, number(f, "dport", 0));
	put32(h + 4, number(f, "seq", 0x01020304));
	put32(h + 8, number(f, "ack", 0x05060708));
	h[13] = (uint8_t)number(f, "flags", 0x10);
	put16(h + 14, number(f, "win", 0x2000));
	put16(h + 18, number(f, "urg", 0));
	if (options)
		append_hex(s, f, options);
	f->bad |= (s->len - l->at) % 4 != 0;
	s->bytes[l->at + 12] = (uint8_t)(number(f, "doff", (uint32_t)(s->len - l->at) / 4) << 4);
}

static void build_udp(struct stack *s, struct layer *l, struct line *f)
{
	uint8_t *h = room(s, UDP_HDR_LEN);

	put16(h, number(f, "sport", 0));
	put16(h + 2, number(f, "dport", 0));
	length_field(l, f, h + 4);
}

/* RFC 4340 s5.1 with X set; `cscov` is the field of s9.2: 0 covers all, else the header and so many words less one. */
static void build_dccp(struct stack *s, struct layer *l, struct line *f)
{
	uint8_t *h = room(s, 16);

	put16(h, number(f, "sport", 0));
	put16(h + 2, number(f, "dport", 0));
	h[4] = 4;
	h[5] = (uint8_t)(number(f, "cscov", 0) & 15);
	h[8] = 1;
	put32(h + 12, number(f, "seq", 0x01020304));
}

/* RFC 3828 s3.1; `cov` is the coverage in bytes, 0: all. */
static void build_udplite(struct stack *s, struct layer *l, struct line *f)
{
	uint8_t *h = room(s, UDP_HDR_LEN);

	put16(h, number(f, "sport", 0));
	put16(h + 2, number(f, "dport", 0));
	put16(h + 4, number(f, "cov", 0));
}

/* Bytes 4 to 7 have many names; each says where it stands in which family. */
static void build_icmp(struct stack *s, struct layer *l, struct line *f)
{
	uint8_t *h = room(s, ICMP_HDR_LEN);
	bool is6 = l->kind->proto == IPPROTO6_ICMP;

	h[0] = (uint8_t)number(f, "type", 0);
	h[1] = (uint8_t)number(f, "code", 0);
	put32(h + 4, number(f, "word", 0));
	if (flag(f, "id"))
		put16(h + 4, number(f, "id", 0));
	if (flag(f, "seq"))
		put16(h + 6, number(f, "seq", 0));
	if (flag(f, "mtu"))
		put32(h + 4, number(f, "mtu", 0));
	if (flag(f, "pointer"))
		put32(h + 4, number(f, "pointer", 0) << (is6 ? 0 : 24));
	if (flag(f, "length"))
		h[is6 ? 4 : 5] = (uint8_t)number(f, "length", 0);
}

static void build_data(struct stack *s, struct layer *l, struct line *f)
{
	uint32_t len = number(f, "len", 0), from = number(f, "from", 0);

	f->bad |= len > PACKET_MAX;
	for (uint32_t i = 0; !f->bad && i < len; i++) {
		uint8_t byte = (uint8_t)((i + from) * 7 + 1);

		append(s, &byte, 1);
	}
}

static void build_zero(struct stack *s, struct layer *l, struct line *f)
{
	append_zero(s, number(f, "len", 0) & UINT16_MAX);
}

static void build_hex(struct stack *s, struct layer *l, struct line *f)
{
	const char *bytes = field(f, "bytes");

	if (bytes)
		append_hex(s, f, bytes);
	else
		f->bad = true;
}

static const struct layer_kind kinds[] = {
	{ "ip4", 4, 10, false, build_ip4 },
	{ "ip6", 41, -1, false, build_ip6 },
	{ "hopopts", IPPROTO6_HOPOPTS, -1, false, build_options },
	{ "dstopts", IPPROTO6_DSTOPTS, -1, false, build_options },
	{ "routing", IPPROTO6_ROUTING, -1, false, build_routing },
	{ "frag", IPPROTO6_FRAGMENT, -1, false, build_frag },
	{ "tcp", IPPROTO_TCP_NR, 16, true, build_tcp },
	{ "udp", IPPROTO_UDP_NR, 6, true, build_udp },
	{ "dccp", IPPROTO_DCCP_NR, 6, true, build_dccp },
	{ "udplite", IPPROTO_UDPLITE_NR, 6, true, build_udplite },
	{ "icmp4", IPPROTO4_ICMP, 2, true, build_icmp },
	{ "icmp6", IPPROTO6_ICMP, 2, true, build_icmp },
	{ "data", 0, -1, true, build_data },
	{ "zero", 0, -1, true, build_zero },
	{ "hex", 0, -1, true, build_hex },
};

static const struct layer_kind *kind_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

static bool is_payload(const struct layer_kind *k)
{
	return k->build == build_data || k->build == build_zero || k->build == build_hex;
}

/* "csum=right|bad|partial|NUMBER" */
static void csum_field(struct layer *l, struct line *f)
{
	static const char *const modes[] = { "right", "bad", "partial" };
	const char *text = l->kind->csum_at >= 0 ? field(f, "csum") : NULL;

	for (int i = 0; text && i < (int)ARRAY_LEN(modes); i++)
		if (strcmp(text, modes[i]) == 0) {
			l->csum = i;
			return;
		}
	if (text) {
		l->csum = CSUM_LITERAL;
		l->csum_set = (uint16_t)number(f, "csum", 0);
	}
}

static bool layer_add(struct stack *s, const struct layer_kind *kind, struct line *f)
{
	struct layer l = { .kind = kind, .at = s->len };

	if (s->layers_len == LAYERS_MAX)
		return false;
	if (s->next_at != 0 && !is_payload(kind)) {
		s->bytes[s->next_at] = kind->proto;
		s->next_at = 0;
	}
	kind->build(s, &l, f);
	csum_field(&l, f);
	if (kind->ends_chain)
		s->next_at = 0;
	s->layers[s->layers_len++] = l;
	return true;
}

/* --- lengths and checksums, once all bytes are there --- */

static void lengths_fill(struct stack *s)
{
	for (size_t i = 0; i < s->layers_len; i++) {
		const struct layer *l = &s->layers[i];
		uint8_t *h = s->bytes + l->at;
		uint32_t len = (uint32_t)(s->len - l->at);

		if (l->has_len)
			continue;
		if (l->kind->build == build_ip4)
			put16(h + 2, len);
		else if (l->kind->build == build_ip6)
			put16(h + 4, len - IP6_HDR_LEN);
		else if (l->kind->build == build_udp)
			put16(h + 4, len);
	}
}

/* How much of the @len bytes from the transport header on its checksum covers. */
static uint32_t covered(const struct layer *l, const uint8_t *h, uint32_t len)
{
	uint32_t want = 0;

	if (l->kind->build == build_dccp && h[5] != 0)
		want = h[4] * 4u + (h[5] - 1u) * 4u;
	if (l->kind->build == build_udplite)
		want = (uint32_t)h[4] << 8 | h[5];
	return want == 0 || want > len ? len : want;
}

static void checksum_fill(struct stack *s, const struct layer *l)
{
	uint8_t *h = s->bytes + l->at, *at = h + l->kind->csum_at;
	uint32_t len = (uint32_t)(s->len - l->at);
	uint64_t sum;

	if (l->kind->build == build_udp && l->has_len)
		len = (uint32_t)h[4] << 8 | h[5];
	if (l->kind->build == build_ip4)
		sum = slow_sum(h, (h[0] & 15u) * 4u);
	else if (l->csum == CSUM_PARTIAL)
		sum = slow_pseudo(s->bytes, l->kind->proto, len);
	else
		sum = slow_pseudo(s->bytes, l->kind->proto, len) + slow_sum(h, covered(l, h, len));

	uint16_t value = slow_ones(sum);

	if (l->csum != CSUM_PARTIAL)
		value = (uint16_t)~value;
	if ((l->kind->build == build_udp || l->kind->build == build_udplite) && value == 0)
		value = 0xffff;
	if (l->csum == CSUM_BAD)
		value ^= 0x5555;
	if (l->csum == CSUM_LITERAL)
		value = l->csum_set;
	put16(at, value);
}

static void stack_finish(struct stack *s)
{
	lengths_fill(s);
	for (size_t i = 0; i < s->layers_len; i++)
		if (s->layers[i].kind->csum_at >= 0)
			checksum_fill(s, &s->layers[i]);
}

/* The packet inside is complete: finish it, cut it, pad it, and make it payload of the one around it. */
static void quote_close(struct assembly *a)
{
	struct stack *q = &a->quote;

	if (q->layers_len == 0)
		return;
	stack_finish(q);
	size_t len = q->len < a->quote_cut ? q->len : a->quote_cut;

	append(&a->outer, q->bytes, len);
	if (len < a->quote_pad)
		append_zero(&a->outer, a->quote_pad - len);
	q->len = q->layers_len = q->next_at = 0;
	a->quote_cut = SIZE_MAX;
	a->quote_pad = 0;
}

/* --- lines --- */

static bool offload_line(struct assembly *a, struct line *f)
{
	static const char *const names[] = { "none", "tcp4", "tcp6", "udp" };
	const char *gso = field(f, "gso");

	for (size_t i = 0; gso && i < ARRAY_LEN(names); i++)
		if (strcmp(gso, names[i]) == 0)
			a->off.gso = (enum gso)i;
	a->off.gso_size = (uint16_t)number(f, "size", 0);
	a->off.gso_ecn = flag(f, "ecn");
	a->off.csum_valid = flag(f, "valid");
	a->off.csum_partial = flag(f, "partial");
	a->off.csum_start = (uint16_t)number(f, "start", 0);
	a->off.csum_offset = (uint16_t)number(f, "offset", 0);
	return true;
}

static bool line_split(struct line *f, char *text, char **ret_name)
{
	char *rest = NULL, *word = strtok_r(text, " \t\r\n", &rest);

	*f = (struct line){ .len = 0 };
	*ret_name = word;
	while (word && (word = strtok_r(NULL, " \t\r\n", &rest))) {
		char *eq = strchr(word, '=');

		if (f->len == FIELDS_MAX)
			return false;
		if (eq)
			*eq = '\0';
		f->keys[f->len] = word;
		f->values[f->len++] = eq ? eq + 1 : word + strlen(word);
	}
	return *ret_name != NULL;
}

static bool quote_line(struct assembly *a, struct line *f)
{
	const struct layer_kind *kind = f->len > 0 ? kind_find(f->keys[0]) : NULL;

	if (flag(f, "cut"))
		a->quote_cut = number(f, "cut", 0);
	else if (flag(f, "pad"))
		a->quote_pad = number(f, "pad", 0);
	else if (kind) {
		f->used[0] = true;
		return layer_add(&a->quote, kind, f);
	} else
		return false;
	return true;
}

static bool outer_line(struct assembly *a, const char *name, struct line *f)
{
	const struct layer_kind *kind = kind_find(name);

	quote_close(a);
	return kind && layer_add(&a->outer, kind, f);
}

void assemble_begin(struct assembly *a)
{
	a->outer.len = a->outer.layers_len = a->outer.next_at = 0;
	a->quote.len = a->quote.layers_len = a->quote.next_at = 0;
	a->quote_cut = SIZE_MAX;
	a->quote_pad = 0;
	a->off = (struct offload){ .gso = GSO_NONE };
	a->error[0] = '\0';
}

bool assemble_line(struct assembly *a, char *text)
{
	struct line f;
	char *name, shown[100];

	snprintf(shown, sizeof(shown), "%s", text);
	bool ok = line_split(&f, text, &name);

	if (ok && strcmp(name, "offload") == 0)
		ok = offload_line(a, &f);
	else if (ok && strcmp(name, "quote") == 0)
		ok = quote_line(a, &f);
	else if (ok)
		ok = outer_line(a, name, &f);
	for (size_t i = 0; i < f.len; i++)
		ok = ok && f.used[i];
	if (!ok || f.bad) {
		snprintf(a->error, sizeof(a->error), "unknown layer or field, or bad value: %s", shown);
		return false;
	}
	return true;
}

/* What is partial has its place by the packet, unless the line said another. */
static void offload_finish(struct assembly *a)
{
	for (size_t i = 0; i < a->outer.layers_len; i++) {
		struct layer *l = &a->outer.layers[i];

		if (!a->off.csum_partial || l->kind->csum_at < 0 || l->kind->build == build_ip4)
			continue;
		if (l->csum == CSUM_RIGHT)
			l->csum = CSUM_PARTIAL;
		if (a->off.csum_start == 0)
			a->off.csum_start = (uint16_t)l->at;
		if (a->off.csum_offset == 0)
			a->off.csum_offset = (uint16_t)l->kind->csum_at;
	}
}

void assemble_end(struct assembly *a)
{
	quote_close(a);
	offload_finish(a);
	stack_finish(&a->outer);
}

void assemble_text(struct assembly *a, const char *text)
{
	char line[512];

	assemble_begin(a);
	while (*text) {
		size_t len = strcspn(text, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		if (line[strspn(line, " \t")] != '\0' && !assemble_line(a, line)) {
			fprintf(stderr, "%s\n", a->error);
			abort();
		}
		text += len + (text[len] == '\n');
	}
	assemble_end(a);
}

struct pkt assemble_pkt(const struct assembly *a, uint8_t *memory, size_t size, size_t headroom)
{
	if (headroom > size || a->outer.len > size - headroom)
		abort();
	memcpy(memory + headroom, a->outer.bytes, a->outer.len);
	return (struct pkt){
		.head = memory,
		.data = memory + headroom,
		.len = (uint32_t)a->outer.len,
		.end = memory + size,
		.off = a->off,
	};
}
