/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * microdesc.h - one relay's microdescriptor (dir-spec 3.3)
 *
 * A microdescriptor is named by the SHA-256 of its exact text. Parsing borrows
 * the text and checks everything that clients use; items of later versions are
 * skipped.
 */
#ifndef DIRCLIENT_MICRODESC_H
#define DIRCLIENT_MICRODESC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/relay_target.h"
#include "dirclient/netdoc.h"

#define MICRODESC_DIGEST_LEN 32
/* The family line of a very large operator, and little else. */
#define MICRODESC_TEXT_MAX (160 * 1024)

struct microdesc {
	uint8_t ntor_key[NTOR_KEY_LEN];
	uint8_t ed_id[ED_ID_LEN];
	bool has_ed;
	struct netdoc_str family;	/* arguments of the lines; len 0: absent */
	struct netdoc_str family_ids;
	struct netdoc_str policy4;
	struct netdoc_str policy6;
};

/* Exactly one document. 0, or a netdoc_error. */
int microdesc_parse(const char *text, size_t len, struct microdesc *ret);
/*
 * Length of the document at the start of a concatenation: up to the next line
 * that begins one ("onion-key"), or to the end.
 */
size_t microdesc_split(const char *text, size_t len);

#endif
