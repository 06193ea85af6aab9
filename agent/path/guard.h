/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guard.h - entry guards: the sample, the primary guards, one use of a guard
 *
 * A guard set borrows a selector and works on that selector's netdir. Times are
 * passed in: @now_ms of any monotonic clock for what happens within a run, @wall
 * for dates that are stored. Nothing here does I/O but guard_set_save() and the
 * load in guard_set_new(). Spec: guard-spec; see guard.c for the deviations.
 */
#ifndef PATH_GUARD_H
#define PATH_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "agent/path/path.h"
#include "agent/path/rules.h"
#include "agent/path/select.h"

struct guard_set;

/* What a guard set is for; all borrowed but @path, which is copied. */
struct guard_set_config {
	const char *path;	/* state file, loaded at once; NULL: memory only */
	bool subnets;		/* the guard and the exit may not share a subnet */
	const struct path_rules *rules;	/* NULL: none */
	bool bridges;		/* guards are those of guard_set_bridges(), not the consensus's */
};

/* NULL when out of memory. */
struct guard_set *guard_set_new(struct selector *sel, const struct guard_set_config *config);
void guard_set_free(struct guard_set *gs);
/* The selector has a new netdir, or one with more descriptors (guard-spec 4.10). */
void guard_set_update(struct guard_set *gs, time_t wall);
/* For a set of bridges: all of them; copied. 0 or -ENOMEM. */
int guard_set_bridges(struct guard_set *gs, const struct relay_target *bridges, size_t n,
		      time_t wall);
/* What guard_set_pick() yielded in @ret_relay, as needed to connect to it. */
void guard_set_target(const struct guard_set *gs, size_t relay, struct relay_target *ret);
const struct relay *guard_set_relay(const struct guard_set *gs, size_t relay);
/*
 * A guard for one circuit (guard-spec 4.6). @dir: one hop to a directory, no
 * descriptor needed. @exit: index in the netdir of the relay it must go with, or -1.
 * 0; -EAGAIN: only guards without descriptor are left; -ENOENT: none is allowed
 * beside that exit, or there are no guards; -ENETDOWN: all were found unreachable.
 */
int guard_set_pick(struct guard_set *gs, bool dir, ssize_t exit, int64_t now_ms, time_t wall,
		   size_t *ret_relay, uint64_t *ret_token);
/*
 * A primary guard for one more leg of a set of circuits to @exit: none of @apart, nor of their
 * families and subnets. Where no primary guard is left the set has to do without: a set is no
 * reason to show oneself to more guards (C tor would go on to others). -ENOENT: none is left.
 */
int guard_set_pick_beside(struct guard_set *gs, ssize_t exit, const uint8_t (*apart)[RSA_ID_LEN],
			  size_t n_apart, int64_t now_ms, size_t *ret_relay, uint64_t *ret_token);
enum path_guard_use guard_set_succeeded(struct guard_set *gs, uint64_t token, int64_t now_ms,
					time_t wall);
void guard_set_failed(struct guard_set *gs, uint64_t token, int64_t now_ms);
void guard_set_cancelled(struct guard_set *gs, uint64_t token);
enum path_guard_use guard_set_check(struct guard_set *gs, uint64_t token, int64_t now_ms);
void guard_set_retry_all(struct guard_set *gs);
void guard_set_note_internet(struct guard_set *gs, int64_t now_ms);
/* Descriptors of the guards that the next circuits would use are there (path-spec 2.1.0). */
bool guard_set_has_descriptors(const struct guard_set *gs);
/* Writes the state if it changed. 0 or -errno. */
int guard_set_save(struct guard_set *gs);
void guard_set_each(const struct guard_set *gs,
		    void (*fn)(void *ctx, const struct path_guard_info *), void *ctx);

#endif
