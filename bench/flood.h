/* flood.h - what flood.c and its program agree on */
#ifndef ISTHMUS_BENCH_FLOOD_H
#define ISTHMUS_BENCH_FLOOD_H

#define FLOOD_FRAME 98 /* bytes: headers, and a question for n100.bench.example to n999.bench.example */
#define FLOOD_FRAMES 900
#define FLOOD_FIRST 100
#define FLOOD_PORT 4242 /* of the client */

#endif
