/* SPDX-License-Identifier: BSD-3-Clause */
/* intro_msg.c - messages of an introduction that are not for the service; see intro_msg.h */
#include "agent/onion/intro_msg.h"

#include <errno.h>
#include <string.h>

#include "agent/onion/intro_parts.h"
#include "common/crypto.h"
#include "common/secret.h"
#include "common/wire.h"

#define SIG_PREFIX "Tor establish-intro cell v1"
#define SIG_LEN 64
#define MAC_LEN 32
#define DOS_RATE 1	/* PARAM_TYPE (prop305 2) */
#define DOS_BURST 2
#define DOS_PARAMS_MAX 16	/* far above what exists */

/* --- extension lists --- */

bool intro_ext_next(struct wire_reader *r, unsigned int *left, struct intro_ext *ret)
{
	uint8_t len;

	if (*left == 0 || !wire_ok(r))
		return false;
	(*left)--;
	ret->type = wire_get_u8(r);
	len = wire_get_u8(r);
	ret->body = wire_get_sub(r, len);
	return wire_ok(r);
}

static void skip_extensions(struct wire_reader *r)
{
	unsigned int left = wire_get_u8(r);
	struct intro_ext ext;

	while (intro_ext_next(r, &left, &ext))
		;
}

/* --- ESTABLISH_INTRO --- */

static void put_dos(struct wire_writer *w, const struct establish_intro *m)
{
	size_t slot;

	wire_put_u8(w, 1);
	wire_put_u8(w, INTRO_EXT_DOS);
	slot = wire_begin_len_u8(w);
	wire_put_u8(w, 2);
	wire_put_u8(w, DOS_RATE);
	wire_put_u64(w, m->dos_rate);
	wire_put_u8(w, DOS_BURST);
	wire_put_u64(w, m->dos_burst);
	wire_end_len_u8(w, slot);
}

static bool dos_is_sane(uint64_t rate, uint64_t burst)
{
	return rate <= INTRO_DOS_VALUE_MAX && burst <= INTRO_DOS_VALUE_MAX &&
	       (rate == 0 || burst == 0 || burst >= rate);
}

static void sign(const uint8_t *body, size_t len, const uint8_t seed[32], uint8_t sig[SIG_LEN])
{
	uint8_t text[sizeof(SIG_PREFIX) - 1 + RELAY_DATA_MAX];

	memcpy(text, SIG_PREFIX, sizeof(SIG_PREFIX) - 1);
	memcpy(text + sizeof(SIG_PREFIX) - 1, body, len);
	crypto_ed25519_sign(sig, text, sizeof(SIG_PREFIX) - 1 + len, seed);
}

static bool signature_is_good(const uint8_t *body, size_t len, const uint8_t *sig,
			      const uint8_t pk[32])
{
	uint8_t text[sizeof(SIG_PREFIX) - 1 + RELAY_DATA_MAX];

	if (len > RELAY_DATA_MAX)
		return false;
	memcpy(text, SIG_PREFIX, sizeof(SIG_PREFIX) - 1);
	memcpy(text + sizeof(SIG_PREFIX) - 1, body, len);
	return crypto_ed25519_verify(sig, text, sizeof(SIG_PREFIX) - 1 + len, pk);
}

int establish_intro_encode(const struct establish_intro *m, const uint8_t kh[20],
			   const uint8_t seed[32], uint8_t out[RELAY_DATA_MAX])
{
	uint8_t mac[MAC_LEN], sig[SIG_LEN];
	struct wire_writer w;

	if (m->has_dos && !dos_is_sane(m->dos_rate, m->dos_burst))
		return -EINVAL;
	wire_writer_init(&w, out, RELAY_DATA_MAX);
	wire_put_u8(&w, INTRO_AUTH_ED25519);
	wire_put_u16(&w, sizeof(m->auth_key));
	wire_put_bytes(&w, m->auth_key, sizeof(m->auth_key));
	if (m->has_dos)
		put_dos(&w, m);
	else
		wire_put_u8(&w, 0);
	hs_mac(mac, kh, 20, out, wire_len(&w));
	wire_put_bytes(&w, mac, sizeof(mac));
	sign(out, wire_len(&w), seed, sig);
	wire_put_u16(&w, sizeof(sig));
	wire_put_bytes(&w, sig, sizeof(sig));
	return wire_writer_ok(&w) ? (int)wire_len(&w) : -EINVAL;
}

/* A relay ignores limits that make no sense (prop305 2). */
static void get_dos(struct wire_reader *r, struct establish_intro *m)
{
	uint64_t rate = 0, burst = 0;
	unsigned int seen = 0, n = wire_get_u8(r);

	if (n > DOS_PARAMS_MAX)
		return;
	for (unsigned int i = 0; i < n; i++) {
		uint8_t type = wire_get_u8(r);
		uint64_t value = wire_get_u64(r);

		if (type == DOS_RATE)
			rate = value;
		else if (type == DOS_BURST)
			burst = value;
		else
			continue;
		seen |= 1u << type;
	}
	if (!wire_ok(r) || seen != (1u << DOS_RATE | 1u << DOS_BURST) || !dos_is_sane(rate, burst))
		return;
	m->has_dos = true;
	m->dos_rate = (uint32_t)rate;
	m->dos_burst = (uint32_t)burst;
}

int establish_intro_decode(const uint8_t *body, size_t len, const uint8_t kh[20],
			   struct establish_intro *ret)
{
	struct establish_intro m = { .has_dos = false };
	const uint8_t *mac, *sig;
	uint8_t expected[MAC_LEN];
	struct wire_reader r;
	struct intro_ext ext;
	size_t mac_at, sig_len;
	unsigned int left, dos = 0;

	wire_reader_init(&r, body, len);
	if (wire_get_u8(&r) != INTRO_AUTH_ED25519 || wire_get_u16(&r) != sizeof(m.auth_key))
		return -EBADMSG;
	wire_get_bytes(&r, m.auth_key, sizeof(m.auth_key));
	left = wire_get_u8(&r);
	while (intro_ext_next(&r, &left, &ext)) {
		if (ext.type == INTRO_EXT_DOS && dos++ == 0)
			get_dos(&ext.body, &m);
	}
	mac_at = len - wire_left(&r);
	mac = wire_get_ptr(&r, MAC_LEN);
	sig_len = wire_get_u16(&r);
	sig = wire_get_ptr(&r, SIG_LEN);
	if (!wire_done(&r) || sig_len != SIG_LEN)
		return -EBADMSG;
	hs_mac(expected, kh, 20, body, mac_at);
	if (!secret_equal(expected, mac, MAC_LEN) ||
	    !signature_is_good(body, mac_at + MAC_LEN, sig, m.auth_key))
		return -EBADMSG;
	*ret = m;
	return 0;
}

int intro_established_decode(const uint8_t *body, size_t len)
{
	struct wire_reader r;

	if (len == 0)
		return 0;
	wire_reader_init(&r, body, len);
	skip_extensions(&r);
	return wire_ok(&r) ? 0 : -EBADMSG;
}

int intro_established_encode(uint8_t out[RELAY_DATA_MAX])
{
	out[0] = 0;
	return 1;
}

/* --- INTRODUCE_ACK --- */

int introduce_ack_decode(const uint8_t *body, size_t len, uint16_t *ret_status)
{
	struct wire_reader r;
	uint16_t status;

	wire_reader_init(&r, body, len);
	status = wire_get_u16(&r);
	skip_extensions(&r);
	if (!wire_ok(&r))
		return -EBADMSG;
	*ret_status = status;
	return 0;
}

int introduce_ack_encode(uint16_t status, uint8_t out[RELAY_DATA_MAX])
{
	wire_u16_to(out, status);
	out[2] = 0;
	return 3;
}
