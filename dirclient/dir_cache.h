/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dir_cache.h - consensus, certificates and microdescriptors on disk
 *
 * Consensus and certificates are whole text files, replaced atomically.
 * Microdescriptors are one append-only journal of records, each guarded by the
 * digest that names it; an index of digests and offsets stays in memory. A file
 * that is damaged is set aside, what is good in it is kept, and nothing here ever
 * stops the program: without a usable folder the cache holds nothing.
 */
#ifndef DIRCLIENT_DIR_CACHE_H
#define DIRCLIENT_DIR_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* 9000 microdescriptors are 5 MB; a week of changed ones as much again. */
#define DIR_CACHE_JOURNAL_MAX (96u * 1024 * 1024)
#define DIR_CACHE_RECORDS_MAX 200000
/* How long a microdescriptor outlives its last listing (dir-spec 5.2). */
#define DIR_CACHE_KEEP_S (7 * 24 * 3600)

enum dir_cache_file { DIR_CACHE_CONSENSUS, DIR_CACHE_CERTIFICATES, DIR_CACHE_MICRODESCS };

struct dir_cache;
typedef void (*dir_cache_visit_fn)(void *ctx, const uint8_t digest[32], const char *text,
				   size_t len);

/* NULL only without memory. @dir NULL: a cache that holds nothing. */
struct dir_cache *dir_cache_new(const char *dir);
void dir_cache_free(struct dir_cache *c);

/* Whole files: 0 and a malloc()ed text with NUL, -ENOENT, or -errno. */
int dir_cache_load(struct dir_cache *c, enum dir_cache_file file, size_t max, char **ret_text,
		   size_t *ret_len);
/* Failures are logged; there is nothing else to be done about them. */
void dir_cache_store(struct dir_cache *c, enum dir_cache_file file, const char *text, size_t len);
/* What was loaded makes no sense: keep it as <name>.bad, say so, go on without. */
void dir_cache_spoiled(struct dir_cache *c, enum dir_cache_file file, const char *why);

/* Reads the journal and shows every good record. Call once, first. */
void dir_cache_open_journal(struct dir_cache *c, dir_cache_visit_fn visit, void *ctx);
/* Adds a record unless it is there. Buffered until dir_cache_flush(). */
void dir_cache_add(struct dir_cache *c, const uint8_t digest[32], const char *text, size_t len,
		   time_t wall);
void dir_cache_flush(struct dir_cache *c);
/* 0 and a malloc()ed text, -ENOENT, or -errno. */
int dir_cache_get(struct dir_cache *c, const uint8_t digest[32], char **ret_text, size_t *ret_len);
/* A consensus lists it: keep it a week longer. */
void dir_cache_mark(struct dir_cache *c, const uint8_t digest[32], time_t wall);
/* Rewrites the journal without expired records when that is worth it, at most daily otherwise. */
void dir_cache_compact(struct dir_cache *c, time_t wall);
size_t dir_cache_n_records(const struct dir_cache *c);

#endif
