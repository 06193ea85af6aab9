/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * book.h - what one invocation connected to, and what it was refused
 *
 * Kept by the supervisor for --report and --verbose, told as lines of text after the
 * command has ended. Refusals are seen here, because the preload library leaves
 * them to the supervisor; streams of the native door are too, and those of the
 * preload library are told by a note (struct book_note) when a report is wanted. The
 * agent sees more (tally.h: names, bytes, what went through its proxy ports) and is asked
 * first; what was seen here is told where it has no account.
 *
 * Equal entries are counted, not repeated; the tables are of bounded size and say
 * what they left out. Thread safe.
 */
#ifndef SHIM_BOOK_H
#define SHIM_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/ipc.h"

#define BOOK_LINE_MAX 480

enum book_detail {
	BOOK_SILENT,
	BOOK_REFUSALS,
	BOOK_ALL,
};

/* From the preload library, by prctl(CONFIG_NOTE_PRCTL, &note). */
struct book_note {
	struct addr_port dest;
	int32_t result;	/* 0, or -errno of connect(); -EINPROGRESS: under way */
};

struct book;

/* NULL without memory: every function takes NULL and does nothing. */
struct book *book_new(enum book_detail detail);
/* A stream, its connect() having given @result. A failure after -EINPROGRESS is told again. */
void book_add_stream(struct book *b, const struct addr_port *dest, int result);
/* @what: the call and its object, a static text; @dest: NULL when there is none. */
void book_add_refusal(struct book *b, const char *program, const char *what,
		      const struct addr_port *dest, int error);
/* Every line, without a newline, to @put. Names are asked from the agent. */
void book_tell(struct book *b, void (*put)(void *arg, const char *line), void *arg);

#endif
