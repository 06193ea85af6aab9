/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c - see options.h */
#include "shim/options.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/sys.h"

#define STREAMS 4096	/* remembered; untouched pages cost nothing */
#define PROBE 8		/* places for one stream */

struct option {
	int level;
	int name;
	int fallback;
	bool moves;	/* changes with the connection: not taken over */
};

static const struct option known[] = {
	{ IPPROTO_TCP, TCP_NODELAY, 0, false },
	{ IPPROTO_TCP, TCP_MAXSEG, 1448, true },
	{ IPPROTO_TCP, TCP_CORK, 0, false },
	{ IPPROTO_TCP, TCP_KEEPIDLE, 7200, false },
	{ IPPROTO_TCP, TCP_KEEPINTVL, 75, false },
	{ IPPROTO_TCP, TCP_KEEPCNT, 9, false },
	{ IPPROTO_TCP, TCP_SYNCNT, 6, false },
	{ IPPROTO_TCP, TCP_LINGER2, 60, false },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, false },
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP, 0, true },
	{ IPPROTO_TCP, TCP_QUICKACK, 1, true },
	{ IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 0, false },
	{ IPPROTO_TCP, TCP_THIN_DUPACK, 0, true },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, 0, false },
	{ IPPROTO_TCP, TCP_TIMESTAMP, 0, true },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0, false },
	{ IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0, false },
	{ IPPROTO_TCP, TCP_INQ, 0, true },
	{ IPPROTO_IP, IP_TOS, 0, false },
	{ IPPROTO_IP, IP_TTL, 64, false },
	{ IPPROTO_IP, IP_MTU, 1500, true },
	{ IPPROTO_IP, IP_MTU_DISCOVER, 1, false },
	{ IPPROTO_IP, IP_RECVERR, 0, false },
	{ IPPROTO_IP, IP_FREEBIND, 0, false },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0, false },
	{ IPPROTO_IP, IP_RECVTOS, 0, false },
	{ IPPROTO_IP, IP_PKTINFO, 0, false },
	{ IPPROTO_IPV6, IPV6_V6ONLY, 0, false },
	{ IPPROTO_IPV6, IPV6_TCLASS, 0, false },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64, false },
	{ IPPROTO_IPV6, IPV6_MTU, 1500, true },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, 1, false },
	{ IPPROTO_IPV6, IPV6_RECVERR, 0, false },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, 0, false },
	{ SOL_SOCKET, SO_SNDBUF, 131072, false },
	{ SOL_SOCKET, SO_PRIORITY, 0, false },
	{ SOL_SOCKET, SO_REUSEPORT, 0, false },
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

struct stream {
	_Atomic uint64_t handle;	/* 0: nobody's */
	_Atomic int value[KNOWN];
	_Atomic uint64_t congestion[OPTIONS_CONGESTION_LEN / 8];
};

static struct stream streams[STREAMS];

static int index_of(int level, int name)
{
	for (size_t i = 0; i < KNOWN; i++) {
		if (known[i].level == level && known[i].name == name)
			return (int)i;
	}
	return -1;
}

bool options_known(int level, int name)
{
	return index_of(level, name) >= 0;
}

static struct stream *place(uint64_t handle, unsigned int i)
{
	return &streams[(handle + i) % STREAMS];
}

static struct stream *find(uint64_t handle)
{
	for (unsigned int i = 0; i < PROBE; i++) {
		if (atomic_load(&place(handle, i)->handle) == handle)
			return place(handle, i);
	}
	return NULL;
}

/* An empty place, or that of whoever was first. */
static struct stream *claim(uint64_t handle)
{
	struct stream *s = find(handle);

	for (unsigned int i = 0; i < PROBE && !s; i++) {
		uint64_t nobody = 0;

		if (atomic_compare_exchange_strong(&place(handle, i)->handle, &nobody, handle))
			s = place(handle, i);
	}
	if (s)
		return s;
	s = place(handle, (unsigned int)(handle >> 32) % PROBE);
	atomic_store(&s->handle, handle);
	return s;
}

static void fill_defaults(struct stream *s)
{
	static const char cubic[OPTIONS_CONGESTION_LEN] = "cubic";
	uint64_t words[OPTIONS_CONGESTION_LEN / 8];

	for (size_t i = 0; i < KNOWN; i++)
		atomic_store(&s->value[i], known[i].fallback);
	memcpy(words, cubic, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		atomic_store(&s->congestion[i], words[i]);
}

void options_keep(uint64_t handle, int fd)
{
	struct stream *s = claim(handle);
	char name[OPTIONS_CONGESTION_LEN] = { 0 };
	socklen_t len = sizeof(name);

	fill_defaults(s);
	for (size_t i = 0; i < KNOWN; i++) {
		int v = 0;
		socklen_t n = sizeof(v);

		if (!known[i].moves &&
		    sys_call5(SYS_getsockopt, fd, known[i].level, known[i].name, &v, &n) == 0)
			atomic_store(&s->value[i], v);
	}
	if (sys_call5(SYS_getsockopt, fd, IPPROTO_TCP, TCP_CONGESTION, name, &len) == 0)
		options_set_congestion(handle, name);
}

int options_get(uint64_t handle, int level, int name)
{
	const struct stream *s = find(handle);
	int i = index_of(level, name);

	if (i < 0)
		return 0;
	return s ? atomic_load(&s->value[i]) : known[i].fallback;
}

void options_set(uint64_t handle, int level, int name, int value)
{
	struct stream *s = find(handle);
	int i = index_of(level, name);

	if (i < 0)
		return;
	if (!s) {
		s = claim(handle);
		fill_defaults(s);
	}
	atomic_store(&s->value[i], value);
}

void options_get_congestion(uint64_t handle, char ret[OPTIONS_CONGESTION_LEN])
{
	static const char cubic[OPTIONS_CONGESTION_LEN] = "cubic";
	const struct stream *s = find(handle);
	uint64_t words[OPTIONS_CONGESTION_LEN / 8];

	memcpy(words, cubic, sizeof(words));
	for (size_t i = 0; s && i < sizeof(words) / sizeof(words[0]); i++)
		words[i] = atomic_load(&s->congestion[i]);
	memcpy(ret, words, sizeof(words));
}

void options_set_congestion(uint64_t handle, const char value[OPTIONS_CONGESTION_LEN])
{
	struct stream *s = find(handle);
	uint64_t words[OPTIONS_CONGESTION_LEN / 8];

	if (!s) {
		s = claim(handle);
		fill_defaults(s);
	}
	memcpy(words, value, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		atomic_store(&s->congestion[i], words[i]);
}
