/* SPDX-License-Identifier: BSD-3-Clause */
/* privnet_setup.h - inside the helper: the namespaces and what is in them (privnet.h) */
#ifndef SHIM_PRIVNET_SETUP_H
#define SHIM_PRIVNET_SETUP_H

#include <stdbool.h>
#include <stdint.h>

struct privnet_setup {
	bool ipv6;
	bool device;	/* the view has an interface besides loopback */
};

/* What this process is in: descriptors for setns(). */
struct privnet_places {
	int streams;	/* every address is local */
	int view;	/* one interface and a default route; -1: none */
};

/* What interfaces there have. */
extern const uint8_t privnet_own4[4], privnet_own6[16];

/*
 * Moves this process, which must have one thread, into new user and network
 * namespaces and fills the latter. Allocates nothing. 0 or -errno.
 */
int privnet_setup(struct privnet_setup *ret, struct privnet_places *ret_places);

#endif
