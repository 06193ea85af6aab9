/* SPDX-License-Identifier: BSD-3-Clause */
/* outbuf.c - see outbuf.h */
#include "agent/front/outbuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/secret.h"

#define CAP_FIRST 16384

void outbuf_deinit(struct outbuf *b)
{
	if (b->secret && b->data)
		secret_wipe(b->data, b->cap);
	free(b->data);
	*b = (struct outbuf){ .secret = b->secret };
}

size_t outbuf_len(const struct outbuf *b)
{
	return b->end - b->pos;
}

/* As realloc(), which would leave a copy behind. */
static uint8_t *move_secret(struct outbuf *b, size_t cap)
{
	uint8_t *bigger = malloc(cap);

	if (!bigger)
		return NULL;
	if (b->data) {
		memcpy(bigger, b->data, b->end);
		secret_wipe(b->data, b->cap);
		free(b->data);
	}
	return bigger;
}

/* Room for @len more at the end: by moving what is left, else by growing. */
static int make_room(struct outbuf *b, size_t len)
{
	size_t used = outbuf_len(b);
	size_t cap = b->cap > 0 ? b->cap : CAP_FIRST;
	uint8_t *bigger;

	if (b->cap - b->end >= len)
		return 0;
	if (b->pos > 0) {
		memmove(b->data, b->data + b->pos, used);
		b->pos = 0;
		b->end = used;
	}
	while (cap - used < len)
		cap *= 2;
	if (cap == b->cap)
		return 0;
	bigger = b->secret ? move_secret(b, cap) : realloc(b->data, cap);
	if (!bigger)
		return -ENOMEM;
	b->data = bigger;
	b->cap = cap;
	return 0;
}

int outbuf_put(struct outbuf *b, const void *data, size_t len, size_t max)
{
	int r;

	if (len == 0)
		return 0;
	if (len > max || outbuf_len(b) > max - len)
		return -ENOBUFS;
	r = make_room(b, len);
	if (r < 0)
		return r;
	memcpy(b->data + b->end, data, len);
	b->end += len;
	return 0;
}

const uint8_t *outbuf_data(const struct outbuf *b)
{
	return b->data ? b->data + b->pos : NULL;
}

void outbuf_skip(struct outbuf *b, size_t len)
{
	b->pos += len;
	if (b->pos == b->end)
		outbuf_deinit(b);
}

ssize_t outbuf_flush(struct outbuf *b, int fd)
{
	size_t total = 0;

	while (outbuf_len(b) > 0) {
		ssize_t n = send(fd, b->data + b->pos, outbuf_len(b), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0)
			return -errno;
		b->pos += (size_t)n;
		total += (size_t)n;
	}
	if (outbuf_len(b) == 0)
		outbuf_deinit(b);
	return (ssize_t)total;
}
