/* SPDX-License-Identifier: BSD-3-Clause */
/* pool_launch.c - circuits begun: to exits, alone or as legs of sets, and to directories */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/pool_internal.h"
#include "common/crypto.h"

#define BUILD_TIMEOUT_MS 60000	/* path-spec 2.4.1: before anything is learned */
#define DIR_BUILD_TIMEOUT_MS 20000

struct pool_circ *pool_circ_new(struct pool *p, enum pool_purpose purpose)
{
	struct pool_circ *pc;

	if (p->n_building >= POOL_BUILDING_MAX || !pool_make_room(p))
		return NULL;
	pc = calloc(1, sizeof(*pc));
	if (!pc)
		return NULL;
	pc->pool = p;
	pc->purpose = purpose;
	pc->state = POOL_BUILDING;
	pc->made_ms = pool_now(p);
	pc->idle_since_ms = pc->made_ms;
	/* Not all at once, and no fixed pattern on the wire. */
	pc->idle_max_ms = purpose == POOL_DIR ? POOL_DIR_IDLE_MS
					      : POOL_IDLE_MS + (int64_t)crypto_random_below(POOL_IDLE_MS);
	return pc;
}

void pool_circ_enter(struct pool_circ *pc, struct circuit *circuit)
{
	struct pool *p = pc->pool;

	pc->circuit = circuit;
	TAILQ_INSERT_HEAD(&p->circs, pc, entry);
	p->n_circs++;
	p->n_building++;
}

static int build(struct pool_circ *pc, const struct path *path, int timeout_ms)
{
	struct pool *p = pc->pool;
	int r;

	memcpy(pc->exit_id, path->hops[path->n - 1].rsa_id, RSA_ID_LEN);
	pc->guard_token = path->guard_token;
	pc->guard_open = path->guard_token != 0;
	r = circuit_build(pc->circuit, path->hops, path->n, timeout_ms);
	if (r < 0) {
		pool_note_failure(p, strerror(-r));
		pool_circ_discard(pc);
		return r;
	}
	pool_rearm(p);
	return 0;
}

/* Through @path; gives back the path's guard when there are too many. 0 or -errno. */
static int launch(struct pool *p, const struct path *path, enum pool_purpose purpose,
		  struct pool_circ *face, int timeout_ms, struct pool_circ **ret)
{
	struct pool_circ *pc = pool_circ_new(p, purpose);
	int r;

	if (!pc) {
		if (path->guard_token)
			path_guard_cancelled(p->config.path, path->guard_token);
		return -EAGAIN;
	}
	pool_circ_enter(pc, circuit_new(p->config.circ, &pool_circ_ops, pc));
	pc->face = face;
	r = build(pc, path, timeout_ms);
	if (r == 0)
		*ret = pc;
	return r;
}

int pool_build_timeout_ms(const struct pool *p, unsigned int n_hops)
{
	int64_t timeout = p->config.config->build_timeout_ms;

	if (timeout == 0 && p->config.cbt)
		timeout = cbt_close_ms(p->config.cbt, n_hops);
	return timeout > 0 && timeout < INT32_MAX / 2 ? (int)timeout : BUILD_TIMEOUT_MS;
}

int pool_launch_path(struct pool *p, const struct path *path, enum pool_purpose purpose,
		     struct pool_circ *face, struct pool_circ **ret)
{
	return launch(p, path, purpose, face, pool_build_timeout_ms(p, (unsigned int)path->n), ret);
}

/* Told at once: nothing that the loop brings will change it. */
static void note_no_path(struct pool *p, int error)
{
	const char *before = p->problem;

	if (error == -ENETDOWN)
		p->problem = "no guard can be reached";
	else if (error == -ENOENT && !p->opened_once)
		p->problem = "no relay fits: see EntryNodes, ExitNodes and ExcludeNodes, if set";
	if (p->problem != before)
		pool_tell_changed(p);
}

int pool_launch_exit(struct pool *p, const struct path_request *req, struct domain *domain)
{
	struct pool_circ *pc;
	struct path path;
	int r;

	if (pool_now(p) < p->not_before_ms)
		return -EAGAIN;
	r = path_choose(p->config.path, req, pool_now(p), loop_wall(p->config.loop), &path);
	if (r < 0) {
		note_no_path(p, r);
		return r;
	}
	if (pool_set_wanted(p, &path, domain == NULL))
		return pool_launch_set(p, &path, req->need_stable, domain);
	r = pool_launch_path(p, &path, POOL_EXIT, NULL, &pc);
	if (r < 0)
		return r;
	pc->domain = domain ? domain_ref(domain) : NULL;
	return 0;
}

int pool_launch_dir(struct pool *p, const struct path *path)
{
	struct pool_circ *pc;

	return launch(p, path, POOL_DIR, NULL, DIR_BUILD_TIMEOUT_MS, &pc);
}
