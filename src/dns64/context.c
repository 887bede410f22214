/*
 * context.c - libunbound's contexts; see context.h
 *
 * The configuration goes through a file in memory. A context reads its files when it is finalized, which the first
 * question does; so each is asked one for a name that is configured to be local.
 */
#include "dns64/context.h"

#include "dns64/engine_config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unbound.h>
#include <unbound-event.h>
#include <unistd.h>

void context_reserved_ports(char buf[static RESERVED_PORTS_TEXT])
{
	int fd = open(RESERVED_PORTS_PATH, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, RESERVED_PORTS_TEXT - 1);

	buf[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static void look_up_ports(
	const struct carrier *carrier, const struct dns64_config *c, struct engine_config_ports *p)
{
	for (unsigned i = 0; i < c->upstream_len; i++)
		p->upstream[i] = carrier_port(carrier, &c->upstream[i]);
	for (unsigned i = 0; i < c->forward_len; i++)
		for (unsigned k = 0; k < c->forward[i].to_len; k++)
			p->forward[i][k] = carrier_port(carrier, &c->forward[i].to[k]);
}

/* Writes the configuration into memory and lets libunbound read it from there. */
static int load_config(struct ub_ctx *ctx, const struct context_plan *p, enum context_cache cache,
	char *fault, size_t fault_size)
{
	const struct dns64_config *c = p->config;
	char reserved[RESERVED_PORTS_TEXT], path[64];
	struct engine_config_ports ports = { 0 };
	int fd = memfd_create("isthmus-dns64", MFD_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		snprintf(fault, fault_size, "cannot make a file in memory: %s", strerror(-err));
		return err;
	}
	context_reserved_ports(reserved);
	if (p->carrier)
		look_up_ports(p->carrier, c, &ports);
	engine_config_write(f, c,
		&(struct engine_config_host){ .threads = p->threads,
			.reserved = reserved,
			.ports = &ports,
			.cache_percent = p->cache_percent,
			.is_uncached = cache == CACHE_NONE });
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int r = fflush(f) != 0 ? UB_READFILE : ub_ctx_config(ctx, path);

	fclose(f);
	if (r == 0)
		return 0;
	snprintf(fault, fault_size, "libunbound refuses its configuration: %s", ub_strerror(r));
	return -EIO;
}

static void on_warm(
	void *ctx, int rcode, void *packet, int len, int sec, char *why_bogus, int was_ratelimited)
{
	*(bool *)ctx = rcode == 0 && len > 0;
}

static int warm_up(struct ub_ctx *ctx, char *fault, size_t fault_size)
{
	bool works = false;
	int r = ub_resolve_event(ctx, WARM_UP_NAME, 1, 1, &works, on_warm, NULL); /* A, IN */

	if (r == 0 && works)
		return 0;
	snprintf(fault, fault_size, "libunbound does not start (a line above may say why)");
	return -EIO;
}

int context_new(const struct context_plan *p, enum context_cache cache, struct ub_ctx **ret, char *fault,
	size_t fault_size)
{
	struct ub_ctx *ctx = ub_ctx_create_event(loop_base(p->loop));

	if (!ctx) {
		snprintf(fault, fault_size, "libunbound cannot make a context");
		return -ENOMEM;
	}
	ub_ctx_debugout(ctx, p->log);
	int err = load_config(ctx, p, cache, fault, fault_size);

	if (err == 0)
		err = warm_up(ctx, fault, fault_size);
	if (err < 0) {
		ub_ctx_delete(ctx);
		return err;
	}
	*ret = ctx;
	return 0;
}
