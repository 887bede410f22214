/* sender.h - what flood.c and connect.c have in common: programs that send frames by BPF_F_TEST_XDP_LIVE_FRAMES */
#ifndef ISTHMUS_BENCH_SENDER_H
#define ISTHMUS_BENCH_SENDER_H

#include <stdint.h>

/** die() - say what failed, by errno, and end */
_Noreturn void die(const char *what);

/** number_of() - a whole number from 1 to @max, or the end */
unsigned number_of(const char *text, unsigned max);

/** ethernet_write() - the first 14 bytes of a frame for IPv6, from @interface to the hardware address @to; or the end */
void ethernet_write(const char *interface, const char *to, uint8_t *frame);

/**
 * sender_prepare() - threads of the kernel that take packets on this processor go first; SIGALRM ends a system call
 *
 * The program that sends keeps its window by itself: to call it for each window would take the kernel milliseconds each time.
 */
void sender_prepare(void);

#endif
