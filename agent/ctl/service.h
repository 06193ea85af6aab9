/* SPDX-License-Identifier: BSD-3-Clause */
/* service.h - "onionctl service add": the key's file, and services that end with the command */
#ifndef CTL_SERVICE_H
#define CTL_SERVICE_H

#include <stdbool.h>

struct service_add {
	const char *key_file;	/* NULL: a key that nobody keeps */
	bool foreground;
};

/* @words: ports and options. An exit status. */
int service_add_run(char **words, int n, const struct service_add *add, bool json, int timeout_s);

#endif
