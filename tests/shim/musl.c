/* SPDX-License-Identifier: BSD-3-Clause */
/* musl.c - a name, a stream and its peer with another C library: "hello from 198.18" */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(void)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *list = NULL;
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	char buf[6] = "", text[64] = "";
	int r = getaddrinfo("echo.test", "80", &hints, &list), fd;

	if (r != 0) {
		printf("%s\n", gai_strerror(r));
		return 1;
	}
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, list->ai_addr, list->ai_addrlen) != 0 || send(fd, "hello", 5, 0) != 5 ||
	    recv(fd, buf, 5, MSG_WAITALL) != 5 || getpeername(fd, (struct sockaddr *)&peer, &len) != 0) {
		perror("stream");
		return 1;
	}
	(void)inet_ntop(AF_INET, &peer.sin_addr, text, sizeof(text));
	printf("%s from %.6s\n", buf, text);
	return 0;
}
