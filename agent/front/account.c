/* SPDX-License-Identifier: BSD-3-Clause */
/* account.c - see account.h */
#include "agent/front/account.h"

#include <stdlib.h>
#include <string.h>

struct account {
	unsigned int refs;
	size_t n;
	struct account_place places[ACCOUNT_PLACES_MAX];
};

struct account *account_new(void)
{
	struct account *a = calloc(1, sizeof(*a));

	if (a)
		a->refs = 1;
	return a;
}

struct account *account_ref(struct account *a)
{
	a->refs++;
	return a;
}

void account_unref(struct account *a)
{
	if (a && --a->refs == 0)
		free(a);
}

struct account_place *account_place(struct account *a, const char *host, const struct addr *addr,
				    uint16_t port)
{
	struct account_place *p;

	for (size_t i = 0; i < a->n; i++) {
		p = &a->places[i];
		if (p->port == port && strcmp(p->host, host) == 0 && addr_equal(&p->addr, addr))
			return p;
	}
	p = &a->places[a->n < ACCOUNT_PLACES_MAX ? a->n : ACCOUNT_PLACES_MAX - 1];
	if (a->n >= ACCOUNT_PLACES_MAX)
		return p;
	if (++a->n == ACCOUNT_PLACES_MAX || strlen(host) > IPC_NAME_MAX)
		return p;
	memcpy(p->host, host, strlen(host));
	p->addr = *addr;
	p->port = port;
	return p;
}

void account_each(const struct account *a, void (*fn)(void *ctx, const struct account_place *),
		  void *ctx)
{
	for (size_t i = 0; i < a->n; i++)
		fn(ctx, &a->places[i]);
}
