/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unreach.h - a held socket fails as if the network had said so
 *
 * In the private namespace (privnet.h) the supervisor may send what a router or the far
 * machine would: an ICMP message about the SYN that is on its way. The kernel then
 * gives the socket its error, wakes who waits and leaves it in the very state in
 * which a refused TCP socket is.
 */
#ifndef SHIM_UNREACH_H
#define SHIM_UNREACH_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

struct privnet;

#define UNREACH_MESSAGE_MAX 64

/*
 * The message of @error (positive) about a packet from @from to @to with sequence number @seq.
 * Its length; 0 when ICMP has no word for it. IPv6: without a checksum, which the kernel adds.
 */
size_t unreach_encode(uint8_t out[UNREACH_MESSAGE_MAX], const struct addr_port *from,
		      const struct addr_port *to, uint32_t seq, int error);
/* @fd, in SYN_SENT towards @to, fails with @error. 0, or -errno when it did not. */
int unreach_tell(struct privnet *net, int fd, const struct addr_port *to, int error);
/*
 * Linux keeps such a message for MSG_ERRQUEUE, asked for or not. Takes it away, and the
 * pending error with it: once the program has been told.
 */
void unreach_forget(int fd);

#endif
