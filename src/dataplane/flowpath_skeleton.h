/* flowpath_skeleton.h - the flow programs, as bpftool wrote them into a header; for the flowpath_*.c files */
#ifndef ISTHMUS_DATAPLANE_FLOWPATH_SKELETON_H
#define ISTHMUS_DATAPLANE_FLOWPATH_SKELETON_H

#include "abi.h"

#include <bpf/bpf.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#include "flow.skel.h"
#pragma GCC diagnostic pop

#endif
