/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pow.h - proof of work of onion services, version 1 (hspow-spec, proposal 327)
 *
 * A service under load tells in its descriptor a seed and the effort that it suggests.
 * A client that wants in early solves Equi-X for challenge = personalisation, blinded
 * key, seed, a nonce of its own and the effort, until the hash of challenge and
 * solution is small enough for the effort; it sends nonce, effort and solution inside
 * INTRODUCE1. The service checks that in the loop (pow_verify(): 60 us at the very
 * most) and serves the highest effort first.
 *
 * Here: the extension's bytes, checking, one attempt at solving, and the arithmetic of
 * efforts on both sides. Solving as a job beside the loop: pow_pool.h.
 */
#ifndef AGENT_ONION_POW_H
#define AGENT_ONION_POW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/onion/equix.h"

#define POW_ID_LEN 32		/* blinded public key of the service */
#define POW_SEED_LEN 32
#define POW_SEED_HEAD_LEN 4
#define POW_NONCE_LEN 16
/* INTRODUCE1's extension (rend-spec 3.3, proposal 327 3.3). */
#define POW_EXT_LEN 41
#define POW_VERSION 1
/* Personalisation 16, key 32, seed 32, nonce 16, effort 4. */
#define POW_CHALLENGE_LEN 100

/* Results of pow_verify() and of parsing, beside 0. */
#define POW_E_FORMAT 1		/* not version 1, or of another length */
#define POW_E_SEED 2		/* made for another seed */
#define POW_E_EFFORT 3		/* the effort claimed was not made */
#define POW_E_PROOF 4		/* Equi-X refuses it */

/* What a puzzle is about. */
struct pow_puzzle {
	uint8_t id[POW_ID_LEN];
	uint8_t seed[POW_SEED_LEN];
};

struct pow_solution {
	uint8_t nonce[POW_NONCE_LEN];
	uint32_t effort;
	uint8_t seed_head[POW_SEED_HEAD_LEN];
	uint8_t proof[EQUIX_SOLUTION_LEN];
};

/* The body of the extension, without its type and length. */
void pow_solution_encode(uint8_t out[POW_EXT_LEN], const struct pow_solution *s);
/* 0, or POW_E_FORMAT. */
int pow_solution_parse(const void *body, size_t len, struct pow_solution *ret);

/**
 * pow_verify() - Was this effort made for this puzzle?
 *
 * The cheap checks come first: seed, then one short hash for the effort, then the
 * order of the solution, last the sums. Replays are the caller's to find, best before
 * this: by (seed head, nonce).
 *
 * Return: 0, or POW_E_SEED, POW_E_EFFORT, POW_E_PROOF
 */
int pow_verify(const struct pow_puzzle *p, const struct pow_solution *s);

/**
 * pow_attempt() - Try one nonce
 * @nonce:	Where to look; 128 bits little-endian, to be increased by pow_nonce_next()
 * @ret:	The solution, if one of this nonce is good enough
 * @ret_found:	Whether it is
 *
 * Some milliseconds: for solver threads and tests.
 *
 * Return: 0, or -ECANCELED after @stop (may be NULL)
 */
int pow_attempt(struct equix_solver *solver, const struct pow_puzzle *p, uint32_t effort,
		const uint8_t nonce[POW_NONCE_LEN], const atomic_bool *stop,
		struct pow_solution *ret, bool *ret_found);
void pow_nonce_next(uint8_t nonce[POW_NONCE_LEN]);

/* --- the client's effort (proposal 327 4.1) --- */

#define POW_CLIENT_EFFORT_MAX 10000	/* more would take a client minutes */
#define POW_CLIENT_RETRY_MIN 8
#define POW_CLIENT_DOUBLE_UNTIL 1000

/*
 * What to put into an introduction: @suggested by the descriptor, @failures earlier
 * introductions to this service that led to nothing. 0: send none.
 */
uint32_t pow_client_effort(uint32_t suggested, unsigned int failures);

/* --- the service's suggestion (proposal 327 3.4.3) --- */

#define POW_UPDATE_PERIOD_S 300

/* What a service counts in one period; zeroed by pow_service_update(). */
struct pow_service_period {
	uint64_t total_effort;		/* of all that was queued */
	uint32_t handled;		/* rendezvous launched */
	uint32_t trimmed_effort_max;	/* of what was thrown away, too old or too many */
	bool had_queue;			/* more waited than a quarter of a second would do */
};

/**
 * pow_service_update() - The effort to suggest from now on
 * @suggested:		The effort of the period that ends
 * @top_effort:		The highest effort that waits now; 0 with @waiting 0
 * @waiting:		Requests that wait now
 * @quarter_second:	Requests that are worked off in a quarter of a second; 0 is taken for 1
 */
uint32_t pow_service_update(struct pow_service_period *period, uint32_t suggested,
			    uint32_t top_effort, uint32_t waiting, uint32_t quarter_second);
/* True when the change is worth a new descriptor: to or from 0, or by 15 percent. */
bool pow_service_effort_differs(uint32_t published, uint32_t suggested);

#endif
