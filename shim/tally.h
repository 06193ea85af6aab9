/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tally.h - what the agent says about an invocation's streams, for --report
 *
 * The agent alone sees all of them: names, bytes, and what programs asked for through its
 * own proxy ports. Requests are common/PROTOCOL.md's CONTROL.
 */
#ifndef SHIM_TALLY_H
#define SHIM_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "common/ipc.h"

#define TALLY_PATIENCE_MS 3000
#define TALLY_LINES_MAX 1024

struct tally_line {
	unsigned int opened;
	unsigned int failed;
	int error;	/* of the last failure */
	unsigned long long sent;
	unsigned long long received;
	unsigned int port;
	char place[IPC_NAME_MAX + 1];	/* "*": all others */
};

/* The agent counts for as long as the descriptor that comes back is open; or -errno. */
int tally_begin(void);
/*
 * Calls @fn for each destination so far. 0; -ENOENT (no account was begun), another
 * -errno (no agent, nonsense); what was told before stays told.
 */
int tally_each(void (*fn)(void *ctx, const struct tally_line *), void *ctx);
/* One line of the answer, without its newline. 0 or -EPROTO. */
int tally_line_parse(const char *text, size_t len, struct tally_line *ret);

#endif
