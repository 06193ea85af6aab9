/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_dir_consensus.c - consensus documents, and netdirs made of them */
#include <stdint.h>
#include <stdlib.h>

#include "dirclient/consensus.h"
#include "dirclient/netdir_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct consensus *c;
	struct netdir *nd;

	if (consensus_parse((const char *)data, len, &c))
		return 0;
	nd = netdir_new(c);
	consensus_free(c);
	if (!nd)
		return 0;
	for (size_t i = 0; i < netdir_n_relays(nd); i++) {
		const struct relay *r = netdir_relay(nd, i);

		if (netdir_find_rsa(nd, r->rsa_id) != (ssize_t)i)
			abort();
	}
	(void)netdir_path_fraction(nd);
	(void)netdir_weight(nd, WEIGHT_GG);
	netdir_unref(nd);
	return 0;
}
