/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake_parts.h - the single handshakes behind handshake.h
 *
 * Only handshake*.c and their tests include this. Ephemeral keys come from the
 * caller (in struct handshake_client, or as an argument), so that published
 * vectors can be replayed. None of these wipes its input; handshake.c does.
 * All return 0 or -EBADMSG, and write their outputs only on success.
 */
#ifndef CIRC_HANDSHAKE_PARTS_H
#define CIRC_HANDSHAKE_PARTS_H

#include "agent/circ/handshake.h"
#include "common/wire.h"

#define TOR1_KEYS_LEN 72
#define CGO_KEYS_LEN 160
#define KH_LEN 20

#define FAST_X_LEN 20
#define FAST_REPLY_LEN 40
#define NTOR_MSG_LEN 84
#define NTOR_REPLY_LEN 64
/* ntor-v3: ID, B, X and MAC around the message; Y and AUTH before the answer. */
#define NTOR3_MSG_FIXED 128
#define NTOR3_REPLY_FIXED 64

/* @h->x holds X. */
int handshake_fast_create(const struct handshake_client *h, struct wire_writer *out);
int handshake_fast_consume(const struct handshake_client *h, const uint8_t *reply, size_t len,
			   struct handshake_result *ret);
int handshake_fast_answer(const uint8_t y[FAST_X_LEN], const uint8_t *msg, size_t len,
			  struct wire_writer *out, struct handshake_result *ret);

/* @h->x, public_key, rsa_id and relay_key are set; fills shared_b. */
int handshake_ntor_create(struct handshake_client *h, struct wire_writer *out);
int handshake_ntor_consume(const struct handshake_client *h, const uint8_t *reply, size_t len,
			   struct handshake_result *ret);
int handshake_ntor_answer(const struct handshake_server_keys *keys, const uint8_t y[32],
			  const uint8_t *msg, size_t len, struct wire_writer *out,
			  struct handshake_result *ret);

/* A counted piece of ntor-v3 text: the verification string or a message. */
struct ntor3_text {
	const uint8_t *data;
	size_t len;
};

/* @h->x, public_key, ed_id and relay_key are set; fills shared_b and mac. */
int handshake_ntor3_create(struct handshake_client *h, struct ntor3_text verification,
			   struct ntor3_text msg, struct wire_writer *out);
/*
 * @ret_msg has room for @len bytes and gets the relay's message; @ret_keys gets
 * @keys_len bytes of the key stream after the message key.
 */
int handshake_ntor3_consume(const struct handshake_client *h, struct ntor3_text verification,
			    const uint8_t *reply, size_t len, uint8_t *ret_msg,
			    size_t *ret_msg_len, uint8_t *ret_keys, size_t keys_len);

/* What a relay knows between reading a message and answering it. */
struct ntor3_server {
	uint8_t client_pk[32];	/* X */
	uint8_t shared_b[32];
	uint8_t mac[32];
};
/* @ret_msg has room for @len bytes. */
int handshake_ntor3_read(const struct handshake_server_keys *keys, struct ntor3_text verification,
			 const uint8_t *msg, size_t len, struct ntor3_server *ret,
			 uint8_t *ret_msg, size_t *ret_msg_len);
int handshake_ntor3_answer(const struct handshake_server_keys *keys, const struct ntor3_server *s,
			   const uint8_t y[32], struct ntor3_text verification,
			   struct ntor3_text msg, struct wire_writer *out, uint8_t *ret_keys,
			   size_t keys_len);

/*
 * Extensions inside ntor-v3 messages (prop324 10.3, prop346, prop359). Unknown ones
 * are ignored; a known one twice, of the wrong length, or bytes left over are not.
 */
void handshake_ext_request_encode(const struct handshake_request *request,
				  struct wire_writer *out);
int handshake_ext_request_parse(const uint8_t *msg, size_t len, struct handshake_request *ret);
/* @sendme_inc 0: congestion control is not granted. */
void handshake_ext_response_encode(uint8_t sendme_inc, struct wire_writer *out);
/* Refuses what @request did not ask for. @ret_sendme_inc 0: not granted. */
int handshake_ext_response_parse(const struct handshake_request *request, const uint8_t *msg,
				 size_t len, uint8_t *ret_sendme_inc);

#endif
