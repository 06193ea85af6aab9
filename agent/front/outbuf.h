/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * outbuf.h - bytes that wait for a descriptor to take them
 *
 * One contiguous buffer that grows up to a limit and is freed when it runs empty.
 */
#ifndef FRONT_OUTBUF_H
#define FRONT_OUTBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct outbuf {
	bool secret;	/* set by the owner: memory that it leaves is wiped */
	uint8_t *data;
	size_t pos;	/* written up to here */
	size_t end;
	size_t cap;
};

/* Zeroed is empty. What is freed may be used again. */
void outbuf_deinit(struct outbuf *b);
size_t outbuf_len(const struct outbuf *b);
/* Appends. 0, -ENOBUFS (more than @max would wait), -ENOMEM. */
int outbuf_put(struct outbuf *b, const void *data, size_t len, size_t max);
/* What waits, from its first byte; good until the buffer changes; NULL: empty. */
const uint8_t *outbuf_data(const struct outbuf *b);
/* Takes the first @len bytes away, of those that wait. */
void outbuf_skip(struct outbuf *b, size_t len);
/* Writes to socket @fd what it takes, without SIGPIPE. Bytes written, or -errno. */
ssize_t outbuf_flush(struct outbuf *b, int fd);

#endif
