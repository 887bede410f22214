/* queue.c - see queue.h */
#include "dataplane/queue.h"

#include "abi.h"
#include "state/owner.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#include "queue.skel.h"
#pragma GCC diagnostic pop

_Static_assert(QUEUE_PROBES == OWNER_PROBES, "both sides search equally far");

static int first_word_put(int words, uint32_t table_len)
{
	uint32_t key = QUEUE_WORD_TABLE_LEN;
	uint64_t value = table_len;

	return bpf_map_update_elem(words, &key, &value, BPF_ANY) < 0 ? -errno : 0;
}

static int program_attach(int queue, const struct queue_bpf *s)
{
	int program = bpf_program__fd(s->progs.isthmus_queue);

	return ioctl(queue, TUNSETSTEERINGEBPF, &program) < 0 ? -errno : 0;
}

int queue_steer(int queue, uint32_t table_len, int *ret_words)
{
	libbpf_set_print(NULL); /* what it would print the caller says in one sentence */
	struct queue_bpf *s = queue_bpf__open();

	if (!s)
		return -errno;
	int words = -1;
	int r = bpf_map__set_max_entries(s->maps.words, QUEUE_HEAD_WORDS + table_len);

	if (r == 0)
		r = queue_bpf__load(s);
	if (r == 0)
		r = first_word_put(bpf_map__fd(s->maps.words), table_len);
	if (r == 0) {
		words = fcntl(bpf_map__fd(s->maps.words), F_DUPFD_CLOEXEC, 0);
		r = words < 0 ? -errno : 0;
	}
	if (r == 0)
		r = program_attach(queue, s);
	queue_bpf__destroy(s);
	if (r < 0) {
		if (words >= 0)
			close(words);
		return r;
	}
	*ret_words = words;
	return 0;
}

int queue_words_plain(uint32_t table_len, int *ret_words)
{
	uint64_t first = table_len;
	int fd = memfd_create("isthmus-owners", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)((QUEUE_HEAD_WORDS + table_len) * sizeof(uint64_t))) < 0 ||
		pwrite(fd, &first, sizeof(first), QUEUE_WORD_TABLE_LEN * sizeof(uint64_t)) !=
			(ssize_t)sizeof(first)) {
		int r = errno > 0 ? -errno : -EIO;

		close(fd);
		return r;
	}
	*ret_words = fd;
	return 0;
}
