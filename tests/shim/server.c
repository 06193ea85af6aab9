/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server.c - a server without libraries: server ADDRESS PORT
 *
 * Answers each connection with the address it comes from, reads three bytes, and ends with
 * status 7 when they are "end".
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int serve_one(int s)
{
	struct sockaddr_in peer = { 0 };
	socklen_t len = sizeof(peer);
	char text[INET_ADDRSTRLEN];
	char word[4] = "";
	int c = accept(s, (struct sockaddr *)&peer, &len);

	if (c < 0 || !inet_ntop(AF_INET, &peer.sin_addr, text, sizeof(text)))
		return 1;
	(void)write(c, text, strlen(text));
	(void)read(c, word, 3);
	close(c);
	return strcmp(word, "end") == 0 ? 7 : 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	int r = 0;

	if (argc != 3 || inet_pton(AF_INET, argv[1], &at.sin_addr) != 1)
		return 2;
	at.sin_port = htons((uint16_t)atoi(argv[2]));
	if (bind(s, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(s, 5) != 0) {
		perror("server");
		return 1;
	}
	while (r == 0)
		r = serve_one(s);
	return r;
}
