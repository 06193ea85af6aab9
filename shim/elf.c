/* SPDX-License-Identifier: BSD-3-Clause */
/* elf.c - see elf.h */
#include "shim/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "shim/sys.h"

#if defined(__x86_64__)
#define ELF_OUR_MACHINE EM_X86_64
#else
#define ELF_OUR_MACHINE EM_AARCH64
#endif

#define PHDRS_MAX 64		/* real programs have about 13 */
#define LOADER_PATH_MAX 256	/* real ones have about 28 bytes */
#define SCRIPT_LINE_MAX 256	/* BINPRM_BUF_SIZE: the kernel reads no more */

static long read_at(int fd, void *buf, size_t len, long off)
{
	return sys_call4(SYS_pread64, fd, buf, len, off);
}

/* The GNU loader is called ld-linux-x86-64.so.2 and the like, wherever it lies. */
static bool is_gnu_loader(int fd, const Elf64_Phdr *ph)
{
	char path[LOADER_PATH_MAX] = { 0 };
	const char *base;

	if (ph->p_filesz >= sizeof(path) ||
	    read_at(fd, path, ph->p_filesz, (long)ph->p_offset) != (long)ph->p_filesz)
		return false;
	base = strrchr(path, '/');
	return strncmp(base ? base + 1 : path, "ld-linux", 8) == 0;
}

/* By its interpreter. */
static enum elf_kind kind_of(int fd, const Elf64_Ehdr *eh)
{
	for (unsigned int i = 0; i < eh->e_phnum && i < PHDRS_MAX; i++) {
		Elf64_Phdr ph;
		long off = (long)eh->e_phoff + (long)i * (long)sizeof(ph);

		if (read_at(fd, &ph, sizeof(ph), off) != (long)sizeof(ph))
			return ELF_STATIC;
		if (ph.p_type == PT_INTERP)
			return is_gnu_loader(fd, &ph) ? ELF_DYNAMIC : ELF_OTHER_LIBC;
	}
	return ELF_STATIC;
}

bool elf_is_unguarded(enum elf_kind kind)
{
	return kind != ELF_DYNAMIC && kind != ELF_SCRIPT;
}

static bool gains_privileges(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return true;
	if (st.st_mode & S_ISUID)
		return true;
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		return true;
	return sys_call4(SYS_fgetxattr, fd, "security.capability", NULL, 0) > 0;
}

/* @interp gets the script's interpreter, when the file is one. */
static int inspect(int dirfd, const char *path, enum elf_kind *ret, char interp[SCRIPT_LINE_MAX])
{
	Elf64_Ehdr eh = { 0 };
	int fd = (int)sys_call4(SYS_openat, dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	long n;

	if (fd < 0)
		return fd;
	n = read_at(fd, &eh, sizeof(eh), 0);
	if (n >= 2 && memcmp(&eh, "#!", 2) == 0) {
		*ret = ELF_SCRIPT;
		n = read_at(fd, interp, SCRIPT_LINE_MAX - 1, 2);
		interp[n > 0 ? n : 0] = '\0';
	} else if (gains_privileges(fd)) {
		*ret = ELF_PRIVILEGED;
	} else if (n < (long)sizeof(eh) || memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0) {
		*ret = ELF_STATIC;
	} else if (eh.e_ident[EI_CLASS] == ELFCLASS32) {
		*ret = ELF_32BIT;
	} else if (eh.e_machine == ELF_OUR_MACHINE && eh.e_phentsize == sizeof(Elf64_Phdr)) {
		*ret = kind_of(fd, &eh);
	} else {
		*ret = ELF_STATIC;
	}
	(void)sys_call1(SYS_close, fd);
	return 0;
}

int elf_inspect(int dirfd, const char *path, enum elf_kind *ret)
{
	char interp[SCRIPT_LINE_MAX], next[SCRIPT_LINE_MAX];
	int r = inspect(dirfd, path, ret, interp);

	/* The kernel follows interpreters that are scripts, a few levels deep. */
	for (int depth = 0; r == 0 && *ret == ELF_SCRIPT && depth < 5; depth++) {
		char *start = interp + strspn(interp, " \t");

		start[strcspn(start, " \t\r\n")] = '\0';
		if (start[0] == '\0')
			return -ENOEXEC;
		memcpy(next, start, strlen(start) + 1);
		r = inspect(AT_FDCWD, next, ret, interp);
	}
	return r;
}
