/* figures.h - numbers as people read them: grouped digits, durations, sizes, shares */
#ifndef ISTHMUS_CMD_FIGURES_H
#define ISTHMUS_CMD_FIGURES_H

#include <stdint.h>

#define FIGURE_TEXT 32 /* bytes that always suffice */

/** figure_count() - "1 234 567" with a narrow grouping: "1,234,567"; returns @buf */
const char *figure_count(uint64_t n, char buf[static FIGURE_TEXT]);

/** figure_duration() - the two largest units: "8.8s", "4m10s", "1h59m", "12d4h"; negative is 0 */
const char *figure_duration(double seconds, char buf[static FIGURE_TEXT]);

/** figure_bytes() - "512 B", "1.5 KiB", "98.2 MiB", ... */
const char *figure_bytes(uint64_t bytes, char buf[static FIGURE_TEXT]);

/** figure_share() - "12 %"; "<1 %" if it is not quite nothing; "-" of nothing */
const char *figure_share(uint64_t part, uint64_t whole, char buf[static FIGURE_TEXT]);

#endif
