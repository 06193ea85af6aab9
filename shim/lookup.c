/* SPDX-License-Identifier: BSD-3-Clause */
/* lookup.c - see lookup.h */
#include "shim/lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>

#include "shim/agent.h"
#include "shim/sys.h"

#define HOSTS_PATH "/etc/hosts"
#define HOSTS_MAX 65536		/* read no further; block lists are longer, and list no loopback names of ours */
#define HOSTS_LINE_MAX 1024

/* Any numeric form that the C library takes ("127.1", "::1"). */
static bool parse_numeric(const char *text, struct addr *ret)
{
	struct in_addr in;
	uint8_t six[16];

	if (inet_pton(AF_INET6, text, six) == 1) {
		*ret = addr_v6(six);
		return true;
	}
	if (inet_aton(text, &in) == 0)
		return false;
	*ret = addr_v4(ntohl(in.s_addr));
	return true;
}

static bool same_name(const char *a, size_t len, const char *b)
{
	return strlen(b) == len && strncasecmp(a, b, len) == 0;
}

static bool is_localhost(const char *name, size_t len)
{
	static const char suffix[] = ".localhost";
	size_t n = sizeof(suffix) - 1;

	return same_name(name, len, "localhost") || same_name(name, len, "localhost.localdomain") ||
	       same_name(name, len, "ip6-localhost") || same_name(name, len, "ip6-loopback") ||
	       (len > n && strncasecmp(name + len - n, suffix, n) == 0);
}

/* Does this line of the hosts file give @name a loopback address? */
static bool hosts_line_match(char *line, const char *name, size_t len)
{
	char *save = NULL, *word;
	struct addr a;

	line[strcspn(line, "#")] = '\0';
	word = strtok_r(line, " \t\r", &save);
	if (!word || !parse_numeric(word, &a) || !addr_is_loopback(&a))
		return false;
	while ((word = strtok_r(NULL, " \t\r", &save)) != NULL) {
		if (same_name(name, len, word))
			return true;
	}
	return false;
}

static bool in_hosts_file(const char *name, size_t len)
{
	char chunk[1024], line[HOSTS_LINE_MAX];
	size_t used = 0, total = 0;
	bool found = false;
	long n;
	int fd = (int)sys_call4(SYS_openat, AT_FDCWD, HOSTS_PATH, O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return false;
	while (!found && total < HOSTS_MAX &&
	       (n = sys_call3(SYS_read, fd, chunk, sizeof(chunk))) > 0) {
		total += (size_t)n;
		for (long i = 0; i < n && !found; i++) {
			if (chunk[i] != '\n') {
				if (used < sizeof(line) - 1)
					line[used++] = chunk[i];
				continue;
			}
			line[used] = '\0';
			used = 0;
			found = hosts_line_match(line, name, len);
		}
	}
	(void)sys_call1(SYS_close, fd);
	return found;
}

/* This machine's own name would tell an exit relay who asks. */
static bool is_own_name(const char *name, size_t len)
{
	struct utsname u;

	return sys_call1(SYS_uname, &u) == 0 && same_name(name, len, u.nodename);
}

static bool is_local_name(const char *name, size_t len)
{
	return is_localhost(name, len) || is_own_name(name, len) || in_hosts_file(name, len);
}

int lookup_name(const char *name, struct lookup_result *ret)
{
	static const uint8_t loopback6[16] = { [15] = 1 };
	struct ipc_addresses got = { 0 };
	struct lookup_result res = { .local = true };
	struct addr numeric;
	size_t len = strlen(name);
	int r;

	if (parse_numeric(name, &numeric)) {
		*(numeric.family == ADDR_V4 ? &res.v4 : &res.v6) = numeric;
		*ret = res;
		return 0;
	}
	if (len > 1 && name[len - 1] == '.')
		len--;
	if (len == 0 || len > IPC_NAME_MAX || strchr(name, ' '))
		return IPC_LOOKUP_NONAME;
	if (is_local_name(name, len)) {
		res.v4 = addr_v4(0x7f000001);
		res.v6 = addr_v6(loopback6);
		*ret = res;
		return 0;
	}
	r = agent_resolve(name, len, &got);
	if (r != 0)
		return r;
	*ret = (struct lookup_result){ .v4 = got.v4, .v6 = got.v6 };
	return got.v4.family == ADDR_NONE && got.v6.family == ADDR_NONE ? IPC_LOOKUP_NODATA : 0;
}

int lookup_addr(const struct addr *addr, char *ret)
{
	struct addr a = addr_unmap_v4(addr);
	struct agent_name name;
	int r;

	if (addr_is_any(&a))
		return IPC_LOOKUP_NONAME;
	if (addr_is_loopback(&a)) {
		memcpy(ret, "localhost", sizeof("localhost"));
		return 0;
	}
	r = agent_reverse(&a, &name);
	if (r == 0)
		memcpy(ret, name.text, strlen(name.text) + 1);
	return r;
}
