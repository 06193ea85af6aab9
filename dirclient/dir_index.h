/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dir_index.h - where in the journal each microdescriptor is, by its digest
 *
 * A dense array in journal order and an open-addressing table over it: 52 bytes
 * a record. The table's hash is keyed, because relays choose what they publish.
 */
#ifndef DIRCLIENT_DIR_INDEX_H
#define DIRCLIENT_DIR_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct dir_record {
	uint8_t digest[32];
	uint32_t offset;	/* of the text, in the journal */
	uint32_t len;
	uint32_t listed_h;	/* hours since 1970 */
};

struct dir_index {
	struct dir_record *records;
	size_t n;
	size_t cap;
	uint32_t *slots;	/* position + 1, 0 is free */
	size_t n_slots;		/* a power of two, twice @cap */
	uint64_t key;		/* odd and random: nobody can aim at a slot */
};

void dir_index_init(struct dir_index *x);
void dir_index_deinit(struct dir_index *x);
void dir_index_clear(struct dir_index *x);
struct dir_record *dir_index_find(const struct dir_index *x, const uint8_t digest[32]);
/* The digest must not be there yet. 0, -ENOMEM, or -ENOSPC beyond DIR_CACHE_RECORDS_MAX. */
int dir_index_add(struct dir_index *x, const uint8_t digest[32], uint32_t offset, size_t len,
		  uint32_t listed_h);
/* Keeps, in order, the records that were listed at @oldest_h or later. */
void dir_index_keep(struct dir_index *x, uint32_t oldest_h);

#endif
