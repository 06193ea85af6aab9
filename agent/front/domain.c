/* SPDX-License-Identifier: BSD-3-Clause */
/* domain.c - see domain.h */
#include "agent/front/domain.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/account.h"
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

void domain_set_account(struct domain *d, struct account *account)
{
	if (account)
		account_ref(account);
	account_unref(d->account);
	d->account = account;
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
	account_unref(d->account);
	secret_wipe(d->token, sizeof(d->token));
	free(d);
}

/* FNV-1a, 64 bits; never 0. */
static uint64_t mix(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

static uint64_t place_hash(const char *host, const struct addr *addr, uint16_t port)
{
	const uint8_t tail[2] = { (uint8_t)(port >> 8), (uint8_t)port };
	uint64_t h = 0xcbf29ce484222325u;

	if (host && host[0])
		h = mix(h, host, strlen(host));
	else
		h = mix(mix(h, &addr->family, 1), addr->b, addr->family == ADDR_V4 ? 4 : 16);
	h = mix(h, tail, sizeof(tail));
	return h ? h : 1;
}

bool domain_has_reached(const struct domain *d, const char *host, const struct addr *addr,
			uint16_t port)
{
	uint64_t h = place_hash(host, addr, port);

	for (size_t i = 0; i < DOMAIN_REACHED_MAX; i++) {
		if (d->reached[i] == h)
			return true;
	}
	return false;
}

void domain_note_reached(struct domain *d, const char *host, const struct addr *addr,
			 uint16_t port)
{
	if (!domain_has_reached(d, host, addr, port))
		d->reached[d->n_reached++ % DOMAIN_REACHED_MAX] = place_hash(host, addr, port);
}
