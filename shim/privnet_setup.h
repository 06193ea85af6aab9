/* SPDX-License-Identifier: BSD-3-Clause */
/* privnet_setup.h - inside the helper: the namespace and what is in it (privnet.h) */
#ifndef SHIM_PRIVNET_SETUP_H
#define SHIM_PRIVNET_SETUP_H

#include <stdbool.h>

struct privnet_setup {
	bool ipv6;
	bool device;	/* an interface besides loopback */
};

/*
 * Moves this process, which must have one thread, into new user and network
 * namespaces and fills the latter. Allocates nothing. 0 or -errno.
 */
int privnet_setup(struct privnet_setup *ret);

#endif
