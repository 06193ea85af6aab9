/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * desc_outer.h - the outer layer of a descriptor: what directories see (rend-spec-v3 2.4)
 */
#ifndef ONION_DESC_OUTER_H
#define ONION_DESC_OUTER_H

#include <stddef.h>
#include <stdint.h>

#include "agent/onion/hs_desc.h"

#define HS_DESC_LIFETIME_MIN 30	/* minutes */
#define HS_DESC_LIFETIME_MAX 720

struct desc_outer {
	uint8_t blinded[32];
	uint8_t signing_key[32];
	uint32_t lifetime;	/* minutes */
	uint64_t revision;
	int64_t expires;	/* of the certificate */
	uint8_t *blob;		/* superencrypted; free with desc_outer_deinit(), which wipes it */
	size_t blob_len;
};

/*
 * Parses and verifies certificate and signature; whose blinded key it is, the caller
 * compares. 0, enum hs_desc_error, -ENOMEM.
 */
int desc_outer_parse(const char *text, size_t len, int64_t now, struct desc_outer *ret);
void desc_outer_deinit(struct desc_outer *d);

#endif
