/* SPDX-License-Identifier: BSD-3-Clause */
/* handshake.c - one door to the circuit handshakes; see handshake.h */
#include "agent/circ/handshake.h"

#include <errno.h>
#include <string.h>

#include "agent/circ/handshake_parts.h"
#include "common/crypto.h"
#include "common/secret.h"

/* Both sides name what the exchange is for (prop332, "circuit extension"). */
static const struct ntor3_text circuit_extend = { (const uint8_t *)"circuit extend", 14 };

static int create_ntor3(struct handshake_client *h, struct wire_writer *out)
{
	uint8_t msg[16];
	struct wire_writer w;

	wire_writer_init(&w, msg, sizeof(msg));
	handshake_ext_request_encode(&h->request, &w);
	return handshake_ntor3_create(h, circuit_extend,
				      (struct ntor3_text){ msg, wire_len(&w) }, out);
}

static int create(struct handshake_client *h, struct wire_writer *out)
{
	switch (h->type) {
	case HANDSHAKE_FAST:
		crypto_random(h->x, FAST_X_LEN);
		return handshake_fast_create(h, out);
	case HANDSHAKE_NTOR:
		crypto_x25519_keygen(h->x, h->public_key);
		return handshake_ntor_create(h, out);
	case HANDSHAKE_NTOR3:
		crypto_x25519_keygen(h->x, h->public_key);
		return create_ntor3(h, out);
	}
	return -EINVAL;
}

static bool has_needed_keys(enum handshake_type type, const struct relay_target *relay)
{
	switch (type) {
	case HANDSHAKE_FAST:
		return true;
	case HANDSHAKE_NTOR:
		return relay->has_ntor;
	case HANDSHAKE_NTOR3:
		return relay->has_ntor && relay->has_ed;
	}
	return false;
}

int handshake_client_start(struct handshake_client *h, enum handshake_type type,
			   const struct relay_target *relay,
			   const struct handshake_request *request,
			   uint8_t out[HANDSHAKE_MSG_MAX], size_t *ret_len)
{
	struct wire_writer w;
	int rc;

	if (!has_needed_keys(type, relay))
		return -EINVAL;
	if (request && ((request->cgo && !request->cc) ||
			(request->cc && type != HANDSHAKE_NTOR3)))
		return -EINVAL;
	memset(h, 0, sizeof(*h));
	h->type = type;
	if (request)
		h->request = *request;
	memcpy(h->rsa_id, relay->rsa_id, sizeof(h->rsa_id));
	memcpy(h->ed_id, relay->ed_id, sizeof(h->ed_id));
	memcpy(h->relay_key, relay->ntor_key, sizeof(h->relay_key));
	wire_writer_init(&w, out, HANDSHAKE_MSG_MAX);
	rc = create(h, &w);
	if (rc != 0) {
		handshake_client_wipe(h);
		return rc;
	}
	*ret_len = wire_len(&w);
	return 0;
}

/* Splits the key stream of ntor-v3: the hop's keys, then KH. */
static void take_keys(struct handshake_result *r, const uint8_t *keys)
{
	size_t len = r->kind == RELAY_CRYPTO_CGO ? CGO_KEYS_LEN : TOR1_KEYS_LEN;

	memcpy(r->keys, keys, len);
	memcpy(r->kh, keys + len, KH_LEN);
}

static int consume_ntor3(const struct handshake_client *h, const uint8_t *reply, size_t len,
			 struct handshake_result *ret)
{
	uint8_t keys[RELAY_CRYPTO_KEYS_MAX + KH_LEN];
	uint8_t msg[HANDSHAKE_MSG_MAX];
	struct handshake_result r = { RELAY_CRYPTO_TOR1 };
	size_t msg_len;
	int rc = handshake_ntor3_consume(h, circuit_extend, reply, len, msg, &msg_len, keys,
					 sizeof(keys));

	if (rc == 0)
		rc = handshake_ext_response_parse(&h->request, msg, msg_len, &r.sendme_inc);
	if (rc == 0) {
		r.cc = r.sendme_inc > 0;
		r.kind = h->request.cgo ? RELAY_CRYPTO_CGO : RELAY_CRYPTO_TOR1;
		take_keys(&r, keys);
		*ret = r;
	}
	secret_wipe(keys, sizeof(keys));
	secret_wipe(msg, sizeof(msg));
	secret_wipe(&r, sizeof(r));
	return rc;
}

int handshake_client_finish(struct handshake_client *h, const uint8_t *reply, size_t len,
			    struct handshake_result *ret)
{
	int rc = -EBADMSG;

	switch (h->type) {
	case HANDSHAKE_FAST:
		rc = handshake_fast_consume(h, reply, len, ret);
		break;
	case HANDSHAKE_NTOR:
		rc = handshake_ntor_consume(h, reply, len, ret);
		break;
	case HANDSHAKE_NTOR3:
		rc = consume_ntor3(h, reply, len, ret);
		break;
	}
	handshake_client_wipe(h);
	return rc;
}

void handshake_client_wipe(struct handshake_client *h)
{
	secret_wipe(h, sizeof(*h));
}

static int answer_ntor3(const struct handshake_server_keys *keys, const uint8_t y[32],
			const uint8_t *msg, size_t len, struct wire_writer *out,
			struct handshake_result *ret)
{
	uint8_t stream[RELAY_CRYPTO_KEYS_MAX + KH_LEN];
	uint8_t text[HANDSHAKE_MSG_MAX];
	struct handshake_result r = { RELAY_CRYPTO_TOR1 };
	struct handshake_request request;
	struct ntor3_server s;
	struct wire_writer w;
	size_t text_len;
	int rc = handshake_ntor3_read(keys, circuit_extend, msg, len, &s, text, &text_len);

	if (rc != 0)
		return rc;
	rc = handshake_ext_request_parse(text, text_len, &request);
	r.sendme_inc = rc == 0 && request.cc ? keys->sendme_inc : 0;
	r.cc = r.sendme_inc > 0;
	if (rc == 0 && request.cgo && (!keys->cgo || !r.cc))
		rc = -EBADMSG;
	if (rc == 0) {
		wire_writer_init(&w, text, sizeof(text));
		handshake_ext_response_encode(r.sendme_inc, &w);
		rc = handshake_ntor3_answer(keys, &s, y, circuit_extend,
					    (struct ntor3_text){ text, wire_len(&w) }, out, stream,
					    sizeof(stream));
	}
	if (rc == 0) {
		r.kind = request.cgo ? RELAY_CRYPTO_CGO : RELAY_CRYPTO_TOR1;
		take_keys(&r, stream);
		*ret = r;
		secret_wipe(stream, sizeof(stream));
	}
	secret_wipe(&r, sizeof(r));
	secret_wipe(&s, sizeof(s));
	return rc;
}

int handshake_server_reply(enum handshake_type type, const struct handshake_server_keys *keys,
			   const uint8_t *msg, size_t len, uint8_t out[HANDSHAKE_MSG_MAX],
			   size_t *ret_len, struct handshake_result *ret)
{
	struct wire_writer w;
	uint8_t y[32];
	int rc = -EINVAL;

	wire_writer_init(&w, out, HANDSHAKE_MSG_MAX);
	crypto_random(y, sizeof(y));
	switch (type) {
	case HANDSHAKE_FAST:
		rc = handshake_fast_answer(y, msg, len, &w, ret);
		break;
	case HANDSHAKE_NTOR:
		rc = handshake_ntor_answer(keys, y, msg, len, &w, ret);
		break;
	case HANDSHAKE_NTOR3:
		rc = answer_ntor3(keys, y, msg, len, &w, ret);
		break;
	}
	secret_wipe(y, sizeof(y));
	if (rc == 0)
		*ret_len = wire_len(&w);
	return rc;
}
