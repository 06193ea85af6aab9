/* SPDX-License-Identifier: BSD-3-Clause */
/* owned.c - see owned.h */
#include "shim/owned.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>

#include "shim/sys.h"

#define NOTES 16384	/* descriptors above share slots; untouched pages cost nothing */

struct note {
	_Atomic uint64_t cookie;	/* 0: none */
	_Atomic uint32_t forks;		/* the counters below, as they were then */
	_Atomic uint32_t spawns;
	_Atomic int32_t pid;
	_Atomic bool touched;
};

static struct note notes[NOTES];
static _Atomic uint32_t forks;
static _Atomic uint32_t spawns;

static struct note *note_of(int fd)
{
	return &notes[(unsigned int)fd % NOTES];
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return sys_call5(SYS_getsockopt, fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

void owned_note(int fd)
{
	struct note *n = note_of(fd);

	atomic_store(&n->cookie, 0);
	atomic_store(&n->touched, false);
	atomic_store(&n->forks, atomic_load(&forks));
	atomic_store(&n->spawns, atomic_load(&spawns));
	atomic_store(&n->pid, (int32_t)sys_call0(SYS_getpid));
	atomic_store(&n->cookie, cookie_of(fd));
}

void owned_shared(int fd)
{
	if (fd >= 0)
		atomic_store(&note_of(fd)->cookie, 0);
}

void owned_fork(void)
{
	atomic_fetch_add(&forks, 1);
}

void owned_spawn(void)
{
	atomic_fetch_add(&spawns, 1);
}

bool owned_alone(int fd)
{
	struct note *n = note_of(fd);
	uint64_t cookie = atomic_load(&n->cookie);

	if (cookie == 0 || cookie != cookie_of(fd) || atomic_load(&n->forks) != atomic_load(&forks))
		return false;
	if (atomic_load(&n->pid) != (int32_t)sys_call0(SYS_getpid))
		return false;
	return atomic_load(&n->spawns) == atomic_load(&spawns) ||
	       (sys_call2(SYS_fcntl, fd, F_GETFD) & FD_CLOEXEC) != 0;
}

void owned_touched(int fd)
{
	if (fd >= 0)
		atomic_store(&note_of(fd)->touched, true);
}

bool owned_is_untouched(int fd)
{
	return owned_alone(fd) && !atomic_load(&note_of(fd)->touched);
}

__attribute__((constructor)) static void watch_forks(void)
{
	(void)pthread_atfork(owned_fork, NULL, NULL);
}
