/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * top.h - onionctl top: the agent on a live screen
 *
 * top.c asks once a second (top_ask.c waits for the answer) and obeys keys; top_draw.c
 * draws what is in struct top. The terminal is restored on every way out, signals included.
 */
#ifndef CTL_TOP_H
#define CTL_TOP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Until 'q' or a signal. 0, or an exit status after a message. @json is refused. */
int top_run(bool json, int timeout_s);

/* --- between top.c and top_draw.c --- */
#define TOP_HISTORY 512		/* seconds of traffic: wider screens show no more */
#define TOP_NOTE_MAX 160

struct top {
	json_t *status;		/* NULL: not known */
	json_t *circuits;	/* the arrays */
	json_t *streams;
	long long read[TOP_HISTORY];	/* bytes a second, newest last */
	long long written[TOP_HISTORY];
	size_t n_history;
	long long last_read;	/* totals of the last answer; -1: none */
	long long last_written;
	int64_t last_ms;
	long long selected;	/* a circuit's number; 0: none */
	size_t first_row;	/* of the table, scrolled */
	bool waits;		/* @note is about an agent that does not answer */
	char note[TOP_NOTE_MAX];	/* what a key did, or why there is no answer */
};

/* The whole screen as it is now; of any size. */
void top_draw(struct top *t);
/* The circuit @step places from the selected one, in the order of the screen. */
void top_select(struct top *t, int step);

#endif
