/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * attach_onion.c - requests for onion services
 *
 * Whatever ends in ".onion" is an onion service's or nobody's: the last place before the
 * wire makes sure of it, so that no exit ever hears such a name (RFC 7686).
 */
#include <errno.h>
#include <string.h>

#include "agent/front/attach_internal.h"
#include "agent/onion/client_net.h"
#include "common/log.h"

int attach_onion_init(struct attach *a)
{
	/* ATTACH_SERVICE: one of ours; the host is for people to see. */
	if (a->kind == ATTACH_SERVICE || !onion_address_is_onion(a->host, strlen(a->host)))
		return 0;
	/* They have no addresses, and no directories are asked by name. */
	if (a->kind != ATTACH_CONNECT || !a->set->config.onion || !a->need.domain ||
	    onion_address_parse(a->host, strlen(a->host), a->onion_id) != 0)
		return -EINVAL;
	a->is_onion = true;
	return 0;
}

int attach_onion_begin(struct attach *a)
{
	struct attach_set *s = a->set;
	int64_t left = a->deadline_ms - loop_now_ms(s->config.loop);
	int timeout_ms = (int)(left < ATTACH_REPLY_ONION_MS ? left : ATTACH_REPLY_ONION_MS);
	struct circuit *c;
	void *handle;
	int r = onion_client_take(s->config.onion, a->need.domain->id, a->onion_id, a->waiting_ms,
				  &handle);

	if (r > 0) {
		a->onion_error = r;
		return -ECANCELED;
	}
	if (r < 0)
		return r;
	c = client_net_circuit(handle);
	a->tries++;
	r = stream_begin_onion(c, a->port, timeout_ms, &attach_stream_ops, a, &a->stream);
	if (r < 0) {
		a->stream = NULL;
		/* Full, or dying at this moment: not for anyone. */
		if (r == -EMFILE || r == -ENOTCONN)
			onion_client_spoil(s->config.onion, handle);
		return r;
	}
	a->onion_circ = handle;
	a->state = ATTACH_BEGUN;
	a->early_sent = 0;
	log_debug("stream %llu: begun on circ %llu", (unsigned long long)a->id,
		  (unsigned long long)circuit_id(c));
	return 0;
}

bool attach_onion_may_retry(struct attach *a, uint16_t reason)
{
	struct attach_set *s = a->set;

	/* It said no itself. */
	if (reason != END_CIRCUIT_LOST && reason != END_REPLY_TIMEOUT)
		return false;
	if (reason == END_REPLY_TIMEOUT && a->onion_circ)
		onion_client_spoil(s->config.onion, a->onion_circ);
	/* Bytes that left may have arrived. */
	if (!attach_early_may_repeat(a))
		return false;
	return loop_now_ms(s->config.loop) < a->deadline_ms && a->tries < ATTACH_TRIES_ONION;
}
