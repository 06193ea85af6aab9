/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * circ_padding.h - padding that hides what a client's onion circuits are for (padding-spec 3)
 *
 * The second hop of a circuit sees how many cells go each way, and so could tell a
 * circuit to an introduction or rendezvous point from one to an exit. C tor's clients
 * ask it for a few cells of padding, and so do ours: after INTRODUCE1 the relay sends 7 to 10
 * cells and says when it is done; after RENDEZVOUS_ESTABLISHED both sides send one.
 * Where the relay or the consensus does not want it, there is none.
 */
#ifndef CIRC_CIRC_PADDING_H
#define CIRC_CIRC_PADDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PADDING_HOP 1	/* the second one */
#define PADDING_NEGOTIATE_LEN 8

/* C tor's numbers for its built-in machines, in the order in which it registers them. */
enum padding_machine {
	PADDING_HIDE_INTRO = 0,
	PADDING_HIDE_REND = 1,
};

enum padding_command {
	PADDING_STOP = 1,
	PADDING_START = 2,
};

struct padding_negotiated {
	uint8_t command;	/* enum padding_command */
	bool ok;
	uint8_t machine;
	uint32_t counter;	/* 0: any of that machine */
};

/* 0 or -EBADMSG. */
int padding_negotiated_decode(const uint8_t *body, size_t len, struct padding_negotiated *ret);

struct circuit;
struct relay_msg;
/* Asks the second hop for @machine, where it can; sends the one cell of PADDING_HIDE_REND. */
void circ_padding_start(struct circuit *c, enum padding_machine machine);
void circ_padding_recv(struct circuit *c, size_t hop, const struct relay_msg *msg);

#endif
