/* test_config.c - copies of a configuration, and its files */
#include "harness.h"
#include "relay/config.h"

#include <stdlib.h>
#include <string.h>

static void *list_of(const void *from, size_t size)
{
	void *to = malloc(size);

	REQUIRE(to);
	memcpy(to, from, size);
	return to;
}

static struct relay_config whole(void)
{
	struct relay_route route = {
		.host = "www.example.org", .certificate = "/c", .key = "/k", .to_len = 1
	};
	struct relay_service s = { .type = RELAY_HTTP_REVERSE,
		.name = "web",
		.listen_len = 1,
		.clients_len = 2,
		.trusted_len = 1,
		.to_len = 1,
		.routes_len = 1,
		.users = "/u",
		.destinations = { .allow_len = 1, .deny_len = 1, .ports_len = 2 } };

	route.to = list_of(&(struct relay_target){ .host = "a" }, sizeof(*route.to));
	route.pem = (struct relay_text){ list_of("pem", 3), 3 };
	s.routes = list_of(&route, sizeof(route));
	s.listen = list_of(&(struct endpoint){ .port = 80 }, sizeof(*s.listen));
	s.clients = list_of((struct prefix[2]){ { .is4 = true }, { .is4 = false } }, 2 * sizeof(*s.clients));
	s.trusted = list_of(&(struct prefix){ .is4 = true }, sizeof(*s.trusted));
	s.to = list_of(&(struct relay_target){ .host = "b" }, sizeof(*s.to));
	s.destinations.allow = list_of(&(struct prefix){ .is4 = true }, sizeof(struct prefix));
	s.destinations.deny = list_of(&(struct prefix){ .is4 = true }, sizeof(struct prefix));
	s.destinations.ports =
		list_of((struct relay_ports[2]){ { 1, 2 }, { 80, 80 } }, 2 * sizeof(struct relay_ports));
	s.users_text = (struct relay_text){ list_of("a:b", 3), 3 };
	return (struct relay_config){
		.threads = 3,
		.translation = list_of(&(struct prefix6){ .len = 96 }, sizeof(struct prefix6)),
		.translation_len = 1,
		.services = list_of(&s, sizeof(s)),
		.services_len = 1,
	};
}

TEST(a_copy_has_everything_and_lives_alone)
{
	struct relay_config a = whole(), b, empty = { .threads = 0 };

	REQUIRE(relay_config_copy(&a, &b) == 0);
	relay_config_fini(&a);
	const struct relay_service *s = &b.services[0];

	CHECK_INT(b.threads, 3);
	CHECK_INT(b.translation[0].len, 96);
	CHECK_TEXT(s->name, "web");
	CHECK_INT(s->listen[0].port, 80);
	CHECK(s->clients[0].is4 && !s->clients[1].is4);
	CHECK_TEXT(s->to[0].host, "b");
	CHECK_INT(s->destinations.ports[1].first, 80);
	CHECK_BYTES(s->users_text.text, s->users_text.len, "a:b", 3);
	CHECK_TEXT(s->routes[0].to[0].host, "a");
	CHECK_BYTES(s->routes[0].pem.text, s->routes[0].pem.len, "pem", 3);
	relay_config_fini(&b);
	CHECK_INT(relay_config_copy(&empty, &b), 0);
	CHECK(!b.services);
	relay_config_fini(&b);
}

TEST(the_files_of_a_configuration_are_found_in_their_order)
{
	struct relay_config a = whole();
	struct relay_file f = { .what = "poison" };

	REQUIRE(relay_config_file_at(&a, 0, &f));
	CHECK_TEXT(f.paths[0], "/u");
	CHECK(!f.paths[1]);
	CHECK(f.text == &a.services[0].users_text);
	REQUIRE(relay_config_file_at(&a, 1, &f));
	CHECK_TEXT(f.paths[0], "/c");
	CHECK_TEXT(f.paths[1], "/k");
	f.what = "poison";
	CHECK(!relay_config_file_at(&a, 2, &f));
	CHECK_TEXT(f.what, "poison");
	relay_config_fini(&a);
}
