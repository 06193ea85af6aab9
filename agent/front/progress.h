/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * progress.h - how far the agent is from carrying streams, in percent and words
 *
 * Pure: told what the directory and the pool know, gives one figure that never goes
 * back while the agent makes its way, and a text for people.
 */
#ifndef FRONT_PROGRESS_H
#define FRONT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "dirclient/dirclient.h"

#define PROGRESS_TEXT_MAX 200
#define PROGRESS_SKEW_S (30 * 60)	/* a consensus is fresh for an hour, valid for three */

struct progress;

struct progress_view {
	unsigned int percent;	/* 100: streams can be carried */
	uint32_t done;		/* of @total; both 0 when nothing is counted */
	uint32_t total;
	bool failed;		/* no waiting helps; @problem says why */
	char text[PROGRESS_TEXT_MAX];	/* "loading relay descriptors" */
	char problem[PROGRESS_TEXT_MAX];	/* empty: none */
};

struct progress *progress_new(void);
void progress_free(struct progress *p);
/* Each returns true when the view changed. */
bool progress_set_dir(struct progress *p, const struct dir_progress *dir);
/* @opened: a circuit has been built. @problem: why the last one failed, or NULL. */
bool progress_set_circuits(struct progress *p, bool opened, const char *problem);
/* What stands in the way of everything (no bridge can be used), or NULL. */
bool progress_set_obstacle(struct progress *p, const char *problem);
/* A relay's clock says that ours is ahead by @skew_s. Told when it may be what is wrong. */
bool progress_set_skew(struct progress *p, int64_t skew_s);
const struct progress_view *progress_get(const struct progress *p);

#endif
