/* SPDX-License-Identifier: BSD-3-Clause */
/* notify.c - see notify.h */
#include "shim/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim/policy.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define NOTIF_SYNC_WAKE_UP 1u	/* Linux 6.6: the caller wakes on our processor */

#define DATAGRAM_MAX 65535	/* of UDP over IPv4 or IPv6 without jumbograms */
#define IOV_ENTRIES_MAX 64	/* per datagram; programs use a few */
#define THREADS_MAX 256		/* connects to loopback that sleep at one time */
#define THREAD_STACK 65536

struct notify {
	int listener;
	struct seccomp_notif *req;
	size_t req_size;	/* the kernel may want more than our headers know */
	atomic_int threads;
	uint8_t datagram[DATAGRAM_MAX];
};

/* A caught call and the program's socket it is about. */
struct call {
	uint64_t id;
	pid_t tid;
	int nr;
	const __u64 *args;
	int fd;		/* our duplicate */
	int domain;
	int type;
};

enum verdict {
	VERDICT_RESULT,		/* answered with a value or -errno */
	VERDICT_CONTINUE,	/* the kernel runs the call as it is */
	VERDICT_LATER,		/* a thread answers */
};

/* --- reaching into the program --- */

static bool read_mem(pid_t tid, void *dst, uint64_t src, size_t len)
{
	struct iovec to = { dst, len }, from = { (void *)(uintptr_t)src, len };

	return process_vm_readv(tid, &to, 1, &from, 1, 0) == (ssize_t)len;
}

static bool write_mem(pid_t tid, uint64_t dst, const void *src, size_t len)
{
	union {
		const void *c;
		void *w;
	} p = { .c = src };
	struct iovec from = { p.w, len }, to = { (void *)(uintptr_t)dst, len };

	return process_vm_writev(tid, &from, 1, &to, 1, 0) == (ssize_t)len;
}

/* The thread group of a thread, for kernels whose pidfds know groups only. */
static pid_t group_of(pid_t tid)
{
	char path[64], line[256];
	int tgid = -1;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	f = fopen(path, "re");
	while (f && tgid < 0 && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Tgid:", 5) == 0)
			tgid = (int)strtol(line + 5, NULL, 10);
	}
	if (f)
		(void)fclose(f);
	return tgid;
}

static int open_pidfd(pid_t tid)
{
	int p = (int)syscall(SYS_pidfd_open, tid, 0);

	if (p < 0)
		p = (int)syscall(SYS_pidfd_open, tid, O_EXCL);	/* PIDFD_THREAD, Linux 6.9 */
	if (p < 0)
		p = (int)syscall(SYS_pidfd_open, group_of(tid), 0);
	return p;
}

static int dup_from(pid_t tid, int fd)
{
	int p = open_pidfd(tid), d, e;

	if (p < 0)
		return -EACCES;
	d = (int)syscall(SYS_pidfd_getfd, p, fd, 0);
	e = errno;
	(void)close(p);
	if (d >= 0)
		return d;
	return e == EBADF ? -EBADF : -EACCES;
}

static bool still_there(const struct notify *n, uint64_t id)
{
	return ioctl(n->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static int int_opt(int fd, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	return getsockopt(fd, SOL_SOCKET, name, &v, &len) == 0 ? v : -1;
}

static bool is_inet(const struct call *c)
{
	return c->domain == AF_INET || c->domain == AF_INET6;
}

/* --- answering --- */

static void answer(const struct notify *n, uint64_t id, int64_t result)
{
	struct seccomp_notif_resp resp = { .id = id };

	if (result < 0)
		resp.error = (int)result;
	else
		resp.val = result;
	/* ENOENT: a signal took the call back; the program has its EINTR. */
	(void)ioctl(n->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

static void let_continue(const struct notify *n, uint64_t id)
{
	struct seccomp_notif_resp resp = { .id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

	(void)ioctl(n->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

/* --- connect --- */

struct sleeper {
	struct notify *n;
	uint64_t id;
	int fd;
	socklen_t len;
	struct sockaddr_storage addr;
};

static void *sleeper_run(void *arg)
{
	struct sleeper *s = arg;
	int r = connect(s->fd, (const struct sockaddr *)&s->addr, s->len) == 0 ? 0 : -errno;

	answer(s->n, s->id, r);
	(void)close(s->fd);
	atomic_fetch_sub(&s->n->threads, 1);
	free(s);
	return NULL;
}

/* Takes over @c->fd when it succeeds. */
static int connect_in_thread(struct notify *n, struct call *c, const struct sockaddr_storage *addr,
			     socklen_t len)
{
	struct sleeper *s;
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	if (atomic_load(&n->threads) >= THREADS_MAX)
		return -EAGAIN;
	s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct sleeper){ .n = n, .id = c->id, .fd = c->fd, .len = len, .addr = *addr };
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, THREAD_STACK);
	atomic_fetch_add(&n->threads, 1);
	r = pthread_create(&thread, &attr, sleeper_run, s);
	(void)pthread_attr_destroy(&attr);
	if (r != 0) {
		atomic_fetch_sub(&n->threads, 1);
		free(s);
		return -EAGAIN;
	}
	c->fd = -1;
	return 0;
}

static enum verdict connect_here(struct notify *n, struct call *c,
				 const struct sockaddr_storage *addr, socklen_t len, int64_t *ret)
{
	bool may_sleep = c->type == SOCK_STREAM && addr->ss_family != AF_UNSPEC &&
			 !(fcntl(c->fd, F_GETFL) & O_NONBLOCK);

	if (may_sleep) {
		*ret = connect_in_thread(n, c, addr, len);
		return *ret == 0 ? VERDICT_LATER : VERDICT_RESULT;
	}
	*ret = connect(c->fd, (const struct sockaddr *)addr, len) == 0 ? 0 : -errno;
	return VERDICT_RESULT;
}

static enum verdict serve_connect(struct notify *n, struct call *c, int64_t *ret)
{
	struct sockaddr_storage addr;
	struct addr_port dest;
	socklen_t len = (socklen_t)c->args[2];
	int error = 0;

	memset(&addr, 0, sizeof(addr));
	*ret = -EINVAL;
	if (len < sizeof(addr.ss_family) || len > sizeof(addr))
		return VERDICT_RESULT;
	*ret = -EFAULT;
	if (!read_mem(c->tid, &addr, c->args[1], len))
		return VERDICT_RESULT;
	if (c->domain == AF_UNIX && policy_is_resolver_path((struct sockaddr *)&addr, len)) {
		*ret = -ENOENT;
		return VERDICT_RESULT;
	}
	if (!is_inet(c))
		return VERDICT_CONTINUE;
	if (addr.ss_family == AF_UNSPEC)
		return connect_here(n, c, &addr, len, ret);
	switch (policy_for_inet((struct sockaddr *)&addr, len, &dest, &error)) {
	case POLICY_LOCAL:
		return connect_here(n, c, &addr, len, ret);
	case POLICY_REFUSE:
		*ret = -error;
		return VERDICT_RESULT;
	case POLICY_TUNNEL:
		break;
	}
	*ret = -ENETUNREACH;
	return VERDICT_RESULT;
}

/* --- datagrams --- */

/* Sends @len bytes of n->datagram to @addr (or the connected peer when @addr_len is 0). */
static int64_t send_datagram(struct notify *n, const struct call *c, size_t len, int flags,
			     const struct sockaddr_storage *addr, socklen_t addr_len)
{
	struct addr_port dest;
	int error = 0;
	ssize_t r;

	if (addr_len > 0) {
		switch (policy_for_inet((const struct sockaddr *)addr, addr_len, &dest, &error)) {
		case POLICY_LOCAL:
			break;
		case POLICY_TUNNEL:
			return -ENETUNREACH;
		case POLICY_REFUSE:
			return -error;
		}
	}
	r = sendto(c->fd, n->datagram, len, flags | MSG_DONTWAIT | MSG_NOSIGNAL,
		   addr_len > 0 ? (const struct sockaddr *)addr : NULL, addr_len);
	return r < 0 ? -errno : r;
}

static bool read_address(const struct call *c, uint64_t src, socklen_t len,
			 struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	return len <= sizeof(*ret) && (len == 0 || read_mem(c->tid, ret, src, len));
}

static enum verdict serve_sendto(struct notify *n, struct call *c, int64_t *ret)
{
	struct sockaddr_storage addr;
	socklen_t addr_len = (socklen_t)c->args[5];
	size_t len = c->args[2];

	*ret = -EINVAL;
	if (!read_address(c, c->args[4], addr_len, &addr))
		return VERDICT_RESULT;
	*ret = -ENOENT;
	if (c->domain == AF_UNIX && policy_is_resolver_path((struct sockaddr *)&addr, addr_len))
		return VERDICT_RESULT;
	if (!is_inet(c) || c->type == SOCK_STREAM)
		return VERDICT_CONTINUE;
	*ret = -EMSGSIZE;
	if (len > sizeof(n->datagram))
		return VERDICT_RESULT;
	*ret = -EFAULT;
	if (len > 0 && !read_mem(c->tid, n->datagram, c->args[1], len))
		return VERDICT_RESULT;
	*ret = send_datagram(n, c, len, (int)c->args[3], &addr, addr_len);
	return VERDICT_RESULT;
}

/* The pieces of one message, joined in n->datagram. Its length or -errno. */
static int64_t gather(struct notify *n, const struct call *c, const struct msghdr *m)
{
	struct iovec iov[IOV_ENTRIES_MAX];
	size_t used = 0;

	if (m->msg_iovlen > IOV_ENTRIES_MAX)
		return -EMSGSIZE;
	if (m->msg_iovlen > 0 &&
	    !read_mem(c->tid, iov, (uintptr_t)m->msg_iov, m->msg_iovlen * sizeof(iov[0])))
		return -EFAULT;
	for (size_t i = 0; i < m->msg_iovlen; i++) {
		if (iov[i].iov_len > sizeof(n->datagram) - used)
			return -EMSGSIZE;
		if (iov[i].iov_len > 0 && !read_mem(c->tid, n->datagram + used,
						    (uintptr_t)iov[i].iov_base, iov[i].iov_len))
			return -EFAULT;
		used += iov[i].iov_len;
	}
	return (int64_t)used;
}

/*
 * Control messages could name an interface or split one send into many: not done on
 * the program's behalf. EIO is what programs expect where the kernel cannot either.
 */
static int64_t send_message(struct notify *n, const struct call *c, uint64_t at, int flags)
{
	struct sockaddr_storage addr;
	struct msghdr m;
	int64_t len;

	if (!read_mem(c->tid, &m, at, sizeof(m)))
		return -EFAULT;
	if (m.msg_controllen > 0)
		return -EIO;
	if (!m.msg_name)
		m.msg_namelen = 0;
	if (!read_address(c, (uintptr_t)m.msg_name, m.msg_namelen, &addr))
		return -EINVAL;
	len = gather(n, c, &m);
	return len < 0 ? len : send_datagram(n, c, (size_t)len, flags, &addr, m.msg_namelen);
}

static enum verdict serve_sendmsg(struct notify *n, struct call *c, int64_t *ret)
{
	if (!is_inet(c) || c->type == SOCK_STREAM)
		return VERDICT_CONTINUE;
	*ret = send_message(n, c, c->args[1], (int)c->args[2]);
	return VERDICT_RESULT;
}

/* One message of the vector: callers send the rest again, as after any short count. */
static enum verdict serve_sendmmsg(struct notify *n, struct call *c, int64_t *ret)
{
	unsigned int sent;
	int64_t r;

	if (!is_inet(c) || c->type == SOCK_STREAM)
		return VERDICT_CONTINUE;
	*ret = 0;
	if ((unsigned int)c->args[2] == 0)
		return VERDICT_RESULT;
	r = send_message(n, c, c->args[1], (int)c->args[3]);
	sent = (unsigned int)r;
	if (r >= 0 && !write_mem(c->tid, c->args[1] + offsetof(struct mmsghdr, msg_len), &sent,
				 sizeof(sent)))
		r = -EFAULT;
	*ret = r < 0 ? r : 1;
	return VERDICT_RESULT;
}

/* --- one call --- */

static enum verdict serve_call(struct notify *n, struct call *c, int64_t *ret)
{
	c->fd = dup_from(c->tid, (int)c->args[0]);
	*ret = c->fd;
	if (c->fd < 0)
		return VERDICT_RESULT;
	c->domain = int_opt(c->fd, SO_DOMAIN);
	c->type = int_opt(c->fd, SO_TYPE);
	*ret = -ENOTSOCK;
	if (c->domain < 0 || c->type < 0)
		return VERDICT_RESULT;
	/* The thread may have died and its number found a new owner meanwhile. */
	*ret = -EINTR;
	if (!still_there(n, c->id))
		return VERDICT_RESULT;
	switch (c->nr) {
	case SYS_connect:
		return serve_connect(n, c, ret);
	case SYS_sendto:
		return serve_sendto(n, c, ret);
	case SYS_sendmsg:
		return serve_sendmsg(n, c, ret);
	case SYS_sendmmsg:
		return serve_sendmmsg(n, c, ret);
	default:
		*ret = -ENOSYS;
		return VERDICT_RESULT;
	}
}

int notify_serve(struct notify *n)
{
	struct call c;
	int64_t result = -ENOSYS;

	memset(n->req, 0, n->req_size);
	if (ioctl(n->listener, SECCOMP_IOCTL_NOTIF_RECV, n->req) != 0)
		return errno == ENOENT || errno == EINTR ? 0 : -errno;
	c = (struct call){ .id = n->req->id, .tid = (pid_t)n->req->pid, .nr = n->req->data.nr,
			   .args = n->req->data.args, .fd = -1 };
	switch (serve_call(n, &c, &result)) {
	case VERDICT_RESULT:
		answer(n, c.id, result);
		break;
	case VERDICT_CONTINUE:
		let_continue(n, c.id);
		break;
	case VERDICT_LATER:
		break;
	}
	if (c.fd >= 0)
		(void)close(c.fd);
	return 0;
}

struct notify *notify_new(int listener)
{
	struct seccomp_notif_sizes sizes;
	struct notify *n = calloc(1, sizeof(*n));

	if (!n || syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0) {
		free(n);
		return NULL;
	}
	n->req_size = sizes.seccomp_notif > sizeof(*n->req) ? sizes.seccomp_notif : sizeof(*n->req);
	n->req = calloc(1, n->req_size);
	if (!n->req) {
		free(n);
		return NULL;
	}
	n->listener = listener;
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, (unsigned long)NOTIF_SYNC_WAKE_UP);
	return n;
}

void notify_free(struct notify *n)
{
	if (!n)
		return;
	(void)close(n->listener);
	free(n->req);
	free(n);
}
