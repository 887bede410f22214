/* lent_memory.c - see lent_memory.h */
#include "cmd/lent_memory.h"

#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map(int fd, size_t bytes, void **ret)
{
	void *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (m == MAP_FAILED)
		return -errno;
	*ret = m;
	return 0;
}

static int fill(int fd, struct prefix4 pool)
{
	size_t bytes = lent46_bytes(pool);
	struct hash_key key;
	void *memory;
	int err = random_seed(&key, sizeof(key));

	if (err == 0 && ftruncate(fd, (off_t)bytes) < 0)
		err = -errno;
	if (err == 0)
		err = map(fd, bytes, &memory);
	if (err < 0)
		return err;
	lent46_make(memory, pool, &key);
	munmap(memory, bytes);
	/* A shorter file would end whoever reads behind its end, and the resolver may write it. */
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0 ? -errno : 0;
}

int lent_memory_make(struct prefix4 pool)
{
	int fd = memfd_create("isthmus-dns46", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	int err = fill(fd, pool);

	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}

static int take(int fd, struct prefix4 pool, struct lent46 *ret)
{
	size_t bytes = lent46_bytes(pool);
	struct stat st;
	void *memory;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < 0 || (size_t)st.st_size != bytes)
		return -EBADMSG;
	int err = map(fd, bytes, &memory);

	if (err < 0)
		return err;
	if (lent46_attach(ret, pool, memory))
		return 0;
	munmap(memory, bytes);
	return -EBADMSG;
}

int lent_memory_take(
	const struct role_start *s, struct role_start *rest, struct lent46 *ret, struct role_fault *fault)
{
	*rest = *s;
	if (!s->conf->has_dns46)
		return 0;
	int err =
		s->fds_len > 0 ? take(s->fds[--rest->fds_len], s->conf->nat64.siit.lent_pool, ret) : -EBADMSG;

	if (err < 0)
		snprintf(fault->text, sizeof(fault->text), "the table of lent addresses cannot be mapped: %s",
			strerror(-err));
	return err;
}
