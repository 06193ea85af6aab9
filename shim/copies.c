/* SPDX-License-Identifier: BSD-3-Clause */
/* copies.c - see copies.h */
#include "shim/copies.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOKED_AT_MAX 4096	/* descriptors of the program; a server that starts has few */
#define PATH_LEN 64
#define THREAD_STACK 65536

/* "tfd: 5 events: 19 data: 5 pos:0 ino:1a2b sdev:8", one line a registration, hexadecimal. */
static void find_registrations(pid_t tid, int epfd, unsigned long inode, struct copies *ret)
{
	char path[PATH_LEN], line[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)tid, epfd);
	f = fopen(path, "re");
	while (f && ret->n_sets < COPIES_SETS_MAX && fgets(line, sizeof(line), f)) {
		struct epoll_event ev = { 0 };
		const char *at = strstr(line, "ino:");
		unsigned long long data;
		unsigned int events;
		int fd;

		if (sscanf(line, "tfd: %d events: %x data: %llx", &fd, &events, &data) != 3 || !at ||
		    strtoul(at + 4, NULL, 16) != inode)
			continue;
		ev.events = events;
		ev.data.u64 = data;
		ret->set[ret->n_sets].epfd = epfd;
		ret->set[ret->n_sets].fd = fd;
		ret->set[ret->n_sets++].ev = ev;
	}
	if (f)
		(void)fclose(f);
}

static void look_at(pid_t tid, int fd, const char *wanted, unsigned long inode, struct copies *ret)
{
	char path[PATH_LEN], link[PATH_LEN];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)tid, fd);
	n = readlink(path, link, sizeof(link) - 1);
	if (n <= 0)
		return;
	link[n] = '\0';
	if (strcmp(link, wanted) == 0 && ret->n < COPIES_MAX)
		ret->fd[ret->n++] = fd;
	else if (strcmp(link, "anon_inode:[eventpoll]") == 0)
		find_registrations(tid, fd, inode, ret);
}

void copies_find(pid_t tid, int fd, struct copies *ret)
{
	char path[PATH_LEN], wanted[PATH_LEN];
	struct dirent *e;
	struct stat st;
	DIR *dir;

	*ret = (struct copies){ 0 };
	if (fstat(fd, &st) != 0)
		return;
	(void)snprintf(wanted, sizeof(wanted), "socket:[%lu]", (unsigned long)st.st_ino);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)tid);
	dir = opendir(path);
	for (int i = 0; dir && i < LOOKED_AT_MAX && (e = readdir(dir)) != NULL; i++) {
		if (e->d_name[0] != '.')
			look_at(tid, (int)strtol(e->d_name, NULL, 10), wanted, st.st_ino, ret);
	}
	if (dir)
		(void)closedir(dir);
}

/* --- registrations --- */

struct move {
	const struct copies *c;
	const int *epfd;
	int from;
	int to;
};

/*
 * A set knows a socket together with its number, so the number must be that of the
 * program's descriptor: in a table of descriptors that is this thread's own.
 */
static void *move_run(void *arg)
{
	const struct move *m = arg;
	int base = COPIES_SETS_MAX + 2, kept[COPIES_SETS_MAX + 2];

	if (unshare(CLONE_FILES) != 0)
		return NULL;
	/* Out of the way of the program's numbers. */
	for (int i = 0; i < m->c->n_sets; i++)
		base = m->c->set[i].fd >= base ? m->c->set[i].fd + 1 : base;
	kept[0] = fcntl(m->from, F_DUPFD_CLOEXEC, base);
	kept[1] = fcntl(m->to, F_DUPFD_CLOEXEC, base);
	for (int i = 0; i < m->c->n_sets; i++)
		kept[2 + i] = m->epfd[i] < 0 ? -1 : fcntl(m->epfd[i], F_DUPFD_CLOEXEC, base);
	for (int i = 0; i < m->c->n_sets; i++) {
		struct epoll_event ev = m->c->set[i].ev;
		int fd = m->c->set[i].fd;

		if (kept[0] < 0 || kept[1] < 0 || kept[2 + i] < 0)
			continue;
		if (dup2(kept[0], fd) == fd)
			(void)epoll_ctl(kept[2 + i], EPOLL_CTL_DEL, fd, NULL);
		if (dup2(kept[1], fd) == fd)
			(void)epoll_ctl(kept[2 + i], EPOLL_CTL_ADD, fd, &ev);
	}
	return NULL;
}

void copies_register(const struct copies *c, const int *epfd, int from, int to)
{
	struct move m = { c, epfd, from, to };
	pthread_attr_t attr;
	pthread_t thread;

	if (c->n_sets == 0)
		return;
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, THREAD_STACK);
	if (pthread_create(&thread, &attr, move_run, &m) == 0)
		(void)pthread_join(thread, NULL);
	(void)pthread_attr_destroy(&attr);
}
