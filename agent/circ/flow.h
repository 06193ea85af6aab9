/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flow.h - flow control between us and one hop: windows, tags, unguessable cells
 *
 * Sans I/O, one per hop. With fixed windows (tor-spec 7.3) the hop gets at most
 * 1000 DATA cells ahead of its SENDMEs, each for 100. With congestion control
 * (prop324) Vegas decides, and a SENDME is for the increment that was agreed in
 * the handshake. Either way every SENDME must repeat the tag of the cell that
 * caused it, in order; one that comes when none is owed is a violation, which
 * also bounds every window. Received cells are acknowledged at once and do not
 * wait for any program: that is the business of stream_flow.h.
 */
#ifndef CIRC_FLOW_H
#define CIRC_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/circ/cc_vegas.h"
#include "agent/circ/sendme.h"
#include "agent/link/channel.h"

#define CIRC_WINDOW_MAX 1000
#define CIRC_WINDOW_INC 100

struct flow_params {
	int32_t circwindow;
	int32_t sendme_emit_version;
	int32_t sendme_accept_version;
};
void flow_params_load(struct flow_params *p, channel_param_fn param, void *ctx);

struct flow {
	struct flow_params params;
	size_t tag_len;
	unsigned int inc;		/* cells that one SENDME is for */
	unsigned int received;		/* DATA cells since our last SENDME */
	unsigned int sent;		/* DATA cells since the last one whose tag we keep */
	int package_window;		/* fixed windows: cells that may be sent */
	bool cc;			/* else fixed windows */
	struct cc_vegas vegas;
	struct sendme_tags tags;
	/* prop289 3.3: cells until one with random fill must go; one went already. */
	unsigned int random_in;
	bool random_sent;
};

enum flow_result {
	FLOW_OK = 0,
	FLOW_E_SENDME_EARLY = 1,	/* no SENDME was owed */
	FLOW_E_SENDME_TAG = 2,		/* wrong or malformed tag */
	FLOW_E_SENDME_VERSION = 3,	/* below what the consensus accepts, or unknown */
};

void flow_init_fixed(struct flow *f, const struct flow_params *p, size_t tag_len);
/* Congestion control was agreed: one SENDME for every @inc cells. */
void flow_init_cc(struct flow *f, const struct flow_params *p, size_t tag_len,
		  const struct cc_params *cc, uint8_t inc);
void flow_deinit(struct flow *f);
/* DATA cells that may be sent now. */
unsigned int flow_cells(const struct flow *f);
/*
 * Bytes that @cells cells carry, each at most @cell_data. May be for fewer cells: no more
 * than are sure not to need a second random fill.
 */
size_t flow_bytes(const struct flow *f, unsigned int cells, size_t cell_data);
/* Bytes to put into the next cell when @avail are at hand. */
size_t flow_pack(struct flow *f, size_t avail, size_t cell_data);
/* A DATA cell went out. 0, -ENOMEM, -ENOBUFS. */
int flow_sent(struct flow *f, const uint8_t *tag, uint64_t now_usec);
/* A DATA cell came in; true: send a SENDME for it. */
bool flow_received(struct flow *f);
/* Body of that SENDME. */
size_t flow_sendme_body(const struct flow *f, const uint8_t *tag, uint8_t out[SENDME_BODY_MAX]);
/*
 * A SENDME for the circuit came; @blocked: our channel takes no more cells now. Anything but
 * FLOW_OK: close the circuit.
 */
enum flow_result flow_sendme(struct flow *f, const uint8_t *body, size_t len, uint64_t now_usec,
			     bool blocked);

#endif
