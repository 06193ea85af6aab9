/* SPDX-License-Identifier: BSD-3-Clause */
/* hop.c - see hop.h */
#include "agent/circ/hop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/secret.h"

#define CAPS_CC (RELAY_CAP_NTOR3 | RELAY_CAP_CC)
#define CAPS_CGO (RELAY_CAP_NTOR3 | RELAY_CAP_SUBPROTO | RELAY_CAP_CGO)

/* C tor's choice of Vegas bounds: two hops are for measuring, more are to an exit. */
static void load_cc_params(const struct circ_env *env, size_t n_path, struct cc_params *ret)
{
	cc_params_load(ret, env->param, env->param_ctx,
		       n_path < 3 ? CC_PATH_SBWS : CC_PATH_EXIT);
}

static bool has_caps(const struct relay_target *t, uint32_t caps)
{
	return (t->caps & caps) == caps;
}

enum handshake_type hop_pick_handshake(const struct circ_env *env,
				       const struct relay_target *target, bool is_last_of_many,
				       struct handshake_request *ret)
{
	/* ntor-v3 is bound to the Ed25519 identity. */
	bool cgo = target->has_ed && has_caps(target, CAPS_CGO);
	struct cc_params cc;

	*ret = (struct handshake_request){ 0 };
	if (!target->has_ntor)
		return HANDSHAKE_FAST;
	load_cc_params(env, CIRC_HOPS_MAX, &cc);
	if (is_last_of_many && target->has_ed && has_caps(target, CAPS_CC) &&
	    cc_params_enabled(&cc)) {
		ret->cc = true;
		ret->cgo = cgo;
		return HANDSHAKE_NTOR3;
	}
	return cgo ? HANDSHAKE_NTOR3 : HANDSHAKE_NTOR;
}

static const char *describe(const struct handshake_client *asked,
			    const struct handshake_result *keys)
{
	switch (asked->type) {
	case HANDSHAKE_FAST:
		return "fast";
	case HANDSHAKE_NTOR:
		return "ntor";
	case HANDSHAKE_NTOR3:
		if (keys->kind == RELAY_CRYPTO_CGO)
			return "ntor-v3+cc+cgo";
		return keys->cc ? "ntor-v3+cc" : "ntor-v3";
	}
	return "unknown";
}

/* Flow control and streams, once the keys are there. */
static void hop_start(struct hop *hop, struct hop_crypto *crypto, const struct circ_env *env,
		      const struct handshake_result *keys, const struct cc_params *cc)
{
	struct flow_params params;

	relay_crypto_init(crypto, keys);
	flow_params_load(&params, env->param, env->param_ctx);
	stream_flow_params_load(&hop->stream_params, env->param, env->param_ctx);
	if (keys->cc)
		flow_init_cc(&hop->flow, &params, relay_crypto_tag_len(crypto), cc,
			     keys->sendme_inc);
	else
		flow_init_fixed(&hop->flow, &params, relay_crypto_tag_len(crypto));
	stream_table_init(&hop->streams);
	hop->cc = keys->cc;
}

int hop_open(struct hop *hop, struct hop_crypto *crypto, const struct circ_env *env,
	     const struct handshake_client *asked, const struct handshake_result *keys,
	     size_t n_path)
{
	struct cc_params cc;

	if ((keys->cc && !asked->request.cc) ||
	    (keys->kind == RELAY_CRYPTO_CGO && !asked->request.cgo))
		return -EBADMSG;
	load_cc_params(env, n_path, &cc);
	if (keys->cc && !cc_params_inc_ok(&cc, keys->sendme_inc))
		return -EBADMSG;
	hop_start(hop, crypto, env, keys, &cc);
	memcpy(hop->kh, keys->kh, sizeof(hop->kh));
	hop->handshake = describe(asked, keys);
	return 0;
}

/* The service's forward is the client's backward: Df Db Kf Kb become Db Df Kb Kf. */
static void far_keys(const struct circuit_far *far, uint8_t out[CIRCUIT_FAR_KEYS_LEN])
{
	const uint8_t *k = far->keys;
	size_t swap = far->service ? 32 : 0;

	memcpy(out, k + swap, 32);
	memcpy(out + 32, k + 32 - swap, 32);
	memcpy(out + 64, k + 64 + swap, 32);
	memcpy(out + 96, k + 96 - swap, 32);
}

int hop_open_far(struct hop *hop, struct hop_crypto *crypto, const struct circ_env *env,
		 const struct circuit_far *far)
{
	struct handshake_result keys = { .kind = RELAY_CRYPTO_FAR, .cc = far->sendme_inc > 0,
					 .sendme_inc = far->sendme_inc };
	struct cc_params cc;

	cc_params_load(&cc, env->param, env->param_ctx, CC_PATH_ONION);
	if (keys.cc && !cc_params_inc_ok(&cc, keys.sendme_inc))
		return -EINVAL;
	memset(hop, 0, sizeof(*hop));
	far_keys(far, keys.keys);
	hop_start(hop, crypto, env, &keys, &cc);
	secret_wipe(&keys, sizeof(keys));
	hop->far = true;
	/* A name for onionctl in place of a relay's. */
	(void)snprintf(hop->target.nickname, sizeof(hop->target.nickname), "%s",
		       far->service ? "client" : "service");
	hop->handshake = hop->cc ? "hs-ntor+cc" : "hs-ntor";
	/* Both ends are programs' own machines, not exits (C tor: hs_ident means xoff_client). */
	hop->stream_params.xoff_exit = hop->stream_params.xoff_client;
	return 0;
}
