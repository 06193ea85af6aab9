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
#include "common/ipc.h"

#define DATAGRAM_MAX 65535	/* of UDP over IPv4 or IPv6 without jumbograms */

struct book;
struct door;
struct moves;
struct nameserver;
struct serving;

struct notify {
	int listener;
	struct seccomp_notif *req;
	size_t req_size;	/* the kernel may want more than our headers know */
	dev_t home_dev;		/* the network namespace that the supervisor is in */
	ino_t home_ino;
	pid_t caller;		/* whose pidfd is kept */
	int caller_pidfd;	/* -1: nobody's */
	struct door *door;	/* made when first needed */
	struct privnet *net;	/* likewise; NULL where there is none */
	bool net_tried;
	bool nested;		/* not every program is in the domain of this invocation */
	int viewer[2];		/* sockets of @net that know its interfaces; -1: none yet */
	struct nameserver *names;
	struct moves *moves;	/* sockets that other processes have still (notify_moved.c) */
	struct book *book;
	const struct serving *serving;	/* NULL: nothing is */
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

bool notify_read_mem(pid_t tid, void *dst, uint64_t src, size_t len);
bool notify_write_mem(pid_t tid, uint64_t dst, const void *src, size_t len);
/* Our duplicate of the program's descriptor, or -EBADF, or -EACCES when it cannot be had. */
int notify_dup_from(struct notify *n, pid_t tid, int fd);
/* The program's name as the kernel knows it. */
void notify_read_program(pid_t tid, char ret[IPC_PROGRAM_MAX + 1]);
/*
 * The domain that the preload library in this program resolves names in, when it has
 * one: the name that an address stands for is known there alone. Else empty.
 */
void notify_read_domain(pid_t tid, char ret[IPC_DOMAIN_MAX + 1]);
/* Nobody has taken the call back. */
bool notify_is_valid(int listener, uint64_t id);
bool notify_still_there(const struct notify *n, uint64_t id);
bool notify_is_inet(const struct call *c);
/*
 * Is this thread in the network namespace that the supervisor is in? A program may have
 * made one for itself. Said of every thread about which nothing can be learnt.
 */
bool notify_is_neighbour(const struct notify *n, pid_t tid);
/* Meant for a name server: its address in @ret. */
bool notify_is_dns(const struct sockaddr_storage *addr, socklen_t len, struct addr_port *ret);
/* Ours, made when first needed; NULL when it cannot be. */
struct nameserver *notify_names(struct notify *n);
/* @ap as an address of a socket of @domain. Its length. */
socklen_t notify_sockaddr_for(int domain, const struct addr_port *ap, struct sockaddr_storage *ret);
/* An address for the program, as getpeername() gives one. 0 or -errno. */
int64_t notify_write_address(pid_t tid, uint64_t at, uint64_t len_at,
			     const struct sockaddr_storage *ss, socklen_t full);
/* Ours, made when first needed; NULL where it cannot be. */
struct privnet *notify_net(struct notify *n);
/* Is the call about a TCP socket of the private namespace? */
bool notify_is_private(const struct notify *n, const struct call *c);
/* Makes such a socket one of this machine. 0 or -errno. */
int notify_bring_home(struct notify *n, struct call *c);
/* The thread group of a thread, for kernels whose pidfds know groups only. */
pid_t notify_group_of(pid_t tid);
/*
 * Puts @fd in the place of the socket of the call, wherever its process has that. Takes @fd
 * over on success. 0 or -errno.
 */
int notify_replace(struct notify *n, struct call *c, int fd);
/* The socket of the call was replaced in another process: it is here, too. */
void notify_follow(struct notify *n, struct call *c);
/* Remembers a refusal (book.h); @what is a static text, @dest may be NULL. */
void notify_refused(const struct notify *n, const struct call *c, const char *what,
		    const struct addr_port *dest, int error);
/* The result of the call: a value, or -errno. */
void notify_answer(int listener, uint64_t id, int64_t result);

/* Refused whatever they say; a stream that the preload library tells about. */
enum verdict notify_serve_socket(struct notify *n, const struct call *c, int64_t *ret);
enum verdict notify_serve_setsockopt(const struct notify *n, const struct call *c, int64_t *ret);
enum verdict notify_serve_note(struct notify *n, const struct call *c, int64_t *ret);
enum verdict notify_serve_mount(struct notify *n, const struct call *c, int64_t *ret);
enum verdict notify_serve_foreign(const struct notify *n, const struct call *c, int64_t *ret);
/* Connects a stand-in to the agent and asks for its stream. */
enum verdict notify_serve_open(struct notify *n, struct call *c, int64_t *ret);
/* A socket that may be had: from the private namespace if possible; datagrams' are confined. */
enum verdict notify_serve_new_socket(struct notify *n, const struct call *c, int64_t *ret);
enum verdict notify_serve_ioctl(struct notify *n, const struct call *c, int64_t *ret);
enum verdict notify_serve_bind(struct notify *n, struct call *c, int64_t *ret);
enum verdict notify_serve_listen(struct notify *n, struct call *c, int64_t *ret);
enum verdict notify_serve_getpeername(struct notify *n, struct call *c, int64_t *ret);
enum verdict notify_serve_getsockopt(struct notify *n, struct call *c, int64_t *ret);
enum verdict notify_serve_recv(struct notify *n, struct call *c, int64_t *ret);
enum verdict notify_serve_sendto(struct notify *n, struct call *c, int64_t *ret);
enum verdict notify_serve_sendmsg(struct notify *n, struct call *c, int64_t *ret);
enum verdict notify_serve_sendmmsg(struct notify *n, struct call *c, int64_t *ret);

#endif
