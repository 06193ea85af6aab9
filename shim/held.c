/* SPDX-License-Identifier: BSD-3-Clause */
/* held.c - see held.h */
#include "shim/held.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/sys.h"

int held_send(int s, const uint8_t *frame, size_t len)
{
	uint8_t buf[HELD_MESSAGE_LEN];
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
			      .msg_controllen = sizeof(control.space) };
	struct cmsghdr *c;
	long n;

	if (len > HELD_FRAME_MAX)
		return -EINVAL;
	memset(buf, 0, sizeof(buf));
	memset(&control, 0, sizeof(control));
	memcpy(buf, frame, len);
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &s, sizeof(int));
	do {
		n = sys_call3(SYS_sendmsg, s, &msg, MSG_NOSIGNAL);
	} while (n == -EINTR);
	return n == (long)sizeof(buf) ? 0 : -ENETUNREACH;
}
