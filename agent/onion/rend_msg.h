/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rend_msg.h - messages to and from a rendezvous point (rend-spec-v3 4)
 *
 * Pure bytes, both directions. RENDEZVOUS_ESTABLISHED has no content that counts.
 */
#ifndef ONION_REND_MSG_H
#define ONION_REND_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "agent/circ/relay_cell.h"
#include "agent/onion/hs_ntor.h"
#include "agent/onion/intro_msg.h"

/* RENDEZVOUS1 is padded to the length that old versions had (4.3). */
#define RENDEZVOUS1_LEN 168

/* A fresh cookie; secret until the rendezvous. */
void rendezvous_cookie_new(uint8_t out[HS_COOKIE_LEN]);
/* Returns the length. */
int establish_rendezvous_encode(const uint8_t cookie[HS_COOKIE_LEN], uint8_t out[RELAY_DATA_MAX]);
int establish_rendezvous_decode(const uint8_t *body, size_t len, uint8_t ret[HS_COOKIE_LEN]);
/* Returns the length, RENDEZVOUS1_LEN. */
int rendezvous1_encode(const uint8_t cookie[HS_COOKIE_LEN], const uint8_t reply[HS_NTOR_REPLY_LEN],
		       uint8_t out[RELAY_DATA_MAX]);
/* The rendezvous point's side: @ret_info borrows what RENDEZVOUS2 repeats. 0 or -EBADMSG. */
int rendezvous1_decode(const uint8_t *body, size_t len, uint8_t ret_cookie[HS_COOKIE_LEN],
		       const uint8_t **ret_info, size_t *ret_info_len);
/* 0 and what hs_ntor_client_finish() wants, or -EBADMSG: too short. */
int rendezvous2_decode(const uint8_t *body, size_t len, uint8_t ret[HS_NTOR_REPLY_LEN]);

#endif
