/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * desc_build.c - a service writes its descriptor, see hs_desc.h
 *
 * From the inside out: the inner text is encrypted into the middle one, that one is
 * padded and encrypted into the outer one, which is signed. Items stand in the order
 * and form in which C tor writes them, so that nothing but the content differs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/circ/extend.h"
#include "agent/onion/desc_crypt.h"
#include "agent/onion/desc_middle.h"
#include "agent/onion/desc_outer.h"
#include "agent/onion/desc_text.h"
#include "agent/onion/hs_desc.h"
#include "common/crypto.h"
#include "common/edcert.h"
#include "common/secret.h"

#define HOUR 3600
#define CERT_LEN 140	/* with the signer named inside */

/* One descriptor on its way. */
struct build {
	const struct hs_desc_plan *plan;
	uint8_t signing_pk[32];
	struct crypto_ed25519_expanded signing;
	const struct hs_desc_auth *auth;
	struct hs_desc_auth *own_auth;	/* where the plan has none */
};

static int build_init(struct build *b, const struct hs_desc_plan *plan)
{
	int err = 0;

	b->plan = plan;
	b->own_auth = NULL;
	crypto_ed25519_expand(&b->signing, plan->signing_seed);
	crypto_ed25519_expanded_public(b->signing_pk, &b->signing);
	if (!plan->auth)
		err = hs_desc_auth_new(plan->keys, plan->client_pks, plan->n_clients, &b->own_auth);
	b->auth = plan->auth ? plan->auth : b->own_auth;
	return err;
}

/*
 * Puts the certificate of @key for @type, signed by the descriptor signing key. C tor
 * counts the lifetime of these from the last full hour.
 */
static int put_cert(struct desc_text *t, const struct build *b, uint8_t type,
		    const uint8_t key[32])
{
	struct edcert c = { .type = type, .key_type = EDCERT_KEY_ED25519, .has_signer = true };
	uint8_t buf[CERT_LEN];
	ssize_t n;

	memcpy(c.key, key, sizeof(c.key));
	c.expires = b->plan->now - b->plan->now % HOUR + HS_DESC_CERT_LIFETIME;
	n = edcert_create_expanded(&c, &b->signing, b->signing_pk, buf, sizeof(buf));
	if (n < 0)
		return -EINVAL;
	desc_text_object(t, "ED25519 CERT", buf, (size_t)n);
	desc_text_add(t, "\n");
	return 0;
}

/* --- inner layer --- */

static int put_intro(struct desc_text *t, const struct build *b, const struct hs_intro_offer *ip)
{
	uint8_t specs[HS_LINK_SPECS_LEN_MAX], enc_pk[32], enc_ed[32];
	struct wire_writer w;
	int err;

	if (!ip->relay.has_ntor || !crypto_ed25519_is_valid_point(ip->auth_key) ||
	    (ip->relay.or_v4.addr.family == ADDR_NONE && ip->relay.or_v6.addr.family == ADDR_NONE))
		return -EINVAL;
	wire_writer_init(&w, specs, sizeof(specs));
	link_specifiers_encode(&w, &ip->relay);
	if (!wire_writer_ok(&w))
		return -EINVAL;
	crypto_x25519_public(enc_pk, ip->enc_sk);
	crypto_ed25519_from_x25519(enc_ed, ip->enc_sk);
	desc_text_add(t, "introduction-point ");
	desc_text_base64(t, specs, wire_len(&w), 1);
	desc_text_add(t, "\nonion-key ntor ");
	desc_text_base64(t, ip->relay.ntor_key, sizeof(ip->relay.ntor_key), 1);
	desc_text_add(t, "\nauth-key\n");
	err = put_cert(t, b, EDCERT_HS_INTRO_AUTH, ip->auth_key);
	desc_text_add(t, "enc-key ntor ");
	desc_text_base64(t, enc_pk, sizeof(enc_pk), 1);
	desc_text_add(t, "\nenc-key-cert\n");
	return err ? err : put_cert(t, b, EDCERT_HS_INTRO_ENC, enc_ed);
}

static int put_pow(struct desc_text *t, const struct hs_pow_params *pow)
{
	time_t when = (time_t)pow->expires;
	char stamp[sizeof("YYYY-MM-DDTHH:MM:SS")];
	struct tm tm;

	if (pow->expires < 0 || !gmtime_r(&when, &tm) ||
	    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm) != sizeof(stamp) - 1)
		return -EINVAL;
	desc_text_add(t, "pow-params v1 ");
	desc_text_base64(t, pow->seed, sizeof(pow->seed), 1);
	desc_text_add(t, " %u %s\n", (unsigned int)pow->effort, stamp);
	return 0;
}

static int put_inner(struct desc_text *t, const struct build *b)
{
	const struct hs_desc_terms *terms = &b->plan->terms;
	int err = 0;

	desc_text_add(t, "create2-formats 2\n");
	if (terms->is_single_onion)
		desc_text_add(t, "single-onion-service\n");
	if (terms->has_cc)
		desc_text_add(t, "flow-control 1-2 %u\n", (unsigned int)terms->sendme_inc);
	if (terms->has_pow)
		err = put_pow(t, &terms->pow);
	for (size_t i = 0; i < b->plan->n_intro && !err; i++)
		err = put_intro(t, b, &b->plan->intro[i]);
	return err ? err : t->error;
}

/* --- middle layer --- */

static void put_client(struct desc_text *t, const struct desc_client *c)
{
	desc_text_add(t, "auth-client ");
	desc_text_base64(t, c->id, sizeof(c->id), 0);
	desc_text_add(t, " ");
	desc_text_base64(t, c->iv, sizeof(c->iv), 0);
	desc_text_add(t, " ");
	desc_text_base64(t, c->cookie, sizeof(c->cookie), 0);
	desc_text_add(t, "\n");
}

static int put_clients(struct desc_text *t, const struct build *b)
{
	for (size_t i = 0; i < b->auth->n_clients; i++)
		put_client(t, &b->auth->clients[i]);
	return t->error;
}

/* Encrypts @text, padded to @padded_len, into an object of @out. */
static int put_encrypted(struct desc_text *out, const struct build *b, enum desc_layer layer,
			 const struct desc_text *text, size_t padded_len)
{
	struct desc_secret secret = { layer, b->plan->keys, b->plan->revision, NULL };
	uint8_t *blob = malloc(padded_len + DESC_CRYPT_OVERHEAD);

	if (!blob)
		return -ENOMEM;
	if (layer == DESC_LAYER_INNER && b->auth->is_restricted)
		secret.cookie = b->auth->cookie;
	desc_encrypt(&secret, text->s, text->len, padded_len, blob);
	desc_text_object(out, "MESSAGE", blob, padded_len + DESC_CRYPT_OVERHEAD);
	free(blob);
	return out->error;
}

static int put_middle(struct desc_text *t, const struct build *b)
{
	struct desc_text inner;
	int err;

	desc_text_init(&inner);
	err = put_inner(&inner, b);
	if (!err) {
		desc_text_add(t, "desc-auth-type x25519\ndesc-auth-ephemeral-key ");
		desc_text_base64(t, b->auth->ephemeral_pk, sizeof(b->auth->ephemeral_pk), 1);
		desc_text_add(t, "\n");
		err = put_clients(t, b);
	}
	if (!err) {
		desc_text_add(t, "encrypted\n");
		/* No newline after the object (2.5.1.2): C tor writes none. */
		err = put_encrypted(t, b, DESC_LAYER_INNER, &inner, inner.len);
	}
	desc_text_deinit(&inner);
	return err ? err : t->error;
}

/* --- outer layer --- */

static int put_outer_cert(struct desc_text *t, const struct build *b)
{
	struct edcert c = { .type = EDCERT_HS_DESC, .key_type = EDCERT_KEY_ED25519,
			    .has_signer = true };
	uint8_t buf[CERT_LEN];
	ssize_t n;

	memcpy(c.key, b->signing_pk, sizeof(c.key));
	c.expires = b->plan->now + HS_DESC_CERT_LIFETIME;
	n = edcert_create_expanded(&c, b->plan->blinded_sk, b->plan->keys->blinded, buf,
				   sizeof(buf));
	if (n < 0)
		return -EINVAL;
	desc_text_object(t, "ED25519 CERT", buf, (size_t)n);
	return t->error;
}

static int put_signature(struct desc_text *t, const struct build *b)
{
	static const char prefix[] = "Tor onion service descriptor sig v3";
	struct desc_text msg;
	uint8_t sig[64];
	int err;

	desc_text_init(&msg);
	desc_text_add(&msg, "%s%s", prefix, t->s);
	err = msg.error;
	if (!err) {
		crypto_ed25519_expanded_sign(sig, msg.s, msg.len, &b->signing, b->signing_pk);
		desc_text_add(t, "signature ");
		desc_text_base64(t, sig, sizeof(sig), 0);
		desc_text_add(t, "\n");
	}
	desc_text_deinit(&msg);
	return err ? err : t->error;
}

static int put_outer(struct desc_text *t, const struct build *b)
{
	struct desc_text middle;
	size_t padded;
	int err;

	desc_text_init(&middle);
	err = put_middle(&middle, b);
	padded = (middle.len + DESC_PAD_MULTIPLE - 1) / DESC_PAD_MULTIPLE * DESC_PAD_MULTIPLE;
	if (!err) {
		desc_text_add(t, "hs-descriptor 3\ndescriptor-lifetime %u\n",
			      (unsigned int)b->plan->lifetime);
		desc_text_add(t, "descriptor-signing-key-cert\n");
		err = put_outer_cert(t, b);
	}
	if (!err) {
		desc_text_add(t, "\nrevision-counter %llu\nsuperencrypted\n",
			      (unsigned long long)b->plan->revision);
		err = put_encrypted(t, b, DESC_LAYER_MIDDLE, &middle, padded);
		desc_text_add(t, "\n");
	}
	desc_text_deinit(&middle);
	return err ? err : put_signature(t, b);
}

int hs_desc_build(const struct hs_desc_plan *plan, char **ret_text, size_t *ret_len)
{
	struct desc_text t;
	struct build b;
	int err;

	if (plan->n_intro > HS_INTRO_MAX || plan->lifetime < HS_DESC_LIFETIME_MIN ||
	    plan->lifetime > HS_DESC_LIFETIME_MAX || (plan->terms.has_cc && plan->terms.sendme_inc == 0))
		return -EINVAL;
	desc_text_init(&t);
	err = build_init(&b, plan);
	if (!err)
		err = put_outer(&t, &b);
	hs_desc_auth_free(b.own_auth);
	secret_wipe(&b, sizeof(b));
	/* Directories take what is shorter, not as long. */
	if (!err && t.len >= plan->len_max)
		err = -EMSGSIZE;
	if (err) {
		desc_text_deinit(&t);
		return err;
	}
	*ret_text = t.s;
	*ret_len = t.len;
	return 0;
}
