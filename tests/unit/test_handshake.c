/* SPDX-License-Identifier: BSD-3-Clause */
/* test_handshake.c - circuit handshakes: published values, agreement, refusals */
#include <errno.h>
#include <string.h>

#include "agent/circ/handshake_parts.h"
#include "common/crypto.h"
#include "common/secret.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static void expect(const void *got, size_t len, const char *hex)
{
	uint8_t want[512];

	ck_assert_uint_eq(unhex(want, sizeof(want), hex), len);
	ck_assert_mem_eq(got, want, len);
}

/* --- published values --- */

/* arti crypto/handshake/fast.rs:185, made with C tor: X, Y | KH, then KDF-TOR's 100 bytes
 * after KH, of which a circuit takes 72. */
static const char *const fast_vectors[][3] = {
	{ "080E247DF7C252FCD2DC10F459703480C223E3A6",
	  "BA95C0D092335428BF80093BBED0B7A26C49E1E8696FBF9C8D6BE26504219C000D26AFE370FCEF04",
	  "AFA89B4FC8CF882335A582C52478B5FCB1E08DAF707E2C2D23B8C27D30BD461F3DF98A3AF82221CB658A"
	  "D0AA8680B99067E4F7DBC546970EA9A56B26433C71DA867BDD09C14A1308" },
	{ "5F786C724C2F5978474A04FA63772057AD896A03",
	  "6210B037001405742FE78B6F5B34E6DB3C9F2F7E24239498613E0ED872E110A00774A3FCB37A7507",
	  "D41B65D83FB4B34A322B658BE4D706EDCD8B62813757E719118C394E1F22E1C8EA8959BAB30E856A914C"
	  "3054946F547397094DE031F5BCA384C65C8880BF7AAB9CE7BEE33971F9DE" },
};

START_TEST(create_fast_matches_c_tor)
{
	struct handshake_client h = { .type = HANDSHAKE_FAST };
	uint8_t reply[40], out[64];
	struct handshake_result client, relay;
	struct wire_writer w;

	unhex(h.x, 20, fast_vectors[_i][0]);
	unhex(reply, 40, fast_vectors[_i][1]);
	wire_writer_init(&w, out, sizeof(out));
	ck_assert_int_eq(handshake_fast_answer(reply, h.x, 20, &w, &relay), 0);
	ck_assert_uint_eq(wire_len(&w), 40);
	ck_assert_mem_eq(out, reply, 40);
	ck_assert_int_eq(handshake_client_finish(&h, reply, 40, &client), 0);
	expect(client.keys, 72, fast_vectors[_i][2]);
	ck_assert_mem_eq(&client, &relay, sizeof(client));
	ck_assert(!client.cc && client.sendme_inc == 0 && client.kind == RELAY_CRYPTO_TOR1);
}
END_TEST

/* arti crypto/handshake/ntor.rs:386. */
START_TEST(ntor_matches_its_vector)
{
	struct handshake_client h = { .type = HANDSHAKE_NTOR };
	struct handshake_server_keys keys = { .sendme_inc = 0 };
	struct handshake_result client, relay;
	uint8_t y[32], msg[NTOR_MSG_LEN], reply[NTOR_REPLY_LEN];
	struct wire_writer w;

	unhex(keys.secret, 32, "4820544f4c4420594f5520444f474954204b454550532048415050454e494e47");
	unhex(keys.public_key, 32,
	      "ccbc8541904d18af08753eae967874749e6149f873de937f57f8fd903a21c471");
	unhex(keys.rsa_id, 20, "69546f6c64596f7541626f75745374616972732e");
	unhex(h.x, 32, "706f6461792069207075742e2e2e2e2e2e2e2e4a454c4c59206f6e2074686973");
	unhex(h.public_key, 32, "e65dfdbef8b2635837fe2cebc086a8096eae3213e6830dc407516083d412b078");
	unhex(y, 32, "70686520737175697272656c2e2e2e2e2e2e2e2e686173206869732067616d65");
	memcpy(h.rsa_id, keys.rsa_id, 20);
	memcpy(h.relay_key, keys.public_key, 32);

	wire_writer_init(&w, msg, sizeof(msg));
	ck_assert_int_eq(handshake_ntor_create(&h, &w), 0);
	expect(msg, wire_len(&w),
	       "69546f6c64596f7541626f75745374616972732e"
	       "ccbc8541904d18af08753eae967874749e6149f873de937f57f8fd903a21c471"
	       "e65dfdbef8b2635837fe2cebc086a8096eae3213e6830dc407516083d412b078");
	wire_writer_init(&w, reply, sizeof(reply));
	ck_assert_int_eq(handshake_ntor_answer(&keys, y, msg, sizeof(msg), &w, &relay), 0);
	expect(reply, wire_len(&w),
	       "390480a14362761d6aec1fea840f6e9e928fb2adb7b25c670be1045e35133a37"
	       "1cbdf68b89923e1f85e8e18ee6e805ea333fe4849c790ffd2670bd80fec95cc8");
	ck_assert_int_eq(handshake_client_finish(&h, reply, sizeof(reply), &client), 0);
	expect(client.keys, 72,
	       "0c62dee7f48893370d0ef896758d35729867beef1a5121df80e00f79ed349af39b51cae125719182"
	       "f19d932a667dae1afbf2e336e6910e7822223e763afad0a13342157969dc6b79");
	ck_assert_mem_eq(&client, &relay, sizeof(client));
}
END_TEST

/* prop332 appendix X.2, also tor src/test/test_ntor_v3.c. */
START_TEST(ntor3_matches_its_vector)
{
	static const char keys_hex[] =
		"9c19b631fd94ed86a817e01f6c80b0743a43f5faebd39cfaa8b00fa8bcc65c3bfeaa403d91acbd68"
		"a821bf6ee8504602b094a254392a07737d5662768c7a9fb1b2814bb34780eaee6e867c773e28c212"
		"ead563e98a1cd5d5b4576f5ee61c59bde025ff2851bb19b721421694f263818e3531e43a9e4e3e2c"
		"661e2ad547d8984caa28ebecd3e4525452299be26b9185a20a90ce1eac20a91f2832d731b54502b0"
		"9749b5a2a2949292f8cfcbeffb790c7790ed935a9d251e7e336148ea83b063a5618fcff674a44581"
		"585fd22077ca0e52c59a24347a38d1a1ceebddbf238541f226b8f88d0fb9c07a1bcd2ea764bbbb5d"
		"acdaf5312a14c0b9e4f06309b0333b4a";
	struct handshake_client h = { .type = HANDSHAKE_NTOR3 };
	struct handshake_server_keys keys = { .sendme_inc = 0 };
	struct ntor3_server state;
	struct ntor3_text verification = { (const uint8_t *)"xyzzy", 5 };
	struct ntor3_text hello = { (const uint8_t *)"hello world", 11 };
	struct ntor3_text hola = { (const uint8_t *)"Hola Mundo", 10 };
	uint8_t y[32], msg[256], reply[256], text[512], client_keys[256], relay_keys[256];
	struct wire_writer wm, wr;
	size_t len;

	unhex(keys.secret, 32, "4051daa5921cfa2a1c27b08451324919538e79e788a81b38cbed097a5dff454a");
	unhex(keys.public_key, 32,
	      "f8307a2bc1870b00b828bb74dbb8fd88e632a6375ab3bcd1ae706aaa8b6cdd1d");
	unhex(keys.ed_id, 32, "9fad2af287ef942632833d21f946c6260c33fae6172b60006e86e4a6911753a2");
	unhex(h.x, 32, "b825a3719147bcbe5fb1d0b0fcb9c09e51948048e2e3283d2ab7b45b5ef38b49");
	unhex(h.public_key, 32, "252fe9ae91264c91d4ecb8501f79d0387e34ad8ca0f7c995184f7d11d5da4f46");
	unhex(y, 32, "4865a5b7689dafd978f529291c7171bc159be076b92186405d13220b80e2a053");
	memcpy(h.ed_id, keys.ed_id, 32);
	memcpy(h.relay_key, keys.public_key, 32);

	wire_writer_init(&wm, msg, sizeof(msg));
	ck_assert_int_eq(handshake_ntor3_create(&h, verification, hello, &wm), 0);
	expect(msg, wire_len(&wm),
	       "9fad2af287ef942632833d21f946c6260c33fae6172b60006e86e4a6911753a2"
	       "f8307a2bc1870b00b828bb74dbb8fd88e632a6375ab3bcd1ae706aaa8b6cdd1d"
	       "252fe9ae91264c91d4ecb8501f79d0387e34ad8ca0f7c995184f7d11d5da4f46"
	       "3bebd9151fd3b47c180abc9e044d53565f04d82bbb3bebed3d06cea65db8be9c72b68cd461942088"
	       "502f67");
	ck_assert_int_eq(handshake_ntor3_read(&keys, verification, msg, wire_len(&wm), &state, text,
					      &len), 0);
	ck_assert_uint_eq(len, hello.len);
	ck_assert_mem_eq(text, hello.data, len);
	wire_writer_init(&wr, reply, sizeof(reply));
	ck_assert_int_eq(handshake_ntor3_answer(&keys, &state, y, verification, hola, &wr,
						relay_keys, sizeof(relay_keys)), 0);
	expect(reply, wire_len(&wr),
	       "4bf4814326fdab45ad5184f5518bd7fae25dc59374062698201a50a22954246d"
	       "2fc5f8773ca824542bc6cf6f57c7c29bbf4e5476461ab130c5b18ab0a9127665"
	       "1202c3e1e87c0d32054c");
	ck_assert_int_eq(handshake_ntor3_consume(&h, verification, reply, wire_len(&wr), text, &len,
						 client_keys, sizeof(client_keys)), 0);
	ck_assert_uint_eq(len, hola.len);
	ck_assert_mem_eq(text, hola.data, len);
	expect(client_keys, 256, keys_hex);
	expect(relay_keys, 256, keys_hex);
	/* Another verification string: another exchange. */
	verification.len--;
	ck_assert_int_eq(handshake_ntor3_read(&keys, verification, msg, wire_len(&wm), &state, text,
					      &len), -EBADMSG);
	ck_assert_int_eq(handshake_ntor3_consume(&h, verification, reply, wire_len(&wr), text, &len,
						 client_keys, sizeof(client_keys)), -EBADMSG);
}
END_TEST

/* --- both sides through the front door --- */

struct pair {
	struct relay_target relay;
	struct handshake_server_keys keys;
	struct handshake_client h;
	uint8_t msg[HANDSHAKE_MSG_MAX];
	size_t msg_len;
	uint8_t reply[HANDSHAKE_MSG_MAX];
	size_t reply_len;
	struct handshake_result server;
};

static const struct {
	enum handshake_type type;
	struct handshake_request request;
	enum relay_crypto_kind kind;
} modes[] = {
	{ HANDSHAKE_FAST, { false, false }, RELAY_CRYPTO_TOR1 },
	{ HANDSHAKE_NTOR, { false, false }, RELAY_CRYPTO_TOR1 },
	{ HANDSHAKE_NTOR3, { false, false }, RELAY_CRYPTO_TOR1 },
	{ HANDSHAKE_NTOR3, { true, false }, RELAY_CRYPTO_TOR1 },
	{ HANDSHAKE_NTOR3, { true, true }, RELAY_CRYPTO_CGO },
};
#define N_MODES ((int)(sizeof(modes) / sizeof(modes[0])))

static void pair_init(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	crypto_x25519_keygen(p->keys.secret, p->keys.public_key);
	crypto_random(p->keys.rsa_id, sizeof(p->keys.rsa_id));
	crypto_random(p->keys.ed_id, sizeof(p->keys.ed_id));
	p->keys.sendme_inc = 31;
	p->keys.cgo = true;
	p->relay.has_ed = true;
	p->relay.has_ntor = true;
	memcpy(p->relay.rsa_id, p->keys.rsa_id, RSA_ID_LEN);
	memcpy(p->relay.ed_id, p->keys.ed_id, ED_ID_LEN);
	memcpy(p->relay.ntor_key, p->keys.public_key, NTOR_KEY_LEN);
}

static void pair_start(struct pair *p, int mode)
{
	ck_assert_int_eq(handshake_client_start(&p->h, modes[mode].type, &p->relay,
						&modes[mode].request, p->msg, &p->msg_len), 0);
}

static int pair_answer(struct pair *p, int mode)
{
	return handshake_server_reply(modes[mode].type, &p->keys, p->msg, p->msg_len, p->reply,
				      &p->reply_len, &p->server);
}

START_TEST(client_and_relay_agree)
{
	struct handshake_result client;
	struct pair p;

	pair_init(&p);
	pair_start(&p, _i);
	ck_assert_int_eq(pair_answer(&p, _i), 0);
	ck_assert_int_eq(handshake_client_finish(&p.h, p.reply, p.reply_len, &client), 0);
	ck_assert_mem_eq(&client, &p.server, sizeof(client));
	ck_assert_int_eq(client.kind, modes[_i].kind);
	ck_assert(client.cc == modes[_i].request.cc);
	ck_assert_uint_eq(client.sendme_inc, client.cc ? 31 : 0);
	ck_assert(!secret_is_zero(client.keys, 72) && !secret_is_zero(client.kh, 20));
	/* A state serves once: its secrets are gone. */
	ck_assert(secret_is_zero(&p.h, sizeof(p.h)));
	ck_assert_int_eq(handshake_client_finish(&p.h, p.reply, p.reply_len, &client), -EBADMSG);
}
END_TEST

START_TEST(two_exchanges_share_nothing)
{
	struct pair p, q;

	pair_init(&p);
	q = p;
	pair_start(&p, _i);
	pair_start(&q, _i);
	ck_assert_mem_ne(p.msg, q.msg, p.msg_len);
	ck_assert_int_eq(pair_answer(&p, _i), 0);
	ck_assert_int_eq(pair_answer(&q, _i), 0);
	ck_assert_mem_ne(p.server.keys, q.server.keys, 72);
	/* A reply to one does not finish the other. */
	ck_assert_int_eq(handshake_client_finish(&p.h, q.reply, q.reply_len, &p.server), -EBADMSG);
}
END_TEST

static bool accept_reply(void *ctx, const uint8_t *data, size_t len)
{
	const struct pair *p = ctx;
	struct handshake_client h = p->h;
	struct handshake_result r = { .sendme_inc = 77 };
	bool ok = handshake_client_finish(&h, data, len, &r) == 0;

	ck_assert(ok || r.sendme_inc == 77);
	ck_assert(secret_is_zero(&h, sizeof(h)));
	return ok;
}

static bool accept_message(void *ctx, const uint8_t *data, size_t len)
{
	const struct pair *p = ctx;
	uint8_t out[HANDSHAKE_MSG_MAX];
	struct handshake_result r;
	size_t out_len;

	return handshake_server_reply(p->h.type, &p->keys, data, len, out, &out_len, &r) == 0;
}

START_TEST(a_cut_or_changed_reply_is_refused)
{
	struct pair p;

	pair_init(&p);
	pair_start(&p, _i);
	ck_assert_int_eq(pair_answer(&p, _i), 0);
	ck_assert(accept_reply(&p, p.reply, p.reply_len));
	ck_assert_uint_eq(mutate_count_prefixes(accept_reply, &p, p.reply, p.reply_len), 0);
	/* The top bit of Y is not part of the point, but ntor and ntor-v3 hash all of it. */
	ck_assert_uint_eq(mutate_count_bit_flips(accept_reply, &p, p.reply, p.reply_len), 0);
	mutate_run(accept_reply, &p, p.reply, p.reply_len, 300);
}
END_TEST

START_TEST(a_cut_or_changed_message_is_refused_where_the_handshake_can_tell)
{
	struct pair p;

	pair_init(&p);
	pair_start(&p, _i);
	ck_assert_uint_eq(mutate_count_prefixes(accept_message, &p, p.msg, p.msg_len), 0);
	/* CREATE_FAST and X of ntor are random bytes: any are good. */
	if (modes[_i].type == HANDSHAKE_NTOR3)
		ck_assert_uint_eq(mutate_count_bit_flips(accept_message, &p, p.msg, p.msg_len), 0);
	mutate_run(accept_message, &p, p.msg, p.msg_len, 300);
}
END_TEST

START_TEST(an_all_zero_or_small_point_is_refused)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	struct handshake_result r;
	struct pair p;

	pair_init(&p);
	pair_start(&p, _i);
	ck_assert_int_eq(pair_answer(&p, _i), 0);
	unhex(p.reply, 32, points[_i % 3]);
	ck_assert_int_eq(handshake_client_finish(&p.h, p.reply, p.reply_len, &r), -EBADMSG);
	/* As the relay's onion key: refused before anything is sent. */
	unhex(p.relay.ntor_key, 32, points[_i % 3]);
	ck_assert_int_eq(handshake_client_start(&p.h, modes[_i].type, &p.relay, NULL, p.msg,
						&p.msg_len), -EBADMSG);
	ck_assert(secret_is_zero(&p.h, sizeof(p.h)));
}
END_TEST

START_TEST(the_wrong_relay_does_not_answer)
{
	struct pair p, other;

	pair_init(&p);
	pair_init(&other);
	pair_start(&p, _i);
	other.msg_len = p.msg_len;
	memcpy(other.msg, p.msg, sizeof(p.msg));
	ck_assert_int_eq(pair_answer(&other, _i), -EBADMSG);
}
END_TEST

START_TEST(a_start_that_cannot_work_is_refused)
{
	struct handshake_request cgo_only = { .cgo = true }, cc = { .cc = true };
	uint8_t out[HANDSHAKE_MSG_MAX];
	struct handshake_client h;
	struct pair p;
	size_t len;

	pair_init(&p);
	ck_assert_int_eq(handshake_client_start(&h, HANDSHAKE_NTOR3, &p.relay, &cgo_only, out,
						&len), -EINVAL);
	ck_assert_int_eq(handshake_client_start(&h, HANDSHAKE_NTOR, &p.relay, &cc, out, &len),
			 -EINVAL);
	ck_assert_int_eq(handshake_client_start(&h, (enum handshake_type)0, &p.relay, NULL, out,
						&len), -EINVAL);
	p.relay.has_ed = false;
	ck_assert_int_eq(handshake_client_start(&h, HANDSHAKE_NTOR3, &p.relay, NULL, out, &len),
			 -EINVAL);
	p.relay.has_ntor = false;
	ck_assert_int_eq(handshake_client_start(&h, HANDSHAKE_NTOR, &p.relay, NULL, out, &len),
			 -EINVAL);
	ck_assert_int_eq(handshake_client_start(&h, HANDSHAKE_FAST, &p.relay, NULL, out, &len), 0);
	ck_assert_int_eq(handshake_server_reply((enum handshake_type)0, &p.keys, out, len, p.reply,
						&p.reply_len, &p.server), -EINVAL);
}
END_TEST

START_TEST(a_relay_without_congestion_control_refuses_cgo_but_not_the_rest)
{
	struct handshake_result r;
	struct pair p;

	pair_init(&p);
	p.keys.sendme_inc = 0;
	pair_start(&p, 3);
	ck_assert_int_eq(pair_answer(&p, 3), 0);
	ck_assert_int_eq(handshake_client_finish(&p.h, p.reply, p.reply_len, &r), 0);
	ck_assert(!r.cc && r.sendme_inc == 0);
	pair_start(&p, 4);
	ck_assert_int_eq(pair_answer(&p, 4), -EBADMSG);
	p.keys.sendme_inc = 31;
	p.keys.cgo = false;
	pair_start(&p, 4);
	ck_assert_int_eq(pair_answer(&p, 4), -EBADMSG);
}
END_TEST

/* --- extensions --- */

static const struct {
	const char *hex;
	int rc;
	bool cc, cgo;
} requests[] = {
	{ "00", 0, false, false },
	{ "01 0100", 0, true, false },
	{ "02 0100 03020206", 0, true, true },
	{ "02 03020206 0100", 0, true, true },
	{ "02 0100 7703aabbcc", 0, true, false },
	{ "", -EBADMSG },
	{ "01", -EBADMSG },
	{ "01 01", -EBADMSG },
	{ "01 0101", -EBADMSG },
	{ "01 010100", -EBADMSG },
	{ "01 0100 00", -EBADMSG },
	{ "00 00", -EBADMSG },
	{ "02 0100", -EBADMSG },
	{ "02 0100 0100", -EBADMSG },
	{ "01 03020206", -EBADMSG },
	{ "02 0100 0300", -EBADMSG },
	{ "02 0100 03020205", -EBADMSG },
	{ "02 0100 030402060206", -EBADMSG },
	{ "02 0100 0304 02060207", -EBADMSG },
	{ "02 0100 0303 020600", -EBADMSG },
	{ "03 0100 03020206 03020206", -EBADMSG },
	{ "ff 0100", -EBADMSG },
};

START_TEST(extension_requests_are_parsed_strictly)
{
	struct handshake_request r = { false, false };
	uint8_t msg[64];
	size_t len = unhex(msg, sizeof(msg), requests[_i].hex);

	ck_assert_int_eq(handshake_ext_request_parse(msg, len, &r), requests[_i].rc);
	ck_assert(r.cc == requests[_i].cc && r.cgo == requests[_i].cgo);
}
END_TEST

static const struct {
	const char *hex;
	bool cc, cgo;	/* asked for */
	int rc;
	uint8_t inc;
} responses[] = {
	{ "00", false, false, 0, 0 },
	{ "00", true, false, 0, 0 },
	{ "01 02011f", true, false, 0, 31 },
	{ "01 02011f", true, true, 0, 31 },
	{ "02 5500 020120", true, false, 0, 32 },
	{ "01 02011f", false, false, -EBADMSG },	/* not asked */
	{ "00", true, true, -EBADMSG },			/* CGO without congestion control */
	{ "", false, false, -EBADMSG },
	{ "01 020100", true, false, -EBADMSG },
	{ "01 0200", true, false, -EBADMSG },
	{ "01 02021f00", true, false, -EBADMSG },
	{ "02 02011f 02011f", true, false, -EBADMSG },
	{ "01 02011f 00", true, false, -EBADMSG },
	{ "02 02011f", true, false, -EBADMSG },
	{ "01 0201", true, false, -EBADMSG },
};

START_TEST(extension_responses_are_parsed_strictly)
{
	struct handshake_request asked = { responses[_i].cc, responses[_i].cgo };
	uint8_t msg[64], inc = 0;
	size_t len = unhex(msg, sizeof(msg), responses[_i].hex);

	ck_assert_int_eq(handshake_ext_response_parse(&asked, msg, len, &inc), responses[_i].rc);
	ck_assert_uint_eq(inc, responses[_i].inc);
}
END_TEST

static bool accept_ext(void *ctx, const uint8_t *data, size_t len)
{
	struct handshake_request asked = { true, true }, r;
	uint8_t inc;

	(void)ctx;
	return handshake_ext_request_parse(data, len, &r) == 0 ||
	       handshake_ext_response_parse(&asked, data, len, &inc) == 0;
}

START_TEST(damaged_extensions_do_no_harm)
{
	uint8_t msg[64];
	size_t len = unhex(msg, sizeof(msg), "04 0100 03020206 02011f 7703aabbcc");

	mutate_run(accept_ext, NULL, msg, len, 20000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("handshake");
	TCase *t = tcase_create("handshake");

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, create_fast_matches_c_tor, 0, 2);
	tcase_add_test(t, ntor_matches_its_vector);
	tcase_add_test(t, ntor3_matches_its_vector);
	tcase_add_loop_test(t, client_and_relay_agree, 0, N_MODES);
	tcase_add_loop_test(t, two_exchanges_share_nothing, 0, N_MODES);
	tcase_add_loop_test(t, a_cut_or_changed_reply_is_refused, 0, N_MODES);
	tcase_add_loop_test(t, a_cut_or_changed_message_is_refused_where_the_handshake_can_tell, 0,
			    N_MODES);
	tcase_add_loop_test(t, an_all_zero_or_small_point_is_refused, 1, N_MODES);
	tcase_add_loop_test(t, the_wrong_relay_does_not_answer, 1, N_MODES);
	tcase_add_test(t, a_start_that_cannot_work_is_refused);
	tcase_add_test(t, a_relay_without_congestion_control_refuses_cgo_but_not_the_rest);
	tcase_add_loop_test(t, extension_requests_are_parsed_strictly, 0,
			    sizeof(requests) / sizeof(requests[0]));
	tcase_add_loop_test(t, extension_responses_are_parsed_strictly, 0,
			    sizeof(responses) / sizeof(responses[0]));
	tcase_add_test(t, damaged_extensions_do_no_harm);
	return suite_run(s);
}
