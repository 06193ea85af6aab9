/* SPDX-License-Identifier: BSD-3-Clause */
/* logs.h - the Log options put into force: several sinks, each with its level */
#ifndef AGENT_LOGS_H
#define AGENT_LOGS_H

#include "agent/config.h"

struct logs {
	struct {
		enum log_level level;
		int fd;
	} sinks[CONFIG_LOGS_MAX];
	size_t n;
	enum log_level most;	/* of the sinks; "onionctl log" sets another one for all */
};

/*
 * Opens what @config asks for, then replaces what was open. Without Log lines: notice
 * to standard error, or with @background to agent.log in DataDirectory. On failure
 * the old sinks stay. 0 or -errno and a sentence in @err.
 */
int logs_apply(struct logs *l, const struct config *config, bool background, char *err,
	       size_t err_len);
/* Back to standard error. */
void logs_close(struct logs *l);

#endif
