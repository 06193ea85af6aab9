/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copies.h - every place where a program has a certain socket
 *
 * A socket that is replaced (transplant.h) may have several descriptors in a program, made
 * by dup() before, and registrations in epoll sets. All are found by the socket's inode,
 * which no two sockets share, in /proc.
 */
#ifndef SHIM_COPIES_H
#define SHIM_COPIES_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

#define COPIES_MAX 32		/* descriptors of one socket; programs have two or three */
#define COPIES_SETS_MAX 8	/* registrations; programs have one */

struct copies {
	int n;
	int fd[COPIES_MAX];
	int n_sets;
	struct {
		int epfd;	/* the program's number for the set */
		int fd;		/* the number that the socket was registered with */
		struct epoll_event ev;
	} set[COPIES_SETS_MAX];
};

/* Looks for the socket that @fd is here in the process of thread @tid. */
void copies_find(pid_t tid, int fd, struct copies *ret);
/*
 * Makes the registrations again: where @from was in a set, @to is afterwards. @epfd are our
 * duplicates of the program's sets, in the order of @c->set; -1: none.
 */
void copies_register(const struct copies *c, const int *epfd, int from, int to);

#endif
