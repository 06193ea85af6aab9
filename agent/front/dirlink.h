/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dirlink.h - directory connections for the directory client (dirclient.h: dir_ops)
 *
 * open() makes a socket pair, puts one end on a BEGIN_DIR stream of a one-hop circuit
 * and gives the other to the directory client. result() decides whether the
 * circuit may be used again.
 */
#ifndef FRONT_DIRLINK_H
#define FRONT_DIRLINK_H

#include "agent/front/pipe.h"
#include "agent/front/pool.h"
#include "dirclient/dirclient.h"

#define DIRLINK_MAX 64	/* directory streams at once; the client uses fewer */

struct dirlink;

struct dirlink *dirlink_new(struct loop *loop, struct pipe_set *pipes, struct pool *pool);
/* Closes what is open. */
void dirlink_free(struct dirlink *d);
/* 0 or -errno (-EAGAIN: no directory guard can be chosen yet, or too many connections). */
int dirlink_open(struct dirlink *d, const struct dir_source *source, struct dir_connection *ret);
size_t dirlink_count(const struct dirlink *d);
void dirlink_result(struct dirlink *d, uint64_t cookie, bool good);

#endif
