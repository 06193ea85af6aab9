/* SPDX-License-Identifier: BSD-3-Clause */
/* isolate.c - see isolate.h */
#include "agent/front/isolate.h"

#include <stdio.h>
#include <string.h>

#include "common/codec.h"
#include "common/crypto.h"
#include "common/secret.h"
#include "common/wire.h"

#define TOKEN_HASH_LEN 24	/* bytes of it: 192 bits do not collide */

/* Each field with its length before it, so that no two lists of fields are one text. */
static void feed(struct crypto_sha256 *s, const void *data, size_t len)
{
	uint8_t head[4];

	wire_u32_to(head, (uint32_t)len);
	crypto_sha256_update(s, head, sizeof(head));
	if (len > 0)
		crypto_sha256_update(s, data, len);
}

static void feed_number(struct crypto_sha256 *s, int64_t v)
{
	feed(s, &v, sizeof(v));
}

static void feed_addr(struct crypto_sha256 *s, const struct addr *a)
{
	feed(s, a->b, a->family == ADDR_V4 ? 4 : a->family == ADDR_V6 ? 16 : 0);
}

static bool has_auth(const struct isolate_facts *f)
{
	for (size_t i = 0; i < ISOLATE_AUTH_PARTS; i++) {
		if (f->auth[i].len > 0)
			return true;
	}
	return false;
}

static void feed_listener(struct crypto_sha256 *s, const struct isolate_facts *f)
{
	const struct config_listener *l = f->listener;
	bool grouped = l->session_group >= 0;

	/* As in tor: listeners share nothing but within a session group. */
	feed_number(s, grouped);
	feed_number(s, grouped ? l->session_group : (int64_t)f->number);
	if (l->isolate & CONFIG_ISOLATE_CLIENT)
		feed_addr(s, &f->client);
	if (l->isolate & CONFIG_ISOLATE_PROTOCOL)
		feed_number(s, f->protocol);
	if (l->isolate & CONFIG_ISOLATE_DEST_ADDR) {
		feed(s, f->host.s, f->host.len);
		feed_addr(s, &f->addr);
	}
	if (l->isolate & CONFIG_ISOLATE_DEST_PORT)
		feed_number(s, f->port);
	feed_number(s, l->isolate);
}

int isolate_domain(struct domains *domains, const struct isolate_facts *facts, struct domain **ret)
{
	struct crypto_sha256 s;
	uint8_t hash[SHA256_LEN];
	char token[IPC_DOMAIN_MAX + 1] = "proxy-";
	size_t prefix = strlen(token);
	bool auth = has_auth(facts);
	int r;

	if (!facts->listener && !auth) {
		*ret = domain_ref(facts->base);
		return 0;
	}
	crypto_sha256_init(&s);
	if (facts->listener)
		feed_listener(&s, facts);
	else
		feed(&s, facts->base->token, strlen(facts->base->token));
	if (auth && (!facts->listener || (facts->listener->isolate & CONFIG_ISOLATE_AUTH))) {
		for (size_t i = 0; i < ISOLATE_AUTH_PARTS; i++)
			feed(&s, facts->auth[i].s, facts->auth[i].len);
	}
	crypto_sha256_peek(&s, hash);
	codec_hex_encode(token + prefix, hash, TOKEN_HASH_LEN);
	r = domain_get(domains, (struct ipc_str){ token, strlen(token) }, 0, ret);
	/* Whatever credentials it uses, it is the same invocation. */
	if (r == 0 && !facts->listener)
		domain_set_account(*ret, facts->base->account);
	secret_wipe(token, sizeof(token));
	secret_wipe(hash, sizeof(hash));
	secret_wipe(&s, sizeof(s));
	return r;
}
