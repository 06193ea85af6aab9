/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guard_source.c - the relays that guards are drawn from: the consensus's, or the user's bridges
 *
 * Both are struct relay, so that samples, filters and paths need not know which they have.
 * A bridge has no flags, no bandwidth and no family; its descriptor is known when has_md
 * is set.
 */
#include "agent/path/guard_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct relay *guard_set_relay(const struct guard_set *gs, size_t relay)
{
	return gs->of_bridges ? &gs->bridges[relay] : netdir_relay(selector_netdir(gs->sel), relay);
}

const struct relay *guard_relay(const struct guard_set *gs, const struct guard *g)
{
	return g->relay < 0 ? NULL : guard_set_relay(gs, (size_t)g->relay);
}

bool guard_has_descriptor(const struct guard_set *gs, const struct guard *g)
{
	const struct relay *r = guard_relay(gs, g);

	return r && select_has_keys(r);
}

ssize_t guard_set_find(const struct guard_set *gs, const uint8_t rsa_id[RSA_ID_LEN])
{
	if (!gs->of_bridges)
		return netdir_find_rsa(selector_netdir(gs->sel), rsa_id);
	for (size_t i = 0; i < gs->n_bridges; i++) {
		if (!memcmp(gs->bridges[i].rsa_id, rsa_id, RSA_ID_LEN))
			return (ssize_t)i;
	}
	return -1;
}

static void bridge_relay(const struct relay_target *t, struct relay *ret)
{
	*ret = (struct relay){
		.flags = RELAY_VALID | RELAY_RUNNING,
		.ipv4 = addr_v4_value(&t->or_v4.addr),
		.ipv4_port = t->or_v4.port,
		.ipv6_port = t->or_v6.port,
		.has_md = t->has_ntor,
		.has_ed = t->has_ed,
		.caps = t->caps,
	};
	memcpy(ret->rsa_id, t->rsa_id, RSA_ID_LEN);
	memcpy(ret->ed_id, t->ed_id, ED_ID_LEN);
	memcpy(ret->ntor_key, t->ntor_key, NTOR_KEY_LEN);
	memcpy(ret->nickname, t->nickname, sizeof(ret->nickname));
	if (t->or_v6.addr.family == ADDR_V6)
		memcpy(ret->ipv6, t->or_v6.addr.b, sizeof(ret->ipv6));
}

int guard_set_bridges(struct guard_set *gs, const struct relay_target *bridges, size_t n,
		      time_t wall)
{
	struct relay *relays = calloc(n ? n : 1, sizeof(*relays));
	struct relay_target *targets = calloc(n ? n : 1, sizeof(*targets));

	if (!relays || !targets) {
		free(relays);
		free(targets);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		targets[i] = bridges[i];
		bridge_relay(&bridges[i], &relays[i]);
	}
	free(gs->bridges);
	free(gs->bridge_targets);
	gs->bridges = relays;
	gs->bridge_targets = targets;
	gs->n_bridges = n;
	guard_set_update(gs, wall);
	return 0;
}

void guard_set_target(const struct guard_set *gs, size_t relay, struct relay_target *ret)
{
	const struct relay *r = guard_set_relay(gs, relay);

	if (gs->of_bridges) {
		*ret = gs->bridge_targets[relay];
		return;
	}
	relay_to_target(r, ret);
	if (select_has_keys(r))
		return;
	/* A directory guard may lack its descriptor: only CREATE_FAST is possible then. */
	ret->has_ntor = false;
	memset(ret->ntor_key, 0, NTOR_KEY_LEN);
}
