/* SPDX-License-Identifier: BSD-3-Clause */
/* unreach.c - see unreach.h; RFC 792, RFC 4443 3.1 */
#include "shim/unreach.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/wire.h"
#include "shim/hold.h"
#include "shim/privnet.h"

#ifndef TCP_REPAIR_OFF_NO_WP
#define TCP_REPAIR_OFF_NO_WP (-1)	/* and no window probe */
#endif
#define SEND_QUEUE 2	/* TCP_REPAIR_QUEUE: TCP_SEND_QUEUE of linux/tcp.h */
#define TRIES 20	/* a thread that uses the socket at that moment delays it */

/* The code of "destination unreachable" that Linux makes @error of; -1: none. */
static int code_of(bool six, int error)
{
	switch (error) {
	case ECONNREFUSED:
		return six ? ICMP6_DST_UNREACH_NOPORT : ICMP_PORT_UNREACH;
	case EHOSTUNREACH:
		return six ? ICMP6_DST_UNREACH_ADDR : ICMP_HOST_UNREACH;
	case ENETUNREACH:
		return six ? ICMP6_DST_UNREACH_NOROUTE : ICMP_NET_UNREACH;
	case EACCES:
		return six ? ICMP6_DST_UNREACH_ADMIN : -1;
	default:
		return -1;
	}
}

static uint16_t checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The first bytes of the packet: its IP header and eight of TCP's. */
static void put_packet(struct wire_writer *w, const struct addr_port *from,
		       const struct addr_port *to, uint32_t seq)
{
	if (to->addr.family == ADDR_V6) {
		wire_put_u32(w, 6u << 28);
		wire_put_u16(w, 20);
		wire_put_u8(w, IPPROTO_TCP);
		wire_put_u8(w, 64);
		wire_put_bytes(w, from->addr.b, 16);
		wire_put_bytes(w, to->addr.b, 16);
	} else {
		wire_put_u16(w, 0x4500);
		wire_put_u16(w, 40);
		wire_put_u32(w, 0);
		wire_put_u8(w, 64);
		wire_put_u8(w, IPPROTO_TCP);
		wire_put_u16(w, 0);
		wire_put_bytes(w, from->addr.b, 4);
		wire_put_bytes(w, to->addr.b, 4);
	}
	wire_put_u16(w, from->port);
	wire_put_u16(w, to->port);
	wire_put_u32(w, seq);
}

size_t unreach_encode(uint8_t out[UNREACH_MESSAGE_MAX], const struct addr_port *from,
		      const struct addr_port *to, uint32_t seq, int error)
{
	bool six = to->addr.family == ADDR_V6;
	int code = code_of(six, error);
	struct wire_writer w;
	uint16_t sum;

	if (code < 0 || from->addr.family != to->addr.family)
		return 0;
	wire_writer_init(&w, out, UNREACH_MESSAGE_MAX);
	wire_put_u8(&w, six ? ICMP6_DST_UNREACH : ICMP_DEST_UNREACH);
	wire_put_u8(&w, (uint8_t)code);
	wire_put_u16(&w, 0);
	wire_put_u32(&w, 0);
	put_packet(&w, from, to, seq);
	if (!wire_writer_ok(&w))
		return 0;
	if (!six) {
		sum = checksum(out, wire_len(&w));
		out[2] = (uint8_t)(sum >> 8);
		out[3] = (uint8_t)sum;
	}
	return wire_len(&w);
}

/* The sequence number of the SYN, which only "repair" shows. 0 or -errno. */
static int read_seq(int fd, uint32_t *ret)
{
	int reuse = 0, on = 1, off = TCP_REPAIR_OFF_NO_WP, queue = SEND_QUEUE, r = 0;
	socklen_t len = sizeof(reuse);
	uint32_t next = 0;

	(void)getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, &len);
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) != 0)
		return -errno;
	len = sizeof(next);
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)) != 0 ||
	    getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &next, &len) != 0)
		r = -errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off));
	/* Repair has taken this one. */
	if (reuse)
		(void)hold_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r == 0)
		*ret = next - 1;
	return r;
}

static int local_of(int fd, struct addr_port *ret)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return -errno;
	if (addr_from_sockaddr((struct sockaddr *)&ss, len, ret) != 0)
		return -EINVAL;
	ret->addr = addr_unmap_v4(&ret->addr);
	return 0;
}

int unreach_tell(struct privnet *net, int fd, const struct addr_port *to, int error)
{
	bool six = to->addr.family == ADDR_V6;
	uint8_t message[UNREACH_MESSAGE_MAX];
	struct sockaddr_storage ss;
	struct addr_port from, target;
	uint32_t seq = 0;
	socklen_t addr_len;
	size_t len;
	int raw, r = local_of(fd, &from);

	if (r == 0)
		r = code_of(six, error) < 0 ? -ENOTSUP : read_seq(fd, &seq);
	if (r < 0)
		return r;
	len = unreach_encode(message, &from, to, seq, error);
	raw = len > 0 ? privnet_socket(net, six ? AF_INET6 : AF_INET, SOCK_RAW,
				       six ? IPPROTO_ICMPV6 : IPPROTO_ICMP) : -EINVAL;
	if (raw < 0)
		return raw;
	target = (struct addr_port){ from.addr, 0 };
	addr_len = addr_to_sockaddr(&target, &ss);
	r = -EAGAIN;
	for (int i = 0; i < TRIES && r != 0; i++) {
		(void)sendto(raw, message, len, MSG_DONTWAIT, (struct sockaddr *)&ss, addr_len);
		for (int j = 0; j < 4 && r != 0; j++) {
			r = hold_tcp_state(fd) == TCP_CLOSE ? 0 : -EAGAIN;
			if (r != 0)
				(void)usleep(200);
		}
	}
	(void)close(raw);
	return r;
}

void unreach_forget(int fd)
{
	char c;

	for (int i = 0; i < TRIES; i++) {
		if (recv(fd, &c, sizeof(c), MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return;
	}
}
