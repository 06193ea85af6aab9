/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hop.h - one relay of a circuit: which handshake it gets, and what follows from it
 *
 * Spec: tor-spec 5.1, prop324 10, prop359.
 */
#ifndef CIRC_HOP_H
#define CIRC_HOP_H

#include <stddef.h>

#include "agent/circ/circuit_int.h"

/*
 * The handshake for @target, as C tor 0.4.9 would choose it, so that we do not stand out:
 * CREATE_FAST without an ntor key; ntor-v3 with congestion control (and CGO where offered) on the
 * last of several hops; ntor-v3 with nothing to negotiate on a relay that offers CGO; else ntor.
 */
enum handshake_type hop_pick_handshake(const struct circ_env *env,
				       const struct relay_target *target, bool is_last_of_many,
				       struct handshake_request *ret);
/*
 * Sets up keys, flow control and streams of @hop, one of @n_path in the path, from a finished
 * handshake. 0, or -EBADMSG:
 * the relay granted what was not asked, or an increment far from the consensus.
 */
int hop_open(struct hop *hop, struct hop_crypto *crypto, const struct circ_env *env,
	     const struct handshake_client *asked, const struct handshake_result *keys,
	     size_t n_path);

/*
 * The hop beyond the rendezvous point from the keys of the rendezvous; @sendme_inc 0: no
 * congestion control. 0, or -EINVAL: an increment far from the consensus.
 */
int hop_open_far(struct hop *hop, struct hop_crypto *crypto, const struct circ_env *env,
		 const struct circuit_far *far);

#endif
