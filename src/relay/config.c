/* config.c - see config.h */
#include "relay/config.h"

#include "base/compiler.h"

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
		}
	}
	return false;
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
	free(r->to);
}

static void service_fini(struct relay_service *s)
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
		service_fini(&c->services[i]);
	free(c->services);
	free(c->translation);
	*c = (struct relay_config){ .services = NULL };
}
