/* SPDX-License-Identifier: BSD-3-Clause */
/* landlock.c - see landlock.h */
#include "shim/landlock.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444	/* the same everywhere */
#define SYS_landlock_restrict_self 446
#endif
#define ABI_WITH_NETWORK 4
#define CREATE_VERSION 1u		/* LANDLOCK_CREATE_RULESET_VERSION */
#define NET_CONNECT_TCP (1u << 1)	/* LANDLOCK_ACCESS_NET_CONNECT_TCP */

/* struct landlock_ruleset_attr as of ABI 4, which older headers lack. */
struct ruleset {
	uint64_t files;
	uint64_t network;
};

int landlock_forbid_connect(void)
{
	const struct ruleset rules = { .network = NET_CONNECT_TCP };
	long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, CREATE_VERSION), fd;
	int r;

	if (abi < ABI_WITH_NETWORK)
		return abi < 0 ? -errno : -ENOSYS;
	fd = syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (fd < 0)
		return -errno;
	r = syscall(SYS_landlock_restrict_self, (int)fd, 0) == 0 ? 0 : -errno;
	(void)close((int)fd);
	return r;
}
