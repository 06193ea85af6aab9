/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dir_schedule.h - when to fetch what from whom; decisions without a clock
 *
 * Every function takes the time and the source of randomness, so that tests run
 * months in milliseconds. Monotonic times are milliseconds, wall times seconds.
 * Spec: dir-spec 5.1 (refreshing), 5.2 (batches), 5.5 (back-off).
 */
#ifndef DIRCLIENT_DIR_SCHEDULE_H
#define DIRCLIENT_DIR_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "dirclient/netdir.h"

#define DIR_NEVER INT64_MAX

/* Uniform in [0, bound); crypto_random_below() outside of tests. */
struct dir_rng {
	uint64_t (*below)(void *ctx, uint64_t bound);
	void *ctx;
};

/* Randomized exponential back-off ("decorrelated jitter"). */
struct dir_backoff {
	int64_t base_ms;
	int64_t cap_ms;
	int64_t delay_ms;	/* last one drawn */
	int64_t next_ms;	/* not before this */
};

void dir_backoff_init(struct dir_backoff *b, int64_t base_ms, int64_t cap_ms);
/* An attempt begins or failed: the next one is due after a longer random delay. */
void dir_backoff_push(struct dir_backoff *b, const struct dir_rng *rng, int64_t now_ms);
/* Success, or the world changed: due at once, delays begin small again. */
void dir_backoff_reset(struct dir_backoff *b);

/*
 * Consensus attempts. Bootstrapping asks fallbacks at once and again and again
 * without waiting for the slow ones, an authority only after some seconds; with
 * a netdir in hand directory guards are asked, one at a time.
 */
#define DIR_CONSENSUS_PARALLEL_MAX 3	/* ClientBootstrapConsensusMaxInProgressTries */
#define DIR_AUTHORITY_DELAY_MS 6000

enum dir_from {
	DIR_FROM_NOBODY,
	DIR_FROM_FALLBACK,
	DIR_FROM_AUTHORITY,
	DIR_FROM_GUARD,
};

struct dir_plan {
	struct dir_backoff fallback;
	struct dir_backoff authority;
	struct dir_backoff guard;
	bool have_fallbacks;
	bool guards_only;	/* nobody but guards, whatever the network looks like */
	bool begun;
	unsigned int guard_failures;	/* in a row */
};

void dir_plan_init(struct dir_plan *p, bool testing, bool have_fallbacks);
/*
 * Whom to ask now, with @in_flight attempts under way and @guards telling whether
 * there is a netdir to choose guards from. DIR_FROM_NOBODY: ask again at @ret_at_ms.
 */
enum dir_from dir_plan_next(struct dir_plan *p, int64_t now_ms, unsigned int in_flight,
			    bool guards, int64_t *ret_at_ms);
/* The attempt was begun (or could not even begin). */
void dir_plan_attempted(struct dir_plan *p, enum dir_from from, const struct dir_rng *rng,
			int64_t now_ms);
void dir_plan_failed(struct dir_plan *p, enum dir_from from);
void dir_plan_succeeded(struct dir_plan *p);
/* Forgets all delays. */
void dir_plan_kick(struct dir_plan *p);

/*
 * When to replace a consensus: a random time after caches have the next one and
 * well before this one expires; @wall when it is not live. In a testing network
 * early in that range, because its intervals leave no room for retries.
 */
time_t dir_refresh_time(const struct netdir_times *t, bool testing, const struct dir_rng *rng,
			time_t wall);

/* Microdescriptors: enough requests to spread, few enough to be polite. */
#define DIR_MD_BATCH_MAX 92		/* longest URL that C tor makes */
#define DIR_MD_BATCH_MIN 32
#define DIR_MD_PARALLEL_MAX 6
#define DIR_MD_FEW 16			/* fewer than this may wait ... */
#define DIR_MD_FEW_WAIT_MS (10 * 60 * 1000)	/* ... this long, once there are enough */

/* Size of the next request for @n_missing digests; 0 when none should be made. */
size_t dir_md_batch(size_t n_missing, unsigned int in_flight);
/* Delay before a digest that was not served is asked for again. */
int64_t dir_md_retry_ms(unsigned int failures, bool testing, const struct dir_rng *rng);

#endif
