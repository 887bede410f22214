/* queue.h - the program that tells the kernel which TUN queue a packet goes to (bpf/queue.bpf.c) */
#ifndef ISTHMUS_DATAPLANE_QUEUE_H
#define ISTHMUS_DATAPLANE_QUEUE_H

#include "base/compiler.h"

#include <stdint.h>

/**
 * queue_steer() - load the program, and have a TUN device ask it
 * @queue:	any queue of the device
 * @table_len:	words of the table of moved blocks; a power of two
 * @ret_words:	a descriptor of the words that the workers share with the program, for crew_new(); the caller's
 *
 * The device keeps the program until it vanishes.
 *
 * Return: 0; -errno (EPERM: CAP_BPF or CAP_NET_ADMIN is missing; EINVAL, ENOSYS: the kernel lacks what it takes).
 * Context: start-up; CAP_BPF and CAP_NET_ADMIN.
 */
MUST_CHECK int queue_steer(int queue, uint32_t table_len, int *ret_words);

/** queue_words_plain() - such words without a program: the workers' own memory, in a memory file; 0 or -errno */
MUST_CHECK int queue_words_plain(uint32_t table_len, int *ret_words);

#endif
