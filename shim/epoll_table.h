/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * epoll_table.h - moves epoll registrations to the socket that replaces another
 *
 * The kernel drops a registration with the socket it was made for, so a program
 * that registers first and connects afterwards would wait for ever. epoll_ctl()
 * is remembered here; a swap takes the old registrations off and makes them
 * again. The table is a hint of bounded size: what the kernel does not confirm on
 * removal is forgotten. Lock-free: hooks may run in signal handlers.
 *
 * Limits: a registration made with a raw system call is not found (sockets that another
 * process or another number shares never come here, see owned.h).
 * One-shot registrations become armed again.
 */
#ifndef SHIM_EPOLL_TABLE_H
#define SHIM_EPOLL_TABLE_H

#include <stdint.h>
#include <sys/epoll.h>

/* Epoll sets that one socket is in before it connects; real programs use one. */
#define EPOLL_MOVE_MAX 8

struct epoll_move {
	int n;
	struct {
		int epfd;
		struct epoll_event ev;
	} set[EPOLL_MOVE_MAX];
};

/* After a successful epoll_ctl(). */
void epoll_table_note(int epfd, int op, int fd, const struct epoll_event *ev);
/* Takes @fd out of every set it is known to be in; before the swap. */
void epoll_table_take(int fd, struct epoll_move *ret);
/* Registers @fd again; after the swap. */
void epoll_table_give(int fd, const struct epoll_move *move);

#endif
