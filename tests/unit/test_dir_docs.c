/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_dir_docs.c - certificates, consensuses, microdescriptors, diffs, encodings
 *
 * data/dir holds documents of a private network of tor 0.4.9.11 as its
 * directories served them, the consdiff-* vectors of arti (tor-consdiff), and from
 * arti's tor-netdoc test data a consensus of the public network that was reduced
 * to five relays (so its signatures no longer fit) and a certificate.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "dirclient/consdiff.h"
#include "dirclient/consensus.h"
#include "dirclient/decompress.h"
#include "dirclient/keycert.h"
#include "dirclient/microdesc.h"
#include "dirclient/netdir_build.h"
#include "dirclient/netdoc.h"
#include "dirclient/protover.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"
#include "tests/support/testdir.h"

#define NOW ((time_t)1795700000)

struct file {
	char *s;
	size_t len;
};

static struct file slurp(const char *name)
{
	struct file f = {NULL, 0};
	char path[256];
	FILE *in;

	snprintf(path, sizeof(path), "tests/unit/data/dir/%s", name);
	in = fopen(path, "rb");
	ck_assert_msg(in != NULL, "%s: run from the top folder", path);
	f.s = malloc(1 << 20);
	f.len = fread(f.s, 1, (1 << 20) - 1, in);
	f.s[f.len] = '\0';
	fclose(in);
	return f;
}

/* The three authorities of the private network, from its torrc lines. */
static size_t real_authorities(struct dir_authority out[8])
{
	struct file f = slurp("authorities");
	size_t n = 0;
	char *save = NULL;

	for (char *l = strtok_r(f.s, "\n", &save); l && n < 8; l = strtok_r(NULL, "\n", &save)) {
		char err[128];

		l += strlen("DirAuthority ");
		ck_assert_msg(dir_authority_parse(l, &out[n], err, sizeof(err)) == 0, "%s", err);
		n++;
	}
	free(f.s);
	return n;
}

static size_t load_certs(const char *text, size_t len, struct keycert *out, size_t cap)
{
	size_t n = 0, used;

	for (size_t pos = 0; pos < len && n < cap; pos += used, n++)
		ck_assert_int_eq(keycert_parse(text + pos, len - pos, &out[n], &used), 0);
	return n;
}

static struct testdir *td;
static struct keycert td_certs[16];
static struct keycert_store td_store = {td_certs, 0};

static void make_network(void)
{
	size_t len;
	char *certs;

	td = testdir_new(5, 40, 1024);
	certs = testdir_certs(td, NOW - 86400, &len);
	td_store.n = load_certs(certs, len, td_certs, 16);
	free(certs);
}

static void drop_network(void)
{
	testdir_free(td);
}

/* --- netdoc --- */

static const struct {
	const char *text;
	int items;	/* or -error */
} netdocs[] = {
	{"a\n", 1},
	{"a b c\nd\n\n\ne f\n", 3},
	{"a\n-----BEGIN X Y-----\nZm9v\n-----END X Y-----\nb\n", 2},
	{"", 0},
	{"a", -NETDOC_E_SYNTAX},
	{"-a\n", -NETDOC_E_SYNTAX},
	{"a:b\n", -NETDOC_E_SYNTAX},
	{" a\n", -NETDOC_E_SYNTAX},
	{"-----BEGIN X-----\nZm9v\n-----END X-----\n", -NETDOC_E_SYNTAX},
	{"a\n-----BEGIN X-----\nZm9v\n-----END Y-----\n", -NETDOC_E_SYNTAX},
	{"a\n-----BEGIN X-----\nZm9v\n", -NETDOC_E_SYNTAX},
	{"a\n-----BEGIN X-----\nZm9v\n-----END X-----", -NETDOC_E_SYNTAX},
	{"a\n-----BEGIN -----\nZm9v\n-----END -----\n", -NETDOC_E_SYNTAX},
};

START_TEST(netdoc_items_are_counted_or_refused)
{
	struct netdoc d;
	struct netdoc_item it;
	int n = 0, r;

	netdoc_init(&d, netdocs[_i].text, strlen(netdocs[_i].text));
	while ((r = netdoc_next(&d, &it)) > 0)
		n++;
	ck_assert_int_eq(r < 0 ? -d.error : n, netdocs[_i].items);
	ck_assert_int_eq(netdoc_next(&d, &it), r);
}
END_TEST

START_TEST(netdoc_refuses_nul_and_endless_lines)
{
	char *big = malloc(NETDOC_LINE_MAX + 100);
	struct netdoc d;
	struct netdoc_item it;

	netdoc_init(&d, "a\0b\n", 4);
	ck_assert_int_eq(netdoc_next(&d, &it), -1);
	memset(big, 'x', NETDOC_LINE_MAX + 100);
	big[NETDOC_LINE_MAX + 99] = '\n';
	netdoc_init(&d, big, NETDOC_LINE_MAX + 100);
	ck_assert_int_eq(netdoc_next(&d, &it), -1);
	ck_assert_int_eq(d.error, NETDOC_E_LIMIT);
	free(big);
}
END_TEST

static const struct {
	const char *text;
	time_t when;	/* -1: refused */
} times[] = {
	{"2026-11-20 13:49:40", 1795182580}, {"1970-01-01 00:00:00", 0},
	{"2038-01-19 03:14:08", 2147483648}, {"2026-11-20T13:49:40", -1},
	{"2026-11-20", -1},		     {"2026-13-20 13:49:40", -1},
	{"2026-00-20 13:49:40", -1},	     {"2026-11-31 13:49:40", -1},
	{"2026-11-20 24:00:00", -1},	     {"2026-11-20 13:60:00", -1},
	{"26-11-20 13:49:40", -1},	     {"2026-11-20 13:49:4x", -1},
	{"1969-12-31 23:59:59", -1},	     {"2026-11-20 1:49:40", -1},
};

START_TEST(times_are_exact)
{
	struct netdoc_str s = {times[_i].text, strlen(times[_i].text)};
	time_t t = -1;

	ck_assert_int_eq(netdoc_time(&s, &t), times[_i].when != -1);
	ck_assert_int_eq(t, times[_i].when);
}
END_TEST

/* --- protocols --- */

static const struct {
	const char *required, *missing;
} required[] = {
	{"Cons=2 Desc=2 FlowCtrl=1 Link=4 Microdesc=2 Relay=2", NULL},
	{"", NULL},
	{"Relay=2-6", NULL},
	{"Relay=2-7", "Relay=7"},
	{"Link=4 Quantum=1", "Quantum=1"},
	{"Link=4 nonsense", "nonsense"},
	{"Link=99", "Link"},
	{"Link=5-4", "Link"},
	{"Link=", NULL},
};

START_TEST(what_is_required_must_be_ours)
{
	struct netdoc_str r = {required[_i].required, strlen(required[_i].required)};
	struct netdoc_str ours = {PROTOVER_OURS, strlen(PROTOVER_OURS)};
	char buf[64] = "";

	ck_assert_int_eq(protover_missing(r, ours, buf, sizeof(buf)), required[_i].missing != NULL);
	if (required[_i].missing)
		ck_assert_str_eq(buf, required[_i].missing);
}
END_TEST

START_TEST(capabilities_are_independent_flags)
{
	static const char pr[] = "FlowCtrl=1-2 Relay=2,4,6 Conflux=1";
	uint32_t caps = protover_caps((struct netdoc_str){pr, sizeof(pr) - 1});

	ck_assert_uint_eq(caps, RELAY_CAP_SENDME_V1 | RELAY_CAP_CC | RELAY_CAP_NTOR |
					RELAY_CAP_NTOR3 | RELAY_CAP_CGO | RELAY_CAP_CONFLUX);
	ck_assert_uint_eq(protover_caps((struct netdoc_str){"Relay=2 x", 9}), 0);
}
END_TEST

/* --- certificates --- */

START_TEST(real_certificates_are_good)
{
	struct file f = slurp("keys");
	struct dir_authority a[8];
	struct keycert certs[8];
	size_t n = real_authorities(a);

	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(load_certs(f.s, f.len, certs, 8), 3);
	for (size_t i = 0; i < 3; i++) {
		bool found = false;

		for (size_t k = 0; k < n; k++)
			found |= memcmp(a[k].v3ident, certs[i].identity, RSA_ID_LEN) == 0;
		ck_assert(found);
		ck_assert_int_gt(certs[i].expires, certs[i].published);
	}
	free(f.s);
}
END_TEST

static bool accept_cert(void *ctx, const uint8_t *data, size_t len)
{
	struct keycert c;
	size_t used;

	(void)ctx;
	return keycert_parse((const char *)data, len, &c, &used) == 0;
}

START_TEST(a_certificate_holds_no_unsigned_bit)
{
	struct file f = slurp("keys");
	size_t n = keycert_skip(f.s, f.len);
	size_t certified = (size_t)(strstr(f.s, "dir-key-certification\n") - f.s);

	ck_assert(accept_cert(NULL, (uint8_t *)f.s, n));
	ck_assert_uint_eq(mutate_count_prefixes(accept_cert, NULL, f.s, n), 0);
	/* Every bit of the signed part; the text form of the signature itself has slack. */
	for (size_t i = 0; i < certified; i += 7) {
		f.s[i] ^= 0x04;
		ck_assert_msg(!accept_cert(NULL, (uint8_t *)f.s, n), "byte %zu", i);
		f.s[i] ^= 0x04;
	}
	mutate_run(accept_cert, NULL, f.s, n, 500);
	free(f.s);
}
END_TEST

/* --- consensus --- */

static struct consensus *parse(const char *text, size_t len)
{
	struct consensus *c = NULL;
	int err = consensus_parse(text, len, &c);

	ck_assert_msg(err == 0, "%s", netdoc_error_str(err));
	return c;
}

START_TEST(a_real_consensus_is_read_and_verified)
{
	struct file f = slurp("consensus1"), keys = slurp("keys");
	struct dir_authority a[8];
	size_t n_auth = real_authorities(a);
	struct keycert certs[8];
	struct keycert_store store = {certs, load_certs(keys.s, keys.len, certs, 8)};
	struct consensus *c = parse(f.s, f.len);
	struct consensus_check check;
	time_t wall = c->times.valid_after;

	ck_assert_uint_eq(c->method, 35);
	ck_assert_uint_eq(c->n_relays, 8);
	ck_assert_int_eq(c->times.fresh_until - c->times.valid_after, 20);
	ck_assert_int_eq(consensus_verify(c, a, n_auth, &store, wall, &check), CONSENSUS_GOOD);
	ck_assert_uint_eq(check.good, 3);
	ck_assert_uint_eq(check.needed, 2);
	store.n = 1;
	ck_assert_int_eq(consensus_verify(c, a, n_auth, &store, wall, &check), CONSENSUS_PENDING);
	ck_assert_uint_eq(check.n_missing, 2);
	for (size_t i = 0; i < c->n_relays; i++) {
		ck_assert(c->relays[i].flags & RELAY_RUNNING);
		ck_assert(c->relays[i].caps & RELAY_CAP_CGO);
		ck_assert_uint_eq(c->relays[i].ipv4, 0x7f000001);
	}
	consensus_free(c);
	free(f.s);
	free(keys.s);
}
END_TEST

START_TEST(the_public_network_is_read_and_known)
{
	struct file f = slurp("public-2026-07-27"), cert = slurp("public-authcert");
	const struct dir_authority *a;
	const struct dir_fallback *fb;
	size_t n_auth, n_fb, used;
	struct consensus_check check;
	struct keycert_store none = {NULL, 0};
	struct consensus *c = parse(f.s, f.len);
	char srv[CODEC_BASE64_LEN(SHARED_RANDOM_LEN)];
	struct keycert k;

	dir_builtin(&a, &n_auth, &fb, &n_fb);
	ck_assert_uint_eq(c->n_relays, 5);
	ck_assert_uint_eq(c->n_sigs, 9);
	ck_assert_int_eq(consensus_param(c, "cc_alg", 0), 2);
	ck_assert_int_eq(consensus_param(c, "sendme_accept_min_version", 0), 1);
	ck_assert(c->has_srv[SRV_PREVIOUS] && c->has_srv[SRV_CURRENT]);
	codec_base64_encode(srv, c->srv[SRV_PREVIOUS], SHARED_RANDOM_LEN, 1);
	ck_assert_ptr_nonnull(strstr(f.s, srv));
	ck_assert_mem_ne(c->srv[SRV_PREVIOUS], c->srv[SRV_CURRENT], SHARED_RANDOM_LEN);
	/* All nine signed, and all nine are the built-in authorities. */
	ck_assert_int_eq(consensus_verify(c, a, n_auth, &none, c->times.valid_after, &check),
			 CONSENSUS_PENDING);
	ck_assert_uint_eq(check.unknown, 0);
	ck_assert_uint_eq(check.n_missing, 9);
	ck_assert_int_eq(keycert_parse(cert.s, cert.len, &k, &used), 0);
	consensus_free(c);
	free(f.s);
	free(cert.s);
}
END_TEST

START_TEST(real_microdescriptors_fill_the_netdir)
{
	struct file f = slurp("consensus1"), micro = slurp("micro");
	struct consensus *c = parse(f.s, f.len);
	struct netdir *nd = netdir_new(c);
	size_t have, want, exits = 0;

	consensus_free(c);
	for (size_t pos = 0, n; pos < micro.len; pos += n) {
		uint8_t digest[32];

		n = microdesc_split(micro.s + pos, micro.len - pos);
		crypto_sha256(digest, micro.s + pos, n);
		ck_assert_int_eq(netdir_add_microdesc(nd, digest, micro.s + pos, n), 0);
		ck_assert_int_eq(netdir_add_microdesc(nd, digest, micro.s + pos, n), -EALREADY);
	}
	netdir_descriptor_count(nd, &have, &want);
	ck_assert_uint_eq(have, 8);
	ck_assert_uint_eq(want, 8);
	ck_assert(netdir_path_fraction(nd) > 0.999);
	for (size_t i = 0; i < netdir_n_relays(nd); i++) {
		const struct relay *r = netdir_relay(nd, i);

		ck_assert(r->has_md && r->has_ed);
		ck_assert_int_eq(netdir_find_ed(nd, r->ed_id), (ssize_t)i);
		ck_assert_int_eq(netdir_find_rsa(nd, r->rsa_id), (ssize_t)i);
		exits += relay_exits_to(r, ADDR_V4, 443);
		ck_assert(!relay_exits_to(r, ADDR_V4, 25));
	}
	ck_assert_uint_gt(exits, 0);
	netdir_unref(nd);
	free(f.s);
	free(micro.s);
}
END_TEST

static const struct {
	const char *what;
	struct testdir_doc doc;
	enum consensus_verdict verdict;
	unsigned int good, bad;
} signatures[] = {
	{"all of five", {.signers = 0}, CONSENSUS_GOOD, 5, 0},
	{"exactly more than half", {.signers = 0x07}, CONSENSUS_GOOD, 3, 0},
	{"too few", {.signers = 0x03}, CONSENSUS_REFUSED, 2, 0},
	{"too few, twice each", {.signers = 0x03, .twice = 0x03}, CONSENSUS_REFUSED, 2, 0},
	{"three, one of them wrong", {.signers = 0x07, .spoiled = 0x02}, CONSENSUS_REFUSED, 2, 1},
	{"five, two of them wrong", {.spoiled = 0x11}, CONSENSUS_GOOD, 3, 2},
	{"five, three of them wrong", {.spoiled = 0x13}, CONSENSUS_REFUSED, 2, 3},
};

START_TEST(more_than_half_of_the_authorities_must_sign)
{
	struct testdir_doc doc = signatures[_i].doc;
	struct consensus_check check;
	struct consensus *c;
	size_t len;
	char *text;

	doc.valid_after = NOW;
	text = testdir_consensus(td, &doc, &len);
	c = parse(text, len);
	ck_assert_msg(consensus_verify(c, testdir_authorities(td), 5, &td_store, NOW, &check) ==
			      signatures[_i].verdict, "%s", signatures[_i].what);
	ck_assert_uint_eq(check.good, signatures[_i].good);
	ck_assert_uint_eq(check.bad, signatures[_i].bad);
	consensus_free(c);
	free(text);
}
END_TEST

START_TEST(strangers_and_expired_certificates_do_not_count)
{
	struct testdir_doc doc = {.valid_after = NOW};
	struct consensus_check check;
	size_t len;
	char *text = testdir_consensus(td, &doc, &len);
	struct consensus *c = parse(text, len);
	struct dir_authority strangers[5];

	memcpy(strangers, testdir_authorities(td), sizeof(strangers));
	for (int i = 0; i < 3; i++)
		strangers[i].v3ident[0] ^= 1;
	ck_assert_int_eq(consensus_verify(c, strangers, 5, &td_store, NOW, &check),
			 CONSENSUS_REFUSED);
	ck_assert_uint_eq(check.unknown, 3);
	ck_assert_uint_eq(check.good, 2);
	/* Two years on all certificates have expired: fresh ones are asked for. */
	ck_assert_int_eq(consensus_verify(c, testdir_authorities(td), 5, &td_store,
					  NOW + 2 * 365 * 86400, &check), CONSENSUS_PENDING);
	ck_assert_uint_eq(check.good, 0);
	ck_assert_uint_eq(check.n_missing, 5);
	consensus_free(c);
	free(text);
}
END_TEST

static bool accept_consensus(void *ctx, const uint8_t *data, size_t len)
{
	struct consensus *c;
	struct consensus_check check;
	bool good = false;

	(void)ctx;
	if (consensus_parse((const char *)data, len, &c))
		return false;
	good = consensus_verify(c, testdir_authorities(td), 5, &td_store, NOW, &check) ==
	       CONSENSUS_GOOD;
	consensus_free(c);
	return good;
}

START_TEST(a_cut_or_changed_consensus_is_never_good)
{
	struct testdir_doc doc = {.valid_after = NOW, .signers = 0x07, .skip_relay = 2};
	size_t len, end;
	char *text = testdir_consensus(td, &doc, &len);

	ck_assert(accept_consensus(NULL, (uint8_t *)text, len));
	ck_assert_uint_eq(mutate_count_prefixes(accept_consensus, NULL, text, len), 0);
	end = consensus_signed_len(text, len);
	for (size_t i = 0; i < end; i++) {
		char old = text[i];

		text[i] ^= (char)(1 << i % 7);
		ck_assert_msg(!accept_consensus(NULL, (uint8_t *)text, len), "byte %zu", i);
		text[i] = old;
	}
	mutate_run(accept_consensus, NULL, text, len, 1000);
	free(text);
}
END_TEST

#define SRV "bMZR5Q6kBadzApPjd5dZ1tyLt1ckv1LfNCP/oyGhCXs="

/* Lines put into a good consensus's preamble, or texts replaced in it. */
static const struct {
	const char *from, *to;
	int error;
} edits[] = {
	{"network-status-version 3 microdesc", "network-status-version 3 ns", NETDOC_E_KIND},
	{"network-status-version 3 microdesc", "network-status-version 4 microdesc", NETDOC_E_KIND},
	{"vote-status consensus", "vote-status vote", NETDOC_E_KIND},
	{"vote-status consensus\n", "", NETDOC_E_ITEM},
	{"voting-delay 4 4\n", "", NETDOC_E_ITEM},
	{"voting-delay 4 4\n", "voting-delay 4\n", NETDOC_E_VALUE},
	{"known-flags", "xnown-flags", NETDOC_E_ITEM},
	{"consensus-method 35", "consensus-method x", NETDOC_E_VALUE},
	{"consensus-method 35\n", "consensus-method 35\nconsensus-method 35\n", NETDOC_E_ITEM},
	{"consensus-method 35\n", "x-future thing\n", 0},
	{"consensus-method 35\n", "params a=1 b=2\n", 0},
	{"consensus-method 35\n", "params a=1 a=2\n", NETDOC_E_VALUE},
	{"consensus-method 35\n", "params a=9999999999\n", NETDOC_E_VALUE},
	{"consensus-method 35\n", "params a\n", NETDOC_E_VALUE},
	{"consensus-method 35\n", "shared-rand-current-value 3 " SRV "\n", 0},
	{"consensus-method 35\n", "shared-rand-current-value 3 " SRV " more\n", 0},
	{"consensus-method 35\n", "shared-rand-current-value 3 unreadable\n", 0},
	{"consensus-method 35\n", "shared-rand-current-value 3\n", NETDOC_E_VALUE},
	{"consensus-method 35\n", "shared-rand-current-value x " SRV "\n", NETDOC_E_VALUE},
	{"consensus-method 35\n",
	 "shared-rand-current-value 3 " SRV "\nshared-rand-current-value 3 " SRV "\n", NETDOC_E_ITEM},
	{"directory-footer\n", "shared-rand-current-value 3 " SRV "\ndirectory-footer\n", 0},
	{"directory-footer\n", "directory-footer\nshared-rand-current-value 3 " SRV "\n",
	 NETDOC_E_ITEM},
	{"directory-footer\n", "", NETDOC_E_ITEM},
	{"bandwidth-weights Wbd=0", "bandwidth-weights Wbd=z", NETDOC_E_VALUE},
	{"\nr relay1 ", "\nr relay_1 ", NETDOC_E_VALUE},
	{"\nr relay1 ", "\nr averyverylongnickname ", NETDOC_E_VALUE},
	{"\nm ", "\nx ", NETDOC_E_ITEM},
	{"\npr ", "\nxpr ", NETDOC_E_ITEM},
	{"\ns ", "\nxs ", NETDOC_E_ITEM},
	{"\nv Tor 0.4.9.11", "", 0},
	{"\nv Tor 0.4.9.11", "\nfuture thing", 0},
	{"Bandwidth=", "Bandwidth=-", NETDOC_E_VALUE},
	{"Bandwidth=100", "Bandwidth=99999999999", NETDOC_E_VALUE},
	{"\nw Bandwidth=", "\nw Other=3 Bandwidth=", 0},
	{"-----BEGIN SIGNATURE-----", "-----BEGIN SIGNATURES-----", NETDOC_E_SYNTAX},
	{"directory-signature sha256", "directory-signature sha512", 0},
};

START_TEST(required_items_are_strict_and_unknown_ones_tolerated)
{
	struct testdir_doc doc = {.valid_after = NOW};
	size_t len;
	char *text = testdir_consensus(td, &doc, &len);
	char *at = strstr(text, edits[_i].from);
	char *out;
	struct consensus *c;
	int err;

	ck_assert_ptr_nonnull(at);
	ck_assert(asprintf(&out, "%.*s%s%s", (int)(at - text), text, edits[_i].to,
			   at + strlen(edits[_i].from)) > 0);
	err = consensus_parse(out, strlen(out), &c);
	ck_assert_msg(err == edits[_i].error, "%s -> %s: %d (%s)", edits[_i].from, edits[_i].to, err,
		      netdoc_error_str(err));
	if (!err)
		consensus_free(c);
	free(out);
	free(text);
}
END_TEST

START_TEST(relays_out_of_order_are_refused)
{
	struct testdir_doc doc = {.valid_after = NOW};
	size_t len;
	char *text = testdir_consensus(td, &doc, &len);
	char *a = strstr(text, "\nr relay1 "), *b = strstr(text, "\nr relay2 ");
	struct consensus *c;
	char id[28];

	memcpy(id, a + 10, 27);
	memcpy(a + 10, b + 10, 27);
	ck_assert_int_eq(consensus_parse(text, len, &c), NETDOC_E_ITEM);
	memcpy(b + 10, id, 27);
	ck_assert_int_eq(consensus_parse(text, len, &c), NETDOC_E_ITEM);
	free(text);
}
END_TEST

START_TEST(what_follows_the_signed_part_adds_nothing)
{
	struct testdir_doc doc = {.valid_after = NOW};
	size_t len;
	char *text = testdir_consensus(td, &doc, &len);
	char *more;
	struct consensus *c;

	ck_assert(asprintf(&more, "%sr evil AAAAAAAAAAAAAAAAAAAAAAAAAAA 2038-01-01 00:00:00 1.2.3.4 1 "
			   "0\nparams x=1\n", text) > 0);
	c = parse(more, strlen(more));
	ck_assert_uint_eq(c->n_relays, 40);
	ck_assert_uint_eq(c->n_params, 0);
	consensus_free(c);
	free(more);
	free(text);
}
END_TEST

/* --- netdir --- */

START_TEST(parameters_and_weights_are_clamped)
{
	struct testdir_doc doc = {.valid_after = NOW, .params = "a=5 big=100000 neg=-7"};
	size_t len;
	char *text = testdir_consensus(td, &doc, &len);
	struct consensus *c = parse(text, len);
	struct netdir *nd = netdir_new(c);

	ck_assert_int_eq(netdir_param(nd, "a", 1, 0, 10), 5);
	ck_assert_int_eq(netdir_param(nd, "big", 1, 0, 10), 10);
	ck_assert_int_eq(netdir_param(nd, "neg", 1, 0, 10), 0);
	ck_assert_int_eq(netdir_param(nd, "absent", 3, 0, 10), 3);
	ck_assert_int_eq(netdir_weight(nd, WEIGHT_GG), 5869);
	ck_assert_int_eq(netdir_weight(nd, WEIGHT_BD), 10000);
	ck_assert_int_eq(netdir_times(nd).valid_until - NOW, 3 * 3600);
	consensus_free(c);
	netdir_unref(nd);
	free(text);
}
END_TEST

static struct netdir *full_netdir(const char *params)
{
	struct testdir_doc doc = {.valid_after = NOW, .params = params};
	size_t len;
	char *text = testdir_consensus(td, &doc, &len);
	struct consensus *c = parse(text, len);
	struct netdir *nd = netdir_new(c);

	for (size_t i = 0; i < testdir_n_relays(td); i++) {
		uint8_t digest[32];
		const char *md = testdir_microdesc(td, i, &len, digest);

		ck_assert_int_eq(netdir_add_microdesc(nd, digest, md, len), 0);
	}
	consensus_free(c);
	free(text);
	return nd;
}

START_TEST(families_are_mutual_lists_or_shared_ids)
{
	struct netdir *nd = full_netdir(NULL);
	const struct relay *r0 = netdir_relay(nd, 0), *r1 = netdir_relay(nd, 1);
	const struct relay *r3 = netdir_relay(nd, 3), *r13 = netdir_relay(nd, 13);

	ck_assert(netdir_same_family(nd, r0, r0));
	/* Relay 0 lists 1, but 1 does not list 0. */
	ck_assert_ptr_nonnull(r0->family);
	ck_assert(!netdir_same_family(nd, r0, r1));
	ck_assert(netdir_same_family(nd, r3, r13));
	netdir_unref(nd);
	nd = full_netdir("use-family-ids=0");
	ck_assert(!netdir_same_family(nd, netdir_relay(nd, 3), netdir_relay(nd, 13)));
	netdir_unref(nd);
}
END_TEST

START_TEST(a_new_netdir_inherits_what_the_old_one_knew)
{
	struct netdir *old = full_netdir(NULL), *nd;
	struct testdir_doc doc = {.valid_after = NOW + 3600, .skip_relay = 4};
	size_t len, have, want;
	char *text = testdir_consensus(td, &doc, &len);
	struct consensus *c = parse(text, len);

	nd = netdir_new(c);
	consensus_free(c);
	ck_assert_int_eq(netdir_inherit(nd, old), 0);
	netdir_unref(old);
	netdir_descriptor_count(nd, &have, &want);
	ck_assert_uint_eq(have, 30);
	ck_assert_uint_eq(want, 30);
	for (size_t i = 0; i < netdir_n_relays(nd); i++) {
		const struct relay *r = netdir_relay(nd, i);

		ck_assert_int_eq(netdir_find_ed(nd, r->ed_id), (ssize_t)i);
		ck_assert(!r->policy4 || r->policy4->n > 0);
	}
	netdir_unref(nd);
	free(text);
}
END_TEST

/* --- microdescriptors --- */

#define MD_KEY "ntor-onion-key 4EpNet08w5Gqu7tC9n5r/q1pwqbMbeSo6RdQKQDlsAI\n"
static const struct {
	const char *text;
	int error;
} mds[] = {
	{"onion-key\n" MD_KEY, 0},
	{"onion-key\n" MD_KEY "future x\nid rsa1024 x\nid rsa1024 x\nid new y\n", 0},
	{"onion-key\n" MD_KEY "p accept 1-65535\np6 reject 80\n", 0},
	{"onion-key\n", NETDOC_E_ITEM},
	{MD_KEY "onion-key\n", NETDOC_E_KIND},
	{"onion-key\n" MD_KEY MD_KEY, NETDOC_E_ITEM},
	{"onion-key\nntor-onion-key 4EpN\n", NETDOC_E_VALUE},
	{"onion-key\nntor-onion-key AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", NETDOC_E_VALUE},
	{"onion-key\n" MD_KEY "id ed25519 xx\n", NETDOC_E_VALUE},
	{"onion-key\n" MD_KEY "p\n", NETDOC_E_VALUE},
	{"", NETDOC_E_ITEM},
};

START_TEST(microdescriptors_are_strict_where_it_matters)
{
	struct microdesc md;

	ck_assert_int_eq(microdesc_parse(mds[_i].text, strlen(mds[_i].text), &md), mds[_i].error);
}
END_TEST

static const struct {
	const char *line;
	bool good;
} policies[] = {
	{"p accept 80", true},	       {"p accept 80,443-445", true}, {"p reject 1-65535", true},
	{"p accept 0", false},	       {"p accept 0-10", false},      {"p accept 65536", false},
	{"p accept 10-9", false},      {"p accept 80,", false},	      {"p allow 80", false},
	{"p accept", false},	       {"p accept a-b", false},	      {"p accept 1--2", false},
};

START_TEST(an_oversized_microdescriptor_is_refused)
{
	size_t len = MICRODESC_TEXT_MAX + 100;
	char *text = malloc(len + 1);
	struct microdesc md;

	memset(text, 'x', len);
	memcpy(text, "onion-key\n" MD_KEY, strlen("onion-key\n" MD_KEY));
	for (size_t at = strlen("onion-key\n" MD_KEY) + 50; at < len; at += 1000)
		text[at] = '\n';
	text[len - 1] = '\n';
	ck_assert_int_eq(microdesc_parse(text, len, &md), NETDOC_E_LIMIT);
	free(text);
}
END_TEST

START_TEST(an_ed25519_id_without_consensus_is_ignored)
{
	struct testdir_doc doc = {.valid_after = NOW};
	size_t len;
	char *text = testdir_consensus(td, &doc, &len);
	char *out, *s = strstr(text, "\ns Exit");
	uint8_t digest[32];
	struct consensus *c;
	struct netdir *nd;
	const char *md;

	ck_assert(asprintf(&out, "%.*s NoEdConsensus%s", (int)(s + 2 - text), text, s + 2) > 0);
	c = parse(out, strlen(out));
	nd = netdir_new(c);
	consensus_free(c);
	md = testdir_microdesc(td, 0, &len, digest);
	ck_assert_int_eq(netdir_add_microdesc(nd, digest, md, len), 0);
	ck_assert(netdir_relay(nd, 0)->has_md);
	ck_assert(!netdir_relay(nd, 0)->has_ed);
	netdir_unref(nd);
	free(out);
	free(text);
}
END_TEST

START_TEST(relays_may_share_a_microdescriptor_digest)
{
	struct testdir_doc doc = {.valid_after = NOW};
	size_t len, have, want;
	char *text = testdir_consensus(td, &doc, &len);
	char *a = strstr(text, "\nm "), *b = strstr(a + 1, "\nm ");
	uint8_t digest[32];
	struct consensus *c;
	struct netdir *nd;
	const char *md;

	memcpy(b, a, 46);
	c = parse(text, len);
	nd = netdir_new(c);
	consensus_free(c);
	md = testdir_microdesc(td, 0, &len, digest);
	ck_assert_int_eq(netdir_add_microdesc(nd, digest, md, len), 0);
	netdir_descriptor_count(nd, &have, &want);
	ck_assert_uint_eq(have, 2);
	netdir_unref(nd);
	free(text);
}
END_TEST

START_TEST(nine_thousand_relays_take_less_than_six_megabytes)
{
	struct testdir *big = testdir_new(1, 9000, 1024);
	struct testdir_doc doc = {.valid_after = NOW};
	size_t len, before, after;
	char *text = testdir_consensus(big, &doc, &len);
	struct consensus *c;
	struct netdir *nd;

	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	c = parse(text, len);
	nd = netdir_new(c);
	consensus_free(c);
	for (size_t i = 0; i < 9000; i++) {
		uint8_t digest[32];
		const char *md = testdir_microdesc(big, i, &len, digest);

		ck_assert_int_eq(netdir_add_microdesc(nd, digest, md, len), 0);
	}
	after = mallinfo2().uordblks + mallinfo2().hblkhd;
	ck_assert_uint_le(sizeof(struct relay), 208);
	ck_assert_uint_le(after - before, 6u << 20);
	for (size_t i = 0; i < 9000; i += 89) {
		const struct relay *r = netdir_relay(nd, i);

		ck_assert_int_eq(netdir_find_rsa(nd, r->rsa_id), (ssize_t)i);
		ck_assert_int_eq(netdir_find_ed(nd, r->ed_id), (ssize_t)i);
	}
	netdir_unref(nd);
	free(text);
	testdir_free(big);
}
END_TEST

START_TEST(an_unreadable_policy_makes_the_relay_unusable)
{
	struct testdir_doc doc = {.valid_after = NOW};
	size_t len;
	char *text = testdir_consensus(td, &doc, &len);
	char *m = strstr(text, "\nm ") + 3;
	char md[300], b64[CODEC_BASE64_LEN(32)];
	uint8_t digest[32];
	struct consensus *c;
	struct netdir *nd;
	int err;

	snprintf(md, sizeof(md), "onion-key\n" MD_KEY "%s\n", policies[_i].line);
	crypto_sha256(digest, md, strlen(md));
	codec_base64_encode(b64, digest, 32, 0);
	memcpy(m, b64, 43);
	c = parse(text, len);
	nd = netdir_new(c);
	consensus_free(c);
	err = netdir_add_microdesc(nd, digest, md, strlen(md));
	ck_assert_int_eq(err == 0, policies[_i].good);
	if (err)
		ck_assert_int_eq(netdir_md_state(nd, 0), MD_UNUSABLE);
	netdir_unref(nd);
	free(text);
}
END_TEST

/* --- diffs --- */

START_TEST(a_real_diff_gives_the_real_next_consensus)
{
	static const char *const sets[][3] = {
		{"consensus1", "diff", "consensus2"},
		{"consdiff-consensus1.txt", "consdiff-diff1.txt", "consdiff-consensus2.txt"},
	};
	struct file a = slurp(sets[_i][0]), d = slurp(sets[_i][1]), b = slurp(sets[_i][2]);
	char *out;
	size_t len;

	ck_assert_int_eq(consdiff_apply(a.s, a.len, d.s, d.len, &out, &len), 0);
	ck_assert_uint_eq(len, b.len);
	ck_assert_mem_eq(out, b.s, len);
	free(out);
	ck_assert_int_eq(consdiff_apply(b.s, b.len, d.s, d.len, &out, &len), NETDOC_E_DIGEST);
	free(a.s);
	free(b.s);
	free(d.s);
}
END_TEST

static struct file diff_base;

static bool accept_diff(void *ctx, const uint8_t *data, size_t len)
{
	char *out;
	size_t n;

	(void)ctx;
	if (consdiff_apply(diff_base.s, diff_base.len, (const char *)data, len, &out, &n))
		return false;
	free(out);
	return true;
}

START_TEST(a_damaged_diff_is_refused)
{
	struct file d = slurp("diff");
	size_t n = 0;

	diff_base = slurp("consensus1");
	ck_assert(accept_diff(NULL, (uint8_t *)d.s, d.len));
	ck_assert_uint_eq(mutate_count_prefixes(accept_diff, NULL, d.s, d.len), 0);
	mutate_run(accept_diff, NULL, d.s, d.len, 3000);
	for (size_t i = 0; i < d.len; i++) {
		d.s[i] ^= 1;
		n += accept_diff(NULL, (uint8_t *)d.s, d.len);
		d.s[i] ^= 1;
	}
	ck_assert_uint_eq(n, 0);
	free(d.s);
	free(diff_base.s);
}
END_TEST

/* --- encodings --- */

static const struct {
	const char *file;
	enum dir_encoding encoding;
} encoded[] = {
	{"consensus1", DIR_ENCODING_IDENTITY},	  {"consensus1.deflate", DIR_ENCODING_ZLIB},
	{"consensus1.gz", DIR_ENCODING_GZIP},	  {"consensus1.x-zstd", DIR_ENCODING_ZSTD},
	{"consensus1.x-tor-lzma", DIR_ENCODING_LZMA},
};

START_TEST(every_encoding_that_tor_serves_is_decoded)
{
	struct file in = slurp(encoded[_i].file), want = slurp("consensus1");
	char *out;
	size_t len;
	int err = dir_decompress(encoded[_i].encoding, in.s, in.len, 1 << 20, &out, &len);

	ck_assert_int_eq(err, 0);
	ck_assert_msg(len == want.len && memcmp(out, want.s, len) == 0, "%s", encoded[_i].file);
	free(out);
	/* Exactly as long as allowed, and one byte too long. */
	ck_assert_int_eq(dir_decompress(encoded[_i].encoding, in.s, in.len, want.len, &out, &len), 0);
	free(out);
	ck_assert_int_eq(dir_decompress(encoded[_i].encoding, in.s, in.len, want.len - 1, &out, &len),
			 DECOMPRESS_E_LIMIT);
	if (encoded[_i].encoding != DIR_ENCODING_IDENTITY)
		for (size_t n = 0; n < in.len; n++)
			ck_assert_int_ne(dir_decompress(encoded[_i].encoding, in.s, n, 1 << 20, &out,
							&len), 0);
	free(in.s);
	free(want.s);
}
END_TEST

START_TEST(concatenated_streams_are_one_document_and_garbage_is_refused)
{
	struct file in = slurp(encoded[_i].file), want = slurp("consensus1");
	char *two = malloc(2 * in.len + 4), *out;
	size_t len;

	memcpy(two, in.s, in.len);
	memcpy(two + in.len, in.s, in.len);
	ck_assert_int_eq(dir_decompress(encoded[_i].encoding, two, 2 * in.len, 1 << 20, &out, &len), 0);
	ck_assert_uint_eq(len, 2 * want.len);
	free(out);
	if (encoded[_i].encoding != DIR_ENCODING_IDENTITY) {
		memcpy(two + in.len, "xyz", 3);
		ck_assert_int_ne(dir_decompress(encoded[_i].encoding, two, in.len + 3, 1 << 20, &out,
						&len), 0);
	}
	free(two);
	free(in.s);
	free(want.s);
}
END_TEST

START_TEST(a_zlib_bomb_is_noticed)
{
	/* deflate of 1 MiB of zeros: stored as one run, made by repeating the inner block. */
	struct file bomb = slurp("bomb.zlib");
	char *out;
	size_t len;

	ck_assert_int_eq(dir_decompress(DIR_ENCODING_ZLIB, bomb.s, bomb.len, 8 << 20, &out, &len),
			 DECOMPRESS_E_LIMIT);
	free(bomb.s);
}
END_TEST

int main(void)
{
#define LOOP(t, f, table) tcase_add_loop_test(t, f, 0, sizeof(table) / sizeof((table)[0]))
	Suite *s = suite_create("dir_docs");
	TCase *t = tcase_create("documents");

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, make_network, drop_network);
	LOOP(t, netdoc_items_are_counted_or_refused, netdocs);
	tcase_add_test(t, netdoc_refuses_nul_and_endless_lines);
	LOOP(t, times_are_exact, times);
	LOOP(t, what_is_required_must_be_ours, required);
	tcase_add_test(t, capabilities_are_independent_flags);
	tcase_add_test(t, real_certificates_are_good);
	tcase_add_test(t, a_certificate_holds_no_unsigned_bit);
	tcase_add_test(t, a_real_consensus_is_read_and_verified);
	tcase_add_test(t, the_public_network_is_read_and_known);
	tcase_add_test(t, real_microdescriptors_fill_the_netdir);
	LOOP(t, more_than_half_of_the_authorities_must_sign, signatures);
	tcase_add_test(t, strangers_and_expired_certificates_do_not_count);
	tcase_add_test(t, a_cut_or_changed_consensus_is_never_good);
	LOOP(t, required_items_are_strict_and_unknown_ones_tolerated, edits);
	tcase_add_test(t, relays_out_of_order_are_refused);
	tcase_add_test(t, what_follows_the_signed_part_adds_nothing);
	tcase_add_test(t, parameters_and_weights_are_clamped);
	tcase_add_test(t, families_are_mutual_lists_or_shared_ids);
	tcase_add_test(t, a_new_netdir_inherits_what_the_old_one_knew);
	LOOP(t, microdescriptors_are_strict_where_it_matters, mds);
	tcase_add_test(t, an_oversized_microdescriptor_is_refused);
	tcase_add_test(t, an_ed25519_id_without_consensus_is_ignored);
	tcase_add_test(t, relays_may_share_a_microdescriptor_digest);
	tcase_add_test(t, nine_thousand_relays_take_less_than_six_megabytes);
	LOOP(t, an_unreadable_policy_makes_the_relay_unusable, policies);
	tcase_add_loop_test(t, a_real_diff_gives_the_real_next_consensus, 0, 2);
	tcase_add_test(t, a_damaged_diff_is_refused);
	LOOP(t, every_encoding_that_tor_serves_is_decoded, encoded);
	LOOP(t, concatenated_streams_are_one_document_and_garbage_is_refused, encoded);
	tcase_add_test(t, a_zlib_bomb_is_noticed);
	return suite_run(s);
}
