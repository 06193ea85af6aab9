/* SPDX-License-Identifier: BSD-3-Clause */
/* serving.c - see serving.h */
#include "shim/serving.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>

static const uint8_t loopback6[16] = { [15] = 1 };

/* --- options --- */

/* Digits alone, 1 to 65535, up to @end. */
static bool parse_port(const char *text, const char *end, uint16_t *ret)
{
	uint32_t v = 0;

	if (text == end || end - text > 5)
		return false;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (uint32_t)(*text - '0');
	}
	*ret = (uint16_t)v;
	return v >= 1 && v <= UINT16_MAX;
}

int serving_add(struct serving *s, const char *text)
{
	const char *colon = strchr(text, ':');
	const char *end = text + strlen(text);
	struct serving_port p;

	if (!parse_port(text, colon ? colon : end, &p.virt))
		return -EINVAL;
	p.local = p.virt;
	if (colon && !parse_port(colon + 1, end, &p.local))
		return -EINVAL;
	for (size_t i = 0; i < s->n; i++) {
		if (s->ports[i].virt == p.virt)
			return -EEXIST;
	}
	if (s->n == SERVING_PORTS_MAX)
		return -ENOSPC;
	s->ports[s->n++] = p;
	return 0;
}

/* --- the supervisor's part --- */

static bool is_served(const struct serving *s, uint16_t port)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->ports[i].local == port)
			return true;
	}
	return false;
}

void serving_redirect_bind(const struct serving *s, struct sockaddr_storage *ss, socklen_t len)
{
	struct addr_port ap;
	struct addr plain;

	if (addr_from_sockaddr((const struct sockaddr *)ss, len, &ap) < 0 || !is_served(s, ap.port))
		return;
	plain = addr_unmap_v4(&ap.addr);
	if (addr_is_any(&plain) || addr_is_loopback(&plain))
		return;
	if (ss->ss_family == AF_INET) {
		((struct sockaddr_in *)ss)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	} else if (plain.family == ADDR_V6) {
		memcpy(&((struct sockaddr_in6 *)ss)->sin6_addr, loopback6, sizeof(loopback6));
		((struct sockaddr_in6 *)ss)->sin6_scope_id = 0;
	} else {
		/* ::ffff:127.0.0.1 */
		uint8_t *b = ((struct sockaddr_in6 *)ss)->sin6_addr.s6_addr;

		memcpy(b + 12, (const uint8_t[]){ 127, 0, 0, 1 }, 4);
	}
}

/* From where a neighbour reaches a socket bound to @bound; "::" takes IPv4 too, unless told. */
static struct addr reached_at(int fd, const struct addr *bound)
{
	struct addr plain = addr_unmap_v4(bound);
	socklen_t len = sizeof(int);
	int only6 = 1;

	if (!addr_is_any(&plain))
		return plain;
	if (plain.family == ADDR_V6 &&
	    getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, &len) == 0 && only6)
		return addr_v6(loopback6);
	return addr_v4(INADDR_LOOPBACK);
}

void serving_note_listen(const struct serving *s, int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct serving_note note;
	struct addr_port ap;
	struct stat st;

	if (s->fd < 0 || getsockname(fd, (struct sockaddr *)&ss, &len) != 0 ||
	    addr_from_sockaddr((const struct sockaddr *)&ss, len, &ap) < 0 ||
	    !is_served(s, ap.port) || fstat(fd, &st) != 0)
		return;
	memset(&note, 0, sizeof(note));
	note.at.addr = reached_at(fd, &ap.addr);
	note.at.port = ap.port;
	note.inode = st.st_ino;
	/* It reads them at once; a command that listens a thousand times is told of once. */
	(void)send(s->fd, &note, sizeof(note), MSG_DONTWAIT | MSG_NOSIGNAL);
}
