/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bare.c - runs a command with exactly the environment given, as env -i would
 *
 * Usage: bare NAME=VALUE... COMMAND ARGS...
 *
 * Linked statically and by a bare system call, so that no library is there to put
 * anything back into the environment.
 */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char *env[64] = { 0 }, path[4096];
	int n = 1, k = 0;
	const char *dirs = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

	for (; n < argc && strchr(argv[n], '=') && k < 63; n++)
		env[k++] = argv[n];
	if (n >= argc)
		return 125;
	for (int i = 0; i < k; i++) {
		if (strncmp(env[i], "PATH=", 5) == 0)
			dirs = env[i] + 5;
	}
	if (strchr(argv[n], '/'))
		syscall(SYS_execve, argv[n], argv + n, env);
	for (; *dirs && !strchr(argv[n], '/'); dirs += strcspn(dirs, ":"), dirs += *dirs == ':') {
		snprintf(path, sizeof(path), "%.*s/%s", (int)strcspn(dirs, ":"), dirs, argv[n]);
		syscall(SYS_execve, path, argv + n, env);
	}
	perror(argv[n]);
	return 127;
}
