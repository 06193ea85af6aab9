/* SPDX-License-Identifier: BSD-3-Clause */
/* intro_parts.h - what intro_msg.c and introduce.c share */
#ifndef ONION_INTRO_PARTS_H
#define ONION_INTRO_PARTS_H

#include <stdbool.h>

#include "common/wire.h"

#define INTRO_AUTH_ED25519 2	/* AUTH_KEY_TYPE (rend-spec-v3 3.1.1) */

enum intro_ext_type {
	INTRO_EXT_DOS = 1,	/* in ESTABLISH_INTRO (prop305) */
	INTRO_EXT_CC = 1,	/* in the encrypted part of INTRODUCE1 (prop324 9) */
	INTRO_EXT_POW = 2,	/* likewise (prop327) */
};

struct intro_ext {
	uint8_t type;
	struct wire_reader body;
};

/* The next of @left extensions; false when there is none, or the list is cut off. */
bool intro_ext_next(struct wire_reader *r, unsigned int *left, struct intro_ext *ret);

#endif
