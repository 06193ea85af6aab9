/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_link.c - what a cell costs on a channel, TLS and sockets included
 *
 * A channel to a relay in a child process over loopback: cells out as fast as
 * back-pressure lets them, then cells in. Our own processor time counts; the wall
 * clock depends on the peer too. Best of five rounds.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "agent/link/channel.h"
#include "common/crypto.h"
#include "common/wire.h"
#include "tests/support/linkpeer.h"

#define ROUNDS 5
#define CELLS 200000
#define CELLS_A_WRITE 31

struct bench {
	struct loop loop;
	struct channel_circ circ;
	unsigned int left;	/* to be sent in this round */
	bool receiving;
	unsigned int round;
	double cpu_start, wall_start;
	double cpu_best, wall_best;
	const char *failure;
};

static double seconds(const struct timeval *tv)
{
	return (double)tv->tv_sec + (double)tv->tv_usec * 1e-6;
}

static double cpu_seconds(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return seconds(&r.ru_utime) + seconds(&r.ru_stime);
}

static double wall_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* The relay: a DESTROY after CELLS cells, or CELLS cells and a DESTROY when asked to. */
static void relay(struct linkpeer *p, void *ctx)
{
	static uint8_t many[CELLS_A_WRITE * CELL_LEN];
	uint8_t cell[CELL_LEN];
	unsigned int n = 0;

	(void)ctx;
	if (!linkpeer_handshake(p))
		return;
	while (linkpeer_recv(p, cell, sizeof(cell))) {
		uint32_t id = wire_u32_at(cell);

		if (cell[4] == CELL_CREATE_FAST) {
			for (unsigned int i = 0; i < CELLS_A_WRITE; i++)
				cell_encode(many + i * CELL_LEN, id, CELL_RELAY, cell + 5, 509);
			for (unsigned int i = 0; i < CELLS / CELLS_A_WRITE; i++)
				linkpeer_send(p, many, sizeof(many));
			linkpeer_send_cell(p, id, CELL_DESTROY, cell + 5, 1);
		} else if (++n % CELLS == 0) {
			linkpeer_send_cell(p, id, CELL_DESTROY, cell + 5, 1);
		}
	}
}

static struct bench *bench_of(struct channel_circ *cc)
{
	return (struct bench *)((char *)cc - offsetof(struct bench, circ));
}

static void fill(struct channel_circ *cc)
{
	static const uint8_t body[CELL_BODY_LEN];
	struct bench *b = bench_of(cc);

	for (; b->left > 0 && !channel_circ_congested(cc); b->left--)
		channel_circ_send(cc, CELL_RELAY, body);
	if (b->left > 0)
		channel_circ_want_write(cc);
}

static void start_round(struct channel_circ *cc)
{
	static const uint8_t body[CELL_BODY_LEN];
	struct bench *b = bench_of(cc);

	b->cpu_start = cpu_seconds();
	b->wall_start = wall_seconds();
	if (b->receiving) {
		channel_circ_send(cc, CELL_CREATE_FAST, body);
	} else {
		b->left = CELLS;
		fill(cc);
	}
}

static void on_cell(struct channel_circ *cc, uint8_t command, uint8_t *body)
{
	struct bench *b = bench_of(cc);
	double cpu, wall;

	(void)body;
	if (command != CELL_DESTROY)
		return;
	cpu = cpu_seconds() - b->cpu_start;
	wall = wall_seconds() - b->wall_start;
	if (b->round == 0 || cpu < b->cpu_best)
		b->cpu_best = cpu;
	if (b->round == 0 || wall < b->wall_best)
		b->wall_best = wall;
	if (++b->round < ROUNDS) {
		start_round(cc);
		return;
	}
	printf("%-28s %10.0f ns\n%-28s %10.0f cells/s\n",
	       b->receiving ? "channel, cell in, own cpu" : "channel, cell out, own cpu",
	       b->cpu_best / CELLS * 1e9,
	       b->receiving ? "channel, cells in" : "channel, cells out", CELLS / b->wall_best);
	b->round = 0;
	if (b->receiving) {
		ev_break(b->loop.ev, EVBREAK_ALL);
	} else {
		b->receiving = true;
		start_round(cc);
	}
}

static void on_closed(struct channel_circ *cc, enum channel_error error)
{
	struct bench *b = bench_of(cc);

	b->failure = channel_error_str(error);
	ev_break(b->loop.ev, EVBREAK_ALL);
}

int main(void)
{
	static const struct channel_circ_ops ops = { start_round, on_cell, fill, on_closed };
	struct channel_pool_config config = { .testing = true };
	struct bench b = { .circ = { .ops = &ops } };
	struct linkpeer_server server;
	struct channel_pool *pool;
	struct relay_target target;
	struct linkpeer_id id;

	signal(SIGPIPE, SIG_IGN);
	linkpeer_id_init(&id, time(NULL));
	linkpeer_start(&server, "127.0.0.1", &id, NULL, relay, NULL);
	target = linkpeer_target(&id, &server.at);
	loop_init(&b.loop, ev_default_loop(0));
	pool = channel_pool_new(&b.loop, &config, NULL, NULL);
	if (!pool || channel_pool_attach(pool, &target, &b.circ) != 0)
		b.failure = "no channel";
	else
		ev_run(b.loop.ev, 0);
	if (b.failure)
		fprintf(stderr, "bench_link: %s\n", b.failure);
	channel_circ_detach(&b.circ);
	channel_pool_free(pool);
	loop_deinit(&b.loop);
	linkpeer_stop(&server);
	linkpeer_id_deinit(&id);
	return b.failure ? EXIT_FAILURE : EXIT_SUCCESS;
}
