/* SPDX-License-Identifier: BSD-3-Clause */
/* equix_parts.h - what Equi-X's solver and verifier share */
#ifndef AGENT_ONION_EQUIX_PARTS_H
#define AGENT_ONION_EQUIX_PARTS_H

#include "agent/onion/equix.h"

/* Bits of a pair's sum that are 0; twice as many a level higher. */
#define EQUIX_LEVEL_BITS 15

/* Is every half not after its neighbour? */
bool equix_is_ordered(const struct equix_solution *s);
/* Exchanges halves until it is so. */
void equix_order(struct equix_solution *s);

#endif
