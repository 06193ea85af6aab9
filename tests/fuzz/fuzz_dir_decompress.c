/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_dir_decompress.c - compressed bodies: the first byte chooses the encoding */
#include <stdint.h>
#include <stdlib.h>

#include "dirclient/decompress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define OUTPUT_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *out;
	size_t n;

	if (len == 0)
		return 0;
	(void)dir_encoding_guess(data + 1, len - 1);
	if (dir_decompress((enum dir_encoding)(data[0] % 5), data + 1, len - 1, OUTPUT_MAX, &out, &n))
		return 0;
	if (n > OUTPUT_MAX || out[n] != '\0')
		abort();
	free(out);
	return 0;
}
