/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ask.h - one request to the running agent and its answer
 *
 * A connection for each request (common/PROTOCOL.md, CONTROL). Results are exit
 * statuses of onionctl: 0, those of enum ask_status, or what the agent said.
 */
#ifndef CTL_ASK_H
#define CTL_ASK_H

#include <jansson.h>
#include <stddef.h>

/* 1 and 2 also as the agent says. */
enum ask_status { ASK_FAILED = 1, ASK_USAGE = 2, ASK_NO_AGENT = 3, ASK_TIMEOUT = 4 };

struct ask_reply {
	char *json;		/* ends in a NUL; NULL: none */
	size_t len;
	int status;
	char message[1024];	/* one sentence unless the result is 0 */
};

/* @line: words as given to onionctl. Fills @reply in any case: ask_reply_deinit() it. */
int ask(const char *line, int timeout_s, struct ask_reply *reply);
void ask_reply_deinit(struct ask_reply *reply);
/* A document that came; less than 0: enough. */
typedef int (*ask_document_fn)(void *ctx, const char *json);
/*
 * As ask(), for commands that go on: @document hears of each document until the agent or the
 * user ends it.
 */
int ask_follow(const char *line, ask_document_fn document, void *ctx, struct ask_reply *reply);
/* As ask(), the document parsed: a new reference. Another result than 0: a sentence in @err. */
int ask_json(const char *line, int timeout_s, json_t **ret, char *err, size_t err_len);

#endif
