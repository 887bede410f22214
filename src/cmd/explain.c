/*
 * explain.c - `isthmus explain`: what the gateway would do with a packet, and why
 *
 * The packets are taken one after the other through a translator of our own: the same code as in the gateway, with the same
 * configuration, but with empty tables, and a clock that stands still unless a capture file moves it. The running
 * gateway, if there is one, is asked for its configuration and for nothing else. The numbers that are random in the gateway
 * (a port that has to be another, identifications) come from a fixed seed, so an explanation can be repeated.
 */
#include "cmd/client.h"
#include "cmd/packet_input.h"
#include "cmd/step_row.h"

#include "base/bytes.h"
#include "conf/conf.h"
#include "nat64/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH "isthmus explain"
#define RESOLV_CONF "/etc/resolv.conf"
#define FILE_BYTES_MAX ((size_t)256 * 1024 * 1024)
#define OUTPUTS_MAX 256 /* packets that one packet may become: fragments of fragments */
#define START (1000 * NSEC)
#define GAP MSEC /* between two packets that do not say when they came */
#define HEX_LINE 16

struct output {
	uint8_t *bytes; /* owned */
	size_t len;
};

struct explain {
	struct nat64 *nat64;
	struct trace *trace;
	bool is_json;
	unsigned packets;
	nsec now;
	struct output outputs[OUTPUTS_MAX]; /* of the packet at hand */
	unsigned outputs_len;
	struct trace_step steps[TRACE_PACKET_STEPS_MAX];
};

/* --- what comes out --- */

static void on_send(void *ctx, const struct pkt *p)
{
	struct explain *e = ctx;
	uint8_t *copy = e->outputs_len < OUTPUTS_MAX ? malloc(p->len) : NULL;

	if (!copy)
		return;
	bytes_copy(copy, p->data, p->len);
	e->outputs[e->outputs_len++] = (struct output){ copy, p->len };
}

static void drop_probe(void *ctx, const struct pkt *p)
{
}

static void outputs_free(struct explain *e)
{
	for (unsigned i = 0; i < e->outputs_len; i++)
		free(e->outputs[i].bytes);
	e->outputs_len = 0;
}

static void print_hex(const struct output *o)
{
	for (size_t at = 0; at < o->len; at += HEX_LINE) {
		printf("      %04zx:", at);
		for (size_t i = at; i < o->len && i < at + HEX_LINE; i++)
			printf("%s%02x", i % 2 == 0 ? " " : "", o->bytes[i]);
		putchar('\n');
	}
}

static json_t *hex_json(const struct output *o)
{
	char *text = malloc(o->len * 2 + 1);
	json_t *j = NULL;

	for (size_t i = 0; text && i < o->len; i++)
		snprintf(text + i * 2, 3, "%02x", o->bytes[i]);
	if (text)
		j = json_stringn(text, o->len * 2);
	free(text);
	return j;
}

/* --- the steps --- */

/* Each of these steps is about one packet that came out, in the same order. */
static bool is_output(const struct step *s)
{
	return s->id == STEP_SENT || s->id == STEP_TOLD || s->id == STEP_PASSED;
}

static void print_json(const struct explain *e, const struct step *s, const struct output *o)
{
	json_t *row = step_row(s);

	json_object_set_new(row, "packet", json_integer(e->packets));
	if (o)
		json_object_set_new(row, "hex", hex_json(o));
	if (row && json_dumpf(row, stdout, JSON_COMPACT) == 0)
		putchar('\n');
	json_decref(row);
}

static void print_text(const struct explain *e, const struct step *s, bool is_first, const struct output *o)
{
	char text[STEP_ROW_TEXT], spec[STEP_ROW_TEXT];

	(void)step_row_spec(s, spec);
	if (is_first)
		printf("%spacket %u: ", e->packets > 1 ? "\n" : "", e->packets);
	else
		printf("  ");
	printf("%s%s%s%s\n", step_row_text(s, text), spec[0] ? " (" : "", spec, spec[0] ? ")" : "");
	if (o)
		print_hex(o);
}

static void print_steps(struct explain *e)
{
	uint64_t lost;
	unsigned len = trace_take(e->trace, e->steps, ARRAY_LEN(e->steps), &lost), sent = 0;

	for (unsigned i = 0; i < len; i++) {
		const struct step *s = &e->steps[i].step;
		const struct output *o = is_output(s) && sent < e->outputs_len ? &e->outputs[sent++] : NULL;

		if (e->is_json)
			print_json(e, s, o);
		else
			print_text(e, s, i == 0, o);
	}
}

static void on_packet(void *ctx, const uint8_t *bytes, size_t len, nsec at)
{
	struct explain *e = ctx;
	size_t room = 2 * PKT_HEADROOM + len + 2 * PKT_TAILROOM;
	uint8_t *memory = calloc(1, room);
	struct nat64_out quiet = { .send = drop_probe, .ctx = e }, out = { .send = on_send, .ctx = e };

	if (!memory)
		return;
	struct pkt p = {
		.head = memory, .data = memory + 2 * PKT_HEADROOM, .len = (uint32_t)len, .end = memory + room
	};

	bytes_copy(p.data, bytes, len);
	e->packets++;
	e->now = START + at > e->now + GAP ? START + at : e->now + GAP;
	(void)nat64_tick(e->nat64, e->now, &quiet);
	(void)nat64_packet(e->nat64, &p, e->now, &out);
	print_steps(e);
	outputs_free(e);
	free(memory);
}

/* --- the packets --- */

/* read_all() - everything that a stream has, up to FILE_BYTES_MAX; NULL with a message */
static uint8_t *read_all(FILE *from, const char *name, size_t *ret_len)
{
	uint8_t *data = NULL;
	size_t room = 0, len = 0, n;

	do {
		if (len == room) {
			room = room * 2 + 65536;
			uint8_t *more = room <= FILE_BYTES_MAX ? realloc(data, room) : NULL;

			if (!more) {
				fprintf(stderr, "%s: %s: too large\n", PATH, name);
				free(data);
				return NULL;
			}
			data = more;
		}
		n = fread(data + len, 1, room - len, from);
		len += n;
	} while (n > 0);
	if (ferror(from)) {
		fprintf(stderr, "%s: %s: %s\n", PATH, name, strerror(errno));
		free(data);
		return NULL;
	}
	*ret_len = len;
	return data;
}

static int explain_bytes(struct explain *e, const char *name, const uint8_t *data, size_t len)
{
	const struct input_sink sink = { on_packet, e };
	char why[INPUT_WHY];
	int count = packet_input_read(data, len, &sink, why);

	if (count > 0)
		return STATUS_OK;
	return command_usage_error(PATH, "%s: %s", name, count < 0 ? why : "there is no packet in it");
}

static int explain_stream(struct explain *e, const char *name, FILE *from)
{
	size_t len;
	uint8_t *data = read_all(from, name, &len);
	int status = data ? explain_bytes(e, name, data, len) : STATUS_FAILED;

	free(data);
	return status;
}

/* An operand is a file, "-", or a packet itself. */
static int explain_operand(struct explain *e, const char *word)
{
	if (strcmp(word, "-") == 0)
		return explain_stream(e, "standard input", stdin);
	if (access(word, F_OK) < 0)
		return explain_bytes(e, "no such file, and as a packet", (const uint8_t *)word, strlen(word));
	FILE *f = fopen(word, "rb");

	if (!f)
		return command_usage_error(PATH, "%s: %s", word, strerror(errno));
	int status = explain_stream(e, word, f);
	fclose(f);
	return status;
}

static int explain_all(struct explain *e, const struct options *o)
{
	int status = STATUS_OK;

	if (o->operands_len == 0)
		return explain_operand(e, "-");
	for (unsigned i = 0; i < o->operands_len && status == STATUS_OK; i++)
		status = explain_operand(e, o->operands[i]);
	return status;
}

/* --- the configuration --- */

static int print_faults(const struct conf_errors *errors, int err)
{
	for (unsigned i = 0; i < errors->len; i++)
		fprintf(stderr, "%s\n", errors->lines[i]);
	if (errors->len == 0)
		(void)client_complain(strerror(-err));
	return STATUS_USAGE;
}

static void keep_yaml(void *ctx, const json_t *row, const char *line)
{
	char **to = ctx;

	free(*to);
	*to = strdup(row_text(row, "yaml"));
}

/* conf_of_gateway() - what the running gateway works with; NULL if none answers */
static struct conf *conf_of_gateway(const struct options *o)
{
	struct conf_errors errors = { 0 };
	struct conf *c = NULL;
	char why[512], *yaml = NULL;
	const char *path;
	struct question q = { .cmd = "config", .role = "supervisor", .row = keep_yaml, .ctx = &yaml };

	if (client_socket(o, &path) != STATUS_OK ||
		client_ask(path, &q, why, sizeof(why)) != CLIENT_COMPLETE) {
		free(yaml);
		return NULL;
	}
	if (yaml && conf_parse("the gateway's configuration", yaml, strlen(yaml), &c, &errors) < 0)
		(void)print_faults(&errors, -EINVAL);
	conf_errors_fini(&errors);
	free(yaml);
	return c;
}

/* conf_of_file() - a file, or the built-in configuration, with what only this host knows filled in */
static int conf_of_file(const char *file, struct conf **ret)
{
	struct conf_errors errors = { 0 };
	struct conf *c = NULL;
	int err = file ? conf_load(file, &c, &errors) : conf_default(&c);

	if (err == 0)
		err = conf_resolve(c, RESOLV_CONF, &errors);
	int status = err < 0 ? print_faults(&errors, err) : STATUS_OK;

	conf_errors_fini(&errors);
	if (status == STATUS_OK)
		*ret = c;
	else
		conf_free(c);
	return status;
}

static int find_conf(const struct options *o, struct conf **ret, const char **ret_name)
{
	const char *file = o->value[OPTION_CONFIG];

	*ret_name = file;
	if (file)
		return conf_of_file(file, ret);
	*ret = option_is_set(o, OPTION_BUILT_IN) ? NULL : conf_of_gateway(o);
	*ret_name = "that of the running gateway";
	if (*ret)
		return STATUS_OK;
	if (option_is_set(o, OPTION_SOCKET))
		return client_complain("no gateway answers on that socket");
	file = !option_is_set(o, OPTION_BUILT_IN) && access(CONFIG_PATH_DEFAULT, R_OK) == 0
		       ? CONFIG_PATH_DEFAULT
		       : NULL;
	*ret_name = file ? file : "built in";
	return conf_of_file(file, ret);
}

/* --- all of it --- */

/* Of DNS46, too, the table is one of our own, and nothing is lent in it; *ret_memory is to be freed. */
static int lend_nothing(struct nat64_config *c, struct lent46 *t, void **ret_memory)
{
	const struct hash_key key = { 0, 0 };
	void *memory = calloc(1, lent46_bytes(c->siit.lent_pool));

	if (!memory)
		return -ENOMEM;
	lent46_make(memory, c->siit.lent_pool, &key);
	bool is_its = lent46_attach(t, c->siit.lent_pool, memory);

	ASSERT(is_its);
	c->siit.lent = t;
	*ret_memory = memory;
	return 0;
}

static int explain_with(const struct conf *c, const struct options *o)
{
	static struct explain e;
	static struct nat64_config config;
	static const uint8_t seed[32] = { 'i', 's', 't', 'h', 'm', 'u', 's' };
	struct lent46 lent;
	void *memory = NULL;
	int err = 0;

	config = c->nat64;
	if (c->has_dns46)
		err = lend_nothing(&config, &lent, &memory);
	if (err == 0)
		err = nat64_new(&config, seed, START, &e.nat64);
	if (err == 0)
		err = trace_new(&(const struct trace_filter){ .has_client = false }, &e.trace);
	if (err == 0)
		err = nat64_trace(e.nat64, e.trace);
	e.is_json = option_is_set(o, OPTION_JSON);
	e.now = START;
	int status = err == 0 ? explain_all(&e, o) : client_complain(strerror(-err));

	nat64_free(e.nat64);
	trace_free(e.trace);
	free(memory);
	return status;
}

int command_do_explain(const struct options *o)
{
	const char *name;
	struct conf *c = NULL;
	int status = find_conf(o, &c, &name);

	if (status != STATUS_OK)
		return status;
	if (!option_is_set(o, OPTION_JSON))
		printf("configuration: %s\n", name);
	if (c->has_nat64 || siit_is_on(&c->nat64.siit))
		status = explain_with(c, o);
	else
		status = client_complain("this configuration translates nothing");
	conf_free(c);
	return status;
}
