/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * routerdesc.h - one relay's own descriptor, signed by itself (dir-spec 2.1.1)
 *
 * Clients need it of bridges alone, which are in no consensus: it tells a bridge's
 * Ed25519 identity, its ntor key and what it can do. Everything that a descriptor
 * claims about keys is proven by signatures before any of it is handed out: the RSA
 * identity by "router-signature", the Ed25519 identity by its certificate and by
 * "router-sig-ed25519". Addresses are claims; a bridge is reached where the user said.
 */
#ifndef DIRCLIENT_ROUTERDESC_H
#define DIRCLIENT_ROUTERDESC_H

#include <stddef.h>
#include <time.h>

#include "common/relay_target.h"

#define ROUTERDESC_TEXT_MAX (64 * 1024)	/* C tor's MAX_DESCRIPTOR_UPLOAD_SIZE is 20,000 */

struct routerdesc {
	struct relay_target target;	/* identities, ntor key, caps, nickname, OR addresses */
	time_t published;
};

/*
 * Parses and verifies the one descriptor that @text is. @now (seconds) is for the
 * certificate's date. 0, or a netdoc_error; @ret is written on 0 alone.
 */
int routerdesc_parse(const char *text, size_t len, time_t now, struct routerdesc *ret);

#endif
