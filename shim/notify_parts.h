/* SPDX-License-Identifier: BSD-3-Clause */
/* notify_parts.h - what the files that serve caught calls share; not for anyone else */
#ifndef SHIM_NOTIFY_PARTS_H
#define SHIM_NOTIFY_PARTS_H

#include <linux/seccomp.h>
#include <linux/types.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "common/addr.h"

#define DATAGRAM_MAX 65535	/* of UDP over IPv4 or IPv6 without jumbograms */

#define THREADS_MAX 256		/* calls that sleep at one time */
#define NOTIFY_THREAD_STACK 65536

struct door;
struct nameserver;

struct notify {
	int listener;
	struct seccomp_notif *req;
	size_t req_size;	/* the kernel may want more than our headers know */
	struct door *door;	/* made when first needed */
	struct nameserver *names;
	atomic_int threads;	/* THREADS_MAX at most */
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

bool notify_read_mem(pid_t tid, void *dst, uint64_t src, size_t len);
bool notify_write_mem(pid_t tid, uint64_t dst, const void *src, size_t len);
bool notify_is_inet(const struct call *c);
/* Its packets leave by a network device, wherever they are for. */
bool notify_is_device_bound(const struct call *c);
/* Port 53 of whatever host, and which. */
bool notify_is_dns(const struct sockaddr_storage *addr, socklen_t len, struct addr_port *ret);
/* Our name server, made when first needed; NULL when it cannot be. */
struct nameserver *notify_names(struct notify *n);
/* Writes @ap where getpeername() or recvfrom() wants an address. 0 or -EFAULT. */
int notify_give_address(const struct call *c, const struct addr_port *ap, uint64_t at,
			uint64_t len_at);
/* The result of the call: a value, or -errno. */
void notify_answer(int listener, uint64_t id, int64_t result);

enum verdict notify_serve_sendto(struct notify *n, struct call *c, int64_t *ret);
enum verdict notify_serve_sendmsg(struct notify *n, struct call *c, int64_t *ret);
enum verdict notify_serve_sendmmsg(struct notify *n, struct call *c, int64_t *ret);
enum verdict notify_serve_recvfrom(struct notify *n, struct call *c, int64_t *ret);

#endif
