/* SPDX-License-Identifier: BSD-3-Clause */
/* pow.c - challenge, solution and check of proofs of work; see pow.h */
#include "agent/onion/pow.h"

#include <string.h>

#include "common/crypto.h"
#include "common/wire.h"

/* With its NUL (proposal 327 3.2). */
static const char personalisation[16] = "Tor hs intro v1";

static void make_challenge(uint8_t out[POW_CHALLENGE_LEN], const struct pow_puzzle *p,
			   const uint8_t nonce[POW_NONCE_LEN], uint32_t effort)
{
	struct wire_writer w;

	wire_writer_init(&w, out, POW_CHALLENGE_LEN);
	wire_put_bytes(&w, personalisation, sizeof(personalisation));
	wire_put_bytes(&w, p->id, POW_ID_LEN);
	wire_put_bytes(&w, p->seed, POW_SEED_LEN);
	wire_put_bytes(&w, nonce, POW_NONCE_LEN);
	wire_put_u32(&w, effort);
}

/* The chance of passing is 1 in @effort: R * E <= 2^32 - 1 for a uniform R. */
static bool effort_is_made(const uint8_t challenge[POW_CHALLENGE_LEN],
			   const uint8_t proof[EQUIX_SOLUTION_LEN], uint32_t effort)
{
	uint8_t in[POW_CHALLENGE_LEN + EQUIX_SOLUTION_LEN];
	uint8_t hash[4];
	uint64_t r;

	memcpy(in, challenge, POW_CHALLENGE_LEN);
	memcpy(in + POW_CHALLENGE_LEN, proof, EQUIX_SOLUTION_LEN);
	crypto_blake2b(hash, sizeof(hash), in, sizeof(in));
	r = (uint64_t)hash[0] << 24 | (uint64_t)hash[1] << 16 | (uint64_t)hash[2] << 8 | hash[3];
	return r * effort <= UINT32_MAX;
}

void pow_solution_encode(uint8_t out[POW_EXT_LEN], const struct pow_solution *s)
{
	struct wire_writer w;

	wire_writer_init(&w, out, POW_EXT_LEN);
	wire_put_u8(&w, POW_VERSION);
	wire_put_bytes(&w, s->nonce, POW_NONCE_LEN);
	wire_put_u32(&w, s->effort);
	wire_put_bytes(&w, s->seed_head, POW_SEED_HEAD_LEN);
	wire_put_bytes(&w, s->proof, EQUIX_SOLUTION_LEN);
}

int pow_solution_parse(const void *body, size_t len, struct pow_solution *ret)
{
	struct wire_reader r;
	struct pow_solution s;

	wire_reader_init(&r, body, len);
	if (wire_get_u8(&r) != POW_VERSION)
		return POW_E_FORMAT;
	wire_get_bytes(&r, s.nonce, POW_NONCE_LEN);
	s.effort = wire_get_u32(&r);
	wire_get_bytes(&r, s.seed_head, POW_SEED_HEAD_LEN);
	wire_get_bytes(&r, s.proof, EQUIX_SOLUTION_LEN);
	if (!wire_done(&r))
		return POW_E_FORMAT;
	*ret = s;
	return 0;
}

int pow_verify(const struct pow_puzzle *p, const struct pow_solution *s)
{
	uint8_t challenge[POW_CHALLENGE_LEN];
	struct equix_solution items;

	/* Public in the descriptor. */
	if (memcmp(p->seed, s->seed_head, POW_SEED_HEAD_LEN) != 0)	/* public */
		return POW_E_SEED;
	make_challenge(challenge, p, s->nonce, s->effort);
	if (!effort_is_made(challenge, s->proof, s->effort))
		return POW_E_EFFORT;
	equix_solution_from_bytes(&items, s->proof);
	return equix_verify(challenge, sizeof(challenge), &items) == 0 ? 0 : POW_E_PROOF;
}

/* The first solution that is good enough becomes the answer. */
static bool pick(const uint8_t challenge[POW_CHALLENGE_LEN], uint32_t effort,
		 const struct equix_solution *found, size_t n,
		 uint8_t ret_proof[EQUIX_SOLUTION_LEN])
{
	uint8_t proof[EQUIX_SOLUTION_LEN];

	for (size_t i = 0; i < n; i++) {
		equix_solution_encode(proof, &found[i]);
		if (effort_is_made(challenge, proof, effort)) {
			memcpy(ret_proof, proof, sizeof(proof));
			return true;
		}
	}
	return false;
}

int pow_attempt(struct equix_solver *solver, const struct pow_puzzle *p, uint32_t effort,
		const uint8_t nonce[POW_NONCE_LEN], const atomic_bool *stop,
		struct pow_solution *ret, bool *ret_found)
{
	struct equix_solution found[EQUIX_SOLUTIONS_MAX];
	uint8_t challenge[POW_CHALLENGE_LEN];
	size_t n = 0;
	int r;

	make_challenge(challenge, p, nonce, effort);
	r = equix_solve(solver, challenge, sizeof(challenge), stop, found, &n);
	if (r < 0)
		return r;
	*ret_found = r == 0 && pick(challenge, effort, found, n, ret->proof);
	if (*ret_found) {
		memcpy(ret->nonce, nonce, POW_NONCE_LEN);
		memcpy(ret->seed_head, p->seed, POW_SEED_HEAD_LEN);
		ret->effort = effort;
	}
	return 0;
}

void pow_nonce_next(uint8_t nonce[POW_NONCE_LEN])
{
	for (int i = 0; i < POW_NONCE_LEN && ++nonce[i] == 0; i++)
		;
}
