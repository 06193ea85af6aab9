/* SPDX-License-Identifier: BSD-3-Clause */
/* places.h - where onionify's parts are: beside this program, installed or built */
#ifndef SHIM_PLACES_H
#define SHIM_PLACES_H

#include <limits.h>
#include <stdbool.h>

#include "common/socket_path.h"

struct places {
	char agent[PATH_MAX];
	char library[PATH_MAX];
	char serve[PATH_MAX];
	char socket[SOCKET_PATH_MAX];	/* the agent's */
};

/* False, and said why, when no command could be run from here. */
bool places_find(struct places *ret);

#endif
