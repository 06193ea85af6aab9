/* SPDX-License-Identifier: BSD-3-Clause */
/* hop.c - see hop.h */
#include "agent/circ/hop.h"

#include <errno.h>

#include "common/log.h"

#define CC_ALG_VEGAS 2
#define CAPS_CC (RELAY_CAP_NTOR3 | RELAY_CAP_CC)
#define CAPS_CGO (RELAY_CAP_NTOR3 | RELAY_CAP_SUBPROTO | RELAY_CAP_CGO)

static int32_t param(const struct circ_env *env, const char *name, int32_t def, int32_t min,
		     int32_t max)
{
	return env->param(env->param_ctx, name, def, min, max);
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

	*ret = (struct handshake_request){ 0 };
	if (!target->has_ntor)
		return HANDSHAKE_FAST;
	if (is_last_of_many && target->has_ed && has_caps(target, CAPS_CC) &&
	    param(env, "cc_alg", CC_ALG_VEGAS, 0, 3) == CC_ALG_VEGAS) {
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

/* As C tor: at most one away from what the consensus says (prop324 10.5 would allow more). */
static bool increment_is_sane(const struct circ_env *env, uint8_t inc)
{
	int32_t want = param(env, "cc_sendme_inc", 31, 1, 254);

	return inc > 0 && inc >= want - 1 && inc <= want + 1;
}

int hop_open(struct hop *hop, struct hop_crypto *crypto, const struct circ_env *env,
	     const struct handshake_client *asked, const struct handshake_result *keys)
{
	struct flow_params params;

	if ((keys->cc && !asked->request.cc) ||
	    (keys->kind == RELAY_CRYPTO_CGO && !asked->request.cgo))
		return -EBADMSG;
	if (keys->cc && !increment_is_sane(env, keys->sendme_inc))
		return -EBADMSG;
	relay_crypto_init(crypto, keys);
	flow_params_load(&params, env->param, env->param_ctx);
	stream_flow_params_load(&hop->stream_params, env->param, env->param_ctx);
	if (keys->cc)
		flow_init_cc(&hop->flow, &params, relay_crypto_tag_len(crypto), keys->sendme_inc);
	else
		flow_init_fixed(&hop->flow, &params, relay_crypto_tag_len(crypto));
	stream_table_init(&hop->streams);
	hop->cc = keys->cc;
	hop->handshake = describe(asked, keys);
	return 0;
}
