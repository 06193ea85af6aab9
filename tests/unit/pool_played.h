/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pool_played.h - circuits below requests for streams (pool.h): one that is given to everybody
 *
 * For tests that do not link pool.c. What was asked is kept, what is answered can be set;
 * each circuit that is taken has another exit.
 */
#ifndef UNIT_POOL_PLAYED_H
#define UNIT_POOL_PLAYED_H

#include "agent/front/pool.h"

struct pool {
	int take_result;
	int taken;
	int spoiled;
	int refusals;
	size_t n_avoid;
	bool few;	/* whoever avoids an exit finds none */
	bool opened;
	bool v6;
	uint64_t rtt_us;
};
struct pool_circ {
	uint8_t exit_id[RSA_ID_LEN];
};

static struct pool pool;
static struct pool_circ circ;

int pool_take(struct pool *p, const struct pool_need *need, struct pool_circ **ret)
{
	p->taken++;
	p->n_avoid = need->n_avoid;
	circ.exit_id[0] = (uint8_t)p->taken;
	*ret = &circ;
	return p->few && need->n_avoid > 0 ? -ENOENT : p->take_result;
}

int pool_take_dir(struct pool *p, struct pool_need *need, struct pool_circ **ret)
{
	return pool_take(p, need, ret);
}

struct circuit *pool_circ_circuit(const struct pool_circ *pc)
{
	return (struct circuit *)(uintptr_t)pc;
}

const uint8_t *pool_circ_exit_id(const struct pool_circ *pc)
{
	return pc->exit_id;
}

uint64_t pool_circ_rtt_us(const struct pool_circ *pc)
{
	(void)pc;
	return pool.rtt_us;
}

bool pool_circ_exits_v6(const struct pool_circ *pc, uint16_t port)
{
	(void)pc;
	(void)port;
	return pool.v6;
}

void pool_circ_spoil(struct pool_circ *pc)
{
	(void)pc;
	pool.spoiled++;
}

void pool_circ_stalled(struct pool_circ *pc)
{
	pool_circ_spoil(pc);
}

void pool_note_refusal(struct pool *p, const struct pool_circ *pc, const struct addr *addr,
		       uint16_t port)
{
	(void)pc;
	(void)addr;
	(void)port;
	p->refusals++;
}

bool pool_has_opened(const struct pool *p)
{
	return p->opened;
}

#endif
