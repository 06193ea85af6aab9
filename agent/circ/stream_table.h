/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream_table.h - the stream IDs of one hop: live streams and half-closed ones
 *
 * After our END the far side may have cells under way. They must count for the
 * circuit's SENDMEs and must not look like an attack, but no more of them than
 * the stream's windows allowed; and the ID must not be given to another stream.
 * So an ended stream leaves a half-closed entry behind (tor-spec 6.3), until the
 * far side's END or RESOLVED, or until it expires.
 */
#ifndef CIRC_STREAM_TABLE_H
#define CIRC_STREAM_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

/*
 * Live and half-closed together, for one hop: a sixteenth of all IDs, so a free one is
 * found at once; about 400 KB at most. Beyond it new streams take another circuit.
 */
#define STREAM_TABLE_MAX 4096
/*
 * How long cells of an ended stream are still believed. C tor waits for END without limit on
 * fixed windows and for a build timeout with congestion control; ten minutes are longer
 * than any cell lives in the network.
 */
#define HALF_STREAM_EXPIRY_MS (10 * 60 * 1000)

struct stream;

struct half_stream {
	uint16_t id;
	bool cc;		/* no windows: any number until it expires */
	bool reply_pending;	/* CONNECTED or RESOLVED may come */
	int data_left;		/* DATA cells that may come */
	int sendmes_left;
	int64_t expires_ms;
	TAILQ_ENTRY(half_stream) by_age;
	UT_hash_handle hh;
};

struct stream_table {
	struct stream *live;	/* by ID; the handle is in struct stream */
	struct half_stream *half;
	TAILQ_HEAD(half_stream_list, half_stream) ages;	/* oldest first */
	unsigned int n_live, n_half;
	uint16_t next_id;	/* as C tor's: from a random one upwards */
};

void stream_table_init(struct stream_table *t);
/* Frees half-closed entries; the live streams are their owner's. */
void stream_table_deinit(struct stream_table *t);
struct stream *stream_table_find(const struct stream_table *t, uint16_t id);
/* The next ID that nobody uses, or 0. */
uint16_t stream_table_pick_id(struct stream_table *t, int64_t now_ms);
/* Is there room for one more, whoever chose its ID? */
bool stream_table_has_room(struct stream_table *t, int64_t now_ms);
/* The far side gives the ID of a half-closed stream to another one. */
void stream_table_forget_half(struct stream_table *t, uint16_t id);
void stream_table_add(struct stream_table *t, struct stream *s);
void stream_table_remove(struct stream_table *t, struct stream *s);
/* @template: all but the links and the expiry. Out of memory: the ID is forgotten. */
void stream_table_add_half(struct stream_table *t, const struct half_stream *template,
			   int64_t now_ms);
/*
 * A cell with @command for an ID that is not live. True: a half-closed stream could
 * get it. Takes it off what may still come.
 */
bool stream_table_accept_late(struct stream_table *t, uint16_t id, uint8_t command,
			      int64_t now_ms);

#endif
