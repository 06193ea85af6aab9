/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_dir_diff.c - consensus diffs: the input is the list of edits */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/crypto.h"
#include "dirclient/consdiff.h"
#include "dirclient/consensus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Not a real consensus, but one for the purposes of a diff. */
static const char base[] = "network-status-version 3 microdesc\nb\nc\nd\ne\nf\ng\nh\n"
			   "directory-signature sha256 A B\nx\ny\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t sha3[SHA3_256_LEN];
	char from[CODEC_HEX_LEN(SHA3_256_LEN)];
	char *diff = malloc(len + 256), *out;
	size_t n, out_len;

	if (!diff)
		return 0;
	/* As it is, and with a header that fits. */
	if (consdiff_apply(base, sizeof(base) - 1, (const char *)data, len, &out, &out_len) == 0)
		free(out);
	crypto_sha3(sha3, base, consensus_signed_len(base, sizeof(base) - 1));
	codec_hex_encode(from, sha3, sizeof(sha3));
	n = (size_t)sprintf(diff, "network-status-diff-version 1\nhash %s %s\n", from, from);
	memcpy(diff + n, data, len);
	if (consdiff_apply(base, sizeof(base) - 1, diff, n + len, &out, &out_len) == 0)
		free(out);
	free(diff);
	return 0;
}
