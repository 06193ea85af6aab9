/* SPDX-License-Identifier: BSD-3-Clause */
/* which.c - see which.h */
#include "shim/which.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/deputies.h"

/* Searches PATH as execvp() will. False when nothing is there. */
static bool find_command(const char *name, char out[PATH_MAX])
{
	const char *path = getenv("PATH");

	if (strchr(name, '/'))
		return snprintf(out, PATH_MAX, "%s", name) < PATH_MAX;
	for (path = path ? path : "/bin:/usr/bin"; *path; path += *path == ':') {
		size_t n = strcspn(path, ":");

		if (snprintf(out, PATH_MAX, "%.*s%s%s", (int)n, path, n > 0 ? "/" : "", name) <
			    PATH_MAX &&
		    access(out, X_OK) == 0)
			return true;
		path += n;
	}
	return false;
}

enum elf_kind which_kind(const char *name, char ret_path[PATH_MAX])
{
	enum elf_kind kind = ELF_DYNAMIC;

	if (!find_command(name, ret_path))
		ret_path[0] = '\0';
	else
		(void)elf_inspect(AT_FDCWD, ret_path, &kind);
	return kind;
}

const char *which_note(const char *name, enum elf_kind kind)
{
	return kind == ELF_PRIVILEGED ? "does not gain privileges in here" : deputies_note(name);
}

const char *which_kind_text(enum elf_kind kind)
{
	switch (kind) {
	case ELF_PRIVILEGED:
		return "gains privileges when started";
	case ELF_OTHER_LIBC:
		return "uses another C library";
	case ELF_32BIT:
		return "is a 32-bit program";
	case ELF_DYNAMIC:
	case ELF_SCRIPT:
	case ELF_STATIC:
		break;
	}
	return "is linked statically";
}

const char *which_doors(enum elf_kind kind)
{
	switch (kind) {
	case ELF_DYNAMIC:
	case ELF_SCRIPT:
		return "uses the preload library; the supervisor catches what that does not see";
	case ELF_32BIT:
		return "has no network: it is a 32-bit program";
	case ELF_OTHER_LIBC:
	case ELF_STATIC:
	case ELF_PRIVILEGED:
		break;
	}
	return "is served by the supervisor alone: the preload library cannot be in it";
}

const char *which_remedy(int error)
{
	switch (error) {
	case EBUSY:
		return "another program supervises this one already, as sandboxes do; run onionify outside";
	case EINVAL:
	case ENOSYS:
		return "it needs Linux 5.9 or newer with CONFIG_SECCOMP_FILTER";
	case EPERM:
	case EACCES:
		return "a security policy forbids it; in a container, allow seccomp and pidfd_getfd";
	default:
		return "unexpected";
	}
}
