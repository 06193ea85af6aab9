/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conflux_msg.h - bodies of CONFLUX_LINK, LINKED, LINKED_ACK and SWITCH
 *
 * Pure bytes. LINK and LINKED have one form; LINKED_ACK is empty. Only version 1
 * exists. Spec: prop329 4.1.
 */
#ifndef CIRC_CONFLUX_MSG_H
#define CIRC_CONFLUX_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFLUX_NONCE_LEN 32
/* version 1, nonce 32, last sequence number sent 8 and received 8, desired_ux 1 */
#define CONFLUX_LINK_LEN 50
#define CONFLUX_SWITCH_LEN 4

/* What whoever asks wants of the other's choice between legs (prop329 4.1.1). */
enum conflux_ux {
	CONFLUX_UX_NO_OPINION = 0,
	CONFLUX_UX_MIN_LATENCY = 1,
	CONFLUX_UX_LOW_MEM_LATENCY = 2,
	CONFLUX_UX_HIGH_THROUGHPUT = 3,
	CONFLUX_UX_LOW_MEM_THROUGHPUT = 4,
};

struct conflux_link {
	uint8_t nonce[CONFLUX_NONCE_LEN];
	uint64_t last_sent, last_recv;
	enum conflux_ux ux;
};

void conflux_link_encode(const struct conflux_link *link, uint8_t out[CONFLUX_LINK_LEN]);
/*
 * 0; -EBADMSG: short, another version, or a desired_ux that is not known. What follows the
 * fields is ignored, as C tor does.
 */
int conflux_link_decode(const uint8_t *body, size_t len, struct conflux_link *ret);
void conflux_switch_encode(uint32_t relative, uint8_t out[CONFLUX_SWITCH_LEN]);
/* 0 or -EBADMSG. */
int conflux_switch_decode(const uint8_t *body, size_t len, uint32_t *ret_relative);
/* Counted in sequence numbers and put back in order: all that concerns streams (prop329 4.2). */
bool conflux_is_sequenced(uint8_t relay_command);

#endif
