/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * notify_mount.c - see notify.h: file systems for which the kernel itself would talk
 *
 * Its connections start in no program, so no filter is there to see them. Only root can
 * mount one. Those that programs serve (FUSE) are these programs' business.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#include "shim/notify_parts.h"

#define TYPE_MAX 32	/* no file system's name is longer */

static const char *const of_a_network[] = { "9p", "afs", "ceph", "cifs", "coda", "gfs2", "lustre", "ncpfs",
					    "nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs" };

/* A text of the program; a byte at a time, as it may end before a page that is not there. */
static bool read_type(const struct call *c, uint64_t at, char ret[TYPE_MAX])
{
	for (size_t i = 0; i < TYPE_MAX; i++) {
		if (!notify_read_mem(c->tid, ret + i, at + i, 1))
			return false;
		if (ret[i] == '\0')
			return true;
	}
	return false;
}

enum verdict notify_serve_mount(struct notify *n, const struct call *c, int64_t *ret)
{
	uint64_t at = c->args[c->nr == SYS_mount ? 2 : 0];
	char type[TYPE_MAX];

	/* None is needed for a second place of the same; the kernel has its words for bad ones. */
	if (at == 0 || !read_type(c, at, type))
		return VERDICT_CONTINUE;
	for (size_t i = 0; i < sizeof(of_a_network) / sizeof(of_a_network[0]); i++) {
		if (strcmp(type, of_a_network[i]) == 0) {
			notify_refused(n, c, "mounting a file system of a network", NULL, EPERM);
			*ret = -EPERM;
			return VERDICT_RESULT;
		}
	}
	return VERDICT_CONTINUE;
}
