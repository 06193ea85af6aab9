/* SPDX-License-Identifier: BSD-3-Clause */
/* testdir.c - see testdir.h */
#include "tests/support/testdir.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/crypto.h"

#define ONION_KEY_LEN 140	/* RSA with 1024 bits, in DER */

struct authority {
	gnutls_privkey_t identity;
	gnutls_privkey_t signing;
	uint8_t identity_der[1024];
	size_t identity_der_len;
	uint8_t signing_der[1024];
	size_t signing_der_len;
	uint8_t signing_id[RSA_ID_LEN];
};

struct testdir {
	struct authority *keys;
	struct dir_authority *authorities;
	unsigned int n_authorities;
	uint8_t (*rsa_ids)[RSA_ID_LEN];	/* ascending */
	char **microdescs;
	size_t *microdesc_lens;
	uint8_t (*digests)[32];
	size_t n_relays;
	uint64_t rng;
};

#define MUST(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "testdir: %s failed\n", #x); \
			abort(); \
		} \
	} while (0)

/* --- text that grows --- */

struct text {
	char *s;
	size_t len;
	size_t cap;
};

static void put(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *t, const char *fmt, ...)
{
	for (;;) {
		va_list ap;
		int n;

		va_start(ap, fmt);
		n = vsnprintf(t->s ? t->s + t->len : NULL, t->cap - t->len, fmt, ap);
		va_end(ap);
		MUST(n >= 0);
		if ((size_t)n < t->cap - t->len) {
			t->len += (size_t)n;
			return;
		}
		t->cap = (t->cap + (size_t)n) * 2 + 256;
		t->s = realloc(t->s, t->cap);
		MUST(t->s);
	}
}

static void put_pem(struct text *t, const char *label, const uint8_t *data, size_t len)
{
	char *b64 = malloc(CODEC_BASE64_LEN(len));

	MUST(b64);
	codec_base64_encode(b64, data, len, 1);
	put(t, "-----BEGIN %s-----\n", label);
	for (const char *p = b64; *p; p += strnlen(p, 64))
		put(t, "%.64s\n", p);
	put(t, "-----END %s-----\n", label);
	free(b64);
}

static uint64_t next_random(struct testdir *td)
{
	td->rng ^= td->rng << 13;
	td->rng ^= td->rng >> 7;
	td->rng ^= td->rng << 17;
	return td->rng;
}

static void fill_random(struct testdir *td, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(next_random(td) >> 24);
}

/* --- RSA --- */

static size_t der_header(uint8_t *out, uint8_t tag, size_t len)
{
	out[0] = tag;
	if (len < 0x80) {
		out[1] = (uint8_t)len;
		return 2;
	}
	if (len < 0x100) {
		out[1] = 0x81;
		out[2] = (uint8_t)len;
		return 3;
	}
	out[1] = 0x82;
	out[2] = (uint8_t)(len >> 8);
	out[3] = (uint8_t)len;
	return 4;
}

static size_t der_integer(uint8_t *out, const gnutls_datum_t *n)
{
	const uint8_t *p = n->data;
	size_t len = n->size;
	size_t at;

	while (len > 1 && p[0] == 0) {
		p++;
		len--;
	}
	at = der_header(out, 0x02, len + (p[0] >> 7));
	if (p[0] >> 7)
		out[at++] = 0;
	memcpy(out + at, p, len);
	return at + len;
}

/* PKCS#1 RSAPublicKey. */
static size_t export_der(gnutls_privkey_t key, uint8_t *out, size_t cap)
{
	gnutls_datum_t m, e;
	uint8_t body[1024];
	size_t len, at;

	MUST(gnutls_privkey_export_rsa_raw(key, &m, &e, NULL, NULL, NULL, NULL, NULL, NULL) == 0);
	len = der_integer(body, &m);
	len += der_integer(body + len, &e);
	MUST(len + 4 <= cap);
	at = der_header(out, 0x30, len);
	memcpy(out + at, body, len);
	gnutls_free(m.data);
	gnutls_free(e.data);
	return at + len;
}

static void sign_digest(gnutls_privkey_t key, const uint8_t *digest, size_t len, uint8_t *out,
			size_t *ret_len)
{
	gnutls_datum_t hash = {(unsigned char *)(uintptr_t)digest, (unsigned int)len};
	gnutls_datum_t sig;

	MUST(gnutls_privkey_sign_hash(key, GNUTLS_DIG_SHA1, GNUTLS_PRIVKEY_SIGN_FLAG_TLS1_RSA,
				      &hash, &sig) == 0);
	MUST(sig.size <= 512);
	memcpy(out, sig.data, sig.size);
	*ret_len = sig.size;
	gnutls_free(sig.data);
}

static void make_key(gnutls_privkey_t *ret, unsigned int bits)
{
	MUST(gnutls_privkey_init(ret) == 0);
	MUST(gnutls_privkey_generate(*ret, GNUTLS_PK_RSA, bits, 0) == 0);
}

static void make_authority(struct testdir *td, unsigned int i, unsigned int bits)
{
	struct authority *k = &td->keys[i];
	struct dir_authority *a = &td->authorities[i];

	make_key(&k->identity, bits);
	make_key(&k->signing, bits);
	k->identity_der_len = export_der(k->identity, k->identity_der, sizeof(k->identity_der));
	k->signing_der_len = export_der(k->signing, k->signing_der, sizeof(k->signing_der));
	crypto_sha1(k->signing_id, k->signing_der, k->signing_der_len);
	crypto_sha1(a->v3ident, k->identity_der, k->identity_der_len);
	snprintf(a->nickname, sizeof(a->nickname), "auth%u", i);
	memcpy(a->relay.nickname, a->nickname, sizeof(a->nickname));
	a->relay.or_v4 = (struct addr_port){addr_v4(0x7f000001), (uint16_t)(5000 + i)};
	fill_random(td, a->relay.rsa_id, RSA_ID_LEN);
}

/* --- relays --- */

static int id_cmp(const void *a, const void *b)
{
	return memcmp(a, b, RSA_ID_LEN);
}

/* An RSAPublicKey as relays had them, with a modulus that nobody has factored: it is random. */
static void make_onion_key(struct testdir *td, uint8_t out[ONION_KEY_LEN])
{
	static const uint8_t before[] = {0x30, 0x81, 0x89, 0x02, 0x81, 0x81, 0x00};
	static const uint8_t after[] = {0x02, 0x03, 0x01, 0x00, 0x01};

	fill_random(td, out, ONION_KEY_LEN);
	memcpy(out, before, sizeof(before));
	out[sizeof(before)] |= 0x80;
	out[ONION_KEY_LEN - sizeof(after) - 1] |= 0x01;
	memcpy(out + ONION_KEY_LEN - sizeof(after), after, sizeof(after));
}

static void make_microdesc(struct testdir *td, size_t i)
{
	struct text t = {0};
	uint8_t key[ONION_KEY_LEN];
	char b64[64];
	static const char *const policies[] = {
		"accept 80,443", "reject 1-65535", "accept 20-23,43,53,79-81,88,110,143,194,443",
		"reject 25,119,135-139,445,563,1214,4661-4666,6346-6429,6699,6881-6999",
	};

	put(&t, "onion-key\n");
	make_onion_key(td, key);
	put_pem(&t, "RSA PUBLIC KEY", key, sizeof(key));
	fill_random(td, key, 32);
	codec_base64_encode(b64, key, 32, 0);
	put(&t, "ntor-onion-key %s\n", b64);
	if (i % 4 == 0 && i + 1 < td->n_relays) {
		put(&t, "family");
		for (size_t k = i; k < i + 2; k++) {
			char hex[CODEC_HEX_LEN(RSA_ID_LEN)];

			codec_hex_encode(hex, td->rsa_ids[k], RSA_ID_LEN);
			put(&t, " $%s", hex);
		}
		put(&t, "\n");
	}
	if (i % 10 == 3)
		put(&t, "family-ids ed25519:%zu\n", i / 100);
	if (i % 3 == 0)
		put(&t, "p %s\n", policies[i / 3 % 4]);
	fill_random(td, key, 32);
	codec_base64_encode(b64, key, 32, 0);
	put(&t, "id ed25519 %s\n", b64);
	td->microdescs[i] = t.s;
	td->microdesc_lens[i] = t.len;
	crypto_sha256(td->digests[i], t.s, t.len);
}

struct testdir *testdir_new(unsigned int n_authorities, size_t n_relays, unsigned int bits)
{
	struct testdir *td = calloc(1, sizeof(*td));

	MUST(td && n_authorities <= DIR_AUTHORITIES_MAX && n_relays > 0);
	MUST(gnutls_global_init() == 0 && crypto_init() == 0);
	td->rng = 0x123456789abcdefu;
	td->n_authorities = n_authorities;
	td->n_relays = n_relays;
	td->keys = calloc(n_authorities, sizeof(*td->keys));
	td->authorities = calloc(n_authorities, sizeof(*td->authorities));
	td->rsa_ids = calloc(n_relays, sizeof(*td->rsa_ids));
	td->microdescs = calloc(n_relays, sizeof(*td->microdescs));
	td->microdesc_lens = calloc(n_relays, sizeof(*td->microdesc_lens));
	td->digests = calloc(n_relays, sizeof(*td->digests));
	MUST(td->keys && td->authorities && td->rsa_ids && td->microdescs && td->microdesc_lens &&
	     td->digests);
	for (unsigned int i = 0; i < n_authorities; i++)
		make_authority(td, i, bits);
	fill_random(td, td->rsa_ids[0], n_relays * RSA_ID_LEN);
	qsort(td->rsa_ids, n_relays, RSA_ID_LEN, id_cmp);
	for (size_t i = 0; i < n_relays; i++)
		make_microdesc(td, i);
	return td;
}

void testdir_free(struct testdir *td)
{
	if (!td)
		return;
	for (unsigned int i = 0; i < td->n_authorities; i++) {
		gnutls_privkey_deinit(td->keys[i].identity);
		gnutls_privkey_deinit(td->keys[i].signing);
	}
	for (size_t i = 0; i < td->n_relays; i++)
		free(td->microdescs[i]);
	free(td->keys);
	free(td->authorities);
	free(td->rsa_ids);
	free(td->microdescs);
	free(td->microdesc_lens);
	free(td->digests);
	free(td);
	gnutls_global_deinit();
}

const struct dir_authority *testdir_authorities(const struct testdir *td)
{
	return td->authorities;
}

unsigned int testdir_n_authorities(const struct testdir *td)
{
	return td->n_authorities;
}

size_t testdir_n_relays(const struct testdir *td)
{
	return td->n_relays;
}

/* --- documents --- */

static void put_time(struct text *t, const char *keyword, time_t when)
{
	struct tm tm;

	gmtime_r(&when, &tm);
	put(t, "%s %04d-%02d-%02d %02d:%02d:%02d\n", keyword, tm.tm_year + 1900, tm.tm_mon + 1,
	    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

char *testdir_cert(const struct testdir *td, unsigned int i, time_t published, time_t expires,
		   size_t *ret_len)
{
	const struct authority *k = &td->keys[i];
	uint8_t digest[SHA1_LEN], sig[512];
	char hex[CODEC_HEX_LEN(RSA_ID_LEN)];
	struct text t = {0};
	size_t n;

	codec_hex_encode(hex, td->authorities[i].v3ident, RSA_ID_LEN);
	put(&t, "dir-key-certificate-version 3\nfingerprint %s\n", hex);
	put_time(&t, "dir-key-published", published);
	put_time(&t, "dir-key-expires", expires ? expires : published + 365 * 86400);
	put(&t, "dir-identity-key\n");
	put_pem(&t, "RSA PUBLIC KEY", k->identity_der, k->identity_der_len);
	put(&t, "dir-signing-key\n");
	put_pem(&t, "RSA PUBLIC KEY", k->signing_der, k->signing_der_len);
	sign_digest(k->signing, td->authorities[i].v3ident, RSA_ID_LEN, sig, &n);
	put(&t, "dir-key-crosscert\n");
	put_pem(&t, "ID SIGNATURE", sig, n);
	put(&t, "dir-key-certification\n");
	crypto_sha1(digest, t.s, t.len);
	sign_digest(k->identity, digest, sizeof(digest), sig, &n);
	put_pem(&t, "SIGNATURE", sig, n);
	*ret_len = t.len;
	return t.s;
}

char *testdir_certs(const struct testdir *td, time_t published, size_t *ret_len)
{
	struct text t = {0};

	for (unsigned int i = 0; i < td->n_authorities; i++) {
		size_t len;
		char *one = testdir_cert(td, i, published, 0, &len);

		put(&t, "%s", one);
		free(one);
	}
	*ret_len = t.len;
	return t.s;
}

static void put_relay(const struct testdir *td, struct text *t, size_t i, size_t shift)
{
	char id[CODEC_BASE64_LEN(RSA_ID_LEN)], md[CODEC_BASE64_LEN(32)];

	codec_base64_encode(id, td->rsa_ids[i], RSA_ID_LEN, 0);
	codec_base64_encode(md, td->digests[(i + shift) % td->n_relays], 32, 0);
	put(t, "r relay%zu %s 2038-01-01 00:00:00 %zu.%zu.%zu.%zu %zu 0\n", i, id, 11 + i / 65536,
	    i / 256 % 256, i % 256, i * 7 % 254 + 1, 9001 + i % 1000);
	if (i % 5 == 0)
		put(t, "a [2001:db8:%zx::%zx]:9001\n", i % 65536, i % 65535 + 1);
	put(t, "m %s\n", md);
	put(t, "s%s Fast%s Running Stable V2Dir Valid\n", i % 3 == 0 ? " Exit" : "",
	    i % 2 == 0 ? " Guard HSDir" : "");
	put(t, "v Tor 0.4.9.11\npr Conflux=1 Cons=1-2 Desc=1-4 DirCache=2 FlowCtrl=1-2 HSDir=2 "
	       "HSIntro=4-5 HSRend=1-2 Link=3-5 LinkAuth=3 Microdesc=1-3 Padding=2 Relay=2-6\n");
	put(t, "w Bandwidth=%zu\n", 100 + i * 37 % 9000);
}

static void put_preamble(const struct testdir *td, struct text *t, const struct testdir_doc *doc)
{
	time_t interval = doc->interval_s ? doc->interval_s : 3600;
	time_t n = doc->n_intervals ? doc->n_intervals : 3;

	put(t, "network-status-version 3 microdesc\nvote-status consensus\nconsensus-method 35\n");
	put_time(t, "valid-after", doc->valid_after);
	put_time(t, "fresh-until", doc->valid_after + interval);
	put_time(t, "valid-until", doc->valid_after + n * interval);
	put(t, "voting-delay 4 4\nclient-versions \nserver-versions \nknown-flags Authority Exit Fast "
	       "Guard HSDir NoEdConsensus Running Stable StaleDesc Sybil V2Dir Valid\n");
	put(t, "required-client-protocols %s\n",
	    doc->required_client ? doc->required_client
				 : "Cons=2 Desc=2 FlowCtrl=1 Link=4 Microdesc=2 Relay=2");
	if (doc->params)
		put(t, "params %s\n", doc->params);
	if (doc->extra)
		put(t, "%s", doc->extra);
	for (unsigned int i = 0; i < td->n_authorities; i++) {
		char hex[CODEC_HEX_LEN(RSA_ID_LEN)];

		codec_hex_encode(hex, td->authorities[i].v3ident, RSA_ID_LEN);
		put(t, "dir-source auth%u %s 127.0.0.1 127.0.0.1 7000 5000\ncontact nobody\n"
		       "vote-digest %s\n", i, hex, hex);
	}
}

static void put_signature(const struct testdir *td, struct text *t, unsigned int i,
			  const uint8_t digest[32], bool spoil)
{
	char id[CODEC_HEX_LEN(RSA_ID_LEN)], sk[CODEC_HEX_LEN(RSA_ID_LEN)];
	uint8_t sig[512];
	size_t n;

	codec_hex_encode(id, td->authorities[i].v3ident, RSA_ID_LEN);
	codec_hex_encode(sk, td->keys[i].signing_id, RSA_ID_LEN);
	sign_digest(td->keys[i].signing, digest, 32, sig, &n);
	if (spoil)
		sig[n / 2] ^= 1;
	put(t, "%s sha256 %s %s\n", "directory-signature", id, sk);
	put_pem(t, "SIGNATURE", sig, n);
}

char *testdir_sign(const struct testdir *td, const char *text, const struct testdir_doc *doc,
		   size_t *ret_len)
{
	struct text t = {0};
	uint8_t digest[32];

	put(&t, "%sdirectory-signature ", text);
	crypto_sha256(digest, t.s, t.len);
	t.len -= strlen("directory-signature ");
	for (unsigned int i = 0; i < td->n_authorities; i++) {
		uint64_t bit = (uint64_t)1 << i;

		if (doc->signers && !(doc->signers & bit))
			continue;
		put_signature(td, &t, i, digest, (doc->spoiled & bit) != 0);
		if (doc->twice & bit)
			put_signature(td, &t, i, digest, (doc->spoiled & bit) != 0);
	}
	*ret_len = t.len;
	return t.s;
}

char *testdir_consensus(const struct testdir *td, const struct testdir_doc *doc, size_t *ret_len)
{
	struct text t = {0};
	char *signed_text;

	put_preamble(td, &t, doc);
	for (size_t i = 0; i < td->n_relays; i++)
		if (!doc->skip_relay || i % doc->skip_relay != 0)
			put_relay(td, &t, i, doc->shift);
	put(&t, "directory-footer\nbandwidth-weights Wbd=0 Wbe=0 Wbg=4131 Wbm=10000 Wdb=10000 "
		"Web=10000 Wed=10000 Wee=10000 Weg=10000 Wem=10000 Wgb=10000 Wgd=0 Wgg=5869 "
		"Wgm=5869 Wmb=10000 Wmd=0 Wme=0 Wmg=4131 Wmm=10000\n");
	signed_text = testdir_sign(td, t.s, doc, ret_len);
	free(t.s);
	return signed_text;
}

const char *testdir_microdesc(const struct testdir *td, size_t i, size_t *ret_len,
			      uint8_t ret_digest[32])
{
	*ret_len = td->microdesc_lens[i];
	memcpy(ret_digest, td->digests[i], 32);
	return td->microdescs[i];
}

char *testdir_microdescs(const struct testdir *td, size_t *ret_len)
{
	struct text t = {0};

	for (size_t i = 0; i < td->n_relays; i++)
		put(&t, "%s", td->microdescs[i]);
	*ret_len = t.len;
	return t.s;
}

/* --- a directory cache in one function --- */

static void put_bytes(struct text *t, const char *data, size_t len)
{
	put(t, "%.*s", (int)len, data);
}

static void answer_micro(const struct testdir *td, struct text *t, const char *list)
{
	uint8_t digest[32];

	put(t, "HTTP/1.0 200 OK\r\nContent-Encoding: identity\r\n\r\n");
	while (strlen(list) >= 43 && codec_base64_decode(digest, 32, list, 43) == 32) {
		for (size_t i = 0; i < td->n_relays; i++)
			if (memcmp(td->digests[i], digest, 32) == 0)
				put_bytes(t, td->microdescs[i], td->microdesc_lens[i]);
		list += 43;
		if (*list != '-')
			break;
		list++;
	}
}

char *testdir_answer(const struct testdir *td, const char *request, const char *consensus,
		     size_t consensus_len, time_t wall, size_t *ret_len)
{
	static const char micro[] = "GET /tor/micro/d/";
	struct text t = {0};

	if (strncmp(request, micro, strlen(micro)) == 0) {
		answer_micro(td, &t, request + strlen(micro));
	} else if (strncmp(request, "GET /tor/keys/", 14) == 0) {
		size_t len;
		char *certs = testdir_certs(td, wall - 86400, &len);

		put(&t, "HTTP/1.0 200 OK\r\nContent-Encoding: identity\r\n\r\n%s", certs);
		free(certs);
	} else if (strncmp(request, "GET /tor/status-vote/current/consensus-microdesc", 48) == 0 &&
		   consensus) {
		put(&t, "HTTP/1.0 200 OK\r\nContent-Encoding: identity\r\n\r\n");
		put_bytes(&t, consensus, consensus_len);
	} else {
		put(&t, "HTTP/1.0 404 Not found\r\n\r\n");
	}
	*ret_len = t.len;
	return t.s;
}
