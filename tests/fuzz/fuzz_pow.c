/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_pow.c - a proof of work as it stands in INTRODUCE2
 *
 * The bytes are the extension; the puzzle is the first published one, so that the
 * corpus holds a proof that is accepted. The seed's head is put right, so that all of
 * the check is reached; the effort can be lowered to 0, which every proof reaches.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/onion/pow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t again[POW_EXT_LEN];
	struct pow_solution s;
	struct pow_puzzle p;

	memset(p.id, 0x11, sizeof(p.id));
	memset(p.seed, 0xaa, sizeof(p.seed));
	if (pow_solution_parse(data, len, &s) != 0)
		return 0;
	pow_solution_encode(again, &s);
	if (len != sizeof(again) || memcmp(again, data, len) != 0)
		abort();
	(void)pow_verify(&p, &s);
	memset(s.seed_head, 0xaa, sizeof(s.seed_head));
	(void)pow_verify(&p, &s);
	s.effort = 0;
	if (pow_verify(&p, &s) == POW_E_EFFORT)
		abort();
	return 0;
}
