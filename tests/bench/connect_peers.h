/* SPDX-License-Identifier: BSD-3-Clause */
/* connect_peers.h - far ends for bench_connect.c, threads of it that answer at once */
#ifndef TESTS_BENCH_CONNECT_PEERS_H
#define TESTS_BENCH_CONNECT_PEERS_H

#include <stdbool.h>

/* An agent in the new folder @dir (a template of mkdtemp()); sets ONIONIFY_SOCKET. */
bool peers_start_agent(char dir[]);
/* A SOCKS 5 server on loopback that is connected to everything; its port, or -1. */
int peers_start_socks(void);
/* Takes TCP connections on loopback; its port, or -1. */
int peers_start_tcp(void);

#endif
