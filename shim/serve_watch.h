/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * serve_watch.h - which of the command's listeners are still there (onionify --serve)
 *
 * The supervisor tells of each listen(); nobody tells when a listener is closed, since its
 * descriptor may be with many processes. The kernel's table of sockets knows: a listener is
 * there as long as its inode is among those that listen. Another program's listener on the
 * same port has another inode, and is not the command's to show.
 */
#ifndef SHIM_SERVE_WATCH_H
#define SHIM_SERVE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/serving.h"

/* A worker each with a listener of its own (SO_REUSEPORT) is the most that is usual. */
#define SERVE_LISTENERS_MAX 256

struct serve_listener {
	uint64_t inode;
	struct addr_port at;
	bool seen;
};

struct serve_watch {
	size_t n;
	struct serve_listener list[SERVE_LISTENERS_MAX];	/* in the order they came */
};

/* One more. What is known already, or too much, changes nothing. */
void serve_watch_note(struct serve_watch *w, const struct serving_note *note);
/* Forgets those that are no more; without the kernel's tables all are taken to be there. */
void serve_watch_look(struct serve_watch *w);
/*
 * Where the command listens on @port: at @now, if that is still so, else at its oldest
 * listener. False: nowhere.
 */
bool serve_watch_find(const struct serve_watch *w, uint16_t port, const struct addr_port *now,
		      struct addr_port *ret);

/* --- pure, for tests --- */
/*
 * One line of /proc/net/tcp or tcp6. 1 with the inode of a socket that listens; 0: the line
 * is the heading; -1: no socket that listens, and none comes any more.
 */
int serve_watch_line(const char *line, uint64_t *ret_inode);

#endif
