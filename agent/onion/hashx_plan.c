/* SPDX-License-Identifier: BSD-3-Clause */
/* hashx_plan.c - see hashx_plan.h */
#include "agent/onion/hashx_plan.h"

/* Ports in the order in which they are tried. */
#define P5 (1 << 0)
#define P0 (1 << 1)
#define P1 (1 << 2)
#define ANY (P5 | P0 | P1)

struct op_model {
	uint8_t latency;	/* cycles */
	uint8_t first;		/* ports that can do the first micro-operation */
	uint8_t second;		/* and the second, in the same cycle; 0: there is none */
};

static const struct op_model models[HASHX_OPS] = {
	[HASHX_MUL] = { 3, P1, 0 },
	[HASHX_UMULH] = { 4, P1, P5 },
	[HASHX_SMULH] = { 4, P1, P5 },
	[HASHX_ADD_SHIFT] = { 1, P0 | P1, 0 },
	[HASHX_ADD_CONST] = { 1, ANY, 0 },
	[HASHX_SUB] = { 1, ANY, 0 },
	[HASHX_XOR] = { 1, ANY, 0 },
	[HASHX_XOR_CONST] = { 1, ANY, 0 },
	[HASHX_ROTATE] = { 1, P0 | P5, 0 },
	[HASHX_TARGET] = { 1, ANY, ANY },
	[HASHX_BRANCH] = { 1, ANY, ANY },
};

/* The first of @ports, in the order of trial; 0 for none. */
static uint8_t first_port(uint8_t ports)
{
	return (uint8_t)(ports & -ports);
}

/*
 * Both micro-operations are looked for among the free ports independently: two that
 * may use any port choose the same one and share it.
 */
bool hashx_plan_find(const struct hashx_plan *p, enum hashx_op op, struct hashx_issue *ret)
{
	const struct op_model *m = &models[op];

	for (unsigned int c = p->slot / HASHX_SLOTS_PER_CYCLE; c < HASHX_CYCLES; c++) {
		uint8_t idle = (uint8_t)~p->busy[c];
		uint8_t first = first_port(m->first & idle);
		uint8_t second = first_port(m->second & idle);

		if (first == 0 || (m->second != 0 && second == 0))
			continue;
		ret->cycle = c;
		ret->ports = first | second;
		return true;
	}
	return false;
}

void hashx_plan_take(struct hashx_plan *p, enum hashx_op op, const struct hashx_issue *issue,
		     unsigned int dst)
{
	p->busy[issue->cycle] |= issue->ports;
	if (dst < HASHX_REGISTERS)
		p->ready[dst] = (uint8_t)(issue->cycle + models[op].latency);
}

static bool advance(struct hashx_plan *p, unsigned int slots)
{
	p->slot += slots;
	return p->slot / HASHX_SLOTS_PER_CYCLE < HASHX_DECODE_CYCLES;
}

bool hashx_plan_decoded(struct hashx_plan *p, enum hashx_op op)
{
	return advance(p, models[op].second != 0 ? 2 : 1);
}

bool hashx_plan_stall(struct hashx_plan *p)
{
	return advance(p, HASHX_SLOTS_PER_CYCLE);
}

unsigned int hashx_plan_end(const struct hashx_plan *p)
{
	unsigned int end = 0;

	for (unsigned int r = 0; r < HASHX_REGISTERS; r++) {
		if (p->ready[r] > end)
			end = p->ready[r];
	}
	return end;
}
