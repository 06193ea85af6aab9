/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vanguard_state.h - full vanguards on disk
 *
 * One line a vanguard, framed and checksummed by state_file.c:
 *
 *	onionify-vanguards 1
 *	vanguard LAYER RSA EXPIRES
 *	end <lines> <SHA-256>
 *
 *	LAYER	2 or 3
 *	RSA	identity, 40 hex digits
 *	EXPIRES	when another takes its place, seconds since 1970
 *
 * Any other text is damage.
 */
#ifndef PATH_VANGUARD_STATE_H
#define PATH_VANGUARD_STATE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/relay_target.h"

/* Of a layer: C tor's bound for guard-hs-l2-number. */
#define VANGUARDS_MAX 19
#define VANGUARD_STATE_MAGIC "onionify-vanguards"

enum vanguard_layer {
	VANGUARD_L2,
	VANGUARD_L3,
	VANGUARD_LAYERS,
};

struct vanguard {
	uint8_t rsa_id[RSA_ID_LEN];
	time_t expires;
};

struct vanguard_set {
	size_t n;
	struct vanguard v[VANGUARDS_MAX];
};

struct vanguard_record {
	enum vanguard_layer layer;
	struct vanguard v;
};

/* One line without its newline. 0 or STATE_E_FORMAT. */
int vanguard_record_parse(const char *line, struct vanguard_record *ret);
/* The whole file. 0 or STATE_E_*; @ret is defined only on 0. */
int vanguard_state_parse(const char *data, size_t len, struct vanguard_set ret[VANGUARD_LAYERS]);
/* The whole file, malloc()ed. 0, -EINVAL, -ENOMEM. */
int vanguard_state_encode(const struct vanguard_set sets[VANGUARD_LAYERS], char **ret,
			  size_t *ret_len);
/* As state_file_load(): 0, -ENOENT (start anew), or another -errno (do not save). */
int vanguard_state_load(const char *path, struct vanguard_set ret[VANGUARD_LAYERS]);
/* 0 or -errno. */
int vanguard_state_save(const char *path, const struct vanguard_set sets[VANGUARD_LAYERS]);

#endif
