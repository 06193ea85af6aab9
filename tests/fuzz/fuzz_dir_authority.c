/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_dir_authority.c - DirAuthority and FallbackDir lines, protocol lists */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dirclient/dirclient.h"
#include "dirclient/netdoc.h"
#include "dirclient/protover.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *line = malloc(len + 1);
	struct dir_authority a;
	struct dir_fallback f;
	char err[64];
	struct netdoc_str s = {line, len};
	time_t t;

	if (!line)
		return 0;
	memcpy(line, data, len);
	line[len] = '\0';
	(void)dir_authority_parse(line, &a, err, sizeof(err));
	(void)dir_fallback_parse(line, &f, err, sizeof(err));
	(void)protover_caps(s);
	(void)protover_is_valid(s);
	(void)protover_missing(s, s, err, sizeof(err));
	(void)netdoc_time(&s, &t);
	free(line);
	return 0;
}
