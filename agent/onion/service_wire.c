/* SPDX-License-Identifier: BSD-3-Clause */
/* service_wire.c - what a service does with an open circuit, as it is; see service.h */
#include "agent/onion/service.h"

static int wire_send(struct onion_circ *oc, uint8_t command, const uint8_t *body, size_t len)
{
	return circuit_send_onion(oc->circuit, command, body, len);
}

static const uint8_t *wire_kh(const struct onion_circ *oc)
{
	return circuit_kh(oc->circuit, circuit_n_hops(oc->circuit) - 1);
}

static int wire_join(struct onion_circ *oc, const struct circuit_far *far)
{
	return circuit_add_far(oc->circuit, far);
}

static bool wire_target_failed(const struct onion_circ *oc, const struct circuit_failure *why)
{
	/* Our own link, or we ourselves. */
	if (why->error == CIRCUIT_E_CHANNEL || why->error == CIRCUIT_E_CLOSED)
		return false;
	return oc->circuit && (why->was_open || why->hop + 1u >= circuit_n_wanted(oc->circuit));
}

static size_t wire_n_streams(const struct onion_circ *oc)
{
	return circuit_n_streams(oc->circuit);
}

static int wire_post(struct loop *loop, struct onion_circ *oc, const struct dir_request_spec *spec,
		     dir_request_fn done, void *ctx, struct dir_request **ret)
{
	return dir_request_start(loop, oc->circuit, spec, done, ctx, ret);
}

const struct service_wire *service_wire_real(void)
{
	static const struct service_wire wire = {
		.send = wire_send,
		.kh = wire_kh,
		.join = wire_join,
		.target_failed = wire_target_failed,
		.n_streams = wire_n_streams,
		.refuse = stream_refuse,
		.post = wire_post,
		.post_cancel = dir_request_cancel,
	};

	return &wire;
}
