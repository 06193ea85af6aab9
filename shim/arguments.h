/* SPDX-License-Identifier: BSD-3-Clause */
/* arguments.h - the command line of onionify-run, and its exit statuses */
#ifndef SHIM_ARGUMENTS_H
#define SHIM_ARGUMENTS_H

#include <stdbool.h>

#include "shim/serve.h"

/* As env, nohup and docker: our own failure, not executable, not found. */
#define EXIT_OURS 125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

#define ISOLATE_PREFIX "name:"	/* in the domain's token, before what --isolate names */

/* What was asked for. Texts are the command line's own. */
struct options {
	const char *isolate;
	int timeout_s;
	bool verbose;
	bool quiet;
	bool report;
	bool no_wait;
	bool allow_weak;
	bool no_proxy_env;
	bool optimistic;
	bool shell;
	struct serving serving;
	struct serve_options serve;
};

/*
 * The command to run, with its arguments: that of the line, or a shell. Does not return when
 * the line is wrong, or asks for help or the version.
 */
char **arguments_parse(int argc, char **argv, struct options *ret);

#endif
