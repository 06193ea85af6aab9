/* SPDX-License-Identifier: BSD-3-Clause */
/* dir_index.c - see dir_index.h */
#include "dirclient/dir_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto.h"
#include "dirclient/dir_cache.h"

void dir_index_init(struct dir_index *x)
{
	memset(x, 0, sizeof(*x));
	crypto_random(&x->key, sizeof(x->key));
	x->key |= 1;
}

void dir_index_deinit(struct dir_index *x)
{
	free(x->records);
	free(x->slots);
	memset(x, 0, sizeof(*x));
}

static size_t slot_of(const struct dir_index *x, const uint8_t digest[32])
{
	uint64_t v;

	memcpy(&v, digest, sizeof(v));
	return (size_t)((v * x->key) >> 32) & (x->n_slots - 1);
}

struct dir_record *dir_index_find(const struct dir_index *x, const uint8_t digest[32])
{
	if (x->n_slots == 0)
		return NULL;
	for (size_t s = slot_of(x, digest); x->slots[s]; s = (s + 1) & (x->n_slots - 1)) {
		struct dir_record *r = &x->records[x->slots[s] - 1];

		if (memcmp(r->digest, digest, 32) == 0)
			return r;
	}
	return NULL;
}

static void link_record(struct dir_index *x, size_t i)
{
	size_t s = slot_of(x, x->records[i].digest);

	while (x->slots[s])
		s = (s + 1) & (x->n_slots - 1);
	x->slots[s] = (uint32_t)i + 1;
}

static int grow(struct dir_index *x)
{
	size_t cap = x->cap ? x->cap * 2 : 1024;
	struct dir_record *records;
	uint32_t *slots;

	if (x->n < x->cap)
		return 0;
	if (x->n >= DIR_CACHE_RECORDS_MAX)
		return -ENOSPC;
	records = realloc(x->records, cap * sizeof(*records));
	if (!records)
		return -ENOMEM;
	x->records = records;
	slots = calloc(cap * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(x->slots);
	x->slots = slots;
	x->n_slots = cap * 2;
	x->cap = cap;
	for (size_t i = 0; i < x->n; i++)
		link_record(x, i);
	return 0;
}

int dir_index_add(struct dir_index *x, const uint8_t digest[32], uint32_t offset, size_t len,
		  uint32_t listed_h)
{
	int err = grow(x);
	struct dir_record *r;

	if (err)
		return err;
	r = &x->records[x->n];
	memcpy(r->digest, digest, 32);
	r->offset = offset;
	r->len = (uint32_t)len;
	r->listed_h = listed_h;
	link_record(x, x->n++);
	return 0;
}

void dir_index_clear(struct dir_index *x)
{
	x->n = 0;
	if (x->slots)
		memset(x->slots, 0, x->n_slots * sizeof(*x->slots));
}

void dir_index_keep(struct dir_index *x, uint32_t oldest_h)
{
	size_t kept = 0;

	for (size_t i = 0; i < x->n; i++)
		if (x->records[i].listed_h >= oldest_h)
			x->records[kept++] = x->records[i];
	dir_index_clear(x);
	x->n = kept;
	for (size_t i = 0; i < kept; i++)
		link_record(x, i);
}
