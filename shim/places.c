/* SPDX-License-Identifier: BSD-3-Clause */
/* places.c - see places.h */
#include "shim/places.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shim/say.h"

bool places_find(struct places *ret)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;
	int r;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (!slash || (size_t)(slash - self) + sizeof("/onionify-agent") > sizeof(ret->agent)) {
		say("cannot tell where onionify is installed: /proc/self/exe cannot be read");
		return false;
	}
	*slash = '\0';
	(void)snprintf(ret->agent, sizeof(ret->agent), "%.*s/onionify-agent", PATH_MAX - 32, self);
	(void)snprintf(ret->library, sizeof(ret->library), "%.*s/libonionify.so", PATH_MAX - 32, self);
	(void)snprintf(ret->serve, sizeof(ret->serve), "%.*s/onionify-serve", PATH_MAX - 32, self);
	/* The loader would ignore what it cannot read and separates names by these. */
	if (access(ret->library, R_OK) != 0 || strpbrk(ret->library, ": ")) {
		say("cannot preload %s; 'onionctl doctor' tells why", ret->library);
		return false;
	}
	r = socket_path_default(ret->socket, sizeof(ret->socket));
	if (r < 0) {
		say("ONIONIFY_SOCKET: %s", r == -EINVAL ? "not an absolute path" : strerror(-r));
		return false;
	}
	return true;
}
