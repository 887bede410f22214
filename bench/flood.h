/* flood.h - what flood.c and its program agree on */
#ifndef ISTHMUS_BENCH_FLOOD_H
#define ISTHMUS_BENCH_FLOOD_H

#define FLOOD_DNS_FRAME 98 /* bytes: headers, and a question for n100.bench.example to n999.bench.example */
#define FLOOD_WINDOW 192   /* packets on the way at once; the rings of a veth hold 256 */

#define FLOOD_DNS_FRAMES 900
#define FLOOD_DNS_FIRST 100
#define FLOOD_DNS_PORT 4242 /* of the client */

#define FLOOD_UDP_FRAME 126 /* bytes: headers, and a datagram of 64 */
#define FLOOD_UDP_HOSTS_MAX 65536
#define FLOOD_UDP_PORTS_MAX 50000 /* of a host */
#define FLOOD_UDP_PORT 10000	  /* the first */

#endif
