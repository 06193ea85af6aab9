/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * top_ask.h - onionctl top's questions, asked beside the screen
 *
 * A thread of its own waits for the agent, so that keys and resizing work while it does
 * not answer. One question at a time; its answer is announced on a descriptor.
 */
#ifndef CTL_TOP_ASK_H
#define CTL_TOP_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/ctl/top.h"

struct top_asker;

struct top_news {
	int result;		/* of the last request: 0 or enum ask_status */
	json_t *status;		/* new references; all NULL unless the result is 0 */
	json_t *circuits;
	json_t *streams;
	char note[TOP_NOTE_MAX];	/* what a command did, or why there is no answer */
};

/* NULL: no memory, no thread. */
struct top_asker *top_asker_new(int timeout_s);
/* Readable when there is an answer. */
int top_asker_fd(const struct top_asker *a);
/*
 * Sends the command @line, unless it is empty, and asks for everything after it; @done is
 * the note of its success. False: the last question is not answered yet.
 */
bool top_asker_ask(struct top_asker *a, const char *line, const char *done);
/* The answer, once. */
bool top_asker_take(struct top_asker *a, struct top_news *ret);
/* Milliseconds that the question has waited; 0: there is none. */
int64_t top_asker_waits_ms(struct top_asker *a);
/* Does not wait for an answer: one that is under way ends with the process. */
void top_asker_end(struct top_asker *a);

#endif
