/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * probe.h - may memory of the program be read? As the kernel says, without a fault
 *
 * The kernel answers bad pointers with EFAULT; the hooks, which read addresses and
 * options themselves, must not crash on them. rt_sigprocmask() with an impossible
 * operation copies eight bytes and changes nothing, and no sandbox forbids it.
 */
#ifndef SHIM_PROBE_H
#define SHIM_PROBE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/sys.h"

#define PROBE_WORD 8	/* the kernel's sigset_t */

static inline bool probe_word(uintptr_t p)
{
	p &= ~(uintptr_t)(PROBE_WORD - 1);
	/* NULL would mean "no change". */
	return p != 0 && sys_call4(SYS_rt_sigprocmask, -1, p, NULL, PROBE_WORD) != -EFAULT;
}

/* @len: of one object within two pages; a longer one is looked at at both ends. */
static inline bool probe_readable(const void *p, size_t len)
{
	uintptr_t at = (uintptr_t)p;

	if (len == 0)
		return true;
	if (at + len - 1 < at || !probe_word(at))
		return false;
	return at % PROBE_WORD + len <= PROBE_WORD || probe_word(at + len - 1);
}

#endif
