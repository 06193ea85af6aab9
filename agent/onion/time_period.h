/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * time_period.h - the consensus as onion services read it: parameters, periods, randomness
 *
 * All times are the consensus' (its valid-after), never this machine's clock: both
 * sides of a service must come to the same period. Where two periods are in use at
 * once (a service always has two descriptors) enum hs_role says which is meant.
 * Spec: rend-spec-v3 2.2.1, 2.2.3, 2.2.4, 2.3.
 */
#ifndef ONION_TIME_PERIOD_H
#define ONION_TIME_PERIOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "dirclient/netdir.h"

#define HS_REPLICAS_MAX 16	/* limits of the parameters (rend-spec-v3 2.2.3) */
#define HS_SPREAD_MAX 128
#define HS_DESC_LEN_DEFAULT 50000	/* HSV3MaxDescriptorSize, and the most that we take */
#define HS_DESC_LEN_MAX 200000

struct hs_params {
	time_t valid_after;
	time_t interval;	/* between two votes, seconds */
	time_t offset;		/* of the periods' start against the epoch, seconds */
	uint32_t period_length;	/* minutes */
	unsigned int n_replicas;
	unsigned int spread_fetch;
	unsigned int spread_store;
	size_t desc_len_max;
	bool has_srv[SRV_N];
	uint8_t srv[SRV_N][SHARED_RANDOM_LEN];
};

/* A time period: its number tells nothing without its length. */
struct time_period {
	uint64_t num;
	uint32_t length;	/* minutes */
};

enum hs_role {
	HS_FETCH,	/* a client looking for the descriptor */
	HS_STORE_FIRST,	/* a service's older descriptor: for clients with an older consensus */
	HS_STORE_SECOND,	/* its newer one */
};

/* A period with the randomness that its ring is made of. */
struct hs_period {
	struct time_period tp;
	uint8_t srv[SHARED_RANDOM_LEN];
	bool is_disaster;	/* the consensus has no such value: derived from the period */
	time_t srv_start;	/* start of the run that made @srv; revision counters count from here */
};

/*
 * Reads everything out of @nd. @testing: TestingTorNetwork, where a period is as
 * long as a run of the shared random protocol (24 votes) whatever the consensus says.
 */
void hs_params_read(struct hs_params *ret, const struct netdir *nd, bool testing);

struct time_period time_period_at(const struct hs_params *p, time_t when);
time_t time_period_start(const struct hs_params *p, struct time_period tp);
time_t time_period_end(const struct hs_params *p, struct time_period tp);
bool time_period_equal(struct time_period a, struct time_period b);

/* Start of the run of the shared random protocol that @when lies in. */
time_t hs_srv_run_start(const struct hs_params *p, time_t when);
/* In the time between the start of a period and the next shared random value? */
bool hs_between_tp_and_srv(const struct hs_params *p);
/* Which period and which randomness @role has under this consensus (2.2.4.1, 2.2.4.2). */
void hs_period_for(struct hs_period *ret, const struct hs_params *p, enum hs_role role);
/* Same ring? */
bool hs_period_equal(const struct hs_period *a, const struct hs_period *b);

#endif
