/* SPDX-License-Identifier: BSD-3-Clause */
/* privnet.c - see privnet.h */
#include "shim/privnet.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "shim/privnet_setup.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define SETUP_S 10	/* a kernel that takes longer has other worries */
#define HELPER_FD 3

struct privnet {
	int helper;		/* requests and descriptors */
	pthread_mutex_t lock;	/* of what is said there */
	uint64_t cookie;	/* of the namespace */
	struct privnet_setup has;
};

struct request {
	int domain;
	int type;
	int protocol;
	bool view;
};

/* With every message of the helper. */
struct reply {
	int error;	/* 0: a descriptor comes along */
	struct privnet_setup has;
};

/* --- the helper: one thread, no allocation, nothing of the supervisor's kept open --- */

static void reply_with(int sock, const struct reply *reply, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_len = sizeof(*reply) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct reply copy = *reply;

	iov.iov_base = &copy;
	memset(&control, 0, sizeof(control));
	if (fd >= 0) {
		struct cmsghdr *c;

		m.msg_control = control.space;
		m.msg_controllen = sizeof(control.space);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	if (sendmsg(sock, &m, MSG_NOSIGNAL) < 0)
		_exit(0);
}

static int make_socket(const struct request *r, const struct privnet_places *places)
{
	int fd;

	if (!r->view)
		return socket(r->domain, r->type, r->protocol);
	if (setns(places->view, CLONE_NEWNET) != 0)
		return -1;
	fd = socket(r->domain, r->type, r->protocol);
	/* Nobody may get a socket for streams from the wrong place. */
	if (setns(places->streams, CLONE_NEWNET) != 0)
		_exit(0);
	return fd;
}

static _Noreturn void helper_main(int sock, pid_t parent)
{
	struct privnet_places places = { -1, -1 };
	struct reply reply = { 0 };
	struct request r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent || dup3(sock, HELPER_FD, O_CLOEXEC) != HELPER_FD)
		_exit(0);
	(void)syscall(SYS_close_range, HELPER_FD + 1, ~0U, 0);
	reply.error = privnet_setup(&reply.has, &places);
	reply_with(HELPER_FD, &reply, -1);
	while (reply.error == 0 && recv(HELPER_FD, &r, sizeof(r), 0) == (ssize_t)sizeof(r)) {
		int fd = make_socket(&r, &places);
		struct reply one = { .error = fd < 0 ? -errno : 0, .has = reply.has };

		reply_with(HELPER_FD, &one, fd);
		if (fd >= 0)
			(void)close(fd);
	}
	_exit(0);
}

/* --- the supervisor --- */

/* The helper's next word; the descriptor with it in @ret_fd, -1 for none. 0 or -errno. */
static int hear(int sock, struct reply *ret, int *ret_fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { ret, sizeof(*ret) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
			    .msg_controllen = sizeof(control.space) };
	struct cmsghdr *c;
	ssize_t n;

	*ret_fd = -1;
	do {
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*ret)) {
		int error = n < 0 ? errno : EPIPE;

		/* An answer that is late must not be taken for that to the next question. */
		(void)shutdown(sock, SHUT_RDWR);
		return -error;
	}
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	return ret->error;
}

static int start_helper(void)
{
	struct timeval patience = { .tv_sec = SETUP_S };
	pid_t parent = getpid(), pid;
	int sp[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) != 0)
		return -errno;
	(void)setsockopt(sp[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	pid = fork();
	if (pid == 0)
		helper_main(sp[1], parent);
	(void)close(sp[1]);
	if (pid > 0)
		return sp[0];
	(void)close(sp[0]);
	return -EAGAIN;
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

/* One socket shows that all is as it must be: made there, and not here. 0 or -errno. */
static int check_first(struct privnet *p)
{
	int there = privnet_socket(p, AF_INET, SOCK_STREAM, 0), r = 0;
	int here = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (there < 0 || here < 0) {
		r = there < 0 ? there : -EMFILE;
	} else {
		p->cookie = cookie_of(there);
		if (p->cookie == 0 || p->cookie == cookie_of(here))
			r = -ENOTSUP;
	}
	if (there >= 0)
		(void)close(there);
	if (here >= 0)
		(void)close(here);
	return r;
}

struct privnet *privnet_new(int *ret_error)
{
	struct privnet *p = calloc(1, sizeof(*p));
	struct reply first = { 0 };
	int none, r = -ENOMEM;

	if (!p) {
		*ret_error = ENOMEM;
		return NULL;
	}
	(void)pthread_mutex_init(&p->lock, NULL);
	p->helper = start_helper();
	r = p->helper < 0 ? p->helper : hear(p->helper, &first, &none);
	if (r == 0) {
		p->has = first.has;
		r = check_first(p);
	}
	if (r == 0)
		return p;
	*ret_error = -r;
	privnet_free(p);
	return NULL;
}

void privnet_free(struct privnet *p)
{
	if (!p)
		return;
	if (p->helper >= 0)
		(void)close(p->helper);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

static int request_socket(struct privnet *p, const struct request *r)
{
	struct reply reply = { .error = -EPIPE };
	int fd = -1, error;

	(void)pthread_mutex_lock(&p->lock);
	error = send(p->helper, r, sizeof(*r), MSG_NOSIGNAL) == (ssize_t)sizeof(*r) ?
			hear(p->helper, &reply, &fd) : -EPIPE;
	(void)pthread_mutex_unlock(&p->lock);
	if (error == 0)
		return fd >= 0 ? fd : -EMFILE;
	if (fd >= 0)
		(void)close(fd);
	return error;
}

int privnet_socket(struct privnet *p, int domain, int type, int protocol)
{
	struct request r = { domain, type | SOCK_CLOEXEC, protocol, false };

	return request_socket(p, &r);
}

int privnet_viewer(struct privnet *p, int domain, int type, int protocol)
{
	struct request r = { domain, type | SOCK_CLOEXEC, protocol, true };

	return p->has.device ? request_socket(p, &r) : -ENODEV;
}

bool privnet_is_own(const struct addr *a)
{
	return a->family == ADDR_V4 ? memcmp(a->b, privnet_own4, sizeof(privnet_own4)) == 0 :
	       a->family == ADDR_V6 && memcmp(a->b, privnet_own6, sizeof(privnet_own6)) == 0;
}

bool privnet_owns(const struct privnet *p, int fd)
{
	return p && cookie_of(fd) == p->cookie;
}

bool privnet_has_ipv6(const struct privnet *p)
{
	return p->has.ipv6;
}

bool privnet_has_device(const struct privnet *p)
{
	return p->has.device;
}
