/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_desc_inner.c - any bytes as the inner layer of an onion service's descriptor
 *
 * The first 32 bytes are the key that the points' certificates must name.
 */
#include <stdlib.h>

#include "agent/onion/desc_inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct hs_desc *d;

	if (len < 32)
		return 0;
	d = calloc(1, sizeof(*d));
	if (d && desc_inner_parse((const char *)data + 32, len - 32, data, 0, d) == 0) {
		if (d->n_intro > HS_INTRO_MAX || (d->terms.has_cc && d->terms.sendme_inc == 0))
			abort();
		for (size_t i = 0; i < d->n_intro; i++)
			if (d->intro[i].link_specs_len > HS_LINK_SPECS_LEN_MAX ||
			    !d->intro[i].relay.has_ntor)
				abort();
	}
	hs_desc_free(d);
	return 0;
}
