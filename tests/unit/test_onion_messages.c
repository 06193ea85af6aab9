/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_onion_messages.c - hs-ntor and the messages of introduction and rendezvous
 *
 * Vectors: rend-spec-v3 appendix G.1 (values dumped from C tor), and the three of arti's
 * hs_ntor.rs for MAC().
 */
#include <errno.h>
#include <string.h>

#include "agent/circ/extend.h"
#include "agent/onion/hs_ntor.h"
#include "agent/onion/intro_msg.h"
#include "agent/onion/rend_msg.h"
#include "common/crypto.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

/* rend-spec-v3 G.1 */
#define G1_AUTH "34E171E4358E501BFF21ED907E96AC6BFEF697C779D040BBAF49ACC30FC5D21F"
#define G1_B "8E5127A40E83AABF6493E41F142B6EE3604B85A3961CD7E38D247239AFF71979"
#define G1_SECRET "A0ED5DBF94EEB2EDB3B514E4CF6ABFF6022051CC5F103391F1970A3FCD15296A"
#define G1_SUBCRED "0085D26A9DEBA252263BF0231AEAC59B17CA11BAD8A218238AD6487CBAD68B57"
#define G1_X_SECRET "60B4D6BF5234DCF87A4E9D7487BDF3F4A69B6729835E825CA29089CFDDA1E341"
#define G1_X "BF04348B46D09AED726F1D66C618FDEA1DE58E8CB8B89738D7356A0C59111D5D"
#define G1_ENC "9B8917BA3D05F3130DACCE5300C3DC27F6D012912F1C733036F822D0ED238706"
#define G1_MAC "FC4058DA59D4DF61E7B40985D122F502FD59336BC21C30CAF5E7F0D4A2C38FD5"
#define G1_Y_SECRET "68CB5188CA0CD7924250404FAB54EE1392D3D2B9C049A2E446513875952F8F55"
#define G1_REPLY "8FBE0DB4D4A9C7FF46701E3E0EE7FD05CD28BE4F302460ADDEEC9E93354EE700" \
	"4A92E8437B8424D5E5EC279245D5C72B25A0327ACF6DAF902079FCB643D8B208"
#define G1_SEED "4D0C72FE8AFF35559D95ECC18EB5A36883402B28CDFD48C8A530A5A3D7D578DB"
#define G1_INTRODUCE \
	"000000000000000000000000000000000000000002002034E171E4358E501BFF" \
	"21ED907E96AC6BFEF697C779D040BBAF49ACC30FC5D21F00BF04348B46D09AED" \
	"726F1D66C618FDEA1DE58E8CB8B89738D7356A0C59111D5DADBECCCB38E37830" \
	"4DCC179D3D9E437B452AF5702CED2CCFEC085BC02C4C175FA446525C1B9D5530" \
	"563C362FDFFB802DAB8CD9EBC7A5EE17DA62E37DEEB0EB187FBB48C63298B0E8" \
	"3F391B7566F42ADC97C46BA7588278273A44CE96BC68FFDAE31EF5F0913B9A9C" \
	"7E0F173DBC0BDDCD4ACB4C4600980A7DDD9EAEC6E7F3FA3FC37CD95E5B8BFB3E" \
	"35717012B78B4930569F895CB349A07538E42309C993223AEA77EF8AEA64F25D" \
	"DEE97DA623F1AEC0A47F150002150455845C385E5606E41A9A199E7111D54EF2" \
	"D1A51B7554D8B3692D85AC587FB9E69DF990EFB776D8"

static struct hs_intro_keys g1_intro(void)
{
	struct hs_intro_keys k;

	unhex(k.auth_key, 32, G1_AUTH);
	unhex(k.enc_key, 32, G1_B);
	unhex(k.subcred, 32, G1_SUBCRED);
	return k;
}

/* Keys of a service made here. */
struct service {
	struct hs_intro_keys intro;
	uint8_t auth_seed[32];
	uint8_t enc_secret[32];
};

static struct service fresh_service(void)
{
	struct service s;

	crypto_ed25519_keygen(s.auth_seed, s.intro.auth_key);
	crypto_x25519_keygen(s.enc_secret, s.intro.enc_key);
	crypto_random(s.intro.subcred, sizeof(s.intro.subcred));
	return s;
}

static struct introduce_inner sample_inner(bool cc, bool pow)
{
	struct introduce_inner inner = { .cc = cc, .has_pow = pow };
	struct relay_target *t = &inner.rendezvous;

	memset(inner.cookie, 0x5a, sizeof(inner.cookie));
	memset(inner.pow.nonce, 1, 16);
	inner.pow.effort = 0x01020304;
	memset(inner.pow.seed_head, 2, 4);
	memset(inner.pow.solution, 3, 16);
	memset(t->rsa_id, 0x11, RSA_ID_LEN);
	memset(t->ed_id, 0x22, ED_ID_LEN);
	memset(t->ntor_key, 0x33, NTOR_KEY_LEN);
	t->has_ed = t->has_ntor = true;
	t->or_v4 = (struct addr_port){ addr_v4(0xc0000201), 9001 };
	return inner;
}

/* --- hs-ntor --- */

START_TEST(mac_is_the_published_one)
{
	static const struct {
		const char *key, *msg, *mac;
	} v[] = {
		{ "who", "knows?", "5e7da329630fdaa3eab7498bb1dc625bbb9ca968f10392b6af92d51d5db17473" },
		{ "gone", "by", "90071aabb06d3f7c777db41542f4790c7dd9e2e7b2b842f54c9c42bbdb37e9a0" },
	};
	uint8_t mac[32], expected[32];

	hs_mac(mac, v[_i].key, strlen(v[_i].key), v[_i].msg, strlen(v[_i].msg));
	unhex(expected, 32, v[_i].mac);
	ck_assert_mem_eq(mac, expected, 32);
}
END_TEST

START_TEST(the_introduction_keys_are_those_of_the_appendix)
{
	struct hs_intro_keys intro = g1_intro();
	struct hs_ntor_intro_keys client, service;
	struct hs_ntor_client h;
	uint8_t x[32], b[32], expected[32];

	unhex(x, 32, G1_X_SECRET);
	unhex(b, 32, G1_SECRET);
	ck_assert_int_eq(hs_ntor_client_start_with(&h, &intro, x, &client), 0);
	unhex(expected, 32, G1_X);
	ck_assert_mem_eq(h.public_key, expected, 32);
	unhex(expected, 32, G1_ENC);
	ck_assert_mem_eq(client.enc, expected, 32);
	unhex(expected, 32, G1_MAC);
	ck_assert_mem_eq(client.mac, expected, 32);
	ck_assert_int_eq(hs_ntor_service_intro(&intro, b, h.public_key, &service), 0);
	ck_assert_mem_eq(&client, &service, sizeof(client));
}
END_TEST

START_TEST(the_rendezvous_reply_and_keys_are_those_of_the_appendix)
{
	static const char expand[] = "tor-hs-ntor-curve25519-sha3-256-1:hs_key_expand";
	struct hs_intro_keys intro = g1_intro();
	struct hs_ntor_intro_keys unused;
	struct hs_ntor_client h;
	uint8_t x[32], y[32], b[32], seed[32], reply[64], expected[128], service[128], client[128];
	struct crypto_sha3 s;

	unhex(x, 32, G1_X_SECRET);
	unhex(y, 32, G1_Y_SECRET);
	unhex(b, 32, G1_SECRET);
	ck_assert_int_eq(hs_ntor_client_start_with(&h, &intro, x, &unused), 0);
	ck_assert_int_eq(hs_ntor_service_reply_with(&intro, b, h.public_key, y, reply, service), 0);
	unhex(expected, 64, G1_REPLY);
	ck_assert_mem_eq(reply, expected, 64);
	ck_assert_int_eq(hs_ntor_client_finish(&h, reply, client), 0);
	ck_assert_mem_eq(client, service, 128);
	unhex(seed, 32, G1_SEED);
	crypto_shake_init(&s);
	crypto_shake_update(&s, seed, 32);
	crypto_shake_update(&s, expand, strlen(expand));
	crypto_shake_out(&s, expected, 128);
	ck_assert_mem_eq(client, expected, 128);
	/* The secrets are gone. */
	memset(expected, 0, 128);
	ck_assert_mem_eq(h.x, expected, 32);
	ck_assert_mem_eq(h.shared_b, expected, 32);
}
END_TEST

struct finish_ctx {
	const struct hs_ntor_client *h;
};

static bool finish_accepts(void *ctx, const uint8_t *data, size_t len)
{
	const struct finish_ctx *f = ctx;
	struct hs_ntor_client h = *f->h;
	uint8_t reply[HS_NTOR_REPLY_LEN], keys[HS_NTOR_KEYS_LEN];

	return rendezvous2_decode(data, len, reply) == 0 &&
	       hs_ntor_client_finish(&h, reply, keys) == 0;
}

START_TEST(a_changed_reply_proves_nothing_and_the_wait_goes_on)
{
	struct service s = fresh_service();
	struct hs_ntor_intro_keys unused;
	struct hs_ntor_client h;
	struct finish_ctx ctx = { &h };
	uint8_t reply[HS_NTOR_REPLY_LEN], keys[128];

	ck_assert_int_eq(hs_ntor_client_start(&h, &s.intro, &unused), 0);
	ck_assert_int_eq(hs_ntor_service_reply(&s.intro, s.enc_secret, h.public_key, reply, keys),
			 0);
	ck_assert_uint_eq(mutate_count_prefixes(finish_accepts, &ctx, reply, sizeof(reply)), 0);
	/* Bit 255 of Y is ignored by X25519, but Y is in the MAC as it stands. */
	ck_assert_uint_eq(mutate_count_bit_flips(finish_accepts, &ctx, reply, sizeof(reply)), 0);
	mutate_run(finish_accepts, &ctx, reply, sizeof(reply), 500);
	reply[40] ^= 1;
	ck_assert_int_eq(hs_ntor_client_finish(&h, reply, keys), -EBADMSG);
	reply[40] ^= 1;
	ck_assert_int_eq(hs_ntor_client_finish(&h, reply, keys), 0);
}
END_TEST

START_TEST(keys_of_low_order_are_refused)
{
	struct service s = fresh_service();
	struct hs_ntor_intro_keys keys;
	struct hs_ntor_client h;
	uint8_t zero[32] = { 0 }, reply[64] = { 0 }, far[128];

	ck_assert_int_eq(hs_ntor_service_intro(&s.intro, s.enc_secret, zero, &keys), -EBADMSG);
	ck_assert_int_eq(hs_ntor_service_reply(&s.intro, s.enc_secret, zero, reply, far), -EBADMSG);
	ck_assert_int_eq(hs_ntor_client_start(&h, &s.intro, &keys), 0);
	memset(reply, 0, sizeof(reply));
	ck_assert_int_eq(hs_ntor_client_finish(&h, reply, far), -EBADMSG);
	memset(s.intro.enc_key, 0, 32);
	ck_assert_int_eq(hs_ntor_client_start(&h, &s.intro, &keys), -EBADMSG);
}
END_TEST

/* --- ESTABLISH_INTRO --- */

static const uint8_t some_kh[20] = "twenty bytes of KH..";

static bool establish_accepts(void *ctx, const uint8_t *data, size_t len)
{
	struct establish_intro m;

	(void)ctx;
	return establish_intro_decode(data, len, some_kh, &m) == 0;
}

START_TEST(establish_intro_is_signed_and_bound_to_its_circuit)
{
	struct service s = fresh_service();
	struct establish_intro m = { .has_dos = _i == 1, .dos_rate = 25, .dos_burst = 200 }, d;
	uint8_t out[RELAY_DATA_MAX], other[20] = { 0 };
	int len;

	memcpy(m.auth_key, s.intro.auth_key, 32);
	len = establish_intro_encode(&m, some_kh, s.auth_seed, out);
	/* 134 bytes, 155 with the limits (rend-spec-v3 3.1.1.1). */
	ck_assert_int_eq(len, _i == 1 ? 155 : 134);
	ck_assert_int_eq(establish_intro_decode(out, (size_t)len, some_kh, &d), 0);
	ck_assert_mem_eq(d.auth_key, m.auth_key, 32);
	ck_assert_int_eq(d.has_dos, m.has_dos);
	if (m.has_dos) {
		ck_assert_uint_eq(d.dos_rate, 25);
		ck_assert_uint_eq(d.dos_burst, 200);
	}
	ck_assert_int_eq(establish_intro_decode(out, (size_t)len, other, &d), -EBADMSG);
	ck_assert_uint_eq(mutate_count_prefixes(establish_accepts, NULL, out, (size_t)len), 0);
	ck_assert_uint_eq(mutate_count_bit_flips(establish_accepts, NULL, out, (size_t)len), 0);
	mutate_run(establish_accepts, NULL, out, (size_t)len, 500);
}
END_TEST

START_TEST(limits_that_contradict_are_not_sent)
{
	struct service s = fresh_service();
	const struct establish_intro bad[] = {
		{ .has_dos = true, .dos_rate = 2, .dos_burst = 1 },
		{ .has_dos = true, .dos_rate = 0x80000000u, .dos_burst = 0x80000000u },
		{ .has_dos = true, .dos_rate = 1, .dos_burst = 0x80000000u },
	};
	uint8_t out[RELAY_DATA_MAX];

	ck_assert_int_eq(establish_intro_encode(&bad[_i], some_kh, s.auth_seed, out), -EINVAL);
}
END_TEST

/* --- short answers --- */

START_TEST(acknowledgements_say_what_they_say)
{
	static const struct {
		const char *hex;
		int result;
		uint16_t status;
	} v[] = {
		{ "0000 00", 0, INTRODUCE_OK },
		{ "0001 00", 0, INTRODUCE_E_UNKNOWN_ID },
		{ "0003 00 ffff", 0, INTRODUCE_E_CANT_RELAY },
		{ "0002 02 0100 0703aabbcc", 0, INTRODUCE_E_FORMAT },
		{ "ffff 00", 0, 0xffff },
		{ "", -EBADMSG, 0 },
		{ "0000", -EBADMSG, 0 },
		{ "00", -EBADMSG, 0 },
		{ "0000 01", -EBADMSG, 0 },
		{ "0000 01 0702aa", -EBADMSG, 0 },
	};
	uint8_t body[64];
	size_t len = unhex(body, sizeof(body), v[_i].hex);
	uint16_t status = 0;

	ck_assert_int_eq(introduce_ack_decode(body, len, &status), v[_i].result);
	ck_assert_uint_eq(status, v[_i].status);
}
END_TEST

START_TEST(introduction_points_may_answer_with_nothing)
{
	static const struct {
		const char *hex;
		int result;
	} v[] = { { "", 0 }, { "00", 0 }, { "0101030304", -EBADMSG }, { "01 01 01 00", 0 },
		  { "02 01 00", -EBADMSG } };
	uint8_t body[64];
	size_t len = unhex(body, sizeof(body), v[_i].hex);

	ck_assert_int_eq(intro_established_decode(body, len), v[_i].result);
}
END_TEST

START_TEST(what_we_encode_for_clients_decodes)
{
	uint8_t out[RELAY_DATA_MAX];
	uint16_t status;

	ck_assert_int_eq(introduce_ack_encode(2, out), 3);
	ck_assert_int_eq(introduce_ack_decode(out, 3, &status), 0);
	ck_assert_uint_eq(status, 2);
	ck_assert_int_eq(intro_established_decode(out, (size_t)intro_established_encode(out)), 0);
}
END_TEST

/* --- INTRODUCE --- */

START_TEST(the_introduce2_of_the_appendix_is_read)
{
	struct hs_intro_keys intro = g1_intro();
	struct introduce_inner inner;
	struct introduce_outer outer;
	uint8_t body[RELAY_DATA_MAX], b[32], expected[32], pk[32];
	size_t len = unhex(body, sizeof(body), G1_INTRODUCE);

	unhex(b, 32, G1_SECRET);
	ck_assert_int_eq(introduce2_decode(body, len, &intro, b, &inner, pk), 0);
	unhex(expected, 20, "6BD364C12638DD5C3BE23D76ACA05B04E6CE932C");
	ck_assert_mem_eq(inner.cookie, expected, 20);
	/* Its only extension, 01 of length 0, is the one that asks for congestion control. */
	ck_assert(inner.cc);
	ck_assert(!inner.has_pow);
	unhex(expected, 32, "0DE6130E4FCAC4EDDA24E21220CC3EADAE403EF6B7D11C8273AC71908DE56545");
	ck_assert_mem_eq(inner.rendezvous.ntor_key, expected, 32);
	ck_assert_uint_eq(inner.rendezvous.or_v4.port, 0x1389);
	unhex(expected, 20, "F823C4F8CC085C792E0AEE0283FE00AD7520B37D");
	ck_assert_mem_eq(inner.rendezvous.rsa_id, expected, 20);
	ck_assert(inner.rendezvous.has_ed && inner.rendezvous.has_ntor);
	unhex(expected, 32, G1_X);
	ck_assert_mem_eq(pk, expected, 32);
	ck_assert_int_eq(introduce_outer_decode(body, len, &outer), 0);
	ck_assert_mem_eq(outer.client_pk, expected, 32);
	ck_assert_uint_eq(outer.encrypted_len, len - 56);
}
END_TEST

struct open_ctx {
	const struct service *s;
};

static bool introduce_accepts(void *ctx, const uint8_t *data, size_t len)
{
	const struct open_ctx *o = ctx;
	struct introduce_inner inner;
	uint8_t pk[32];

	return introduce2_decode(data, len, &o->s->intro, o->s->enc_secret, &inner, pk) == 0;
}

START_TEST(the_service_reads_what_the_client_wrote)
{
	struct service s = fresh_service(), stranger = fresh_service();
	struct introduce_inner inner = sample_inner(_i & 1, _i & 2), got;
	struct open_ctx ctx = { &s };
	struct hs_ntor_client h;
	uint8_t out[RELAY_DATA_MAX], pk[32], reply[64], ours[128], theirs[128];
	int len;

	if (_i & 4) {
		inner.rendezvous.or_v6.addr.family = ADDR_V6;
		memset(inner.rendezvous.or_v6.addr.b, 0x20, 16);
		inner.rendezvous.or_v6.port = 443;
	}
	len = introduce1_encode(&inner, &s.intro, &h, out);
	ck_assert_int_ge(len, INTRODUCE1_LEN_MIN);
	if (!(_i & 6))
		ck_assert_int_eq(len, INTRODUCE1_LEN_MIN);
	ck_assert_int_eq(introduce2_decode(out, (size_t)len, &s.intro, s.enc_secret, &got, pk), 0);
	ck_assert_mem_eq(pk, h.public_key, 32);
	ck_assert_mem_eq(got.cookie, inner.cookie, HS_COOKIE_LEN);
	ck_assert_int_eq(got.cc, inner.cc);
	ck_assert_int_eq(got.has_pow, inner.has_pow);
	if (inner.has_pow)
		ck_assert_mem_eq(&got.pow, &inner.pow, sizeof(inner.pow));
	ck_assert_mem_eq(got.rendezvous.rsa_id, inner.rendezvous.rsa_id, RSA_ID_LEN);
	ck_assert_mem_eq(got.rendezvous.ed_id, inner.rendezvous.ed_id, ED_ID_LEN);
	ck_assert_mem_eq(got.rendezvous.ntor_key, inner.rendezvous.ntor_key, NTOR_KEY_LEN);
	ck_assert_uint_eq(got.rendezvous.or_v4.port, 9001);
	ck_assert_uint_eq(got.rendezvous.or_v6.port, (_i & 4) ? 443 : 0);
	/* The same client finishes with the same service. */
	ck_assert_int_eq(hs_ntor_service_reply(&s.intro, s.enc_secret, pk, reply, theirs), 0);
	ck_assert_int_eq(hs_ntor_client_finish(&h, reply, ours), 0);
	ck_assert_mem_eq(ours, theirs, 128);
	/* Nobody else reads it, and nothing may be changed. */
	ck_assert_int_eq(introduce2_decode(out, (size_t)len, &stranger.intro, stranger.enc_secret,
					   &got, pk), -EBADMSG);
	stranger.intro = s.intro;
	ck_assert_int_eq(introduce2_decode(out, (size_t)len, &stranger.intro, stranger.enc_secret,
					   &got, pk), -EBADMSG);
	ck_assert_uint_eq(mutate_count_prefixes(introduce_accepts, &ctx, out, (size_t)len), 0);
	ck_assert_uint_eq(mutate_count_bit_flips(introduce_accepts, &ctx, out, (size_t)len), 0);
	mutate_run(introduce_accepts, &ctx, out, (size_t)len, 200);
}
END_TEST

START_TEST(the_subcredential_of_another_period_does_not_open_it)
{
	struct service s = fresh_service();
	struct introduce_inner inner = sample_inner(true, false), got;
	struct hs_ntor_client h;
	uint8_t out[RELAY_DATA_MAX], pk[32];
	int len = introduce1_encode(&inner, &s.intro, &h, out);

	s.intro.subcred[0] ^= 1;
	ck_assert_int_eq(introduce2_decode(out, (size_t)len, &s.intro, s.enc_secret, &got, pk),
			 -EBADMSG);
}
END_TEST

START_TEST(a_rendezvous_point_needs_address_and_key)
{
	struct service s = fresh_service();
	struct introduce_inner inner = sample_inner(false, false);
	struct hs_ntor_client h;
	uint8_t out[RELAY_DATA_MAX];

	inner.rendezvous.has_ntor = false;
	ck_assert_int_eq(introduce1_encode(&inner, &s.intro, &h, out), -EINVAL);
	inner = sample_inner(false, false);
	inner.rendezvous.or_v4.port = 0;
	ck_assert_int_eq(introduce1_encode(&inner, &s.intro, &h, out), -EINVAL);
	inner = sample_inner(false, false);
	memset(s.intro.enc_key, 0, 32);
	ck_assert_int_eq(introduce1_encode(&inner, &s.intro, &h, out), -EBADMSG);
}
END_TEST

/* An INTRODUCE2 whose plaintext is @hex, as a hostile client may make it. */
static size_t forge(const struct service *s, const char *hex, uint8_t out[RELAY_DATA_MAX])
{
	struct hs_ntor_intro_keys keys;
	struct hs_ntor_client h;
	struct crypto_aes_ctr c;
	size_t n;

	ck_assert_int_eq(hs_ntor_client_start(&h, &s->intro, &keys), 0);
	memset(out, 0, 20);
	memcpy(out + 20, "\x02\x00\x20", 3);
	memcpy(out + 23, s->intro.auth_key, 32);
	out[55] = 0;
	memcpy(out + 56, h.public_key, 32);
	n = unhex(out + 88, RELAY_DATA_MAX - 88 - 32, hex);
	crypto_aes_ctr_init(&c, keys.enc, 32, NULL);
	crypto_aes_ctr_apply(&c, out + 88, n);
	hs_mac(out + 88 + n, keys.mac, 32, out, 88 + n);
	return 88 + n + 32;
}

#define F_COOKIE "0102030405060708090a0b0c0d0e0f1011121314"
#define F_KEY "01 0020 3333333333333333333333333333333333333333333333333333333333333333"
#define F_V4 "0006 c0000201 2329"
#define F_RSA "0214 1111111111111111111111111111111111111111"

START_TEST(what_authentic_clients_may_say)
{
	static const struct {
		const char *plain;
		int result;
		bool cc, pow;
	} v[] = {
		{ F_COOKIE "00" F_KEY "02" F_V4 F_RSA, 0, false, false },
		/* unknown extensions and specifiers, a second one of a kind, padding */
		{ F_COOKIE "02 7f03aabbcc 0100" F_KEY "03" F_V4 F_RSA "0902aabb 0000", 0, true, false },
		{ F_COOKIE "02 0100 0100" F_KEY "02" F_V4 F_RSA, 0, true, false },
		/* proof of work: version 1 of 41 bytes, anything else is none */
		{ F_COOKIE "01 0229 01 00112233445566778899aabbccddeeff 00000001 aabbccdd"
			   "00112233445566778899aabbccddeeff" F_KEY "02" F_V4 F_RSA, 0, false, true },
		{ F_COOKIE "01 0229 02 00112233445566778899aabbccddeeff 00000001 aabbccdd"
			   "00112233445566778899aabbccddeeff" F_KEY "02" F_V4 F_RSA, 0, false, false },
		{ F_COOKIE "01 0201 01" F_KEY "02" F_V4 F_RSA, 0, false, false },
		/* not acceptable */
		{ F_COOKIE "00" F_KEY "01" F_V4, -EBADMSG, false, false },
		{ F_COOKIE "00" F_KEY "01" F_RSA, -EBADMSG, false, false },
		{ F_COOKIE "00" F_KEY "03" F_V4 F_V4 F_RSA, -EBADMSG, false, false },
		{ F_COOKIE "00" F_KEY "02" "0006 c0000201 0000" F_RSA, -EBADMSG, false, false },
		{ F_COOKIE "00" F_KEY "02" "0005 c0000201 00" F_RSA, -EBADMSG, false, false },
		{ F_COOKIE "00" F_KEY "11" F_V4 F_RSA, -EBADMSG, false, false },
		{ F_COOKIE "00" F_KEY "03" F_V4 F_RSA "09ff", -EBADMSG, false, false },
		{ F_COOKIE "00 02 0020 3333333333333333333333333333333333333333333333333333333333333333"
			   "02" F_V4 F_RSA, -EBADMSG, false, false },
		{ F_COOKIE "00 01 0020 0000000000000000000000000000000000000000000000000000000000000000"
			   "02" F_V4 F_RSA, -EBADMSG, false, false },
		{ F_COOKIE "00 01 001f 33333333333333333333333333333333333333333333333333333333333333"
			   "02" F_V4 F_RSA, -EBADMSG, false, false },
		{ F_COOKIE "ff", -EBADMSG, false, false },
		{ F_COOKIE, -EBADMSG, false, false },
		{ "", -EBADMSG, false, false },
	};
	struct service s = fresh_service();
	struct introduce_inner inner;
	uint8_t out[RELAY_DATA_MAX], pk[32];
	size_t len = forge(&s, v[_i].plain, out);

	ck_assert_int_eq(introduce2_decode(out, len, &s.intro, s.enc_secret, &inner, pk),
			 v[_i].result);
	if (v[_i].result < 0)
		return;
	ck_assert_int_eq(inner.cc, v[_i].cc);
	ck_assert_int_eq(inner.has_pow, v[_i].pow);
}
END_TEST

/* --- rendezvous --- */

START_TEST(rendezvous_messages_carry_cookie_and_proof)
{
	uint8_t cookie[HS_COOKIE_LEN], got[HS_COOKIE_LEN], reply[64], proof[64];
	uint8_t out[RELAY_DATA_MAX], again[RELAY_DATA_MAX];
	const uint8_t *info;
	size_t info_len;

	rendezvous_cookie_new(cookie);
	memset(reply, 0x77, sizeof(reply));
	ck_assert_int_eq(establish_rendezvous_encode(cookie, out), 20);
	ck_assert_int_eq(establish_rendezvous_decode(out, 20, got), 0);
	ck_assert_mem_eq(got, cookie, HS_COOKIE_LEN);
	ck_assert_int_eq(establish_rendezvous_decode(out, 21, got), 0);
	ck_assert_int_eq(establish_rendezvous_decode(out, 19, got), -EBADMSG);

	ck_assert_int_eq(rendezvous1_encode(cookie, reply, out), 168);
	ck_assert_int_eq(rendezvous1_encode(cookie, reply, again), 168);
	ck_assert_mem_ne(out + 84, again + 84, 84);
	ck_assert_int_eq(rendezvous1_decode(out, 168, got, &info, &info_len), 0);
	ck_assert_uint_eq(info_len, 148);
	ck_assert_mem_eq(got, cookie, HS_COOKIE_LEN);
	ck_assert_int_eq(rendezvous1_decode(out, 19, got, &info, &info_len), -EBADMSG);
	ck_assert_int_eq(rendezvous1_decode(out, 168, got, &info, &info_len), 0);
	ck_assert_int_eq(rendezvous2_decode(info, info_len, proof), 0);
	ck_assert_mem_eq(proof, reply, sizeof(reply));
	ck_assert_int_eq(rendezvous2_decode(info, 64, proof), 0);
	ck_assert_int_eq(rendezvous2_decode(info, 63, proof), -EBADMSG);
}
END_TEST

/* --- link specifiers --- */

START_TEST(link_specifiers_come_back_as_they_went)
{
	struct introduce_inner inner = sample_inner(false, false);
	struct relay_target t = inner.rendezvous, got;
	uint8_t buf[128];
	struct wire_writer w;
	struct wire_reader r;

	t.or_v6.addr.family = ADDR_V6;
	memset(t.or_v6.addr.b, 0x20, 16);
	t.or_v6.port = 9002;
	wire_writer_init(&w, buf, sizeof(buf));
	link_specifiers_encode(&w, &t);
	ck_assert(wire_writer_ok(&w));
	/* C tor's order: IPv4, RSA identity, Ed25519 identity, IPv6 */
	ck_assert_uint_eq(buf[0], 4);
	ck_assert_uint_eq(buf[1], LINK_SPEC_IPV4);
	ck_assert_uint_eq(buf[9], LINK_SPEC_RSA_ID);
	ck_assert_uint_eq(buf[31], LINK_SPEC_ED_ID);
	ck_assert_uint_eq(buf[65], LINK_SPEC_IPV6);
	wire_reader_init(&r, buf, wire_len(&w));
	ck_assert_int_eq(link_specifiers_decode(&r, &got), 0);
	ck_assert(wire_done(&r));
	ck_assert_mem_eq(got.rsa_id, t.rsa_id, RSA_ID_LEN);
	ck_assert_mem_eq(got.ed_id, t.ed_id, ED_ID_LEN);
	ck_assert(got.has_ed && !got.has_ntor);
	ck_assert(addr_equal(&got.or_v4.addr, &t.or_v4.addr));
	ck_assert(addr_equal(&got.or_v6.addr, &t.or_v6.addr));
	ck_assert_uint_eq(got.or_v6.port, 9002);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("onion_messages");
	TCase *t = tcase_create("hs_ntor");

	tcase_add_loop_test(t, mac_is_the_published_one, 0, 2);
	tcase_add_test(t, the_introduction_keys_are_those_of_the_appendix);
	tcase_add_test(t, the_rendezvous_reply_and_keys_are_those_of_the_appendix);
	tcase_add_test(t, a_changed_reply_proves_nothing_and_the_wait_goes_on);
	tcase_add_test(t, keys_of_low_order_are_refused);
	suite_add_tcase(s, t);
	t = tcase_create("messages");
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, establish_intro_is_signed_and_bound_to_its_circuit, 0, 2);
	tcase_add_loop_test(t, limits_that_contradict_are_not_sent, 0, 3);
	tcase_add_loop_test(t, acknowledgements_say_what_they_say, 0, 10);
	tcase_add_loop_test(t, introduction_points_may_answer_with_nothing, 0, 5);
	tcase_add_test(t, what_we_encode_for_clients_decodes);
	tcase_add_test(t, the_introduce2_of_the_appendix_is_read);
	tcase_add_loop_test(t, the_service_reads_what_the_client_wrote, 0, 8);
	tcase_add_test(t, the_subcredential_of_another_period_does_not_open_it);
	tcase_add_test(t, a_rendezvous_point_needs_address_and_key);
	tcase_add_loop_test(t, what_authentic_clients_may_say, 0, 19);
	tcase_add_test(t, rendezvous_messages_carry_cookie_and_proof);
	tcase_add_test(t, link_specifiers_come_back_as_they_went);
	suite_add_tcase(s, t);
	return suite_run(s);
}
