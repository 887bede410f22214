/* sender.c - see sender.h */
#include "sender.h"

#include "base/bytes.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

unsigned number_of(const char *text, unsigned max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	errno = EINVAL;
	if (*end != '\0' || n == 0 || n > max)
		die(text);
	return (unsigned)n;
}

void ethernet_write(const char *interface, const char *to, uint8_t *f)
{
	struct ifreq r = { .ifr_ifindex = 0 };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	errno = EINVAL;
	if (sscanf(to, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", f, f + 1, f + 2, f + 3, f + 4, f + 5) != 6)
		die("the hardware address");
	text_copy(r.ifr_name, sizeof(r.ifr_name), interface);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &r) < 0)
		die(interface);
	close(fd);
	memcpy(f + 6, r.ifr_hwaddr.sa_data, 6);
	be16_put(f + 12, 0x86dd);
}

static void on_alarm(int number)
{
	(void)number; /* it ends the system call */
}

void sender_prepare(void)
{
	const struct sched_param none = { 0 };
	struct sigaction a = { .sa_handler = on_alarm };

	if (sched_setscheduler(0, SCHED_IDLE, &none) < 0 || sigaction(SIGALRM, &a, NULL) < 0)
		die("scheduling");
}
