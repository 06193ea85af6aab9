/* SPDX-License-Identifier: BSD-3-Clause */
/* pathnet.c - see pathnet.h */
#include "tests/support/pathnet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/crypto.h"
#include "dirclient/consensus.h"
#include "dirclient/netdir_build.h"
#include "tests/support/mutate.h"

static void die(const char *what, int code)
{
	fprintf(stderr, "pathnet: %s: %d\n", what, code);
	abort();
}

void pathnet_rsa_id(uint32_t number, uint8_t out[RSA_ID_LEN])
{
	memset(out, 0x5a, RSA_ID_LEN);
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(number >> (24 - 8 * i));
}

uint32_t pathnet_number(const uint8_t id[RSA_ID_LEN])
{
	return (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
}

static void derive(const char *what, uint32_t number, unsigned int salt, char *b64, int pad)
{
	char text[64];
	uint8_t key[SHA256_LEN];

	snprintf(text, sizeof(text), "%s %u %u", what, number, salt);
	crypto_sha256(key, text, strlen(text));
	codec_base64_encode(b64, key, sizeof(key), pad);
}

/* The microdescriptor's text, malloc()ed. */
static char *md_text(const struct pathnet_relay *r, size_t *ret_len)
{
	char key[CODEC_BASE64_LEN(32)];
	char *text;
	FILE *f = open_memstream(&text, ret_len);

	derive("ntor", r->number, 0, key, 0);
	fprintf(f, "onion-key\n");
	if (!r->bad_md)
		fprintf(f, "ntor-onion-key %s\n", key);
	for (size_t i = 0; i < 4 && r->family[i]; i++) {
		uint8_t id[RSA_ID_LEN];
		char hex[CODEC_HEX_LEN(RSA_ID_LEN)];

		pathnet_rsa_id(r->family[i], id);
		codec_hex_encode(hex, id, sizeof(id));
		fprintf(f, "%s$%s", i ? " " : "family ", hex);
	}
	if (r->family[0])
		fprintf(f, "\n");
	if (r->family_id)
		fprintf(f, "family-ids %s\n", r->family_id);
	if (r->policy4)
		fprintf(f, "p %s\n", r->policy4);
	if (r->policy6)
		fprintf(f, "p6 %s\n", r->policy6);
	derive("ed", r->number, r->ed_salt, key, 0);
	fprintf(f, "id ed25519 %s\n", key);
	fclose(f);
	return text;
}

void pathnet_add_md(struct netdir *nd, const struct pathnet_relay *r)
{
	uint8_t digest[SHA256_LEN];
	size_t len;
	char *text = md_text(r, &len);
	int err;

	crypto_sha256(digest, text, len);
	err = netdir_add_microdesc(nd, digest, text, len);
	if ((err > 0) != r->bad_md || err < 0)
		die("microdescriptor", err);
	free(text);
}

static const struct {
	uint16_t flag;
	const char *name;
} flag_names[] = {
	{ RELAY_AUTHORITY, "Authority" }, { RELAY_BADEXIT, "BadExit" }, { RELAY_EXIT, "Exit" },
	{ RELAY_FAST, "Fast" },		  { RELAY_GUARD, "Guard" },	{ RELAY_HSDIR, "HSDir" },
	{ RELAY_MIDDLEONLY, "MiddleOnly" }, { RELAY_RUNNING, "Running" },
	{ RELAY_STABLE, "Stable" },	  { RELAY_V2DIR, "V2Dir" },	{ RELAY_VALID, "Valid" },
};

static void print_relay(FILE *f, const struct pathnet_relay *r)
{
	char id64[CODEC_BASE64_LEN(RSA_ID_LEN)], md64[CODEC_BASE64_LEN(SHA256_LEN)];
	uint8_t id[RSA_ID_LEN], digest[SHA256_LEN];
	size_t len;
	char *md = md_text(r, &len);

	crypto_sha256(digest, md, len);
	free(md);
	pathnet_rsa_id(r->number, id);
	codec_base64_encode(id64, id, sizeof(id), 0);
	codec_base64_encode(md64, digest, sizeof(digest), 0);
	fprintf(f, "r relay%u %s 2038-01-01 00:00:00 %u.%u.%u.%u 9001 0\n", r->number, id64,
		r->ipv4 >> 24, r->ipv4 >> 16 & 255, r->ipv4 >> 8 & 255, r->ipv4 & 255);
	if (r->ipv6)
		fprintf(f, "a [%s]:9001\n", r->ipv6);
	fprintf(f, "m %s\ns", md64);
	for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++) {
		if (r->flags & flag_names[i].flag)
			fprintf(f, " %s", flag_names[i].name);
	}
	fprintf(f, "\nv Tor 0.4.9.11\npr Cons=1-2 Desc=1-4 DirCache=2 FlowCtrl=1-2 HSDir=2 "
		   "HSIntro=4-5 HSRend=1-2 Link=4-5 LinkAuth=3 Microdesc=1-3 Padding=2 Relay=2-6\n"
		   "w Bandwidth=%u\n", r->bandwidth);
}

static void print_date(FILE *f, const char *key, time_t t)
{
	char text[32];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	fprintf(f, "%s %s\n", key, text);
}

static char *consensus_text(const struct pathnet_relay *relays, size_t n, const char *params,
			    const char *weights, time_t valid_after, size_t *ret_len)
{
	char *text;
	FILE *f = open_memstream(&text, ret_len);

	fprintf(f, "network-status-version 3 microdesc\nvote-status consensus\n"
		   "consensus-method 34\n");
	print_date(f, "valid-after", valid_after);
	print_date(f, "fresh-until", valid_after + 3600);
	print_date(f, "valid-until", valid_after + 3 * 3600);
	fprintf(f, "voting-delay 300 300\nknown-flags Authority BadExit Exit Fast Guard HSDir "
		   "MiddleOnly Running Stable V2Dir Valid\n");
	if (params)
		fprintf(f, "params %s\n", params);
	for (size_t i = 0; i < n; i++)
		print_relay(f, &relays[i]);
	fprintf(f, "directory-footer\n");
	if (weights)
		fprintf(f, "bandwidth-weights %s\n", weights);
	/* Nothing here checks it; the form must be right. */
	fprintf(f, "directory-signature sha256 %040d %040d\n-----BEGIN SIGNATURE-----\n"
		   "AAECAwQFBgcICQoLDA0ODw==\n-----END SIGNATURE-----\n", 0, 0);
	fclose(f);
	return text;
}

struct netdir *pathnet_build(const struct pathnet_relay *relays, size_t n, const char *params,
			     const char *weights, time_t valid_after)
{
	size_t len;
	char *text = consensus_text(relays, n, params, weights, valid_after, &len);
	struct consensus *c;
	struct netdir *nd;
	int err = consensus_parse(text, len, &c);

	free(text);
	if (err)
		die("consensus", err);
	nd = netdir_new(c);
	consensus_free(c);
	if (!nd)
		die("netdir", -1);
	for (size_t i = 0; i < n; i++) {
		if (!relays[i].no_md)
			pathnet_add_md(nd, &relays[i]);
	}
	return nd;
}

static void generate_policy(struct mutator *m, struct pathnet_relay *r)
{
	static const char *const policies[] = { "accept 20-23,43,53,80,110,143,443,993,5222,6667",
						"accept 80,443", "reject 25,119,135-139,445",
						"accept 53,80,443,8080" };

	r->policy4 = policies[mutate_next(m) % 4];
	if (mutate_next(m) % 3 == 0)
		r->policy6 = "accept 80,443";
}

struct pathnet_relay *pathnet_generate(size_t n, uint64_t seed)
{
	struct pathnet_relay *relays = calloc(n, sizeof(*relays));
	struct mutator m;

	mutate_init(&m, seed);
	for (size_t i = 0; i < n; i++) {
		struct pathnet_relay *r = &relays[i];
		uint32_t kind = mutate_next(&m) % 100;

		r->number = (uint32_t)i + 1;
		r->flags = PATHNET_ALL_FLAGS;
		r->bandwidth = 20 + mutate_next(&m) % (mutate_next(&m) % 4 ? 2000 : 60000);
		/* A few hundred subnets, so that several relays share one. */
		r->ipv4 = (20 + mutate_next(&m) % 100) << 24 | (mutate_next(&m) % 5) << 16 |
			  (mutate_next(&m) & 0xfffe) | 1;
		if (kind < 45)
			r->flags |= RELAY_GUARD;
		if (kind % 4 == 0)
			r->flags |= RELAY_EXIT;
		if (kind % 4 == 0 || kind % 16 == 1)
			generate_policy(&m, r);
		if (kind == 99)
			r->flags |= RELAY_BADEXIT;
		if (kind >= 95)
			r->flags &= (uint16_t)~RELAY_STABLE;
		if (kind == 94 || kind == 93)
			r->flags &= (uint16_t)~RELAY_FAST;
		if (kind == 92)
			r->flags |= RELAY_MIDDLEONLY;
		if (kind == 91)
			r->no_md = true;
		/* Families of three that list each other; some only one way. */
		if (i % 10 < 3)
			for (size_t k = 0; k < 3; k++)
				r->family[k] = (uint32_t)(i - i % 10 + k + 1);
		if (i % 10 == 4)
			r->family[0] = (uint32_t)i;
		if (i % 40 == 7)
			r->family_id = "ed25519:dGVzdA";
	}
	return relays;
}
