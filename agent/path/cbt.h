/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cbt.h - learning how long a circuit may take to build (path-spec 2.4)
 *
 * Pure arithmetic over the times that three-hop circuits took. The owner of the
 * circuits reports what happened and asks for two limits: after cbt_timeout_ms()
 * a circuit is not used any more (but goes on building, to be measured), after
 * cbt_close_ms() it is given up. Only circuits of three hops or more are
 * reported, at the moment their third hop answers.
 */
#ifndef PATH_CBT_H
#define PATH_CBT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dirclient/netdir.h"

struct cbt;

/* History is kept in <state_dir>/timings; NULL: memory only. NULL when out of memory. */
struct cbt *cbt_new(const char *state_dir);
/* Saves what changed, then frees. */
void cbt_free(struct cbt *c);
/* Reads the cbt* consensus parameters; call with every new netdir. */
void cbt_set_netdir(struct cbt *c, const struct netdir *nd);

/* Limits for a circuit of @n_hops (1..8), from the moment its first CREATE is sent. */
int64_t cbt_timeout_ms(const struct cbt *c, unsigned int n_hops);
int64_t cbt_close_ms(const struct cbt *c, unsigned int n_hops);

/* The third hop answered @built_ms after the start; also for circuits past their timeout. */
void cbt_record(struct cbt *c, int64_t built_ms);
/* A circuit passed cbt_timeout_ms(). @first_hop_ok: its first hop had answered. */
void cbt_record_timeout(struct cbt *c, bool first_hop_ok);
/* A circuit passed cbt_close_ms() and was given up. */
void cbt_record_abandoned(struct cbt *c, int64_t started_ms, int64_t now_ms);
/* A cell arrived: the network is up. Cheap; may be called for each. */
void cbt_network_live(struct cbt *c, int64_t now_ms);

/* More measurements are needed, and the network is up: build test circuits. */
bool cbt_is_learning(const struct cbt *c);
/* While learning: time between test circuits, and how many may be open at once. */
int64_t cbt_test_interval_ms(const struct cbt *c);
unsigned int cbt_max_open_circuits(const struct cbt *c);
/* How long idle circuits are kept while learning. */
int64_t cbt_learn_idle_ms(const struct cbt *c);
/* Writes the history if it changed. 0 or -errno. */
int cbt_save(struct cbt *c);

struct cbt_info {	/* for onionctl and tests */
	size_t n_times;		/* recorded, abandoned ones included */
	size_t n_abandoned;
	uint32_t xm_ms;		/* Pareto parameters; 0 before the first estimate */
	double alpha;
	bool estimated;
};
struct cbt_info cbt_info(const struct cbt *c);

#endif
