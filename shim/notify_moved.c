/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * notify_moved.c - see notify.h: every place of a socket that is replaced
 *
 * A socket of the private namespace that becomes a server's is replaced by one of this
 * machine (notify_private.c). In the process that called, all its descriptors and its
 * registrations with epoll are at once. Other processes that have it, by fork() or by a Unix
 * socket, cannot be reached from outside: theirs are replaced when they call. Until then
 * the new socket is kept for them, as the old one would have lived on.
 *
 * Limits: accept() is no call that is caught, so one that waits there already waits for
 * nobody; only processes below the supervisor that are there at that moment are known.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/copies.h"
#include "shim/hold.h"
#include "shim/notify_parts.h"
#include "shim/transplant.h"

#define MOVED_MAX 16		/* sockets that several processes had; more are forgotten */
#define PROCESSES_MAX 64	/* looked at */
#define PATH_LEN 64

struct moved {
	uint64_t old;	/* cookie; 0: none */
	int fd;		/* the new socket */
	int n;
	pid_t pid[PROCESSES_MAX];	/* who has the old one still */
};

struct moves {
	struct moved moved[MOVED_MAX];
	unsigned int next;
};

/* --- processes --- */

struct processes {
	int n;
	pid_t pid[PROCESSES_MAX];
};

static void add_children_of_thread(pid_t pid, const char *tid, struct processes *ret)
{
	char path[PATH_LEN];
	FILE *f;
	int child;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%.16s/children", (int)pid, tid);
	f = fopen(path, "re");
	while (f && ret->n < PROCESSES_MAX && fscanf(f, "%d", &child) == 1)
		ret->pid[ret->n++] = child;
	if (f)
		(void)fclose(f);
}

static void add_children(pid_t pid, struct processes *ret)
{
	char path[PATH_LEN];
	struct dirent *e;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir)) != NULL) {
		if (e->d_name[0] != '.')
			add_children_of_thread(pid, e->d_name, ret);
	}
	if (dir)
		(void)closedir(dir);
}

/* All below the supervisor. */
static void find_processes(struct processes *ret)
{
	ret->n = 0;
	add_children(getpid(), ret);
	for (int i = 0; i < ret->n; i++)
		add_children(ret->pid[i], ret);
}

/* --- replacing --- */

/* In the process that called: @fd for what @c->fd is. 0 or -errno. */
static int put_everywhere(struct notify *n, const struct call *c, int fd)
{
	int target = (int)c->args[0], epfd[COPIES_SETS_MAX], r;
	struct copies at;

	copies_find(c->tid, c->fd, &at);
	for (int i = 0; i < at.n_sets; i++)
		epfd[i] = notify_dup_from(n, c->tid, at.set[i].epfd);
	r = transplant_put(n->listener, c->id, c->tid, target, fd);
	for (int i = 0; i < at.n && r >= 0; i++) {
		if (at.fd[i] != target)
			(void)transplant_put(n->listener, c->id, c->tid, at.fd[i], fd);
	}
	if (r >= 0)
		copies_register(&at, epfd, c->fd, fd);
	for (int i = 0; i < at.n_sets; i++) {
		if (epfd[i] >= 0)
			(void)close(epfd[i]);
	}
	return r;
}

static void forget(struct moved *m)
{
	if (m->old != 0)
		(void)close(m->fd);
	m->old = 0;
}

/* Somebody else may have the old one: keeps a duplicate of @fd for them. */
static void remember(struct notify *n, const struct call *c, int fd)
{
	pid_t caller = notify_group_of(c->tid);
	struct processes all;
	struct moved m = { .old = hold_cookie(c->fd) };
	struct copies at;

	find_processes(&all);
	for (int i = 0; i < all.n; i++) {
		if (all.pid[i] == caller)
			continue;
		copies_find(all.pid[i], c->fd, &at);
		if (at.n > 0)
			m.pid[m.n++] = all.pid[i];
	}
	if (m.n == 0 || m.old == 0)
		return;
	if (!n->moves)
		n->moves = calloc(1, sizeof(*n->moves));
	m.fd = n->moves ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
	if (m.fd < 0)
		return;
	forget(&n->moves->moved[n->moves->next % MOVED_MAX]);
	n->moves->moved[n->moves->next++ % MOVED_MAX] = m;
}

int notify_replace(struct notify *n, struct call *c, int fd)
{
	int r = put_everywhere(n, c, fd);

	if (r < 0)
		return r;
	remember(n, c, fd);
	(void)close(c->fd);
	c->fd = fd;
	return 0;
}

/* --- processes that had the old one --- */

/* Nobody is left to come: the new socket is the programs' alone. */
static void drop(struct moved *m, pid_t pid)
{
	int kept = 0;

	for (int i = 0; i < m->n; i++) {
		if (m->pid[i] != pid && kill(m->pid[i], 0) == 0)
			m->pid[kept++] = m->pid[i];
	}
	m->n = kept;
	if (m->old != 0 && kept == 0)
		forget(m);
}

static struct moved *find(struct notify *n, uint64_t cookie)
{
	for (int i = 0; cookie != 0 && i < MOVED_MAX; i++) {
		if (n->moves->moved[i].old == cookie)
			return &n->moves->moved[i];
	}
	return NULL;
}

void notify_follow(struct notify *n, struct call *c)
{
	struct moved *m;
	int fd;

	if (!n->moves || c->type != SOCK_STREAM || !notify_is_inet(c))
		return;
	m = find(n, hold_cookie(c->fd));
	fd = m ? fcntl(m->fd, F_DUPFD_CLOEXEC, 3) : -1;
	if (fd >= 0 && put_everywhere(n, c, fd) >= 0) {
		(void)close(c->fd);
		c->fd = fd;
		drop(m, notify_group_of(c->tid));
	} else if (fd >= 0) {
		(void)close(fd);
	}
	for (int i = 0; i < MOVED_MAX; i++)
		drop(&n->moves->moved[i], 0);
}
