/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * elf.h - can the preload library reach this program at all?
 *
 * Only a program with an interpreter of our own architecture loads it, and the
 * loader ignores it when the program gains privileges. Plain system calls, no
 * allocation: used between vfork and exec.
 */
#ifndef SHIM_ELF_H
#define SHIM_ELF_H

#include <stdbool.h>

enum elf_kind {
	ELF_DYNAMIC,	/* the shim will be in it */
	ELF_SCRIPT,	/* "#!": its interpreter decides, which exec opens next */
	ELF_OTHER_LIBC,	/* its loader is not the GNU C library's, which the shim needs (musl) */
	ELF_32BIT,	/* no shim, and the supervisor carries nothing for it */
	ELF_STATIC,	/* no PT_INTERP, or another architecture */
	ELF_PRIVILEGED,	/* setuid, setgid or file capabilities */
};

/* Nothing but a supervisor can keep it from the network. */
bool elf_is_unguarded(enum elf_kind kind);
/* Looks at @path below @dirfd, and for a script at its interpreter. 0 or -errno (nothing can be said). */
int elf_inspect(int dirfd, const char *path, enum elf_kind *ret);

#endif
