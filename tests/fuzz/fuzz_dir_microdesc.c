/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_dir_microdesc.c - concatenated microdescriptors, their policies and families */
#include <stdint.h>
#include <stdlib.h>

#include "dirclient/md_pool.h"
#include "dirclient/microdesc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void use(struct md_pool *pool, const struct microdesc *md)
{
	static const uint8_t id[RSA_ID_LEN] = {1};
	const struct port_policy *p = NULL;
	const struct family_set *f = NULL;

	if (md_pool_policy(pool, md->policy4, &p) == 0)
		(void)port_policy_allows(p, 80);
	if (md_pool_family(pool, md->family, md->family_ids, &f) == 0 && f) {
		(void)family_lists_relay(f, id, "nobody");
		(void)family_shares_id(f, f);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data;
	struct md_pool *pool = md_pool_new();

	for (size_t pos = 0, n; pool && pos < len; pos += n) {
		struct microdesc md;

		n = microdesc_split(text + pos, len - pos);
		if (n == 0 || n > len - pos)
			abort();
		if (microdesc_parse(text + pos, n, &md) == 0)
			use(pool, &md);
	}
	md_pool_free(pool);
	return 0;
}
