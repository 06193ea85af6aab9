/* SPDX-License-Identifier: BSD-3-Clause */
/* tell.c - see tell.h */
#include "agent/front/tell.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/ipc.h"

#define CHUNK 16384
#define DRAIN_MAX (1u << 20)	/* unread bytes thrown away to close in order */

void tell_result(int fd, uint32_t error)
{
	uint8_t frame[IPC_RESULT_LEN];
	ssize_t len = ipc_result_encode(frame, sizeof(frame), error);

	/* The socket is empty: eight bytes fit, or the program is gone. */
	if (len > 0)
		(void)!send(fd, frame, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int tell_release(int fd, int *passed_fd, bool *ret_left)
{
	uint8_t chunk[CHUNK];
	int size = 0;
	socklen_t len = sizeof(size);
	int filler = 0;

	if (ioctl(fd, FIONREAD, &filler) < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len) == 0 && *passed_fd >= 0) {
		size /= 2;	/* the kernel doubles what it is told */
		(void)setsockopt(*passed_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	if (*passed_fd >= 0)
		close(*passed_fd);
	*passed_fd = -1;
	*ret_left = filler > 0;
	while (filler > 1) {
		size_t want = (size_t)filler - 1;
		ssize_t n = recv(fd, chunk, want < CHUNK ? want : CHUNK, MSG_DONTWAIT);

		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		filler -= (int)n;
	}
	return 0;
}

void tell_drain(int fd)
{
	uint8_t chunk[CHUNK];
	size_t total = 0;
	ssize_t n;

	do {
		n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n > 0)
			total += (size_t)n;
	} while ((n > 0 && total < DRAIN_MAX) || (n < 0 && errno == EINTR));
}

void tell_reset(int fd)
{
	static const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}
