/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * onion_client_world.h - a client of onion services whose circuits, documents and puzzles are played
 *
 * Time is a number. Include it in one test program only once.
 */
#ifndef TESTS_ONION_CLIENT_WORLD_H
#define TESTS_ONION_CLIENT_WORLD_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/client.h"
#include "agent/onion/client_internal.h"
#include "tests/support/suite.h"

#define CIRCS 256
#define HSDIRS 6

/* One circuit that the machine asked for. */
struct fake {
	struct client_circ *circ;
	enum client_circ_kind kind;
	struct relay_target target;
	uint64_t domain_id;
	bool closed, retired, fetching, establishing;
	struct fake *introduced_for;	/* of an introduction: its rendezvous circuit */
	size_t intro;
	bool with_solution;
	unsigned int n_extended;
};

static struct fake fakes[CIRCS];
static size_t n_fakes;
static size_t n_open[3];	/* by kind: not closed */
static struct {
	int locate, circ_open, circ_extend, decode, fetch, establish, introduce, solve;
} result;
static int64_t build_timeout_ms;
static bool current;
static size_t n_intro;
static struct hs_desc_terms terms;
static uint64_t revision;
static struct {
	void *owner;
	uint32_t effort;
	unsigned int started, cancelled;
} puzzle;
static unsigned int n_changed;
static int64_t dirtiness_ms;
static struct ev_loop *ev;
static struct loop loop;
static struct onion_client *oc;
static const uint8_t service_a[ONION_ID_LEN] = { 1 };
__attribute__((unused)) static const uint8_t service_b[ONION_ID_LEN] = { 2 };

/* --- what lies below --- */

static int do_locate(void *ctx, const uint8_t id[ONION_ID_LEN], struct client_place *ret)
{
	(void)ctx;
	if (result.locate)
		return result.locate;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->keys.id, id, ONION_ID_LEN);
	ret->n = HSDIRS;
	for (size_t i = 0; i < ret->n; i++)
		ret->hsdirs[i].rsa_id[0] = (uint8_t)(0x80 + i);
	return 0;
}

static bool do_is_current(void *ctx, const struct hs_keys *keys)
{
	(void)ctx;
	(void)keys;
	return current;
}

static int do_decode(void *ctx, const char *text, size_t len, const struct hs_keys *keys,
		     struct hs_desc **ret)
{
	struct hs_desc *d;

	(void)ctx;
	ck_assert(len == 4 && memcmp(text, "desc", 4) == 0);
	if (result.decode)
		return result.decode;
	d = calloc(1, sizeof(*d));
	ck_assert(d);
	d->keys = *keys;
	d->revision = ++revision;
	d->lifetime = 180;
	d->expires = INT64_MAX / 2;
	d->terms = terms;
	d->n_intro = n_intro;
	for (size_t i = 0; i < n_intro; i++) {
		d->intro[i].relay.rsa_id[0] = (uint8_t)(0x40 + i);
		d->intro[i].auth_key[0] = (uint8_t)(0x40 + i);
	}
	*ret = d;
	return 0;
}

static int do_circ_open(void *ctx, uint64_t domain_id, enum client_circ_kind kind,
			const struct relay_target *target, struct client_circ *circ, void **ret)
{
	struct fake *f = &fakes[n_fakes];

	(void)ctx;
	if (result.circ_open)
		return result.circ_open;
	ck_assert_uint_lt(n_fakes, CIRCS);
	ck_assert((target == NULL) == (kind == CLIENT_CIRC_REND));
	n_fakes++;
	*f = (struct fake){ .circ = circ, .kind = kind, .domain_id = domain_id };
	if (target)
		f->target = *target;
	n_open[kind]++;
	*ret = f;
	return 0;
}

static int do_circ_extend(void *ctx, void *handle, const struct relay_target *target)
{
	struct fake *f = handle;

	(void)ctx;
	ck_assert(f->kind == CLIENT_CIRC_INTRO && !f->closed);
	if (result.circ_extend)
		return result.circ_extend;
	ck_assert_mem_ne(f->target.rsa_id, target->rsa_id, RSA_ID_LEN);
	f->target = *target;
	f->introduced_for = NULL;
	f->n_extended++;
	return 0;
}

static void do_circ_close(void *ctx, void *handle)
{
	struct fake *f = handle;

	(void)ctx;
	ck_assert(!f->closed && !f->retired);
	f->closed = true;
	n_open[f->kind]--;
}

static void do_circ_retire(void *ctx, void *handle)
{
	struct fake *f = handle;

	(void)ctx;
	ck_assert(!f->closed && !f->retired && f->kind == CLIENT_CIRC_REND);
	f->retired = true;
	n_open[f->kind]--;
}

static int do_fetch(void *ctx, void *handle, const struct hs_keys *keys,
		    const struct relay_target *hsdir, struct client_circ *circ)
{
	struct fake *f = handle;

	(void)ctx;
	(void)keys;
	ck_assert(f->circ == circ && f->kind == CLIENT_CIRC_HSDIR);
	ck_assert_mem_eq(hsdir->rsa_id, f->target.rsa_id, RSA_ID_LEN);
	f->fetching = result.fetch == 0;
	return result.fetch;
}

static int do_establish(void *ctx, void *handle)
{
	struct fake *f = handle;

	(void)ctx;
	ck_assert(f->kind == CLIENT_CIRC_REND && !f->establishing);
	f->establishing = result.establish == 0;
	return result.establish;
}

static int do_introduce(void *ctx, void *intro_handle, void *rend_handle,
			const struct hs_desc *desc, size_t intro,
			const struct pow_solution *solution)
{
	struct fake *f = intro_handle;

	(void)ctx;
	(void)desc;
	ck_assert(f->kind == CLIENT_CIRC_INTRO && !f->introduced_for);
	ck_assert_uint_eq(f->target.rsa_id[0], 0x40 + intro);
	ck_assert(((struct fake *)rend_handle)->establishing);
	if (result.introduce)
		return result.introduce;
	f->introduced_for = rend_handle;
	f->intro = intro;
	f->with_solution = solution != NULL;
	return 0;
}

static int do_solve(void *ctx, const struct hs_desc *desc, uint32_t effort, void *owner,
		    void **ret_job)
{
	(void)ctx;
	(void)desc;
	if (result.solve)
		return result.solve;
	ck_assert_ptr_null(puzzle.owner);
	puzzle.owner = owner;
	puzzle.effort = effort;
	puzzle.started++;
	*ret_job = &puzzle;
	return 0;
}

static void do_solve_cancel(void *ctx, void *job)
{
	(void)ctx;
	ck_assert_ptr_eq(job, &puzzle);
	ck_assert_ptr_nonnull(puzzle.owner);
	puzzle.owner = NULL;
	puzzle.cancelled++;
}

static size_t do_random_below(void *ctx, size_t n)
{
	(void)ctx;
	ck_assert_uint_gt(n, 0);
	return 0;
}

static int64_t do_build_timeout_ms(void *ctx)
{
	(void)ctx;
	return build_timeout_ms;
}

static void do_changed(void *ctx)
{
	(void)ctx;
	n_changed++;
}

static const struct onion_client_ops ops = {
	.locate = do_locate, .is_current = do_is_current, .decode = do_decode,
	.circ_open = do_circ_open, .circ_extend = do_circ_extend, .circ_close = do_circ_close,
	.circ_retire = do_circ_retire,
	.fetch = do_fetch, .establish = do_establish, .introduce = do_introduce,
	.solve = do_solve, .solve_cancel = do_solve_cancel, .random_below = do_random_below,
	.build_timeout_ms = do_build_timeout_ms, .changed = do_changed,
};

/* --- the tests' hands --- */

static void set_up(void)
{
	struct onion_client_config config = { .loop = &loop, .ops = &ops, .testing = false,
					      .max_dirtiness_ms = &dirtiness_ms };

	ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&loop, ev);
	loop.now_us = 1000000000;
	n_fakes = 0;
	memset(n_open, 0, sizeof(n_open));
	memset(&result, 0, sizeof(result));
	build_timeout_ms = 60000;	/* before anything is learned */
	result.circ_extend = -ENOSPC;
	memset(&puzzle, 0, sizeof(puzzle));
	memset(&terms, 0, sizeof(terms));
	current = true;
	n_intro = 3;
	n_changed = 0;
	dirtiness_ms = 600000;
	oc = onion_client_new(&config);
	ck_assert_ptr_nonnull(oc);
}

static void tear_down(void)
{
	onion_client_free(oc);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(n_open[i], 0);
	ck_assert_ptr_null(puzzle.owner);
	loop_deinit(&loop);
	ev_loop_destroy(ev);
}

static int64_t now(void)
{
	return loop_now_ms(&loop);
}

static void pass_ms(int64_t ms)
{
	loop.now_us += ms * 1000;
}

static int64_t asked_ms;

static int take(void **ret)
{
	void *handle = NULL;
	int r = onion_client_take(oc, 7, service_a, asked_ms, &handle);

	if (ret)
		*ret = handle;
	return r;
}

/* As a waiting stream does: asks again every half second, for @ms. The last answer. */
__attribute__((unused)) static int wait_ms(int64_t ms)
{
	int r = -EAGAIN;

	for (; ms > 0 && r == -EAGAIN; ms -= 500) {
		pass_ms(500);
		onion_client_tick(oc);
		r = take(NULL);
	}
	return r;
}

/* The newest circuit of a kind that is not closed; NULL: none. */
static struct fake *newest(enum client_circ_kind kind)
{
	for (size_t i = n_fakes; i-- > 0;) {
		if (fakes[i].kind == kind && !fakes[i].closed && !fakes[i].retired)
			return &fakes[i];
	}
	return NULL;
}

static struct fake *opened(enum client_circ_kind kind)
{
	struct fake *f = newest(kind);

	ck_assert_ptr_nonnull(f);
	client_circ_opened(f->circ);
	return f;
}

/* The ops' handle is gone. */
static void lose_at(struct fake *f, bool at_target)
{
	ck_assert(!f->closed);
	f->closed = true;
	n_open[f->kind]--;
	client_circ_gone(f->circ, at_target);
}

static void lose(struct fake *f)
{
	lose_at(f, true);
}

static void start(void)
{
	asked_ms = now();
	ck_assert_int_eq(take(NULL), -EAGAIN);
}

static void answer_fetch(int status, const char *text)
{
	struct fake *f = opened(CLIENT_CIRC_HSDIR);

	ck_assert(f->fetching);
	client_fetched(f->circ, status, text, strlen(text));
	ck_assert(f->closed);
}

static struct fake *establish(void)
{
	struct fake *f = opened(CLIENT_CIRC_REND);

	ck_assert(f->establishing);
	client_established(f->circ);
	return f;
}

/* To the point where the service was told. */
__attribute__((unused)) static struct fake *introduced(void)
{
	struct fake *f = opened(CLIENT_CIRC_INTRO);

	ck_assert_ptr_nonnull(f->introduced_for);
	client_introduced(f->circ, 0);
	ck_assert(f->closed);
	return f->introduced_for;
}

/* A request whose descriptor has come: circuits to both points are on their way. */
static void start_with_desc(void)
{
	start();
	answer_fetch(200, "desc");
}

/* The rest of the way, with nothing in between. */
__attribute__((unused)) static struct fake *meet(void)
{
	struct fake *rend = establish();

	ck_assert_ptr_eq(introduced(), rend);
	client_joined(rend->circ);
	return rend;
}

/* ... and the request is served. */
__attribute__((unused)) static void get_in(void)
{
	(void)meet();
	ck_assert_int_eq(take(NULL), 0);
}

__attribute__((unused)) static struct fake *join(void)
{
	start_with_desc();
	return meet();
}

__attribute__((unused)) static void want_pow(uint32_t effort)
{
	terms.has_pow = true;
	terms.pow.effort = effort;
	terms.pow.expires = INT64_MAX / 2;
}

__attribute__((unused)) static void solve(int r)
{
	struct pow_solution s = { .effort = puzzle.effort };
	void *owner = puzzle.owner;

	ck_assert_ptr_nonnull(owner);
	puzzle.owner = NULL;
	client_solved(owner, r, &s);
}

#endif
