/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook_bind.c - bind() to the local address that getsockname() told
 *
 * A stream's local address is the agent's, and no interface here has it. Programs
 * that bind a second socket to it (FTP clients do, for data) mean "the same side as
 * the first": they get loopback, where nobody outside can reach what they bind.
 */
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>

#include "common/addr.h"
#include "shim/config.h"
#include "shim/hooks.h"
#include "shim/probe.h"
#include "shim/sys.h"

/*
 * The last one told, per family: an agent has one of each. The halves of an IPv6
 * address are written apart; a mixture of two equals neither, and bind() then fails.
 */
static _Atomic uint32_t told4;
static _Atomic uint64_t told6[2];

void hook_note_local(const struct addr *local)
{
	uint32_t v4;
	uint64_t v6[2];

	if (local->family == ADDR_V4) {
		memcpy(&v4, local->b, sizeof(v4));
		atomic_store(&told4, v4);
	} else if (local->family == ADDR_V6) {
		memcpy(v6, local->b, sizeof(v6));
		atomic_store(&told6[0], v6[0]);
		atomic_store(&told6[1], v6[1]);
	}
}

static bool was_told(const struct addr *a)
{
	uint32_t v4;
	uint64_t v6[2];

	if (a->family == ADDR_V4) {
		memcpy(&v4, a->b, sizeof(v4));
		return v4 != 0 && v4 == atomic_load(&told4);
	}
	memcpy(v6, a->b, sizeof(v6));
	return v6[0] != 0 && v6[0] == atomic_load(&told6[0]) && v6[1] == atomic_load(&told6[1]);
}

static long shim_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	static const uint8_t one[16] = { [15] = 1 };
	struct sockaddr_storage ss;
	struct addr_port ap;
	bool local = len >= sizeof(addr->sa_family) && probe_readable(addr, sizeof(addr->sa_family)) &&
		     addr->sa_family == AF_UNIX;
	long r = sys_call3(SYS_bind, fd, addr, local ? CONFIG_MARKED(len) : (long)len);

	if (r != -EADDRNOTAVAIL || !addr || len > sizeof(ss))
		return r;
	memset(&ss, 0, sizeof(ss));
	memcpy(&ss, addr, len);
	if (addr_from_sockaddr((const struct sockaddr *)&ss, len, &ap) < 0)
		return r;
	if (!was_told(&ap.addr))
		return r;
	ap.addr = ap.addr.family == ADDR_V6 ? addr_v6(one) : addr_v4(INADDR_LOOPBACK);
	len = addr_to_sockaddr(&ap, &ss);
	return sys_call3(SYS_bind, fd, &ss, len);
}

HOOK int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)hook_result(shim_bind(fd, addr, len));
}
