/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * protover.h - subprotocol versions: what a relay can do, what we must be able to
 *
 * "Name=1-3,5 Other=2" lists (tor-spec 9, dir-spec "proto"). A relay's list turns
 * into capability flags; the list that the consensus requires of clients is
 * compared with ours. Ranges are never expanded.
 */
#ifndef DIRCLIENT_PROTOVER_H
#define DIRCLIENT_PROTOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "dirclient/netdoc.h"

/* Versions are 0..63 (tor-spec 9); a name has at most 100 characters. */
#define PROTOVER_VERSION_MAX 63
#define PROTOVER_NAME_MAX 100
#define PROTOVER_ENTRIES_MAX 64

/* What this program implements as a client. Keep in step with the code. */
#define PROTOVER_OURS \
	"Conflux=1 Cons=1-2 Desc=1-4 DirCache=2 FlowCtrl=1-2 HSDir=2 HSIntro=4-5 HSRend=2 " \
	"Link=4-5 Microdesc=1-3 Relay=2-6"

/*
 * Date of this release, 2026-11-20: a consensus made later than this knows of us,
 * and what it requires we must have (tor-spec 9, "required-client-protocols").
 */
#define PROTOVER_RELEASE_DATE ((time_t)1795132800)

/* True when the list is well-formed. */
bool protover_is_valid(struct netdoc_str list);
/* Is @version among "1-3,5"? False for a malformed list of versions. */
bool protover_range_has(struct netdoc_str versions, uint32_t version);
/* Capability flags (enum relay_cap) out of a "pr" line. 0 for a malformed one. */
uint32_t protover_caps(struct netdoc_str list);
/*
 * The first entry of @required that @ours lacks is written into @buf ("Relay=9");
 * false when nothing is missing. Malformed entries count as missing.
 */
bool protover_missing(struct netdoc_str required, struct netdoc_str ours, char *buf, size_t cap);

#endif
