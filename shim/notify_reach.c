/* SPDX-License-Identifier: BSD-3-Clause */
/* notify_reach.c - see notify.h: memory and descriptors of the programs */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim/config.h"
#include "shim/notify_parts.h"

bool notify_read_mem(pid_t tid, void *dst, uint64_t src, size_t len)
{
	struct iovec to = { dst, len }, from = { (void *)(uintptr_t)src, len };

	return process_vm_readv(tid, &to, 1, &from, 1, 0) == (ssize_t)len;
}

bool notify_write_mem(pid_t tid, uint64_t dst, const void *src, size_t len)
{
	union {
		const void *c;
		void *w;
	} p = { .c = src };
	struct iovec from = { p.w, len }, to = { (void *)(uintptr_t)dst, len };

	return process_vm_writev(tid, &from, 1, &to, 1, 0) == (ssize_t)len;
}

bool notify_is_neighbour(const struct notify *n, pid_t tid)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)tid);
	return stat(path, &st) != 0 || (st.st_dev == n->home_dev && st.st_ino == n->home_ino);
}

void notify_read_program(pid_t tid, char ret[IPC_PROGRAM_MAX + 1])
{
	char path[64];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)tid);
	ret[0] = '\0';
	f = fopen(path, "re");
	if (f && fgets(ret, IPC_PROGRAM_MAX + 1, f))
		ret[strcspn(ret, "\n")] = '\0';
	if (f)
		(void)fclose(f);
}

pid_t notify_group_of(pid_t tid)
{
	char path[64], line[256];
	int tgid = -1;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	f = fopen(path, "re");
	while (f && tgid < 0 && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Tgid:", 5) == 0)
			tgid = (int)strtol(line + 5, NULL, 10);
	}
	if (f)
		(void)fclose(f);
	return tgid;
}

static int open_pidfd(pid_t tid)
{
	int p = (int)syscall(SYS_pidfd_open, tid, 0);

	if (p < 0)
		p = (int)syscall(SYS_pidfd_open, tid, O_EXCL);	/* PIDFD_THREAD, Linux 6.9 */
	if (p < 0)
		p = (int)syscall(SYS_pidfd_open, notify_group_of(tid), 0);
	return p;
}

/* The program that calls now is likely to call again; a dead one's pidfd says so. */
static int pidfd_of(struct notify *n, pid_t tid)
{
	if (n->caller == tid && n->caller_pidfd >= 0)
		return n->caller_pidfd;
	if (n->caller_pidfd >= 0)
		(void)close(n->caller_pidfd);
	n->caller = tid;
	n->caller_pidfd = open_pidfd(tid);
	return n->caller_pidfd;
}

int notify_dup_from(struct notify *n, pid_t tid, int fd)
{
	for (int i = 0; i < 2; i++) {
		int p = pidfd_of(n, tid), d;

		if (p < 0)
			return -EACCES;
		d = (int)syscall(SYS_pidfd_getfd, p, fd, 0);
		if (d >= 0)
			return d;
		if (errno == EBADF)
			return -EBADF;
		/* Another thread may have the number by now. */
		(void)close(p);
		n->caller_pidfd = -1;
	}
	return -EACCES;
}

static bool has_library(pid_t tid)
{
	char path[64], line[512];
	bool found = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)tid);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, "/libonionify.so") != NULL;
	if (f)
		(void)fclose(f);
	return found;
}

void notify_read_domain(pid_t tid, char ret[IPC_DOMAIN_MAX + 1])
{
	static const char name[] = CONFIG_ENV_DOMAIN "=";
	char path[64], *entry = NULL;
	size_t room = 0;
	ssize_t n;
	FILE *f;

	ret[0] = '\0';
	if (!has_library(tid))
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)tid);
	f = fopen(path, "re");
	while (f && (n = getdelim(&entry, &room, '\0', f)) > 0) {
		size_t len = strlen(entry);

		if (len < sizeof(name) || memcmp(entry, name, sizeof(name) - 1) != 0 ||
		    len - (sizeof(name) - 1) > IPC_DOMAIN_MAX)
			continue;
		memcpy(ret, entry + sizeof(name) - 1, len - (sizeof(name) - 1) + 1);
		break;
	}
	free(entry);
	if (f)
		(void)fclose(f);
}
