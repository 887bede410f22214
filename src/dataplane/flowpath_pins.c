/*
 * flowpath_pins.c - what outlives the process: maps and links in a bpffs
 *
 *	/sys/fs/bpf/isthmus/DEVICE-NAMESPACE/flows64, flows46, pairs, head, host, tallies, interfaces, exits
 *	/sys/fs/bpf/isthmus/DEVICE-NAMESPACE/tc-INDEX, xdp-INDEX
 *
 * NAMESPACE is the number of the network namespace, since one bpffs may be seen from several. An interface is known by its
 * index, for a bpffs takes no dot in a name. A link whose interface is gone cannot be updated, and so is known for dead.
 *
 * Maps are taken over only as a whole: if one is missing, or has another size than the program wants, or FLOW_LAYOUT is another one,
 * none is, and all that is pinned is removed.
 */
#include "dataplane/flowpath_parts.h"

#include "dataplane/flowpath_skeleton.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PARENT FLOWPATH_BPFFS "/isthmus"
#define MAPS 8
#define PATH_ROOM 448 /* directory, and the longest name that a file can have */

static void maps_of(const struct flow_bpf *b, struct bpf_map *ret[static MAPS])
{
	struct bpf_map *const maps[MAPS] = { b->maps.flows64, b->maps.flows46, b->maps.pairs, b->maps.head,
		b->maps.host, b->maps.tallies, b->maps.interfaces, b->maps.exits };

	for (unsigned i = 0; i < MAPS; i++)
		ret[i] = maps[i];
}

static void path_of(const struct flowpath_pins *p, const char *name, char ret[static PATH_ROOM])
{
	snprintf(ret, PATH_ROOM, "%s/%s", p->path, name);
}

static void link_path(
	const struct flowpath_pins *p, const char *what, unsigned index, char ret[static PATH_ROOM])
{
	snprintf(ret, PATH_ROOM, "%s/%s-%u", p->path, what, index);
}

void flowpath_pins_find(const char *device, struct flowpath_pins *ret, char ret_why[static FLOWPATH_REASON])
{
	struct statfs fs;
	struct stat st;

	ret->path[0] = ret_why[0] = '\0';
	if (statfs(FLOWPATH_BPFFS, &fs) < 0 || fs.f_type != BPF_FS_MAGIC) {
		text_copy(ret_why, FLOWPATH_REASON, "there is no bpffs at " FLOWPATH_BPFFS);
		return;
	}
	if (strchr(device, '.') || stat("/proc/self/ns/net", &st) < 0) {
		text_copy(ret_why, FLOWPATH_REASON, "a bpffs takes no dot in the name of the device");
		return;
	}
	snprintf(ret->path, sizeof(ret->path), "%s/%s-%ju", PARENT, device, (uintmax_t)st.st_ino);
}

/* --- maps --- */

static bool map_fits(const struct bpf_map *m, int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == bpf_map__type(m) &&
	       info.key_size == bpf_map__key_size(m) && info.value_size == bpf_map__value_size(m) &&
	       info.max_entries == bpf_map__max_entries(m) && info.map_flags == bpf_map__map_flags(m);
}

static bool layout_fits(int host)
{
	uint32_t zero = 0;
	struct flow_host h = { 0 };

	return bpf_map_lookup_elem(host, &zero, &h) == 0 && h.layout == FLOW_LAYOUT;
}

static void close_all(const int fds[static MAPS])
{
	for (unsigned i = 0; i < MAPS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static bool maps_open(
	const struct flowpath_pins *p, struct bpf_map *const maps[static MAPS], int ret[static MAPS])
{
	char path[PATH_ROOM];
	bool is_fit = true;

	for (unsigned i = 0; i < MAPS; i++) {
		path_of(p, bpf_map__name(maps[i]), path);
		ret[i] = bpf_obj_get(path);
		is_fit = is_fit && ret[i] >= 0 && map_fits(maps[i], ret[i]);
	}
	return is_fit;
}

bool flowpath_pins_take(const struct flowpath_pins *p, struct flow_bpf *b)
{
	struct bpf_map *maps[MAPS];
	int fds[MAPS];

	if (p->path[0] == '\0' || access(p->path, F_OK) < 0)
		return false;
	maps_of(b, maps);
	bool is_taken = maps_open(p, maps, fds);

	for (unsigned i = 0; i < MAPS && is_taken; i++)
		if (maps[i] == b->maps.host)
			is_taken = layout_fits(fds[i]);
	for (unsigned i = 0; i < MAPS && is_taken; i++)
		is_taken = bpf_map__reuse_fd(maps[i], fds[i]) == 0; /* makes a descriptor of its own */
	close_all(fds);
	if (!is_taken)
		flowpath_pins_remove(p);
	return is_taken;
}

int flowpath_pins_keep(const struct flowpath_pins *p, const struct flow_bpf *b)
{
	struct bpf_map *maps[MAPS];
	char path[PATH_ROOM];
	int r = 0;

	maps_of(b, maps);
	if (mkdir(PARENT, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (mkdir(p->path, 0700) < 0 && errno != EEXIST)
		return -errno;
	for (unsigned i = 0; i < MAPS && r == 0; i++) {
		path_of(p, bpf_map__name(maps[i]), path);
		r = bpf_obj_pin(bpf_map__fd(maps[i]), path) < 0 ? -errno : 0;
	}
	if (r < 0)
		flowpath_pins_remove(p);
	return r;
}

/* --- links --- */

int flowpath_pins_link(const struct flowpath_pins *p, const char *what, unsigned index)
{
	char path[PATH_ROOM];

	if (p->path[0] == '\0')
		return -ENOENT;
	link_path(p, what, index, path);
	int fd = bpf_obj_get(path);

	return fd < 0 ? -errno : fd;
}

void flowpath_pins_link_keep(const struct flowpath_pins *p, const char *what, unsigned index, int link)
{
	char path[PATH_ROOM];

	if (p->path[0] == '\0')
		return;
	link_path(p, what, index, path);
	(void)!unlink(path);
	(void)!bpf_obj_pin(link, path); /* without it, the link ends with this process */
}

void flowpath_pins_link_drop(const struct flowpath_pins *p, const char *what, unsigned index)
{
	char path[PATH_ROOM];

	if (p->path[0] == '\0')
		return;
	link_path(p, what, index, path);
	(void)!unlink(path);
}

/* --- the directory --- */

static void each_pin(
	const struct flowpath_pins *p, void (*each)(void *ctx, const char *path, const char *name), void *ctx)
{
	DIR *d = p->path[0] ? opendir(p->path) : NULL;
	char path[PATH_ROOM];

	if (!d)
		return;
	for (const struct dirent *e; (e = readdir(d)) != NULL;) {
		if (e->d_name[0] == '.')
			continue;
		path_of(p, e->d_name, path);
		each(ctx, path, e->d_name);
	}
	closedir(d);
}

struct trim {
	bool (*is_wanted)(void *ctx, unsigned index);
	void *ctx;
};

static void on_trim(void *ctx, const char *path, const char *name)
{
	const struct trim *t = ctx;
	const char *dash = strchr(name, '-');

	if (dash && !t->is_wanted(t->ctx, (unsigned)strtoul(dash + 1, NULL, 10)))
		(void)!unlink(path);
}

void flowpath_pins_trim(
	const struct flowpath_pins *p, bool (*is_wanted)(void *ctx, unsigned index), void *ctx)
{
	struct trim t = { is_wanted, ctx };

	each_pin(p, on_trim, &t);
}

static void on_remove(void *ctx, const char *path, const char *name)
{
	(void)!unlink(path);
}

void flowpath_pins_remove(const struct flowpath_pins *p)
{
	if (p->path[0] == '\0')
		return;
	each_pin(p, on_remove, NULL);
	(void)!rmdir(p->path);
	(void)!rmdir(PARENT); /* stays while another gateway has something there */
}

void flowpath_sweep(const char *device)
{
	struct flowpath_pins p;
	char why[FLOWPATH_REASON];

	flowpath_pins_find(device, &p, why);
	flowpath_pins_remove(&p);
}
