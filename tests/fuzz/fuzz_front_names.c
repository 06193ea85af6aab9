/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_front_names.c - any bytes as a host name
 *
 * What counts as a name is short, lower case, of safe bytes only, and is told to be the
 * same kind of name when it is given again.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char name[NAME_MAX_LEN + 1];
	char again[NAME_MAX_LEN + 1];
	struct addr a;
	enum name_kind kind = name_classify((const char *)data, len, name, &a);

	if (kind == NAME_BAD || kind == NAME_LITERAL)
		return 0;
	if (strlen(name) == 0 || strlen(name) > NAME_MAX_LEN)
		abort();
	for (const char *p = name; *p; p++) {
		if (!isdigit((unsigned char)*p) && !islower((unsigned char)*p) && !strchr("-_.", *p))
			abort();
	}
	if (name_classify(name, strlen(name), again, &a) != kind || strcmp(name, again) != 0)
		abort();
	return 0;
}
