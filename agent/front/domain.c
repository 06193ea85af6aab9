/* SPDX-License-Identifier: BSD-3-Clause */
/* domain.c - see domain.h */
#include "agent/front/domain.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/secret.h"

void domains_init(struct domains *d)
{
	d->by_token = NULL;
	d->next_id = 1;
}

void domains_deinit(struct domains *d)
{
	assert(!d->by_token);
}

size_t domains_count(const struct domains *d)
{
	return HASH_COUNT(d->by_token);
}

int domain_get(struct domains *d, struct ipc_str token, pid_t pid, struct domain **ret)
{
	char text[IPC_DOMAIN_MAX + 1] = { 0 };
	struct domain *found;

	if (token.len > IPC_DOMAIN_MAX)
		return -EINVAL;
	for (size_t i = 0; i < token.len; i++) {
		if (token.s[i] <= ' ' || token.s[i] > '~')
			return -EINVAL;
	}
	if (token.len > 0)
		memcpy(text, token.s, token.len);
	else
		snprintf(text, sizeof(text), " pid %ld", (long)pid);
	HASH_FIND_STR(d->by_token, text, found);
	if (found) {
		*ret = domain_ref(found);
		return 0;
	}
	if (HASH_COUNT(d->by_token) >= DOMAINS_MAX)
		return -ENOSPC;
	found = calloc(1, sizeof(*found));
	if (!found)
		return -ENOMEM;
	memcpy(found->token, text, sizeof(text));
	found->id = d->next_id++;
	found->refs = 1;
	found->set = d;
	HASH_ADD_STR(d->by_token, token, found);
	*ret = found;
	return 0;
}

struct domain *domain_ref(struct domain *d)
{
	d->refs++;
	return d;
}

void domain_unref(struct domain *d)
{
	if (!d)
		return;
	assert(d->refs > 0);
	if (--d->refs > 0)
		return;
	HASH_DEL(d->set->by_token, d);
	secret_wipe(d->token, sizeof(d->token));
	free(d);
}
