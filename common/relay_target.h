/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relay_target.h - all that is needed to reach a relay and shake hands with it
 *
 * A value: filled by the directory or path code, read by channels and circuits.
 */
#ifndef COMMON_RELAY_TARGET_H
#define COMMON_RELAY_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"

#define RSA_ID_LEN 20	/* SHA-1 of the PKCS#1 DER identity key (tor-spec 1.1) */
#define ED_ID_LEN 32
#define NTOR_KEY_LEN 32

/* What a relay's "pr" line lets us ask of it (tor-spec 9); one flag each. */
enum relay_cap {
	RELAY_CAP_NTOR = 1 << 0,	/* Relay=2 */
	RELAY_CAP_EXTEND_IPV6 = 1 << 1,	/* Relay=3 */
	RELAY_CAP_NTOR3 = 1 << 2,	/* Relay=4 */
	RELAY_CAP_SUBPROTO = 1 << 3,	/* Relay=5 */
	RELAY_CAP_CGO = 1 << 4,		/* Relay=6 */
	RELAY_CAP_SENDME_V1 = 1 << 5,	/* FlowCtrl=1 */
	RELAY_CAP_CC = 1 << 6,		/* FlowCtrl=2 */
	RELAY_CAP_CONFLUX = 1 << 7,	/* Conflux=1 */
	RELAY_CAP_HSDIR3 = 1 << 8,	/* HSDir=2 */
	RELAY_CAP_HSINTRO4 = 1 << 9,	/* HSIntro=4 */
	RELAY_CAP_HSINTRO5 = 1 << 10,	/* HSIntro=5 */
	RELAY_CAP_HSREND2 = 1 << 11,	/* HSRend=2 */
	RELAY_CAP_PADDING2 = 1 << 12,	/* Padding=2 */
	RELAY_CAP_DIRCACHE2 = 1 << 13,	/* DirCache=2 */
};

struct relay_target {
	uint8_t rsa_id[RSA_ID_LEN];
	uint8_t ed_id[ED_ID_LEN];
	uint8_t ntor_key[NTOR_KEY_LEN];
	bool has_ed;	/* false for bootstrap authorities and fallbacks */
	bool has_ntor;	/* false: only CREATE_FAST is possible */
	struct addr_port or_v4;	/* family ADDR_NONE when absent */
	struct addr_port or_v6;
	uint32_t caps;	/* enum relay_cap */
	char nickname[20];
};

#endif
