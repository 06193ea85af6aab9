/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sendme.h - SENDME bodies, and the tags that prove a cell was received
 *
 * Whoever sends DATA remembers the tag of each cell that must cause a SENDME;
 * whoever acknowledges repeats it (prop289). Version 0 is an empty body and
 * proves nothing; version 1 is "01 | length 2 | tag". A tag is 20 bytes on a
 * tor1 hop, 16 on a CGO hop. Spec: tor-spec 7.3.1.
 */
#ifndef CIRC_SENDME_H
#define CIRC_SENDME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/circ/relay_crypto.h"

#define SENDME_BODY_MAX (3 + RELAY_TAG_MAX)
/*
 * Tags owed to us by one hop. 10 with fixed windows; with congestion control a window of
 * 30,000 cells (15 MB in flight) is far above any round trip Tor has.
 */
#define SENDME_TAGS_MAX 1024

/* Body of a SENDME of @version (0 or 1) into @out; its length. */
size_t sendme_encode(unsigned int version, const uint8_t *tag, size_t tag_len,
		     uint8_t out[SENDME_BODY_MAX]);
/*
 * 0 and the version; the tag is borrowed, NULL with version 0 or a version above 1, whose body is
 * ignored. -EBADMSG: version 1 without a whole tag of 16 or 20 bytes.
 */
int sendme_decode(const uint8_t *body, size_t len, unsigned int *ret_version,
		  const uint8_t **ret_tag, size_t *ret_tag_len);

struct sendme_tag {
	uint8_t tag[RELAY_TAG_MAX];
	uint8_t len;
	uint64_t sent_usec;	/* when the cell left us */
};

/* First in, first out. Zero it to start; sendme_tags_deinit() frees. */
struct sendme_tags {
	struct sendme_tag *ring;
	unsigned int cap, head, n;
};

void sendme_tags_deinit(struct sendme_tags *q);
/* 0, -ENOMEM, or -ENOBUFS at SENDME_TAGS_MAX. */
int sendme_tags_push(struct sendme_tags *q, const uint8_t *tag, size_t len, uint64_t now_usec);
/* False when no tag is owed. */
bool sendme_tags_pop(struct sendme_tags *q, struct sendme_tag *ret);

#endif
