/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * filter.h - the seccomp filter that every process of a command runs under
 *
 * Decides by the registers of a system call alone, which no thread can change
 * afterwards: harmless calls pass, hopeless ones fail, and those whose meaning is
 * in memory (connect, addressed sends) go to the supervisor.
 */
#ifndef SHIM_FILTER_H
#define SHIM_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>

#define FILTER_MAX 512	/* instructions; each jump reaches 255 */

struct filter {
	struct sock_filter ins[FILTER_MAX];
	unsigned short n;
};

/* @notify: with a supervisor; else what needs one passes (the shim alone guards it). */
void filter_build(struct filter *f, bool notify);
/*
 * Installs it in the calling process, for ever, with no_new_privs. The listener's
 * descriptor (0 when @notify was false), or -errno: -EBUSY when another
 * supervisor's listener is there already, -EINVAL or -ENOSYS from old kernels.
 */
int filter_install(const struct filter *f, bool notify);

#endif
