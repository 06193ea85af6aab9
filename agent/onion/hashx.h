/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hashx.h - HashX: a hash function of its own for every seed, as a small program
 *
 * A seed makes a program of 512 integer instructions for a machine of 8 registers
 * (hashx_make.c, generated under the constraints of a simulated three-way
 * superscalar processor, so that every program takes the same time), and a key that
 * fills the registers from the 64-bit input and digests them afterwards. There is no
 * compiler here: nothing may be made executable in the agent. Many inputs are run
 * side by side instead, instruction by instruction, which costs about as little.
 *
 * The published algorithm is tevador's HashX with salt "HashX v1"; one seed in some
 * thousands gives no program. Not for secrets: its branches depend on the input.
 */
#ifndef AGENT_ONION_HASHX_H
#define AGENT_ONION_HASHX_H

#include <stddef.h>
#include <stdint.h>

#include "agent/onion/siphash.h"

#define HASHX_REGISTERS 8
#define HASHX_INSTRUCTIONS 512
/* Inputs that hashx_hash_batch() takes at once: their registers stay in the L1 cache. */
#define HASHX_BATCH 128

/* Results beside 0 and negative errno. */
#define HASHX_E_SEED 1	/* this seed has no program */

enum hashx_op {
	HASHX_MUL,		/* dst *= src */
	HASHX_UMULH,		/* dst = upper half of the unsigned 128-bit product */
	HASHX_SMULH,		/* the same, signed; both: low 32 bits kept for the next branch */
	HASHX_ADD_SHIFT,	/* dst += src << imm */
	HASHX_ADD_CONST,	/* dst += imm, sign-extended */
	HASHX_SUB,		/* dst -= src */
	HASHX_XOR,		/* dst ^= src */
	HASHX_XOR_CONST,	/* dst ^= imm, sign-extended */
	HASHX_ROTATE,		/* dst rotated right by imm */
	HASHX_TARGET,		/* where the next branch goes */
	HASHX_BRANCH,		/* once per input, if (kept & imm) == 0 */
	HASHX_OPS,
};

struct hashx_insn {
	uint8_t op;	/* enum hashx_op */
	uint8_t dst;
	uint8_t src;
	int32_t imm;
};

struct hashx {
	struct siphash_state key;
	struct hashx_insn code[HASHX_INSTRUCTIONS];
};

/**
 * hashx_make() - Make the hash function of a seed
 * @seed:	Of any length
 *
 * Takes some 40 us, the same for every seed. Allocates nothing.
 *
 * Return: 0, or HASHX_E_SEED
 */
int hashx_make(struct hashx *h, const void *seed, size_t len);

/* The first 64 bits of the hash; about 2 us. */
uint64_t hashx_hash(const struct hashx *h, uint64_t input);
/* All 256 bits, as four words (little-endian in the byte form of the hash). */
void hashx_hash_full(const struct hashx *h, uint64_t input, uint64_t ret_hash[4]);
/* hashx_hash() of HASHX_BATCH inputs: @first, @first + 1, ... */
void hashx_hash_batch(const struct hashx *h, uint64_t first, uint64_t ret_hash[HASHX_BATCH]);

#endif
