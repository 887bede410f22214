/* config.c - see config.h */
#include "relay/config.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[RELAY_TYPE_COUNT] = {
	[RELAY_TCP] = "tcp",
	[RELAY_UDP] = "udp",
	[RELAY_SOCKS5] = "socks5",
	[RELAY_HTTP_FORWARD] = "http-forward",
	[RELAY_HTTP_REVERSE] = "http-reverse",
	[RELAY_PAC] = "pac",
	[RELAY_TRANSPARENT] = "transparent",
};

const char *relay_type_name(enum relay_type t)
{
	ASSERT(t < RELAY_TYPE_COUNT);
	return type_names[t];
}

/* --- files --- */

/* What relay_config_file_at() has passed on its way to a number. */
struct file_walk {
	unsigned left;
	struct relay_file *ret;
};

static bool file_take(
	struct file_walk *w, const char *first, const char *second, const char *what, struct relay_text *text)
{
	if (!first[0])
		return false;
	if (w->left > 0) {
		w->left--;
		return false;
	}
	*w->ret = (struct relay_file){ { first, second }, what, text };
	return true;
}

bool relay_config_file_at(struct relay_config *c, unsigned number, struct relay_file *ret)
{
	struct file_walk w = { number, ret };

	for (unsigned i = 0; i < c->services_len; i++) {
		struct relay_service *s = &c->services[i];

		if (file_take(&w, s->users, NULL, "the users", &s->users_text))
			return true;
		if (file_take(&w, s->certificate, s->key, "the certificate and its key", &s->pem))
			return true;
		for (unsigned k = 0; k < s->routes_len; k++) {
			struct relay_route *r = &s->routes[k];

			if (file_take(&w, r->certificate, r->key, "the certificate and its key", &r->pem))
				return true;
			if (r->to_tls && file_take(&w, r->to_ca, NULL, "the authorities", &r->to_ca_pem))
				return true;
		}
	}
	return false;
}

/* --- copies --- */

/* A list of its own, of the same elements; a failure is remembered in *failed, and the list is empty then. */
static void *list_copy(const void *from, size_t size, bool *failed)
{
	void *to = from && size > 0 ? malloc(size) : NULL;

	if (to)
		bytes_copy(to, from, size);
	else if (from && size > 0)
		*failed = true;
	return to;
}

#define LIST_OWN(list, failed) ((list) = list_copy(list, (list##_len) * sizeof(*(list)), failed))

static void file_copy(struct relay_text *t, bool *failed)
{
	char *to = t->text ? malloc(t->len + 1) : NULL; /* that of an empty file is not NULL */

	if (to)
		bytes_copy(to, t->text, t->len);
	else if (t->text)
		*failed = true;
	t->text = to;
}

static void route_copy(struct relay_route *r, bool *failed)
{
	LIST_OWN(r->to, failed);
	file_copy(&r->pem, failed);
	file_copy(&r->to_ca_pem, failed);
}

/* A member that is a shallow copy gets lists of its own; all of them, also when one fails, so that it can be freed. */
static void service_copy(struct relay_service *s, bool *failed)
{
	LIST_OWN(s->listen, failed);
	LIST_OWN(s->clients, failed);
	LIST_OWN(s->destinations.allow, failed);
	LIST_OWN(s->destinations.deny, failed);
	LIST_OWN(s->destinations.ports, failed);
	LIST_OWN(s->trusted, failed);
	file_copy(&s->users_text, failed);
	file_copy(&s->pem, failed);
	LIST_OWN(s->to, failed);
	LIST_OWN(s->routes, failed);
	for (unsigned i = 0; s->routes && i < s->routes_len; i++)
		route_copy(&s->routes[i], failed);
	if (!s->routes)
		s->routes_len = 0;
}

int relay_config_copy(const struct relay_config *c, struct relay_config *ret)
{
	struct relay_config fresh = *c;
	bool failed = false;

	fresh.holds = NULL;
	LIST_OWN(fresh.translation, &failed);
	LIST_OWN(fresh.services, &failed);
	for (unsigned i = 0; fresh.services && i < fresh.services_len; i++)
		service_copy(&fresh.services[i], &failed);
	if (!fresh.services)
		fresh.services_len = 0;
	if (failed) {
		relay_config_fini(&fresh);
		return -ENOMEM;
	}
	*ret = fresh;
	return 0;
}

/* --- end of life --- */

/* Keys and passwords do not stay in memory that is given back. */
static void text_fini(struct relay_text *t)
{
	if (t->text)
		explicit_bzero(t->text, t->len);
	free(t->text);
}

static void route_fini(struct relay_route *r)
{
	text_fini(&r->pem);
	text_fini(&r->to_ca_pem);
	free(r->to);
}

void relay_service_fini(struct relay_service *s)
{
	for (unsigned i = 0; i < s->routes_len; i++)
		route_fini(&s->routes[i]);
	free(s->routes);
	text_fini(&s->users_text);
	text_fini(&s->pem);
	free(s->to);
	free(s->trusted);
	free(s->destinations.ports);
	free(s->destinations.deny);
	free(s->destinations.allow);
	free(s->clients);
	free(s->listen);
}

void relay_config_fini(struct relay_config *c)
{
	for (unsigned i = 0; i < c->services_len; i++)
		relay_service_fini(&c->services[i]);
	free(c->services);
	free(c->translation);
	*c = (struct relay_config){ .services = NULL };
}
