/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hashx.c - running HashX programs: one input, or many side by side
 *
 * A branch is taken once per input at most, with one chance in 16 at each of the 16
 * branches. In a batch, all lanes go through the program together; at a branch, those
 * that take it run the stretch from its target on again, one after the other, and are
 * then back with the rest. So the decision of what an instruction is falls once for
 * all lanes, and the loops over lanes are plain vector code.
 */
#include "agent/onion/hashx.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

static inline uint64_t mul_high(uint64_t a, uint64_t b)
{
	return (uint64_t)((uint128)a * b >> 64);
}

static inline uint64_t mul_high_signed(uint64_t a, uint64_t b)
{
	return (uint64_t)((int128)(int64_t)a * (int64_t)b >> 64);
}

static inline uint64_t rotate_right(uint64_t x, unsigned int n)
{
	return x >> n | x << (64 - n);	/* n is 1..63 */
}

/* Sign-extended. */
static inline uint64_t constant(const struct hashx_insn *insn)
{
	return (uint64_t)(int64_t)insn->imm;
}

static inline bool takes_branch(const struct hashx_insn *insn, uint32_t kept)
{
	return (kept & (uint32_t)insn->imm) == 0;
}

/* --- one input --- */

static void run_insn(const struct hashx_insn *insn, uint64_t r[HASHX_REGISTERS], uint32_t *kept)
{
	switch ((enum hashx_op)insn->op) {
	case HASHX_MUL:
		r[insn->dst] *= r[insn->src];
		break;
	case HASHX_UMULH:
		r[insn->dst] = mul_high(r[insn->dst], r[insn->src]);
		*kept = (uint32_t)r[insn->dst];
		break;
	case HASHX_SMULH:
		r[insn->dst] = mul_high_signed(r[insn->dst], r[insn->src]);
		*kept = (uint32_t)r[insn->dst];
		break;
	case HASHX_ADD_SHIFT:
		r[insn->dst] += r[insn->src] << insn->imm;
		break;
	case HASHX_ADD_CONST:
		r[insn->dst] += constant(insn);
		break;
	case HASHX_SUB:
		r[insn->dst] -= r[insn->src];
		break;
	case HASHX_XOR:
		r[insn->dst] ^= r[insn->src];
		break;
	case HASHX_XOR_CONST:
		r[insn->dst] ^= constant(insn);
		break;
	case HASHX_ROTATE:
		r[insn->dst] = rotate_right(r[insn->dst], (unsigned int)insn->imm);
		break;
	case HASHX_TARGET:
	case HASHX_BRANCH:
	case HASHX_OPS:
		break;
	}
}

static void run(const struct hashx *h, uint64_t r[HASHX_REGISTERS])
{
	unsigned int target = 0;
	bool branched = false;
	uint32_t kept = 0;

	for (unsigned int i = 0; i < HASHX_INSTRUCTIONS; i++) {
		const struct hashx_insn *insn = &h->code[i];

		if (insn->op == HASHX_TARGET) {
			target = i;
		} else if (insn->op == HASHX_BRANCH) {
			if (!branched && takes_branch(insn, kept)) {
				branched = true;
				i = target;
			}
		} else {
			run_insn(insn, r, &kept);
		}
	}
}

/* Mixes the key in again, against multiplication's leaning towards zero. */
static void digest(const struct siphash_state *key, const uint64_t r[HASHX_REGISTERS],
		   uint64_t ret_hash[4])
{
	struct siphash_state a = { { r[0] + key->v[0], r[1] + key->v[1], r[2], r[3] } };
	struct siphash_state b = { { r[4], r[5], r[6] + key->v[2], r[7] + key->v[3] } };

	siphash_round(&a);
	siphash_round(&b);
	for (int i = 0; i < 4; i++)
		ret_hash[i] = a.v[i] ^ b.v[i];
}

void hashx_hash_full(const struct hashx *h, uint64_t input, uint64_t ret_hash[4])
{
	uint64_t r[HASHX_REGISTERS];

	siphash_24_wide(&h->key, input, r);
	run(h, r);
	digest(&h->key, r, ret_hash);
}

uint64_t hashx_hash(const struct hashx *h, uint64_t input)
{
	uint64_t hash[4];

	hashx_hash_full(h, input, hash);
	return hash[0];
}

/* --- a batch --- */

struct lanes {
	uint64_t r[HASHX_REGISTERS][HASHX_BATCH];
	uint32_t kept[HASHX_BATCH];
	uint32_t branched[HASHX_BATCH];	/* 0, or all ones: no mask of a branch is without a bit */
};

/* Wider vectors where the processor has them; sanitizers do not bear the resolver. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && \
	!defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define FOR_EACH_CPU __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_CPU
#endif

/* What is cloned is cloned with all that it calls. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

#define EACH_LANE(n) for (unsigned int n = 0; n < HASHX_BATCH; n++)

static ALWAYS_INLINE void keep_products(struct lanes *l, const uint64_t *dst)
{
	EACH_LANE(n)
		l->kept[n] = (uint32_t)dst[n];
}

/* Those that only have a destination, or have it twice, are the constants and wide products. */
static ALWAYS_INLINE void run_constant(const struct hashx_insn *insn, uint64_t *dst)
{
	const uint64_t imm = constant(insn);
	const unsigned int by = (unsigned int)insn->imm & 63;

	switch ((enum hashx_op)insn->op) {
	case HASHX_ADD_CONST:
		EACH_LANE(n)
			dst[n] += imm;
		break;
	case HASHX_XOR_CONST:
		EACH_LANE(n)
			dst[n] ^= imm;
		break;
	default:
		assert(insn->op == HASHX_ROTATE);
		EACH_LANE(n)
			dst[n] = rotate_right(dst[n], by);
		break;
	}
}

static ALWAYS_INLINE void run_product(struct lanes *l, const struct hashx_insn *insn)
{
	uint64_t *dst = l->r[insn->dst];
	const uint64_t *src = l->r[insn->src];

	if (insn->op == HASHX_UMULH) {
		EACH_LANE(n)
			dst[n] = mul_high(dst[n], src[n]);
	} else {
		EACH_LANE(n)
			dst[n] = mul_high_signed(dst[n], src[n]);
	}
	keep_products(l, dst);
}

/* The generator lets these have two different registers alone. */
static ALWAYS_INLINE void run_pair(const struct hashx_insn *insn, uint64_t *restrict dst,
		     const uint64_t *restrict src)
{
	const unsigned int by = (unsigned int)insn->imm & 3;

	switch ((enum hashx_op)insn->op) {
	case HASHX_MUL:
		EACH_LANE(n)
			dst[n] *= src[n];
		break;
	case HASHX_SUB:
		EACH_LANE(n)
			dst[n] -= src[n];
		break;
	case HASHX_XOR:
		EACH_LANE(n)
			dst[n] ^= src[n];
		break;
	default:
		assert(insn->op == HASHX_ADD_SHIFT);
		EACH_LANE(n)
			dst[n] += src[n] << by;
		break;
	}
}

/* A lane takes the branch: what lies between target and branch is done again. */
static void rerun_lane(const struct hashx *h, struct lanes *l, unsigned int n, unsigned int target,
		       unsigned int branch)
{
	uint64_t r[HASHX_REGISTERS];

	l->branched[n] = UINT32_MAX;
	for (unsigned int i = 0; i < HASHX_REGISTERS; i++)
		r[i] = l->r[i][n];
	for (unsigned int i = target; i < branch; i++)
		run_insn(&h->code[i], r, &l->kept[n]);
	for (unsigned int i = 0; i < HASHX_REGISTERS; i++)
		l->r[i][n] = r[i];
}

/* Few lanes do: they are looked for eight at a time. */
static ALWAYS_INLINE void run_branch(const struct hashx *h, struct lanes *l, unsigned int target,
				     unsigned int branch)
{
	const uint32_t mask = (uint32_t)h->code[branch].imm;
	uint8_t takes[HASHX_BATCH];
	uint64_t eight;

	EACH_LANE(n)
		takes[n] = ((l->kept[n] | l->branched[n]) & mask) == 0;
	for (unsigned int n = 0; n < HASHX_BATCH; n += sizeof(eight)) {
		memcpy(&eight, takes + n, sizeof(eight));
		for (unsigned int i = n; eight != 0 && i < n + sizeof(eight); i++) {
			if (takes[i])
				rerun_lane(h, l, i, target, branch);
		}
	}
}

FOR_EACH_CPU static void run_lanes(const struct hashx *h, struct lanes *l)
{
	unsigned int target = 0;

	for (unsigned int i = 0; i < HASHX_INSTRUCTIONS; i++) {
		const struct hashx_insn *insn = &h->code[i];

		switch ((enum hashx_op)insn->op) {
		case HASHX_MUL:
		case HASHX_SUB:
		case HASHX_XOR:
		case HASHX_ADD_SHIFT:
			run_pair(insn, l->r[insn->dst], l->r[insn->src]);
			break;
		case HASHX_UMULH:
		case HASHX_SMULH:
			run_product(l, insn);
			break;
		case HASHX_ADD_CONST:
		case HASHX_XOR_CONST:
		case HASHX_ROTATE:
			run_constant(insn, l->r[insn->dst]);
			break;
		case HASHX_TARGET:
			target = i;
			break;
		case HASHX_BRANCH:
			run_branch(h, l, target, i);
			break;
		case HASHX_OPS:
			break;
		}
	}
}

void hashx_hash_batch(const struct hashx *h, uint64_t first, uint64_t ret_hash[HASHX_BATCH])
{
	struct lanes l;
	uint64_t r[HASHX_REGISTERS];
	uint64_t hash[4];

	memset(l.kept, 0, sizeof(l.kept));
	memset(l.branched, 0, sizeof(l.branched));
	EACH_LANE(n) {
		siphash_24_wide(&h->key, first + n, r);
		for (unsigned int i = 0; i < HASHX_REGISTERS; i++)
			l.r[i][n] = r[i];
	}
	run_lanes(h, &l);
	EACH_LANE(n) {
		for (unsigned int i = 0; i < HASHX_REGISTERS; i++)
			r[i] = l.r[i][n];
		digest(&h->key, r, hash);
		ret_hash[n] = hash[0];
	}
}
