/* test_trace_filter.c - what an operator asks to follow, read from the arguments of the request */
#include "harness.h"

#include "base/compiler.h"
#include "cmd/show_trace.h"

#include <stdio.h>
#include <string.h>

/* parse() - JSON with ' for " */
static const char *parse(const char *text, struct trace_filter *ret)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	json_t *args = json_loads(copy, 0, NULL);
	REQUIRE(args != NULL);
	const char *wrong = trace_filter_read(args, ret);
	json_decref(args);
	return wrong;
}

TEST(nothing_asked_for_is_everything)
{
	struct trace_filter f = { .has_client = true, .has_proto = true };

	CHECK(parse("{}", &f) == NULL);
	CHECK(!f.has_client && !f.has_client_port && !f.has_address && !f.has_port && !f.has_remote &&
		!f.has_remote_port && !f.has_proto);
}

TEST(each_form_of_an_end_is_read)
{
	char text[PREFIX6_TEXT], text4[PREFIX4_TEXT], address[ADDR4_TEXT];
	struct trace_filter f;

	CHECK(parse("{'who':'2001:db8::2'}", &f) == NULL);
	CHECK(f.has_client && !f.has_client_port && !f.has_address);
	CHECK_TEXT(prefix6_text(f.client, text), "2001:db8::2/128");
	CHECK(parse("{'who':'2001:db8::/64'}", &f) == NULL);
	CHECK_TEXT(prefix6_text(f.client, text), "2001:db8::/64");
	CHECK(parse("{'who':'[2001:db8::2]:4000'}", &f) == NULL);
	CHECK(f.has_client && f.has_client_port);
	CHECK_INT(f.client_port, 4000);
	CHECK(parse("{'who':'192.0.2.2'}", &f) == NULL);
	CHECK(f.has_address && !f.has_port && !f.has_client);
	CHECK_TEXT(addr4_text(f.address, address), "192.0.2.2");
	CHECK(parse("{'who':'192.0.2.2:2000'}", &f) == NULL);
	CHECK(f.has_address && f.has_port);
	CHECK_INT(f.port, 2000);
	CHECK(parse("{'to':'198.51.100.0/24','port':443,'proto':'udp'}", &f) == NULL);
	CHECK(f.has_remote && f.has_remote_port && f.has_proto && !f.has_client);
	CHECK_TEXT(prefix4_text(f.remote, text4), "198.51.100.0/24");
	CHECK_INT(f.remote_port, 443);
	CHECK_INT(f.proto, PROTO_UDP);
	CHECK_INT(f.number, 0);
}

TEST(protocols_without_ports_are_named_together_and_one_by_one)
{
	static const struct {
		const char *args;
		uint8_t number;
	} cases[] = {
		{ "{'proto':'other'}", 0 },
		{ "{'proto':'sctp'}", 132 },
		{ "{'proto':'47'}", 47 },
		{ "{'proto':'199'}", 199 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct trace_filter f;

		CHECK(parse(cases[i].args, &f) == NULL);
		CHECK(f.has_proto);
		CHECK_INT(f.proto, PROTO_OTHER);
		CHECK_INT(f.number, cases[i].number);
	}
}

static const struct {
	const char *args, *wrong;
} bad[] = {
	{ "{'who':''}", "who must be" },
	{ "{'who':'nobody'}", "who must be" },
	{ "{'who':'192.0.2.300'}", "who must be" },
	{ "{'who':'192.0.2.2:'}", "who must be" },
	{ "{'who':'192.0.2.2:65536'}", "who must be" },
	{ "{'who':'192.0.2.2:-1'}", "who must be" },
	{ "{'who':'192.0.2.2:1x'}", "who must be" },
	{ "{'who':'192.0.2.0/24'}", "who must be" },
	{ "{'who':'[2001:db8::2'}", "who must be" },
	{ "{'who':'[2001:db8::2]4000'}", "who must be" },
	{ "{'who':'[2001:db8::2]:99999'}", "who must be" },
	{ "{'who':'[192.0.2.2]:4'}", "who must be" },
	{ "{'who':'2001:db8::1/64'}", "who must be" },
	{ "{'who':'2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001'}", "who must be" },
	{ "{'to':'2001:db8::1'}", "to must be" },
	{ "{'to':'192.0.2.1/24'}", "to must be" },
	{ "{'port':'80'}", "port must be" },
	{ "{'port':-1}", "port must be" },
	{ "{'port':65536}", "port must be" },
	{ "{'proto':'17'}", "proto must be" }, /* has ports */
	{ "{'proto':'256'}", "proto must be" },
	{ "{'proto':'sctpx'}", "proto must be" },
	{ "{'proto':''}", "proto must be" },
};

TEST(what_makes_no_sense_is_refused_with_what_would)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct trace_filter f;
		const char *wrong = parse(bad[i].args, &f);

		test_row(bad[i].args);
		REQUIRE(wrong != NULL);
		CHECK(strncmp(wrong, bad[i].wrong, strlen(bad[i].wrong)) == 0);
	}
	test_row(NULL);
}
