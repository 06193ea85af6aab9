/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fetch.c - the smallest program that uses the network as all programs do
 *
 * Usage: fetch HOST PORT [PATH [SECONDS]]
 *
 * Fetches http://HOST:PORT/PATH by getaddrinfo, connect, write and read and prints
 * the body; with SECONDS again and again for so long, one line per attempt.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int fetch(const char *host, const char *port, const char *path)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *a;
	char buf[8192], *body = NULL;
	int fd = -1, r = getaddrinfo(host, port, &hints, &list);
	size_t have = 0;
	ssize_t n;

	if (r != 0) {
		fprintf(stderr, "fetch: %s: %s\n", host, gai_strerror(r));
		return 2;
	}
	for (a = list; a; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0)
			break;
		r = errno;
		if (fd >= 0)
			close(fd);
	}
	freeaddrinfo(list);
	if (!a) {
		fprintf(stderr, "fetch: connect: %s\n", strerror(r));
		return 3;
	}
	n = snprintf(buf, sizeof(buf), "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, host);
	if (write(fd, buf, (size_t)n) != n)
		return 4;
	while (have < sizeof(buf) - 1 && (n = read(fd, buf + have, sizeof(buf) - 1 - have)) > 0)
		have += (size_t)n;
	close(fd);
	buf[have] = '\0';
	body = strstr(buf, "\r\n\r\n");
	if (!body) {
		fprintf(stderr, "fetch: no answer: %s\n", strerror(n < 0 ? errno : 0));
		return 5;
	}
	fputs(body + 4, stdout);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	const char *path = argc > 3 ? argv[3] : "/addr";
	time_t end = time(NULL) + (argc > 4 ? atoi(argv[4]) : 0);
	int r;

	if (argc < 3)
		return 1;
	do {
		r = fetch(argv[1], argv[2], path);
		if (time(NULL) < end)
			(void)usleep(100000);
	} while (time(NULL) < end);
	return r;
}
