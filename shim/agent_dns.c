/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * agent_dns.c - names for a process whose user may not talk to the agent
 *
 * A program that root started and that gave up its rights (apt's methods do) has an
 * agent that lets in root alone. The supervisor still serves the process: UDP to
 * port 53 of any address ends at its name server, which asks as the right user.
 */
#include <arpa/nameser.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/wire.h"
#include "shim/agent.h"
#include "shim/sys.h"

#define MESSAGE_MAX 600
#define ANSWER_WAIT_S 60
#define ANY_SERVER 0xc0000235u	/* 192.0.2.53: no packet goes there */

static size_t write_query(uint8_t *buf, size_t cap, const char *name, size_t len, uint16_t type)
{
	struct wire_writer w;

	wire_writer_init(&w, buf, cap);
	wire_put_u16(&w, type);		/* as good an id as any: nobody else can answer */
	wire_put_u16(&w, 0x0100);
	wire_put_u16(&w, 1);
	wire_put_u16(&w, 0);
	wire_put_u32(&w, 0);
	for (size_t at = 0; at < len;) {
		const char *dot = memchr(name + at, '.', len - at);
		size_t n = dot ? (size_t)(dot - name) - at : len - at;

		if (n == 0 || n > NS_MAXLABEL)
			return 0;
		wire_put_u8(&w, (uint8_t)n);
		wire_put_bytes(&w, name + at, n);
		at += n + 1;
	}
	wire_put_u8(&w, 0);
	wire_put_u16(&w, type);
	wire_put_u16(&w, ns_c_in);
	return wire_writer_ok(&w) ? wire_len(&w) : 0;
}

/* The name server repeats the question and adds one record at most. */
static int read_answer(const uint8_t *buf, size_t len, size_t question, uint16_t type,
		       struct addr *ret)
{
	struct wire_reader r;
	uint16_t flags, answers, size;
	const uint8_t *bytes;

	wire_reader_init(&r, buf, len);
	wire_skip(&r, 2);
	flags = wire_get_u16(&r);
	wire_skip(&r, 2);
	answers = wire_get_u16(&r);
	wire_skip(&r, question - 8);
	if (!wire_ok(&r))
		return -EPROTO;
	if ((flags & 0xf) == ns_r_nxdomain)
		return IPC_LOOKUP_NONAME;
	if ((flags & 0xf) != ns_r_noerror)
		return -EPROTO;
	if (answers == 0)
		return 0;
	wire_skip(&r, 10);	/* name, type, class, time to live */
	size = wire_get_u16(&r);
	bytes = wire_get_ptr(&r, size);
	if (!wire_ok(&r) || size != (type == ns_t_aaaa ? 16 : 4))
		return -EPROTO;
	ret->family = type == ns_t_aaaa ? ADDR_V6 : ADDR_V4;
	memcpy(ret->b, bytes, size);
	return 0;
}

static int ask(const char *name, size_t len, uint16_t type, struct addr *ret)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(NS_DEFAULTPORT),
				  .sin_addr.s_addr = htonl(ANY_SERVER) };
	struct timespec ts = { .tv_sec = ANSWER_WAIT_S };
	uint8_t buf[MESSAGE_MAX];
	size_t question = write_query(buf, sizeof(buf), name, len, type);
	struct pollfd p = { .events = POLLIN };
	long n;

	if (question == 0)
		return IPC_LOOKUP_NONAME;
	p.fd = (int)sys_call3(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (p.fd < 0)
		return p.fd;
	n = sys_call3(SYS_connect, p.fd, &to, sizeof(to));
	if (n == 0)
		n = sys_call6(SYS_sendto, p.fd, buf, question, MSG_NOSIGNAL, NULL, 0);
	if (n > 0)
		n = sys_call5(SYS_ppoll, &p, 1, &ts, NULL, 0);
	if (n > 0)
		n = sys_call6(SYS_recvfrom, p.fd, buf, sizeof(buf), MSG_DONTWAIT, NULL, NULL);
	(void)sys_call1(SYS_close, p.fd);
	if (n <= 0)
		return n < 0 ? (int)n : -ETIMEDOUT;
	return read_answer(buf, (size_t)n, question, type, ret);
}

int agent_resolve_supervised(const char *name, size_t len, struct ipc_addresses *ret)
{
	struct ipc_addresses got = { .lookup = IPC_LOOKUP_OK };
	int r = ask(name, len, ns_t_a, &got.v4);

	if (r == 0)
		r = ask(name, len, ns_t_aaaa, &got.v6);
	if (r == 0)
		*ret = got;
	return r;
}
