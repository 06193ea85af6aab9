/* SPDX-License-Identifier: BSD-3-Clause */
/* deadline.c - see deadline.h */
#include "common/deadline.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>

int64_t deadline_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t deadline_of_socket(int fd, int option)
{
	struct timeval tv = { 0 };
	socklen_t len = sizeof(tv);

	if (getsockopt(fd, SOL_SOCKET, option, &tv, &len) != 0 ||
	    (tv.tv_sec == 0 && tv.tv_usec == 0))
		return 0;
	return deadline_now_ms() + (int64_t)tv.tv_sec * 1000 + tv.tv_usec / 1000;
}

int deadline_recv_all(int fd, void *buf, size_t len, int64_t deadline_ms)
{
	char *at = buf;

	while (len > 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = deadline_ms - deadline_now_ms();
		ssize_t n;

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left) == 0)
			continue;
		n = recv(fd, at, len, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}
