/*
 * host_probe.c - puts the gateway into a host without its translator, for test_host.sh
 *
 *	host_probe [--device NAME] [--journal FILE] [--prefix P6]... [--pool P4:LO-HI]... [--shared
 * A4:LO-HI]...
 *		[--count-only] run	take the packets of queue 0 until SIGTERM; print what came, then undo
 * everything host_probe ... check		the findings of `isthmus check --host` host_probe facts
 *
 * `run` gives every IPv4 packet back to the host unchanged, as the worker does for what has no binding,
 * unless
 * --count-only is given. Prefixes and pools after --then are those of a reload: SIGHUP makes the host fit for both
 * (host_widen()), then SIGUSR1 takes the old ones away and SIGUSR2 the new ones (host_narrow()); each is answered by a line. It prints "up ..." when all is in place, and at the end one line per kind of packet.
 */
#include "dataplane/host.h"
#include "dataplane/tun.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct nat64_config config, next_config, *filled = &config;
static struct host_plan plan = { .nat64 = &config, .queues = 1 };
static bool count_only;
static volatile sig_atomic_t stopped, asked; /* asked: SIGHUP, SIGUSR1 or SIGUSR2 */

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static void on_reload_signal(int number)
{
	asked = number;
}

static void reload(struct host *h, int number)
{
	struct host_plan next = plan;
	char fault[512] = "";

	next.nat64 = &next_config;
	if (number == SIGHUP && host_widen(h, &next, fault, sizeof(fault)) < 0) {
		host_narrow(h, &plan);
		printf("fault %s\n", fault);
	} else if (number == SIGHUP) {
		printf("wide\n");
	} else {
		host_narrow(h, number == SIGUSR1 ? &next : &plan);
		printf(number == SIGUSR1 ? "new\n" : "old\n");
	}
	fflush(stdout);
}

struct kind {
	const char *name;
	uint8_t version, proto;
	int icmp_type; /* -1: any */
	unsigned pkts, trains, partial, fragments, refused;
	uint32_t largest;
};

static struct kind kinds[] = {
	{ .name = "tcp4", .version = 4, .proto = 6, .icmp_type = -1 },
	{ .name = "udp4", .version = 4, .proto = 17, .icmp_type = -1 },
	{ .name = "echo4", .version = 4, .proto = 1, .icmp_type = 8 },
	{ .name = "reply4", .version = 4, .proto = 1, .icmp_type = 0 },
	{ .name = "error4", .version = 4, .proto = 1, .icmp_type = 3 },
	{ .name = "tcp6", .version = 6, .proto = 6, .icmp_type = -1 },
	{ .name = "udp6", .version = 6, .proto = 17, .icmp_type = -1 },
	{ .name = "echo6", .version = 6, .proto = 58, .icmp_type = 128 },
};

static struct kind *kind_find(const struct pkt *p)
{
	uint8_t version = p->data[0] >> 4;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct kind *k = &kinds[i];
		size_t l4 = version == 4 ? (size_t)(p->data[0] & 15) * 4 : 40;

		if (p->len <= l4 || k->version != version || k->proto != p->data[version == 4 ? 9 : 6])
			continue;
		if (k->icmp_type < 0 || k->icmp_type == p->data[l4])
			return k;
	}
	return NULL;
}

static void packet_take(int fd, const struct pkt *p)
{
	struct kind *k = p->len > 20 ? kind_find(p) : NULL;

	if (k) {
		k->pkts++;
		k->trains += p->off.gso != GSO_NONE;
		k->partial += p->off.csum_partial;
		k->fragments += k->version == 4 && (be16_at(p->data + 6) & 0x3fff) != 0;
		if (p->len > k->largest)
			k->largest = p->len;
	}
	if (!count_only && p->len > 20 && p->data[0] >> 4 == 4 && tun_write(fd, p) < 0 && k)
		k->refused++;
}

static int run(void)
{
	static uint8_t buf[TUN_BUFFER_BYTES];
	char fault[512] = "";
	struct host_status st;
	struct host *h = NULL;
	unsigned malformed = 0;

	signal(SIGTERM, on_signal);
	signal(SIGHUP, on_reload_signal);
	signal(SIGUSR1, on_reload_signal);
	signal(SIGUSR2, on_reload_signal);
	int r = host_up(&plan, &h, fault, sizeof(fault));

	if (r < 0) {
		printf("fault %d %s\n", -r, fault);
		return 1;
	}
	host_status(h, &st);
	printf("up device=%s mtu=%u tso4=%d tso6=%d uso=%d steering=%d interfaces=%u\n", st.device, st.mtu,
		st.tso4, st.tso6, st.uso, st.steering, st.steered_interfaces);
	fflush(stdout);
	while (!stopped) {
		struct pollfd wait = { .fd = host_queue(h, 0), .events = POLLIN };
		enum drop_reason reason = DROP_NONE;
		struct pkt p;

		if (asked) {
			reload(h, asked);
			asked = 0;
		}
		if (poll(&wait, 1, 100) <= 0)
			continue;
		while (tun_read(wait.fd, buf, &p, &reason) == 1) {
			malformed += reason != DROP_NONE;
			packet_take(wait.fd, &p);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		printf("%s pkts=%u trains=%u partial=%u fragments=%u largest=%u refused=%u\n", kinds[i].name,
			kinds[i].pkts, kinds[i].trains, kinds[i].partial, kinds[i].fragments,
			kinds[i].largest, kinds[i].refused);
	printf("malformed pkts=%u\n", malformed);
	host_down(h);
	return 0;
}

static void on_finding(void *ctx, const struct finding *f)
{
	static const char *const levels[] = { "ok", "note", "missing" };

	(void)ctx;
	printf("%s: %s: %s\n", levels[f->level], f->what, f->text);
}

static int check(void)
{
	unsigned missing = host_check(&config, on_finding, NULL);

	printf("missing=%u\n", missing);
	return 0;
}

static int facts(void)
{
	struct host_facts f;
	char text[ADDR4_TEXT];

	if (host_facts(&f) < 0)
		return 1;
	printf("route=%d uplink=%s address=%s\n", f.has_route4, f.uplink4,
		f.has_addr4 ? addr4_text(f.addr4, text) : "none");
	return 0;
}

/* "192.0.2.0/29:1024-65535" */
static bool pool_add(char *text, bool is_shared)
{
	struct pool_entry *e = &filled->state.pool[filled->state.pool_len];
	char *colon = strchr(text, ':'), *dash = colon ? strchr(colon, '-') : NULL;

	if (!dash || filled->state.pool_len == POOL_ENTRIES_MAX)
		return false;
	*colon = '\0';
	e->lo = (uint16_t)strtoul(colon + 1, NULL, 10);
	e->hi = (uint16_t)strtoul(dash + 1, NULL, 10);
	e->is_shared = is_shared;
	filled->state.pool_len++;
	return prefix4_parse(text, &e->prefix) == 0;
}

static bool option_take(const char *name, char *value)
{
	if (strcmp(name, "--device") == 0)
		return text_copy(plan.device, sizeof(plan.device), value);
	if (strcmp(name, "--journal") == 0) {
		plan.journal = value;
		return true;
	}
	if (strcmp(name, "--prefix") == 0)
		return filled->prefixes_len < STATE_PREFIXES_MAX &&
		       prefix6_parse(value, &filled->prefixes[filled->prefixes_len++]) == 0;
	return (strcmp(name, "--pool") == 0 && pool_add(value, false)) ||
	       (strcmp(name, "--shared") == 0 && pool_add(value, true));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*fn)(void);
	} commands[] = { { "run", run }, { "check", check }, { "facts", facts } };
	int i = 1;

	state_config_default(&config.state);
	state_config_default(&next_config.state);
	for (; i < argc - 1; i++) {
		if (strcmp(argv[i], "--count-only") == 0) {
			count_only = true;
			continue;
		}
		if (strcmp(argv[i], "--then") == 0) {
			filled = &next_config;
			continue;
		}
		if (!option_take(argv[i], argv[i + 1])) {
			fprintf(stderr, "host_probe: cannot take %s %s\n", argv[i], argv[i + 1]);
			return 2;
		}
		i++;
	}
	for (size_t k = 0; i < argc && k < ARRAY_LEN(commands); k++)
		if (strcmp(argv[i], commands[k].name) == 0)
			return commands[k].fn();
	fprintf(stderr, "host_probe: run, check or facts?\n");
	return 2;
}
