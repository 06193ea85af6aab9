/* SPDX-License-Identifier: BSD-3-Clause */
/* filter.c - see filter.h */
#include "shim/filter.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/config.h"

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif
#ifndef IPV6_UNICAST_IF
#define IPV6_UNICAST_IF 76
#endif

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000u
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#endif

/* Wireless extensions, whose header does not go with the C library's. */
#define SIOCIWFIRST 0x8b00
#define SIOCIWLAST 0x8bff

#define FAIL(e) (SECCOMP_RET_ERRNO | ((e) & SECCOMP_RET_DATA))
#define ALLOW SECCOMP_RET_ALLOW

/*
 * 32-bit programs on x86_64 run, without any network: these are the i386 numbers of
 * socketcall, request_key, sendmmsg, socket, socketpair, bind, connect, listen, accept4,
 * setsockopt, sendto, sendmsg and io_uring's three. A 64-bit program has them too, for
 * sockets that it made as such.
 */
#if defined(__x86_64__)
static const unsigned int i386_refused[] = { 102, 287, 345, 359, 360, 361, 362, 363, 364, 366,
						369, 370, 425, 426, 427 };
#endif

static unsigned short emit(struct filter *f, unsigned short code, unsigned char jt,
			   unsigned char jf, unsigned int k)
{
	assert(f->n < FILTER_MAX);
	f->ins[f->n] = (struct sock_filter){ code, jt, jf, k };
	return f->n++;
}

static void load(struct filter *f, size_t offset)
{
	(void)emit(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (unsigned int)offset);
}

/* Arguments are 64-bit; both architectures are little-endian. */
static void load_arg(struct filter *f, unsigned int i)
{
	load(f, offsetof(struct seccomp_data, args) + 8 * i);
}

static void load_arg_high(struct filter *f, unsigned int i)
{
	load(f, offsetof(struct seccomp_data, args) + 8 * i + 4);
}

static void ret(struct filter *f, unsigned int action)
{
	(void)emit(f, BPF_RET | BPF_K, 0, 0, action);
}

/* What follows up to end_if() runs when the loaded word is @k, and must return. */
static unsigned short begin_if(struct filter *f, unsigned int k)
{
	return emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, k);
}

static void end_if(struct filter *f, unsigned short at)
{
	assert(f->n - at - 1 <= 255);
	f->ins[at].jf = (unsigned char)(f->n - at - 1);
}

static void ret_if(struct filter *f, unsigned int k, unsigned int action)
{
	unsigned short at = begin_if(f, k);

	ret(f, action);
	end_if(f, at);
}

/* ... or another one of the @n values. */
static void ret_if_any(struct filter *f, const unsigned int *values, size_t n, unsigned int action)
{
	for (size_t i = 0; i < n; i++)
		ret_if(f, values[i], action);
}

#define RET_IF_ANY(f, values, action) \
	ret_if_any(f, values, sizeof(values) / sizeof((values)[0]), action)

static void ret_if_bits(struct filter *f, unsigned int bits, unsigned int action)
{
	(void)emit(f, BPF_JMP | BPF_JSET | BPF_K, 0, 1, bits);
	ret(f, action);
}

/* --- rules, one per system call; the loaded word is its number --- */

/*
 * What is refused for good is asked about all the same when somebody counts (book.h):
 * the supervisor has no other answer.
 */
static unsigned int refuse(bool notify, unsigned int error)
{
	return notify ? SECCOMP_RET_USER_NOTIF : FAIL(error);
}

/*
 * A socket that may be had. The preload library marks its own, which never take the
 * native door if it can help it; the others are the supervisor's to make.
 */
static void ret_socket(struct filter *f, bool notify)
{
	if (notify) {
		load_arg_high(f, 2);
		ret_if(f, CONFIG_SOCKET_MARK, ALLOW);
		ret(f, SECCOMP_RET_USER_NOTIF);
	} else {
		ret(f, ALLOW);
	}
}

static void ret_socket_if(struct filter *f, unsigned int protocol, bool notify)
{
	unsigned short at = begin_if(f, protocol);

	ret_socket(f, notify);
	end_if(f, at);
}

/* The same decisions as policy_for_socket(). */
static void rule_socket(struct filter *f, bool notify)
{
	unsigned short rule = begin_if(f, SYS_socket), stream, dgram, netlink;

	load_arg(f, 0);
	ret_if(f, AF_UNIX, ALLOW);
	netlink = begin_if(f, AF_NETLINK);
	load_arg(f, 2);
	ret_socket_if(f, NETLINK_ROUTE, notify);
	ret_socket_if(f, NETLINK_SOCK_DIAG, notify);
	ret_socket_if(f, NETLINK_GENERIC, notify);
	ret(f, ALLOW);
	end_if(f, netlink);
	ret_if(f, AF_ALG, ALLOW);
	ret_if(f, AF_PACKET, refuse(notify, EPERM));
	(void)emit(f, BPF_JMP | BPF_JEQ | BPF_K, 2, 0, AF_INET);
	(void)emit(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AF_INET6);
	ret(f, FAIL(EAFNOSUPPORT));
	load_arg(f, 1);
	(void)emit(f, BPF_ALU | BPF_AND | BPF_K, 0, 0, 0xf);
	stream = begin_if(f, SOCK_STREAM);
	load_arg(f, 2);
	ret_socket_if(f, 0, notify);
	ret_socket_if(f, IPPROTO_TCP, notify);
	ret(f, refuse(notify, EPROTONOSUPPORT));
	end_if(f, stream);
	dgram = begin_if(f, SOCK_DGRAM);
	load_arg(f, 2);
	/* Whoever says to be the library: datagrams are to be kept on this machine. */
	ret_if(f, 0, notify ? SECCOMP_RET_USER_NOTIF : ALLOW);
	ret_if(f, IPPROTO_UDP, notify ? SECCOMP_RET_USER_NOTIF : ALLOW);
	ret_if(f, IPPROTO_ICMP, refuse(notify, EPERM));
	ret_if(f, IPPROTO_ICMPV6, refuse(notify, EPERM));
	ret(f, refuse(notify, EPROTONOSUPPORT));
	end_if(f, dgram);
	ret(f, refuse(notify, EPERM));
	end_if(f, rule);
}

/* TIPC, too, makes pairs, and these send to where they are told. */
static void rule_socketpair(struct filter *f)
{
	unsigned short rule = begin_if(f, SYS_socketpair);

	load_arg(f, 0);
	ret_if(f, AF_UNIX, ALLOW);
	ret(f, FAIL(EOPNOTSUPP));
	end_if(f, rule);
}

/*
 * With something to call out about, the kernel has a helper outside make the key, and a
 * key may be the address of a name ("dns_resolver").
 */
static void rule_request_key(struct filter *f)
{
	unsigned short rule = begin_if(f, SYS_request_key);

	load_arg(f, 2);
	(void)emit(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0);
	ret(f, FAIL(ENOKEY));
	load_arg_high(f, 2);
	ret_if(f, 0, ALLOW);
	ret(f, FAIL(ENOKEY));
	end_if(f, rule);
}

/* Data with MSG_FASTOPEN would be in a SYN; data with an address goes where it says. */
static void rule_sends(struct filter *f, unsigned int notify)
{
	unsigned short rule = begin_if(f, SYS_sendto);

	load_arg(f, 3);
	ret_if_bits(f, MSG_FASTOPEN, FAIL(EOPNOTSUPP));
	load_arg(f, 4);
	(void)emit(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0);
	ret(f, notify);
	load_arg_high(f, 4);
	ret_if(f, 0, ALLOW);
	ret(f, notify);
	end_if(f, rule);

	rule = begin_if(f, SYS_sendmsg);
	load_arg(f, 2);
	ret_if_bits(f, MSG_FASTOPEN, FAIL(EOPNOTSUPP));
	ret(f, notify);
	end_if(f, rule);

	rule = begin_if(f, SYS_sendmmsg);
	load_arg(f, 3);
	ret_if_bits(f, MSG_FASTOPEN, FAIL(EOPNOTSUPP));
	ret(f, notify);
	end_if(f, rule);
}

/*
 * Who sent a datagram: the supervisor knows who seems to have, for answers of its name
 * server. The mark is the preload library's for all other calls, which may sleep; it
 * lets a program see less, and nothing out.
 */
static void rule_receives(struct filter *f, unsigned int notify)
{
	unsigned short rule = begin_if(f, SYS_recvfrom);

	load_arg(f, 3);
	ret_if_bits(f, CONFIG_RECV_MARK, ALLOW);
	load_arg(f, 4);
	(void)emit(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0);
	ret(f, notify);
	load_arg_high(f, 4);
	ret_if(f, 0, ALLOW);
	ret(f, notify);
	end_if(f, rule);

	rule = begin_if(f, SYS_recvmsg);
	load_arg(f, 2);
	ret_if_bits(f, CONFIG_RECV_MARK, ALLOW);
	ret(f, notify);
	end_if(f, rule);

	rule = begin_if(f, SYS_recvmmsg);
	load_arg(f, 3);
	ret_if_bits(f, CONFIG_RECV_MARK, ALLOW);
	ret(f, notify);
	end_if(f, rule);
}

/*
 * Joining a multicast group makes the kernel send IGMP or MLD reports by itself; a
 * source route makes a packet for loopback go elsewhere first; a socket that is bound
 * to a device sends even those for 127.0.0.1 out of it.
 */
static void rule_setsockopt(struct filter *f, bool notify)
{
	static const unsigned int devices[] = { SO_BINDTODEVICE, SO_BINDTOIFINDEX, SO_MARK };
	static const unsigned int routes4[] = { IP_OPTIONS, IP_UNICAST_IF };
	static const unsigned int routes6[] = { IPV6_RTHDR, IPV6_2292RTHDR, IPV6_2292PKTOPTIONS,
						IPV6_PKTINFO, IPV6_UNICAST_IF };
	static const unsigned int joins4[] = { IP_ADD_MEMBERSHIP, IP_ADD_SOURCE_MEMBERSHIP,
					       MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP,
					       IP_MSFILTER, MCAST_MSFILTER };
	static const unsigned int joins6[] = { IPV6_JOIN_GROUP, IPV6_JOIN_ANYCAST, MCAST_JOIN_GROUP,
					       MCAST_JOIN_SOURCE_GROUP, MCAST_MSFILTER };
	unsigned short rule = begin_if(f, SYS_setsockopt), level;

	load_arg(f, 1);
	level = begin_if(f, SOL_SOCKET);
	load_arg(f, 2);
	RET_IF_ANY(f, devices, refuse(notify, EPERM));
	ret(f, ALLOW);
	end_if(f, level);
	level = begin_if(f, IPPROTO_IP);
	load_arg(f, 2);
	RET_IF_ANY(f, joins4, refuse(notify, ENODEV));
	RET_IF_ANY(f, routes4, refuse(notify, EPERM));
	ret(f, ALLOW);
	end_if(f, level);
	level = begin_if(f, IPPROTO_IPV6);
	load_arg(f, 2);
	RET_IF_ANY(f, joins6, refuse(notify, ENODEV));
	RET_IF_ANY(f, routes6, refuse(notify, EPERM));
	ret(f, ALLOW);
	end_if(f, level);
	ret(f, ALLOW);
	end_if(f, rule);
}

/*
 * The library marks the names of its own Unix sockets. On another one the mark gains
 * nothing: a TCP socket is confined when it listens, one for datagrams has been (confine.h).
 */
static void rule_bind(struct filter *f, unsigned int notify)
{
	unsigned short rule = begin_if(f, SYS_bind);

	load_arg_high(f, 2);
	ret_if(f, CONFIG_SOCKET_MARK, ALLOW);
	ret(f, notify);
	end_if(f, rule);
}

/* Only SO_ERROR: what a connect() that was caught has come to. */
static void rule_getsockopt(struct filter *f, unsigned int notify)
{
	unsigned short rule = begin_if(f, SYS_getsockopt), level;

	load_arg(f, 1);
	level = begin_if(f, SOL_SOCKET);
	load_arg(f, 2);
	ret_if(f, SO_ERROR, notify);
	ret(f, ALLOW);
	end_if(f, level);
	ret(f, ALLOW);
	end_if(f, rule);
}

/* What the old ioctls tell of this machine's interfaces, and which wireless network it is in. */
static void rule_ioctl(struct filter *f, unsigned int notify)
{
	static const unsigned int asked[] = {
		SIOCGIFCONF, SIOCGIFADDR, SIOCGIFFLAGS, SIOCGIFHWADDR, SIOCGIFINDEX, SIOCGIFNAME,
		SIOCGIFNETMASK, SIOCGIFBRDADDR, SIOCGIFDSTADDR, SIOCGIFMTU, SIOCGIFMETRIC,
		SIOCGIFTXQLEN, SIOCGIFMAP, SIOCETHTOOL, SIOCGARP,
	};
	unsigned short rule = begin_if(f, SYS_ioctl);

	load_arg(f, 1);
	/* Nearly all others are below: terminals, files, devices. */
	(void)emit(f, BPF_JMP | BPF_JGE | BPF_K, 1, 0, SIOCGIFNAME);
	ret(f, ALLOW);
	RET_IF_ANY(f, asked, notify);
	(void)emit(f, BPF_JMP | BPF_JGE | BPF_K, 0, 2, SIOCIWFIRST);
	(void)emit(f, BPF_JMP | BPF_JGT | BPF_K, 1, 0, SIOCIWLAST);
	ret(f, notify);
	ret(f, ALLOW);
	end_if(f, rule);
}

/*
 * prctl: our own probe gets an answer no kernel gives. PR_SET_DUMPABLE 0 is taken
 * without effect, since the supervisor must be able to read addresses.
 */
static void rule_prctl(struct filter *f, bool notify)
{
	unsigned short rule = begin_if(f, SYS_prctl), option;

	load_arg(f, 0);
	if (notify)
		ret_if(f, CONFIG_PROBE_PRCTL, FAIL(ENOTUNIQ));
	if (notify)
		ret_if(f, CONFIG_OPEN_PRCTL, SECCOMP_RET_USER_NOTIF);
	if (notify)
		ret_if(f, CONFIG_NOTE_PRCTL, SECCOMP_RET_USER_NOTIF);
	if (notify)
		ret_if(f, CONFIG_NESTED_PRCTL, SECCOMP_RET_USER_NOTIF);
	option = begin_if(f, PR_SET_DUMPABLE);
	load_arg(f, 1);
	ret_if(f, 0, FAIL(0));
	ret(f, ALLOW);
	end_if(f, option);
	ret(f, ALLOW);
	end_if(f, rule);
}

static void rules_for_foreign(struct filter *f, bool notify)
{
	unsigned short native;

	load(f, offsetof(struct seccomp_data, arch));
	native = emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, NATIVE_ARCH);
#if defined(__x86_64__)
	unsigned short i386 = begin_if(f, AUDIT_ARCH_I386);

	load(f, offsetof(struct seccomp_data, nr));
	RET_IF_ANY(f, i386_refused, refuse(notify, ENOSYS));
	ret(f, ALLOW);
	end_if(f, i386);
#endif
	ret(f, FAIL(ENOSYS));
	f->ins[native].jt = (unsigned char)(f->n - native - 1);
	load(f, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
	(void)emit(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_BIT);
	ret(f, FAIL(ENOSYS));
#endif
}

void filter_build(struct filter *f, bool notify)
{
	unsigned int ask = notify ? SECCOMP_RET_USER_NOTIF : ALLOW;

	f->n = 0;
	rules_for_foreign(f, notify);
	/* First: programs make many of them, and nearly all have nothing to do with us. */
	rule_ioctl(f, ask);
	ret_if(f, SYS_connect, ask);
	ret_if(f, SYS_getpeername, ask);
	ret_if(f, SYS_listen, ask);
	rule_bind(f, ask);
	rule_getsockopt(f, ask);
	rule_sends(f, ask);
	rule_receives(f, ask);
	rule_socket(f, notify);
	rule_socketpair(f);
	rule_request_key(f);
	/* Of a network's file system, which the kernel itself would talk for. */
	ret_if(f, SYS_mount, ask);
	ret_if(f, SYS_fsopen, ask);
	rule_setsockopt(f, notify);
	rule_prctl(f, notify);
	/* Its sockets are made and connected where no filter looks. */
	ret_if(f, SYS_io_uring_setup, FAIL(ENOSYS));
	ret_if(f, SYS_io_uring_enter, FAIL(ENOSYS));
	ret_if(f, SYS_io_uring_register, FAIL(ENOSYS));
	ret(f, ALLOW);
}

int filter_install(const struct filter *f, bool notify)
{
	struct filter copy = *f;	/* the kernel's type lacks const */
	struct sock_fprog prog = { .len = copy.n, .filter = copy.ins };
	long r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		    notify ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0, &prog);
	return r < 0 ? -errno : (int)r;
}
