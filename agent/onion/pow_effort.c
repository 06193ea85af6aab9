/* SPDX-License-Identifier: BSD-3-Clause */
/* pow_effort.c - how much effort clients put in, and services ask for; see pow.h */
#include "agent/onion/pow.h"

#include <string.h>

/* A change of fewer percent is not worth a new descriptor (proposal 327 3.4.3.5). */
#define WORTH_PERCENT 15

static uint32_t clamp(uint32_t x, uint32_t min, uint32_t max)
{
	return x < min ? min : x > max ? max : x;
}

uint32_t pow_client_effort(uint32_t suggested, unsigned int failures)
{
	uint32_t effort = clamp(suggested, 0, POW_CLIENT_EFFORT_MAX);

	while (failures-- > 0 && effort < POW_CLIENT_EFFORT_MAX) {
		effort = effort < POW_CLIENT_DOUBLE_UNTIL ? effort * 2 : effort + effort / 2;
		effort = clamp(effort, POW_CLIENT_RETRY_MIN, POW_CLIENT_EFFORT_MAX);
	}
	return effort;
}

/* At least one more, or what those who came put in on average. */
static uint32_t increased(const struct pow_service_period *p, uint32_t suggested)
{
	uint64_t next = (uint64_t)suggested + 1;
	uint64_t mean = p->handled > 0 ? p->total_effort / p->handled : 0;

	if (mean > next)
		next = mean;
	return next > UINT32_MAX ? UINT32_MAX : (uint32_t)next;
}

uint32_t pow_service_update(struct pow_service_period *period, uint32_t suggested,
			    uint32_t top_effort, uint32_t waiting, uint32_t quarter_second)
{
	uint32_t next = suggested;

	/* A queue that is empty is worked off at any rate. */
	if (quarter_second == 0)
		quarter_second = 1;
	if (period->trimmed_effort_max > suggested ||
	    (period->had_queue && waiting > 0 && top_effort >= suggested))
		next = increased(period, suggested);
	else if (waiting < quarter_second)
		next = (uint32_t)((uint64_t)suggested * 2 / 3);
	memset(period, 0, sizeof(*period));
	return next;
}

bool pow_service_effort_differs(uint32_t published, uint32_t suggested)
{
	uint64_t change = published > suggested ? published - suggested : suggested - published;

	if ((published == 0) != (suggested == 0))
		return true;
	return change * 100 >= (uint64_t)published * WORTH_PERCENT && change > 0;
}
