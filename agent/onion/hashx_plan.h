/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hashx_plan.h - the simulated processor that HashX programs are made for
 *
 * Three execution ports over HASHX_CYCLES cycles, and for every register the cycle
 * at which its last value is there. Instructions are decoded three in a cycle (one
 * "slot" each; those of two micro-operations take two slots) and issued at the first
 * cycle, from that of their slot on, in which the ports they need are free. Modelled
 * after Intel's Ivy Bridge; the numbers are part of the algorithm.
 */
#ifndef AGENT_ONION_HASHX_PLAN_H
#define AGENT_ONION_HASHX_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/onion/hashx.h"

/* No instruction is decoded from this cycle on. */
#define HASHX_DECODE_CYCLES 192
#define HASHX_LATENCY_MAX 4
#define HASHX_CYCLES (HASHX_DECODE_CYCLES + HASHX_LATENCY_MAX)
#define HASHX_SLOTS_PER_CYCLE 3

struct hashx_plan {
	unsigned int slot;	/* of the instruction that comes next */
	uint8_t busy[HASHX_CYCLES];	/* bit n: port n, in this cycle */
	uint8_t ready[HASHX_REGISTERS];	/* cycle at which the register may be read */
};

/* When and where one instruction would be issued. */
struct hashx_issue {
	unsigned int cycle;
	uint8_t ports;	/* bits, as in struct hashx_plan */
};

/* The earliest issue for @op; false when the simulated time ends before. */
bool hashx_plan_find(const struct hashx_plan *p, enum hashx_op op, struct hashx_issue *ret);
/* Takes it: ports are busy, and @dst (HASHX_REGISTERS: none) is ready later. */
void hashx_plan_take(struct hashx_plan *p, enum hashx_op op, const struct hashx_issue *issue,
		     unsigned int dst);
/* Decoding goes on after @op, or after a stall of one cycle; false when time is up. */
bool hashx_plan_decoded(struct hashx_plan *p, enum hashx_op op);
bool hashx_plan_stall(struct hashx_plan *p);
/* The cycle in which the last register is ready. */
unsigned int hashx_plan_end(const struct hashx_plan *p);

#endif
