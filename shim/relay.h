/* SPDX-License-Identifier: BSD-3-Clause */
/* relay.h - carries bytes between a TCP socket and the agent until both have ended */
#ifndef SHIM_RELAY_H
#define SHIM_RELAY_H

/*
 * Blocks. End of file in one direction is passed on by shutdown(); a broken stream
 * becomes a reset of @tcp when that is closed. Both descriptors stay the caller's.
 */
void relay_run(int tcp, int agent);

#endif
