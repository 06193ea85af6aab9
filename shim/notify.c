/* SPDX-License-Identifier: BSD-3-Clause */
/* notify.c - see notify.h */
#include "shim/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/book.h"
#include "shim/config.h"
#include "shim/confine.h"
#include "shim/door.h"
#include "shim/nameserver.h"
#include "shim/notify_parts.h"
#include "shim/policy.h"
#include "shim/privnet.h"
#include "shim/serving.h"
#include "shim/worker.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#if defined(__x86_64__)
#define NOTIFY_ARCH AUDIT_ARCH_X86_64
#else
#define NOTIFY_ARCH AUDIT_ARCH_AARCH64
#endif
#define NOTIF_SYNC_WAKE_UP 1u	/* Linux 6.6: the caller wakes on our processor */

#define SIN6_LEN_MIN 24		/* RFC 2133's sockaddr_in6, without a scope */
#define THREADS_MAX 256		/* connects to loopback that sleep at one time */

bool notify_is_valid(int listener, uint64_t id)
{
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

bool notify_still_there(const struct notify *n, uint64_t id)
{
	return notify_is_valid(n->listener, id);
}

static int int_opt(int fd, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	return getsockopt(fd, SOL_SOCKET, name, &v, &len) == 0 ? v : -1;
}

bool notify_is_inet(const struct call *c)
{
	return c->domain == AF_INET || c->domain == AF_INET6;
}

/* --- answering --- */

void notify_answer(int listener, uint64_t id, int64_t result)
{
	struct seccomp_notif_resp resp = { .id = id };

	if (result < 0)
		resp.error = (int)result;
	else
		resp.val = result;
	/* ENOENT: a signal took the call back; the program has its EINTR. */
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
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

	notify_answer(s->n->listener, s->id, r);
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

	if (atomic_load(&n->threads) >= THREADS_MAX)
		return -EAGAIN;
	s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct sleeper){ .n = n, .id = c->id, .fd = c->fd, .len = len, .addr = *addr };
	atomic_fetch_add(&n->threads, 1);
	if (worker_start(sleeper_run, s) < 0) {
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

/* It unbinds a datagram socket from its device. */
static enum verdict disconnect(struct notify *n, struct call *c, const struct sockaddr_storage *addr,
			       socklen_t len, int64_t *ret)
{
	enum verdict v = connect_here(n, c, addr, len, ret);

	if (c->type == SOCK_DGRAM && confine_socket(c->fd) != 0)
		*ret = -EPERM;
	return v;
}

/* With the program's own socket: through the agent, or to this machine's loopback. */
static enum verdict connect_door(struct notify *n, struct call *c, const struct addr_port *dest,
				 bool local, int64_t *ret)
{
	struct door_call dc = { .id = c->id, .tid = c->tid, .fd = c->fd, .domain = c->domain,
				.dest = *dest, .local = local };

	if (n->nested && !local)
		notify_read_domain(c->tid, dc.isolation);
	if (!n->door)
		n->door = door_new(n->listener, n->book, n->net);
	*ret = n->door ? door_connect(n->door, &dc) : -ENETUNREACH;
	return *ret == 1 ? VERDICT_LATER : VERDICT_RESULT;
}

/* Datagrams go to our name server, streams to the agent's. */
static enum verdict connect_names(struct notify *n, struct call *c, const struct addr_port *dest,
				  int64_t *ret)
{
	if (c->type == SOCK_STREAM)
		return connect_door(n, c, dest, false, ret);
	*ret = notify_names(n) ? nameserver_connect(n->names, c->fd, c->domain, dest) : -ENETUNREACH;
	return VERDICT_RESULT;
}

struct nameserver *notify_names(struct notify *n)
{
	if (!n->names)
		n->names = nameserver_new();
	return n->names;
}

bool notify_is_dns(const struct sockaddr_storage *addr, socklen_t len, struct addr_port *ret)
{
	struct addr_port dest;

	if (addr_from_sockaddr((const struct sockaddr *)addr, len, &dest) != 0 ||
	    dest.port != POLICY_DNS_PORT)
		return false;
	dest.addr = addr_unmap_v4(&dest.addr);
	*ret = dest;
	return true;
}

/* 0, or the errno that the kernel has for an address of the other family. */
static int family_error(const struct call *c, const struct sockaddr_storage *addr, socklen_t len)
{
	if (c->domain == AF_INET6 && len < SIN6_LEN_MIN)
		return -EINVAL;
	return addr->ss_family == c->domain ? 0 : -EAFNOSUPPORT;
}

/* Linux takes "any address" for loopback. */
static const struct addr_port *loopback_of(struct addr_port *dest)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (addr_is_any(&dest->addr))
		dest->addr = dest->addr.family == ADDR_V6 ? addr_v6(one) : addr_v4(INADDR_LOOPBACK);
	return dest;
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
	if (!notify_read_mem(c->tid, &addr, c->args[1], len))
		return VERDICT_RESULT;
	if (c->domain == AF_UNIX && policy_is_resolver_path((struct sockaddr *)&addr, len)) {
		notify_refused(n, c, "connect to a name service of this machine", NULL, ENOENT);
		*ret = -ENOENT;
		return VERDICT_RESULT;
	}
	if (!notify_is_inet(c))
		return VERDICT_CONTINUE;
	if (addr.ss_family == AF_UNSPEC)
		return disconnect(n, c, &addr, len, ret);
	*ret = -ENETUNREACH;
	if (confine_is_outside(c->fd)) {
		notify_refused(n, c, "connect of a socket bound to a device", NULL, ENETUNREACH);
		return VERDICT_RESULT;
	}
	*ret = c->type == SOCK_STREAM ? family_error(c, &addr, len) : 0;
	if (*ret != 0)
		return VERDICT_RESULT;
	if (notify_is_dns(&addr, len, &dest))
		return connect_names(n, c, &dest, ret);
	switch (policy_for_inet((struct sockaddr *)&addr, len, &dest, &error)) {
	case POLICY_LOCAL:
		if (notify_is_private(n, c))
			return connect_door(n, c, loopback_of(&dest), true, ret);
		return connect_here(n, c, &addr, len, ret);
	case POLICY_REFUSE:
		*ret = -error;
		return VERDICT_RESULT;
	case POLICY_TUNNEL:
		break;
	}
	if (c->type == SOCK_STREAM)
		return connect_door(n, c, &dest, false, ret);
	notify_refused(n, c, "UDP connect to", &dest, ENETUNREACH);
	*ret = -ENETUNREACH;
	return VERDICT_RESULT;
}

/* --- one call --- */

static bool continues_on_unix(int nr)
{
	return nr == SYS_sendmsg || nr == SYS_sendmmsg || nr == SYS_recvmsg || nr == SYS_recvmmsg ||
	       nr == SYS_recvfrom || nr == SYS_getsockopt || nr == SYS_getpeername ||
	       nr == SYS_bind || nr == SYS_listen;
}

static enum verdict serve_call(struct notify *n, struct call *c, int64_t *ret)
{
	switch (c->nr) {
	case SYS_socket:
		return notify_serve_socket(n, c, ret);
	case SYS_setsockopt:
		return notify_serve_setsockopt(n, c, ret);
	case SYS_prctl:
		return (unsigned int)c->args[0] == CONFIG_OPEN_PRCTL ? notify_serve_open(n, c, ret) :
								       notify_serve_note(n, c, ret);
	case SYS_mount:
	case SYS_fsopen:
		return notify_serve_mount(n, c, ret);
	default:
		break;
	}
	c->fd = notify_dup_from(n, c->tid, (int)c->args[0]);
	*ret = c->fd;
	if (c->fd < 0)
		return VERDICT_RESULT;
	c->domain = int_opt(c->fd, SO_DOMAIN);
	/* What the kernel is to do as it is needs no more questions. */
	if (c->domain == AF_UNIX && continues_on_unix(c->nr))
		return VERDICT_CONTINUE;
	c->type = int_opt(c->fd, SO_TYPE);
	*ret = -ENOTSOCK;
	if ((c->domain < 0 || c->type < 0) && c->nr != SYS_ioctl)
		return VERDICT_RESULT;
	/* The thread may have died and its number found a new owner meanwhile. */
	*ret = -EINTR;
	if (!notify_still_there(n, c->id))
		return VERDICT_RESULT;
	notify_follow(n, c);
	switch (c->nr) {
	case SYS_connect:
		return serve_connect(n, c, ret);
	case SYS_ioctl:
		return notify_serve_ioctl(n, c, ret);
	case SYS_bind:
		return notify_serve_bind(n, c, ret);
	case SYS_listen:
		return notify_serve_listen(n, c, ret);
	case SYS_getpeername:
		return notify_serve_getpeername(n, c, ret);
	case SYS_getsockopt:
		return notify_serve_getsockopt(n, c, ret);
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_recvmmsg:
		return notify_serve_recv(n, c, ret);
	case SYS_sendto:
		return notify_serve_sendto(n, c, ret);
	case SYS_sendmsg:
		return notify_serve_sendmsg(n, c, ret);
	case SYS_sendmmsg:
		return notify_serve_sendmmsg(n, c, ret);
	default:
		*ret = -ENOSYS;
		return VERDICT_RESULT;
	}
}

static void *close_run(void *arg)
{
	(void)close((int)(intptr_t)arg);
	return NULL;
}

/*
 * The program may have closed it meanwhile, or be dead: then this is the close() that takes
 * as long as SO_LINGER says, and others wait for answers.
 */
static void let_go(const struct call *c)
{
	struct linger l = { 0 };
	socklen_t len = sizeof(l);
	bool may_sleep = c->type == SOCK_STREAM && notify_is_inet(c) &&
			 getsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, &len) == 0 && l.l_onoff &&
			 l.l_linger > 0;

	if (!may_sleep || worker_start(close_run, (void *)(intptr_t)c->fd) != 0)
		(void)close(c->fd);
}

int notify_serve(struct notify *n)
{
	struct call c;
	int64_t result = -ENOSYS;

	memset(n->req, 0, n->req_size);
	if (ioctl(n->listener, SECCOMP_IOCTL_NOTIF_RECV, n->req) != 0)
		return errno == EINTR ? 0 : -errno;
	c = (struct call){ .id = n->req->id, .tid = (pid_t)n->req->pid, .nr = n->req->data.nr,
			   .args = n->req->data.args, .fd = -1 };
	switch (n->req->data.arch == NOTIFY_ARCH ? serve_call(n, &c, &result) :
						   notify_serve_foreign(n, &c, &result)) {
	case VERDICT_RESULT:
		notify_answer(n->listener, c.id, result);
		break;
	case VERDICT_CONTINUE:
		let_continue(n, c.id);
		break;
	case VERDICT_LATER:
		break;
	}
	if (c.fd >= 0)
		let_go(&c);
	return 0;
}

struct notify *notify_new(int listener, struct book *book)
{
	struct seccomp_notif_sizes sizes;
	struct notify *n = calloc(1, sizeof(*n));
	struct stat home;

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
	if (stat("/proc/self/ns/net", &home) == 0) {
		n->home_dev = home.st_dev;
		n->home_ino = home.st_ino;
	}
	n->listener = listener;
	n->book = book;
	n->viewer[0] = n->viewer[1] = n->caller_pidfd = -1;
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, (unsigned long)NOTIF_SYNC_WAKE_UP);
	return n;
}

void notify_use_serving(struct notify *n, const struct serving *s)
{
	n->serving = s->fd >= 0 ? s : NULL;
}

int notify_streams(const struct notify *n)
{
	return n->door ? door_streams(n->door) : 0;
}

