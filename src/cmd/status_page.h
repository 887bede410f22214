/* status_page.h - figures as a page for people */
#ifndef ISTHMUS_CMD_STATUS_PAGE_H
#define ISTHMUS_CMD_STATUS_PAGE_H

#include "base/compiler.h"
#include "cmd/snapshot.h"

#include <stdio.h>

#define STATUS_PAGE_TYPE "text/html; charset=utf-8"

/** status_page_print() - write a snapshot as one HTML document that needs nothing else; 0 or -ENOMEM */
MUST_CHECK int status_page_print(const struct snapshot *s, FILE *to);

#endif
