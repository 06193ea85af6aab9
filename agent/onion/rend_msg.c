/* SPDX-License-Identifier: BSD-3-Clause */
/* rend_msg.c - see rend_msg.h */
#include "agent/onion/rend_msg.h"

#include <errno.h>
#include <string.h>

#include "common/crypto.h"
#include "common/wire.h"

void rendezvous_cookie_new(uint8_t out[HS_COOKIE_LEN])
{
	crypto_random(out, HS_COOKIE_LEN);
}

int establish_rendezvous_encode(const uint8_t cookie[HS_COOKIE_LEN], uint8_t out[RELAY_DATA_MAX])
{
	memcpy(out, cookie, HS_COOKIE_LEN);
	return HS_COOKIE_LEN;
}

int establish_rendezvous_decode(const uint8_t *body, size_t len, uint8_t ret[HS_COOKIE_LEN])
{
	if (len < HS_COOKIE_LEN)	/* more is ignored (rend-spec-v3 4.1) */
		return -EBADMSG;
	memcpy(ret, body, HS_COOKIE_LEN);
	return 0;
}

int rendezvous1_encode(const uint8_t cookie[HS_COOKIE_LEN], const uint8_t reply[HS_NTOR_REPLY_LEN],
		       uint8_t out[RELAY_DATA_MAX])
{
	const size_t used = HS_COOKIE_LEN + HS_NTOR_REPLY_LEN;

	memcpy(out, cookie, HS_COOKIE_LEN);
	memcpy(out + HS_COOKIE_LEN, reply, HS_NTOR_REPLY_LEN);
	crypto_random(out + used, RENDEZVOUS1_LEN - used);
	return RENDEZVOUS1_LEN;
}

int rendezvous1_decode(const uint8_t *body, size_t len, uint8_t ret_cookie[HS_COOKIE_LEN],
		       const uint8_t **ret_info, size_t *ret_info_len)
{
	if (len < HS_COOKIE_LEN)
		return -EBADMSG;
	memcpy(ret_cookie, body, HS_COOKIE_LEN);
	*ret_info = body + HS_COOKIE_LEN;
	*ret_info_len = len - HS_COOKIE_LEN;
	return 0;
}

int rendezvous2_decode(const uint8_t *body, size_t len, uint8_t ret[HS_NTOR_REPLY_LEN])
{
	if (len < HS_NTOR_REPLY_LEN)	/* padding follows */
		return -EBADMSG;
	memcpy(ret, body, HS_NTOR_REPLY_LEN);
	return 0;
}
