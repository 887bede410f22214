/* upstream.c - dns64.upstream, and the host's resolv.conf; see upstream.h */
#include "conf/upstream.h"

#include "base/bytes.h"
#include "conf/shape.h"

#include <stdio.h>

#define REMEDY "write the addresses of other servers to dns64.upstream"

/* --- the key --- */

static const struct {
	const char *word;
	enum upstream_mode mode;
} words[] = { { "system", UPSTREAM_SYSTEM }, { "recursive", UPSTREAM_RECURSIVE } };

/* Takes a word that says where all queries go; it stands alone in the list. */
static bool take_word(struct conf_reading *r, const struct conf_node *m, unsigned len)
{
	for (unsigned w = 0; w < ARRAY_LEN(words); w++) {
		if (m->kind != NODE_SCALAR || strcmp(m->text, words[w].word) != 0)
			continue;
		if (len > 1)
			reading_fault(r, reading_line(r, m),
				"%s cannot stand beside other upstreams, keep it alone or remove it",
				words[w].word);
		r->c->dns64.upstream_mode = words[w].mode;
		return true;
	}
	return false;
}

static void take_server(struct conf_reading *r, const struct conf_node *m)
{
	struct dns64_config *d = &r->c->dns64;
	struct upstream *u = &d->upstream[d->upstream_len];
	char text[ITEM_TEXT], other[ITEM_TEXT];

	if (!item_read(r, &item_upstream, m, u))
		return;
	item_upstream.write(u, text);
	for (unsigned i = 0; i < d->upstream_len; i++) {
		item_upstream.write(&d->upstream[i], other);
		if (strcmp(text, other) == 0) {
			reading_fault(r, reading_line(r, m), "%s is listed twice, keep one", text);
			return;
		}
	}
	d->upstream_mode = UPSTREAM_FORWARD;
	d->upstream_len++;
}

void upstream_check_kind(struct conf_reading *r, const struct upstream *servers, unsigned len, unsigned line)
{
	for (unsigned i = 1; i < len; i++)
		if (servers[i].tls != servers[0].tls) {
			reading_fault(r, line,
				"servers with and without TLS cannot be mixed, write one kind for all");
			return;
		}
}

static void read_upstreams(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	unsigned len, i = 0;
	const struct conf_node *m = members_begin(r, n, &len);

	r->c->origin.upstream_line = reading_line(r, n);
	if (!members_fit(r, k, n, len))
		return;
	for (; m; m = m == n ? NULL : m->next, i++) {
		size_t back = m == n ? r->path_len : path_enter_member(r, i);

		if (!take_word(r, m, len))
			take_server(r, m);
		path_leave(r, back);
	}
	upstream_check_kind(r, r->c->dns64.upstream, r->c->dns64.upstream_len, r->c->origin.upstream_line);
}

static void print_upstreams(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct dns64_config *d = &((const struct conf *)base)->dns64;

	for (unsigned w = 0; w < ARRAY_LEN(words); w++)
		if (d->upstream_mode == words[w].mode) {
			fprintf(to, " [%s]\n", words[w].word);
			return;
		}
	fputs(" [", to);
	for (unsigned i = 0; i < d->upstream_len; i++) {
		fputs(i > 0 ? ", " : "", to);
		item_print(&item_upstream, &d->upstream[i], to);
	}
	fputs("]\n", to);
}

const struct conf_shape shape_upstreams = { "a list of servers, or system, or recursive", read_upstreams,
	print_upstreams };

/* --- what cannot be asked --- */

#define LOOPBACK4 0x7f000001u

static bool is_loopback(const struct endpoint *e)
{
	return e->is4 ? e->a4.v == LOOPBACK4 : e->a6.hi == 0 && e->a6.lo == 1;
}

static bool same_address(const struct endpoint *a, const struct endpoint *b)
{
	return a->is4 ? addr4_eq(a->a4, b->a4) : addr6_eq(a->a6, b->a6);
}

static bool leads_to(const struct endpoint *server, const struct endpoint *listen, const struct addr4 *host4)
{
	if (server->is4 != listen->is4 || server->port != listen->port)
		return false;
	if (same_address(server, listen))
		return true;
	return endpoint_is_any(listen) &&
	       (is_loopback(server) || (server->is4 && host4 && addr4_eq(server->a4, *host4)));
}

const struct endpoint *upstream_own_listen(
	const struct dns64_config *d, const struct upstream *server, const struct addr4 *host4)
{
	const struct endpoint *listen = server->tls ? d->tls.listen : d->listen;
	unsigned len = server->tls ? d->tls.listen_len : d->listen_len;

	for (unsigned i = 0; i < len; i++)
		if (leads_to(&server->to, &listen[i], host4))
			return &listen[i];
	return NULL;
}

void upstream_check(struct conf_reading *r, const struct addr4 *host4)
{
	const struct dns64_config *d = &r->c->dns64;
	char server[ITEM_TEXT], own[ITEM_TEXT];
	size_t back = path_enter(r, "dns64.upstream");

	for (unsigned i = 0; i < d->upstream_len; i++) {
		const struct endpoint *listen = upstream_own_listen(d, &d->upstream[i], host4);

		if (!listen)
			continue;
		item_upstream.write(&d->upstream[i], server);
		item_endpoint.write(listen, own);
		reading_fault(r, r->c->origin.upstream_line,
			"%s is this resolver itself (it listens on %s), " REMEDY, server, own);
	}
	path_leave(r, back);
}

/* --- resolv.conf --- */

#define RESOLV_LINE_MAX 256
#define DNS_PORT 53

/* What stands behind `nameserver` in a line, in place; NULL if the line says something else. */
static char *nameserver_of(char *line)
{
	char *save, *word = strtok_r(line, " \t\r", &save);

	if (!word || strcmp(word, "nameserver") != 0)
		return NULL;
	return strtok_r(NULL, " \t\r", &save);
}

void resolv_each(const char *text, void (*each)(void *ctx, const char *word), void *ctx)
{
	for (const char *at = text; at && *at;) {
		size_t len = strcspn(at, "\n");
		char line[RESOLV_LINE_MAX];
		size_t kept = len < sizeof(line) ? len : sizeof(line) - 1;

		bytes_copy(line, at, kept);
		line[kept] = '\0';
		char *word = nameserver_of(line);

		if (word)
			each(ctx, word);
		at += len + (at[len] == '\n');
	}
}

static bool is_known(const struct dns64_config *d, const struct endpoint *e)
{
	for (unsigned i = 0; i < d->upstream_len; i++)
		if (d->upstream[i].to.is4 == e->is4 && same_address(&d->upstream[i].to, e))
			return true;
	return false;
}

struct resolv {
	struct conf_reading *r;
	const char *name;
	const struct addr4 *host4;
	unsigned line; /* of the key, for messages */
};

static void take_nameserver(void *ctx, const char *word)
{
	struct resolv *v = ctx;
	struct dns64_config *d = &v->r->c->dns64;
	struct upstream u = { 0 };
	char why[ITEM_WHY], own[ITEM_TEXT];

	if (strchr(word, '%')) {
		reading_warning(v->r, v->line, "%s names %s, a link-local server, which is left out; " REMEDY,
			v->name, word);
		return;
	}
	u.to.is4 = strchr(word, ':') == NULL;
	u.to.port = DNS_PORT;
	if (!(u.to.is4 ? addr4_parse(word, &u.to.a4) : addr6_parse(word, &u.to.a6))) {
		reading_warning(v->r, v->line,
			"%s names \"%.60s\", which is no address and is left out; " REMEDY, v->name, word);
		return;
	}
	if (endpoint_is_any(&u.to)) /* as the C library has it: this host */
		u.to = u.to.is4 ? (struct endpoint){ .is4 = true, .a4.v = LOOPBACK4, .port = DNS_PORT }
				: (struct endpoint){ .a6.lo = 1, .port = DNS_PORT };
	const struct endpoint *listen = upstream_own_listen(d, &u, v->host4);

	if (listen) {
		item_endpoint.write(listen, own);
		reading_fault(v->r, v->line,
			"%s names %s, which is this resolver itself (it listens on %s), " REMEDY, v->name,
			word, own);
		return;
	}
	if (is_known(d, &u.to))
		return;
	item_upstream.write(&u, own);
	if (!item_upstream.read(own, &u, why)) {
		reading_warning(v->r, v->line, "%s names %s, which cannot be asked and is left out; " REMEDY,
			v->name, word);
		return;
	}
	if (d->upstream_len == DNS64_UPSTREAM_MAX) {
		reading_warning(v->r, v->line, "%s names more than %d servers, %s is left out", v->name,
			DNS64_UPSTREAM_MAX, word);
		return;
	}
	d->upstream[d->upstream_len++] = u;
}

void upstream_take_resolv(
	struct conf_reading *r, const char *name, const char *text, const struct addr4 *host4)
{
	struct resolv v = { .r = r, .name = name, .host4 = host4, .line = r->c->origin.upstream_line };
	size_t back = path_enter(r, "dns64.upstream");
	unsigned before = r->faults;

	r->c->dns64.upstream_len = 0;
	resolv_each(text, take_nameserver, &v);
	if (!text)
		reading_fault(r, v.line, "%s, which lists the system's name servers, cannot be read, " REMEDY,
			name);
	else if (r->c->dns64.upstream_len == 0 && r->faults == before)
		reading_fault(r, v.line, "%s names no name server, " REMEDY, name);
	r->c->dns64.upstream_mode = UPSTREAM_FORWARD;
	path_leave(r, back);
}
