/* SPDX-License-Identifier: BSD-3-Clause */
/* progress.c - see progress.h */
#include "agent/front/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct progress {
	struct dir_progress dir;
	char dir_problem[PROGRESS_TEXT_MAX];
	char obstacle[PROGRESS_TEXT_MAX];
	bool opened;
	char circuit_problem[PROGRESS_TEXT_MAX];
	char skew_problem[PROGRESS_TEXT_MAX];
	struct progress_view view;
};

static const struct {
	unsigned int from;	/* percent at the start of the phase */
	unsigned int to;	/* and when all of @total is done */
	const char *text;
} phases[] = {
	[DIR_PHASE_START] = { 0, 0, "starting" },
	[DIR_PHASE_CONNECTING] = { 5, 5, "connecting to a directory" },
	[DIR_PHASE_CONSENSUS] = { 15, 15, "loading network consensus" },
	[DIR_PHASE_CERTIFICATES] = { 30, 30, "loading authority certificates" },
	[DIR_PHASE_DESCRIPTORS] = { 35, 80, "loading relay descriptors" },
	[DIR_PHASE_READY] = { 85, 85, "building a circuit" },
};

struct progress *progress_new(void)
{
	struct progress *p = calloc(1, sizeof(*p));

	if (p)
		(void)progress_set_circuits(p, false, NULL);
	return p;
}

void progress_free(struct progress *p)
{
	free(p);
}

/* A clock that is wrong explains whatever else fails; a directory knows best. */
static const char *problem_of(const struct progress *p, bool waiting)
{
	if (p->obstacle[0])
		return p->obstacle;
	if (p->dir_problem[0])
		return p->dir_problem;
	if (!waiting)
		return "";
	return p->skew_problem[0] ? p->skew_problem : p->circuit_problem;
}

static bool update(struct progress *p)
{
	struct progress_view v = { .percent = phases[p->dir.phase].from };
	const char *text = phases[p->dir.phase].text;
	unsigned int span = phases[p->dir.phase].to - v.percent;
	bool changed;

	if (p->dir.phase == DIR_PHASE_DESCRIPTORS && p->dir.total > 0) {
		v.done = p->dir.done < p->dir.total ? p->dir.done : p->dir.total;
		v.total = p->dir.total;
		v.percent += (unsigned int)((uint64_t)span * v.done / v.total);
	}
	if (p->dir.phase == DIR_PHASE_READY && p->opened) {
		v.percent = 100;
		text = "ready";
	}
	v.failed = p->dir.given_up && v.percent < 100;
	snprintf(v.text, sizeof(v.text), "%s", text);
	snprintf(v.problem, sizeof(v.problem), "%s", problem_of(p, v.percent < 100));
	changed = memcmp(&v, &p->view, sizeof(v)) != 0;
	p->view = v;
	return changed;
}

bool progress_set_dir(struct progress *p, const struct dir_progress *dir)
{
	p->dir = *dir;
	if ((unsigned int)dir->phase > DIR_PHASE_READY)
		p->dir.phase = DIR_PHASE_START;
	memset(p->dir_problem, 0, sizeof(p->dir_problem));
	if (dir->problem)
		snprintf(p->dir_problem, sizeof(p->dir_problem), "%s", dir->problem);
	p->dir.problem = NULL;
	return update(p);
}

bool progress_set_circuits(struct progress *p, bool opened, const char *problem)
{
	p->opened = opened;
	memset(p->circuit_problem, 0, sizeof(p->circuit_problem));
	if (problem)
		snprintf(p->circuit_problem, sizeof(p->circuit_problem), "%s", problem);
	return update(p);
}

bool progress_set_obstacle(struct progress *p, const char *problem)
{
	memset(p->obstacle, 0, sizeof(p->obstacle));
	if (problem)
		snprintf(p->obstacle, sizeof(p->obstacle), "%s", problem);
	return update(p);
}

bool progress_set_skew(struct progress *p, int64_t skew_s)
{
	int64_t off = skew_s < 0 ? -skew_s : skew_s;

	memset(p->skew_problem, 0, sizeof(p->skew_problem));
	if (off >= PROGRESS_SKEW_S)
		snprintf(p->skew_problem, sizeof(p->skew_problem),
			 "the clock of this computer seems to be %lld h %02lld min %s",
			 (long long)off / 3600, (long long)off / 60 % 60,
			 skew_s < 0 ? "behind" : "ahead");
	return update(p);
}

const struct progress_view *progress_get(const struct progress *p)
{
	return &p->view;
}
