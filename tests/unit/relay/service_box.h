/* service_box.h - a service on a lane_box, whose ops the test brings; instead of services.c */
#ifndef ISTHMUS_TESTS_SERVICE_BOX_H
#define ISTHMUS_TESTS_SERVICE_BOX_H

#include "lane_box.h"
#include "relay/limits.h"
#include "relay/service.h"

static const struct service_ops *box_ops; /* of the test */

const struct service_ops *service_ops_of(enum relay_type type)
{
	return box_ops;
}

struct service_box {
	struct lane lane;
	struct relay_config all;
	struct relay_service config;
	struct service *service;
	atomic_uint holds;
};

/* What is in b->config counts. */
static inline void service_box_open(struct service_box *b)
{
	static const struct hash_key key = { 1, 2 };
	char fault[100];

	box_open(&b->lane);
	REQUIRE(limits_new(64, &key, &b->lane.limits) == 0);
	limits_set(b->lane.limits, 100, 10);
	b->all = (struct relay_config){ .holds = &b->holds };
	REQUIRE(service_open(&b->lane, &b->config, &b->all, &b->service, fault, sizeof(fault)) == 0);
}

static inline void service_box_close(struct service_box *b)
{
	if (b->service)
		service_retire(b->service);
	CHECK_INT(b->holds, 0);
	CHECK_INT(limits_total(b->lane.limits), 0);
	limits_free(b->lane.limits);
	lane_fini(&b->lane);
}

#endif
