/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guard_state.h - the guard sample on disk
 *
 * One line a guard, in sample order, framed and checksummed by state_file.c:
 *
 *	onionify-guards 1
 *	guard RSA ED NICK SAMPLED BY LISTED UNLISTED CONFIRMED
 *	end <lines> <SHA-256>
 *
 *	RSA		identity, 40 hex digits
 *	ED		Ed25519 identity, base64 without padding; "-" unknown
 *	NICK		nickname, for people; "-" none
 *	SAMPLED		when it entered the sample, as YYYY-MM-DDTHH:MM:SS in UTC
 *	BY		the onionify version that put it there; "-" unknown
 *	LISTED		1 when the last consensus listed it as a guard, else 0
 *	UNLISTED	since when not; "-" exactly when LISTED is 1
 *	CONFIRMED	when it was first used; "-" never
 *
 * Every date is already randomised into the past when it is made (guard-spec
 * A.2), so the file tells no exact time of use. Any other text is damage.
 */
#ifndef PATH_GUARD_STATE_H
#define PATH_GUARD_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/relay_target.h"

/* Hard limit on the sample, above any sane guard-max-sample-size (default 60). */
#define GUARDS_MAX 256
#define GUARD_STATE_MAGIC "onionify-guards"

struct guard_record {
	uint8_t rsa_id[RSA_ID_LEN];
	uint8_t ed_id[ED_ID_LEN];
	bool has_ed;
	bool listed;
	char nickname[20];
	char sampled_by[24];
	time_t sampled_on;
	time_t unlisted_since;	/* 0: listed */
	time_t confirmed_on;	/* 0: never used */
};

struct guard_records {
	size_t n;
	struct guard_record r[GUARDS_MAX];
};

/* One line without its newline. 0 or STATE_E_FORMAT. */
int guard_record_parse(const char *line, struct guard_record *ret);
/* The whole file. 0 or STATE_E_*; @ret is defined only on 0. */
int guard_state_parse(const char *data, size_t len, struct guard_records *ret);
/* The whole file, malloc()ed. 0, -EINVAL, -ENOMEM. */
int guard_state_encode(const struct guard_records *records, char **ret, size_t *ret_len);
/* As state_file_load(): 0, -ENOENT (start anew), or another -errno (do not save). */
int guard_state_load(const char *path, struct guard_records *ret);
/* 0 or -errno. */
int guard_state_save(const char *path, const struct guard_records *records);

#endif
