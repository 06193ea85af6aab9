/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vanguards.h - the few relays that stand behind the guard in onion services' circuits
 *
 * Whoever can make a service build circuits at will could watch until a relay of his
 * is next to its guard. So the second hop (and, with full vanguards, the third) comes
 * from a small set that is kept for days. The spec and its deviations are in
 * vanguards.c. Borrows the selector; @wall is the clock of dates that are stored.
 */
#ifndef PATH_VANGUARDS_H
#define PATH_VANGUARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "agent/path/path.h"
#include "agent/path/rules.h"
#include "agent/path/select.h"
#include "agent/path/vanguard_state.h"

struct vanguards;

/* @rules borrowed; @path: the state file, loaded at once, copied; NULL: memory only. */
struct vanguards *vanguards_new(struct selector *sel, const struct path_rules *rules,
				enum path_vanguards mode, const char *path);
void vanguards_free(struct vanguards *v);
void vanguards_set_hosting(struct vanguards *v, bool hosting);
/* Full ones today, by configuration and consensus? */
bool vanguards_full(const struct vanguards *v);
/*
 * Drops who expired, left the network or lost its flags, and fills up. Needs a live netdir
 * with descriptors; cheap when nothing is due.
 */
void vanguards_maintain(struct vanguards *v, time_t wall);
/* Any of @layer that @ok allows, all alike; index in the netdir, or -ENOENT. */
ssize_t vanguards_choose(const struct vanguards *v, enum vanguard_layer layer, select_ok_fn ok,
			 void *ctx);
bool vanguards_has(const struct vanguards *v, enum vanguard_layer layer,
		   const uint8_t rsa_id[RSA_ID_LEN]);
size_t vanguards_count(const struct vanguards *v, enum vanguard_layer layer);
/* A new identity: other vanguards, unless they are full ones, which exist to stay. */
void vanguards_renew(struct vanguards *v);
/* Writes full vanguards if they changed. 0 or -errno. */
int vanguards_save(struct vanguards *v);

#endif
