/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hashx_make.c - from a seed to the program of its hash function
 *
 * Theory of operation: the seed's hash makes the key of a random number generator and
 * the key of the registers. Instructions are then chosen one after the other. Where
 * the next one stands in the stream of decoding says what kind it is: a multiplication
 * in every third slot, wide ones, a branch and its target at fixed places of a pattern
 * of 36 slots, something small elsewhere. The kind gives the operation, the simulated
 * processor (hashx_plan.h) the cycle of issue, the cycle which registers are ready to
 * be read and written; among these the choice is random, under constraints that keep
 * two successive writes to a register from being merged into one.
 *
 * If no registers are left, a second, simpler operation is tried, then decoding stalls
 * for a cycle and it begins anew. A program that has stalled cannot reach all of its
 * instructions in time, so such seeds are refused. Every choice takes its random
 * numbers in exactly the order below: all implementations must make the same program.
 */
#include <string.h>

#include "agent/onion/hashx_plan.h"
#include "common/crypto.h"

/* What a good program has. */
#define MULTIPLIES 192
#define END_CYCLE 194

#define PATTERN_SLOTS 36
#define BRANCH_MASK_BITS 4
/* Cannot be the base of x86's scaled addressing, which the original's ADD_SHIFT became. */
#define NO_ADD_SHIFT_REGISTER 5

/* What wrote a register last: two of the same in a row are refused. */
enum writer_kind {
	WRITER_NONE,
	WRITER_MUL,
	WRITER_UMULH,
	WRITER_SMULH,
	WRITER_ADD_SUB,
	WRITER_ADD_CONST,
	WRITER_XOR,
	WRITER_XOR_CONST,
	WRITER_ROTATE,
};

struct writer {
	enum writer_kind kind;
	uint32_t detail;	/* source register, or a random number for wide products */
};

struct maker {
	struct siphash_state key;
	uint64_t counter;	/* of random words used */
	uint64_t bytes;		/* left of a word, the next one uppermost */
	unsigned int n_bytes;
	uint32_t half;		/* left of another word */
	bool has_half;
	struct hashx_plan plan;
	struct writer writers[HASHX_REGISTERS];
	int last_op;		/* chosen, even if it came to nothing; HASHX_OPS: none yet */
	bool retry;		/* second try at the same slot */
	unsigned int multiplies;
};

/* --- random choices: bytes and 32-bit words are cut from separate 64-bit words --- */

static uint8_t random_byte(struct maker *m)
{
	uint8_t b;

	if (m->n_bytes == 0) {
		m->bytes = siphash_13(&m->key, m->counter++);
		m->n_bytes = 8;
	}
	b = (uint8_t)(m->bytes >> 56);
	m->bytes <<= 8;
	m->n_bytes--;
	return b;
}

static uint32_t random_word(struct maker *m)
{
	uint64_t x;

	if (m->has_half) {
		m->has_half = false;
		return m->half;
	}
	x = siphash_13(&m->key, m->counter++);
	m->half = (uint32_t)x;
	m->has_half = true;
	return (uint32_t)(x >> 32);
}

static uint32_t random_nonzero(struct maker *m, uint32_t mask)
{
	uint32_t x;

	do {
		x = random_word(m) & mask;
	} while (x == 0);
	return x;
}

static uint32_t random_branch_mask(struct maker *m)
{
	uint32_t mask = 0;

	for (int n = 0; n < BRANCH_MASK_BITS;) {
		uint32_t bit = UINT32_C(1) << (random_byte(m) % 32);

		if (!(mask & bit))
			n++;
		mask |= bit;
	}
	return mask;
}

/* One register of a set of bits; no random number is used where there is no choice. */
static bool random_register(struct maker *m, unsigned int set, uint8_t *ret)
{
	int n = __builtin_popcount(set);
	uint32_t skip;

	if (n == 0)
		return false;
	skip = n > 1 ? random_word(m) % (uint32_t)n : 0;
	while (skip-- > 0)
		set &= set - 1;
	*ret = (uint8_t)__builtin_ctz(set);
	return true;
}

/* --- which operation --- */

static const uint8_t small_ops[8] = {
	HASHX_ROTATE, HASHX_XOR_CONST, HASHX_ADD_CONST, HASHX_ADD_CONST,
	HASHX_SUB, HASHX_XOR, HASHX_XOR_CONST, HASHX_ADD_SHIFT,
};
/* Of the second try: those without a source register. */
static const uint8_t constant_ops[4] = {
	HASHX_ROTATE, HASHX_XOR_CONST, HASHX_ADD_CONST, HASHX_ADD_CONST,
};
static const uint8_t wide_ops[2] = { HASHX_SMULH, HASHX_UMULH };

static enum hashx_op draw_op(struct maker *m)
{
	unsigned int place = m->plan.slot % PATTERN_SLOTS;

	if (place == 1)
		return HASHX_TARGET;
	if (place == 19)
		return HASHX_BRANCH;
	if (place == 12 || place == 24)
		return wide_ops[random_byte(m) % 2];
	if (place % 3 == 0)
		return HASHX_MUL;
	if (m->retry)
		return constant_ops[random_byte(m) % 4];
	return small_ops[random_byte(m) % 8];
}

static bool may_follow(int last, enum hashx_op op)
{
	switch (op) {
	case HASHX_ADD_CONST:
	case HASHX_XOR:
	case HASHX_XOR_CONST:
	case HASHX_ROTATE:
		return last != (int)op;
	case HASHX_ADD_SHIFT:
	case HASHX_SUB:
		return last != HASHX_ADD_SHIFT && last != HASHX_SUB;
	case HASHX_MUL:
	case HASHX_UMULH:
	case HASHX_SMULH:
	case HASHX_TARGET:
	case HASHX_BRANCH:
	case HASHX_OPS:
		break;
	}
	return true;
}

static enum hashx_op choose_op(struct maker *m)
{
	enum hashx_op op;

	do {
		op = draw_op(m);
	} while (!may_follow(m->last_op, op));
	m->last_op = (int)op;
	return op;
}

/* --- which registers --- */

static unsigned int ready_set(const struct maker *m, unsigned int cycle)
{
	unsigned int set = 0;

	for (unsigned int r = 0; r < HASHX_REGISTERS; r++) {
		if (m->plan.ready[r] <= cycle)
			set |= 1u << r;
	}
	return set;
}

/*
 * Of two registers left for ADD_SHIFT, the one that it cannot write must be the
 * source: it is taken without a choice.
 */
static bool choose_src(struct maker *m, enum hashx_op op, unsigned int ready, uint8_t *ret)
{
	const unsigned int special = 1u << NO_ADD_SHIFT_REGISTER;

	if (op == HASHX_ADD_SHIFT && (ready & special) && __builtin_popcount(ready) == 2)
		ready = special;
	return random_register(m, ready, ret);
}

static bool may_write(const struct maker *m, unsigned int reg, struct writer w)
{
	const struct writer *last = &m->writers[reg];

	if (w.kind == WRITER_MUL && last->kind == WRITER_MUL && !m->retry)
		return false;
	return last->kind != w.kind || last->detail != w.detail;
}

static bool choose_dst(struct maker *m, enum hashx_op op, unsigned int ready, struct writer w,
		       uint8_t *ret)
{
	if (op == HASHX_ADD_SHIFT)
		ready &= ~(1u << NO_ADD_SHIFT_REGISTER);
	for (unsigned int r = 0; r < HASHX_REGISTERS; r++) {
		if (!may_write(m, r, w))
			ready &= ~(1u << r);
	}
	return random_register(m, ready, ret);
}

/* Operations of two registers that must differ, named by their source. */
static bool choose_pair(struct maker *m, enum writer_kind kind, unsigned int ready,
			struct hashx_insn *insn, struct writer *ret)
{
	enum hashx_op op = (enum hashx_op)insn->op;
	struct writer w = { .kind = kind };

	if (!choose_src(m, op, ready, &insn->src))
		return false;
	w.detail = insn->src;
	*ret = w;
	return choose_dst(m, op, ready & ~(1u << insn->src), w, &insn->dst);
}

/* Wide products may have one register twice, and are told apart by a random number. */
static bool choose_wide(struct maker *m, enum writer_kind kind, unsigned int ready,
			struct hashx_insn *insn, struct writer *ret)
{
	enum hashx_op op = (enum hashx_op)insn->op;
	struct writer w = { .kind = kind, .detail = random_word(m) };

	*ret = w;
	return choose_src(m, op, ready, &insn->src) && choose_dst(m, op, ready, w, &insn->dst);
}

static bool choose_constant(struct maker *m, enum writer_kind kind, uint32_t mask,
			    unsigned int ready, struct hashx_insn *insn, struct writer *ret)
{
	struct writer w = { .kind = kind };

	insn->imm = (int32_t)random_nonzero(m, mask);
	*ret = w;
	return choose_dst(m, (enum hashx_op)insn->op, ready, w, &insn->dst);
}

static bool choose_operands(struct maker *m, unsigned int ready, struct hashx_insn *insn,
			    struct writer *w)
{
	switch ((enum hashx_op)insn->op) {
	case HASHX_MUL:
		return choose_pair(m, WRITER_MUL, ready, insn, w);
	case HASHX_SUB:
		return choose_pair(m, WRITER_ADD_SUB, ready, insn, w);
	case HASHX_XOR:
		return choose_pair(m, WRITER_XOR, ready, insn, w);
	case HASHX_ADD_SHIFT:
		insn->imm = (int32_t)(random_word(m) & 3);
		return choose_pair(m, WRITER_ADD_SUB, ready, insn, w);
	case HASHX_UMULH:
		return choose_wide(m, WRITER_UMULH, ready, insn, w);
	case HASHX_SMULH:
		return choose_wide(m, WRITER_SMULH, ready, insn, w);
	case HASHX_ADD_CONST:
		return choose_constant(m, WRITER_ADD_CONST, UINT32_MAX, ready, insn, w);
	case HASHX_XOR_CONST:
		return choose_constant(m, WRITER_XOR_CONST, UINT32_MAX, ready, insn, w);
	case HASHX_ROTATE:
		return choose_constant(m, WRITER_ROTATE, 63, ready, insn, w);
	case HASHX_BRANCH:
		insn->imm = (int32_t)random_branch_mask(m);
		return true;
	case HASHX_TARGET:
	case HASHX_OPS:
		break;
	}
	return true;
}

/* --- the program --- */

static bool try_instruction(struct maker *m, bool retry, struct hashx_insn *insn)
{
	struct writer w = { .kind = WRITER_NONE };
	struct hashx_issue issue;
	enum hashx_op op;

	m->retry = retry;
	op = choose_op(m);
	*insn = (struct hashx_insn){ .op = (uint8_t)op, .dst = HASHX_REGISTERS };
	if (!hashx_plan_find(&m->plan, op, &issue) ||
	    !choose_operands(m, ready_set(m, issue.cycle), insn, &w))
		return false;
	hashx_plan_take(&m->plan, op, &issue, insn->dst);
	if (w.kind != WRITER_NONE)
		m->writers[insn->dst] = w;
	if (op == HASHX_MUL || op == HASHX_UMULH || op == HASHX_SMULH)
		m->multiplies++;
	return true;
}

static bool make_instruction(struct maker *m, struct hashx_insn *insn)
{
	do {
		if (try_instruction(m, false, insn) || try_instruction(m, true, insn))
			return true;
	} while (hashx_plan_stall(&m->plan));
	return false;
}

static bool make_program(struct maker *m, struct hashx_insn *code)
{
	unsigned int n = 0;
	bool more = true;

	while (more && n < HASHX_INSTRUCTIONS) {
		if (!make_instruction(m, &code[n]))
			break;
		more = hashx_plan_decoded(&m->plan, (enum hashx_op)code[n++].op);
	}
	return n == HASHX_INSTRUCTIONS && m->multiplies == MULTIPLIES &&
	       hashx_plan_end(&m->plan) == END_CYCLE;
}

static uint64_t word_le(const uint8_t *b)
{
	uint64_t x = 0;

	for (int i = 7; i >= 0; i--)
		x = x << 8 | b[i];
	return x;
}

int hashx_make(struct hashx *h, const void *seed, size_t len)
{
	static const uint8_t salt[CRYPTO_BLAKE2B_SALT_LEN] = "HashX v1";
	struct maker m = { .last_op = HASHX_OPS };
	uint8_t keys[64];

	crypto_blake2b_salted(keys, sizeof(keys), seed, len, salt);
	for (int i = 0; i < 4; i++) {
		m.key.v[i] = word_le(keys + 8 * i);
		h->key.v[i] = word_le(keys + 32 + 8 * i);
	}
	return make_program(&m, h->code) ? 0 : HASHX_E_SEED;
}
