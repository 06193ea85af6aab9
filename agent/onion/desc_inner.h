/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * desc_inner.h - the inner layer: terms and introduction points (rend-spec-v3 2.5.2.2)
 */
#ifndef ONION_DESC_INNER_H
#define ONION_DESC_INNER_H

#include <stddef.h>
#include <stdint.h>

#include "agent/onion/hs_desc.h"

/*
 * Fills terms and introduction points of @desc. @signing_key: of the outer layer, it
 * signs the points' keys. 0, enum hs_desc_error.
 */
int desc_inner_parse(const char *text, size_t len, const uint8_t signing_key[32], int64_t now,
		     struct hs_desc *desc);

#endif
