/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cc_vegas.h - congestion control of one hop: how many cells may be in flight (prop324)
 *
 * Tor-Vegas compares the congestion window with the bandwidth-delay product that
 * the round trip of a SENDME suggests; the difference is what waits in queues of
 * relays, and it is kept between bounds that depend on the length of the path.
 * Sans I/O: the caller counts cells, keeps the time at which each cell that causes
 * a SENDME left (with its tag, in sending order), and passes both times in.
 *
 *	cc_params_load(&p, param, ctx, CC_PATH_EXIT);	once per consensus and path type
 *	cc_vegas_init(&cc, &p, inc);			when the handshake granted it
 *	while (cc_vegas_available(&cc) > 0)		DATA cells only
 *		if (cc_vegas_cell_sent(&cc))		this one causes a SENDME:
 *			remember its tag and now_us
 *	cc_vegas_sendme(&cc, sent_us, now_us, blocked, queued);
 *							a SENDME whose tag was right
 *
 * @blocked says that the channel to the first hop takes no more cells now, @queued how
 * many of this circuit's cells wait for it: local congestion counts at once. A
 * window can shrink below what is in flight; then nothing is available until
 * SENDMEs catch up. Embed the struct; there is nothing to free.
 */
#ifndef CIRC_CC_VEGAS_H
#define CIRC_CC_VEGAS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/link/channel.h"

/* Queue bounds differ with the number of relays on the path. */
enum cc_path {
	CC_PATH_EXIT,	/* three hops; also a single onion service's */
	CC_PATH_ONION,	/* through a rendezvous point */
	CC_PATH_SBWS,	/* two hops, for measuring */
};

/* Consensus parameters with the clamps of C tor; cells unless said otherwise. */
struct cc_params {
	uint32_t alg;			/* 0: fixed windows; 2: Vegas */
	uint32_t sendme_inc;		/* what relays should grant */
	uint32_t cwnd_init;
	uint32_t cwnd_min;
	uint32_t cwnd_max;
	uint32_t cwnd_inc;		/* step in steady state */
	uint32_t cwnd_inc_rate;		/* steady-state updates every so many windows' SENDMEs */
	uint32_t cwnd_inc_pct_ss;	/* percent of sendme_inc for each SENDME in slow start */
	uint32_t ss_cap;		/* slow start grows less above this (RFC 3742) */
	uint32_t ss_max;		/* and ends here */
	uint32_t alpha, beta, gamma, delta;
	uint32_t full_gap;		/* full: at most this many sendme_inc short of cwnd */
	uint32_t full_minpct;		/* no longer full: less than this percent in flight */
	uint32_t full_per_cwnd;		/* 1: forget "full" once a window, 0: at each update */
	uint32_t ewma_cwnd_pct;		/* percent of a window's SENDMEs to average over */
	uint32_t ewma_max;		/* at most this many */
	uint32_t ewma_ss;		/* in slow start */
	uint32_t rtt_reset_pct;		/* share of the larger when the minimum is reset */
};

struct cc_vegas {
	struct cc_params params;
	uint32_t sendme_inc;	/* cells for each SENDME, as agreed */
	uint32_t cwnd;
	uint32_t inflight;
	uint32_t bdp;		/* estimated bandwidth-delay product, cells */
	uint32_t next_cc_event;	/* SENDMEs until the window may change */
	uint32_t next_cwnd_event;	/* SENDMEs until a whole window has passed */
	uint64_t ewma_rtt_us;	/* 0: not measured yet */
	uint64_t min_rtt_us;
	uint64_t max_rtt_us;
	bool in_slow_start;
	bool cwnd_full;		/* the window was used up lately: it may grow */
	bool blocked;		/* the channel was, at the last SENDME */
	bool clock_broken;	/* the last measurement had no time in it */
};

void cc_params_load(struct cc_params *p, channel_param_fn param, void *ctx, enum cc_path path);
/* Should we ask for congestion control at all? */
bool cc_params_enabled(const struct cc_params *p);
/*
 * A relay may grant what the consensus says or one off (it may know another consensus);
 * a circuit with any other increment is to be closed.
 */
bool cc_params_inc_ok(const struct cc_params *p, uint8_t sendme_inc);

/* @sendme_inc > 0. */
void cc_vegas_init(struct cc_vegas *cc, const struct cc_params *p, uint8_t sendme_inc);
/* Cells that may be sent now. */
uint32_t cc_vegas_available(const struct cc_vegas *cc);
/* Counts a cell that counts for SENDMEs (DATA); true when it will cause one. */
bool cc_vegas_cell_sent(struct cc_vegas *cc);
/*
 * A SENDME for sendme_inc cells, caused by a cell sent at @sent_us. The caller has checked
 * that one was owed. Times in microseconds, of one monotonic clock.
 */
void cc_vegas_sendme(struct cc_vegas *cc, uint64_t sent_us, uint64_t now_us, bool blocked,
		     uint32_t queued);
/* Smoothed round trip in microseconds, 0 when there is none yet; for XON/XOFF and onionctl. */
uint64_t cc_vegas_rtt_us(const struct cc_vegas *cc);

#endif
