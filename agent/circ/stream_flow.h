/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream_flow.h - flow control of one stream: windows, or XON and XOFF
 *
 * Sans I/O: the stream tells what was received, consumed and sent, and carries out
 * what the answer says. On a hop without congestion control a stream has windows
 * of 500 cells and SENDMEs of 50 (tor-spec 7.4); a SENDME follows what the owner
 * has consumed, so a slow program throttles its own stream. On a hop with
 * congestion control there are no stream SENDMEs: a receiver that falls behind
 * says XOFF, and XON with a rate when it has caught up (prop324 4). Times are
 * monotonic microseconds.
 */
#ifndef CIRC_STREAM_FLOW_H
#define CIRC_STREAM_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/link/channel.h"

#define STREAM_WINDOW 500
#define STREAM_WINDOW_INC 50
/*
 * Bytes received and not yet consumed. Fixed windows cannot owe more than 249,000. With
 * congestion control a peer that ignores XOFF is bounded by this: far more than one congestion
 * window after XOFF, so only a hostile one meets it.
 */
#define STREAM_OWED_MAX (16u << 20)

/* Consensus parameters, in bytes where they are cells in the consensus. */
struct stream_flow_params {
	uint32_t xoff_client;
	uint32_t xoff_exit;
	uint32_t xon_rate;
	uint32_t xon_change_pct;
	uint32_t xon_ewma_cnt;
};
void stream_flow_params_load(struct stream_flow_params *p, channel_param_fn param, void *ctx);

struct stream_flow {
	bool cc;
	bool xoff_sent;
	bool xoff_received;
	int package_window;	/* cells */
	int deliver_window;	/* cells */
	size_t owed;		/* received, not consumed */
	/* What we may have been told by cells, against what we sent (prop324 4.1.4). */
	uint64_t sent_bytes;
	uint32_t n_xoff, n_xon;
	/* Drain rate of our owner, kilobytes a second (prop324 4.1.2). */
	uint64_t grace_start, drain_start;
	uint64_t drained, prev_drained;
	uint32_t drain_rate, rate_told;
	/* The rate we were told to keep, bytes a second; 0: none. */
	uint64_t rate;
	int64_t tokens;
	uint64_t refilled;
};

enum stream_flow_result {
	STREAM_FLOW_OK = 0,
	STREAM_FLOW_E_WINDOW = 1,	/* more than the window, or the owed limit */
	STREAM_FLOW_E_UNEXPECTED = 2,	/* a kind of cell this hop must not send */
	STREAM_FLOW_E_EARLY = 3,	/* XON or XOFF that our data cannot have caused */
};

/* What to send now. */
struct stream_flow_act {
	unsigned int sendmes;
	bool xoff;
	bool xon;
	uint32_t kbps;
};

void stream_flow_init(struct stream_flow *f, bool cc);
/* One DATA cell of @len bytes came. */
enum stream_flow_result stream_flow_received(struct stream_flow *f,
					     const struct stream_flow_params *p, size_t len,
					     uint64_t now, struct stream_flow_act *ret);
void stream_flow_consumed(struct stream_flow *f, const struct stream_flow_params *p, size_t len,
			  uint64_t now, struct stream_flow_act *ret);
/* Cells that the stream itself may send; with a rate, at least the bytes for one cell. */
unsigned int stream_flow_cells(struct stream_flow *f, size_t cell_data, uint64_t now);
/* Milliseconds until the rate lets a cell through; 0: it is not the rate that blocks. */
int stream_flow_wait_ms(const struct stream_flow *f, size_t cell_data);
void stream_flow_sent(struct stream_flow *f, size_t len);
enum stream_flow_result stream_flow_sendme(struct stream_flow *f);
enum stream_flow_result stream_flow_xoff(struct stream_flow *f,
					 const struct stream_flow_params *p);
enum stream_flow_result stream_flow_xon(struct stream_flow *f,
					const struct stream_flow_params *p, uint32_t kbps,
					uint64_t now);

#endif
