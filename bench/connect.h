/* connect.h - what connect.c and its programs agree on */
#ifndef ISTHMUS_BENCH_CONNECT_H
#define ISTHMUS_BENCH_CONNECT_H

#define CONNECT_FRAME 74 /* bytes: Ethernet, IPv6 and TCP headers */
#define CONNECT_WINDOW                                                                                       \
	80 /* connections that something is on its way of; the rings of a veth hold 256, and each is three segments */
#define CONNECT_FIRST_PORT 10000
#define CONNECT_PORTS_MAX 50000 /* of a host */
#define CONNECT_SESSIONS 1000000 /* that the gateway of bench/connections has room for */
#define CONNECT_HOSTS_MAX 65536

struct connect_frame {
	unsigned char bytes[CONNECT_FRAME];
};

enum connect_phase { CONNECT_OPEN, CONNECT_DATA, CONNECT_CLOSE };

#endif
